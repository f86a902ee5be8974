/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench_daemon.c: what `lastack daemon` costs while many connections live: its resident memory, and how long a scrape
 * of /metrics, a status, a list and a diagnosis take, from the client's side; the last also while connections come and
 * go, and whether an event was lost meanwhile.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define STATE   "build/bench-live"
#define SCRAPES 51
#define PART    9000 /* connections that one process opens */
#define ROUNDS  7    /* of a diagnosis */
#define STUCK   100  /* of so many connections one is left half-closed: there is something to be found */
#define CHURN   2000 /* connections a second that come and go */
#define CHURNS  60000

/* Both ends live in one process, so each connection is two; a process may not have more descriptors. */
static _Noreturn void connections_hold(unsigned count, int ready)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		die("listener");
	for (unsigned i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		address.sin_addr.s_addr = htonl(0x7f000001 + i % 250);
		if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		    accept(listener, NULL, NULL) < 0)
			die("connection");
		if (i % STUCK == 0)
			shutdown(fd, SHUT_WR);
	}
	if (write(ready, "", 1) != 1)
		die("pipe");
	for (;;)
		pause();
}

static void connections_open(unsigned count)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		die("pipe");
	while (count) {
		unsigned part = count < PART ? count : PART;
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			connections_hold(part, ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			die("connections");
		count -= part;
	}
}

/* Opens and closes connections at that rate, CHURNS at most. */
static pid_t churn_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger linger = {1, 0}; /* no TIME_WAIT: ports do not run out */
	socklen_t size = sizeof(address);
	uint64_t begin_ns = now_ns();
	pid_t pid = fork();
	int listener;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		die("listener");
	for (uint64_t i = 0; i < CHURNS; i++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

		if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof(address)) ||
		    (server = accept(listener, NULL, NULL)) < 0)
			die("connection");
		setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		close(client);
		close(server);
		while (now_ns() - begin_ns < i * (1000000000 / CHURN))
			usleep(500);
	}
	_exit(0);
}

static pid_t daemon_start(void)
{
	int said[2];
	char line[4096] = "";
	size_t have = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(said))
		die("pipe");
	pid = fork();
	if (!pid) {
		dup2(said[1], STDERR_FILENO);
		execl("build/lastack", "lastack", "daemon", "--user", "root", "--state-dir", STATE, "--socket",
		      STATE "/socket", "--http", "unix:" STATE "/http", NULL);
		_exit(127);
	}
	close(said[1]);
	while (!strstr(line, "is ready") && have < sizeof(line) - 1) {
		got = read(said[0], line + have, sizeof(line) - 1 - have);
		if (got <= 0) {
			fprintf(stderr, "%s", line);
			die("the daemon does not start");
		}
		have += (size_t)got;
		line[have] = '\0';
	}
	return pid;
}

/* One request, and all of the answer. Returns how long that took. */
static char last_part[65536 + 1]; /* of the last answer */

static uint64_t ask(const char *path, const char *request, const char *until, size_t *bytes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t begin_ns = now_ns();
	char *part = last_part;
	bool over = false;
	ssize_t got;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		die(path);
	*bytes = 0;
	while (!over && (got = read(fd, part, sizeof(last_part) - 1)) > 0) {
		part[got] = '\0';
		*bytes += (size_t)got;
		over = until && strstr(part, until);
	}
	close(fd);
	return now_ns() - begin_ns;
}

static int by_size(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* pause_s: between two, so that the sockets are listed anew for each. */
static void row(const char *what, const char *path, const char *request, const char *until, unsigned times,
		unsigned pause_s)
{
	uint64_t took[SCRAPES];
	size_t bytes = 0;

	for (unsigned i = 0; i < times; i++) {
		sleep(pause_s);
		took[i] = ask(path, request, until, &bytes);
	}
	qsort(took, times, sizeof(took[0]), by_size);
	printf("| %-22s | %11.2f | %9.2f | %12zu |\n", what, (double)took[times / 2] / 1e6,
	       (double)took[times - 1] / 1e6, bytes);
}

#define DIAGNOSE "{\"verb\":\"diagnose\",\"limits\":{\"close_wait_ns\":1000000000}}\n"

/* The number behind these words in the last part of an answer. */
static unsigned long long number_of(const char *words)
{
	const char *at = strstr(last_part, words);

	return at ? strtoull(at + strlen(words), NULL, 10) : 0;
}

static void events_tell(const char *when)
{
	size_t bytes;

	ask(STATE "/socket", "{\"verb\":\"status\"}\n", "\n{\"end\"", &bytes);
	printf("%s: events %llu, lost %llu\n", when, number_of("\"delivered\":"), number_of("\"lost\":"));
}

static void busy_measure(void)
{
	pid_t pid = churn_start();

	row("diagnose, with churn", STATE "/socket", DIAGNOSE, "\n{\"end\"", ROUNDS, 2);
	printf("\nthe last diagnosis: %llu findings in %llu live connections; %d connections a second came and went\n",
	       number_of("\"findings\":"), number_of("\"live\":"), CHURN);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	events_tell("at the end");
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 50000;
	pid_t pid;

	if (!count || count > 400000) {
		fprintf(stderr, "usage: bench_daemon [CONNECTIONS (up to 400000), of which each has two ends here]\n");
		return 2;
	}
	namespaces_begin();
	connections_open(count);
	pid = daemon_start();
	sleep(2); /* the first listing is taken in */
	printf("\n%u live connections (ends): resident %.0f KiB\n\n", 2 * count, process_resident_kib(pid));
	printf("| request                | median (ms) | most (ms) | answer bytes |\n"
	       "| ---------------------- | ----------- | --------- | ------------ |\n");
	row("GET /metrics", STATE "/http", "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL,
	    SCRAPES, 0);
	row("status", STATE "/socket", "{\"verb\":\"status\"}\n", "\n{\"end\"", SCRAPES, 0);
	row("list", STATE "/socket", "{\"verb\":\"list\"}\n", "\n{\"end\"", 5, 0);
	row("diagnose", STATE "/socket", DIAGNOSE, "\n{\"end\"", ROUNDS, 2);
	busy_measure();
	printf("\nafterwards: resident %.0f KiB\n", process_resident_kib(pid));
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}
