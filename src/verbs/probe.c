// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.c: `lastack probe`: is the peer still there? Asked by the kernel's own keepalive, for sockets of any process.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/features.h"
#include "kernel/netns.h"
#include "verbs/ask.h"
#include "verbs/probe_run.h"

#define STATE_DIR "/var/lib/lastack"

#define AT(member) offsetof(struct probe_options, member)

static const struct option_spec specs[] = {
	LIVE_FILTER_OPTIONS(struct probe_options),
	ADDRESS_OPTIONS(struct probe_options),
	{.long_name = "state",
	 .argument = "STATE,...",
	 .type = OPTION_NAMES,
	 .names = &tcp_state_names,
	 .offset = AT(states),
	 .help = "only connections in these states"},
	{.long_name = "all", .type = OPTION_FLAG, .offset = AT(all), .help = "every connection, without a filter"},
	{.long_name = "probes",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 1,
	 .maximum = 20,
	 .offset = AT(count),
	 .help = "silent is who leaves so many probes without an answer (3)"},
	{.long_name = "interval",
	 .argument = "SECONDS",
	 .type = OPTION_U32,
	 .minimum = 1,
	 .maximum = 60,
	 .offset = AT(interval_s),
	 .help = "between two probes (1)"},
	{.long_name = "rate",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 1,
	 .maximum = 10000,
	 .offset = AT(rate),
	 .help = "begin with so many connections a second at most (100)"},
	{.short_name = 'n',
	 .long_name = "limit",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 1,
	 .maximum = 10000,
	 .offset = AT(limit),
	 .help = "so many connections in all (1000)"},
	{.long_name = "reap",
	 .type = OPTION_FLAG,
	 .offset = AT(reap),
	 .help = "let the kernel reset what leaves all probes without an answer"},
	{.long_name = "recover",
	 .type = OPTION_FLAG,
	 .offset = AT(recover),
	 .help = "only put back what a run that was killed has left changed"},
	{.long_name = "state-dir",
	 .argument = "PATH",
	 .type = OPTION_STRING,
	 .offset = AT(state_dir),
	 .help = "where the journal of changed settings is (" STATE_DIR ")"},
	PLAIN_FORMAT_OPTION(AT(pipeline.format)),
	WIDTH_OPTION(struct probe_options),
};

const struct option_verb probe_verb = {
	.name = "probe",
	.summary = "whether the peers of live connections are still there, by the kernel's keepalive",
	.arguments = "[ID|COOKIE]...",
	.description =
		"Switches keepalive on for the chosen sockets, whichever process they belong to, so that the kernel\n"
		"probes their peers now; tells alive, reset and silent ones apart; and puts the former settings back.\n"
		"ID and COOKIE are what list and reports have. Exit status 1 when a connection is not alive.",
	.arguments_max = -1,
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct probe_options),
};

static int fail(enum exit_status status, const char *what, const char *why)
{
	return verb_fail(status, probe_verb.name, what, why);
}

static int fail_errno(const char *what, int error, const char *why)
{
	bool forbidden = error == -EPERM || error == -EACCES || error == -EOPNOTSUPP;

	return fail(forbidden ? EXIT_UNSUPPORTED : EXIT_FAILED, what, why && why[0] ? why : strerror(-error));
}

/* ---- output ------------------------------------------------------------------------------------------- */

struct probing {
	struct probe_options options;
	struct probe_choice choice;
	struct probe_run run;
	struct text text;
	bool has_header;
	bool some_not_alive;
	int status; /* enum exit_status */
};

static void line_write(struct probing *probing, const struct probe_line *line)
{
	const struct pipeline_options *how = &probing->options.pipeline;

	if (how->format == REPORT_JSON) {
		probe_line_json(&probing->text, line);
	} else {
		if (!probing->has_header)
			probe_line_header(&probing->text, how->columns);
		probing->has_header = true;
		probe_line_row(&probing->text, line, how->columns);
	}
	probing->some_not_alive |= line->probe->verdict != PROBE_ALIVE;
	ask_write(&probing->text);
}

/* What --reap has done is never silent. */
static void reaped_tell(struct probing *probing, const struct probe_line *line)
{
	if (!probing->options.reap || line->probe->means != PROBE_BY_KEEPALIVE || !line->probe->killed)
		return;
	probe_line_name(&probing->text, line);
	fail(EXIT_DONE, text_string(&probing->text), "silent; its keepalive has reset it (--reap)");
	text_clear(&probing->text);
}

static void connections_write(struct probing *probing)
{
	for (size_t i = 0; i < probing->run.count; i++) {
		const struct probe_connection *connection = &probing->run.connections[i];
		struct probe_line line = {
			.probe = &connection->probe,
			.cookie = connection->cookie,
			.id = connection->wish && !connection->wish->cookie ? connection->wish->word : NULL,
			.pid = connection->pid,
			.comm = connection->comm,
			.tick_ns = probing->run.plan.tick_ns,
			.found = true,
			.restored = connection->restored,
		};

		reaped_tell(probing, &line);
		line_write(probing, &line);
	}
	fflush(stdout);
}

/* What was asked for by name and is nowhere. */
static void wishes_write(struct probing *probing)
{
	static const struct probe_case gone = {.verdict = PROBE_GONE};

	for (size_t i = 0; i < probing->choice.wish_count; i++) {
		const struct probe_wish *wish = &probing->choice.wishes[i];
		struct probe_line line = {.probe = &gone,
					  .cookie = wish->cookie,
					  .id = wish->cookie ? NULL : wish->word};

		if (!wish->found)
			line_write(probing, &line);
	}
}

/* ---- running ------------------------------------------------------------------------------------------ */

static int namespace_probe(void *arg, uint32_t inode)
{
	struct probing *probing = arg;
	const struct report_filter *filter = &probing->options.pipeline.filter;
	int status;

	if (probing->run.interrupted || probing->status || !number_wanted(filter->netns, filter->netns_count, inode))
		return 0;
	status = probe_run_here(&probing->run);
	connections_write(probing);
	if (status == -EUCLEAN)
		probing->status = fail(EXIT_FAILED, "not all settings could be put back",
				       "lastack probe --recover tries again");
	else if (status)
		probing->status = fail_errno("probing", status, NULL);
	return 0;
}

static void remarks_print(const struct probing *probing, uint32_t unreachable)
{
	if (unreachable)
		fprintf(stderr, "lastack: %s: %u network namespaces could not be entered: nothing is probed there\n",
			probe_verb.name, unreachable);
	if (probing->run.beyond_limit)
		fprintf(stderr, "lastack: %s: %zu more connections are chosen than --limit allows: not probed\n",
			probe_verb.name, probing->run.beyond_limit);
	if (!probing->run.chosen && !probing->choice.wish_count)
		fprintf(stderr, "lastack: %s: no connection is chosen\n", probe_verb.name);
}

static int probe_all(struct probing *probing)
{
	uint32_t unreachable = 0;
	int status = probe_choice_look(&probing->choice, probing->run.prober);

	if (status)
		return fail_errno("looking for the owners of sockets", status, NULL);
	status = netns_visit(namespace_probe, probing, &unreachable);
	if (!probing->status && status)
		probing->status = fail_errno("network namespaces", status, NULL);
	if (probing->status)
		return probing->status;
	wishes_write(probing);
	remarks_print(probing, unreachable);
	return probing->some_not_alive || probing->run.interrupted ? EXIT_FINDINGS : EXIT_DONE;
}

static int recover(struct probing *probing, const struct probe_journal_entries *entries)
{
	size_t restored, gone, kept;
	int status = probe_recover(probing->run.prober, probing->run.journal, entries, &restored, &gone, &kept);

	fprintf(stderr,
		"lastack: %s: a run before did not come to its end: the settings of %zu connections were put back, %zu "
		"have ended\n",
		probe_verb.name, restored, gone);
	if (status)
		return fail_errno("putting back what a run before has left", status, NULL);
	if (kept)
		return fail(EXIT_FAILED, "some are in network namespaces that cannot be entered, or were refused",
			    "the journal is kept; nothing is probed");
	return EXIT_DONE;
}

/* With the journal taken. */
static int probe_with(struct probing *probing, const struct probe_journal_entries *entries)
{
	const struct probe_options *options = &probing->options;
	uint32_t targets = entries->count > options->limit ? (uint32_t)entries->count : options->limit;
	char why[512] = "";
	int status = prober_open(&probing->run.prober, targets, why, sizeof(why));

	if (status)
		return fail_errno("cannot probe", status, why);
	status = entries->count ? recover(probing, entries) : EXIT_DONE;
	if (status == EXIT_DONE && !options->recover)
		status = probe_all(probing);
	prober_close(probing->run.prober);
	return status;
}

static int probe_run(struct probing *probing)
{
	struct probe_options *options = &probing->options;
	struct probe_journal_entries entries = {0};
	struct probe_journal journal;
	const char *why;
	int status = probe_journal_open(&journal, options->state_dir, &why);

	if (status)
		return fail_errno(options->state_dir, status, why);
	probing->run = (struct probe_run){
		.options = options,
		.plan = {options->count, options->interval_s, feature_tick_ns(), options->reap},
		.choice = &probing->choice,
		.journal = &journal,
	};
	probe_run_signals();
	status = probe_journal_read(&journal, &entries, &why);
	if (status)
		status = fail_errno(options->state_dir, status, why);
	else if (options->recover && !entries.count) /* the unit asks at each start: no program is loaded for that */
		fprintf(stderr, "lastack: %s: there is nothing to be put back\n", probe_verb.name);
	else
		status = probe_with(probing, &entries);
	probe_journal_entries_free(&entries);
	probe_journal_close(&journal);
	free(probing->run.connections);
	text_free(&probing->text);
	return ask_finish(probe_verb.name, status);
}

/* ---- command line ------------------------------------------------------------------------------------- */

static bool is_filtered(const struct probe_options *options)
{
	const struct report_filter *filter = &options->pipeline.filter;

	return options->states || options->local || options->remote || filter->family || filter->local_ports.count ||
	       filter->remote_ports.count || filter->netns_count || filter->pid_count || filter->comm_count ||
	       filter->cgroup_count;
}

static int options_check(struct probe_options *options, int words)
{
	if (pipeline_options_finish(&probe_verb, &options->pipeline, options->only_v4, options->only_v6))
		return -EINVAL;
	if (!options->recover && !words && !options->all && !is_filtered(options))
		return options_error(&probe_verb, "which connections?",
				     "an id, a cookie or a filter says; --all takes every one");
	return 0;
}

int verb_probe(int argc, char **argv)
{
	struct probing probing = {.options = {.rate = 100, .limit = 1000, .count = 3, .interval_s = 1}};
	int first, status, outcome;

	probing.options.state_dir = STATE_DIR;
	pipeline_options_init(&probing.options.pipeline);
	outcome = options_parse(&probe_verb, argc, argv, &probing.options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (options_check(&probing.options, argc - first))
		return EXIT_USAGE;
	if (probe_choice_make(&probing.choice, &probe_verb, &probing.options, argv + first, (size_t)(argc - first)))
		status = EXIT_USAGE;
	else
		status = probe_run(&probing);
	probe_choice_free(&probing.choice);
	return status;
}
