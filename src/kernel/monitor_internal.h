/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_internal.h: shared by monitor.c and monitor_list.c.
 */
#ifndef LASTACK_KERNEL_MONITOR_INTERNAL_H
#define LASTACK_KERNEL_MONITOR_INTERNAL_H

#include "kernel/complaint.h"
#include "kernel/monitor.h"
#include "kernel/pair_skips.h"
#include "kernel/rings.h"
#include "own_socket.h"
#include "lastack.skel.h"

#define MONITOR_LINKS_MAX 32

struct monitor {
	struct lastack_bpf *skeleton;
	struct rings *rings;
	int *ring_maps;        /* one a CPU that is online */
	uint32_t *ring_of_cpu; /* index into ring_maps, for each possible CPU */
	uint32_t ring_count, ring_bytes;
	int epoll; /* over ring_maps */
	struct bpf_link *links[MONITOR_LINKS_MAX];
	size_t link_count;
	struct hook_choice choices[HOOKS_MAX];
	size_t choice_count;
	int cpus;                 /* possible ones */
	struct cpu_state *states; /* one a possible CPU, as the map gives them */
	struct pair_skips skips[PROGRAM_PAIRS];
	bool skips_uncertain; /* when the losses were last counted */
};

#endif
