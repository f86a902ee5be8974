/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_lines.h: what live_line.h shows, of a connection that the tracker follows. Whom it is shown to it does not
 * know.
 */
#ifndef LASTACK_SERVE_LIVE_LINES_H
#define LASTACK_SERVE_LIVE_LINES_H

#include "core/tracker.h"
#include "report/live_line.h"

/* Path or NULL. */
const char *cgroup_path_of(const struct report_context *context, uint64_t cgroup);
/* Since the sockets were listed; ABSENT_U64: this one never was. */
uint64_t facts_age_ns(struct tracker *tracker, const struct connection *connection, uint64_t now_ns);
/* report: from tracker_report_live() at that time; it, and what the context knows, must outlive the line. */
struct live_line live_line_of(struct tracker *tracker, const struct report_context *context, uint64_t now_ns,
			      const struct connection *connection, const struct connection_report *report);

#endif
