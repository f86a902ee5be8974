// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_probe_case.c: from samples of a probed connection to its verdict, without a kernel: each rule with its near
 * miss; and how a verdict is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "core/probe_case.h"
#include "report/probe_line.h"

#define S   1000000000ULL
#define MS  1000000ULL
#define NOW (500 * S)

static const struct probe_plan plan = {.count = 3, .interval_s = 1, .tick_ns = 4 * MS};
static const struct probe_plan reaping = {.count = 3, .interval_s = 1, .tick_ns = 4 * MS, .reap = true};

/* Idle for ten seconds, keepalive off. */
static struct probe_sample idle(void)
{
	return (struct probe_sample){
		.time_ns = NOW,
		.cookie = 7,
		.tuple = {.local = {10, 0, 0, 1}, .remote = {10, 0, 0, 2}, .local_port = 5000, .remote_port = 80},
		.settings = {0, 7200, 75, 9},
		.heard_ticks = 1000,
		.silent_ticks = 2500,
		.window_bytes = 65535,
		.state = TCP_ESTABLISHED,
		.family = 4,
	};
}

static struct probe_case opened(const struct probe_plan *with, struct probe_sample sample)
{
	struct probe_case probe;

	probe_case_open(&probe, with, &sample);
	return probe;
}

static struct probe_case begun(const struct probe_plan *with, struct probe_sample sample)
{
	struct probe_case probe = opened(with, sample);

	assert_int_equal(probe.verdict, PROBE_PENDING);
	sample.result = probe.means == PROBE_BY_KEEPALIVE ? PROBE_DONE : PROBE_LOOKED;
	probe_case_begin(&probe, with, &sample);
	return probe;
}

/* As it stands so long after the beginning, with nothing heard. */
static enum probe_verdict later(struct probe_case *probe, const struct probe_plan *with, uint64_t ns,
				unsigned probes_out)
{
	struct probe_sample sample = probe->first;

	sample.time_ns += ns;
	sample.silent_ticks += (uint32_t)(ns / with->tick_ns);
	sample.probes_out = (uint8_t)probes_out;
	probe_case_sample(probe, with, &sample);
	return probe->verdict;
}

static void answered_is_alive(void **state)
{
	struct probe_case probe = begun(&plan, idle());
	struct probe_sample sample = probe.first;

	(void)state;
	assert_int_equal(later(&probe, &plan, 50 * MS, 1), PROBE_PENDING);
	sample.time_ns += 100 * MS;
	sample.heard_ticks += 2500 + 15;
	sample.silent_ticks = 10;
	probe_case_sample(&probe, &plan, &sample);
	assert_int_equal(probe.verdict, PROBE_ALIVE);
	assert_int_equal(probe.answered_ns, 60 * MS);
}

/* Jiffies are what the kernel reckons in: an answer is never told finer, nor as one from before the beginning. */
static void an_answer_takes_a_tick_at_least(void **state)
{
	static const struct {
		uint32_t silent_ticks; /* 100 ms after the beginning */
		uint64_t answered_ns;
	} cases[] = {{10, 60 * MS}, {23, 8 * MS}, {24, 4 * MS}, {25, 4 * MS}, {30, 4 * MS}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_case probe = begun(&plan, idle());
		struct probe_sample sample = probe.first;

		sample.time_ns += 100 * MS;
		sample.heard_ticks++;
		sample.silent_ticks = cases[i].silent_ticks;
		probe_case_sample(&probe, &plan, &sample);
		assert_int_equal(probe.verdict, PROBE_ALIVE);
		assert_int_equal(probe.answered_ns, cases[i].answered_ns);
	}
}

static void silence_takes_all_probes_and_time(void **state)
{
	struct probe_case probe = begun(&plan, idle());

	(void)state;
	assert_int_equal(probe.means, PROBE_BY_KEEPALIVE);
	assert_int_equal(probe.probing.count, PROBE_COUNT_MAX);
	assert_int_equal(later(&probe, &plan, 10 * MS, 1), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 1900 * MS, 2), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 2010 * MS, 3), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 2600 * MS, 3), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 2620 * MS, 3), PROBE_SILENT);
	assert_int_equal(probe.probes, 3);
	assert_false(probe.killed);
}

/* Where the kernel itself ends what does not answer, it is waited for: so long, and one probe more. */
static void reaping_leaves_the_end_to_the_kernel(void **state)
{
	struct probe_case probe = begun(&reaping, idle());

	(void)state;
	assert_int_equal(later(&probe, &reaping, 2010 * MS, 3), PROBE_PENDING);
	assert_int_equal(later(&probe, &reaping, 5990 * MS, 3), PROBE_PENDING);
	assert_int_equal(later(&probe, &reaping, 6000 * MS, 3), PROBE_SILENT);
	assert_false(probe.killed);
	probe = begun(&reaping, idle());
	assert_int_equal(later(&probe, &reaping, 6000 * MS, 1), PROBE_NOT_PROBED);
	assert_int_equal(probe.reason, PROBE_REASON_NOT_DUE);
}

/* What an earlier probing left unanswered is not ours. */
static void probes_of_before_do_not_count(void **state)
{
	struct probe_sample sample = idle();
	struct probe_case probe;

	(void)state;
	sample.probes_out = 4;
	probe = begun(&plan, sample);
	assert_int_equal(later(&probe, &plan, 700 * MS, 5), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 1700 * MS, 6), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 2000 * MS, 7), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 2700 * MS, 7), PROBE_SILENT);
	assert_int_equal(probe.probes, 3);
	assert_int_equal(opened(&reaping, sample).probing.count, 7);
}

static void too_many_unanswered_are_left_alone(void **state)
{
	struct probe_sample sample = idle();

	(void)state;
	sample.probes_out = 94;
	assert_int_equal(opened(&plan, sample).verdict, PROBE_PENDING);
	sample.probes_out = 95;
	assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_MANY_PROBES);
}

static void own_keepalive_keeps_its_last_probe(void **state)
{
	struct probe_sample sample = idle();

	(void)state;
	sample.settings = (struct probe_settings){1, 600, 75, 4};
	assert_int_equal(opened(&plan, sample).limit, 3);
	sample.settings.count = 3;
	assert_int_equal(opened(&plan, sample).limit, 2);
	sample.probes_out = 1;
	assert_int_equal(opened(&plan, sample).limit, 1);
	sample.probes_out = 2;
	assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_OWN_LIMIT);
	for (sample.probes_out = 3; sample.probes_out < 6; sample.probes_out++) /* its limit was lowered meanwhile */
		assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_OWN_LIMIT);
	assert_int_equal(opened(&reaping, sample).verdict, PROBE_PENDING);
	sample.settings.keepalive = 0;
	assert_int_equal(opened(&plan, sample).limit, 3);
}

/* Its keepalive is at it: silent for longer than TCP_KEEPIDLE, and probes are out. */
static void own_probes_are_watched(void **state)
{
	struct probe_sample sample = idle();
	struct probe_case probe;

	(void)state;
	sample.settings = (struct probe_settings){1, 10, 1, 9};
	sample.probes_out = 1;
	assert_int_equal(opened(&plan, sample).means, PROBE_BY_OWN);
	sample.silent_ticks--;
	assert_int_equal(opened(&plan, sample).means, PROBE_BY_KEEPALIVE);
	sample.silent_ticks++;
	probe = begun(&plan, sample);
	assert_int_equal(later(&probe, &plan, 4900 * MS, 5), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 5000 * MS, 6), PROBE_SILENT);
	assert_int_equal(probe.probes, 6);
}

static void retransmissions_are_watched(void **state)
{
	struct probe_sample sample = idle();
	struct probe_case probe;

	(void)state;
	sample.unacked_bytes = 100;
	sample.retransmits = 1;
	probe = begun(&plan, sample);
	assert_int_equal(probe.means, PROBE_BY_OWN);
	assert_int_equal(later(&probe, &plan, 4900 * MS, 0), PROBE_PENDING);
	assert_int_equal(later(&probe, &plan, 5 * S, 0), PROBE_NOT_PROBED);
	assert_int_equal(probe.reason, PROBE_REASON_NOT_DUE);
	sample.retransmits = 2;
	probe = begun(&plan, sample);
	assert_int_equal(later(&probe, &plan, 5 * S, 0), PROBE_SILENT);
	assert_int_equal(probe.retransmits, 2);
}

static void what_must_not_be_probed(void **state)
{
	static const uint8_t fit[] = {TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT1, TCP_FIN_WAIT2};
	struct probe_sample sample = idle();

	(void)state;
	for (uint8_t each = 1; each < TCP_STATES; each++) {
		sample.state = each;
		assert_int_equal(opened(&plan, sample).verdict,
				 memchr(fit, each, sizeof(fit)) ? PROBE_PENDING : PROBE_NOT_PROBED);
	}
	sample = idle();
	sample.traits = PROBE_ORPHANED;
	assert_int_equal(opened(&reaping, sample).reason, PROBE_REASON_ORPHAN);
	sample.traits = PROBE_OWN_IDLE;
	sample.user_timeout_ms = 1;
	assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_USER_TIMEOUT);
	assert_int_equal(opened(&reaping, sample).verdict, PROBE_PENDING);
	assert_int_equal(opened(&reaping, sample).probing.interval_s, 3);
	sample.probes_out = 1;
	assert_int_equal(opened(&reaping, sample).reason, PROBE_REASON_USER_TIMEOUT);
}

static void settings_out_of_range_are_left_alone(void **state)
{
	struct probe_sample sample = idle();

	(void)state;
	sample.settings = (struct probe_settings){0, PROBE_SECONDS_MAX, PROBE_SECONDS_MAX, PROBE_COUNT_MAX};
	assert_int_equal(opened(&plan, sample).verdict, PROBE_PENDING);
	sample.settings.idle_s++;
	assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_SETTINGS);
	sample.settings = (struct probe_settings){0, 1, 1, PROBE_COUNT_MAX + 1};
	assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_SETTINGS);
	sample.settings = (struct probe_settings){0, 1, 0, 1};
	assert_int_equal(opened(&plan, sample).reason, PROBE_REASON_SETTINGS);
	sample.settings = (struct probe_settings){0, 1, 1, 1};
	assert_int_equal(opened(&plan, sample).verdict, PROBE_PENDING);
}

static void what_changed_before_the_beginning(void **state)
{
	struct probe_sample sample = idle();
	struct probe_case probe = opened(&plan, sample);

	(void)state;
	sample.result = PROBE_CHANGED;
	probe_case_begin(&probe, &plan, &sample);
	assert_int_equal(probe.reason, PROBE_REASON_CHANGED);
	probe = opened(&plan, sample);
	sample.result = PROBE_UNFIT;
	sample.unacked_bytes = 1; /* the application has sent something */
	probe_case_begin(&probe, &plan, &sample);
	assert_int_equal(probe.verdict, PROBE_PENDING);
	assert_int_equal(probe.means, PROBE_BY_OWN);
	assert_int_equal(later(&probe, &plan, 4 * S, 0), PROBE_PENDING);
	/* What made the kernel's side refuse is over already: another time. */
	probe = opened(&plan, idle());
	sample.unacked_bytes = 0;
	probe_case_begin(&probe, &plan, &sample);
	assert_int_equal(probe.verdict, PROBE_NOT_PROBED);
	assert_int_equal(probe.reason, PROBE_REASON_CHANGED);
	probe = opened(&plan, idle());
	sample.state = TCP_LAST_ACK;
	probe_case_begin(&probe, &plan, &sample);
	assert_int_equal(probe.reason, PROBE_REASON_STATE);
	probe = opened(&plan, idle());
	sample.result = PROBE_DONE_IN_PART;
	sample.error = -22;
	probe_case_begin(&probe, &plan, &sample);
	assert_int_equal(probe.reason, PROBE_REASON_REFUSED);
	assert_int_equal(probe.error, 22);
}

static void ends_are_told_apart(void **state)
{
	static const struct {
		int error;
		enum probe_verdict verdict;
		bool killed;
	} ends[] = {
		{0, PROBE_GONE, false},    {104, PROBE_RESET, false}, {32, PROBE_RESET, false},
		{103, PROBE_GONE, false},  {110, PROBE_SILENT, true}, {113, PROBE_SILENT, true},
		{101, PROBE_SILENT, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct probe_case probe = begun(&reaping, idle());
		struct probe_end end = {.time_ns = NOW + 20 * MS, .error = ends[i].error, .probes_out = 3};

		probe_case_missed(&probe, &end);
		assert_int_equal(probe.verdict, ends[i].verdict);
		assert_int_equal(probe.killed, ends[i].killed);
		assert_int_equal(probe.answered_ns, 20 * MS);
		assert_int_equal(probe.probes, ends[i].killed ? 3 : 0);
	}
}

/* The end was taken down before the sample that the probing begins with. */
static void an_end_before_the_beginning(void **state)
{
	struct probe_case probe = begun(&plan, idle());
	struct probe_end end = {.time_ns = NOW - 1, .error = 104};

	(void)state;
	probe_case_missed(&probe, &end);
	assert_int_equal(probe.verdict, PROBE_RESET);
	assert_int_equal(probe.answered_ns, 0);
}

/* An iterator may pass over a socket, but not time and again. */
static void missed_once_is_not_gone(void **state)
{
	const struct probe_end none = {0};
	struct probe_case probe = begun(&plan, idle());

	(void)state;
	for (int round = 0; round < 2; round++) {
		probe_case_missed(&probe, &none);
		probe_case_missed(&probe, &none);
		assert_int_equal(probe.verdict, PROBE_PENDING);
		assert_int_equal(later(&probe, &plan, 10 * MS, 1), PROBE_PENDING);
	}
	for (int i = 0; i < 3; i++)
		probe_case_missed(&probe, &none);
	assert_int_equal(probe.verdict, PROBE_GONE);
}

/* ---- lines -------------------------------------------------------------------------------------------- */

static json_t *line_json(const struct probe_line *line)
{
	struct text text = {0};
	json_t *object;

	probe_line_json(&text, line);
	assert_int_equal(text.data[text.length - 1], '\n');
	object = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	text_free(&text);
	return object;
}

static void line_of_a_silent_one(void **state)
{
	struct probe_case probe = begun(&plan, idle());
	struct probe_line line = {
		.probe = &probe, .cookie = 7, .pid = 12, .comm = "a\"b", .tick_ns = 4 * MS, .found = true};
	struct text text = {0};
	json_t *object;

	(void)state;
	later(&probe, &plan, 2 * S, 3);
	later(&probe, &plan, 3 * S, 3);
	line.restored = PROBE_RESTORED;
	object = line_json(&line);
	assert_string_equal(json_string_value(json_object_get(object, "verdict")), "silent");
	assert_string_equal(json_string_value(json_object_get(object, "remote_addr")), "10.0.0.2");
	assert_string_equal(json_string_value(json_object_get(json_object_get(object, "process"), "comm")), "a\"b");
	assert_int_equal(json_integer_value(json_object_get(object, "probes_unanswered")), 3);
	assert_int_equal(json_integer_value(json_object_get(object, "silent_us")), 13000000);
	assert_true(json_is_true(json_object_get(object, "restored")));
	assert_true(json_is_null(json_object_get(object, "reason")));
	assert_string_equal(json_string_value(json_object_get(object, "explain")),
			    "No answer to 3 probes; nothing was heard for 13 s.");
	json_decref(object);
	probe_line_row(&text, &line, 80);
	assert_string_equal(text_string(&text),
			    "silent     a\"b/12          :5000  10.0.0.2:80           3 probes, silent 13s\n");
	text_free(&text);
}

static void line_of_nothing(void **state)
{
	const struct probe_case probe = {.verdict = PROBE_GONE};
	struct probe_line line = {.probe = &probe, .id = "575088c5-6b9588db"};
	json_t *object = line_json(&line);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(object, "verdict")), "gone");
	assert_string_equal(json_string_value(json_object_get(object, "id")), "575088c5-6b9588db");
	assert_true(json_is_null(json_object_get(object, "local_addr")));
	assert_true(json_is_null(json_object_get(object, "keepalive")));
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answered_is_alive),
		cmocka_unit_test(an_answer_takes_a_tick_at_least),
		cmocka_unit_test(silence_takes_all_probes_and_time),
		cmocka_unit_test(reaping_leaves_the_end_to_the_kernel),
		cmocka_unit_test(probes_of_before_do_not_count),
		cmocka_unit_test(too_many_unanswered_are_left_alone),
		cmocka_unit_test(own_keepalive_keeps_its_last_probe),
		cmocka_unit_test(own_probes_are_watched),
		cmocka_unit_test(retransmissions_are_watched),
		cmocka_unit_test(what_must_not_be_probed),
		cmocka_unit_test(settings_out_of_range_are_left_alone),
		cmocka_unit_test(what_changed_before_the_beginning),
		cmocka_unit_test(ends_are_told_apart),
		cmocka_unit_test(an_end_before_the_beginning),
		cmocka_unit_test(missed_once_is_not_gone),
		cmocka_unit_test(line_of_a_silent_one),
		cmocka_unit_test(line_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
