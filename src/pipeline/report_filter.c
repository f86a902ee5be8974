/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_filter.c: see report_filter.h.
 */
#include <string.h>

#include "pipeline/report_filter.h"

bool port_wanted(const struct port_list *list, uint16_t port)
{
	for (unsigned i = 0; i < list->count; i++)
		if (port >= list->ranges[i].first && port <= list->ranges[i].last)
			return true;
	return list->count == 0;
}

bool number_wanted(const uint32_t *list, unsigned count, uint32_t number)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == number)
			return true;
	return count == 0;
}

bool word_wanted(const char *const *list, unsigned count, const char *word)
{
	for (unsigned i = 0; i < count; i++)
		if (word && !strcmp(list[i], word))
			return true;
	return count == 0;
}

bool report_wanted(const struct report_filter *filter, const struct connection_report *report, const char *cgroup)
{
	return (!filter->family || filter->family == report->family) &&
	       port_wanted(&filter->local_ports, report->local_port) &&
	       port_wanted(&filter->remote_ports, report->remote_port) &&
	       number_wanted(filter->netns, filter->netns_count, report->netns) &&
	       number_wanted(filter->pids, filter->pid_count, report->pid) &&
	       word_wanted(filter->comms, filter->comm_count, report->comm) &&
	       word_wanted(filter->cgroups, filter->cgroup_count, cgroup) &&
	       (!filter->classes || filter->classes >> report->class & 1) &&
	       (!filter->causes || filter->causes >> report->cause & 1);
}
