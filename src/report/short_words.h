/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * short_words.h: the short words with which a narrow table says how a connection ended and who ended
 * it, and the legend that explains them.
 *
 * Its input is a report; it must not know how wide any column is, except that these words are made
 * for narrow ones.
 */
#ifndef LASTACK_REPORT_SHORT_WORDS_H
#define LASTACK_REPORT_SHORT_WORDS_H

#include "report.h"
#include "text.h"

#define CAUSE_SHORT_MAX 11 /* one less than the narrowest column: a '*' may follow */
#define WHO_SHORT_MAX   6

/*
 * The cause in one word that begins with what stands for its class (fin, rst, rto, keep, tmo, syn,
 * abort); the contexts that matter most have their own.
 */
const char *cause_short_name(enum connection_cause cause, enum connection_context context);

/* Does that word say the context too? */
bool cause_short_says_context(enum connection_cause cause, enum connection_context context);

/* Who ended it and by what, in at most WHO_SHORT_MAX characters. */
void who_short_append(struct text *text, const struct connection_report *report);

/* Appends lines of at most 80 columns that explain every short word. */
void short_words_legend(struct text *text);

#endif
