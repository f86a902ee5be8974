/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reports.c: the JSON lines of lastack, read as they come, and found by socket cookie.
 */
#include "system.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void reports_open(struct reports *reports, int fd)
{
	memset(reports, 0, sizeof(*reports));
	reports->fd = fd;
}

static void line_take(struct reports *reports, const char *line)
{
	json_error_t error;
	json_t *report = json_loads(line, 0, &error);

	CHECK(report && json_is_object(report), "not a JSON object (%s): %s", error.text, line);
	if (reports->count == reports->room) {
		reports->room = reports->room ? reports->room * 2 : 1024;
		reports->all = realloc(reports->all, reports->room * sizeof(json_t *));
		CHECK(reports->all, "no memory");
	}
	reports->all[reports->count++] = report;
}

void reports_refresh(struct reports *reports)
{
	struct stat status;
	char *text, *line, *end;
	ssize_t got;

	CHECK(!reports->sorted && !fstat(reports->fd, &status), "fstat");
	if (status.st_size <= reports->at)
		return;
	text = malloc((size_t)(status.st_size - reports->at) + 1);
	CHECK(text, "no memory");
	got = pread(reports->fd, text, (size_t)(status.st_size - reports->at), reports->at);
	text[got > 0 ? got : 0] = '\0';
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		line_take(reports, line);
	}
	reports->at += line - text;
	free(text);
}

const char *report_word(const json_t *report, const char *name)
{
	const char *word = json_string_value(json_object_get(report, name));

	return word ? word : "";
}

long long report_number(const json_t *report, const char *name)
{
	const json_t *number = json_object_get(report, name);

	return json_is_integer(number) ? json_integer_value(number) : -1;
}

const json_t *report_process(const json_t *report)
{
	return json_object_get(report, "process");
}

bool report_is(const json_t *report, const char *name, const char *word)
{
	return !strcmp(report_word(report, name), word);
}

/* By socket, then by revision; lines that are no reports of connections first. */
static int by_socket(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left, *b = *(json_t *const *)right;
	long long of_a = report_is(a, "type", "connection") ? report_number(a, "cookie") : -1;
	long long of_b = report_is(b, "type", "connection") ? report_number(b, "cookie") : -1;

	if (of_a != of_b)
		return of_a < of_b ? -1 : 1;
	return of_a < 0 ? 0 : (int)(report_number(a, "revision") - report_number(b, "revision"));
}

void reports_sort(struct reports *reports)
{
	qsort(reports->all, reports->count, sizeof(json_t *), by_socket);
	reports->sorted = true;
}

/* Where a search for the socket may begin: with everything, or, sorted, at its first report. */
static size_t search_begin(const struct reports *reports, uint64_t cookie)
{
	size_t low = 0, high = reports->sorted ? reports->count : 0;

	while (low < high) {
		const json_t *middle = reports->all[(low + high) / 2];

		if (!report_is(middle, "type", "connection") || report_number(middle, "cookie") < (long long)cookie)
			low = (low + high) / 2 + 1;
		else
			high = (low + high) / 2;
	}
	return low;
}

/* The next report of the socket from there on, or the end. */
static size_t search_next(const struct reports *reports, uint64_t cookie, size_t from)
{
	for (; from < reports->count; from++) {
		const json_t *report = reports->all[from];

		if (report_number(report, "cookie") == (long long)cookie && report_is(report, "type", "connection"))
			return from;
		if (reports->sorted)
			break;
	}
	return reports->count;
}

json_t *report_find(const struct reports *reports, uint64_t cookie)
{
	json_t *found = NULL;

	for (size_t i = search_next(reports, cookie, search_begin(reports, cookie)); i < reports->count;
	     i = search_next(reports, cookie, i + 1))
		if (!found || report_number(reports->all[i], "revision") > report_number(found, "revision"))
			found = reports->all[i];
	return found;
}

size_t report_count(const struct reports *reports, uint64_t cookie)
{
	size_t count = 0;

	for (size_t i = search_next(reports, cookie, search_begin(reports, cookie)); i < reports->count;
	     i = search_next(reports, cookie, i + 1))
		count += report_number(reports->all[i], "revision") == 1;
	return count;
}

json_t *report_await(struct reports *reports, uint64_t cookie)
{
	json_t *report;

	CHECK(BECOMES_TRUE((reports_refresh(reports), report = report_find(reports, cookie))),
	      "no report of the socket %llu came", (unsigned long long)cookie);
	return report;
}

const char *report_line(const json_t *report)
{
	static char *lines[4];
	static unsigned next;

	next = (next + 1) % 4;
	free(lines[next]);
	lines[next] = report ? json_dumps(report, JSON_COMPACT) : strdup("(none)");
	return lines[next];
}
