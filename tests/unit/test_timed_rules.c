// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_timed_rules.c: each timed rule with the case that it must find, at the edge of its tolerance, and the near
 * misses that differ in one fact: a millisecond, a setting, a loss, another kind of retransmission.
 */
#include <errno.h>
#include <stdio.h>

#include "core/timed_rules.h"
#include "core_fixture.h"
#include "report/machine_text.h"
#include "report/text.h"

#define PENDING_RETRANSMIT 1
#define PENDING_LOSS_PROBE 5
#define USUAL              (EVENT_RTO_UNCLAMPED | EVENT_RTO_MAX_USUAL)

/* RTOs of this fixture's kernel, in ticks of 4 ms. */
#define RTO_204_MS 51
#define RTO_1_S    250
#define RTO_120_S  30000

struct scene {
	struct timed_series series;
	struct timed_facts facts;
	struct timed_findings findings;
};

/* Born at 0, watched since; trouble begins long after. */
static struct scene scene_begin(void)
{
	return (struct scene){.facts = {.tick_ns = TICK_NS, .since_ns = AT(0), .birth_seen = true}};
}

/* A timeout: the retransmission timer sends the segment again. */
static struct event_retransmit timeout_at(uint64_t ms, uint8_t count, uint32_t rto_ticks)
{
	struct event_retransmit event = make_retransmit(ms, 1, TCP_ESTABLISHED);

	event.header.flags = USUAL;
	event.retransmits = count;
	event.backoff = count - 1;
	event.rto_ticks = rto_ticks;
	return event;
}

static void retransmit(struct scene *scene, struct event_retransmit event)
{
	timed_retransmit(&scene->series, &event, &scene->facts, &scene->findings);
}

static void assert_found(const struct scene *scene, enum timed_rule rule, uint32_t measured_ms, uint32_t limit_ms)
{
	assert_int_equal(scene->findings.count, 1);
	assert_int_equal(scene->findings.list[0].rule, rule);
	assert_int_equal(scene->findings.list[0].measured_ms, measured_ms);
	assert_int_equal(scene->findings.list[0].limit_ms, limit_ms);
}

static void assert_nothing(const struct scene *scene)
{
	assert_int_equal(scene->findings.count, 0);
}

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

static struct event_close given_up(uint64_t ms, uint8_t from, uint8_t retransmits, uint8_t limit)
{
	struct event_close close = make_close(ms, 1, from);

	close.header.flags = EVENT_RTO_MAX_USUAL;
	close.error = ETIMEDOUT;
	close.retransmits = retransmits;
	close.limit = limit;
	close.unacked_bytes = 100;
	return close;
}

static void window_probe(struct scene *scene, uint64_t ms, uint8_t unanswered)
{
	struct event_probe event = make_probe(ms, 1, PROBE_WINDOW);

	event.probes_out = unanswered;
	timed_window_probe(&scene->series, &event, &scene->facts);
}

static void judge(struct scene *scene, struct event_close close)
{
	timed_close(&scene->series, &close, &scene->facts, &scene->findings);
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
