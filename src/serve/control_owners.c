/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_owners.c: see control_owners.h.
 */
#include <string.h>

#include "serve/control_owners.h"

/* A table that is full finds nothing fast. */
#define FILLED_MAX (OWNERS_MAX / 4 * 3)

static struct owner *owner_find(struct owners *owners, uint32_t pid, const char *comm)
{
	uint32_t at = pid * 2654435761U >> 20; /* 12 bits: OWNERS_MAX */

	while (owners->slots[at].live &&
	       (owners->slots[at].pid != pid || strncmp(owners->slots[at].comm, comm, EVENT_COMM_BYTES) != 0))
		at = (at + 1) % OWNERS_MAX;
	return &owners->slots[at];
}

_Static_assert(OWNERS_MAX == 1U << 12, "owner_find() takes 12 bits");

void owners_add(struct owners *owners, const struct connection *connection)
{
	struct owner *owner;

	if (connection->source == SOURCE_UNKNOWN) {
		owners->unknown++;
		return;
	}
	owner = owner_find(owners, connection->pid, connection->comm);
	if (!owner->live && owners->count >= FILLED_MAX) {
		owners->others++;
		return;
	}
	if (!owner->live) {
		owners->count++;
		owner->pid = connection->pid;
		memcpy(owner->comm, connection->comm, sizeof(owner->comm));
	}
	owner->live++;
}

unsigned owners_top(const struct owners *owners, struct owner top[OWNERS_TOP])
{
	unsigned count = 0;

	for (size_t i = 0; i < OWNERS_MAX; i++) {
		unsigned at = count;

		if (!owners->slots[i].live)
			continue;
		while (at && top[at - 1].live < owners->slots[i].live)
			at--;
		if (at == OWNERS_TOP)
			continue;
		if (count < OWNERS_TOP)
			count++;
		memmove(&top[at + 1], &top[at], (count - at - 1) * sizeof(top[0]));
		top[at] = owners->slots[i];
	}
	return count;
}
