/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit.c: `lastack audit`: watches this host like live, and holds what was seen in each network namespace against
 * the kernel's own counters there. How counting and reading are brought together is told in core/audit.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/audit.h"
#include "kernel/features.h"
#include "kernel/netns.h"
#include "kernel/snmp.h"
#include "report/audit_writer.h"
#include "verbs/filter_options.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

/*
 * The kernel counts up to so much before or after the event of the same thing: mostly microseconds in one function, but
 * a connect() on loopback counts when the whole handshake is over, and a task can be preempted in between.
 */
#define GUARD_NS (10 * 1000000ULL)

struct readings {
	struct audit_reading *of; /* by namespace */
	size_t count, room;
};

struct audit {
	struct watch_options watch;
	enum report_format format;
	bool all;
	struct tally *tally, *start_low, *start_high, *end_low;
	struct readings start, end;
	uint64_t start_read_ns; /* when the first readings were complete */
	struct audit_facts facts;
	int error;
	unsigned unexplained;
};

static const char *const format_texts[] = {"table", "json"};
static const struct name_table format_names = {format_texts, 2}; /* enum report_format without CSV */

#define AT(member) offsetof(struct audit, member)

static const struct option_spec specs[] = {
	{.short_name = 'o',
	 .long_name = "output",
	 .argument = "FORMAT",
	 .type = OPTION_NAME,
	 .names = &format_names,
	 .offset = AT(format),
	 .help = "table or json (one object a line)"},
	{.short_name = 'd',
	 .long_name = "duration",
	 .argument = "SECONDS",
	 .type = OPTION_DURATION,
	 .minimum = 1,
	 .offset = AT(watch.duration_ns),
	 .help = "stop after so long, not at Ctrl-C"},
	{.long_name = "netns",
	 .argument = "INODE|PATH",
	 .type = OPTION_CUSTOM,
	 .parse = parse_netns,
	 .offset = AT(watch.pipeline.filter),
	 .help = "only this network namespace; may be given more than once"},
	{.long_name = "all",
	 .type = OPTION_FLAG,
	 .offset = AT(all),
	 .help = "also counters that nothing was counted under"},
	{.long_name = "ring-size",
	 .argument = "BYTES",
	 .type = OPTION_U64,
	 .minimum = 4096,
	 .maximum = 1ULL << 30,
	 .offset = AT(watch.ring_bytes),
	 .help = "of each CPU's ring buffer: a power of two (16 MiB over the CPUs, 1 MiB at least)"},
};

const struct option_verb audit_verb = {
	.name = "audit",
	.summary = "what was seen against the kernel's own counters, and what a difference means",
	.description = "Watches until Ctrl-C or for -d, and then holds what it counted in each network namespace\n"
		       "against the increase of the kernel's SNMP counters there. Exit status 1 when a difference\n"
		       "is unexplained.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct audit),
};

/* ---- reading -------------------------------------------------------------------------------------- */

static bool is_wanted(const struct audit *audit, uint32_t netns)
{
	const struct report_filter *filter = &audit->watch.pipeline.filter;

	for (unsigned i = 0; i < filter->netns_count; i++)
		if (filter->netns[i] == netns)
			return true;
	return !filter->netns_count;
}

struct reader {
	const struct audit *audit;
	struct readings *readings;
};

static int read_one(void *arg, uint32_t inode)
{
	struct reader *reader = arg;
	struct readings *readings = reader->readings;
	struct audit_reading *grown, *reading;

	if (!is_wanted(reader->audit, inode))
		return 0;
	if (readings->count == readings->room) {
		size_t room = readings->room ? readings->room * 2 : 16;

		grown = realloc(readings->of, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		readings->of = grown;
		readings->room = room;
	}
	reading = &readings->of[readings->count];
	memset(reading, 0, sizeof(*reading));
	reading->netns = inode;
	reading->cookie = netns_cookie_here();
	if (!snmp_read(reading)) /* else it is not read */
		readings->count++;
	return 0;
}

static int read_all(const struct audit *audit, struct readings *readings)
{
	struct reader reader = {audit, readings};
	uint32_t unreachable;
	int status = netns_visit(read_one, &reader, &unreachable);

	if (!status && unreachable)
		fprintf(stderr, "lastack: %s: %u network namespaces could not be entered: they are not audited\n",
			audit_verb.name, unreachable);
	return status;
}

static const struct audit_reading *reading_of(const struct readings *readings, uint32_t netns)
{
	for (size_t i = 0; i < readings->count; i++)
		if (readings->of[i].netns == netns)
			return &readings->of[i];
	return NULL;
}

/* ---- what the watching loop passes on --------------------------------------------------------------- */

static void facts_take(struct audit *audit, const struct monitor *monitor)
{
	static const struct {
		const char *fact;
		uint32_t kinds;
	} kinds[] = {
		{"retransmission", 1U << EVENT_RETRANSMIT},
		{"SYN-ACK retransmission", 1U << EVENT_RETRANSMIT_SYNACK},
		{"reset sent", 1U << EVENT_RESET_SENT},
		{"probe", 1U << EVENT_PROBE},
	};
	const struct hook_choice *choices;
	size_t count;

	choices = monitor_hooks(monitor, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			if (strcmp(choices[i].hook->fact, kinds[k].fact))
				continue;
			if (!choices[i].option)
				audit->facts.kinds_missing |= kinds[k].kinds;
			else if (kinds[k].kinds == 1U << EVENT_RESET_SENT)
				audit->facts.reset_reasons = choices[i].option->arguments >= 3;
		}
}

static int begin(void *arg, const struct monitor *monitor)
{
	struct audit *audit = arg;
	int status;

	facts_take(audit, monitor);
	audit->start_low = tally_copy(audit->tally);
	if (!audit->start_low)
		return -ENOMEM;
	usleep(GUARD_NS / 1000);
	status = read_all(audit, &audit->start);
	audit->start_read_ns = feature_monotonic_ns();
	return status;
}

static void event(void *arg, struct tracker *tracker, const struct event_header *event)
{
	struct audit *audit = arg;

	tally_event(audit->tally, tracker, event);
}

static void tick(void *arg, uint64_t now_ns)
{
	struct audit *audit = arg;

	if (!audit->start_read_ns || audit->start_high || now_ns < audit->start_read_ns + GUARD_NS)
		return;
	audit->start_high = tally_copy(audit->tally);
	if (!audit->start_high)
		audit->error = -ENOMEM;
}

static void loss(void *arg, const uint64_t lost[EVENT_KINDS])
{
	struct audit *audit = arg;

	for (size_t kind = 0; kind < EVENT_KINDS; kind++)
		audit->facts.lost[kind] += lost[kind];
}

static int end(void *arg)
{
	struct audit *audit = arg;
	int status;

	audit->end_low = tally_copy(audit->tally);
	if (!audit->end_low)
		return -ENOMEM;
	status = read_all(audit, &audit->end);
	usleep(GUARD_NS / 1000); /* what was counted by now has its event before the hooks are taken off */
	return status;
}

/* ---- outcome ---------------------------------------------------------------------------------------- */

static void row_add(struct audit *audit, const struct audit_row *row, struct text *text)
{
	bool quiet = !row->kernel && !row->lastack_max && !row->lastack_min;

	audit->unexplained += row->verdict == AUDIT_UNEXPLAINED;
	if (quiet && !audit->all)
		return;
	if (audit->format == REPORT_JSON)
		audit_json_row(row, text);
	else
		audit_table_row(row, text);
}

static void netns_add(struct audit *audit, uint32_t netns, const struct audit_tallies *tallies, struct text *text)
{
	const struct audit_reading *from = reading_of(&audit->start, netns), *to = reading_of(&audit->end, netns);

	for (unsigned i = 0; i < AUDIT_COUNTERS; i++) {
		struct audit_row row = audit_compare(i, netns, from, to, tallies, &audit->facts);

		row_add(audit, &row, text);
	}
}

static void finished(void *arg, struct pipeline *pipeline)
{
	struct audit *audit = arg;
	struct audit_tallies tallies = {audit->start_low, audit->start_high, audit->end_low, audit->tally};
	struct text *text = pipeline_text(pipeline);

	if (!audit->end_low || audit->error)
		return;
	if (!tallies.start_high) /* over before the readings at the start were behind us */
		tallies.start_high = audit->tally;
	if (audit->format != REPORT_JSON)
		audit_table_header(text);
	for (size_t i = 0; i < audit->end.count; i++)
		netns_add(audit, audit->end.of[i].netns, &tallies, text);
	/* Those that are gone. */
	for (size_t i = 1; i < tally_netns_count(audit->tally); i++) {
		uint32_t netns = tally_netns(audit->tally, i);

		if (is_wanted(audit, netns) && !reading_of(&audit->end, netns))
			netns_add(audit, netns, &tallies, text);
	}
}

static void summary_print(const struct audit *audit)
{
	const struct tally_counts *unattributed = tally_of(audit->tally, TALLY_UNATTRIBUTED);
	uint64_t total = 0;

	for (unsigned item = 0; item < TALLY_ITEMS; item++)
		total += unattributed->of[item];
	fprintf(stderr, "lastack: %s: %zu network namespaces read, %u unexplained differences\n", audit_verb.name,
		audit->end.count, audit->unexplained);
	if (total)
		fprintf(stderr, "  unattributed: %llu counts of connections whose namespace is not known\n",
			(unsigned long long)total);
}

static int audit_run(struct audit *audit)
{
	struct feed_observer observer = {audit, begin, event, tick, loss, end};
	int status;

	audit->tally = tally_create();
	if (!audit->tally)
		return verb_fail(EXIT_FAILED, audit_verb.name, "cannot start", strerror(ENOMEM));
	audit->watch.pipeline.silent = true;
	audit->watch.observer = &observer;
	audit->watch.last = finished;
	audit->watch.last_arg = audit;
	status = watch_run(audit_verb.name, &audit->watch);
	if (status == EXIT_DONE && (audit->error || tally_dropped(audit->tally)))
		status = verb_fail(EXIT_FAILED, audit_verb.name, "counting", strerror(ENOMEM));
	if (status == EXIT_DONE)
		summary_print(audit);
	if (status == EXIT_DONE && audit->unexplained)
		status = EXIT_FINDINGS;
	tally_destroy(audit->tally);
	tally_destroy(audit->start_low);
	tally_destroy(audit->start_high);
	tally_destroy(audit->end_low);
	free(audit->start.of);
	free(audit->end.of);
	return status;
}

int verb_audit(int argc, char **argv)
{
	struct audit audit = {0};
	int first, outcome;

	watch_options_init(&audit.watch);
	outcome = options_parse(&audit_verb, argc, argv, &audit, &first);
	if (outcome)
		return outcome == OPTIONS_HELP ? EXIT_DONE : EXIT_USAGE;
	if (watch_ring_check(&audit_verb, &audit.watch))
		return EXIT_USAGE;
	return audit_run(&audit);
}
