/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * service.h: what the daemon lets its servers (control socket, HTTP) see: a snapshot of numbers, and the few things
 * that they may ask for. They run on the daemon's event loop; nothing here waits.
 */
#ifndef LASTACK_SERVE_SERVICE_H
#define LASTACK_SERVE_SERVICE_H

#include "core/audit.h"
#include "core/diagnosis.h"
#include "core/tracker.h"
#include "serve/totals.h"
#include "store/history.h"
#include "store/report_files.h"
#include "store/store_writer.h"

struct service_hook {
	const char *fact; /* "state change" */
	const char *hook; /* "tp_btf/inet_sock_set_state"; NULL: none works */
	const char *tier; /* "tracepoint"; NULL: none */
};

/* Counters of the control socket and of HTTP: each counts its own. */
struct server_status {
	uint32_t clients;
	uint64_t accepted, refused; /* connections */
	uint64_t requests, errors;  /* of these: answered with an error */
	uint64_t timed_out;         /* clients that were cut off for being slow or silent */
	uint64_t dropped;           /* reports that a follower was too slow for */
};

/* Of one counter in one window between two audits, over all namespaces that were read. */
struct service_audit {
	const struct audit_counter *counter;
	int64_t kernel, lastack; /* increase */
	int64_t difference;      /* sum of the differences of the window's rows */
	uint64_t unexplained;    /* rows that nothing explained, since the start */
	bool present;            /* this kernel has the counter */
};

/* Of the last diagnosis of the whole host. */
struct service_findings {
	uint32_t findings[FINDING_KIND_COUNT][FINDING_CERTAINTY_COUNT];
	uint32_t connections[FINDING_KIND_COUNT]; /* behind them */
	uint64_t oldest_ns[FINDING_KIND_COUNT];   /* age of the oldest of these */
};

struct service_status {
	const char *version, *kernel, *host;
	uint32_t pid;
	int64_t started_wall_us;
	uint64_t uptime_ns;
	bool ready, stopping;
	uint32_t live, live_by_state[CONNECTION_STATES];
	uint32_t max_connections;
	uint64_t tracker_bytes;
	const struct tracker_stats *tracker;
	const struct totals *totals;
	struct event_counts events;      /* as the kernel side counted */
	uint64_t delivered[EVENT_KINDS]; /* taken in from the ring */
	const struct service_hook *hooks;
	size_t hook_count;
	bool has_writer, has_history, has_files;
	const char *history_path, *reports_directory; /* of those that there are */
	struct store_writer_status writer;
	struct history_status history;
	struct report_files_status files;
	struct server_status control, http;
	/* The last audit. */
	int64_t audit_wall_us;             /* 0: none yet */
	uint32_t audit_netns;              /* namespaces that were read */
	uint64_t audits;                   /* done */
	const struct service_audit *audit; /* AUDIT_COUNTERS of them */
	struct service_findings findings;
	uint64_t diagnoses; /* done */
	bool diagnosing;    /* else findings say nothing */
};

struct service {
	void *arg;
	/* Pointers in it live until the loop goes on. */
	void (*status)(void *arg, struct service_status *status);
	/* Sockets are listed again, unless that was done within the last second: facts of live connections are new
	 * then. */
	void (*refresh)(void *arg);
	struct tracker *tracker;
	const char *history_path;             /* of the database, NULL: no history is kept */
	const struct report_context *context; /* host, clock, cgroups: on the loop's thread only */
	const struct diagnosis *diagnosis;    /* limits and memory for others; NULL: nothing is diagnosed */
	bool lists;                           /* sockets can be listed: what is older than the daemon is known */
	bool stacks;                          /* stacks are taken */
};

#endif
