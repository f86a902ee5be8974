/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.c: see kernel.h. What came with a version is told by the version; what depends on hooks, by lastack itself.
 */
#include "kernel.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const struct {
	unsigned major, minor; /* since when, 0: where lastack finds a hook */
	const char *fact, *without;
} facts[KERNEL_FACTS] = {
	/* c5dbb89fc2ac: bpf_get_socket_cookie() in tracing programs */
	[KERNEL_COOKIES] = {5, 12, "socket cookies in BPF programs",
			    "keys are addresses: what a minisock meets cannot be joined with its connection"},
	/* 3868ab0f1925: tcp_sock.total_rto */
	[KERNEL_TIMEOUTS] = {6, 7, "a count of timeouts in each connection", "`timeouts` is null"},
	/* 5691276b39da, 19822a980e19: (sk, skb, reason), and also without a full socket */
	[KERNEL_RESET_REASONS] = {6, 10, "reasons of resets", "`rst_reason` is null"},
	[KERNEL_TIME_WAIT_ENDS] = {0, 0, "a hook where minisocks meet segments",
				   "that a reset ended TIME_WAIT is not told; before 6.10 data after close neither"},
};

static bool shown[KERNEL_FACTS];

static bool kernel_is_from(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned have_major = 0, have_minor = 0;

	uname(&name);
	sscanf(name.release, "%u.%u", &have_major, &have_minor);
	return have_major > major || (have_major == major && have_minor >= minor);
}

/* Does a line of `lastack check -o json` say that this hook is attached somewhere? */
static bool hook_is(const char *line, const char *hook)
{
	json_t *object = json_loads(line, 0, NULL);
	const char *name = json_string_value(json_object_get(object, "hook"));
	bool attached = name && !strcmp(name, hook) && json_is_string(json_object_get(object, "tier"));

	json_decref(object);
	return attached;
}

int kernel_ask(const char *lastack, const char *types)
{
	char command[8400], line[1024];
	bool hook = false;
	size_t lines = 0;
	FILE *check;

	snprintf(command, sizeof(command), "'%s' check -o json %s%s%s", lastack, types ? "--btf '" : "",
		 types ? types : "", types ? "'" : "");
	check = popen(command, "r");
	if (!check)
		return -errno;
	for (; fgets(line, sizeof(line), check); lines++)
		hook |= hook_is(line, "segment to TIME_WAIT");
	pclose(check); /* its status tells of any hook that is missing */
	if (!lines)
		return -EIO;
	for (size_t i = 0; i < KERNEL_FACTS; i++)
		shown[i] = facts[i].major && kernel_is_from(facts[i].major, facts[i].minor);
	shown[KERNEL_COOKIES] &= !types; /* the helper that gives them wants a typed socket */
	shown[KERNEL_TIME_WAIT_ENDS] = hook && shown[KERNEL_COOKIES];
	return 0;
}

bool kernel_shows(enum kernel_fact fact)
{
	return shown[fact];
}

void kernel_print_missing(void)
{
	for (size_t i = 0; i < KERNEL_FACTS; i++)
		if (!shown[i])
			printf("without %s: %s\n", facts[i].fact, facts[i].without);
}
