/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options_file.h: a configuration file against the same option table as the command line: a line "name = value" for
 * each long option that is not for the command line only, comments with # or ;. Read by inih.
 */
#ifndef LASTACK_OPTIONS_FILE_H
#define LASTACK_OPTIONS_FILE_H

#include "options.h"

/* The texts that values point at, for as long as the values are used. All zero is none. */
struct options_texts {
	char **of;
	size_t count;
};

/*
 * Reads the file into `options`, which holds the defaults and is changed as a whole or not at all. Everything that is
 * wrong is told on standard error as "lastack: VERB: FILE:LINE: name: why". Returns 0, -EINVAL after a message, or
 * another -errno without one if the file cannot be read.
 */
int options_file_read(const struct option_verb *verb, const char *path, void *options, struct options_texts *texts);
void options_texts_free(struct options_texts *texts);

#endif
