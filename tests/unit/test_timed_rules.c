// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_timed_rules.c: each timed rule on retransmissions and minisocks with the case that it must find, at the edge of
 * its tolerance, and the near misses that differ in one fact: a millisecond, a setting, a loss, another kind of
 * retransmission. And what the tracker makes of findings.
 */
#include <stdio.h>

#include "core_fixture.h"
#include "report/machine_text.h"
#include "report/text.h"
#include "timed_scene.h"

/* ---- the table ----------------------------------------------------------------------------------- */

static void test_each_rule_has_its_words(void **state)
{
	const struct timed_rule_words *table = timed_rules_table();

	(void)state;
	assert_null(table[TIMED_NONE].name);
	for (unsigned i = 1; i < TIMED_RULE_COUNT; i++) {
		const char *number = table[i].text;
		unsigned numbers = 0;

		assert_true(table[i].verdict == CONFORMANCE_VIOLATION || table[i].verdict == CONFORMANCE_LINUX_VARIANT);
		assert_true(*table[i].name && *table[i].subject && *table[i].source && *table[i].tolerance);
		for (; (number = strchr(number, '%')); number++, numbers++)
			assert_memory_equal(number, "%llu", 4);
		assert_int_equal(numbers, 2);
		for (unsigned k = 1; k < i; k++)
			assert_string_not_equal(table[i].name, table[k].name);
	}
}

static void test_note_in_words(void **state)
{
	struct report_note note = {.timed = TIMED_RTO_EARLY,
				   .verdict = CONFORMANCE_VIOLATION,
				   .measured_ms = 150,
				   .limit_ms = 400};
	struct text text = {0};

	(void)state;
	machine_note_append(&text, &note);
	assert_string_equal(text_string(&text),
			    "retransmission: violation: sent after 150 ms though the RTO was 400 ms "
			    "(RFC 6298 5.5, tcp_retransmit_timer())");
	text_clear(&text);
	note = (struct report_note){.timed = TIMED_RTO_LINEAR_SYN, .verdict = CONFORMANCE_LINUX_VARIANT};
	machine_note_append(&text, &note);
	assert_non_null(strstr(text_string(&text), "retransmission: linux_variant: the SYN was sent again after 0 ms"));
	assert_non_null(strstr(text_string(&text), ", since Linux 6.5)"));
	text_free(&text);
}

/* The figures of ip-sysctl.rst, and what the closed form of tcp_model_timeout() gives. */
static void test_model_is_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(timed_model_ms(15, 200, 120000), 924600);
	assert_int_equal(timed_model_ms(8, 200, 120000), 102200);
	assert_int_equal(timed_model_ms(3, 200, 120000), 3000);
	assert_int_equal(timed_model_ms(6, 1000, 120000), 127000);
	assert_int_equal(timed_model_ms(1, 1000, 120000), 3000);
	assert_int_equal(timed_model_ms(15, 200, 1000), 14400);
	assert_int_equal(timed_model_ms(255, 200, 120000), 204600 + 246 * 120000ULL);
}

/* ---- retransmissions ----------------------------------------------------------------------------- */

/* Two timeouts, the second so much later with twice the RTO, 408 ms: 32 + 408 / 128 ms may be missing. */
static struct scene two_timeouts(uint64_t apart_ms)
{
	struct scene scene = scene_begin();

	retransmit(&scene, timeout_at(1000, 1, RTO_204_MS));
	assert_nothing(&scene);
	retransmit(&scene, timeout_at(1000 + apart_ms, 2, 2 * RTO_204_MS));
	return scene;
}

static void test_retransmission_before_its_rto(void **state)
{
	struct scene scene = two_timeouts(372);

	(void)state;
	assert_found(&scene, TIMED_RTO_EARLY, 372, 408);
	scene = two_timeouts(373);
	assert_nothing(&scene);
	scene = two_timeouts(60000); /* late: the machine slept */
	assert_nothing(&scene);
}

/* With jiffies of 1 ms eight of them are less than the 30 ms that are always granted: 30 + 408 / 128 ms. */
static void test_retransmission_by_short_jiffies(void **state)
{
	(void)state;
	for (uint64_t apart_ms = 374; apart_ms <= 375; apart_ms++) {
		struct scene scene = scene_begin();

		scene.facts.tick_ns = NS_PER_MS;
		retransmit(&scene, timeout_at(1000, 1, 204));
		retransmit(&scene, timeout_at(1000 + apart_ms, 2, 408));
		if (apart_ms == 374)
			assert_found(&scene, TIMED_RTO_EARLY, 374, 408);
		else
			assert_nothing(&scene);
	}
}

/* What comes between two timeouts, or is said of one, so that their distance tells nothing. */
enum between {
	NOTHING,
	LOSS_PROBE,
	ANSWER_TO_ACK,
	EVENTS_LOST,
	SENDING_FAILED,
	SECOND_FAILED,
	USER_TIMEOUT_SET,
	FLAGS_UNKNOWN,
	COUNT_JUMPED,
	COUNT_AT_ONE,
	ZERO_WINDOW,
	BETWEEN_COUNT,
};

static void come_between(struct scene *scene, enum between what, struct event_retransmit *first,
			 struct event_retransmit *second)
{
	struct event_retransmit other = *first;
	struct event_probe probe = make_probe(1010, 1, PROBE_WINDOW);

	other.header.time_ns = AT(1010);
	first->error = what == SENDING_FAILED ? -EBUSY : 0;
	second->error = what == SECOND_FAILED ? -EBUSY : 0;
	if (what == USER_TIMEOUT_SET)
		first->header.flags &= (__u16)~EVENT_RTO_UNCLAMPED;
	if (what == FLAGS_UNKNOWN)
		first->header.flags = second->header.flags = 0;
	if (what == COUNT_JUMPED)
		second->retransmits = 3;
	if (what == COUNT_AT_ONE)
		second->retransmits = 1;
	retransmit(scene, *first);
	other.pending_timer = what == LOSS_PROBE ? PENDING_LOSS_PROBE : PENDING_RETRANSMIT;
	other.retransmits = what == LOSS_PROBE ? 0 : 1;
	if (what == LOSS_PROBE || what == ANSWER_TO_ACK)
		retransmit(scene, other);
	if (what == EVENTS_LOST)
		scene->facts.loss_ns = AT(1010);
	if (what == ZERO_WINDOW)
		timed_window_probe(&scene->series, &probe, &scene->facts);
	retransmit(scene, *second);
}

static void test_distance_that_tells_nothing(void **state)
{
	(void)state;
	for (unsigned what = 0; what < BETWEEN_COUNT; what++) {
		struct event_retransmit first = timeout_at(1000, 1, RTO_204_MS);
		struct event_retransmit second = timeout_at(1100, 2, 2 * RTO_204_MS);
		struct scene scene = scene_begin();

		come_between(&scene, what, &first, &second);
		if (what == NOTHING)
			assert_found(&scene, TIMED_RTO_EARLY, 100, 408);
		else
			assert_nothing(&scene);
	}
}

/* A new RTT, or ICMP, changes the RTO: the timer may have run for the old one. */
static void test_rto_reckoned_anew_is_not_judged(void **state)
{
	struct event_retransmit event = timeout_at(1100, 2, 4 * RTO_204_MS);
	struct scene scene = scene_begin();

	(void)state;
	event.backoff = 0;
	retransmit(&scene, timeout_at(1000, 1, RTO_204_MS));
	retransmit(&scene, event);
	assert_nothing(&scene);
}

static struct scene rto_follows(uint32_t first_ticks, uint32_t then_ticks, uint16_t flags)
{
	struct scene scene = scene_begin();
	struct event_retransmit event = timeout_at(1000 + 200000, 2, then_ticks);

	retransmit(&scene, timeout_at(1000, 1, first_ticks));
	event.header.flags = flags;
	retransmit(&scene, event);
	return scene;
}

static void test_rto_doubles_up_to_its_bound(void **state)
{
	struct scene scene = rto_follows(RTO_204_MS, 2 * RTO_204_MS - 1, USUAL);

	(void)state;
	assert_found(&scene, TIMED_RTO_NOT_DOUBLED, 404, 408);
	scene = rto_follows(RTO_204_MS, 2 * RTO_204_MS + 1, USUAL);
	assert_found(&scene, TIMED_RTO_NOT_DOUBLED, 412, 408);
	scene = rto_follows(RTO_204_MS, RTO_204_MS, USUAL);
	assert_found(&scene, TIMED_RTO_NOT_DOUBLED, 204, 408);
	scene = rto_follows(20000, RTO_120_S, USUAL);
	assert_nothing(&scene);
	scene = rto_follows(20000, RTO_120_S - 250, USUAL);
	assert_found(&scene, TIMED_RTO_NOT_DOUBLED, 119000, 160000);
	/* tcp_rto_max_ms is 1 s at least; where it is not the usual one it is not known. */
	scene = rto_follows(200, RTO_1_S, EVENT_RTO_UNCLAMPED);
	assert_nothing(&scene);
	scene = rto_follows(200, RTO_1_S - 1, EVENT_RTO_UNCLAMPED);
	assert_found(&scene, TIMED_RTO_NOT_DOUBLED, 996, 1600);
}

static struct scene syn_repeated(uint8_t backoff, uint32_t first_ticks, uint32_t then_ticks, uint8_t then_state)
{
	struct scene scene = scene_begin();
	struct event_retransmit first = timeout_at(1000, 1, first_ticks);
	struct event_retransmit second = timeout_at(1000 + 130000, 2, then_ticks);

	first.state = TCP_SYN_SENT;
	second.state = then_state;
	second.backoff = backoff;
	retransmit(&scene, first);
	retransmit(&scene, second);
	return scene;
}

static void test_syn_repeated_with_the_same_rto(void **state)
{
	struct scene scene = syn_repeated(0, RTO_1_S, RTO_1_S, TCP_SYN_SENT);

	(void)state;
	assert_found(&scene, TIMED_RTO_LINEAR_SYN, 130000, 1000);
	scene = syn_repeated(1, RTO_1_S, RTO_1_S, TCP_SYN_SENT); /* 6.5 and 6.6 count it */
	assert_found(&scene, TIMED_RTO_LINEAR_SYN, 130000, 1000);
	scene = syn_repeated(1, RTO_1_S, 2 * RTO_1_S, TCP_SYN_SENT);
	assert_nothing(&scene);
	scene = syn_repeated(1, RTO_120_S, RTO_120_S, TCP_SYN_SENT); /* at its bound */
	assert_nothing(&scene);
	scene = syn_repeated(0, RTO_1_S, RTO_1_S, TCP_ESTABLISHED); /* another trouble */
	assert_nothing(&scene);
}

/* Two timeouts of a thin stream, 204 ms apart, of which the second is altered. */
static struct scene thin_stream(uint16_t flags, struct event_retransmit second)
{
	struct scene scene = scene_begin();
	struct event_retransmit first = timeout_at(1000, 1, RTO_204_MS);

	first.header.flags = USUAL | flags;
	retransmit(&scene, first);
	retransmit(&scene, second);
	return scene;
}

static void test_thin_stream_repeats_with_the_same_rto(void **state)
{
	struct event_retransmit same = timeout_at(1204, 2, RTO_204_MS), other;
	struct scene scene;

	(void)state;
	same.backoff = 0;
	scene = thin_stream(EVENT_THIN_LINEAR, same);
	assert_found(&scene, TIMED_RTO_LINEAR_THIN, 204, 204);
	scene = thin_stream(0, same); /* not asked for: ICMP or a new RTT */
	assert_nothing(&scene);
	other = same;
	other.state = TCP_FIN_WAIT1;
	scene = thin_stream(EVENT_THIN_LINEAR, other);
	assert_nothing(&scene);
	other = same;
	other.rto_ticks++; /* a new RTT */
	scene = thin_stream(EVENT_THIN_LINEAR, other);
	assert_nothing(&scene);
	other = same;
	other.backoff = 1; /* then it must be doubled */
	scene = thin_stream(EVENT_THIN_LINEAR, other);
	assert_found(&scene, TIMED_RTO_NOT_DOUBLED, 204, 408);
	other.rto_ticks = 2 * RTO_204_MS;
	other.header.time_ns = AT(1408);
	scene = thin_stream(EVENT_THIN_LINEAR, other);
	assert_nothing(&scene);
}

/* The thin stream's way begins when it is established, and where nothing was doubled before. */
static void test_thin_stream_after_another_way(void **state)
{
	struct event_retransmit first = timeout_at(1000, 1, RTO_204_MS), second = timeout_at(1204, 2, RTO_204_MS);

	(void)state;
	second.backoff = 0;
	for (int doubled = 0; doubled < 2; doubled++) {
		struct scene scene = scene_begin();

		first.header.flags = USUAL | EVENT_THIN_LINEAR;
		first.state = doubled ? TCP_ESTABLISHED : TCP_CLOSE_WAIT;
		first.backoff = (uint8_t)doubled;
		retransmit(&scene, first);
		retransmit(&scene, second);
		assert_nothing(&scene);
	}
}

/* ---- minisocks ----------------------------------------------------------------------------------- */

static struct scene minisock_ends(uint64_t stood_ms, uint8_t change, uint8_t substate, uint8_t limit)
{
	struct scene scene = scene_begin();
	struct event_close close = make_close(10000, 1, TCP_FIN_WAIT2);
	struct event_time_wait event = make_time_wait(10000 + stood_ms, 1, change, substate);

	close.limit = limit;
	scene.facts.fin_wait2_ns = AT(8000);
	timed_minisock(&close, &event, &scene.facts, &scene.findings);
	return scene;
}

/* 60 s, of which 32 + 60000 / 128 ms may be missing. */
static void test_time_wait_stands_for_a_minute(void **state)
{
	struct scene scene = minisock_ends(59500, TIME_WAIT_EXPIRED, TCP_TIME_WAIT, 60);

	(void)state;
	assert_nothing(&scene);
	scene = minisock_ends(59499, TIME_WAIT_EXPIRED, TCP_TIME_WAIT, 60);
	assert_found(&scene, TIMED_TIME_WAIT_EARLY, 59499, 60000);
	scene = minisock_ends(119000, TIME_WAIT_EXPIRED, TCP_TIME_WAIT, 60); /* the peer's FIN came late */
	assert_nothing(&scene);
	scene = minisock_ends(1000, TIME_WAIT_REUSED, TCP_TIME_WAIT, 60);
	assert_nothing(&scene);
	scene = minisock_ends(1000, TIME_WAIT_KILLED, TCP_TIME_WAIT, 60);
	assert_nothing(&scene);
	scene = minisock_ends(1000, TIME_WAIT_RESET, TCP_TIME_WAIT, 60);
	assert_nothing(&scene);
	scene = minisock_ends(1000, TIME_WAIT_EXPIRED, 0, 60); /* a hook that does not know */
	assert_nothing(&scene);
}

static void test_fin_wait2_stands_for_its_limit(void **state)
{
	struct scene scene = minisock_ends(1952, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 2);

	(void)state;
	assert_found(&scene, TIMED_FIN_WAIT2_EARLY, 1952, 2000);
	scene = minisock_ends(1953, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 2);
	assert_nothing(&scene);
	scene = minisock_ends(100, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 0); /* not known */
	assert_nothing(&scene);
	scene = minisock_ends(58000, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 60);
	assert_found(&scene, TIMED_FIN_WAIT2_EARLY, 58000, 60000);
	scene = minisock_ends(2000, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 62);
	assert_found(&scene, TIMED_FIN_WAIT2_CUT, 4000, 62000);
	scene = minisock_ends(1900, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 62);
	assert_found(&scene, TIMED_FIN_WAIT2_EARLY, 1900, 2000);
	scene = minisock_ends(60000, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 62);
	assert_nothing(&scene);
	scene = minisock_ends(200000, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2, 255);
	assert_nothing(&scene);
}

/* The clock counts from the boot: that nobody saw when FIN_WAIT2 began is not that it began then. */
static void test_fin_wait2_soon_after_the_boot(void **state)
{
	struct event_close close = make_close(0, 1, TCP_FIN_WAIT2);
	struct event_time_wait event = make_time_wait(0, 1, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2);
	struct scene scene = scene_begin();

	(void)state;
	close.limit = 62;
	close.header.time_ns = 30 * NS_PER_S;
	event.header.time_ns = 32 * NS_PER_S;
	scene.facts.fin_wait2_ns = 28 * NS_PER_S;
	timed_minisock(&close, &event, &scene.facts, &scene.findings);
	assert_found(&scene, TIMED_FIN_WAIT2_CUT, 4000, 62000);
	scene.facts.fin_wait2_ns = 0;
	timed_minisock(&close, &event, &scene.facts, &scene.findings);
	assert_nothing(&scene);
}

/* ---- what the tracker makes of it ---------------------------------------------------------------- */

static const struct report_note *timed_note(const struct connection_report *report, enum timed_rule rule)
{
	const struct report_note *found = NULL;

	for (uint8_t i = 0; i < report->note_count; i++) {
		if (report->notes[i].timed != rule)
			continue;
		assert_null(found);
		found = &report->notes[i];
	}
	return found;
}

/* Three timeouts that come far too early, and a fourth that comes a little early: one note, of the worst. */
static void test_worst_of_a_rule_is_kept(void **state)
{
	const struct report_note *note;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, 1, 5000);
	FEED(&f, timeout_at(1000, 1, RTO_204_MS));
	FEED(&f, timeout_at(1300, 2, 2 * RTO_204_MS));
	FEED(&f, timeout_at(1400, 3, 4 * RTO_204_MS));
	FEED(&f, timeout_at(2900, 4, 8 * RTO_204_MS));
	closes_second(&f, 4000, 1);
	tick(&f, 5000);
	note = timed_note(last_report(&f), TIMED_RTO_EARLY);
	assert_non_null(note);
	assert_int_equal(note->measured_ms, 100);
	assert_int_equal(note->limit_ms, 816);
	assert_int_equal(note->verdict, CONFORMANCE_VIOLATION);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_VIOLATION);
	fixture_end(&f);
}

/* A loss that is told after the close, and before the report, spoils the rule all the same. */
static void test_loss_told_after_the_close(void **state)
{
	for (int lost = 0; lost < 2; lost++) {
		struct fixture f;

		(void)state;
		fixture_begin(&f);
		client_opens(&f, 0, 1, 5000);
		FEED(&f, timeout_at(1000, 1, RTO_204_MS));
		FEED(&f, given_up(1500, TCP_ESTABLISHED, 1, 3));
		if (lost)
			tracker_loss(f.tracker, 1);
		tick(&f, 5000);
		assert_int_equal(timed_note(last_report(&f), TIMED_RETRIES_EARLY) != NULL, !lost);
		fixture_end(&f);
	}
}

/* No second report where TIME_WAIT ends as everybody expects; one where it does not. */
static void test_time_wait_revised_only_for_a_finding(void **state)
{
	static const uint64_t ends_ms[] = {61000, 30000};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f;

		fixture_begin(&f);
		client_opens(&f, 0, 1, 5000);
		closes_first(&f, 100, 1, EVENT_SOCKET_DONE);
		tick(&f, 5000);
		assert_int_equal(f.count, 1);
		FEED(&f, make_time_wait(ends_ms[i], 1, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
		assert_int_equal(f.count, 1 + i);
		assert_int_equal(timed_note(last_report(&f), TIMED_TIME_WAIT_EARLY) != NULL, i);
		fixture_end(&f);
	}
}

/* The same socket, connected again, closes while the minisock of its first life stands: whose end is it? */
static void test_minisock_of_the_life_before(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, 1, 5000);
	closes_first(&f, 100, 1, EVENT_SOCKET_DONE);
	tick(&f, 5000);
	client_opens(&f, 20000, 1, 5001);
	closes_first(&f, 20100, 1, EVENT_SOCKET_DONE);
	tick(&f, 25000);
	assert_int_equal(f.count, 2);
	FEED(&f, make_time_wait(61000, 1, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
	assert_int_equal(f.count, 2);
	fixture_end(&f);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rule_has_its_words),
		cmocka_unit_test(test_note_in_words),
		cmocka_unit_test(test_model_is_the_kernels),
		cmocka_unit_test(test_retransmission_before_its_rto),
		cmocka_unit_test(test_retransmission_by_short_jiffies),
		cmocka_unit_test(test_distance_that_tells_nothing),
		cmocka_unit_test(test_rto_reckoned_anew_is_not_judged),
		cmocka_unit_test(test_rto_doubles_up_to_its_bound),
		cmocka_unit_test(test_syn_repeated_with_the_same_rto),
		cmocka_unit_test(test_thin_stream_repeats_with_the_same_rto),
		cmocka_unit_test(test_thin_stream_after_another_way),
		cmocka_unit_test(test_time_wait_stands_for_a_minute),
		cmocka_unit_test(test_fin_wait2_stands_for_its_limit),
		cmocka_unit_test(test_fin_wait2_soon_after_the_boot),
		cmocka_unit_test(test_worst_of_a_rule_is_kept),
		cmocka_unit_test(test_loss_told_after_the_close),
		cmocka_unit_test(test_time_wait_revised_only_for_a_finding),
		cmocka_unit_test(test_minisock_of_the_life_before),
	};

	return cmocka_run_group_tests_name("timed_rules", tests, NULL, NULL);
}
