/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroups.c: see cgroups.h. A cgroup's id is its file handle in the cgroup file system (kernfs, 64 bit),
 * so the kernel itself does the look-up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroups.h"
#include "kernel/features.h"

/* include/linux/exportfs.h: FILEID_KERNFS */
#define HANDLE_TYPE_KERNFS 0xfe
#define MOUNT_BYTES        256
#define PATH_BYTES         1024
#define WALK_DEPTH         16
#define WALK_INTERVAL_NS   1000000000ULL

struct cgroups {
	char mount[MOUNT_BYTES];
	int fd;
	uint64_t walked_ns; /* when the tree was last walked for a path */
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

/* The directory with this inode, which is the cgroup's id, below `path`; appended to it. */
static bool tree_find(char *path, size_t size, unsigned depth, uint64_t id)
{
	size_t length = strlen(path);
	DIR *directory = depth ? opendir(path) : NULL;
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || length + strlen(entry->d_name) + 2 > size)
			continue;
		path[length] = '/';
		strcpy(path + length + 1, entry->d_name);
		found = entry->d_ino == id || tree_find(path, size, depth - 1, id);
		if (!found)
			path[length] = '\0';
	}
	if (directory)
		closedir(directory);
	return found;
}

/*
 * For those without CAP_DAC_READ_SEARCH. A host may have thousands of cgroups, so not more often than every second; an
 * id that is asked for in between stays without a path.
 */
static int path_by_walk(struct cgroups *cgroups, uint64_t id, char *path, size_t size)
{
	uint64_t now_ns = feature_monotonic_ns();
	char whole[PATH_BYTES];
	struct stat root;

	if (!fstat(cgroups->fd, &root) && root.st_ino == id) {
		snprintf(path, size, "/");
		return 0;
	}
	if (now_ns - cgroups->walked_ns < WALK_INTERVAL_NS)
		return -EAGAIN;
	cgroups->walked_ns = now_ns;
	snprintf(whole, sizeof(whole), "%s", cgroups->mount);
	if (!tree_find(whole, sizeof(whole), WALK_DEPTH, id))
		return -ENOENT;
	snprintf(path, size, "%s", whole + strlen(cgroups->mount));
	return 0;
}

int cgroups_path(struct cgroups *cgroups, uint64_t id, char *path, size_t size)
{
	struct kernfs_handle handle = {
		.handle = {.handle_bytes = sizeof(handle.id), .handle_type = HANDLE_TYPE_KERNFS},
		.id = id,
	};
	char link[64], whole[PATH_BYTES];
	size_t prefix;
	ssize_t length;
	int fd;

	if (!cgroups)
		return -ENOENT;
	fd = open_by_handle_at(cgroups->fd, &handle.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == EPERM ? path_by_walk(cgroups, id, path, size) : -errno;
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
	char whole[PATH_BYTES];
	int mount;

	if (!cgroups)
		return -ENOENT;
	snprintf(whole, sizeof(whole), "%s/%s", cgroups->mount, path);
	if (name_to_handle_at(AT_FDCWD, whole, &handle.handle, &mount, 0))
		return -errno;
	*id = handle.id;
	return 0;
}
