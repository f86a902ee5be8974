// SPDX-License-Identifier: GPL-2.0-only
/*
 * netns_numbers.c: see netns_numbers.h. /proc/net and /proc/sys/net show the namespace of whoever reads.
 */
#include <stdio.h>
#include <string.h>

#include "kernel/netns.h"
#include "kernel/netns_numbers.h"

static bool file_scan(const char *path, const char *format, uint32_t *first, uint32_t *second)
{
	FILE *file = fopen(path, "re");
	int count;

	if (!file)
		return false;
	count = second ? fscanf(file, format, first, second) : fscanf(file, format, first);
	fclose(file);
	return count == (second ? 2 : 1);
}

/* "TCP: inuse 5 orphan 0 tw 3 alloc 6 mem 1"; orphans are those of the host. */
static void sockstat_read(struct diagnosis_netns *numbers)
{
	FILE *file = fopen("/proc/self/net/sockstat", "re");
	char line[160];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TCP: inuse %*u orphan %u tw %u", &numbers->orphans, &numbers->time_waits) == 2)
			break;
	if (file)
		fclose(file);
}

/* Of the namespace that the caller is in, which has this inode. */
static void numbers_read(struct diagnosis_netns *numbers, uint32_t inode)
{
	uint32_t first, last;

	memset(numbers, 0xff, sizeof(*numbers));
	numbers->inode = inode;
	sockstat_read(numbers);
	file_scan("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%u", &numbers->time_waits_max, NULL);
	file_scan("/proc/sys/net/ipv4/tcp_max_orphans", "%u", &numbers->orphans_max, NULL); /* of the first one only */
	if (file_scan("/proc/sys/net/ipv4/ip_local_port_range", "%u %u", &first, &last) && first <= last &&
	    last <= UINT16_MAX) {
		numbers->port_first = first;
		numbers->port_last = last;
	}
}

static int take_one(void *arg, uint32_t inode)
{
	struct diagnosis_netns numbers;

	numbers_read(&numbers, inode);
	diagnosis_netns_add(arg, &numbers);
	return 0;
}

int netns_numbers_take(struct diagnosis *diagnosis)
{
	uint32_t unreachable;

	diagnosis_netns_clear(diagnosis);
	return netns_visit(take_one, diagnosis, &unreachable);
}
