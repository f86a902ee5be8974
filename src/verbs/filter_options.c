/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter_options.c: see filter_options.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verbs/filter_options.h"

int parse_netns(const char *value, void *target, const char **why)
{
	struct report_filter *filter = target;
	struct stat status;
	char *end;
	unsigned long long inode = strtoull(value, &end, 10);

	if (filter->netns_count == FILTER_NETNS_MAX) {
		*why = "too many network namespaces";
		return -EINVAL;
	}
	if (*end || end == value) {
		if (stat(value, &status)) {
			*why = "neither an inode number nor a path such as /run/netns/NAME or /proc/PID/ns/net";
			return -EINVAL;
		}
		inode = status.st_ino;
	}
	if (!inode || inode > UINT32_MAX) {
		*why = "not an inode number of a network namespace";
		return -EINVAL;
	}
	filter->netns[filter->netns_count++] = (uint32_t)inode;
	return 0;
}

int parse_pids(const char *value, void *target, const char **why)
{
	struct report_filter *filter = target;
	char *end;

	for (;;) {
		unsigned long pid = strtoul(value, &end, 10);

		if (end == value || (*end && *end != ',') || pid == 0 || pid > INT32_MAX) {
			*why = "not a list of process ids such as 4711,4712";
			return -EINVAL;
		}
		if (filter->pid_count == FILTER_PIDS_MAX) {
			*why = "too many process ids";
			return -EINVAL;
		}
		filter->pids[filter->pid_count++] = (uint32_t)pid;
		if (!*end)
			return 0;
		value = end + 1;
	}
}

/* Adds the comma-separated words. Their memory lives as long as the process, as the arguments do. */
static int parse_words(const char *value, const char **list, unsigned *count, unsigned max, const char **why)
{
	char *copy = strdup(value), *rest = copy, *word;

	if (!copy) {
		*why = "out of memory";
		return -EINVAL;
	}
	while ((word = strsep(&rest, ","))) {
		if (!*word || *count == max) {
			*why = *word ? "too many names" : "an empty name";
			free(copy);
			return -EINVAL;
		}
		list[(*count)++] = word;
	}
	return 0;
}

int parse_comms(const char *value, void *target, const char **why)
{
	struct report_filter *filter = target;

	return parse_words(value, filter->comms, &filter->comm_count, FILTER_COMMS_MAX, why);
}

int parse_cgroups(const char *value, void *target, const char **why)
{
	struct report_filter *filter = target;

	if (value[0] != '/') {
		*why = "not a path below the cgroup v2 mount, such as /system.slice/nginx.service";
		return -EINVAL;
	}
	return parse_words(value, filter->cgroups, &filter->cgroup_count, FILTER_CGROUP_PATHS_MAX, why);
}

void pipeline_options_init(struct pipeline_options *options)
{
	memset(options, 0, sizeof(*options));
	options->format = REPORT_TABLE;
	options->settle_ns = 1000000000;
	options->max_connections = 262144;
}

/* Where nobody says how wide it is: a file, a pipe. Everything but whole IPv6 addresses fits. */
#define FILE_COLUMNS 200

uint32_t terminal_columns(uint32_t otherwise)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	return columns && atoi(columns) >= 40 ? (uint32_t)atoi(columns) : otherwise;
}

int pipeline_options_finish(const struct option_verb *verb, struct pipeline_options *options, bool only_v4,
			    bool only_v6)
{
	if (options->events && options->format == REPORT_CSV)
		return options_error(verb, "--events",
				     "events of different kinds have no common columns: use table or json");
	if (only_v4 != only_v6)
		options->filter.family = only_v4 ? 4 : 6;
	if (!options->columns)
		options->columns = terminal_columns(FILE_COLUMNS);
	return 0;
}
