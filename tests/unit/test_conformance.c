// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_conformance.c: what the tracker has the reference machine say of connections: conformant, linux_variant,
 * violation or gap, for streams as they are and for streams that somebody has damaged. The table itself is
 * tested in tests/model.
 */
#include <errno.h>

#include "core_fixture.h"

#define COOKIE 5
#define PORT   4000

static const struct report_note *note_of(const struct connection_report *report, uint8_t from, uint8_t to)
{
	for (uint8_t i = 0; i < report->note_count; i++)
		if (report->notes[i].from == from && report->notes[i].to == to)
			return &report->notes[i];
	return NULL;
}

static void assert_note(const struct connection_report *report, uint8_t from, uint8_t to, enum conformance verdict)
{
	const struct report_note *note = note_of(report, from, to);

	assert_non_null(note);
	assert_int_equal(note->verdict, verdict);
	assert_int_equal(note->entry != 0, verdict == CONFORMANCE_LINUX_VARIANT);
}

/* How often an entry with this input and these states was seen. */
static uint64_t seen(const struct fixture *f, uint8_t from, enum machine_input input, uint8_t to)
{
	const struct machine *machine = machine_reference();
	uint64_t count = 0;

	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];

		if (rule->from == from && rule->input == input && rule->to == to)
			count += tracker_rule_seen(f->tracker, rule);
	}
	return count;
}

static void a_reset_explains_a_close(void **state)
{
	struct fixture f;
	struct event_close close = make_close(20, COOKIE, TCP_ESTABLISHED);

	(void)state;
	close.error = ECONNRESET;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_reset_received(20, COOKIE, TCP_ESTABLISHED));
	feed(&f, &close);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_CONFORMANT);
	assert_int_equal(last_report(&f)->note_count, 0);
	assert_int_equal(seen(&f, TCP_ESTABLISHED, INPUT_RST, TCP_CLOSE), 1);
	assert_int_equal(tracker_stats(f.tracker)->transitions, 3);
	fixture_end(&f);
}

/* The same close, but nothing that explains it: not conformant by default. */
static void a_close_out_of_the_blue_is_a_violation(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_close(20, COOKIE, TCP_ESTABLISHED));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_VIOLATION);
	assert_note(last_report(&f), TCP_ESTABLISHED, TCP_CLOSE, CONFORMANCE_VIOLATION);
	assert_int_equal(last_report(&f)->cause, CAUSE_UNOBSERVED);
	assert_int_equal(tracker_stats(f.tracker)->violations, 1);
	fixture_end(&f);
}

/* Of an established client a change from another state is told, which makes so many violations and transitions. */
static void impossible_change(uint8_t from, uint8_t to, unsigned violations, unsigned transitions)
{
	struct fixture f;

	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_state(20, COOKIE, from, to));
	assert_int_equal(tracker_stats(f.tracker)->gaps, 1);
	assert_int_equal(tracker_stats(f.tracker)->violations, violations);
	assert_int_equal(tracker_stats(f.tracker)->transitions, transitions);
	fixture_end(&f);
}

/* What was missed and cannot have been is held against the machine too: violations are some of the transitions. */
static void an_impossible_state_is_counted_in_both(void **state)
{
	(void)state;
	impossible_change(TCP_SYN_SENT, TCP_ESTABLISHED, 1, 2 + 2);
	impossible_change(TCP_FIN_WAIT1, TCP_FIN_WAIT2, 0, 2 + 1);
}

/* A process that fetched the error in the moment between its being set and the close has cleared it. */
static void a_fetched_error_is_restored(void **state)
{
	static const struct {
		uint8_t retransmits;
		uint16_t flags;
		enum connection_cause cause;
	} scenes[] = {
		{3, EVENT_HAS_SOCKET, CAUSE_DATA_RETRANSMIT_TIMEOUT},
		{0, EVENT_HAS_SOCKET, CAUSE_UNOBSERVED},
		{3, EVENT_HAS_SOCKET | EVENT_TASK_ACTS, CAUSE_UNOBSERVED},
		{3, 0, CAUSE_UNOBSERVED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		struct event_close close = make_close(20, COOKIE, TCP_ESTABLISHED);
		bool told = scenes[i].cause != CAUSE_UNOBSERVED;
		struct fixture f;

		close.header.flags = scenes[i].flags;
		close.retransmits = scenes[i].retransmits;
		close.unacked_bytes = 100;
		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		feed(&f, &close);
		tick(&f, 1000);
		assert_int_equal(last_report(&f)->cause, scenes[i].cause);
		assert_int_equal(has_evidence(last_report(&f), EVIDENCE_ERROR_FETCHED), told);
		assert_int_equal(has_evidence(last_report(&f), EVIDENCE_ERROR), false);
		assert_int_equal(last_report(&f)->conformance, told ? CONFORMANCE_CONFORMANT : CONFORMANCE_VIOLATION);
		fixture_end(&f);
	}
}

/* And once more, where the reset may be among the events that were lost. */
static void a_loss_makes_it_a_gap(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	tracker_loss(f.tracker, 1);
	FEED(&f, make_close(20, COOKIE, TCP_ESTABLISHED));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_NOT_CHECKED);
	assert_note(last_report(&f), TCP_ESTABLISHED, TCP_CLOSE, CONFORMANCE_GAP);
	assert_int_equal(tracker_stats(f.tracker)->violations, 0);
	fixture_end(&f);
}

/* A loss before the last transition but one explains nothing. */
static void an_old_loss_explains_nothing(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, COOKIE + 1));
	tracker_loss(f.tracker, 1);
	tick(&f, 5);
	client_opens(&f, 10, COOKIE, PORT);
	FEED(&f, make_close(20, COOKIE, TCP_ESTABLISHED));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_VIOLATION);
	fixture_end(&f);
}

static void a_transition_that_nobody_knows(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	tracker_loss(f.tracker, 1); /* no excuse: the event itself says so */
	FEED(&f, make_state_task(10, COOKIE, TCP_ESTABLISHED, TCP_LAST_ACK, FLAGS_CLOSER));
	FEED(&f, make_close(20, COOKIE, TCP_LAST_ACK));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_VIOLATION);
	assert_note(last_report(&f), TCP_ESTABLISHED, TCP_LAST_ACK, CONFORMANCE_VIOLATION);
	assert_null(note_of(last_report(&f), TCP_LAST_ACK, TCP_CLOSE)); /* that one is fine */
	fixture_end(&f);
}

/* ESTABLISHED->CLOSE_WAIT has its reason in the event: the peer's FIN. */
static void a_transition_without_its_sign(void **state)
{
	struct fixture f;
	struct event_state event = make_state(10, COOKIE, TCP_ESTABLISHED, TCP_CLOSE_WAIT);

	(void)state;
	event.header.flags = 0;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	feed(&f, &event);
	FEED(&f, make_state_task(11, COOKIE, TCP_CLOSE_WAIT, TCP_LAST_ACK, FLAGS_CLOSER));
	FEED(&f, make_close(12, COOKIE, TCP_LAST_ACK));
	tick(&f, 1000);
	assert_note(last_report(&f), TCP_ESTABLISHED, TCP_CLOSE_WAIT, CONFORMANCE_VIOLATION);
	assert_int_equal(last_report(&f)->note_count, 1);
	fixture_end(&f);
}

/* What lies between the state that we know and the one that the event starts from can have been missed... */
static void a_missed_transition_is_a_gap(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_state_task(11, COOKIE, TCP_CLOSE_WAIT, TCP_LAST_ACK, FLAGS_CLOSER));
	FEED(&f, make_close(12, COOKIE, TCP_LAST_ACK));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_NOT_CHECKED);
	assert_note(last_report(&f), TCP_ESTABLISHED, TCP_CLOSE_WAIT, CONFORMANCE_GAP);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_PARTIAL);
	assert_int_equal(tracker_stats(f.tracker)->gaps, 1);
	fixture_end(&f);
}

/* ...unless nothing leads from the one to the other. */
static void an_impossible_order_is_a_violation(void **state)
{
	struct fixture f;

	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		FEED(&f, make_state(10, COOKIE, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
		if (lost)
			tracker_loss(f.tracker, 3); /* it may be another life of the same socket */
		FEED(&f, make_state_task(20, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_CLOSER));
		FEED(&f, make_state(21, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT2));
		FEED(&f, make_close(22, COOKIE, TCP_FIN_WAIT2));
		tick(&f, 5000);
		assert_note(last_report(&f), TCP_CLOSE_WAIT, TCP_ESTABLISHED,
			    lost ? CONFORMANCE_GAP : CONFORMANCE_VIOLATION);
		assert_int_equal(last_report(&f)->conformance, lost ? CONFORMANCE_NOT_CHECKED : CONFORMANCE_VIOLATION);
		fixture_end(&f);
	}
}

static void an_end_that_nobody_saw_is_a_gap(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	tracker_resync_begin(f.tracker, AT(100));
	FEED(&f, make_netns_listed(101, NETNS));
	tracker_resync_end(f.tracker, AT(102));
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_NOT_CHECKED);
	assert_note(last_report(&f), TCP_ESTABLISHED, TCP_CLOSE, CONFORMANCE_GAP);
	fixture_end(&f);
}

/* Room for few notes only: a violation is not crowded out by what is merely worth knowing. */
static void a_violation_finds_room(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_state_task(10, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_HOLDER));
	for (unsigned i = 0; i < REPORT_NOTES_MAX + 3; i++)
		FEED(&f, make_state_task(20 + i, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT1, FLAGS_CLOSER));
	FEED(&f, make_close(50, COOKIE, TCP_FIN_WAIT1));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->note_count, REPORT_NOTES_MAX);
	assert_note(last_report(&f), TCP_FIN_WAIT1, TCP_CLOSE, CONFORMANCE_VIOLATION);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_VIOLATION);
	fixture_end(&f);
}

/* Events under a cookie that nobody has, or that another socket has, say nothing of this connection. */
static void a_wrong_cookie_is_a_stray(void **state)
{
	struct fixture f;
	uint64_t strays;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	strays = tracker_stats(f.tracker)->stray_events;
	FEED(&f, make_state(10, COOKIE + 1, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	FEED(&f, make_close(11, COOKIE + 1, TCP_CLOSE_WAIT));
	assert_int_equal(tracker_stats(f.tracker)->stray_events, strays + 2);
	closes_first(&f, 100, COOKIE, EVENT_SOCKET_DONE);
	tick(&f, 5000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_LINUX_VARIANT);
	assert_int_equal(last_report(&f)->cause, CAUSE_FIN_LOCAL_FIRST);
	fixture_end(&f);
}

/* A record with a state that TCP does not have never reaches the tracker. */
static void a_state_out_of_range_is_refused(void **state)
{
	static const uint8_t wrong[] = {0, TCP_STATES, MACHINE_FIN_WAIT2_MINISOCK + 1, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong); i++) {
		struct event_state event = make_state(10, COOKIE, wrong[i], TCP_CLOSE_WAIT);
		struct event_close close = make_close(11, COOKIE, wrong[i]);
		const struct machine_rule *rule;

		assert_int_equal(event_check(&event.header, sizeof(event)), -EINVAL);
		assert_int_equal(event_check(&close.header, sizeof(close)), -EINVAL);
		assert_int_equal(machine_judge(machine_reference(), wrong[i], TCP_CLOSE, ~0U, &rule),
				 CONFORMANCE_VIOLATION);
		assert_null(rule);
	}
}

static void minisocks_are_counted(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	closes_first(&f, 100, COOKIE, 0);
	FEED(&f, make_time_wait(500, COOKIE, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2));
	tick(&f, 5000);
	assert_int_equal(seen(&f, TCP_FIN_WAIT2, INPUT_ORPHANED, MACHINE_FIN_WAIT2_MINISOCK), 1);
	assert_int_equal(seen(&f, MACHINE_FIN_WAIT2_MINISOCK, INPUT_FIN_WAIT2_TIMEOUT, TCP_CLOSE), 1);
	assert_int_equal(seen(&f, TCP_TIME_WAIT, INPUT_TIME_WAIT_TIMEOUT, TCP_CLOSE), 0);
	fixture_end(&f);
}

static void listeners_are_counted(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, COOKIE + 1));
	FEED(&f, make_child(10, COOKIE, PORT));
	FEED(&f, make_close(20, COOKIE + 1, TCP_LISTEN));
	assert_int_equal(seen(&f, TCP_CLOSE, INPUT_OPEN_PASSIVE, TCP_LISTEN), 1);
	assert_int_equal(seen(&f, TCP_NEW_SYN_RECV, INPUT_ACK_OF_SYN, TCP_SYN_RECV), 1);
	assert_int_equal(seen(&f, TCP_SYN_RECV, INPUT_ACK_OF_SYN, TCP_ESTABLISHED), 1);
	assert_int_equal(seen(&f, TCP_LISTEN, INPUT_CLOSE, TCP_CLOSE), 1);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_explains_a_close),
		cmocka_unit_test(a_close_out_of_the_blue_is_a_violation),
		cmocka_unit_test(an_impossible_state_is_counted_in_both),
		cmocka_unit_test(a_fetched_error_is_restored),
		cmocka_unit_test(a_loss_makes_it_a_gap),
		cmocka_unit_test(an_old_loss_explains_nothing),
		cmocka_unit_test(a_transition_that_nobody_knows),
		cmocka_unit_test(a_transition_without_its_sign),
		cmocka_unit_test(a_missed_transition_is_a_gap),
		cmocka_unit_test(an_impossible_order_is_a_violation),
		cmocka_unit_test(an_end_that_nobody_saw_is_a_gap),
		cmocka_unit_test(a_violation_finds_room),
		cmocka_unit_test(a_wrong_cookie_is_a_stray),
		cmocka_unit_test(a_state_out_of_range_is_refused),
		cmocka_unit_test(minisocks_are_counted),
		cmocka_unit_test(listeners_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
