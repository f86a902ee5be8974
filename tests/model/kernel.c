// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel.c: see kernel.h. Ends are in kernel_ends.c.
 */
#include "kernel_internal.h"

void kernel_put(struct show *show, const void *event, size_t bytes)
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

uint16_t kernel_owner_flags(const struct show *show)
{
	return show->socket->orphan ? EVENT_SOCKET_DEAD : EVENT_HAS_SOCKET;
}

void kernel_truth_is(struct show *show, enum connection_cause cause, enum connection_initiator initiator,
		     enum connection_how how)
{
	struct truth *truth = &show->socket->truth;

	truth->before = truth->told ? truth->cause : CAUSE_UNOBSERVED;
	truth->cause = cause;
	truth->initiator = initiator;
	truth->how = how;
	truth->told = show->socket->announced;
}

void kernel_truth_is_graceful(struct show *show)
{
	struct kernel_socket *socket = show->socket;

	if (!socket->fin_first)
		kernel_truth_is(show, CAUSE_FIN_PEER_FIRST, INITIATOR_PEER, HOW_NONE);
	else
		kernel_truth_is(show, socket->fin_crossed ? CAUSE_FIN_SIMULTANEOUS : CAUSE_FIN_LOCAL_FIRST,
				socket->closer, socket->closed_how);
}

/* ---- what our own process does ------------------------------------------------------------------- */

enum act { ACT_CALL, ACT_EXIT, ACT_SIGNAL };

uint16_t kernel_act_choose(struct show *show, int32_t *exit_code)
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

	event.state.header.flags = kernel_act_choose(show, &event.exit_code);
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

	event.header.flags |= kernel_owner_flags(show);
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

/* ---- minisocks -------------------------------------------------------------------------------------- */

static void show_minisock(struct show *show)
{
	struct kernel_socket *socket = show->socket;
	bool waits_for_fin = show->rule->from == MACHINE_FIN_WAIT2_MINISOCK;
	uint8_t substate = waits_for_fin ? TCP_FIN_WAIT2 : TCP_TIME_WAIT;

	switch (show->rule->input) {
	case INPUT_FIN_WAIT2_TIMEOUT:
		PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_EXPIRED, substate));
		kernel_truth_is(show, CAUSE_FIN_WAIT2_TIMEOUT, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
		break;
	case INPUT_TIME_WAIT_TIMEOUT:
		PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_EXPIRED, substate));
		break;
	case INPUT_SYN_NEW:
		if (!waits_for_fin)
			break; /* the birth of the new connection tells it */
		__attribute__((fallthrough));
	case INPUT_DATA_AFTER_CLOSE:
		kernel_show_reset_sent(show, TCP_TIME_WAIT, RESET_REASON_TIMEWAIT_SOCKET, EVENT_PASSIVE);
		kernel_truth_is(show, CAUSE_RST_SENT_DATA_AFTER_CLOSE, socket->closer, socket->closed_how);
		break;
	case INPUT_RST: PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_RESET, substate)); break;
	case INPUT_DESTROY: PUT(show, make_time_wait(show->ms, socket->cookie, TIME_WAIT_KILLED, substate)); break;
	default: break; /* nothing that a hook shows */
	}
}

static void show_shown(struct show *show)
{
	const struct machine_rule *rule = show->rule;

	show_late_birth(show);
	if (rule->shown_to == TCP_CLOSE)
		kernel_show_end(show);
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
