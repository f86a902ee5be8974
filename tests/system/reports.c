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

	CHECK(!fstat(reports->fd, &status), "fstat");
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

json_t *report_find(const struct reports *reports, uint64_t cookie)
{
	json_t *found = NULL;

	for (size_t i = 0; i < reports->count; i++)
		if (report_number(reports->all[i], "cookie") == (long long)cookie && report_is(reports->all[i], "type", "connection") &&
		    (!found || report_number(reports->all[i], "revision") > report_number(found, "revision")))
			found = reports->all[i];
	return found;
}

size_t report_count(const struct reports *reports, uint64_t cookie)
{
	size_t count = 0;

	for (size_t i = 0; i < reports->count; i++)
		count += report_number(reports->all[i], "cookie") == (long long)cookie &&
			 report_is(reports->all[i], "type", "connection") && report_number(reports->all[i], "revision") == 1;
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
