// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine_lines.c: the reference machine one entry a line: as an aligned table, and as JSON. See machine_view.h.
 */
#include "machine_text.h"
#include "machine_view.h"
#include "machine_words.h"

/* ---- table --------------------------------------------------------------------------------------- */

enum column {
	COLUMN_SEEN,
	COLUMN_FROM,
	COLUMN_TO,
	COLUMN_INPUT,
	COLUMN_VERDICT,
	COLUMN_NEEDS,
	COLUMN_SINCE,
	COLUMN_SOURCE,
	COLUMN_WHY,
	COLUMNS
};

static const char *const headings[COLUMNS] = {"SEEN",  "FROM",  "TO",     "INPUT", "VERDICT",
					      "NEEDS", "SINCE", "SOURCE", "WHY"};

struct table {
	struct text *text;
	unsigned width[COLUMNS]; /* of what stands in it */
	struct text line, cell;
};

static void cell_fill(struct text *cell, const struct machine_view *view, const struct machine_rule *rule,
		      enum column column)
{
	text_reuse(cell);
	switch (column) {
	case COLUMN_SEEN: text_append_u64(cell, machine_view_seen(view, rule)); break;
	case COLUMN_FROM: text_append_str(cell, machine_state_name(rule->from)); break;
	case COLUMN_TO: text_append_str(cell, machine_state_name(rule->to)); break;
	case COLUMN_INPUT: text_append_str(cell, machine_input_name(rule->input)); break;
	case COLUMN_VERDICT: text_append_str(cell, machine_rule_verdict(rule)); break;
	case COLUMN_NEEDS: machine_signs_append(cell, rule->need, "+"); break;
	case COLUMN_SINCE: text_append_str(cell, rule->since ? rule->since : ""); break;
	case COLUMN_SOURCE: text_append_str(cell, rule->source); break;
	case COLUMN_WHY: text_append_str(cell, rule->why); break;
	case COLUMNS: break;
	}
	if (!cell->length)
		text_append_str(cell, TEXT_ABSENT);
}

static void table_measure(void *arg, const struct machine_view *view, const struct machine_rule *rule)
{
	struct table *table = arg;

	for (unsigned column = 0; column < COLUMNS; column++) {
		cell_fill(&table->cell, view, rule, column);
		if (table->cell.length > table->width[column])
			table->width[column] = (unsigned)table->cell.length;
	}
}

/* Blanks at the end are left out. */
static void line_end(struct table *table, const struct machine_view *view)
{
	struct text *line = &table->line;

	while (line->length && line->data[line->length - 1] == ' ')
		line->length--;
	if (view->columns && line->length > view->columns)
		text_append_column(table->text, line->data, line->length, view->columns, false);
	else
		text_append(table->text, line->data, line->length);
	text_append_char(table->text, '\n');
	text_reuse(line);
}

static void column_append(struct table *table, const struct machine_view *view, unsigned column, const char *bytes,
			  size_t length)
{
	if (column == COLUMN_SEEN && !view->coverage)
		return;
	text_append_column(&table->line, bytes, length, table->width[column], column == COLUMN_SEEN);
	text_append_char(&table->line, ' ');
}

static void table_line(void *arg, const struct machine_view *view, const struct machine_rule *rule)
{
	struct table *table = arg;

	for (unsigned column = 0; column < COLUMNS; column++) {
		cell_fill(&table->cell, view, rule, column);
		column_append(table, view, column, table->cell.data, table->cell.length);
	}
	line_end(table, view);
}

void machine_write_table(const struct machine_view *view, struct text *text)
{
	struct table table = {.text = text};

	for (unsigned column = 0; column < COLUMNS; column++)
		table.width[column] = (unsigned)strlen(headings[column]);
	machine_view_each(view, table_measure, &table);
	for (unsigned column = 0; column < COLUMNS; column++)
		column_append(&table, view, column, headings[column], strlen(headings[column]));
	line_end(&table, view);
	machine_view_each(view, table_line, &table);
	if (view->coverage) {
		text_append_char(text, '\n');
		machine_totals_append(view, "", text);
	}
	text->failed |= table.line.failed || table.cell.failed;
	text_free(&table.line);
	text_free(&table.cell);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void string_append(struct text *text, const char *string)
{
	if (string)
		text_append_json_string(text, string, strlen(string));
	else
		text_append_str(text, "null");
}

static void member_begin(struct text *text, const char *name)
{
	char last = text->length ? text->data[text->length - 1] : '\n';

	if (last == '\n')
		text_append_char(text, '{');
	else if (last != '{')
		text_append_char(text, ',');
	string_append(text, name);
	text_append_char(text, ':');
}

static void word_append(struct text *text, const char *name, const char *word)
{
	member_begin(text, name);
	string_append(text, word);
}

static void number_append(struct text *text, const char *name, uint64_t number)
{
	member_begin(text, name);
	text_append_u64(text, number);
}

/* With SHOWN_STATE the pair that inet_sock_set_state tells, which need not be the entry's own. */
static void shown_append(struct text *text, const struct machine_rule *rule)
{
	bool state = rule->shown == SHOWN_STATE;

	member_begin(text, "shown");
	if (rule->shown == SHOWN_NOT) {
		text_append_str(text, "null");
		return;
	}
	text_append_char(text, '{');
	word_append(text, "how", machine_shown_name(rule->shown));
	word_append(text, "from", state ? machine_state_name(rule->shown_from) : NULL);
	word_append(text, "to", state ? machine_state_name(rule->shown_to) : NULL);
	text_append_char(text, '}');
}

static void needs_append(struct text *text, uint32_t signs)
{
	member_begin(text, "needs");
	text_append_char(text, '[');
	if (signs) {
		text_append_char(text, '"');
		machine_signs_append(text, signs, "\",\"");
		text_append_char(text, '"');
	}
	text_append_char(text, ']');
}

static void json_line(void *arg, const struct machine_view *view, const struct machine_rule *rule)
{
	struct text *text = arg;

	word_append(text, "type", "machine_entry");
	word_append(text, "from", machine_state_name(rule->from));
	word_append(text, "to", machine_state_name(rule->to));
	word_append(text, "input", machine_input_name(rule->input));
	word_append(text, "input_kind", machine_input_kind_name(machine_input_kind(rule->input)));
	shown_append(text, rule);
	word_append(text, "verdict", name_of(&conformance_names, rule->verdict));
	needs_append(text, rule->need);
	word_append(text, "why", rule->why);
	word_append(text, "source", rule->source);
	word_append(text, "since", rule->since);
	if (view->coverage)
		number_append(text, "seen", machine_view_seen(view, rule));
	text_append_str(text, "}\n");
}

void machine_write_json(const struct machine_view *view, struct text *text)
{
	struct machine_totals totals = machine_view_totals(view);

	machine_view_each(view, json_line, text);
	if (!view->coverage)
		return;
	word_append(text, "type", "machine_coverage");
	number_append(text, "transitions", view->coverage->transitions);
	number_append(text, "violations", view->coverage->violations);
	number_append(text, "gaps", view->coverage->gaps);
	number_append(text, "entries", totals.entries);
	number_append(text, "entries_seen", totals.seen);
	number_append(text, "entries_counted_with_another", totals.with_another);
	number_append(text, "entries_not_shown", totals.unshown);
	text_append_str(text, "}\n");
}
