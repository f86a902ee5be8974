/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failing_memory.h: for a test whose allocations fail when it says so. The linker puts these functions in the place of
 * the allocator's for everything that is linked in, and for no shared library (Makefile).
 */
#ifndef UNIT_FAILING_MEMORY_H
#define UNIT_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

static struct {
	unsigned at; /* the allocation that fails, from 1; 0: none */
	bool lasting, hit;
	unsigned calls;
} plan;

static bool fails(void)
{
	bool now = plan.at && ++plan.calls >= plan.at && (plan.lasting || plan.calls == plan.at);

	plan.hit |= now;
	return now;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
	return fails() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, bytes);
}

/* Runs it once for each allocation, which fails. *refused: how often it returned false. Returns how many there are. */
static unsigned sweep(bool (*run)(void), bool lasting, unsigned *refused)
{
	unsigned at = 0;

	*refused = 0;
	do {
		plan.at = ++at;
		plan.calls = 0;
		plan.lasting = lasting;
		plan.hit = false;
		*refused += !run();
	} while (plan.hit);
	plan.at = 0;
	return at - 1;
}

#endif
