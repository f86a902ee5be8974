// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcp_machine.c: looks things up in the table of transitions, see tcp_machine.h. It takes the table as an
 * argument so that tests can show what a wrong table would do.
 */
#include <stdbool.h>

#include "core/tcp_machine.h"

static bool explains(const struct machine_rule *rule, uint8_t from, uint8_t to, uint32_t signs)
{
	return rule->shown == SHOWN_STATE && rule->shown_from == from && rule->shown_to == to && !(rule->need & ~signs);
}

static const struct machine_rule *explanation(const struct machine *machine, uint8_t from, uint8_t to, uint32_t signs)
{
	size_t i = 0;

	if (from >= TCP_STATES || to >= TCP_STATES)
		return NULL;
	if (machine->index) {
		for (i = machine->index->first[from][to]; i; i = machine->index->next[i - 1])
			if (!(machine->rules[i - 1].need & ~signs))
				return &machine->rules[i - 1];
		return NULL;
	}
	for (; i < machine->count; i++)
		if (explains(&machine->rules[i], from, to, signs))
			return &machine->rules[i];
	return NULL;
}

enum conformance machine_judge(const struct machine *machine, uint8_t from, uint8_t to, uint32_t signs,
			       const struct machine_rule **rule)
{
	*rule = explanation(machine, from, to, signs);
	if (*rule)
		return (*rule)->verdict;
	return signs & SIGN_NOTHING_LOST ? CONFORMANCE_VIOLATION : CONFORMANCE_GAP;
}

/* Of those without a sign of their own nothing is seen. */
static bool tells(const struct machine_rule *rule, enum machine_shown shown, uint32_t signs)
{
	return rule->shown == shown && rule->need && !(rule->need & ~signs);
}

const struct machine_rule *machine_judge_unshown(const struct machine *machine, enum machine_shown shown, uint8_t from,
						 uint32_t signs)
{
	size_t i = 0;

	if (machine->index) {
		for (i = machine->index->first_unshown[from]; i; i = machine->index->next[i - 1])
			if (tells(&machine->rules[i - 1], shown, signs))
				return &machine->rules[i - 1];
		return NULL;
	}
	for (; i < machine->count; i++)
		if (machine->rules[i].from == from && tells(&machine->rules[i], shown, signs))
			return &machine->rules[i];
	return NULL;
}

const struct machine_rule *machine_step(const struct machine *machine, uint8_t state, uint8_t input, int linux_too)
{
	const struct machine_rule *found = NULL;

	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];

		if (rule->from != state || rule->input != input)
			continue;
		if (rule->verdict == CONFORMANCE_LINUX_VARIANT && linux_too)
			return rule;
		if (rule->verdict == CONFORMANCE_CONFORMANT && !found)
			found = rule;
	}
	return found;
}

int machine_leads(const struct machine *machine, uint8_t from, uint8_t to)
{
	uint32_t reached = 1U << from, before = 0;

	while (reached != before) {
		before = reached;
		for (size_t i = 0; i < machine->count; i++) {
			const struct machine_rule *rule = &machine->rules[i];

			/* A socket that has closed begins another life. */
			if (rule->shown == SHOWN_STATE && rule->shown_from != TCP_CLOSE &&
			    reached & 1U << rule->shown_from)
				reached |= 1U << rule->shown_to;
		}
	}
	return (reached & 1U << to) != 0;
}
