/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_audit.c: see daemon_audit.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serve/log.h"
#include "verbs/daemon_audit.h"

int daemon_audit_begin(struct daemon_audit *audit, const struct monitor *monitor)
{
	*audit = (struct daemon_audit){.tally = tally_create()};
	if (!audit->tally)
		return -ENOMEM;
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++)
		audit->counters[i].counter = audit_counter_at(i);
	audit_facts_fill(&audit->facts, monitor);
	usleep(AUDIT_GUARD_NS / 1000); /* what began before the hooks were attached has been counted by then */
	return audit_mark_take(&audit->from, audit->tally, NULL, NULL);
}

void daemon_audit_event(struct daemon_audit *audit, struct tracker *tracker, const struct event_header *event)
{
	tally_event(audit->tally, tracker, event);
}

void daemon_audit_loss(struct daemon_audit *audit, const uint64_t lost[EVENT_KINDS])
{
	for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
		audit->facts.lost[kind] += lost[kind];
		audit->lost_after[kind] += lost[kind];
	}
}

static void take_row(void *arg, const struct audit_row *row)
{
	struct daemon_audit *audit = arg;
	struct service_audit *sum = NULL;

	for (unsigned i = 0; i < AUDIT_COUNTERS && !sum; i++)
		if (audit->counters[i].counter == row->counter)
			sum = &audit->counters[i];
	if (!sum || row->verdict == AUDIT_NOT_READ || row->verdict == AUDIT_ABSENT)
		return;
	sum->present = true;
	sum->kernel += row->kernel;
	sum->lastack += row->lastack;
	sum->difference += row->difference;
	if (row->verdict != AUDIT_UNEXPLAINED)
		return;
	sum->unexplained++;
	audit->found = true;
	log_warning("audit: %s in network namespace %u rose by %lld, seen were %lld: nothing explains that",
		    row->counter->name, row->netns, (long long)row->kernel, (long long)row->lastack);
}

/* Namespaces that neither mark could read will not be compared: with their containers they would pile up. */
static void forget_gone(struct daemon_audit *audit)
{
	for (size_t i = tally_netns_count(audit->tally); i-- > 1;) {
		uint32_t netns = tally_netns(audit->tally, i);

		if (!audit_mark_reading(&audit->from, netns) && !audit_mark_reading(&audit->to, netns))
			tally_forget(audit->tally, netns);
	}
}

/* What one window ends with, the next begins with. */
static void window_compare(struct daemon_audit *audit, int64_t wall_us)
{
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++) {
		struct service_audit *sum = &audit->counters[i];

		sum->kernel = sum->lastack = sum->difference = 0;
	}
	audit->found = false;
	for (size_t i = 0; i < audit->to.count; i++)
		audit_marks_compare(&audit->from, &audit->to, audit->to.of[i].netns, &audit->facts, take_row, audit);
	audit->audits++;
	audit->wall_us = wall_us;
	audit->netns_read = (uint32_t)audit->to.count;
	forget_gone(audit);
	audit_mark_free(&audit->from);
	audit->from = audit->to;
	audit->to = (struct audit_mark){0};
	memcpy(audit->facts.lost, audit->lost_after, sizeof(audit->facts.lost));
}

bool daemon_audit_tick(struct daemon_audit *audit, uint64_t now_ns, uint64_t interval_ns, int64_t wall_us)
{
	if (!audit->error)
		audit->error = audit_mark_settle(&audit->from, audit->tally, now_ns);
	if (audit->error || !audit->from.high || !interval_ns)
		return false;
	if (!audit->to.read_ns) {
		if (now_ns < audit->from.read_ns + interval_ns)
			return false;
		memset(audit->lost_after, 0, sizeof(audit->lost_after));
		audit->error = audit_mark_take(&audit->to, audit->tally, NULL, NULL);
		return false;
	}
	audit->error = audit_mark_settle(&audit->to, audit->tally, now_ns);
	if (!audit->to.high)
		return false;
	window_compare(audit, wall_us);
	return audit->found;
}

void daemon_audit_end(struct daemon_audit *audit)
{
	audit_mark_free(&audit->from);
	audit_mark_free(&audit->to);
	tally_destroy(audit->tally);
}
