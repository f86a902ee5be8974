// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_machine_docs.c: the reference documentation in src/core is what the machine says of itself. Versions of
 * graphviz place things differently, so of the picture only the words are compared, each with the state or edge that
 * it belongs to. Runs in the root of the source tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/machine_view.h"

#define MARKDOWN  "src/core/machine.md"
#define PICTURE   "src/core/machine.svg"
#define HOW       "`make docs` makes it anew"
#define GROUPS    200
#define PATH_ROOM 64

static char *stream_read(FILE *file)
{
	struct text text = {0};
	char part[4096], *content;
	size_t got;

	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		text_append(&text, part, got);
	content = strdup(text_string(&text));
	text_free(&text);
	assert_non_null(content);
	return content;
}

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *content;

	if (!file)
		fail_msg("%s is missing: " HOW, path);
	content = stream_read(file);
	fclose(file);
	return content;
}

/* ---- markdown ----------------------------------------------------------------------------------- */

static void markdown_is_current(void **state)
{
	char *committed = file_read(MARKDOWN), *at, *end;
	const struct machine_view view = {0};
	struct text text = {0};
	const char *fresh;
	unsigned line = 1;

	(void)state;
	machine_write(MACHINE_MARKDOWN, &view, &text);
	fresh = text_string(&text);
	at = strstr(committed, "<!-- lastack machine");
	assert_non_null(at);
	for (end = committed; end < at; end++)
		line += *end == '\n';
	for (; *at && *at == *fresh; at++, fresh++)
		line += *at == '\n';
	if (*at || *fresh)
		fail_msg(MARKDOWN ":%u is not what the machine says; " HOW "\nthere ...%.120s\nfresh ...%.120s", line,
			 at, fresh);
	text_free(&text);
	free(committed);
}

/* ---- picture ------------------------------------------------------------------------------------ */

struct picture {
	char *groups[GROUPS]; /* "title|word|word...", sorted */
	size_t count;
};

/* Appends the text of an element, without entities and blanks at its ends. */
static void words_append(struct text *text, const char *at, const char *end)
{
	static const struct {
		const char *entity, *plain;
	} entities[] = {{"&#45;", "-"}, {"&gt;", ">"}, {"&lt;", "<"}, {"&amp;", "&"}, {"&#160;", " "}, {"\u00a0", " "}};
	size_t begin = text->length;

	while (at < end) {
		size_t i = 0;

		while (i < sizeof(entities) / sizeof(entities[0]) &&
		       strncmp(at, entities[i].entity, strlen(entities[i].entity)) != 0)
			i++;
		if (i < sizeof(entities) / sizeof(entities[0])) {
			text_append_str(text, entities[i].plain);
			at += strlen(entities[i].entity);
		} else {
			text_append_char(text, *at++);
		}
		if (text->length == begin + 1 && text->data[begin] == ' ')
			text->length--;
	}
	while (text->length > begin && text->data[text->length - 1] == ' ')
		text->length--;
}

/* The title and the texts between `at` and `end`. */
static char *group_read(const char *at, const char *end)
{
	struct text text = {0};
	char *group;

	while (at < end) {
		const char *tag = at;

		at = strchr(at + 1, '<');
		if (!at || at > end)
			break;
		if (strncmp(tag, "<title>", 7) != 0 && strncmp(tag, "<text ", 6) != 0)
			continue;
		text_append_str(&text, text.length ? "|" : "");
		words_append(&text, strchr(tag, '>') + 1, at);
	}
	group = strdup(text_string(&text));
	text_free(&text);
	return group;
}

static int by_words(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void picture_read(const char *svg, struct picture *picture)
{
	const char *at = svg, *end;

	picture->count = 0;
	while ((at = strstr(at, "<g id=\""))) {
		end = strstr(at, "</g>");
		assert_non_null(end);
		if (!strncmp(at, "<g id=\"node", 11) || !strncmp(at, "<g id=\"edge", 11)) {
			assert_true(picture->count < GROUPS);
			picture->groups[picture->count++] = group_read(at, end);
		}
		at++;
	}
	qsort(picture->groups, picture->count, sizeof(char *), by_words);
}

static void picture_free(struct picture *picture)
{
	while (picture->count)
		free(picture->groups[--picture->count]);
}

static char *picture_draw(void)
{
	char path[PATH_ROOM] = "/tmp/lastack-machine-XXXXXX", command[PATH_ROOM + 32];
	const struct machine_view view = {0};
	struct text text = {0};
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w"), *dot;
	char *svg;

	assert_non_null(file);
	machine_write(MACHINE_DOT, &view, &text);
	assert_int_equal(fwrite(text.data, 1, text.length, file), text.length);
	fclose(file);
	snprintf(command, sizeof(command), "dot -Tsvg %s", path);
	dot = popen(command, "r");
	assert_non_null(dot);
	svg = stream_read(dot);
	assert_int_equal(pclose(dot), 0);
	remove(path);
	text_free(&text);
	return svg;
}

static void picture_is_current(void **state)
{
	struct picture committed, fresh;
	char *there, *drawn;

	(void)state;
	if (system("dot -V 2>/dev/null")) {
		print_message("skipped: graphviz (dot) is not installed, so the picture cannot be drawn anew\n");
		skip();
	}
	there = file_read(PICTURE);
	drawn = picture_draw();
	picture_read(there, &committed);
	picture_read(drawn, &fresh);
	for (size_t i = 0; i < committed.count && i < fresh.count; i++)
		if (strcmp(committed.groups[i], fresh.groups[i]) != 0)
			fail_msg(PICTURE " is not what the machine says; " HOW "\nthere %s\nfresh %s",
				 committed.groups[i], fresh.groups[i]);
	assert_int_equal(committed.count, fresh.count);
	assert_true(fresh.count > 30);
	picture_free(&committed);
	picture_free(&fresh);
	free(there);
	free(drawn);
}

/* The picture can be read aloud: if this changes, so does how it is compared. */
static void pictures_are_told_apart(void **state)
{
	static const char one[] = "<g id=\"node1\" class=\"node\"><title>B</title><text x=\"1\">B</text></g>"
				  "<g id=\"edge2\" class=\"edge\"><title>A&#45;&gt;B</title><path d=\"\"/>"
				  "<text x=\"1\">&#160;fin</text><text x=\"2\">rst \u00d72</text></g>";
	struct picture picture;

	(void)state;
	picture_read(one, &picture);
	assert_int_equal(picture.count, 2);
	assert_string_equal(picture.groups[0], "A->B|fin|rst \u00d72");
	assert_string_equal(picture.groups[1], "B|B");
	picture_free(&picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markdown_is_current),
		cmocka_unit_test(pictures_are_told_apart),
		cmocka_unit_test(picture_is_current),
	};

	return cmocka_run_group_tests_name("machine_docs", tests, NULL, NULL);
}
