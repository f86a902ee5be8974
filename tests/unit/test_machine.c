// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_machine.c: looking things up in the reference machine: which of several entries counts, what leads where. That
 * the table itself is right is proven in tests/model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/tcp_machine.h"
#include "random_numbers.h"

/* Where several entries are satisfied, the more particular one counts: it stands first. */
static const struct {
	uint8_t from, to;
	uint32_t signs;
	enum conformance verdict;
	enum machine_input input; /* INPUTS: no entry */
} wanted[] = {
	{TCP_SYN_SENT, TCP_SYN_RECV, 0, CONFORMANCE_CONFORMANT, INPUT_SYN},
	{TCP_SYN_SENT, TCP_SYN_RECV, SIGN_SELF, CONFORMANCE_LINUX_VARIANT, INPUT_SYN_OWN},
	{TCP_SYN_SENT, TCP_CLOSE, SIGN_NO_SYN | SIGN_LOCAL_CALL, CONFORMANCE_LINUX_VARIANT, INPUT_NO_LOCAL_PORT},
	{TCP_SYN_SENT, TCP_CLOSE, SIGN_DESTROYED | SIGN_LOCAL_CALL, CONFORMANCE_LINUX_VARIANT, INPUT_DESTROY},
	{TCP_SYN_SENT, TCP_CLOSE, SIGN_TIMED_OUT | SIGN_ICMP, CONFORMANCE_CONFORMANT, INPUT_USER_TIMEOUT},
	{TCP_LISTEN, TCP_SYN_RECV, SIGN_FAST_OPEN, CONFORMANCE_LINUX_VARIANT, INPUT_SYN_FAST_OPEN},
	{TCP_LISTEN, TCP_SYN_RECV, 0, CONFORMANCE_LINUX_VARIANT, INPUT_ACK_OF_SYN},
	{TCP_SYN_RECV, TCP_CLOSE, SIGN_RESET_RECEIVED | SIGN_PASSIVE, CONFORMANCE_LINUX_VARIANT, INPUT_RST_PASSIVE},
	{TCP_SYN_RECV, TCP_CLOSE, SIGN_RESET_RECEIVED, CONFORMANCE_CONFORMANT, INPUT_RST},
	{TCP_ESTABLISHED, TCP_FIN_WAIT1, SIGN_LOCAL_CALL, CONFORMANCE_CONFORMANT, INPUT_CLOSE},
	{TCP_ESTABLISHED, TCP_FIN_WAIT1, 0, CONFORMANCE_LINUX_VARIANT, INPUT_SUBFLOW_CLOSE},
	{TCP_ESTABLISHED, TCP_CLOSE, SIGN_RESET_RECEIVED | SIGN_LOCAL_CALL, CONFORMANCE_CONFORMANT, INPUT_RST},
	{TCP_ESTABLISHED, TCP_CLOSE, SIGN_REPAIR | SIGN_ABORT_CALL, CONFORMANCE_LINUX_VARIANT, INPUT_REPAIR_CLOSE},
	{TCP_ESTABLISHED, TCP_CLOSE, SIGN_MPTCP | SIGN_LISTENER_GONE, CONFORMANCE_LINUX_VARIANT, INPUT_RST_MPTCP},
	{TCP_ESTABLISHED, TCP_CLOSE, SIGN_LOCAL_CALL | SIGN_NOTHING_LOST, CONFORMANCE_VIOLATION, INPUTS},
	{TCP_ESTABLISHED, TCP_CLOSE, SIGN_LOCAL_CALL, CONFORMANCE_GAP, INPUTS},
	{TCP_FIN_WAIT2, TCP_CLOSE, SIGN_MINISOCK | SIGN_PEER_FIN, CONFORMANCE_LINUX_VARIANT, INPUT_FIN},
	{TCP_FIN_WAIT2, TCP_CLOSE, SIGN_MINISOCK, CONFORMANCE_LINUX_VARIANT, INPUT_ORPHANED},
	{TCP_FIN_WAIT2, TCP_CLOSE, SIGN_LINGER2 | SIGN_ABORT_CALL, CONFORMANCE_LINUX_VARIANT, INPUT_ORPHANED_LINGER2},
	{TCP_LAST_ACK, TCP_CLOSE, SIGN_FIN_ACKED | SIGN_PEER_FIN, CONFORMANCE_CONFORMANT, INPUT_ACK_OF_FIN},
	{TCP_LAST_ACK, TCP_LISTEN, ~0U, CONFORMANCE_VIOLATION, INPUTS},
	{TCP_STATES, TCP_CLOSE, ~0U, CONFORMANCE_VIOLATION, INPUTS},
	{TCP_CLOSE, 255, 0, CONFORMANCE_GAP, INPUTS},
};

static void the_more_particular_entry_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct machine_rule *rule;

		assert_int_equal(machine_judge(machine_reference(), wanted[i].from, wanted[i].to, wanted[i].signs,
					       &rule),
				 wanted[i].verdict);
		assert_int_equal(rule ? rule->input : INPUTS, wanted[i].input);
	}
}

/* The index only saves time. */
static void the_index_changes_nothing(void **state)
{
	struct machine plain = *machine_reference();
	struct random_numbers random = {random_seed_of_run()};

	(void)state;
	assert_non_null(plain.index);
	plain.index = NULL;
	for (unsigned int i = 0; i < 200000; i++) {
		uint8_t from = (uint8_t)random_below(&random, TCP_STATES),
			to = (uint8_t)random_below(&random, TCP_STATES);
		uint32_t signs = (uint32_t)(random_next(&random) & random_next(&random));
		const struct machine_rule *here, *there;

		assert_int_equal(machine_judge(machine_reference(), from, to, signs, &here),
				 machine_judge(&plain, from, to, signs, &there));
		assert_ptr_equal(here, there);
		from = (uint8_t)random_below(&random, MACHINE_STATES);
		for (unsigned int shown = SHOWN_MINISOCK; shown <= SHOWN_REQUEST; shown++)
			assert_ptr_equal(machine_judge_unshown(machine_reference(), (enum machine_shown)shown, from,
							       signs),
					 machine_judge_unshown(&plain, (enum machine_shown)shown, from, signs));
	}
}

static void what_leads_where(void **state)
{
	const struct machine *machine = machine_reference();

	(void)state;
	assert_true(machine_leads(machine, TCP_SYN_SENT, TCP_LAST_ACK));
	assert_true(machine_leads(machine, TCP_ESTABLISHED, TCP_CLOSING));
	assert_true(machine_leads(machine, TCP_LISTEN, TCP_CLOSE_WAIT)); /* by way of its child */
	assert_true(machine_leads(machine, TCP_CLOSING, TCP_CLOSE));
	assert_false(machine_leads(machine, TCP_ESTABLISHED, TCP_SYN_SENT));
	assert_false(machine_leads(machine, TCP_CLOSE_WAIT, TCP_FIN_WAIT1));
	assert_false(machine_leads(machine, TCP_CLOSE, TCP_SYN_SENT)); /* that is another life */
	assert_true(machine_leads(machine, TCP_CLOSE, TCP_CLOSE));
}

static void linux_goes_its_own_ways(void **state)
{
	const struct machine *machine = machine_reference();

	(void)state;
	assert_int_equal(machine_step(machine, TCP_LISTEN, INPUT_SYN, 0)->to, TCP_SYN_RECV);
	assert_int_equal(machine_step(machine, TCP_LISTEN, INPUT_SYN, 1)->to, TCP_NEW_SYN_RECV);
	assert_null(machine_step(machine, TCP_ESTABLISHED, INPUT_DESTROY, 0));
	assert_int_equal(machine_step(machine, TCP_ESTABLISHED, INPUT_DESTROY, 1)->to, TCP_CLOSE);
	assert_int_equal(machine_step(machine, TCP_ESTABLISHED, INPUT_FIN, 1)->verdict, CONFORMANCE_CONFORMANT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_more_particular_entry_counts),
		cmocka_unit_test(the_index_changes_nothing),
		cmocka_unit_test(what_leads_where),
		cmocka_unit_test(linux_goes_its_own_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
