// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_explore.c: the proof of the reference machine: explores what two ends and a bad channel can get into, as RFC
 * 9293 has it and as Linux does it, and prints how much that was. What may happen is divided among several
 * explorations, for all at once is too much for one; LASTACK_DEEP=1 explores further (24 million states more, two
 * gigabytes).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "report/machine_text.h"

#define STATES_MAX 6000000
#define DEEP_MAX   60000000

static const struct exploration_config configs[] = {
	{.name = "rfc", .opens = {1, 1}, .segments = 2},
	{.name = "rfc, data", .opens = {1, 1}, .segments = 1, .data = true},
	{.name = "rfc, keepalive", .opens = {1, 1}, .segments = 2, .keepalive = true},
	{.name = "rfc, crashes", .opens = {1, 1}, .segments = 2, .crashes = true},
	{.name = "rfc, two lives, crashes", .opens = {2, 2}, .segments = 1, .crashes = true},
	{.name = "rfc, odd events", .opens = {1, 1}, .segments = 1, .data = true, .specials = true, .odd = true},
	{.name = "linux", .linux_too = true, .opens = {1, 1}, .segments = 2},
	{.name = "linux, data", .linux_too = true, .opens = {1, 1}, .segments = 1, .data = true},
	{.name = "linux, keepalive", .linux_too = true, .opens = {1, 1}, .segments = 2, .keepalive = true},
	{.name = "linux, crashes", .linux_too = true, .opens = {1, 1}, .segments = 2, .crashes = true},
	{.name = "linux, two lives, crashes", .linux_too = true, .opens = {2, 2}, .segments = 1, .crashes = true},
	{.name = "linux, odd events",
	 .linux_too = true,
	 .opens = {1, 1},
	 .segments = 1,
	 .data = true,
	 .specials = true},
	{.name = "linux, fast open",
	 .linux_too = true,
	 .opens = {1, 1},
	 .segments = 1,
	 .specials = true,
	 .crashes = true,
	 .fast_open = true},
	{.name = "linux, odd events in the second life",
	 .linux_too = true,
	 .opens = {2, 1},
	 .segments = 1,
	 .specials = true},
	{.name = "linux, joined with itself",
	 .linux_too = true,
	 .self = true,
	 .opens = {2, 0},
	 .segments = 2,
	 .data = true,
	 .crashes = true,
	 .specials = true,
	 .keepalive = true},
};

static const struct exploration_config deep_configs[] = {
	{.name = "rfc, data, deep", .opens = {1, 1}, .segments = 2, .data = true},
	{.name = "rfc, crashes, deep", .opens = {1, 1}, .segments = 2, .crashes = true, .keepalive = true},
	{.name = "linux, data, deep", .linux_too = true, .opens = {1, 1}, .segments = 2, .data = true},
	{.name = "linux, three segments", .linux_too = true, .opens = {1, 1}, .segments = 3},
	{.name = "linux, odd events, deep", .linux_too = true, .opens = {1, 1}, .segments = 2, .specials = true},
};

static bool reached[RULES_MAX], reached_by_rfc[RULES_MAX];
static uint32_t stuck[2][STUCK_CLASSES][MACHINE_STATES][MACHINE_STATES]; /* RFC 9293, Linux */
static uint64_t states_all, steps_all;
static double seconds_all;

static void add_up(const struct exploration_config *config, const struct exploration *result)
{
	for (size_t i = 0; i < config->machine->count; i++) {
		reached[i] |= result->reached[i];
		reached_by_rfc[i] |= !config->linux_too && result->reached[i];
	}
	for (unsigned int class = 0; class < STUCK_CLASSES; class ++)
		for (unsigned int here = 0; here < MACHINE_STATES; here++)
			for (unsigned int there = 0; there < MACHINE_STATES; there++)
				stuck[config->linux_too][class][here][there] += result->stuck_pairs[class][here][there];
	states_all += result->states;
	steps_all += result->steps;
	seconds_all += result->seconds;
}

static unsigned int explore_all(const struct exploration_config *list, size_t count, uint32_t states_max)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct exploration_config config = list[i];
		struct exploration result;

		config.machine = machine_reference();
		config.states_max = states_max;
		explore(&config, &result, false);
		add_up(&config, &result);
		wrong += result.wrong[0] != 0;
		printf("%-38s %9u states %10llu steps %6.1f s; ends %u, at rest %u, bound for rest %u\n", config.name,
		       result.states, (unsigned long long)result.steps, result.seconds, result.ends, result.stuck,
		       result.never_end);
		fflush(stdout);
	}
	printf("together %llu states, %llu steps, %.1f s\n", (unsigned long long)states_all,
	       (unsigned long long)steps_all, seconds_all);
	return wrong;
}

/* Every reachable state and step holds what explore.c says. */
static void nothing_is_wrong_anywhere(void **state)
{
	(void)state;
	assert_int_equal(explore_all(configs, sizeof(configs) / sizeof(configs[0]), STATES_MAX), 0);
	if (getenv("LASTACK_DEEP"))
		assert_int_equal(explore_all(deep_configs, sizeof(deep_configs) / sizeof(deep_configs[0]), DEEP_MAX),
				 0);
}

/* Each entry of the RFC is reached by the RFC's machine, each of Linux's by Linux's. */
static void no_entry_is_dead(void **state)
{
	const struct machine *machine = machine_reference();
	unsigned int dead = 0;

	(void)state;
	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];
		bool by_rfc = rule->verdict == CONFORMANCE_CONFORMANT;

		if (by_rfc ? reached_by_rfc[i] : reached[i])
			continue;
		printf("dead: %s in %s -> %s\n", machine_input_name(rule->input), machine_state_name(rule->from),
		       machine_state_name(rule->to));
		dead++;
	}
	printf("%zu entries, %u dead\n", machine->count, dead);
	assert_int_equal(dead, 0);
}

static void stuck_print(const char *profile, const char *class, const uint32_t pairs[MACHINE_STATES][MACHINE_STATES])
{
	for (unsigned int here = 0; here < MACHINE_STATES; here++)
		for (unsigned int there = 0; there < MACHINE_STATES; there++)
			if (pairs[here][there])
				printf("%-5s at rest, %s: %s / %s: %u\n", profile, class,
				       machine_state_name((uint8_t)here), machine_state_name((uint8_t)there),
				       pairs[here][there]);
}

/*
 * What stays as it is for ever does exist, and is what one would think: an open connection; one whose peer is gone; one
 * that the other end's process does not close.
 */
static void what_never_ends_is_known(void **state)
{
	static const char *const classes[] = {"the peer is gone", "held by a process", "open"};
	static const char *const profiles[] = {"rfc", "linux"};

	(void)state;
	for (unsigned int profile = 0; profile < 2; profile++) {
		for (unsigned int class = 0; class < STUCK_CLASSES; class ++)
			stuck_print(profiles[profile], classes[class], stuck[profile][class]);
		assert_true(stuck[profile][STUCK_PEER_GONE][TCP_ESTABLISHED][TCP_CLOSE] > 0);
		assert_true(stuck[profile][STUCK_PEER_GONE][TCP_CLOSE_WAIT][TCP_CLOSE] > 0);
		assert_true(stuck[profile][STUCK_PEER_GONE][TCP_FIN_WAIT2][TCP_CLOSE] > 0);
		assert_true(stuck[profile][STUCK_HELD][TCP_CLOSE_WAIT][TCP_FIN_WAIT2] > 0);
		assert_true(stuck[profile][STUCK_OPEN][TCP_ESTABLISHED][TCP_ESTABLISHED] > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_wrong_anywhere),
		cmocka_unit_test(no_entry_is_dead),
		cmocka_unit_test(what_never_ends_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
