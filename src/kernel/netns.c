/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netns.c: see netns.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/netns.h"

/* Namespaces beyond this are not entered, and count as unreachable. */
#define NETNS_MAX 4096

/* asm-generic/socket.h, since 5.14; not in every libc's headers. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct netns_list {
	ino_t inode[NETNS_MAX];
	int fd[NETNS_MAX];
	size_t count;
	uint32_t unreachable;
	bool away; /* from the namespace that the caller was in */
};

/* The process is gone, or not ours to look at. */
static bool is_out_of_sight(int error)
{
	return error == ENOENT || error == ESRCH || error == EACCES || error == EPERM;
}

static void netns_add(struct netns_list *list, const char *path)
{
	struct stat status;

	if (stat(path, &status)) {
		list->unreachable += !is_out_of_sight(errno);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		if (list->inode[i] == status.st_ino)
			return;
	if (list->count == NETNS_MAX) {
		list->unreachable++;
		return;
	}
	list->fd[list->count] = open(path, O_RDONLY | O_CLOEXEC);
	if (list->fd[list->count] < 0) {
		list->unreachable += !is_out_of_sight(errno);
		return;
	}
	list->inode[list->count++] = status.st_ino;
}

/* Names in a directory that begin with a digit, or all but hidden ones; what is behind it is a namespace. */
static int netns_collect_from(struct netns_list *list, const char *path, bool numbers, const char *behind)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[320];
	int status;

	if (!directory && errno == EACCES)
		list->unreachable++; /* at least one: how many there are is not to be seen */
	if (!directory)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	while ((errno = 0, entry = readdir(directory))) {
		if (numbers ? entry->d_name[0] < '0' || entry->d_name[0] > '9' : entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s%s", path, entry->d_name, behind);
		netns_add(list, name);
	}
	status = -errno;
	closedir(directory);
	return status;
}

/* Fails where the list may lack namespaces: what is not in it would pass for gone. */
static int netns_collect(struct netns_list *list)
{
	int status = netns_collect_from(list, "/proc", true, "/ns/net");

	return status ? status : netns_collect_from(list, "/run/netns", false, "");
}

static int visit_all(struct netns_list *list, netns_visit_fn visit, void *arg)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), status = 0;
	struct stat here;

	if (home < 0)
		return -errno;
	status = fstat(home, &here) ? -errno : netns_collect(list);
	for (size_t i = 0; i < list->count; i++) {
		/* Where one is already, no privilege is needed. */
		bool is_home = list->inode[i] == here.st_ino && !list->away;

		if (!is_home && setns(list->fd[i], CLONE_NEWNET)) {
			list->unreachable++;
		} else {
			int visited = visit(arg, (uint32_t)list->inode[i]);

			list->away |= !is_home;
			status = status ? status : visited; /* the rest is visited all the same */
		}
		close(list->fd[i]);
	}
	if (list->away && setns(home, CLONE_NEWNET))
		status = -errno;
	close(home);
	return status;
}

int netns_visit(netns_visit_fn visit, void *arg, uint32_t *unreachable)
{
	struct netns_list *list = calloc(1, sizeof(*list));
	int status;

	if (!list)
		return -ENOMEM;
	status = visit_all(list, visit, arg);
	*unreachable = list->unreachable;
	free(list);
	return status;
}

uint64_t netns_cookie_here(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof(uint64_t);
	uint64_t cookie = 0;

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &bytes))
		cookie = 0;
	close(fd);
	return cookie;
}
