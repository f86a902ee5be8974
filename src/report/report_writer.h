/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_writer.h: connection reports as lines of text: JSON, CSV or a table for a terminal.
 *
 * Its input are reports and a context; it must not know where the lines go. It writes what the field
 * table says and decides nothing about a connection.
 */
#ifndef LASTACK_REPORT_REPORT_WRITER_H
#define LASTACK_REPORT_REPORT_WRITER_H

#include "fields.h"

struct report_writer;

/*
 * `context` is not copied and must outlive the writer; its wall_minus_monotonic_ns may change between
 * reports. `columns` is the width of the terminal, 0 for no limit; only the table looks at it.
 * Returns NULL without memory.
 */
struct report_writer *report_writer_create(enum report_format format, const struct report_context *context,
					   unsigned columns);

/* NULL is allowed. */
void report_writer_destroy(struct report_writer *writer);

/* Appends the line with the names of the columns: none in JSON. Returns 0 or -ENOMEM. */
int report_writer_header(struct report_writer *writer, struct text *text);

/*
 * Appends the line of one report, with its line feed. Returns 0 or -ENOMEM; without memory nothing of
 * the line is left in `text`.
 */
int report_writer_report(struct report_writer *writer, struct text *text, const struct connection_report *report);

#endif
