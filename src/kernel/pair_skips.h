/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair_skips.h: when is an event lost for which the first copy of a program was skipped (bpf/copies.bpf.h)? Between
 * that and the copy that takes the event, a task can lose its CPU: since 7.0 programs of tracepoints are preemptible.
 * What looks lost now may be rescued a moment later, so it counts once it has stood for a while.
 */
#ifndef LASTACK_KERNEL_PAIR_SKIPS_H
#define LASTACK_KERNEL_PAIR_SKIPS_H

#include <stdint.h>

/* How long a task may be away, and half of how long a loss may be told late. */
#define SKIP_GRACE_NS 150000000ULL

struct pair_skips {
	uint64_t certain, candidate;
	uint64_t since_ns; /* the candidate stands since then */
};

/*
 * skipped: runs that were skipped and are not rescued so far. How many of them are lost? Of the others nothing is known
 * yet, and what came after them should wait: it looks as if something was missing.
 */
uint64_t pair_skips_certain(struct pair_skips *skips, uint64_t skipped, uint64_t now_ns);

#endif
