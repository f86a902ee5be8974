/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemons.c: see daemons.h.
 */
#include "daemons.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STOP_MS 5000

void daemon_place(struct daemon_place *place, const char *name)
{
	const char *top = test_directory();

	snprintf(place->directory, sizeof(place->directory), "%s/%s", top, name);
	snprintf(place->state, sizeof(place->state), "%s/%s/state", top, name);
	snprintf(place->socket, sizeof(place->socket), "%s/%s/socket", top, name);
	snprintf(place->http, sizeof(place->http), "unix:%s/%s/http", top, name);
	snprintf(place->reports, sizeof(place->reports), "%s/%s/reports", top, name);
	snprintf(place->history, sizeof(place->history), "%s/%s/state/history.db", top, name);
	CHECK(!mkdir(place->directory, 0755) && !chown(place->directory, UNPRIVILEGED_UID, UNPRIVILEGED_UID), "%s: %s",
	      place->directory, strerror(errno));
}

void daemon_plan(struct program *daemon, const struct daemon_place *place, ...)
{
	va_list words;
	const char *word;

	program_plan(daemon, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps",
		     "-all,+bpf,+perfmon", "--ambient-caps", "-all,+bpf,+perfmon", "--bounding-set",
		     "-all,+bpf,+perfmon", lastack_for_anybody(), "daemon", "--state-dir", place->state, "--socket",
		     place->socket, "--http", place->http, NULL);
	daemon->home = true;
	va_start(words, place);
	while ((word = va_arg(words, const char *)))
		program_word(daemon, word);
	va_end(words);
}

void daemon_await(struct program *daemon)
{
	CHECK(BECOMES_TRUE(program_ended(daemon) || text_has(daemon->errors, "is ready")), "it is not ready: %s",
	      text_of(daemon->errors));
	CHECK(!program_ended(daemon), "it ended: %s", text_of(daemon->errors));
}

unsigned long long daemon_stop(struct program *daemon)
{
	uint64_t begin_ns = now_ns();
	unsigned long long reported;
	const char *said;

	CHECK(!program_ended(daemon), "it ended by itself: %s", text_of(daemon->errors));
	kill(daemon->pid, SIGTERM);
	CHECK(program_exit(daemon) == 0, "status %d: %s", daemon->wait_status, text_of(daemon->errors));
	CHECK(now_ns() - begin_ns < STOP_MS * 1000000ULL, "it took %llu ms to end",
	      (unsigned long long)(now_ns() - begin_ns) / 1000000);
	said = strstr(text_of(daemon->errors), "ended: ");
	CHECK(said && sscanf(said, "ended: %llu connections", &reported) == 1, "no closing words: %s",
	      text_of(daemon->errors));
	return reported;
}

static void words_add(struct program *program, va_list words)
{
	const char *word;

	while ((word = va_arg(words, const char *)))
		program_word(program, word);
}

int daemon_ask(struct program *asker, const struct daemon_place *place, const char *verb, ...)
{
	va_list words;

	lastack_plan(asker, verb, "--socket", place->socket);
	va_start(words, verb);
	words_add(asker, words);
	va_end(words);
	program_start(asker);
	return program_exit(asker);
}

void daemon_lines(struct reports *lines, const struct daemon_place *place, const char *verb, ...)
{
	struct program asker;
	va_list words;

	lastack_plan(&asker, verb, "--socket", place->socket, "-o", "json");
	va_start(words, verb);
	words_add(&asker, words);
	va_end(words);
	program_start(&asker);
	CHECK(program_exit(&asker) == 0, "%s: %s", program_words(&asker), text_of(asker.errors));
	reports_open(lines, asker.output);
	reports_refresh(lines);
}

json_t *daemon_status(const struct daemon_place *place)
{
	struct reports lines;

	daemon_lines(&lines, place, "status", NULL);
	CHECK(lines.count == 1, "%zu lines of status", lines.count);
	return lines.all[0];
}

char *daemon_get(const struct daemon_place *place, const char *path, int *status)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[256], *answer, *body;
	size_t have = 0, room = 1 << 20;
	ssize_t got;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->http + strlen("unix:"));
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", path);
	CHECK(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)), "%s: %s", place->http,
	      strerror(errno));
	CHECK(write(fd, request, strlen(request)) == (ssize_t)strlen(request), "write: %s", strerror(errno));
	answer = calloc(1, room);
	CHECK(answer, "no memory");
	while (have < room - 1 && (got = read(fd, answer + have, room - 1 - have)) > 0)
		have += (size_t)got;
	close(fd);
	body = strstr(answer, "\r\n\r\n");
	CHECK(body && sscanf(answer, "HTTP/1.1 %d", status) == 1, "no HTTP answer: %.200s", answer);
	memmove(answer, body + 4, strlen(body + 4) + 1);
	return answer;
}

double daemon_metric(const struct daemon_place *place, const char *sample)
{
	int status;
	char *text = daemon_get(place, "/metrics", &status), *line, *rest = text;
	double value = -1;

	CHECK(status == 200, "/metrics: status %d", status);
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, sample, strlen(sample)) && line[strlen(sample)] == ' ')
			value = strtod(line + strlen(sample), NULL);
	free(text);
	return value;
}

static int take_text(void *arg, int count, char **values, char **names)
{
	(void)count;
	(void)names;
	snprintf(arg, 64, "%s", values[0] ? values[0] : "");
	return 0;
}

bool history_is_sound(const struct daemon_place *place, long long *rows, char *why, size_t size)
{
	char sound[64] = "", count[64] = "-1", *message = NULL;
	sqlite3 *database = NULL;
	bool read;

	*rows = -1;
	if (access(place->history, F_OK))
		return true;
	read = sqlite3_open_v2(place->history, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	       sqlite3_busy_timeout(database, 5000) == SQLITE_OK &&
	       sqlite3_exec(database, "PRAGMA integrity_check", take_text, sound, &message) == SQLITE_OK;
	/* One that was killed before its first commit has no table yet. */
	if (read)
		sqlite3_exec(database, "SELECT count(*) FROM connections", take_text, count, NULL);
	snprintf(why, size, "the database is not sound: %s %s", sound, message ? message : "");
	sqlite3_free(message);
	sqlite3_close(database);
	*rows = atoll(count);
	return read && !strcmp(sound, "ok");
}

long long history_rows(const struct daemon_place *place)
{
	long long rows;
	char why[256];

	CHECK(history_is_sound(place, &rows, why, sizeof(why)), "%s: %s", place->history, why);
	return rows;
}

void daemon_start(struct program *daemon, struct daemon_place *place)
{
	daemon_place(place, "one");
	daemon_plan(daemon, place, NULL);
	program_start(daemon);
	daemon_await(daemon);
}

char *cookie_text(uint64_t cookie)
{
	static char text[4][24];
	static unsigned next;

	snprintf(text[next % 4], sizeof(text[0]), "%llu", (unsigned long long)cookie);
	return text[next++ % 4];
}

/* The history is written once a second. */
json_t *history_await(const struct daemon_place *place, const char *cookie)
{
	struct reports lines;
	uint64_t until_ns = now_ns() + WAIT_MS * 1000000ULL;

	do {
		daemon_lines(&lines, place, "history", NULL);
		for (size_t i = 0; i < lines.count; i++)
			if (report_number(lines.all[i], "cookie") == atoll(cookie))
				return lines.all[i];
		pause_ms(100);
	} while (now_ns() < until_ns);
	test_fail("%s is not in the history", cookie);
}

long long process_field(pid_t pid, const char *name, int base)
{
	char path[64], line[256], *found = NULL;
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	CHECK(file, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtoll(found = line + strlen(name) + 1, NULL, base);
	fclose(file);
	return value;
}
