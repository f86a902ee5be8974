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
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel/cgroups.h"
#include "kernel/features.h"
#include "kernel/intake.h"
#include "verbs/filter_options.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

/* Nobody is woken per event: this is how long one may wait in the ring. */
#define POLL_MS 20
/* With nothing to see for so long, the way to the demonstration is shown. */
#define HINT_AFTER_NS 5000000000ULL

static const char *const tier_texts[] = {"any", "fentry", "kprobe", "tracepoint"};
static const struct name_table tier_names = {tier_texts, sizeof(tier_texts) / sizeof(tier_texts[0])};

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
	 .type = OPTION_U64,
	 .minimum = 4096,
	 .maximum = 1ULL << 30,
	 .offset = offsetof(struct watch_options, ring_bytes),
	 .help = "of each CPU's ring buffer: a power of two (16 MiB over the CPUs, 1 MiB at least)"},
	{.long_name = "owner-interval",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct watch_options, owner_interval_ns),
	 .help = "look through descriptors for unknown owners so often, 0: never (10)"},
	{.long_name = "tier",
	 .argument = "TIER",
	 .type = OPTION_NAME,
	 .names = &tier_names,
	 .offset = offsetof(struct watch_options, tier),
	 .help = "hooks of this tier only: any, fentry, kprobe, tracepoint (any: the best that works)"},
};

/* Both watch alike; they differ in what becomes of what was seen. */
#define WATCH_OPTIONS                                                                                                  \
	.options = specs, .option_count = sizeof(specs) / sizeof(specs[0]), .options_bytes = sizeof(struct watch_options)

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
	struct monitor *monitor;
	struct intake *intake;
	struct pipeline *pipeline;
	struct cgroups *cgroups;
	struct recording_writer *recording;
	int recording_error;
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

int watch_ring_check(const struct option_verb *verb, const struct watch_options *options)
{
	if (options->ring_bytes & (options->ring_bytes - 1))
		return options_error(verb, "--ring-size", "not a power of two, such as 16777216");
	return 0;
}

/* ---- what the intake passes on ------------------------------------------------------------------- */

static void record_status(struct watch *watch, int status)
{
	if (status && !watch->recording_error)
		watch->recording_error = status;
}

static void learn_cgroup(struct watch *watch, uint64_t id)
{
	char path[1024] = "";

	if (cgroups_path(watch->cgroups, id, path, sizeof(path)))
		path[0] = '\0';
	pipeline_cgroup(watch->pipeline, id, path);
	if (watch->recording)
		record_status(watch, recording_write_cgroup(watch->recording, id, path));
}

static void take_event(void *arg, const struct event_header *event)
{
	struct watch *watch = arg;
	const struct watch_observer *observer = watch->options->observer;
	uint64_t cgroup = pipeline_cgroup_of(event);

	if (cgroup && !pipeline_knows_cgroup(watch->pipeline, cgroup))
		learn_cgroup(watch, cgroup);
	if (watch->recording)
		record_status(watch, recording_write_event(watch->recording, event, event_size(event->kind)));
	if (observer && observer->event)
		observer->event(observer->arg, pipeline_tracker(watch->pipeline), event);
	pipeline_event(watch->pipeline, event);
}

static void take_tick(void *arg, uint64_t now_ns)
{
	struct watch *watch = arg;
	const struct watch_observer *observer = watch->options->observer;

	if (watch->recording)
		record_status(watch, recording_write_tick(watch->recording, now_ns));
	pipeline_tick(watch->pipeline, now_ns);
	if (observer && observer->tick)
		observer->tick(observer->arg, now_ns);
}

static void take_loss(void *arg, uint64_t now_ns, const uint64_t lost[EVENT_KINDS])
{
	struct watch *watch = arg;
	const struct watch_observer *observer = watch->options->observer;
	struct recording_loss loss = {.time_ns = now_ns};

	for (size_t kind = 0; kind < EVENT_KINDS; kind++)
		loss.lost += loss.kind[kind] = lost[kind];
	if (watch->recording)
		record_status(watch, recording_write_loss(watch->recording, &loss));
	pipeline_loss(watch->pipeline, lost);
	if (observer && observer->loss)
		observer->loss(observer->arg, lost);
}

static void take_resync_begin(void *arg, uint64_t now_ns)
{
	struct watch *watch = arg;

	if (watch->recording)
		record_status(watch, recording_write_resync_begin(watch->recording, now_ns));
	pipeline_resync_begin(watch->pipeline, now_ns);
}

static void take_resync_end(void *arg, uint64_t now_ns)
{
	struct watch *watch = arg;

	if (watch->recording)
		record_status(watch, recording_write_resync_end(watch->recording, now_ns));
	pipeline_resync_end(watch->pipeline, now_ns);
}

static bool wants_owners(void *arg)
{
	return pipeline_wants_owners(((struct watch *)arg)->pipeline);
}

/* ---- setting up ---------------------------------------------------------------------------------- */

static void facts_fill(const struct watch_options *options, struct recording_facts *facts)
{
	struct utsname name;
	char number[32];

	memset(facts, 0, sizeof(*facts));
	if (!uname(&name)) {
		snprintf(facts->host, sizeof(facts->host), "%s", name.nodename);
		snprintf(facts->kernel, sizeof(facts->kernel), "%s", name.release);
	}
	facts->tick_ns = feature_tick_ns();
	facts->wall_minus_monotonic_ns = feature_wall_minus_monotonic_ns();
	facts->start_ns = feature_monotonic_ns();
	snprintf(number, sizeof(number), "%llu", (unsigned long long)options->pipeline.settle_ns);
	recording_facts_set(facts, "settle_ns", number);
	snprintf(number, sizeof(number), "%u", options->pipeline.max_connections);
	recording_facts_set(facts, "max_connections", number);
}

/* The kernel side drops early what it can tell from the socket alone. */
static int monitor_filter_fill(const struct watch *watch, const struct report_filter *from,
			       struct monitor_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	filter->family = (uint8_t)from->family;
	filter->netns_count = from->netns_count;
	memcpy(filter->netns, from->netns, sizeof(filter->netns));
	filter->local_port_count = from->local_ports.count;
	memcpy(filter->local_port, from->local_ports.ranges, sizeof(filter->local_port));
	filter->remote_port_count = from->remote_ports.count;
	memcpy(filter->remote_port, from->remote_ports.ranges, sizeof(filter->remote_port));
	for (unsigned i = 0; i < from->cgroup_count; i++) {
		int status = cgroups_id(watch->cgroups, from->cgroups[i], &filter->cgroup[filter->cgroup_count++]);

		if (status) {
			verb_fail(EXIT_USAGE, watch->verb, from->cgroups[i], strerror(-status));
			return status;
		}
	}
	return 0;
}

static int monitor_start(struct watch *watch)
{
	struct watch_options *options = watch->options;
	struct monitor_config config = {
		.ring_bytes = (uint32_t)options->ring_bytes,
		.tier = options->tier,
		.stray_resets = options->pipeline.events || options->recording || options->observer,
	};
	struct intake_sink sink = {watch,           take_event,  take_tick, take_loss, take_resync_begin,
				   take_resync_end, wants_owners};
	char why[512] = "";
	int status;

	if (monitor_filter_fill(watch, &options->pipeline.filter, &config.filter))
		return EXIT_USAGE;
	status = monitor_open(&watch->monitor, &config, why, sizeof(why));
	if (status)
		return verb_fail(status == -EPERM || status == -EOPNOTSUPP ? EXIT_UNSUPPORTED : EXIT_FAILED,
				 watch->verb, "cannot watch", why[0] ? why : strerror(-status));
	status = intake_create(&watch->intake, watch->monitor, &sink, options->owner_interval_ns);
	return status ? verb_fail(EXIT_FAILED, watch->verb, "cannot watch", strerror(-status)) : EXIT_DONE;
}

/* Before anything that takes time: a signal that comes while the programs load must not go missing. */
static int signals_take(struct watch *watch)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return watch->signals < 0 ? -errno : 0;
}

static int loop_start(struct watch *watch)
{
	struct epoll_event ring = {.events = EPOLLIN}, signals = {.events = EPOLLIN};

	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	ring.data.fd = monitor_fd(watch->monitor);
	ring.events |= EPOLLET; /* a nudge, not a state: below the quarter it stays quiet */
	signals.data.fd = watch->signals;
	if (watch->epoll < 0 || epoll_ctl(watch->epoll, EPOLL_CTL_ADD, ring.data.fd, &ring) ||
	    epoll_ctl(watch->epoll, EPOLL_CTL_ADD, signals.data.fd, &signals))
		return -errno;
	return 0;
}

static int watch_open(struct watch *watch)
{
	struct recording_facts facts;
	int status;

	status = signals_take(watch);
	if (status)
		return verb_fail(EXIT_FAILED, watch->verb, "cannot start", strerror(-status));
	watch->cgroups = cgroups_open();
	facts_fill(watch->options, &facts);
	if (getrandom(&watch->options->pipeline.seed, sizeof(uint64_t), 0) < 0)
		watch->options->pipeline.seed = facts.start_ns;
	watch->pipeline = pipeline_create(&watch->options->pipeline, &facts);
	if (!watch->pipeline)
		return verb_fail(EXIT_FAILED, watch->verb, "cannot start", "out of memory");
	status = monitor_start(watch);
	if (status)
		return status;
	if (watch->options->recording) {
		status = recording_create(watch->options->recording, &facts, &watch->recording);
		if (status)
			return verb_fail(EXIT_FAILED, watch->verb, watch->options->recording, strerror(-status));
	}
	status = loop_start(watch);
	return status ? verb_fail(EXIT_FAILED, watch->verb, "cannot start", strerror(-status)) : EXIT_DONE;
}

static void watch_close(struct watch *watch)
{
	recording_abort(watch->recording);
	intake_destroy(watch->intake);
	monitor_close(watch->monitor);
	pipeline_destroy(watch->pipeline);
	cgroups_close(watch->cgroups);
	if (watch->signals >= 0)
		close(watch->signals);
	if (watch->epoll >= 0)
		close(watch->epoll);
}

/* ---- the loop ------------------------------------------------------------------------------------ */

static void write_out(struct watch *watch)
{
	struct text *text = pipeline_text(watch->pipeline);
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

static void hint(struct watch *watch, uint64_t now_ns)
{
	if (watch->hinted || pipeline_reported(watch->pipeline) || watch->options->pipeline.silent ||
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
	return watch->output_closed || watch->output_error || watch->recording_error ||
	       pipeline_is_done(watch->pipeline) || signal_came(watch) ||
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
		status = intake_poll(watch->intake);
		write_out(watch);
		hint(watch, now_ns);
	} while (!status && !is_over(watch, feature_monotonic_ns()));
	return status;
}

/* ---- the end -------------------------------------------------------------------------------------- */

static void counts_print(const struct watch *watch)
{
	uint64_t delivered[EVENT_KINDS], generated = 0, lost = 0, filtered = 0, taken = 0;
	struct event_counts counts;

	if (intake_counts(watch->intake, &counts, delivered))
		return;
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
}

static int watch_finish(struct watch *watch, int status)
{
	const struct watch_observer *observer = watch->options->observer;
	struct recording_writer *recording = watch->recording;

	if (!status && observer && observer->end)
		status = observer->end(observer->arg);
	monitor_detach(watch->monitor);
	if (!status) /* also where nobody wants more lines: every event is accounted for */
		status = intake_drain(watch->intake);
	pipeline_finish(watch->pipeline);
	if (watch->options->last)
		watch->options->last(watch->options->last_arg, watch->pipeline);
	write_out(watch);
	watch->recording = NULL;
	if (recording && watch->recording_error)
		recording_abort(recording);
	else if (recording)
		watch->recording_error = recording_finish(recording);
	fprintf(stderr, "lastack: %s: ", watch->verb);
	pipeline_summary(watch->pipeline, stderr);
	counts_print(watch);
	if (watch->recording_error)
		return verb_fail(EXIT_FAILED, watch->verb, watch->options->recording,
				 strerror(-watch->recording_error));
	if (watch->output_error)
		return verb_fail(EXIT_FAILED, watch->verb, "standard output", strerror(watch->output_error));
	return status ? verb_fail(EXIT_FAILED, watch->verb, "watching", strerror(-status)) : EXIT_DONE;
}

static int watch_begin(struct watch *watch)
{
	uint32_t unreachable = 0;
	const struct watch_observer *observer = watch->options->observer;
	int status = intake_start(watch->intake, &unreachable);

	if (status)
		return verb_fail(EXIT_FAILED, watch->verb, "listing the sockets that exist", strerror(-status));
	if (observer && observer->begin)
		status = observer->begin(observer->arg, watch->monitor);
	if (status)
		return verb_fail(EXIT_FAILED, watch->verb, "cannot start", strerror(-status));
	watch->start_ns = feature_monotonic_ns();
	fprintf(stderr, "lastack: %s: watching; %u connections existed before\n", watch->verb,
		tracker_live(pipeline_tracker(watch->pipeline)));
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
