// SPDX-License-Identifier: GPL-2.0-only
/*
 * signs.c: see signs.h. Each function below knows one sign and the facts that it is read from; what a sign
 * means for a transition is the machine's business.
 */
#include <errno.h>
#include <string.h>

#include "core/signs.h"
#include "core/verdict.h"

/* What was told before a listing can still be on its way in the kernel; a close that soon may lack it. */
#define JUST_LISTED_NS 100000000ULL

#define IN(state) (1U << TCP_##state)

/* The facts of a close, unpacked once. */
struct close_facts {
	const struct ending *ending;
	const struct event_close *close;
	uint16_t flags;
	uint8_t error;
	uint8_t reason; /* of the reset sent */
	bool received, sent;
	bool active; /* the reset sent was no answer to a segment */
	unsigned int state;
};

static bool is_self(const struct connection *connection)
{
	const struct event_tuple *tuple = &connection->tuple;

	return tuple->local_port == tuple->remote_port && !memcmp(tuple->local, tuple->remote, sizeof(tuple->local));
}

uint32_t signs_of_transition(const struct connection *connection, uint16_t flags)
{
	uint32_t signs = SIGN_NOTHING_LOST; /* what explains such a transition is in the event that tells of it */

	if (flags & EVENT_TASK_ACTS)
		signs |= SIGN_LOCAL_CALL;
	if (flags & EVENT_SOCKET_DONE)
		signs |= SIGN_PEER_FIN;
	if (flags & EVENT_NOTHING_IN_FLIGHT)
		signs |= SIGN_FIN_ACKED;
	if (is_self(connection))
		signs |= SIGN_SELF;
	return signs;
}

/*
 * Before an answer only ICMP sets another error than ETIMEDOUT without a reset (tcp_v4_err()), though an event
 * that was lost may have been a reset. Later it leaves a soft error, which becomes the error when a timer gives up.
 */
static bool icmp_is(const struct close_facts *facts)
{
	bool soft = facts->error == facts->close->soft_error;

	if (!facts->error || facts->error == ETIMEDOUT || facts->error == ECONNABORTED || facts->received)
		return false;
	return soft || (facts->state & IN(SYN_SENT) && !facts->ending->loss_nearby);
}

static bool timed_out_is(const struct close_facts *facts)
{
	const struct event_close *close = facts->close;
	bool unanswered = close->retransmits || close->probes_out || facts->state & (IN(SYN_SENT) | IN(SYN_RECV));

	return (facts->error == ETIMEDOUT || icmp_is(facts)) && unanswered;
}

static uint32_t signs_of_error(const struct close_facts *facts)
{
	uint32_t signs = 0;

	if (timed_out_is(facts))
		signs |= SIGN_TIMED_OUT;
	if (icmp_is(facts))
		signs |= SIGN_ICMP;
	if (facts->error == ECONNABORTED && facts->flags & EVENT_TASK_ACTS && !facts->received)
		signs |= SIGN_DESTROYED;
	return signs;
}

/* A child that no process ever had, reset on the way out: its listener was closed. */
static bool listener_is_gone(const struct close_facts *facts)
{
	return facts->active && !(facts->flags & (EVENT_HAS_SOCKET | EVENT_SOCKET_DEAD));
}

/* tcp_rcv_state_process() answers the ACK of an orphan's FIN with a reset where TCP_LINGER2 < 0. */
static bool linger2_is(const struct close_facts *facts)
{
	bool by_reason = facts->reason == RESET_REASON_ABORT_ON_LINGER;
	bool by_state = facts->reason == RESET_REASON_UNKNOWN && facts->active;

	return facts->sent && facts->state & IN(FIN_WAIT2) && facts->flags & EVENT_LINGER2_NEGATIVE &&
	       (by_reason || by_state);
}

static bool limit_is(const struct close_facts *facts)
{
	bool by_state = facts->reason == RESET_REASON_UNKNOWN && facts->active && facts->flags & EVENT_SOCKET_DEAD;

	return facts->sent && (facts->reason == RESET_REASON_ABORT_ON_MEMORY || by_state);
}

static bool abort_call_is(const struct close_facts *facts)
{
	bool released = (facts->flags & EVENT_FILE_DEAD) != 0;
	bool lingers = facts->flags & EVENT_LINGER_ZERO && facts->close->shutdown == 3;
	/* The kernel's own sockets have no file. */
	bool no_file = facts->active && facts->flags & EVENT_TASK_ACTS && facts->flags & EVENT_HAS_SOCKET &&
		       !(facts->flags & (EVENT_FILE_DEAD | EVENT_FILE_ALIVE));

	return (released && (lingers || facts->close->unread_bytes)) || no_file ||
	       (facts->sent && facts->reason == RESET_REASON_ABORT_ON_CLOSE);
}

static bool disconnect_is(const struct close_facts *facts)
{
	/* tcp_disconnect() resets in the states before; in these it leaves without a word (tcp_need_reset()). */
	bool silent = facts->state & (IN(CLOSING) | IN(LAST_ACK)) && facts->close->unacked_bytes;

	return facts->flags & EVENT_TASK_ACTS && facts->flags & EVENT_FILE_ALIVE && (facts->active || silent);
}

static bool no_syn_is(const struct close_facts *facts)
{
	return facts->state & IN(SYN_SENT) && facts->flags & EVENT_TASK_ACTS && !(facts->flags & EVENT_FILE_DEAD) &&
	       !facts->close->pending_timer && !facts->close->unacked_bytes;
}

/* An orphan, in nobody's context, its FIN unacknowledged, with neither error nor reset. */
static bool silent_end_is(const struct close_facts *facts)
{
	bool unacked = facts->state & IN(FIN_WAIT1) || facts->close->unacked_bytes;

	return facts->flags & EVENT_SOCKET_DEAD && !(facts->flags & EVENT_TASK_ACTS) && !facts->sent && unacked &&
	       !facts->ending->loss_nearby;
}

/* The ends that set no error. */
static uint32_t signs_without_error(const struct close_facts *facts)
{
	uint32_t signs = 0;

	if (facts->flags & EVENT_REPAIR)
		signs |= SIGN_REPAIR;
	if (facts->sent && facts->reason == RESET_REASON_MPTCP)
		signs |= SIGN_MPTCP;
	if (facts->received)
		return signs;
	if (!facts->sent && !facts->close->unacked_bytes)
		signs |= SIGN_FIN_ACKED;
	if (close_leaves_minisock(facts->ending))
		signs |= SIGN_MINISOCK;
	if (listener_is_gone(facts))
		signs |= SIGN_LISTENER_GONE;
	if (linger2_is(facts))
		signs |= SIGN_LINGER2;
	else if (limit_is(facts))
		signs |= SIGN_LIMIT;
	if (abort_call_is(facts))
		signs |= SIGN_ABORT_CALL;
	if (disconnect_is(facts))
		signs |= SIGN_DISCONNECT;
	if (no_syn_is(facts))
		signs |= SIGN_NO_SYN;
	if (silent_end_is(facts))
		signs |= SIGN_SILENT_END;
	return signs;
}

/*
 * Data after a close is answered with a reset; tcp_receive_reset fires then too, as if one had come in. The
 * reset of TCP_LINGER2 < 0 may be an answer as well.
 */
static uint32_t signs_of_resets(const struct close_facts *facts)
{
	bool answered = facts->sent && !facts->active && !linger2_is(facts);

	if (answered && (!facts->received || facts->state & (IN(FIN_WAIT1) | IN(FIN_WAIT2))))
		return SIGN_RESET_ANSWER;
	return facts->received ? SIGN_RESET_RECEIVED : 0;
}

static bool was_just_listed(const struct connection *connection, const struct ending *ending)
{
	return connection->flags & CONNECTION_BIRTH_UNSEEN &&
	       ending->close.header.time_ns - path_ns(connection->path[0]) < JUST_LISTED_NS;
}

uint32_t signs_of_close(const struct connection *connection, const struct ending *ending)
{
	const struct event_close *close = &ending->close;
	struct close_facts facts = {
		.ending = ending,
		.close = close,
		.flags = close->header.flags,
		.error = close->error,
		.reason = ending->sent.reason,
		.received = ending->received.header.kind != 0,
		.sent = ending->sent.header.kind != 0,
		.active = ending->sent.header.kind && !(ending->sent.header.flags & EVENT_PASSIVE),
		.state = 1U << close->old_state,
	};
	uint32_t signs = signs_of_resets(&facts) | signs_of_error(&facts);

	if (!facts.error)
		signs |= signs_without_error(&facts);
	if (facts.flags & EVENT_TASK_ACTS)
		signs |= SIGN_LOCAL_CALL;
	if (facts.flags & EVENT_SOCKET_DONE)
		signs |= SIGN_PEER_FIN;
	if (is_self(connection))
		signs |= SIGN_SELF;
	if (connection->role == ROLE_SERVER)
		signs |= SIGN_PASSIVE;
	if (!ending->loss_nearby && !was_just_listed(connection, ending))
		signs |= SIGN_NOTHING_LOST;
	return signs;
}
