/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pipeline.h: the way from the stream of records to lines of text: tracker, the operator's filter,
 * writers. The same for live events and for a recording; it knows neither libbpf nor the clock.
 */
#ifndef LASTACK_PIPELINE_PIPELINE_H
#define LASTACK_PIPELINE_PIPELINE_H

#include <stdio.h>

#include "core/tracker.h"
#include "event.h"
#include "pipeline/report_filter.h"
#include "report/fields.h"
#include "report/machine_view.h"
#include "store/recording.h"

struct pipeline_options {
	enum report_format format;
	bool silent; /* no lines at all: only follow */
	bool events; /* a line for each event too */
	bool time_of_day;
	uint32_t columns; /* width of the terminal, 0: no limit */
	uint64_t count;   /* stop after so many connections, 0: never */
	uint64_t settle_ns;
	uint32_t max_connections;
	uint64_t seed;
	bool keep_facts; /* tracker.h */
	/* Takes each report that is wanted, besides the lines. cgroup: path or NULL; both live for the call. */
	void (*report)(void *arg, const struct connection_report *report, const char *cgroup);
	void *report_arg;
	/* Takes the lines out of pipeline_text() when many have gathered. NULL: they stay until the caller does. */
	void (*lines)(void *arg);
	void *lines_arg;
	struct report_filter filter;
};

struct pipeline;

/* facts: of the machine that the events are from; copied. NULL without memory. */
struct pipeline *pipeline_create(const struct pipeline_options *options, const struct recording_facts *facts);
void pipeline_destroy(struct pipeline *pipeline);

void pipeline_event(struct pipeline *pipeline, const struct event_header *event);
void pipeline_tick(struct pipeline *pipeline, uint64_t now_ns);
void pipeline_loss(struct pipeline *pipeline, const uint64_t lost[EVENT_KINDS]);
void pipeline_resync_begin(struct pipeline *pipeline, uint64_t now_ns);
void pipeline_resync_end(struct pipeline *pipeline, uint64_t now_ns);
/* Any of the above, as a recording holds it. */
void pipeline_record(struct pipeline *pipeline, const struct recording_record *record);
/* Reports what is still held. */
void pipeline_finish(struct pipeline *pipeline);

/* The cgroup that a record speaks of, 0 if none; and is its path known (or known not to be)? */
uint64_t pipeline_cgroup_of(const struct event_header *event);
bool pipeline_knows_cgroup(const struct pipeline *pipeline, uint64_t id);
/* path "" : it cannot be known. Returns 0 or -ENOMEM. */
int pipeline_cgroup(struct pipeline *pipeline, uint64_t id, const char *path);

/* The clock may be set while the host is watched. */
void pipeline_clock(struct pipeline *pipeline, int64_t wall_minus_monotonic_ns);
const struct report_context *pipeline_context(const struct pipeline *pipeline);

/* The lines that nobody has taken yet; the caller writes them out and clears the text. */
struct text *pipeline_text(struct pipeline *pipeline);
/* As many connections as asked for have been reported. */
bool pipeline_is_done(const struct pipeline *pipeline);
/* There are live connections whose owner only a listing could tell. */
bool pipeline_wants_owners(const struct pipeline *pipeline);
uint64_t pipeline_reported(const struct pipeline *pipeline);
struct tracker *pipeline_tracker(struct pipeline *pipeline);
/* Adds what was seen of the reference machine. coverage->seen must have room for each of its entries. */
void pipeline_coverage_add(const struct pipeline *pipeline, struct machine_coverage *coverage);
/* Connections by class, and whatever was given up or missed. */
void pipeline_summary(const struct pipeline *pipeline, FILE *file);

#endif
