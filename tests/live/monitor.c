/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor.c: starts, hears and ends lastack. It ends with SIGINT too when the test program dies.
 */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_WAIT_MS 20000
#define STOP_WAIT_MS  15000
#define POLL_MS       50

static void text_read(struct monitor *monitor)
{
	size_t room = sizeof(monitor->text) - 1 - monitor->text_bytes;
	char overflow[4096];
	ssize_t got = room ? read(monitor->stderr_fd, monitor->text + monitor->text_bytes, room)
			   : read(monitor->stderr_fd, overflow, sizeof(overflow));
	if (got > 0 && room)
		monitor->text_bytes += (size_t)got;
	monitor->text[monitor->text_bytes] = '\0';
}

bool monitor_listen(struct monitor *monitor, int timeout_ms)
{
	struct pollfd entry = {.fd = monitor->stderr_fd, .events = POLLIN};
	if (!monitor->pid)
		return false;
	while (poll(&entry, 1, timeout_ms) > 0 && (entry.revents & POLLIN)) {
		text_read(monitor);
		timeout_ms = 0;
	}
	if (entry.revents & POLLHUP && timeout_ms)
		poll(NULL, 0, timeout_ms);
	if (waitpid(monitor->pid, &monitor->wait_status, WNOHANG) == monitor->pid)
		monitor->pid = 0;
	return monitor->pid != 0;
}

int monitor_start(struct monitor *monitor, char *const argv[], int stdout_fd)
{
	int ends[2];
	memset(monitor, 0, sizeof(*monitor));
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	monitor->pid = fork();
	if (monitor->pid < 0)
		return -errno;
	if (monitor->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGINT);
		dup2(stdout_fd, STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	monitor->stderr_fd = ends[0];
	for (int waited = 0; waited < START_WAIT_MS; waited += POLL_MS) {
		bool alive = monitor_listen(monitor, POLL_MS);
		if (strstr(monitor->text, "watching"))
			return 0;
		if (!alive)
			return -ECHILD;
	}
	monitor_stop(monitor);
	return -ETIMEDOUT;
}

int monitor_stop(struct monitor *monitor)
{
	if (!monitor->pid)
		return 0;
	kill(monitor->pid, SIGINT);
	for (int waited = 0; waited < STOP_WAIT_MS; waited += POLL_MS)
		if (!monitor_listen(monitor, POLL_MS))
			return 0;
	kill(monitor->pid, SIGKILL);
	waitpid(monitor->pid, &monitor->wait_status, 0);
	monitor->pid = 0;
	return -ETIME;
}

unsigned long long monitor_lost(const struct monitor *monitor, const char *kind)
{
	unsigned long long lost;
	char word[32];
	for (const char *at = monitor->text; (at = strstr(at, "  lost: ")); at++)
		if (sscanf(at, "  lost: %llu of %*u %31s", &lost, word) == 2 && !strcmp(word, kind))
			return lost;
	return 0;
}

bool monitor_summary(const struct monitor *monitor, unsigned long long numbers[4])
{
	const char *at = strstr(monitor->text, "generated ");
	return at && sscanf(at, "generated %llu delivered %llu lost %llu filtered %llu", &numbers[0], &numbers[1],
			    &numbers[2], &numbers[3]) == 4;
}
