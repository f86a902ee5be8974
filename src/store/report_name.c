// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_name.c: see report_name.h.
 */
#include <stdio.h>
#include <string.h>

#include "store/report_name.h"

static const struct {
	const char *before, *after;
} kinds[] = {
	[REPORT_NAME_PART] = {".lastack-", ".jsonl.part"},
	[REPORT_NAME_GZIP_PART] = {".lastack-", ".jsonl.gz.part"},
	[REPORT_NAME_PLAIN] = {"lastack-", ".jsonl"},
	[REPORT_NAME_GZIP] = {"lastack-", ".jsonl.gz"},
};

void report_name_stamp(time_t wall, char stamp[REPORT_STAMP_BYTES])
{
	struct tm utc;

	if (!gmtime_r(&wall, &utc) || !strftime(stamp, REPORT_STAMP_BYTES, "%Y%m%dT%H%M%SZ", &utc))
		strcpy(stamp, "19700101T000000Z"); /* a year of more than four digits */
}

void report_name_text(const struct report_name *name, enum report_name_kind kind, char text[REPORT_NAME_BYTES])
{
	snprintf(text, REPORT_NAME_BYTES, "%s%s-%u%s", kinds[kind].before, name->stamp, name->number,
		 kinds[kind].after);
}

bool report_name_read(const char *text, enum report_name_kind kind, struct report_name *name)
{
	size_t before = strlen(kinds[kind].before);
	char again[REPORT_NAME_BYTES];
	struct report_name read;

	if (strncmp(text, kinds[kind].before, before) != 0 ||
	    sscanf(text + before, "%16[0-9TZ]-%9u", read.stamp, &read.number) != 2 ||
	    strlen(read.stamp) != REPORT_STAMP_BYTES - 1 || !read.number)
		return false;
	/* sscanf() takes more than we write: blanks, signs, leading zeros. */
	report_name_text(&read, kind, again);
	if (strcmp(again, text) != 0)
		return false;
	*name = read;
	return true;
}

int report_name_compare(const struct report_name *left, const struct report_name *right)
{
	int order = strcmp(left->stamp, right->stamp);

	return order ? order : (left->number > right->number) - (left->number < right->number);
}
