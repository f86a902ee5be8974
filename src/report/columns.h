/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * columns.h: the columns of the terminal table, one for each fact that has one in the field table, and
 * how they share the width of a terminal.
 *
 * Its input are the fields and a width; it must not know how JSON or CSV are written.
 */
#ifndef LASTACK_REPORT_COLUMNS_H
#define LASTACK_REPORT_COLUMNS_H

#include "fields.h"

extern const struct field_column column_time, column_owner, column_local, column_remote, column_role, column_age,
	column_cause, column_who, column_bytes, column_retransmits, column_error, column_path;

#define COLUMNS_MAX 16

/* The columns in use, from left to right. */
struct column_layout {
	unsigned count;
	struct column_use {
		const struct field_column *column;
		unsigned width;
	} used[COLUMNS_MAX];
};

/*
 * Shares out `width` terminal columns, 0 meaning no limit; see struct field_column for the order. No
 * line is longer than `width`.
 */
void column_layout_make(struct column_layout *layout, unsigned width);
/* The same with these columns instead of those of the field table; their priorities may have gaps. */
void column_layout_make_of(struct column_layout *layout, const struct field_column *const *columns, unsigned count,
			   unsigned width);

/* Appends the line of titles, or the line of a report, without a line feed or blanks at the end. */
void column_layout_header(const struct column_layout *layout, struct text *text);
void column_layout_report(const struct column_layout *layout, struct text *text, const struct field_source *source);

#endif
