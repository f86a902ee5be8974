/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stack_table.c: see stack_table.h.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/stack_table.h"

#define BUCKETS (2 * STACKS_MAX) /* a power of two */

_Static_assert((BUCKETS & (BUCKETS - 1)) == 0 && STACKS_MAX < UINT16_MAX, "indexes fit 16 bits");

struct stack_table {
	uint64_t seed, ids, refused;
	size_t frames;  /* in all stacks */
	uint32_t count; /* places that have been in use */
	uint32_t idle;  /* stacks without users */
	uint32_t hand;  /* where the next forgettable one is looked for */
	uint16_t buckets[BUCKETS];
	struct stack *stacks[STACKS_MAX];
};

struct stack_table *stack_table_create(uint64_t seed)
{
	struct stack_table *table = calloc(1, sizeof(*table));

	if (table)
		table->seed = seed;
	return table;
}

void stack_table_destroy(struct stack_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->count; i++)
		free(table->stacks[i]);
	free(table);
}

static uint8_t frames_count(const struct event_stack *event)
{
	uint8_t count = 0;

	while (count < EVENT_FRAMES_MAX && event->frames[count].kind != FRAME_NONE)
		count++;
	return count;
}

/* What tells two stacks apart stands in one piece: address, tops, frames. */
#define COMPARED_FROM offsetof(struct event_stack, address)
_Static_assert(offsetof(struct event_stack, frames) - COMPARED_FROM == (1 + EVENT_STACK_TOPS) * sizeof(uint64_t) &&
		       offsetof(struct stack, frames) - offsetof(struct stack, address) ==
			       (1 + EVENT_STACK_TOPS) * sizeof(uint64_t),
	       "here as there");

static size_t compared_bytes(uint8_t frames)
{
	return (1 + EVENT_STACK_TOPS) * sizeof(uint64_t) + frames * sizeof(struct event_frame);
}

static uint32_t stack_hash(const struct stack_table *table, const struct event_stack *event, uint8_t frames)
{
	uint64_t hash = table->seed ^ ((uint64_t)event->header.pid << 8 | event->call);
	const char *bytes = (const char *)event;

	for (size_t at = COMPARED_FROM; at < COMPARED_FROM + compared_bytes(frames); at += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL, hash ^= hash >> 29;
	}
	return (uint32_t)(hash >> 32);
}

static bool is_same(const struct stack *stack, const struct event_stack *event, uint8_t frames, uint32_t hash)
{
	return stack->hash == hash && stack->pid == event->header.pid && stack->call == event->call &&
	       stack->frame_count == frames &&
	       !memcmp((const char *)stack + offsetof(struct stack, address), (const char *)event + COMPARED_FROM,
		       compared_bytes(frames));
}

static size_t stack_bytes(uint8_t frames)
{
	return sizeof(struct stack) + frames * sizeof(struct event_frame);
}

static void stack_forget(struct stack_table *table, uint32_t index)
{
	struct stack *stack = table->stacks[index];
	uint16_t *link = &table->buckets[stack->hash & (BUCKETS - 1)];

	while (*link != index + 1)
		link = &table->stacks[*link - 1]->next;
	*link = stack->next;
	table->frames -= stack->frame_count;
	free(stack);
	table->stacks[index] = NULL;
	table->idle--;
}

/* A place for one more, from which a stack without users may have gone; -1: there is none. */
static int place_take(struct stack_table *table)
{
	uint32_t index;

	if (table->count < STACKS_MAX)
		return (int)table->count++;
	if (!table->idle)
		return -1;
	do
		index = table->hand++ % STACKS_MAX;
	while (table->stacks[index]->users);
	stack_forget(table, index);
	return (int)index;
}

static struct stack *stack_add(struct stack_table *table, const struct event_stack *event, uint8_t frames,
			       uint32_t hash)
{
	struct stack *stack = malloc(stack_bytes(frames));
	int index = stack ? place_take(table) : -1;
	uint16_t *bucket = &table->buckets[hash & (BUCKETS - 1)];

	if (index < 0) {
		free(stack);
		table->refused++;
		return NULL;
	}
	*stack = (struct stack){
		.id = ++table->ids * STACKS_MAX + (uint32_t)index,
		.pid = event->header.pid,
		.hash = hash,
		.next = *bucket,
		.call = event->call,
		.frame_count = frames,
	};
	memcpy((char *)stack + offsetof(struct stack, address), (const char *)event + COMPARED_FROM,
	       compared_bytes(frames));
	table->stacks[index] = stack;
	*bucket = (uint16_t)(index + 1);
	table->frames += frames;
	return stack;
}

struct stack *stack_table_use(struct stack_table *table, const struct event_stack *event)
{
	uint8_t frames = frames_count(event);
	uint32_t hash = stack_hash(table, event, frames);
	struct stack *stack = NULL;

	if (!frames)
		return NULL;
	for (uint16_t at = table->buckets[hash & (BUCKETS - 1)]; at; at = stack->next) {
		stack = table->stacks[at - 1];
		if (is_same(stack, event, frames, hash)) {
			table->idle -= !stack->users++;
			return stack;
		}
	}
	stack = stack_add(table, event, frames, hash);
	if (stack)
		stack->users = 1;
	return stack;
}

void stack_table_leave(struct stack_table *table, struct stack *stack)
{
	table->idle += !--stack->users;
}

struct stack *stack_table_find(const struct stack_table *table, uint64_t id)
{
	struct stack *stack = table->stacks[id % STACKS_MAX];

	return stack && stack->id == id ? stack : NULL;
}

uint32_t stack_table_count(const struct stack_table *table)
{
	return table->count;
}

uint64_t stack_table_refused(const struct stack_table *table)
{
	return table->refused;
}

size_t stack_table_bytes(const struct stack_table *table)
{
	return sizeof(*table) + table->count * sizeof(struct stack) + table->frames * sizeof(struct event_frame);
}
