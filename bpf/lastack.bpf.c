/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lastack.bpf.c: the places where lastack is attached; one line each. What they mean is in
 * handlers.bpf.h. Which of the programs for one fact is loaded is decided by the hook table of the
 * loader (src/kernel/hooks.c): a program that is not chosen is never shown to the verifier.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "event.h"
#include "filter.h"

#include "compat.bpf.h"
#include "emit.bpf.h"
#include "facts.bpf.h"
#include "handlers.bpf.h"
#include "iterators.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change, const struct sock *sk, int old_state, int new_state)
{
	return handle_state(sk, old_state, new_state);
}

/* (sk, skb, err) since 6.18: also fired for transmissions that failed. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_3, const struct sock *sk, const struct sk_buff *skb, int error)
{
	return handle_retransmit(sk, error);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_2, const struct sock *sk, const struct sk_buff *skb)
{
	return handle_retransmit(sk, 0);
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack, const struct sock *sk, const struct request_sock *request)
{
	return handle_synack(sk, request);
}

/* (sk, skb, reason) since 6.10. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_3, const struct sock *sk, const struct sk_buff *skb, unsigned int reason)
{
	return handle_reset_sent(sk, skb, reset_reason_of(reason));
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_2, const struct sock *sk, const struct sk_buff *skb)
{
	return handle_reset_sent(sk, skb, RESET_REASON_UNKNOWN);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received, const struct sock *sk)
{
	return handle_reset_received(sk);
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(error_report, const struct sock *sk)
{
	return handle_error(sk);
}

SEC("fentry/tcp_write_wakeup")
int BPF_PROG(probe_fentry, struct sock *sk)
{
	return handle_write_wakeup((__u64)sk);
}

SEC("kprobe/tcp_write_wakeup")
int BPF_KPROBE(probe_kprobe, struct sock *sk)
{
	return handle_write_wakeup((__u64)sk);
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expiry, struct timer_list *timer)
{
	return handle_timer_expiry(timer);
}

SEC("fentry/tw_timer_handler")
int BPF_PROG(time_wait_expired_fentry, struct timer_list *timer)
{
	return handle_time_wait((__u64)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer), TIME_WAIT_EXPIRED);
}

SEC("fentry/inet_twsk_deschedule_put")
int BPF_PROG(time_wait_killed_fentry, struct inet_timewait_sock *tw)
{
	return handle_time_wait((__u64)tw, TIME_WAIT_KILLED);
}

SEC("kprobe/tw_timer_handler")
int BPF_KPROBE(time_wait_expired_kprobe, struct timer_list *timer)
{
	return handle_time_wait((__u64)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer), TIME_WAIT_EXPIRED);
}

SEC("kprobe/inet_twsk_deschedule_put")
int BPF_KPROBE(time_wait_killed_kprobe, struct inet_timewait_sock *tw)
{
	return handle_time_wait((__u64)tw, TIME_WAIT_KILLED);
}

/* (sk, flags, err, kern) before 6.10, (sk, arg) since: the result stands behind them. */
SEC("fexit/inet_csk_accept")
int BPF_PROG(accept_fexit_2, struct sock *listener, void *arg, struct sock *sk)
{
	return handle_accept(sk);
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(accept_fexit_4, struct sock *listener, int flags, int *error, bool kern, struct sock *sk)
{
	return handle_accept(sk);
}

/* (task, uid) since 6.11, (pid) before. */
SEC("tp_btf/mark_victim")
int BPF_PROG(oom_kill_2, struct task_struct *task)
{
	return handle_oom_kill(task->tgid);
}

SEC("tp_btf/mark_victim")
int BPF_PROG(oom_kill_1, int pid)
{
	return handle_oom_kill(pid);
}

SEC("iter/task_file")
int iterate_files(struct bpf_iter__task_file *ctx)
{
	return handle_iterated_file(ctx);
}

SEC("iter/tcp")
int iterate_tcp(struct bpf_iter__tcp *ctx)
{
	return handle_iterated_tcp(ctx);
}
