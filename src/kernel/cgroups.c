/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroups.c: see cgroups.h. A cgroup's id is its file handle in the cgroup file system (kernfs, 64 bit),
 * so the kernel itself does the look-up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroups.h"

/* include/linux/exportfs.h: FILEID_KERNFS */
#define HANDLE_TYPE_KERNFS 0xfe
#define MOUNT_BYTES        256

struct cgroups {
	char mount[MOUNT_BYTES];
	int fd;
};

struct kernfs_handle {
	struct file_handle handle;
	uint64_t id; /* where f_handle begins */
};

struct cgroups *cgroups_open(void)
{
	struct cgroups *cgroups = calloc(1, sizeof(*cgroups));
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024], path[MOUNT_BYTES], type[64];

	if (!cgroups || !mounts)
		goto none;
	cgroups->fd = -1;
	while (cgroups->fd < 0 && fgets(line, sizeof(line), mounts)) {
		if (sscanf(line, "%*s %255s %63s", path, type) != 2 || strcmp(type, "cgroup2"))
			continue;
		memcpy(cgroups->mount, path, sizeof(path));
		cgroups->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (cgroups->fd < 0)
		goto none;
	fclose(mounts);
	return cgroups;
none:
	if (mounts)
		fclose(mounts);
	free(cgroups);
	return NULL;
}

void cgroups_close(struct cgroups *cgroups)
{
	if (!cgroups)
		return;
	close(cgroups->fd);
	free(cgroups);
}

int cgroups_path(const struct cgroups *cgroups, uint64_t id, char *path, size_t size)
{
	struct kernfs_handle handle = {
		.handle = {.handle_bytes = sizeof(handle.id), .handle_type = HANDLE_TYPE_KERNFS},
		.id = id,
	};
	char link[64], whole[1024];
	size_t prefix;
	ssize_t length;
	int fd;

	if (!cgroups)
		return -ENOENT;
	fd = open_by_handle_at(cgroups->fd, &handle.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, whole, sizeof(whole) - 1);
	close(fd);
	if (length < 0)
		return -errno;
	whole[length] = '\0';
	prefix = strlen(cgroups->mount);
	if (strncmp(whole, cgroups->mount, prefix))
		return -ENOENT;
	snprintf(path, size, "%s", whole[prefix] ? whole + prefix : "/");
	return 0;
}

int cgroups_id(const struct cgroups *cgroups, const char *path, uint64_t *id)
{
	struct kernfs_handle handle = {.handle = {.handle_bytes = sizeof(handle.id)}};
	char whole[1024];
	int mount;

	if (!cgroups)
		return -ENOENT;
	snprintf(whole, sizeof(whole), "%s/%s", cgroups->mount, path);
	if (name_to_handle_at(AT_FDCWD, whole, &handle.handle, &mount, 0))
		return -errno;
	*id = handle.id;
	return 0;
}
