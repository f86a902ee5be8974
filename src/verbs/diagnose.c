// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose.c: `lastack diagnose`: what is wrong with the connections that live, worst first: as the daemon sees it, or
 * with --once by looking itself. Both give the same lines; see serve/diagnose_answer.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/netns_numbers.h"
#include "report/finding_line.h"
#include "report/report_read.h"
#include "serve/diagnose_answer.h"
#include "verbs/ask.h"
#include "verbs/diagnose_options.h"
#include "verbs/feed.h"

#define NS_PER_S 1000000000ULL
#define POLL_MS  20
/* Between two listings: whether a process reads is seen by the second. */
#define LISTINGS_APART_NS NS_PER_S

struct diagnose_options {
	struct ask_options ask; /* filter, format, width, socket */
	bool once;
	uint64_t show, watch_ns;
	struct diagnosis_limits limits; /* unset where not given */
};

static const char *const format_texts[] = {"table", "json"};
static const struct name_table format_names = {format_texts, 2}; /* enum report_format without CSV */

#define AT(member) .offset = offsetof(struct diagnose_options, member)

static const struct option_spec specs[] = {
	{.long_name = "once",
	 .type = OPTION_FLAG,
	 AT(once),
	 .help = "look itself, without a daemon; takes some seconds"},
	{.long_name = "show",
	 .argument = "COUNT",
	 .type = OPTION_U64,
	 .minimum = 1,
	 .maximum = FINDING_SHOWN_MAX,
	 AT(show),
	 .help = "so many connections behind each finding too"},
	{.long_name = "watch",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = NS_PER_S,
	 AT(watch_ns),
	 .help = "again so often, until Ctrl-C"},
	{.short_name = 'o',
	 .long_name = "output",
	 .argument = "FORMAT",
	 .type = OPTION_NAME,
	 .names = &format_names,
	 AT(ask.pipeline.format),
	 .help = "table or json (one finding a line)"},
	{.short_name = 'p',
	 .long_name = "pid",
	 .argument = "PID,...",
	 .type = OPTION_CUSTOM,
	 .parse = parse_pids,
	 AT(ask.pipeline.filter),
	 .help = "only connections owned by these processes"},
	{.long_name = "comm",
	 .argument = "NAME,...",
	 .type = OPTION_CUSTOM,
	 .parse = parse_comms,
	 AT(ask.pipeline.filter),
	 .help = "only connections owned by processes of these names"},
	{.short_name = 'L',
	 .long_name = "local-port",
	 .argument = "PORTS",
	 .type = OPTION_PORTS,
	 AT(ask.pipeline.filter.local_ports),
	 .help = "only these local ports, such as 80,443,8000-8010"},
	{.short_name = 'D',
	 .long_name = "remote-port",
	 .argument = "PORTS",
	 .type = OPTION_PORTS,
	 AT(ask.pipeline.filter.remote_ports),
	 .help = "only these remote ports"},
	{.long_name = "netns",
	 .argument = "INODE|PATH",
	 .type = OPTION_CUSTOM,
	 .parse = parse_netns,
	 AT(ask.pipeline.filter),
	 .help = "only this network namespace; may be given more than once"},
	{.long_name = "cgroup",
	 .argument = "PATH",
	 .type = OPTION_CUSTOM,
	 .parse = parse_cgroups,
	 AT(ask.pipeline.filter),
	 .help = "only sockets of this cgroup (v2), such as /system.slice/nginx.service"},
	{.short_name = 'w',
	 .long_name = "width",
	 .argument = "COLUMNS",
	 .type = OPTION_U32,
	 .minimum = 40,
	 .maximum = 10000,
	 AT(ask.pipeline.columns),
	 .help = "table: this wide, not as wide as the terminal"},
	DIAGNOSE_LIMIT_OPTIONS("", struct diagnose_options,
			       limits){.short_name = 's',
				       .long_name = "socket",
				       .argument = "PATH",
				       .type = OPTION_STRING,
				       AT(ask.socket),
				       .help = "the daemon's control socket (" CONTROL_PATH ")"},
};

const struct option_verb diagnose_verb = {
	.name = "diagnose",
	.summary = "what is wrong with live connections: leaks, dead peers, stalls, full queues, whose fault it is",
	.description = "Asks the daemon, or looks itself with --once. Findings come worst first, each with how sure\n"
		       "it is. Thresholds are the daemon's where none are given. Exit status 1 when there are\n"
		       "findings.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct diagnose_options),
};

/* ---- what comes is shown ------------------------------------------------------------------------------------ */

struct shown {
	const struct diagnose_options *options;
	struct text text, blocks;
	unsigned findings;
	bool failed; /* and a message was written */
};

static void heading_append(struct shown *shown, const json_t *sum)
{
	char words[160];

	snprintf(words, sizeof(words), "%u finding%s in %lld live connections and %lld listeners\n", shown->findings,
		 shown->findings == 1 ? "" : "s", (long long)report_member_number(sum, NULL, "live", 0),
		 (long long)report_member_number(sum, NULL, "listeners", 0));
	if (shown->options->watch_ns && isatty(STDOUT_FILENO))
		text_append_str(&shown->text, "\033[H\033[J");
	text_append_str(&shown->text, words);
}

/* What the tables had no room for. */
static void more_append(struct shown *shown, const json_t *sum)
{
	json_t *others = json_object_get(sum, "others"), *count;
	long long more = (long long)report_member_number(sum, NULL, "findings_more", 0);
	const char *kind;

	if (more) {
		text_append_i64(&shown->text, more);
		text_append_str(&shown->text, " lesser findings are left out\n");
	}
	json_object_foreach(others, kind, count)
	{
		text_append_printable(&shown->text, kind, strlen(kind));
		text_append_str(&shown->text, ": ");
		text_append_i64(&shown->text, json_integer_value(count));
		text_append_str(&shown->text, " connections more, of owners that there was no room for\n");
	}
}

static bool sum_show(struct shown *shown, const json_t *sum)
{
	heading_append(shown, sum);
	shown->text.failed |= shown->blocks.failed;
	text_append(&shown->text, shown->blocks.data, shown->blocks.length);
	more_append(shown, sum);
	text_clear(&shown->blocks);
	return ask_write(&shown->text);
}

static bool is_sum(const json_t *object)
{
	const char *type = report_member_text(object, NULL, "type");

	return type && !strcmp(type, "diagnosis");
}

static bool object_show(struct shown *shown, const json_t *object, const char *line, size_t length)
{
	bool json = shown->options->ask.pipeline.format == REPORT_JSON;

	if (is_sum(object))
		return json || sum_show(shown, object);
	shown->findings++;
	if (json) {
		text_append(&shown->text, line, length);
		text_append_char(&shown->text, '\n');
		return ask_write(&shown->text);
	}
	text_append_char(&shown->blocks, '\n');
	if (!finding_block(&shown->blocks, object, shown->findings, shown->options->ask.pipeline.columns))
		return true;
	verb_fail(EXIT_FAILED, diagnose_verb.name, "a line of the daemon is not understood",
		  "not a value that it can have");
	shown->failed = true;
	return false;
}

static bool line_show(void *arg, const char *line, size_t length)
{
	struct shown *shown = arg;
	json_t *object = ask_load(diagnose_verb.name, line, length);
	bool goes_on = object && object_show(shown, object, line, length);

	shown->failed |= !object;
	json_decref(object);
	return goes_on;
}

/* ---- the question --------------------------------------------------------------------------------------------- */

static json_t *request_make(const struct diagnose_options *options)
{
	json_t *request = ask_request(diagnose_verb.name, ask_filter(&options->ask)), *limits = json_object();

#define LIMIT_SET(unused, member, ...)                                                                                 \
	if (options->limits.member != (__typeof__(options->limits.member))-1)                                          \
		ask_set(&limits, #member, json_integer((json_int_t)options->limits.member));
	DIAGNOSIS_LIMITS(LIMIT_SET, )
	if (!limits || json_object_size(limits))
		ask_set(&request, "limits", limits);
	else
		json_decref(limits);
	if (options->show)
		ask_set(&request, "show", json_integer((json_int_t)options->show));
	return request;
}

static int round_asked(const struct diagnose_options *options, struct shown *shown)
{
	struct ask question = {diagnose_verb.name, options->ask.socket, ASK_QUIET_NS, 0, line_show, shown};

	return ask(&question, request_make(options), NULL);
}

/* ---- without a daemon ------------------------------------------------------------------------------------------ */

struct once {
	struct feed feed;
	struct pipeline_options pipeline;
	struct diagnosis *diagnosis;
	struct live_writer *live;
};

static void take_report(void *arg, const struct connection_report *report, const char *cgroup)
{
	struct once *once = arg;

	(void)cgroup;
	diagnosis_end(once->diagnosis, report);
}

static int once_fail(int status)
{
	return verb_fail(EXIT_FAILED, diagnose_verb.name, "cannot watch", strerror(-status));
}

static int once_open(struct once *once, const struct diagnose_options *options)
{
	struct diagnosis_limits limits;
	struct feed_config config = {.verb = diagnose_verb.name, .pipeline = &once->pipeline};
	uint32_t unreachable;
	int status;

	diagnosis_limits_init(&limits);
	diagnosis_limits_override(&limits, &options->limits);
	once->diagnosis = diagnosis_create(&limits, feature_monotonic_ns());
	once->live = live_writer_create();
	if (!once->diagnosis || !once->live)
		return once_fail(-ENOMEM);
	pipeline_options_init(&once->pipeline);
	once->pipeline.silent = true;
	once->pipeline.keep_facts = true;
	once->pipeline.report = take_report;
	once->pipeline.report_arg = once;
	status = feed_open(&once->feed, &config);
	if (status)
		return status;
	status = feed_begin(&once->feed, &unreachable);
	if (!status && unreachable)
		fprintf(stderr,
			"lastack: %s: %u network namespaces could not be entered: what no process holds there "
			"is not seen\n",
			diagnose_verb.name, unreachable);
	return status ? once_fail(status) : EXIT_DONE;
}

/* Follows what happens for so long. */
static int once_pass(struct once *once, uint64_t span_ns)
{
	uint64_t until_ns = feature_monotonic_ns() + span_ns;
	int status = 0;

	while (!status && feature_monotonic_ns() < until_ns) {
		poll(NULL, 0, POLL_MS);
		status = intake_poll(once->feed.intake);
	}
	return status;
}

static int once_answer(struct once *once, const struct diagnose_options *options, struct shown *shown)
{
	struct diagnose_source source = {once->diagnosis, pipeline_tracker(once->feed.pipeline),
					 pipeline_context(once->feed.pipeline), once->live};
	json_t *json = request_make(options);
	char *line = json ? json_dumps(json, JSON_COMPACT) : NULL, why[192];
	struct diagnose_answer *answer = NULL;
	struct control_request request;
	struct text out = {0};
	uint64_t lines = 0;
	bool more = true;

	json_decref(json);
	if (!line)
		return once_fail(-ENOMEM);
	if (control_request_read(&request, line, strlen(line), why, sizeof(why))) {
		free(line);
		return verb_fail(EXIT_USAGE, diagnose_verb.name, why, NULL);
	}
	answer = diagnose_answer_create(&source, &request, feature_monotonic_ns());
	while (answer && more) {
		more = diagnose_answer_slice(answer, &out, &lines);
		if (out.length && !line_show(shown, out.data, out.length - 1))
			more = false;
		text_clear(&out);
	}
	diagnose_answer_destroy(answer);
	control_request_free(&request);
	text_free(&out);
	free(line);
	return answer ? EXIT_DONE : once_fail(-ENOMEM);
}

static int round_once(struct once *once, const struct diagnose_options *options, struct shown *shown)
{
	int status = once_pass(once, LISTINGS_APART_NS);

	if (!status)
		status = intake_resync(once->feed.intake);
	if (!status)
		status = netns_numbers_take(once->diagnosis);
	if (status)
		return once_fail(status);
	status = once_answer(once, options, shown);
	/* What the next round is held against. */
	diagnosis_begin(once->diagnosis, feature_monotonic_ns(), NULL, NULL);
	while (diagnosis_step(once->diagnosis, pipeline_tracker(once->feed.pipeline), UINT32_MAX))
		;
	return status;
}

static void once_close(struct once *once)
{
	feed_close(&once->feed);
	diagnosis_destroy(once->diagnosis);
	live_writer_destroy(once->live);
}

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* Ctrl-C ends --watch in good order. */
static void signals_take(void)
{
	struct sigaction action = {.sa_handler = stop};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int watch_pause(struct once *once, const struct diagnose_options *options)
{
	if (options->once)
		return once_pass(once, options->watch_ns) ? EXIT_FAILED : EXIT_DONE;
	poll(NULL, 0, (int)(options->watch_ns / 1000000 < INT32_MAX ? options->watch_ns / 1000000 : INT32_MAX));
	return EXIT_DONE;
}

static int diagnose_run(const struct diagnose_options *options, struct once *once, struct shown *shown)
{
	int status = options->once ? once_open(once, options) : EXIT_DONE;

	while (status == EXIT_DONE) {
		shown->findings = 0;
		status = options->once ? round_once(once, options, shown) : round_asked(options, shown);
		if (status == EXIT_DONE && shown->failed)
			status = EXIT_FAILED;
		if (fflush(stdout) || !options->watch_ns || stopped || status != EXIT_DONE)
			break;
		status = watch_pause(once, options);
		if (stopped)
			break;
	}
	return status == EXIT_DONE && shown->findings ? EXIT_FINDINGS : status;
}

int verb_diagnose(int argc, char **argv)
{
	struct diagnose_options options = {0};
	struct shown shown = {.options = &options};
	struct once once = {0};
	int first, outcome, status;

	ask_options_init(&options.ask);
	diagnosis_limits_unset(&options.limits);
	outcome = options_parse(&diagnose_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (pipeline_options_finish(&diagnose_verb, &options.ask.pipeline, false, false))
		return EXIT_USAGE;
	if (options.watch_ns)
		signals_take();
	status = diagnose_run(&options, &once, &shown);
	if (options.once)
		once_close(&once);
	text_free(&shown.text);
	text_free(&shown.blocks);
	return ask_finish(diagnose_verb.name, status);
}
