// SPDX-License-Identifier: GPL-2.0-only
/*
 * options.c: command lines against option tables, and their help; see options.h.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "options_near.h"
#include "options_values.h"

#define HELP_COLUMN 30
#define LONG_ONLY   256 /* values of getopt_long() from here on are indexes of options */

/* What getopt_long() wants, made from the table. */
struct getopt_tables {
	struct option *long_options;
	char *short_options;
};

static void getopt_tables_free(struct getopt_tables *tables)
{
	free(tables->long_options);
	free(tables->short_options);
}

static int getopt_tables_make(const struct option_verb *verb, struct getopt_tables *tables)
{
	char *at;

	/* One entry more for --help and one that ends the list; ":h" and up to two characters for each option. */
	tables->long_options = calloc(verb->option_count + 2, sizeof(*tables->long_options));
	tables->short_options = malloc(verb->option_count * 2 + sizeof(":h"));
	if (!tables->long_options || !tables->short_options) {
		getopt_tables_free(tables);
		return -ENOMEM;
	}
	at = stpcpy(tables->short_options, ":h");
	for (unsigned i = 0; i < verb->option_count; i++) {
		const struct option_spec *option = &verb->options[i];
		bool takes_value = option->type != OPTION_FLAG;

		tables->long_options[i] = (struct option){
			.name = option->long_name,
			.has_arg = takes_value ? required_argument : no_argument,
			.val = LONG_ONLY + (int)i,
		};
		if (option->short_name)
			*at++ = option->short_name;
		if (option->short_name && takes_value)
			*at++ = ':';
	}
	*at = '\0';
	tables->long_options[verb->option_count] = (struct option){.name = "help", .val = 'h'};
	return 0;
}

int options_error(const struct option_verb *verb, const char *what, const char *why)
{
	fprintf(stderr, "lastack: %s: %s%s%s\n", verb->name, what, why ? ": " : "", why ? why : "");
	return -EINVAL;
}

static const struct option_spec *option_find(const struct option_verb *verb, int value)
{
	if (value >= LONG_ONLY)
		return &verb->options[value - LONG_ONLY];
	for (unsigned i = 0; i < verb->option_count; i++)
		if (verb->options[i].short_name && verb->options[i].short_name == value)
			return &verb->options[i];
	return NULL;
}

/* "no such option", for one long option as it was given; with what may have been meant. */
static int option_unknown(const struct option_verb *verb, const char *given)
{
	struct near_word near = {.typed = given + strspn(given, "-")};
	char why[128];

	near.length = strcspn(near.typed, "=");
	for (unsigned i = 0; i < verb->option_count; i++)
		near_word_try(&near, verb->options[i].long_name);
	if (near.best)
		snprintf(why, sizeof(why), "no such option; is --%s meant? (see 'lastack %s --help')", near.best,
			 verb->name);
	else
		snprintf(why, sizeof(why), "no such option, or more than one begins so (see 'lastack %s --help')",
			 verb->name);
	return options_error(verb, given, why);
}

/* What getopt_long() did not like: the option as it was given. */
static int option_refuse(const struct option_verb *verb, char **argv, int value)
{
	const struct option_spec *option = option_find(verb, optopt);
	char what[64], why[128];

	if (value == ':') {
		snprintf(what, sizeof(what), "--%s", option->long_name);
		snprintf(why, sizeof(why), "needs a value: %s", option->argument);
		return options_error(verb, what, why);
	}
	/* With optopt 0 it is a long option; with that of a flag, the flag was given a value. */
	if (!optopt)
		return option_unknown(verb, argv[optind - 1]);
	if (optopt < LONG_ONLY && !option && optopt != 'h')
		snprintf(what, sizeof(what), "-%c", optopt);
	else
		snprintf(what, sizeof(what), "%s", argv[optind - 1]);
	snprintf(why, sizeof(why),
		 option || optopt == 'h' ? "takes no value" : "no such option (see 'lastack %s --help')", verb->name);
	return options_error(verb, what, why);
}

static int option_apply(const struct option_verb *verb, const struct option_spec *option, char *options)
{
	char what[128], why[OPTION_WHY_BYTES];
	int error = option_value_store(option, optarg, options + option->offset, why);

	if (!error)
		return 0;
	snprintf(what, sizeof(what), "--%s %s", option->long_name, optarg);
	return options_error(verb, what, why);
}

static int arguments_check(const struct option_verb *verb, int argc, char **argv)
{
	int count = argc - optind;
	char why[128];

	if (count < verb->arguments_min) {
		snprintf(why, sizeof(why), "missing (see 'lastack %s --help')", verb->name);
		return options_error(verb, verb->arguments, why);
	}
	if (verb->arguments_max >= 0 && count > verb->arguments_max)
		return options_error(verb, argv[optind + verb->arguments_max], "one argument too many");
	return 0;
}

/* Into `options`, which the caller throws away on failure. */
static int arguments_parse(const struct option_verb *verb, const struct getopt_tables *tables, int argc, char **argv,
			   char *options)
{
	int value;

	bool given[OPTIONS_MAX] = {false};

	optind = 0; /* makes glibc start afresh */
	opterr = 0;
	while ((value = getopt_long(argc, argv, tables->short_options, tables->long_options, NULL)) != -1) {
		const struct option_spec *option;

		if (value == 'h') {
			options_help(verb, stdout);
			return OPTIONS_HELP;
		}
		option = value == '?' || value == ':' ? NULL : option_find(verb, value);
		if (!option)
			return option_refuse(verb, argv, value);
		if (!given[option - verb->options])
			option_value_clear(option, options + option->offset);
		given[option - verb->options] = true;
		if (option_apply(verb, option, options))
			return -EINVAL;
	}
	return arguments_check(verb, argc, argv);
}

int options_parse(const struct option_verb *verb, int argc, char **argv, void *options, int *first)
{
	struct getopt_tables tables;
	char *parsed = malloc(verb->options_bytes ? verb->options_bytes : 1);
	int outcome;

	if (!parsed || getopt_tables_make(verb, &tables)) {
		free(parsed);
		options_error(verb, "cannot start", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (verb->options_bytes) /* a verb without options may pass NULL */
		memcpy(parsed, options, verb->options_bytes);
	outcome = arguments_parse(verb, &tables, argc, argv, parsed);
	if (outcome == OPTIONS_GO && verb->options_bytes)
		memcpy(options, parsed, verb->options_bytes);
	if (outcome == OPTIONS_GO)
		*first = optind;
	getopt_tables_free(&tables);
	free(parsed);
	return outcome;
}

static void option_help(FILE *file, const struct option_spec *option)
{
	int width = fprintf(file, option->short_name ? "  -%c, " : "      ", option->short_name);

	width += fprintf(file, "--%s", option->long_name);
	if (option->argument)
		width += fprintf(file, " %s", option->argument);
	if (width >= HELP_COLUMN) {
		fputc('\n', file);
		width = 0;
	}
	fprintf(file, "%*s%s\n", HELP_COLUMN - width, "", option->help);
	if (!option->names)
		return;
	width = fprintf(file, "%*s", HELP_COLUMN, "");
	for (unsigned i = 0, count = 0; i < option->names->count; i++) {
		const char *name = option->names->names[i];

		if (!name)
			continue;
		if (count && width + (int)strlen(name) + 2 > 78)
			width = fprintf(file, ",\n%*s", HELP_COLUMN, "") - 2;
		else if (count)
			width += fprintf(file, ", ");
		width += fprintf(file, "%s", name);
		count++;
	}
	fputc('\n', file);
}

void options_help(const struct option_verb *verb, FILE *file)
{
	static const struct option_spec help = {.short_name = 'h', .long_name = "help", .help = "show this help"};

	fprintf(file, "Usage: lastack %s [OPTION]...%s%s\n%s.\n", verb->name, verb->arguments ? " " : "",
		verb->arguments ? verb->arguments : "", verb->summary);
	if (verb->description)
		fprintf(file, "\n%s\n", verb->description);
	fputs("\nOptions:\n", file);
	for (unsigned i = 0; i < verb->option_count; i++)
		option_help(file, &verb->options[i]);
	option_help(file, &help);
}
