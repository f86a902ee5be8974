// SPDX-License-Identifier: GPL-2.0-only
/*
 * item_queue.c: see item_queue.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/item_queue.h"

/* Of so many latest paths of a chunk one that comes again is looked for. */
#define PATHS_SEARCHED 8

struct item_path {
	struct item_path *next;
	char text[];
};

static void chunk_free(struct item_chunk *chunk)
{
	struct item_path *next;

	if (!chunk)
		return;
	for (struct item_path *path = chunk->paths; path; path = next) {
		next = path->next;
		free(path);
	}
	free(chunk);
}

static struct item_chunk *chunk_add(struct item_queue *queue)
{
	struct item_chunk *chunk = queue->spare ? queue->spare : malloc(sizeof(*chunk));

	if (!chunk)
		return NULL;
	queue->spare = NULL;
	chunk->next = NULL;
	chunk->paths = NULL;
	chunk->count = 0;
	if (queue->last)
		queue->last->next = chunk;
	else
		queue->first = chunk;
	queue->last = chunk;
	return chunk;
}

static const char *path_intern(struct item_chunk *chunk, const char *text)
{
	struct item_path *path = chunk->paths;
	size_t bytes;

	for (unsigned i = 0; path && i < PATHS_SEARCHED; i++, path = path->next)
		if (!strcmp(path->text, text))
			return path->text;
	bytes = strlen(text) + 1;
	path = malloc(sizeof(*path) + bytes);
	if (!path)
		return NULL;
	memcpy(path->text, text, bytes);
	path->next = chunk->paths;
	chunk->paths = path;
	return path->text;
}

int item_queue_put(struct item_queue *queue, const struct connection_report *report, const char *cgroup,
		   int64_t wall_minus_monotonic_ns)
{
	struct item_chunk *chunk = queue->last;
	struct store_item *item;
	const char *path = NULL;

	if (!chunk || chunk->count == ITEM_CHUNK)
		chunk = chunk_add(queue);
	if (!chunk)
		return -ENOMEM;
	if (cgroup) {
		path = path_intern(chunk, cgroup);
		if (!path)
			return -ENOMEM;
	}
	item = &chunk->items[chunk->count++];
	item->report = *report;
	item->wall_minus_monotonic_ns = wall_minus_monotonic_ns;
	item->cgroup = path;
	queue->count++;
	return 0;
}

const struct store_item *item_queue_next(const struct item_queue *queue, struct item_cursor *cursor)
{
	if (!cursor->chunk) {
		cursor->chunk = queue->first;
		cursor->index = queue->first_index;
	}
	if (cursor->chunk && cursor->index == ITEM_CHUNK && cursor->chunk->next) {
		cursor->chunk = cursor->chunk->next;
		cursor->index = 0;
	}
	if (!cursor->chunk || cursor->index == cursor->chunk->count)
		return NULL;
	return &cursor->chunk->items[cursor->index++];
}

void item_queue_drop(struct item_queue *queue, struct item_cursor *cursor)
{
	struct item_chunk *chunk;

	if (!cursor->chunk)
		return;
	while (queue->first != cursor->chunk) {
		chunk = item_queue_detach(queue);
		item_queue_recycle(queue, chunk);
	}
	queue->count -= cursor->index - queue->first_index;
	queue->first_index = cursor->index;
	if (queue->first_index == queue->first->count) {
		chunk = item_queue_detach(queue);
		item_queue_recycle(queue, chunk);
	}
	*cursor = (struct item_cursor){0};
}

void item_queue_clear(struct item_queue *queue)
{
	for (struct item_chunk *chunk = item_queue_detach(queue); chunk; chunk = item_queue_detach(queue))
		chunk_free(chunk);
	chunk_free(queue->spare);
	*queue = (struct item_queue){0};
}

struct item_chunk *item_queue_detach(struct item_queue *queue)
{
	struct item_chunk *chunk = queue->first;

	if (!chunk)
		return NULL;
	queue->count -= chunk->count - queue->first_index;
	queue->first_index = 0;
	queue->first = chunk->next;
	if (!queue->first)
		queue->last = NULL;
	return chunk;
}

void item_queue_recycle(struct item_queue *queue, struct item_chunk *chunk)
{
	struct item_path *next;

	if (queue->spare) {
		chunk_free(chunk);
		return;
	}
	for (struct item_path *path = chunk->paths; path; path = next) {
		next = path->next;
		free(path);
	}
	chunk->paths = NULL;
	queue->spare = chunk;
}
