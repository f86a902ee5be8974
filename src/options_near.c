// SPDX-License-Identifier: GPL-2.0-only
/*
 * options_near.c: see options_near.h. Nearness is how many letters to add, leave out or change (Levenshtein).
 */
#include <string.h>

#include "options_near.h"

#define WORD_MAX 31
#define NEAR     4 /* so many mistakes at most, and fewer than half of the letters */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned lower = a < b ? a : b;

	return lower < c ? lower : c;
}

/* By the usual table, of which only one row is kept. */
static unsigned distance_of(const char *typed, size_t typed_length, const char *word, size_t length)
{
	unsigned row[WORD_MAX + 1];

	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 0; i < typed_length; i++) {
		unsigned corner = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < length; j++) {
			unsigned other = corner + (typed[i] != word[j]);

			corner = row[j + 1];
			row[j + 1] = least(other, corner + 1, row[j] + 1);
		}
	}
	return row[length];
}

void near_word_try(struct near_word *near, const char *word)
{
	size_t length = strlen(word);
	unsigned distance;

	if (length > WORD_MAX || near->length > WORD_MAX)
		return;
	distance = distance_of(near->typed, near->length, word, length);
	if (distance > NEAR || 2 * distance >= near->length || (near->best && distance >= near->distance))
		return;
	near->best = word;
	near->distance = distance;
}
