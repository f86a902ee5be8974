/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rings.h: reads the ring buffers of all CPUs as one stream in the order of time.
 *
 * libbpf's reader empties one ring after the other; a connection whose packets are handled on two CPUs
 * would come out of order. So this reads the rings where they are mapped (the layout is kernel ABI,
 * Documentation/bpf/ringbuf.rst) and always takes the oldest record next.
 */
#ifndef LASTACK_KERNEL_RINGS_H
#define LASTACK_KERNEL_RINGS_H

#include <stdint.h>

#include "event.h"

struct rings;

typedef void (*rings_event_fn)(void *arg, const struct event_header *event);

/* maps: file descriptors of `count` ring buffer maps of `bytes` bytes each. Returns 0 or -errno. */
int rings_open(struct rings **rings, const int *maps, uint32_t count, uint32_t bytes);
void rings_close(struct rings *rings);
/*
 * Hands out records with times up to until_ns, oldest first, at most `limit`. Returns how many. A
 * record that is still being written holds up its ring for this call.
 */
uint32_t rings_consume(struct rings *rings, uint64_t until_ns, uint32_t limit, rings_event_fn event, void *arg);

#endif
