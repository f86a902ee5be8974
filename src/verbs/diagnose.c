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
#include "report/report_read.h"
#include "serve/diagnose_answer.h"
#include "verbs/ask.h"
#include "verbs/diagnose_options.h"
#include "verbs/diagnose_show.h"
#include "verbs/feed.h"

#define NS_PER_S 1000000000ULL
#define POLL_MS  20
/* Between two listings: whether a process reads is seen by the second. */
#define LISTINGS_APART_NS NS_PER_S
/* Of what opens within it, some has been in CLOSE_WAIT for long enough at the end. */
#define STACKS_MORE_NS (10 * NS_PER_S)

struct diagnose_options {
	struct ask_options ask; /* filter, format, width, socket */
	bool once, stacks;
	uint64_t show, watch_ns, duration_ns;
	struct diagnosis_limits limits; /* unset where not given */
};

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
	{.long_name = "stacks",
	 .type = OPTION_FLAG,
	 AT(stacks),
	 .help = "what in the program opened or accepted them; not free, see STACKS in lastack(1)"},
	{.long_name = "duration",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = NS_PER_S,
	 AT(duration_ns),
	 .help = "with --once: watch so long before (1s; with --stacks 10 s more than --close-wait)"},
	{.long_name = "watch",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = NS_PER_S,
	 AT(watch_ns),
	 .help = "again so often, until Ctrl-C"},
	PLAIN_FORMAT_OPTION(offsetof(struct diagnose_options, ask.pipeline.format)),
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
		       "findings. --stacks costs each connection some microseconds and, where accept() cannot\n"
		       "be hooked (no fexit), each system call of the host some 100 ns; of a daemon it asks\n"
		       "for what its setting \"stacks\" has it take.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct diagnose_options),
};

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
	if (options->stacks)
		ask_set(&request, "stacks", json_true());
	if (options->show)
		ask_set(&request, "show", json_integer((json_int_t)options->show));
	return request;
}

static int round_asked(const struct diagnose_options *options, struct diagnose_show *show)
{
	struct ask question = {
		diagnose_verb.name, options->ask.socket, ASK_QUIET_NS, 0, diagnose_show_line, show, NULL};

	return ask(&question, request_make(options), NULL);
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* Ctrl-C ends what takes long in good order. */
static void signals_take(void)
{
	struct sigaction action = {.sa_handler = stop};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
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
	struct feed_config config = {.verb = diagnose_verb.name,
				     .pipeline = &once->pipeline,
				     .stacks = options->stacks};
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
	if (!monitor_lists(once->feed.monitor))
		return verb_fail(EXIT_UNSUPPORTED, diagnose_verb.name, "cannot look",
				 "this kernel does not let sockets be listed, and all findings rest on that");
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

	while (!status && !stopped && feature_monotonic_ns() < until_ns) {
		poll(NULL, 0, POLL_MS);
		status = intake_poll(once->feed.intake);
	}
	return status;
}

static int once_answer(struct once *once, const struct diagnose_options *options, struct diagnose_show *show)
{
	struct diagnose_source source = {once->diagnosis, pipeline_tracker(once->feed.pipeline),
					 pipeline_context(once->feed.pipeline), once->live};
	json_t *json = request_make(options);
	struct text line = {0}, out = {0};
	struct diagnose_answer *answer = NULL;
	struct control_request request;
	uint64_t lines = 0;
	bool more = true, failed;
	char why[192];
	int status;

	json_append(json, &line);
	json_decref(json);
	if (line.failed) {
		text_free(&line);
		return once_fail(-ENOMEM);
	}
	status = control_request_read(&request, line.data, line.length, why, sizeof(why));
	text_free(&line);
	if (status)
		return status == -ENOMEM ? once_fail(status) : verb_fail(EXIT_USAGE, diagnose_verb.name, why, NULL);
	answer = diagnose_answer_create(&source, &request, feature_monotonic_ns());
	failed = !answer;
	while (!failed && more) {
		more = diagnose_answer_slice(answer, &out, &lines);
		failed = out.failed;
		if (!failed && out.length && !diagnose_show_line(show, out.data, out.length - 1))
			more = false;
		text_clear(&out);
	}
	diagnose_answer_destroy(answer);
	control_request_free(&request);
	text_free(&out);
	return failed ? once_fail(-ENOMEM) : EXIT_DONE;
}

static int round_once(struct once *once, const struct diagnose_options *options, struct diagnose_show *show)
{
	int status = once_pass(once, LISTINGS_APART_NS);

	if (!status)
		status = intake_resync(once->feed.intake);
	if (!status)
		status = netns_numbers_take(once->diagnosis);
	if (status)
		return once_fail(status);
	status = once_answer(once, options, show);
	/* What the next round is held against. */
	diagnosis_begin(once->diagnosis, feature_monotonic_ns(), NULL, NULL);
	while (diagnosis_step(once->diagnosis, pipeline_tracker(once->feed.pipeline), UINT32_MAX))
		;
	return status;
}

/* Before the first round: what opens meanwhile has a stack. Ctrl-C shortens it. */
static int once_watch(struct once *once, const struct diagnose_options *options)
{
	struct diagnosis_limits limits;
	uint64_t span_ns = options->duration_ns;
	int status;

	diagnosis_limits_init(&limits);
	diagnosis_limits_override(&limits, &options->limits);
	if (!span_ns && options->stacks)
		span_ns = limits.close_wait_ns + STACKS_MORE_NS;
	if (span_ns <= LISTINGS_APART_NS)
		return EXIT_DONE;
	fprintf(stderr, "lastack: %s: %s for %llu s; Ctrl-C ends that sooner\n", diagnose_verb.name,
		options->stacks ? "taking stacks" : "watching", (unsigned long long)(span_ns / NS_PER_S));
	status = once_pass(once, span_ns - LISTINGS_APART_NS);
	stopped = 0;
	if (!status)
		status = intake_resync(once->feed.intake); /* what the first round's listing is held against */
	return status ? once_fail(status) : EXIT_DONE;
}

static void once_close(struct once *once)
{
	feed_close(&once->feed);
	diagnosis_destroy(once->diagnosis);
	live_writer_destroy(once->live);
}

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

static int watch_pause(struct once *once, const struct diagnose_options *options)
{
	if (options->once)
		return once_pass(once, options->watch_ns) ? EXIT_FAILED : EXIT_DONE;
	poll(NULL, 0, (int)(options->watch_ns / 1000000 < INT32_MAX ? options->watch_ns / 1000000 : INT32_MAX));
	return EXIT_DONE;
}

static int diagnose_run(const struct diagnose_options *options, struct once *once, struct diagnose_show *show)
{
	int status = options->once ? once_open(once, options) : EXIT_DONE;

	if (options->once && status == EXIT_DONE)
		status = once_watch(once, options);
	while (status == EXIT_DONE) {
		diagnose_show_begin(show);
		status = options->once ? round_once(once, options, show) : round_asked(options, show);
		if (status == EXIT_DONE && show->failed)
			status = EXIT_FAILED;
		if (fflush(stdout) || !options->watch_ns || stopped || status != EXIT_DONE)
			break;
		status = watch_pause(once, options);
		if (stopped)
			break;
	}
	return status == EXIT_DONE && show->findings ? EXIT_FINDINGS : status;
}

int verb_diagnose(int argc, char **argv)
{
	struct diagnose_options options = {0};
	struct diagnose_show show = {.verb = diagnose_verb.name};
	struct once once = {0};
	int first, outcome, status;

	ask_options_init(&options.ask);
	diagnosis_limits_unset(&options.limits);
	outcome = options_parse(&diagnose_verb, argc, argv, &options, &first);
	if (outcome)
		return verb_options_status(outcome);
	if (pipeline_options_finish(&diagnose_verb, &options.ask.pipeline, false, false))
		return EXIT_USAGE;
	if (options.duration_ns && !options.once)
		return verb_fail(EXIT_USAGE, diagnose_verb.name, "--duration", "only with --once");
	show.json = options.ask.pipeline.format == REPORT_JSON;
	show.clears = options.watch_ns && isatty(STDOUT_FILENO);
	show.stacks = options.stacks;
	show.columns = options.ask.pipeline.columns;
	if (options.watch_ns || (options.once && (options.stacks || options.duration_ns)))
		signals_take();
	status = diagnose_run(&options, &once, &show);
	if (options.once)
		once_close(&once);
	diagnose_show_free(&show);
	return ask_finish(diagnose_verb.name, status);
}
