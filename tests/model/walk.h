/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * walk.h: random walks through the model of two ends and their channel, told as the events that their kernels would
 * show, with the truth of each life. One watcher sees both ends.
 */
#ifndef LASTACK_TESTS_MODEL_WALK_H
#define LASTACK_TESTS_MODEL_WALK_H

#include "endpoint.h"
#include "kernel.h"

#define WALK_SOCKETS_MAX 16

/* The lives of one walk: sockets that began at either end, in the order of their births. */
struct walk_lives {
	struct kernel_socket sockets[WALK_SOCKETS_MAX];
	unsigned int count;
};

/*
 * Walks from begin_ms on, at most `steps` steps, and appends the events to the stream. `pair` tells the walk's sockets
 * from those of others: cookies pair * WALK_SOCKETS_MAX + 1 and up, a network namespace of its own. model: prepared for
 * Linux, nothing else.
 */
void walk(const struct model *model, uint32_t pair, uint64_t begin_ms, unsigned int steps,
	  struct random_numbers *random, struct stream *stream, struct walk_lives *lives);

static inline uint32_t walk_pair_of(uint64_t cookie)
{
	return (uint32_t)((cookie - 1) / WALK_SOCKETS_MAX);
}

#endif
