/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h: what the running kernel shows to lastack, as far as kernels differ in it. A scenario asks here what to
 * expect, and then expects just that: no kernel is given more room for errors than another.
 */
#ifndef LIVE_KERNEL_H
#define LIVE_KERNEL_H

#include <stdbool.h>

enum kernel_fact {
	KERNEL_COOKIES,        /* BPF programs know a socket by its cookie, which its minisock keeps */
	KERNEL_TIMEOUTS,       /* a connection counts its retransmission timeouts */
	KERNEL_RESET_REASONS,  /* tcp_send_reset gives a reason, and is told of minisocks too */
	KERNEL_TIME_WAIT_ENDS, /* lastack sees minisocks that are ended before their timer, and by what */
	KERNEL_FACTS
};

/*
 * Asks lastack which hooks it has here; must come first. types: a file of types that it is given (--btf), or NULL. 0 or
 * -errno.
 */
int kernel_ask(const char *lastack, const char *types);
bool kernel_shows(enum kernel_fact fact);
/* A line for each fact that is missing here, and what follows from that. */
void kernel_print_missing(void);

#endif
