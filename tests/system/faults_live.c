/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults_live.c: hosts that misbehave: storms of forks, pids that are used again, namespaces that come and go, ten
 * thousand ends at once, processes that wander between CPUs.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 8310

static void *shared_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	return memory;
}

static void netns_text(char text[static 16])
{
	snprintf(text, 16, "%u", netns_inode());
}

/* A namespace of the test's own, which lastack watches alone, with somebody who listens. Returns the listener. */
static int live_here(struct program *lastack, struct reports *reports)
{
	char netns[16];
	int listener;

	netns_enter_new();
	netns_text(netns);
	listener = tcp_listen(AF_INET, PORT);
	lastack_start(lastack, "live", "-o", "json", "--settle", "0", "--netns", netns);
	reports_open(reports, lastack->output);
	return listener;
}

static long resident_kib(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	CHECK(file && fscanf(file, "%*d %ld", &pages) == 1, "%s: %s", path, strerror(errno));
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ---- a storm of forks ------------------------------------------------------------------------------- */

#define FORKS 2000

struct forked {
	uint64_t cookie;
	pid_t pid;
};

static void fork_storm(void)
{
	struct forked *forked = shared_memory(FORKS * sizeof(*forked));
	struct program lastack;
	struct reports reports;
	int listener;

	listener = live_here(&lastack, &reports);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0, "fork: %s", strerror(errno));
		if (!pid) {
			forked[i].cookie = cookie_of(tcp_connect(AF_INET, 0, PORT));
			forked[i].pid = getpid();
			_exit(0);
		}
		if (i % 16 == 15) /* so many at once */
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		close(tcp_accept(listener));
	}
	for (int i = 0; i < FORKS; i++) {
		const json_t *report;

		CHECK(BECOMES_TRUE(forked[i].pid), "child %d does not connect", i);
		report = report_await(&reports, forked[i].cookie);
		CHECK(report_number(report_process(report), "pid") == forked[i].pid, "process %d connected: %s",
		      (int)forked[i].pid, report_line(report));
	}
	lastack_stop(&lastack);
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
	test_note("%d processes, each the owner of its connection", FORKS);
}

/* ---- a pid that is used again ----------------------------------------------------------------------- */

#define REUSES 50

/* A child with this very pid; skips the test where that cannot be had. */
static pid_t child_with_pid(pid_t pid)
{
	pid_t wanted[1] = {pid};
	struct clone_args arguments = {.exit_signal = SIGCHLD,
				       .set_tid = (uint64_t)(uintptr_t)wanted,
				       .set_tid_size = 1};
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (child < 0 && (errno == EPERM || errno == ENOSYS || errno == EINVAL))
		test_skip("clone3() with a chosen pid: %s", strerror(errno));
	return (pid_t)child; /* -1, EEXIST: somebody else has it now */
}

/* One process connects and ends, and at once another of that pid and of another name does the same. */
static bool reuse_play(struct reports *reports, int listener)
{
	struct forked *forked = shared_memory(2 * sizeof(*forked));
	int server, second_server, status;
	const json_t *report;
	pid_t first = fork(), second;

	CHECK(first >= 0, "fork: %s", strerror(errno));
	if (!first) {
		prctl(PR_SET_NAME, "first");
		forked[0].cookie = cookie_of(tcp_connect(AF_INET, 0, PORT));
		_exit(0);
	}
	server = tcp_accept(listener);
	CHECK(waitpid(first, &status, 0) == first && !status, "the first process fails");
	second = child_with_pid(first);
	if (second < 0)
		return false;
	if (!second) {
		prctl(PR_SET_NAME, "second");
		forked[1].cookie = cookie_of(tcp_connect(AF_INET, 0, PORT));
		_exit(0);
	}
	second_server = tcp_accept(listener);
	CHECK(second == first && waitpid(second, &status, 0) == second && !status, "the second process fails");
	close(server);
	close(second_server);
	for (int i = 0; i < 2; i++) {
		report = report_await(reports, forked[i].cookie);
		CHECK(report_number(report_process(report), "pid") == first &&
			      report_is(report_process(report), "comm", i ? "second" : "first"),
		      "it was the %s of two processes with pid %d: %s", i ? "second" : "first", (int)first,
		      report_line(report));
	}
	munmap(forked, 2 * sizeof(*forked));
	return true;
}

static void pid_reuse(void)
{
	struct program lastack;
	struct reports reports;
	unsigned played = 0;
	int listener;

	listener = live_here(&lastack, &reports);
	for (int i = 0; i < REUSES; i++)
		played += reuse_play(&reports, listener);
	CHECK(played > REUSES / 2, "only %u of %d pids were free again", played, REUSES);
	lastack_stop(&lastack);
	test_note("%u pids used by two processes in a row, none mistaken", played);
}

/* ---- namespaces that come and go -------------------------------------------------------------------- */

#define NAMESPACES       300
#define CONNECTIONS      4 /* in each */
#define MEMORY_KIB       2048
#define NAMESPACES_MS    50000 /* where many run at once a namespace may take half a second */
#define NAMESPACES_LEAST 30

struct namespace_life {
	uint32_t netns;
	uint64_t cookies[2 * CONNECTIONS];
};

static void namespace_live(struct namespace_life *life)
{
	pid_t pid = fork();
	int listener;

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid) {
		child_await(pid);
		return;
	}
	life->netns = netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	for (int i = 0; i < CONNECTIONS; i++) {
		struct pair pair = pair_open(AF_INET, listener, PORT);

		life->cookies[2 * i] = pair.client_cookie;
		life->cookies[2 * i + 1] = pair.server_cookie;
		if (i % 2)
			pair_close(&pair);
	} /* the others end with the process, and the namespace with them */
	_exit(0);
}

static void namespaces(void)
{
	struct namespace_life *lives = shared_memory(NAMESPACES * sizeof(*lives));
	struct program lastack;
	struct reports reports;
	uint64_t until_ns = now_ns() + NAMESPACES_MS * 1000000ULL;
	long half_kib = 0, end_kib;
	int count = 0;

	lastack_start(&lastack, "live", "-o", "json", "--settle", "0", "--ring-size", "262144");
	reports_open(&reports, lastack.output);
	while (count < NAMESPACES && (count < NAMESPACES_LEAST || now_ns() < until_ns)) {
		namespace_live(&lives[count++]);
		if (count == NAMESPACES / 2)
			half_kib = resident_kib(lastack.pid);
	}
	end_kib = resident_kib(lastack.pid);
	for (int i = 0; i < count; i++)
		for (int k = 0; k < 2 * CONNECTIONS; k++) {
			const json_t *report = report_await(&reports, lives[i].cookies[k]);

			CHECK(report_number(report, "netns") == lives[i].netns, "not in namespace %u: %s",
			      lives[i].netns, report_line(report));
		}
	lastack_stop(&lastack);
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
	CHECK(count < NAMESPACES || end_kib - half_kib < MEMORY_KIB,
	      "%ld KiB after half of the namespaces, %ld KiB after all", half_kib, end_kib);
	test_note("%d namespaces, %d ends, none missing; %ld KiB resident after %d, %ld KiB after all", count,
		  count * 2 * CONNECTIONS, half_kib, NAMESPACES / 2, end_kib);
}

/* ---- ten thousand ends at once ---------------------------------------------------------------------- */

#define MANY    10000
#define HOLDERS 25 /* processes: each may have a thousand descriptors nearly everywhere */

/* A process that holds both ends of its share; it lives until it is killed. */
static pid_t many_open(uint16_t port, volatile unsigned *ready)
{
	pid_t pid = fork();
	int listener;

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener = tcp_listen(AF_INET, port);
	for (int i = 0; i < MANY / HOLDERS; i++)
		pair_open(AF_INET, listener, port);
	__atomic_add_fetch(ready, 1, __ATOMIC_RELAXED);
	for (;;)
		pause();
}

/* Every end is told, whatever the ring had room for; what was not seen says so. */
static void many_end(const char *ring)
{
	volatile unsigned *ready = shared_memory(sizeof(*ready));
	long long first_us = INT64_MAX, last_us = 0;
	size_t unobserved = 0;
	struct program lastack;
	struct reports reports;
	pid_t pids[HOLDERS];
	char inode[16];

	netns_enter_new();
	netns_text(inode);
	netns_set("ip_local_port_range", "10000 65000");
	for (int i = 0; i < HOLDERS; i++)
		pids[i] = many_open((uint16_t)(PORT + i), ready);
	CHECK(BECOMES_TRUE_IN(60000, *ready == HOLDERS), "%d connections do not come about", MANY);
	lastack_start(&lastack, "live", "-o", "json", "--settle", "0", "--netns", inode, "--ring-size", ring);
	reports_open(&reports, lastack.output);
	for (int i = 0; i < HOLDERS; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < HOLDERS; i++)
		waitpid(pids[i], NULL, 0);
	CHECK(BECOMES_TRUE_IN(60000, (reports_refresh(&reports), reports.count >= 2 * MANY)),
	      "ring of %s bytes: %zu reports of %d ends", ring, reports.count, 2 * MANY);
	lastack_stop(&lastack);
	reports_refresh(&reports);
	CHECK(reports.count == 2 * MANY, "%zu reports of %d ends", reports.count, 2 * MANY);
	for (size_t i = 0; i < reports.count; i++) {
		const json_t *report = reports.all[i];
		long long end_us = report_number(report, "end_us");

		CHECK(report_is(report, "class", "graceful") || report_is(report, "class", "unknown"),
		      "its process was killed: %s", report_line(report));
		unobserved += report_is(report, "cause", "unobserved");
		if (report_is(report, "cause", "unobserved"))
			continue;
		first_us = end_us < first_us ? end_us : first_us;
		last_us = end_us > last_us ? end_us : last_us;
	}
	CHECK(!unobserved || counts_of(&lastack).lost, "ends were not seen, but nothing was lost");
	test_note("ring of %s bytes: %d ends within %.1f ms, %zu of them unobserved, %llu events lost", ring, 2 * MANY,
		  (double)(last_us - first_us) / 1e3, unobserved, counts_of(&lastack).lost);
}

static void many_at_once(void)
{
	many_end("16777216");
	many_end("4096");
}

/* ---- one socket on two CPUs ------------------------------------------------------------------------- */

#define WANDERERS 2000

static void wander(unsigned step)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(step % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity: %s", strerror(errno));
}

/*
 * Each step on another CPU than the last: the events of a socket lie in two rings, and its cookie is of one CPU's
 * batch, so cookies are not in the order of birth either. Opened in batches and closed backwards.
 */
static void wandering(void)
{
	static uint64_t cookies[WANDERERS][2];
	struct pair pairs[8];
	struct program lastack;
	struct reports reports;
	unsigned step = 0, backwards = 0;
	char byte;
	int listener;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("there is one CPU only");
	listener = live_here(&lastack, &reports);
	for (int i = 0; i < WANDERERS; i++) {
		struct pair *pair = &pairs[i % 8];

		wander((unsigned)i);
		*pair = pair_open(AF_INET, listener, PORT);
		wander((unsigned)i + 1);
		step += 2;
		CHECK(send(pair->client, "x", 1, 0) == 1 && recv(pair->server, &byte, 1, 0) == 1, "send: %s",
		      strerror(errno));
		cookies[i][0] = pair->client_cookie;
		cookies[i][1] = pair->server_cookie;
		backwards += i && cookies[i][0] < cookies[i - 1][0];
		for (int k = i % 8; i % 8 == 7 && k >= 0; k--) {
			wander(step++);
			shutdown(pairs[k].client, SHUT_WR);
			wander(step++);
			CHECK(recv(pairs[k].server, &byte, 1, 0) == 0, "the end does not come");
			close(pairs[k].server);
			wander(step++);
			close(pairs[k].client);
		}
	}
	for (int i = 0; i < WANDERERS; i++)
		for (int k = 0; k < 2; k++) {
			const json_t *report = report_await(&reports, cookies[i][k]);

			CHECK(report_is(report, "completeness", "complete") &&
				      report_is(report, "cause", k ? "fin_peer_first" : "fin_local_first") &&
				      !report_is(report, "conformance", "violation"),
			      "its events came by several CPUs: %s", report_line(report));
		}
	lastack_stop(&lastack);
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
	test_note("%d connections over %u changes of CPU, %u cookies lower than the one before", WANDERERS, step,
		  backwards);
}

const struct test fault_live_tests[] = {
	{"faults_fork_storm", fork_storm},     {"faults_pid_reuse", pid_reuse}, {"faults_namespaces", namespaces},
	{"faults_many_at_once", many_at_once}, {"faults_wandering", wandering}, {0},
};
