// SPDX-License-Identifier: GPL-2.0-only
/*
 * settings.c: the configuration file that is installed: each setting commented out, with what it does and its default,
 * which its help text has in brackets at the end, and which is held against the real one. See manual.h.
 */
#include <errno.h>
#include <string.h>

#include "manual/manual.h"
#include "options_values.h"
#include "verbs/daemon_options.h"
#include "verbs/verbs.h"

#define VALUE_BYTES 128
#define COLUMNS     110

static const char head[] = "# Settings of the lastack daemon; lastack.conf(5) says more. A line is \"name = value\"; "
			   "there are no sections.\n"
			   "# Times take s, m, h, d (seconds without), sizes K, M, G. Check: lastack daemon "
			   "--check-config. Take over what a\n"
			   "# running daemon can: systemctl reload lastack.\n"
			   "#\n"
			   "# Every setting stands here with its default, commented out; where there is none, capitals "
			   "stand for a value.\n";

/* One word in brackets at the end of the help text, or the one before a colon there. False without. */
static bool default_read(const char *help, char value[VALUE_BYTES])
{
	const char *begin = strrchr(help, '('), *end = begin ? strchr(begin, ')') : NULL, *colon;
	size_t length;

	if (!begin || !end || end[1])
		return false;
	begin++;
	colon = strstr(begin, ": ");
	length = (size_t)((colon && colon < end ? colon : end) - begin);
	if (!length || length >= VALUE_BYTES || memchr(begin, ' ', length))
		return false;
	memcpy(value, begin, length);
	value[length] = '\0';
	return true;
}

/* "none" says that there is no default where none of the names is called so. */
static bool default_is_value(const struct option_spec *option, const char *value)
{
	return !option->names || name_find(option->names, value, strlen(value)) >= 0;
}

/* In comments no wider than COLUMNS. */
static void names_put(FILE *out, const struct name_table *names)
{
	int column = 0;

	for (unsigned i = 0; i < names->count; i++) {
		const char *name = names->names[i];

		if (!name)
			continue;
		if (column && column + 2 + (int)strlen(name) <= COLUMNS)
			column += fprintf(out, ", %s", name);
		else
			column = fprintf(out, column ? ",\n# %s" : "# %s", name);
	}
	fputc('\n', out);
}

/* Does the help text tell the truth? Where there is no value at all it says in words what holds then. */
static bool default_is_true(const struct option_spec *option, const char *value, const struct daemon_options *defaults)
{
	const char *is = (const char *)defaults + option->offset;
	struct daemon_options said = *defaults;
	char *at = (char *)&said + option->offset;
	char why[OPTION_WHY_BYTES];

	if (option->type == OPTION_STRING && !*(const char *const *)is)
		return true;
	option_value_clear(option, at);
	return !option_value_store(option, value, at, why) && !option_value_differs(option, at, is);
}

/* Returns 0, or -EINVAL after a message. */
static int setting_put(FILE *out, const struct option_spec *option, const struct daemon_options *defaults)
{
	bool is_value;
	char value[VALUE_BYTES];

	fputs("\n# ", out);
	manual_sentence(out, option->help, option->names, "", '\0');
	fputs(option->reloadable ? ".\n" : ". Takes a restart.\n", out);
	if (option->names)
		names_put(out, option->names);
	is_value = default_read(option->help, value) && default_is_value(option, value);
	if (is_value && !default_is_true(option, value, defaults)) {
		fprintf(stderr, "manual: the help of --%s says (%s): that is not its default\n", option->long_name,
			value);
		return -EINVAL;
	}
	fprintf(out, "#%s = %s\n", option->long_name, is_value ? value : option->argument ? option->argument : "no");
	return 0;
}

int manual_settings(FILE *out)
{
	char *nothing[] = {"daemon", "--config", "/dev/null", NULL};
	struct daemon_settings defaults;
	int status = daemon_settings_read(&defaults, 3, nothing);

	if (status)
		return status;
	fputs(head, out);
	for (unsigned i = 0; !status && i < daemon_verb.option_count; i++)
		if (!daemon_verb.options[i].command_line_only)
			status = setting_put(out, &daemon_verb.options[i], &defaults.options);
	daemon_settings_free(&defaults);
	return status;
}
