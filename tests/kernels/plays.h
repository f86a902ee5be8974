/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plays.h: a dozen ways for a connection to end, and what is true of each end. See tiers.c.
 */
#ifndef KERNELS_PLAYS_H
#define KERNELS_PLAYS_H

#include <stddef.h>
#include <stdint.h>

#define FIRST_PORT 20000 /* of the servers, one port a play; below the ephemeral ones */
#define PLAYS      12

/* The last: what is true of the client for one who cannot join minisocks with their connections. */
enum { CLIENT, SERVER, ENDS, CLIENT_WITHOUT_MINISOCK = ENDS, CAUSES };

struct play {
	const char *name;
	void (*play)(uint16_t port);
	const char *cause[CAUSES]; /* that lastack must tell; NULL: there is no such end, or nothing else to tell */
};

extern const struct play plays[PLAYS];

/*
 * Plays all at once, each in a process of its own, and returns when all are done. They run as real-time processes
 * of one priority: from 7.0 on a process can lose its CPU in the middle of a BPF program, which the kernel then
 * skips for others on that CPU; on an emulated machine that loses an event in fifty, and losses are not played here.
 */
void play_all(void);

/* Says what went wrong, with errno, and ends the process with status 2. */
_Noreturn void fail(const char *what);
/* Passes the result of a system call on, or fails. */
int must(int result, const char *what);

#endif
