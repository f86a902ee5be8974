/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * connection_table.h: the memory of the tracker: slabs of connections and endings with a fixed
 * maximum, an index by socket cookie, one by address pair (only for what must be found that way), and
 * the queues. It knows nothing of TCP.
 */
#ifndef LASTACK_CORE_CONNECTION_TABLE_H
#define LASTACK_CORE_CONNECTION_TABLE_H

#include "core/connection.h"
#include "core/stack_table.h"

struct connection_table;

/*
 * max: connections at most. seed: for the index by address pair, which strangers can choose; a daemon
 * passes a random one. Returns NULL without memory.
 */
struct connection_table *connection_table_create(uint32_t max, uint64_t seed);
void connection_table_destroy(struct connection_table *table);

struct connection *connection_at(struct connection_table *table, slot_t slot);
slot_t connection_slot(const struct connection_table *table, const struct connection *connection);

/* The connection with this key, or NULL. */
struct connection *connection_find(struct connection_table *table, uint64_t cookie);
/* A zeroed connection with this key, in no queue; NULL when full or without memory. */
struct connection *connection_create(struct connection_table *table, uint64_t cookie);
/* Gives a connection another key. */
void connection_rekey(struct connection_table *table, struct connection *connection, uint64_t cookie);
void connection_release(struct connection_table *table, struct connection *connection);

/* The ending of a connection, made on first use; NULL without memory. */
struct ending *connection_ending(struct connection_table *table, struct connection *connection);
/* The ending if there is one, else NULL. */
struct ending *connection_ending_get(struct connection_table *table, const struct connection *connection);

/* The index by address pair. */
void connection_tuple_add(struct connection_table *table, struct connection *connection);
void connection_tuple_remove(struct connection_table *table, struct connection *connection);
struct connection *connection_tuple_find(struct connection_table *table, const struct event_tuple *tuple);

/* The queues: first in, first out. */
void connection_enqueue(struct connection_table *table, struct connection *connection, enum connection_queue queue);
void connection_dequeue(struct connection_table *table, struct connection *connection);
struct connection *connection_first(struct connection_table *table, enum connection_queue queue);
struct connection *connection_next(struct connection_table *table, const struct connection *connection);

/* Every change of a connection's state goes through here, so that live ones are counted by state. */
void connection_set_state(struct connection_table *table, struct connection *connection, uint8_t state);
uint32_t connection_live_in_state(const struct connection_table *table, uint8_t state);
/* The live connection in this slot or NULL; slots from 1 to connection_slots() have been in use. */
const struct connection *connection_live_at(const struct connection_table *table, slot_t slot);
slot_t connection_slots(const struct connection_table *table);

/* The facts of a connection, with room made for them where `make` is set; NULL: none, or no memory. */
struct live_facts *connection_facts(struct connection_table *table, const struct connection *connection, bool make);

/* What opened or accepted the connection is this event's stack from now on. Nothing where there is no memory. */
void connection_set_stack(struct connection_table *table, const struct connection *connection,
			  const struct event_stack *event);
/* That stack, or NULL: none was told of. */
const struct stack *connection_stack(const struct connection_table *table, const struct connection *connection);
/* All of them; NULL: there never was one. */
const struct stack_table *connection_stacks(const struct connection_table *table);

uint32_t connection_count(const struct connection_table *table);
uint32_t connection_queue_length(const struct connection_table *table, enum connection_queue queue);
/* Bytes of memory in use by slabs and indexes. */
size_t connection_table_bytes(const struct connection_table *table);

#endif
