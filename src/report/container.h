/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * container.h: finds the container id in the path of a cgroup. Its input is that path; it must not
 * know a container runtime's interface, only how runtimes name their cgroups.
 */
#ifndef LASTACK_REPORT_CONTAINER_H
#define LASTACK_REPORT_CONTAINER_H

#define CONTAINER_ID_BYTES 64

/*
 * The innermost container's id inside `path`: 64 lower-case hex digits, not NUL-terminated, or NULL.
 * Known forms: docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope, a component
 * that is the ID (/docker/ID, /kubepods/.../ID), and SLICE:cri-containerd:ID. The monitor beside a
 * container (libpod-conmon-ID.scope) is not in it.
 */
const char *container_id_find(const char *path);

#endif
