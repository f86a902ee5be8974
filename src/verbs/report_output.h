/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_output.h: report lines of the daemon as the table, CSV or JSON that live and replay would have written.
 */
#ifndef LASTACK_VERBS_REPORT_OUTPUT_H
#define LASTACK_VERBS_REPORT_OUTPUT_H

#include "report/report_writer.h"
#include "verbs/ask.h"

struct report_output {
	const char *verb;
	enum report_format format;
	struct report_context context;
	struct report_writer *writer;
	struct text text;
	bool has_head;
	bool failed;       /* and a message was written */
	bool days;         /* table: a line where another day begins */
	char day[16];      /* that was written last */
	uint64_t reported; /* connections: first revisions */
};

/* Returns 0, or an exit status after a message. */
int report_output_begin(struct report_output *output, const char *verb, const struct ask_options *options);
/* Writes the names of the columns, once; the first line does that too. */
void report_output_head(struct report_output *output);
void report_output_end(struct report_output *output);
/* False: enough, or it failed. */
bool report_output_line(struct report_output *output, const char *line, size_t length);

#endif
