/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h: what live and record have in common: the options of watching this host, and the loop.
 */
#ifndef LASTACK_VERBS_WATCH_H
#define LASTACK_VERBS_WATCH_H

#include "verbs/feed.h"

struct watch_options {
	struct pipeline_options pipeline;
	uint64_t duration_ns; /* 0: until interrupted */
	uint64_t ring_bytes;
	uint64_t owner_interval_ns;
	unsigned tier;     /* enum hook_tier */
	const char *types; /* a file of the kernel's types, NULL: its own */
	bool only_v4, only_v6;
	bool legend;                          /* only say what the short words mean */
	const char *recording;                /* path or NULL */
	const struct feed_observer *observer; /* or NULL; also of resets without a connection */
	/* Called at the end, with everything taken in: may add to the output. NULL: nothing to add. */
	void (*last)(void *arg, struct pipeline *pipeline);
	void *last_arg;
};

extern const struct name_table hook_tier_names; /* enum hook_tier */

/* Of every verb that attaches to the kernel and can do without its own types. */
#define TYPES_OPTION(at, otherwise)                                                                                    \
	{                                                                                                              \
		.long_name = "btf", .argument = "FILE", .type = OPTION_STRING, .offset = at,                           \
		.help = "a file of the kernel's types (BTF), for a kernel without CONFIG_DEBUG_INFO_BTF" otherwise     \
	}

/* Defaults of every option. */
void watch_options_init(struct watch_options *options);

/* Watches until told to stop. Returns an exit status after saying what went wrong. */
int watch_run(const char *verb, struct watch_options *options);

#endif
