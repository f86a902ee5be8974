/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor.h: the BPF side as the rest of the program sees it: load and attach, take events out of the
 * ring, count them, list the sockets that exist. Besides hooks.c the only user of libbpf.
 */
#ifndef LASTACK_KERNEL_MONITOR_H
#define LASTACK_KERNEL_MONITOR_H

#include <stdint.h>

#include "event.h"
#include "kernel/hooks.h"

struct monitor;

/* The filter that runs in the kernel. Empty lists let everything pass. */
struct monitor_filter {
	uint8_t family; /* 4, 6, or 0 for both */
	uint32_t netns_count, cgroup_count, local_port_count, remote_port_count;
	uint32_t netns[FILTER_NETNS_MAX];
	uint64_t cgroup[FILTER_CGROUPS_MAX];
	struct port_range local_port[FILTER_PORTS_MAX], remote_port[FILTER_PORTS_MAX];
};

struct monitor_config {
	uint32_t ring_bytes; /* of each CPU's ring: a power of two, at least a page; 0: by the number of CPUs */
	enum hook_tier tier; /* TIER_ANY unless a test wants one */
	bool stray_resets;   /* also resets that belong to no connection */
	bool stacks;         /* also the user stacks of connect() and accept() */
	const char *types;   /* a file that has the kernel's types (types.h), NULL: the kernel itself */
	struct monitor_filter filter;
};

typedef void (*monitor_event_fn)(void *arg, const struct event_header *event);

/*
 * Loads and attaches. On failure returns -errno and writes to why (size bytes) what is missing and what
 * to do: -EPERM no privilege, -EOPNOTSUPP no kernel support, TYPES_UNFIT, others as they come.
 */
int monitor_open(struct monitor **monitor, const struct monitor_config *config, char *why, size_t size);
void monitor_close(struct monitor *monitor);
/* Takes the hooks off; what is in the ring can still be consumed, and counts still be read. */
void monitor_detach(struct monitor *monitor);

/* For epoll: readable when some ring is a quarter full; below that nobody is woken. */
int monitor_fd(const struct monitor *monitor);
/*
 * Hands out what the rings hold, up to until_ns, oldest first, at most `limit` records; returns how many.
 * A program needs some microseconds from an event's time to its record's end: who wants a complete
 * stream keeps until_ns at least MONITOR_GUARD_NS behind the present.
 */
#define MONITOR_GUARD_NS 2000000ULL
uint32_t monitor_consume(struct monitor *monitor, uint64_t until_ns, uint32_t limit, monitor_event_fn event, void *arg);
/*
 * Counters since the start, summed over CPUs. Programs that the kernel skipped because they interrupted
 * themselves count as generated and lost.
 */
int monitor_counts(struct monitor *monitor, struct event_counts *counts);
/* Was it known then of every event whether it is lost? Else some may still be on their way. */
bool monitor_losses_are_certain(const struct monitor *monitor);
/* Can sockets be listed at all? Without iterators nothing is known of what existed before. */
bool monitor_lists(const struct monitor *monitor);
/*
 * Lists sockets as EVENT_EXISTING records: by file, in all network namespaces; and, with_namespaces,
 * all of each namespace that can be entered. Returns 0 or -errno; *unreachable counts namespaces that
 * could not be entered. Lists what there are iterators for.
 */
int monitor_list(struct monitor *monitor, bool with_namespaces, monitor_event_fn record, void *arg,
		 uint32_t *unreachable);
/* The choices that were made; count as from hooks_choose(). */
const struct hook_choice *monitor_hooks(const struct monitor *monitor, size_t *count);

#endif
