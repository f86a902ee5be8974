/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explore.h: every state that two ends (endpoint.h) and the channel between them can get into, and what holds in all of
 * them. The channel is a set of segments for each direction: any of them may arrive next (reordered), stay behind
 * though it has arrived (duplicated) or vanish (lost); what finds no room is lost too.
 */
#ifndef LASTACK_TESTS_MODEL_EXPLORE_H
#define LASTACK_TESTS_MODEL_EXPLORE_H

#include "endpoint.h"

#define RULES_MAX 256

struct exploration_config {
	const char *name;
	const struct machine *machine;
	bool linux_too, self;
	unsigned int segments;                                   /* at once in each direction */
	uint8_t opens[2];                                        /* connections that each host may begin, 0 to 2 */
	bool data, crashes, specials, keepalive, fast_open, odd; /* what may happen */
	uint32_t states_max;
};

/* Why a state at rest, which is no end, stays as it is unless somebody helps. */
enum stuck_class {
	STUCK_PEER_GONE, /* the peer has no such connection, and nothing is in flight that would tell */
	STUCK_HELD,      /* one end closed; the other's process does not */
	STUCK_OPEN,      /* an open connection: nobody has asked to close it */
	STUCK_CLASSES,
};

struct exploration {
	uint32_t states;
	uint32_t ends;      /* no connection is left */
	uint32_t stuck;     /* at rest, and no end */
	uint32_t never_end; /* can only come to rest */
	uint64_t steps;
	double seconds;
	uint32_t stuck_pairs[STUCK_CLASSES][MACHINE_STATES][MACHINE_STATES];
	bool reached[RULES_MAX]; /* entries of the table, by index */
	char wrong[256];         /* "": all holds */
};

/* Explores, and checks at each step and each state what explore.c says. Prints the way to what is wrong. */
void explore(const struct exploration_config *config, struct exploration *result, bool quiet);

#endif
