// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose_owners.c: whose finding it is where several processes have the same trouble: the workers of one server, and
 * those of one client, are one owner; two programs that merely have one name and one destination are two.
 */
#include "daemons.h"
#include "diagnoses.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PORT       8600
#define PORT_POOL  8601 /* that the pool of clients goes to */
#define PORT_SHELL 8602 /* that the shells go to */
#define WORKERS    4
#define LEAST      3 /* of the first worker; each has two more than the one before */
#define LEAKS(i)   (LEAST + 2 * (i))
#define LEAKS_ALL  (WORKERS * LEAST + WORKERS * (WORKERS - 1))
#define SHELLS     2

static char netns[16];
static pid_t workers[WORKERS], poolers[WORKERS]; /* who has most of them last */

static pid_t fork_checked(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* ---- a server whose workers leak -------------------------------------------------------------------------- */

static _Noreturn void worker_leak(int listener, unsigned count, int done)
{
	for (unsigned i = 0; i < count; i++)
		tcp_accept(listener);
	CHECK(write(done, "", 1) == 1, "write: %s", strerror(errno));
	for (;;)
		pause();
}

/* The clients are this process, and close at once. */
static void clients_come_and_go(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(tcp_connect(AF_INET, 0, PORT));
}

static void server_open(void)
{
	int listener = tcp_listen(AF_INET, PORT), done[2];
	char byte;

	CHECK(!pipe(done), "pipe: %s", strerror(errno));
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = fork_checked();
		if (!workers[i])
			worker_leak(listener, LEAKS(i), done[1]);
		clients_come_and_go(LEAKS(i));
		CHECK(read(done[0], &byte, 1) == 1, "a worker does not accept");
	}
	close(listener);
}

/* ---- a pool of clients, and shells ------------------------------------------------------------------------- */

/* Whoever goes there is left at once. */
static void closer_open(uint16_t port)
{
	int listener = tcp_listen(AF_INET, port);
	pid_t pid = fork_checked();

	while (!pid)
		close(tcp_accept(listener));
	close(listener);
}

static void pool_open(void)
{
	closer_open(PORT_POOL);
	for (int i = 0; i < WORKERS; i++) {
		poolers[i] = fork_checked();
		if (poolers[i])
			continue;
		for (int k = 0; k < LEAKS(i); k++)
			tcp_connect(AF_INET, 0, PORT_POOL);
		for (;;)
			pause();
	}
}

static void shells_open(struct program *shells)
{
	char words[96];

	closer_open(PORT_SHELL);
	snprintf(words, sizeof(words), "exec 3<> /dev/tcp/127.0.0.1/%d; kill -STOP $$", PORT_SHELL);
	for (int i = 0; i < SHELLS; i++) {
		program_plan(&shells[i], "bash", "-c", words, NULL);
		program_start(&shells[i]);
	}
}

/* ---- what is found ------------------------------------------------------------------------------------------ */

static const json_t *leak_at(const struct reports *lines, const char *member, uint16_t port)
{
	return finding_find(lines, "close_wait_leak", member, port);
}

static bool is_whole(const json_t *finding)
{
	return finding && report_number(finding, "count") == LEAKS_ALL;
}

static unsigned of_shells(const struct reports *lines)
{
	unsigned count = 0;

	for (size_t i = 0; i < lines->count; i++)
		count += report_number(lines->all[i], "remote_port") == PORT_SHELL;
	return count;
}

static void is_of_all(const json_t *finding, const pid_t *pids)
{
	const json_t *owner = json_object_get(finding, "owner"), *processes = json_object_get(owner, "pids");

	CHECK(json_is_null(json_object_get(owner, "pid")) && report_number(owner, "processes") == WORKERS &&
		      json_array_size(processes) == WORKERS,
	      "%s", report_line(finding));
	for (int i = 0; i < WORKERS; i++) {
		const json_t *process = json_array_get(processes, (size_t)i);

		CHECK(report_number(process, "pid") == pids[WORKERS - 1 - i] &&
			      report_number(process, "count") == LEAKS(WORKERS - 1 - i),
		      "%s", report_line(finding));
	}
	CHECK((int)json_array_size(json_object_get(finding, "descriptors")) == LEAKS(WORKERS - 1), "%s",
	      report_line(finding));
}

static void are_apart(const struct reports *lines, const struct program *shells)
{
	for (int i = 0; i < SHELLS; i++) {
		const json_t *finding = finding_of_process(lines, shells[i].pid);

		CHECK(finding && report_number(json_object_get(finding, "owner"), "processes") == 1 &&
			      report_number(finding, "count") == 1,
		      "shell %d: %s", shells[i].pid, finding ? report_line(finding) : "not found");
	}
}

static void ask_and_check(const char *how, const char *socket, const struct program *shells)
{
	struct program asker;
	struct reports lines;

	CHECK(BECOMES_TRUE_IN(LATE_MS, (lastack_plan(&asker, "diagnose", how, socket, "-o", "json", "--netns", netns,
						     "--close-wait", "1s"),
					findings_ask(&asker, &lines),
					is_whole(leak_at(&lines, "local_port", PORT)) &&
						is_whole(leak_at(&lines, "remote_port", PORT_POOL)) &&
						of_shells(&lines) == SHELLS)),
	      "not as many as there are: %s%s", text_of(lines.fd), text_of(asker.errors));
	is_of_all(leak_at(&lines, "local_port", PORT), workers);
	is_of_all(leak_at(&lines, "remote_port", PORT_POOL), poolers);
	are_apart(&lines, shells);
	lastack_plan(&asker, "diagnose", how, socket, "--netns", netns, "--close-wait", "1s", "-w", "80");
	program_start(&asker);
	program_exit(&asker);
	CHECK(text_has(asker.output, " 4 processes: "), "%s", text_of(asker.output));
}

static void several_processes(bool once)
{
	struct program daemon, shells[SHELLS];
	struct daemon_place place;

	if (!once)
		daemon_start(&daemon, &place);
	netns_enter_new();
	snprintf(netns, sizeof(netns), "%u", netns_inode());
	server_open();
	pool_open();
	shells_open(shells);
	if (once)
		ask_and_check("--once", "--show=1", shells);
	else
		ask_and_check("--socket", place.socket, shells);
	for (int i = 0; i < SHELLS; i++)
		kill(shells[i].pid, SIGKILL);
	if (!once)
		daemon_stop(&daemon);
}

static void seen_by_the_daemon(void)
{
	several_processes(false);
}

static void seen_at_once(void)
{
	several_processes(true);
}

const struct test diagnose_owner_tests[] = {
	{"diagnose_owners_daemon", seen_by_the_daemon},
	{"diagnose_owners_once", seen_at_once},
	{0},
};
