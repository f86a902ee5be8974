// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_core_pure.c: reads the sources. The core may include nothing but its own headers, the contracts, and
 * headers of the C library that do no input or output and tell no time; no function and no file is longer than
 * the house allows. Runs in the root of the repository; of what the code does it knows nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION_LINES_MAX 60
#define FILE_LINES_MAX     500
#define LINE_BYTES         4096

static const char *const core_may_include[] = {
	"\"event.h\"", "\"probe.h\"", "\"report.h\"", "<errno.h>",  "<stdbool.h>",
	"<stddef.h>",  "<stdint.h>",  "<stdlib.h>",   "<string.h>",
};

/* What of <stdlib.h> and <string.h> is not pure all the same, and what would be declared by hand. */
static const char *const core_may_not_call[] = {
	"getenv(",   "system(", "exit(",   "abort(",  "rand(",   "random(",
	"strerror(", "strtok(", "printf(", "extern ", "__asm__",
};

struct count {
	unsigned files, functions, includes, wrong;
};

static struct count count;

/* Calls `line` for each line of a file, numbered from 1; returns how many there are. */
static unsigned each_line(const char *path, void (*line)(const char *path, unsigned number, const char *text))
{
	char text[LINE_BYTES];
	unsigned number = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		fail_msg("%s: cannot be read", path);
	while (fgets(text, sizeof(text), file)) {
		if (!strchr(text, '\n'))
			fail_msg("%s:%u: no end of line within %d bytes", path, number + 1, LINE_BYTES);
		line(path, ++number, text);
	}
	fclose(file);
	return number;
}

static void wrong(const char *path, unsigned number, const char *what)
{
	print_error("%s:%u: %s\n", path, number, what);
	count.wrong++;
}

/* ---- lengths ------------------------------------------------------------------------------------ */

static unsigned function_begin; /* line of the brace that opened it, 0: outside */

/* A function is what stands between a brace alone in column 0 and the next one. */
static void length_line(const char *path, unsigned number, const char *text)
{
	if (text[0] == '{') {
		if (function_begin)
			wrong(path, number, "a brace in column 0 within a function: its length cannot be told");
		function_begin = number;
		count.functions++;
	} else if (!strcmp(text, "}\n")) {
		if (!function_begin)
			wrong(path, number,
			      "the end of a function whose brace is not in column 0: its length cannot be told");
		else if (number - function_begin + 1 > FUNCTION_LINES_MAX)
			wrong(path, function_begin, "the function is too long");
		function_begin = 0;
	}
}

static void lengths_of_file(const char *path)
{
	unsigned lines;

	function_begin = 0;
	lines = each_line(path, length_line);
	if (function_begin)
		wrong(path, lines, "ends within a function");
	if (lines > FILE_LINES_MAX)
		wrong(path, lines, "the file is too long");
	count.files++;
}

static int lengths_visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
	const char *end = strrchr(path, '.');

	(void)status;
	(void)where;
	if (type == FTW_DNR || type == FTW_NS)
		fail_msg("%s: cannot be read", path);
	if (type != FTW_F)
		return 0;
	if (end && (!strcmp(end, ".c") || !strcmp(end, ".h")))
		lengths_of_file(path);
	else
		print_message("%s: neither .c nor .h, not counted\n", path);
	return 0;
}

static void functions_and_files_are_short(void **state)
{
	static const char *const roots[] = {"src", "bpf", "include"};

	(void)state;
	count = (struct count){0};
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		unsigned before = count.files;

		assert_int_equal(nftw(roots[i], lengths_visit, 8, FTW_PHYS), 0);
		assert_true(count.files > before);
	}
	print_message("%u files, %u functions\n", count.files, count.functions);
	assert_true(count.functions > 100);
	assert_int_equal(count.wrong, 0);
}

/* ---- purity ------------------------------------------------------------------------------------- */

static bool include_is_allowed(const char *header)
{
	if (!strncmp(header, "\"core/", 6) && !strstr(header, ".."))
		return true;
	for (size_t i = 0; i < sizeof(core_may_include) / sizeof(core_may_include[0]); i++)
		if (!strncmp(header, core_may_include[i], strlen(core_may_include[i])))
			return true;
	return false;
}

/* As a word of its own: tcp_abort( is not abort(. */
static bool calls(const char *text, const char *call)
{
	const char *found = strstr(text, call);

	while (found && found > text && (isalnum((unsigned char)found[-1]) || found[-1] == '_'))
		found = strstr(found + 1, call);
	return found != NULL;
}

static void purity_line(const char *path, unsigned number, const char *text)
{
	const char *hash = text + strspn(text, " \t"), *word;

	for (size_t i = 0; i < sizeof(core_may_not_call) / sizeof(core_may_not_call[0]); i++)
		if (calls(text, core_may_not_call[i]))
			wrong(path, number, core_may_not_call[i]);
	if (*hash != '#')
		return;
	word = hash + 1 + strspn(hash + 1, " \t");
	if (!strncmp(word, "embed", 5) || !strncmp(word, "import", 6))
		wrong(path, number, "what is this?");
	if (strncmp(word, "include", 7))
		return;
	count.includes++;
	word += 7 + strspn(word + 7, " \t");
	if (!include_is_allowed(word))
		wrong(path, number, text);
}

static bool is_document(const char *path)
{
	const char *end = strrchr(path, '.');

	return end && (!strcmp(end, ".md") || !strcmp(end, ".svg"));
}

static int purity_visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)where;
	if (type == FTW_DNR || type == FTW_NS)
		fail_msg("%s: cannot be read", path);
	if (type == FTW_F && !is_document(path)) {
		each_line(path, purity_line);
		count.files++;
	}
	return 0;
}

static void core_is_pure(void **state)
{
	(void)state;
	count = (struct count){0};
	assert_int_equal(nftw("src/core", purity_visit, 8, FTW_PHYS), 0);
	print_message("%u files, %u includes\n", count.files, count.includes);
	assert_true(count.files >= 10);
	assert_true(count.includes >= count.files);
	assert_int_equal(count.wrong, 0);
}

static void the_rule_itself(void **state)
{
	(void)state;
	assert_true(include_is_allowed("\"core/tracker.h\"\n"));
	assert_true(include_is_allowed("<string.h>\n"));
	assert_false(include_is_allowed("\"kernel/monitor.h\"\n"));
	assert_false(include_is_allowed("\"core/../kernel/monitor.h\"\n"));
	assert_false(include_is_allowed("<stdio.h>\n"));
	assert_false(include_is_allowed("<time.h>\n"));
	assert_false(include_is_allowed("<bpf/libbpf.h>\n"));
	assert_false(include_is_allowed("HEADER\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule_itself),
		cmocka_unit_test(core_is_pure),
		cmocka_unit_test(functions_and_files_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
