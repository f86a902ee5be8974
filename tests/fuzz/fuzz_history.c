// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_history.c: a database of the history, damaged as the input says, opened, asked, written to and closed. It must
 * end in one of the documented states, and a question in one of the documented errors; in what it was moved aside for
 * or begun anew, what is written then stands.
 *
 * The input: one byte that says how much is cut off at the end, then edits: three bytes where, one byte what.
 */
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

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
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
	return 0;
}

static void damage(struct fuzz_bytes bytes)
{
	uint8_t *copy = malloc(whole_bytes), cut = fuzz_byte(&bytes);
	size_t length = cut < 128 ? whole_bytes : whole_bytes * (255U - cut) / 128;
	FILE *file;

	assert_non_null(copy);
	memcpy(copy, whole, whole_bytes);
	while (bytes.at < bytes.end) {
		uint8_t edit[4];
		uint32_t at;

		fuzz_take(&bytes, edit, sizeof(edit));
		at = edit[0] | (uint32_t)edit[1] << 8 | (uint32_t)edit[2] << 16;
		copy[at % whole_bytes] = edit[3];
	}
	assert_int_equal(mkdir(fixture.directory, 0700), 0);
	file = fopen(fixture.path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(copy, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	free(copy);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connection_report report = fixture_report(ROWS + 1);
	struct history_status status;

	directory_empty();
	damage((struct fuzz_bytes){data, data + size});
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
	return 0;
}
