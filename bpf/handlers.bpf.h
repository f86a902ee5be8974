/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers.bpf.h: what each hook means, independent of how it was attached.
 *
 * A handler takes the kernel's objects, leaves at once what is not TCP or not wanted, and emits at most
 * two records. It draws no conclusion: that is user space's work, where it can be tested.
 */
#ifndef LASTACK_HANDLERS_BPF_H
#define LASTACK_HANDLERS_BPF_H

/* Resets that belong to no connection are only of interest to who watches every event. */
const volatile bool want_stray_resets = false;

/*
 * The functions of the three timers that tell of probes and of TIME_WAIT's end. The loader sets them
 * from kallsyms where it may read that; else they are learnt from the first socket at hand.
 */
__u64 keepalive_timer_function;
__u64 write_timer_function;
__u64 time_wait_timer_function;

static __always_inline bool is_tcp(const struct sock *sk)
{
	/* Also fired for MPTCP's own sockets (262) and other inet protocols. */
	return sk->sk_protocol == IPPROTO_TCP;
}

static __always_inline void timers_learn(const struct sock *sk)
{
	struct timer_list *timer;

	if (keepalive_timer_function && write_timer_function)
		return;
	timer = (struct timer_list *)((__u64)sk + keepalive_timer_offset());
	keepalive_timer_function = (__u64)BPF_CORE_READ(timer, function);
	timer = (struct timer_list *)((__u64)sk + write_timer_offset());
	write_timer_function = (__u64)BPF_CORE_READ(timer, function);
}

static __always_inline void emit_birth(struct cpu_state *cpu, const struct sock *sk, struct tcp_sock *tp, __u8 old_state, __u8 new_state,
				       __u16 flags)
{
	bool passive = old_state == TCP_SYN_RECV || old_state == TCP_LISTEN;
	struct event_birth *birth;

	if (passive)
		flags |= EVENT_PASSIVE;
	birth = event_reserve(cpu, EVENT_BIRTH, sizeof(*birth), socket_key(sk), flags);
	if (!birth)
		return;
	birth->old_state = old_state;
	birth->new_state = new_state;
	birth->pad = 0;
	birth->uid = sk->sk_uid.val;
	birth->family = tuple_fill(&birth->tuple, &sk->__sk_common, local_port_of(tp));
	birth->socket = (__u64)sk;
	birth->cgroup = socket_cgroup(sk);
	birth->local_isn = birth->remote_isn = birth->handshake_us = 0;
	if (new_state == TCP_ESTABLISHED) {
		birth->local_isn = local_isn(tp, passive);
		birth->remote_isn = remote_isn(tp);
		birth->handshake_us = tp->srtt_us >> 3;
	}
	bpf_get_current_comm(birth->comm, sizeof(birth->comm));
	birth->pad2 = 0;
	event_submit(cpu, birth, EVENT_BIRTH);
}

static __always_inline void state_fill(struct event_state *state, struct tcp_sock *tp, __u8 old_state,
				       __u8 new_state)
{
	state->old_state = old_state;
	state->new_state = new_state;
	state->local_port = local_port_of(tp);
	state->local_isn = state->remote_isn = state->pad = 0;
	if (new_state == TCP_ESTABLISHED) {
		state->local_isn = local_isn(tp, false);
		state->remote_isn = remote_isn(tp);
	}
}

static __always_inline void emit_state(struct cpu_state *cpu, const struct sock *sk, struct tcp_sock *tp, __u8 old_state, __u8 new_state,
				       __u16 flags)
{
	struct event_state_task *task;
	struct event_state *state;

	/* SYN_SENT->ESTABLISHED in the task's context is the backlog at work: no act of the task's. */
	if (!(flags & EVENT_TASK_ACTS) || new_state == TCP_ESTABLISHED) {
		state = event_reserve(cpu, EVENT_STATE, sizeof(*state), socket_key(sk), flags);
		if (!state)
			return;
		state_fill(state, tp, old_state, new_state);
		event_submit(cpu, state, EVENT_STATE);
		return;
	}
	task = event_reserve(cpu, EVENT_STATE_TASK, sizeof(*task), socket_key(sk), flags);
	if (!task)
		return;
	state_fill(&task->state, tp, old_state, new_state);
	task->uid = bpf_get_current_uid_gid();
	task->exit_code = exit_code_of_task(flags);
	bpf_get_current_comm(task->comm, sizeof(task->comm));
	event_submit(cpu, task, EVENT_STATE_TASK);
}

static __always_inline __u16 close_flags(const struct sock *sk, struct tcp_sock *tp)
{
	unsigned long bits = sk->__sk_common.skc_flags;
	__u16 flags = 0;

	if (bits & SOCK_KEEPOPEN_BIT)
		flags |= EVENT_KEEPALIVE_ON;
	if ((bits & SOCK_LINGER_BIT) && sk->sk_lingertime == 0)
		flags |= EVENT_LINGER_ZERO;
	if (!tp->snd_wnd)
		flags |= EVENT_WINDOW_ZERO;
	if (tp->snd_nxt == tp->snd_una)
		flags |= EVENT_NOTHING_IN_FLIGHT;
	if (tp->linger2 < 0)
		flags |= EVENT_LINGER2_NEGATIVE;
	if (BPF_CORE_READ_BITFIELD(tp, repair))
		flags |= EVENT_REPAIR;
	return flags;
}

/* The keepalive settings in force: the socket's own, else those of its network namespace. */
static __always_inline void keepalive_fill(struct event_close *close, const struct sock *sk, struct tcp_sock *tp)
{
	struct net *net;

	close->keepalive_idle_ticks = close->keepalive_interval_ticks = 0;
	close->keepalive_probes = 0;
	if (!(sk->__sk_common.skc_flags & SOCK_KEEPOPEN_BIT))
		return;
	net = sk->__sk_common.skc_net.net;
	close->keepalive_idle_ticks = tp->keepalive_time;
	if (!close->keepalive_idle_ticks)
		close->keepalive_idle_ticks = net->ipv4.sysctl_tcp_keepalive_time;
	close->keepalive_interval_ticks = tp->keepalive_intvl;
	if (!close->keepalive_interval_ticks)
		close->keepalive_interval_ticks = net->ipv4.sysctl_tcp_keepalive_intvl;
	close->keepalive_probes = tp->keepalive_probes;
	if (!close->keepalive_probes)
		close->keepalive_probes = net->ipv4.sysctl_tcp_keepalive_probes;
}

static __always_inline void close_fill(struct event_close *close, const struct sock *sk, struct tcp_sock *tp,
				       __u16 flags)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	/* The peer's FIN counts in rcv_nxt and in bytes_received, but it is no byte. */
	__u32 peer_fin = flags & EVENT_SOCKET_DONE ? 1 : 0;

	close->error = sk->sk_err;
	close->soft_error = sk->sk_err_soft;
	close->local_port = local_port_of(tp);
	close->shutdown = sk->sk_shutdown;
	close->pending_timer = icsk->icsk_pending;
	close->retransmits = icsk->icsk_retransmits;
	close->probes_out = icsk->icsk_probes_out;
	close->pad = 0;
	close->user_timeout_ms = icsk->icsk_user_timeout;
	close->unacked_bytes = tp->write_seq - tp->snd_una;
	close->unread_bytes = tp->rcv_nxt - tp->copied_seq - peer_fin;
	close->total_retransmits = tp->total_retrans;
	close->total_timeouts = tcp_total_timeouts(tp);
	close->silent_ticks = ticks_since(tp->rcv_tstamp);
	close->srtt_us = tp->srtt_us >> 3;
	close->bytes_sent = tp->bytes_sent - tp->bytes_retrans;
	close->bytes_received = tp->bytes_received - peer_fin;
}

static __always_inline void emit_close(struct cpu_state *cpu, const struct sock *sk, struct tcp_sock *tp, __u8 old_state, __u8 new_state,
				       __u16 flags)
{
	struct event_close *close;

	flags |= close_flags(sk, tp);
	close = event_reserve(cpu, EVENT_CLOSE, sizeof(*close), socket_key(sk), flags);
	if (!close)
		return;
	close->old_state = old_state;
	close->new_state = new_state;
	close_fill(close, sk, tp, flags);
	keepalive_fill(close, sk, tp);
	close->uid = bpf_get_current_uid_gid();
	close->exit_code = exit_code_of_task(flags);
	bpf_get_current_comm(close->comm, sizeof(close->comm));
	event_submit(cpu, close, EVENT_CLOSE);
}

static __always_inline enum event_kind state_kind(__u8 old_state, __u8 new_state)
{
	if (new_state == TCP_CLOSE)
		return EVENT_CLOSE;
	if (old_state == TCP_CLOSE || old_state == TCP_SYN_RECV || old_state == TCP_LISTEN)
		return EVENT_BIRTH;
	return EVENT_STATE;
}

/* net.ipv4.tcp_fastopen, bit 1 (TFO_SERVER_ENABLE): not set by default. */
static __always_inline bool fast_open_serves(const struct sock *sk)
{
	struct net *net = sk->__sk_common.skc_net.net;

	return BPF_CORE_READ_BITFIELD(net, ipv4.sysctl_tcp_fastopen) & 2;
}

/*
 * A child that nobody had accepted, ended without an error: its listener is being closed
 * (inet_csk_listen_stop()). The running task acts on it, though it holds the listener's lock and not the child's.
 */
static __always_inline __u16 orphan_closer_flags(const struct sock *sk, __u8 old_state, __u8 new_state)
{
	if (new_state != TCP_CLOSE || old_state == TCP_LISTEN || sk->sk_err || sk->sk_socket || sk->sk_lock.owned ||
	    sk->__sk_common.skc_flags & SOCK_DEAD_BIT)
		return 0;
	return EVENT_TASK_ACTS | (bpf_get_current_task_btf()->flags & PF_EXITING ? EVENT_TASK_EXITING : 0);
}

static __always_inline int handle_state(struct cpu_state *cpu, const struct sock *sk, __u8 old_state, __u8 new_state)
{
	__u16 flags, filter_port;
	struct tcp_sock *tp;

	if (!is_tcp(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return 0;
	/* SYN_RECV->ESTABLISHED tells it all a moment later; only TCP Fast Open stays in SYN_RECV. */
	if (old_state == TCP_LISTEN && new_state == TCP_SYN_RECV && !fast_open_serves(sk))
		return 0;
	/* An unbound client gets its port after CLOSE->SYN_SENT: user space must hear of it at the next. */
	filter_port = old_state == TCP_CLOSE || old_state == TCP_SYN_SENT ? 0 : local_port_of(tp);
	if (!socket_is_wanted(sk, filter_port)) {
		event_filtered(cpu, state_kind(old_state, new_state));
		return 0;
	}
	timers_learn(sk);
	flags = socket_flags(sk) | orphan_closer_flags(sk, old_state, new_state);
	if (old_state == TCP_SYN_RECV && new_state != TCP_ESTABLISHED)
		emit_birth(cpu, sk, tp, old_state, old_state, flags); /* it may never have been announced */
	if (new_state == TCP_CLOSE)
		emit_close(cpu, sk, tp, old_state, new_state, flags);
	else if (state_kind(old_state, new_state) == EVENT_BIRTH && new_state != TCP_FIN_WAIT1)
		emit_birth(cpu, sk, tp, old_state, new_state, flags);
	else
		emit_state(cpu, sk, tp, old_state, new_state, flags);
	return 0;
}

static __always_inline int handle_retransmit(struct cpu_state *cpu, const struct sock *sk, int error)
{
	struct event_retransmit *event;
	struct tcp_sock *tp;

	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp || !is_tcp(sk))
		return 0;
	if (!socket_is_wanted(sk, local_port_of(tp))) {
		event_filtered(cpu, EVENT_RETRANSMIT);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RETRANSMIT, sizeof(*event), socket_key(sk), 0);
	if (!event)
		return 0;
	event->state = sk->__sk_common.skc_state;
	event->pending_timer = tp->inet_conn.icsk_pending;
	event->retransmits = tp->inet_conn.icsk_retransmits;
	event->backoff = tp->inet_conn.icsk_backoff;
	event->error = error;
	event->local_port = local_port_of(tp);
	event->unacked_bytes = tp->write_seq - tp->snd_una;
	event->rto_ticks = tp->inet_conn.icsk_rto;
	event_submit(cpu, event, EVENT_RETRANSMIT);
	return 0;
}

static __always_inline int handle_synack(struct cpu_state *cpu, const struct sock *sk, const struct request_sock *request)
{
	const struct sock_common *common = &request->__req_common;
	struct inet_connection_sock *icsk;
	struct event_synack *event;
	struct tcp_sock *tp;

	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return 0;
	if (!common_is_wanted(common, common->skc_num) || (filter_cgroup_count && !cgroup_wanted(sk))) {
		event_filtered(cpu, EVENT_RETRANSMIT_SYNACK);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RETRANSMIT_SYNACK, sizeof(*event), socket_key(sk), 0);
	if (!event)
		return 0;
	icsk = &tp->inet_conn;
	event->request = socket_key((const struct sock *)request);
	event->family = tuple_fill(&event->tuple, common, common->skc_num);
	event->timeouts = BPF_CORE_READ_BITFIELD(request, num_timeout);
	event->max_retries = icsk->icsk_syn_retries;
	if (!event->max_retries)
		event->max_retries = sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_synack_retries;
	event->pad = 0;
	event->timeout_ticks = request->timeout;
	event_submit(cpu, event, EVENT_RETRANSMIT_SYNACK);
	return 0;
}

/* The address pair of a segment that came in, seen from this host. Offsets: RFC 791, 8200, 9293. */
static __always_inline __u8 tuple_of_segment(struct event_tuple *tuple, const struct sk_buff *skb)
{
	unsigned char *network = skb->head + skb->network_header;
	__u32 words[8] = {};
	__u16 ports[2] = {};
	__u8 version = 0;

	bpf_probe_read_kernel(ports, sizeof(ports), skb->head + skb->transport_header);
	tuple->remote_port = bpf_ntohs(ports[0]);
	tuple->local_port = bpf_ntohs(ports[1]);
	tuple->netns = 0;
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

/* tcp_mem[2] is where tcp_out_of_memory() starts; the per-CPU reserves make it a little fuzzy. */
static __always_inline bool memory_is_over(const struct sock *sk)
{
	struct proto *proto = sk->__sk_common.skc_prot;
	long limit = 0;

	bpf_probe_read_kernel(&limit, sizeof(limit), &proto->sysctl_mem[2]);
	return proto->memory_allocated->counter > limit;
}

/* Fills what only a whole TCP socket has; others (TIME_WAIT) keep the zeros. */
static __always_inline void reset_sent_fill(struct event_reset_sent *event, const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

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
static __always_inline int handle_reset_sent(struct cpu_state *cpu, const struct sock *sk, const struct sk_buff *skb, __u8 reason)
{
	bool stray = !sk || sk->__sk_common.skc_state == TCP_LISTEN;
	struct event_reset_sent *event;

	if ((stray && !want_stray_resets) || (sk && !common_is_wanted(&sk->__sk_common, sk->__sk_common.skc_num))) {
		event_filtered(cpu, EVENT_RESET_SENT);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RESET_SENT, sizeof(*event), sk ? socket_key(sk) : 0, skb ? EVENT_PASSIVE : 0);
	if (!event)
		return 0;
	event->state = event->probes_out = event->family = 0;
	event->reason = reason;
	event->pad = 0;
	__builtin_memset(&event->tuple, 0, sizeof(event->tuple));
	if (sk)
		reset_sent_fill(event, sk);
	if (stray && skb)
		event->family = tuple_of_segment(&event->tuple, skb);
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

static __always_inline int handle_reset_received(struct cpu_state *cpu, const struct sock *sk)
{
	struct event_reset_received *event;
	struct tcp_sock *tp;

	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return 0;
	if (!socket_is_wanted(sk, local_port_of(tp))) {
		event_filtered(cpu, EVENT_RESET_RECEIVED);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RESET_RECEIVED, sizeof(*event), socket_key(sk), reset_received_flags(sk, tp));
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

/* Only errors that leave the connection standing: what kills it is in the record of its close. */
static __always_inline int handle_error(struct cpu_state *cpu, const struct sock *sk)
{
	struct event_error *event;
	struct tcp_sock *tp;

	if (!is_tcp(sk) || sk->__sk_common.skc_state == TCP_CLOSE || !sk->sk_err)
		return 0;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return 0;
	if (!socket_is_wanted(sk, local_port_of(tp))) {
		event_filtered(cpu, EVENT_ERROR);
		return 0;
	}
	event = event_reserve(cpu, EVENT_ERROR, sizeof(*event), socket_key(sk), 0);
	if (!event)
		return 0;
	event->state = sk->__sk_common.skc_state;
	event->error = sk->sk_err;
	event->soft_error = sk->sk_err_soft;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	event_submit(cpu, event, EVENT_ERROR);
	return 0;
}

static __always_inline void emit_probe(struct cpu_state *cpu, __u64 key, struct tcp_sock *tp, enum probe_kind kind, __u32 silent_ticks)
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
		if (filter_family != (BPF_CORE_READ(common, skc_family) == AF_INET6 && !address_is_mapped(&remote) ? 6 : 4))
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

static __always_inline __u64 time_wait_of_timer(struct timer_list *timer)
{
	return (__u64)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
}

/* Few timers expire and most of those are not ours: three comparisons decide. */
static __always_inline bool timer_is_ours(struct timer_list *timer)
{
	__u64 function = (__u64)timer->function;

	return function == time_wait_timer_function || function == keepalive_timer_function ||
	       function == write_timer_function;
}

static __always_inline int handle_timer_expiry(struct cpu_state *cpu, struct timer_list *timer)
{
	__u64 function = (__u64)timer->function;

	if (function == time_wait_timer_function)
		return handle_time_wait(cpu, time_wait_of_timer(timer), TIME_WAIT_EXPIRED);
	if (function == keepalive_timer_function)
		return handle_keepalive_timer(cpu, timer);
	if (function == write_timer_function)
		return handle_write_timer(cpu, timer);
	return 0;
}

static __always_inline int handle_accept(struct cpu_state *cpu, const struct sock *sk)
{
	struct event_accept *event;
	struct tcp_sock *tp;

	if (!sk || !is_tcp(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return 0;
	if (!socket_is_wanted(sk, local_port_of(tp))) {
		event_filtered(cpu, EVENT_ACCEPT);
		return 0;
	}
	event = event_reserve(cpu, EVENT_ACCEPT, sizeof(*event), socket_key(sk), EVENT_TASK_ACTS);
	if (!event)
		return 0;
	event->uid = bpf_get_current_uid_gid();
	event->pad = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event_submit(cpu, event, EVENT_ACCEPT);
	return 0;
}

static __always_inline int handle_oom_kill(struct cpu_state *cpu, __u32 pid)
{
	struct event_header *event = event_reserve(cpu, EVENT_OOM_KILL, sizeof(*event), 0, 0);

	if (!event)
		return 0;
	event->pid = pid;
	event_submit(cpu, event, EVENT_OOM_KILL);
	return 0;
}

#endif
