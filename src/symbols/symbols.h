/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols.h: what a frame of a user stack is called, by the files that a process maps: function, file and line, as far
 * as they tell. The only user of libdw. It reads what other users may have made, so it belongs into a person's command
 * and not into the daemon.
 */
#ifndef LASTACK_SYMBOLS_SYMBOLS_H
#define LASTACK_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

struct symbols;

/* Strings live as long as the symbols; NULL: not known. */
struct symbol {
	struct event_frame frame; /* with the build id where only the address was known */
	const char *module;       /* path as the process sees it */
	const char *function;
	uint64_t offset; /* from where the function begins */
	const char *file;
	int line;
	bool no_code; /* there is none at that place: whatever it is, it is no frame */
};

/*
 * NULL without memory. no_memory: called where libdw lacks some while it reads lines, and knows no way back; it must
 * end the process, which libdw else does itself with status 1.
 */
typedef __attribute__((noreturn)) void (*symbols_no_memory_fn)(void);
struct symbols *symbols_create(symbols_no_memory_fn no_memory);
void symbols_destroy(struct symbols *symbols);
/* Adds the files that this process maps now; one that may not be looked at adds none. Each pid is looked at once. */
void symbols_add(struct symbols *symbols, uint32_t pid);
/*
 * A frame with a build id is found in the files of all processes that were added: the name is right whatever has become
 * of its process. An address is looked up in what `pid` maps now.
 */
void symbols_find(struct symbols *symbols, uint32_t pid, const struct event_frame *frame, struct symbol *symbol);

/* Of the innermost frame, to find out who called it. */
struct symbol_top {
	uint64_t address;                 /* where it stands in the process */
	uint64_t words[EVENT_STACK_TOPS]; /* from the stack pointer on */
};

/*
 * The return address of the innermost frame, where it has no frame pointer of its own: by the unwinding tables of its
 * file. False: it has one, or these tables do not tell, or the process has become another since.
 */
bool symbols_caller(const struct symbols *symbols, uint32_t pid, const struct event_frame *innermost,
		    const struct symbol_top *top, struct event_frame *caller);

#endif
