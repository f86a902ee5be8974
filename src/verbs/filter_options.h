/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter_options.h: the part of the option tables that chooses connections and how they are shown. It
 * stands once and is used by live, record and replay.
 */
#ifndef LASTACK_VERBS_FILTER_OPTIONS_H
#define LASTACK_VERBS_FILTER_OPTIONS_H

#include "options.h"
#include "pipeline/pipeline.h"

int parse_netns(const char *value, void *target, const char **why);
int parse_pids(const char *value, void *target, const char **why);
int parse_comms(const char *value, void *target, const char **why);
int parse_cgroups(const char *value, void *target, const char **why);

#define PIPELINE_OPTION(holder, member) offsetof(holder, pipeline) + offsetof(struct pipeline_options, member)

/*
 * Of connections that live or have ended. holder: a structure with `struct pipeline_options pipeline` and `bool
 * only_v4, only_v6`.
 */
#define LIVE_FILTER_OPTIONS(holder)                                                                                    \
	{.short_name = 'p',                                                                                            \
	 .long_name = "pid",                                                                                           \
	 .argument = "PID,...",                                                                                        \
	 .type = OPTION_CUSTOM,                                                                                        \
	 .parse = parse_pids,                                                                                          \
	 .offset = PIPELINE_OPTION(holder, filter),                                                                    \
	 .help = "only connections owned by these processes"},                                                         \
		{.long_name = "comm",                                                                                  \
		 .argument = "NAME,...",                                                                               \
		 .type = OPTION_CUSTOM,                                                                                \
		 .parse = parse_comms,                                                                                 \
		 .offset = PIPELINE_OPTION(holder, filter),                                                            \
		 .help = "only connections owned by processes of these names"},                                        \
		{.short_name = 'L',                                                                                    \
		 .long_name = "local-port",                                                                            \
		 .argument = "PORTS",                                                                                  \
		 .type = OPTION_PORTS,                                                                                 \
		 .offset = PIPELINE_OPTION(holder, filter.local_ports),                                                \
		 .help = "only these local ports, such as 80,443,8000-8010"},                                          \
		{.short_name = 'D',                                                                                    \
		 .long_name = "remote-port",                                                                           \
		 .argument = "PORTS",                                                                                  \
		 .type = OPTION_PORTS,                                                                                 \
		 .offset = PIPELINE_OPTION(holder, filter.remote_ports),                                               \
		 .help = "only these remote ports"},                                                                   \
		{.short_name = '4',                                                                                    \
		 .long_name = "ipv4",                                                                                  \
		 .type = OPTION_FLAG,                                                                                  \
		 .offset = offsetof(holder, only_v4),                                                                  \
		 .help = "only IPv4"},                                                                                 \
		{.short_name = '6',                                                                                    \
		 .long_name = "ipv6",                                                                                  \
		 .type = OPTION_FLAG,                                                                                  \
		 .offset = offsetof(holder, only_v6),                                                                  \
		 .help = "only IPv6"},                                                                                 \
		{.long_name = "netns",                                                                                 \
		 .argument = "INODE|PATH",                                                                             \
		 .type = OPTION_CUSTOM,                                                                                \
		 .parse = parse_netns,                                                                                 \
		 .offset = PIPELINE_OPTION(holder, filter),                                                            \
		 .help = "only this network namespace; may be given more than once"},                                  \
	{                                                                                                              \
		.long_name = "cgroup", .argument = "PATH", .type = OPTION_CUSTOM, .parse = parse_cgroups,              \
		.offset = PIPELINE_OPTION(holder, filter),                                                             \
		.help = "only sockets of this cgroup (v2), such as /system.slice/nginx.service"                        \
	}

/* Of ends: these have a class and a cause too. */
#define FILTER_OPTIONS(holder)                                                                                         \
	LIVE_FILTER_OPTIONS(holder),                                                                                   \
		{.long_name = "class",                                                                                 \
		 .argument = "CLASS,...",                                                                              \
		 .type = OPTION_NAMES,                                                                                 \
		 .names = &class_names,                                                                                \
		 .offset = PIPELINE_OPTION(holder, filter.classes),                                                    \
		 .help = "only ends of these classes"},                                                                \
	{                                                                                                              \
		.long_name = "cause", .argument = "CAUSE,...", .type = OPTION_NAMES, .names = &cause_names,            \
		.offset = PIPELINE_OPTION(holder, filter.causes), .help = "only ends by these causes"                  \
	}

#define FORMAT_OPTION(holder)                                                                                          \
	{                                                                                                              \
		.short_name = 'o', .long_name = "output", .argument = "FORMAT", .type = OPTION_NAME,                   \
		.names = &report_format_names, .offset = PIPELINE_OPTION(holder, format),                              \
		.help = "json: one object a line"                                                                      \
	}

#define PLAIN_FORMAT_OPTION(at)                                                                                        \
	{                                                                                                              \
		.short_name = 'o', .long_name = "output", .argument = "FORMAT", .type = OPTION_NAME,                   \
		.names = &plain_format_names, .offset = (at), .help = "json: one object a line"                        \
	}

#define EVENTS_OPTION(holder)                                                                                          \
	{                                                                                                              \
		.long_name = "events", .type = OPTION_FLAG, .offset = PIPELINE_OPTION(holder, events),                 \
		.help = "also a line for each transition, retransmission, probe and reset"                             \
	}

#define TIME_OF_DAY_OPTION(holder)                                                                                     \
	{                                                                                                              \
		.short_name = 'T', .long_name = "time-of-day", .type = OPTION_FLAG,                                    \
		.offset = PIPELINE_OPTION(holder, time_of_day),                                                        \
		.help = "table: the time of day, not seconds since the first line"                                     \
	}

#define WIDTH_OPTION(holder)                                                                                           \
	{                                                                                                              \
		.short_name = 'w', .long_name = "width", .argument = "COLUMNS", .type = OPTION_U32, .minimum = 40,     \
		.maximum = 10000, .offset = PIPELINE_OPTION(holder, columns),                                          \
		.help = "table: this wide, not as wide as the terminal"                                                \
	}

#define COUNT_OPTION(holder)                                                                                           \
	{                                                                                                              \
		.short_name = 'n', .long_name = "count", .argument = "COUNT", .type = OPTION_U64, .minimum = 1,        \
		.offset = PIPELINE_OPTION(holder, count), .help = "stop after so many connections"                     \
	}

#define OUTPUT_OPTIONS(holder)                                                                                         \
	FORMAT_OPTION(holder), EVENTS_OPTION(holder), TIME_OF_DAY_OPTION(holder), WIDTH_OPTION(holder),                \
		COUNT_OPTION(holder)

#define TRACKER_OPTIONS(holder)                                                                                        \
	{.long_name = "settle",                                                                                        \
	 .argument = "SECONDS",                                                                                        \
	 .type = OPTION_DURATION,                                                                                      \
	 .maximum = 3600000000000ULL,                                                                                  \
	 .offset = PIPELINE_OPTION(holder, settle_ns),                                                                 \
	 .help = "hold a report so long while a TIME_WAIT or FIN_WAIT2 minisock may still change it (1)"},             \
	{                                                                                                              \
		.long_name = "max-connections", .argument = "COUNT", .type = OPTION_U32, .minimum = 16,                \
		.maximum = 16777216, .offset = PIPELINE_OPTION(holder, max_connections),                               \
		.help = "remember so many at once (262144)"                                                            \
	}

/* Width of the terminal; `otherwise` where there is none. */
uint32_t terminal_columns(uint32_t otherwise);
/* Defaults of the pipeline's options. */
void pipeline_options_init(struct pipeline_options *options);
/* Folds -4 and -6 and the terminal's width in. Returns 0, or -EINVAL after a message. */
int pipeline_options_finish(const struct option_verb *verb, struct pipeline_options *options, bool only_v4,
			    bool only_v6);

#endif
