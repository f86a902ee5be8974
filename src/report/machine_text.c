// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine_text.c: see machine_text.h. Its input is the table of core/tcp_machine.h and notes on transitions;
 * of connections it knows nothing.
 */
#include "machine_text.h"

#include <string.h>

#include "core/timed_rules.h"
#include "machine_words.h"
#include "names.h"

static const struct {
	const char *name, *words;
	enum machine_input_kind kind;
} inputs[] = {
#define INPUT_LINE(input, name, kind, words) [input] = {name, words, kind},
	MACHINE_INPUTS(INPUT_LINE)};

const char *machine_state_name(uint8_t state)
{
	const char *name = name_of(&machine_state_names, state);

	return name ? name : "?";
}

const char *machine_input_name(uint8_t input)
{
	return inputs[input].name;
}

const char *machine_input_words(uint8_t input)
{
	return inputs[input].words;
}

enum machine_input_kind machine_input_kind(uint8_t input)
{
	return inputs[input].kind;
}

void machine_signs_append(struct text *text, uint32_t signs, const char *separator)
{
	const char *before = "";

	for (unsigned i = 0; i < SIGN_INDICES; i++) {
		if (!(signs & 1U << i))
			continue;
		text_append_str(text, before);
		text_append_str(text, machine_sign_name(i));
		before = separator;
	}
}

/* Where inet_sock_set_state may lead from a state: nothing twice. */
static void successors_append(struct text *text, uint8_t from)
{
	const struct machine *machine = machine_reference();
	const char *before = "";
	uint32_t told = 0;

	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];

		if (rule->shown != SHOWN_STATE || rule->shown_from != from || told & 1U << rule->shown_to)
			continue;
		told |= 1U << rule->shown_to;
		text_append_str(text, before);
		text_append_str(text, machine_state_name(rule->shown_to));
		before = ", ";
	}
	if (!told)
		text_append_str(text, "nothing");
}

/* Which rule was broken: the pair is unknown, or known but for its signs. */
static void violation_append(struct text *text, const struct report_note *note)
{
	const struct machine *machine = machine_reference();
	uint32_t told = 0;

	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];

		if (rule->shown != SHOWN_STATE || rule->shown_from != note->from || rule->shown_to != note->to)
			continue;
		if (told & rule->need)
			continue;
		text_append_str(text, told ? " or " : "without what explains it: ");
		machine_signs_append(text, rule->need, "+");
		told |= rule->need;
	}
	if (told)
		return;
	text_append_str(text, "neither RFC 9293 nor Linux knows it: after ");
	text_append_str(text, machine_state_name(note->from));
	text_append_str(text, " may follow ");
	successors_append(text, note->from);
}

static void source_append(struct text *text, const char *source, const char *since)
{
	text_append_str(text, " (");
	text_append_str(text, source);
	if (since) {
		text_append_str(text, ", since Linux ");
		text_append_str(text, since);
	}
	text_append_char(text, ')');
}

/* A printf format for two numbers, both %llu. */
static void format_append(struct text *text, const char *format, uint64_t first, uint64_t second)
{
	const uint64_t numbers[] = {first, second};
	const char *number;

	for (size_t i = 0; i < 2 && (number = strstr(format, "%llu")); i++) {
		text_append(text, format, (size_t)(number - format));
		text_append_u64(text, numbers[i]);
		format = number + strlen("%llu");
	}
	text_append_str(text, format);
}

static void timed_append(struct text *text, const struct report_note *note)
{
	const struct timed_rule_words *words = &timed_rules_table()[note->timed];

	text_append_str(text, words->subject);
	text_append_str(text, ": ");
	text_append_str(text, name_of(&conformance_names, note->verdict));
	text_append_str(text, ": ");
	format_append(text, words->text, note->measured_ms, note->limit_ms);
	source_append(text, words->source, words->since);
}

void machine_note_append(struct text *text, const struct report_note *note)
{
	if (note->timed) {
		timed_append(text, note);
		return;
	}
	text_append_str(text, machine_state_name(note->from));
	text_append_str(text, "->");
	text_append_str(text, machine_state_name(note->to));
	text_append_str(text, ": ");
	text_append_str(text, name_of(&conformance_names, note->verdict));
	text_append_str(text, ": ");
	if (note->entry) {
		const struct machine_rule *rule = &machine_reference()->rules[note->entry - 1];

		text_append_str(text, rule->why);
		source_append(text, rule->source, rule->since);
	} else if (note->verdict == CONFORMANCE_GAP) {
		text_append_str(text, "what happened in between, or what explains it, was not seen");
	} else {
		violation_append(text, note);
	}
}
