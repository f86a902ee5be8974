/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_loop.c: the daemon while it runs: one loop that takes in the rings, looks after signals and the servers, and
 * once a second after everything that has a time.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "kernel/features.h"
#include "serve/notify.h"
#include "verbs/daemon.h"
#include "verbs/verbs.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL
/* Nobody is woken per event: this is how long one may wait in the ring. */
#define POLL_MS    20
#define EVENTS_MAX 8
/* Servers are looked after so often for their time limits, though nobody has sent anything. */
#define SERVERS_INTERVAL_NS (100 * NS_PER_MS)
/* Listing the sockets takes at most this part of the time, and not more than every second. */
#define LISTING_SHARE       20
#define LISTING_INTERVAL_NS NS_PER_S
#define TOLD_INTERVAL_NS    (10 * NS_PER_S)

/* ---- what comes out of the stream ----------------------------------------------------------------- */

void daemon_take_report(void *arg, const struct connection_report *report, const char *cgroup)
{
	struct daemon *daemon = arg;

	totals_report(&daemon->totals, report);
	diagnosis_end(daemon->diagnose.diagnosis, report);
	if (daemon->writer)
		store_writer_put(daemon->writer, report, cgroup, daemon->service.context->wall_minus_monotonic_ns);
	if (daemon->control)
		control_report(daemon->control, report, cgroup);
}

void daemon_take_event(void *arg, struct tracker *tracker, const struct event_header *event)
{
	struct daemon *daemon = arg;

	totals_event(&daemon->totals, event);
	if (daemon->audit.tally)
		daemon_audit_event(&daemon->audit, tracker, event);
}

void daemon_take_loss(void *arg, const uint64_t lost[EVENT_KINDS])
{
	struct daemon *daemon = arg;

	for (size_t kind = 0; kind < EVENT_KINDS; kind++)
		*(kind == EVENT_STACK ? &daemon->untold_stacks : &daemon->untold_losses) += lost[kind];
	if (daemon->audit.tally)
		daemon_audit_loss(&daemon->audit, lost);
}

static void list_sockets(struct daemon *daemon)
{
	uint64_t begin_ns = feature_monotonic_ns();

	intake_resync(daemon->feed.intake); /* failures are counted there, and told in sums */
	daemon->listed_ns = feature_monotonic_ns();
	daemon->listing_took_ns = daemon->listed_ns - begin_ns;
}

static bool listing_is_due(const struct daemon *daemon, uint64_t interval_ns)
{
	uint64_t pause_ns = daemon->listing_took_ns * LISTING_SHARE;

	return feature_monotonic_ns() - daemon->listed_ns >= (pause_ns > interval_ns ? pause_ns : interval_ns);
}

void daemon_take_tick(void *arg, uint64_t now_ns)
{
	struct daemon *daemon = arg;
	const struct daemon_options *options = &daemon->settings.options;
	int64_t wall_us = ((int64_t)now_ns + daemon->service.context->wall_minus_monotonic_ns) / 1000;

	if (!daemon->ready || daemon->stopping || daemon->audit.error)
		return;
	if (daemon_audit_tick(&daemon->audit, now_ns, options->audit_interval_ns, wall_us))
		daemon->listing_wanted = true; /* what was missed may be found */
	if (daemon->audit.error)
		log_error("the audit has ended: %s", strerror(-daemon->audit.error));
}

/* ---- what the servers may see --------------------------------------------------------------------- */

static void status_of_store(struct daemon *daemon, struct service_status *status)
{
	status->has_writer = daemon->writer != NULL;
	status->has_history = daemon->history != NULL;
	status->has_files = daemon->files != NULL;
	status->history_path = daemon->history_path;
	status->reports_directory = daemon->settings.options.reports_directory;
	if (daemon->writer)
		store_writer_status(daemon->writer, &status->writer);
	if (daemon->history)
		history_status(daemon->history, &status->history);
	if (daemon->files)
		report_files_status(daemon->files, &status->files);
}

static void take_snapshot(void *arg, struct service_status *status)
{
	struct daemon *daemon = arg;
	struct tracker *tracker = daemon->service.tracker;

	*status = (struct service_status){
		.version = LASTACK_VERSION_TEXT,
		.kernel = daemon->feed.facts.kernel,
		.host = daemon->feed.facts.host,
		.pid = (uint32_t)getpid(),
		.started_wall_us = daemon->started_wall_us,
		.uptime_ns = feature_monotonic_ns() - daemon->started_ns,
		.ready = daemon->ready,
		.stopping = daemon->stopping,
		.live = tracker_live(tracker),
		.max_connections = daemon->settings.options.max_connections,
		.tracker_bytes = tracker_bytes(tracker),
		.tracker = tracker_stats(tracker),
		.totals = &daemon->totals,
		.hooks = daemon->hooks,
		.hook_count = daemon->hook_count,
		.audit_wall_us = daemon->audit.wall_us,
		.audit_netns = daemon->audit.netns_read,
		.audits = daemon->audit.audits,
		.audit = daemon->audit.counters,
		.findings = daemon->diagnose.findings,
		.diagnoses = daemon->diagnose.done,
		.diagnosing = daemon->service.diagnosis != NULL,
	};
	tracker_live_by_state(tracker, status->live_by_state);
	if (intake_counts(daemon->feed.intake, &status->events, status->delivered))
		log_warning("counts of events could not be read: how many were lost is not known now");
	status_of_store(daemon, status);
	if (daemon->control)
		control_status(daemon->control, &status->control);
	if (daemon->http)
		http_status(daemon->http, &status->http);
}

static void refresh(void *arg)
{
	struct daemon *daemon = arg;

	if (listing_is_due(daemon, LISTING_INTERVAL_NS))
		list_sockets(daemon);
}

void daemon_service(struct daemon *daemon)
{
	daemon->service = (struct service){
		.arg = daemon,
		.status = take_snapshot,
		.refresh = refresh,
		.tracker = pipeline_tracker(daemon->feed.pipeline),
		.history_path = daemon->history_path,
		.context = pipeline_context(daemon->feed.pipeline),
		.diagnosis = monitor_lists(daemon->feed.monitor) ? daemon->diagnose.diagnosis : NULL,
		.lists = monitor_lists(daemon->feed.monitor),
		.stacks = daemon->settings.options.stacks,
	};
}

/* ---- reload --------------------------------------------------------------------------------------- */

static void reload_apply(struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;

	log_start(options->log_level);
	diagnosis_configure(daemon->diagnose.diagnosis, &options->diagnose);
	if (daemon->history) {
		struct history_config config = daemon_history_config(daemon);

		history_reconfigure(daemon->history, &config);
	}
	if (daemon->files) {
		struct report_files_config config = daemon_files_config(daemon);

		report_files_reconfigure(daemon->files, &config);
	}
}

static void reload(struct daemon *daemon)
{
	struct daemon_settings fresh;

	notify_reloading();
	if (daemon_settings_read(&fresh, daemon->argc, daemon->argv) == OPTIONS_GO) {
		daemon_settings_reload(&daemon->settings.options, &fresh.options);
		daemon_settings_free(&fresh); /* no text among what was taken over */
		reload_apply(daemon);
		log_info("reloaded");
	} else {
		log_error("reload: the configuration is wrong, and none of it is taken over");
	}
	notify_ready();
}

/* ---- the loop ------------------------------------------------------------------------------------- */

/* Returns true when it is to end. */
static bool signals_take(struct daemon *daemon)
{
	struct signalfd_siginfo info;
	bool over = false;

	while (read(daemon->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload(daemon);
			continue;
		}
		log_info("signal %u from pid %u: ending", info.ssi_signo, info.ssi_pid);
		over = true;
	}
	return over;
}

static void servers_poll(struct daemon *daemon, uint64_t now_ns, bool asked)
{
	if (!asked && now_ns - daemon->servers_ns < SERVERS_INTERVAL_NS)
		return;
	daemon->servers_ns = now_ns;
	if (daemon->control)
		control_poll(daemon->control, now_ns);
	if (daemon->http)
		http_poll(daemon->http, now_ns);
}

/* An overload lasts: it is told in sums, not each time. */
static void losses_tell(struct daemon *daemon)
{
	struct store_writer_status status;
	int error;
	uint64_t failures = intake_listing_failures(daemon->feed.intake, &error);

	if (daemon->untold_losses)
		log_warning("%llu events were lost%s (a larger --ring-size helps)",
			    (unsigned long long)daemon->untold_losses,
			    daemon->service.lists ? ": sockets are listed anew" : "");
	if (daemon->untold_stacks)
		log_warning("%llu stacks were lost: their connections have none (a larger --ring-size helps)",
			    (unsigned long long)daemon->untold_stacks);
	daemon->untold_losses = daemon->untold_stacks = 0;
	if (daemon->findings.dropped)
		log_warning("%llu findings were not told to %s: it cannot follow, or is gone",
			    (unsigned long long)daemon->findings.dropped, daemon->settings.options.finding_hook);
	daemon->findings.dropped = 0;
	if (failures != daemon->told_listings)
		log_warning("sockets could not be listed %llu times (%s): it is tried again",
			    (unsigned long long)(failures - daemon->told_listings), strerror(-error));
	daemon->told_listings = failures;
	if (!daemon->writer)
		return;
	store_writer_status(daemon->writer, &status);
	if (status.dropped == daemon->told_drops)
		return;
	log_error("%llu reports were not kept: the disk cannot follow (--store-queue)",
		  (unsigned long long)(status.dropped - daemon->told_drops));
	daemon->told_drops = status.dropped;
}

/* With fresh facts, where a listing is not too dear; without the diagnosis goes by older ones. */
static void diagnose_begin(struct daemon *daemon)
{
	refresh(daemon);
	daemon_diagnose_begin(&daemon->diagnose, feature_monotonic_ns());
}

static void every_second(struct daemon *daemon, uint64_t now_ns)
{
	uint64_t resync_ns = daemon->settings.options.resync_interval_ns;

	if (now_ns - daemon->second_ns < NS_PER_S)
		return;
	daemon->second_ns = now_ns;
	pipeline_clock(daemon->feed.pipeline, feature_wall_minus_monotonic_ns());
	notify_watchdog();
	if (now_ns - daemon->told_ns >= TOLD_INTERVAL_NS) {
		daemon->told_ns = now_ns;
		losses_tell(daemon);
		notify_status("%u live connections, %llu ended, %llu events lost",
			      tracker_live(daemon->service.tracker),
			      (unsigned long long)tracker_stats(daemon->service.tracker)->reports,
			      (unsigned long long)tracker_stats(daemon->service.tracker)->events_lost);
	}
	if ((daemon->listing_wanted && listing_is_due(daemon, LISTING_INTERVAL_NS)) ||
	    (resync_ns && listing_is_due(daemon, resync_ns))) {
		daemon->listing_wanted = false;
		list_sockets(daemon);
	}
	if (daemon->service.diagnosis &&
	    daemon_diagnose_is_due(&daemon->diagnose, now_ns, daemon->settings.options.diagnose_interval_ns))
		diagnose_begin(daemon);
}

static void diagnose_step(struct daemon *daemon)
{
	uint64_t done = daemon->diagnose.done;

	daemon_diagnose_step(&daemon->diagnose, daemon->service.tracker);
	if (daemon->diagnose.done != done)
		daemon_findings_tell(&daemon->findings, daemon->diagnose.diagnosis, daemon->service.context,
				     feature_monotonic_ns());
}

int daemon_loop(struct daemon *daemon)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int count = epoll_wait(daemon->epoll, events, EVENTS_MAX, POLL_MS), status;
		bool asked = false, over = false;

		if (count < 0 && errno != EINTR)
			return -errno;
		/* The ring comes first: it is what must not wait. */
		status = intake_poll(daemon->feed.intake);
		if (status)
			return status;
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == daemon->signals)
				over |= signals_take(daemon);
			else
				asked |= events[i].data.fd != monitor_fd(daemon->feed.monitor);
		}
		if (over)
			return 0;
		servers_poll(daemon, feature_monotonic_ns(), asked);
		every_second(daemon, feature_monotonic_ns());
		diagnose_step(daemon);
	}
}
