/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.bpf.c: the kernel side of `lastack probe`, an object of its own, which nothing else loads. An iterator over the
 * TCP sockets of a network namespace reads, and changes by bpf_setsockopt(), the keepalive settings of chosen sockets,
 * whichever process they belong to: it holds each one's lock while the program runs. Which sockets, and when, user
 * space decides (include/probe.h).
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "probe.h"

#include "reads.bpf.h"
#include "compat.bpf.h"
#include "facts.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* asm-generic/socket.h and linux/tcp.h */
#define SOL_SOCKET    1
#define SO_KEEPALIVE  9
#define SOL_TCP       6
#define TCP_KEEPIDLE  4
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT   6

/* Both by cookie, with the same keys. Sized by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct probe_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct probe_end);
} ends SEC(".maps");

bool only_targets = false;

static __always_inline void settings_read(struct probe_sample *sample, const struct sock *sk, const struct tcp_sock *tp)
{
	const struct net *net = sk->__sk_common.skc_net.net;
	struct probe_settings *settings = &sample->settings;
	__u32 ticks = ticks_per_second ? ticks_per_second : 1;

	settings->keepalive = !!(sk->__sk_common.skc_flags & SOCK_KEEPOPEN_BIT);
	settings->idle_s = (tp->keepalive_time ? tp->keepalive_time : net->ipv4.sysctl_tcp_keepalive_time) / ticks;
	settings->interval_s = (tp->keepalive_intvl ? tp->keepalive_intvl : net->ipv4.sysctl_tcp_keepalive_intvl) /
			       ticks;
	settings->count = tp->keepalive_probes ? tp->keepalive_probes : net_keepalive_probes(net);
	sample->traits |= tp->keepalive_time ? PROBE_OWN_IDLE : 0;
	sample->traits |= tp->keepalive_intvl ? PROBE_OWN_INTERVAL : 0;
	sample->traits |= tp->keepalive_probes ? PROBE_OWN_COUNT : 0;
	sample->traits |= sk->__sk_common.skc_flags & SOCK_DEAD_BIT ? PROBE_ORPHANED : 0;
}

/* As keepalive_time_elapsed() in include/net/tcp.h reckons. */
static __always_inline void silence_read(struct probe_sample *sample, const struct tcp_sock *tp)
{
	__u32 now = (__u32)bpf_jiffies64(), acked = now - tp->rcv_tstamp, data = now - tp->inet_conn.icsk_ack.lrcvtime;

	sample->silent_ticks = acked < data ? acked : data;
	sample->heard_ticks = now - sample->silent_ticks;
}

static __always_inline void sample_fill(struct probe_sample *sample, struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	sample->time_ns = bpf_ktime_get_ns();
	sample->cgroup = socket_cgroup(sk);
	sample->family = tuple_fill(&sample->tuple, &sk->__sk_common, local_port_of(tp));
	settings_read(sample, sk, tp);
	silence_read(sample, tp);
	sample->unacked_bytes = tp->write_seq - tp->snd_una;
	sample->window_bytes = tp->snd_wnd;
	sample->user_timeout_ms = tp->inet_conn.icsk_user_timeout;
	sample->uid = sk->sk_uid.val;
	sample->local_isn = local_isn(tp, false);
	sample->remote_isn = remote_isn(tp);
	sample->state = sk->__sk_common.skc_state;
	sample->probes_out = tp->inet_conn.icsk_probes_out;
	sample->retransmits = tp->inet_conn.icsk_retransmits;
}

static __always_inline void option_set(struct probe_sample *sample, struct tcp_sock *tp, int level, int name,
				       __u32 value)
{
	int number = (int)value;
	long status = bpf_setsockopt(tp, level, name, &number, sizeof(number));

	if (!status)
		return;
	sample->result = PROBE_DONE_IN_PART;
	sample->error = (__s32)status;
}

/* Where tcp_keepalive_timer() sends probes, as long as nothing else is under way. */
static __always_inline bool state_is_probed(__u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT2;
}

/* TCP_KEEPIDLE last: it arms the timer anew, by how long the connection has been silent, and a probe leaves at once. */
static __always_inline void probe_begin(struct probe_sample *sample, struct tcp_sock *tp,
					const struct probe_target *target)
{
	const struct probe_settings *found = &sample->settings, *expected = &target->expected;

	sample->result = PROBE_UNFIT;
	if (!state_is_probed(sample->state) || sample->traits & PROBE_ORPHANED || sample->unacked_bytes)
		return;
	sample->result = PROBE_CHANGED;
	if (sample->probes_out > target->probes_out || found->keepalive != expected->keepalive ||
	    found->idle_s != expected->idle_s || found->interval_s != expected->interval_s ||
	    found->count != expected->count)
		return;
	sample->result = PROBE_DONE;
	if (!found->keepalive)
		option_set(sample, tp, SOL_SOCKET, SO_KEEPALIVE, 1);
	option_set(sample, tp, SOL_TCP, TCP_KEEPCNT, target->wanted.count);
	option_set(sample, tp, SOL_TCP, TCP_KEEPINTVL, target->wanted.interval_s);
	option_set(sample, tp, SOL_TCP, TCP_KEEPIDLE, target->wanted.idle_s);
}

/*
 * Switched off first, so that no other setting arms the timer. The timer of an orphan in FIN_WAIT2 is the one that
 * ends it: switching keepalive off would stop it, and the socket would stay for ever.
 */
static __always_inline void probe_restore(struct probe_sample *sample, struct tcp_sock *tp,
					  const struct probe_target *target)
{
	const struct probe_settings *found = &sample->settings, *expected = &target->expected,
				    *wanted = &target->wanted;

	sample->result = PROBE_ORPHAN;
	if (sample->traits & PROBE_ORPHANED)
		return;
	sample->result = PROBE_DONE;
	if (found->keepalive && !wanted->keepalive && found->count == expected->count)
		option_set(sample, tp, SOL_SOCKET, SO_KEEPALIVE, 0);
	if (found->count == expected->count && found->count != wanted->count)
		option_set(sample, tp, SOL_TCP, TCP_KEEPCNT, wanted->count);
	if (found->interval_s == expected->interval_s && found->interval_s != wanted->interval_s)
		option_set(sample, tp, SOL_TCP, TCP_KEEPINTVL, wanted->interval_s);
	if (found->idle_s == expected->idle_s && found->idle_s != wanted->idle_s)
		option_set(sample, tp, SOL_TCP, TCP_KEEPIDLE, wanted->idle_s);
}

static __always_inline void target_act(struct probe_sample *sample, struct tcp_sock *tp, struct probe_target *target)
{
	switch (target->action) {
	case PROBE_BEGIN: probe_begin(sample, tp, target); break;
	case PROBE_RESTORE: probe_restore(sample, tp, target); break;
	case PROBE_TELL:
		sample->settings = target->found;
		sample->result = target->result;
		sample->error = target->error;
		break;
	default: break;
	}
}

/*
 * A record that the iterator's buffer has no room for is dropped, and the program runs again for its socket at the
 * reader's next read: what was done must not be done again, and still be told.
 */
static __always_inline void target_told(const struct probe_sample *sample, struct probe_target *target, bool told)
{
	if (told || target->action == PROBE_LOOK) {
		target->action = PROBE_LOOK;
		return;
	}
	target->action = PROBE_TELL;
	target->found = sample->settings;
	target->result = sample->result;
	target->error = sample->error;
}

SEC("iter/tcp")
int probe_sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct probe_sample sample = {};
	struct probe_target *target;
	struct tcp_sock *tp;
	bool told;

	if (!common)
		return 0;
	tp = bpf_skc_to_tcp_sock(common);
	if (!tp || common->skc_state == TCP_LISTEN || common->skc_state == TCP_CLOSE)
		return 0;
	sample.cookie = socket_key(&tp->inet_conn.icsk_inet.sk);
	target = bpf_map_lookup_elem(&targets, &sample.cookie);
	if (only_targets && !target)
		return 0;
	sample_fill(&sample, tp);
	if (target)
		target_act(&sample, tp, target);
	told = !bpf_seq_write(ctx->meta->seq, &sample, sizeof(sample));
	if (target)
		target_told(&sample, target, told);
	return 0;
}

SEC("iter/task_file")
int probe_holders(struct bpf_iter__task_file *ctx)
{
	struct probe_holder holder = {};
	struct task_struct *task = ctx->task;
	struct tcp_sock *tp = tcp_socket_of_file(task, ctx->file);

	if (!tp)
		return 0;
	holder.cookie = socket_key(&tp->inet_conn.icsk_inet.sk);
	holder.pid = task->tgid;
	holder.descriptor = (__s32)ctx->fd;
	bpf_probe_read_kernel(holder.comm, sizeof(holder.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &holder, sizeof(holder));
	return 0;
}

/* How a target ends: what an iterator can only miss. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(probe_ends, const struct sock *sk, int old_state, int new_state)
{
	struct probe_end *end;
	struct tcp_sock *tp;
	__u64 cookie;

	if (new_state != TCP_CLOSE || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	cookie = socket_key(sk);
	end = bpf_map_lookup_elem(&ends, &cookie);
	tp = end ? bpf_skc_to_tcp_sock((void *)sk) : NULL;
	if (!tp)
		return 0;
	end->error = sk->sk_err;
	end->probes_out = tp->inet_conn.icsk_probes_out;
	end->time_ns = bpf_ktime_get_ns();
	return 0;
}
