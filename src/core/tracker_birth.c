/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker_birth.c: how a lifecycle begins: by connect(), out of a listener, or by TCP Fast Open, whose child is told
 * under its listener's cookie at first. See tracker.h.
 */
#include "core/tracker_internal.h"

static void birth_fill(struct connection *connection, const struct event_birth *event)
{
	connection->tuple = event->tuple;
	connection->family = event->family;
	connection->cgroup = event->cgroup;
	connection->uid = event->uid;
}

/* CLOSE->SYN_SENT: always a new incarnation of the socket, even under the same cookie. */
static void birth_active(struct tracker *tracker, const struct event_birth *event)
{
	struct connection *connection = connection_find(tracker->table, event->header.cookie);
	bool reused = connection != NULL;

	/* Told twice: before it connects again a socket is closed, and that is told. */
	if (connection && connection->queue == QUEUE_LIVE && connection->state == TCP_SYN_SENT &&
	    lifecycle_told_soon_after(tracker, connection, event->header.time_ns) &&
	    !lost_since(tracker, connection->last_ns))
		return;
	if (connection)
		end_now(tracker, connection);
	connection = lifecycle_begin(tracker, event->header.cookie);
	if (!connection)
		return;
	if (reused)
		connection->flags |= CONNECTION_SOCKET_REUSED;
	birth_fill(connection, event);
	connection->role = ROLE_CLIENT;
	connection_set_state(tracker->table, connection, TCP_CLOSE);
	lifecycle_transition(tracker, connection, TCP_CLOSE, TCP_SYN_SENT, event->header.flags, event->header.time_ns);
	if (event->header.flags & EVENT_TASK_ACTS)
		lifecycle_own(tracker, connection, SOURCE_CONNECT, event->header.pid, event->uid, event->comm);
	/* The port may still be unknown; then the pair is checked when it is. */
	if (event->tuple.local_port)
		end_address_pair_taken(tracker, &connection->tuple, false, event->header.time_ns);
}

static struct connection *birth_passive_begin(struct tracker *tracker, const struct event_birth *event, uint64_t cookie,
					      uint64_t start_ns)
{
	const struct connection *listener;
	struct connection *connection;

	end_address_pair_taken(tracker, &event->tuple, true, event->header.time_ns);
	connection = lifecycle_begin(tracker, cookie);
	if (!connection)
		return NULL;
	birth_fill(connection, event);
	connection->role = ROLE_SERVER;
	connection_set_state(tracker->table, connection, TCP_SYN_RECV);
	lifecycle_path_add(tracker, connection, start_ns, TCP_SYN_RECV);
	connection->last_ns = event->header.time_ns;
	listener = listener_owner(tracker, &event->tuple, event->family);
	if (listener)
		lifecycle_own(tracker, connection, SOURCE_LISTENER, listener->pid, UINT32_MAX, listener->comm);
	return connection;
}

/*
 * LISTEN->SYN_RECV is only told for TCP Fast Open. Up to 6.12 the child is still a copy of its listener then, with its
 * cookie and its addresses; where keys are addresses of sockets (5.10), only the key is its own.
 */
static void birth_fast_open(struct tracker *tracker, const struct event_birth *event)
{
	struct connection *parent = connection_find(tracker->table, event->header.cookie);
	bool borrowed = (parent && parent->state == TCP_LISTEN) || event->header.cookie == event->socket;
	uint64_t cookie = borrowed ? event->socket : event->header.cookie;
	struct connection *connection = connection_find(tracker->table, cookie);

	if (connection)
		end_now(tracker, connection);
	connection = birth_passive_begin(tracker, event, cookie, event->header.time_ns);
	if (connection)
		judge_transition(tracker, connection, TCP_LISTEN, TCP_SYN_RECV, SIGN_FAST_OPEN, event->header.time_ns);
	if (connection && borrowed)
		connection->flags |= CONNECTION_PROVISIONAL;
}

void birth_isn(struct connection *connection, uint32_t local_isn, uint32_t remote_isn)
{
	connection->local_isn = local_isn;
	connection->remote_isn = remote_isn;
	connection->flags |= CONNECTION_HAS_ISN;
}

/* What stands under the address of a socket whose cookie is not known yet; NULL. */
static struct connection *connection_provisional(struct tracker *tracker, uint64_t socket)
{
	struct connection *connection = connection_find(tracker->table, socket);
	bool is = connection && connection->flags & CONNECTION_PROVISIONAL && connection->queue == QUEUE_LIVE;

	return is ? connection : NULL;
}

/* An iterator sees a child before its first event, or before its own cookie is told. */
static bool listed_before_birth(const struct connection *connection)
{
	return connection->flags & CONNECTION_BIRTH_UNSEEN && connection->state == TCP_SYN_RECV;
}

/*
 * What stands under the cookie of a child that is announced now, if it is this same life: the child of TCP
 * Fast Open, or the client of a simultaneous open.
 */
static struct connection *birth_passive_known(struct tracker *tracker, const struct event_birth *event)
{
	struct connection *connection = connection_find(tracker->table, event->header.cookie);
	struct connection *provisional = connection_provisional(tracker, event->socket);

	if (connection && listed_before_birth(connection) && sync_listed_gives_way(tracker, connection, provisional)) {
		tracker->stats.births--;
		tracker->stats.existing--;
		lifecycle_leave_live(tracker, connection);
		connection_release(tracker->table, connection);
	} else if (connection && (connection->state == TCP_SYN_RECV || connection->state == TCP_SYN_SENT)) {
		if (event->header.cookie != event->socket || !(connection->flags & CONNECTION_PROVISIONAL) ||
		    connection->queue != QUEUE_LIVE)
			return connection;
	} else if (connection) {
		/* Where keys are addresses, this may be the last life of the same socket and of the same four-tuple. */
		end_address_pair_taken(tracker, &event->tuple, true, event->header.time_ns);
		connection = connection_find(tracker->table, event->header.cookie);
		if (connection)
			end_now(tracker, connection);
	}
	connection = connection_provisional(tracker, event->socket);
	if (!connection)
		return NULL;
	connection_rekey(tracker->table, connection, event->header.cookie);
	connection->flags &= ~CONNECTION_PROVISIONAL;
	birth_fill(connection, event); /* with the cookie it had the addresses of its listener */
	/* Under the borrowed cookie a repeated SYN-ACK could not be told to be this child's. */
	end_address_pair_taken(tracker, &event->tuple, true, event->header.time_ns);
	return connection;
}

/* SYN_RECV->anything: for most connections of a server the first that is heard of them. */
static void birth_passive(struct tracker *tracker, const struct event_birth *event)
{
	uint64_t now_ns = event->header.time_ns, handshake_ns = (uint64_t)event->handshake_us * 1000;
	struct connection *connection = birth_passive_known(tracker, event);
	uint32_t own_syn = 0;

	if (!connection) {
		/* Not told, for this event implies it: microseconds ago the child was cloned. */
		judge_listener(tracker, TCP_LISTEN, TCP_SYN_RECV, 0);
		connection = birth_passive_begin(tracker, event, event->header.cookie, now_ns - handshake_ns);
	}
	if (!connection || event->new_state == TCP_SYN_RECV)
		return;
	if (connection->role == ROLE_CLIENT)
		connection->role = ROLE_BOTH; /* that SYN_SENT->SYN_RECV was missed */
	if (connection->role == ROLE_BOTH)
		own_syn = 1; /* the event reckons for a listener's child, which has sent no SYN */
	if (event->new_state == TCP_ESTABLISHED) {
		connection->handshake_us = event->handshake_us;
		birth_isn(connection, event->local_isn + own_syn, event->remote_isn);
	}
	lifecycle_transition(tracker, connection, TCP_SYN_RECV, event->new_state, event->header.flags, now_ns);
}

/* Told out of order: the life that it announces has gone on already, or is over. */
static bool birth_is_past(struct tracker *tracker, const struct event_birth *event)
{
	const struct connection *connection = connection_find(tracker->table, event->header.cookie);

	/* Of a child that was listed in the moment of its birth, the birth tells more than the listing did. */
	bool listed = connection && listed_before_birth(connection);

	return connection && connection->state != TCP_LISTEN && !listed &&
	       event->header.time_ns < lifecycle_last_transition_ns(tracker, connection);
}

void birth_event(struct tracker *tracker, const struct event_birth *event)
{
	struct connection *connection;

	if (birth_is_past(tracker, event))
		tracker->stats.stray_events++;
	else if (event->new_state == TCP_LISTEN)
		listener_begin(tracker, event);
	else if (event->old_state == TCP_CLOSE)
		birth_active(tracker, event);
	else if (event->old_state == TCP_LISTEN)
		birth_fast_open(tracker, event);
	else
		birth_passive(tracker, event);
	connection = connection_find(tracker->table, event->header.cookie);
	/* Under a borrowed cookie it began before this birth told its own. */
	if (connection && connection->path_count)
		strays_again(tracker, connection->cookie, path_ns(connection->path[0]));
}
