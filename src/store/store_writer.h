/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store_writer.h: takes finished reports off the event loop and hands them, in batches, to what keeps them on disk
 * (history.h, report_files.h). Disks stall; the loop must not. One thread of its own, one bounded queue: when the
 * disk cannot keep up for long, reports are dropped, counted, and said to be.
 */
#ifndef LASTACK_STORE_STORE_WRITER_H
#define LASTACK_STORE_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

struct store_item {
	struct connection_report report;
	int64_t wall_minus_monotonic_ns; /* when it was reported: the clock may be set while it waits */
	const char *cgroup;              /* path or NULL */
};

/* Called on the writer's thread only. */
struct store_sink {
	void *arg;
	/* A batch, in the order of reporting; lives for the call. */
	void (*take)(void *arg, const struct store_item *items, size_t count);
	/* At least every 100 ms, also without reports: for commits, rotation, retention. Keep each call under 50 ms. */
	void (*step)(void *arg, uint64_t now_ns);
	/* The last call: everything is to be on disk when it returns. */
	void (*finish)(void *arg);
};

#define STORE_SINKS_MAX 4

struct store_writer_status {
	uint64_t taken, dropped; /* reports */
	uint32_t waiting, waiting_max;
};

struct store_writer;

/* queue_max: reports that may wait. Starts the thread. Returns 0 or -errno. */
int store_writer_start(struct store_writer **writer, const struct store_sink *sinks, size_t count, uint32_t queue_max);
/* Never waits. False: the queue was full, and the report is counted as dropped. */
bool store_writer_put(struct store_writer *writer, const struct connection_report *report, const char *cgroup,
		      int64_t wall_minus_monotonic_ns);
void store_writer_status(struct store_writer *writer, struct store_writer_status *status);
/*
 * Writes what waits, finishes the sinks, ends the thread. What no sink has got within limit_ns is given up: returns
 * how many reports that were. Then sinks have one second more to finish. A sink that hangs in a disk's call even
 * then is left to itself with the thread: *stuck (may be NULL) is set, sinks must not be destroyed, and no further
 * call of a sink will begin. NULL is allowed.
 */
uint64_t store_writer_stop(struct store_writer *writer, uint64_t limit_ns, bool *stuck);

#endif
