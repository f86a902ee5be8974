/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * views.bpf.h: a socket as a handler reads it: itself, or, where the kernel holds no types (reads.bpf.h), a copy of it.
 *
 * One read of a whole socket costs less than a read for each of the thirty fields that its close is told by, and what
 * is read from the copy is written as it is everywhere else.
 */
#ifndef LASTACK_VIEWS_BPF_H
#define LASTACK_VIEWS_BPF_H

/* struct tcp_sock has some 2,500 bytes. One that did not fit would be refused by the verifier. */
#define VIEW_BYTES 4096

/*
 * Places for each program, as one may interrupt another on its CPU; before 6.1 (05b24ff9b2cf) also itself, so there are
 * two: what a task does with a socket that it has locked can be interrupted by softirqs, which meet sockets that nobody
 * has locked, and are not interrupted. Variants of a program for other kernels share them: only one of them is loaded.
 */
enum view_place {
	VIEW_STATE,
	VIEW_STATE_SECOND,
	VIEW_STATE_STACK,
	VIEW_RETRANSMIT,
	VIEW_SYNACK,
	VIEW_SYNACK_REQUEST,
	VIEW_RESET_SENT,
	VIEW_RESET_SENT_SECOND,
	VIEW_RESET_RECEIVED,
	VIEW_RESET_RECEIVED_SECOND,
	VIEW_ERROR,
	VIEW_OWN,
	VIEW_PLACES,
};

/* Only made where it is needed. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * VIEW_PLACES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, VIEW_BYTES);
} views SEC(".maps");

struct socket_view {
	const struct sock *socket; /* its address, which its key is made of: not to be read from */
	const struct sock *sk;     /* to be read from */
	struct tcp_sock *tp;       /* the same, whole; NULL: a minisock, or no TCP */
};

static __always_inline bool is_tcp(const struct sock *sk)
{
	/* Also fired for MPTCP's own sockets (262) and other inet protocols. */
	return sk->sk_protocol == IPPROTO_TCP;
}

/* A copy of so many bytes; NULL, which nobody has seen yet: the event is lost. */
static __always_inline void *view_copy(struct cpu_state *cpu, enum event_kind kind, enum view_place place, bool locked,
				       const void *from, __u64 bytes)
{
	__u32 key = 2 * place + locked;
	void *copy = bpf_map_lookup_elem(&views, &key);

	if (copy && !bpf_probe_read_kernel(copy, bytes, from))
		return copy;
	event_lost(cpu, kind);
	return NULL;
}

static __always_inline bool view_copy_tcp(struct socket_view *view, struct cpu_state *cpu, enum event_kind kind,
					  enum view_place place)
{
	const struct sock *socket = view->socket; /* relocated by its own type */
	bool locked = BPF_CORE_READ(socket, sk_lock.owned) != 0;

	view->tp = view_copy(cpu, kind, place, locked, socket, bpf_core_type_size(struct tcp_sock));
	view->sk = (const struct sock *)view->tp;
	return view->tp;
}

/* Of a TCP socket that is whole. False: it is something else, and the view is none. */
static __always_inline bool view_tcp(struct socket_view *view, struct cpu_state *cpu, enum event_kind kind,
				     enum view_place place, const struct sock *sk)
{
	view->socket = view->sk = sk;
	if (raw_reads)
		return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP && view_copy_tcp(view, cpu, kind, place);
	if (!is_tcp(sk))
		return false;
	view->tp = bpf_skc_to_tcp_sock((void *)sk);
	return view->tp;
}

/* Of whatever stands for a connection: a minisock has no more than struct sock_common, and no tp. */
static __always_inline bool view_any(struct socket_view *view, struct cpu_state *cpu, enum event_kind kind,
				     enum view_place place, const struct sock *sk)
{
	__u8 state;

	view->socket = view->sk = sk;
	view->tp = NULL;
	if (!raw_reads) {
		view->tp = bpf_skc_to_tcp_sock((void *)sk);
		return true;
	}
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV)
		return view_copy_tcp(view, cpu, kind, place);
	view->sk = view_copy(cpu, kind, place, false, sk, bpf_core_type_size(struct sock_common));
	return view->sk;
}

#endif
