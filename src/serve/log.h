/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h: what the daemon has to say to whoever runs it, a line each on standard error, with a level. Under
 * systemd a line begins with <N>, which the journal takes for its priority (sd-daemon(3)).
 */
#ifndef LASTACK_SERVE_LOG_H
#define LASTACK_SERVE_LOG_H

#include "report/names.h"

/* As in syslog(3); the value is the priority. */
enum log_level {
	LOG_LEVEL_ERROR = 3,   /* something that was asked for does not work */
	LOG_LEVEL_WARNING = 4, /* it works, but somebody should know */
	LOG_LEVEL_INFO = 6,    /* beginnings, ends, and what was chosen */
	LOG_LEVEL_DEBUG = 7,
};

extern const struct name_table log_level_names; /* enum log_level */

/* Lines above this level are not written. Standard error must exist; safe in every thread. */
void log_start(enum log_level level);
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
