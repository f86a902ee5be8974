/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_internal.h: shared by monitor.c and monitor_list.c.
 */
#ifndef LASTACK_KERNEL_MONITOR_INTERNAL_H
#define LASTACK_KERNEL_MONITOR_INTERNAL_H

#include "kernel/monitor.h"
#include "lastack.skel.h"

#define MONITOR_LINKS_MAX 32

struct monitor {
	struct lastack_bpf *skeleton;
	struct ring_buffer *ring;
	struct bpf_link *links[MONITOR_LINKS_MAX];
	size_t link_count;
	struct hook_choice choices[HOOKS_MAX];
	size_t choice_count;
	int cpus;
	struct event_counts *counts; /* one for each possible CPU, as the map gives them */
	/* for the time of one monitor_consume() */
	monitor_event_fn event;
	void *arg;
	uint32_t limit, consumed;
};

int monitor_sample(void *context, void *data, size_t size);

#endif
