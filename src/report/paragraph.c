// SPDX-License-Identifier: GPL-2.0-only
/*
 * paragraph.c: see paragraph.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/paragraph.h"

static void blanks(struct text *text, size_t count)
{
	while (count--)
		text_append_char(text, ' ');
}

void text_append_wrapped(struct text *text, const char *sentence, unsigned indent, unsigned columns)
{
	size_t width = columns > indent + 20 ? columns - indent : columns ? 20 : SIZE_MAX, used = 0;

	for (const char *word = sentence; *word;) {
		size_t lead = used ? 0 : strspn(word, " "); /* of the first word: it stays */
		size_t length = lead + strcspn(word + lead, " ");

		if (used && used + 1 + length > width) {
			text_append_char(text, '\n');
			used = 0;
		}
		if (!used)
			blanks(text, indent);
		else
			text_append_char(text, ' ');
		text_append_printable(text, word, length);
		used += length + (used ? 1 : 0);
		word += length;
		word += strspn(word, " ");
	}
	text_append_char(text, '\n');
}

void text_append_labelled(struct text *text, unsigned indent, unsigned columns, const char *label, const char *value)
{
	size_t start = text->length;

	text_append_wrapped(text, value[0] ? value : TEXT_ABSENT, indent, columns);
	if (!text->failed)
		memcpy(text->data + start, label, strlen(label));
}

void text_append_labelled_format(struct text *text, unsigned indent, unsigned columns, const char *label,
				 const char *format, ...)
{
	char *value = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text->failed = true;
		return;
	}
	text_append_labelled(text, indent, columns, label, value);
	free(value);
}
