/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.c: the loop of live and record: take events in, let the pipeline make lines of them, write those
 * out, until a signal, a limit or a closed pipe ends it; then say what there was. See watch.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "kernel/features.h"
#include "verbs/filter_options.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

/* Nobody is woken per event: this is how long one may wait in the ring. */
#define POLL_MS 20
/* With nothing to see for so long, the way to the demonstration is shown. */
#define HINT_AFTER_NS 5000000000ULL

static const char *const tier_texts[] = {"any", "fentry", "kprobe", "tracepoint"};
const struct name_table hook_tier_names = {tier_texts, sizeof(tier_texts) / sizeof(tier_texts[0])};

static const struct option_spec specs[] = {
	FILTER_OPTIONS(struct watch_options),
	OUTPUT_OPTIONS(struct watch_options),
	TRACKER_OPTIONS(struct watch_options),
	{.long_name = "legend",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct watch_options, legend),
	 .help = "print what the short words of a narrow table mean, and end"},
	{.short_name = 'd',
	 .long_name = "duration",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = 1,
	 .offset = offsetof(struct watch_options, duration_ns),
	 .help = "stop after so long"},
	{.long_name = "record",
	 .argument = "FILE",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct watch_options, recording),
	 .help = "keep the raw events too, for lastack replay"},
	{.long_name = "ring-size",
	 .argument = "BYTES",
	 .type = OPTION_SIZE,
	 .minimum = 4096,
	 .maximum = 1ULL << 30,
	 .power_of_two = true,
	 .offset = offsetof(struct watch_options, ring_bytes),
	 .help = "of each CPU's ring buffer: a power of two (16M over the CPUs, 1M at least)"},
	{.long_name = "owner-interval",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct watch_options, owner_interval_ns),
	 .help = "look through descriptors for unknown owners so often, 0: never (10)"},
	{.long_name = "tier",
	 .argument = "TIER",
	 .type = OPTION_NAME,
	 .names = &hook_tier_names,
	 .offset = offsetof(struct watch_options, tier),
	 .help = "hooks of this tier only: any, fentry, kprobe, tracepoint (any: the best that works)"},
	TYPES_OPTION(offsetof(struct watch_options, types), ""),
};

/* Both watch alike; they differ in what becomes of what was seen. */
#define WATCH_OPTIONS                                                                                                  \
	.options = specs, .option_count = sizeof(specs) / sizeof(specs[0]),                                            \
	.options_bytes = sizeof(struct watch_options)

const struct option_verb live_verb = {
	.name = "live",
	.summary = "a line for each connection that ends, as it ends",
	.description = "Ends with Ctrl-C, a closed pipe, -d or -n, and then sums up on standard error.",
	WATCH_OPTIONS,
};

const struct option_verb record_verb = {
	.name = "record",
	.summary = "keep the raw events in a file",
	.description = "lastack replay makes the same reports of the file that live would have made, without "
		       "root and on any machine.",
	.arguments = "FILE",
	.arguments_min = 1,
	.arguments_max = 1,
	WATCH_OPTIONS,
};

struct watch {
	const char *verb;
	struct watch_options *options;
	struct feed feed;
	int output_error;
	bool output_closed; /* whoever read our output has gone */
	int signals, epoll;
	uint64_t start_ns;
	bool hinted;
};

void watch_options_init(struct watch_options *options)
{
	memset(options, 0, sizeof(*options));
	pipeline_options_init(&options->pipeline);
	options->owner_interval_ns = 10000000000ULL;
}

/* ---- lines --------------------------------------------------------------------------------------- */

/* Also in the middle of a burst, when many lines have gathered. */
static void write_out(void *arg)
{
	struct watch *watch = arg;
	struct text *text = pipeline_text(watch->feed.pipeline);
	size_t written = 0;

	while (written < text->length && !watch->output_error && !watch->output_closed) {
		ssize_t part = write(STDOUT_FILENO, text->data + written, text->length - written);

		if (part >= 0)
			written += (size_t)part;
		else if (errno == EPIPE)
			watch->output_closed = true;
		else if (errno != EINTR && errno != EAGAIN)
			watch->output_error = errno;
	}
	if (text->failed && !watch->output_error)
		watch->output_error = ENOMEM;
	text_clear(text);
}

/* ---- setting up ---------------------------------------------------------------------------------- */

static int loop_start(struct watch *watch)
{
	struct epoll_event ring = {.events = EPOLLIN}, signals = {.events = EPOLLIN};

	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	ring.data.fd = monitor_fd(watch->feed.monitor);
	ring.events |= EPOLLET; /* a nudge, not a state: below the quarter it stays quiet */
	signals.data.fd = watch->signals;
	if (watch->epoll < 0 || epoll_ctl(watch->epoll, EPOLL_CTL_ADD, ring.data.fd, &ring) ||
	    epoll_ctl(watch->epoll, EPOLL_CTL_ADD, signals.data.fd, &signals))
		return -errno;
	return 0;
}

static int watch_open(struct watch *watch)
{
	struct watch_options *options = watch->options;
	struct feed_config config = {
		.verb = watch->verb,
		.pipeline = &options->pipeline,
		.ring_bytes = options->ring_bytes,
		.owner_interval_ns = options->owner_interval_ns,
		.tier = options->tier,
		.types = options->types,
		.recording = options->recording,
		.observer = options->observer,
	};
	int status;

	options->pipeline.lines = write_out;
	options->pipeline.lines_arg = watch;
	watch->signals = feed_signals();
	if (watch->signals < 0)
		return verb_fail(EXIT_FAILED, watch->verb, "cannot start", strerror(-watch->signals));
	status = feed_open(&watch->feed, &config);
	if (status)
		return status;
	status = loop_start(watch);
	return status ? verb_fail(EXIT_FAILED, watch->verb, "cannot start", strerror(-status)) : EXIT_DONE;
}

static void watch_close(struct watch *watch)
{
	feed_close(&watch->feed);
	if (watch->signals >= 0)
		close(watch->signals);
	if (watch->epoll >= 0)
		close(watch->epoll);
}

/* ---- the loop ------------------------------------------------------------------------------------ */

static void hint(struct watch *watch, uint64_t now_ns)
{
	if (watch->hinted || pipeline_reported(watch->feed.pipeline) || watch->options->pipeline.silent ||
	    now_ns - watch->start_ns < HINT_AFTER_NS)
		return;
	watch->hinted = true;
	fprintf(stderr,
		"lastack: %s: no connection has ended yet; `sudo make demo` in the source tree plays a dozen "
		"kinds of death for it to see\n",
		watch->verb);
}

static bool signal_came(const struct watch *watch)
{
	struct signalfd_siginfo info;

	return read(watch->signals, &info, sizeof(info)) == sizeof(info);
}

static int wait_ms(const struct watch *watch, uint64_t now_ns)
{
	uint64_t end_ns = watch->start_ns + watch->options->duration_ns;

	if (!watch->options->duration_ns || now_ns + POLL_MS * 1000000ULL < end_ns)
		return POLL_MS;
	return now_ns >= end_ns ? 0 : (int)((end_ns - now_ns) / 1000000) + 1;
}

static bool is_over(const struct watch *watch, uint64_t now_ns)
{
	return watch->output_closed || watch->output_error || watch->feed.recording_error ||
	       pipeline_is_done(watch->feed.pipeline) || signal_came(watch) ||
	       (watch->options->duration_ns && now_ns >= watch->start_ns + watch->options->duration_ns);
}

static int watch_loop(struct watch *watch)
{
	struct epoll_event event;
	uint64_t now_ns;
	int status;

	do {
		now_ns = feature_monotonic_ns();
		if (epoll_wait(watch->epoll, &event, 1, wait_ms(watch, now_ns)) < 0 && errno != EINTR)
			return -errno;
		status = intake_poll(watch->feed.intake);
		write_out(watch);
		hint(watch, now_ns);
	} while (!status && !is_over(watch, feature_monotonic_ns()));
	return status;
}

/* ---- the end -------------------------------------------------------------------------------------- */

static int counts_print(const struct watch *watch)
{
	uint64_t delivered[EVENT_KINDS], generated = 0, lost = 0, filtered = 0, taken = 0;
	struct event_counts counts;
	int status = intake_counts(watch->feed.intake, &counts, delivered);

	if (status)
		return status;
	for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
		generated += counts.kind[kind].generated;
		lost += counts.kind[kind].lost;
		filtered += counts.kind[kind].filtered;
		taken += delivered[kind];
	}
	fprintf(stderr, "events: generated %llu delivered %llu lost %llu filtered %llu\n",
		(unsigned long long)generated, (unsigned long long)taken, (unsigned long long)lost,
		(unsigned long long)filtered);
	for (size_t kind = 0; kind < EVENT_KINDS; kind++)
		if (counts.kind[kind].lost)
			fprintf(stderr, "  lost: %llu of %llu %s\n", (unsigned long long)counts.kind[kind].lost,
				(unsigned long long)counts.kind[kind].generated,
				name_of(&event_kind_names, (unsigned)kind));
	return 0;
}

static void listings_print(const struct watch *watch)
{
	int error;
	uint64_t failures = intake_listing_failures(watch->feed.intake, &error);

	if (failures)
		fprintf(stderr, "listings of sockets that failed: %llu (%s)\n", (unsigned long long)failures,
			strerror(-error));
}

static int watch_finish(struct watch *watch, int status)
{
	const struct feed_observer *observer = watch->options->observer;
	struct feed *feed = &watch->feed;
	int ended, counted;

	if (!status && observer && observer->end)
		status = observer->end(observer->arg);
	ended = feed_end(feed); /* also where nobody wants more lines: every event is accounted for */
	if (watch->options->last)
		watch->options->last(watch->options->last_arg, feed->pipeline);
	write_out(watch);
	feed_recording_finish(feed);
	fprintf(stderr, "lastack: %s: ", watch->verb);
	pipeline_summary(feed->pipeline, stderr);
	counted = counts_print(watch);
	listings_print(watch);
	if (feed->recording_error)
		return verb_fail(EXIT_FAILED, watch->verb, watch->options->recording, strerror(-feed->recording_error));
	if (watch->output_error)
		return verb_fail(EXIT_FAILED, watch->verb, "standard output", strerror(watch->output_error));
	if (!status)
		status = ended;
	if (status)
		return verb_fail(EXIT_FAILED, watch->verb, "watching", strerror(-status));
	if (counted) /* whether all was seen is not known */
		return verb_fail(EXIT_FAILED, watch->verb, "counts of events", strerror(-counted));
	return EXIT_DONE;
}

static int watch_begin(struct watch *watch)
{
	uint32_t unreachable = 0;
	const struct feed_observer *observer = watch->options->observer;
	int status = feed_begin(&watch->feed, &unreachable);

	if (status)
		return verb_fail(EXIT_FAILED, watch->verb, "listing the sockets that exist", strerror(-status));
	if (observer && observer->begin)
		status = observer->begin(observer->arg, watch->feed.monitor);
	if (status)
		return verb_fail(EXIT_FAILED, watch->verb, "cannot start", strerror(-status));
	watch->start_ns = feature_monotonic_ns();
	if (monitor_lists(watch->feed.monitor))
		fprintf(stderr, "lastack: %s: watching; %u connections existed before\n", watch->verb,
			tracker_live(pipeline_tracker(watch->feed.pipeline)));
	else
		fprintf(stderr, "lastack: %s: watching; " FEED_LISTS_NOTHING "\n", watch->verb);
	if (unreachable)
		fprintf(stderr,
			"lastack: %s: %u network namespaces could not be entered: their orphans are not known\n",
			watch->verb, unreachable);
	return EXIT_DONE;
}

int watch_run(const char *verb, struct watch_options *options)
{
	struct watch watch = {.verb = verb, .options = options, .signals = -1, .epoll = -1};
	int status;

	status = watch_open(&watch);
	if (status == EXIT_DONE)
		status = watch_begin(&watch);
	if (status == EXIT_DONE)
		status = watch_finish(&watch, watch_loop(&watch));
	watch_close(&watch);
	return status;
}
