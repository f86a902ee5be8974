/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pipeline.c: see pipeline.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/cgroup_names.h"
#include "pipeline/pipeline.h"
#include "report/event_writer.h"
#include "report/report_writer.h"

struct pipeline {
	struct pipeline_options options;
	struct recording_facts facts;
	struct tracker *tracker;
	struct cgroup_names *cgroups;
	struct report_context context;
	struct report_writer *reports;
	struct event_writer *events;
	struct text text;
	bool header_written;
	uint64_t now_ns;
	uint64_t reported, filtered;
	uint64_t cgroups_unkept; /* names for which there was no memory */
	uint64_t by_class[connection_class_count];
};

/* ---- the operator's filter ---------------------------------------------------------------------- */

static bool event_wanted(const struct pipeline *pipeline, const struct connection *connection)
{
	const struct report_filter *filter = &pipeline->options.filter;

	if (!connection) /* nothing is known of it: only who wants everything wants that */
		return !filter->pid_count && !filter->comm_count && !filter->local_ports.count &&
		       !filter->remote_ports.count && !filter->netns_count;
	return (!filter->family || filter->family == connection->family) &&
	       (!connection->tuple.local_port || port_wanted(&filter->local_ports, connection->tuple.local_port)) &&
	       (!connection->tuple.remote_port || port_wanted(&filter->remote_ports, connection->tuple.remote_port)) &&
	       number_wanted(filter->netns, filter->netns_count, connection->tuple.netns) &&
	       number_wanted(filter->pids, filter->pid_count, connection->pid) &&
	       word_wanted(filter->comms, filter->comm_count, connection->comm);
}

/* ---- lines -------------------------------------------------------------------------------------- */

static void header_write(struct pipeline *pipeline)
{
	if (pipeline->header_written)
		return;
	pipeline->header_written = true;
	if (pipeline->events)
		event_writer_header(pipeline->events, &pipeline->text);
	else
		report_writer_header(pipeline->reports, &pipeline->text);
}

/* Lines of events and of reports stand in one table: their seconds begin together. */
static void line_begin(struct pipeline *pipeline, uint64_t time_ns)
{
	header_write(pipeline);
	if (!pipeline->context.first_ns)
		pipeline->context.first_ns = time_ns;
}

static void take_report(void *arg, const struct connection_report *report)
{
	struct pipeline *pipeline = arg;
	const char *cgroup;

	if (pipeline_is_done(pipeline))
		return;
	cgroup = cgroup_names_get(pipeline->cgroups, report->cgroup);
	/* The kernel side filters too, but it does not know owners, causes, and at first not the local port. */
	if (!report_wanted(&pipeline->options.filter, report, cgroup)) {
		pipeline->filtered++;
		return;
	}
	if (report->revision == 1) {
		pipeline->reported++;
		pipeline->by_class[report->class]++;
	}
	if (pipeline->options.report)
		pipeline->options.report(pipeline->options.report_arg, report, cgroup);
	if (pipeline->options.silent)
		return;
	line_begin(pipeline, report->end_ns);
	report_writer_report(pipeline->reports, &pipeline->text, report);
}

static void event_write(struct pipeline *pipeline, const struct event_header *event)
{
	const struct connection *connection = tracker_find(pipeline->tracker, event->cookie);

	if (event->kind == EVENT_EXISTING && ((const struct event_existing *)event)->source == EXISTING_NETNS)
		return; /* speaks of a namespace, not of a socket */
	if (!event_wanted(pipeline, connection))
		return;
	line_begin(pipeline, event->time_ns);
	event_writer_event(pipeline->events, &pipeline->text, event, connection ? &connection->tuple : NULL,
			   connection ? connection->family : 0);
}

static const char *context_cgroup_path(void *arg, uint64_t id)
{
	return cgroup_names_get(arg, id);
}

/* ---- life ---------------------------------------------------------------------------------------- */

static int writers_create(struct pipeline *pipeline)
{
	const struct pipeline_options *options = &pipeline->options;

	pipeline->context = (struct report_context){
		.host = pipeline->facts.host,
		.wall_minus_monotonic_ns = pipeline->facts.wall_minus_monotonic_ns,
		.cgroup_path = context_cgroup_path,
		.arg = pipeline->cgroups,
		.time_of_day = options->time_of_day,
	};
	pipeline->reports = report_writer_create(options->format, &pipeline->context, options->columns);
	if (options->events && !options->silent)
		pipeline->events = event_writer_create(options->format, &pipeline->context, pipeline->facts.tick_ns,
						       options->columns);
	return pipeline->reports && (pipeline->events || !options->events || options->silent) ? 0 : -ENOMEM;
}

struct pipeline *pipeline_create(const struct pipeline_options *options, const struct recording_facts *facts)
{
	struct tracker_config config = {
		.max_connections = options->max_connections,
		.settle_ns = options->settle_ns,
		.tick_ns = facts->tick_ns,
		.seed = options->seed,
		.keep_facts = options->keep_facts,
	};
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return NULL;
	pipeline->options = *options;
	pipeline->facts = *facts;
	pipeline->cgroups = cgroup_names_create();
	pipeline->tracker = tracker_create(&config, take_report, pipeline);
	if (!pipeline->cgroups || !pipeline->tracker || writers_create(pipeline)) {
		pipeline_destroy(pipeline);
		return NULL;
	}
	return pipeline;
}

void pipeline_destroy(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	tracker_destroy(pipeline->tracker);
	report_writer_destroy(pipeline->reports);
	event_writer_destroy(pipeline->events);
	cgroup_names_destroy(pipeline->cgroups);
	text_free(&pipeline->text);
	free(pipeline);
}

/* ---- the stream ---------------------------------------------------------------------------------- */

void pipeline_event(struct pipeline *pipeline, const struct event_header *event)
{
	/* A line names the connection as the event leaves it, unless the event may be what ends it. */
	bool after = event->kind != EVENT_CLOSE && event->kind != EVENT_TIME_WAIT;

	if (event->time_ns > pipeline->now_ns)
		pipeline->now_ns = event->time_ns;
	if (pipeline->events && !after)
		event_write(pipeline, event);
	tracker_event(pipeline->tracker, event);
	if (pipeline->events && after)
		event_write(pipeline, event);
}

void pipeline_tick(struct pipeline *pipeline, uint64_t now_ns)
{
	pipeline->now_ns = now_ns;
	tracker_tick(pipeline->tracker, now_ns);
}

/*
 * Who accepted, and where in the program, says nothing of how a connection lives or ends: without it nothing else is
 * in doubt. That owner is then found by its descriptor, or the listener's stands in.
 */
static bool kind_is_evidence(size_t kind)
{
	return kind != EVENT_ACCEPT && kind != EVENT_STACK;
}

void pipeline_loss(struct pipeline *pipeline, const uint64_t lost[EVENT_KINDS])
{
	uint64_t total = 0;

	for (size_t kind = 0; kind < EVENT_KINDS; kind++)
		total += kind_is_evidence(kind) ? lost[kind] : 0;
	if (total)
		tracker_loss(pipeline->tracker, total);
}

void pipeline_resync_begin(struct pipeline *pipeline, uint64_t now_ns)
{
	tracker_resync_begin(pipeline->tracker, now_ns);
}

void pipeline_resync_end(struct pipeline *pipeline, uint64_t now_ns)
{
	tracker_resync_end(pipeline->tracker, now_ns);
}

void pipeline_record(struct pipeline *pipeline, const struct recording_record *record)
{
	switch (record->type) {
	case RECORDING_EVENT: pipeline_event(pipeline, record->event); break;
	case RECORDING_TICK: pipeline_tick(pipeline, record->time_ns); break;
	case RECORDING_CGROUP:
		pipeline->cgroups_unkept += pipeline_cgroup(pipeline, record->cgroup, record->path) != 0;
		break;
	case RECORDING_LOSS: pipeline_loss(pipeline, record->loss.kind); break;
	case RECORDING_RESYNC_BEGIN: pipeline_resync_begin(pipeline, record->time_ns); break;
	case RECORDING_RESYNC_END: pipeline_resync_end(pipeline, record->time_ns); break;
	}
}

void pipeline_finish(struct pipeline *pipeline)
{
	tracker_flush(pipeline->tracker, pipeline->now_ns);
}

uint64_t pipeline_cgroup_of(const struct event_header *event)
{
	if (event->kind == EVENT_BIRTH)
		return ((const struct event_birth *)event)->cgroup;
	if (event->kind == EVENT_EXISTING)
		return ((const struct event_existing *)event)->cgroup;
	return 0;
}

bool pipeline_knows_cgroup(const struct pipeline *pipeline, uint64_t id)
{
	return cgroup_names_has(pipeline->cgroups, id);
}

int pipeline_cgroup(struct pipeline *pipeline, uint64_t id, const char *path)
{
	return cgroup_names_set(pipeline->cgroups, id, path);
}

void pipeline_clock(struct pipeline *pipeline, int64_t wall_minus_monotonic_ns)
{
	pipeline->context.wall_minus_monotonic_ns = wall_minus_monotonic_ns;
}

const struct report_context *pipeline_context(const struct pipeline *pipeline)
{
	return &pipeline->context;
}

struct text *pipeline_text(struct pipeline *pipeline)
{
	return &pipeline->text;
}

bool pipeline_is_done(const struct pipeline *pipeline)
{
	return pipeline->options.count && pipeline->reported >= pipeline->options.count;
}

bool pipeline_wants_owners(const struct pipeline *pipeline)
{
	return tracker_wants_owners(pipeline->tracker);
}

uint64_t pipeline_reported(const struct pipeline *pipeline)
{
	return pipeline->reported;
}

struct tracker *pipeline_tracker(struct pipeline *pipeline)
{
	return pipeline->tracker;
}

void pipeline_coverage_add(const struct pipeline *pipeline, struct machine_coverage *coverage)
{
	const struct tracker_stats *stats = tracker_stats(pipeline->tracker);
	const struct machine *machine = machine_reference();

	for (size_t i = 0; i < machine->count; i++)
		coverage->seen[i] += tracker_rule_seen(pipeline->tracker, &machine->rules[i]);
	coverage->transitions += stats->transitions;
	coverage->violations += stats->violations;
	coverage->gaps += stats->gaps + stats->unexplained;
}

static void summary_line(FILE *file, uint64_t count, const char *what)
{
	if (count)
		fprintf(file, "  %llu %s\n", (unsigned long long)count, what);
}

/* Only where there is something to look into. */
static void conformance_line(FILE *file, const struct tracker_stats *stats)
{
	uint64_t gaps = stats->gaps + stats->unexplained;

	if (stats->violations || gaps)
		fprintf(file, "  %llu transitions: %llu violations, %llu gaps (-o json: \"conformance\")\n",
			(unsigned long long)stats->transitions, (unsigned long long)stats->violations,
			(unsigned long long)gaps);
}

void pipeline_summary(const struct pipeline *pipeline, FILE *file)
{
	const struct tracker_stats *stats = tracker_stats(pipeline->tracker);

	fprintf(file, "%llu connections ended%s", (unsigned long long)pipeline->reported,
		pipeline->reported ? ":" : "");
	for (unsigned class = 0; class < connection_class_count; class ++)
		if (pipeline->by_class[class])
			fprintf(file, " %llu %s", (unsigned long long)pipeline->by_class[class],
				name_of(&class_names, class));
	fprintf(file, "; %u live\n", tracker_live(pipeline->tracker));
	summary_line(file, pipeline->filtered, "more were not asked for (report filter)");
	summary_line(file, stats->revisions, "reports were revised by what a minisock met later");
	summary_line(file, stats->unobserved, "ended without being seen");
	conformance_line(file, stats);
	summary_line(file, stats->given_up_live,
		     "live connections were given up for want of room (--max-connections) or memory");
	summary_line(file, stats->given_up_closed,
		     "closed ones were given up early for want of room (--max-connections) or memory");
	summary_line(file, stats->facts_dropped, "facts of connections were dropped for want of memory");
	summary_line(file, pipeline->cgroups_unkept, "names of control groups were not kept for want of memory");
}
