/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_line.h: one probed connection as a line: verdict and evidence, as JSON or in a table. Its input is the case;
 * how it was probed is none of its business.
 */
#ifndef LASTACK_REPORT_PROBE_LINE_H
#define LASTACK_REPORT_PROBE_LINE_H

#include "core/probe_case.h"
#include "report/names.h"
#include "report/text.h"

extern const struct name_table probe_verdict_names; /* enum probe_verdict */
extern const struct name_table probe_reason_names;  /* enum probe_reason */

enum probe_restored {
	PROBE_NOTHING_TO_RESTORE, /* nothing was changed, or there is no process any more that could see it */
	PROBE_RESTORED,
	PROBE_NOT_RESTORED,
};

struct probe_line {
	const struct probe_case *probe;
	uint64_t cookie;  /* 0: not known */
	const char *id;   /* by which it was asked for, or NULL */
	uint32_t pid;     /* 0: no process holds it */
	const char *comm; /* of the process */
	uint64_t tick_ns;
	bool found; /* it was there at the beginning */
	enum probe_restored restored;
};

/* Each with its line feed. */
void probe_line_json(struct text *text, const struct probe_line *line);
void probe_line_header(struct text *text, unsigned width);
void probe_line_row(struct text *text, const struct probe_line *line, unsigned width);
/* What is told of it in a message: "127.0.0.1:80 -> 127.0.0.1:4711 (comm/pid, cookie 12)". */
void probe_line_name(struct text *text, const struct probe_line *line);

#endif
