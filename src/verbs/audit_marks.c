/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit_marks.c: see audit_marks.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/features.h"
#include "kernel/netns.h"
#include "kernel/snmp.h"
#include "verbs/audit_marks.h"

void audit_facts_fill(struct audit_facts *facts, const struct monitor *monitor)
{
	static const struct {
		const char *fact;
		uint32_t kinds;
	} kinds[] = {
		{"retransmission", 1U << EVENT_RETRANSMIT},
		{"SYN-ACK retransmission", 1U << EVENT_RETRANSMIT_SYNACK},
		{"reset sent", 1U << EVENT_RESET_SENT},
		{"probe", 1U << EVENT_PROBE},
	};
	const struct hook_choice *choices;
	size_t count;

	choices = monitor_hooks(monitor, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			if (strcmp(choices[i].hook->fact, kinds[k].fact))
				continue;
			if (!choices[i].option)
				facts->kinds_missing |= kinds[k].kinds;
			else if (kinds[k].kinds == 1U << EVENT_RESET_SENT)
				facts->reset_reasons = choices[i].option->arguments >= 3;
		}
}

struct reader {
	struct audit_mark *mark;
	audit_wanted_fn wanted;
	void *arg;
};

static int read_one(void *arg, uint32_t inode)
{
	struct reader *reader = arg;
	struct audit_mark *mark = reader->mark;
	struct audit_reading *grown, *reading;

	if (reader->wanted && !reader->wanted(reader->arg, inode))
		return 0;
	if (mark->count == mark->room) {
		size_t room = mark->room ? mark->room * 2 : 16;

		grown = realloc(mark->of, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		mark->of = grown;
		mark->room = room;
	}
	reading = &mark->of[mark->count];
	memset(reading, 0, sizeof(*reading));
	reading->netns = inode;
	reading->cookie = netns_cookie_here();
	if (snmp_read(reading))
		mark->unread++;
	else
		mark->count++;
	return 0;
}

int audit_mark_take(struct audit_mark *mark, const struct tally *tally, audit_wanted_fn wanted, void *arg)
{
	struct reader reader = {mark, wanted, arg};
	int status;

	*mark = (struct audit_mark){.low = tally_copy(tally)};
	if (!mark->low)
		return -ENOMEM;
	status = netns_visit(read_one, &reader, &mark->unreachable);
	mark->read_ns = feature_monotonic_ns();
	return status;
}

int audit_mark_settle(struct audit_mark *mark, const struct tally *tally, uint64_t now_ns)
{
	if (!mark->read_ns || mark->high || now_ns < mark->read_ns + AUDIT_GUARD_NS)
		return 0;
	mark->high = tally_copy(tally);
	return mark->high ? 0 : -ENOMEM;
}

void audit_mark_free(struct audit_mark *mark)
{
	tally_destroy(mark->low);
	tally_destroy(mark->high);
	free(mark->of);
	*mark = (struct audit_mark){0};
}

const struct audit_reading *audit_mark_reading(const struct audit_mark *mark, uint32_t netns)
{
	for (size_t i = 0; i < mark->count; i++)
		if (mark->of[i].netns == netns)
			return &mark->of[i];
	return NULL;
}

void audit_marks_compare(const struct audit_mark *from, const struct audit_mark *to, uint32_t netns,
			 const struct audit_facts *facts, audit_row_fn row, void *arg)
{
	const struct audit_reading *start = audit_mark_reading(from, netns), *end = audit_mark_reading(to, netns);
	struct audit_tallies tallies = {from->low, from->high, to->low, to->high};

	for (unsigned i = 0; i < AUDIT_COUNTERS; i++) {
		struct audit_row compared = audit_compare(i, netns, start, end, &tallies, facts);

		row(arg, &compared);
	}
}
