// SPDX-License-Identifier: GPL-2.0-only
/*
 * endpoint.c: facts of an end, calls and timers; see endpoint.h. Segments are in endpoint_receive.c.
 */
#include <string.h>

#include "endpoint_internal.h"

static const char *const event_names[] = {
#define EVENT_NAME(event, text) [event] = text,
	ENDPOINT_EVENTS(EVENT_NAME)};

const char *endpoint_event_name(unsigned int event)
{
	return event_names[event];
}

void model_prepare(struct model *model, const struct machine *machine, bool linux_too)
{
	model->machine = machine;
	model->linux_too = linux_too;
	for (unsigned int state = 0; state < MACHINE_STATES; state++)
		for (unsigned int input = 0; input < INPUTS; input++)
			model->step[state][input] = machine_step(machine, (uint8_t)state, (uint8_t)input, linux_too);
}

/* ---- facts ------------------------------------------------------------------------------------------ */

unsigned int endpoint_snd_nxt(const struct endpoint *end)
{
	return end->connected ? 1U + end->data_sent + end->fin_sent : 0U;
}

unsigned int endpoint_rcv_nxt(const struct endpoint *end)
{
	return end->peer ? 1U + end->data_received + end->fin_received : 0U;
}

static bool unacknowledged(const struct endpoint *end)
{
	return end->connected && !end->minisock && end->una < endpoint_snd_nxt(end);
}

bool endpoint_is_minisock(const struct endpoint *end)
{
	return end->minisock;
}

/* After close() as opposed to shutdown(): nobody can read any more. */
static bool is_orphan(const struct endpoint *end)
{
	return end->closed && !end->held;
}

uint8_t endpoint_state_by_facts(const struct endpoint *end)
{
	bool fin_acked = end->fin_sent && end->una == endpoint_snd_nxt(end);

	if (!end->connected)
		return end->listener ? TCP_LISTEN : TCP_CLOSE;
	if (!end->peer)
		return TCP_SYN_SENT;
	if (end->request)
		return TCP_NEW_SYN_RECV;
	if (!end->fin_sent)
		return end->fin_received ? TCP_CLOSE_WAIT : end->una ? TCP_ESTABLISHED : TCP_SYN_RECV;
	if (end->peer_fin_first)
		return TCP_LAST_ACK;
	if (end->fin_received)
		return fin_acked ? TCP_TIME_WAIT : TCP_CLOSING;
	if (!fin_acked)
		return TCP_FIN_WAIT1;
	return end->minisock ? MACHINE_FIN_WAIT2_MINISOCK : TCP_FIN_WAIT2;
}

/* ---- moving ----------------------------------------------------------------------------------------- */

void endpoint_input(struct model *model, int host, struct endpoint *end, enum machine_input input, uint32_t essential,
		    uint32_t others)
{
	struct machine_move move = {.host = host, .essential = essential, .held = end->held};

	move.rule = model->step[end->state][input];
	move.signs = essential | others | SIGN_NOTHING_LOST | (model->self ? SIGN_SELF : 0);
	if (!move.rule) {
		model->wrong = "the table has no entry";
		model->wrong_state = end->state;
		model->wrong_input = input;
		return;
	}
	if (model->moved)
		model->moved(model->moved_arg, &move);
	end->state = move.rule->to;
}

static void forget(struct endpoint *end)
{
	end->connected = end->peer = end->una = 0;
	end->data_sent = end->fin_sent = end->data_received = end->fin_received = 0;
	end->peer_fin_first = end->request = end->minisock = 0;
	end->passive = end->accepted = end->held = end->closed = 0;
}

void endpoint_begin(struct endpoint *end)
{
	forget(end);
	end->connected = 1;
	end->incarnation++;
	end->opens_left--;
}

static void is_over(struct model *model, struct endpoint *end, uint8_t state)
{
	if (end->state != state && !model->wrong) {
		model->wrong = "the connection is over, but the table leads elsewhere";
		model->wrong_state = end->state;
	}
	forget(end);
}

void endpoint_back_to_listen(struct model *model, struct endpoint *end)
{
	is_over(model, end, TCP_LISTEN);
	end->listener = 1;
}

void endpoint_end(struct model *model, struct endpoint *end)
{
	is_over(model, end, TCP_CLOSE);
	/* The listener is another socket; here it takes the same place. */
	end->state = end->listener ? TCP_LISTEN : TCP_CLOSE;
}

void endpoint_transmit(struct model *model, int host, const struct endpoint *end, enum segment_kind kind,
		       unsigned int seq)
{
	union segment segment = {.bits = 0};

	segment.kind = kind & 7;
	segment.incarnation = end->incarnation;
	segment.seq = seq & 3;
	segment.has_ack = end->peer != 0;
	segment.ack_incarnation = end->peer;
	segment.ack = endpoint_rcv_nxt(end) & 3;
	model->send(model->send_arg, host, segment);
}

void endpoint_reset(struct model *model, int host, const struct endpoint *end)
{
	endpoint_transmit(model, host, end, SEGMENT_RST, endpoint_snd_nxt(end));
}

/* What was sent first and is not acknowledged, once more. */
static void retransmit(struct model *model, int host, const struct endpoint *end)
{
	if (end->una == 0)
		endpoint_transmit(model, host, end, SEGMENT_SYN, 0);
	else if (end->data_sent && end->una == 1)
		endpoint_transmit(model, host, end, SEGMENT_DATA, 1);
	else
		endpoint_transmit(model, host, end, SEGMENT_FIN, endpoint_snd_nxt(end) - 1);
}

/* ---- when something may happen ----------------------------------------------------------------------- */

static bool may_connect(const struct model *model, const struct endpoint *end)
{
	if (end->opens_left == 0)
		return false;
	if (endpoint_in(end, BIT(TCP_TIME_WAIT)))
		return !model->self;
	return endpoint_in(end, BIT(TCP_CLOSE) | BIT(TCP_LISTEN));
}

static bool may_close(const struct model *model, const struct endpoint *end)
{
	unsigned int states = SYNCHRONISED | BIT(TCP_SYN_SENT) | BIT(TCP_SYN_RECV);

	if (!model->linux_too)
		states |= BIT(TCP_TIME_WAIT);
	return end->held && endpoint_in(end, states);
}

static bool may_call(const struct model *model, const struct endpoint *end, enum endpoint_event event)
{
	switch (event) {
	case HAPPENS_LISTEN: return endpoint_in(end, BIT(TCP_CLOSE)) && !model->self;
	case HAPPENS_CONNECT: return may_connect(model, end);
	case HAPPENS_ACCEPT: return end->passive && !end->accepted && !end->request;
	case HAPPENS_SEND:
		return end->held && !end->closed && end->data_left &&
		       endpoint_in(end, BIT(TCP_ESTABLISHED) | BIT(TCP_CLOSE_WAIT));
	case HAPPENS_SHUTDOWN:
		return end->held && !end->closed &&
		       endpoint_in(end, BIT(TCP_SYN_RECV) | BIT(TCP_ESTABLISHED) | BIT(TCP_CLOSE_WAIT));
	case HAPPENS_CLOSE: return may_close(model, end);
	case HAPPENS_CLOSE_LISTENER: return end->listener;
	case HAPPENS_ABORT: return may_close(model, end) || endpoint_in(end, BIT(TCP_LISTEN));
	case HAPPENS_DISCONNECT:
		return end->held &&
		       endpoint_in(end, BIT(TCP_SYN_SENT) | (model->linux_too ? BIT(TCP_SYN_RECV) | SYNCHRONISED : 0U));
	default: return false;
	}
}

/* What is rare: one of these for each end and run, on Linux but for ICMP. */
static bool may_specially(const struct model *model, const struct endpoint *end, enum endpoint_event event)
{
	unsigned int leaving = BIT(TCP_FIN_WAIT1) | BIT(TCP_CLOSING) | BIT(TCP_LAST_ACK);
	unsigned int full = SYNCHRONISED | BIT(TCP_SYN_SENT) | BIT(TCP_SYN_RECV);

	if (!end->special_left)
		return false;
	if (event == HAPPENS_ICMP)
		return end->connected || end->listener;
	if (!model->linux_too)
		return false;
	switch (event) {
	case HAPPENS_CONNECT_NO_PORT: return endpoint_in(end, BIT(TCP_CLOSE));
	case HAPPENS_REPAIR_CLOSE: return end->held && endpoint_in(end, SYNCHRONISED);
	case HAPPENS_DESTROY: return end->connected;
	case HAPPENS_DESTROY_LISTENER: return endpoint_in(end, BIT(TCP_LISTEN));
	case HAPPENS_SUBFLOW_CLOSE: return end->held && endpoint_in(end, BIT(TCP_ESTABLISHED) | BIT(TCP_CLOSE_WAIT));
	case HAPPENS_SUBFLOW_RESET: return endpoint_in(end, SYNCHRONISED);
	case HAPPENS_SUBFLOW_REFUSED: return end->passive && !end->accepted && endpoint_in(end, BIT(TCP_SYN_RECV));
	case HAPPENS_LIMIT: return is_orphan(end) && endpoint_in(end, leaving | BIT(TCP_FIN_WAIT2));
	case HAPPENS_NETNS_EXIT: return is_orphan(end) && endpoint_in(end, leaving);
	case HAPPENS_LINGER2: return is_orphan(end) && endpoint_in(end, BIT(TCP_FIN_WAIT2));
	case HAPPENS_TIME_WAIT_LIMIT: return endpoint_in(end, full);
	default: return false;
	}
}

static bool may_by_itself(const struct model *model, const struct endpoint *end, enum endpoint_event event,
			  bool channel_quiet)
{
	bool idle = end->keepalive && !unacknowledged(end) &&
		    endpoint_in(end, BIT(TCP_ESTABLISHED) | BIT(TCP_CLOSE_WAIT) | BIT(TCP_FIN_WAIT2));

	switch (event) {
	case HAPPENS_ORPHANED: return model->linux_too && is_orphan(end) && endpoint_in(end, BIT(TCP_FIN_WAIT2));
	case HAPPENS_RETRANSMIT:
	case HAPPENS_GIVE_UP: return unacknowledged(end);
	case HAPPENS_KEEPALIVE_PROBE:
	case HAPPENS_KEEPALIVE_TIMEOUT: return idle;
	case HAPPENS_TIME_WAIT_OVER: return endpoint_in(end, BIT(TCP_TIME_WAIT)) && channel_quiet;
	case HAPPENS_FIN_WAIT2_OVER: return endpoint_in(end, BIT(MACHINE_FIN_WAIT2_MINISOCK));
	default: return false;
	}
}

bool endpoint_may(const struct model *model, const struct endpoint *end, enum endpoint_event event, bool channel_quiet)
{
	if (event == HAPPENS_REBOOT)
		return !end->up;
	if (!end->up)
		return false;
	if (event == HAPPENS_CRASH)
		return end->crash_left;
	if (event == HAPPENS_ODD_SYN)
		return end->odd_left && end->opens_left && endpoint_in(end, BIT(TCP_LISTEN));
	if (event >= HAPPENS_BY_ITSELF)
		return may_by_itself(model, end, event, channel_quiet);
	return may_call(model, end, event) || may_specially(model, end, event);
}

/* ---- what happens then -------------------------------------------------------------------------------- */

static void happens_connect(struct model *model, int host, struct endpoint *end)
{
	bool reuse = endpoint_in(end, BIT(TCP_TIME_WAIT)), listens = endpoint_in(end, BIT(TCP_LISTEN));

	endpoint_input(model, host, end, INPUT_OPEN_ACTIVE, reuse ? SIGN_REUSED : 0, SIGN_LOCAL_CALL);
	if ((reuse && !model->linux_too) || (listens && model->linux_too))
		return; /* an error to its caller */
	end->listener = 0;
	endpoint_begin(end);
	end->held = 1;
	endpoint_transmit(model, host, end, SEGMENT_SYN, 0);
}

/* Our FIN is sent, or what was sent before is closed once more. */
static void happens_close(struct model *model, int host, struct endpoint *end, bool held, enum machine_input input)
{
	bool again = end->fin_sent, gave_up = end->state == TCP_SYN_SENT;

	end->held = held;
	endpoint_input(model, host, end, input, input == INPUT_CLOSE ? SIGN_LOCAL_CALL : 0, 0);
	if (gave_up) {
		endpoint_end(model, end);
		return;
	}
	end->closed = 1;
	if (again)
		return;
	end->fin_sent = 1;
	endpoint_transmit(model, host, end, SEGMENT_FIN, endpoint_snd_nxt(end) - 1);
}

/* A listener, or what came through it and nobody has accepted. */
static void happens_close_listener(struct model *model, int host, struct endpoint *end)
{
	end->listener = 0;
	if (endpoint_in(end, BIT(TCP_LISTEN))) {
		endpoint_input(model, host, end, INPUT_CLOSE, 0, SIGN_LOCAL_CALL);
	} else if (end->passive && !end->accepted) {
		if (!end->request)
			endpoint_reset(model, host, end);
		endpoint_input(model, host, end, INPUT_LISTENER_CLOSE, end->request ? 0 : SIGN_LISTENER_GONE, 0);
		endpoint_end(model, end);
	}
}

/* An end at once, with a reset where reset says so. */
static void happens_end(struct model *model, int host, struct endpoint *end, enum machine_input input,
			uint32_t essential, bool reset)
{
	unsigned int resettable = BIT(TCP_SYN_RECV) | SYNCHRONISED;

	if (end->request || end->minisock) /* of which the hooks see little */
		essential &= SIGN_SYNACK_TIMEOUT | SIGN_TIMER_ENDED;
	if (reset && endpoint_in(end, resettable) && !end->request && !end->minisock)
		endpoint_reset(model, host, end);
	endpoint_input(model, host, end, input, essential, 0);
	endpoint_end(model, end);
}

static void happens_abort(struct model *model, int host, struct endpoint *end, enum machine_input input, uint32_t sign)
{
	bool silent = endpoint_in(end, BIT(TCP_CLOSING) | BIT(TCP_LAST_ACK)); /* RFC 9293 3.10.5, tcp_need_reset() */

	if (endpoint_in(end, BIT(TCP_LISTEN)))
		end->listener = 0;
	if (endpoint_in(end, BIT(TCP_LISTEN) | BIT(TCP_TIME_WAIT)))
		sign = 0;
	if (endpoint_in(end, BIT(TCP_SYN_SENT)))
		sign = SIGN_LOCAL_CALL;
	happens_end(model, host, end, input, sign, !silent);
}

static void happens_destroy_listener(struct model *model, int host, struct endpoint *end)
{
	end->listener = 0;
	endpoint_input(model, host, end, INPUT_DESTROY, 0, SIGN_DESTROYED | SIGN_LOCAL_CALL);
	endpoint_input(model, host, end, INPUT_DESTROY, SIGN_DESTROYED, SIGN_LOCAL_CALL);
}

static void happens_icmp(struct model *model, int host, struct endpoint *end)
{
	bool fatal = endpoint_in(end, BIT(TCP_SYN_SENT) | BIT(TCP_SYN_RECV));

	endpoint_input(model, host, end, INPUT_ICMP, fatal ? SIGN_ICMP : 0, 0);
	if (fatal)
		endpoint_end(model, end);
}

static void happens_crash(struct endpoint *end)
{
	forget(end);
	end->listener = end->up = end->crash_left = 0;
	end->state = TCP_CLOSE;
}

static void happens_specially(struct model *model, int host, struct endpoint *end, enum endpoint_event event)
{
	end->special_left = 0;
	switch (event) {
	case HAPPENS_CONNECT_NO_PORT:
		endpoint_input(model, host, end, INPUT_OPEN_ACTIVE, 0, SIGN_LOCAL_CALL);
		endpoint_input(model, host, end, INPUT_NO_LOCAL_PORT, SIGN_NO_SYN, 0);
		endpoint_end(model, end);
		break;
	case HAPPENS_REPAIR_CLOSE: happens_end(model, host, end, INPUT_REPAIR_CLOSE, SIGN_REPAIR, false); break;
	case HAPPENS_DESTROY: happens_end(model, host, end, INPUT_DESTROY, SIGN_DESTROYED, true); break;
	case HAPPENS_DESTROY_LISTENER: happens_destroy_listener(model, host, end); break;
	case HAPPENS_SUBFLOW_CLOSE: happens_close(model, host, end, false, INPUT_SUBFLOW_CLOSE); break;
	case HAPPENS_SUBFLOW_RESET: happens_end(model, host, end, INPUT_RST_MPTCP, SIGN_MPTCP, true); break;
	case HAPPENS_SUBFLOW_REFUSED: happens_end(model, host, end, INPUT_SUBFLOW_REFUSED, SIGN_MPTCP, true); break;
	case HAPPENS_ICMP: happens_icmp(model, host, end); break;
	case HAPPENS_LIMIT: happens_end(model, host, end, INPUT_LIMIT, SIGN_LIMIT, true); break;
	case HAPPENS_NETNS_EXIT: happens_end(model, host, end, INPUT_NETNS_EXIT, SIGN_SILENT_END, false); break;
	case HAPPENS_LINGER2: happens_end(model, host, end, INPUT_ORPHANED_LINGER2, SIGN_LINGER2, true); break;
	case HAPPENS_TIME_WAIT_LIMIT: end->no_time_wait = 1; break;
	default: break;
	}
}

static void happens_by_itself(struct model *model, int host, struct endpoint *end, enum endpoint_event event)
{
	switch (event) {
	case HAPPENS_ORPHANED:
		endpoint_input(model, host, end, INPUT_ORPHANED, SIGN_MINISOCK, SIGN_FIN_ACKED);
		end->minisock = 1;
		break;
	case HAPPENS_RETRANSMIT: retransmit(model, host, end); break;
	case HAPPENS_KEEPALIVE_PROBE:
		endpoint_transmit(model, host, end, SEGMENT_PROBE, endpoint_snd_nxt(end) - 1);
		break;
	case HAPPENS_GIVE_UP:
		happens_end(model, host, end, INPUT_USER_TIMEOUT, end->request ? SIGN_SYNACK_TIMEOUT : SIGN_TIMED_OUT,
			    false);
		break;
	case HAPPENS_KEEPALIVE_TIMEOUT:
		happens_end(model, host, end, INPUT_KEEPALIVE_TIMEOUT, SIGN_TIMED_OUT, true);
		break;
	case HAPPENS_TIME_WAIT_OVER:
		happens_end(model, host, end, INPUT_TIME_WAIT_TIMEOUT, SIGN_TIMER_ENDED, false);
		break;
	case HAPPENS_FIN_WAIT2_OVER:
		happens_end(model, host, end, INPUT_FIN_WAIT2_TIMEOUT, SIGN_TIMER_ENDED, false);
		break;
	default: break;
	}
}

void endpoint_happens(struct model *model, int host, struct endpoint *end, enum endpoint_event event)
{
	switch (event) {
	case HAPPENS_LISTEN:
		endpoint_input(model, host, end, INPUT_OPEN_PASSIVE, 0, SIGN_LOCAL_CALL);
		end->listener = 1;
		break;
	case HAPPENS_CONNECT: happens_connect(model, host, end); break;
	case HAPPENS_ACCEPT: end->accepted = end->held = 1; break;
	case HAPPENS_SEND:
		end->data_sent = 1;
		end->data_left = 0;
		endpoint_transmit(model, host, end, SEGMENT_DATA, 1);
		break;
	case HAPPENS_SHUTDOWN: happens_close(model, host, end, true, INPUT_CLOSE); break;
	case HAPPENS_CLOSE: happens_close(model, host, end, false, INPUT_CLOSE); break;
	case HAPPENS_CLOSE_LISTENER: happens_close_listener(model, host, end); break;
	case HAPPENS_ABORT: happens_abort(model, host, end, INPUT_ABORT, SIGN_ABORT_CALL); break;
	case HAPPENS_DISCONNECT: happens_abort(model, host, end, INPUT_DISCONNECT, SIGN_DISCONNECT); break;
	case HAPPENS_CRASH: happens_crash(end); break;
	case HAPPENS_REBOOT: end->up = 1; break;
	case HAPPENS_ODD_SYN:
		end->odd_left = 0;
		endpoint_receives(model, host, end, (union segment){.kind = SEGMENT_SYN_FIN, .incarnation = 3});
		break;
	default:
		if (event >= HAPPENS_BY_ITSELF)
			happens_by_itself(model, host, end, event);
		else
			happens_specially(model, host, end, event);
	}
}
