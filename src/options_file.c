// SPDX-License-Identifier: GPL-2.0-only
/*
 * options_file.c: see options_file.h.
 */
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "options_file.h"
#include "options_near.h"
#include "options_values.h"

struct reading {
	const struct option_verb *verb;
	const char *path;
	FILE *file;
	char *options;
	struct options_texts *texts;
	unsigned line;              /* the one that inih has been given last */
	unsigned said[OPTIONS_MAX]; /* by option: the line that it was given in, 0: not yet */
	bool wrong, memory;
};

static int wrong(struct reading *reading, const char *what, const char *why)
{
	fprintf(stderr, "lastack: %s: %s:%u: %s: %s\n", reading->verb->name, reading->path, reading->line, what, why);
	reading->wrong = true;
	return 0;
}

static int wrong_name(struct reading *reading, const char *name)
{
	const struct option_verb *verb = reading->verb;
	struct near_word near = {.typed = name, .length = strlen(name)};
	char why[128];

	for (unsigned i = 0; i < verb->option_count; i++)
		if (!verb->options[i].command_line_only)
			near_word_try(&near, verb->options[i].long_name);
	if (near.best)
		snprintf(why, sizeof(why), "no such setting; is '%s' meant?", near.best);
	else
		snprintf(why, sizeof(why), "no such setting (see lastack.conf(5), or 'lastack %s --help')", verb->name);
	return wrong(reading, name, why);
}

static const struct option_spec *option_named(const struct option_verb *verb, const char *name)
{
	for (unsigned i = 0; i < verb->option_count; i++)
		if (!verb->options[i].command_line_only && !strcmp(verb->options[i].long_name, name))
			return &verb->options[i];
	return NULL;
}

/* Values of text type point at it. */
static const char *text_keep(struct options_texts *texts, const char *text)
{
	char **grown = realloc(texts->of, (texts->count + 1) * sizeof(*grown));
	char *copy = strdup(text);

	if (grown)
		texts->of = grown;
	if (!grown || !copy) {
		free(copy);
		return NULL;
	}
	return texts->of[texts->count++] = copy;
}

static int value_take(struct reading *reading, const struct option_spec *option, const char *value)
{
	void *target = reading->options + option->offset;
	char why[OPTION_WHY_BYTES];
	const char *kept;

	if (option->type == OPTION_FLAG) {
		bool yes = !strcmp(value, "yes");

		if (!yes && strcmp(value, "no"))
			return wrong(reading, option->long_name, "must be yes or no");
		*(bool *)target = yes;
		return 1;
	}
	kept = text_keep(reading->texts, value);
	if (!kept) {
		reading->memory = true;
		return 0;
	}
	option_value_clear(option, target);
	return option_value_store(option, kept, target, why) ? wrong(reading, option->long_name, why) : 1;
}

/* Called by inih for each pair. Returns 0 where it is wrong. */
static int take_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *reading = arg;
	const struct option_spec *option;
	unsigned *said;
	char why[64];

	if (section[0])
		return wrong(reading, section, "there are no sections: leave the line with [ ] out");
	option = option_named(reading->verb, name);
	if (!option)
		return wrong_name(reading, name);
	said = &reading->said[option - reading->verb->options];
	if (*said) {
		snprintf(why, sizeof(why), "given already, in line %u", *said);
		return wrong(reading, name, why);
	}
	*said = reading->line;
	return value_take(reading, option, value);
}

/* fgets() that counts lines and takes none that inih would cut in two. */
static char *take_line(char *text, int size, void *arg)
{
	struct reading *reading = arg;
	size_t length;

	if (!fgets(text, size, reading->file))
		return NULL;
	reading->line++;
	length = strlen(text);
	if (length && text[length - 1] != '\n' && !feof(reading->file)) {
		wrong(reading, "line", "is too long, or holds a NUL byte");
		return NULL;
	}
	return text;
}

static int file_parse(struct reading *reading)
{
	int line = ini_parse_stream(take_line, reading, take_pair, reading);

	if (ferror(reading->file))
		return -EIO;
	if (reading->memory || line == -2)
		return -ENOMEM;
	/* inih tells the first line that is wrong: one of those that were told already, or one that it alone refuses.
	 */
	if (line > 0 && !reading->wrong) {
		reading->line = (unsigned)line;
		wrong(reading, "line", "must be 'name = value', or a comment that begins with #");
	}
	return reading->wrong ? -EINVAL : 0;
}

int options_file_read(const struct option_verb *verb, const char *path, void *options, struct options_texts *texts)
{
	struct reading reading = {.verb = verb, .path = path, .texts = texts};
	int status;

	reading.file = fopen(path, "re");
	if (!reading.file)
		return -errno;
	reading.options = malloc(verb->options_bytes);
	if (!reading.options) {
		fclose(reading.file);
		return -ENOMEM;
	}
	memcpy(reading.options, options, verb->options_bytes);
	status = file_parse(&reading);
	if (!status)
		memcpy(options, reading.options, verb->options_bytes);
	free(reading.options);
	fclose(reading.file);
	return status;
}

void options_texts_free(struct options_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->of[i]);
	free(texts->of);
	*texts = (struct options_texts){0};
}
