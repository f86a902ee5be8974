/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h: what live and record have in common: the options of watching this host, and the loop.
 */
#ifndef LASTACK_VERBS_WATCH_H
#define LASTACK_VERBS_WATCH_H

#include "kernel/monitor.h"
#include "core/event_check.h"
#include "pipeline/pipeline.h"

/* Who looks on while this host is watched. Each function may be NULL. */
struct watch_observer {
	void *arg;
	/* The hooks are attached and what existed has been taken in. Returns 0 or -errno, which ends it. */
	int (*begin)(void *arg, const struct monitor *monitor);
	/* Before the tracker takes it. */
	void (*event)(void *arg, struct tracker *tracker, const struct event_header *event);
	/* Everything up to now_ns has been taken in. */
	void (*tick)(void *arg, uint64_t now_ns);
	void (*loss)(void *arg, const uint64_t lost[EVENT_KINDS]);
	/* It is over: the last thing before the hooks are taken off. Returns 0 or -errno. */
	int (*end)(void *arg);
};

struct watch_options {
	struct pipeline_options pipeline;
	uint64_t duration_ns; /* 0: until interrupted */
	uint64_t ring_bytes;
	uint64_t owner_interval_ns;
	unsigned tier; /* enum hook_tier */
	bool only_v4, only_v6;
	bool legend;                           /* only say what the short words mean */
	const char *recording;                 /* path or NULL */
	const struct watch_observer *observer; /* or NULL; also of resets without a connection */
	/* Called at the end, with everything taken in: may add to the output. NULL: nothing to add. */
	void (*last)(void *arg, struct pipeline *pipeline);
	void *last_arg;
};

/* Defaults of every option. */
void watch_options_init(struct watch_options *options);
/* 0, or what options_error() returns after saying what is wrong with --ring-size. */
int watch_ring_check(const struct option_verb *verb, const struct watch_options *options);

/* Watches until told to stop. Returns an exit status after saying what went wrong. */
int watch_run(const char *verb, struct watch_options *options);

#endif
