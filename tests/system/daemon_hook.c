/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_hook.c: the program of the operator's that the daemon tells of findings: once when one appears and once when
 * it clears, whatever becomes of it in between.
 */
#include "daemons.h"
#include "net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 8100

static struct program daemon_program;
static struct daemon_place place;
static char told_path[DAEMON_PATH_BYTES + 16], netns_word[16];
static int listener;

/* Its program keeps what it is told, and who it is itself. Leaks are made in a namespace of this test's own. */
static void telling_daemon_start(void)
{
	char program[DAEMON_PATH_BYTES + 16], script[512];

	daemon_place(&place, "one");
	snprintf(told_path, sizeof(told_path), "%s/told", place.directory);
	snprintf(script, sizeof(script), "#!/bin/sh\ncat >> %s\nid -u >> %s\ngrep CapEff /proc/self/status >> %s\n",
		 told_path, told_path, told_path);
	snprintf(program, sizeof(program), "%s", test_file("hook", script));
	CHECK(!chmod(program, 0755), "chmod: %s", strerror(errno));
	daemon_plan(&daemon_program, &place, "--finding-hook", program, "--diagnose-interval", "1",
		    "--diagnose-close-wait", "1", NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	snprintf(netns_word, sizeof(netns_word), "%u", netns_enter_new());
	listener = tcp_listen(AF_INET, PORT);
}

/* All that the program kept; to be freed. */
static char *told_text(void)
{
	struct program cat;
	char *text;

	program_run(&cat, "cat", told_path);
	text = text_of(cat.output);
	close(cat.output);
	close(cat.errors);
	return text;
}

/* How often it was told so of a leak in this test's namespace. */
static unsigned told(const char *event)
{
	char *text = told_text(), *rest = text, *line, begin[64], where[32];
	unsigned count = 0;

	snprintf(begin, sizeof(begin), "{\"event\":\"%s\",", event);
	snprintf(where, sizeof(where), "\"netns\":%s,", netns_word);
	while ((line = strsep(&rest, "\n")))
		count += !strncmp(line, begin, strlen(begin)) && strstr(line, "close_wait_leak") && strstr(line, where);
	free(text);
	return count;
}

/* By the daemon's user, who has no capability there either. */
static void hook_told(void)
{
	struct pair pair;

	telling_daemon_start();
	pair = pair_open(AF_INET, listener, PORT);
	close(pair.client); /* and the server does not */
	CHECK(BECOMES_TRUE(told("appeared") == 1), "nothing appeared: %s", text_of(daemon_program.errors));
	CHECK(BECOMES_TRUE(strstr(told_text(), "65534\nCapEff:\t0000000000000000")), "by whom? %s", told_text());
	close(pair.server);
	CHECK(BECOMES_TRUE(told("cleared") == 1), "nothing cleared: %s", told_text());
	daemon_stop(&daemon_program);
	CHECK(told("appeared") == 1 && told("cleared") == 1, "more than once: %s", told_text());
	CHECK(program_run(&daemon_program, lastack_path(), "daemon", "--user", "nobody", "--state-dir", "none",
			  "--finding-hook", "/nonexistent") == 4 &&
		      text_has(daemon_program.errors, "lastack: daemon: finding-hook: /nonexistent: No such file"),
	      "%s", text_of(daemon_program.errors));
}

/* ---- a finding whose processes change ---------------------------------------------------------------- */

/* A process that accepts a connection and does not close it, though its client has. */
static pid_t worker_leak(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid) {
		shutdown(tcp_connect(AF_INET, 0, PORT), SHUT_WR);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	tcp_accept(listener);
	for (;;)
		pause();
}

static void worker_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool leak_is_of(long long processes)
{
	struct program asker;
	struct reports lines;
	bool is = false;

	lastack_plan(&asker, "diagnose", "--socket", place.socket, "-o", "json", "--netns", netns_word);
	program_start(&asker);
	program_exit(&asker);
	reports_open(&lines, asker.output);
	reports_refresh(&lines);
	for (size_t i = 0; i < lines.count; i++)
		is |= report_is(lines.all[i], "kind", "close_wait_leak") &&
		      report_number(json_object_get(lines.all[i], "owner"), "processes") == processes;
	close(asker.output);
	close(asker.errors);
	return is;
}

/* It is seen that the leak is of so many; then the daemon sees it too, and what it has to tell it has told. */
static void leak_is_told_once(long long processes)
{
	double runs;

	CHECK(BECOMES_TRUE(leak_is_of(processes)), "the leak is not one of %lld processes", processes);
	runs = daemon_metric(&place, "lastack_diagnoses_total");
	CHECK(BECOMES_TRUE(daemon_metric(&place, "lastack_diagnoses_total") >= runs + 4), "it diagnoses no more");
	CHECK(told("appeared") == 1 && !told("cleared"), "with %lld processes it was told: %s", processes, told_text());
}

/* One worker leaks, then another one too, then the first ends: it is one finding all the time, and clears once. */
static void hook_of_workers(void)
{
	pid_t workers[2];

	telling_daemon_start();
	workers[0] = worker_leak();
	CHECK(BECOMES_TRUE(told("appeared") == 1), "nothing appeared: %s", text_of(daemon_program.errors));
	workers[1] = worker_leak();
	leak_is_told_once(2);
	worker_end(workers[0]);
	leak_is_told_once(1);
	worker_end(workers[1]);
	CHECK(BECOMES_TRUE(told("cleared") == 1), "nothing cleared: %s", told_text());
	daemon_stop(&daemon_program);
	CHECK(told("appeared") == 1 && told("cleared") == 1, "more than once: %s", told_text());
}

const struct test daemon_hook_tests[] = {
	{"daemon_finding_hook", hook_told},
	{"daemon_finding_workers", hook_of_workers},
	{0},
};
