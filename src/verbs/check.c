/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.c: `lastack check`: which hooks this kernel and these privileges grant, why a better one was
 * refused, and what cannot be told without it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel/monitor.h"
#include "kernel/monitor_try.h"
#include "options.h"
#include "report/fields.h"
#include "report/text.h"
#include "verbs/ask.h"
#include "verbs/feed.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

struct check_options {
	enum report_format format;
	bool programs;
	const char *types;
};

static const struct option_spec specs[] = {
	PLAIN_FORMAT_OPTION(offsetof(struct check_options, format)),
	{.long_name = "programs",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct check_options, programs),
	 .help = "show every BPF program to the verifier, also those not chosen here"},
	TYPES_OPTION(offsetof(struct check_options, types), ""),
};

static const char *tier_of(const struct hook_choice *choice)
{
	return choice->option ? hook_tier_name(choice->option->tier) : "none";
}

static void print_table(const char *types, const struct hook_choice *choices, size_t count)
{
	struct utsname name;

	uname(&name);
	printf("lastack %s on Linux %s %s", LASTACK_VERSION_TEXT, name.release, name.machine);
	printf("%s%s\n\n%-22s %-11s %s\n", types ? ", its types from " : "", types ? types : "", "HOOK", "TIER",
	       "ATTACHED TO");
	for (size_t i = 0; i < count; i++) {
		printf("%-22s %-11s %s\n", choices[i].hook->fact, tier_of(&choices[i]),
		       choices[i].option ? choices[i].option->target : "");
		if (choices[i].refused[0])
			printf("  refused: %s\n", choices[i].refused);
		if (!choices[i].option)
			printf("  lost: %s\n", choices[i].hook->lost);
	}
}

static void json_member(struct text *text, const char *name, const char *value)
{
	text_append_char(text, text->length ? ',' : '{');
	text_append_json_string(text, name, strlen(name));
	text_append_char(text, ':');
	if (value)
		text_append_json_string(text, value, strlen(value));
	else
		text_append_str(text, "null");
}

static void print_json(const struct hook_choice *choices, size_t count)
{
	struct text text = {0};

	for (size_t i = 0; i < count; i++) {
		const struct hook_choice *choice = &choices[i];

		text_clear(&text);
		json_member(&text, "type", "hook");
		json_member(&text, "hook", choice->hook->fact);
		json_member(&text, "tier", choice->option ? tier_of(choice) : NULL);
		json_member(&text, "target", choice->option ? choice->option->target : NULL);
		json_member(&text, "refused", choice->refused[0] ? choice->refused : NULL);
		json_member(&text, "lost", choice->option ? NULL : choice->hook->lost);
		text_append_str(&text, "}\n");
		ask_write(&text);
	}
	text_free(&text);
}

static void print_trial(void *arg, const struct program_trial *trial)
{
	int *refused = arg;

	printf("%-25s %-11s ", trial->program, hook_tier_name(trial->option->tier));
	if (!trial->offered)
		printf("skipped: %s\n", trial->why);
	else if (trial->status)
		printf("REFUSED: %s (%s)\n", strerror(-trial->status), trial->why);
	else
		printf("loaded, %u instructions verified\n", trial->verified_instructions);
	*refused += trial->offered && trial->status;
}

static int check_programs(const char *types)
{
	char why[256] = "";
	int refused = 0, status = monitor_try_programs(types, print_trial, &refused, why, sizeof(why));

	if (status)
		return feed_refused("check", types, status, why);
	return refused ? verb_fail(EXIT_FAILED, "check", "some programs were refused", "see above") : EXIT_DONE;
}

const struct option_verb check_verb = {
	.name = "check",
	.summary = "what this kernel and these privileges allow",
	.description = "Loads and attaches everything for a moment. Exit status 1 when a hook is missing.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct check_options),
};

int verb_check(int argc, char **argv)
{
	struct monitor_config config = {.ring_bytes = 1 << 20};
	struct check_options options = {0};
	const struct hook_choice *choices;
	struct monitor *monitor;
	int first, status, outcome = options_parse(&check_verb, argc, argv, &options, &first);
	char why[512] = "";
	size_t count, missing = 0;

	if (outcome)
		return verb_options_status(outcome);
	config.types = options.types;
	if (options.programs)
		return check_programs(options.types);
	status = monitor_open(&monitor, &config, why, sizeof(why));
	if (status)
		return feed_refused("check", options.types, status, why);
	choices = monitor_hooks(monitor, &count);
	if (options.format == REPORT_JSON)
		print_json(choices, count);
	else
		print_table(options.types, choices, count);
	for (size_t i = 0; i < count; i++)
		missing += !choices[i].option;
	monitor_close(monitor);
	return ask_finish("check", missing ? EXIT_FINDINGS : EXIT_DONE);
}
