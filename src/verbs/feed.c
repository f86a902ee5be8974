/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * feed.c: see feed.h.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>

#include "core/event_check.h"
#include "kernel/features.h"
#include "kernel/types.h"
#include "verbs/feed.h"
#include "verbs/verbs.h"

/* ---- what the intake passes on ------------------------------------------------------------------- */

static void record_status(struct feed *feed, int status)
{
	if (status && !feed->recording_error)
		feed->recording_error = status;
}

static void learn_cgroup(struct feed *feed, uint64_t id)
{
	char path[1024] = "";

	int status = cgroups_path(feed->cgroups, id, path, sizeof(path));

	if (status == -EAGAIN)
		return; /* the next event asks again */
	if (status)
		path[0] = '\0';
	pipeline_cgroup(feed->pipeline, id, path);
	if (feed->recording)
		record_status(feed, recording_write_cgroup(feed->recording, id, path));
}

static void take_event(void *arg, const struct event_header *event)
{
	struct feed *feed = arg;
	const struct feed_observer *observer = feed->config.observer;
	uint64_t cgroup = pipeline_cgroup_of(event);

	if (cgroup && !pipeline_knows_cgroup(feed->pipeline, cgroup))
		learn_cgroup(feed, cgroup);
	if (feed->recording)
		record_status(feed, recording_write_event(feed->recording, event, event_size(event->kind)));
	if (observer && observer->event)
		observer->event(observer->arg, pipeline_tracker(feed->pipeline), event);
	pipeline_event(feed->pipeline, event);
}

static void take_tick(void *arg, uint64_t now_ns)
{
	struct feed *feed = arg;
	const struct feed_observer *observer = feed->config.observer;

	if (feed->recording)
		record_status(feed, recording_write_tick(feed->recording, now_ns));
	pipeline_tick(feed->pipeline, now_ns);
	if (observer && observer->tick)
		observer->tick(observer->arg, now_ns);
}

static void take_loss(void *arg, uint64_t now_ns, const uint64_t lost[EVENT_KINDS])
{
	struct feed *feed = arg;
	const struct feed_observer *observer = feed->config.observer;
	struct recording_loss loss = {.time_ns = now_ns};

	for (size_t kind = 0; kind < EVENT_KINDS; kind++)
		loss.lost += loss.kind[kind] = lost[kind];
	if (feed->recording)
		record_status(feed, recording_write_loss(feed->recording, &loss));
	pipeline_loss(feed->pipeline, lost);
	if (observer && observer->loss)
		observer->loss(observer->arg, lost);
}

static void take_resync_begin(void *arg, uint64_t now_ns)
{
	struct feed *feed = arg;

	if (feed->recording)
		record_status(feed, recording_write_resync_begin(feed->recording, now_ns));
	pipeline_resync_begin(feed->pipeline, now_ns);
}

static void take_resync_end(void *arg, uint64_t now_ns)
{
	struct feed *feed = arg;

	if (feed->recording)
		record_status(feed, recording_write_resync_end(feed->recording, now_ns));
	pipeline_resync_end(feed->pipeline, now_ns);
}

static bool wants_owners(void *arg)
{
	return pipeline_wants_owners(((struct feed *)arg)->pipeline);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void facts_fill(const struct pipeline_options *options, struct recording_facts *facts)
{
	struct utsname name;
	char number[32];

	memset(facts, 0, sizeof(*facts));
	if (!uname(&name)) {
		snprintf(facts->host, sizeof(facts->host), "%s", name.nodename);
		snprintf(facts->kernel, sizeof(facts->kernel), "%s", name.release);
	}
	facts->tick_ns = feature_tick_ns();
	facts->wall_minus_monotonic_ns = feature_wall_minus_monotonic_ns();
	facts->start_ns = feature_monotonic_ns();
	snprintf(number, sizeof(number), "%llu", (unsigned long long)options->settle_ns);
	recording_facts_set(facts, "settle_ns", number);
	snprintf(number, sizeof(number), "%u", options->max_connections);
	recording_facts_set(facts, "max_connections", number);
}

/* The kernel side drops early what it can tell from the socket alone. */
static int monitor_filter_fill(const struct feed *feed, const struct report_filter *from, struct monitor_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	filter->family = (uint8_t)from->family;
	filter->netns_count = from->netns_count;
	memcpy(filter->netns, from->netns, sizeof(filter->netns));
	filter->local_port_count = from->local_ports.count;
	memcpy(filter->local_port, from->local_ports.ranges, sizeof(filter->local_port));
	filter->remote_port_count = from->remote_ports.count;
	memcpy(filter->remote_port, from->remote_ports.ranges, sizeof(filter->remote_port));
	for (unsigned i = 0; i < from->cgroup_count; i++) {
		int status = cgroups_id(feed->cgroups, from->cgroups[i], &filter->cgroup[filter->cgroup_count++]);

		if (status) {
			verb_fail(EXIT_USAGE, feed->config.verb, from->cgroups[i], strerror(-status));
			return status;
		}
	}
	return 0;
}

int feed_refused(const char *verb, const char *types, int status, const char *why)
{
	bool unsupported = status == -EPERM || status == -EOPNOTSUPP || status == TYPES_UNFIT;
	char what[256] = "cannot watch";

	if (status == TYPES_UNFIT)
		snprintf(what, sizeof(what), "--btf %s", types);
	return verb_fail(unsupported ? EXIT_UNSUPPORTED : EXIT_FAILED, verb, what, why[0] ? why : strerror(-status));
}

static int monitor_start(struct feed *feed)
{
	const struct feed_config *from = &feed->config;
	struct monitor_config config = {
		.ring_bytes = (uint32_t)from->ring_bytes,
		.tier = from->tier,
		.types = from->types,
		.stacks = from->stacks,
		.stray_resets = from->pipeline->events || from->recording || from->observer,
	};
	struct intake_sink sink = {feed,        take_event, take_tick, take_loss, take_resync_begin, take_resync_end,
				   wants_owners};
	char why[512] = "";
	int status;

	if (monitor_filter_fill(feed, &from->pipeline->filter, &config.filter))
		return EXIT_USAGE;
	status = monitor_open(&feed->monitor, &config, why, sizeof(why));
	if (status)
		return feed_refused(from->verb, from->types, status, why);
	status = intake_create(&feed->intake, feed->monitor, &sink, from->owner_interval_ns);
	return status ? verb_fail(EXIT_FAILED, from->verb, "cannot watch", strerror(-status)) : EXIT_DONE;
}

static int pipeline_start(struct feed *feed)
{
	struct pipeline_options options = *feed->config.pipeline;

	if (getrandom(&options.seed, sizeof(options.seed), 0) < 0)
		options.seed = feed->facts.start_ns;
	feed->pipeline = pipeline_create(&options, &feed->facts);
	return feed->pipeline ? EXIT_DONE : verb_fail(EXIT_FAILED, feed->config.verb, "cannot start", "out of memory");
}

int feed_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int feed_open(struct feed *feed, const struct feed_config *config)
{
	int status;

	*feed = (struct feed){.config = *config, .cgroups = cgroups_open()};
	facts_fill(config->pipeline, &feed->facts);
	status = pipeline_start(feed);
	if (status == EXIT_DONE)
		status = monitor_start(feed);
	if (status == EXIT_DONE && config->recording) {
		int error = recording_create(config->recording, &feed->facts, &feed->recording);

		if (error)
			status = verb_fail(EXIT_FAILED, config->verb, config->recording, strerror(-error));
	}
	if (status == EXIT_DONE && !feature_pids_are_hosts())
		fprintf(stderr,
			"lastack: %s: not in the host's pid namespace: what processes outside hold is not known, and "
			"pids are the host's\n",
			config->verb);
	return status;
}

int feed_begin(struct feed *feed, uint32_t *unreachable)
{
	return intake_start(feed->intake, unreachable);
}

int feed_end(struct feed *feed)
{
	int status;

	monitor_detach(feed->monitor);
	status = intake_drain(feed->intake);
	pipeline_finish(feed->pipeline);
	return status;
}

void feed_recording_finish(struct feed *feed)
{
	struct recording_writer *recording = feed->recording;

	feed->recording = NULL;
	if (recording && feed->recording_error)
		recording_abort(recording);
	else if (recording)
		feed->recording_error = recording_finish(recording);
}

void feed_close(struct feed *feed)
{
	recording_abort(feed->recording);
	intake_destroy(feed->intake);
	monitor_close(feed->monitor);
	pipeline_destroy(feed->pipeline);
	cgroups_close(feed->cgroups);
}
