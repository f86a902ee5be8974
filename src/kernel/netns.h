/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netns.h: the network namespaces that can be found, those of processes and those with a name in /run/netns, and
 * how to enter them one after the other. What is done in them is none of its business.
 */
#ifndef LASTACK_KERNEL_NETNS_H
#define LASTACK_KERNEL_NETNS_H

#include <stdint.h>

/* Runs in the namespace with this inode. What it returns below 0 is what netns_visit() returns. */
typedef int (*netns_visit_fn)(void *arg, uint32_t inode);

/*
 * Visits each namespace once and comes back. Returns 0 or the last visit's -errno; *unreachable counts those that
 * could not be entered; those of processes that it may not look at are not found. Only for the main thread, as
 * /proc/self is the main thread's.
 */
int netns_visit(netns_visit_fn visit, void *arg, uint32_t *unreachable);

/* What no two namespaces since boot share, as inodes are used again; 0: the kernel does not tell (before 5.14). */
uint64_t netns_cookie_here(void);

#endif
