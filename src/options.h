/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h: one table of options per verb, from which the parser, --help, the man page and the shell
 * completion come.
 *
 * Its input are an argument vector and a table; it must not know what any option is for. It is the one
 * place that prints what is wrong with a command line.
 */
#ifndef LASTACK_OPTIONS_H
#define LASTACK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "event.h"
#include "report/names.h"

/* Ports given as "80,443,8000-8010". Empty: every port. */
struct port_list {
	unsigned count;
	struct port_range ranges[FILTER_PORTS_MAX];
};

/* Options of one verb at most. */
#define OPTIONS_MAX 64

/* What an option's value is, and so what lies at its offset. */
enum option_type {
	OPTION_FLAG,     /* bool: set to true; no argument */
	OPTION_U32,      /* uint32_t, minimum..maximum */
	OPTION_U64,      /* uint64_t, minimum..maximum */
	OPTION_DURATION, /* uint64_t nanoseconds; given in seconds with fractions, or with s, m, h, d; limits in ns */
	OPTION_SIZE,     /* uint64_t bytes; a number, or with K, M, G (powers of 1024) */
	OPTION_STRING,   /* const char *: into the argument vector */
	OPTION_NAME,     /* unsigned or enum: one name of `names` */
	OPTION_NAMES,    /* uint64_t: set of names of `names`, separated by commas, one bit each */
	OPTION_PORTS,    /* struct port_list */
	OPTION_CUSTOM,   /* by `parse` */
};

struct option_spec {
	char short_name; /* 0: none */
	const char *long_name;
	const char *argument; /* its name in --help; NULL for a flag */
	const char *help;
	enum option_type type;
	size_t offset;             /* in the verb's options */
	uint64_t minimum, maximum; /* maximum 0: no limit */
	bool power_of_two;         /* of OPTION_SIZE: nothing else will do */
	const struct name_table *names;
	bool command_line_only; /* has no sense in a file */
	bool reloadable;        /* a running daemon can take a new value */
	/* Reads `value` into `target`. Returns 0, or -EINVAL with *why (static text) set. */
	int (*parse)(const char *value, void *target, const char **why);
};

struct option_verb {
	const char *name;
	const char *summary;              /* one line */
	const char *arguments;            /* positional ones as in the usage line, such as "FILE"; NULL: none */
	const char *description;          /* more about it, for --help and the man page; may be NULL */
	int arguments_min, arguments_max; /* -1: no limit */
	const struct option_spec *options;
	unsigned option_count;
	size_t options_bytes; /* of the structure that the offsets are in */
};

enum options_outcome {
	OPTIONS_GO = 0,   /* carry on */
	OPTIONS_HELP = 1, /* --help was asked for and has been printed to standard output: exit status 0 */
};

/*
 * Parses argv[1..] (argv[0] is the verb) into `options`, which holds the defaults and is changed as a
 * whole or not at all. -h and --help are understood for every verb. Options and positional arguments
 * may be mixed; afterwards argv[*first..argc-1] are the positional ones. The last of several equal
 * options holds, except that OPTION_PORTS and OPTION_NAMES add up, in place of what the default was.
 * Returns enum options_outcome, or -EINVAL after a message on standard error (exit status 2), or
 * -ENOMEM. Not thread-safe (getopt_long).
 */
int options_parse(const struct option_verb *verb, int argc, char **argv, void *options, int *first);

/* Prints usage, description and options. */
void options_help(const struct option_verb *verb, FILE *file);

/* Prints "lastack: VERB: what: why" to standard error; `why` may be NULL. Returns -EINVAL. */
int options_error(const struct option_verb *verb, const char *what, const char *why);

/* Reads "80,443,8000-8010" and adds it to the list. Returns 0, or -EINVAL with *why set and `list` as it was. */
int port_list_parse(struct port_list *list, const char *text, const char **why);

#endif
