/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list.c: `lastack list`: the connections that live, as the daemon knows them.
 */
#include <errno.h>
#include <string.h>

#include "report/live_line.h"
#include "report/live_sort.h"
#include "verbs/ask.h"

static const struct option_spec specs[] = {
	FILTER_OPTIONS(struct ask_options),
	ADDRESS_OPTIONS(struct ask_options),
	{.long_name = "state",
	 .argument = "STATE,...",
	 .type = OPTION_NAMES,
	 .names = &tcp_state_names,
	 .offset = offsetof(struct ask_options, states),
	 .help = "only connections in these states"},
	{.long_name = "sort",
	 .argument = "KEY",
	 .type = OPTION_NAME,
	 .names = &live_key_names,
	 .offset = offsetof(struct ask_options, sort),
	 .help = "in this order: quantities largest first"},
	{.short_name = 'r',
	 .long_name = "reverse",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct ask_options, reverse),
	 .help = "the other way round"},
	LIMIT_OPTION(struct ask_options, "so many at most: the first ones of the order"),
	FORMAT_OPTION(struct ask_options),
	WIDTH_OPTION(struct ask_options),
	SOCKET_OPTION(struct ask_options),
};

const struct option_verb list_verb = {
	.name = "list",
	.summary = "the connections that live, with what is stuck in them",
	.description =
		"RECVQ and SENDQ are bytes that were not read, and not acknowledged, when the daemon last listed the\n"
		"sockets, which it does for this question if that was more than a second ago.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct ask_options),
};

struct listing {
	const struct ask_options *options;
	struct column_layout layout;
	struct live_rows *rows; /* NULL: as they come */
	struct text text;
	bool has_header;
	bool failed; /* and a message was written */
};

/* Once, when the daemon has answered. */
static void header_write(struct listing *listing)
{
	if (listing->has_header)
		return;
	listing->has_header = true;
	if (listing->options->pipeline.format == REPORT_CSV) {
		live_line_csv_header(&listing->text);
	} else if (listing->options->pipeline.format == REPORT_TABLE) {
		column_layout_header(&listing->layout, &listing->text);
		text_append_char(&listing->text, '\n');
	}
	ask_write(&listing->text);
}

/* The line as it is to be shown, in listing->text. */
static bool line_form(struct listing *listing, const json_t *object, const char *line, size_t length)
{
	switch (listing->options->pipeline.format) {
	case REPORT_CSV: live_line_csv(object, &listing->text); return true;
	case REPORT_TABLE:
		if (!live_line_row(&listing->layout, object, &listing->text))
			return true;
		verb_fail(EXIT_FAILED, "list", "a line of the daemon is not understood",
			  "not a value that it can have");
		return false;
	default:
		text_append(&listing->text, line, length);
		text_append_char(&listing->text, '\n');
		return true;
	}
}

static bool line_take(void *arg, const char *line, size_t length)
{
	struct listing *listing = arg;
	bool as_it_is = listing->options->pipeline.format == REPORT_JSON && !listing->rows;
	json_t *object = as_it_is ? NULL : ask_load("list", line, length);
	bool ok;

	header_write(listing);
	ok = (as_it_is || object) && line_form(listing, object, line, length);
	listing->failed = !ok;
	if (ok && listing->rows) {
		ok = !live_rows_add(listing->rows, object, listing->text.data, listing->text.length);
		if (!ok)
			verb_fail(EXIT_FAILED, "list", "out of memory", "--limit or a filter makes it less");
		listing->failed = !ok;
		text_clear(&listing->text);
	} else if (ok) {
		ok = ask_write(&listing->text);
	}
	json_decref(object);
	return ok;
}

static void end_take(void *arg, const json_t *end)
{
	(void)arg;
	if (json_is_false(json_object_get(end, "older")))
		fprintf(stderr, "lastack: list: connections older than the daemon are not among them: "
				"it cannot list sockets on this kernel (lastack check says why)\n");
}

static void row_write(void *arg, const char *output, size_t length)
{
	(void)arg;
	fwrite(output, 1, length, stdout);
}

static json_t *request_make(const struct ask_options *options)
{
	json_t *filter = ask_filter(options), *states = json_array(), *request;

	for (unsigned state = 0; state < tcp_state_names.count; state++)
		if (options->states >> state & 1)
			ask_add(&states, json_string(tcp_state_names.names[state]));
	if (options->states)
		ask_set(&filter, "state", states);
	else
		json_decref(states);
	request = ask_request("list", filter);
	/* Which are the first only who sorts can tell. */
	if (options->limit && options->sort == LIVE_KEY_NONE)
		ask_set(&request, "limit", json_integer((json_int_t)options->limit));
	return request;
}

static int list_run(const struct ask_options *options)
{
	struct listing listing = {.options = options};
	struct ask question = {"list", options->socket, ASK_QUIET_NS, 0, line_take, &listing, end_take};
	int status;

	live_line_layout(&listing.layout, options->pipeline.columns);
	if (options->sort != LIVE_KEY_NONE) {
		listing.rows = live_rows_create((enum live_key)options->sort, options->reverse, options->limit);
		if (!listing.rows)
			return verb_fail(EXIT_FAILED, "list", "cannot start", strerror(ENOMEM));
	}
	status = ask(&question, request_make(options), NULL);
	if (!status && listing.failed)
		status = EXIT_FAILED;
	if (!status)
		header_write(&listing);
	if (!status && listing.rows)
		live_rows_each(listing.rows, row_write, NULL);
	live_rows_destroy(listing.rows);
	text_free(&listing.text);
	return ask_finish("list", status);
}

int verb_list(int argc, char **argv)
{
	struct ask_options options;
	int first, outcome;

	ask_options_init(&options);
	outcome = ask_options_parse(&list_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (options.reverse && options.sort == LIVE_KEY_NONE) {
		options_error(&list_verb, "--reverse", "what order? --sort says");
		return EXIT_USAGE;
	}
	return list_run(&options);
}
