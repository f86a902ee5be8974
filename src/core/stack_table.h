/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stack_table.h: the stacks that connections were opened and accepted by, each kept once however many connections came
 * of it, and for as long as one of them lives, or there is room. Bounded: what has no room is counted. It knows
 * nothing of connections, nor what an address means.
 */
#ifndef LASTACK_CORE_STACK_TABLE_H
#define LASTACK_CORE_STACK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

#define STACKS_MAX 4096 /* with all their frames 4.5 MB */

struct stack {
	uint64_t id; /* never 0, and no other stack's later */
	uint32_t pid;
	uint32_t users; /* connections that came of it */
	uint32_t hash;
	uint16_t next; /* in its bucket, index + 1 */
	uint8_t call;  /* enum stack_call */
	uint8_t frame_count;
	uint64_t address, tops[EVENT_STACK_TOPS]; /* as in the event */
	struct event_frame frames[];
};

struct stack_table;

/* seed: programs choose what their stacks look like. NULL without memory. */
struct stack_table *stack_table_create(uint64_t seed);
void stack_table_destroy(struct stack_table *table);
/* The event's stack, with one user more; NULL: it has no frames, or there is no room or memory for it. */
struct stack *stack_table_use(struct stack_table *table, const struct event_stack *event);
/* One user less. */
void stack_table_leave(struct stack_table *table, struct stack *stack);
/* The stack of this id, or NULL: it has been forgotten. */
struct stack *stack_table_find(const struct stack_table *table, uint64_t id);
/* How many are kept, and how often there was no room. */
uint32_t stack_table_count(const struct stack_table *table);
uint64_t stack_table_refused(const struct stack_table *table);
size_t stack_table_bytes(const struct stack_table *table);

#endif
