// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel.c: see kernel.h. Each ending has a function that writes the facts which Linux leaves around it, in the order
 * in which its hooks fire, and the truth beside them.
 */
#include <errno.h>

#include "kernel.h"

/* A step as it is being shown. */
struct show {
	struct kernel_socket *socket;
	const struct machine_rule *rule;
	struct stream *stream;
	struct random_numbers *random;
	uint64_t ms;
	bool held;
	struct event_close close;
};

static void put(struct show *show, const void *event, size_t bytes)
{
	struct stream *stream = show->stream;
	struct stream_event *slot = &stream->events[stream->count];

	assert_true(stream->count < STREAM_EVENTS_MAX);
	memset(slot, 0, sizeof(*slot));
	memcpy(&slot->event, event, bytes);
	slot->event.header.time_ns += stream->count % 1000; /* a nanosecond apart: the order is known */
	slot->life = show->socket->life;
	slot->order = stream->count++;
}

#define PUT(show, made)                                                                                                \
	do {                                                                                                           \
		__auto_type event_made = (made);                                                                       \
		put((show), &event_made, sizeof(event_made));                                                          \
	} while (0)

static uint16_t owner_flags(const struct show *show)
{
	return show->socket->orphan ? EVENT_SOCKET_DEAD : EVENT_HAS_SOCKET;
}

static void truth_is(struct show *show, enum connection_cause cause, enum connection_initiator initiator,
		     enum connection_how how)
{
	struct truth *truth = &show->socket->truth;

	truth->before = truth->told ? truth->cause : CAUSE_UNOBSERVED;
	truth->cause = cause;
	truth->initiator = initiator;
	truth->how = how;
	truth->told = show->socket->announced;
}

/* The peer's FIN and ours make it graceful, whoever came first. */
static void truth_is_graceful(struct show *show)
{
	struct kernel_socket *socket = show->socket;

	if (!socket->fin_first)
		truth_is(show, CAUSE_FIN_PEER_FIRST, INITIATOR_PEER, HOW_NONE);
	else
		truth_is(show, socket->fin_crossed ? CAUSE_FIN_SIMULTANEOUS : CAUSE_FIN_LOCAL_FIRST, socket->closer,
			 socket->closed_how);
}

/* ---- what our own process does ------------------------------------------------------------------- */

enum act { ACT_CALL, ACT_EXIT, ACT_SIGNAL };

/* A process closes by a call, by exit(3) or by SIGKILL; who keeps the descriptor called shutdown(). */
static uint16_t act_choose(struct show *show, int32_t *exit_code)
{
	struct kernel_socket *socket = show->socket;
	enum act act = show->held ? ACT_CALL : random_below(show->random, 3);

	socket->closer = act == ACT_CALL ? INITIATOR_LOCAL_APP : INITIATOR_LOCAL_EXIT;
	socket->closed_how = HOW_CLOSE;
	*exit_code = 0;
	if (show->held) {
		socket->closed_how = HOW_SHUTDOWN;
		return FLAGS_HOLDER;
	}
	if (act == ACT_CALL)
		return FLAGS_CLOSER;
	socket->closed_how = act == ACT_EXIT ? HOW_EXIT : HOW_SIGNAL;
	*exit_code = act == ACT_EXIT ? 3 << 8 : 9;
	return FLAGS_CLOSER | EVENT_TASK_EXITING;
}

static void show_our_fin(struct show *show)
{
	struct kernel_socket *socket = show->socket;
	const struct machine_rule *rule = show->rule;
	struct event_state_task event = make_state_task(show->ms, socket->cookie, rule->shown_from, rule->shown_to, 0);

	event.state.header.flags = act_choose(show, &event.exit_code);
	if (socket->peer_fin)
		event.state.header.flags |= EVENT_SOCKET_DONE;
	if (rule->to == TCP_FIN_WAIT1)
		socket->fin_first = true;
	PUT(show, event);
}

/* MPTCP's worker does not hold the socket's lock: nobody can tell who closed. */
static void show_subflow_close(struct show *show)
{
	struct kernel_socket *socket = show->socket;

	socket->closer = INITIATOR_LOCAL_APP;
	socket->closed_how = HOW_NONE;
	socket->orphan = true;
	if (show->rule->to == TCP_FIN_WAIT1)
		socket->fin_first = true;
	PUT(show, make_state(show->ms, socket->cookie, show->rule->shown_from, show->rule->shown_to));
}

static void show_close_again(struct show *show)
{
	PUT(show, make_state_task(show->ms, show->socket->cookie, show->rule->from, show->rule->to, FLAGS_CLOSER));
}

/* ---- births ---------------------------------------------------------------------------------------- */

static void show_birth(struct show *show, uint8_t from, uint8_t to)
{
	struct kernel_socket *socket = show->socket;
	struct event_birth event = make_birth(show->ms, socket->cookie, from, to, socket->tuple);

	if (to == TCP_ESTABLISHED) {
		event.local_isn = 1000 + socket->life;
		event.remote_isn = 2000 + socket->life;
	}
	socket->announced = true;
	PUT(show, event);
}

static void show_state(struct show *show)
{
	struct kernel_socket *socket = show->socket;
	struct event_state event = make_state(show->ms, socket->cookie, show->rule->shown_from, show->rule->shown_to);

	event.header.flags |= owner_flags(show);
	if (socket->peer_fin)
		event.header.flags |= EVENT_SOCKET_DONE;
	event.local_port = socket->tuple.local_port;
	if (show->rule->shown_to == TCP_ESTABLISHED) {
		event.local_isn = 1000 + socket->life;
		event.remote_isn = 2000 + socket->life;
	}
	PUT(show, event);
}

/* From SYN_RECV to anything but ESTABLISHED: the birth is told first, for it may be the first word. */
static void show_late_birth(struct show *show)
{
	if (show->rule->shown_from == TCP_SYN_RECV && show->rule->shown_to != TCP_ESTABLISHED)
		show_birth(show, TCP_SYN_RECV, TCP_SYN_RECV);
}

/* ---- ends ------------------------------------------------------------------------------------------ */

static void show_close(struct show *show)
{
	if (show->socket->peer_fin)
		show->close.header.flags |= EVENT_SOCKET_DONE;
	put(show, &show->close, sizeof(show->close));
}

static void show_reset_sent(struct show *show, uint8_t state, uint8_t reason, uint16_t flags)
{
	PUT(show, make_reset_sent(show->ms, show->socket->cookie, state, reason, flags));
}

static void end_by_reset(struct show *show)
{
	uint8_t from = show->rule->shown_from;
	bool open = from == TCP_SYN_SENT;

	PUT(show, make_reset_received(show->ms, show->socket->cookie, from));
	show->close.error = open ? ECONNREFUSED : from == TCP_CLOSE_WAIT ? EPIPE : ECONNRESET;
	show_close(show);
	truth_is(show,
		 open                   ? CAUSE_REFUSED
		 : from == TCP_SYN_RECV ? CAUSE_RESET_IN_HANDSHAKE
					: CAUSE_RST_RECEIVED,
		 INITIATOR_PEER, HOW_NONE);
}

static enum connection_cause retransmissions_ran_out(uint8_t from)
{
	switch (from) {
	case TCP_SYN_SENT: return CAUSE_SYN_TIMEOUT;
	case TCP_SYN_RECV: return CAUSE_SYNACK_TIMEOUT;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT: return CAUSE_DATA_RETRANSMIT_TIMEOUT;
	default: return CAUSE_FIN_RETRANSMIT_TIMEOUT;
	}
}

static void end_by_retransmissions(struct show *show)
{
	uint8_t from = show->rule->shown_from;
	bool opened = from != TCP_SYN_SENT && from != TCP_SYN_RECV;
	enum connection_cause cause = retransmissions_ran_out(from);
	struct event_retransmit first = make_retransmit(show->ms - 40, show->socket->cookie, from);

	first.retransmits = 1;
	first.rto_ticks = 50;
	PUT(show, first);
	show->close.error = ETIMEDOUT;
	show->close.retransmits = 1;
	show->close.unacked_bytes = 1 + random_below(show->random, 1000);
	show->close.silent_ticks = 1000;
	if (opened && !random_below(show->random, 4)) {
		show->close.error = show->close.soft_error = EHOSTUNREACH;
	} else if (opened && !random_below(show->random, 3)) {
		show->close.user_timeout_ms = 40;
		cause = CAUSE_USER_TIMEOUT;
	} else if (cause == CAUSE_DATA_RETRANSMIT_TIMEOUT && !random_below(show->random, 2)) {
		show->close.retransmits = 0;
		show->close.probes_out = 3;
		show->close.header.flags |= EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO;
		cause = CAUSE_ZERO_WINDOW_TIMEOUT;
	}
	show_close(show);
	truth_is(show, cause, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

static void end_by_keepalive(struct show *show)
{
	bool user_timeout = random_below(show->random, 2);

	show_reset_sent(show, show->rule->shown_from, RESET_REASON_KEEPALIVE_TIMEOUT, 0);
	show->close.header.flags |= EVENT_KEEPALIVE_ON | EVENT_NOTHING_IN_FLIGHT;
	show->close.error = ETIMEDOUT;
	show->close.probes_out = show->close.keepalive_probes = 2;
	show->close.keepalive_idle_ticks = show->close.keepalive_interval_ticks = 250;
	show->close.silent_ticks = 750;
	show->close.user_timeout_ms = user_timeout ? 3000 : 0;
	show_close(show);
	truth_is(show, user_timeout ? CAUSE_KEEPALIVE_USER_TIMEOUT : CAUSE_KEEPALIVE_PROBES_UNANSWERED,
		 INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

/* In CLOSING and LAST_ACK no reset is sent (tcp_need_reset()): the vocabulary has no word for such an end. */
static bool leaves_silently(uint8_t from)
{
	return from == TCP_CLOSING || from == TCP_LAST_ACK;
}

static void end_by_abort(struct show *show)
{
	uint8_t from = show->rule->shown_from;
	bool unread = !leaves_silently(from) && from != TCP_SYN_RECV && random_below(show->random, 2);

	show->held = false;
	show->close.header.flags = act_choose(show, &show->close.exit_code);
	show->close.shutdown = 3;
	show->close.unacked_bytes = leaves_silently(from);
	if (unread)
		show->close.unread_bytes = 10;
	else
		show->close.header.flags |= EVENT_LINGER_ZERO;
	show_close(show);
	if (leaves_silently(from)) {
		truth_is(show, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
		return;
	}
	show_reset_sent(show, TCP_CLOSE, unread ? RESET_REASON_ABORT_ON_CLOSE : RESET_REASON_STATE, 0);
	truth_is(show, unread ? CAUSE_RST_SENT_UNREAD_DATA : CAUSE_RST_SENT_LINGER, show->socket->closer,
		 show->socket->closer == INITIATOR_LOCAL_EXIT ? show->socket->closed_how
		 : unread                                     ? HOW_CLOSE
							      : HOW_LINGER);
}

static void end_by_giving_up(struct show *show)
{
	show->held = show->rule->input == INPUT_DISCONNECT;
	show->close.header.flags = act_choose(show, &show->close.exit_code);
	show->close.pending_timer = 1;
	show->close.unacked_bytes = 1;
	show_close(show);
	truth_is(show, CAUSE_CANCELLED, show->socket->closer,
		 show->rule->input == INPUT_DISCONNECT ? HOW_DISCONNECT : show->socket->closed_how);
}

static void end_by_disconnect(struct show *show)
{
	bool silent = leaves_silently(show->rule->shown_from);

	show->close.header.flags = FLAGS_HOLDER;
	show->close.unacked_bytes = silent;
	show_close(show);
	if (silent) {
		truth_is(show, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
		return;
	}
	show_reset_sent(show, TCP_CLOSE, RESET_REASON_STATE, 0);
	/* Before the handshake is complete the attempt is cancelled, whatever the peer is sent. */
	truth_is(show, show->rule->shown_from == TCP_SYN_RECV ? CAUSE_CANCELLED : CAUSE_RST_SENT_DISCONNECT,
		 INITIATOR_LOCAL_APP, HOW_DISCONNECT);
}

static void end_by_administrator(struct show *show)
{
	if (show->rule->shown_from != TCP_SYN_SENT)
		show_reset_sent(show, show->rule->shown_from, RESET_REASON_STATE, 0);
	show->close.header.flags = EVENT_TASK_ACTS | owner_flags(show);
	show->close.error = ECONNABORTED;
	show_close(show);
	truth_is(show, CAUSE_DESTROYED, INITIATOR_LOCAL_ADMIN, HOW_SOCK_DESTROY);
}

static void end_by_repair(struct show *show)
{
	show->held = false;
	show->close.header.flags = act_choose(show, &show->close.exit_code) | EVENT_REPAIR;
	show_close(show);
	truth_is(show, CAUSE_DESTROYED, show->socket->closer, show->socket->closed_how);
}

static void end_with_listener(struct show *show)
{
	show->close.header.flags = EVENT_TASK_ACTS;
	show_close(show);
	show_reset_sent(show, TCP_CLOSE, RESET_REASON_STATE, 0);
	truth_is(show, CAUSE_RST_SENT_LISTENER_CLOSED, INITIATOR_LOCAL_APP, HOW_LISTENER_CLOSE);
}

static void end_by_late_data(struct show *show)
{
	PUT(show, make_reset_received(show->ms, show->socket->cookie, show->rule->shown_from));
	show->close.error = ECONNRESET;
	show_close(show);
	show_reset_sent(show, TCP_CLOSE, RESET_REASON_ABORT_ON_DATA, EVENT_PASSIVE);
	truth_is(show, CAUSE_RST_SENT_DATA_AFTER_CLOSE, show->socket->closer, show->socket->closed_how);
}

static void end_by_icmp(struct show *show)
{
	bool open = show->rule->shown_from == TCP_SYN_SENT;

	show->close.error = EHOSTUNREACH;
	show->close.soft_error = open ? 0 : EHOSTUNREACH;
	show_close(show);
	truth_is(show, open ? CAUSE_UNREACHABLE : CAUSE_ICMP_ERROR, INITIATOR_NETWORK, HOW_ICMP);
}

static void end_without_port(struct show *show)
{
	show->close.header.flags = FLAGS_HOLDER;
	show_close(show);
	truth_is(show, CAUSE_CANCELLED, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

static void end_by_limit(struct show *show)
{
	bool memory = random_below(show->random, 2);

	show->socket->orphan = true;
	show_reset_sent(show, show->rule->shown_from, RESET_REASON_ABORT_ON_MEMORY, memory ? EVENT_MEMORY_OVER : 0);
	show->close.header.flags = EVENT_SOCKET_DEAD;
	show->close.unacked_bytes = show->rule->shown_from != TCP_FIN_WAIT2;
	show_close(show);
	truth_is(show, memory ? CAUSE_MEMORY : CAUSE_ORPHAN_LIMIT, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

static void end_with_namespace(struct show *show)
{
	show->close.header.flags = EVENT_SOCKET_DEAD;
	show->close.unacked_bytes = 1;
	show_close(show);
	truth_is(show, CAUSE_NETNS_EXIT, INITIATOR_LOCAL_KERNEL, HOW_NETNS_EXIT);
}

static void end_by_mptcp(struct show *show)
{
	show_close(show);
	show_reset_sent(show, TCP_CLOSE, RESET_REASON_MPTCP, 0);
	truth_is(show, CAUSE_RST_SENT_PROTOCOL, INITIATOR_LOCAL_KERNEL, HOW_NONE);
}

static void end_by_linger2(struct show *show)
{
	show->close.header.flags = EVENT_SOCKET_DEAD | EVENT_LINGER2_NEGATIVE;
	show_close(show);
	show_reset_sent(show, TCP_CLOSE, RESET_REASON_ABORT_ON_LINGER, 0);
	truth_is(show, CAUSE_RST_SENT_LINGER, show->socket->closer,
		 show->socket->closer == INITIATOR_LOCAL_EXIT || show->socket->closed_how == HOW_NONE
			 ? show->socket->closed_how
			 : HOW_LINGER);
}

/* The last acknowledgement, or a minisock takes over. */
static void end_in_order(struct show *show)
{
	show_close(show);
	truth_is_graceful(show);
}

/* ---- minisocks -------------------------------------------------------------------------------------- */

static void show_minisock(struct show *show)
{
	struct kernel_socket *socket = show->socket;
	bool waits_for_fin = show->rule->from == MACHINE_FIN_WAIT2_MINISOCK;
	uint8_t substate = waits_for_fin ? TCP_FIN_WAIT2 : TCP_TIME_WAIT;

	switch (show->rule->input) {
	case INPUT_FIN_WAIT2_TIMEOUT:
		PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_EXPIRED, substate));
		truth_is(show, CAUSE_FIN_WAIT2_TIMEOUT, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
		break;
	case INPUT_TIME_WAIT_TIMEOUT:
		PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_EXPIRED, substate));
		break;
	case INPUT_SYN_NEW:
		if (!waits_for_fin)
			break; /* the birth of the new connection tells it */
		__attribute__((fallthrough));
	case INPUT_DATA_AFTER_CLOSE:
		show_reset_sent(show, TCP_TIME_WAIT, RESET_REASON_TIMEWAIT_SOCKET, EVENT_PASSIVE);
		truth_is(show, CAUSE_RST_SENT_DATA_AFTER_CLOSE, socket->closer, socket->closed_how);
		break;
	case INPUT_RST: PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_RESET, substate)); break;
	case INPUT_DESTROY: PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_KILLED, substate)); break;
	default: break; /* nothing that a hook shows */
	}
}

typedef void (*show_fn)(struct show *show);

static const show_fn end_by_input[INPUTS] = {
	[INPUT_CLOSE] = end_by_giving_up,
	[INPUT_ABORT] = end_by_abort,
	[INPUT_DISCONNECT] = end_by_disconnect,
	[INPUT_DESTROY] = end_by_administrator,
	[INPUT_REPAIR_CLOSE] = end_by_repair,
	[INPUT_LISTENER_CLOSE] = end_with_listener,
	[INPUT_ACK_OF_FIN] = end_in_order,
	[INPUT_FIN] = end_in_order,
	[INPUT_ORPHANED] = end_in_order,
	[INPUT_TIME_WAIT_LIMIT] = end_in_order,
	[INPUT_ORPHANED_LINGER2] = end_by_linger2,
	[INPUT_DATA_AFTER_CLOSE] = end_by_late_data,
	[INPUT_RST] = end_by_reset,
	[INPUT_RST_PASSIVE] = end_by_reset,
	[INPUT_RST_MPTCP] = end_by_mptcp,
	[INPUT_SUBFLOW_REFUSED] = end_by_mptcp,
	[INPUT_USER_TIMEOUT] = end_by_retransmissions,
	[INPUT_KEEPALIVE_TIMEOUT] = end_by_keepalive,
	[INPUT_ICMP] = end_by_icmp,
	[INPUT_NO_LOCAL_PORT] = end_without_port,
	[INPUT_LIMIT] = end_by_limit,
	[INPUT_NETNS_EXIT] = end_with_namespace,
};

static void show_end(struct show *show)
{
	uint8_t from = show->rule->shown_from;

	show->close = make_close(show->ms, show->socket->cookie, from);
	show->close.header.flags = owner_flags(show);
	/* Our FIN is out, and only its acknowledgement is an end in which it is not outstanding. */
	if (from == TCP_FIN_WAIT1 || leaves_silently(from))
		show->close.unacked_bytes = show->rule->input != INPUT_ACK_OF_FIN &&
					    show->rule->input != INPUT_TIME_WAIT_LIMIT;
	if (from == TCP_SYN_SENT && (show->rule->input == INPUT_ABORT || show->rule->input == INPUT_DISCONNECT))
		end_by_giving_up(show);
	else
		end_by_input[show->rule->input](show);
}

static void show_shown(struct show *show)
{
	const struct machine_rule *rule = show->rule;

	show_late_birth(show);
	if (rule->shown_to == TCP_CLOSE)
		show_end(show);
	else if (rule->shown_from == TCP_CLOSE ||
		 (rule->shown_from == TCP_LISTEN && rule->input == INPUT_SYN_FAST_OPEN))
		show_birth(show, rule->shown_from, rule->shown_to);
	else if (rule->shown_from == TCP_SYN_RECV && rule->shown_to == TCP_ESTABLISHED)
		show_birth(show, rule->shown_from, rule->shown_to);
	else if (rule->shown_from == TCP_LISTEN)
		return; /* LISTEN->SYN_RECV without Fast Open: what follows at once tells it all */
	else if (rule->input == INPUT_CLOSE)
		(rule->from == rule->to ? show_close_again : show_our_fin)(show);
	else if (rule->input == INPUT_SUBFLOW_CLOSE)
		show_subflow_close(show);
	else
		show_state(show);
}

void kernel_step(struct kernel_socket *socket, const struct machine_rule *rule, bool held, uint64_t ms,
		 struct stream *stream, struct random_numbers *random)
{
	struct show show = {.socket = socket, .rule = rule, .stream = stream, .random = random, .ms = ms, .held = held};

	if (rule->input == INPUT_FIN)
		socket->peer_fin = true;
	if (rule->to == TCP_CLOSING)
		socket->fin_crossed = true;
	if (rule->input == INPUT_TIME_WAIT_LIMIT && rule->from == TCP_FIN_WAIT2)
		socket->peer_fin = true;
	if (rule->shown == SHOWN_STATE)
		show_shown(&show);
	else if (rule->shown == SHOWN_MINISOCK)
		show_minisock(&show);
	if (rule->input == INPUT_CLOSE && !held)
		socket->orphan = true;
	socket->state = rule->to;
}
