/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit.c: see audit.h.
 */
#include "core/audit.h"

static int64_t sum(const struct tally *tally, uint32_t netns, uint32_t items)
{
	const struct tally_counts *counts = tally_of(tally, netns);
	int64_t total = 0;

	for (unsigned item = 0; item < TALLY_ITEMS; item++)
		if (items >> item & 1)
			total += (int64_t)counts->of[item];
	return total;
}

/* Since the start, or for a namespace that is younger since it has been there. */
static int64_t least(const struct audit_tallies *tallies, uint32_t netns, uint32_t items, bool younger)
{
	int64_t count = sum(tallies->end_low, netns, items) - (younger ? 0 : sum(tallies->start_high, netns, items));

	return count > 0 ? count : 0;
}

static int64_t most(const struct audit_tallies *tallies, uint32_t netns, uint32_t items, bool younger)
{
	int64_t count = sum(tallies->end_high, netns, items) - (younger ? 0 : sum(tallies->start_low, netns, items));

	return count > 0 ? count : 0;
}

static uint64_t lost_of(const struct audit_facts *facts, uint32_t kinds)
{
	uint64_t lost = 0;

	for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
		if (kinds >> kind & 1)
			lost += facts->lost[kind];
	return lost;
}

static void range_fill(struct audit_row *row, const struct audit_tallies *tallies, bool younger)
{
	const struct audit_counter *counter = row->counter;

	row->lastack_min = least(tallies, row->netns, counter->plus, younger) -
			   most(tallies, row->netns, counter->minus, younger);
	row->lastack_max = most(tallies, row->netns, counter->plus | counter->maybe, younger) -
			   least(tallies, row->netns, counter->minus, younger);
	row->lastack = row->lastack_min;
}

static void explain(struct audit_row *row, enum audit_why why, uint64_t count)
{
	row->verdict = AUDIT_EXPLAINED;
	row->why = why;
	row->count = count;
}

static void judge(struct audit_row *row, const struct audit_tallies *tallies, const struct audit_facts *facts)
{
	const struct audit_counter *counter = row->counter;
	uint64_t gap = (uint64_t)(row->difference < 0 ? -row->difference : row->difference);
	uint64_t lost = lost_of(facts, counter->kinds);
	uint32_t items = counter->plus | counter->minus;
	uint64_t unattributed = (uint64_t)most(tallies, TALLY_UNATTRIBUTED, items, false);

	if (!gap)
		row->verdict = AUDIT_EQUAL;
	else if (row->relation == AUDIT_INFORMATIONAL)
		explain(row, AUDIT_WHY_KNOWN, 0);
	else if (facts->kinds_missing & counter->kinds)
		explain(row, AUDIT_WHY_NO_HOOK, 0);
	else if (lost && gap <= lost)
		explain(row, AUDIT_WHY_LOST, lost);
	/* After a loss the events of connections that nobody announced have no namespace. */
	else if (unattributed && gap <= lost + unattributed)
		explain(row, AUDIT_WHY_UNATTRIBUTED, lost + unattributed);
	else if (row->difference > 0 && counter->by_reason && !facts->reset_reasons)
		explain(row, AUDIT_WHY_NO_REASONS, 0);
	else if (row->difference > 0 && row->relation == AUDIT_AT_LEAST)
		explain(row, AUDIT_WHY_KNOWN, 0);
	else if (row->difference < 0 && row->relation == AUDIT_AT_MOST)
		explain(row, AUDIT_WHY_KNOWN, 0);
	else
		row->verdict = AUDIT_UNEXPLAINED;
}

static struct audit_row not_read(struct audit_row row, enum audit_why why)
{
	row.verdict = AUDIT_NOT_READ;
	row.why = why;
	return row;
}

struct audit_row audit_compare(unsigned counter, uint32_t netns, const struct audit_reading *start,
			       const struct audit_reading *end, const struct audit_tallies *tallies,
			       const struct audit_facts *facts)
{
	struct audit_row row = {.netns = netns, .counter = audit_counter_at(counter)};

	row.relation = row.counter->relation;
	if (row.counter->by_reason && !facts->reset_reasons && row.relation == AUDIT_IS_EQUAL)
		row.relation = AUDIT_AT_LEAST;
	range_fill(&row, tallies, start == NULL);
	if (!end)
		return not_read(row, AUDIT_WHY_GONE);
	if (start && start->cookie != end->cookie)
		return not_read(row, AUDIT_WHY_REPLACED);
	if (!end->present[counter] || (start && !start->present[counter])) {
		row.verdict = AUDIT_ABSENT;
		return row;
	}
	row.kernel = end->value[counter] - (start ? start->value[counter] : 0);
	row.lastack = row.kernel < row.lastack_min   ? row.lastack_min
		      : row.kernel > row.lastack_max ? row.lastack_max
						     : row.kernel;
	row.difference = row.kernel - row.lastack;
	/* One that came and went between the readings may have had the inode of this young one before it. */
	if (!start && row.difference < 0)
		return not_read(row, AUDIT_WHY_REPLACED);
	judge(&row, tallies, facts);
	return row;
}
