// SPDX-License-Identifier: GPL-2.0-only
/*
 * live_lines.c: see live_lines.h.
 */
#include "serve/live_lines.h"

const char *cgroup_path_of(const struct report_context *context, uint64_t cgroup)
{
	return cgroup && context->cgroup_path ? context->cgroup_path(context->arg, cgroup) : NULL;
}

uint64_t facts_age_ns(struct tracker *tracker, const struct connection *connection, uint64_t now_ns)
{
	const struct live_facts *facts = tracker_facts(tracker, connection);

	return facts && facts->listed_ns && facts->listed_ns <= now_ns ? now_ns - facts->listed_ns : ABSENT_U64;
}

struct live_line live_line_of(struct tracker *tracker, const struct report_context *context, uint64_t now_ns,
			      const struct connection *connection, const struct connection_report *report)
{
	uint64_t entered_ns = tracker_entered_ns(tracker, connection);

	return (struct live_line){
		.report = report,
		.cgroup = report->has_process ? cgroup_path_of(context, report->cgroup) : NULL,
		.state = connection->state,
		.state_age_ns = entered_ns && entered_ns <= now_ns ? now_ns - entered_ns : ABSENT_U64,
		.facts_age_ns = facts_age_ns(tracker, connection, now_ns),
		.probes_sent = connection->probes_sent,
	};
}
