// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_history_faults.c: the history on a disk that fails: every call that changes something fails once, and from
 * each on all fail until the disk is healed; files that are damaged, directories that are missing or forbidden, and
 * a process that is killed while it writes. Nothing that was committed may be missing, nothing count twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "fault_vfs.h"
#include "history_fixture.h"
#include "random_numbers.h"
#include "serve/log.h"

#define ROUND_KILLS 20
#define BATCH       40 /* reports put between two steps */
#define FAULTS_SANE 100
#define PENDING_MAX 65536
#define NOBODY      65534

static struct fixture fixture;

static int set_up(void **state)
{
	(void)state;
	fault_plan = (struct fault_plan){0};
	fixture_begin(&fixture);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fault_plan = (struct fault_plan){0};
	fixture_end(&fixture);
	return 0;
}

/* Even numbers are kept, odd ones counted. */
static void put(uint64_t number)
{
	struct connection_report report = fixture_report(number);

	if (number % 2 == 0) {
		report.cause = CAUSE_RST_RECEIVED;
		report.class = CLASS_RESET;
	}
	fixture_put(&fixture, &report);
}

static void put_many(uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		put(first + i);
}

static int64_t rows(void)
{
	return fixture_number(&fixture, "SELECT count(*) FROM connections");
}

static int64_t counted(void)
{
	return fixture_number(&fixture, "SELECT ifnull(sum(connections), 0) FROM hourly");
}

/* ---- faults of the disk ---------------------------------------------------------------------------- */

/* A life of a history with all that it does; returns how many reports it was given. */
static uint64_t scenario(void)
{
	fixture.config.policy.classes = 1 << CLASS_GRACEFUL;
	fixture_open(&fixture);
	put_many(0, BATCH);
	fixture_commit(&fixture);
	put_many(BATCH, BATCH);
	fixture_commit(&fixture);
	fixture.config.max_bytes = 1ULL << 40;
	fixture.config.max_age_ns = 100ULL * 365 * 86400 * FIXTURE_SECOND_NS;
	history_reconfigure(fixture.history, &fixture.config);
	put_many(2ULL * BATCH, BATCH);
	fixture_commit(&fixture);
	return 3ULL * BATCH;
}

/* The disk works again: in time all that was given is there, once. */
static void check_heals(uint64_t given)
{
	struct history_status status;

	fault_plan.at = 0;
	for (unsigned i = 0; i < 4; i++)
		fixture_step(&fixture, 10000);
	status = fixture_status(&fixture);
	assert_int_equal(status.state, HISTORY_WRITING);
	assert_string_equal(status.why, "");
	assert_int_equal(status.not_stored, 0);
	assert_int_equal(rows(), given / 2);
	assert_int_equal(counted(), given / 2);
	assert_int_equal(status.rows, given / 2);
	assert_int_equal(status.written, given / 2);
	assert_int_equal(status.counted, given / 2);
	fixture_check_sound(&fixture);
}

/* Runs the scenario once for each call that can fail. Returns how many there are. */
static unsigned each_fault(int code, int sync_code, bool lasting)
{
	unsigned at = 0;

	do {
		uint64_t given;

		fault_plan = (struct fault_plan){.code = code, .sync_code = sync_code, .at = ++at, .lasting = lasting};
		fixture_begin(&fixture);
		given = scenario();
		if (fault_plan.hit && lasting) {
			assert_int_equal(fixture_status(&fixture).state, HISTORY_FAILING);
			assert_string_not_equal(fixture_status(&fixture).why, "");
		}
		if (fault_plan.hit)
			check_heals(given);
		fixture_close(&fixture);
		fixture_end(&fixture);
	} while (fault_plan.hit);
	return at - 1;
}

static void every_call_may_fail_once(void **state)
{
	(void)state;
	assert_true(each_fault(SQLITE_FULL, SQLITE_IOERR_FSYNC, false) >= FAULTS_SANE);
	assert_true(each_fault(SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, false) >= FAULTS_SANE);
}

static void the_disk_may_fail_for_long(void **state)
{
	(void)state;
	assert_true(each_fault(SQLITE_FULL, SQLITE_IOERR_FSYNC, true) >= FAULTS_SANE);
	assert_true(each_fault(SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, true) >= FAULTS_SANE);
}

/* It ends while the disk fails: what was committed is there, what was not is counted. */
static void the_end_may_come_while_it_fails(void **state)
{
	unsigned at = 0;

	(void)state;
	do {
		struct history_status status;
		uint64_t given;

		fault_plan = (struct fault_plan){0};
		fixture_begin(&fixture);
		given = scenario();
		put_many(given, BATCH);
		given += BATCH;
		fault_plan = (struct fault_plan){.code = SQLITE_FULL,
						 .sync_code = SQLITE_IOERR_FSYNC,
						 .at = ++at,
						 .lasting = true};
		fixture.sink.finish(fixture.sink.arg);
		status = fixture_status(&fixture);
		fault_plan.at = 0;
		history_destroy(fixture.history);
		fixture.history = NULL;
		assert_true((uint64_t)(rows() + counted()) >= given - status.not_stored);
		assert_true((uint64_t)(rows() + counted()) <= given);
		assert_true(status.not_stored <= BATCH);
		fixture_check_sound(&fixture);
		fixture_end(&fixture);
	} while (fault_plan.hit);
	assert_true(at > 5);
}

/* ---- attempts -------------------------------------------------------------------------------------- */

/* Standard error goes into a file; returns what it was. */
static int stderr_redirect(const char *path)
{
	int saved = dup(STDERR_FILENO), file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(saved >= 0 && file >= 0);
	dup2(file, STDERR_FILENO);
	close(file);
	return saved;
}

static unsigned lines_of(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned lines = 0;
	int byte;

	assert_non_null(file);
	while ((byte = fgetc(file)) != EOF)
		lines += byte == '\n';
	fclose(file);
	return lines;
}

static void attempts_become_rare_and_are_not_logged(void **state)
{
	static const unsigned waits_ms[] = {1000, 2000, 4000, 8000, 10000, 10000};
	char log[64];
	int saved;

	(void)state;
	snprintf(log, sizeof(log), "%s/log", fixture.top);
	fixture_open(&fixture);
	put(0);
	fixture_commit(&fixture);
	saved = stderr_redirect(log);
	log_start(LOG_LEVEL_INFO);
	fault_plan = (struct fault_plan){.code = SQLITE_FULL, .sync_code = SQLITE_FULL, .at = 1, .lasting = true};
	put(2);
	fixture_commit(&fixture);
	for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		unsigned opens = fault_plan.opens;

		fixture_step(&fixture, waits_ms[i] - 1);
		assert_int_equal(fault_plan.opens, opens);
		fixture_step(&fixture, 1);
		assert_true(fault_plan.opens > opens);
	}
	fault_plan.at = 0;
	fixture_step(&fixture, 10000);
	fixture_commit(&fixture);
	log_start(LOG_LEVEL_ERROR);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(lines_of(log), 2); /* fails; writes again */
	assert_int_equal(rows(), 2);
	assert_int_equal(fixture_status(&fixture).failures, 1);
}

static void what_waits_is_bounded(void **state)
{
	struct history_status status;

	(void)state;
	snprintf(fixture.directory, sizeof(fixture.directory), "%s/no/such", fixture.top);
	snprintf(fixture.path, sizeof(fixture.path), "%s/" HISTORY_FILE, fixture.directory);
	fixture_open(&fixture);
	status = fixture_status(&fixture);
	assert_int_equal(status.state, HISTORY_FAILING);
	assert_string_equal(status.why, "cannot be created: No such file or directory");
	put_many(0, PENDING_MAX + 100);
	assert_int_equal(fixture_status(&fixture).not_stored, 100);
	*strrchr(fixture.directory, '/') = '\0';
	assert_int_equal(mkdir(fixture.directory, 0700), 0);
	for (unsigned i = 0; i < 2 + PENDING_MAX / 1024; i++)
		fixture_step(&fixture, 1000);
	status = fixture_status(&fixture);
	assert_int_equal(status.state, HISTORY_WRITING);
	assert_int_equal(rows(), PENDING_MAX);
	assert_int_equal(status.not_stored, 100);
}

/* ---- damaged files --------------------------------------------------------------------------------- */

static void file_spoil(const char *path, off_t at, size_t length)
{
	int fd = open(path, O_WRONLY);
	char garbage[4096];

	assert_true(fd >= 0);
	memset(garbage, 0xa5, sizeof(garbage));
	while (length) {
		size_t piece = length < sizeof(garbage) ? length : sizeof(garbage);

		assert_int_equal(pwrite(fd, garbage, piece, at), piece);
		at += (off_t)piece;
		length -= piece;
	}
	close(fd);
}

/* A database with something in it, closed. */
static off_t database_make(void)
{
	struct stat status;

	fixture_open(&fixture);
	put_many(0, 1000);
	fixture_close(&fixture);
	assert_int_equal(stat(fixture.path, &status), 0);
	return status.st_size;
}

static size_t set_aside_count(void)
{
	char pattern[96];
	glob_t found;
	size_t count;

	snprintf(pattern, sizeof(pattern), "%s.corrupt-????????T??????Z", fixture.path);
	glob(pattern, 0, NULL, &found);
	count = found.gl_pathc;
	globfree(&found);
	return count;
}

/* The damaged file is moved aside, and everything goes on in a new one, with what was on its way. */
static void check_is_discarded(void)
{
	struct history_status status;

	fixture_open(&fixture);
	put_many(5000, 10);
	for (unsigned i = 0; i < 4; i++)
		fixture_step(&fixture, 1000);
	status = fixture_status(&fixture);
	assert_int_equal(status.state, HISTORY_DISCARDED);
	assert_non_null(strstr(status.why, "was corrupt, moved to history.db.corrupt-"));
	assert_int_equal(status.not_stored, 0);
	assert_int_equal(set_aside_count(), 1);
	assert_int_equal(rows(), 10);
	fixture_check_sound(&fixture);
}

static void a_spoilt_header_is_moved_aside(void **state)
{
	(void)state;
	database_make();
	file_spoil(fixture.path, 16, 8); /* page size and versions; magic and application id are right */
	check_is_discarded();
}

static void a_spoilt_schema_is_moved_aside(void **state)
{
	(void)state;
	database_make();
	file_spoil(fixture.path, 100, 3900);
	check_is_discarded();
}

static void spoilt_pages_are_moved_aside(void **state)
{
	off_t size;

	(void)state;
	size = database_make();
	file_spoil(fixture.path, 8192, (size_t)size - 8192);
	check_is_discarded();
}

static void a_cut_file_is_moved_aside(void **state)
{
	(void)state;
	database_make();
	assert_int_equal(truncate(fixture.path, 3 * 4096 + 100), 0);
	check_is_discarded();
}

/* While it is open, and with reports in the transaction. */
static void what_spoils_later_is_moved_aside(void **state)
{
	struct stat status;

	(void)state;
	fixture_open(&fixture);
	put_many(0, 1000);
	fixture_commit(&fixture);
	fixture_number(&fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(fixture.path, &status), 0);
	file_spoil(fixture.path, 4096, (size_t)status.st_size - 4096);
	/* The connection has pages in memory, of which it trusts none that another one may have changed. */
	fixture_close(&fixture);
	check_is_discarded();
}

/* ---- rights ---------------------------------------------------------------------------------------- */

/* In a process of its own, without root's rights. Returns the state that the history comes to. */
static int state_as_nobody(void)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY))
			_exit(100);
		if (history_create(&fixture.history, &fixture.config))
			_exit(101);
		fixture.sink = history_sink(fixture.history);
		fixture_step(&fixture, 1);
		put(0);
		fixture_commit(&fixture);
		if (!strstr(fixture_status(&fixture).why, "ermission denied"))
			fprintf(stderr, "why: %s\n", fixture_status(&fixture).why);
		_exit((int)fixture_status(&fixture).state);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void what_is_forbidden_fails(void **state)
{
	(void)state;
	assert_int_equal(chmod(fixture.top, 0755), 0);
	assert_int_equal(mkdir(fixture.directory, 0755), 0);
	assert_int_equal(chmod(fixture.directory, 0555), 0);
	assert_int_equal(state_as_nobody(), HISTORY_FAILING);
	assert_int_equal(chmod(fixture.directory, 0777), 0); /* the near miss */
	assert_int_equal(state_as_nobody(), HISTORY_WRITING);
	assert_int_equal(chmod(fixture.path, 0400), 0);
	if (getuid() == 0)
		assert_int_equal(chown(fixture.path, 0, 0), 0);
	assert_int_equal(state_as_nobody(), HISTORY_FAILING);
}

/* ---- sudden death ---------------------------------------------------------------------------------- */

static void child_write(int pipe_fd, uint64_t first)
{
	uint64_t given = 0;

	fixture_open(&fixture);
	for (;;) {
		struct history_status status;
		uint64_t committed;

		for (unsigned i = 0; i < BATCH; i++, given++)
			put(first + 2 * given); /* rows only */
		fixture_step(&fixture, 300);
		status = fixture_status(&fixture);
		committed = status.written;
		if (write(pipe_fd, &committed, sizeof(committed)) != sizeof(committed))
			_exit(1);
	}
}

/* Kills a child that writes after it has told of some commits; returns how many rows it told of. */
static uint64_t child_kill(uint64_t first, uint32_t after)
{
	uint64_t told = 0, committed;
	int pipes[2], status;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(pipes[0]);
		child_write(pipes[1], first);
	}
	close(pipes[1]);
	for (uint32_t i = 0; i < after; i++) {
		assert_int_equal(read(pipes[0], &committed, sizeof(committed)), sizeof(committed));
		told = committed;
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(pipes[0], &committed, sizeof(committed)) == sizeof(committed))
		told = committed;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(pipes[0]);
	return told;
}

static void death_loses_nothing_that_was_committed(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	uint64_t all = 0;
	char sql[160];

	(void)state;
	for (unsigned round = 0; round < ROUND_KILLS; round++) {
		uint64_t first = 10000000ULL * round, told = child_kill(first, 1 + random_below(&random, 60));
		int64_t found;

		snprintf(sql, sizeof(sql), "SELECT count(*) FROM connections WHERE cookie >= %llu AND cookie < %llu",
			 (unsigned long long)(1000 + first), (unsigned long long)(1000 + first + 2 * told));
		found = fixture_number(&fixture, sql);
		assert_int_equal(found, told);
		fixture_check_sound(&fixture);
		assert_int_equal(fixture_number(&fixture,
						"SELECT value = (SELECT count(*) FROM connections) FROM facts "
						"WHERE name = 'rows'"),
				 1);
		all += told;
	}
	assert_true(all > BATCH * ROUND_KILLS);
	assert_true((uint64_t)rows() >= all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_may_fail_once),
		cmocka_unit_test(the_disk_may_fail_for_long),
		cmocka_unit_test(the_end_may_come_while_it_fails),
		TEST(attempts_become_rare_and_are_not_logged),
		TEST(what_waits_is_bounded),
		TEST(a_spoilt_header_is_moved_aside),
		TEST(a_spoilt_schema_is_moved_aside),
		TEST(spoilt_pages_are_moved_aside),
		TEST(a_cut_file_is_moved_aside),
		TEST(what_spoils_later_is_moved_aside),
		TEST(what_is_forbidden_fails),
		TEST(death_loses_nothing_that_was_committed),
	};

	log_start(LOG_LEVEL_ERROR);
	fault_vfs_register();
	return cmocka_run_group_tests_name("history_faults", tests, NULL, NULL);
}
