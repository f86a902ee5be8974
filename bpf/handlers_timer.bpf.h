/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers_timer.bpf.h: keepalive and window probes, what minisocks meet and how they end, from functions where the
 * kernel lets us attach to them, else from its timers; see handlers.bpf.h.
 *
 * What comes by way of a timer is an address that the verifier knows nothing of, so everything here is read
 * with BPF_CORE_READ.
 */
#ifndef LASTACK_HANDLERS_TIMER_BPF_H
#define LASTACK_HANDLERS_TIMER_BPF_H

static __always_inline void emit_probe(struct cpu_state *cpu, __u64 key, struct tcp_sock *tp, enum probe_kind kind,
				       __u32 silent_ticks)
{
	struct event_probe *event = event_reserve(cpu, EVENT_PROBE, sizeof(*event), key, 0);

	if (!event)
		return;
	event->state = BPF_CORE_READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);
	event->probe = kind;
	event->probes_out = BPF_CORE_READ(tp, inet_conn.icsk_probes_out);
	event->pad = 0;
	event->silent_ticks = silent_ticks;
	event_submit(cpu, event, EVENT_PROBE);
}

/* The filter for sockets at an address that the verifier knows nothing of. */
static __always_inline bool address_is_wanted(__u64 address)
{
	struct sock_common *common = (struct sock_common *)address;
	__u16 local_port = BPF_CORE_READ(common, skc_num), remote_port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
	__u32 netns = BPF_CORE_READ(common, skc_net.net, ns.inum);
	bool found = !filter_netns_count;
	struct in6_addr remote = {};

	if (filter_family) {
		BPF_CORE_READ_INTO(&remote, common, skc_v6_daddr);
		if (filter_family !=
		    (BPF_CORE_READ(common, skc_family) == AF_INET6 && !address_is_mapped(&remote) ? 6 : 4))
			return false;
	}
	for (__u32 i = 0; i < FILTER_NETNS_MAX && i < filter_netns_count; i++)
		found = found || filter_netns[i] == netns;
	if (!found)
		return false;
	if (filter_local_port_count && !port_in(filter_local_port, filter_local_port_count, local_port))
		return false;
	return !filter_remote_port_count || port_in(filter_remote_port, filter_remote_port_count, remote_port);
}

/*
 * tcp_write_wakeup() sends a probe and nothing else: a keepalive probe when everything written has
 * been sent, else a window probe. (Its second argument says so too, but by a number without a name.)
 */
static __always_inline int handle_write_wakeup(struct cpu_state *cpu, __u64 address)
{
	struct tcp_sock *tp = (struct tcp_sock *)address;
	bool idle = BPF_CORE_READ(tp, write_seq) == BPF_CORE_READ(tp, snd_nxt);

	if (!address_is_wanted(address)) {
		event_filtered(cpu, EVENT_PROBE);
		return 0;
	}
	emit_probe(cpu, socket_key_of_address(address), tp, idle ? PROBE_KEEPALIVE : PROBE_WINDOW,
		   ticks_since(BPF_CORE_READ(tp, rcv_tstamp)));
	return 0;
}

/*
 * Will this expiry of the keepalive timer send a probe? The same conditions as tcp_keepalive_timer():
 * the timer also expires because it was not moved on traffic, because the application holds the lock,
 * and it serves orphans in FIN_WAIT2.
 */
static __always_inline bool keepalive_expiry_probes(struct tcp_sock *tp, __u32 *silent_ticks)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state), probes = BPF_CORE_READ(tp, keepalive_probes);
	__u32 idle = BPF_CORE_READ(tp, keepalive_time), heard, data;
	__u32 user_timeout = BPF_CORE_READ(tp, inet_conn.icsk_user_timeout);

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT && state != TCP_FIN_WAIT1 && state != TCP_FIN_WAIT2)
		return false;
	if (!(BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_KEEPOPEN_BIT) || BPF_CORE_READ(sk, sk_lock.owned))
		return false;
	if (BPF_CORE_READ(tp, snd_nxt) != BPF_CORE_READ(tp, snd_una) ||
	    BPF_CORE_READ(tp, write_seq) != BPF_CORE_READ(tp, snd_nxt))
		return false;
	if (!idle)
		idle = BPF_CORE_READ(sk, __sk_common.skc_net.net, ipv4.sysctl_tcp_keepalive_time);
	heard = ticks_since(BPF_CORE_READ(tp, rcv_tstamp));
	data = (__u32)bpf_jiffies64() - BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime);
	*silent_ticks = heard < data ? heard : data;
	if (*silent_ticks < idle)
		return false;
	if (!probes)
		probes = BPF_CORE_READ(sk, __sk_common.skc_net.net, ipv4.sysctl_tcp_keepalive_probes);
	/* At the limit the timer kills the connection instead; with a user timeout that alone decides. */
	return user_timeout || BPF_CORE_READ(tp, inet_conn.icsk_probes_out) < probes;
}

static __always_inline int handle_keepalive_timer(struct cpu_state *cpu, struct timer_list *timer)
{
	__u64 address = (__u64)timer - keepalive_timer_offset();
	struct tcp_sock *tp = (struct tcp_sock *)address;
	__u32 silent_ticks = 0;

	if (!keepalive_expiry_probes(tp, &silent_ticks))
		return 0;
	if (!address_is_wanted(address)) {
		event_filtered(cpu, EVENT_PROBE);
		return 0;
	}
	emit_probe(cpu, socket_key_of_address(address), tp, PROBE_KEEPALIVE, silent_ticks);
	return 0;
}

static __always_inline int handle_write_timer(struct cpu_state *cpu, struct timer_list *timer)
{
	__u64 address = (__u64)timer - write_timer_offset();
	struct tcp_sock *tp = (struct tcp_sock *)address;
	struct sock *sk = (struct sock *)address;

	if (BPF_CORE_READ(tp, inet_conn.icsk_pending) != ICSK_TIME_PROBE0 || BPF_CORE_READ(sk, sk_lock.owned))
		return 0;
	if (!address_is_wanted(address)) {
		event_filtered(cpu, EVENT_PROBE);
		return 0;
	}
	emit_probe(cpu, socket_key_of_address(address), tp, PROBE_WINDOW, ticks_since(BPF_CORE_READ(tp, rcv_tstamp)));
	return 0;
}

/* A minisock that nobody's socket preceded (no cookie) belongs to no connection that is known here. */
static __always_inline int handle_time_wait(struct cpu_state *cpu, __u64 address, enum time_wait_change change)
{
	struct inet_timewait_sock *tw = (struct inet_timewait_sock *)address;
	__u64 key = socket_key_of_address(address);
	struct event_time_wait *event;

	if (!key)
		return 0;
	if (!address_is_wanted(address)) {
		event_filtered(cpu, EVENT_TIME_WAIT);
		return 0;
	}
	event = event_reserve(cpu, EVENT_TIME_WAIT, sizeof(*event), key, 0);
	if (!event)
		return 0;
	event->change = change;
	event->substate = BPF_CORE_READ(tw, tw_substate);
	event->pad[0] = event->pad[1] = 0;
	event->timeout_ticks = 0;
	event_submit(cpu, event, EVENT_TIME_WAIT);
	return 0;
}

/* A reset that nobody else tells of, in answer to a segment that came in for a minisock. */
static __always_inline void emit_minisock_reset(struct cpu_state *cpu, __u64 key)
{
	struct event_reset_sent *event = event_reserve(cpu, EVENT_RESET_SENT, sizeof(*event), key, EVENT_PASSIVE);

	if (!event)
		return;
	event->state = TCP_TIME_WAIT;
	event->reason = RESET_REASON_UNKNOWN;
	event->family = event->probes_out = 0;
	event->pad = 0;
	__builtin_memset(&event->tuple, 0, sizeof(event->tuple));
	event_submit(cpu, event, EVENT_RESET_SENT);
}

/*
 * A minisock has met a segment, and tcp_timewait_state_process() said what is to be done. A reset in the window ends
 * it, unless tcp_rfc1337 is set: whether it did shows in that the minisock is in no table any more.
 */
static __always_inline int handle_minisock_segment(struct cpu_state *cpu, __u64 address, struct tcphdr *segment,
						   __u32 status, bool resets_are_told)
{
	struct sock_common *common = (struct sock_common *)address;
	__u64 key = socket_key_of_address(address);

	if (!key)
		return 0;
	if (status == bpf_core_enum_value(enum tcp_tw_status, TCP_TW_RST)) {
		if (resets_are_told)
			return 0;
		if (address_is_wanted(address))
			emit_minisock_reset(cpu, key);
		else
			event_filtered(cpu, EVENT_RESET_SENT);
	} else if (status == bpf_core_enum_value(enum tcp_tw_status, TCP_TW_SUCCESS) &&
		   BPF_CORE_READ_BITFIELD_PROBED(segment, rst) && !BPF_CORE_READ(common, skc_nulls_node.pprev)) {
		return handle_time_wait(cpu, address, TIME_WAIT_RESET);
	}
	return 0;
}

static __always_inline __u64 time_wait_of_timer(struct timer_list *timer)
{
	return (__u64)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
}

/* Few timers expire and most of those are not ours: three comparisons decide. */
static __always_inline bool timer_is_ours(struct timer_list *timer)
{
	__u64 function = (__u64)FOLLOW(timer, function);

	return function == time_wait_timer_function || function == keepalive_timer_function ||
	       function == write_timer_function;
}

static __always_inline int handle_timer_expiry(struct cpu_state *cpu, struct timer_list *timer)
{
	__u64 function = (__u64)FOLLOW(timer, function);

	if (function == time_wait_timer_function)
		return handle_time_wait(cpu, time_wait_of_timer(timer), TIME_WAIT_EXPIRED);
	if (function == keepalive_timer_function)
		return handle_keepalive_timer(cpu, timer);
	if (function == write_timer_function)
		return handle_write_timer(cpu, timer);
	return 0;
}

#endif
