/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroup_names.c: a table that doubles, with open addressing. Cgroups come and go on hosts with many
 * containers, but a path is short: beyond a bound the table begins anew, and paths are asked for again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/cgroup_names.h"

#define SLOTS_FIRST 64
#define NAMES_MAX   65536

struct cgroup_name {
	uint64_t id; /* 0: free */
	char *path;
};

struct cgroup_names {
	struct cgroup_name *slots;
	uint32_t slot_count, used;
};

struct cgroup_names *cgroup_names_create(void)
{
	struct cgroup_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->slot_count = SLOTS_FIRST;
	names->slots = calloc(names->slot_count, sizeof(*names->slots));
	if (!names->slots) {
		free(names);
		return NULL;
	}
	return names;
}

static void forget_all(struct cgroup_names *names)
{
	for (uint32_t i = 0; i < names->slot_count; i++)
		free(names->slots[i].path);
	memset(names->slots, 0, names->slot_count * sizeof(*names->slots));
	names->used = 0;
}

void cgroup_names_destroy(struct cgroup_names *names)
{
	if (!names)
		return;
	forget_all(names);
	free(names->slots);
	free(names);
}

/* The slot that has the id, or the free one where it would go. */
static struct cgroup_name *slot_of(const struct cgroup_names *names, uint64_t id)
{
	uint32_t at = (uint32_t)(id * 0x9e3779b97f4a7c15ULL >> 32) & (names->slot_count - 1);

	while (names->slots[at].id && names->slots[at].id != id)
		at = (at + 1) & (names->slot_count - 1);
	return &names->slots[at];
}

static int grow(struct cgroup_names *names)
{
	struct cgroup_names larger = {.slot_count = names->slot_count * 2, .used = names->used};

	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < names->slot_count; i++)
		if (names->slots[i].id)
			*slot_of(&larger, names->slots[i].id) = names->slots[i];
	free(names->slots);
	*names = larger;
	return 0;
}

bool cgroup_names_has(const struct cgroup_names *names, uint64_t id)
{
	return slot_of(names, id)->id == id;
}

int cgroup_names_set(struct cgroup_names *names, uint64_t id, const char *path)
{
	struct cgroup_name *slot;
	char *copy;
	int status;

	if (names->used == NAMES_MAX)
		forget_all(names);
	if (names->used * 2 >= names->slot_count && (status = grow(names)))
		return status;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	slot = slot_of(names, id);
	if (!slot->id)
		names->used++;
	free(slot->path);
	*slot = (struct cgroup_name){id, copy};
	return 0;
}

const char *cgroup_names_get(const struct cgroup_names *names, uint64_t id)
{
	const struct cgroup_name *slot = slot_of(names, id);

	return id && slot->id == id && slot->path[0] ? slot->path : NULL;
}
