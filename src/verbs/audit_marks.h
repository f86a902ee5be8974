/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit_marks.h: marks between which an audit compares: at each, the kernel's counters of every network namespace that
 * can be entered, bracketed by tallies from before and after the reading (core/audit.h says why).
 */
#ifndef LASTACK_VERBS_AUDIT_MARKS_H
#define LASTACK_VERBS_AUDIT_MARKS_H

#include "core/audit.h"
#include "kernel/monitor.h"

/*
 * The kernel counts up to so much before or after the event of the same thing: mostly microseconds in one function, but
 * a connect() on loopback counts when the whole handshake is over, and a task can be preempted in between.
 */
#define AUDIT_GUARD_NS (10 * 1000000ULL)

struct audit_mark {
	struct tally *low, *high; /* NULL: not taken yet */
	struct audit_reading *of; /* by namespace */
	size_t count, room;
	uint64_t read_ns;     /* when the readings were complete; 0: there are none */
	uint32_t unreachable; /* namespaces that could not be entered */
	uint32_t unread;      /* of those that were: whose counters could not be read */
};

/* Is this namespace of interest? */
typedef bool (*audit_wanted_fn)(void *arg, uint32_t netns);

/* What the hooks in use can tell. */
void audit_facts_fill(struct audit_facts *facts, const struct monitor *monitor);

/* Takes a mark, but for its upper tally. wanted NULL: every namespace. Returns 0 or -errno. */
int audit_mark_take(struct audit_mark *mark, const struct tally *tally, audit_wanted_fn wanted, void *arg);
/*
 * To be called when everything up to now_ns has been counted. Completes the mark once the guard is over. Returns 0 or
 * -ENOMEM; the mark is complete when its `high` is set.
 */
int audit_mark_settle(struct audit_mark *mark, const struct tally *tally, uint64_t now_ns);
void audit_mark_free(struct audit_mark *mark);

const struct audit_reading *audit_mark_reading(const struct audit_mark *mark, uint32_t netns);

typedef void (*audit_row_fn)(void *arg, const struct audit_row *row);

/* Every counter of one namespace between two marks, both complete. */
void audit_marks_compare(const struct audit_mark *from, const struct audit_mark *to, uint32_t netns,
			 const struct audit_facts *facts, audit_row_fn row, void *arg);

#endif
