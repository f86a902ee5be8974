// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracker_live.c: what the tracker tells of connections that live on: how many in which state, each in turn, and
 * what listings said of them. It changes nothing of a lifecycle.
 */
#include "core/tracker_internal.h"

uint32_t tracker_live(const struct tracker *tracker)
{
	return connection_queue_length(tracker->table, QUEUE_LIVE);
}

void tracker_live_by_state(const struct tracker *tracker, uint32_t counts[CONNECTION_STATES])
{
	for (uint8_t state = 0; state < CONNECTION_STATES; state++)
		counts[state] = connection_live_in_state(tracker->table, state);
}

bool tracker_walk(struct tracker *tracker, uint32_t *cursor, uint32_t limit, tracker_walk_fn visit, void *arg)
{
	slot_t last = connection_slots(tracker->table);

	for (; limit && *cursor < last; limit--) {
		const struct connection *connection = connection_live_at(tracker->table, ++*cursor);

		if (connection)
			visit(arg, connection);
	}
	return *cursor < last;
}

uint64_t tracker_born_ns(struct tracker *tracker, const struct connection *connection)
{
	if (connection->flags & CONNECTION_BIRTH_UNSEEN || !connection->path_count)
		return 0;
	return path_ns(path_at(connection, connection_ending_get(tracker->table, connection), 0));
}

uint64_t tracker_entered_ns(struct tracker *tracker, const struct connection *connection)
{
	/* The first entry of a connection that was listed is when it was listed. */
	if (connection->flags & CONNECTION_BIRTH_UNSEEN && connection->path_count < 2)
		return 0;
	return lifecycle_last_transition_ns(tracker, connection);
}

void facts_take(struct tracker *tracker, const struct connection *connection, const struct event_existing *event)
{
	uint64_t tick_ns = tracker->config.tick_ns;
	struct live_facts *facts;

	if (!tracker->config.keep_facts || connection->queue != QUEUE_LIVE)
		return;
	facts = connection_facts(tracker->table, connection, true);
	if (!facts)
		return;
	/* One socket is listed several times: by each file, and in its namespace. */
	if (event->source == EXISTING_FILE || facts->listed_ns < tracker->sync_begin_ns)
		facts->descriptor = event->descriptor;
	facts->listed_ns = event->header.time_ns;
	facts->unread_bytes = event->unread_bytes;
	facts->unacked_bytes = event->unacked_bytes;
	facts->silent_ms = event->silent_ticks == UINT32_MAX ? UINT32_MAX
							     : (uint32_t)(event->silent_ticks * tick_ns / NS_PER_MS);
	facts->user_timeout_ms = event->user_timeout_ms;
	facts->keepalive_idle_s = (uint16_t)(event->keepalive_idle_ticks * tick_ns / NS_PER_S);
	facts->keepalive_interval_s = (uint16_t)(event->keepalive_interval_ticks * tick_ns / NS_PER_S);
	facts->keepalive_probes = event->keepalive_probes;
	facts->flags = event->header.flags;
}

const struct live_facts *tracker_facts(struct tracker *tracker, const struct connection *connection)
{
	const struct live_facts *facts = connection_facts(tracker->table, connection, false);

	/* A socket can be connected again under its cookie. */
	return facts && facts->listed_ns && facts->listed_ns >= tracker_born_ns(tracker, connection) ? facts : NULL;
}
