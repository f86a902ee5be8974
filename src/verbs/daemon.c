/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon.c: `lastack daemon`: its start, in the order that privileges ask for, and its end. What it does in between is
 * in daemon_loop.c.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/features.h"
#include "serve/notify.h"
#include "verbs/daemon.h"
#include "verbs/verbs.h"

#define NS_PER_S 1000000000ULL
/* Of SIGTERM's five seconds: for what waits for the disk. One more goes to finishing. */
#define STORE_STOP_NS (3 * NS_PER_S)
#define TIMEOUT_S     10

static int fail(const char *what, const char *why)
{
	return verb_fail(EXIT_FAILED, DAEMON_NAME, what, why);
}

/* ---- start ---------------------------------------------------------------------------------------- */

static int feed_start(struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;
	struct feed_config config = {
		.verb = DAEMON_NAME,
		.pipeline = &daemon->pipeline_options,
		.ring_bytes = options->ring_bytes,
		.owner_interval_ns = options->owner_interval_ns,
		.tier = options->tier,
		.types = setting_is_wanted(options->types) ? options->types : NULL,
		.stacks = options->stacks,
		.observer = &daemon->observer,
	};
	int status;

	daemon->pipeline_options = (struct pipeline_options){
		.silent = true,
		.settle_ns = options->settle_ns,
		.max_connections = options->max_connections,
		.keep_facts = true,
		.report = daemon_take_report,
		.report_arg = daemon,
	};
	daemon->observer = (struct feed_observer){
		.arg = daemon,
		.event = daemon_take_event,
		.tick = daemon_take_tick,
		.loss = daemon_take_loss,
	};
	if (daemon_diagnose_create(&daemon->diagnose, &options->diagnose))
		return fail("cannot start", strerror(ENOMEM));
	status = feed_open(&daemon->feed, &config);
	if (!status)
		daemon_service(daemon);
	return status;
}

static int group_find(const char *name, gid_t *group)
{
	const struct group *entry = name ? getgrnam(name) : NULL;

	*group = entry ? entry->gr_gid : (gid_t)-1;
	return name && !entry ? fail("socket-group", "no such group; create it, or name another") : EXIT_DONE;
}

static int control_start(struct daemon *daemon, const struct privileges_user *user)
{
	const struct daemon_options *options = &daemon->settings.options;
	struct control_config config = {
		.path = options->socket,
		.mode = options->socket_mode,
		.clients_max = options->socket_clients,
		.timeout_ns = TIMEOUT_S * NS_PER_S,
	};
	char why[256] = "";

	if (!setting_is_wanted(options->socket))
		return EXIT_DONE;
	if (group_find(options->socket_group, &config.group))
		return EXIT_FAILED;
	if (config.group == (gid_t)-1 && user->change)
		config.group = user->gid;
	if (control_open(&daemon->control, &config, &daemon->service, why, sizeof(why)))
		return fail("control socket", why);
	if (user->change && chown(options->socket, user->uid, (gid_t)-1))
		return fail(options->socket, strerror(errno));
	return EXIT_DONE;
}

static int http_start(struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;
	struct http_config config = {options->http, options->http_clients, TIMEOUT_S};
	char why[256] = "";

	if (!setting_is_wanted(options->http))
		return EXIT_DONE;
	return http_open(&daemon->http, &config, &daemon->service, why, sizeof(why)) ? fail(options->http, why)
										     : EXIT_DONE;
}

static int epoll_add(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int loop_start(struct daemon *daemon)
{
	daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
	/* The ring's is a nudge, not a state: below the quarter it stays quiet. */
	if (daemon->epoll < 0 || epoll_add(daemon->epoll, monitor_fd(daemon->feed.monitor), EPOLLIN | EPOLLET) ||
	    epoll_add(daemon->epoll, daemon->signals, EPOLLIN) ||
	    (daemon->control && epoll_add(daemon->epoll, control_fd(daemon->control), EPOLLIN)) ||
	    (daemon->http && epoll_add(daemon->epoll, http_fd(daemon->http), EPOLLIN)))
		return fail("cannot start", strerror(errno));
	return EXIT_DONE;
}

struct history_config daemon_history_config(const struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;

	return (struct history_config){
		.directory = options->state_directory,
		.host = daemon->feed.facts.host,
		.max_age_ns = options->history_max_age_ns,
		.max_bytes = options->history_max_bytes,
		.policy = {options->count_classes, options->count_causes, options->count_shorter_ns,
			   options->count_ports},
	};
}

struct report_files_config daemon_files_config(const struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;

	return (struct report_files_config){
		.directory = options->reports_directory,
		.host = daemon->feed.facts.host,
		.max_bytes = options->reports_max_bytes,
		.max_age_ns = options->reports_max_age_ns,
		.keep = options->reports_keep,
		.gzip = options->reports_gzip,
	};
}

/* Its thread, and its files, belong to the user that the daemon has become. */
static int store_start(struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;
	struct store_sink sinks[STORE_SINKS_MAX];
	size_t count = 0;
	int status = 0;

	if (setting_is_wanted(options->state_directory)) {
		struct history_config config = daemon_history_config(daemon);

		status = history_create(&daemon->history, &config);
		if (!status)
			sinks[count++] = history_sink(daemon->history);
	}
	if (!status && setting_is_wanted(options->reports_directory)) {
		struct report_files_config config = daemon_files_config(daemon);

		status = report_files_create(&daemon->files, &config);
		if (!status)
			sinks[count++] = report_files_sink(daemon->files);
	}
	if (!status && count)
		status = store_writer_start(&daemon->writer, sinks, count, options->store_queue);
	return status ? fail("the store", strerror(-status)) : EXIT_DONE;
}

/* Its process is to inherit nothing of what follows. */
static int hook_start(struct daemon *daemon, const struct privileges_user *user)
{
	const char *program = daemon->settings.options.finding_hook;
	char why[256] = "";

	if (!setting_is_wanted(program))
		return EXIT_DONE;
	return hook_command_start(&daemon->findings.hook, program, user, &hook_limits_usual, why, sizeof(why))
		       ? fail("finding-hook", why)
		       : EXIT_DONE;
}

static int history_name(struct daemon *daemon)
{
	const char *directory = daemon->settings.options.state_directory;

	if (!setting_is_wanted(directory))
		return EXIT_DONE;
	return asprintf(&daemon->history_path, "%s/%s", directory, HISTORY_FILE) < 0
		       ? fail("cannot start", strerror(ENOMEM))
		       : EXIT_DONE;
}

/* Parse, load and attach, open sockets, drop privileges, filter system calls: in this order. */
static int daemon_open(struct daemon *daemon)
{
	const struct daemon_options *options = &daemon->settings.options;
	struct privileges_user user;
	char why[256] = "";
	int status = privileges_user(options->user, &user, why, sizeof(why)) ? fail("user", why) : EXIT_DONE;

	if (status == EXIT_DONE)
		status = hook_start(daemon, &user);
	daemon->signals = feed_signals();
	if (status == EXIT_DONE && daemon->signals < 0)
		status = fail("signals", strerror(-daemon->signals));
	if (status == EXIT_DONE)
		status = history_name(daemon);
	if (status == EXIT_DONE)
		status = daemon_directories(options, &user);
	if (status == EXIT_DONE)
		status = feed_start(daemon);
	if (status == EXIT_DONE)
		status = daemon_hooks(daemon);
	if (status == EXIT_DONE)
		status = control_start(daemon, &user);
	if (status == EXIT_DONE)
		status = http_start(daemon);
	if (status == EXIT_DONE)
		status = loop_start(daemon);
	if (status == EXIT_DONE)
		status = daemon_privileges(daemon, &user);
	if (status == EXIT_DONE)
		status = store_start(daemon);
	return status;
}

static int daemon_begin(struct daemon *daemon)
{
	uint32_t unreachable = 0;
	int status = feed_begin(&daemon->feed, &unreachable);

	if (status)
		return fail("listing the sockets that exist", strerror(-status));
	if (daemon->service.lists)
		log_info("watching; %u connections existed before", tracker_live(daemon->service.tracker));
	else
		log_warning("watching; " FEED_LISTS_NOTHING
			    ": nothing is diagnosed, and a connection whose end is lost "
			    "stays among the live ones");
	if (unreachable)
		log_warning("%u network namespaces could not be entered: their orphans are not known", unreachable);
	daemon->listed_ns = feature_monotonic_ns();
	status = daemon_audit_begin(&daemon->audit, daemon->feed.monitor);
	if (status)
		return fail("audit", strerror(-status));
	daemon->started_ns = feature_monotonic_ns();
	daemon->started_wall_us = ((int64_t)daemon->started_ns + feature_wall_minus_monotonic_ns()) / 1000;
	daemon->ready = true;
	log_info("lastack %s is ready", LASTACK_VERSION_TEXT);
	notify_ready();
	return EXIT_DONE;
}

/* ---- end ------------------------------------------------------------------------------------------ */

/* What had ended by now is reported, and everything that was reported is on disk when it returns. */
static int daemon_finish(struct daemon *daemon, int status)
{
	uint64_t given_up;
	int ended;

	daemon->stopping = true;
	notify_stopping();
	ended = feed_end(&daemon->feed);
	control_close(daemon->control);
	daemon->control = NULL;
	http_close(daemon->http);
	daemon->http = NULL;
	given_up = store_writer_stop(daemon->writer, STORE_STOP_NS, &daemon->store_stuck);
	daemon->writer = NULL;
	if (given_up)
		log_error("%llu reports could not be written in time", (unsigned long long)given_up);
	if (daemon->store_stuck)
		log_error("the disk hangs: what was last given to it may be lost");
	log_info("ended: %llu connections were reported, %llu events lost",
		 (unsigned long long)tracker_stats(daemon->service.tracker)->reports,
		 (unsigned long long)tracker_stats(daemon->service.tracker)->events_lost);
	if (!status)
		status = ended;
	if (status)
		return fail("watching", strerror(-status));
	return given_up || daemon->store_stuck ? EXIT_FAILED : EXIT_DONE;
}

static void daemon_free(struct daemon *daemon)
{
	control_close(daemon->control);
	http_close(daemon->http);
	if (daemon->writer)
		store_writer_stop(daemon->writer, 0, &daemon->store_stuck);
	if (!daemon->store_stuck) { /* else its thread hangs in the disk, and works on them should it wake */
		history_destroy(daemon->history);
		report_files_destroy(daemon->files);
	}
	daemon_audit_end(&daemon->audit);
	feed_close(&daemon->feed);
	daemon_diagnose_destroy(&daemon->diagnose);
	daemon_findings_end(&daemon->findings);
	free(daemon->hooks);
	free(daemon->history_path);
	if (daemon->epoll >= 0)
		close(daemon->epoll);
	if (daemon->signals >= 0)
		close(daemon->signals);
	daemon_settings_free(&daemon->settings);
}

int verb_daemon(int argc, char **argv)
{
	struct daemon daemon = {.argc = argc, .argv = argv, .epoll = -1, .signals = -1};
	int status = daemon_settings_read(&daemon.settings, argc, argv);

	if (status)
		return verb_options_status(status);
	if (daemon.settings.options.check_config) {
		printf("the configuration is right\n");
		daemon_settings_free(&daemon.settings);
		return EXIT_DONE;
	}
	log_start(daemon.settings.options.log_level);
	status = daemon_open(&daemon);
	if (status == EXIT_DONE)
		status = daemon_begin(&daemon);
	if (status == EXIT_DONE)
		status = daemon_finish(&daemon, daemon_loop(&daemon));
	daemon_free(&daemon);
	return status;
}
