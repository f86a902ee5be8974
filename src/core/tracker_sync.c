/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker_sync.c: sockets that iterators list: at the start, to find owners, and after a loss.
 *
 * A listed socket carries the time at which the iterator stood before it, and arrives in its place among
 * the events, so it can be compared with what is known at that moment.
 */
#include <string.h>

#include "core/tracker_internal.h"

/*
 * A transition is told just before the new state is stored, so a state that is listed that soon after it may
 * be the old one. Much more than it takes, for the task may be interrupted in between.
 */
#define LISTED_LAG_NS (10 * NS_PER_MS)

static void existing_own(struct tracker *tracker, struct connection *connection, const struct event_existing *event)
{
	/* Several processes may hold it: the first that was listed stays, unless it was found otherwise. */
	if (event->source == EXISTING_FILE && connection->source < SOURCE_DESCRIPTOR)
		lifecycle_own(tracker, connection, SOURCE_DESCRIPTOR, event->header.pid, event->uid, event->comm);
}

static void existing_begin(struct tracker *tracker, const struct event_existing *event)
{
	struct connection *connection = lifecycle_begin(tracker, event->header.cookie);

	if (!connection)
		return;
	connection->tuple = event->tuple;
	connection->family = event->family;
	connection->cgroup = event->cgroup;
	connection->uid = event->uid;
	connection_set_state(tracker->table, connection, event->state);
	connection->last_ns = event->header.time_ns;
	connection->flags |= CONNECTION_SEEN;
	if (event->state == TCP_LISTEN) {
		listener_add(tracker, connection);
	} else {
		connection->flags |= CONNECTION_BIRTH_UNSEEN;
		if (event->state == TCP_CLOSE_WAIT || event->state == TCP_LAST_ACK)
			connection->flags |= CONNECTION_FIN_PEER_FIRST;
		else if (event->state == TCP_FIN_WAIT1 || event->state == TCP_FIN_WAIT2)
			connection->flags |= CONNECTION_FIN_LOCAL_FIRST;
		if (event->state == TCP_SYN_SENT)
			connection->role = ROLE_CLIENT;
		lifecycle_path_add(tracker, connection, event->header.time_ns, event->state);
		tracker->stats.existing++;
	}
	existing_own(tracker, connection, event);
	facts_take(tracker, connection, event);
}

static bool listed_is_newer(const struct connection *connection, const struct event_existing *event)
{
	return event->header.time_ns > connection->last_ns + LISTED_LAG_NS;
}

/* The socket's last life is over, or it was a listener, or has become one: nobody told us. */
static bool existing_is_another_life(const struct connection *connection, const struct event_existing *event)
{
	bool listener = connection->state == TCP_LISTEN;

	if (!listed_is_newer(connection, event))
		return false;
	return listener != (event->state == TCP_LISTEN) || (!listener && connection->queue != QUEUE_LIVE);
}

/* Known already: a better owner, and perhaps a state that was reached without our being told. */
static void existing_compare(struct tracker *tracker, struct connection *connection, const struct event_existing *event)
{
	connection->flags |= CONNECTION_SEEN;
	if (connection->queue != QUEUE_LIVE && connection->state != TCP_LISTEN)
		return; /* closed since: nothing to learn */
	existing_own(tracker, connection, event);
	facts_take(tracker, connection, event);
	if (connection->state == event->state || !listed_is_newer(connection, event))
		return;
	judge_missed(tracker, connection, event->state, event->header.time_ns);
	connection_set_state(tracker->table, connection, event->state);
	connection->last_ns = event->header.time_ns;
	if (!connection->tuple.local_port)
		connection->tuple.local_port = event->tuple.local_port;
	lifecycle_path_add(tracker, connection, event->header.time_ns, event->state);
}

void sync_existing(struct tracker *tracker, const struct event_existing *event)
{
	struct connection *connection;

	if (event->source == EXISTING_NETNS) {
		if (tracker->sync_netns_count < SYNC_NETNS_MAX)
			tracker->sync_netns[tracker->sync_netns_count++] = event->tuple.netns;
		return;
	}
	/* Minisocks and requests say nothing without the connection that they came from or lead to; nor does CLOSE. */
	if (!event->header.cookie || event->state == TCP_TIME_WAIT || event->state == TCP_NEW_SYN_RECV ||
	    event->state == TCP_CLOSE)
		return;
	connection = connection_find(tracker->table, event->header.cookie);
	if (connection && existing_is_another_life(connection, event)) {
		end_now(tracker, connection);
		connection = NULL;
	}
	if (connection)
		existing_compare(tracker, connection, event);
	else
		existing_begin(tracker, event);
}

bool sync_listed_gives_way(struct tracker *tracker, struct connection *listed, struct connection *from_birth)
{
	struct ending *met = connection_ending_get(tracker->table, listed), *known;
	slot_t slot = listed->ending;

	if (!from_birth)
		return !met;
	lifecycle_own(tracker, from_birth, listed->source, listed->pid, listed->uid, listed->comm);
	from_birth->retransmits += listed->retransmits;
	if (!met)
		return true;
	known = connection_ending_get(tracker->table, from_birth);
	if (known) {
		met->opened_ns = known->opened_ns;
		met->losses_before = known->losses_before;
		if (!met->note_count) {
			met->note_count = known->note_count;
			memcpy(met->notes, known->notes, sizeof(met->notes));
		}
	}
	listed->ending = from_birth->ending;
	from_birth->ending = slot;
	return true;
}

void tracker_loss(struct tracker *tracker, uint64_t count)
{
	tracker->stats.events_lost += count;
	if (count)
		tracker->loss_told = true; /* the next tick says when that is */
}

bool lost_since(const struct tracker *tracker, uint64_t time_ns)
{
	return tracker->loss_told || (tracker->loss_last_ns && tracker->loss_last_ns >= time_ns);
}

void tracker_resync_begin(struct tracker *tracker, uint64_t begin_ns)
{
	struct connection *connection;

	tracker->stats.resyncs++;
	tracker->sync_begin_ns = begin_ns;
	tracker->sync_netns_count = 0;
	for (connection = connection_first(tracker->table, QUEUE_LIVE); connection;
	     connection = connection_next(tracker->table, connection))
		connection->flags &= ~CONNECTION_SEEN;
	for (size_t i = 0; i < LISTENER_BUCKETS; i++)
		for (connection = connection_at(tracker->table, tracker->listeners[i]); connection;
		     connection = connection_at(tracker->table, connection->tuple_next))
			connection->flags &= ~CONNECTION_SEEN;
}

static bool netns_was_listed(const struct tracker *tracker, uint32_t netns)
{
	for (uint32_t i = 0; i < tracker->sync_netns_count; i++)
		if (tracker->sync_netns[i] == netns)
			return true;
	return false;
}

/* Older than the listing, in a namespace that was listed whole, and yet not listed. */
static bool is_gone(const struct tracker *tracker, const struct connection *connection)
{
	return !(connection->flags & CONNECTION_SEEN) && connection->last_ns < tracker->sync_begin_ns &&
	       netns_was_listed(tracker, connection->tuple.netns);
}

void tracker_resync_end(struct tracker *tracker, uint64_t now_ns)
{
	struct connection *connection, *next;

	for (connection = connection_first(tracker->table, QUEUE_LIVE); connection; connection = next) {
		next = connection_next(tracker->table, connection);
		if (is_gone(tracker, connection))
			end_unobserved(tracker, connection, now_ns);
	}
	for (size_t i = 0; i < LISTENER_BUCKETS; i++) {
		for (connection = connection_at(tracker->table, tracker->listeners[i]); connection; connection = next) {
			next = connection_at(tracker->table, connection->tuple_next);
			if (is_gone(tracker, connection))
				listener_remove(tracker, connection);
		}
	}
	tracker->sync_begin_ns = 0;
}
