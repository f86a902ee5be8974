// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine_view.c: which entries of the reference machine a view has and what was seen of them; see machine_view.h.
 */
#include "machine_view.h"
#include "machine_words.h"

static const char *const format_texts[] = {"table", "json", "dot", "markdown"};
const struct name_table machine_format_names = {format_texts, sizeof(format_texts) / sizeof(format_texts[0])};

/* Would whatever satisfies `rule` be counted for `before`, which comes first? */
static bool counts_first(const struct machine_rule *before, const struct machine_rule *rule)
{
	if (before->shown != rule->shown || before->need & ~rule->need)
		return false;
	if (rule->shown == SHOWN_STATE)
		return before->shown_from == rule->shown_from && before->shown_to == rule->shown_to;
	return before->from == rule->from && before->need; /* see machine_judge_unshown() */
}

enum machine_countable machine_countable(const struct machine *machine, const struct machine_rule *rule)
{
	if (rule->shown == SHOWN_NOT || (rule->shown != SHOWN_STATE && !rule->need))
		return COUNTED_NEVER;
	for (const struct machine_rule *before = machine->rules; before < rule; before++)
		if (counts_first(before, rule))
			return COUNTED_WITH_ANOTHER;
	return COUNTABLE;
}

bool machine_rule_is_replaced(const struct machine *machine, const struct machine_rule *rule)
{
	return rule->verdict == CONFORMANCE_CONFORMANT &&
	       machine_step(machine, rule->from, rule->input, 1)->verdict == CONFORMANCE_LINUX_VARIANT;
}

static bool state_is_wanted(uint64_t set, uint8_t state)
{
	return !set || set >> state & 1;
}

bool machine_view_has(const struct machine_view *view, const struct machine_rule *rule)
{
	return state_is_wanted(view->from, rule->from) && state_is_wanted(view->to, rule->to) &&
	       !(view->rfc && rule->verdict != CONFORMANCE_CONFORMANT) &&
	       !(view->as_linux && machine_rule_is_replaced(machine_reference(), rule));
}

/* Of what can not be counted, coverage has nothing to say. */
static bool is_told(const struct machine_view *view, const struct machine_rule *rule)
{
	return machine_view_has(view, rule) &&
	       (!view->coverage || machine_countable(machine_reference(), rule) == COUNTABLE);
}

void machine_view_each(const struct machine_view *view,
		       void (*line)(void *arg, const struct machine_view *view, const struct machine_rule *rule),
		       void *arg)
{
	const struct machine *machine = machine_reference();

	for (size_t state = 0; state < MACHINE_LIFE_STATES; state++)
		for (const struct machine_rule *rule = machine->rules; rule < machine->rules + machine->count; rule++)
			if (rule->from == machine_life[state] && is_told(view, rule))
				line(arg, view, rule);
}

uint64_t machine_view_seen(const struct machine_view *view, const struct machine_rule *rule)
{
	return view->coverage ? view->coverage->seen[rule - machine_reference()->rules] : 0;
}

const char *machine_rule_verdict(const struct machine_rule *rule)
{
	return rule->verdict == CONFORMANCE_CONFORMANT ? "rfc" : "linux";
}

struct machine_totals machine_view_totals(const struct machine_view *view)
{
	const struct machine *machine = machine_reference();
	struct machine_totals totals = {0};

	for (const struct machine_rule *rule = machine->rules; rule < machine->rules + machine->count; rule++) {
		if (!machine_view_has(view, rule))
			continue;
		switch (machine_countable(machine, rule)) {
		case COUNTABLE:
			totals.entries++;
			totals.seen += machine_view_seen(view, rule) > 0;
			break;
		case COUNTED_WITH_ANOTHER: totals.with_another++; break;
		case COUNTED_NEVER: totals.unshown++; break;
		}
	}
	return totals;
}

static void count_append(struct text *text, const char *before, uint64_t count, const char *words)
{
	text_append_str(text, before);
	text_append_u64(text, count);
	text_append_str(text, words);
}

void machine_totals_append(const struct machine_view *view, const char *before, struct text *text)
{
	const struct machine_coverage *coverage = view->coverage;
	struct machine_totals totals = machine_view_totals(view);

	count_append(text, before, coverage->transitions, " transitions held against the machine:");
	count_append(text, " ", coverage->violations, " violations,");
	count_append(text, " ", coverage->gaps, " gaps\n");
	count_append(text, before, totals.seen, " of");
	count_append(text, " ", totals.entries, " entries seen;");
	count_append(text, " ", totals.entries - totals.seen, " not\n");
	count_append(text, before, totals.unshown, " entries left out that never show themselves,");
	count_append(text, " ", totals.with_another, " that show themselves as an entry before them, which counts\n");
}

void machine_write(enum machine_format format, const struct machine_view *view, struct text *text)
{
	switch (format) {
	case MACHINE_TABLE: machine_write_table(view, text); break;
	case MACHINE_JSON: machine_write_json(view, text); break;
	case MACHINE_DOT: machine_write_dot(view, text); break;
	case MACHINE_MARKDOWN: machine_write_markdown(view, text); break;
	}
}
