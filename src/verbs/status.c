/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * status.c: `lastack status`: how the daemon is.
 */
#include "report/status_page.h"
#include "verbs/ask.h"

static const struct option_spec specs[] = {
	SOCKET_OPTION(struct ask_options),
	PLAIN_FORMAT_OPTION(PIPELINE_OPTION(struct ask_options, format)),
	WIDTH_OPTION(struct ask_options),
};

const struct option_verb status_verb = {
	.name = "status",
	.summary = "how the daemon is: live connections, ends, losses, its history",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct ask_options),
};

static bool line_take(void *arg, const char *line, size_t length)
{
	const struct ask_options *options = arg;
	struct text text = {0};
	json_t *status;
	bool written;

	if (options->pipeline.format == REPORT_JSON) {
		text_append(&text, line, length);
		text_append_char(&text, '\n');
	} else {
		status = ask_load("status", line, length);
		if (!status)
			return false;
		status_page_append(&text, status, options->pipeline.columns);
		json_decref(status);
	}
	written = ask_write(&text);
	text_free(&text);
	return written;
}

int verb_status(int argc, char **argv)
{
	struct ask_options options;
	struct ask question = {"status", NULL, ASK_QUIET_NS, 0, line_take, &options, NULL};
	int first, outcome;

	ask_options_init(&options);
	outcome = ask_options_parse(&status_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	question.socket = options.socket;
	return ask_finish("status", ask(&question, json_pack("{s:s}", "verb", "status"), NULL));
}
