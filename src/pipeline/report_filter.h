/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_filter.h: which reports somebody wants to see. Its input are a filter and a report; who asks, and on what
 * command line or socket, it does not know.
 */
#ifndef LASTACK_PIPELINE_REPORT_FILTER_H
#define LASTACK_PIPELINE_REPORT_FILTER_H

#include "event.h"
#include "options.h"
#include "report.h"

#define FILTER_PIDS_MAX         16
#define FILTER_COMMS_MAX        8
#define FILTER_CGROUP_PATHS_MAX FILTER_CGROUPS_MAX

/* What the operator wants to see. Empty lists and zero sets let everything pass. */
struct report_filter {
	unsigned family; /* 4, 6, or 0 for both */
	struct port_list local_ports, remote_ports;
	unsigned netns_count, pid_count, comm_count, cgroup_count;
	uint32_t netns[FILTER_NETNS_MAX];
	uint32_t pids[FILTER_PIDS_MAX];
	const char *comms[FILTER_COMMS_MAX];
	const char *cgroups[FILTER_CGROUP_PATHS_MAX];
	uint64_t classes, causes; /* sets of enum values */
};

bool port_wanted(const struct port_list *list, uint16_t port);
bool number_wanted(const uint32_t *list, unsigned count, uint32_t number);
/* word: NULL where it is not known. */
bool word_wanted(const char *const *list, unsigned count, const char *word);

/* cgroup: path or NULL. */
bool report_wanted(const struct report_filter *filter, const struct connection_report *report, const char *cgroup);

#endif
