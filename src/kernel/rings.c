/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rings.c: see rings.h.
 */
#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/rings.h"

struct ring {
	unsigned long *consumer;       /* position, written by us */
	const unsigned long *producer; /* position, written by the kernel; the data follow one page on */
	/*
	 * Mapped once. The kernel would also give them twice in a row, so that no record is split; but then each of
	 * their pages counts twice as resident, for the sake of one record a round.
	 */
	const char *data;
	unsigned long position; /* of the head */
	const struct event_header *head;
	uint64_t joined[EVENT_MAX_BYTES / sizeof(uint64_t)]; /* the head, where it is split */
};

struct rings {
	uint32_t count, mask;
	size_t page_bytes, data_bytes;
	struct ring *ring;
	uint32_t *heap; /* indexes of rings that have a head, the oldest first */
	uint32_t heap_count;
};

static int ring_map(struct rings *rings, struct ring *ring, int map)
{
	void *memory;

	memory = mmap(NULL, rings->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (memory == MAP_FAILED)
		return -errno;
	ring->consumer = memory;
	memory = mmap(NULL, rings->page_bytes + rings->data_bytes, PROT_READ, MAP_SHARED, map,
		      (off_t)rings->page_bytes);
	if (memory == MAP_FAILED)
		return -errno;
	ring->producer = memory;
	ring->data = (const char *)memory + rings->page_bytes;
	ring->position = *ring->consumer;
	return 0;
}

int rings_open(struct rings **result, const int *maps, uint32_t count, uint32_t bytes)
{
	struct rings *rings = calloc(1, sizeof(*rings));
	int status = rings ? 0 : -ENOMEM;

	if (status)
		return status;
	rings->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	rings->data_bytes = bytes;
	rings->mask = bytes - 1;
	rings->ring = calloc(count, sizeof(*rings->ring));
	rings->heap = calloc(count, sizeof(*rings->heap));
	if (!rings->ring || !rings->heap)
		status = -ENOMEM;
	for (; !status && rings->count < count; rings->count++)
		status = ring_map(rings, &rings->ring[rings->count], maps[rings->count]);
	if (status) {
		rings_close(rings);
		return status;
	}
	*result = rings;
	return 0;
}

void rings_close(struct rings *rings)
{
	if (!rings)
		return;
	for (uint32_t i = 0; i < rings->count; i++) {
		if (rings->ring[i].consumer)
			munmap(rings->ring[i].consumer, rings->page_bytes);
		if (rings->ring[i].producer)
			munmap((void *)rings->ring[i].producer, rings->page_bytes + rings->data_bytes);
	}
	free(rings->ring);
	free(rings->heap);
	free(rings);
}

/* A record's own header: length and two flags, then the page offset that only the kernel uses. */
static uint32_t record_length(const struct rings *rings, const struct ring *ring)
{
	return __atomic_load_n((const uint32_t *)(ring->data + (ring->position & rings->mask)), __ATOMIC_ACQUIRE);
}

static void ring_advance(struct ring *ring, uint32_t length)
{
	uint32_t payload = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

	ring->position += (payload + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
}

/* The payload at the position, in one piece. A header is never split: records begin at multiples of its size. */
static const void *payload_get(const struct rings *rings, struct ring *ring, uint32_t length)
{
	size_t at = (ring->position + BPF_RINGBUF_HDR_SZ) & rings->mask, first = rings->data_bytes - at;

	if (length <= first)
		return ring->data + at;
	assert(length <= sizeof(ring->joined)); /* only our own programs write here */
	memcpy(ring->joined, ring->data + at, first);
	memcpy((char *)ring->joined + first, ring->data, length - first);
	return ring->joined;
}

/* Finds the next whole record: ring->head, or NULL. */
static void ring_look(const struct rings *rings, struct ring *ring)
{
	unsigned long end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);

	ring->head = NULL;
	while (!ring->head && ring->position < end) {
		uint32_t length = record_length(rings, ring);

		if (length & BPF_RINGBUF_BUSY_BIT)
			return;
		if (length & BPF_RINGBUF_DISCARD_BIT)
			ring_advance(ring, length);
		else
			ring->head = payload_get(rings, ring, length);
	}
}

static void ring_take(const struct rings *rings, struct ring *ring)
{
	ring_advance(ring, record_length(rings, ring));
	ring_look(rings, ring);
}

static uint64_t heap_time(const struct rings *rings, uint32_t at)
{
	return rings->ring[rings->heap[at]].head->time_ns;
}

/* Moves the entry down until none below it is older. */
static void heap_settle(struct rings *rings, uint32_t at)
{
	for (;;) {
		uint32_t oldest = at, left = 2 * at + 1, entry;

		if (left < rings->heap_count && heap_time(rings, left) < heap_time(rings, oldest))
			oldest = left;
		if (left + 1 < rings->heap_count && heap_time(rings, left + 1) < heap_time(rings, oldest))
			oldest = left + 1;
		if (oldest == at)
			return;
		entry = rings->heap[at];
		rings->heap[at] = rings->heap[oldest];
		rings->heap[oldest] = entry;
		at = oldest;
	}
}

static void heap_build(struct rings *rings)
{
	rings->heap_count = 0;
	for (uint32_t i = 0; i < rings->count; i++) {
		ring_look(rings, &rings->ring[i]);
		if (rings->ring[i].head)
			rings->heap[rings->heap_count++] = i;
	}
	for (uint32_t i = rings->heap_count; i-- > 0;)
		heap_settle(rings, i);
}

/* Gives the room of what was taken back to the kernel, once for many records. */
static void rings_release(struct rings *rings)
{
	for (uint32_t i = 0; i < rings->count; i++)
		if (*rings->ring[i].consumer != rings->ring[i].position)
			__atomic_store_n(rings->ring[i].consumer, rings->ring[i].position, __ATOMIC_RELEASE);
}

#define RELEASE_EVERY 256

uint32_t rings_consume(struct rings *rings, uint64_t until_ns, uint32_t limit, rings_event_fn event, void *arg)
{
	uint32_t taken = 0;

	heap_build(rings);
	while (rings->heap_count && taken < limit) {
		struct ring *ring = &rings->ring[rings->heap[0]];

		if (ring->head->time_ns > until_ns)
			break;
		event(arg, ring->head);
		ring_take(rings, ring);
		if (!ring->head)
			rings->heap[0] = rings->heap[--rings->heap_count];
		heap_settle(rings, 0);
		if (++taken % RELEASE_EVERY == 0)
			rings_release(rings);
	}
	rings_release(rings);
	return taken;
}
