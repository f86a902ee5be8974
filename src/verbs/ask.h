/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ask.h: one question to the daemon over its control socket (serve/control_protocol.md), and what the verbs that ask
 * have in common: options, the filter as JSON, output.
 */
#ifndef LASTACK_VERBS_ASK_H
#define LASTACK_VERBS_ASK_H

#include <jansson.h>

#include "verbs/daemon_options.h"
#include "verbs/filter_options.h"
#include "verbs/verbs.h"

/* What the verbs that ask understand, each a part of it. */
struct ask_options {
	struct pipeline_options pipeline; /* filter, format, width */
	bool only_v4, only_v6;
	const char *socket;
	const char *local, *remote; /* addresses, NULL: any */
	uint64_t states;            /* list: set of enum tcp_state */
	unsigned sort;              /* list: enum live_key */
	bool reverse;               /* list */
	uint64_t limit;             /* list, history; 0: not given */
	int64_t since_us, until_us; /* history; 0: not given */
	uint64_t group_by;          /* history: set of enum history_group */
	uint64_t duration_ns;       /* follow; 0: not given */
};

#define LIMIT_OPTION(holder, of_what)                                                                                  \
	{                                                                                                              \
		.short_name = 'n', .long_name = "limit", .argument = "COUNT", .type = OPTION_U64, .minimum = 1,        \
		.maximum = INT64_MAX, .offset = offsetof(holder, limit), .help = of_what                               \
	}

#define SOCKET_OPTION(holder)                                                                                          \
	{                                                                                                              \
		.short_name = 's', .long_name = "socket", .argument = "PATH", .type = OPTION_STRING,                   \
		.offset = offsetof(holder, socket), .help = "the daemon's control socket (" CONTROL_PATH ")"           \
	}

#define ADDRESS_OPTIONS(holder)                                                                                        \
	{.long_name = "local",                                                                                         \
	 .argument = "ADDRESS",                                                                                        \
	 .type = OPTION_STRING,                                                                                        \
	 .offset = offsetof(holder, local),                                                                            \
	 .help = "only this local address"},                                                                           \
	{                                                                                                              \
		.long_name = "remote", .argument = "ADDRESS", .type = OPTION_STRING,                                   \
		.offset = offsetof(holder, remote), .help = "only this remote address"                                 \
	}

void ask_options_init(struct ask_options *options);
/* Also folds -4, -6 and the terminal's width in. Returns options_parse()'s outcome. */
int ask_options_parse(const struct option_verb *verb, int argc, char **argv, struct ask_options *options, int *first);
/*
 * Parts of a request, which they take over. What there is no memory for, or what is no UTF-8, makes the whole NULL: a
 * question that lacks a condition would be another question.
 */
void ask_set(json_t **object, const char *name, json_t *value);
void ask_add(json_t **list, json_t *value);
/* What the daemon wants as "filter"; NULL without memory. */
json_t *ask_filter(const struct ask_options *options);
/* {"verb": verb, "filter": filter}; takes the filter over. */
json_t *ask_request(const char *verb, json_t *filter);

struct ask {
	const char *verb, *socket;
	uint64_t quiet_ns;    /* give up when nothing comes for so long, 0: never */
	uint64_t duration_ns; /* enough after so long, 0: never */
	/* Each line of the answer but the last, without its line feed. False: enough. */
	bool (*line)(void *arg, const char *line, size_t length);
	void *arg;
	void (*end)(void *arg, const json_t *end); /* what the last line says; NULL: not asked for */
};

#define ASK_QUIET_NS 40000000000ULL /* more than the daemon gives a question to its history */

/*
 * Takes the request over. Returns an exit status after saying what went wrong. Where all is well, *lines (may be NULL)
 * is how many there were as the daemon says.
 */
int ask(const struct ask *ask, json_t *request, uint64_t *lines);

/* Writes text to standard output and clears it; false: nobody reads it any more, or it failed, which ask_finish() says.
 */
bool ask_write(struct text *text);
int ask_finish(const char *verb, int status);

/* The line as an object, or NULL after a message. */
json_t *ask_load(const char *verb, const char *line, size_t length);

#endif
