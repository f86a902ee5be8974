/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lastack.bpf.c: the places where lastack is attached; one line each. What they mean is in
 * handlers*.bpf.h. Which of the programs for one fact is loaded is decided by the hook table of the
 * loader (src/kernel/hooks.c): a program that is not chosen is never shown to the verifier.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "event.h"
#include "own_socket.h"

#include "reads.bpf.h"
#include "compat.bpf.h"
#include "emit.bpf.h"
#include "facts.bpf.h"
#include "copies.bpf.h"
#include "views.bpf.h"
#include "handlers.bpf.h"
#include "handlers_reset.bpf.h"
#include "handlers_stack.bpf.h"
#include "handlers_timer.bpf.h"
#include "iterators.bpf.h"
#include "own_socket.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* A handler with what its CPU has. What the kernel skips of such a program is counted as lost. */
#define RUN(call)                                                                                                      \
	({                                                                                                             \
		struct cpu_state *cpu = cpu_state_get();                                                               \
		if (cpu)                                                                                               \
			call;                                                                                          \
		0;                                                                                                     \
	})

/*
 * A copy of a program; see copies.bpf.h. object and detail tell the event apart: a
 * socket changes one state at a time, a reset answers one segment, or none.
 */
#define RUN_COPY(copy, pair, object, detail, call)                                                                     \
	({                                                                                                             \
		struct cpu_state *cpu = cpu_state_get();                                                               \
		if (cpu) {                                                                                             \
			__u32 since = copy > 1 ? notes_number(&cpu->notes) : 0;                                        \
			if (copy_takes(cpu, pair, copy, (__u64)(object), detail))                                      \
				call;                                                                                  \
			if (copy > 1) /* the last */                                                                   \
				notes_forget(&cpu->notes, since);                                                      \
		}                                                                                                      \
		0;                                                                                                     \
	})
#define RUN_FIRST(pair, object, detail, call)  RUN_COPY(1, pair, object, detail, call)
#define RUN_SECOND(pair, object, detail, call) RUN_COPY(2, pair, object, detail, call)

/* Where programs are preemptible. A copy that only hands a note on is as short as what RUN_WHOLE() leaves. */
#define RUN_COPY_WHOLE(copy, pair, acts, object, detail, call)                                                         \
	({                                                                                                             \
		struct cpu_state *cpu = cpu_state_get();                                                               \
		struct task_note *note = task_note_get(acts);                                                          \
		if (cpu && note && copy_takes_whole(cpu, note, pair, copy, (__u64)(object), detail))                   \
			RUN_WHOLE(call);                                                                               \
		0;                                                                                                     \
	})

/* acts: does the running task act, or what interrupts it? */
#define WHOLE_COPY(copy, place, name, pair, acts, object, detail, call, ...)                                           \
	SEC(place) int BPF_PROG(name, __VA_ARGS__)                                                                     \
	{                                                                                                              \
		return RUN_COPY_WHOLE(copy, pair, acts, object, detail, call);                                         \
	}

/* All of them, in the order in which they are attached and run. Never with raw_reads, so no view is a copy. */
#define WHOLE_COPIES(place, name, ...)                                                                                 \
	WHOLE_COPY(1, place, name##_whole, __VA_ARGS__)                                                                \
	WHOLE_COPY(2, place, name##_whole_second, __VA_ARGS__)                                                         \
	WHOLE_COPY(3, place, name##_whole_third, __VA_ARGS__)                                                          \
	WHOLE_COPY(4, place, name##_whole_fourth, __VA_ARGS__)

/* Of a function's programs the one that was attached last runs first. */
#define WHOLE_COPIES_OF_FUNCTION(place, name, ...)                                                                     \
	WHOLE_COPY(4, place, name##_whole_fourth, __VA_ARGS__)                                                         \
	WHOLE_COPY(3, place, name##_whole_third, __VA_ARGS__)                                                          \
	WHOLE_COPY(2, place, name##_whole_second, __VA_ARGS__)                                                         \
	WHOLE_COPY(1, place, name##_whole, __VA_ARGS__)

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change, const struct sock *sk, int old_state, int new_state)
{
	return RUN_FIRST(PAIR_STATE, sk, old_state << 8 | new_state,
			 handle_state(cpu, VIEW_STATE, sk, old_state, new_state));
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change_second, const struct sock *sk, int old_state, int new_state)
{
	return RUN_SECOND(PAIR_STATE, sk, old_state << 8 | new_state,
			  handle_state(cpu, VIEW_STATE_SECOND, sk, old_state, new_state));
}

WHOLE_COPIES("tp_btf/inet_sock_set_state", state_change, PAIR_STATE, task_acts(sk), sk, old_state << 8 | new_state,
	     handle_state(cpu, VIEW_STATE, sk, old_state, new_state), const struct sock *sk, int old_state,
	     int new_state)

/* (sk, skb, err) since 6.18: also fired for transmissions that failed. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_3, const struct sock *sk, const struct sk_buff *skb, int error)
{
	return RUN(handle_retransmit(cpu, sk, error));
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_2, const struct sock *sk, const struct sk_buff *skb)
{
	return RUN(handle_retransmit(cpu, sk, 0));
}

WHOLE_COPIES("tp_btf/tcp_retransmit_skb", retransmit_3, PAIR_RETRANSMIT, task_acts(sk), sk, (__u64)skb,
	     handle_retransmit(cpu, sk, error), const struct sock *sk, const struct sk_buff *skb, int error)

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack, const struct sock *sk, const struct request_sock *request)
{
	return RUN(handle_synack(cpu, sk, request));
}

/* (sk, skb, reason) since 6.10. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_3, const struct sock *sk, const struct sk_buff *skb, unsigned int reason)
{
	return RUN_FIRST(PAIR_RESET_SENT, sk, (__u64)skb,
			 handle_reset_sent(cpu, VIEW_RESET_SENT, sk, skb, reset_reason_of(reason)));
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_3_second, const struct sock *sk, const struct sk_buff *skb, unsigned int reason)
{
	return RUN_SECOND(PAIR_RESET_SENT, sk, (__u64)skb,
			  handle_reset_sent(cpu, VIEW_RESET_SENT_SECOND, sk, skb, reset_reason_of(reason)));
}

WHOLE_COPIES("tp_btf/tcp_send_reset", reset_sent_3, PAIR_RESET_SENT, task_resets(sk), sk, (__u64)skb,
	     handle_reset_sent(cpu, VIEW_RESET_SENT, sk, skb, reset_reason_of(reason)), const struct sock *sk,
	     const struct sk_buff *skb, unsigned int reason)

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_2, const struct sock *sk, const struct sk_buff *skb)
{
	return RUN_FIRST(PAIR_RESET_SENT, sk, (__u64)skb,
			 handle_reset_sent(cpu, VIEW_RESET_SENT, sk, skb, RESET_REASON_UNKNOWN));
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_2_second, const struct sock *sk, const struct sk_buff *skb)
{
	return RUN_SECOND(PAIR_RESET_SENT, sk, (__u64)skb,
			  handle_reset_sent(cpu, VIEW_RESET_SENT_SECOND, sk, skb, RESET_REASON_UNKNOWN));
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received, const struct sock *sk)
{
	return RUN_FIRST(PAIR_RESET_RECEIVED, sk, 0, handle_reset_received(cpu, VIEW_RESET_RECEIVED, sk));
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received_second, const struct sock *sk)
{
	return RUN_SECOND(PAIR_RESET_RECEIVED, sk, 0, handle_reset_received(cpu, VIEW_RESET_RECEIVED_SECOND, sk));
}

WHOLE_COPIES("tp_btf/tcp_receive_reset", reset_received, PAIR_RESET_RECEIVED, task_acts(sk), sk, 0,
	     handle_reset_received(cpu, VIEW_RESET_RECEIVED, sk), const struct sock *sk)

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(error_report, const struct sock *sk)
{
	return RUN(handle_error(cpu, sk));
}

WHOLE_COPIES("tp_btf/inet_sk_error_report", error_report, PAIR_ERROR, task_acts(sk), sk, 0, handle_error(cpu, sk),
	     const struct sock *sk)

SEC("fentry/tcp_write_wakeup")
int BPF_PROG(probe_fentry, struct sock *sk)
{
	return RUN(handle_write_wakeup(cpu, (__u64)sk));
}

SEC("kprobe/tcp_write_wakeup")
int BPF_KPROBE(probe_kprobe, struct sock *sk)
{
	return RUN(handle_write_wakeup(cpu, (__u64)sk));
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expiry, struct timer_list *timer)
{
	return timer_is_ours(timer) ? RUN(handle_timer_expiry(cpu, timer)) : 0;
}

SEC("fentry/tw_timer_handler")
int BPF_PROG(time_wait_expired_fentry, struct timer_list *timer)
{
	return RUN(handle_time_wait(cpu, time_wait_of_timer(timer), TIME_WAIT_EXPIRED));
}

SEC("fentry/inet_twsk_deschedule_put")
int BPF_PROG(time_wait_killed_fentry, struct inet_timewait_sock *tw)
{
	return RUN(handle_time_wait(cpu, (__u64)tw, TIME_WAIT_KILLED));
}

SEC("kprobe/tw_timer_handler")
int BPF_KPROBE(time_wait_expired_kprobe, struct timer_list *timer)
{
	return RUN(handle_time_wait(cpu, time_wait_of_timer(timer), TIME_WAIT_EXPIRED));
}

SEC("kprobe/inet_twsk_deschedule_put")
int BPF_KPROBE(time_wait_killed_kprobe, struct inet_timewait_sock *tw)
{
	return RUN(handle_time_wait(cpu, (__u64)tw, TIME_WAIT_KILLED));
}

/*
 * (tw, skb, th) before 6.10 (41eecbd712b7), when tcp_send_reset was not told of minisocks either (19822a980e19);
 * then (tw, skb, th, tw_isn), and (tw, skb, th, tw_isn, drop_reason) by 6.18. The result stands behind them.
 */
SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(time_wait_segment_3, struct inet_timewait_sock *tw, struct sk_buff *skb, struct tcphdr *segment,
	     int status)
{
	return RUN(handle_minisock_segment(cpu, (__u64)tw, segment, status, false));
}

SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(time_wait_segment_4, struct inet_timewait_sock *tw, struct sk_buff *skb, struct tcphdr *segment,
	     __u32 *sequence, int status)
{
	return RUN(handle_minisock_segment(cpu, (__u64)tw, segment, status, true));
}

SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(time_wait_segment_5, struct inet_timewait_sock *tw, struct sk_buff *skb, struct tcphdr *segment,
	     __u32 *sequence, void *reason, int status)
{
	return RUN(handle_minisock_segment(cpu, (__u64)tw, segment, status, true));
}

/* (sk, flags, err, kern) before 6.10, (sk, arg) since: the result stands behind them. */
SEC("fexit/inet_csk_accept")
int BPF_PROG(accept_fexit_2, struct sock *listener, void *arg, struct sock *sk)
{
	return RUN(handle_accept(cpu, sk));
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(accept_fexit_4, struct sock *listener, int flags, int *error, bool kern, struct sock *sk)
{
	return RUN(handle_accept(cpu, sk));
}

WHOLE_COPIES_OF_FUNCTION("fexit/inet_csk_accept", accept_fexit_2, PAIR_ACCEPT, true, sk, 0, handle_accept(cpu, sk),
			 struct sock *listener, void *arg, struct sock *sk)

/* ---- only on demand: the stacks of connect() and accept() */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(stack_connect, const struct sock *sk, int old_state, int new_state)
{
	return old_state == TCP_CLOSE && new_state == TCP_SYN_SENT ? RUN(handle_connect_stack(ctx, cpu, sk)) : 0;
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(stack_accept_fexit_2, struct sock *listener, void *arg, struct sock *sk)
{
	return RUN(handle_accept_stack(ctx, cpu, sk));
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(stack_accept_fexit_4, struct sock *listener, int flags, int *error, bool kern, struct sock *sk)
{
	return RUN(handle_accept_stack(ctx, cpu, sk));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(stack_accept_syscall, struct pt_regs *regs, long result)
{
	return syscall_is_accept(regs) ? RUN(handle_accept_exit(ctx, cpu, result)) : 0;
}

/* (task, uid) since 6.9 (72ba14deb40a; also in later 5.4 to 6.6 stable kernels), (pid) before. */
SEC("tp_btf/mark_victim")
int BPF_PROG(oom_kill_2, struct task_struct *task)
{
	return RUN(handle_oom_kill(cpu, FOLLOW(task, tgid)));
}

SEC("tp_btf/mark_victim")
int BPF_PROG(oom_kill_1, int pid)
{
	return RUN(handle_oom_kill(cpu, pid));
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

/* Run by user space alone. */
SEC("raw_tp")
int own_socket_read(void *ctx)
{
	return handle_own_socket();
}
