/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench_daemon.c: what `lastack daemon` costs while many connections live: its resident memory, and how long a scrape
 * of /metrics, a status and a list take, from the client's side.
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
static uint64_t ask(const char *path, const char *request, const char *until, size_t *bytes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t begin_ns = now_ns();
	char part[65536 + 1];
	bool over = false;
	ssize_t got;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		die(path);
	*bytes = 0;
	while (!over && (got = read(fd, part, sizeof(part) - 1)) > 0) {
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

static void row(const char *what, const char *path, const char *request, const char *until, unsigned times)
{
	uint64_t took[SCRAPES];
	size_t bytes = 0;

	for (unsigned i = 0; i < times; i++)
		took[i] = ask(path, request, until, &bytes);
	qsort(took, times, sizeof(took[0]), by_size);
	printf("| %-22s | %11.2f | %9.2f | %12zu |\n", what, (double)took[times / 2] / 1e6,
	       (double)took[times - 1] / 1e6, bytes);
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
	    SCRAPES);
	row("status", STATE "/socket", "{\"verb\":\"status\"}\n", "\n{\"end\"", SCRAPES);
	row("list", STATE "/socket", "{\"verb\":\"list\"}\n", "\n{\"end\"", 5);
	printf("\nafterwards: resident %.0f KiB\n", process_resident_kib(pid));
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}
