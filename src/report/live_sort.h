/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_sort.h: puts live lines in an order that somebody asked for. Its input are the lines and what was made of each
 * for output; it does not know the form of that.
 */
#ifndef LASTACK_REPORT_LIVE_SORT_H
#define LASTACK_REPORT_LIVE_SORT_H

#include <jansson.h>

#include "report/names.h"

enum live_key {
	LIVE_KEY_NONE,
	LIVE_KEY_AGE,
	LIVE_KEY_STATE_AGE,
	LIVE_KEY_UNREAD,
	LIVE_KEY_UNACKED,
	LIVE_KEY_RETRANSMITS,
	LIVE_KEY_PROBES,
	LIVE_KEY_SILENT,
	LIVE_KEY_FACTS_AGE,
	LIVE_KEY_COOKIE,
	LIVE_KEY_PID,
	LIVE_KEY_COMM,
	LIVE_KEY_STATE,
	LIVE_KEY_LOCAL,
	LIVE_KEY_REMOTE,
	LIVE_KEYS,
};

extern const struct name_table live_key_names; /* enum live_key */

struct live_rows;

/*
 * Quantities largest first, words and addresses in their order; `reverse` turns both around. What has no value comes
 * last. limit: rows that are wanted, 0: all. Nothing is kept that is beyond it. NULL without memory.
 */
struct live_rows *live_rows_create(enum live_key key, bool reverse, size_t limit);
/* NULL is allowed. */
void live_rows_destroy(struct live_rows *rows);
/* output: what is to be shown of the line, copied. Returns 0 or -ENOMEM. */
int live_rows_add(struct live_rows *rows, const json_t *line, const char *output, size_t length);
/* The outputs in order. */
void live_rows_each(struct live_rows *rows, void (*row)(void *arg, const char *output, size_t length), void *arg);

#endif
