/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench_stacks.c: what --stacks costs the programs that are watched: CPU time of a connection that is opened, accepted
 * and closed, and of a system call that has nothing to do with it, without a monitor, with one, and with one that takes
 * stacks. Medians of several rounds, in a private network namespace.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

#define ROUNDS      7
#define CONNECTIONS 10000
#define CALLS       1000000
#define MONITORS    3

static const struct monitor {
	const char *name;
	const char *option; /* NULL: none runs */
} monitors[MONITORS] = {
	{"none", NULL},
	{"diagnose --once", "--show=1"},
	{"diagnose --once --stacks", "--stacks"},
};

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* Returns when it watches. */
static pid_t monitor_start(const struct monitor *monitor)
{
	char line[4096] = "";
	size_t have = 0;
	int said[2];
	pid_t pid;

	if (pipe(said))
		die("pipe");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(said[1], STDERR_FILENO);
		execl("build/lastack", "lastack", "diagnose", "--once", "--duration", "10m", monitor->option, NULL);
		_exit(127);
	}
	close(said[1]);
	while (!strstr(line, "Ctrl-C") && have < sizeof(line) - 1) {
		ssize_t got = read(said[0], line + have, sizeof(line) - 1 - have);

		if (got <= 0) {
			fprintf(stderr, "%s", line);
			die("the monitor does not start");
		}
		have += (size_t)got;
		line[have] = '\0';
	}
	close(said[0]);
	return pid;
}

static void monitor_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int listener_open(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, size) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)address, &size))
		die("listener");
	return fd;
}

static double connection_ns(int listener, const struct sockaddr_in *address)
{
	const struct linger reset = {1, 0}; /* no TIME_WAIT: no port is used up */
	uint64_t begin_ns = cpu_ns();

	for (int i = 0; i < CONNECTIONS; i++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

		if (client < 0 || connect(client, (const struct sockaddr *)address, sizeof(*address)))
			die("connect");
		server = accept(listener, NULL, NULL);
		if (server < 0 || setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
			die("accept");
		close(client);
		close(server);
	}
	return (double)(cpu_ns() - begin_ns) / CONNECTIONS;
}

static double call_ns(void)
{
	uint64_t begin_ns = cpu_ns();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return (double)(cpu_ns() - begin_ns) / CALLS;
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_size);
	return values[ROUNDS / 2];
}

int main(void)
{
	static double connections[MONITORS][ROUNDS], calls[MONITORS][ROUNDS];
	struct sockaddr_in address;
	int listener;

	namespaces_begin();
	listener = listener_open(&address);
	connection_ns(listener, &address); /* caches */
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < MONITORS; i++) {
			pid_t pid = monitors[i].option ? monitor_start(&monitors[i]) : 0;

			connections[i][round] = connection_ns(listener, &address);
			calls[i][round] = call_ns();
			if (pid)
				monitor_stop(pid);
		}
	printf("| monitor                  | ns a connection | ns a getppid() |\n"
	       "| ------------------------ | --------------- | -------------- |\n");
	for (int i = 0; i < MONITORS; i++)
		printf("| %-24s | %15.0f | %14.0f |\n", monitors[i].name, median(connections[i]), median(calls[i]));
	return 0;
}
