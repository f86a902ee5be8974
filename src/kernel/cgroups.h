/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroups.h: from a cgroup v2 id, as the kernel side reports it, to the path under the mount and back.
 */
#ifndef LASTACK_KERNEL_CGROUPS_H
#define LASTACK_KERNEL_CGROUPS_H

#include <stddef.h>
#include <stdint.h>

struct cgroups;

/* Finds the cgroup v2 mount. NULL without one or without memory: then no path is ever found. */
struct cgroups *cgroups_open(void);
void cgroups_close(struct cgroups *cgroups);
/*
 * Writes the path ("/system.slice/nginx.service", "/" for the root). Returns 0, or -errno where the
 * cgroup is gone. Without CAP_DAC_READ_SEARCH the whole tree is gone through, and -EAGAIN says that this was done too
 * lately to be done again. cgroups may be NULL.
 */
int cgroups_path(struct cgroups *cgroups, uint64_t id, char *path, size_t size);
/* The id of a path such as "/system.slice/nginx.service". Returns 0 or -errno. */
int cgroups_id(const struct cgroups *cgroups, const char *path, uint64_t *id);

#endif
