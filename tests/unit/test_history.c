// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_history.c: what becomes a row and what a count, revisions, keys, retention, and how databases of other
 * versions are taken over. What goes wrong with the disk is in test_history_faults.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "history_fixture.h"
#include "random_report.h"
#include "store/history_schema.h"

static struct fixture fixture;

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
	fixture_end(&fixture);
	return 0;
}

/* With TIME_WAIT before it: another revision may follow. */
static void put(uint64_t number, uint32_t revision, enum connection_cause cause)
{
	struct connection_report report = fixture_report(number);

	report.revision = revision;
	report.cause = cause;
	report.class = cause_class(cause);
	report.time_wait_end = TIME_WAIT_END_PENDING;
	report.time_wait_end_ns = ABSENT_U64;
	fixture_put(&fixture, &report);
}

static void policy_set(struct history_policy policy)
{
	fixture.config.policy = policy;
	history_reconfigure(fixture.history, &fixture.config);
}

static int64_t rows(void)
{
	return fixture_number(&fixture, "SELECT count(*) FROM connections");
}

static int64_t counted(void)
{
	return fixture_number(&fixture, "SELECT ifnull(sum(connections), 0) FROM hourly");
}

/* ---- files ----------------------------------------------------------------------------------------- */

static void files_are_for_nobody_else(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	struct stat status;
	char name[96];

	(void)state;
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	assert_int_equal(stat(fixture.directory, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0750 & ~fixture.mask);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", fixture.path, suffixes[i]);
		assert_int_equal(stat(name, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
}

static void settings_are_as_they_must_be(void **state)
{
	(void)state;
	assert_int_equal(fixture_number(&fixture, "PRAGMA application_id"), HISTORY_APPLICATION_ID);
	assert_int_equal(fixture_number(&fixture, "PRAGMA user_version"), HISTORY_VERSION);
	assert_int_equal(fixture_number(&fixture, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(fixture_number(&fixture, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}

static void commits_come_within_a_second(void **state)
{
	(void)state;
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	assert_int_equal(rows(), 0);
	for (unsigned i = 0; i < 6; i++)
		fixture_step(&fixture, 100);
	assert_int_equal(rows(), 1);
	put(2, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_close(&fixture);
	assert_int_equal(rows(), 2); /* the end of the daemon is a commit */
}

static long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Not between the commits of a burst, and not never. */
static void memory_goes_back_after_a_burst(void **state)
{
	long after_commit, soon, later;

	(void)state;
	if (!mallinfo2().arena)
		skip(); /* the memory is a sanitizer's, or valgrind's */
	for (uint64_t number = 1; number <= 20000; number++)
		put(number, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	after_commit = resident_kib();
	fixture_step(&fixture, 1000);
	soon = resident_kib();
	fixture_step(&fixture, 2000);
	later = resident_kib();
	assert_true(soon > after_commit - 1024);
	assert_true(later < after_commit / 2);
	assert_int_equal(rows(), 20000);
}

static void status_tells_what_is_there(void **state)
{
	struct history_status status;

	(void)state;
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	put(2, 1, CAUSE_FIN_LOCAL_FIRST);
	put(2, 2, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	status = fixture_status(&fixture);
	assert_int_equal(status.state, HISTORY_WRITING);
	assert_string_equal(status.why, "");
	assert_int_equal(status.rows, 2);
	assert_int_equal(status.written, 3);
	fixture_close(&fixture);
	fixture_open(&fixture);
	fixture_step(&fixture, 1000);
	status = fixture_status(&fixture);
	assert_int_equal(status.rows, 2); /* known again, without counting */
	assert_int_equal(status.written, 0);
	assert_true(status.bytes >= 4096);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

static void revisions_replace_rows(void **state)
{
	(void)state;
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	put(1, 2, CAUSE_RST_SENT_DATA_AFTER_CLOSE);
	put(2, 1, CAUSE_FIN_LOCAL_FIRST); /* and in one transaction */
	put(2, 3, CAUSE_RST_SENT_DATA_AFTER_CLOSE);
	put(2, 2, CAUSE_FIN_LOCAL_FIRST); /* late */
	fixture_commit(&fixture);
	assert_int_equal(rows(), 2);
	assert_int_equal(fixture_number(&fixture, "SELECT count(*) FROM connections WHERE cause = "
						  "'rst_sent_data_after_close' AND class = 'reset'"),
			 2);
	assert_int_equal(fixture_number(&fixture, "SELECT max(revision) FROM connections"), 3);
}

static void lives_of_a_socket_are_rows(void **state)
{
	struct connection_report report = fixture_report(1);

	(void)state;
	fixture_put(&fixture, &report);
	report.start_ns += 1000; /* connected again */
	fixture_put(&fixture, &report);
	report.start_ns = ABSENT_U64; /* one whose birth was not seen has what was seen of it first */
	report.states[0].at_ns += 2000;
	fixture_put(&fixture, &report);
	report.revision = 2;
	fixture_put(&fixture, &report);
	report.revision = 1;
	report.states[0].at_ns += 2000;
	fixture_put(&fixture, &report);
	report.netns++;
	fixture_put(&fixture, &report);
	fixture_commit(&fixture);
	assert_int_equal(rows(), 5);
}

static void clocks_that_are_set_make_no_new_row(void **state)
{
	struct store_item item = {.report = fixture_report(1), .wall_minus_monotonic_ns = 1000};

	(void)state;
	fixture.sink.take(fixture.sink.arg, &item, 1);
	item.report.revision = 2;
	item.wall_minus_monotonic_ns = 3600 * 1000000000LL;
	fixture.sink.take(fixture.sink.arg, &item, 1);
	fixture_commit(&fixture);
	assert_int_equal(rows(), 1);
}

static void cookies_of_another_boot_are_others(void **state)
{
	(void)state;
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_close(&fixture);
	fixture.config.boot_id = "another-boot";
	fixture_open(&fixture);
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_close(&fixture);
	assert_int_equal(rows(), 2);
	fixture_open(&fixture); /* the same boot again */
	put(1, 2, CAUSE_FIN_LOCAL_FIRST);
	fixture_close(&fixture);
	assert_int_equal(rows(), 2);
	assert_int_equal(fixture_number(&fixture, "SELECT count(*) FROM boots"), 2);
}

/* ---- policy ---------------------------------------------------------------------------------------- */

/* One report that matches, and one that just does not. */
static void check_policy(struct history_policy policy, const struct connection_report *hit,
			 const struct connection_report *miss)
{
	int64_t rows_before = rows(), counted_before = counted();

	policy_set(policy);
	fixture_put(&fixture, hit);
	fixture_put(&fixture, miss);
	fixture_commit(&fixture);
	assert_int_equal(rows(), rows_before + 1);
	assert_int_equal(counted(), counted_before + 1);
}

static void policies_count_what_they_name(void **state)
{
	struct connection_report hit = fixture_report(1), miss = fixture_report(2);

	(void)state;
	miss.class = CLASS_RESET;
	miss.cause = CAUSE_RST_RECEIVED;
	check_policy((struct history_policy){.classes = 1 << CLASS_GRACEFUL}, &hit, &miss);
	hit.cookie++, miss.cookie = 10;
	check_policy((struct history_policy){.causes = 1 << CAUSE_FIN_LOCAL_FIRST}, &hit, &miss);
	hit = fixture_report(20), miss = fixture_report(21);
	hit.end_ns = hit.start_ns + 999999999, miss.end_ns = miss.start_ns + 1000000000;
	check_policy((struct history_policy){.shorter_than_ns = 1000000000}, &hit, &miss);
	miss = fixture_report(22), miss.start_ns = ABSENT_U64;
	check_policy((struct history_policy){.shorter_than_ns = 1000000000000}, &hit, &miss);
	miss = fixture_report(23), miss.remote_port = 81;
	check_policy((struct history_policy){.ports = {1, {{79, 80}}}}, &hit, &miss);
	hit = miss, miss = fixture_report(24), miss.local_port--;
	check_policy((struct history_policy){.ports = {1, {{34855, 34855}}}}, &hit, &miss);
	/* All conditions have to hold. */
	hit = fixture_report(25), miss = fixture_report(26), miss.class = CLASS_RESET, miss.cause = CAUSE_RST_RECEIVED;
	check_policy((struct history_policy){.classes = 1 << CLASS_GRACEFUL, .ports = {1, {{80, 80}}}}, &hit, &miss);
	/* What is abnormal in itself is kept. */
	miss = fixture_report(27), miss.conformance = CONFORMANCE_VIOLATION;
	check_policy((struct history_policy){.classes = 1 << CLASS_GRACEFUL}, &hit, &miss);
}

/* The sums of the counts, whatever their keys. */
static void check_sums(int64_t connections, int64_t sent, int64_t durations)
{
	assert_int_equal(counted(), connections);
	assert_int_equal(fixture_number(&fixture, "SELECT ifnull(sum(bytes_sent), 0) FROM hourly"), sent);
	assert_int_equal(fixture_number(&fixture, "SELECT ifnull(sum(durations), 0) FROM hourly"), durations);
}

static void revisions_of_what_was_counted_count_once(void **state)
{
	(void)state;
	policy_set((struct history_policy){.classes = 1 << CLASS_GRACEFUL | 1 << CLASS_OTHER_TIMEOUT});
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	put(2, 1, CAUSE_FIN_LOCAL_FIRST);
	put(3, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	check_sums(3, 3000, 3);
	put(1, 2, CAUSE_FIN_LOCAL_FIRST);           /* as before */
	put(2, 2, CAUSE_FIN_WAIT2_TIMEOUT);         /* counted as something else */
	put(3, 2, CAUSE_RST_SENT_DATA_AFTER_CLOSE); /* to be kept now */
	put(4, 1, CAUSE_FIN_LOCAL_FIRST);           /* the same in one transaction */
	put(4, 2, CAUSE_RST_SENT_DATA_AFTER_CLOSE);
	put(5, 2, CAUSE_FIN_LOCAL_FIRST); /* nothing is known of its first report */
	put(6, 2, CAUSE_RST_SENT_DATA_AFTER_CLOSE);
	fixture_commit(&fixture);
	check_sums(2, 2000, 2);
	assert_int_equal(rows(), 3);
	assert_int_equal(fixture_number(&fixture,
					"SELECT sum(connections) FROM hourly WHERE cause = 'fin_wait2_timeout'"),
			 1);
	assert_int_equal(fixture_status(&fixture).counted, 2);
}

/* Kept once is kept: a later report of it is in the row, whatever the policy says of it. */
static void revisions_of_what_was_kept_stay_rows(void **state)
{
	(void)state;
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	policy_set((struct history_policy){.classes = 1 << CLASS_GRACEFUL});
	put(1, 2, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	assert_int_equal(rows(), 1);
	assert_int_equal(fixture_number(&fixture, "SELECT revision FROM connections"), 2);
	check_sums(0, 0, 0);
}

/*
 * Rows and counts together are all connections, each once, whatever comes: random revisions under a random policy,
 * held against a plain list of what was said last.
 */
static void rows_and_counts_are_all_of_them(void **state)
{
	static const enum connection_cause causes[] = {CAUSE_FIN_LOCAL_FIRST, CAUSE_RST_RECEIVED,
						       CAUSE_FIN_WAIT2_TIMEOUT, CAUSE_REFUSED};
	struct random_numbers random = {random_seed_of_run()};
	uint32_t revisions[600] = {0};
	int64_t connections = 0;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t which = random_below(&random, 1 + i / 5);

		if (random_below(&random, 100) == 0)
			policy_set((struct history_policy){.classes = random_next(&random) & 0xff});
		connections += !revisions[which];
		put(which, ++revisions[which], causes[random_below(&random, 4)]);
		if (random_below(&random, 50) == 0)
			fixture_step(&fixture, 300);
	}
	fixture_commit(&fixture);
	assert_true(rows() > 20 && counted() > 20);
	assert_int_equal(rows() + counted(), connections);
	assert_int_equal(fixture_number(&fixture,
					"SELECT count(*) FROM hourly WHERE connections < 0 OR bytes_sent < 0"),
			 0);
	assert_int_equal(fixture_status(&fixture).rows, rows());
	assert_int_equal(fixture_status(&fixture).counted, counted());
}

static void hours_are_apart(void **state)
{
	struct connection_report report = fixture_report(1);

	(void)state;
	policy_set((struct history_policy){.classes = 1 << CLASS_GRACEFUL});
	fixture_put(&fixture, &report);
	report = fixture_report(2);
	report.end_ns += 3600 * FIXTURE_SECOND_NS;
	fixture_put(&fixture, &report);
	report = fixture_report(3); /* late, after the hour has turned */
	fixture_put(&fixture, &report);
	fixture_commit(&fixture);
	assert_int_equal(fixture_number(&fixture, "SELECT count(DISTINCT hour) FROM hourly"), 2);
	assert_int_equal(fixture_number(&fixture, "SELECT sum(connections) FROM hourly GROUP BY hour"), 2);
}

/* ---- retention ------------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void put_aged(uint64_t number, int64_t age_s)
{
	struct store_item item = {.report = fixture_report(number)};

	item.wall_minus_monotonic_ns = (now_us() - age_s * 1000000) * 1000 - (int64_t)item.report.end_ns;
	fixture.sink.take(fixture.sink.arg, &item, 1);
}

static void old_rows_go(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1200; i++)
		put_aged(i, 7300);
	for (unsigned i = 0; i < 30; i++)
		put_aged(2000 + i, 7100);
	policy_set((struct history_policy){.classes = 1 << CLASS_GRACEFUL});
	put_aged(5000, 3 * 3600);
	put_aged(5001, 0);
	fixture_commit(&fixture);
	assert_int_equal(rows(), 1230);
	assert_int_equal(counted(), 2);
	fixture.config.max_age_ns = 7200 * FIXTURE_SECOND_NS;
	history_reconfigure(fixture.history, &fixture.config);
	fixture_step(&fixture, 1);
	fixture_step(&fixture, 600);
	assert_int_equal(rows(), 230); /* in small steps: two */
	for (unsigned i = 0; i < 4; i++)
		fixture_step(&fixture, 600);
	assert_int_equal(rows(), 30);
	assert_int_equal(counted(), 1);
	assert_int_equal(fixture_status(&fixture).expired, 1200);
	assert_int_equal(fixture_status(&fixture).rows, 30);
}

static void the_file_stays_within_its_size(void **state)
{
	const int64_t max_pages = 500;
	struct timespec begin, end;
	double longest = 0;

	(void)state;
	fixture.config.max_bytes = (uint64_t)max_pages * 4096;
	history_reconfigure(fixture.history, &fixture.config);
	for (unsigned i = 0; i < 12000; i++) {
		put(i, 1, CAUSE_FIN_LOCAL_FIRST);
		if (i % 100)
			continue;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
		fixture_step(&fixture, 100);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		if ((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9 > longest)
			longest = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	}
	for (unsigned i = 0; i < 30; i++)
		fixture_step(&fixture, 600);
	print_message("longest step: %.1f ms of CPU\n", longest * 1e3);
	assert_true(fixture_number(&fixture, "PRAGMA page_count") <= max_pages);
	assert_true(rows() > 300);
	/* The newest are what is left, and nothing but them. */
	assert_int_equal(fixture_number(&fixture, "SELECT max(cookie) FROM connections"), 1000 + 11999);
	assert_int_equal(fixture_number(&fixture, "SELECT max(cookie) - min(cookie) + 1 = count(*) FROM connections"),
			 1);
	assert_int_equal(rows() + (int64_t)fixture_status(&fixture).expired, 12000);
	fixture_check_sound(&fixture);
}

static void freed_space_is_given_back(void **state)
{
	struct stat status;
	off_t before;

	(void)state;
	for (unsigned i = 0; i < 15000; i++)
		put_aged(i, 7300);
	fixture_commit(&fixture);
	fixture_number(&fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(fixture.path, &status), 0);
	before = status.st_size;
	fixture.config.max_age_ns = 7200 * FIXTURE_SECOND_NS;
	history_reconfigure(fixture.history, &fixture.config);
	for (unsigned i = 0; i < 60; i++)
		fixture_step(&fixture, 600);
	fixture_number(&fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(fixture.path, &status), 0);
	assert_int_equal(rows(), 0);
	assert_true(status.st_size < before / 2);
}

/* ---- all together ---------------------------------------------------------------------------------- */

/* As in the daemon: the writer's thread writes, while others look at the status and ask questions. */
static void threads_share_a_history(void **state)
{
	struct history_query query = {.limit = 5}, groups = {.group_by = 1 << GROUP_CLASS};
	struct fixture_answer answer = {0};
	struct store_writer *writer;
	struct history_status status;
	bool stuck;

	(void)state;
	assert_int_equal(store_writer_start(&writer, &fixture.sink, 1, 30000), 0);
	for (unsigned i = 0; i < 20000; i++) {
		struct connection_report report = fixture_report(i);

		assert_true(store_writer_put(writer, &report, FIXTURE_CGROUP, SAMPLE_WALL_MINUS_MONOTONIC_NS));
		if (i % 1000)
			continue;
		fixture_ask(&fixture, i % 2000 ? &query : &groups, &answer);
		history_status(fixture.history, &status);
		assert_int_equal(status.state, HISTORY_WRITING);
		history_reconfigure(fixture.history, &fixture.config);
	}
	assert_int_equal(store_writer_stop(writer, 60 * FIXTURE_SECOND_NS, &stuck), 0);
	assert_false(stuck);
	history_status(fixture.history, &status);
	assert_int_equal(status.written, 20000);
	history_destroy(fixture.history);
	fixture.history = NULL;
	assert_int_equal(rows(), 20000);
	text_free(&answer.lines);
}

/* ---- other versions -------------------------------------------------------------------------------- */

static void run_sql(const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

/* As lastack would have made it before it could tell most of what it tells today. */
static void older_databases_learn_new_columns(void **state)
{
	static const char version_1[] =
		"PRAGMA application_id = 0x4c61434b; PRAGMA user_version = 1;"
		"CREATE TABLE boots(number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE);"
		"CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
		"INSERT INTO facts VALUES('rows', 1), ('batch', 5);"
		"CREATE TABLE hourly(hour INTEGER NOT NULL, class TEXT NOT NULL, cause TEXT NOT NULL, role TEXT NOT "
		"NULL,"
		" initiator TEXT NOT NULL, local_port INTEGER NOT NULL, comm TEXT NOT NULL, other INTEGER NOT NULL,"
		" connections INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, bytes_received INTEGER NOT NULL,"
		" retransmits INTEGER NOT NULL, durations INTEGER NOT NULL, duration_sum_us INTEGER NOT NULL,"
		" PRIMARY KEY(hour, class, cause, role, initiator, local_port, comm, other)) WITHOUT ROWID;"
		"CREATE TABLE connections(boot INTEGER NOT NULL, life_ns INTEGER NOT NULL, revision INTEGER, id TEXT,"
		" cookie INTEGER, netns INTEGER, class TEXT, remote_addr TEXT, end_us INTEGER, process_comm TEXT);"
		"INSERT INTO boots VALUES(1, 'old');"
		"INSERT INTO connections VALUES(1, 2, 1, 'a-b', 3, 4, 'reset', '10.0.0.1', 5, 'old one');"
		"CREATE UNIQUE INDEX connections_key ON connections(cookie, life_ns, netns, boot);"
		"CREATE INDEX connections_end ON connections(end_us);"
		"CREATE INDEX connections_class ON connections(class, end_us);"
		"CREATE INDEX connections_comm ON connections(process_comm, end_us);"
		"CREATE INDEX connections_remote ON connections(remote_addr, end_us);"
		"CREATE INDEX connections_id ON connections(id) WHERE id IS NOT NULL;";

	(void)state;
	fixture_close(&fixture);
	unlink(fixture.path);
	run_sql(version_1);
	fixture_open(&fixture);
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	assert_int_equal(fixture_status(&fixture).state, HISTORY_WRITING);
	assert_int_equal(rows(), 2);
	assert_int_equal(fixture_status(&fixture).rows, 2);
	assert_int_equal(fixture_number(&fixture, "SELECT count(*) FROM connections WHERE process_comm = 'old one' AND "
						  "srtt_us IS NULL"),
			 1);
	assert_int_equal(fixture_number(&fixture, "SELECT srtt_us FROM connections WHERE cookie = 1001"), 512);
	assert_int_equal(fixture_number(&fixture, "SELECT count(*) FROM pragma_table_info('connections')"),
			 2 + field_count);
}

/* What version 1 has is made by the step to it; begun and interrupted before that, it is made the next time. */
static void what_was_only_begun_is_completed(void **state)
{
	(void)state;
	fixture_close(&fixture);
	unlink(fixture.path);
	run_sql("PRAGMA application_id = 0x4c61434b");
	fixture_open(&fixture);
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	assert_int_equal(rows(), 1);
	assert_int_equal(fixture_number(&fixture, "PRAGMA user_version"), 1);
}

/* The bytes of a file, to be freed. */
static char *file_read(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	char *bytes = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(bytes);
	*length = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

static void check_foreign(const char *why)
{
	size_t before_length, after_length;
	char *before = file_read(fixture.path, &before_length), *after;
	struct history_status status;
	char name[96];

	fixture_open(&fixture);
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	status = fixture_status(&fixture);
	assert_int_equal(status.state, HISTORY_FOREIGN);
	assert_non_null(strstr(status.why, why));
	assert_int_equal(status.not_stored, 1);
	fixture_close(&fixture);
	after = file_read(fixture.path, &after_length);
	assert_int_equal(before_length, after_length);
	assert_memory_equal(before, after, before_length);
	snprintf(name, sizeof(name), "%s-wal", fixture.path);
	assert_int_not_equal(access(name, F_OK), 0);
	free(before);
	free(after);
}

static void foreign_files_are_left_alone(void **state)
{
	FILE *file;

	(void)state;
	fixture_close(&fixture);
	unlink(fixture.path);
	run_sql("CREATE TABLE theirs(a); INSERT INTO theirs VALUES(1)");
	check_foreign("another program");
	run_sql("PRAGMA application_id = 0x4c61434b; PRAGMA user_version = 2");
	check_foreign("newer lastack");
	file = fopen(fixture.path, "w");
	assert_non_null(file);
	fprintf(file, "notes about the history of our network\n");
	fclose(file);
	check_foreign("no SQLite database");
	/* Once it is out of the way, there is a history. */
	fixture_open(&fixture);
	unlink(fixture.path);
	fixture_step(&fixture, 10000);
	put(1, 1, CAUSE_FIN_LOCAL_FIRST);
	fixture_commit(&fixture);
	assert_int_equal(fixture_status(&fixture).state, HISTORY_WRITING);
	assert_int_equal(rows(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(files_are_for_nobody_else),
		TEST(settings_are_as_they_must_be),
		TEST(commits_come_within_a_second),
		TEST(memory_goes_back_after_a_burst),
		TEST(status_tells_what_is_there),
		TEST(revisions_replace_rows),
		TEST(lives_of_a_socket_are_rows),
		TEST(clocks_that_are_set_make_no_new_row),
		TEST(cookies_of_another_boot_are_others),
		TEST(policies_count_what_they_name),
		TEST(revisions_of_what_was_counted_count_once),
		TEST(revisions_of_what_was_kept_stay_rows),
		TEST(rows_and_counts_are_all_of_them),
		TEST(hours_are_apart),
		TEST(old_rows_go),
		TEST(the_file_stays_within_its_size),
		TEST(freed_space_is_given_back),
		TEST(threads_share_a_history),
		TEST(older_databases_learn_new_columns),
		TEST(what_was_only_begun_is_completed),
		TEST(foreign_files_are_left_alone),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
