// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_mutations.c: is every field of every entry of the reference machine held fast by something? Each entry is
 * removed or altered in one field, and the altered table explored: somebody must notice. What survives is a field that
 * nothing depends on, or a hole in the proof.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "explore.h"
#include "report/machine_text.h"

#define STATES_MAX 2000000

/* Small, and together they reach every entry. */
static struct exploration_config configs[] = {
	{.name = "itself", .linux_too = true, .self = true, .opens = {1, 0}, .segments = 2},
	{.name = "rfc", .opens = {1, 1}, .segments = 1, .data = true},
	{.name = "linux", .linux_too = true, .opens = {1, 1}, .segments = 1, .data = true},
	{.name = "rfc, keepalive", .opens = {1, 1}, .segments = 1, .keepalive = true},
	{.name = "rfc, odd events", .opens = {1, 1}, .segments = 1, .specials = true, .odd = true},
	{.name = "linux, odd events", .linux_too = true, .opens = {1, 1}, .segments = 1, .specials = true},
	{.name = "rfc, two lives", .opens = {2, 2}, .segments = 1, .crashes = true},
	{.name = "linux, two lives", .linux_too = true, .opens = {2, 2}, .segments = 1, .crashes = true},
	{.name = "linux, fast open",
	 .linux_too = true,
	 .opens = {1, 1},
	 .segments = 1,
	 .specials = true,
	 .crashes = true,
	 .fast_open = true},
};

#define CONFIGS (sizeof(configs) / sizeof(configs[0]))

static bool reached[CONFIGS][RULES_MAX];
static struct machine_rule altered[RULES_MAX];
static struct machine altered_machine = {.rules = altered};
static unsigned int mutants, survivors;

/* What must hold of a table even before it moves. NULL, or what does not. */
static const char *structure_check(const struct machine *machine)
{
	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];
		bool by_rfc = rule->verdict == CONFORMANCE_CONFORMANT;

		if (!rule->why || !rule->why[0] || !rule->source || !rule->source[0])
			return "an entry without a reason or a source";
		if (by_rfc != !strncmp(rule->source, "RFC ", 4) || (by_rfc && rule->since))
			return "a verdict that its source does not give";
		if (rule->since && (rule->since[0] < '2' || rule->since[0] > '9'))
			return "a kernel version that is none";
		for (size_t j = 0; j < i; j++)
			if (machine->rules[j].from == rule->from && machine->rules[j].input == rule->input &&
			    machine->rules[j].verdict == rule->verdict)
				return "two entries for one input";
	}
	return NULL;
}

/* Does anybody notice that the entry with this index is not what it was? */
static bool is_noticed(size_t index)
{
	struct exploration result;

	if (structure_check(&altered_machine))
		return true;
	for (size_t i = 0; i < CONFIGS; i++) {
		struct exploration_config config = configs[i];

		if (!reached[i][index])
			continue;
		config.machine = &altered_machine;
		explore(&config, &result, true);
		if (result.wrong[0])
			return true;
	}
	return false;
}

static void try_altered(size_t index, const char *what)
{
	const struct machine_rule *rule = &machine_reference()->rules[index];

	mutants++;
	if (is_noticed(index))
		return;
	survivors++;
	printf("survived: %s in %s -> %s (%s): %s\n", machine_input_name(rule->input), machine_state_name(rule->from),
	       machine_state_name(rule->to), rule->source, what);
}

static void restore(void)
{
	const struct machine *machine = machine_reference();

	altered_machine.count = machine->count;
	memcpy(altered, machine->rules, machine->count * sizeof(*altered));
}

/* Another value below the bound, different for each round. */
static uint8_t other(uint8_t value, unsigned int bound, size_t index, unsigned int round)
{
	unsigned int step = 1 + (unsigned int)((index * 7 + round * 5) % (bound - 1));

	return (uint8_t)((value + step) % bound);
}

#define ALTER(index, field, value, what)                                                                               \
	do {                                                                                                           \
		restore();                                                                                             \
		altered[index].field = (value);                                                                        \
		try_altered(index, what);                                                                              \
	} while (0)

static void alter_states(size_t index)
{
	const struct machine_rule *rule = &machine_reference()->rules[index];

	for (unsigned int round = 0; round < 2; round++) {
		ALTER(index, from, other(rule->from, MACHINE_STATES, index, round), "from");
		ALTER(index, to, other(rule->to, MACHINE_STATES, index, round), "to");
		ALTER(index, input, other(rule->input, INPUTS, index, round), "input");
		ALTER(index, shown, other(rule->shown, 4, index, round), "shown");
		ALTER(index, shown_from, other(rule->shown_from, TCP_STATES, index, round), "shown_from");
		ALTER(index, shown_to, other(rule->shown_to, TCP_STATES, index, round), "shown_to");
	}
}

static void alter_signs(size_t index)
{
	uint32_t need = machine_reference()->rules[index].need;

	for (unsigned int sign = 0; sign < SIGN_INDICES; sign++)
		if (need & 1U << sign)
			ALTER(index, need, need & ~(1U << sign), "a sign less");
	for (unsigned int round = 0; round < 2; round++) {
		unsigned int sign = (unsigned int)((index * 5 + round * 11) % SIGN_INDICES);

		ALTER(index, need, need | 1U << ((need & 1U << sign) ? SIGN_NOTHING_LOST_INDEX : sign), "a sign more");
	}
}

static void alter_words(size_t index)
{
	const struct machine_rule *rule = &machine_reference()->rules[index];
	bool by_rfc = rule->verdict == CONFORMANCE_CONFORMANT;

	ALTER(index, verdict, by_rfc ? CONFORMANCE_LINUX_VARIANT : CONFORMANCE_CONFORMANT, "verdict");
	ALTER(index, why, "", "no reason");
	ALTER(index, source, "", "no source");
	ALTER(index, source, by_rfc ? "tcp_close()" : "RFC 9293 3.10.4", "another source");
	ALTER(index, since, by_rfc ? "4.4" : "", "another version");
}

static void remove_entry(size_t index)
{
	restore();
	altered_machine.count--;
	memmove(&altered[index], &altered[index + 1], (altered_machine.count - index) * sizeof(*altered));
	try_altered(index, "removed");
}

static void the_table_itself_is_sound(void **state)
{
	struct exploration result;

	(void)state;
	assert_null(structure_check(machine_reference()));
	for (size_t i = 0; i < CONFIGS; i++) {
		configs[i].machine = machine_reference();
		configs[i].states_max = STATES_MAX;
		explore(&configs[i], &result, false);
		assert_string_equal(result.wrong, "");
		memcpy(reached[i], result.reached, sizeof(reached[i]));
	}
}

static void nothing_survives(void **state)
{
	clock_t begin = clock();

	(void)state;
	for (size_t i = 0; i < machine_reference()->count; i++) {
		remove_entry(i);
		alter_states(i);
		alter_signs(i);
		alter_words(i);
	}
	printf("%u mutants, %u survived, %.1f s\n", mutants, survivors, (double)(clock() - begin) / CLOCKS_PER_SEC);
	assert_int_equal(survivors, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_itself_is_sound),
		cmocka_unit_test(nothing_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
