// SPDX-License-Identifier: GPL-2.0-only
/*
 * completion.c: the completion for bash: verbs, the options of each, names where an option takes one of a table, files
 * where a file is asked for. It needs nothing but bash itself. See manual.h.
 */
#include <string.h>

#include "manual/manual.h"
#include "verbs/verbs.h"

static const char head[] =
	"# Completion of lastack for bash; made from its tables of options.\n"
	"\n"
	"_lastack_words()\n"
	"{\n"
	"	COMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n"
	"}\n"
	"\n"
	"# Several, separated by commas: what stands before the last one is kept.\n"
	"_lastack_list()\n"
	"{\n"
	"	local before=\n"
	"\n"
	"	[[ $cur != *,* ]] || before=${cur%,*},\n"
	"	COMPREPLY=($(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\"))\n"
	"	compopt -o nospace 2>/dev/null\n"
	"}\n"
	"\n"
	"_lastack_files()\n"
	"{\n"
	"	compopt -o filenames 2>/dev/null\n"
	"	mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
	"}\n"
	"\n"
	"_lastack()\n"
	"{\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}\n"
	"\n"
	"	COMPREPLY=()\n"
	"	# --option=value comes as three words\n"
	"	if [[ $cur == = ]]; then\n"
	"		cur=\n"
	"	elif [[ $prev == = ]]; then\n"
	"		prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"	fi\n";

static const char foot[] = "}\n"
			   "complete -F _lastack lastack\n";

static bool has(const char *argument, const char *word)
{
	return argument && strstr(argument, word);
}

static void value_put(FILE *out, const struct option_spec *option)
{
	if (option->names) {
		fputs(option->type == OPTION_NAMES ? "_lastack_list '" : "_lastack_words '", out);
		manual_names(out, option->names, " ", "", '\0');
		fputc('\'', out);
	} else if (has(option->argument, "DIR")) {
		fputs("_lastack_files -d", out);
	} else if (has(option->argument, "FILE") || has(option->argument, "PATH")) {
		fputs("_lastack_files -f", out);
	} else {
		fputc(':', out);
	}
}

static void option_put(FILE *out, const char *verb, const struct option_spec *option)
{
	if (option->type == OPTION_FLAG)
		return;
	fputs("\t", out);
	if (option->short_name)
		fprintf(out, "'%s -%c' | ", verb, option->short_name);
	fprintf(out, "'%s --%s') ", verb, option->long_name);
	value_put(out, option);
	fputs("; return ;;\n", out);
}

static void verb_put(FILE *out, const struct option_verb *verb)
{
	fprintf(out, "\t%s)\n\t\tif [[ $cur == -* ]]; then\n\t\t\t_lastack_words '", verb->name);
	for (unsigned i = 0; i < verb->option_count; i++)
		fprintf(out, "--%s ", verb->options[i].long_name);
	fputs("--help'\n", out);
	if (has(verb->arguments, "FILE"))
		fputs("\t\telse\n\t\t\t_lastack_files -f\n", out);
	fputs("\t\tfi\n\t\t;;\n", out);
}

void manual_completion(FILE *out)
{
	fputs(head, out);
	fputs("	if ((COMP_CWORD == 1)); then\n		_lastack_words '", out);
	for (unsigned i = 0; i < verb_count; i++)
		fprintf(out, "%s ", verbs[i].options->name);
	fputs("--help --version'\n		return\n	fi\n	case \"$verb $prev\" in\n", out);
	for (unsigned i = 0; i < verb_count; i++)
		for (unsigned k = 0; k < verbs[i].options->option_count; k++)
			option_put(out, verbs[i].options->name, &verbs[i].options->options[k]);
	fputs("	esac\n	case $verb in\n", out);
	for (unsigned i = 0; i < verb_count; i++)
		verb_put(out, verbs[i].options);
	fputs("	esac\n", out);
	fputs(foot, out);
}
