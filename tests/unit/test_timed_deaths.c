// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_timed_deaths.c: each timed rule on connections that a timer ended, with the case that it must find, at the edge
 * of its tolerance, and the near misses that differ in one fact: a millisecond, a setting, a loss.
 */
#include "core_fixture.h"
#include "timed_scene.h"

/* ---- death by retransmission --------------------------------------------------------------------- */

/* Three timeouts from 1000 ms on, the last at 2224 ms; then the close, so long after the first. */
static struct scene unanswered(void)
{
	struct scene scene = scene_begin();

	retransmit(&scene, timeout_at(1000, 1, RTO_204_MS));
	retransmit(&scene, timeout_at(1408, 2, 2 * RTO_204_MS));
	retransmit(&scene, timeout_at(2224, 3, 4 * RTO_204_MS));
	assert_nothing(&scene);
	return scene;
}

/* tcp_retries2 = 3: 3 s, of which 32 + 3000 / 128 ms may be missing. */
static void test_retries_take_their_time(void **state)
{
	struct scene scene = unanswered();
	struct event_close close = given_up(1000 + 2944, TCP_ESTABLISHED, 3, 3);

	(void)state;
	judge(&scene, close);
	assert_found(&scene, TIMED_RETRIES_EARLY, 2944, 3000);
	close.header.time_ns = AT(1000 + 2945);
	judge(&scene, close);
	assert_nothing(&scene);
	close.header.time_ns = AT(1000 + 9000);
	judge(&scene, close);
	assert_nothing(&scene);
	/* With another bound than the usual one the RTO may have stayed at 1 s. */
	close.header.time_ns = AT(1000 + 2400);
	close.header.flags = 0;
	judge(&scene, close);
	assert_nothing(&scene);
	close.header.time_ns = AT(1000 + 2300);
	judge(&scene, close);
	assert_found(&scene, TIMED_RETRIES_EARLY, 2300, 2400);
}

static void test_orphan_has_retries_of_its_own(void **state)
{
	struct scene scene = unanswered();
	struct event_close close = given_up(1000 + 1300, TCP_FIN_WAIT1, 3, 2);

	(void)state;
	close.header.flags |= EVENT_SOCKET_DEAD;
	judge(&scene, close);
	assert_found(&scene, TIMED_RETRIES_EARLY, 1300, 1400);
	close.soft_error = EHOSTUNREACH; /* ICMP shortens it */
	judge(&scene, close);
	assert_nothing(&scene);
	close.soft_error = 0;
	scene.series.rto_ticks = RTO_120_S / 2; /* the next is at the bound: given up at once */
	judge(&scene, close);
	assert_nothing(&scene);
	scene = unanswered();
	close.header.flags = EVENT_SOCKET_DEAD; /* where the bound lies is not known */
	judge(&scene, close);
	assert_nothing(&scene);
}

static void test_death_that_is_not_judged(void **state)
{
	const struct scene good = unanswered();
	const struct event_close early = given_up(1000 + 1500, TCP_ESTABLISHED, 3, 3);
	struct scene scene;
	struct event_close close;

#define NOT_JUDGED(change)                                                                                             \
	do {                                                                                                           \
		scene = good;                                                                                          \
		close = early;                                                                                         \
		change;                                                                                                \
		judge(&scene, close);                                                                                  \
		assert_nothing(&scene);                                                                                \
	} while (0)

	(void)state;
	NOT_JUDGED(close.limit = 0);            /* a recording from before */
	NOT_JUDGED(close.error = EHOSTUNREACH); /* ICMP may have done it */
	NOT_JUDGED(close.error = 0);
	NOT_JUDGED(close.retransmits = 4);                   /* one was not seen */
	NOT_JUDGED(close.header.flags |= EVENT_WINDOW_ZERO); /* then the silence decides */
	NOT_JUDGED(close.user_timeout_ms = 1400);            /* then that alone decides */
	NOT_JUDGED(close.old_state = TCP_FIN_WAIT2);
	NOT_JUDGED(close.old_state = TCP_SYN_RECV);
	NOT_JUDGED(scene.facts.gap = true);
	NOT_JUDGED(scene.facts.loss_ns = AT(1000));
	NOT_JUDGED(scene.series.flags |= TIMED_DOUBT);
	/* Its timer ran for another time than the RTO: what was to be sent did not leave the host. */
	NOT_JUDGED(scene.series.rto_ticks = 0);
	/* A shut window's probes, however many: no retransmissions. */
	NOT_JUDGED(window_probe(&scene, 2300, 0); window_probe(&scene, 2400, 1); close.retransmits = 2);
	NOT_JUDGED(retransmit(&scene, timeout_at(2300, 5, 8 * RTO_204_MS)); close.retransmits = 5);
	scene = good;
	judge(&scene, early);
	assert_found(&scene, TIMED_RETRIES_EARLY, 1500, 3000);
}

/* The kernel reckons from the first retransmission of the trouble, which need not be this series'. */
static void test_trouble_before_counts(void **state)
{
	struct scene scene = scene_begin();
	struct event_retransmit fast = timeout_at(200000, 0, RTO_204_MS);

	(void)state;
	fast.pending_timer = PENDING_LOSS_PROBE;
	retransmit(&scene, fast);
	retransmit(&scene, timeout_at(201000, 1, RTO_204_MS));
	retransmit(&scene, timeout_at(201408, 2, 2 * RTO_204_MS));
	judge(&scene, given_up(202960, TCP_ESTABLISHED, 2, 3));
	assert_nothing(&scene);
	judge(&scene, given_up(202900, TCP_ESTABLISHED, 2, 3));
	assert_found(&scene, TIMED_RETRIES_EARLY, 2900, 3000);
	/* But not what lies further back than any timer: that is another trouble. */
	retransmit(&scene, timeout_at(201408 + 240001, 1, RTO_204_MS));
	judge(&scene, given_up(201408 + 240001 + 2900, TCP_ESTABLISHED, 1, 3));
	assert_found(&scene, TIMED_RETRIES_EARLY, 2900, 3000);
}

/* What may have been sent again before anybody watched, or what a loss hides, leaves a doubt. */
static void test_trouble_unseen_leaves_a_doubt(void **state)
{
	struct scene scene = scene_begin();

	(void)state;
	scene.facts.birth_seen = false;
	retransmit(&scene, timeout_at(239999, 1, RTO_204_MS));
	judge(&scene, given_up(240500, TCP_ESTABLISHED, 1, 3));
	assert_nothing(&scene);
	scene = scene_begin();
	scene.facts.birth_seen = false;
	retransmit(&scene, timeout_at(240000, 1, RTO_204_MS));
	judge(&scene, given_up(240500, TCP_ESTABLISHED, 1, 3));
	assert_found(&scene, TIMED_RETRIES_EARLY, 500, 3000);
	scene = scene_begin();
	scene.facts.loss_ns = AT(1000);
	retransmit(&scene, timeout_at(2000, 1, RTO_204_MS));
	judge(&scene, given_up(2500, TCP_ESTABLISHED, 1, 3));
	assert_nothing(&scene);
	/* What was lost longer ago than any timer runs is no part of it. */
	scene = scene_begin();
	scene.facts.loss_ns = AT(1000);
	retransmit(&scene, timeout_at(240999, 1, RTO_204_MS));
	judge(&scene, given_up(241500, TCP_ESTABLISHED, 1, 3));
	assert_nothing(&scene);
	scene = scene_begin();
	scene.facts.loss_ns = AT(1000);
	retransmit(&scene, timeout_at(241000, 1, RTO_204_MS));
	judge(&scene, given_up(241500, TCP_ESTABLISHED, 1, 3));
	assert_found(&scene, TIMED_RETRIES_EARLY, 500, 3000);
}

static struct scene syn_given_up_after(uint8_t backoff, uint64_t ms, uint8_t limit, uint32_t user_timeout_ms)
{
	struct scene scene = scene_begin();
	struct event_retransmit event = timeout_at(1000, 1, RTO_1_S);
	struct event_close close = given_up(ms, TCP_SYN_SENT, 1, limit);

	event.state = TCP_SYN_SENT;
	event.backoff = backoff;
	retransmit(&scene, event);
	close.header.flags |= EVENT_WINDOW_ZERO;
	close.user_timeout_ms = user_timeout_ms;
	judge(&scene, close);
	return scene;
}

static struct scene syn_given_up(uint64_t ms, uint8_t limit, uint32_t user_timeout_ms)
{
	return syn_given_up_after(0, ms, limit, user_timeout_ms);
}

/* tcp_syn_retries may be 127, and each counts: what the RTO began with can no longer be told from it. */
static void test_more_retries_than_bits(void **state)
{
	struct scene scene = syn_given_up_after(0, 34000, 33, 0);

	(void)state;
	assert_int_equal(scene.findings.count, 1);
	for (unsigned backoff = 32; backoff <= 255; backoff++) {
		scene = syn_given_up_after((uint8_t)backoff, 34000, 33, 0);
		assert_nothing(&scene);
	}
}

/* tcp_syn_retries = 1: 3 s after the SYN, of which 32 + 3000 / 128 ms may be missing. */
static void test_retries_of_the_syn(void **state)
{
	struct scene scene = syn_given_up(2944, 1, 0);

	(void)state;
	assert_found(&scene, TIMED_SYN_RETRIES_EARLY, 2944, 3000);
	scene = syn_given_up(2945, 1, 0);
	assert_nothing(&scene);
	scene = syn_given_up(2000, 0, 0);
	assert_nothing(&scene);
	scene = syn_given_up(1500, 1, 2000);
	assert_found(&scene, TIMED_USER_TIMEOUT_EARLY, 1500, 2000);
	scene = syn_given_up(2100, 1, 2000);
	assert_nothing(&scene);
	scene = syn_given_up(3000, 1, 60000); /* the retries ran out first */
	assert_nothing(&scene);
}

/* With more retries than the time allows for: a quarter more and 2 s is late. */
static void test_user_timeout_of_the_syn(void **state)
{
	struct scene scene = syn_given_up(4500, 5, 2000);

	(void)state;
	assert_nothing(&scene);
	scene = syn_given_up(4501, 5, 2000);
	assert_found(&scene, TIMED_USER_TIMEOUT_LATE, 4501, 2000);
}

/* The machine slept after the SYN: when that was must be known, and that nothing was lost since. */
static void test_syn_of_long_ago(void **state)
{
	enum { ALL_SEEN, LOSS_BEFORE, LOSS_SINCE, BIRTH_UNSEEN, CASES };

	(void)state;
	for (unsigned what = ALL_SEEN; what < CASES; what++) {
		struct scene scene = scene_begin();
		struct event_retransmit event = timeout_at(300000, 1, RTO_1_S);

		event.state = TCP_SYN_SENT;
		scene.facts.since_ns = AT(10);
		scene.facts.birth_seen = what != BIRTH_UNSEEN;
		scene.facts.loss_ns = what == LOSS_BEFORE ? AT(9) : what == LOSS_SINCE ? AT(10) : 0;
		retransmit(&scene, event);
		judge(&scene, given_up(301010, TCP_SYN_SENT, 1, 8));
		if (what == ALL_SEEN || what == LOSS_BEFORE)
			assert_found(&scene, TIMED_SYN_RETRIES_EARLY, 301000, 367000);
		else
			assert_nothing(&scene);
	}
}

static void test_user_timeout_of_data(void **state)
{
	struct scene scene = unanswered();
	struct event_close close = given_up(1000 + 1856, TCP_ESTABLISHED, 3, 15);

	(void)state;
	close.user_timeout_ms = 1904; /* 32 + 14 ms may be missing */
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_EARLY, 1856, 1904);
	close.header.time_ns = AT(1000 + 1858);
	judge(&scene, close);
	assert_nothing(&scene);
	/* A quarter more, 2 s, and one RTO for the loss probe that may stand in for the first. */
	close.header.time_ns = AT(1000 + 1904 + 476 + 2000 + 204 + 51);
	judge(&scene, close);
	assert_nothing(&scene);
	close.header.time_ns = AT(1000 + 1904 + 476 + 2000 + 204 + 52);
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_LATE, 4636, 1904);
	scene.series.flags &= (uint8_t)~TIMED_ALONE; /* when it began is not quite clear */
	judge(&scene, close);
	assert_nothing(&scene);
}

/* ---- death by probes ----------------------------------------------------------------------------- */

static void test_user_timeout_of_a_shut_window(void **state)
{
	struct event_close close = given_up(1999, TCP_ESTABLISHED, 0, 15);
	struct scene scene = scene_begin();

	(void)state;
	close.header.flags |= EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO;
	close.probes_out = 2;
	close.user_timeout_ms = 2000;
	window_probe(&scene, 1000, 0);
	window_probe(&scene, 1400, 1);
	window_probe(&scene, 1999, 2); /* some hooks tell of the expiry that ends it, too */
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_EARLY, 999, 2000);
	close.header.time_ns = AT(2000);
	judge(&scene, close);
	assert_nothing(&scene);
	close.header.time_ns = AT(1000 + 4501);
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_LATE, 4501, 2000);
	close.limit = 2; /* the number ran out */
	close.header.time_ns = AT(1999);
	judge(&scene, close);
	assert_nothing(&scene);
	close.limit = 15;
	window_probe(&scene, 1999, 5); /* some were not seen */
	close.probes_out = 5;
	judge(&scene, close);
	assert_nothing(&scene);
}

/* Two probes without an answer, too early for TCP_USER_TIMEOUT; and what differs in one thing. */
static void test_shut_window_that_is_not_judged(void **state)
{
	struct event_close early = given_up(1999, TCP_ESTABLISHED, 0, 15), close;
	struct scene good = scene_begin(), scene;

	(void)state;
	early.header.flags |= EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO;
	early.probes_out = 2;
	early.user_timeout_ms = 2000;
	window_probe(&good, 1000, 0);
	window_probe(&good, 1400, 1);
	NOT_JUDGED(close.user_timeout_ms = 0);
	NOT_JUDGED(close.header.flags |= EVENT_SOCKET_DEAD); /* an orphan's number is another one */
	NOT_JUDGED(close.probes_out = 3);                    /* one was not seen */
	NOT_JUDGED(close.probes_out = 4);
	NOT_JUDGED(scene.facts.loss_ns = AT(1000));
	NOT_JUDGED(scene.series.flags |= TIMED_DOUBT);
	NOT_JUDGED(retransmit(&scene, timeout_at(1500, 2, RTO_204_MS)));
	scene = good;
	judge(&scene, early);
	assert_found(&scene, TIMED_USER_TIMEOUT_EARLY, 999, 2000);
	close = early;
	close.probes_out = 1; /* the second was told as it was sent */
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_EARLY, 999, 2000);
}

/* Since when the window is shut is not clear where something was sent again before. */
static void test_shut_window_after_other_trouble(void **state)
{
	struct event_close close = given_up(10000, TCP_ESTABLISHED, 0, 15);

	(void)state;
	close.header.flags |= EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO;
	close.probes_out = 1;
	close.user_timeout_ms = 2000;
	for (int trouble = 0; trouble < 2; trouble++) {
		struct scene scene = scene_begin();

		if (trouble)
			retransmit(&scene, timeout_at(1000, 1, RTO_204_MS));
		window_probe(&scene, 2000, 0);
		judge(&scene, close);
		if (trouble)
			assert_nothing(&scene);
		else
			assert_found(&scene, TIMED_USER_TIMEOUT_LATE, 8000, 2000);
	}
}

/* Idle for 60 s, then 3 probes 10 s apart: 90 s. */
static struct event_close keepalive_ends(uint32_t silent_ticks)
{
	struct event_close close = given_up(100000, TCP_ESTABLISHED, 0, 15);

	close.header.flags |= EVENT_KEEPALIVE_ON | EVENT_NOTHING_IN_FLIGHT;
	close.unacked_bytes = 0;
	close.probes_out = 3;
	close.keepalive_idle_ticks = 60 * 250;
	close.keepalive_interval_ticks = 10 * 250;
	close.keepalive_probes = 3;
	close.silent_ticks = silent_ticks;
	return close;
}

static void test_keepalive_keeps_its_schedule(void **state)
{
	struct scene scene = scene_begin();
	struct event_close close;

	(void)state;
	judge(&scene, keepalive_ends(90 * 250 - 2));
	assert_nothing(&scene);
	judge(&scene, keepalive_ends(90 * 250 - 3));
	assert_found(&scene, TIMED_KEEPALIVE_HURRIED, 89988, 90000);
	judge(&scene, keepalive_ends(60 * 250 - 3));
	assert_found(&scene, TIMED_KEEPALIVE_EARLY, 59988, 60000);
	judge(&scene, keepalive_ends(60 * 250 - 2));
	assert_found(&scene, TIMED_KEEPALIVE_HURRIED, 59992, 90000);
	judge(&scene, keepalive_ends(UINT32_MAX));
	assert_nothing(&scene);
	close = keepalive_ends(60 * 250 - 3);
	close.header.flags &= (__u16)~EVENT_KEEPALIVE_ON;
	judge(&scene, close);
	assert_nothing(&scene);
	close = keepalive_ends(10 * 250);
	close.keepalive_idle_ticks = 0; /* not known, so neither is the whole time */
	judge(&scene, close);
	assert_nothing(&scene);
	close = keepalive_ends(60 * 250 - 3);
	close.unacked_bytes = 1; /* another timer's */
	judge(&scene, close);
	assert_nothing(&scene);
}

static void test_user_timeout_of_keepalive(void **state)
{
	struct scene scene = scene_begin();
	struct event_close close = keepalive_ends(70 * 250 - 3);

	(void)state;
	close.user_timeout_ms = 70000;
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_EARLY, 69988, 70000);
	close.silent_ticks++;
	judge(&scene, close);
	assert_nothing(&scene);
	close.user_timeout_ms = 1000; /* shorter than the idle time: noticed at the second probe */
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_LATE, 69992, 1000);
	close.user_timeout_ms = 60000;
	judge(&scene, close);
	assert_nothing(&scene);
	/* More than seven weeks of silence are more milliseconds than a note can hold. */
	close.silent_ticks = 1073741823;
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_LATE, 4294967292, 60000);
	close.silent_ticks++;
	judge(&scene, close);
	assert_found(&scene, TIMED_USER_TIMEOUT_LATE, UINT32_MAX, 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retries_take_their_time),
		cmocka_unit_test(test_orphan_has_retries_of_its_own),
		cmocka_unit_test(test_death_that_is_not_judged),
		cmocka_unit_test(test_trouble_before_counts),
		cmocka_unit_test(test_trouble_unseen_leaves_a_doubt),
		cmocka_unit_test(test_retries_of_the_syn),
		cmocka_unit_test(test_more_retries_than_bits),
		cmocka_unit_test(test_user_timeout_of_the_syn),
		cmocka_unit_test(test_syn_of_long_ago),
		cmocka_unit_test(test_user_timeout_of_data),
		cmocka_unit_test(test_user_timeout_of_a_shut_window),
		cmocka_unit_test(test_shut_window_that_is_not_judged),
		cmocka_unit_test(test_shut_window_after_other_trouble),
		cmocka_unit_test(test_keepalive_keeps_its_schedule),
		cmocka_unit_test(test_user_timeout_of_keepalive),
	};

	return cmocka_run_group_tests_name("timed_deaths", tests, NULL, NULL);
}
