/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.bpf.h: every place where kernels differ, and nothing else.
 *
 * Each guard names the change and the version that brought it, so that it can be dropped when the
 * oldest supported kernel moves on. What cannot be decided in BPF (arity of a tracepoint, numbers of
 * an enum without a name) is decided by the loader and arrives here as a constant.
 */
#ifndef LASTACK_COMPAT_BPF_H
#define LASTACK_COMPAT_BPF_H

/* bpf_get_socket_cookie in tracing programs: 5.12 (c5dbb89fc2ac). Set by the loader. */
const volatile bool has_cookie_helper = true;

/* CONFIG_HZ, which not every kernel tells of itself. Set by the loader. */
const volatile __u32 ticks_per_second = 0;

/* enum sk_rst_reason by name, numbers as in the running kernel (6.10; renumbered since). Set by the loader. */
#define RESET_REASON_MAP_SIZE 64
const volatile __u8 reset_reason_map[RESET_REASON_MAP_SIZE] = {};

static __always_inline __u8 reset_reason_of(__u32 reason)
{
	if (reason >= RESET_REASON_MAP_SIZE)
		return RESET_REASON_OTHER;
	barrier_var(reason); /* or the compiler drops the mask that the verifier wants to see */
	return reset_reason_map[reason & (RESET_REASON_MAP_SIZE - 1)];
}

/* struct file: f_count became f_ref in 6.13 (90ee6ed776c0); released files then count below zero. */
struct file___f_count {
	atomic_long_t f_count;
} __attribute__((preserve_access_index));

static __always_inline bool file_is_dead(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return FOLLOW(file, f_ref.refcnt.counter) < 0;
	return FOLLOW((struct file___f_count *)file, f_count.counter) <= 0;
}

/*
 * The keepalive timer moved from sock.sk_timer to inet_connection_sock.icsk_keepalive_timer and the
 * write timer from icsk_retransmit_timer to sock.tcp_retransmit_timer (which shares sk_timer's place)
 * after 6.18.
 */
struct inet_connection_sock___keepalive {
	struct timer_list icsk_keepalive_timer;
} __attribute__((preserve_access_index));

struct sock___write_timer {
	struct timer_list tcp_retransmit_timer;
} __attribute__((preserve_access_index));

static __always_inline __u64 keepalive_timer_offset(void)
{
	if (bpf_core_field_exists(struct inet_connection_sock___keepalive, icsk_keepalive_timer))
		return bpf_core_field_offset(struct inet_connection_sock___keepalive, icsk_keepalive_timer);
	return bpf_core_field_offset(struct sock, sk_timer);
}

static __always_inline __u64 write_timer_offset(void)
{
	if (bpf_core_field_exists(struct sock___write_timer, tcp_retransmit_timer))
		return bpf_core_field_offset(struct sock___write_timer, tcp_retransmit_timer);
	return bpf_core_field_offset(struct inet_connection_sock, icsk_retransmit_timer);
}

/* tcp_sock.total_rto: 6.7 (3868ab0f1925). */
static __always_inline __u32 tcp_total_timeouts(struct tcp_sock *tp)
{
	if (bpf_core_field_exists(tp->total_rto))
		return tp->total_rto;
	return ~0U;
}

/* sock_cgroup_data.cgroup: a plain pointer since 5.16 (8520e224f547). */
static __always_inline __u64 socket_cgroup(const struct sock *sk)
{
	struct kernfs_node *node;
	struct cgroup *cgroup;

	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return 0;
	cgroup = sk->sk_cgrp_data.cgroup;
	if (!cgroup)
		return 0;
	node = FOLLOW(cgroup, kn);
	return FOLLOW(node, id);
}

/*
 * bpf_get_current_task_btf(): 5.11 (3ca1032ab7ab). Before, and where the kernel holds no types, the running task is an
 * address to read through.
 */
static __always_inline bool current_task_is_typed(void)
{
	return !raw_reads && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

static __always_inline __u32 current_task_flags(void)
{
	if (current_task_is_typed())
		return bpf_get_current_task_btf()->flags;
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), flags);
}

/*
 * What bpf_get_current_uid_gid() gives, read from the task itself where that is possible: that helper and
 * bpf_get_current_comm() took a tenth of a state change.
 */
static __always_inline __u32 current_task_uid(void)
{
	const struct cred *cred;

	if (!current_task_is_typed())
		return bpf_get_current_uid_gid();
	cred = bpf_get_current_task_btf()->cred;
	return cred ? cred->uid.val : 0;
}

/*
 * The process' name, as ps and a listing of files have it: its threads may have names of their own. What stands behind
 * its end is nothing since 5.17 (06c5088aeeda), and before the rest of a former name.
 */
static __always_inline void process_comm(char comm[EVENT_COMM_BYTES])
{
	__u64 *to = (__u64 *)comm;
	const __u64 *from;

	if (!current_task_is_typed()) {
		bpf_probe_read_kernel(comm, EVENT_COMM_BYTES,
				      BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader)->comm);
		return;
	}
	from = (const __u64 *)bpf_get_current_task_btf()->group_leader->comm;
	to[0] = from[0];
	to[1] = from[1];
}

static __always_inline __s32 current_task_exit_code(void)
{
	if (current_task_is_typed())
		return bpf_get_current_task_btf()->exit_code;
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), exit_code);
}

/*
 * Has the running task come back from accept() or accept4(), by the numbers of its architecture? A 32-bit task counts
 * otherwise (and is asked for last: hardly any system call gets that far).
 */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_ACCEPT  43
#define SYSCALL_ACCEPT4 288
#define TS_COMPAT       0x0002 /* arch/x86/include/asm/thread_info.h */

static __always_inline bool syscall_is_accept(const struct pt_regs *regs)
{
	unsigned long number = FOLLOW(regs, orig_ax);
	struct task_struct *task;

	if (number != SYSCALL_ACCEPT && number != SYSCALL_ACCEPT4)
		return false;
	task = (struct task_struct *)bpf_get_current_task();
	return !(BPF_CORE_READ(task, thread_info.status) & TS_COMPAT);
}
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_ACCEPT  202
#define SYSCALL_ACCEPT4 242
#define TIF_32BIT_BIT   (1UL << 22) /* arch/arm64/include/asm/thread_info.h */

static __always_inline bool syscall_is_accept(const struct pt_regs *regs)
{
	int number = FOLLOW(regs, syscallno);
	struct task_struct *task;

	if (number != SYSCALL_ACCEPT && number != SYSCALL_ACCEPT4)
		return false;
	task = (struct task_struct *)bpf_get_current_task();
	return !(BPF_CORE_READ(task, thread_info.flags) & TIF_32BIT_BIT);
}
#else
static __always_inline bool syscall_is_accept(const struct pt_regs *regs)
{
	return false;
}
#endif

/* bpf_task_pt_regs(): 5.15 (dd6e10fbd9fb). The running task's registers in user space, to be read through; or NULL. */
static __always_inline const struct pt_regs *user_registers(void)
{
	if (!raw_reads && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return NULL;
}

/*
 * struct netns_ipv4: these settings were int and became u8 in 5.13 (4ecc1baf362c); a plain load of
 * the one cannot be relocated to the other.
 */
static __always_inline __u8 net_keepalive_probes(const struct net *net)
{
	return FOLLOW_BITS(net, ipv4.sysctl_tcp_keepalive_probes);
}

static __always_inline __u8 net_synack_retries(const struct net *net)
{
	return FOLLOW_BITS(net, ipv4.sysctl_tcp_synack_retries);
}

static __always_inline __u8 net_syn_retries(const struct net *net)
{
	return FOLLOW_BITS(net, ipv4.sysctl_tcp_syn_retries);
}

static __always_inline __u8 net_data_retries(const struct net *net)
{
	return FOLLOW_BITS(net, ipv4.sysctl_tcp_retries2);
}

static __always_inline __u8 net_orphan_retries(const struct net *net)
{
	return FOLLOW_BITS(net, ipv4.sysctl_tcp_orphan_retries);
}

static __always_inline bool net_thin_linear(const struct net *net)
{
	return FOLLOW_BITS(net, ipv4.sysctl_tcp_thin_linear_timeouts) != 0;
}

/* inet_connection_sock.icsk_rto_max: 6.15 (54a378f43425). Before, every RTO may grow to 120 s. */
static __always_inline bool rto_max_is_usual(const struct inet_connection_sock *icsk)
{
	return !bpf_core_field_exists(icsk->icsk_rto_max) || icsk->icsk_rto_max == 120 * ticks_per_second;
}

static __always_inline __u8 syn_retries(const struct net *net, const struct inet_connection_sock *icsk)
{
	return icsk->icsk_syn_retries ? icsk->icsk_syn_retries : net_syn_retries(net);
}

/* request_sock.timeout: 5.17 (5903123f662e). Before, every request starts with TCP_TIMEOUT_INIT, a second. */
static __always_inline __u32 request_timeout(const struct request_sock *request)
{
	return bpf_core_field_exists(request->timeout) ? request->timeout : ticks_per_second;
}

/*
 * The key of a socket: its cookie, made now if nobody asked before; where it is there already, the helper would
 * only read it too, at the price of a twentieth of an event. Kernels without the helper (5.10) get the address: it is
 * reused, so the tracker also goes by births.
 */
static __always_inline __u64 socket_key(const struct sock *sk)
{
	__u64 cookie;

	if (!has_cookie_helper)
		return (__u64)sk;
	cookie = (__u64)sk->__sk_common.skc_cookie.counter;
	return cookie ? cookie : bpf_get_socket_cookie((void *)sk);
}

/* The same for memory that the verifier knows nothing of: only a cookie that was made before. */
static __always_inline __u64 socket_key_of_address(__u64 address)
{
	struct sock_common *common = (struct sock_common *)address;

	return has_cookie_helper ? (__u64)BPF_CORE_READ(common, skc_cookie.counter) : address;
}

#endif
