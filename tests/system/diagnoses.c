/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnoses.c: see diagnoses.h.
 */
#include "diagnoses.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- scenes ------------------------------------------------------------------------------------------- */

static int go[2]; /* closed by scenes_go() */

void tell(struct told *told, int descriptor)
{
	CHECK(told->count < TOLD_MAX, "too many descriptors to tell of");
	told->descriptors[told->count++] = descriptor;
}

void diagnosing_daemon_start(struct program *daemon, struct daemon_place *place)
{
	daemon_place(place, "one");
	daemon_plan(daemon, place, "--diagnose-interval", "1s", NULL);
	daemon->home = false;
	program_start(daemon);
	daemon_await(daemon);
}

void scenes_begin(void)
{
	CHECK(!pipe2(go, O_CLOEXEC), "pipe: %s", strerror(errno));
}

void scenes_go(void)
{
	close(go[1]);
	close(go[0]);
}

void scene_start(struct told *told, void (*play)(int family, uint16_t port, struct told *told), void (*stay)(void),
		 int family, uint16_t port)
{
	struct told own = {0};
	int answer[2];
	pid_t pid;
	char byte;

	CHECK(!pipe2(answer, O_CLOEXEC), "pipe: %s", strerror(errno));
	pid = fork();
	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid) {
		close(answer[1]);
		CHECK(read(answer[0], told, sizeof(*told)) == sizeof(*told),
		      "the scene at port %u did not come up: is it known why?", port);
		close(answer[0]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(go[1]);
	own.pid = getpid();
	play(family, port, &own);
	CHECK(write(answer[1], &own, sizeof(own)) == sizeof(own), "write: %s", strerror(errno));
	close(answer[1]);
	CHECK(read(go[0], &byte, 1) == 0, "read: %s", strerror(errno));
	if (stay)
		stay();
	for (;;)
		pause();
}

/* ---- findings ----------------------------------------------------------------------------------------- */

int findings_ask(struct program *asker, struct reports *lines)
{
	int status;

	program_start(asker);
	status = program_exit(asker);
	reports_open(lines, asker->output);
	reports_refresh(lines);
	return status;
}

const json_t *finding_find(const struct reports *lines, const char *kind, const char *member, long long number)
{
	for (size_t i = 0; i < lines->count; i++)
		if (report_is(lines->all[i], "kind", kind) && report_number(lines->all[i], member) == number)
			return lines->all[i];
	return NULL;
}

static bool is_owner(const json_t *owner, pid_t pid)
{
	const json_t *process;
	size_t i;

	json_array_foreach(json_object_get(owner, "pids"), i, process)
	{
		if (report_number(process, "pid") == pid)
			return true;
	}
	return false;
}

const json_t *finding_of_process(const struct reports *lines, pid_t pid)
{
	for (size_t i = 0; i < lines->count; i++)
		if (is_owner(json_object_get(lines->all[i], "owner"), pid))
			return lines->all[i];
	return NULL;
}

void finding_is_of(const json_t *finding, const struct told *told)
{
	const json_t *owner = json_object_get(finding, "owner"), *descriptors, *descriptor;
	size_t i, k;

	CHECK(report_number(owner, "pid") == told->pid && report_number(owner, "processes") == 1, "not process %d: %s",
	      told->pid, report_line(finding));
	descriptors = json_object_get(finding, "descriptors");
	CHECK((long long)json_array_size(descriptors) + report_number(finding, "descriptors_more") == told->count,
	      "not %u descriptors: %s", told->count, report_line(finding));
	json_array_foreach(descriptors, i, descriptor)
	{
		for (k = 0; k < told->count && told->descriptors[k] != json_integer_value(descriptor); k++)
			;
		CHECK(k < told->count, "descriptor %lld: %s", (long long)json_integer_value(descriptor),
		      report_line(finding));
	}
}

bool finding_says(const json_t *finding, const char *words)
{
	const json_t *fact;
	size_t i;

	json_array_foreach(json_object_get(finding, "evidence"), i, fact)
	{
		if (strstr(json_string_value(fact), words))
			return true;
	}
	return false;
}
