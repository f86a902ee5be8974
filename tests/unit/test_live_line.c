/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_live_line.c: a connection that lives as JSON, CSV and in tables of several widths, and live lines in order.
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
#include "report/live_line.h"
#include "report/live_sort.h"
#include "report/report_read.h"

#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CGROUP "/system.slice/docker-" ID ".scope"

static void json_write(const struct live_line *line, struct text *text)
{
	struct live_writer *writer = live_writer_create();

	assert_non_null(writer);
	live_writer_json(writer, line, text);
	live_writer_destroy(writer);
}

static json_t *object_of(const struct live_line *line)
{
	struct text text = {0};
	char why[160];
	json_t *object;

	json_write(line, &text);
	object = report_line_load(text.data, text.length, why, sizeof(why));
	if (!object)
		fail_msg("%s: %s", why, text_string(&text));
	text_free(&text);
	return object;
}

static struct live_line full_line(const struct connection_report *report)
{
	return (struct live_line){
		.report = report,
		.cgroup = CGROUP,
		.state = TCP_CLOSE_WAIT,
		.state_age_ns = 61000000000,
		.facts_age_ns = 1500000,
		.probes_sent = 3,
	};
}

static struct live_line bare_line(const struct connection_report *report)
{
	return (struct live_line){
		.report = report,
		.state = TCP_ESTABLISHED,
		.state_age_ns = ABSENT_U64,
		.facts_age_ns = ABSENT_U64,
	};
}

static const char full_json[] =
	"{\"type\":\"live\",\"id\":\"deadbeef-00001234\",\"cookie\":4711,\"netns\":4026531840,\"family\":\"ipv4\","
	"\"local_addr\":\"128.232.110.120\",\"local_port\":34855,\"remote_addr\":\"66.35.250.204\",\"remote_port\":80,"
	"\"role\":\"client\",\"state\":\"CLOSE_WAIT\",\"age_us\":1234567,\"state_age_us\":61000000,"
	"\"process\":{\"pid\":4711,\"comm\":\"nginx\",\"uid\":1000,\"cgroup\":\"" CGROUP "\",\"container_id\":\"" ID
	"\",\"source\":\"connect\"},\"retransmits\":15,\"probes_sent\":3,\"unread_bytes\":12,\"unacked_bytes\":1448,"
	"\"silent_us\":924000000,\"keepalive\":{\"enabled\":true,\"idle_s\":7200,\"interval_s\":75,\"probes\":9},"
	"\"user_timeout_ms\":30000,\"facts_age_us\":1500}";

static const char bare_json[] =
	"{\"type\":\"live\",\"id\":null,\"cookie\":9223372036854775807,\"netns\":0,\"family\":\"ipv6\","
	"\"local_addr\":\"2001:470:e5bf:dead:4957:2174:e82c:4887\",\"local_port\":63943,"
	"\"remote_addr\":\"2607:f8b0:400c:c03::1a\",\"remote_port\":25,\"role\":\"unknown\",\"state\":\"ESTABLISHED\","
	"\"age_us\":null,\"state_age_us\":null,\"process\":null,\"retransmits\":null,\"probes_sent\":0,"
	"\"unread_bytes\":null,\"unacked_bytes\":null,\"silent_us\":null,\"keepalive\":null,\"user_timeout_ms\":null,"
	"\"facts_age_us\":null}";

static void json_says_it(void **state)
{
	struct connection_report full = sample_report_full(), bare = sample_report_bare();
	struct live_line line = full_line(&full);
	struct text text = {0};

	(void)state;
	json_write(&line, &text);
	assert_string_equal(text_string(&text), full_json);
	text_clear(&text);
	line = bare_line(&bare);
	json_write(&line, &text);
	assert_string_equal(text_string(&text), bare_json);
	text_free(&text);
}

static void csv_says_it(void **state)
{
	struct connection_report full = sample_report_full(), bare = sample_report_bare();
	struct live_line line = full_line(&full);
	struct text text = {0};
	json_t *object = object_of(&line);

	(void)state;
	live_line_csv_header(&text);
	live_line_csv(object, &text);
	json_decref(object);
	line = bare_line(&bare);
	object = object_of(&line);
	live_line_csv(object, &text);
	json_decref(object);
	assert_string_equal(
		text_string(&text),
		"type,id,cookie,netns,family,local_addr,local_port,remote_addr,remote_port,role,state,age_us,"
		"state_age_us,process_pid,process_comm,process_uid,process_cgroup,process_container_id,process_source,"
		"retransmits,probes_sent,unread_bytes,unacked_bytes,silent_us,keepalive_enabled,keepalive_idle_s,"
		"keepalive_interval_s,keepalive_probes,user_timeout_ms,facts_age_us\n"
		"live,deadbeef-00001234,4711,4026531840,ipv4,128.232.110.120,34855,66.35.250.204,80,client,CLOSE_WAIT,"
		"1234567,61000000,4711,nginx,1000," CGROUP "," ID
		",connect,15,3,12,1448,924000000,true,7200,75,9,30000,1500\n"
		"live,,9223372036854775807,0,ipv6,2001:470:e5bf:dead:4957:2174:e82c:4887,63943,2607:f8b0:400c:c03::1a,"
		"25,unknown,ESTABLISHED,,,,,,,,,,0,,,,,,,,,\n");
	text_free(&text);
}

static void rows_of(const struct live_line *line, unsigned columns, struct text *text)
{
	struct column_layout layout;
	json_t *object = object_of(line);

	live_line_layout(&layout, columns);
	column_layout_header(&layout, text);
	text_append_char(text, '\n');
	assert_int_equal(live_line_row(&layout, object, text), 0);
	json_decref(object);
}

static void tables_say_it(void **state)
{
	struct connection_report full = sample_report_full(), bare = sample_report_bare();
	struct live_line line = full_line(&full);
	struct text text = {0};

	(void)state;
	rows_of(&line, 80, &text);
	assert_string_equal(text_string(&text),
			    "STATE       COMM/PID    LOCAL  REMOTE                R   AGE INSTATE RECVQ SENDQ\n"
			    "CLOSE_WAIT  nginx/4711  :34855 66.35.250.204:80      c  1.2s   1m01s    12  1.4k\n");
	text_clear(&text);
	line = bare_line(&bare);
	rows_of(&line, 132, &text);
	assert_non_null(strstr(text_string(&text), "SILENT"));
	assert_non_null(strstr(text_string(&text), "ESTABLISHED"));
	text_free(&text);
}

/* Whatever is in a line: no row is longer than the terminal, or breaks it. */
static void tables_fit(void **state)
{
	struct random_numbers random = {random_seed_of_run()};

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct connection_report report = random_report(&random);
		struct live_line line = i % 2 ? full_line(&report) : bare_line(&report);
		unsigned columns = 40 + random_below(&random, 200), length = 0;
		struct text text = {0};

		line.state = (uint8_t)(1 + random_below(&random, TCP_STATES - 1));
		line.state_age_ns = random_u64_or_absent(&random);
		rows_of(&line, columns, &text);
		for (size_t at = 0; at < text.length; at++) {
			length = text.data[at] == '\n' ? 0 : length + 1;
			assert_true(length <= columns);
			assert_true(text.data[at] == '\n' || (text.data[at] >= 0x20 && text.data[at] < 0x7f));
		}
		text_free(&text);
	}
}

static void no_line_is_refused(void **state)
{
	struct connection_report report = sample_report_full();
	struct live_line line = full_line(&report);
	json_t *object = object_of(&line);
	struct column_layout layout;
	struct text text = {0};

	(void)state;
	live_line_layout(&layout, 80);
	json_object_del(object, "state");
	assert_int_equal(live_line_row(&layout, object, &text), -EBADMSG);
	assert_int_equal(text.length, 0);
	json_decref(object);
	text_free(&text);
}

/* ---- order -------------------------------------------------------------------------------------------- */

static void gather(void *arg, const char *output, size_t length)
{
	text_append(arg, output, length);
}

static const char *const lines[] = {
	"{\"cookie\":1,\"age_us\":10,\"remote_addr\":\"10.0.0.9\",\"remote_port\":80,\"process\":{\"comm\":\"b\"}}",
	"{\"cookie\":2,\"age_us\":null,\"remote_addr\":\"10.0.0.10\",\"remote_port\":80,\"process\":null}",
	"{\"cookie\":3,\"age_us\":30,\"remote_addr\":\"10.0.0.9\",\"remote_port\":79,\"process\":{\"comm\":\"a\"}}",
	"{\"cookie\":4,\"age_us\":10,\"remote_addr\":\"::1\",\"remote_port\":1,\"process\":{\"comm\":\"aa\"}}",
};

static void assert_order(enum live_key key, bool reverse, size_t limit, const char *expected)
{
	struct live_rows *rows = live_rows_create(key, reverse, limit);
	struct text text = {0};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char output = (char)('1' + i), why[80];
		json_t *line = report_line_load(lines[i], strlen(lines[i]), why, sizeof(why));

		assert_non_null(line);
		assert_int_equal(live_rows_add(rows, line, &output, 1), 0);
		json_decref(line);
	}
	live_rows_each(rows, gather, &text);
	assert_string_equal(text_string(&text), expected);
	live_rows_destroy(rows);
	text_free(&text);
}

static void lines_in_order(void **state)
{
	(void)state;
	assert_order(LIVE_KEY_NONE, false, 0, "1234");
	assert_order(LIVE_KEY_NONE, false, 2, "12");
	assert_order(LIVE_KEY_AGE, false, 0, "3142");
	assert_order(LIVE_KEY_AGE, true, 0, "1432");
	assert_order(LIVE_KEY_AGE, false, 2, "31");
	assert_order(LIVE_KEY_COMM, false, 0, "3412");
	assert_order(LIVE_KEY_COMM, true, 0, "1432");
	assert_order(LIVE_KEY_REMOTE, false, 0, "3124");
	assert_order(LIVE_KEY_COOKIE, false, 1, "4");
	for (unsigned key = LIVE_KEY_NONE + 1; key < LIVE_KEYS; key++)
		assert_non_null(name_of(&live_key_names, key));
}

/* What is beyond the limit is not kept, and what is within it is right. */
static void limits_bound_what_is_kept(void **state)
{
	struct live_rows *rows = live_rows_create(LIVE_KEY_AGE, false, 3);
	struct text text = {0};

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned age = i * 7919 % 20000;
		json_t *line = json_pack("{s:i}", "age_us", age);
		char output[16];

		assert_int_equal(live_rows_add(rows, line, output, (size_t)sprintf(output, "%u ", age)), 0);
		json_decref(line);
	}
	live_rows_each(rows, gather, &text);
	assert_string_equal(text_string(&text), "19999 19998 19997 ");
	live_rows_destroy(rows);
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_says_it),
		cmocka_unit_test(csv_says_it),
		cmocka_unit_test(tables_say_it),
		cmocka_unit_test(tables_fit),
		cmocka_unit_test(no_line_is_refused),
		cmocka_unit_test(lines_in_order),
		cmocka_unit_test(limits_bound_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
