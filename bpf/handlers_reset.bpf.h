/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers_reset.bpf.h: resets that were sent and resets that came in; see handlers.bpf.h.
 */
#ifndef LASTACK_HANDLERS_RESET_BPF_H
#define LASTACK_HANDLERS_RESET_BPF_H

/* Resets that belong to no connection are only of interest to who watches every event. */
const volatile bool want_stray_resets = false;

/* The address pair of a segment that came in, seen from this host. Offsets: RFC 791, 8200, 9293. */
static __always_inline __u8 tuple_of_segment(struct event_tuple *tuple, const struct sk_buff *skb)
{
	unsigned char *head = FOLLOW(skb, head), *network = head + FOLLOW(skb, network_header);
	__u32 words[8] = {};
	__u16 ports[2] = {};
	__u8 version = 0;

	bpf_probe_read_kernel(ports, sizeof(ports), head + FOLLOW(skb, transport_header));
	tuple->remote_port = bpf_ntohs(ports[0]);
	tuple->local_port = bpf_ntohs(ports[1]);
	bpf_probe_read_kernel(&version, sizeof(version), network);
	if (version >> 4 == 6) {
		bpf_probe_read_kernel(words, 32, network + 8);
		address_put(tuple->remote, words[0], words[1], words[2], words[3]);
		address_put(tuple->local, words[4], words[5], words[6], words[7]);
		return 6;
	}
	bpf_probe_read_kernel(words, 8, network + 12);
	address_put(tuple->remote, words[0], 0, 0, 0);
	address_put(tuple->local, words[1], 0, 0, 0);
	return 4;
}

/* Where it came in. In tcp_v4_rcv() the device is there until a socket is found, and then the socket tells it. */
static __always_inline __u32 netns_of_segment(const struct sk_buff *skb)
{
	return BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
}

/* tcp_mem[2] is where tcp_out_of_memory() starts; the per-CPU reserves make it a little fuzzy. */
static __always_inline bool memory_is_over(const struct sock *sk)
{
	struct proto *proto = sk->__sk_common.skc_prot;
	atomic_long_t *allocated = FOLLOW(proto, memory_allocated);
	long *limits = FOLLOW(proto, sysctl_mem), limit = 0;

	bpf_probe_read_kernel(&limit, sizeof(limit), &limits[2]);
	return FOLLOW(allocated, counter) > limit;
}

/* Fills what only a whole TCP socket has; others (TIME_WAIT) keep the zeros. */
static __always_inline void reset_sent_fill(struct event_reset_sent *event, const struct socket_view *view)
{
	const struct sock *sk = view->sk;
	struct tcp_sock *tp = view->tp;

	event->state = sk->__sk_common.skc_state;
	event->family = tuple_fill(&event->tuple, &sk->__sk_common, sk->__sk_common.skc_num);
	if (!tp)
		return;
	event->tuple.local_port = local_port_of(tp);
	event->probes_out = tp->inet_conn.icsk_probes_out;
	if (memory_is_over(sk))
		event->header.flags |= EVENT_MEMORY_OVER;
}

/* sk: the connection, its minisock, the listener that was in the way, or NULL. skb NULL: not an answer. */
static __always_inline int handle_reset_sent(struct cpu_state *cpu, enum view_place place, const struct sock *socket,
					     const struct sk_buff *skb, __u8 reason)
{
	struct event_reset_sent *event;
	struct socket_view view = {};
	const struct sock *sk;
	bool stray;

	if (socket && !view_any(&view, cpu, EVENT_RESET_SENT, place, socket))
		return 0;
	sk = view.sk;
	stray = !sk || sk->__sk_common.skc_state == TCP_LISTEN;
	if ((stray && !want_stray_resets) || (sk && !common_is_wanted(&sk->__sk_common, sk->__sk_common.skc_num))) {
		event_filtered(cpu, EVENT_RESET_SENT);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RESET_SENT, sizeof(*event), sk ? socket_key(socket) : 0,
			      skb ? EVENT_PASSIVE : 0);
	if (!event)
		return 0;
	event->state = event->probes_out = event->family = 0;
	event->reason = reason;
	event->pad = 0;
	__builtin_memset(&event->tuple, 0, sizeof(event->tuple));
	if (sk)
		reset_sent_fill(event, &view);
	if (stray && skb)
		event->family = tuple_of_segment(&event->tuple, skb);
	if (!sk && skb)
		event->tuple.netns = netns_of_segment(skb);
	event_submit(cpu, event, EVENT_RESET_SENT);
	return 0;
}

/*
 * A host that still has the connection sends its resets with the timestamp option (RFC 7323 section 3.2)
 * if one was negotiated; tcp_v4_send_reset() and middleboxes, which answer for a connection that
 * nobody has, do not.
 */
static __always_inline __u16 reset_received_flags(const struct sock *sk, struct tcp_sock *tp)
{
	__u16 flags = socket_flags(sk) | close_flags(sk, tp);

	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.tstamp_ok))
		flags |= BPF_CORE_READ_BITFIELD(tp, rx_opt.saw_tstamp) ? EVENT_RESET_STATEFUL : EVENT_RESET_STATELESS;
	return flags;
}

static __always_inline int handle_reset_received(struct cpu_state *cpu, enum view_place place,
						 const struct sock *socket)
{
	struct event_reset_received *event;
	struct socket_view view;
	const struct sock *sk;
	struct tcp_sock *tp;

	if (!view_tcp(&view, cpu, EVENT_RESET_RECEIVED, place, socket))
		return 0;
	sk = view.sk;
	tp = view.tp;
	if (!socket_is_wanted(sk, local_port_of(tp))) {
		event_filtered(cpu, EVENT_RESET_RECEIVED);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RESET_RECEIVED, sizeof(*event), socket_key(socket),
			      reset_received_flags(sk, tp));
	if (!event)
		return 0;
	event->state = sk->__sk_common.skc_state;
	event->retransmits = tp->inet_conn.icsk_retransmits;
	event->probes_out = tp->inet_conn.icsk_probes_out;
	event->pad = 0;
	event->unacked_bytes = tp->write_seq - tp->snd_una;
	event->silent_ticks = ticks_since(tp->rcv_tstamp);
	event->challenge_ticks = ticks_since(tp->last_oow_ack_time);
	event_submit(cpu, event, EVENT_RESET_RECEIVED);
	return 0;
}

#endif
