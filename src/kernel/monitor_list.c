/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_list.c: runs the socket iterators. iter/task_file sees the sockets of every process in every
 * network namespace without entering one; iter/tcp sees all sockets, also those that no process holds,
 * but only of the namespace that its reader is in when it is opened.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/monitor_internal.h"

/* Namespaces beyond this are not entered, and count as unreachable. */
#define NETNS_MAX       4096
#define RECORDS_AT_ONCE 512

struct netns_list {
	ino_t inode[NETNS_MAX];
	int fd[NETNS_MAX];
	size_t count;
	uint32_t unreachable;
};

static int iterator_read(int fd, monitor_event_fn record, void *arg)
{
	char buffer[RECORDS_AT_ONCE * sizeof(struct event_existing)];
	size_t have = 0, at;
	ssize_t got;

	while ((got = read(fd, buffer + have, sizeof(buffer) - have)) != 0) {
		if (got < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return -errno;
		}
		have += (size_t)got;
		for (at = 0; have - at >= sizeof(struct event_existing); at += sizeof(struct event_existing)) {
			struct event_existing existing;

			memcpy(&existing, buffer + at, sizeof(existing));
			record(arg, &existing.header);
		}
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
	return 0;
}

static int iterate(struct bpf_program *program, monitor_event_fn record, void *arg)
{
	struct bpf_link *link;
	int fd, status;

	if (!bpf_program__autoload(program))
		return 0;
	link = bpf_program__attach_iter(program, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	status = fd < 0 ? -errno : iterator_read(fd, record, arg);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return status;
}

static void netns_add(struct netns_list *list, const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return; /* the process is gone, or not ours to look at */
	for (size_t i = 0; i < list->count; i++)
		if (list->inode[i] == status.st_ino)
			return;
	if (list->count == NETNS_MAX) {
		list->unreachable++;
		return;
	}
	list->fd[list->count] = open(path, O_RDONLY | O_CLOEXEC);
	if (list->fd[list->count] < 0)
		return;
	list->inode[list->count++] = status.st_ino;
}

static void netns_collect(struct netns_list *list)
{
	char path[320];
	struct dirent *entry;
	DIR *directory;

	directory = opendir("/proc");
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		netns_add(list, path);
	}
	if (directory)
		closedir(directory);
	directory = opendir("/run/netns");
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/run/netns/%s", entry->d_name);
		netns_add(list, path);
	}
	if (directory)
		closedir(directory);
}

/* Says that a namespace has been listed whole. */
static void netns_listed(ino_t inode, monitor_event_fn record, void *arg)
{
	struct event_existing done = {
		.header = {.time_ns = feature_monotonic_ns(), .kind = EVENT_EXISTING, .version = EVENT_VERSION},
		.state = 7, /* CLOSE: no socket */
		.family = 4,
		.source = EXISTING_NETNS,
		.descriptor = -1,
	};

	done.tuple.netns = (uint32_t)inode;
	record(arg, &done.header);
}

static int list_namespaces(struct monitor *monitor, struct netns_list *list, monitor_event_fn record, void *arg)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), status = 0;

	if (home < 0)
		return -errno;
	netns_collect(list);
	for (size_t i = 0; i < list->count; i++) {
		if (setns(list->fd[i], CLONE_NEWNET)) {
			list->unreachable++;
		} else {
			status = iterate(monitor->skeleton->progs.iterate_tcp, record, arg);
			if (!status)
				netns_listed(list->inode[i], record, arg);
		}
		close(list->fd[i]);
	}
	if (setns(home, CLONE_NEWNET) && errno != EPERM)
		status = -errno;
	close(home);
	return status;
}

int monitor_list(struct monitor *monitor, bool with_namespaces, monitor_event_fn record, void *arg,
		 uint32_t *unreachable)
{
	struct netns_list *list;
	int status;

	*unreachable = 0;
	status = iterate(monitor->skeleton->progs.iterate_files, record, arg);
	if (status || !with_namespaces || !bpf_program__autoload(monitor->skeleton->progs.iterate_tcp))
		return status;
	list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	status = list_namespaces(monitor, list, record, arg);
	*unreachable = list->unreachable;
	free(list);
	return status;
}
