/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroup_names.h: which cgroup id has which path, as far as anybody has said.
 */
#ifndef LASTACK_PIPELINE_CGROUP_NAMES_H
#define LASTACK_PIPELINE_CGROUP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup_names;

struct cgroup_names *cgroup_names_create(void);
void cgroup_names_destroy(struct cgroup_names *names);
bool cgroup_names_has(const struct cgroup_names *names, uint64_t id);
/* "" stands for "cannot be known". Returns 0 or -ENOMEM. */
int cgroup_names_set(struct cgroup_names *names, uint64_t id, const char *path);
/* NULL where it is not known. */
const char *cgroup_names_get(const struct cgroup_names *names, uint64_t id);

#endif
