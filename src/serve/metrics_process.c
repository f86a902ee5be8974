// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_process.c: what every Prometheus client library tells of its own process, from /proc/self at the moment it
 * is asked. Input: nothing. What is served, it does not know.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "serve/metrics_internal.h"

/* proc_pid_stat(5); the first field that matters here is 14, and 2, the name, may hold anything. */
#define STAT_FIELDS   25
#define STAT_UTIME    14
#define STAT_STIME    15
#define STAT_VSIZE    23
#define STAT_RSS      24
#define NS_PER_SECOND 1000000000ULL

/* Returns false, with nothing set, where /proc is not there or not as expected. */
static bool stat_read(uint64_t fields[STAT_FIELDS])
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char line[1024], *at;
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (length <= 0)
		return false;
	line[length] = '\0';
	at = strrchr(line, ')');
	if (!at || at[1] != ' ' || !at[2])
		return false;
	at += 3; /* behind the state, which is a letter */
	for (unsigned i = 4; i < STAT_FIELDS; i++)
		fields[i] = strtoull(at, &at, 10);
	return true;
}

static uint64_t fds_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!directory)
		return ABSENT_U64;
	for (const struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count - 1; /* without the one it was read by */
}

void metrics_process_read(struct metrics_process *process)
{
	uint64_t fields[STAT_FIELDS];
	struct rlimit limit;

	*process = (struct metrics_process){ABSENT_U64, ABSENT_U64, ABSENT_U64, fds_count(), ABSENT_U64};
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		process->max_fds = limit.rlim_cur;
	if (!stat_read(fields))
		return;
	process->cpu_ns = (fields[STAT_UTIME] + fields[STAT_STIME]) * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
	process->virtual_bytes = fields[STAT_VSIZE];
	process->resident_bytes = fields[STAT_RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
}
