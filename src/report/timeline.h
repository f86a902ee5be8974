/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timeline.h: one connection for a person: who and whom, what became of it and why, and when it passed through which
 * state. Its input is a report line in JSON, of a connection that has ended or (with "live") of one that lives.
 */
#ifndef LASTACK_REPORT_TIMELINE_H
#define LASTACK_REPORT_TIMELINE_H

#include <jansson.h>

#include "report/text.h"

/*
 * At most `columns` wide, 0: no limit. Times are local. Printable whatever the line holds. Returns 0, or -EBADMSG
 * where it is no report: nothing is appended then.
 */
int timeline_append(struct text *text, const json_t *object, unsigned columns);

/* Local date and time of day with microseconds: 2026-11-20 14:30:00.000000 */
void text_append_instant(struct text *text, int64_t wall_us);

#endif
