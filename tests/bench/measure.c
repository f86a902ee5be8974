/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * measure.c: see measure.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

_Noreturn void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(4);
}

void file_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

void namespaces_begin(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		die("namespaces of our own (root?)");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    (access("/sys/kernel/tracing/events", R_OK) && mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL)))
		die("mounting tracefs");
	if (system("ip link set lo up"))
		die("ip link set lo up");
}

static uint64_t thread_cpu_ns(const char *path)
{
	unsigned long long ns = 0;
	FILE *file = fopen(path, "re");

	if (!file || fscanf(file, "%llu", &ns) != 1)
		ns = 0; /* it has ended meanwhile */
	if (file)
		fclose(file);
	return ns;
}

uint64_t process_cpu_ns(pid_t pid)
{
	char pattern[64];
	uint64_t total = 0;
	glob_t threads;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/schedstat", pid);
	if (!glob(pattern, 0, NULL, &threads))
		for (size_t i = 0; i < threads.gl_pathc; i++)
			total += thread_cpu_ns(threads.gl_pathv[i]);
	globfree(&threads);
	return total;
}

double process_resident_kib(pid_t pid)
{
	char path[64], line[256];
	double kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmRSS:", 6))
			kib = atof(line + 6);
	if (file)
		fclose(file);
	return kib;
}
