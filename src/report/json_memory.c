// SPDX-License-Identifier: GPL-2.0-only
/*
 * json_memory.c: see json_memory.h. A load that lacks memory is left where it stands, and what it has taken by then is
 * given back: each piece of memory is linked with the others of its load.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>

#include "report/json_memory.h"

/* Before each piece of memory, which stays aligned. */
struct piece {
	_Alignas(max_align_t) struct piece *next;
	struct piece *before;
};

static _Thread_local struct {
	struct piece pieces; /* a ring of what it has taken */
	json_t *json;
	jmp_buf left;
	bool runs, lacked;
} load;

static void piece_unlink(struct piece *piece)
{
	piece->before->next = piece->next;
	piece->next->before = piece->before;
	piece->next = piece->before = piece;
}

static void *memory_get(size_t bytes)
{
	struct piece *piece = malloc(sizeof(*piece) + bytes);

	if (!piece) {
		load.lacked = true;
		if (load.runs)
			longjmp(load.left, 1);
		return NULL;
	}
	*piece = (struct piece){piece, piece};
	if (load.runs) {
		*piece = (struct piece){load.pieces.next, &load.pieces};
		piece->next->before = load.pieces.next = piece;
	}
	return piece + 1;
}

static void memory_put(void *memory)
{
	if (!memory)
		return;
	piece_unlink((struct piece *)memory - 1);
	free((struct piece *)memory - 1);
}

/* Before jansson has any memory of malloc()'s own. */
static __attribute__((constructor)) void memory_begin(void)
{
	json_set_alloc_funcs(memory_get, memory_put);
}

json_t *json_memory_load(const char *text, size_t length, size_t flags, json_error_t *error)
{
	load.pieces = (struct piece){&load.pieces, &load.pieces};
	load.json = NULL;
	load.lacked = false;
	load.runs = true;
	if (!setjmp(load.left))
		load.json = json_loadb(text, length, flags, error);
	load.runs = false;
	while (load.pieces.next != &load.pieces) {
		struct piece *piece = load.pieces.next;

		/* Each lives on by itself, for parts may go to other threads. The analyzer does not see it leave. */
		piece_unlink(piece); /* NOLINT(clang-analyzer-unix.Malloc) */
		if (load.lacked)
			free(piece);
	}
	return load.json;
}

bool json_memory_lacked(void)
{
	return load.lacked;
}
