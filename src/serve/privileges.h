/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * privileges.h: gives up what the daemon no longer needs, first the user and the capabilities, then system calls.
 */
#ifndef LASTACK_SERVE_PRIVILEGES_H
#define LASTACK_SERVE_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who the daemon is to become. */
struct privileges_user {
	bool change; /* it was started by root, and is to become another */
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* A set of capabilities: bits of 1 << CAP_*. */
typedef uint64_t capability_set_t;

/* name NULL: "lastack". Only root can change. Returns 0, or -errno with `why` (size bytes) set. */
int privileges_user(const char *name, struct privileges_user *user, char *why, size_t size);
/*
 * Becomes the user, for good, and keeps at most the capabilities of `keep` that are there, in the permitted and
 * effective sets only. No program that is executed later would get any. Returns 0, or -errno with `why` set.
 * Before there are threads.
 */
int privileges_drop(const struct privileges_user *user, capability_set_t keep, char *why, size_t size);
/* Of these, what this thread may use now. */
capability_set_t privileges_effective(capability_set_t of);
/* Gives up more. Returns 0 or -errno. */
int privileges_give_up(capability_set_t give_up);

/*
 * From here on only the system calls that the daemon makes are possible; others fail with EPERM. For the calling
 * thread and those that it starts. After privileges_drop(). tell: the kernel's log tells of those. Returns 0 or -errno.
 */
int privileges_seccomp(bool tell);

#endif
