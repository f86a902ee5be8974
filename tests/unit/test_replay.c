/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_replay.c: recordings of real connections, replayed, must give the reports that stand beside them,
 * to the byte. Every tests/replay/NAME.rec has its NAME.json; how they are made is in CONTRIBUTING.md. Runs in the
 * root of the source tree.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/pipeline.h"

#define FOLDER     "tests/replay"
#define PATH_BYTES 512

/* The whole file, NUL-terminated; the caller frees it. */
static char *file_read(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	char *content;

	if (!file)
		fail_msg("%s is missing", path);
	fseek(file, 0, SEEK_END);
	*length = (size_t)ftell(file);
	rewind(file);
	content = calloc(1, *length + 1);
	assert_non_null(content);
	assert_int_equal(fread(content, 1, *length, file), *length);
	fclose(file);
	return content;
}

/* A pipeline for what a recording holds. */
static struct pipeline *pipeline_for(const char *path, struct recording_reader **reader, enum report_format format)
{
	struct pipeline_options options = {.format = format, .events = format == REPORT_TABLE};
	const struct recording_facts *facts;
	struct pipeline *pipeline;

	assert_int_equal(recording_open(path, reader), 0);
	facts = recording_facts(*reader);
	options.settle_ns = strtoull(recording_facts_get(facts, "settle_ns"), NULL, 10);
	options.max_connections = (uint32_t)strtoul(recording_facts_get(facts, "max_connections"), NULL, 10);
	pipeline = pipeline_create(&options, facts);
	assert_non_null(pipeline);
	return pipeline;
}

static struct pipeline *replay(const char *path, enum report_format format)
{
	struct recording_record record;
	struct recording_reader *reader;
	struct pipeline *pipeline = pipeline_for(path, &reader, format);
	int status;

	while ((status = recording_next(reader, &record)) > 0)
		pipeline_record(pipeline, &record);
	if (status)
		fail_msg("%s: %s", path, recording_error(reader));
	pipeline_finish(pipeline);
	recording_close(reader);
	return pipeline;
}

/* Points at the first line that differs. */
static void compare(const char *path, const char *expected, const char *got)
{
	unsigned line = 1;

	for (; *expected && *expected == *got; expected++, got++)
		line += *expected == '\n';
	if (*expected != *got)
		fail_msg("%s differs in line %u:\nexpected ...%.300s\ngot      ...%.300s", path, line, expected, got);
}

static void replay_and_compare(const char *name)
{
	char recording[PATH_BYTES], golden[PATH_BYTES], *expected;
	struct pipeline *pipeline;
	size_t length;

	snprintf(recording, sizeof(recording), FOLDER "/%s", name);
	snprintf(golden, sizeof(golden), FOLDER "/%.*s.json", (int)(strlen(name) - 4), name);
	expected = file_read(golden, &length);
	pipeline = replay(recording, REPORT_JSON);
	compare(golden, expected, text_string(pipeline_text(pipeline)));
	pipeline_destroy(pipeline);
	free(expected);
}

/* A table of events and of reports has one clock: no report is told long before the event behind it. */
static void test_events_and_reports_have_one_clock(void **state)
{
	struct pipeline *pipeline = replay(FOLDER "/scenarios.rec", REPORT_TABLE);
	unsigned reports = 0, events = 0;
	double event_s = 0, time_s;
	char word[32];

	(void)state;
	for (const char *line = text_string(pipeline_text(pipeline)); *line; line += strcspn(line, "\n") + 1) {
		if (sscanf(line, "%lf %31s", &time_s, word) != 2)
			continue;
		if (!strchr(word, '/')) {
			event_s = time_s;
			events++;
			continue;
		}
		reports++; /* COMM/PID; a report settles for 1 s, and may be held for as long more */
		if (time_s > event_s + 0.01 || time_s < event_s - 5)
			fail_msg("a report at %.3f s, the events are at %.3f s", time_s, event_s);
	}
	assert_true(reports > 50 && events > 500);
	pipeline_destroy(pipeline);
}

static void test_recordings_give_their_reports(void **state)
{
	DIR *folder = opendir(FOLDER);
	unsigned compared = 0;
	struct dirent *entry;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		size_t length = strlen(entry->d_name);

		if (length < 5 || strcmp(entry->d_name + length - 4, ".rec"))
			continue;
		replay_and_compare(entry->d_name);
		compared++;
	}
	closedir(folder);
	print_message("%u recordings replayed\n", compared);
	assert_true(compared > 0);
}

/* Without knowing who accepted, or from where, every end can still be told; without any other event it is in doubt. */
static void test_only_lost_evidence_raises_doubt(void **state)
{
	struct recording_reader *reader;
	struct pipeline *pipeline = pipeline_for(FOLDER "/scenarios.rec", &reader, REPORT_JSON);
	const struct tracker_stats *stats = tracker_stats(pipeline_tracker(pipeline));

	(void)state;
	for (unsigned kind = 1; kind < EVENT_KINDS; kind++) {
		uint64_t lost[EVENT_KINDS] = {0}, before = stats->events_lost;
		bool evidence = kind != EVENT_ACCEPT && kind != EVENT_STACK;

		lost[kind] = 2;
		pipeline_loss(pipeline, lost);
		assert_int_equal(stats->events_lost - before, evidence ? 2 : 0);
	}
	pipeline_destroy(pipeline);
	recording_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_and_reports_have_one_clock),
		cmocka_unit_test(test_recordings_give_their_reports),
		cmocka_unit_test(test_only_lost_evidence_raises_doubt),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
