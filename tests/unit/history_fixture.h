/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_fixture.h: a history in a directory of its own, driven step by step with a clock of the test's, and what
 * tests ask it. For tests only.
 */
#ifndef LASTACK_TESTS_HISTORY_FIXTURE_H
#define LASTACK_TESTS_HISTORY_FIXTURE_H

#include <errno.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/tcp_machine.h"
#include "report/report_writer.h"
#include "sample_report.h"
#include "store/history.h"
#include "store/history_query.h"

#define FIXTURE_CGROUP    "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"
#define FIXTURE_SECOND_NS 1000000000ULL

struct fixture {
	char top[32], directory[48], path[64];
	struct history_config config;
	struct history *history;
	struct store_sink sink;
	uint64_t now_ns;
	mode_t mask; /* umask of the test */
};

static inline void fixture_begin(struct fixture *fixture)
{
	*fixture = (struct fixture){.top = "/tmp/lastack-test-XXXXXX", .now_ns = FIXTURE_SECOND_NS};
	fixture->mask = umask(0);
	umask(fixture->mask);
	assert_non_null(mkdtemp(fixture->top));
	snprintf(fixture->directory, sizeof(fixture->directory), "%s/state", fixture->top);
	snprintf(fixture->path, sizeof(fixture->path), "%s/" HISTORY_FILE, fixture->directory);
	fixture->config = (struct history_config){.directory = fixture->directory, .host = "web\"1"};
}

static inline void fixture_step(struct fixture *fixture, uint64_t ms)
{
	fixture->now_ns += ms * 1000000;
	fixture->sink.step(fixture->sink.arg, fixture->now_ns);
}

static inline void fixture_open(struct fixture *fixture)
{
	assert_int_equal(history_create(&fixture->history, &fixture->config), 0);
	fixture->sink = history_sink(fixture->history);
	fixture_step(fixture, 1);
}

static inline void fixture_close(struct fixture *fixture)
{
	fixture->sink.finish(fixture->sink.arg);
	history_destroy(fixture->history);
	fixture->history = NULL;
}

static inline int fixture_unlink(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static inline void fixture_end(struct fixture *fixture)
{
	if (fixture->history)
		fixture_close(fixture);
	nftw(fixture->top, fixture_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void fixture_put(struct fixture *fixture, const struct connection_report *report)
{
	struct store_item item = {
		.report = *report,
		.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS,
		.cgroup = report->cgroup ? FIXTURE_CGROUP : NULL,
	};

	fixture->sink.take(fixture->sink.arg, &item, 1);
}

/* A connection like another one but for its cookie: its life, too, begins at another time. */
static inline struct connection_report fixture_report(uint64_t number)
{
	struct connection_report report = sample_report_full();

	report.cookie = 1000 + number;
	report.end_ns += number * 1000000;
	return report;
}

static inline void fixture_commit(struct fixture *fixture)
{
	fixture_step(fixture, 1);
	fixture_step(fixture, 600);
}

static inline struct history_status fixture_status(struct fixture *fixture)
{
	struct history_status status;

	history_status(fixture->history, &status);
	return status;
}

static inline const char *fixture_report_cgroup(void *arg, uint64_t id)
{
	(void)arg;
	return id ? FIXTURE_CGROUP : NULL;
}

/* The line that the report's own writer makes of it, without its line feed. */
static inline void fixture_line(struct fixture *fixture, const struct connection_report *report, struct text *text)
{
	struct report_context context = {
		.host = fixture->config.host,
		.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS,
		.cgroup_path = fixture_report_cgroup,
	};
	struct report_writer *writer = report_writer_create(REPORT_JSON, &context, 0);

	text_clear(text);
	assert_int_equal(report_writer_report(writer, text, report), 0);
	text->length--;
	report_writer_destroy(writer);
}

/* ---- questions ------------------------------------------------------------------------------------- */

struct fixture_answer {
	struct text lines; /* each with a line feed */
	unsigned count, stop_after;
};

static inline bool fixture_row(void *arg, const char *json, size_t length)
{
	struct fixture_answer *answer = arg;

	text_append(&answer->lines, json, length);
	text_append_char(&answer->lines, '\n');
	return ++answer->count != answer->stop_after;
}

/* Asks; returns how many lines came, which are in *answer (cleared first). */
static inline unsigned fixture_ask(struct fixture *fixture, const struct history_query *query,
				   struct fixture_answer *answer)
{
	char why[256] = "";
	int status;

	text_clear(&answer->lines);
	answer->count = 0;
	status = history_query_run(fixture->path, query, NULL, fixture_row, answer, why, sizeof(why));
	if (status)
		print_error("%s: %s\n", strerror(-status), why);
	assert_int_equal(status, 0);
	return answer->count;
}

/* The first number that an SQL statement gives, by a connection of the test's own. */
static inline int64_t fixture_number(struct fixture *fixture, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number = -1;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 1000);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static inline void fixture_check_sound(struct fixture *fixture)
{
	assert_int_equal(fixture_number(fixture,
					"SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
			 1);
}

#endif
