// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_machine.c: the reference machine knows exactly the transitions that are written here once more, each
 * once, each with its words. A change of the table is a change of this list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/tcp_machine.h"

#define UNKNOWN CONFORMANCE_NOT_CHECKED
#define R       CONFORMANCE_CONFORMANT /* RFC 9293 */
#define L       CONFORMANCE_LINUX_VARIANT

static const enum conformance wanted[TCP_STATES][TCP_STATES] = {
	[TCP_CLOSE] = {[TCP_LISTEN] = R, [TCP_SYN_SENT] = R, [TCP_CLOSE] = L},
	[TCP_LISTEN] = {[TCP_SYN_RECV] = R, [TCP_CLOSE] = R},
	[TCP_SYN_SENT] = {[TCP_ESTABLISHED] = R, [TCP_SYN_RECV] = R, [TCP_CLOSE] = R},
	[TCP_SYN_RECV] = {[TCP_ESTABLISHED] = R, [TCP_FIN_WAIT1] = R, [TCP_CLOSE_WAIT] = R, [TCP_CLOSE] = R},
	[TCP_ESTABLISHED] = {[TCP_FIN_WAIT1] = R, [TCP_CLOSE_WAIT] = R, [TCP_CLOSE] = R},
	[TCP_FIN_WAIT1] = {[TCP_FIN_WAIT2] = R, [TCP_CLOSING] = R, [TCP_CLOSE] = R, [TCP_FIN_WAIT1] = L},
	[TCP_FIN_WAIT2] = {[TCP_CLOSE] = L, [TCP_FIN_WAIT2] = L},
	[TCP_CLOSING] = {[TCP_CLOSE] = L, [TCP_CLOSING] = L},
	[TCP_CLOSE_WAIT] = {[TCP_LAST_ACK] = R, [TCP_CLOSE] = R},
	[TCP_LAST_ACK] = {[TCP_CLOSE] = R, [TCP_LAST_ACK] = L},
};

static void each_pair_of_states(void **state)
{
	(void)state;
	for (unsigned from = 0; from < TCP_STATES; from++) {
		for (unsigned to = 0; to < TCP_STATES; to++) {
			const struct machine_rule *rule = machine_find((uint8_t)from, (uint8_t)to);

			if (wanted[from][to] == UNKNOWN) {
				assert_null(rule);
				continue;
			}
			assert_non_null(rule);
			assert_int_equal(rule->verdict, wanted[from][to]);
			assert_int_equal(rule->from, from);
			assert_int_equal(rule->to, to);
		}
	}
	assert_null(machine_find(TCP_STATES, TCP_CLOSE));
	assert_null(machine_find(TCP_CLOSE, 255));
}

static void each_rule_once(void **state)
{
	size_t count, wanted_count = 0;
	const struct machine_rule *rules = machine_rules(&count);

	(void)state;
	for (unsigned from = 0; from < TCP_STATES; from++)
		for (unsigned to = 0; to < TCP_STATES; to++)
			wanted_count += wanted[from][to] != UNKNOWN;
	assert_int_equal(count, wanted_count);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(machine_find(rules[i].from, rules[i].to), &rules[i]); /* so no second one follows */
}

static void each_rule_has_its_words(void **state)
{
	size_t count;
	const struct machine_rule *rules = machine_rules(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rules[i].why);
		assert_true(rules[i].why[0]);
		assert_non_null(rules[i].source);
		assert_true(rules[i].source[0]);
	}
}

/* Leaving a synchronised state for CLOSE at once needs a reason; the orderly ways do not. */
static void aborts_need_a_reason(void **state)
{
	static const uint8_t abrupt[] = {TCP_SYN_SENT, TCP_SYN_RECV, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_CLOSE_WAIT};
	static const uint8_t orderly[] = {TCP_LISTEN, TCP_LAST_ACK, TCP_FIN_WAIT2, TCP_CLOSING};

	(void)state;
	for (size_t i = 0; i < sizeof(abrupt); i++)
		assert_int_equal(machine_find(abrupt[i], TCP_CLOSE)->need, NEED_ABORT);
	for (size_t i = 0; i < sizeof(orderly); i++)
		assert_int_equal(machine_find(orderly[i], TCP_CLOSE)->need, NEED_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair_of_states),
		cmocka_unit_test(each_rule_once),
		cmocka_unit_test(each_rule_has_its_words),
		cmocka_unit_test(aborts_need_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
