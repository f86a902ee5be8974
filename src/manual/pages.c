// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages.c: the man pages' sources, with what the tables say put in; see manual.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "manual/manual.h"
#include "verbs/verbs.h"

#define SPECIAL  "\\*_"
#define NS_PER_S 1000000000ULL

static void text_put(FILE *out, const char *text)
{
	manual_text(out, text, SPECIAL, '\\');
}

/* Lines as they are: at the beginning of one a mark would make a list or a table of it. */
static void lines_put(FILE *out, const char *text)
{
	for (bool begins = true; *text; begins = *text++ == '\n') {
		if (strchr(SPECIAL, *text) || (begins && ispunct((unsigned char)*text)))
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* What the help text leaves open: names, limits. */
static void value_put(FILE *out, const struct option_spec *option)
{
	bool is_span = option->type == OPTION_DURATION;
	double unit = is_span ? (double)NS_PER_S : 1;
	const char *of = is_span ? " seconds" : option->type == OPTION_SIZE ? " bytes" : "";

	if (option->names) {
		fputs(option->type == OPTION_NAMES ? " Of these, separated by commas: " : " One of: ", out);
		manual_names(out, option->names, ", ", SPECIAL, '\\');
		fputc('.', out);
	}
	if (option->maximum)
		fprintf(out, " From %.10g to %.10g%s.", (double)option->minimum / unit, (double)option->maximum / unit,
			of);
	else if (option->minimum > 1)
		fprintf(out, " At least %.10g%s.", (double)option->minimum / unit, of);
}

static void option_put(FILE *out, const struct option_spec *option)
{
	if (option->short_name)
		fprintf(out, "*-%c*, ", option->short_name);
	fprintf(out, "*--%s*", option->long_name);
	if (option->argument) {
		fputc(' ', out);
		text_put(out, option->argument);
	}
	fputs("\n\t", out);
	manual_sentence(out, option->help, option->names, SPECIAL, '\\');
	fputc('.', out);
	value_put(out, option);
	fputs("\n\n", out);
}

static void help_option_put(FILE *out)
{
	static const struct option_spec help = {.short_name = 'h', .long_name = "help", .help = "show a summary"};

	option_put(out, &help);
}

static void verbs_put(FILE *out)
{
	for (unsigned i = 0; i < verb_count; i++) {
		const struct option_verb *verb = verbs[i].options;

		fprintf(out, "*%s*", verb->name);
		if (verb->arguments) {
			fputc(' ', out);
			text_put(out, verb->arguments);
		}
		fputs("\n\t", out);
		manual_sentence(out, verb->summary, NULL, SPECIAL, '\\');
		fputs(".\n\n", out);
	}
}

/* The verb before it with the very same options, or NULL. */
static const struct option_verb *verb_alike(unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (verbs[i].options->option_count && verbs[i].options->options == verbs[index].options->options)
			return verbs[i].options;
	return NULL;
}

static void verb_put(FILE *out, unsigned index)
{
	const struct option_verb *verb = verbs[index].options, *alike = verb_alike(index);

	fprintf(out, "## lastack %s [OPTION]...%s%s\n\n", verb->name, verb->arguments ? " " : "",
		verb->arguments ? verb->arguments : "");
	if (verb->description) {
		lines_put(out, verb->description);
		fputs("\n\n", out);
	}
	if (verb == &daemon_verb) {
		fputs("Its options are in *lastack-daemon*(8) and *lastack.conf*(5).\n\n", out);
		return;
	}
	if (alike) {
		fprintf(out, "The options are those of *lastack %s*.\n\n", alike->name);
		return;
	}
	for (unsigned i = 0; i < verb->option_count; i++)
		option_put(out, &verb->options[i]);
	help_option_put(out);
}

static void verbs_options_put(FILE *out)
{
	for (unsigned i = 0; i < verb_count; i++)
		verb_put(out, i);
}

static void settings_put(FILE *out)
{
	for (unsigned i = 0; i < daemon_verb.option_count; i++) {
		const struct option_spec *option = &daemon_verb.options[i];

		if (option->command_line_only)
			continue;
		fprintf(out, "*%s* = ", option->long_name);
		text_put(out, option->argument ? option->argument : "yes|no");
		fputs("\n\t", out);
		manual_sentence(out, option->help, option->names, SPECIAL, '\\');
		fputc('.', out);
		value_put(out, option);
		fputs(option->reloadable ? "\n\n" : " Takes a restart.\n\n", out);
	}
}

static void daemon_options_put(FILE *out)
{
	for (unsigned i = 0; i < daemon_verb.option_count; i++)
		if (daemon_verb.options[i].command_line_only)
			option_put(out, &daemon_verb.options[i]);
	help_option_put(out);
}

static void line_put(FILE *out, const char *line)
{
	static const struct {
		const char *line;
		void (*put)(FILE *out);
	} directives[] = {
		{"@verbs@\n", verbs_put},
		{"@options@\n", verbs_options_put},
		{"@settings@\n", settings_put},
		{"@daemon-options@\n", daemon_options_put},
	};
	static const char version[] = "@version@";
	const char *at;

	for (unsigned i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		if (!strcmp(line, directives[i].line)) {
			directives[i].put(out);
			return;
		}
	for (; (at = strstr(line, version)); line = at + strlen(version))
		fprintf(out, "%.*s%s", (int)(at - line), line, LASTACK_VERSION_TEXT);
	fputs(line, out);
}

int manual_page(const char *path, FILE *out)
{
	FILE *source = fopen(path, "re");
	size_t room = 0;
	char *line = NULL;
	int status = 0;

	if (!source) {
		status = -errno;
		fprintf(stderr, "manual: %s: %s\n", path, strerror(-status));
		return status;
	}
	while (getline(&line, &room, source) > 0)
		line_put(out, line);
	free(line);
	fclose(source);
	return 0;
}
