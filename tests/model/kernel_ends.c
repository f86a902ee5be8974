// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel_ends.c: how connections end. Each way has a function that writes the facts which Linux leaves around it, in
 * the order in which its hooks fire, and the truth beside them.
 */
#include <errno.h>

#include "kernel_internal.h"

static void show_close(struct show *show)
{
	if (show->socket->peer_fin)
		show->close.header.flags |= EVENT_SOCKET_DONE;
	kernel_put(show, &show->close, sizeof(show->close));
}

void kernel_show_reset_sent(struct show *show, uint8_t state, uint8_t reason, uint16_t flags)
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
	kernel_truth_is(show,
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
	kernel_truth_is(show, cause, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

static void end_by_keepalive(struct show *show)
{
	bool user_timeout = random_below(show->random, 2);

	kernel_show_reset_sent(show, show->rule->shown_from, RESET_REASON_KEEPALIVE_TIMEOUT, 0);
	show->close.header.flags |= EVENT_KEEPALIVE_ON | EVENT_NOTHING_IN_FLIGHT;
	show->close.error = ETIMEDOUT;
	show->close.probes_out = show->close.keepalive_probes = 2;
	show->close.keepalive_idle_ticks = show->close.keepalive_interval_ticks = 250;
	show->close.silent_ticks = 750;
	show->close.user_timeout_ms = user_timeout ? 3000 : 0;
	show_close(show);
	kernel_truth_is(show, user_timeout ? CAUSE_KEEPALIVE_USER_TIMEOUT : CAUSE_KEEPALIVE_PROBES_UNANSWERED,
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
	show->close.header.flags = kernel_act_choose(show, &show->close.exit_code);
	show->close.shutdown = 3;
	show->close.unacked_bytes = leaves_silently(from);
	if (unread)
		show->close.unread_bytes = 10;
	else
		show->close.header.flags |= EVENT_LINGER_ZERO;
	show_close(show);
	if (leaves_silently(from)) {
		kernel_truth_is(show, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
		return;
	}
	kernel_show_reset_sent(show, TCP_CLOSE, unread ? RESET_REASON_ABORT_ON_CLOSE : RESET_REASON_STATE, 0);
	kernel_truth_is(show, unread ? CAUSE_RST_SENT_UNREAD_DATA : CAUSE_RST_SENT_LINGER, show->socket->closer,
			show->socket->closer == INITIATOR_LOCAL_EXIT ? show->socket->closed_how
			: unread                                     ? HOW_CLOSE
								     : HOW_LINGER);
}

static void end_by_giving_up(struct show *show)
{
	show->held = show->rule->input == INPUT_DISCONNECT;
	show->close.header.flags = kernel_act_choose(show, &show->close.exit_code);
	show->close.pending_timer = 1;
	show->close.unacked_bytes = 1;
	show_close(show);
	kernel_truth_is(show, CAUSE_CANCELLED, show->socket->closer,
			show->rule->input == INPUT_DISCONNECT ? HOW_DISCONNECT : show->socket->closed_how);
}

static void end_by_disconnect(struct show *show)
{
	bool silent = leaves_silently(show->rule->shown_from);

	show->close.header.flags = FLAGS_HOLDER;
	show->close.unacked_bytes = silent;
	show_close(show);
	if (silent) {
		kernel_truth_is(show, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
		return;
	}
	kernel_show_reset_sent(show, TCP_CLOSE, RESET_REASON_STATE, 0);
	/* Before the handshake is complete the attempt is cancelled, whatever the peer is sent. */
	kernel_truth_is(show, show->rule->shown_from == TCP_SYN_RECV ? CAUSE_CANCELLED : CAUSE_RST_SENT_DISCONNECT,
			INITIATOR_LOCAL_APP, HOW_DISCONNECT);
}

static void end_by_administrator(struct show *show)
{
	if (show->rule->shown_from != TCP_SYN_SENT)
		kernel_show_reset_sent(show, show->rule->shown_from, RESET_REASON_STATE, 0);
	show->close.header.flags = EVENT_TASK_ACTS | kernel_owner_flags(show);
	show->close.error = ECONNABORTED;
	show_close(show);
	kernel_truth_is(show, CAUSE_DESTROYED, INITIATOR_LOCAL_ADMIN, HOW_SOCK_DESTROY);
}

static void end_by_repair(struct show *show)
{
	show->held = false;
	show->close.header.flags = kernel_act_choose(show, &show->close.exit_code) | EVENT_REPAIR;
	show_close(show);
	kernel_truth_is(show, CAUSE_DESTROYED, show->socket->closer, show->socket->closed_how);
}

static void end_with_listener(struct show *show)
{
	show->close.header.flags = EVENT_TASK_ACTS;
	show_close(show);
	kernel_show_reset_sent(show, TCP_CLOSE, RESET_REASON_STATE, 0);
	kernel_truth_is(show, CAUSE_RST_SENT_LISTENER_CLOSED, INITIATOR_LOCAL_APP, HOW_LISTENER_CLOSE);
}

static void end_by_late_data(struct show *show)
{
	PUT(show, make_reset_received(show->ms, show->socket->cookie, show->rule->shown_from));
	show->close.error = ECONNRESET;
	show_close(show);
	kernel_show_reset_sent(show, TCP_CLOSE, RESET_REASON_ABORT_ON_DATA, EVENT_PASSIVE);
	kernel_truth_is(show, CAUSE_RST_SENT_DATA_AFTER_CLOSE, show->socket->closer, show->socket->closed_how);
}

static void end_by_icmp(struct show *show)
{
	bool open = show->rule->shown_from == TCP_SYN_SENT;

	show->close.error = EHOSTUNREACH;
	show->close.soft_error = open ? 0 : EHOSTUNREACH;
	show_close(show);
	kernel_truth_is(show, open ? CAUSE_UNREACHABLE : CAUSE_ICMP_ERROR, INITIATOR_NETWORK, HOW_ICMP);
}

static void end_without_port(struct show *show)
{
	show->close.header.flags = FLAGS_HOLDER;
	show_close(show);
	kernel_truth_is(show, CAUSE_CANCELLED, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

static void end_by_limit(struct show *show)
{
	bool memory = random_below(show->random, 2);

	show->socket->orphan = true;
	kernel_show_reset_sent(show, show->rule->shown_from, RESET_REASON_ABORT_ON_MEMORY,
			       memory ? EVENT_MEMORY_OVER : 0);
	show->close.header.flags = EVENT_SOCKET_DEAD;
	show->close.unacked_bytes = show->rule->shown_from != TCP_FIN_WAIT2;
	show_close(show);
	kernel_truth_is(show, memory ? CAUSE_MEMORY : CAUSE_ORPHAN_LIMIT, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

static void end_with_namespace(struct show *show)
{
	show->close.header.flags = EVENT_SOCKET_DEAD;
	show->close.unacked_bytes = 1;
	show_close(show);
	kernel_truth_is(show, CAUSE_NETNS_EXIT, INITIATOR_LOCAL_KERNEL, HOW_NETNS_EXIT);
}

static void end_by_mptcp(struct show *show)
{
	show_close(show);
	kernel_show_reset_sent(show, TCP_CLOSE, RESET_REASON_MPTCP, 0);
	kernel_truth_is(show, CAUSE_RST_SENT_PROTOCOL, INITIATOR_LOCAL_KERNEL, HOW_NONE);
}

static void end_by_linger2(struct show *show)
{
	show->close.header.flags = EVENT_SOCKET_DEAD | EVENT_LINGER2_NEGATIVE;
	show_close(show);
	kernel_show_reset_sent(show, TCP_CLOSE, RESET_REASON_ABORT_ON_LINGER, 0);
	kernel_truth_is(show, CAUSE_RST_SENT_LINGER, show->socket->closer,
			show->socket->closer == INITIATOR_LOCAL_EXIT || show->socket->closed_how == HOW_NONE
				? show->socket->closed_how
				: HOW_LINGER);
}

/* The last acknowledgement, or a minisock takes over. */
static void end_in_order(struct show *show)
{
	show_close(show);
	kernel_truth_is_graceful(show);
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

void kernel_show_end(struct show *show)
{
	uint8_t from = show->rule->shown_from;

	show->close = make_close(show->ms, show->socket->cookie, from);
	show->close.header.flags = kernel_owner_flags(show);
	/* Our FIN is out, and only its acknowledgement is an end in which it is not outstanding. */
	if (from == TCP_FIN_WAIT1 || leaves_silently(from))
		show->close.unacked_bytes = show->rule->input != INPUT_ACK_OF_FIN &&
					    show->rule->input != INPUT_TIME_WAIT_LIMIT;
	if (from == TCP_SYN_SENT && (show->rule->input == INPUT_ABORT || show->rule->input == INPUT_DISCONNECT))
		end_by_giving_up(show);
	else
		end_by_input[show->rule->input](show);
}
