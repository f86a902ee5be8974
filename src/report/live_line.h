/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_line.h: a connection that lives as a line: what `lastack list` says of it. The same facts in the same words as
 * a report where a report has them, and a few that only something alive has.
 *
 * Its input is a report as far as it is known (tracker_report_live()); it must not know where that is from.
 */
#ifndef LASTACK_REPORT_LIVE_LINE_H
#define LASTACK_REPORT_LIVE_LINE_H

#include <jansson.h>

#include "report/columns.h"

struct live_line {
	const struct connection_report *report; /* its end is now */
	const char *cgroup;                     /* path or NULL */
	uint8_t state;                          /* enum tcp_state */
	uint64_t state_age_ns;                  /* ABSENT_U64: it is not known since when */
	uint64_t facts_age_ns;                  /* since the sockets were listed; ABSENT_U64: it never was */
	uint32_t probes_sent;
};

struct live_writer;

/* NULL without memory. */
struct live_writer *live_writer_create(void);
/* NULL is allowed. */
void live_writer_destroy(struct live_writer *writer);
/* One JSON object, without a line feed. */
void live_writer_json(const struct live_writer *writer, const struct live_line *line, struct text *text);

/* The other forms are made of that object, where it is read. All end with a line feed. */
void live_line_csv_header(struct text *text);
void live_line_csv(const json_t *object, struct text *text);
void live_line_layout(struct column_layout *layout, unsigned width);
/* Returns 0, or -EBADMSG where the object is no such line: nothing is appended then. */
int live_line_row(const struct column_layout *layout, const json_t *object, struct text *text);

#endif
