/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.h: asks the kernel (sock_diag) what became of a connection, and destroys one.
 *
 * It sees orphans and TIME_WAIT minisocks, which no process can ask about, and finds exactly one
 * connection by its ports without walking the whole table.
 */
#ifndef LIVE_DIAG_H
#define LIVE_DIAG_H

#include <stdint.h>

#include "world.h"

/* The kernel's numbers. */
enum {
	STATE_GONE = 0,
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT = 2,
	STATE_SYN_RECV = 3, /* also a request socket */
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_TIME_WAIT = 6,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_LISTEN = 10,
	STATE_CLOSING = 11,
};

enum { TIMER_RETRANSMIT = 1, TIMER_KEEPALIVE = 2, TIMER_TIME_WAIT = 3, TIMER_WINDOW_PROBE = 4 };

struct diag {
	int state;
	int timer;
	int retries; /* of that timer, unanswered */
};

/* Opens a netlink socket in the namespace of an end: descriptor or -errno. */
int diag_open(const struct world *world, enum end end);

/* What there is between two ports of the two ends; state STATE_GONE when nothing. 0 or -errno. */
int diag_query(int fd, int family, enum end end, uint16_t local_port, uint16_t remote_port, struct diag *out);

/* SOCK_DESTROY, as `ss -K` does it. */
int diag_destroy(int fd, int family, enum end end, uint16_t local_port, uint16_t remote_port);

#endif
