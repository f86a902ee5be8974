/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit.c: `lastack audit`: watches this host like live, and holds what was seen in each network namespace against
 * the kernel's own counters there. How counting and reading are brought together is told in core/audit.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report/audit_writer.h"
#include "verbs/audit_marks.h"
#include "verbs/filter_options.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

struct audit {
	struct watch_options watch;
	enum report_format format;
	bool all;
	struct tally *tally;
	struct audit_mark start, end;
	struct audit_facts facts;
	int error;
	unsigned unexplained;
	struct text *text; /* where rows go */
};

#define AT(member) offsetof(struct audit, member)

static const struct option_spec specs[] = {
	PLAIN_FORMAT_OPTION(AT(format)),
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
	 .type = OPTION_SIZE,
	 .minimum = 4096,
	 .maximum = 1ULL << 30,
	 .power_of_two = true,
	 .offset = AT(watch.ring_bytes),
	 .help = "of each CPU's ring buffer: a power of two (16M over the CPUs, 1M at least)"},
	TYPES_OPTION(AT(watch.types), ""),
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

/* ---- what the watching loop passes on --------------------------------------------------------------- */

static bool is_wanted(void *arg, uint32_t netns)
{
	const struct audit *audit = arg;
	const struct report_filter *filter = &audit->watch.pipeline.filter;

	for (unsigned i = 0; i < filter->netns_count; i++)
		if (filter->netns[i] == netns)
			return true;
	return !filter->netns_count;
}

static int mark(struct audit *audit, struct audit_mark *mark)
{
	int status = audit_mark_take(mark, audit->tally, is_wanted, audit);

	if (!status && mark->unreachable)
		fprintf(stderr, "lastack: %s: %u network namespaces could not be entered: they are not audited\n",
			audit_verb.name, mark->unreachable);
	if (!status && mark->unread)
		fprintf(stderr,
			"lastack: %s: the counters of %u network namespaces could not be read: they are not audited\n",
			audit_verb.name, mark->unread);
	return status;
}

static int begin(void *arg, const struct monitor *monitor)
{
	struct audit *audit = arg;

	audit_facts_fill(&audit->facts, monitor);
	usleep(AUDIT_GUARD_NS / 1000);
	return mark(audit, &audit->start);
}

static void event(void *arg, struct tracker *tracker, const struct event_header *event)
{
	struct audit *audit = arg;

	tally_event(audit->tally, tracker, event);
}

static void tick(void *arg, uint64_t now_ns)
{
	struct audit *audit = arg;

	if (audit_mark_settle(&audit->start, audit->tally, now_ns))
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
	int status = mark(audit, &audit->end);

	usleep(AUDIT_GUARD_NS / 1000); /* what was counted by now has its event before the hooks are taken off */
	return status;
}

/* ---- outcome ---------------------------------------------------------------------------------------- */

static void row_add(void *arg, const struct audit_row *row)
{
	struct audit *audit = arg;
	bool quiet = !row->kernel && !row->lastack_max && !row->lastack_min;

	audit->unexplained += row->verdict == AUDIT_UNEXPLAINED;
	if (quiet && !audit->all)
		return;
	if (audit->format == REPORT_JSON)
		audit_json_row(row, audit->text);
	else
		audit_table_row(row, audit->text);
}

static void netns_add(struct audit *audit, uint32_t netns)
{
	audit_marks_compare(&audit->start, &audit->end, netns, &audit->facts, row_add, audit);
}

/* All has been taken in: the guards are over. */
static int marks_complete(struct audit *audit)
{
	int status = audit_mark_settle(&audit->start, audit->tally, UINT64_MAX);

	return status ? status : audit_mark_settle(&audit->end, audit->tally, UINT64_MAX);
}

static void finished(void *arg, struct pipeline *pipeline)
{
	struct audit *audit = arg;

	if (!audit->end.read_ns || audit->error || (audit->error = marks_complete(audit)))
		return;
	audit->text = pipeline_text(pipeline);
	if (audit->format != REPORT_JSON)
		audit_table_header(audit->text);
	for (size_t i = 0; i < audit->end.count; i++)
		netns_add(audit, audit->end.of[i].netns);
	/* Those that are gone. */
	for (size_t i = 1; i < tally_netns_count(audit->tally); i++) {
		uint32_t netns = tally_netns(audit->tally, i);

		if (is_wanted(audit, netns) && !audit_mark_reading(&audit->end, netns))
			netns_add(audit, netns);
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

static bool was_audited(const struct audit *audit, uint32_t netns)
{
	for (size_t i = 1; i < tally_netns_count(audit->tally); i++)
		if (tally_netns(audit->tally, i) == netns)
			return true;
	return audit_mark_reading(&audit->end, netns);
}

/* Nothing is known of it: that is not the same as nothing being wrong there. */
static int missing_tell(const struct audit *audit)
{
	const struct report_filter *filter = &audit->watch.pipeline.filter;
	char what[32];
	int status = EXIT_DONE;

	for (unsigned i = 0; i < filter->netns_count; i++) {
		if (was_audited(audit, filter->netns[i]))
			continue;
		snprintf(what, sizeof(what), "--netns %u", filter->netns[i]);
		status = verb_fail(EXIT_FAILED, audit_verb.name, what, "nobody is in it, or it is out of reach");
	}
	return status;
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
	if (status == EXIT_DONE) {
		summary_print(audit);
		status = missing_tell(audit);
	}
	if (status == EXIT_DONE && audit->unexplained)
		status = EXIT_FINDINGS;
	tally_destroy(audit->tally);
	audit_mark_free(&audit->start);
	audit_mark_free(&audit->end);
	return status;
}

int verb_audit(int argc, char **argv)
{
	struct audit audit = {0};
	int first, outcome;

	watch_options_init(&audit.watch);
	outcome = options_parse(&audit_verb, argc, argv, &audit, &first);
	if (outcome)
		return verb_options_status(outcome);
	return audit_run(&audit);
}
