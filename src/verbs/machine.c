/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine.c: `lastack machine`: the reference machine itself, and with --coverage what of it was seen, in
 * recordings or on this host.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/machine_view.h"
#include "verbs/filter_options.h"
#include "verbs/replay.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

struct machine_options {
	struct watch_options watch; /* of this host, for --coverage */
	struct machine_view view;
	enum machine_format format;
	bool coverage;
};

#define AT(member) offsetof(struct machine_options, member)

static const struct option_spec specs[] = {
	{.short_name = 'o',
	 .long_name = "output",
	 .argument = "FORMAT",
	 .type = OPTION_NAME,
	 .names = &machine_format_names,
	 .offset = AT(format),
	 .help = "table, json (one object a line), dot (a picture, for graphviz) or markdown"},
	{.long_name = "from",
	 .argument = "STATE,...",
	 .type = OPTION_NAMES,
	 .names = &machine_state_names,
	 .offset = AT(view.from),
	 .help = "only what begins in these states"},
	{.long_name = "to",
	 .argument = "STATE,...",
	 .type = OPTION_NAMES,
	 .names = &machine_state_names,
	 .offset = AT(view.to),
	 .help = "only what ends in these states"},
	{.long_name = "rfc", .type = OPTION_FLAG, .offset = AT(view.rfc), .help = "only the entries of RFC 9293"},
	{.long_name = "linux",
	 .type = OPTION_FLAG,
	 .offset = AT(view.as_linux),
	 .help = "the machine as Linux runs it: without what it does in another way than the RFC"},
	{.short_name = 'w',
	 .long_name = "width",
	 .argument = "COLUMNS",
	 .type = OPTION_U32,
	 .minimum = 40,
	 .maximum = 10000,
	 .offset = AT(view.columns),
	 .help = "table: this wide, not as wide as the terminal"},
	{.long_name = "coverage",
	 .type = OPTION_FLAG,
	 .offset = AT(coverage),
	 .help = "how often each entry was seen: in these recordings, or on this host from now on (needs root)"},
	{.short_name = 'd',
	 .long_name = "duration",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = 1,
	 .offset = AT(watch.duration_ns),
	 .help = "with --coverage: watch this host for so long, not until Ctrl-C"},
	TYPES_OPTION(AT(watch.types), ""),
};

const struct option_verb machine_verb = {
	.name = "machine",
	.summary = "the TCP state machine that every connection is held against",
	.description = "RFC 9293's entries and, as entries of their own, what Linux does or shows instead. With\n"
		       "--coverage: how often each was seen, in recordings (lastack record) or on this host.",
	.arguments = "[FILE]...",
	.arguments_max = -1,
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct machine_options),
};

/* ---- what was seen -------------------------------------------------------------------------------- */

static int file_add(const char *path, struct recording_reader *reader, struct machine_coverage *coverage)
{
	struct pipeline_options options;
	struct recording_record record;
	struct pipeline *pipeline;
	int status;

	replay_options_init(&options);
	replay_settings_take(recording_facts(reader), &options);
	options.silent = true;
	pipeline = pipeline_create(&options, recording_facts(reader));
	if (!pipeline)
		return verb_fail(EXIT_FAILED, machine_verb.name, path, "out of memory");
	while ((status = recording_next(reader, &record)) > 0)
		pipeline_record(pipeline, &record);
	pipeline_finish(pipeline);
	pipeline_coverage_add(pipeline, coverage);
	pipeline_destroy(pipeline);
	return status ? verb_fail(EXIT_FAILED, machine_verb.name, path, recording_error(reader)) : EXIT_DONE;
}

/* Of a recording that breaks off, what is there counts. */
static int files_add(char **paths, struct machine_coverage *coverage)
{
	int worst = EXIT_DONE;

	for (; *paths; paths++) {
		struct recording_reader *reader = NULL;
		int status = replay_open(machine_verb.name, *paths, &reader);

		if (status == EXIT_DONE)
			status = file_add(*paths, reader, coverage);
		recording_close(reader);
		if (status)
			worst = status;
	}
	return worst;
}

/* ---- output --------------------------------------------------------------------------------------- */

static int print(const struct machine_options *options)
{
	struct text text = {0};
	int status = EXIT_DONE;

	machine_write(options->format, &options->view, &text);
	if (text.failed)
		status = verb_fail(EXIT_FAILED, machine_verb.name, "standard output", strerror(ENOMEM));
	else if (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout))
		status = verb_fail(EXIT_FAILED, machine_verb.name, "standard output", strerror(errno));
	text_free(&text);
	return status;
}

static void watched(void *arg, struct pipeline *pipeline)
{
	struct machine_options *options = arg;

	pipeline_coverage_add(pipeline, (struct machine_coverage *)options->view.coverage);
	machine_write(options->format, &options->view, pipeline_text(pipeline));
}

static int cover(struct machine_options *options, char **paths)
{
	struct machine_coverage coverage = {.seen = calloc(machine_reference()->count, sizeof(*coverage.seen))};
	int status, printed;

	if (!coverage.seen)
		return verb_fail(EXIT_FAILED, machine_verb.name, "cannot start", strerror(ENOMEM));
	options->view.coverage = &coverage;
	if (!*paths) {
		options->watch.pipeline.silent = true;
		options->watch.last = watched;
		options->watch.last_arg = options;
		status = watch_run(machine_verb.name, &options->watch);
	} else {
		status = files_add(paths, &coverage);
		printed = print(options);
		status = status ? status : printed;
	}
	options->view.coverage = NULL;
	free(coverage.seen);
	return status;
}

/* What does not go together. */
static int options_check(const struct machine_options *options, char **paths)
{
	if (options->view.rfc && options->view.as_linux)
		return options_error(&machine_verb, "--rfc", "not together with --linux");
	if (*paths && !options->coverage)
		return options_error(&machine_verb, *paths, "recordings are read with --coverage only");
	if (options->watch.duration_ns && !options->coverage)
		return options_error(&machine_verb, "--duration", "this host is watched with --coverage only");
	if (options->watch.duration_ns && *paths)
		return options_error(&machine_verb, "--duration", "recordings have their own");
	return 0;
}

int verb_machine(int argc, char **argv)
{
	struct machine_options options = {0};
	int first, outcome;

	watch_options_init(&options.watch);
	outcome = options_parse(&machine_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (options_check(&options, argv + first))
		return EXIT_USAGE;
	if (!options.view.columns)
		options.view.columns = terminal_columns(0);
	return options.coverage ? cover(&options, argv + first) : print(&options);
}
