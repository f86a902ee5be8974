/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_query.h: questions to the history, each on a connection to the database of its own that only reads. May
 * take long: never to be called on the daemon's event loop. Several may run at once, in threads of their own.
 */
#ifndef LASTACK_STORE_HISTORY_QUERY_H
#define LASTACK_STORE_HISTORY_QUERY_H

#include <stdatomic.h>

#include "pipeline/pipeline.h"

/* What rows may be grouped by: bits of history_query.group_by, in the order of enum history_group. */
enum history_group {
	GROUP_CLASS,
	GROUP_CAUSE,
	GROUP_INITIATOR,
	GROUP_COMM,
	GROUP_PID,
	GROUP_UID,
	GROUP_CGROUP,
	GROUP_CONTAINER,
	GROUP_LOCAL,
	GROUP_LOCAL_PORT,
	GROUP_REMOTE,
	GROUP_REMOTE_PORT,
	GROUP_NETNS,
	GROUP_ROLE,
	GROUP_CONFORMANCE,
	GROUP_HOUR,
	HISTORY_GROUPS,
};

extern const struct name_table history_group_names; /* enum history_group: "class", "cause", ..., "remote_port", ... */

struct history_query {
	int64_t since_us, until_us; /* of the end, wall clock; 0: no limit */
	struct report_filter filter;
	const char *remote; /* an address, NULL: any */
	const char *local;
	const char *id;    /* of the report, or its cookie as a number: that connection only. NULL: any */
	uint64_t group_by; /* set of enum history_group, 0: rows as they are */
	uint64_t limit;    /* rows at most, newest first; 0: no limit */
};

/* One JSON object without a line feed; lives for the call. Returns false: no more, please. */
typedef bool (*history_row_fn)(void *arg, const char *json, size_t length);

/*
 * Rows as report lines (the same JSON as everywhere), newest first; or groups as {"class": ..., "connections": N,
 * ...}, largest first, with what was only counted in them as far as counts by the hour can tell. Ends early when
 * *stop becomes true. Returns 0, -ECANCELED, or -errno with `why` (size bytes) set.
 */
int history_query_run(const char *path, const struct history_query *query, const atomic_bool *stop, history_row_fn row,
		      void *arg, char *why, size_t size);

#endif
