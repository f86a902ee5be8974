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

/* The one that fits best. several: others of other processes fit as well. */
static struct connection *listener_best(struct tracker *tracker, const struct event_tuple *tuple, uint8_t family,
					bool *several)
{
	struct connection *listener, *best = NULL;
	slot_t slot = *listener_bucket(tracker, tuple->local_port);
	unsigned most = 0;

	*several = false;
	for (; slot; slot = listener->tuple_next) {
		unsigned score;

		listener = connection_at(tracker->table, slot);
		score = listener_score(listener, tuple, family);
		if (score > most) {
			most = score;
			best = listener;
			*several = false;
		} else if (score && score == most) {
			*several |= listener->pid != best->pid;
		}
	}
	return best;
}

struct connection *listener_find(struct tracker *tracker, const struct event_tuple *tuple, uint8_t family)
{
	bool several;

	return listener_best(tracker, tuple, family, &several);
}

const struct connection *listener_owner(struct tracker *tracker, const struct event_tuple *tuple, uint8_t family)
{
	bool several;
	const struct connection *best = listener_best(tracker, tuple, family, &several);

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
