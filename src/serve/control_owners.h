/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_owners.h: who has most of the live connections. Its memory is bounded: of more processes than it has room
 * for, those that come late are counted together.
 */
#ifndef LASTACK_SERVE_CONTROL_OWNERS_H
#define LASTACK_SERVE_CONTROL_OWNERS_H

#include "core/connection.h"

#define OWNERS_MAX 4096
#define OWNERS_TOP 10

struct owner {
	uint32_t pid, live; /* live 0: free */
	char comm[EVENT_COMM_BYTES];
};

struct owners {
	uint32_t count;
	uint64_t others;  /* connections of processes that there was no room for */
	uint64_t unknown; /* connections whose owner is not known */
	struct owner slots[OWNERS_MAX];
};

void owners_add(struct owners *owners, const struct connection *connection);
/* The largest, from the first on; returns how many. */
unsigned owners_top(const struct owners *owners, struct owner top[OWNERS_TOP]);

#endif
