/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor.h: runs one lastack beside the tests and listens to what it says on standard error.
 */
#ifndef LIVE_MONITOR_H
#define LIVE_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MONITOR_WORDS 16

struct monitor {
	pid_t pid; /* 0: not running */
	int stderr_fd;
	char text[65536]; /* what came on standard error so far */
	size_t text_bytes;
	int wait_status; /* once it has ended */
};

/*
 * Starts a program (argv[0] is its path) with its standard output on a descriptor and waits until it
 * says that it is watching. 0 or -errno; its text says why.
 */
int monitor_start(struct monitor *monitor, char *const argv[], int stdout_fd);

/* Takes in what it has said meanwhile; false once it has ended. Waits timeout_ms at most. */
bool monitor_listen(struct monitor *monitor, int timeout_ms);

/* Ends it with SIGINT, and waits. 0, or -ETIME when it had to be killed. */
int monitor_stop(struct monitor *monitor);

/* How many events of a kind it said were lost. */
unsigned long long monitor_lost(const struct monitor *monitor, const char *kind);

/* The numbers of its last word: generated, delivered, lost, filtered. False when it gave none. */
bool monitor_summary(const struct monitor *monitor, unsigned long long numbers[4]);

#endif
