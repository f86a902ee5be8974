// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_totals.c: what each event and each report adds to the totals, and what it must not add.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "report/names.h"
#include "serve/totals.h"
#include "sample_report.h"

#define US 1000ULL
#define S  1000000000ULL

static struct totals totals;

static int clear(void **state)
{
	(void)state;
	totals = (struct totals){0};
	return 0;
}

/* Everything in it added up: a change of one number is a change of this. */
static uint64_t weight(const struct totals *what)
{
	const uint64_t *numbers = (const uint64_t *)what;
	uint64_t sum = 0;

	_Static_assert(sizeof(*what) % sizeof(*numbers) == 0, "it is nothing but numbers");
	for (size_t i = 0; i < sizeof(*what) / sizeof(*numbers); i++)
		sum += numbers[i];
	return sum;
}

static void take(struct event_header *event, uint8_t kind)
{
	event->kind = kind;
	totals_event(&totals, event);
}

static void events_are_counted_by_kind(void **state)
{
	(void)state;
	for (uint8_t kind = 0; kind < EVENT_KINDS; kind++) {
		uint8_t record[EVENT_MAX_BYTES] = {0};

		for (uint8_t i = 0; i <= kind; i++)
			take((struct event_header *)record, kind);
		assert_int_equal(totals.events[kind], kind + 1);
	}
	take(&(struct event_header){0}, EVENT_KINDS); /* of a version to come */
	assert_int_equal(totals.events[EVENT_KINDS - 1], EVENT_KINDS);
}

static void segments_sent_again_are_counted(void **state)
{
	struct event_retransmit retransmit = {.error = 0};
	struct event_synack synack = {0};

	(void)state;
	take(&retransmit.header, EVENT_RETRANSMIT);
	retransmit.error = -105; /* it did not leave */
	take(&retransmit.header, EVENT_RETRANSMIT);
	assert_int_equal(totals.retransmits, 1);
	assert_int_equal(totals.synack_retransmits, 0);
	take(&synack.header, EVENT_RETRANSMIT_SYNACK);
	assert_int_equal(totals.retransmits, 1);
	assert_int_equal(totals.synack_retransmits, 1);
	assert_int_equal(weight(&totals), 2 + 3); /* and the events themselves */
}

static void probes_are_counted_by_kind(void **state)
{
	struct event_probe probe = {.probe = PROBE_KEEPALIVE};

	(void)state;
	take(&probe.header, EVENT_PROBE);
	take(&probe.header, EVENT_PROBE);
	probe.probe = PROBE_WINDOW;
	take(&probe.header, EVENT_PROBE);
	assert_int_equal(totals.keepalive_probes, 2);
	assert_int_equal(totals.window_probes, 1);
	assert_int_equal(weight(&totals), 3 + 3);
}

static void resets_are_counted_by_reason(void **state)
{
	struct event_reset_received received = {0};
	struct event_reset_sent sent = {0};

	(void)state;
	for (unsigned reason = 0; reason < RESET_REASONS; reason++) {
		sent.reason = (uint8_t)reason;
		take(&sent.header, EVENT_RESET_SENT);
		assert_int_equal(totals.resets_sent[reason], 1);
	}
	sent.reason = RESET_REASONS; /* one that is not known here */
	take(&sent.header, EVENT_RESET_SENT);
	assert_int_equal(totals.resets_sent[RESET_REASON_OTHER], 2);
	assert_int_equal(totals.resets_received, 0);
	take(&received.header, EVENT_RESET_RECEIVED);
	assert_int_equal(totals.resets_received, 1);
	assert_int_equal(weight(&totals), 2 * (RESET_REASONS + 2));
}

static void ends_are_counted_once(void **state)
{
	(void)state;
	for (unsigned cause = 0; cause < connection_cause_count; cause++) {
		struct connection_report report = sample_report_full();

		report.cause = (enum connection_cause)cause;
		report.class = cause_class(report.cause);
		totals_report(&totals, &report);
		assert_int_equal(totals.ended[cause], 1);
		assert_int_equal(totals.revised[cause], 0);
	}
	assert_int_equal(totals.by_initiator[INITIATOR_LOCAL_APP], connection_cause_count);
	assert_int_equal(totals.by_completeness[COMPLETENESS_COMPLETE], connection_cause_count);
	assert_int_equal(totals.bytes_sent, 1000 * connection_cause_count);
	assert_int_equal(totals.bytes_received, 2000 * connection_cause_count);
	assert_int_equal(totals.handshake.count, connection_cause_count);
}

/* The near miss: the same report once more, with a later revision. */
static void later_revisions_count_as_such_only(void **state)
{
	struct connection_report report = sample_report_full();

	(void)state;
	report.conformance = CONFORMANCE_VIOLATION;
	for (report.revision = 2; report.revision < 5; report.revision++)
		totals_report(&totals, &report);
	assert_int_equal(totals.revised[report.cause], 3);
	assert_int_equal(weight(&totals), 3);
}

static void what_is_absent_adds_nothing(void **state)
{
	struct connection_report report = sample_report_bare();

	(void)state;
	totals_report(&totals, &report);
	assert_int_equal(totals.ended[CAUSE_UNOBSERVED], 1);
	assert_int_equal(totals.by_initiator[INITIATOR_UNKNOWN], 1);
	assert_int_equal(totals.by_completeness[COMPLETENESS_COMPLETE], 1);
	assert_int_equal(weight(&totals), 3);
}

static void violations_are_counted_by_connection(void **state)
{
	(void)state;
	for (unsigned conformance = 0; conformance < conformance_count; conformance++) {
		struct connection_report report = sample_report_bare();

		report.conformance = (enum conformance)conformance;
		totals_report(&totals, &report);
	}
	assert_int_equal(totals.violations, 1);
}

/* Each bound belongs to the bucket below it, as Prometheus wants it: le is less or equal. */
static void spans_fall_into_their_buckets(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		struct connection_report report = sample_report_bare();

		if (i)
			assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
		report.class = CLASS_RESET;
		report.start_ns = 5 * S;
		report.end_ns = 5 * S + histogram_bounds_us[i] * US;
		totals_report(&totals, &report);
		assert_int_equal(totals.duration[CLASS_RESET].bucket[i], i ? 2 : 1);
		report.end_ns += US;
		totals_report(&totals, &report);
		assert_int_equal(totals.duration[CLASS_RESET].bucket[i + 1], 1);
	}
	assert_int_equal(totals.duration[CLASS_RESET].count, 2 * HISTOGRAM_BOUNDS);
	assert_int_equal(totals.duration[CLASS_UNKNOWN].count, 0);
	assert_int_equal(histogram_bounds_us[HISTOGRAM_BOUNDS - 1], 86400000000); /* a day */
}

static void spans_are_summed_and_never_negative(void **state)
{
	struct connection_report report = sample_report_bare();

	(void)state;
	report.start_ns = 5 * S;
	report.end_ns = 5 * S - 1; /* events are roughly in order */
	totals_report(&totals, &report);
	assert_int_equal(totals.duration[CLASS_UNKNOWN].sum_us, 0);
	assert_int_equal(totals.duration[CLASS_UNKNOWN].bucket[0], 1);
	report.end_ns = 7 * S + 1500;
	report.handshake_ns = 45999;
	totals_report(&totals, &report);
	assert_int_equal(totals.duration[CLASS_UNKNOWN].sum_us, 2000001);
	assert_int_equal(totals.handshake.sum_us, 45);
}

static void check_close_wait(const struct report_state *states, uint8_t count, uint64_t expected_us)
{
	struct connection_report report = sample_report_bare();
	uint64_t before = totals.close_wait.sum_us;

	memcpy(report.states, states, count * sizeof(*states));
	report.state_count = count;
	report.end_ns = 100 * S;
	totals_report(&totals, &report);
	assert_int_equal(totals.close_wait.sum_us - before, expected_us);
}

static void time_in_close_wait_ends_with_the_next_state(void **state)
{
	static const struct report_state usual[] = {{TCP_SYN_RECV, 1 * S},
						    {TCP_ESTABLISHED, 2 * S},
						    {TCP_CLOSE_WAIT, 10 * S},
						    {TCP_LAST_ACK, 13 * S},
						    {TCP_CLOSE, 14 * S}};
	static const struct report_state other[] = {{TCP_ESTABLISHED, 2 * S},
						    {TCP_FIN_WAIT1, 10 * S},
						    {TCP_FIN_WAIT2, 13 * S},
						    {TCP_TIME_WAIT, 14 * S}};

	(void)state;
	check_close_wait(usual, 5, 3000000);
	assert_int_equal(totals.close_wait.count, 1);
	check_close_wait(usual, 3, 90000000); /* it is the last that was seen: until the end */
	assert_int_equal(totals.close_wait.count, 2);
	check_close_wait(other, 4, 0); /* never was there: does not count as a short time */
	check_close_wait(usual, 2, 0);
	check_close_wait(usual, 0, 0);
	assert_int_equal(totals.close_wait.count, 2);
}

int main(void)
{
#define CLEARED(test) cmocka_unit_test_setup(test, clear)
	const struct CMUnitTest tests[] = {
		CLEARED(events_are_counted_by_kind),
		CLEARED(segments_sent_again_are_counted),
		CLEARED(probes_are_counted_by_kind),
		CLEARED(resets_are_counted_by_reason),
		CLEARED(ends_are_counted_once),
		CLEARED(later_revisions_count_as_such_only),
		CLEARED(what_is_absent_adds_nothing),
		CLEARED(violations_are_counted_by_connection),
		CLEARED(spans_fall_into_their_buckets),
		CLEARED(spans_are_summed_and_never_negative),
		CLEARED(time_in_close_wait_ends_with_the_next_state),
	};

	return cmocka_run_group_tests_name("totals", tests, NULL, NULL);
}
