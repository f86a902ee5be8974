/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemons.h: a daemon in a scratch place of its own, run by an unprivileged user with two capabilities, and what can
 * be asked of it.
 */
#ifndef SYSTEM_DAEMONS_H
#define SYSTEM_DAEMONS_H

#include "system.h"

#define DAEMON_PATH_BYTES 128

struct daemon_place {
	char directory[DAEMON_PATH_BYTES]; /* anybody's */
	char state[DAEMON_PATH_BYTES], socket[DAEMON_PATH_BYTES], http[DAEMON_PATH_BYTES], reports[DAEMON_PATH_BYTES];
	char history[DAEMON_PATH_BYTES];
};

/* Another place in the test's directory, owned by the unprivileged user. HTTP is served at a Unix socket. */
void daemon_place(struct daemon_place *place, const char *name);
/*
 * Plans a daemon there: as the unprivileged user with CAP_BPF and CAP_PERFMON as ambient capabilities, as systemd
 * starts it, and with the words up to a NULL.
 */
void daemon_plan(struct program *daemon, const struct daemon_place *place, ...);
/* Waits until it is ready. */
void daemon_await(struct program *daemon);
/* All of that, at a place of its own. */
void daemon_start(struct program *daemon, struct daemon_place *place);
/* SIGTERM, and its end in good order within its five seconds. Returns how many connections it said that it reported. */
unsigned long long daemon_stop(struct program *daemon);

/* Runs "lastack VERB --socket ..." with the words up to a NULL; its exit status. */
int daemon_ask(struct program *asker, const struct daemon_place *place, const char *verb, ...);
/* Likewise, with -o json, and must succeed: its lines. */
void daemon_lines(struct reports *lines, const struct daemon_place *place, const char *verb, ...);
/* The one line of `status -o json`. */
json_t *daemon_status(const struct daemon_place *place);
/* The body of an answer to GET; *status is its number. To be freed. */
char *daemon_get(const struct daemon_place *place, const char *path, int *status);
/* A sample's value in /metrics, such as "lastack_connections{state=\"LISTEN\"}"; -1 where there is none. */
double daemon_metric(const struct daemon_place *place, const char *sample);
/* Can all of the history's database be read? *rows: -1 where there is none; why: what SQLite says. */
bool history_is_sound(const struct daemon_place *place, long long *rows, char *why, size_t size);
/* Rows in the history's database, which must be sound; -1 where there is none. */
long long history_rows(const struct daemon_place *place);

/* A cookie as a word; lives until the fourth call after this. */
char *cookie_text(uint64_t cookie);
/* Waits for a connection's row, which is written within a second. */
json_t *history_await(const struct daemon_place *place, const char *cookie);
/* A number out of /proc/PID/status; -1 where there is none. */
long long process_field(pid_t pid, const char *name, int base);

#endif
