/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * moves.h: what must hold of each single step of the machine: an entry that can be seen is recognised by what is seen
 * around it, and by nothing less.
 */
#ifndef LASTACK_TESTS_MODEL_MOVES_H
#define LASTACK_TESTS_MODEL_MOVES_H

#include "endpoint.h"

#define SIGN_SETS_MAX 8

struct moves_check {
	struct model *model;
	bool *reached; /* entries, by index */
	struct {
		uint32_t signs[SIGN_SETS_MAX];
		unsigned int count;
	} checked[256]; /* by entry: what needs no second look */
};

void moves_check_begin(struct moves_check *check, struct model *model, bool *reached);
/* For struct model's `moved`, with the struct moves_check as its argument. */
void moves_check_move(void *check, const struct machine_move *move);

#endif
