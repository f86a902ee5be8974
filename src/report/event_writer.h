/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event_writer.h: single events as lines of text, a table for a terminal or JSON.
 *
 * Its input are records that event_check() has accepted, and what the caller knows of the connection
 * they belong to. It must not know how a connection's life is put together.
 */
#ifndef LASTACK_REPORT_EVENT_WRITER_H
#define LASTACK_REPORT_EVENT_WRITER_H

#include "event.h"
#include "fields.h"

struct event_writer;

/*
 * `context` as for report_writer_create(). `tick_ns` is the length of a jiffy. `columns` is the width
 * of the terminal, 0 for no limit. REPORT_CSV is refused: each kind of event has other columns.
 * Returns NULL for that or without memory.
 */
struct event_writer *event_writer_create(enum report_format format, const struct report_context *context,
					 uint64_t tick_ns, unsigned columns);

/* NULL is allowed. */
void event_writer_destroy(struct event_writer *writer);

/* Appends the line with the names of the columns: none in JSON. Returns 0 or -ENOMEM. */
int event_writer_header(struct event_writer *writer, struct text *text);

/*
 * Appends the line of one event, with its line feed. `tuple` and `family` (4 or 6) are those of the
 * connection for an event that does not carry them, NULL and 0 where they are not known. Returns 0 or
 * -ENOMEM; without memory nothing of the line is left in `text`.
 */
int event_writer_event(struct event_writer *writer, struct text *text, const struct event_header *event,
		       const struct event_tuple *tuple, unsigned family);

#endif
