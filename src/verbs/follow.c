/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * follow.c: `lastack follow`: each connection as it ends, from the daemon: live without root and without BPF.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "verbs/report_output.h"

static const struct option_spec specs[] = {
	FILTER_OPTIONS(struct ask_options),
	ADDRESS_OPTIONS(struct ask_options),
	FORMAT_OPTION(struct ask_options),
	TIME_OF_DAY_OPTION(struct ask_options),
	WIDTH_OPTION(struct ask_options),
	COUNT_OPTION(struct ask_options),
	{.short_name = 'd',
	 .long_name = "duration",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = 1,
	 .offset = offsetof(struct ask_options, duration_ns),
	 .help = "stop after so long"},
	SOCKET_OPTION(struct ask_options),
};

const struct option_verb follow_verb = {
	.name = "follow",
	.summary = "each connection as it ends, from the daemon",
	.description =
		"The lines of `lastack live`. Who is too slow loses some, and is told on standard error how many.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct ask_options),
};

struct following {
	const struct ask_options *options;
	struct report_output rows;
};

/* {"follow":...} at the beginning; {"dropped":N} where lines are missing. */
static bool line_take(void *arg, const char *line, size_t length)
{
	static const char begun[] = "{\"follow\":", dropped[] = "{\"dropped\":";
	struct following *following = arg;
	uint64_t count = 0;

	if (length > strlen(begun) && !memcmp(line, begun, strlen(begun))) {
		report_output_head(&following->rows);
		return true;
	}
	if (length > strlen(dropped) && !memcmp(line, dropped, strlen(dropped))) {
		for (const char *at = line + strlen(dropped); *at >= '0' && *at <= '9'; at++)
			count = count * 10 + (uint64_t)(*at - '0');
		fflush(stdout);
		fprintf(stderr, "lastack: follow: too slow: %" PRIu64 " lines are missing here\n", count);
		return true;
	}
	return report_output_line(&following->rows, line, length) &&
	       (!following->options->pipeline.count || following->rows.reported < following->options->pipeline.count);
}

int verb_follow(int argc, char **argv)
{
	struct ask_options options;
	struct following following = {.options = &options};
	struct ask question = {"follow", NULL, 0, 0, line_take, &following, NULL};
	int first, status, outcome;

	ask_options_init(&options);
	outcome = ask_options_parse(&follow_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	question.socket = options.socket;
	question.duration_ns = options.duration_ns;
	status = report_output_begin(&following.rows, "follow", &options);
	if (status)
		return status;
	status = ask(&question, ask_request("follow", ask_filter(&options)), NULL);
	if (!status && following.rows.failed)
		status = EXIT_FAILED;
	report_output_end(&following.rows);
	return ask_finish("follow", status);
}
