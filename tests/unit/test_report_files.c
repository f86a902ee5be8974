// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_report_files.c: reports become files of JSON lines that are finished by size and by age, compressed, kept and
 * removed; nothing that can be seen is ever incomplete. What goes wrong is in test_report_files_trouble.c.
 */
#include "report_files_fixture.h"
#include "schema_check.h"

static void a_line_is_the_report(void **state)
{
	struct fixture *fixture = *state;
	json_t *schema = json_load_file(SCHEMA_PATH, 0, NULL), *line;
	struct text text = {0};
	struct stat status;

	fixture_open(fixture);
	fixture_take(fixture, 1);
	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
	assert_int_equal(fixture_count(fixture, false), 0);
	assert_int_equal(fixture_count(fixture, true), 1);
	fixture_finish(fixture);
	assert_int_equal(fixture_count(fixture, false), 1);
	assert_int_equal(fixture_count(fixture, true), 0);
	visible_is_expected(fixture);
	visible_read(fixture, &text, NULL);
	line = json_loadb(text.data, text.length, 0, NULL);
	assert_true(schema_check(schema, line, ""));
	assert_string_equal(json_string_value(json_object_get(line, "host")), "web1");
	assert_string_equal(json_string_value(json_object_get(json_object_get(line, "process"), "cgroup")), CGROUP);
	assert_int_equal(fixture_status(fixture).lines, 1);
	assert_int_equal(fixture_status(fixture).bytes, text.length);
	assert_int_equal(fixture_status(fixture).files, 1);
	json_decref(line);
	json_decref(schema);
	text_free(&text);
}

/* Each report is told with the clock and the cgroup that it came with. */
static void lines_have_their_own_context(void **state)
{
	struct fixture *fixture = *state;
	struct store_item items[2] = {fixture_item(1000001), fixture_item(1000002)};
	struct text text = {0};

	items[1].wall_minus_monotonic_ns += 3600 * (int64_t)SECOND_NS;
	item_append(&fixture->expected, &items[0]);
	item_append(&fixture->expected, &items[1]);
	fixture_open(fixture);
	fixture->sink.take(fixture->sink.arg, items, 2);
	items[1].cgroup = NULL;
	fixture->sink.take(fixture->sink.arg, &items[1], 1);
	fixture_finish(fixture);
	visible_read(fixture, &text, NULL);
	assert_true(text.length > fixture->expected.length);
	assert_memory_equal(text.data, fixture->expected.data, fixture->expected.length);
	assert_null(memmem(text.data + fixture->expected.length, text.length - fixture->expected.length, CGROUP,
			   strlen(CGROUP)));
	text_free(&text);
}

static void no_report_makes_no_file(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.max_age_ns = SECOND_NS;
	fixture_open(fixture);
	fixture_steps(fixture, 30);
	fixture_finish(fixture);
	assert_int_equal(fixture_count(fixture, false) + fixture_count(fixture, true), 0);
	assert_int_equal(fixture_status(fixture).files, 0);
}

/* ---- rotation ----------------------------------------------------------------------------------- */

static void rotates_by_size(void **state)
{
	struct fixture *fixture = *state;
	size_t line, lengths[FILES_MAX];
	struct text text = {0};

	fixture_open(fixture);
	line = fixture_take(fixture, 1);
	fixture_finish(fixture);
	fixture_crash(fixture);
	/* Three lines fit exactly; with one byte less only two do. */
	fixture->config.max_bytes = 3 * line;
	fixture_open(fixture);
	fixture_take(fixture, 7);
	fixture_steps(fixture, 5);
	assert_int_equal(fixture_count(fixture, true), 1);
	fixture->config.max_bytes = 3 * line - 1;
	report_files_reconfigure(fixture->files, &fixture->config);
	fixture_step(fixture, 1);
	for (unsigned i = 0; i < 4; i++)
		fixture_take(fixture, 1);
	fixture_finish(fixture);
	assert_int_equal(visible_read(fixture, &text, lengths), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(lengths[i], ((const unsigned[]){1, 3, 3, 2, 2, 1})[i] * line);
	text_free(&text);
	visible_is_expected(fixture);
}

static void a_long_line_has_a_file_alone(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.max_bytes = 10;
	fixture_open(fixture);
	fixture_take(fixture, 3);
	fixture_finish(fixture);
	assert_int_equal(fixture_count(fixture, false), 3);
	visible_is_expected(fixture);
}

static void rotates_by_age_of_the_first_line(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.max_age_ns = 10 * SECOND_NS;
	fixture_open(fixture);
	fixture_step(fixture, 100 * SECOND_NS); /* idle: no age yet */
	fixture_take(fixture, 1);
	fixture_step(fixture, 1);
	fixture_step(fixture, 10 * SECOND_NS - 1);
	fixture_take(fixture, 1);
	assert_int_equal(fixture_count(fixture, false), 0);
	fixture_step(fixture, 1);
	assert_int_equal(fixture_count(fixture, false), 1);
	fixture_take(fixture, 1);
	fixture_step(fixture, 1);
	fixture_step(fixture, 10 * SECOND_NS - 1);
	assert_int_equal(fixture_count(fixture, false), 1);
	fixture_step(fixture, 1);
	assert_int_equal(fixture_count(fixture, false), 2);
	visible_is_expected(fixture);
}

/* Names of one second differ, also where a collector has carried the file away. */
static void names_are_not_used_again(void **state)
{
	struct fixture *fixture = *state;
	struct report_name name, last = {0};
	struct dirent *entry;

	fixture->config.max_age_ns = 1;
	fixture_open(fixture);
	for (unsigned i = 0; i < 5; i++) {
		DIR *stream;

		fixture_take(fixture, 1);
		fixture_step(fixture, 1);
		fixture_step(fixture, 1);
		assert_int_equal(fixture_count(fixture, false), 1);
		stream = opendir(fixture->path);
		while ((entry = readdir(stream)))
			if (is_finished(entry->d_name, &name))
				assert_int_equal(unlink(fixture_path(fixture, entry->d_name)), 0);
		closedir(stream);
		assert_true(report_name_compare(&last, &name) < 0);
		last = name;
		fixture->seen_count = 0;
	}
}

/* ---- compression -------------------------------------------------------------------------------- */

static void gzip_holds_the_same(void **state)
{
	struct fixture *fixture = *state;
	struct report_files_status status;
	unsigned steps = 0;

	fixture->config.gzip = true;
	fixture->config.max_age_ns = SECOND_NS;
	fixture_open(fixture);
	for (unsigned i = 0; i < 20; i++)
		fixture_take(fixture, 200); /* some 6 MB in all */
	fixture_step(fixture, 1);
	fixture_step(fixture, SECOND_NS);
	/* Until it is done nothing can be seen; it takes several slices. */
	for (; !fixture_count(fixture, false); steps++) {
		assert_in_range(steps, 0, 1000);
		fixture_step(fixture, SECOND_NS / 10);
		status = fixture_status(fixture);
		assert_int_equal(status.files, fixture_count(fixture, false));
		assert_false(status.failing);
	}
	assert_in_range(steps, fixture->expected.length >> 20, 1000);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(status.bytes, fixture->expected.length);
	assert_int_equal(status.lines, 4000);
	visible_is_expected(fixture);
}

static void lines_go_on_while_compressing(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.gzip = true;
	fixture->config.max_bytes = 3 << 20;
	fixture_open(fixture);
	for (unsigned i = 0; i < 40; i++) {
		fixture_take(fixture, 200);
		fixture_step(fixture, SECOND_NS / 10);
	}
	assert_in_range(fixture_status(fixture).files, 2, 4);
	fixture_finish(fixture);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_int_equal(fixture_status(fixture).lost, 0);
	visible_is_expected(fixture);
}

/* Lies there as an earlier run has left it: `bytes` long, zeros but for the last line feed. */
static void left_large(const struct fixture *fixture, size_t bytes)
{
	const char *path = fixture_path(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part");
	int fd;

	mkdir(fixture->path, 0750);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\n", 1, (off_t)bytes - 1), 1);
	close(fd);
}

/* More than can be compressed at the end is left whole for the next run. */
static void the_end_does_not_wait_long(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.gzip = true;
	left_large(fixture, 105 << 20);
	fixture_open(fixture);
	fixture_step(fixture, 1);
	fixture_finish(fixture);
	assert_int_equal(fixture_count(fixture, false), 0);
	assert_int_equal(fixture_count(fixture, true), 1);
	assert_true(fixture_has(fixture, ".lastack-" LEFT_STAMP "-1.jsonl.part"));
	assert_int_equal(fixture_status(fixture).lost, 0);
	fixture_crash(fixture);
	fixture->config.gzip = false;
	fixture_open(fixture);
	fixture_steps(fixture, 3);
	assert_int_equal(fixture_count(fixture, true), 0);
	assert_true(fixture_has(fixture, "lastack-" LEFT_STAMP "-1.jsonl"));
}

/* ---- keeping ------------------------------------------------------------------------------------ */

static void the_newest_are_kept(void **state)
{
	static const char *const there[] = {
		"lastack-" LEFT_STAMP "-9.jsonl",
		"lastack-" LEFT_STAMP "-10.jsonl.gz",
		"lastack-20191231T235959Z-99.jsonl",
		"lastack-20200101T000001Z-1.jsonl",
		"lastack-" LEFT_STAMP "-9.jsonl.copied",
		"notes-" LEFT_STAMP "-9.jsonl",
		"lastack-20200101-1.jsonl",
	};
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		fixture_write(fixture, there[i], "{}\n", 3);
	fixture->config.keep = 2;
	fixture_open(fixture);
	fixture->sink.step(fixture->sink.arg, START_NS);
	fixture->sink.step(fixture->sink.arg, START_NS + 1);
	/* By number, not by letter: 10 is after 9. */
	assert_false(fixture_has(fixture, there[0]));
	assert_true(fixture_has(fixture, there[1]));
	assert_false(fixture_has(fixture, there[2]));
	assert_true(fixture_has(fixture, there[3]));
	for (unsigned i = 4; i < 7; i++)
		assert_true(fixture_has(fixture, there[i]));
	assert_false(fixture_status(fixture).failing);
}

static void keep_counts_new_files(void **state)
{
	struct fixture *fixture = *state;
	struct text text = {0};
	size_t line;

	fixture->config.keep = 3;
	fixture->config.max_bytes = 1;
	fixture->config.gzip = true;
	fixture_open(fixture);
	line = fixture_take(fixture, 7);
	fixture_finish(fixture);
	assert_int_equal(visible_read(fixture, &text, NULL), 3);
	assert_int_equal(text.length, 3 * line);
	assert_memory_equal(text.data, fixture->expected.data + 4 * line, 3 * line);
	assert_int_equal(fixture_status(fixture).files, 7);
	text_free(&text);
}

/* ---- names -------------------------------------------------------------------------------------- */

static void names_are_read_exactly(void **state)
{
	static const char *const no_names[] = {
		"lastack-20200101T000000Z-1.jsonl.gz.part",
		".lastack-20200101T000000Z-01.jsonl.part",
		".lastack-20200101T000000Z-0.jsonl.part",
		".lastack-20200101T000000Z-+1.jsonl.part",
		".lastack-20200101T000000Z- 1.jsonl.part",
		".lastack-20200101T000000Z-1.jsonl.part~",
		".lastack-20200101T000000-1.jsonl.part",
		".lastack-20200101T000000Z-.jsonl.part",
		".lastack-20200101T000000Z-1.jsonl",
		".lastack-",
		".lastack-20200101T000000Z-9999999999.jsonl.part",
	};
	struct report_name name = {"x", 7};
	char text[REPORT_NAME_BYTES];

	(void)state;
	for (unsigned i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++)
		assert_false(report_name_read(no_names[i], REPORT_NAME_PART, &name));
	assert_string_equal(name.stamp, "x");
	assert_true(report_name_read(".lastack-20200101T000000Z-12.jsonl.part", REPORT_NAME_PART, &name));
	assert_string_equal(name.stamp, "20200101T000000Z");
	assert_int_equal(name.number, 12);
	report_name_stamp(1767225599, name.stamp);
	report_name_text(&name, REPORT_NAME_GZIP, text);
	assert_string_equal(text, "lastack-20251231T235959Z-12.jsonl.gz");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_the_report),
		TEST(lines_have_their_own_context),
		TEST(no_report_makes_no_file),
		TEST(rotates_by_size),
		TEST(a_long_line_has_a_file_alone),
		TEST(rotates_by_age_of_the_first_line),
		TEST(names_are_not_used_again),
		TEST(gzip_holds_the_same),
		TEST(lines_go_on_while_compressing),
		TEST(the_end_does_not_wait_long),
		TEST(the_newest_are_kept),
		TEST(keep_counts_new_files),
		cmocka_unit_test(names_are_read_exactly),
	};

	return cmocka_run_group_tests_name("report_files", tests, NULL, NULL);
}
