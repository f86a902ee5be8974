/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker_listen.c: the listeners, which connections get their role and their likely owner from. They are
 * found by local end; a listener itself is in no queue and has no report. Its input are births and listed
 * sockets; of how connections end it knows nothing.
 */
#include <string.h>

#include "core/tracker_internal.h"

static slot_t *listener_bucket(struct tracker *tracker, uint16_t port)
{
	return &tracker->listeners[port % LISTENER_BUCKETS];
}

/* Makes a listener of what lifecycle_begin() gave. */
void listener_add(struct tracker *tracker, struct connection *connection)
{
	slot_t *bucket = listener_bucket(tracker, connection->tuple.local_port);

	tracker->stats.births--;
	lifecycle_leave_live(tracker, connection);
	connection_set_state(tracker->table, connection, TCP_LISTEN);
	connection->tuple_next = *bucket;
	*bucket = connection_slot(tracker->table, connection);
}

void listener_remove(struct tracker *tracker, struct connection *connection)
{
	slot_t *link = listener_bucket(tracker, connection->tuple.local_port);

	while (*link && connection_at(tracker->table, *link) != connection)
		link = &connection_at(tracker->table, *link)->tuple_next;
	if (*link)
		*link = connection->tuple_next;
	lifecycle_leave_live(tracker, connection);
	connection_release(tracker->table, connection);
}

void listener_close(struct tracker *tracker, struct connection *listener, const struct event_close *event)
{
	judge_listener(tracker, event->old_state, TCP_CLOSE, 0);
	listener_remove(tracker, listener);
}

/* The listener that a connection with this local end came through: an exact address before a wildcard. */
struct connection *listener_find(struct tracker *tracker, const struct event_tuple *tuple)
{
	static const uint8_t any[EVENT_ADDRESS_BYTES];
	struct connection *listener, *wildcard = NULL;
	slot_t slot = *listener_bucket(tracker, tuple->local_port);

	for (; slot; slot = listener->tuple_next) {
		listener = connection_at(tracker->table, slot);
		if (listener->tuple.local_port != tuple->local_port || listener->tuple.netns != tuple->netns)
			continue;
		if (!memcmp(listener->tuple.local, tuple->local, sizeof(any)))
			return listener;
		if (!memcmp(listener->tuple.local, any, sizeof(any)))
			wildcard = listener;
	}
	return wildcard;
}

/* How well a connection of this family fits a listener, as the kernel looks for one (compute_score()); 0: not at all.
 */
static unsigned listener_score(const struct connection *listener, const struct event_tuple *tuple, uint8_t family)
{
	static const uint8_t any[EVENT_ADDRESS_BYTES];
	bool exact = !memcmp(listener->tuple.local, tuple->local, sizeof(any));

	if (listener->tuple.local_port != tuple->local_port || listener->tuple.netns != tuple->netns)
		return 0;
	if (!exact && memcmp(listener->tuple.local, any, sizeof(any)))
		return 0;
	if (listener->family == 4 && family == 6) /* one on :: may serve both */
		return 0;
	return 1 + 2 * exact + (listener->family == family);
}

const struct connection *listener_owner(struct tracker *tracker, const struct event_tuple *tuple, uint8_t family)
{
	const struct connection *listener, *best = NULL;
	slot_t slot = *listener_bucket(tracker, tuple->local_port);
	bool several = false;
	unsigned most = 0;

	for (; slot; slot = listener->tuple_next) {
		unsigned score;

		listener = connection_at(tracker->table, slot);
		score = listener_score(listener, tuple, family);
		if (!score || score < most)
			continue;
		several = score == most && (several || listener->pid != best->pid);
		most = score;
		best = listener;
	}
	return best && best->pid && !several ? best : NULL;
}

/* CLOSE->LISTEN. */
void listener_begin(struct tracker *tracker, const struct event_birth *event)
{
	struct connection *listener = connection_find(tracker->table, event->header.cookie);

	if (listener && listener->state != TCP_LISTEN) {
		end_now(tracker, listener); /* the socket was a connection before */
		listener = NULL;
	}
	if (!listener) {
		listener = lifecycle_begin(tracker, event->header.cookie);
		if (!listener)
			return;
		listener->tuple = event->tuple;
		listener->family = event->family;
		listener_add(tracker, listener);
	}
	judge_listener(tracker, event->old_state, TCP_LISTEN, 0);
	listener->cgroup = event->cgroup;
	listener->last_ns = event->header.time_ns;
	if (event->header.flags & EVENT_TASK_ACTS)
		lifecycle_own(tracker, listener, SOURCE_CONNECT, event->header.pid, event->uid, event->comm);
}
