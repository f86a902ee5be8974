/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit_writer.c: see audit_writer.h.
 */
#include "report/audit_writer.h"

static const char *const relations[] = {
	[AUDIT_IS_EQUAL] = "equal",
	[AUDIT_AT_LEAST] = "at_least",
	[AUDIT_AT_MOST] = "at_most",
	[AUDIT_INFORMATIONAL] = "informational",
};
static const char *const verdicts[] = {
	[AUDIT_EQUAL] = "equal",   [AUDIT_EXPLAINED] = "explained", [AUDIT_UNEXPLAINED] = "unexplained",
	[AUDIT_ABSENT] = "absent", [AUDIT_NOT_READ] = "not_read",
};

const struct name_table audit_relation_names = {relations, AUDIT_RELATIONS};
const struct name_table audit_verdict_names = {verdicts, AUDIT_VERDICTS};

static void events_explain(uint64_t count, const char *what, struct text *text)
{
	text_append_u64(text, count);
	text_append_str(text, what);
}

/* What explains the row; nothing where nothing has to. */
static void explain(const struct audit_row *row, struct text *text)
{
	const struct audit_counter *counter = row->counter;

	switch (row->why) {
	case AUDIT_WHY_KNOWN: text_append_str(text, (row->difference > 0 ? counter->more : counter->less) ?: ""); break;
	case AUDIT_WHY_NO_REASONS:
		text_append_str(text,
				"this kernel tells neither the reason of a reset nor of one without a connection");
		break;
	case AUDIT_WHY_NO_HOOK: text_append_str(text, "a hook that it takes is missing: lastack check says why"); break;
	case AUDIT_WHY_LOST: events_explain(row->count, " events of such kinds were lost on this host", text); break;
	case AUDIT_WHY_UNATTRIBUTED:
		events_explain(row->count, " events were lost or are of connections whose namespace is not known",
			       text);
		break;
	case AUDIT_WHY_GONE: text_append_str(text, "the namespace is gone, or cannot be entered"); break;
	case AUDIT_WHY_REPLACED: text_append_str(text, "its inode is or was another namespace's too"); break;
	case AUDIT_WHY_NONE:
	case AUDIT_WHYS: break;
	}
	if (row->verdict == AUDIT_UNEXPLAINED)
		text_append_str(text, row->difference > 0 ? "lastack has not seen what the kernel counted"
							  : "lastack has seen what the kernel did not count");
	else if (row->verdict == AUDIT_ABSENT)
		text_append_str(text, "this kernel has no such counter");
}

static bool was_compared(const struct audit_row *row)
{
	return row->verdict != AUDIT_ABSENT && row->verdict != AUDIT_NOT_READ;
}

/* ---- table ---------------------------------------------------------------------------------------- */

static void column(struct text *text, const char *word, unsigned width, bool right)
{
	text_append_column(text, word, strlen(word), width, right);
	text_append_char(text, ' ');
}

static void number_column(struct text *text, bool known, int64_t number, unsigned width)
{
	char memory[24];
	struct text digits = text_borrow(memory, sizeof(memory));

	if (known)
		text_append_i64(&digits, number);
	else
		text_append_str(&digits, TEXT_ABSENT);
	text_append_column(text, digits.data, digits.length, width, true);
	text_append_char(text, ' ');
}

#define NETNS_WIDTH   10
#define COUNTER_WIDTH 19
#define NUMBER_WIDTH  11
#define VERDICT_WIDTH 11

static void line_end(struct text *text)
{
	while (text->length && text->data[text->length - 1] == ' ')
		text->length--;
	text_append_char(text, '\n');
}

void audit_table_header(struct text *text)
{
	column(text, "NETNS", NETNS_WIDTH, false);
	column(text, "COUNTER", COUNTER_WIDTH, false);
	column(text, "KERNEL", NUMBER_WIDTH, true);
	column(text, "LASTACK", NUMBER_WIDTH, true);
	column(text, "DIFFERENCE", NUMBER_WIDTH, true);
	column(text, "VERDICT", VERDICT_WIDTH, false);
	text_append_str(text, "MEANING\n");
}

void audit_table_row(const struct audit_row *row, struct text *text)
{
	number_column(text, true, row->netns, NETNS_WIDTH);
	column(text, row->counter->name, COUNTER_WIDTH, false);
	number_column(text, was_compared(row), row->kernel, NUMBER_WIDTH);
	number_column(text, true, row->lastack, NUMBER_WIDTH);
	number_column(text, was_compared(row), row->difference, NUMBER_WIDTH);
	column(text, verdicts[row->verdict], VERDICT_WIDTH, false);
	explain(row, text);
	line_end(text);
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

static void member(struct text *text, const char *name)
{
	text_append_str(text, ",\"");
	text_append_str(text, name);
	text_append_str(text, "\":");
}

static void member_number(struct text *text, const char *name, bool known, int64_t number)
{
	member(text, name);
	if (known)
		text_append_i64(text, number);
	else
		text_append_str(text, "null");
}

static void member_word(struct text *text, const char *name, const char *word, size_t length)
{
	member(text, name);
	if (length)
		text_append_json_string(text, word, length);
	else
		text_append_str(text, "null");
}

void audit_json_row(const struct audit_row *row, struct text *text)
{
	const char *relation = relations[row->relation], *verdict = verdicts[row->verdict];
	char memory[256];
	struct text words = text_borrow(memory, sizeof(memory));

	explain(row, &words);
	text_append_str(text, "{\"type\":\"audit\"");
	member_number(text, "netns", true, row->netns);
	member_word(text, "group", row->counter->group, strlen(row->counter->group));
	member_word(text, "counter", row->counter->name, strlen(row->counter->name));
	member_number(text, "kernel", was_compared(row), row->kernel);
	member_number(text, "lastack", true, row->lastack);
	member_number(text, "lastack_min", true, row->lastack_min);
	member_number(text, "lastack_max", true, row->lastack_max);
	member_number(text, "difference", was_compared(row), row->difference);
	member_word(text, "relation", relation, strlen(relation));
	member_word(text, "verdict", verdict, strlen(verdict));
	member_word(text, "explain", words.data, words.length);
	text_append_str(text, "}\n");
}
