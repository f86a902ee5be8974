/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history.c: `lastack history`: connections that have ended, from the daemon's history; one by one or in groups.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report/group_table.h"
#include "report/time_text.h"
#include "store/history_query.h"
#include "verbs/report_output.h"

#define TABLE_LIMIT 1000

static int parse_time(const char *value, void *target, const char **why)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return time_text_parse(value, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, target, why);
}

static const struct option_spec specs[] = {
	{.long_name = "since",
	 .argument = "WHEN",
	 .type = OPTION_CUSTOM,
	 .parse = parse_time,
	 .offset = offsetof(struct ask_options, since_us),
	 .help = "ended at this time or later: " TIME_TEXT_HELP},
	{.long_name = "until",
	 .argument = "WHEN",
	 .type = OPTION_CUSTOM,
	 .parse = parse_time,
	 .offset = offsetof(struct ask_options, until_us),
	 .help = "ended before this time"},
	FILTER_OPTIONS(struct ask_options),
	ADDRESS_OPTIONS(struct ask_options),
	{.short_name = 'g',
	 .long_name = "group-by",
	 .argument = "FACT,...",
	 .type = OPTION_NAMES,
	 .names = &history_group_names,
	 .offset = offsetof(struct ask_options, group_by),
	 .help = "count those that have these facts in common, largest group first"},
	LIMIT_OPTION(struct ask_options, "so many at most, the newest (table: 1000; else no limit)"),
	FORMAT_OPTION(struct ask_options),
	WIDTH_OPTION(struct ask_options),
	SOCKET_OPTION(struct ask_options),
};

const struct option_verb history_verb = {
	.name = "history",
	.summary = "connections that have ended: which, or how many of which kind",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct ask_options),
};

struct answer {
	const struct ask_options *options;
	struct report_output rows;
	struct group_table *groups; /* NULL: rows, or JSON */
	bool failed;
};

static bool line_take(void *arg, const char *line, size_t length)
{
	struct answer *answer = arg;
	json_t *object;

	if (!answer->groups)
		return report_output_line(&answer->rows, line, length);
	object = ask_load("history", line, length);
	answer->failed = !object || group_table_add(answer->groups, object);
	if (object && answer->failed)
		verb_fail(EXIT_FAILED, "history", "counting", strerror(ENOMEM));
	json_decref(object);
	return !answer->failed;
}

static json_t *request_make(const struct ask_options *options)
{
	json_t *request = ask_request("history", ask_filter(options)), *groups = json_array();

	for (unsigned group = 0; group < HISTORY_GROUPS; group++)
		if (options->group_by >> group & 1)
			ask_add(&groups, json_string(name_of(&history_group_names, group)));
	if (options->group_by)
		ask_set(&request, "group_by", groups);
	else
		json_decref(groups);
	if (options->since_us)
		ask_set(&request, "since_us", json_integer(options->since_us));
	if (options->until_us)
		ask_set(&request, "until_us", json_integer(options->until_us));
	if (options->limit)
		ask_set(&request, "limit", json_integer((json_int_t)options->limit));
	return request;
}

static int rows_run(const struct ask_options *options, struct ask *question, struct answer *answer)
{
	uint64_t lines = 0;
	int status = report_output_begin(&answer->rows, "history", options);

	if (status)
		return status;
	answer->rows.days = options->pipeline.format == REPORT_TABLE;
	status = ask(question, request_make(options), &lines);
	if (!status)
		report_output_head(&answer->rows);
	if (!status && options->pipeline.format == REPORT_TABLE && lines == options->limit) {
		fflush(stdout);
		fprintf(stderr, "lastack: history: the newest %" PRIu64 "; there may be more (--limit)\n", lines);
	}
	if (!status && answer->rows.failed)
		status = EXIT_FAILED;
	report_output_end(&answer->rows);
	return status;
}

static int groups_run(const struct ask_options *options, struct ask *question, struct answer *answer)
{
	struct text text = {0};
	int status;

	answer->groups = group_table_create(options->pipeline.format == REPORT_CSV);
	if (!answer->groups)
		return verb_fail(EXIT_FAILED, "history", "cannot start", strerror(ENOMEM));
	status = ask(question, request_make(options), NULL);
	if (!status && answer->failed)
		status = EXIT_FAILED;
	if (!status) {
		group_table_append(answer->groups, &text, options->pipeline.columns);
		ask_write(&text);
	}
	text_free(&text);
	group_table_destroy(answer->groups);
	return status;
}

int verb_history(int argc, char **argv)
{
	struct ask_options options;
	struct answer answer = {.options = &options};
	struct ask question = {"history", NULL, ASK_QUIET_NS, 0, line_take, &answer, NULL};
	int first, outcome;
	bool grouped;

	ask_options_init(&options);
	options.pipeline.time_of_day = true;
	outcome = ask_options_parse(&history_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (options.since_us && options.until_us && options.since_us >= options.until_us) {
		options_error(&history_verb, "--until", "is not after --since");
		return EXIT_USAGE;
	}
	if (!options.limit && options.pipeline.format == REPORT_TABLE)
		options.limit = TABLE_LIMIT;
	question.socket = options.socket;
	grouped = options.group_by && options.pipeline.format != REPORT_JSON;
	return ask_finish("history",
			  grouped ? groups_run(&options, &question, &answer) : rows_run(&options, &question, &answer));
}
