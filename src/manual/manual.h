/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * manual.h: what is written about lastack from the same tables that it runs by: option lists of the man pages, the
 * default configuration file, the completion for bash. A program of the build, which is not installed.
 *
 * Its input are the table of verbs and their options; it must not know any of them by name, but for the daemon, whose
 * options are the settings.
 */
#ifndef LASTACK_MANUAL_MANUAL_H
#define LASTACK_MANUAL_MANUAL_H

#include <stdio.h>

#include "options.h"

/*
 * A man page in scdoc's language, of a source in which a line alone may be
 *   @verbs@           all verbs with their summaries
 *   @options@         a section for each verb
 *   @settings@        what may stand in the configuration file
 *   @daemon-options@  what the daemon understands on its command line only
 * and @version@ may stand anywhere. Returns 0, or -errno after a message.
 */
int manual_page(const char *path, FILE *out);
/* The configuration file, with every setting commented out. Returns 0, or -errno after a message. */
int manual_settings(FILE *out);
void manual_completion(FILE *out);

/* In all of these `escape` comes before each of `special`. */
void manual_text(FILE *out, const char *text, const char *special, char escape);
void manual_names(FILE *out, const struct name_table *names, const char *between, const char *special, char escape);
/* A help text as a sentence, without its stop; it may begin with one of the names, which stays as it is. NULL: none. */
void manual_sentence(FILE *out, const char *help, const struct name_table *names, const char *special, char escape);

#endif
