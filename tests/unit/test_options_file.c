// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_options_file.c: configuration files that are right, and those that are wrong: nothing of them is taken, and
 * the message names file, line, setting, and what would be right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options_file.h"
#include "options_values.h"
#include "random_numbers.h"
#include "report/names.h"

struct settings {
	const char *directory;
	uint64_t age_ns, bytes, classes;
	uint32_t keep;
	struct port_list ports;
	bool verbose;
	unsigned class;
};

#define AT(member) .offset = offsetof(struct settings, member)

static const struct option_spec specs[] = {
	{.long_name = "config", .argument = "FILE", .type = OPTION_STRING, .command_line_only = true, AT(directory)},
	{.long_name = "state-dir", .argument = "DIR", .type = OPTION_STRING, AT(directory)},
	{.long_name = "max-age", .argument = "TIME", .type = OPTION_DURATION, AT(age_ns)},
	{.long_name = "max-size", .argument = "BYTES", .type = OPTION_SIZE, .minimum = 4096, AT(bytes)},
	{.long_name = "count-class", .argument = "CLASS", .type = OPTION_NAMES, .names = &class_names, AT(classes)},
	{.long_name = "keep", .argument = "COUNT", .type = OPTION_U32, .maximum = 100, AT(keep)},
	{.long_name = "port", .argument = "PORTS", .type = OPTION_PORTS, AT(ports)},
	{.long_name = "verbose", .type = OPTION_FLAG, AT(verbose)},
	{.long_name = "class", .argument = "CLASS", .type = OPTION_NAME, .names = &class_names, AT(class)},
};

static const struct option_verb verb = {
	.name = "daemon",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct settings),
};

static char captured[8192];
static char path[] = "/tmp/lastack-options-XXXXXX";

static int read_captured(const char *text, size_t length, struct settings *settings, struct options_texts *texts)
{
	FILE *file = fopen(path, "w"), *said = tmpfile();
	int saved, status;
	size_t got;

	assert_non_null(file);
	assert_non_null(said);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
	saved = dup(STDERR_FILENO);
	dup2(fileno(said), STDERR_FILENO);
	status = options_file_read(&verb, path, settings, texts);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(said);
	got = fread(captured, 1, sizeof(captured) - 1, said);
	captured[got] = '\0';
	fclose(said);
	return status;
}

static void right_files_are_understood(void **state)
{
	static const char text[] = "# a comment\n"
				   "\n"
				   "state-dir = /var/lib/somewhere else\n"
				   "max-age=12h ; behind it\n"
				   "  ; indented\n"
				   "max-size = 3M\n"
				   "count-class = graceful,reset\n"
				   "port = 80,8000-8010\n"
				   "verbose = yes\n"
				   "class = reset"; /* without a line feed */
	struct settings settings = {.keep = 7, .classes = 1ULL << CLASS_ABORTED, .ports = {.count = 3}};
	struct options_texts texts = {0};

	(void)state;
	assert_int_equal(read_captured(text, strlen(text), &settings, &texts), 0);
	assert_string_equal(captured, "");
	assert_string_equal(settings.directory, "/var/lib/somewhere else");
	assert_int_equal(settings.age_ns, 12 * 3600 * 1000000000ULL);
	assert_int_equal(settings.bytes, 3 << 20);
	assert_int_equal(settings.classes, 1ULL << CLASS_GRACEFUL | 1ULL << CLASS_RESET); /* in place of the default */
	assert_int_equal(settings.ports.count, 2);
	assert_int_equal(settings.keep, 7);
	assert_true(settings.verbose);
	assert_int_equal(settings.class, CLASS_RESET);
	options_texts_free(&texts);
}

static void wrong_files_change_nothing(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *says;
	} files[] = {
		{"keep = 5\nmax-ege = 3\n", 2, "max-ege: no such setting; is 'max-age' meant?"},
		{"zzzzzzzzzzzz = 3\n", 1, "zzzzzzzzzzzz: no such setting (see lastack.conf(5), or"},
		{"config = /x\n", 1, "config: no such setting"},
		{"\n\nmax-age = 3x\n", 3, "max-age: must be a number of seconds"},
		{"max-age = -3\n", 1, "max-age: must be a number of seconds"},
		{"max-size = 3T\n", 1, "max-size: must be a number of bytes, such as 1048576, or with a unit"},
		{"max-size = 3K\n", 1, "max-size: must be from 4096 to"},
		{"max-size = 99999999999G\n", 1, "max-size: must be a number of bytes"},
		{"keep = 101\n", 1, "keep: must be a number from 0 to 100"},
		{"keep =\n", 1, "keep: must be a number"},
		{"keep = 1\nkeep = 2\n", 2, "keep: given already, in line 1"},
		{"keep = 1\n 2\n", 2, "keep: given already, in line 1"}, /* inih takes it for more of the value */
		{"count-class = graceful,polite\n", 1, "count-class: must be one of unknown, graceful"},
		{"verbose = true\n", 1, "verbose: must be yes or no"},
		{"port = 0\n", 1, "port: must be ports from 1 to 65535"},
		{"[daemon]\nkeep = 1\n", 2, "daemon: there are no sections"},
		{"keep 1\n", 1, "line: must be 'name = value'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct settings settings = {.keep = 7}, before = settings;
		struct options_texts texts = {0};
		char expected[256];

		assert_int_equal(read_captured(files[i].text, strlen(files[i].text), &settings, &texts), -EINVAL);
		snprintf(expected, sizeof(expected), "lastack: daemon: %s:%u: %s", path, files[i].line, files[i].says);
		if (strncmp(captured, expected, strlen(expected)))
			fail_msg("said '%s', not '%s'", captured, expected);
		assert_memory_equal(&settings, &before, sizeof(settings));
		options_texts_free(&texts);
	}
}

static void every_wrong_line_is_told(void **state)
{
	static const char text[] = "kep = 1\nmax-age = 3\nmax-size = x\n";
	struct settings settings = {0};
	struct options_texts texts = {0};

	(void)state;
	assert_int_equal(read_captured(text, strlen(text), &settings, &texts), -EINVAL);
	assert_non_null(strstr(captured, ":1: kep: "));
	assert_null(strstr(captured, ":2: "));
	assert_non_null(strstr(captured, ":3: max-size: "));
	options_texts_free(&texts);
}

static void a_missing_file_is_an_error_number(void **state)
{
	struct settings settings = {0};
	struct options_texts texts = {0};

	(void)state;
	assert_int_equal(options_file_read(&verb, "/nonexistent/lastack.conf", &settings, &texts), -ENOENT);
}

/* Any bytes: an answer, and nothing taken over unless all of it is right. */
static void any_bytes_are_answered(void **state)
{
	static const char *const pieces[] = {"keep", "max-age", "=",   " ",    "\n",   "[",    "]", "#",
					     ";",    "1",       "yes", "\xff", "=x\n", "port", ","};
	struct random_numbers seed = {random_seed_of_run()};

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct settings settings = {.keep = 7}, before = settings;
		struct options_texts texts = {0};
		char text[2048];
		size_t length = 0;
		int status;

		while (length < 1000 && random_below(&seed, 60)) {
			const char *piece = pieces[random_below(&seed, sizeof(pieces) / sizeof(pieces[0]))];

			if (!random_below(&seed, 20)) {
				text[length++] = (char)random_below(&seed, 256);
				continue;
			}
			memcpy(text + length, piece, strlen(piece));
			length += strlen(piece);
		}
		status = read_captured(text, length, &settings, &texts);
		assert_true(status == 0 || status == -EINVAL);
		if (status) {
			assert_memory_equal(&settings, &before, sizeof(settings));
			assert_true(captured[0] != '\0');
		}
		options_texts_free(&texts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_files_are_understood), cmocka_unit_test(wrong_files_change_nothing),
		cmocka_unit_test(every_wrong_line_is_told),   cmocka_unit_test(a_missing_file_is_an_error_number),
		cmocka_unit_test(any_bytes_are_answered),
	};
	int status, fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return status;
}
