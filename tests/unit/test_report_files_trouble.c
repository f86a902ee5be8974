// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_report_files_trouble.c: report files when things go wrong: an earlier run died, the disk is full or refuses,
 * somebody plants links, somebody else writes there. No line is torn, each that is lost is counted, and all resumes by
 * itself. Where root is needed a test is skipped without.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <signal.h>

#include "report_files_fixture.h"

#define NOBODY 65534

/* ---- what an earlier run has left --------------------------------------------------------------- */

static void a_crash_loses_no_whole_line(void **state)
{
	struct fixture *fixture = *state;

	fixture_open(fixture);
	fixture_take(fixture, 3);
	fixture_crash(fixture);
	assert_int_equal(fixture_count(fixture, true), 1);
	assert_int_equal(fixture_count(fixture, false), 0);
	fixture->config.gzip = true;
	fixture_open(fixture);
	fixture_steps(fixture, 3);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(fixture_count(fixture, false), 1);
	visible_is_expected(fixture);
	assert_int_equal(fixture_status(fixture).lost, 0);
	assert_int_equal(fixture_status(fixture).lines, 0);
	assert_int_equal(fixture_status(fixture).files, 1);
}

static void a_torn_last_line_is_cut_off(void **state)
{
	static const char left[] = "{\"a\":1}\n{\"b\":2}\n{\"c\":";
	struct fixture *fixture = *state;

	fixture_write(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part", left, sizeof(left) - 1);
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-2.jsonl.part", left, 16); /* ends with a line */
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-3.jsonl.part", left + 16, sizeof(left) - 17);
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-4.jsonl.part", "", 0);
	text_append(&fixture->expected, left, 16);
	text_append(&fixture->expected, left, 16);
	fixture_open(fixture);
	fixture_steps(fixture, 10);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(fixture_count(fixture, false), 2);
	assert_int_equal(fixture_status(fixture).lost, 2);
	assert_int_equal(fixture_status(fixture).files, 2);
	visible_is_expected(fixture);
}

/* The line feed may stand far before the end. */
static void a_long_torn_line_is_cut_off(void **state)
{
	struct fixture *fixture = *state;
	size_t length = 200000;
	char *left = malloc(length);

	memset(left, 'x', length);
	left[5000] = '\n';
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part", left, length);
	text_append(&fixture->expected, left, 5001);
	fixture_open(fixture);
	fixture_steps(fixture, 3);
	visible_is_expected(fixture);
	free(left);
}

static void half_compressed_is_compressed_anew(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.gzip = true;
	fixture->config.max_bytes = 4 << 20;
	fixture_open(fixture);
	for (unsigned i = 0; i < 20; i++)
		fixture_take(fixture, 200);
	fixture_step(fixture, 1);
	fixture_step(fixture, 1);
	/* The full one, half of it compressed, and the one that is being written. */
	assert_int_equal(fixture_count(fixture, true), 3);
	fixture_crash(fixture);
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.gz.part", "of no use", 9);
	fixture_open(fixture);
	fixture_steps(fixture, 20);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(fixture_count(fixture, false), 2);
	visible_is_expected(fixture);
}

/* A run died after it had given the finished file its name. */
static void what_was_finished_is_not_finished_again(void **state)
{
	static const char line[] = "{\"a\":1}\n";
	struct fixture *fixture = *state;

	fixture_write(fixture, "lastack-" LEFT_STAMP "-1.jsonl", line, sizeof(line) - 1);
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part", line, sizeof(line) - 1);
	text_append_str(&fixture->expected, line);
	visible_check_all(fixture);
	fixture->config.gzip = true;
	fixture_open(fixture);
	fixture_steps(fixture, 3);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(fixture_count(fixture, false), 1);
	visible_is_expected(fixture);
	assert_int_equal(fixture_status(fixture).files, 0);
}

/* Many at once: all but the last eight are finished as they are, so that compressing does not fall behind for ever. */
static void a_backlog_is_not_compressed(void **state)
{
	struct fixture *fixture = *state;
	char name[REPORT_NAME_BYTES];

	for (unsigned i = 1; i <= 12; i++) {
		snprintf(name, sizeof(name), ".lastack-" LEFT_STAMP "-%u.jsonl.part", i);
		fixture_write(fixture, name, "{}\n", 3);
	}
	fixture->config.gzip = true;
	fixture_open(fixture);
	fixture_steps(fixture, 40);
	for (unsigned i = 1; i <= 12; i++) {
		snprintf(name, sizeof(name), "lastack-" LEFT_STAMP "-%u.jsonl%s", i, i <= 4 ? "" : ".gz");
		assert_true(fixture_has(fixture, name));
	}
	assert_int_equal(fixture_count(fixture, true), 0);
}

/* ---- others ------------------------------------------------------------------------------------- */

/* Links in all the places that the next file could have. */
static void links_are_not_followed(void **state)
{
	static const char secret[] = "untouched";
	struct fixture *fixture = *state;
	char name[REPORT_NAME_BYTES], target[96], content[sizeof(secret)] = "";
	struct report_name place = {.number = 1};
	struct stat status;
	int fd;

	fixture_write(fixture, "../target", secret, sizeof(secret));
	snprintf(target, sizeof(target), "%s/target", fixture->root);
	for (time_t now = time(NULL), at = now; at < now + 60; at++) {
		report_name_stamp(at, place.stamp);
		report_name_text(&place, REPORT_NAME_PART, name);
		assert_int_equal(symlink(target, fixture_path(fixture, name)), 0);
	}
	fixture_open(fixture);
	fixture_steps(fixture, 100); /* not taken for files that an earlier run has left, either */
	assert_false(fixture_status(fixture).failing);
	fixture_take(fixture, 2);
	fixture_finish(fixture);
	visible_is_expected(fixture);
	assert_int_equal(fixture_count(fixture, true), 60);
	fd = open(target, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, content, sizeof(content)), sizeof(secret));
	assert_int_equal(fstat(fd, &status), 0);
	close(fd);
	assert_int_equal(status.st_size, sizeof(secret));
	assert_memory_equal(content, secret, sizeof(secret));
}

static void two_writers_do_not_share(void **state)
{
	struct fixture *fixture = *state;
	struct report_files_status status;
	struct report_files *other;
	struct store_sink sink;

	fixture_open(fixture);
	fixture_take(fixture, 1);
	assert_int_equal(report_files_create(&other, &fixture->config), 0);
	sink = report_files_sink(other);
	sink.step(sink.arg, START_NS);
	report_files_status(other, &status);
	assert_true(status.failing);
	assert_non_null(strstr(status.why, "another process writes there"));
	assert_int_equal(fixture_count(fixture, true), 1);
	fixture_finish(fixture);
	fixture_crash(fixture);
	sink.step(sink.arg, START_NS + SECOND_NS);
	report_files_status(other, &status);
	assert_false(status.failing);
	report_files_destroy(other);
	visible_is_expected(fixture);
}

static void a_file_that_was_removed_is_counted(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.max_age_ns = SECOND_NS;
	fixture_open(fixture);
	fixture_take(fixture, 3);
	fixture_step(fixture, 1);
	nftw(fixture->path, fixture_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	fixture_step(fixture, SECOND_NS);
	assert_int_equal(fixture_status(fixture).lost, 3);
	/* The directory is made again at the second try: the first one finds that it is gone. */
	text_clear(&fixture->expected);
	fixture_take(fixture, 2);
	fixture_step(fixture, SECOND_NS);
	fixture_finish(fixture);
	assert_int_equal(fixture_status(fixture).lost, 3);
	visible_is_expected(fixture);
}

/* ---- a disk that refuses ------------------------------------------------------------------------ */

/* Counts the lines of the log while `play` runs. */
static unsigned log_count(struct fixture *fixture, void (*play)(struct fixture *fixture), const char *word)
{
	FILE *log = tmpfile();
	int before = dup(STDERR_FILENO);
	char line[1024];
	unsigned count = 0;

	assert_non_null(log);
	log_start(LOG_LEVEL_INFO);
	dup2(fileno(log), STDERR_FILENO);
	play(fixture);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(log);
	while (fgets(line, sizeof(line), log))
		count += strstr(line, word) != NULL;
	fclose(log);
	return count;
}

/* Nobody may write there for a minute and a half; then it goes on. */
static void refused_for_a_while(struct fixture *fixture)
{
	fixture_take(fixture, 2);
	assert_true(fixture_status(fixture).failing);
	assert_non_null(strstr(fixture_status(fixture).why, "Permission denied"));
	for (unsigned i = 0; i < 900; i++)
		fixture_step(fixture, SECOND_NS / 10);
	assert_int_equal(chmod(fixture->path, 0777), 0);
	fixture_take(fixture, 1);
	fixture_step(fixture, 10 * SECOND_NS);
	assert_true(fixture_status(fixture).failing); /* it is tried after 1, 3, 7, 15, 31, 63 and 123 seconds */
	fixture_step(fixture, 60 * SECOND_NS);
	assert_false(fixture_status(fixture).failing);
}

static void a_read_only_directory_is_tried_again(void **state)
{
	struct fixture *fixture = *state;
	bool root = !geteuid();

	assert_int_equal(mkdir(fixture->path, 0555), 0);
	if (root) {
		assert_int_equal(chown(fixture->path, NOBODY, (gid_t)-1), 0);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	fixture_open(fixture);
	/* That it failed, and that it works again: not each of the tries. */
	assert_int_equal(log_count(fixture, refused_for_a_while, "report files"), 2);
	fixture_finish(fixture);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	visible_is_expected(fixture);
	assert_string_equal(fixture_status(fixture).why, "");
	assert_int_equal(fixture_status(fixture).lost, 0);
}

/* One that cannot be finished holds up no other, and is tried again. */
static void one_refused_file_holds_up_no_other(void **state)
{
	struct fixture *fixture = *state;

	if (geteuid()) {
		print_message("skipped: without root there is no file of somebody else\n");
		skip();
	}
	fixture_write(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part", "{}\n", 3);
	assert_int_equal(chown(fixture->path, NOBODY, (gid_t)-1), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	fixture_open(fixture);
	fixture_take(fixture, 1);
	fixture->config.max_age_ns = 1;
	report_files_reconfigure(fixture->files, &fixture->config);
	fixture_steps(fixture, 30);
	assert_int_equal(fixture_count(fixture, true), 1);
	assert_int_equal(fixture_count(fixture, false), 1);
	visible_is_expected(fixture);
	assert_true(fixture_status(fixture).failing);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(fixture_path(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part"), NOBODY, (gid_t)-1), 0);
	fixture_step(fixture, 60 * SECOND_NS);
	fixture_steps(fixture, 3);
	assert_int_equal(fixture_count(fixture, false), 2);
	assert_false(fixture_status(fixture).failing);
}

/* What is in the one hidden file: whole lines only, which it returns the number of. */
static unsigned hidden_lines(const struct fixture *fixture)
{
	struct report_name name;
	struct dirent *entry;
	struct text text = {0};
	unsigned lines = 0;
	DIR *stream = opendir(fixture->path);

	while ((entry = readdir(stream)))
		if (report_name_read(entry->d_name, REPORT_NAME_PART, &name))
			fixture_read(fixture, entry->d_name, &text);
	closedir(stream);
	assert_true(!text.length || text.data[text.length - 1] == '\n');
	for (size_t i = 0; i < text.length; i++)
		lines += text.data[i] == '\n';
	text_free(&text);
	return lines;
}

/* A write that ends within a line: at each of many places. */
static void a_line_is_written_whole_or_not_at_all(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, limit;
	size_t line;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	fixture_open(fixture);
	line = fixture_take(fixture, 1);
	for (unsigned i = 1; i < 40; i++) {
		unsigned room = 2 * i + i * 37 % 3; /* lines that will fit, 0 to 2 more than there are */
		unsigned lines;

		limit = (struct rlimit){.rlim_cur = room * line + i * line / 40, .rlim_max = before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		fixture_take(fixture, 2);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		lines = hidden_lines(fixture);
		assert_int_equal(lines, room < 2 * i + 1 ? room : 2 * i + 1);
		assert_int_equal(fixture_status(fixture).lines, lines);
		assert_int_equal(fixture_status(fixture).failing, lines < 2 * i + 1);
		fixture_step(fixture, 120 * SECOND_NS);
		assert_int_equal(hidden_lines(fixture), 2 * i + 1);
		assert_false(fixture_status(fixture).failing);
	}
	fixture_finish(fixture);
	visible_is_expected(fixture);
	assert_int_equal(fixture_status(fixture).lost, 0);
}

/* Takes the room that is left, but for about so many bytes. */
static void disk_fill(const struct fixture *fixture, size_t left_bytes)
{
	int fd = open(fixture_path(fixture, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct statfs status;
	char page[4096] = {0};

	assert_int_equal(fstatfs(fd, &status), 0);
	for (size_t bytes = (size_t)status.f_bfree * (size_t)status.f_bsize; bytes > left_bytes; bytes -= sizeof(page))
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	close(fd);
}

/* Returns false where that is not allowed. */
static bool disk_mount(struct fixture *fixture)
{
	assert_int_equal(mkdir(fixture->path, 0750), 0);
	if (!mount("tmpfs", fixture->path, "tmpfs", 0, "size=64k"))
		return true;
	print_message("skipped: a file system cannot be mounted: %s\n", strerror(errno));
	return false;
}

static void a_full_disk(struct fixture *fixture)
{
	struct report_files_status status;
	unsigned on_disk;

	disk_fill(fixture, 8192);
	fixture_open(fixture);
	fixture_take(fixture, 10);
	status = fixture_status(fixture);
	on_disk = hidden_lines(fixture);
	assert_true(status.failing);
	assert_in_range(on_disk, 1, 9);
	assert_int_equal(status.lines, on_disk);
	assert_int_equal(status.lost, 0);
	assert_non_null(strstr(status.why, "No space left on device"));
	fixture_steps(fixture, 50);
	assert_int_equal(hidden_lines(fixture), on_disk);
	assert_int_equal(unlink(fixture_path(fixture, "filler")), 0);
	fixture_step(fixture, 60 * SECOND_NS);
	assert_false(fixture_status(fixture).failing);
	assert_int_equal(hidden_lines(fixture), 10);
	fixture_finish(fixture);
	assert_int_equal(fixture_status(fixture).lost, 0);
	visible_is_expected(fixture);
}

static void a_full_disk_is_waited_for(void **state)
{
	struct fixture *fixture = *state;

	if (!disk_mount(fixture))
		skip();
	a_full_disk(fixture);
}

/* More than may wait in memory: of each line it is known whether it was written or lost. */
static void what_a_full_disk_loses_is_counted(void **state)
{
	struct fixture *fixture = *state;
	struct report_files_status status;
	struct text text = {0};

	if (!disk_mount(fixture))
		skip();
	fixture_open(fixture);
	for (unsigned i = 0; i < 10; i++)
		fixture_take(fixture, 100); /* 1.6 MB */
	fixture_step(fixture, SECOND_NS / 10);
	status = fixture_status(fixture);
	assert_true(status.lost > 100);
	assert_int_equal(hidden_lines(fixture), status.lines);
	fixture_finish(fixture);
	status = fixture_status(fixture);
	assert_int_equal(status.lines + status.lost, 1000);
	assert_int_equal(visible_read(fixture, &text, NULL), 1);
	assert_int_equal(text.length, status.bytes);
	assert_memory_equal(text.data, fixture->expected.data, text.length);
	text_free(&text);
}

/* There is room for the lines, and none for compressing them: they stay hidden and whole until there is. */
static void compressing_waits_for_room(void **state)
{
	struct fixture *fixture = *state;

	if (!disk_mount(fixture))
		skip();
	fixture->config.gzip = true;
	fixture->config.max_age_ns = SECOND_NS;
	fixture_open(fixture);
	fixture_take(fixture, 10);
	fixture_step(fixture, 1);
	disk_fill(fixture, 0);
	fixture_step(fixture, SECOND_NS);
	fixture_steps(fixture, 10);
	assert_true(fixture_status(fixture).failing);
	assert_int_equal(fixture_count(fixture, true), 1);
	assert_int_equal(hidden_lines(fixture), 10);
	assert_int_equal(unlink(fixture_path(fixture, "filler")), 0);
	fixture_step(fixture, 60 * SECOND_NS);
	fixture_steps(fixture, 3);
	assert_false(fixture_status(fixture).failing);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(fixture_status(fixture).lost, 0);
	visible_is_expected(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_crash_loses_no_whole_line),
		TEST(a_torn_last_line_is_cut_off),
		TEST(a_long_torn_line_is_cut_off),
		TEST(half_compressed_is_compressed_anew),
		TEST(what_was_finished_is_not_finished_again),
		TEST(a_backlog_is_not_compressed),
		TEST(links_are_not_followed),
		TEST(two_writers_do_not_share),
		TEST(a_file_that_was_removed_is_counted),
		TEST(a_read_only_directory_is_tried_again),
		TEST(one_refused_file_holds_up_no_other),
		TEST(a_line_is_written_whole_or_not_at_all),
		TEST(a_full_disk_is_waited_for),
		TEST(what_a_full_disk_loses_is_counted),
		TEST(compressing_waits_for_room),
	};

	return cmocka_run_group_tests_name("report_files_trouble", tests, NULL, NULL);
}
