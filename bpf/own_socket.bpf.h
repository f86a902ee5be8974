/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * own_socket.bpf.h: reads a socket of the running task by its descriptor, in the ways that every handler reads: whether
 * that gives what user space made of it tells whether types from a file are of this kernel. Run by hand, never
 * attached.
 */
#ifndef LASTACK_OWN_SOCKET_BPF_H
#define LASTACK_OWN_SOCKET_BPF_H

struct own_socket own_socket;

static __always_inline int handle_own_socket(void)
{
	const struct sock *socket = (const struct sock *)tcp_socket_of_descriptor(own_socket.descriptor);
	struct cpu_state *cpu = cpu_state_get();
	struct socket_view view;

	if (!socket || !cpu || !view_tcp(&view, cpu, EVENT_NONE, VIEW_OWN, socket))
		return 0;
	own_socket.netns = netns_of(&view.sk->__sk_common);
	own_socket.keepalive_idle_ticks = view.tp->keepalive_time;
	own_socket.user_timeout_ms = view.tp->inet_conn.icsk_user_timeout;
	own_socket.local_port = local_port_of(view.tp);
	own_socket.family = view.sk->__sk_common.skc_family;
	own_socket.found = 1;
	return 0;
}

#endif
