/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * own_socket.h: a socket of lastack's own as a BPF program read it: user space knows what it should have read, and so
 * whether types from a file are those of the running kernel.
 */
#ifndef LASTACK_OWN_SOCKET_H
#define LASTACK_OWN_SOCKET_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct own_socket {
	__u32 descriptor; /* of the task that runs the program; set by user space */
	__u32 netns;
	__u32 keepalive_idle_ticks;
	__u32 user_timeout_ms;
	__u16 local_port;
	__u8 family;
	__u8 found; /* the program came to a TCP socket */
};

#endif
