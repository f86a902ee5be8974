/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_show.c: what people get to see of one connection, of the daemon, and of groups in its history, against the text
 * as it has to be; and that nothing foreign in it harms a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "random_report.h"
#include "report/group_table.h"
#include "report/report_read.h"
#include "report/report_writer.h"
#include "report/status_page.h"
#include "report/paragraph.h"
#include "report/timeline.h"

static const char *cgroup_path(void *arg, uint64_t cgroup)
{
	(void)arg;
	return cgroup == 77 ? "/system.slice/nginx.service" : NULL;
}

static const struct report_context context = {
	.host = "web1",
	.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS,
	.cgroup_path = cgroup_path,
};

static json_t *object_of(const struct connection_report *report)
{
	struct report_writer *writer = report_writer_create(REPORT_JSON, &context, 0);
	struct text text = {0};
	char why[160];
	json_t *object;

	assert_int_equal(report_writer_report(writer, &text, report), 0);
	object = report_line_load(text.data, text.length, why, sizeof(why));
	assert_non_null(object);
	text_free(&text);
	report_writer_destroy(writer);
	return object;
}

static void assert_shown(const json_t *object, unsigned columns, const char *expected)
{
	struct text text = {0};

	assert_int_equal(timeline_append(&text, object, columns), 0);
	assert_string_equal(text_string(&text), expected);
	text_free(&text);
}

static const char full_expected[] = "128.232.110.120:34855 -> 66.35.250.204:80  this end: client on web1\n"
				    "owner         nginx, pid 4711, uid 1000 (learnt by: connect)\n"
				    "cgroup        /system.slice/nginx.service\n"
				    "verdict       graceful/fin_local_first (after_local_fin), by local_app: close\n"
				    "              nginx (pid 4711) closed first; the peer acknowledged and closed\n"
				    "              too, after 1.2 s and 3.0 kB.\n"
				    "error         ETIMEDOUT for the application\n"
				    "reset         the kernel's reason: TCP_INVALID_ACK_SEQUENCE\n"
				    "identity      id deadbeef-00001234, cookie 4711, netns 4026531840, revision 1\n"
				    "gaps          none: it was seen from its birth on\n"
				    "\n"
				    "  2023-11-14 22:13:21.000000     +0.000000 s  SYN_SENT     1.0 ms\n"
				    "  2023-11-14 22:13:21.001000     +0.001000 s  ESTABLISHED  1.0 ms\n"
				    "  2023-11-14 22:13:21.002000     +0.002000 s  FIN_WAIT1    1.0 ms\n"
				    "  2023-11-14 22:13:21.003000     +0.003000 s  FIN_WAIT2    1.0 ms\n"
				    "  2023-11-14 22:13:21.004000     +0.004000 s  TIME_WAIT    1.0 ms\n"
				    "  2023-11-14 22:13:21.005000     +0.005000 s  CLOSE\n"
				    "\n"
				    "TIME_WAIT     1m00s planned; expired after 1m00s\n"
				    "handshake     45 us\n"
				    "data          1.0 kB sent, 2.0 kB received\n"
				    "unread        12 B received and not read\n"
				    "unacked       1.4 kB sent and not acknowledged\n"
				    "retransmitted 15 segments, 14 timeouts\n"
				    "silence       nothing from the peer for 15m24s\n"
				    "keepalive     after 7200 s, every 75 s, 9 probes allowed, 3 sent\n"
				    "user timeout  30 s\n"
				    "round trip    512 us\n"
				    "evidence      our FIN was sent before one from the peer was seen\n"
				    "              15 consecutive timeouts without an answer\n"
				    "conformance   linux_variant with RFC 9293\n"
				    "              FIN_WAIT2->CLOSE: gap: what happened in between, or what explains\n"
				    "              it, was not seen\n";

static const char bare_expected[] =
	"[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943 -- [2607:f8b0:400c:c03::1a]:25  this end: unknown on web1\n"
	"owner         not known\n"
	"verdict       unknown/unobserved, by unknown\n"
	"              The connection ended, but lastack did not see how.\n"
	"identity      id not known, cookie 9223372036854775807, netns 0, revision 1\n"
	"gaps          its end was not seen, only that it is gone\n"
	"\n"
	"  (born before lastack saw it; times count from its first sight)\n"
	"  2023-11-14 22:13:24.000000     +0.000000 s  ESTABLISHED  1.0 s\n"
	"  2023-11-14 22:13:25.000000     +1.000000 s  CLOSE\n"
	"\n"
	"conformance   not_checked with RFC 9293\n";

static void ends_are_shown(void **state)
{
	struct connection_report report = sample_report_full();
	json_t *object = object_of(&report);

	(void)state;
	assert_shown(object, 80, full_expected);
	json_decref(object);
	report = sample_report_bare();
	report.completeness = COMPLETENESS_INFERRED;
	report.state_count = 2;
	report.states[0] = (struct report_state){1, 4000000000};
	report.states[1] = (struct report_state){7, 5000000000};
	object = object_of(&report);
	assert_shown(object, 0, bare_expected);
	json_decref(object);
}

/* As the control socket tells of it. */
static void what_lives_is_shown(void **state)
{
	struct connection_report report = sample_report_bare();
	json_t *object;

	(void)state;
	report.start_ns = 1000000000;
	report.state_count = 2;
	report.states[0] = (struct report_state){3, 1000000000};
	report.states[1] = (struct report_state){8, 1500000000};
	report.unread_bytes = 77;
	object = object_of(&report);
	json_object_set_new(object, "live", json_true());
	json_object_set_new(object, "state", json_string("CLOSE_WAIT"));
	json_object_set_new(object, "end_us", json_null());
	json_object_set_new(object, "class", json_null());
	json_object_set_new(object, "facts_age_us", json_integer(250000));
	json_object_set_new(object, "now_us", json_integer(1700000061000000));
	assert_shown(object, 100,
		     "[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943 -- [2607:f8b0:400c:c03::1a]:25  this end: unknown "
		     "on web1\n"
		     "owner         not known\n"
		     "verdict       it lives, in CLOSE_WAIT, 1m00s old\n"
		     "identity      id not known, cookie 9223372036854775807, netns 0, revision 1\n"
		     "gaps          none: it was seen from its birth on\n"
		     "\n"
		     "  2023-11-14 22:13:21.000000     +0.000000 s  SYN_RECV     500 ms\n"
		     "  2023-11-14 22:13:21.500000     +0.500000 s  CLOSE_WAIT   59 s until now\n"
		     "\n"
		     "unread        77 B received and not read\n"
		     "facts         unread, unacked and the like are 250 ms old\n");
	json_decref(object);
	object = json_object();
	{
		struct text text = {0};

		assert_int_equal(timeline_append(&text, object, 80), -EBADMSG);
		assert_int_equal(text.length, 0);
	}
	json_decref(object);
}

static void assert_printable(const struct text *text)
{
	for (size_t i = 0; i < text->length; i++)
		assert_true(text->data[i] == '\n' || (text->data[i] >= 0x20 && text->data[i] < 0x7f));
}

static void nothing_foreign_reaches_the_terminal(void **state)
{
	static const char evil[] = "\x1b]0;x\x07 \x1b[31m\xc3\xa9 ";
	struct random_numbers random = {random_seed_of_run()};

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct connection_report report = random_report(&random);
		json_t *object = object_of(&report);
		struct text text = {0};

		json_object_set_new(object, "host", json_string(evil));
		json_object_set_new(object, "explain", json_string(evil));
		json_object_set_new(object, "evidence", json_pack("[s]", evil));
		json_object_set_new(object, "context", json_null());
		if (json_is_object(json_object_get(object, "process"))) {
			json_object_set_new(json_object_get(object, "process"), "comm", json_string(evil));
			json_object_set_new(json_object_get(object, "process"), "cgroup",
					    json_string(i % 2 ? evil : ""));
		}
		assert_int_equal(timeline_append(&text, object, 40 + random_below(&random, 100)), 0);
		assert_printable(&text);
		text_free(&text);
		json_decref(object);
	}
}

static void words_are_wrapped(void **state)
{
	struct text text = {0};

	(void)state;
	text_append_wrapped(&text, "one two three", 2, 30);
	assert_string_equal(text_string(&text), "  one two three\n");
	text_clear(&text);
	text_append_wrapped(&text, "aaaaaaaaaa bbbbbbbbb cccc", 2, 24);
	assert_string_equal(text_string(&text), "  aaaaaaaaaa bbbbbbbbb\n  cccc\n");
	text_clear(&text);
	text_append_wrapped(&text, "   led", 2, 24);
	assert_string_equal(text_string(&text), "     led\n");
	text_clear(&text);
	text_append_wrapped(&text, "", 2, 24);
	assert_string_equal(text_string(&text), "\n");
	text_free(&text);
}

/* ---- status ------------------------------------------------------------------------------------------- */

static const char well[] =
	"{\"type\":\"status\",\"version\":\"0.1.0\",\"kernel\":\"6.12.1\",\"host\":\"web1\",\"pid\":7,\"now_us\":"
	"1700000000000000,"
	"\"started_us\":1699996400000000,\"uptime_us\":3600000000,\"ready\":true,\"stopping\":false,"
	"\"connections\":{\"live\":12,\"max\":1000,\"bytes\":1800000,\"ended\":3,\"states\":{\"ESTABLISHED\":11,"
	"\"CLOSE_WAIT\":1}},"
	"\"owners\":{\"top\":[{\"comm\":\"nginx\",\"pid\":9,\"live\":10}],\"unknown\":1,\"others\":1},"
	"\"ended\":{\"class\":{\"reset\":1,\"graceful\":2},\"cause\":{\"fin_peer_first\":2,\"rst_received\":1}},"
	"\"events\":{\"delivered\":100,\"lost\":0},\"hooks\":[{\"fact\":\"birth\",\"hook\":\"x\",\"tier\":\"y\"}]}";

static void status_of(const char *json, unsigned columns, struct text *text)
{
	json_t *status = json_loads(json, 0, NULL);

	assert_non_null(status);
	status_page_append(text, status, columns);
	json_decref(status);
}

static void status_is_shown(void **state)
{
	struct text text = {0};

	(void)state;
	status_of(well, 100, &text);
	assert_string_equal(text_string(&text), "lastack      0.1.0 on web1, Linux 6.12.1, pid 7\n"
						"up           1h00m, since 2023-11-14 21:13:20\n"
						"hooks        1 of 1 facts have one\n"
						"live         12 connections of 1000 at most, 1.8 MB of memory\n"
						"             11 ESTABLISHED, 1 CLOSE_WAIT\n"
						"owners             10 nginx/9\n"
						"                    1 others\n"
						"                    1 owner not known\n"
						"ended        3 connections since the start\n"
						"  class      2 graceful, 1 reset\n"
						"  cause      2 fin_peer_first, 1 rst_received\n"
						"events       100 taken in, 0 lost\n"
						"history      none is kept\n"
						"audit        none yet\n");
	text_clear(&text);
	status_of("{\"hooks\":[{\"fact\":\"probe\",\"hook\":null}],\"ready\":false,\"writer\":{\"dropped\":5},"
		  "\"history\":{\"state\":\"failing\",\"why\":\"disk full\",\"rows\":1,\"not_stored\":7},"
		  "\"files\":{\"failing\":true,\"why\":\"no space\",\"lost\":2},"
		  "\"audit\":{\"audits\":1,\"unexplained\":[{\"counter\":\"AttemptFails\",\"rows\":3,\"kernel\":5,"
		  "\"lastack\":5}]},"
		  "\"ended\":{\"violations\":1},"
		  "\"findings\":{\"diagnoses\":4,\"kind\":{\"peer_cluster\":1,\"close_wait_leak\":2}},"
		  "\"events\":{\"lost\":3,\"lost_of\":{\"state\":3}},\"control\":{\"requests\":1,\"refused\":1,\"timed_"
		  "out\":2,"
		  "\"dropped\":3}}",
		  0, &text);
	assert_non_null(strstr(text_string(&text), "NOT READY"));
	assert_non_null(strstr(text_string(&text), "probe: no hook works"));
	assert_non_null(strstr(text_string(&text), "failing, disk full"));
	assert_non_null(strstr(text_string(&text), "7 reports are MISSING"));
	assert_non_null(strstr(text_string(&text), "5 reports were DROPPED"));
	assert_non_null(strstr(text_string(&text), "FAILING, no space"));
	assert_non_null(strstr(text_string(&text), "AttemptFails: 3 times; in the last window kernel +5, lastack +5"));
	assert_non_null(strstr(text_string(&text), "3 state"));
	assert_non_null(strstr(text_string(&text), "1 of them with a violation"));
	assert_non_null(strstr(text_string(&text), "findings     3; lastack diagnose tells of them:\n"
						   "             2 close_wait_leak, 1 peer_cluster\n"));
	assert_non_null(strstr(text_string(&text), "clients 0, requests 1, answered with an error 0"));
	assert_non_null(strstr(text_string(&text), "1 refused, 2 cut off"));
	text_clear(&text);
	status_of("{\"findings\":{\"diagnoses\":4,\"kind\":{}}}", 0, &text);
	assert_non_null(strstr(text_string(&text), "findings     none\n"));
	text_clear(&text);
	status_of("{\"host\":\"\\u001b[31m\",\"hooks\":7,\"owners\":[]}", 60, &text);
	assert_printable(&text);
	text_free(&text);
}

/* ---- groups ------------------------------------------------------------------------------------------- */

static void groups_write(bool csv, unsigned columns, struct text *text)
{
	static const char *const rows[] = {
		"{\"comm\":\"nginx\",\"remote_port\":443,\"connections\":1200,\"duration_mean_us\":1500000}",
		"{\"comm\":null,\"remote_port\":80,\"connections\":3,\"duration_mean_us\":null}",
		"{\"comm\":\"a,\\u0007b\",\"remote_port\":8,\"connections\":2,\"duration_mean_us\":10}",
	};
	struct group_table *table = group_table_create(csv);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *row = json_loads(rows[i], 0, NULL);

		assert_int_equal(group_table_add(table, row), 0);
		json_decref(row);
	}
	group_table_append(table, text, columns);
	group_table_destroy(table);
}

static void real_numbers_are_shown(void **state)
{
	struct group_table *table = group_table_create(false);
	json_t *row = json_loads("{\"a\":2.55,\"b\":-1e16,\"c\":3e102,\"d\":-1e17}", 0, NULL);
	struct text text = {0};

	(void)state;
	assert_int_equal(group_table_add(table, row), 0);
	group_table_append(table, &text, 0);
	assert_non_null(strstr(text_string(&text), "2.5 "));
	assert_non_null(strstr(text_string(&text), " -10000000000000000.0 - -\n"));
	json_decref(row);
	group_table_destroy(table);
	text_free(&text);
}

static void groups_are_shown(void **state)
{
	struct group_table *empty = group_table_create(false);
	struct text text = {0};

	(void)state;
	groups_write(false, 0, &text);
	assert_string_equal(text_string(&text), "COMM  REMOTE PORT CONNECTIONS DURATION MEAN\n"
						"nginx         443        1200          1.5s\n"
						"-              80           3             -\n"
						"a,?b            8           2          10us\n");
	text_clear(&text);
	groups_write(false, 40, &text); /* the count stays, what is behind it goes */
	assert_string_equal(text_string(&text), "COMM  REMOTE PORT CONNECTIONS\n"
						"nginx         443        1200\n"
						"-              80           3\n"
						"a,?b            8           2\n");
	text_clear(&text);
	groups_write(false, 26, &text);
	assert_string_equal(text_string(&text), "COMM  REMOTE ~ CONNECTIONS\n"
						"nginx      443        1200\n"
						"-           80           3\n"
						"a,?b         8           2\n");
	text_clear(&text);
	groups_write(true, 20, &text);
	assert_string_equal(text_string(&text), "comm,remote_port,connections,duration_mean_us\n"
						"nginx,443,1200,1500000\n"
						",80,3,\n"
						"\"a,\ab\",8,2,10\n");
	text_clear(&text);
	group_table_append(empty, &text, 0);
	assert_int_equal(text.length, 0);
	group_table_destroy(empty);
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_shown),
		cmocka_unit_test(what_lives_is_shown),
		cmocka_unit_test(nothing_foreign_reaches_the_terminal),
		cmocka_unit_test(words_are_wrapped),
		cmocka_unit_test(status_is_shown),
		cmocka_unit_test(groups_are_shown),
		cmocka_unit_test(real_numbers_are_shown),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
