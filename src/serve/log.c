/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.c: see log.h.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "serve/log.h"

#define LINE_BYTES 1024

static const char *const level_texts[] = {NULL, NULL, NULL, "error", "warning", NULL, "info", "debug"};
const struct name_table log_level_names = {level_texts, sizeof(level_texts) / sizeof(level_texts[0])};

static atomic_int highest = LOG_LEVEL_INFO;
static bool priorities; /* standard error is the journal */

void log_start(enum log_level level)
{
	highest = (int)level;
	priorities = getenv("JOURNAL_STREAM") != NULL;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	int at, length;

	if ((int)level > highest)
		return;
	at = priorities ? snprintf(line, sizeof(line), "<%d>", (int)level)
			: snprintf(line, sizeof(line), "lastack: daemon: %s: ", level_texts[level]);
	va_start(arguments, format);
	length = vsnprintf(line + at, sizeof(line) - (size_t)at - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	length += at;
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	line[length++] = '\n';
	/* One write: lines of several threads do not mix. There is nowhere to tell of a failure. */
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}
