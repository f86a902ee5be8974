/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * intake.h: one stream out of what the kernel side delivers in several: events from the ring, listed
 * sockets in their places among them by time, losses, ticks. What it passes on is exactly what a
 * recording holds, so that a replay is the same stream again.
 */
#ifndef LASTACK_KERNEL_INTAKE_H
#define LASTACK_KERNEL_INTAKE_H

#include "kernel/monitor.h"

struct intake;

struct intake_sink {
	void *arg;
	void (*event)(void *arg, const struct event_header *event);
	void (*tick)(void *arg, uint64_t now_ns);
	/* lost: since the last call, of each kind */
	void (*loss)(void *arg, uint64_t now_ns, const uint64_t lost[EVENT_KINDS]);
	void (*resync_begin)(void *arg, uint64_t now_ns);
	void (*resync_end)(void *arg, uint64_t now_ns);
	/* Is a listing for owners worth its cost now? */
	bool (*wants_owners)(void *arg);
};

/* owner_interval_ns: how often descriptors are looked through for owners, 0: never. */
int intake_create(struct intake **intake, struct monitor *monitor, const struct intake_sink *sink,
		  uint64_t owner_interval_ns);
void intake_destroy(struct intake *intake);
/* Takes in all sockets that exist. Returns 0 or -errno. */
int intake_start(struct intake *intake, uint32_t *unreachable_namespaces);
/*
 * Takes in what has come since, and lists sockets when that is due; a listing that fails is tried again, as what it
 * lacks (descriptors, memory) may be there again a second later. Returns 0 or -errno.
 */
int intake_poll(struct intake *intake);
/*
 * Lists the sockets anew, as after a loss: what is gone without a word ends, unobserved. On a host with a million
 * sockets that takes seconds, in which the rings are looked after. Nothing where they cannot be listed at all
 * (monitor_lists()). Returns 0 or -errno.
 */
int intake_resync(struct intake *intake);
/* How many listings have failed since the start; *error: why the last did (-errno), 0 where none has. */
uint64_t intake_listing_failures(const struct intake *intake, int *error);
/* After the hooks were taken off: takes in the rest. Returns 0 or -errno. */
int intake_drain(struct intake *intake);
/* Of all kinds: what the kernel side counted, and what was taken in from the ring. */
int intake_counts(struct intake *intake, struct event_counts *counts, uint64_t delivered[EVENT_KINDS]);

#endif
