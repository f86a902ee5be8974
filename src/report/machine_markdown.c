// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine_markdown.c: the reference machine as the generated part of core/machine.md, between marks by which it is
 * found again; with coverage only a table of that. See machine_view.h.
 */
#include <string.h>

#include "core/timed_rules.h"
#include "machine_text.h"
#include "machine_view.h"
#include "machine_words.h"

#define MARK_BEGIN "<!-- lastack machine -o markdown: begin; what follows is generated, see make docs -->\n"
#define MARK_END   "<!-- lastack machine -o markdown: end -->\n"

/* ---- cells ----------------------------------------------------------------------------------------- */

/* What would be markup is not. */
static void plain_append(struct text *text, const char *words)
{
	for (; *words; words++) {
		if (*words == '<')
			text_append_str(text, "&lt;");
		else if (*words == '|')
			text_append_str(text, "\\|");
		else
			text_append_char(text, *words);
	}
}

static void cell_append(struct text *text, const char *words)
{
	text_append_str(text, "| ");
	plain_append(text, words ? words : "");
	text_append_str(text, words && *words ? " " : "");
}

static void code_cell_append(struct text *text, const char *words)
{
	text_append_str(text, "| `");
	text_append_str(text, words);
	text_append_str(text, "` ");
}

static void signs_cell_append(struct text *text, uint32_t signs)
{
	text_append_str(text, "| ");
	machine_signs_append(text, signs, ", ");
	text_append_str(text, signs ? " " : "");
}

/* A function of the kernel's is code, a section of the RFC is not. */
static void source_cell_append(struct text *text, const struct machine_rule *rule)
{
	if (strncmp(rule->source, "RFC ", 4))
		code_cell_append(text, rule->source);
	else
		cell_append(text, rule->source);
}

static void table_begin(struct text *text, const char *heading, unsigned columns)
{
	text_append_str(text, heading);
	while (columns--)
		text_append_str(text, "| --- ");
	text_append_str(text, "|\n");
}

static void row_end(struct text *text)
{
	text_append_str(text, "|\n");
}

/* ---- states, inputs, signs --------------------------------------------------------------------------- */

static void states_append(struct text *text)
{
	text_append_str(text, "\n## States\n\n");
	table_begin(text, "| state | in RFC 9293 | Linux keeps | what it is |\n", 4);
	for (size_t i = 0; i < MACHINE_LIFE_STATES; i++) {
		const struct machine_state_words *words = machine_state_words(machine_life[i]);

		code_cell_append(text, machine_state_name(machine_life[i]));
		cell_append(text, words->rfc ? words->rfc : "no state of its own");
		cell_append(text, words->held);
		cell_append(text, words->words);
		row_end(text);
	}
}

static void inputs_append(struct text *text)
{
	text_append_str(text,
			"\n## Inputs\n\nWhat makes the machine move. A segment that carries a FIN and acknowledges "
			"ours is two inputs, the acknowledgement first (RFC 9293 3.10.7).\n\n");
	table_begin(text, "| input | kind | what it is |\n", 3);
	for (unsigned kind = INPUT_KIND_CALL; kind <= INPUT_KIND_KERNEL; kind++) {
		for (unsigned input = 0; input < INPUTS; input++) {
			if (machine_input_kind(input) != kind)
				continue;
			code_cell_append(text, machine_input_name(input));
			cell_append(text, machine_input_kind_name(kind));
			cell_append(text, machine_input_words(input));
			row_end(text);
		}
	}
}

static void signs_append(struct text *text)
{
	text_append_str(text,
			"\n## Signs\n\nWhat was seen around a transition and explains it. Each is read from the facts "
			"on the right (`src/core/signs.c`).\n\n");
	table_begin(text, "| sign | it says | it is read from |\n", 3);
	for (unsigned i = 0; i < SIGN_INDICES; i++) {
		code_cell_append(text, machine_sign_name(i));
		cell_append(text, machine_sign_words(i));
		cell_append(text, machine_sign_source(i));
		row_end(text);
	}
}

static void timed_rules_append(struct text *text)
{
	text_append_str(
		text,
		"\n## Timed rules\n\n"
		"A rule is applied only where every fact that it needs was seen. In the words, the first number is "
		"what was measured\nand the second what the rule asks for.\n\n"
		"| rule | verdict | words | tolerance | source | since Linux |\n"
		"| --- | --- | --- | --- | --- | --- |\n");
	for (unsigned i = TIMED_NONE + 1; i < TIMED_RULE_COUNT; i++) {
		const struct timed_rule_words *rule = &timed_rules_table()[i];
		const char *rest = rule->text, *number;

		text_append_str(text, "| ");
		text_append_str(text, rule->name);
		text_append_str(text,
				rule->verdict == CONFORMANCE_VIOLATION ? " | violation | " : " | linux_variant | ");
		text_append_str(text, rule->subject);
		text_append_str(text, ": ");
		for (; (number = strstr(rest, "%llu")); rest = number + strlen("%llu")) {
			text_append(text, rest, (size_t)(number - rest));
			text_append_str(text, "*N*");
		}
		text_append_str(text, rest);
		text_append_str(text, " | ");
		text_append_str(text, rule->tolerance);
		text_append_str(text, " | ");
		text_append_str(text, rule->source);
		text_append_str(text, " | ");
		text_append_str(text, rule->since ? rule->since : "");
		text_append_str(text, " |\n");
	}
}

/* ---- entries ------------------------------------------------------------------------------------------- */

/* How it shows itself, where that is not simply the entry's own pair of states. */
static void shown_cell_append(struct text *text, const struct machine_rule *rule)
{
	text_append_str(text, "| ");
	if (rule->shown == SHOWN_NOT) {
		text_append_str(text, "not ");
	} else if (rule->shown != SHOWN_STATE) {
		text_append_str(text, machine_shown_name(rule->shown));
		text_append_str(text, " ");
	} else {
		text_append_str(text, machine_state_name(rule->shown_from));
		text_append_str(text, "->");
		text_append_str(text, machine_state_name(rule->shown_to));
		text_append_str(text, " ");
	}
}

static void entry_append(struct text *text, const struct machine_rule *rule)
{
	code_cell_append(text, machine_state_name(rule->to));
	cell_append(text, machine_input_name(rule->input));
	cell_append(text, machine_rule_verdict(rule));
	shown_cell_append(text, rule);
	signs_cell_append(text, rule->need);
	cell_append(text, rule->why);
	source_cell_append(text, rule);
	cell_append(text, rule->since);
	row_end(text);
}

struct entries {
	struct text *text;
	uint8_t from; /* of the entry before; MACHINE_STATES: none */
};

static void entry_line(void *arg, const struct machine_view *view, const struct machine_rule *rule)
{
	struct entries *entries = arg;
	struct text *text = entries->text;

	(void)view;
	if (entries->from != rule->from) {
		text_append_str(text, "\n### From ");
		text_append_str(text, machine_state_name(rule->from));
		text_append_str(text, "\n\n");
		table_begin(text, "| to | input | verdict | shown as | needs | why | source | since |\n", 8);
	}
	entries->from = rule->from;
	entry_append(text, rule);
}

static void entries_append(const struct machine_view *view, struct text *text)
{
	struct entries entries = {text, MACHINE_STATES};

	text_append_str(
		text,
		"\n## Entries\n\n"
		"Verdict `rfc` is told as `conformant`, `linux` as `linux_variant`. Of several entries that a "
		"transition "
		"satisfies, the first one counts: what is more particular stands before what is less. `shown as` is "
		"the pair of states that `inet_sock_set_state` tells, or `minisock` or `request` for what is told by "
		"what becomes of one of those, or `not`.\n");
	machine_view_each(view, entry_line, &entries);
}

/* ---- coverage ------------------------------------------------------------------------------------------- */

static void coverage_line(void *arg, const struct machine_view *view, const struct machine_rule *rule)
{
	struct text *text = arg;

	text_append_str(text, "| ");
	text_append_u64(text, machine_view_seen(view, rule));
	text_append_str(text, " ");
	code_cell_append(text, machine_state_name(rule->from));
	code_cell_append(text, machine_state_name(rule->to));
	cell_append(text, machine_input_name(rule->input));
	cell_append(text, machine_rule_verdict(rule));
	signs_cell_append(text, rule->need);
	source_cell_append(text, rule);
	row_end(text);
}

static void coverage_append(const struct machine_view *view, struct text *text)
{
	table_begin(text, "| seen | from | to | input | verdict | needs | source |\n", 7);
	machine_view_each(view, coverage_line, text);
	text_append_char(text, '\n');
	machine_totals_append(view, "- ", text);
}

void machine_write_markdown(const struct machine_view *view, struct text *text)
{
	if (view->coverage) {
		coverage_append(view, text);
		return;
	}
	text_append_str(text, MARK_BEGIN);
	states_append(text);
	inputs_append(text);
	signs_append(text);
	timed_rules_append(text);
	entries_append(view, text);
	text_append_str(text, "\n" MARK_END);
}
