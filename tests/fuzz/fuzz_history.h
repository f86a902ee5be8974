/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz_history.h: a database of the history as lastack leaves it, what is made of it, and what must hold when it is
 * opened again: one of the documented states, to a question one of the documented errors, and what is written then
 * stands.
 */
#ifndef FUZZ_HISTORY_H
#define FUZZ_HISTORY_H

#include <errno.h>

#include "fuzz.h"
#include "history_fixture.h"
#include "report/report_read.h"

#define ROWS 40

static struct fixture fixture;
static uint8_t *whole;
static size_t whole_bytes;

/* The last call of the process. */
static void leave(void)
{
	fixture_end(&fixture);
}

static void whole_load(void)
{
	FILE *file = fopen(fixture.path, "rb");
	struct stat status;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	whole_bytes = (size_t)status.st_size;
	whole = malloc(whole_bytes);
	assert_non_null(whole);
	assert_int_equal(fread(whole, 1, whole_bytes, file), whole_bytes);
	fclose(file);
}

static void directory_empty(void)
{
	nftw(fixture.directory, fixture_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static void whole_make(void)
{
	fixture_begin(&fixture);
	atexit(leave);
	fixture.config.boot_id = "boot";
	fixture.config.policy.classes = 1 << CLASS_RESET;
	fixture_open(&fixture);
	for (uint64_t i = 0; i < ROWS; i++) {
		struct connection_report report = fixture_report(i);

		if (i % 2) {
			report.class = CLASS_RESET;
			report.cause = CAUSE_RST_RECEIVED;
		}
		fixture_put(&fixture, &report);
	}
	fixture_commit(&fixture);
	fixture_close(&fixture);
	whole_load();
}

/* What stands in a damaged row may be anything; the line is read all the same. */
static bool take_row(void *arg, const char *json, size_t length)
{
	char why[160];

	(void)arg;
	json_decref(report_line_load(json, length, why, sizeof(why)));
	return true;
}

static void ask(uint64_t group_by)
{
	struct history_query query = {.group_by = group_by, .limit = 100};
	char why[256] = "";
	int status = history_query_run(fixture.path, &query, NULL, take_row, NULL, why, sizeof(why));

	assert_true(!status || status == -ENOENT || status == -EBUSY || status == -EPROTO || status == -EBADMSG ||
		    status == -EIO);
	assert_true(!status || why[0]);
}

/* Asks, opens, writes, and asks again. */
static void history_use(void)
{
	struct connection_report report = fixture_report(ROWS + 1);
	struct history_status status;

	ask(0);
	ask(1ULL << GROUP_CLASS);
	fixture_open(&fixture);
	fixture_put(&fixture, &report);
	report.revision++;
	fixture_put(&fixture, &report);
	for (unsigned i = 0; i < 4; i++) /* as many as it takes to find out, to begin anew and to write */
		fixture_step(&fixture, 10000);
	status = fixture_status(&fixture);
	assert_true(status.state <= HISTORY_DISCARDED);
	assert_int_equal(status.state == HISTORY_WRITING, !status.why[0]);
	if (status.state == HISTORY_WRITING || status.state == HISTORY_DISCARDED)
		assert_true(status.written > 0);
	fixture_close(&fixture);
	ask(0);
}

#endif
