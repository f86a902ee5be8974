/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.c: `lastack replay`: the pipeline again, from a recording, without root and without BPF.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verbs/filter_options.h"
#include "verbs/replay.h"
#include "verbs/verbs.h"

struct replay_options {
	struct pipeline_options pipeline;
	bool only_v4, only_v6;
};

static const struct option_spec specs[] = {
	FILTER_OPTIONS(struct replay_options),
	OUTPUT_OPTIONS(struct replay_options),
	TRACKER_OPTIONS(struct replay_options),
};

struct replay {
	struct pipeline *pipeline;
	int output_error;
};

static void write_out(void *arg)
{
	struct replay *replay = arg;
	struct text *text = pipeline_text(replay->pipeline);
	size_t written = 0;

	if (text->failed && !replay->output_error)
		replay->output_error = -ENOMEM;
	while (written < text->length && !replay->output_error) {
		ssize_t part = write(STDOUT_FILENO, text->data + written, text->length - written);

		if (part < 0 && errno != EINTR)
			replay->output_error = -errno;
		written += part > 0 ? (size_t)part : 0;
	}
	text_clear(text);
}

/* Returns 0 at the end of a whole recording, else -errno. */
static int replay_all(struct recording_reader *reader, struct replay *replay)
{
	struct recording_record record;
	int status = 0;

	while (!replay->output_error && !pipeline_is_done(replay->pipeline) &&
	       (status = recording_next(reader, &record)) > 0)
		pipeline_record(replay->pipeline, &record);
	if (replay->output_error)
		return 0;
	pipeline_finish(replay->pipeline);
	write_out(replay);
	return pipeline_is_done(replay->pipeline) ? 0 : status;
}

void replay_options_init(struct pipeline_options *options)
{
	pipeline_options_init(options);
	options->settle_ns = UINT64_MAX;
	options->max_connections = 0;
}

void replay_settings_take(const struct recording_facts *facts, struct pipeline_options *options)
{
	const char *settle_ns = recording_facts_get(facts, "settle_ns");
	const char *max_connections = recording_facts_get(facts, "max_connections");

	if (settle_ns && options->settle_ns == UINT64_MAX)
		options->settle_ns = strtoull(settle_ns, NULL, 10);
	if (max_connections && options->max_connections == 0)
		options->max_connections = (uint32_t)strtoul(max_connections, NULL, 10);
	if (options->settle_ns == UINT64_MAX)
		options->settle_ns = 1000000000;
	if (options->max_connections < 16 || options->max_connections > 16777216)
		options->max_connections = 262144;
}

int replay_open(const char *verb, const char *path, struct recording_reader **reader)
{
	int status = recording_open(path, reader);

	if (!status)
		return EXIT_DONE;
	return verb_fail(EXIT_FAILED, verb, path,
			 *reader && recording_error(*reader)[0] ? recording_error(*reader) : strerror(-status));
}

static int replay_file(const char *path, struct recording_reader *reader, const struct pipeline_options *asked)
{
	struct pipeline_options options = *asked;
	struct replay replay = {0};
	int status;

	replay_settings_take(recording_facts(reader), &options);
	options.lines = write_out;
	options.lines_arg = &replay;
	replay.pipeline = pipeline_create(&options, recording_facts(reader));
	if (!replay.pipeline)
		return verb_fail(EXIT_FAILED, "replay", path, "out of memory");
	status = replay_all(reader, &replay);
	fprintf(stderr, "lastack: replay: ");
	pipeline_summary(replay.pipeline, stderr);
	pipeline_destroy(replay.pipeline);
	if (replay.output_error && replay.output_error != -EPIPE)
		return verb_fail(EXIT_FAILED, "replay", "standard output", strerror(-replay.output_error));
	return status ? verb_fail(EXIT_FAILED, "replay", path, recording_error(reader)) : EXIT_DONE;
}

const struct option_verb replay_verb = {
	.name = "replay",
	.summary = "the same lines again from a recording",
	.description = "Settings of the tracker are those of the recorder unless they are given.",
	.arguments = "FILE",
	.arguments_min = 1,
	.arguments_max = 1,
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct replay_options),
};

int verb_replay(int argc, char **argv)
{
	struct replay_options options = {0};
	struct recording_reader *reader = NULL;
	int first, status, outcome;

	replay_options_init(&options.pipeline);
	outcome = options_parse(&replay_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (pipeline_options_finish(&replay_verb, &options.pipeline, options.only_v4, options.only_v6))
		return EXIT_USAGE;
	status = replay_open("replay", argv[first], &reader);
	if (status == EXIT_DONE)
		status = replay_file(argv[first], reader, &options.pipeline);
	recording_close(reader);
	return status;
}
