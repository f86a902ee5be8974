/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers.bpf.h: what each hook means, independent of how it was attached.
 *
 * A handler takes the kernel's objects, leaves at once what is not TCP or not wanted, and emits at most
 * two records. It draws no conclusion: that is user space's work, where it can be tested.
 */
#ifndef LASTACK_HANDLERS_BPF_H
#define LASTACK_HANDLERS_BPF_H

/*
 * The functions of the three timers that tell of probes and of TIME_WAIT's end. The loader sets them
 * from kallsyms where it may read that; else they are learnt from the first socket at hand.
 */
__u64 keepalive_timer_function;
__u64 write_timer_function;
__u64 time_wait_timer_function;

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

static __always_inline void emit_birth(struct cpu_state *cpu, const struct socket_view *view, __u8 old_state,
				       __u8 new_state, __u16 flags)
{
	const struct sock *sk = view->sk;
	struct tcp_sock *tp = view->tp;
	bool passive = old_state == TCP_SYN_RECV || old_state == TCP_LISTEN;
	struct event_birth *birth;

	if (passive)
		flags |= EVENT_PASSIVE;
	birth = event_reserve(cpu, EVENT_BIRTH, sizeof(*birth), socket_key(view->socket), flags);
	if (!birth)
		return;
	birth->old_state = old_state;
	birth->new_state = new_state;
	birth->pad = 0;
	birth->uid = sk->sk_uid.val;
	birth->family = tuple_fill(&birth->tuple, &sk->__sk_common, local_port_of(tp));
	birth->socket = (__u64)view->socket;
	birth->cgroup = socket_cgroup(sk);
	birth->local_isn = birth->remote_isn = birth->handshake_us = 0;
	if (new_state == TCP_ESTABLISHED) {
		birth->local_isn = local_isn(tp, passive);
		birth->remote_isn = remote_isn(tp);
		birth->handshake_us = tp->srtt_us >> 3;
	}
	process_comm(birth->comm);
	birth->pad2 = 0;
	event_submit(cpu, birth, EVENT_BIRTH);
}

static __always_inline void state_fill(struct event_state *state, struct tcp_sock *tp, __u8 old_state, __u8 new_state)
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

static __always_inline void emit_state(struct cpu_state *cpu, const struct socket_view *view, __u8 old_state,
				       __u8 new_state, __u16 flags)
{
	struct tcp_sock *tp = view->tp;
	struct event_state_task *task;
	struct event_state *state;

	if (tp->snd_nxt == tp->snd_una)
		flags |= EVENT_NOTHING_IN_FLIGHT; /* into FIN_WAIT2: our FIN is acknowledged */
	/* SYN_SENT->ESTABLISHED in the task's context is the backlog at work: no act of the task's. */
	if (!(flags & EVENT_TASK_ACTS) || new_state == TCP_ESTABLISHED) {
		state = event_reserve(cpu, EVENT_STATE, sizeof(*state), socket_key(view->socket), flags);
		if (!state)
			return;
		state_fill(state, tp, old_state, new_state);
		event_submit(cpu, state, EVENT_STATE);
		return;
	}
	task = event_reserve(cpu, EVENT_STATE_TASK, sizeof(*task), socket_key(view->socket), flags);
	if (!task)
		return;
	state_fill(&task->state, tp, old_state, new_state);
	task->state.header.pid = acting_pid();
	task->uid = current_task_uid();
	task->exit_code = exit_code_of_task(flags);
	process_comm(task->comm);
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
	if (sk->sk_err && rto_max_is_usual(&tp->inet_conn))
		flags |= EVENT_RTO_MAX_USUAL;
	return flags;
}

/* The keepalive settings in force: the socket's own, else those of its network namespace. All 0 with keepalive off. */
struct keepalive {
	__u32 idle_ticks, interval_ticks;
	__u8 probes;
};

static __always_inline struct keepalive keepalive_of(const struct sock *sk, const struct tcp_sock *tp)
{
	struct keepalive keepalive = {};
	struct net *net;

	if (!(sk->__sk_common.skc_flags & SOCK_KEEPOPEN_BIT))
		return keepalive;
	net = sk->__sk_common.skc_net.net;
	keepalive.idle_ticks = tp->keepalive_time;
	if (!keepalive.idle_ticks)
		keepalive.idle_ticks = FOLLOW(net, ipv4.sysctl_tcp_keepalive_time);
	keepalive.interval_ticks = tp->keepalive_intvl;
	if (!keepalive.interval_ticks)
		keepalive.interval_ticks = FOLLOW(net, ipv4.sysctl_tcp_keepalive_intvl);
	keepalive.probes = tp->keepalive_probes;
	if (!keepalive.probes)
		keepalive.probes = net_keepalive_probes(net);
	return keepalive;
}

/*
 * How long an orphan waits in FIN_WAIT2, in seconds (tcp_fin_time(), but for its lower bound of 3.5 RTO).
 * TCP_LINGER2 below 0: not at all, and nothing is told.
 */
static __always_inline __u8 fin_wait2_seconds(const struct net *net, const struct tcp_sock *tp)
{
	int ticks = tp->linger2;
	__u32 seconds;

	if (!ticks)
		ticks = FOLLOW(net, ipv4.sysctl_tcp_fin_timeout);
	if (ticks < 0 || !ticks_per_second)
		return 0;
	seconds = (__u32)ticks / ticks_per_second;
	return seconds > 255 ? 255 : seconds;
}

/* How often data is sent again before the kernel gives up: tcp_retries2, or tcp_orphan_retries(). */
static __always_inline __u8 data_retries(const struct sock *sk)
{
	const struct net *net = sk->__sk_common.skc_net.net;
	__u8 retries;

	if (!(sk->__sk_common.skc_flags & SOCK_DEAD_BIT))
		return net_data_retries(net);
	retries = net_orphan_retries(net);
	return retries ? retries : 8;
}

/* See struct event_close. An orderly end leaves after two comparisons. */
static __always_inline __u8 close_limit(const struct sock *sk, const struct tcp_sock *tp, __u8 old_state)
{
	const struct net *net = sk->__sk_common.skc_net.net;

	if (old_state == TCP_FIN_WAIT2)
		return fin_wait2_seconds(net, tp);
	if (old_state == TCP_SYN_SENT)
		return syn_retries(net, &tp->inet_conn);
	return sk->sk_err ? data_retries(sk) : 0;
}

/* Data that acknowledges nothing new does not move rcv_tstamp (keepalive_time_elapsed()). */
static __always_inline __u32 silent_ticks(const struct tcp_sock *tp)
{
	__u32 heard = ticks_since(tp->rcv_tstamp), data;

	if (heard == ~0U)
		return heard;
	data = (__u32)bpf_jiffies64() - tp->inet_conn.icsk_ack.lrcvtime;
	return heard < data ? heard : data;
}

/* None where `end` is the older one: an iterator reads both while the owner may be at work on the socket. */
static __always_inline __u32 bytes_between(__u32 begin, __u32 end)
{
	__s32 bytes = end - begin;

	return bytes > 0 ? bytes : 0;
}

/* The peer's FIN counts in rcv_nxt, but it is no byte; who has read it is past it already (tcp_recvmsg_locked()). */
static __always_inline __u32 unread_bytes_of(const struct tcp_sock *tp, __u16 flags)
{
	__u32 unread = bytes_between(tp->copied_seq, tp->rcv_nxt);

	return unread && flags & EVENT_SOCKET_DONE ? unread - 1 : unread;
}

static __always_inline void close_fill(struct event_close *close, const struct sock *sk, struct tcp_sock *tp,
				       __u16 flags)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	__u32 peer_fin = flags & EVENT_SOCKET_DONE ? 1 : 0;

	close->error = sk->sk_err;
	close->soft_error = sk->sk_err_soft;
	close->local_port = local_port_of(tp);
	close->shutdown = sk->sk_shutdown;
	close->pending_timer = icsk->icsk_pending;
	close->retransmits = icsk->icsk_retransmits;
	close->probes_out = icsk->icsk_probes_out;
	close->limit = close_limit(sk, tp, close->old_state);
	close->user_timeout_ms = icsk->icsk_user_timeout;
	close->unacked_bytes = tp->write_seq - tp->snd_una;
	close->unread_bytes = unread_bytes_of(tp, flags);
	close->total_retransmits = tp->total_retrans;
	close->total_timeouts = tcp_total_timeouts(tp);
	close->silent_ticks = silent_ticks(tp);
	close->srtt_us = tp->srtt_us >> 3;
	close->bytes_sent = tp->bytes_sent - tp->bytes_retrans;
	close->bytes_received = tp->bytes_received - peer_fin; /* it counts there too */
}

static __always_inline void emit_close(struct cpu_state *cpu, const struct socket_view *view, __u8 old_state,
				       __u8 new_state, __u16 flags)
{
	const struct sock *sk = view->sk;
	struct tcp_sock *tp = view->tp;
	struct keepalive keepalive = keepalive_of(sk, tp);
	struct event_close *close;

	flags |= close_flags(sk, tp);
	close = event_reserve(cpu, EVENT_CLOSE, sizeof(*close), socket_key(view->socket), flags);
	if (!close)
		return;
	close->old_state = old_state;
	close->new_state = new_state;
	close_fill(close, sk, tp, flags);
	close->keepalive_idle_ticks = keepalive.idle_ticks;
	close->keepalive_interval_ticks = keepalive.interval_ticks;
	close->keepalive_probes = keepalive.probes;
	close->header.pid = acting_pid();
	close->uid = current_task_uid();
	close->exit_code = exit_code_of_task(flags);
	process_comm(close->comm);
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

	return FOLLOW_BITS(net, ipv4.sysctl_tcp_fastopen) & 2;
}

/*
 * A child that nobody had accepted, ended without an error: its listener is being closed
 * (inet_csk_listen_stop()). The running task acts on it, though it holds the listener's lock and not the child's.
 */
static __always_inline __u16 orphan_closer_flags(const struct sock *sk, __u8 old_state, __u8 new_state)
{
	if (new_state != TCP_CLOSE || old_state == TCP_LISTEN || sk->sk_err || sk->sk_socket || task_acts(sk) ||
	    sk->__sk_common.skc_flags & SOCK_DEAD_BIT)
		return 0;
	return EVENT_TASK_ACTS | (current_task_flags() & PF_EXITING ? EVENT_TASK_EXITING : 0);
}

static __always_inline int handle_state(struct cpu_state *cpu, enum view_place place, const struct sock *socket,
					__u8 old_state, __u8 new_state)
{
	__u16 flags, filter_port;
	struct socket_view view;
	const struct sock *sk;

	if (!view_tcp(&view, cpu, EVENT_STATE, place, socket))
		return 0;
	sk = view.sk;
	/* SYN_RECV->ESTABLISHED tells it all a moment later; only TCP Fast Open stays in SYN_RECV. */
	if (old_state == TCP_LISTEN && new_state == TCP_SYN_RECV && !fast_open_serves(sk))
		return 0;
	/* An unbound client gets its port after CLOSE->SYN_SENT: user space must hear of it at the next. */
	filter_port = old_state == TCP_CLOSE || old_state == TCP_SYN_SENT ? 0 : local_port_of(view.tp);
	if (!socket_is_wanted(sk, filter_port)) {
		event_filtered(cpu, state_kind(old_state, new_state));
		return 0;
	}
	timers_learn(socket);
	flags = socket_flags(sk) | orphan_closer_flags(sk, old_state, new_state);
	if (old_state == TCP_SYN_RECV && new_state != TCP_ESTABLISHED)
		emit_birth(cpu, &view, old_state, old_state, flags); /* it may never have been announced */
	if (new_state == TCP_CLOSE)
		emit_close(cpu, &view, old_state, new_state, flags);
	else if (state_kind(old_state, new_state) == EVENT_BIRTH && new_state != TCP_FIN_WAIT1)
		emit_birth(cpu, &view, old_state, new_state, flags);
	else
		emit_state(cpu, &view, old_state, new_state, flags);
	return 0;
}

/* What the retransmission timer goes by after this retransmission. */
static __always_inline __u16 retransmit_flags(const struct sock *sk, struct tcp_sock *tp)
{
	__u16 flags = 0;

	if (!tp->inet_conn.icsk_user_timeout)
		flags |= EVENT_RTO_UNCLAMPED;
	if (rto_max_is_usual(&tp->inet_conn))
		flags |= EVENT_RTO_MAX_USUAL;
	if (BPF_CORE_READ_BITFIELD(tp, thin_lto) || net_thin_linear(sk->__sk_common.skc_net.net))
		flags |= EVENT_THIN_LINEAR;
	return flags;
}

static __always_inline int handle_retransmit(struct cpu_state *cpu, const struct sock *socket, int error)
{
	struct event_retransmit *event;
	struct socket_view view;
	const struct sock *sk;
	struct tcp_sock *tp;

	if (!view_tcp(&view, cpu, EVENT_RETRANSMIT, VIEW_RETRANSMIT, socket))
		return 0;
	sk = view.sk;
	tp = view.tp;
	if (!socket_is_wanted(sk, local_port_of(tp))) {
		event_filtered(cpu, EVENT_RETRANSMIT);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RETRANSMIT, sizeof(*event), socket_key(socket), retransmit_flags(sk, tp));
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

static __always_inline int handle_synack(struct cpu_state *cpu, const struct sock *listener,
					 const struct request_sock *asked)
{
	const struct request_sock *request = asked;
	const struct sock_common *common;
	struct inet_connection_sock *icsk;
	struct event_synack *event;
	struct socket_view view;
	const struct sock *sk;

	if (!view_tcp(&view, cpu, EVENT_RETRANSMIT_SYNACK, VIEW_SYNACK, listener))
		return 0;
	if (raw_reads)
		request = view_copy(cpu, EVENT_RETRANSMIT_SYNACK, VIEW_SYNACK_REQUEST, false, asked,
				    bpf_core_type_size(struct request_sock));
	if (!request)
		return 0;
	sk = view.sk;
	common = &request->__req_common;
	if (!common_is_wanted(common, common->skc_num) || (filter_cgroup_count && !cgroup_wanted(sk))) {
		event_filtered(cpu, EVENT_RETRANSMIT_SYNACK);
		return 0;
	}
	event = event_reserve(cpu, EVENT_RETRANSMIT_SYNACK, sizeof(*event), socket_key(listener), 0);
	if (!event)
		return 0;
	icsk = &view.tp->inet_conn;
	event->request = socket_key((const struct sock *)asked);
	event->family = tuple_fill(&event->tuple, common, common->skc_num);
	event->timeouts = BPF_CORE_READ_BITFIELD(request, num_timeout);
	event->max_retries = icsk->icsk_syn_retries;
	if (!event->max_retries)
		event->max_retries = net_synack_retries(sk->__sk_common.skc_net.net);
	event->pad = 0;
	event->timeout_ticks = request_timeout(request);
	event_submit(cpu, event, EVENT_RETRANSMIT_SYNACK);
	return 0;
}

/* Only errors that leave the connection standing: what kills it is in the record of its close. */
static __always_inline int handle_error(struct cpu_state *cpu, const struct sock *socket)
{
	struct event_error *event;
	struct socket_view view;
	const struct sock *sk;

	if (!view_tcp(&view, cpu, EVENT_ERROR, VIEW_ERROR, socket))
		return 0;
	sk = view.sk;
	if (sk->__sk_common.skc_state == TCP_CLOSE || !sk->sk_err)
		return 0;
	if (!socket_is_wanted(sk, local_port_of(view.tp))) {
		event_filtered(cpu, EVENT_ERROR);
		return 0;
	}
	event = event_reserve(cpu, EVENT_ERROR, sizeof(*event), socket_key(socket), 0);
	if (!event)
		return 0;
	event->state = sk->__sk_common.skc_state;
	event->error = sk->sk_err;
	event->soft_error = sk->sk_err_soft;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	event_submit(cpu, event, EVENT_ERROR);
	return 0;
}

/* Is what accept() gave to be told of? It ends by fexit, which is only there where the kernel holds types. */
static __always_inline bool accepted_is_wanted(struct cpu_state *cpu, const struct sock *sk, enum event_kind kind)
{
	struct tcp_sock *tp;

	if (!sk || !is_tcp(sk))
		return false;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return false;
	if (socket_is_wanted(sk, local_port_of(tp)))
		return true;
	event_filtered(cpu, kind);
	return false;
}

static __always_inline int handle_accept(struct cpu_state *cpu, const struct sock *sk)
{
	struct event_accept *event;

	if (!accepted_is_wanted(cpu, sk, EVENT_ACCEPT))
		return 0;
	event = event_reserve(cpu, EVENT_ACCEPT, sizeof(*event), socket_key(sk), EVENT_TASK_ACTS);
	if (!event)
		return 0;
	event->uid = current_task_uid();
	event->pad = 0;
	process_comm(event->comm);
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
