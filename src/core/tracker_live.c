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

bool tracker_walk_all(struct tracker *tracker, uint32_t *cursor, uint32_t limit, tracker_walk_fn visit, void *arg)
{
	slot_t last = connection_slots(tracker->table);

	for (; limit && *cursor < last; limit--) {
		const struct connection *connection = connection_at(tracker->table, ++*cursor);

		if (connection->queue != QUEUE_NONE || connection->state == TCP_LISTEN)
			visit(arg, connection);
	}
	return *cursor < last;
}

bool tracker_has_minisock(struct tracker *tracker, const struct connection *connection)
{
	const struct ending *ending = connection_ending_get(tracker->table, connection);

	return connection->queue != QUEUE_LIVE && ending && ending->minisock && !ending->minisock_end_ns;
}

bool tracker_is_served(struct tracker *tracker, const struct connection *connection)
{
	if (connection->role == ROLE_UNKNOWN)
		return listener_find(tracker, &connection->tuple, connection->family) != NULL;
	return connection->role == ROLE_SERVER;
}

const struct connection *tracker_listener(struct tracker *tracker, const struct connection *connection)
{
	if (connection->state == TCP_LISTEN)
		return connection;
	return tracker_is_served(tracker, connection) ? listener_find(tracker, &connection->tuple, connection->family)
						      : NULL;
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

static uint32_t span_ms(const struct tracker *tracker, uint32_t ticks)
{
	uint64_t span_ms = ticks * tracker->config.tick_ns / NS_PER_MS;

	return ticks == UINT32_MAX || span_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)span_ms;
}

/* The same socket's facts as before, or empty ones. */
static struct live_facts *facts_open(struct tracker *tracker, const struct connection *connection, bool listens)
{
	struct live_facts *facts = connection_facts(tracker->table, connection, false);

	if (facts && !(facts->details & LIVE_LISTENS) == !listens)
		return facts;
	facts = connection_facts(tracker->table, connection, true);
	if (facts)
		*facts = (struct live_facts){
			.cookie = connection->cookie,
			.descriptor = -1,
			.details = listens ? LIVE_LISTENS : 0,
		};
	return facts;
}

/* afresh: the first record of it in a listing of all sockets. */
static void listener_facts_take(struct live_facts *facts, const struct event_existing *event, bool afresh)
{
	bool full = event->accept_queue > event->accept_max;

	if (!(facts->details & LIVE_DETAILS))
		facts->drops_before = event->drops;
	else if (afresh)
		facts->drops_before = facts->drops;
	facts->drops = event->drops;
	facts->accept_queue = event->accept_queue;
	facts->accept_max = event->accept_max;
	facts->syn_queue = event->syn_queue;
	facts->details |= LIVE_DETAILS;
	if (!full)
		facts->unmoved_ns = 0;
	else if (!facts->unmoved_ns)
		facts->unmoved_ns = event->header.time_ns;
}

static void details_take(const struct tracker *tracker, struct live_facts *facts, const struct event_existing *event)
{
	bool known = facts->details & LIVE_DETAILS;

	if (!known || facts->copied_seq != event->copied_seq) {
		facts->unmoved_ns = event->header.time_ns;
		facts->details |= known ? LIVE_DETAILS | LIVE_MOVED : LIVE_DETAILS;
	}
	facts->copied_seq = event->copied_seq;
	facts->receive_window = event->receive_window;
	facts->sent_ms = span_ms(tracker, event->sent_ticks);
	facts->received_ms = span_ms(tracker, event->received_ticks);
	facts->retransmits = event->retransmits;
	facts->backoff = event->backoff;
	facts->probes_out = event->probes_out;
	facts->retries = event->retries;
}

void facts_take(struct tracker *tracker, const struct connection *connection, const struct event_existing *event)
{
	uint64_t tick_ns = tracker->config.tick_ns;
	bool listens = connection->state == TCP_LISTEN && event->state == TCP_LISTEN;
	struct live_facts *facts;
	bool afresh;

	if (!tracker->config.keep_facts || (connection->queue != QUEUE_LIVE && !listens))
		return;
	facts = facts_open(tracker, connection, listens);
	if (!facts)
		return;
	/* One socket is listed several times: by each file, and in its namespace. */
	afresh = facts->listed_ns < tracker->sync_begin_ns;
	if (event->source == EXISTING_FILE || afresh)
		facts->descriptor = event->descriptor;
	if (listens && event->has_details)
		listener_facts_take(facts, event, afresh);
	facts->listed_ns = event->header.time_ns;
	facts->flags = event->header.flags;
	if (listens)
		return;
	if (event->has_details)
		details_take(tracker, facts, event);
	if (event->source == EXISTING_FILE)
		facts->forked_from = event->forked_from;
	facts->unread_bytes = event->unread_bytes;
	facts->unacked_bytes = event->unacked_bytes;
	facts->silent_ms = span_ms(tracker, event->silent_ticks);
	facts->user_timeout_ms = event->user_timeout_ms;
	facts->keepalive_idle_s = (uint16_t)(event->keepalive_idle_ticks * tick_ns / NS_PER_S);
	facts->keepalive_interval_s = (uint16_t)(event->keepalive_interval_ticks * tick_ns / NS_PER_S);
	facts->keepalive_probes = event->keepalive_probes;
}

const struct live_facts *tracker_facts(struct tracker *tracker, const struct connection *connection)
{
	const struct live_facts *facts = connection_facts(tracker->table, connection, false);

	/* A socket can be connected again under its cookie. */
	return facts && facts->listed_ns && facts->listed_ns >= tracker_born_ns(tracker, connection) ? facts : NULL;
}

const struct stack *tracker_stack(struct tracker *tracker, const struct connection *connection)
{
	return connection_stack(tracker->table, connection);
}

const struct stack *tracker_stack_find(struct tracker *tracker, uint64_t id)
{
	const struct stack_table *stacks = connection_stacks(tracker->table);

	return stacks ? stack_table_find(stacks, id) : NULL;
}

uint64_t tracker_stacks_refused(const struct tracker *tracker)
{
	const struct stack_table *stacks = connection_stacks(tracker->table);

	return stacks ? stack_table_refused(stacks) : 0;
}
