/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_name.h: the names of report files, there and back. A name is the time at which the file was begun and a
 * number that tells apart what was begun in the same second; what surrounds them says how far the file has got. It
 * must not know what is in a file.
 */
#ifndef LASTACK_STORE_REPORT_NAME_H
#define LASTACK_STORE_REPORT_NAME_H

#include <stdbool.h>
#include <time.h>

#define REPORT_STAMP_BYTES sizeof("20260731T120000Z")
#define REPORT_NAME_BYTES  64

enum report_name_kind {
	REPORT_NAME_PART,      /* .lastack-20260731T120000Z-1.jsonl.part: hidden, being written, or not yet finished */
	REPORT_NAME_GZIP_PART, /* .lastack-20260731T120000Z-1.jsonl.gz.part: hidden, compressed in part */
	REPORT_NAME_PLAIN,     /* lastack-20260731T120000Z-1.jsonl: finished */
	REPORT_NAME_GZIP,      /* lastack-20260731T120000Z-1.jsonl.gz: finished */
};

struct report_name {
	char stamp[REPORT_STAMP_BYTES]; /* UTC; "": before every name */
	unsigned number;                /* from 1 */
};

/* The stamp of a time. */
void report_name_stamp(time_t wall, char stamp[REPORT_STAMP_BYTES]);
void report_name_text(const struct report_name *name, enum report_name_kind kind, char text[REPORT_NAME_BYTES]);
/* Whether `text` is exactly a name of this kind. */
bool report_name_read(const char *text, enum report_name_kind kind, struct report_name *name);
/* By time, then by number: as strcmp(). */
int report_name_compare(const struct report_name *left, const struct report_name *right);

#endif
