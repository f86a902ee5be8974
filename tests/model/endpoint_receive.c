// SPDX-License-Identifier: GPL-2.0-only
/*
 * endpoint_receive.c: a segment arrives: RFC 9293 3.10.7, with the challenge ACKs of RFC 5961 that it has taken in, and
 * what Linux does otherwise. Acceptable means here: of the incarnation that we know, and in order.
 */
#include "endpoint_internal.h"

#define ACK_NOW(model, host, end) endpoint_transmit(model, host, end, SEGMENT_ACK, endpoint_snd_nxt(end))

static bool has_syn(union segment segment)
{
	return segment.kind == SEGMENT_SYN || segment.kind == SEGMENT_SYN_FIN;
}

/* 3.10.7.1: the answer to what belongs to no connection. */
static void refuse(struct model *model, int host, union segment segment)
{
	union segment reset = {.kind = SEGMENT_RST};

	if (segment.has_ack) {
		reset.incarnation = segment.ack_incarnation;
		reset.seq = segment.ack;
	} else {
		reset.has_ack = 1;
		reset.ack_incarnation = segment.incarnation;
		reset.ack = (segment.seq + 1U) & 3;
	}
	model->send(model->send_arg, host, reset);
}

static void passive_open(struct model *model, int host, struct endpoint *end, union segment segment)
{
	bool fast = model->linux_too && end->fast_open;

	if (!end->opens_left)
		return; /* the backlog is full */
	if (segment.kind == SEGMENT_SYN_FIN && model->linux_too)
		return; /* tcp_rcv_state_process() drops it */
	endpoint_input(model, host, end, fast ? INPUT_SYN_FAST_OPEN : INPUT_SYN, fast ? SIGN_FAST_OPEN : 0, 0);
	endpoint_begin(end);
	end->peer = segment.incarnation;
	end->passive = 1;
	end->request = model->linux_too && !fast;
	if (!model->linux_too) { /* the listener itself became the connection */
		end->listener = 0;
		end->accepted = end->held = 1;
	}
	endpoint_transmit(model, host, end, SEGMENT_SYN, 0);
	if (segment.kind != SEGMENT_SYN_FIN)
		return;
	end->fin_received = end->peer_fin_first = 1;
	endpoint_input(model, host, end, INPUT_FIN, SIGN_PEER_FIN, 0);
}

static void in_listen(struct model *model, int host, struct endpoint *end, union segment segment)
{
	if (segment.kind == SEGMENT_RST)
		endpoint_input(model, host, end, INPUT_RST, 0, 0);
	else if (segment.has_ack)
		refuse(model, host, segment);
	else if (has_syn(segment))
		passive_open(model, host, end, segment);
}

static void in_syn_sent(struct model *model, int host, struct endpoint *end, union segment segment)
{
	bool acks = segment.has_ack && segment.ack_incarnation == end->incarnation && segment.ack == 1;

	if (segment.has_ack && !acks && segment.kind != SEGMENT_RST) {
		refuse(model, host, segment);
	} else if (segment.kind == SEGMENT_RST) {
		if (!acks)
			return;
		endpoint_input(model, host, end, INPUT_RST, SIGN_RESET_RECEIVED, 0);
		endpoint_end(model, end);
	} else if (segment.kind == SEGMENT_SYN) {
		end->peer = segment.incarnation;
		if (acks) {
			end->una = 1;
			endpoint_input(model, host, end, INPUT_SYN_ACK, 0, 0);
			ACK_NOW(model, host, end);
		} else {
			endpoint_input(model, host, end, model->self ? INPUT_SYN_OWN : INPUT_SYN,
				       model->self ? SIGN_SELF : 0, 0);
			endpoint_transmit(model, host, end, SEGMENT_SYN, 0);
		}
	}
}

/* ---- a SYN or a reset where both sides know each other, or almost ------------------------------------- */

static void reset_of_connection(struct model *model, int host, struct endpoint *end, union segment segment)
{
	bool passive = end->state == TCP_SYN_RECV && end->passive;

	if (segment.incarnation != end->peer || segment.seq < endpoint_rcv_nxt(end))
		return;
	if (segment.seq != endpoint_rcv_nxt(end)) {
		if (!end->request)
			ACK_NOW(model, host, end); /* in the window, but not exact: RFC 5961 3.2 */
		return;
	}
	endpoint_input(model, host, end, passive ? INPUT_RST_PASSIVE : INPUT_RST,
		       SIGN_RESET_RECEIVED | (passive ? SIGN_PASSIVE : 0), 0);
	if (passive && !model->linux_too)
		endpoint_back_to_listen(model, end);
	else
		endpoint_end(model, end);
}

/* A SYN of another incarnation. */
static void new_syn(struct model *model, int host, struct endpoint *end, union segment segment)
{
	uint8_t before = end->state;

	if (before == TCP_TIME_WAIT) {
		/* Whether somebody listens decides what becomes of it. */
		if (!end->opens_left || !(end->listener || (!model->linux_too && end->passive))) {
			ACK_NOW(model, host, end);
			return;
		}
		endpoint_input(model, host, end, INPUT_SYN_NEW, SIGN_REUSED | SIGN_PASSIVE, 0);
		endpoint_begin(end);
		end->peer = segment.incarnation;
		end->passive = 1;
		end->request = model->linux_too;
		end->accepted = end->held = !model->linux_too;
		endpoint_transmit(model, host, end, SEGMENT_SYN, 0);
		return;
	}
	if (before == TCP_SYN_RECV && !end->passive && !model->linux_too) {
		ACK_NOW(model, host, end); /* as in the synchronised states: only a passive open goes back */
		return;
	}
	endpoint_input(model, host, end, INPUT_SYN_NEW, before == MACHINE_FIN_WAIT2_MINISOCK ? SIGN_RESET_ANSWER : 0,
		       0);
	if (before == MACHINE_FIN_WAIT2_MINISOCK) {
		refuse(model, host, segment);
		endpoint_end(model, end);
	} else if (before == TCP_SYN_RECV && !model->linux_too) {
		endpoint_back_to_listen(model, end);
	} else {
		ACK_NOW(model, host, end);
	}
}

/* Our SYN or SYN-ACK has crossed with it, or it comes twice. */
static void old_syn(struct model *model, int host, struct endpoint *end, union segment segment)
{
	if (endpoint_in(end, BIT(TCP_SYN_RECV) | BIT(TCP_NEW_SYN_RECV)) && !segment.has_ack) {
		endpoint_input(model, host, end, INPUT_SYN, 0, 0);
		endpoint_transmit(model, host, end, SEGMENT_SYN, 0);
		return;
	}
	if (!end->request)
		ACK_NOW(model, host, end);
}

/* ---- acknowledgement, data, FIN: in this order --------------------------------------------------------- */

/* A minisock takes over, or, where there are too many, nothing does. */
static void enter_time_wait(struct model *model, int host, struct endpoint *end, enum machine_input input,
			    uint32_t essential)
{
	bool hands_over = model->linux_too && !end->minisock;
	uint32_t others = SIGN_PEER_FIN | SIGN_FIN_ACKED;

	if (hands_over)
		essential |= SIGN_MINISOCK;
	if (hands_over && end->no_time_wait) {
		endpoint_input(model, host, end, INPUT_TIME_WAIT_LIMIT, essential, others);
		endpoint_end(model, end);
		return;
	}
	endpoint_input(model, host, end, input, essential, others);
	end->minisock = model->linux_too;
}

static void fin_is_acknowledged(struct model *model, int host, struct endpoint *end)
{
	switch (end->state) {
	case TCP_FIN_WAIT1: endpoint_input(model, host, end, INPUT_ACK_OF_FIN, SIGN_FIN_ACKED, 0); break;
	case TCP_CLOSING: enter_time_wait(model, host, end, INPUT_ACK_OF_FIN, SIGN_FIN_ACKED); break;
	case TCP_LAST_ACK:
		endpoint_input(model, host, end, INPUT_ACK_OF_FIN, SIGN_FIN_ACKED, SIGN_PEER_FIN);
		endpoint_end(model, end);
		break;
	default: break;
	}
}

static void take_ack(struct model *model, int host, struct endpoint *end, union segment segment)
{
	bool fin_was_out = end->fin_sent && end->una < endpoint_snd_nxt(end);

	if (segment.ack <= end->una)
		return;
	end->una = segment.ack;
	if (end->request) { /* the child is cloned, and takes the same segment in */
		endpoint_input(model, host, end, INPUT_ACK_OF_SYN, 0, 0);
		end->request = 0;
	}
	if (end->state == TCP_SYN_RECV)
		endpoint_input(model, host, end, INPUT_ACK_OF_SYN, 0, 0);
	if (fin_was_out && end->una == endpoint_snd_nxt(end))
		fin_is_acknowledged(model, host, end);
}

static void take_data(struct model *model, int host, struct endpoint *end, union segment segment)
{
	bool nobody_reads = end->minisock || (end->closed && !end->held);

	if (segment.seq != endpoint_rcv_nxt(end) || end->fin_received) {
		ACK_NOW(model, host, end);
		return;
	}
	if (nobody_reads &&
	    endpoint_in(end, BIT(TCP_FIN_WAIT1) | BIT(TCP_FIN_WAIT2) | BIT(MACHINE_FIN_WAIT2_MINISOCK))) {
		refuse(model, host, segment);
		endpoint_input(model, host, end, INPUT_DATA_AFTER_CLOSE, SIGN_RESET_ANSWER, 0);
		endpoint_end(model, end);
		return;
	}
	end->data_received = 1;
	ACK_NOW(model, host, end);
}

static void take_fin(struct model *model, int host, struct endpoint *end, union segment segment)
{
	bool again = end->fin_received && segment.seq + 1U == endpoint_rcv_nxt(end);

	if (again && endpoint_in(end, BIT(TCP_CLOSE_WAIT) | BIT(TCP_CLOSING) | BIT(TCP_LAST_ACK) | BIT(TCP_TIME_WAIT)))
		endpoint_input(model, host, end, INPUT_FIN, 0, 0);
	if (again || segment.seq != endpoint_rcv_nxt(end)) {
		ACK_NOW(model, host, end);
		return;
	}
	end->fin_received = 1;
	end->peer_fin_first = !end->fin_sent;
	ACK_NOW(model, host, end);
	if (endpoint_in(end, BIT(TCP_FIN_WAIT2) | BIT(MACHINE_FIN_WAIT2_MINISOCK)))
		enter_time_wait(model, host, end, INPUT_FIN, SIGN_PEER_FIN);
	else
		endpoint_input(model, host, end, INPUT_FIN, SIGN_PEER_FIN, 0);
}

static void in_connection(struct model *model, int host, struct endpoint *end, union segment segment)
{
	if (segment.kind == SEGMENT_RST) {
		reset_of_connection(model, host, end, segment);
		return;
	}
	if (has_syn(segment)) {
		(segment.incarnation == end->peer ? old_syn : new_syn)(model, host, end, segment);
		return;
	}
	if (!segment.has_ack)
		return;
	if (segment.incarnation != end->peer || segment.ack_incarnation != end->incarnation) {
		if (endpoint_in(end, BIT(TCP_SYN_RECV) | BIT(TCP_NEW_SYN_RECV)))
			refuse(model, host, segment);
		else
			ACK_NOW(model, host, end);
		return;
	}
	take_ack(model, host, end, segment);
	if (!end->connected || end->request)
		return;
	if (segment.kind == SEGMENT_PROBE)
		ACK_NOW(model, host, end);
	else if (segment.kind == SEGMENT_DATA)
		take_data(model, host, end, segment);
	else if (segment.kind == SEGMENT_FIN)
		take_fin(model, host, end, segment);
}

void endpoint_receives(struct model *model, int host, struct endpoint *end, union segment segment)
{
	if (!end->up)
		return;
	switch (end->state) {
	case TCP_CLOSE:
		if (segment.kind != SEGMENT_RST)
			refuse(model, host, segment);
		break;
	case TCP_LISTEN: in_listen(model, host, end, segment); break;
	case TCP_SYN_SENT: in_syn_sent(model, host, end, segment); break;
	default: in_connection(model, host, end, segment);
	}
}
