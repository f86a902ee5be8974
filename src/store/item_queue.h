/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * item_queue.h: reports that wait, first in, first out, in chunks: its memory grows and shrinks with what waits. A
 * cgroup's path is copied once a chunk, not once a report.
 *
 * Its input are reports; it must not know who waits for what. Not safe in several threads at once.
 */
#ifndef LASTACK_STORE_ITEM_QUEUE_H
#define LASTACK_STORE_ITEM_QUEUE_H

#include "store/store_writer.h"

#define ITEM_CHUNK 128

struct item_path;

struct item_chunk {
	struct item_chunk *next;
	struct item_path *paths; /* of cgroups */
	uint32_t count;
	struct store_item items[ITEM_CHUNK];
};

/* All zero is an empty queue. */
struct item_queue {
	struct item_chunk *first, *last;
	struct item_chunk *spare; /* kept for the next one */
	uint32_t first_index;     /* in the first chunk: what stands before has been dropped */
	uint32_t count;
};

/* How far somebody has read; all zero: nothing yet. */
struct item_cursor {
	struct item_chunk *chunk;
	uint32_t index; /* of the next item in it */
};

/* Copies the report and the path. Returns 0 or -ENOMEM. */
int item_queue_put(struct item_queue *queue, const struct connection_report *report, const char *cgroup,
		   int64_t wall_minus_monotonic_ns);
/* The next item, or NULL at the end of the queue; later calls go on from there. */
const struct store_item *item_queue_next(const struct item_queue *queue, struct item_cursor *cursor);
/* Forgets what was read, and sets the cursor back to the beginning of what is left. */
void item_queue_drop(struct item_queue *queue, struct item_cursor *cursor);
void item_queue_clear(struct item_queue *queue);

/* Whole chunks, for queues that are never dropped from: takes the first one out (NULL: empty), and gives it back. */
struct item_chunk *item_queue_detach(struct item_queue *queue);
void item_queue_recycle(struct item_queue *queue, struct item_chunk *chunk);

#endif
