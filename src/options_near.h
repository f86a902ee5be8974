/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options_near.h: what somebody may have meant who mistyped an option, a setting or a verb. Words in, a word or NULL
 * out.
 */
#ifndef LASTACK_OPTIONS_NEAR_H
#define LASTACK_OPTIONS_NEAR_H

#include <stddef.h>

struct near_word {
	const char *typed; /* `length` bytes of it */
	size_t length;
	const char *best; /* so far; NULL: none is near enough */
	unsigned distance;
};

/* Looks at one more word that could have been meant; the first of several that are as near stays. */
void near_word_try(struct near_word *near, const char *word);

#endif
