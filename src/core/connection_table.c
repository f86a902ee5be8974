/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * connection_table.c: slabs in chunks (so that addresses stay valid and memory grows with use), hash
 * chains by slot number (half the size of pointers). See connection_table.h.
 */
#include <stdlib.h>
#include <string.h>

#include "core/connection_table.h"

#define CHUNK_SHIFT 10
#define CHUNK_SLOTS (1U << CHUNK_SHIFT)

/* Objects of one size, by number. Slot 0 is never given out. */
struct slab {
	char **chunks;
	size_t object_bytes;
	uint32_t max, used; /* used: highest slot ever given out */
	slot_t free;        /* chain through the first four bytes of free objects */
	uint32_t live;
};

struct queue {
	slot_t first, last;
	uint32_t length;
};

#define CACHE_LINE_BYTES 64

struct connection_table {
	struct slab connections, endings;
	slot_t *by_cookie, *by_tuple;
	uint32_t mask;
	uint64_t seed;
	struct queue queues[QUEUES];
	uint32_t live_in_state[CONNECTION_STATES];
	struct live_facts **facts; /* by chunk of `connections`; what nobody asked for has no memory */
	uint32_t facts_chunks;
	struct stack_table *stacks; /* NULL until the first comes */
	uint64_t **stack_ids;       /* by chunk of `connections`, likewise; 0: none */
	uint32_t stack_chunks;
};

static int slab_init(struct slab *slab, uint32_t max, size_t object_bytes)
{
	slab->max = max;
	slab->object_bytes = object_bytes;
	slab->chunks = calloc((size_t)max / CHUNK_SLOTS + 2, sizeof(*slab->chunks));
	return slab->chunks ? 0 : -1;
}

static void slab_fini(struct slab *slab)
{
	for (uint32_t i = 0; slab->chunks && i <= slab->used >> CHUNK_SHIFT; i++)
		free(slab->chunks[i]);
	free(slab->chunks);
}

static void *slab_at(const struct slab *slab, slot_t slot)
{
	return slab->chunks[slot >> CHUNK_SHIFT] + (size_t)(slot & (CHUNK_SLOTS - 1)) * slab->object_bytes;
}

static slot_t slab_take(struct slab *slab)
{
	slot_t slot = slab->free;
	char **chunk;

	if (slot) {
		memcpy(&slab->free, slab_at(slab, slot), sizeof(slab->free));
	} else {
		if (slab->used >= slab->max)
			return 0;
		slot = slab->used + 1;
		chunk = &slab->chunks[slot >> CHUNK_SHIFT];
		if (!*chunk)
			*chunk = aligned_alloc(CACHE_LINE_BYTES, CHUNK_SLOTS * slab->object_bytes);
		if (!*chunk)
			return 0;
		slab->used = slot;
	}
	slab->live++;
	memset(slab_at(slab, slot), 0, slab->object_bytes);
	return slot;
}

static void slab_give(struct slab *slab, slot_t slot)
{
	memcpy(slab_at(slab, slot), &slab->free, sizeof(slab->free));
	slab->free = slot;
	slab->live--;
}

struct connection_table *connection_table_create(uint32_t max, uint64_t seed)
{
	struct connection_table *table = calloc(1, sizeof(*table));
	uint32_t buckets = 1024;

	if (!table)
		return NULL;
	while (buckets < max && buckets < 1U << 22)
		buckets <<= 1;
	table->mask = buckets - 1;
	table->seed = seed;
	table->by_cookie = calloc(buckets, sizeof(*table->by_cookie));
	table->by_tuple = calloc(buckets, sizeof(*table->by_tuple));
	if (!table->by_cookie || !table->by_tuple || slab_init(&table->connections, max, sizeof(struct connection)) ||
	    slab_init(&table->endings, max, sizeof(struct ending))) {
		connection_table_destroy(table);
		return NULL;
	}
	return table;
}

static uint32_t chunk_count(const struct connection_table *table)
{
	return table->connections.max / CHUNK_SLOTS + 2;
}

void connection_table_destroy(struct connection_table *table)
{
	if (!table)
		return;
	slab_fini(&table->connections);
	slab_fini(&table->endings);
	for (uint32_t i = 0; table->facts && i < chunk_count(table); i++)
		free(table->facts[i]);
	free(table->facts);
	for (uint32_t i = 0; table->stack_ids && i < chunk_count(table); i++)
		free(table->stack_ids[i]);
	free(table->stack_ids);
	stack_table_destroy(table->stacks);
	free(table->by_cookie);
	free(table->by_tuple);
	free(table);
}

struct connection *connection_at(struct connection_table *table, slot_t slot)
{
	return slot ? slab_at(&table->connections, slot) : NULL;
}

/* Cookies come in runs per CPU, addresses in steps: multiply so that all bits count (Knuth 6.4). */
static uint32_t cookie_bucket(const struct connection_table *table, uint64_t cookie)
{
	return (uint32_t)(cookie * 0x9e3779b97f4a7c15ULL >> 32) & table->mask;
}

static uint32_t tuple_bucket(const struct connection_table *table, const struct event_tuple *tuple)
{
	uint64_t words[sizeof(*tuple) / 8], hash = table->seed;

	_Static_assert(sizeof(*tuple) % 8 == 0, "hashed in words");
	memcpy(words, tuple, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL, hash ^= hash >> 29;
	return (uint32_t)(hash >> 32) & table->mask;
}

/* The slot stands in the chain that leads to the connection, so it need not be stored in it. */
static slot_t *cookie_link(struct connection_table *table, const struct connection *connection)
{
	slot_t *link = &table->by_cookie[cookie_bucket(table, connection->cookie)];

	while (*link && connection_at(table, *link) != connection)
		link = &connection_at(table, *link)->hash_next;
	return link;
}

slot_t connection_slot(const struct connection_table *table, const struct connection *connection)
{
	return *cookie_link((struct connection_table *)table, connection);
}

struct connection *connection_find(struct connection_table *table, uint64_t cookie)
{
	slot_t slot = table->by_cookie[cookie_bucket(table, cookie)];
	struct connection *connection;

	for (; slot; slot = connection->hash_next) {
		connection = slab_at(&table->connections, slot);
		if (connection->cookie == cookie)
			return connection;
	}
	return NULL;
}

struct connection *connection_create(struct connection_table *table, uint64_t cookie)
{
	slot_t slot = slab_take(&table->connections);
	struct connection *connection = connection_at(table, slot);
	slot_t *bucket;

	if (!connection)
		return NULL;
	connection->cookie = cookie;
	bucket = &table->by_cookie[cookie_bucket(table, cookie)];
	connection->hash_next = *bucket;
	*bucket = slot;
	return connection;
}

void connection_rekey(struct connection_table *table, struct connection *connection, uint64_t cookie)
{
	slot_t *link = cookie_link(table, connection), slot = *link, *bucket;

	*link = connection->hash_next;
	connection->cookie = cookie;
	bucket = &table->by_cookie[cookie_bucket(table, cookie)];
	connection->hash_next = *bucket;
	*bucket = slot;
}

/* ---- stacks --------------------------------------------------------------------------------------------- */

/* Where the id of its stack stands; NULL: nowhere, as nobody has asked for stacks. */
static uint64_t *stack_id_at(const struct connection_table *table, slot_t slot)
{
	uint64_t *chunk = table->stack_ids ? table->stack_ids[slot >> CHUNK_SHIFT] : NULL;

	return chunk ? &chunk[slot & (CHUNK_SLOTS - 1)] : NULL;
}

static uint64_t *stack_id_make(struct connection_table *table, slot_t slot)
{
	uint64_t **chunk;

	if (!table->stacks)
		table->stacks = stack_table_create(table->seed);
	if (!table->stack_ids)
		table->stack_ids = calloc(chunk_count(table), sizeof(*table->stack_ids));
	if (!table->stacks || !table->stack_ids)
		return NULL;
	chunk = &table->stack_ids[slot >> CHUNK_SHIFT];
	if (!*chunk) {
		*chunk = calloc(CHUNK_SLOTS, sizeof(**chunk));
		table->stack_chunks += *chunk != NULL;
	}
	return stack_id_at(table, slot);
}

static void stack_leave(struct connection_table *table, slot_t slot)
{
	uint64_t *id = stack_id_at(table, slot);

	if (!id || !*id)
		return;
	stack_table_leave(table->stacks, stack_table_find(table->stacks, *id)); /* what has users is not forgotten */
	*id = 0;
}

void connection_set_stack(struct connection_table *table, const struct connection *connection,
			  const struct event_stack *event)
{
	slot_t slot = connection_slot(table, connection);
	uint64_t *id = stack_id_make(table, slot);
	struct stack *stack;

	if (!id)
		return;
	stack_leave(table, slot);
	stack = stack_table_use(table->stacks, event);
	*id = stack ? stack->id : 0;
}

const struct stack *connection_stack(const struct connection_table *table, const struct connection *connection)
{
	const uint64_t *id = table->stack_ids ? stack_id_at(table, connection_slot(table, connection)) : NULL;

	return id && *id ? stack_table_find(table->stacks, *id) : NULL;
}

const struct stack_table *connection_stacks(const struct connection_table *table)
{
	return table->stacks;
}

void connection_release(struct connection_table *table, struct connection *connection)
{
	slot_t *link = cookie_link(table, connection), slot = *link;

	stack_leave(table, slot);

	connection_dequeue(table, connection);
	connection_tuple_remove(table, connection);
	*link = connection->hash_next;
	if (connection->ending)
		slab_give(&table->endings, connection->ending);
	connection->state = 0; /* of a slot without one nothing is shown */
	slab_give(&table->connections, slot);
}

struct ending *connection_ending_get(struct connection_table *table, const struct connection *connection)
{
	return connection->ending ? slab_at(&table->endings, connection->ending) : NULL;
}

struct ending *connection_ending(struct connection_table *table, struct connection *connection)
{
	if (!connection->ending)
		connection->ending = slab_take(&table->endings);
	return connection_ending_get(table, connection);
}

void connection_tuple_add(struct connection_table *table, struct connection *connection)
{
	slot_t *bucket = &table->by_tuple[tuple_bucket(table, &connection->tuple)];

	if (connection->flags & CONNECTION_BY_TUPLE)
		return;
	connection->flags |= CONNECTION_BY_TUPLE;
	connection->tuple_next = *bucket;
	*bucket = connection_slot(table, connection);
}

void connection_tuple_remove(struct connection_table *table, struct connection *connection)
{
	slot_t *link = &table->by_tuple[tuple_bucket(table, &connection->tuple)];

	if (!(connection->flags & CONNECTION_BY_TUPLE))
		return;
	while (connection_at(table, *link) != connection)
		link = &connection_at(table, *link)->tuple_next;
	*link = connection->tuple_next;
	connection->flags &= ~CONNECTION_BY_TUPLE;
}

struct connection *connection_tuple_find(struct connection_table *table, const struct event_tuple *tuple)
{
	slot_t slot = table->by_tuple[tuple_bucket(table, tuple)];
	struct connection *connection;

	for (; slot; slot = connection->tuple_next) {
		connection = connection_at(table, slot);
		if (!memcmp(&connection->tuple, tuple, sizeof(*tuple)))
			return connection;
	}
	return NULL;
}

void connection_enqueue(struct connection_table *table, struct connection *connection, enum connection_queue queue)
{
	struct queue *into = &table->queues[queue];
	slot_t slot = connection_slot(table, connection);

	connection_dequeue(table, connection);
	connection->queue = queue;
	if (queue == QUEUE_LIVE)
		table->live_in_state[connection->state]++;
	connection->queue_previous = into->last;
	connection->queue_next = 0;
	if (into->last)
		connection_at(table, into->last)->queue_next = slot;
	else
		into->first = slot;
	into->last = slot;
	into->length++;
}

void connection_dequeue(struct connection_table *table, struct connection *connection)
{
	struct queue *from = &table->queues[connection->queue];

	if (connection->queue == QUEUE_NONE)
		return;
	if (connection->queue_previous)
		connection_at(table, connection->queue_previous)->queue_next = connection->queue_next;
	else
		from->first = connection->queue_next;
	if (connection->queue_next)
		connection_at(table, connection->queue_next)->queue_previous = connection->queue_previous;
	else
		from->last = connection->queue_previous;
	from->length--;
	if (connection->queue == QUEUE_LIVE)
		table->live_in_state[connection->state]--;
	connection->queue = QUEUE_NONE;
}

void connection_set_state(struct connection_table *table, struct connection *connection, uint8_t state)
{
	if (connection->queue == QUEUE_LIVE) {
		table->live_in_state[connection->state]--;
		table->live_in_state[state]++;
	}
	connection->state = state;
}

uint32_t connection_live_in_state(const struct connection_table *table, uint8_t state)
{
	return state < CONNECTION_STATES ? table->live_in_state[state] : 0;
}

const struct connection *connection_live_at(const struct connection_table *table, slot_t slot)
{
	/* What is not in use was taken out of its queue before. */
	const struct connection *connection = slab_at(&table->connections, slot);

	return connection->queue == QUEUE_LIVE ? connection : NULL;
}

slot_t connection_slots(const struct connection_table *table)
{
	return table->connections.used;
}

struct live_facts *connection_facts(struct connection_table *table, const struct connection *connection, bool make)
{
	slot_t slot = connection_slot(table, connection);
	struct live_facts **chunk, *facts;

	if (!table->facts && make)
		table->facts = calloc(chunk_count(table), sizeof(struct live_facts *));
	if (!table->facts)
		return NULL;
	chunk = &table->facts[slot >> CHUNK_SHIFT];
	if (!*chunk && make) {
		*chunk = calloc(CHUNK_SLOTS, sizeof(struct live_facts));
		table->facts_chunks += *chunk != NULL;
	}
	if (!*chunk)
		return NULL;
	facts = &(*chunk)[slot & (CHUNK_SLOTS - 1)];
	if (make)
		facts->cookie = connection->cookie;
	return facts->cookie == connection->cookie ? facts : NULL;
}

struct connection *connection_first(struct connection_table *table, enum connection_queue queue)
{
	return connection_at(table, table->queues[queue].first);
}

struct connection *connection_next(struct connection_table *table, const struct connection *connection)
{
	return connection_at(table, connection->queue_next);
}

uint32_t connection_count(const struct connection_table *table)
{
	return table->connections.live;
}

uint32_t connection_queue_length(const struct connection_table *table, enum connection_queue queue)
{
	return table->queues[queue].length;
}

static size_t slab_bytes(const struct slab *slab)
{
	return slab->used ? ((size_t)(slab->used >> CHUNK_SHIFT) + 1) * CHUNK_SLOTS * slab->object_bytes : 0;
}

size_t connection_table_bytes(const struct connection_table *table)
{
	return slab_bytes(&table->connections) + slab_bytes(&table->endings) +
	       2 * ((size_t)table->mask + 1) * sizeof(slot_t) +
	       (size_t)table->facts_chunks * CHUNK_SLOTS * sizeof(struct live_facts) +
	       (size_t)table->stack_chunks * CHUNK_SLOTS * sizeof(uint64_t) +
	       (table->stacks ? stack_table_bytes(table->stacks) : 0);
}
