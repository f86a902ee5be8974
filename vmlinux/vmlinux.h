/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmlinux.h: the kernel types that lastack's BPF programs use, and only the fields that they use.
 *
 * Written by hand instead of generated: CO-RE looks every field up by name in the running kernel's
 * BTF, so order, padding and architecture do not matter here. README.md beside this file says how a
 * type is added and how the result is checked.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

/* Numbers of the BPF interface: stable, so they may stand here by value. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum { BPF_RB_AVAIL_DATA = 0 };

/* include/net/tcp.h */
enum tcp_tw_status { TCP_TW_SUCCESS = 0, TCP_TW_RST = 1 };

/* Only those whose absence has a guard in compat.bpf.h. */
enum bpf_func_id { BPF_FUNC_get_current_task_btf = 158, BPF_FUNC_task_pt_regs = 175 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	long counter;
} atomic_long_t;

typedef struct {
	__u32 val;
} kuid_t;

struct hlist_node {
	struct hlist_node **pprev;
};

struct timer_list {
	struct hlist_node entry;
	void (*function)(struct timer_list *);
};

struct ns_common {
	__u32 inum;
};

struct netns_ipv4 {
	int sysctl_tcp_keepalive_time;
	int sysctl_tcp_keepalive_intvl;
	__u8 sysctl_tcp_keepalive_probes;
	__u8 sysctl_tcp_fastopen;
	__u8 sysctl_tcp_syn_retries;
	__u8 sysctl_tcp_synack_retries;
	__u8 sysctl_tcp_retries2;
	__u8 sysctl_tcp_orphan_retries;
	int sysctl_tcp_fin_timeout;
	__u8 sysctl_tcp_thin_linear_timeouts;
};

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct proto {
	atomic_long_t *memory_allocated;
	long *sysctl_mem;
};

struct hlist_nulls_node {
	struct hlist_nulls_node **pprev;
};

struct tcphdr {
	__u16 rst : 1;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct hlist_nulls_node skc_nulls_node;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	int owned;
} socket_lock_t;

typedef struct {
	atomic64_t refcnt;
} file_ref_t;

struct file {
	file_ref_t f_ref;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	int sk_err_soft;
	struct socket *sk_socket;
	socket_lock_t sk_lock;
	struct timer_list sk_timer;
	kuid_t sk_uid;
	__u16 sk_protocol;
	__u8 sk_shutdown;
	unsigned long sk_lingertime;
	struct sock_cgroup_data sk_cgrp_data;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	atomic_t sk_drops;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct request_sock_queue {
	atomic_t qlen;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	struct timer_list icsk_retransmit_timer;
	__u32 icsk_rto;
	__u32 icsk_rto_max;
	__u8 icsk_retransmits;
	__u8 icsk_pending;
	__u8 icsk_backoff;
	__u8 icsk_syn_retries;
	__u8 icsk_probes_out;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
	__u32 icsk_user_timeout;
};

struct tcp_options_received {
	__u16 saw_tstamp : 1;
	__u16 tstamp_ok : 1;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 rcv_wup;
	__u32 rcv_wnd;
	__u32 lsndtime;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
	__u32 snd_wnd;
	__u32 srtt_us;
	__u32 rcv_tstamp;
	struct tcp_options_received rx_opt;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_retrans;
	__u32 total_retrans;
	__u16 total_rto;
	__u32 last_oow_ack_time;
	__u32 keepalive_time;
	__u32 keepalive_intvl;
	__u8 keepalive_probes;
	__u8 thin_lto : 1;
	__u8 repair : 1;
	int linger2;
};

struct request_sock {
	struct sock_common __req_common;
	__u8 num_timeout : 7;
	__u32 timeout;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	unsigned char tw_substate;
	struct timer_list tw_timer;
};

struct net_device {
	possible_net_t nd_net;
};

struct sk_buff {
	struct net_device *dev;
	unsigned char *head;
	__u16 transport_header;
	__u16 network_header;
};

struct mm_struct {
	struct file *exe_file;
};

struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	struct files_struct *files;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	unsigned int flags;
	int exit_code;
	char comm[16];
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

/* The registers that a kprobe's arguments come from. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, cx, r8, ax, sp, ip;
	unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
};
struct pt_regs {
	struct user_pt_regs user_regs;
	int syscallno;
};
#endif

#pragma clang attribute pop

#endif
