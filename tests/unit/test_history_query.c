// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_history_query.c: rows come back as the reports that they were; filters, groups, and what happens to a
 * question that is stopped, wrong, or asked of no history at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "history_fixture.h"
#include "random_report.h"

#define RANDOM_REPORTS 500
#define HOUR_US        3600000000LL
/* The wall clock of monotonic 0 in fixture reports. */
#define WALL_US (SAMPLE_WALL_MINUS_MONOTONIC_NS / 1000)

static struct fixture fixture;
static struct fixture_answer answer;

static int set_up(void **state)
{
	(void)state;
	fixture_begin(&fixture);
	fixture_open(&fixture);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	text_free(&answer.lines);
	answer = (struct fixture_answer){0};
	fixture_end(&fixture);
	return 0;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static void check_comes_back(const struct connection_report *report)
{
	struct history_query query = {0};
	struct text line = {0};
	char cookie[24];

	snprintf(cookie, sizeof(cookie), "%llu", (unsigned long long)report->cookie);
	query.id = cookie;
	fixture_line(&fixture, report, &line);
	text_append_char(&line, '\n');
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 1);
	assert_string_equal(text_string(&answer.lines), text_string(&line));
	text_free(&line);
}

static void rows_come_back_to_the_byte(void **state)
{
	struct connection_report full = sample_report_full(), bare = sample_report_bare();
	struct random_numbers random = {random_seed_of_run()}, again = random;

	(void)state;
	fixture_put(&fixture, &full);
	fixture_put(&fixture, &bare);
	for (unsigned i = 0; i < RANDOM_REPORTS; i++) {
		struct connection_report report = random_report(&random);

		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
	check_comes_back(&full);
	check_comes_back(&bare);
	for (unsigned i = 0; i < RANDOM_REPORTS; i++) {
		struct connection_report report = random_report(&again);

		check_comes_back(&report);
	}
}

static void newest_come_first_and_no_more_than_asked_for(void **state)
{
	struct history_query query = {.limit = 3};
	const char *at;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct connection_report report = fixture_report(i * 7 % 10);

		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 3);
	at = strstr(text_string(&answer.lines), "\"cookie\":1009,");
	assert_non_null(at);
	at = strstr(at, "\"cookie\":1008,");
	assert_non_null(at);
	assert_non_null(strstr(at, "\"cookie\":1007,"));
	query.limit = 0;
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 10);
	answer.stop_after = 4; /* the reader has enough */
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 4);
}

/* ---- filters --------------------------------------------------------------------------------------- */

/* One connection, and a question that finds it, then one that just misses it. */
static void check_filter(const struct history_query *hit, const struct history_query *miss)
{
	assert_int_equal(fixture_ask(&fixture, hit, &answer), 1);
	assert_int_equal(fixture_ask(&fixture, miss, &answer), 0);
}

static void filters_find_and_miss(void **state)
{
	struct connection_report report = sample_report_full();
	struct history_query hit, miss;
	int64_t end_us = WALL_US + (int64_t)report.end_ns / 1000;

	(void)state;
	fixture_put(&fixture, &report);
	fixture_commit(&fixture);
#define CHECK(with, without)                                                                                           \
	do {                                                                                                           \
		hit = (struct history_query){with};                                                                    \
		miss = (struct history_query){without};                                                                \
		check_filter(&hit, &miss);                                                                             \
	} while (0)
	CHECK(.since_us = end_us, .since_us = end_us + 1);
	CHECK(.until_us = end_us + 1, .until_us = end_us);
	CHECK(.filter.family = 4, .filter.family = 6);
	CHECK(.filter.classes = 1 << CLASS_GRACEFUL, .filter.classes = 1 << CLASS_RESET);
	CHECK(.filter.classes = 1 << CLASS_GRACEFUL | 1 << CLASS_RESET,
	      .filter.classes = 1 << CLASS_ABORTED | 1 << CLASS_RESET);
	CHECK(.filter.causes = 1 << CAUSE_FIN_LOCAL_FIRST, .filter.causes = 1 << CAUSE_FIN_PEER_FIRST);
	CHECK(.id = "deadbeef-00001234", .id = "deadbeef-00001235");
	CHECK(.id = "4711", .id = "4712");
	CHECK(.remote = "66.35.250.204", .remote = "66.35.250.205");
	CHECK(.local = "128.232.110.120", .local = "66.35.250.204");
#undef CHECK
}

static void lists_find_and_miss(void **state)
{
	struct connection_report report = sample_report_full();
	struct history_query hit = {.filter.local_ports = {2, {{1, 2}, {34855, 34855}}}},
			     miss = {.filter.local_ports = {2, {{1, 34854}, {34856, 65535}}}};

	(void)state;
	fixture_put(&fixture, &report);
	fixture_commit(&fixture);
	check_filter(&hit, &miss);
	hit = (struct history_query){.filter.remote_ports = {1, {{80, 81}}}};
	miss = (struct history_query){.filter.remote_ports = {1, {{81, 82}}}};
	check_filter(&hit, &miss);
	hit = (struct history_query){.filter = {.netns_count = 2, .netns = {1, 4026531840U}}};
	miss = (struct history_query){.filter = {.netns_count = 1, .netns = {4026531841U}}};
	check_filter(&hit, &miss);
	hit = (struct history_query){.filter = {.pid_count = 1, .pids = {4711}}};
	miss = (struct history_query){.filter = {.pid_count = 2, .pids = {471, 47111}}};
	check_filter(&hit, &miss);
	hit = (struct history_query){.filter = {.comm_count = 2, .comms = {"redis", "nginx"}}};
	miss = (struct history_query){.filter = {.comm_count = 1, .comms = {"ngin"}}};
	check_filter(&hit, &miss);
	hit = (struct history_query){.filter = {.comm_count = 1, .comms = {"nginx"}}};
	miss = (struct history_query){.filter = {.comm_count = 1, .comms = {"nginx' OR '1'='1"}}};
	check_filter(&hit, &miss);
	hit = (struct history_query){.filter = {.cgroup_count = 1, .cgroups = {FIXTURE_CGROUP}}};
	miss = (struct history_query){.filter = {.cgroup_count = 1, .cgroups = {"/"}}};
	check_filter(&hit, &miss);
}

static void addresses_may_be_typed_in_any_way(void **state)
{
	struct connection_report report = sample_report_bare();
	struct history_query query = {.remote = "2607:F8B0:400c:0c03:0:0::1A"};
	char why[128] = "";

	(void)state;
	fixture_put(&fixture, &report);
	fixture_commit(&fixture);
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 1);
	query.remote = "example.org";
	assert_int_equal(history_query_run(fixture.path, &query, NULL, fixture_row, &answer, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "address"));
}

/* No question may gather and sort all rows in the daemon's memory: an index gives them in order. */
static void rows_need_no_sorting(void **state)
{
	static const char *const indexes[] = {"connections_end", "connections_class", "connections_comm",
					      "connections_remote"};
	static const char *const conditions[] = {"1", "class IN (?1)", "process_comm IN (?1)", "remote_addr = ?1"};
	char sql[256];

	(void)state;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
		sqlite3_stmt *statement;
		sqlite3 *db;

		snprintf(sql, sizeof(sql),
			 "EXPLAIN QUERY PLAN SELECT * FROM connections INDEXED BY %s WHERE end_us >= ?2 AND end_us < "
			 "?3 AND "
			 "%s ORDER BY end_us DESC, rowid DESC LIMIT ?4",
			 indexes[i], conditions[i]);
		assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		assert_non_null(strstr((const char *)sqlite3_column_text(statement, 3), indexes[i]));
		assert_int_equal(sqlite3_step(statement), SQLITE_DONE); /* no line "USE TEMP B-TREE" */
		sqlite3_finalize(statement);
		sqlite3_close(db);
	}
}

/* ---- groups ---------------------------------------------------------------------------------------- */

static void groups_sum_rows(void **state)
{
	struct history_query query = {.group_by = 1 << GROUP_CLASS | 1 << GROUP_COMM};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct connection_report report = fixture_report(i);

		report.end_ns = report.start_ns + 1000000 * (i + 1);
		if (i >= 3) {
			report.cause = CAUSE_RST_RECEIVED;
			report.class = CLASS_RESET;
			memset(report.comm, 0, sizeof(report.comm));
		}
		if (i == 4)
			report.bytes_sent = ABSENT_U64;
		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
	fixture_ask(&fixture, &query, &answer);
	assert_string_equal(text_string(&answer.lines),
			    "{\"class\":\"graceful\",\"comm\":\"nginx\",\"connections\":3,\"bytes_sent\":3000,"
			    "\"bytes_received\":6000,\"retransmits\":45,\"duration_mean_us\":2000,\"kept\":3,"
			    "\"counted_only_left_out\":false}\n"
			    "{\"class\":\"reset\",\"comm\":null,\"connections\":2,\"bytes_sent\":1000,"
			    "\"bytes_received\":4000,\"retransmits\":30,\"duration_mean_us\":4500,\"kept\":2,"
			    "\"counted_only_left_out\":false}\n");
	query.limit = 1;
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 1);
	query = (struct history_query){.group_by = (1 << HISTORY_GROUPS) - 1}; /* each has its column */
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 2);
	assert_non_null(strstr(text_string(&answer.lines), "\"hour\":\"2023-11-14T22:00:00Z\""));
}

/* The number after a name in the answer, -1 where there is none. */
static long long number_after(const char *name)
{
	const char *at = strstr(text_string(&answer.lines), name);

	return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

static void check_counts(const struct history_query *query, long long connections, long long kept, bool left_out)
{
	fixture_ask(&fixture, query, &answer);
	assert_int_equal(number_after("\"connections\":"), connections);
	assert_int_equal(number_after("\"kept\":"), kept);
	if (answer.count)
		assert_int_equal(strstr(text_string(&answer.lines), "\"counted_only_left_out\":true") != NULL,
				 left_out);
}

/* Three kept, two only counted: a server's and a client's, by the same process. */
static void counts_set_up(void)
{
	struct history_config config = fixture.config;

	for (unsigned i = 0; i < 5; i++) {
		struct connection_report report = fixture_report(i);

		report.role = i % 2 ? ROLE_SERVER : ROLE_CLIENT;
		report.has_time_wait = false;
		if (i == 3) {
			config.policy.classes = 1 << CLASS_GRACEFUL;
			history_reconfigure(fixture.history, &config);
		}
		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
}

static void groups_take_in_what_was_only_counted(void **state)
{
	struct history_query query = {.group_by = 1 << GROUP_CLASS};
	int64_t hour_us = WALL_US / HOUR_US * HOUR_US;

	(void)state;
	counts_set_up();
	assert_int_equal(fixture_status(&fixture).counted, 2);
	assert_int_equal(fixture_status(&fixture).rows, 3);
	check_counts(&query, 5, 3, false);
	query.since_us = hour_us;
	query.until_us = hour_us + HOUR_US;
	check_counts(&query, 5, 3, false);
	/* A part of an hour: what was only counted may have been in the other part. */
	query.since_us = hour_us + 1;
	check_counts(&query, 3, 3, true);
	query.since_us = hour_us;
	query.until_us = hour_us + HOUR_US - 1;
	check_counts(&query, 3, 3, true);
	/* Hours beside it hold nothing. */
	query.since_us = 0;
	query.until_us = hour_us;
	check_counts(&query, -1, -1, false);
	query.since_us = hour_us + HOUR_US;
	query.until_us = 0;
	check_counts(&query, -1, -1, false);
}

static void groups_say_what_counts_cannot_tell(void **state)
{
	struct history_query query = {.group_by = 1 << GROUP_COMM};

	(void)state;
	counts_set_up();
	check_counts(&query, 5, 3, false);
	query.group_by = 1 << GROUP_REMOTE;
	check_counts(&query, 3, 3, true);
	query = (struct history_query){.group_by = 1 << GROUP_CLASS, .filter.family = 4};
	check_counts(&query, 3, 3, true);
	query = (struct history_query){.group_by = 1 << GROUP_CLASS, .remote = "66.35.250.204"};
	check_counts(&query, 3, 3, true);
	/* Nothing that was counted can be of this class, so nothing is left out. */
	query = (struct history_query){.group_by = 1 << GROUP_REMOTE, .filter.classes = 1 << CLASS_RESET};
	check_counts(&query, -1, -1, false);
	query = (struct history_query){.group_by = 1 << GROUP_CLASS, .filter = {.comm_count = 1, .comms = {"nginx"}}};
	check_counts(&query, 5, 3, false);
	query.filter.comms[0] = "redis";
	check_counts(&query, -1, -1, false);
	/* Of a server the port is known, of a client it is not. */
	query = (struct history_query){.group_by = 1 << GROUP_CLASS, .filter.local_ports = {1, {{34855, 34855}}}};
	check_counts(&query, 4, 3, true);
	query = (struct history_query){.group_by = 1 << GROUP_LOCAL_PORT};
	check_counts(&query, 4, 3, true);
	query.filter.local_ports = (struct port_list){1, {{1, 2}}};
	check_counts(&query, -1, -1, false);
}

/* More different names than an hour holds: the sum is right, the rest is under no name, and that is said. */
static void too_many_names_are_counted_without(void **state)
{
	struct history_query query = {.group_by = 1 << GROUP_CLASS};
	struct history_config config = fixture.config;

	(void)state;
	config.policy.classes = 1 << CLASS_GRACEFUL;
	history_reconfigure(fixture.history, &config);
	for (unsigned i = 0; i < 5000; i++) {
		struct connection_report report = fixture_report(i);

		report.has_time_wait = false;
		snprintf(report.comm, sizeof(report.comm), "name-%u", i);
		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
	assert_int_equal(fixture_number(&fixture, "SELECT count(*) FROM hourly"), 2049);
	check_counts(&query, 5000, 0, false);
	query.group_by = 1 << GROUP_COMM;
	fixture_ask(&fixture, &query, &answer);
	assert_int_equal(answer.count, 2048);
	assert_non_null(strstr(text_string(&answer.lines), "\"counted_only_left_out\":true"));
	query.filter.comm_count = 1;
	query.filter.comms[0] = "name-7";
	check_counts(&query, 1, 0, true);
}

/* ---- ends ------------------------------------------------------------------------------------------ */

static void questions_can_be_stopped(void **state)
{
	struct history_query query = {.group_by = 1 << GROUP_REMOTE_PORT};
	atomic_bool stop = true;
	char why[128] = "";

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct connection_report report = fixture_report(i);

		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
	assert_int_equal(history_query_run(fixture.path, &query, &stop, fixture_row, &answer, why, sizeof(why)),
			 -ECANCELED);
	assert_int_equal(answer.count, 0);
	stop = false;
	assert_int_equal(history_query_run(fixture.path, &query, &stop, fixture_row, &answer, why, sizeof(why)), 0);
	assert_int_equal(answer.count, 1);
}

static int ask_status(const char *path, char *why, size_t size)
{
	struct history_query query = {0};

	return history_query_run(path, &query, NULL, fixture_row, &answer, why, size);
}

static void what_is_no_history_is_said(void **state)
{
	char other[96], why[128] = "";
	FILE *file;

	(void)state;
	snprintf(other, sizeof(other), "%s/other.db", fixture.top);
	assert_int_equal(ask_status(other, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "there is no history yet");
	file = fopen(other, "w");
	assert_non_null(file);
	assert_int_equal(ask_status(other, why, sizeof(why)), -ENOENT); /* begun, and no more */
	fprintf(file,
		"something else, and long enough to be taken for the header of a database, if there were a word of "
		"it in the beginning");
	fclose(file);
	assert_int_equal(ask_status(other, why, sizeof(why)), -EPROTO);
	assert_string_equal(why, "is no SQLite database");
}

/* A daemon of today has not opened it yet: what it does not know is absent. */
static void older_tables_can_be_read(void **state)
{
	struct connection_report report = sample_report_full();
	struct history_query query = {0};

	(void)state;
	fixture_put(&fixture, &report);
	fixture_close(&fixture);
	fixture_number(&fixture, "ALTER TABLE connections DROP COLUMN srtt_us");
	fixture_number(&fixture, "ALTER TABLE connections DROP COLUMN keepalive_idle_s");
	assert_int_equal(fixture_ask(&fixture, &query, &answer), 1);
	assert_non_null(strstr(text_string(&answer.lines), "\"srtt_us\":null}"));
	assert_non_null(strstr(text_string(&answer.lines), "\"enabled\":true,\"idle_s\":null,\"interval_s\":75"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(rows_come_back_to_the_byte),
		TEST(newest_come_first_and_no_more_than_asked_for),
		TEST(filters_find_and_miss),
		TEST(lists_find_and_miss),
		TEST(addresses_may_be_typed_in_any_way),
		TEST(rows_need_no_sorting),
		TEST(groups_sum_rows),
		TEST(groups_take_in_what_was_only_counted),
		TEST(groups_say_what_counts_cannot_tell),
		TEST(too_many_names_are_counted_without),
		TEST(questions_can_be_stopped),
		TEST(what_is_no_history_is_said),
		TEST(older_tables_can_be_read),
	};

	return cmocka_run_group_tests_name("history_query", tests, NULL, NULL);
}
