/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iterators.bpf.h: the sockets that exist, as records on the iterator's own file.
 *
 * They do not go through the ring buffer: a read of the iterator waits for its reader, so a host with a
 * million sockets overflows nothing. Each record says when its socket was looked at; user space puts
 * it in its place among the events by that time.
 */
#ifndef LASTACK_ITERATORS_BPF_H
#define LASTACK_ITERATORS_BPF_H

static __always_inline void existing_fill(struct event_existing *record, const struct sock_common *common,
					  __u16 local_port)
{
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = EVENT_EXISTING;
	record->header.version = EVENT_VERSION;
	record->state = common->skc_state;
	record->family = tuple_fill(&record->tuple, common, local_port);
	record->descriptor = -1;
}

/* A listener's queues. */
static __always_inline void existing_fill_listener(struct event_existing *record, const struct sock *sk,
						   const struct tcp_sock *tp)
{
	record->accept_queue = sk->sk_ack_backlog;
	record->accept_max = sk->sk_max_ack_backlog;
	record->syn_queue = tp->inet_conn.icsk_accept_queue.qlen.counter;
	if (bpf_core_field_exists(sk->sk_drops))
		record->drops = sk->sk_drops.counter;
}

/* How the socket stands with its peer and its process. */
static __always_inline void existing_fill_details(struct event_existing *record, const struct sock *sk,
						  const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	__s32 window = tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt;

	record->retransmits = icsk->icsk_retransmits;
	record->backoff = icsk->icsk_backoff;
	record->probes_out = icsk->icsk_probes_out;
	record->pending_timer = icsk->icsk_pending;
	record->retries = data_retries(sk);
	record->rto_ticks = icsk->icsk_rto;
	record->sent_ticks = ticks_since(tp->lsndtime);
	record->received_ticks = ticks_since(icsk->icsk_ack.lrcvtime);
	record->receive_window = window > 0 ? window : 0;
	record->copied_seq = tp->copied_seq;
}

/* What only a whole TCP socket can tell. */
static __always_inline void existing_fill_socket(struct event_existing *record, const struct sock *sk,
						 struct tcp_sock *tp)
{
	struct keepalive keepalive;

	record->header.flags = socket_flags(sk) & ~EVENT_TASK_ACTS;
	record->uid = sk->sk_uid.val;
	record->cgroup = socket_cgroup(sk);
	record->has_details = 1;
	if (record->state == TCP_LISTEN) {
		existing_fill_listener(record, sk, tp);
		return; /* rcv_nxt and copied_seq hold nothing, write_seq neither */
	}
	existing_fill_details(record, sk, tp);
	keepalive = keepalive_of(sk, tp);
	record->header.flags |= close_flags(sk, tp);
	record->silent_ticks = silent_ticks(tp);
	record->user_timeout_ms = tp->inet_conn.icsk_user_timeout;
	record->keepalive_idle_ticks = keepalive.idle_ticks;
	record->keepalive_interval_ticks = keepalive.interval_ticks;
	record->keepalive_probes = keepalive.probes;
	record->unread_bytes = unread_bytes_of(tp, record->header.flags);
	record->unacked_bytes = bytes_between(tp->snd_una, tp->write_seq);
}

/*
 * The process that this one was forked from, if both run the same program still: a worker and its master, and not a
 * command and its shell. exec() opens the program anew, fork() does not.
 */
static __always_inline __u32 forked_from(struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct file *program = BPF_CORE_READ(task, mm, exe_file);

	return program && program == BPF_CORE_READ(parent, mm, exe_file) ? BPF_CORE_READ(parent, tgid) : 0;
}

static __always_inline int handle_iterated_file(struct bpf_iter__task_file *ctx)
{
	struct event_existing record = {};
	struct task_struct *task = ctx->task;
	struct tcp_sock *tp = tcp_socket_of_file(task, ctx->file);
	struct sock *sk;

	if (!tp)
		return 0;
	sk = &tp->inet_conn.icsk_inet.sk;
	if (!socket_is_wanted(sk, local_port_of(tp)))
		return 0;
	timers_learn(sk);
	if (sk->__sk_common.skc_state == TCP_CLOSE)
		return 0; /* neither connected nor listening */
	existing_fill(&record, &sk->__sk_common, local_port_of(tp));
	record.header.cookie = socket_key(sk);
	record.header.pid = task->tgid;
	existing_fill_socket(&record, sk, tp);
	record.source = EXISTING_FILE;
	record.descriptor = ctx->fd;
	if (record.state != TCP_LISTEN)
		record.forked_from = forked_from(task);
	bpf_probe_read_kernel(record.comm, sizeof(record.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

static __always_inline void time_wait_learn(struct event_existing *record, __u64 address)
{
	struct inet_timewait_sock *tw = (struct inet_timewait_sock *)address;

	record->substate = BPF_CORE_READ(tw, tw_substate);
	if (!time_wait_timer_function)
		time_wait_timer_function = (__u64)BPF_CORE_READ(tw, tw_timer.function);
}

static __always_inline int handle_iterated_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct event_existing record = {};
	struct tcp_sock *tp;

	if (!common || !common_is_wanted(common, common->skc_num))
		return 0;
	existing_fill(&record, common, common->skc_num);
	record.source = EXISTING_TCP;
	tp = bpf_skc_to_tcp_sock(common);
	if (tp) {
		existing_fill_socket(&record, &tp->inet_conn.icsk_inet.sk, tp);
		record.header.cookie = socket_key(&tp->inet_conn.icsk_inet.sk);
		record.tuple.local_port = local_port_of(tp);
	} else {
		record.header.cookie = socket_key_of_address((__u64)common);
		if (record.state == TCP_TIME_WAIT)
			time_wait_learn(&record, (__u64)common);
	}
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

#endif
