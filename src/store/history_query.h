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
	int64_t since_us, until_us; /* of the end, wall clock: from the first, before the second; 0: no limit */
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
 * Rows as report lines (the same JSON as everywhere), newest first; or groups, largest first:
 *
 *   {"class": ..., "connections": N, "bytes_sent": N, "bytes_received": N, "retransmits": N, "duration_mean_us": N,
 *    "kept": N, "counted_only_left_out": false}
 *
 * A group has its values in the order of enum history_group ("hour" as text, the others as in reports), null where
 * absent. "connections" and the sums include what was only counted, "kept" are those of them that are rows. What was
 * only counted has an hour, class, cause, role and initiator, mostly a name, and for servers a local port; where a
 * filter, a group or a part of an hour asks for more, the counts in question are left out of the whole answer, and
 * "counted_only_left_out" says on each line that there were some.
 *
 * Ends early when *stop (may be NULL) becomes true. Returns 0, -ECANCELED, or -errno with `why` (size bytes) set:
 * -ENOENT: there is no history; -EINVAL: an address is none; -E2BIG: too many groups or conditions; -EBUSY: try
 * again; -EPROTO: not a history, or of another version; -EBADMSG: corrupt.
 */
int history_query_run(const char *path, const struct history_query *query, const atomic_bool *stop, history_row_fn row,
		      void *arg, char *why, size_t size);

#endif
