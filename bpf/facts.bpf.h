/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * facts.bpf.h: what is read from a socket or a task, and the operator's filter on it.
 *
 * It knows kernel structures and event.h; it does not know how a program was attached.
 */
#ifndef LASTACK_FACTS_BPF_H
#define LASTACK_FACTS_BPF_H

#define AF_INET     2
#define AF_INET6    10
#define IPPROTO_TCP 6
#define PF_EXITING  0x00000004
#define PF_KTHREAD  0x00200000

/* Bits of sock_common.skc_flags, enum sock_flags in include/net/sock.h: unchanged since 2.6. */
#define SOCK_DEAD_BIT     (1UL << 0)
#define SOCK_DONE_BIT     (1UL << 1)
#define SOCK_KEEPOPEN_BIT (1UL << 3)
#define SOCK_LINGER_BIT   (1UL << 4)

/* icsk_pending, include/net/inet_connection_sock.h */
#define ICSK_TIME_PROBE0 3

/* The operator's filter. An empty list lets everything pass. Set by the loader. */
const volatile __u8 filter_family = 0; /* 4, 6, or 0 for both */
const volatile __u32 filter_netns_count = 0;
const volatile __u32 filter_netns[FILTER_NETNS_MAX] = {};
const volatile __u32 filter_cgroup_count = 0;
const volatile __u64 filter_cgroup[FILTER_CGROUPS_MAX] = {};
const volatile __u32 filter_local_port_count = 0;
const volatile struct port_range filter_local_port[FILTER_PORTS_MAX] = {};
const volatile __u32 filter_remote_port_count = 0;
const volatile struct port_range filter_remote_port[FILTER_PORTS_MAX] = {};

/* v4-mapped IPv6 sockets speak IPv4 on the wire: they are told as what they are there. */
static __always_inline bool address_is_mapped(const struct in6_addr *address)
{
	return !address->in6_u.u6_addr32[0] && !address->in6_u.u6_addr32[1] &&
	       address->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline __u8 family_of(const struct sock_common *common)
{
	/* A listener has no remote address yet. */
	return common->skc_family == AF_INET6 && !address_is_mapped(&common->skc_v6_daddr) &&
			       !address_is_mapped(&common->skc_v6_rcv_saddr)
		       ? 6
		       : 4;
}

static __always_inline bool port_in(const volatile struct port_range *ranges, __u32 count, __u16 port)
{
	for (__u32 i = 0; i < FILTER_PORTS_MAX && i < count; i++)
		if (port >= ranges[i].first && port <= ranges[i].last)
			return true;
	return false;
}

static __always_inline __u32 netns_of(const struct sock_common *common)
{
	return FOLLOW(common->skc_net.net, ns.inum);
}

static __always_inline bool netns_wanted(const struct sock_common *common)
{
	__u32 inum = netns_of(common);

	for (__u32 i = 0; i < FILTER_NETNS_MAX && i < filter_netns_count; i++)
		if (filter_netns[i] == inum)
			return true;
	return false;
}

static __always_inline bool cgroup_wanted(const struct sock *sk)
{
	__u64 id = socket_cgroup(sk);

	for (__u32 i = 0; i < FILTER_CGROUPS_MAX && i < filter_cgroup_count; i++)
		if (filter_cgroup[i] == id)
			return true;
	return false;
}

/*
 * Does the operator want this connection? local_port 0: not known yet, so it passes. A listener has no
 * remote port; it passes too, as the owner of connections to come.
 */
static __always_inline bool common_is_wanted(const struct sock_common *common, __u16 local_port)
{
	/* A listener on :: serves both families. */
	if (filter_family && common->skc_state != TCP_LISTEN && filter_family != family_of(common))
		return false;
	if (filter_netns_count && !netns_wanted(common))
		return false;
	if (filter_local_port_count && local_port && !port_in(filter_local_port, filter_local_port_count, local_port))
		return false;
	if (filter_remote_port_count && common->skc_dport &&
	    !port_in(filter_remote_port, filter_remote_port_count, bpf_ntohs(common->skc_dport)))
		return false;
	return true;
}

static __always_inline bool socket_is_wanted(const struct sock *sk, __u16 local_port)
{
	if (!common_is_wanted(&sk->__sk_common, local_port))
		return false;
	return !filter_cgroup_count || cgroup_wanted(sk);
}

static __always_inline __u16 local_port_of(const struct tcp_sock *tp)
{
	return bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
}

static __always_inline void address_put(__u8 *to, __u32 a, __u32 b, __u32 c, __u32 d)
{
	__u32 *words = (__u32 *)to;

	words[0] = a;
	words[1] = b;
	words[2] = c;
	words[3] = d;
}

static __always_inline void address_put_v6(__u8 *to, const struct in6_addr *from)
{
	address_put(to, from->in6_u.u6_addr32[0], from->in6_u.u6_addr32[1], from->in6_u.u6_addr32[2],
		    from->in6_u.u6_addr32[3]);
}

/* Fills the tuple and returns the family on the wire: 4 or 6. */
static __always_inline __u8 tuple_fill(struct event_tuple *tuple, const struct sock_common *common, __u16 local_port)
{
	tuple->local_port = local_port;
	tuple->remote_port = bpf_ntohs(common->skc_dport);
	tuple->netns = netns_of(common);
	if (family_of(common) == 6) {
		address_put_v6(tuple->local, &common->skc_v6_rcv_saddr);
		address_put_v6(tuple->remote, &common->skc_v6_daddr);
		return 6;
	}
	address_put(tuple->local, common->skc_rcv_saddr, 0, 0, 0);
	address_put(tuple->remote, common->skc_daddr, 0, 0, 0);
	return 4;
}

/*
 * sk_lock.owned is the oracle of context: only while it is set does the running task act on this very
 * socket. Without it the program runs in a softirq that interrupted whoever was there.
 */
static __always_inline bool task_acts(const struct sock *sk)
{
	return sk->sk_lock.owned;
}

static __always_inline __u16 task_flags(const struct sock *sk)
{
	struct socket *socket;
	struct file *file;
	__u16 flags = EVENT_TASK_ACTS;

	socket = sk->sk_socket;
	if (socket) {
		file = FOLLOW(socket, file);
		if (file)
			flags |= file_is_dead(file) ? EVENT_FILE_DEAD : EVENT_FILE_ALIVE;
	}
	if (current_task_flags() & PF_EXITING)
		flags |= EVENT_TASK_EXITING;
	return flags;
}

static __always_inline __u16 socket_flags(const struct sock *sk)
{
	unsigned long bits = sk->__sk_common.skc_flags;
	__u16 flags = 0;

	if (bits & SOCK_DEAD_BIT)
		flags |= EVENT_SOCKET_DEAD;
	if (bits & SOCK_DONE_BIT)
		flags |= EVENT_SOCKET_DONE;
	if (sk->sk_socket)
		flags |= EVENT_HAS_SOCKET;
	if (task_acts(sk))
		flags |= task_flags(sk);
	return flags;
}

static __always_inline __s32 exit_code_of_task(__u16 flags)
{
	if (!(flags & EVENT_TASK_EXITING))
		return 0;
	return current_task_exit_code();
}

/*
 * Who acts on the socket; 0: a kernel thread, which does so for somebody else. It lets files go after io_uring's direct
 * descriptors, and what was passed to nobody (unix_gc(), delayed_fput()).
 */
static __always_inline __u32 acting_pid(void)
{
	return current_task_flags() & PF_KTHREAD ? 0 : bpf_get_current_pid_tgid() >> 32;
}

static __always_inline __u32 ticks_since(__u32 then)
{
	return then ? (__u32)bpf_jiffies64() - then : ~0U;
}

/* The TCP socket behind a process's descriptor, else NULL; threads share the files of their process. For iterators. */
static __always_inline struct tcp_sock *tcp_socket_of_file(const struct task_struct *task, struct file *file)
{
	struct socket *socket;
	struct sock *sk;

	if (!task || !file || task->tgid != task->pid)
		return NULL;
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : NULL;
	return sk ? bpf_skc_to_tcp_sock(sk) : NULL;
}

/*
 * Initial sequence numbers. bytes_acked counts our SYN, bytes_received not the peer's; with TCP Fast
 * Open both may already hold data, which is why snd_una and rcv_nxt alone do not do.
 */
static __always_inline __u32 local_isn(const struct tcp_sock *tp, bool passive)
{
	return passive ? tp->snd_una - (__u32)tp->bytes_acked - 1 : tp->snd_una - (__u32)tp->bytes_acked;
}

static __always_inline __u32 remote_isn(const struct tcp_sock *tp)
{
	return tp->rcv_nxt - (__u32)tp->bytes_received - 1;
}

#endif
