/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_list.c: runs the socket iterators. iter/task_file sees the sockets of every process in every
 * network namespace without entering one; iter/tcp sees all sockets, also those that no process holds,
 * but only of the namespace that its reader is in when it is opened.
 */
#include <bpf/libbpf.h>

#include "kernel/features.h"
#include "kernel/iterate.h"
#include "kernel/monitor_internal.h"
#include "kernel/netns.h"

struct listing {
	struct monitor *monitor;
	monitor_event_fn record;
	void *arg;
};

static void pass_on(void *arg, const void *record)
{
	const struct listing *listing = arg;

	listing->record(listing->arg, record);
}

/* Nothing where this kernel has no such iterator. */
static int iterate(struct listing *listing, const struct bpf_program *program)
{
	return bpf_program__autoload(program)
		       ? iterate_records(program, sizeof(struct event_existing), pass_on, listing)
		       : 0;
}

/* Says that a namespace has been listed whole. */
static void netns_listed(uint32_t inode, monitor_event_fn record, void *arg)
{
	struct event_existing done = {
		.header = {.time_ns = feature_monotonic_ns(), .kind = EVENT_EXISTING, .version = EVENT_VERSION},
		.state = 7, /* CLOSE: no socket */
		.family = 4,
		.source = EXISTING_NETNS,
		.descriptor = -1,
	};

	done.tuple.netns = inode;
	record(arg, &done.header);
}

static int list_namespace(void *arg, uint32_t inode)
{
	struct listing *listing = arg;
	int status = iterate(listing, listing->monitor->skeleton->progs.iterate_tcp);

	if (!status)
		netns_listed(inode, listing->record, listing->arg);
	return status;
}

bool monitor_lists(const struct monitor *monitor)
{
	return bpf_program__autoload(monitor->skeleton->progs.iterate_files) ||
	       bpf_program__autoload(monitor->skeleton->progs.iterate_tcp);
}

int monitor_list(struct monitor *monitor, bool with_namespaces, monitor_event_fn record, void *arg,
		 uint32_t *unreachable)
{
	struct listing listing = {monitor, record, arg};
	int status;

	*unreachable = 0;
	status = iterate(&listing, monitor->skeleton->progs.iterate_files);
	if (status || !with_namespaces || !bpf_program__autoload(monitor->skeleton->progs.iterate_tcp))
		return status;
	return netns_visit(list_namespace, &listing, unreachable);
}
