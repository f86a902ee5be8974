/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_report_read.c: a report as JSON, read back: the same table, the same CSV, for samples and for random reports;
 * and what is no report is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "core/tcp_machine.h"
#include "random_report.h"
#include "report/report_read.h"
#include "report/report_writer.h"
#include "sample_report.h"

#define ROUNDS 3000

static const char *cgroup_path(void *arg, uint64_t cgroup)
{
	(void)arg;
	return cgroup == 77 ? "/a \"quoted\", path;\xff\n/docker/"
			      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
			    : NULL;
}

static struct report_context context = {
	.host = "web,1",
	.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS + 123,
	.cgroup_path = cgroup_path,
	.time_of_day = true,
};

/* Of what was read back: its instants are wall clock already. */
static const struct report_context wall = {.time_of_day = true};

static void line_write(enum report_format format, const struct report_context *of,
		       const struct connection_report *report, unsigned columns, struct text *text)
{
	struct report_writer *writer = report_writer_create(format, of, columns);

	assert_non_null(writer);
	assert_int_equal(report_writer_report(writer, text, report), 0);
	report_writer_destroy(writer);
}

static json_t *object_of(const struct connection_report *report)
{
	struct text text = {0};
	char why[160];
	json_t *object;

	line_write(REPORT_JSON, &context, report, 0, &text);
	object = report_line_load(text.data, text.length, why, sizeof(why));
	if (!object)
		fail_msg("%s: %s", why, text_string(&text));
	text_free(&text);
	return object;
}

static void assert_same(struct text *expected, struct text *got)
{
	assert_string_equal(text_string(got), text_string(expected));
	text_clear(expected);
	text_clear(got);
}

static void round_trip(const struct connection_report *report)
{
	static const unsigned widths[] = {0, 80, 132, 200};
	struct text expected = {0}, got = {0};
	struct connection_report read;
	json_t *object = object_of(report);

	line_write(REPORT_CSV, &context, report, 0, &expected);
	report_read_csv(object, &got);
	assert_same(&expected, &got);
	assert_int_equal(report_read(object, &read), 0);
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		line_write(REPORT_TABLE, &context, report, widths[i], &expected);
		line_write(REPORT_TABLE, &wall, &read, widths[i], &got);
		assert_same(&expected, &got);
	}
	json_decref(object);
	text_free(&expected);
	text_free(&got);
}

static void samples_come_back(void **state)
{
	struct connection_report report = sample_report_full(), read;
	json_t *object;

	(void)state;
	round_trip(&report);
	object = object_of(&report);
	assert_int_equal(report_read(object, &read), 0);
	assert_int_equal(read.cookie, report.cookie);
	assert_int_equal(read.client_isn, report.client_isn);
	assert_int_equal(read.error, report.error);
	assert_int_equal(read.rst_reason, report.rst_reason);
	assert_int_equal(read.state_count, report.state_count);
	assert_int_equal(read.states[3].state, report.states[3].state);
	assert_int_equal(read.states[3].at_ns - read.states[0].at_ns, 3000000);
	assert_int_equal(read.time_wait_end, report.time_wait_end);
	assert_int_equal(read.process_source, report.process_source);
	assert_int_equal(read.keepalive_probes_sent, 3);
	assert_int_equal(read.silent_ns, report.silent_ns);
	json_decref(object);
	report = sample_report_bare();
	round_trip(&report);
	/* The address of a socket, where the kernel gives no cookies: more than JSON libraries count to. */
	report.cookie = 0xffff888012345678;
	round_trip(&report);
	object = object_of(&report);
	assert_int_equal(report_read(object, &read), 0);
	assert_true(read.cookie == report.cookie);
	json_decref(object);
	/* Bytes that are no UTF-8. */
	report = sample_report_full();
	memcpy(report.comm,
	       "\xff\xfe"
	       "a\"\\\t\x7f\xc3\xa9\x80",
	       11);
	round_trip(&report);
}

/* ---- random reports ----------------------------------------------------------------------------------- */

static void random_reports_come_back(void **state)
{
	struct random_numbers random = {random_seed_of_run()};

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct connection_report report = random_report(&random);

		report.cgroup = random_below(&random, 2) ? 77 : 78;
		report.revision = 1 + random_below(&random, 3);
		round_trip(&report);
	}
}

/* ---- what is no report -------------------------------------------------------------------------------- */

static void assert_refused(const char *group, const char *name, json_t *value)
{
	struct connection_report report = sample_report_full(), read = {.cookie = 7};
	json_t *object = object_of(&report);

	json_object_set_new(group ? json_object_get(object, group) : object, name, value);
	if (report_read(object, &read) != -EBADMSG)
		fail_msg("%s is taken", name);
	assert_int_equal(read.cookie, 7);
	json_decref(object);
}

static json_t *states_make(size_t count)
{
	json_t *states = json_array();

	while (count--)
		json_array_append_new(states, json_pack("{s:s,s:i}", "state", "ESTABLISHED", "at_us", 5));
	return states;
}

static void nonsense_is_refused(void **state)
{
	struct connection_report read;
	json_t *object;
	char why[160];

	(void)state;
	assert_refused(NULL, "cookie", json_integer(-1));
	assert_refused(NULL, "cookie", json_string("18446744073709551616"));
	assert_refused(NULL, "cookie", json_real(1));
	assert_refused(NULL, "local_port", json_integer(65536));
	assert_refused(NULL, "netns", json_integer(4294967296));
	assert_refused(NULL, "class", json_string("bored"));
	assert_refused(NULL, "class", json_integer(1));
	assert_refused(NULL, "family", json_string("ipx"));
	assert_refused(NULL, "local_addr", json_string("2001:db8::1")); /* the report is one of IPv4 */
	assert_refused(NULL, "remote_addr", json_null());
	assert_refused(NULL, "id", json_string("deadbeef-0000123"));
	assert_refused(NULL, "id", json_string("deadbeef_00001234"));
	assert_refused(NULL, "end_us", json_integer(INT64_MAX));
	assert_refused(NULL, "silent_us", json_integer(INT64_MAX));
	assert_refused(NULL, "exit_code", json_integer(1LL << 31));
	assert_refused(NULL, "states", states_make(REPORT_STATES_MAX + 1));
	assert_refused(NULL, "states", json_string("ESTABLISHED"));
	assert_refused(NULL, "states", json_pack("[{s:s}]", "state", "ESTABLISHED"));
	assert_refused(NULL, "states", json_pack("[i]", 7));
	assert_refused("keepalive", "enabled", json_integer(1));
	assert_refused("process", "pid", json_string("-7"));
	object = json_object();
	assert_int_equal(report_read(object, &read), -EBADMSG);
	json_decref(object);
	assert_null(report_line_load("[1]", 3, why, sizeof(why)));
	assert_string_equal(why, "not an object");
	assert_null(report_line_load("{\"a\":1,\"a\":2}", 13, why, sizeof(why)));
	assert_null(report_line_load("{\"cookie\":99999999999999999999999}", 34, why, sizeof(why)));
	assert_null(report_line_load("", 0, why, sizeof(why)));
}

/* A newer daemon may know words and members that this program does not. */
static void what_is_new_is_passed_over(void **state)
{
	struct connection_report report = sample_report_full(), read;
	json_t *object = object_of(&report);

	(void)state;
	json_object_set_new(object, "mood", json_string("fine"));
	json_object_set_new(object, "error", json_string("ENEW"));
	json_object_set_new(object, "rst_reason", json_string("NEW"));
	assert_int_equal(report_read(object, &read), 0);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.rst_reason, 0);
	json_decref(object);
}

/* Without a birth the last state is the end. */
static void states_without_a_birth(void **state)
{
	struct connection_report report = sample_report_full(), read;
	json_t *object;

	(void)state;
	report.start_ns = ABSENT_U64;
	object = object_of(&report);
	assert_int_equal(report_read(object, &read), 0);
	assert_int_equal(read.states[read.state_count - 1].at_ns, read.end_ns);
	assert_int_equal(read.states[0].at_ns, read.end_ns - 5000000);
	json_object_set_new(object, "first_seen_us", json_integer(1000));
	assert_int_equal(report_read(object, &read), 0);
	assert_int_equal(read.states[0].at_ns, 1000000);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come_back),      cmocka_unit_test(random_reports_come_back),
		cmocka_unit_test(nonsense_is_refused),    cmocka_unit_test(what_is_new_is_passed_over),
		cmocka_unit_test(states_without_a_birth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
