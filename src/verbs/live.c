/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.c: `lastack live` and `lastack record`: watch this host in the foreground.
 */
#include <errno.h>

#include "report/short_words.h"
#include "verbs/filter_options.h"
#include "verbs/ask.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

static int watch_parse(const struct option_verb *verb, int argc, char **argv, struct watch_options *options, int *first)
{
	int outcome;

	watch_options_init(options);
	outcome = options_parse(verb, argc, argv, options, first);
	return outcome ? outcome
		       : pipeline_options_finish(verb, &options->pipeline, options->only_v4, options->only_v6);
}

static int legend_print(void)
{
	struct text text = {0};

	short_words_legend(&text);
	ask_write(&text);
	text_free(&text);
	return ask_finish(live_verb.name, EXIT_DONE);
}

int verb_live(int argc, char **argv)
{
	struct watch_options options;
	int first, outcome = watch_parse(&live_verb, argc, argv, &options, &first);

	if (outcome)
		return verb_options_status(outcome);
	return options.legend ? legend_print() : watch_run("live", &options);
}

int verb_record(int argc, char **argv)
{
	struct watch_options options;
	int first, outcome = watch_parse(&record_verb, argc, argv, &options, &first);

	if (outcome)
		return verb_options_status(outcome);
	options.recording = argv[first];
	options.pipeline.silent = true;
	return watch_run("record", &options);
}
