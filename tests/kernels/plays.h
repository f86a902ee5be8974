/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plays.h: a dozen ways for a connection to end, and what is true of each end. See tiers.c.
 */
#ifndef KERNELS_PLAYS_H
#define KERNELS_PLAYS_H

#include <stddef.h>
#include <stdint.h>

#define FIRST_PORT 20000 /* of the servers, one port a play; below the ephemeral ones */
#define PLAYS      11

enum { CLIENT, SERVER, ENDS };

struct play {
	const char *name;
	void (*play)(uint16_t port);
	const char *cause[ENDS]; /* that lastack must tell; NULL: there is no such end */
};

extern const struct play plays[PLAYS];

/* Plays all at once, each in a process of its own, and returns when all are done. */
void play_all(void);

/* Says what went wrong, with errno, and ends the process with status 2. */
_Noreturn void fail(const char *what);
/* Passes the result of a system call on, or fails. */
int must(int result, const char *what);

#endif
