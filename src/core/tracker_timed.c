// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracker_timed.c: gives the timed rules the events and facts that they go by, and keeps what they find among the
 * notes. What a timer must do is the rules' business. It changes no lifecycle.
 */
#include "core/tracker_internal.h"

static struct timed_facts facts_of(const struct tracker *tracker, const struct connection *connection)
{
	return (struct timed_facts){
		.tick_ns = tracker->config.tick_ns,
		.loss_ns = tracker->loss_told ? tracker->now_ns : tracker->loss_last_ns,
		.since_ns = connection->path_count ? path_ns(connection->path[0]) : connection->last_ns,
		.birth_seen = !(connection->flags & CONNECTION_BIRTH_UNSEEN),
		.gap = (connection->flags & CONNECTION_GAP) != 0,
	};
}

void timed_event_retransmit(struct tracker *tracker, struct connection *connection,
			    const struct event_retransmit *event)
{
	struct timed_facts facts = facts_of(tracker, connection);
	struct timed_findings findings;
	struct ending *ending;

	timed_retransmit(&connection->series, event, &facts, &findings);
	if (!findings.count)
		return;
	ending = lifecycle_ending(tracker, connection, event->header.time_ns);
	if (ending)
		judge_findings(ending->notes, &ending->note_count, &findings);
}

void timed_event_probe(struct tracker *tracker, struct connection *connection, const struct event_probe *event)
{
	struct timed_facts facts = facts_of(tracker, connection);

	if (connection->queue == QUEUE_LIVE)
		timed_window_probe(&connection->series, event, &facts);
}

bool timed_event_minisock(struct tracker *tracker, struct connection *connection, struct ending *ending,
			  const struct event_time_wait *event)
{
	struct timed_facts facts = facts_of(tracker, connection);
	struct timed_findings findings;

	if (connection->flags & CONNECTION_SOCKET_REUSED)
		return false;
	facts.fin_wait2_ns = path_entered_ns(connection, ending, TCP_FIN_WAIT2);
	timed_minisock(&ending->close, event, &facts, &findings);
	judge_findings(ending->notes, &ending->note_count, &findings);
	return findings.count > 0;
}

/* With the report and not before: a loss may be told after the close that it hides something of. */
void timed_report(const struct tracker *tracker, const struct connection *connection, const struct ending *ending,
		  struct connection_report *report)
{
	struct timed_facts facts = facts_of(tracker, connection);
	struct timed_findings findings;

	if (!ending->close.header.kind)
		return;
	timed_close(&connection->series, &ending->close, &facts, &findings);
	judge_findings(report->notes, &report->note_count, &findings);
}
