/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * time_text.h: an instant as a person writes it: "2h" ago, "14:30", "2026-11-20 14:30". Its input is a text, what time
 * it is, and the local time zone; what the instant is for it does not know.
 */
#ifndef LASTACK_REPORT_TIME_TEXT_H
#define LASTACK_REPORT_TIME_TEXT_H

#include <stdint.h>

/* For the help of options. */
#define TIME_TEXT_HELP                                                                                                 \
	"2h, 30m or 7d ago, 14:30, 2026-11-20, \"2026-11-20 14:30\", RFC 3339, or seconds since the epoch"

/*
 * A time of day is the last time that it was so late. Without a zone it is local time.
 * Returns 0, or -EINVAL with *why (static text) set.
 */
int time_text_parse(const char *text, int64_t now_us, int64_t *wall_us, const char **why);

#endif
