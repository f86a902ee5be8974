/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * paragraph.h: text for a person, in lines that are not longer than the terminal is wide. What it is about it does not
 * know. Printable whatever the words hold.
 */
#ifndef LASTACK_REPORT_PARAGRAPH_H
#define LASTACK_REPORT_PARAGRAPH_H

#include "report/text.h"

/* Words of a sentence in lines of at most `columns` (0: one line), each begun with `indent` blanks. */
void text_append_wrapped(struct text *text, const char *sentence, unsigned indent, unsigned columns);
/*
 * "label      value": the value from column `indent` on, and the rest of a long one below its beginning. The label must
 * be shorter than that. An empty value is told as absent.
 */
void text_append_labelled(struct text *text, unsigned indent, unsigned columns, const char *label, const char *value);
__attribute__((format(printf, 5, 6))) void text_append_labelled_format(struct text *text, unsigned indent,
								       unsigned columns, const char *label,
								       const char *format, ...);

#endif
