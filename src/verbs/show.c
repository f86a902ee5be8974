/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * show.c: `lastack show ID`: the life of one connection, or of both its ends where they are on this host.
 */
#include "report/timeline.h"
#include "verbs/ask.h"

static const struct option_spec specs[] = {
	SOCKET_OPTION(struct ask_options),
	PLAIN_FORMAT_OPTION(PIPELINE_OPTION(struct ask_options, format)),
	WIDTH_OPTION(struct ask_options),
};

const struct option_verb show_verb = {
	.name = "show",
	.summary = "the life of one connection: when it was in which state, and why it ended",
	.arguments = "ID",
	.description =
		"ID is what a report has in \"id\" or in \"cookie\". It may live, or be in the daemon's history.",
	.arguments_min = 1,
	.arguments_max = 1,
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct ask_options),
};

struct showing {
	const struct ask_options *options;
	unsigned shown;
	bool failed;
};

static bool line_take(void *arg, const char *line, size_t length)
{
	struct showing *showing = arg;
	struct text text = {0};
	json_t *object;
	bool written;

	if (showing->options->pipeline.format == REPORT_JSON) {
		text_append(&text, line, length);
		text_append_char(&text, '\n');
	} else {
		object = ask_load("show", line, length);
		if (showing->shown++)
			text_append_char(&text, '\n');
		showing->failed = !object || timeline_append(&text, object, showing->options->pipeline.columns);
		if (object && showing->failed)
			verb_fail(EXIT_FAILED, "show", "a line of the daemon is not understood",
				  "not a value that it can have");
		json_decref(object);
	}
	written = !showing->failed && ask_write(&text);
	text_free(&text);
	return written;
}

int verb_show(int argc, char **argv)
{
	struct ask_options options;
	struct showing showing = {.options = &options};
	struct ask question = {"show", NULL, ASK_QUIET_NS, 0, line_take, &showing, NULL};
	int first, status, outcome;

	ask_options_init(&options);
	outcome = ask_options_parse(&show_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	question.socket = options.socket;
	status = ask(&question, json_pack("{s:s,s:s}", "verb", "show", "id", argv[first]), NULL);
	return ask_finish("show", !status && showing.failed ? EXIT_FAILED : status);
}
