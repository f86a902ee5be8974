/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnose_show.h: the lines of a diagnosis on standard output, as JSON or as blocks for a person; with stacks, these
 * get their names here. Whether a daemon wrote the lines it does not know.
 */
#ifndef LASTACK_VERBS_DIAGNOSE_SHOW_H
#define LASTACK_VERBS_DIAGNOSE_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "report/text.h"

struct symbols;

struct diagnose_show {
	const char *verb;
	bool json;
	bool clears; /* the terminal, before each round */
	bool stacks; /* are asked for, and to be named */
	unsigned columns;
	/* Set here. */
	unsigned findings; /* in this round */
	bool failed;       /* and a message was written */
	struct text text, blocks;
	struct symbols *symbols;
};

/* Another round. */
void diagnose_show_begin(struct diagnose_show *show);
/* A line, without its line feed; arg is the struct diagnose_show. False: enough. */
bool diagnose_show_line(void *arg, const char *line, size_t length);
void diagnose_show_free(struct diagnose_show *show);

#endif
