// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_counted.c: what was counted of connections that may still be revised: a minisock stands for them. A
 * revision takes back what was counted, and is counted or kept as it says now; so a connection counts once, as what
 * it turned out to be.
 *
 * The tracker remembers a quarter of --max-connections of these at once, 16,384 by default; here there is room for
 * more than that. What is not remembered is never counted again when it is counted already: see history.c.
 */
#include <stdlib.h>

#include "store/history_internal.h"

#define SLOTS 65536
/* Where so many are taken, those are forgotten whose minisock must be gone; above the second nothing is remembered. */
#define USED_CLEAN (SLOTS / 2)
#define USED_MAX   (SLOTS / 4 * 3)
/* TIME_WAIT after FIN_WAIT2, 60 s each, and timers that are late. */
#define MINISOCK_MAX_NS (130 * NS_PER_S)

bool counted_may_change(const struct connection_report *report)
{
	return report->has_time_wait && report->time_wait_end_ns == ABSENT_U64;
}

static uint32_t slot_of(const struct history_counted *counted, uint64_t cookie, uint64_t life_ns, uint32_t netns)
{
	uint64_t hash = (cookie * 0x9e3779b97f4a7c15ULL ^ life_ns) * 0x94d049bb133111ebULL ^ netns;
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & (SLOTS - 1);

	while (counted->slots[at].used && (counted->slots[at].cookie != cookie || counted->slots[at].netns != netns ||
					   counted->slots[at].life_ns != life_ns))
		at = (at + 1) & (SLOTS - 1);
	return at;
}

const struct counted *counted_find(const struct history_counted *counted, const struct connection_report *report)
{
	const struct counted *found;

	if (!counted->slots)
		return NULL;
	found = &counted->slots[slot_of(counted, report->cookie, report_life_ns(report), report->netns)];
	return found->used && found->counts ? found : NULL;
}

/* Without it an entry could not be taken back. */
static bool undo_keep(struct history_counted *counted, uint32_t slot)
{
	if (counted->undo_count == counted->undo_capacity) {
		uint32_t capacity = counted->undo_capacity ? counted->undo_capacity * 2 : 256;
		struct counted_undo *undo = realloc(counted->undo, capacity * sizeof(*undo));

		if (!undo)
			return false;
		counted->undo = undo;
		counted->undo_capacity = capacity;
	}
	counted->undo[counted->undo_count++] = (struct counted_undo){slot, counted->slots[slot]};
	return true;
}

int counted_set(struct history_counted *counted, const struct connection_report *report, const struct hourly_key *key,
		const struct hourly_sums *sums)
{
	uint64_t life_ns = report_life_ns(report);
	uint32_t slot;

	if (!counted->slots)
		counted->slots = calloc(SLOTS, sizeof(*counted->slots));
	if (!counted->slots)
		return SQLITE_NOMEM;
	slot = slot_of(counted, report->cookie, life_ns, report->netns);
	if (!counted->slots[slot].used && (!sums || counted->used >= USED_MAX))
		return SQLITE_OK;
	if (!undo_keep(counted, slot))
		return SQLITE_NOMEM;
	counted->used += !counted->slots[slot].used;
	counted->slots[slot] = (struct counted){
		.cookie = report->cookie,
		.life_ns = life_ns,
		.netns = report->netns,
		.used = true,
		.counts = sums != NULL,
		.end_ns = report->end_ns,
	};
	if (sums) {
		counted->slots[slot].key = *key;
		counted->slots[slot].sums = *sums;
	}
	return SQLITE_OK;
}

/* All that is left moves into a new table: entries must not be taken out of a chain. */
static void forget_old(struct history_counted *counted, uint64_t now_ns)
{
	struct counted *before = counted->slots;

	counted->slots = calloc(SLOTS, sizeof(*counted->slots));
	if (!counted->slots) {
		counted->slots = before;
		return;
	}
	counted->used = 0;
	for (uint32_t i = 0; i < SLOTS; i++) {
		const struct counted *one = &before[i];

		if (!one->used || !one->counts || one->end_ns + MINISOCK_MAX_NS < now_ns)
			continue;
		counted->slots[slot_of(counted, one->cookie, one->life_ns, one->netns)] = *one;
		counted->used++;
	}
	free(before);
}

void counted_committed(struct history_counted *counted, uint64_t now_ns)
{
	counted->undo_count = 0;
	if (counted->used >= USED_CLEAN)
		forget_old(counted, now_ns);
}

void counted_rolled_back(struct history_counted *counted)
{
	while (counted->undo_count) {
		const struct counted_undo *undo = &counted->undo[--counted->undo_count];

		counted->used -= counted->slots[undo->slot].used && !undo->before.used;
		counted->slots[undo->slot] = undo->before;
	}
}

void counted_free(struct history_counted *counted)
{
	free(counted->slots);
	free(counted->undo);
	*counted = (struct history_counted){0};
}
