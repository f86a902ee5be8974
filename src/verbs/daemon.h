/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon.h: what the parts of the daemon share: daemon.c (start and end), daemon_loop.c (what happens while it runs),
 * daemon_start.c (what needs privileges, and giving them up).
 */
#ifndef LASTACK_VERBS_DAEMON_H
#define LASTACK_VERBS_DAEMON_H

#include "serve/control.h"
#include "serve/http.h"
#include "serve/privileges.h"
#include "serve/service.h"
#include "verbs/daemon_audit.h"
#include "verbs/daemon_diagnose.h"
#include "verbs/daemon_findings.h"
#include "verbs/daemon_options.h"
#include "verbs/feed.h"

#define DAEMON_NAME "daemon"

struct daemon {
	int argc; /* for reading the settings again */
	char **argv;
	struct daemon_settings settings;
	struct pipeline_options pipeline_options;
	struct feed_observer observer;
	struct feed feed;
	struct daemon_audit audit;
	struct daemon_diagnose diagnose;
	struct daemon_findings findings;
	struct totals totals;
	struct history *history;
	struct report_files *files;
	struct store_writer *writer;
	bool store_stuck;
	struct service service;
	struct control *control;
	struct http *http;
	struct service_hook *hooks;
	size_t hook_count;
	char *history_path;
	int epoll, signals;
	uint64_t started_ns;
	int64_t started_wall_us;
	uint64_t second_ns, servers_ns; /* when the last one began, when the servers were looked after */
	uint64_t listed_ns, listing_took_ns;
	bool listing_wanted;
	uint64_t told_ns; /* when losses were last told */
	uint64_t untold_losses, untold_stacks, told_drops, told_listings;
	bool ready, stopping;
};

/* daemon.c */
struct history_config daemon_history_config(const struct daemon *daemon);
struct report_files_config daemon_files_config(const struct daemon *daemon);

/* daemon_start.c: each returns an exit status after saying what is wrong. */
int daemon_directories(const struct daemon_options *options, const struct privileges_user *user);
int daemon_privileges(struct daemon *daemon, const struct privileges_user *user);
int daemon_hooks(struct daemon *daemon);

/* daemon_loop.c */
void daemon_service(struct daemon *daemon);
void daemon_take_report(void *arg, const struct connection_report *report, const char *cgroup);
void daemon_take_event(void *arg, struct tracker *tracker, const struct event_header *event);
void daemon_take_tick(void *arg, uint64_t now_ns);
void daemon_take_loss(void *arg, const uint64_t lost[EVENT_KINDS]);
/* Until a signal ends it. Returns 0 or -errno. */
int daemon_loop(struct daemon *daemon);

#endif
