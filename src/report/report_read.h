/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_read.h: the way back from a report line in JSON to a report, for whoever gets lines from a daemon or a file
 * and wants the table, CSV or a person's view of them. By the field table, as the way out.
 *
 * Its input is text that somebody else wrote: nothing in it is believed before it is checked.
 */
#ifndef LASTACK_REPORT_REPORT_READ_H
#define LASTACK_REPORT_REPORT_READ_H

#include <jansson.h>

#include "report/fields.h"

/*
 * Reads one line, an object. Numbers above INT64_MAX, which only a cookie may be, become a string of digits in
 * "cookie". NULL with `why` (size bytes) set if it is none.
 */
json_t *report_line_load(const char *line, size_t length, char *why, size_t size);

/* The member of that name, or NULL where it, or its group, is null or missing. group: NULL at the top. */
const json_t *report_member(const json_t *object, const char *group, const char *name);
/* The string there, or NULL. */
const char *report_member_text(const json_t *object, const char *group, const char *name);
/* The number there, or `absent`. */
int64_t report_member_number(const json_t *object, const char *group, const char *name, int64_t absent);

/*
 * As far as the object has the fields of a report; the others are absent. Instants are wall clock: the context that
 * goes with it has wall_minus_monotonic_ns 0. Evidence and notes, of which only texts are there, stay in the object.
 * Returns 0, or -EBADMSG where a field has a value that it cannot have; *report is then untouched.
 */
int report_read(const json_t *object, struct connection_report *report);

/* The CSV line, with its line feed, that report_writer would have written for what it wrote the object for. */
void report_read_csv(const json_t *object, struct text *text);

/*
 * An object as JSON on one line, without a line feed. json_dumps() is no substitute: where it lacks memory for a moment
 * it leaves the name of a member out and goes on (jansson 2.14).
 */
void json_append(const json_t *object, struct text *text);

/* One member as CSV: nothing for null; texts of a list joined by "; ", states by ">". */
void json_csv_append(const json_t *value, struct text *text);

#endif
