/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_index.c: reads JSON lines as the file grows and keeps those of the namespaces asked for.
 *
 * Every line is checked here for what holds of any report, whatever the connection went through.
 */
#include "report_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const required_members[] = {
	"schema",       "type",        "revision",    "id",          "cookie", "netns",       "family",    "local_addr",
	"local_port",   "remote_addr", "remote_port", "role",        "class",  "cause",       "initiator", "how",
	"completeness", "start_us",    "end_us",      "duration_us", "states", "conformance", "process",   "explain",
};

void report_index_open(struct report_index *index, int fd, bool from_start)
{
	struct stat status;
	memset(index, 0, sizeof(*index));
	index->fd = fd;
	if (fd >= 0 && !from_start && fstat(fd, &status) == 0)
		index->at = status.st_size;
}

void report_index_close(struct report_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		json_decref(index->reports[i]);
	free(index->reports);
	free(index->malformed_line);
}

static json_int_t integer_of(const json_t *report, const char *name)
{
	return json_integer_value(json_object_get(report, name));
}

static bool report_is_whole(const json_t *report)
{
	for (size_t i = 0; i < sizeof(required_members) / sizeof(*required_members); i++)
		if (!json_object_get(report, required_members[i]))
			return false;
	return integer_of(report, "schema") == 1 && integer_of(report, "revision") >= 1 &&
	       json_array_size(json_object_get(report, "states")) > 0;
}

/*
 * Looks at the text alone: there may be a great many lines of others' connections, and each test goes
 * through all of them.
 */
static bool line_wanted(const struct report_index *index, const char *line, size_t bytes)
{
	char member[32];
	if (!index->only_netns[0])
		return true;
	for (int i = 0; i < 2; i++) {
		int length = snprintf(member, sizeof(member), "\"netns\":%u,", index->only_netns[i]);
		if (memmem(line, bytes, member, (size_t)length))
			return true;
	}
	return false;
}

/* A key may need all of 64 bits; integers of the JSON library have a sign. The same bits do for comparing. */
static json_t *line_parse(const char *line, size_t bytes)
{
	static const char name[] = "\"cookie\":";
	char *copy = strndup(line, bytes), *at = copy ? strstr(copy, name) : NULL, *end, number[32];
	if (at) {
		at += sizeof(name) - 1;
		snprintf(number, sizeof(number), "%lld", (long long)strtoull(at, &end, 10));
		if (*at != '-' && strlen(number) <= (size_t)(end - at)) {
			memset(at, ' ', (size_t)(end - at));
			memcpy(at, number, strlen(number));
		}
	}
	json_t *report = copy ? json_loads(copy, JSON_REJECT_DUPLICATES, NULL) : NULL;
	free(copy);
	return report;
}

static void line_add(struct report_index *index, const char *line, size_t bytes)
{
	if (!line_wanted(index, line, bytes))
		return;
	json_t *report = line_parse(line, bytes);
	if (!report_is_whole(report)) {
		if (index->malformed++ == 0)
			index->malformed_line = strndup(line, bytes);
		json_decref(report);
		return;
	}
	if (index->count == index->room) {
		index->room = index->room ? index->room * 2 : 64;
		index->reports = realloc(index->reports, index->room * sizeof(*index->reports));
		if (!index->reports)
			abort();
	}
	index->reports[index->count++] = report;
}

void report_index_refresh(struct report_index *index)
{
	struct stat status;
	if (index->fd < 0 || fstat(index->fd, &status) || status.st_size <= index->at)
		return;
	size_t bytes = (size_t)(status.st_size - index->at);
	char *text = malloc(bytes);
	if (!text)
		abort();
	ssize_t got = pread(index->fd, text, bytes, index->at);
	const char *at = text, *end = text + (got > 0 ? got : 0), *newline;
	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		line_add(index, at, (size_t)(newline - at));
		at = newline + 1;
	}
	index->at += at - text;
	free(text);
}

static bool report_matches(const json_t *report, const struct report_key *key)
{
	const char *family = json_string_value(json_object_get(report, "family"));
	return (uint32_t)integer_of(report, "netns") == key->netns && family && !strcmp(family, key->family) &&
	       (!key->local_port || integer_of(report, "local_port") == key->local_port) &&
	       integer_of(report, "remote_port") == key->remote_port &&
	       (!key->cookie || integer_of(report, "cookie") == key->cookie);
}

/* How many connections of this key began before this one. */
static unsigned lives_before(const struct report_index *index, const struct report_key *key, const json_t *report)
{
	unsigned before = 0;
	for (size_t i = 0; i < index->count; i++)
		before += report_matches(index->reports[i], key) && integer_of(index->reports[i], "revision") == 1 &&
			  integer_of(index->reports[i], "start_us") < integer_of(report, "start_us");
	return before;
}

json_t *report_index_find(const struct report_index *index, const struct report_key *key, size_t *distinct)
{
	json_t *best = NULL;
	*distinct = 0;
	for (size_t i = 0; i < index->count; i++) {
		json_t *report = index->reports[i];
		if (!report_matches(report, key) || (key->life && lives_before(index, key, report) + 1 != key->life))
			continue;
		if (!best || integer_of(best, "cookie") != integer_of(report, "cookie") ||
		    integer_of(best, "revision") == integer_of(report, "revision"))
			(*distinct)++;
		if (!best || integer_of(report, "revision") > integer_of(best, "revision"))
			best = report;
	}
	return best;
}
