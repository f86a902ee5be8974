/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_list.c: runs the socket iterators. iter/task_file sees the sockets of every process in every
 * network namespace without entering one; iter/tcp sees all sockets, also those that no process holds,
 * but only of the namespace that its reader is in when it is opened.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/monitor_internal.h"
#include "kernel/netns.h"

#define RECORDS_AT_ONCE 512

static int iterator_read(int fd, monitor_event_fn record, void *arg)
{
	char buffer[RECORDS_AT_ONCE * sizeof(struct event_existing)];
	size_t have = 0, at;
	ssize_t got;

	while ((got = read(fd, buffer + have, sizeof(buffer) - have)) != 0) {
		if (got < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return -errno;
		}
		have += (size_t)got;
		for (at = 0; have - at >= sizeof(struct event_existing); at += sizeof(struct event_existing)) {
			struct event_existing existing;

			memcpy(&existing, buffer + at, sizeof(existing));
			record(arg, &existing.header);
		}
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
	return 0;
}

static int iterate(struct bpf_program *program, monitor_event_fn record, void *arg)
{
	struct bpf_link *link;
	int fd, status;

	if (!bpf_program__autoload(program))
		return 0;
	link = bpf_program__attach_iter(program, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	status = fd < 0 ? -errno : iterator_read(fd, record, arg);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return status;
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

struct listing {
	struct monitor *monitor;
	monitor_event_fn record;
	void *arg;
};

static int list_namespace(void *arg, uint32_t inode)
{
	struct listing *listing = arg;
	int status = iterate(listing->monitor->skeleton->progs.iterate_tcp, listing->record, listing->arg);

	if (!status)
		netns_listed(inode, listing->record, listing->arg);
	return status;
}

int monitor_list(struct monitor *monitor, bool with_namespaces, monitor_event_fn record, void *arg,
		 uint32_t *unreachable)
{
	struct listing listing = {monitor, record, arg};
	int status;

	*unreachable = 0;
	status = iterate(monitor->skeleton->progs.iterate_files, record, arg);
	if (status || !with_namespaces || !bpf_program__autoload(monitor->skeleton->progs.iterate_tcp))
		return status;
	return netns_visit(list_namespace, &listing, unreachable);
}
