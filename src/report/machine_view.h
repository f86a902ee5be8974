/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine_view.h: the reference machine laid out as a table, JSON lines, a graph or documentation, the whole of
 * it or a part; and with what was seen of it, where that is known.
 *
 * Its input is the table of core/tcp_machine.h and counts; it must not know where those come from.
 */
#ifndef LASTACK_REPORT_MACHINE_VIEW_H
#define LASTACK_REPORT_MACHINE_VIEW_H

#include "core/tcp_machine.h"
#include "names.h"
#include "text.h"

enum machine_format {
	MACHINE_TABLE,
	MACHINE_JSON,
	MACHINE_DOT,
	MACHINE_MARKDOWN,
};

extern const struct name_table machine_format_names; /* enum machine_format: the values of -o */

/* Can one who watches Linux count an entry? */
enum machine_countable {
	COUNTABLE,
	COUNTED_WITH_ANOTHER, /* it shows itself as an entry before it does: that one counts */
	COUNTED_NEVER,        /* it does not show itself */
};

enum machine_countable machine_countable(const struct machine *machine, const struct machine_rule *rule);

/* What was seen of the machine. All zero but `seen`: nothing yet. */
struct machine_coverage {
	uint64_t *seen;       /* how often, by index in the machine; the caller's */
	uint64_t transitions; /* held against the machine */
	uint64_t violations;  /* of transitions, those missed included */
	uint64_t gaps;        /* missed, or not explained because of losses */
};

/* Which entries are shown. All zero: every one of the reference. */
struct machine_view {
	uint64_t from, to;                       /* sets of enum machine_state; empty: all */
	bool rfc;                                /* the machine of RFC 9293 alone */
	bool as_linux;                           /* the machine as Linux runs it: without what it does in another way */
	uint32_t columns;                        /* of a table, 0: no limit */
	const struct machine_coverage *coverage; /* NULL: only the machine itself */
};

bool machine_view_has(const struct machine_view *view, const struct machine_rule *rule);
/* Linux has an entry of its own for this state and input. */
bool machine_rule_is_replaced(const struct machine *machine, const struct machine_rule *rule);

void machine_write(enum machine_format format, const struct machine_view *view, struct text *text);
/* One format each. */
void machine_write_table(const struct machine_view *view, struct text *text);
void machine_write_json(const struct machine_view *view, struct text *text);
void machine_write_dot(const struct machine_view *view, struct text *text);
void machine_write_markdown(const struct machine_view *view, struct text *text);

/* ---- for the formats */

/* Calls `line` for each entry of the view, state by state in the order of a connection's life. */
void machine_view_each(const struct machine_view *view,
		       void (*line)(void *arg, const struct machine_view *view, const struct machine_rule *rule),
		       void *arg);
uint64_t machine_view_seen(const struct machine_view *view, const struct machine_rule *rule);
/* "rfc" or "linux". */
const char *machine_rule_verdict(const struct machine_rule *rule);

struct machine_totals {
	uint64_t entries, seen;         /* that can be counted */
	uint64_t with_another, unshown; /* that cannot: enum machine_countable */
};

struct machine_totals machine_view_totals(const struct machine_view *view);
/* The same and what the transitions came to, as sentences: one a line, each after `before`. */
void machine_totals_append(const struct machine_view *view, const char *before, struct text *text);

#endif
