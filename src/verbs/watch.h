/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h: what live and record have in common: the options of watching this host, and the loop.
 */
#ifndef LASTACK_VERBS_WATCH_H
#define LASTACK_VERBS_WATCH_H

#include "kernel/monitor.h"
#include "core/event_check.h"
#include "pipeline/pipeline.h"

struct watch_options {
	struct pipeline_options pipeline;
	uint64_t duration_ns; /* 0: until interrupted */
	uint64_t ring_bytes;
	uint64_t owner_interval_ns;
	unsigned tier; /* enum hook_tier */
	bool only_v4, only_v6;
	bool legend;           /* only say what the short words mean */
	const char *recording; /* path or NULL */
	/* Called at the end, with everything taken in: may add to the output. NULL: nothing to add. */
	void (*last)(void *arg, struct pipeline *pipeline);
	void *last_arg;
};

/* Defaults of every option. */
void watch_options_init(struct watch_options *options);

/* The options that every watching verb takes; see options.h. Index 0 is the first. */
extern const struct option_spec watch_specs[];
extern const unsigned watch_spec_count;

/* Watches until told to stop. Returns an exit status after saying what went wrong. */
int watch_run(const char *verb, struct watch_options *options);

#endif
