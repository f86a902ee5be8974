/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_line.h: a finding as a JSON object, and that object as a block of lines for a person (lastack diagnose).
 *
 * Its input is a finding, and whatever tells the cgroup's path and the connections behind it; it must not know where
 * these are from.
 */
#ifndef LASTACK_REPORT_FINDING_LINE_H
#define LASTACK_REPORT_FINDING_LINE_H

#include <jansson.h>

#include "core/finding.h"
#include "core/stack_table.h"
#include "report/fields.h"

struct finding_source {
	const struct finding *finding;
	const struct report_context *context;
	uint64_t now_ns;
	/* Appends a live line as JSON; false, and nothing appended, where the connection is gone. NULL: none are shown.
	 */
	bool (*connection)(void *arg, uint64_t cookie, struct text *text);
	void *arg;
	uint32_t show; /* so many connections at most */
	/* The stack of this id, or NULL. NULL: stacks are not told. */
	const struct stack *(*stack)(void *arg, uint64_t id);
};

/*
 * The stacks of a finding, as ,"stacks":[...] and what is missing there, null where they are not told. They are raw, as
 * what a frame is called only somebody can tell who may read the program's files (symbols/finding_names.h).
 */
void finding_stacks_json(struct text *text, const struct finding_source *source);
/* The blocks of them for a person, named or not. */
void finding_stacks_block(struct text *text, const json_t *object, unsigned indent, unsigned width);

/* Without a line feed. */
void finding_json(struct text *text, const struct finding_source *source);

/*
 * The block for a person, number from 1 on, at most `width` columns (0: 80). Returns 0, or -EBADMSG where the object is
 * no finding; nothing is appended then.
 */
int finding_block(struct text *text, const json_t *object, unsigned number, unsigned width);

#endif
