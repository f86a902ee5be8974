/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owners.c: whose a connection is: control group and container, user, and which process of several
 * ended it: by close, exec, exit, a signal, or because memory ran out.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 7400

/* What a child tells the test. */
struct told {
	uint64_t client_cookie, server_cookie;
};

static struct told *told;

static void told_prepare(void)
{
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(told != MAP_FAILED, "mmap: %s", strerror(errno));
}

static pid_t child_start(void (*run)(const void *), const void *arg)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run(arg);
	_exit(0);
}

/* Where a file system of this type (for cgroup v1: with this option) is mounted; "" if nowhere. */
static const char *mount_of(const char *type, const char *option)
{
	static char found[256];
	char line[1024], path[256], kind[64], options[256];
	FILE *mounts = fopen("/proc/self/mounts", "re");

	CHECK(mounts, "/proc/self/mounts: %s", strerror(errno));
	found[0] = '\0';
	while (!found[0] && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %255s %63s %255s", path, kind, options) == 3 && !strcmp(kind, type) &&
		    (!option || strstr(options, option)))
			strcpy(found, path);
	fclose(mounts);
	return found;
}

static bool file_write(const char *directory, const char *name, const char *text)
{
	char path[512];
	bool written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return written;
}

static void tell_pair(const struct pair *pair)
{
	*told = (struct told){pair->client_cookie, pair->server_cookie};
}

/* ---- owner_container -------------------------------------------------------------------------------- */

static void contained(const void *cgroup)
{
	struct pair pair;

	CHECK(file_write(cgroup, "cgroup.procs", "0"), "%s/cgroup.procs: %s", (const char *)cgroup, strerror(errno));
	prctl(PR_SET_NAME, "contained");
	netns_enter_new();
	pair = pair_open(AF_INET, tcp_listen(AF_INET, PORT), PORT);
	tell_pair(&pair);
	linger_zero(pair.client);
	close(pair.client);
}

static void contained_check(const json_t *report, const char *path, const char *id, pid_t pid)
{
	const json_t *process = report_process(report);

	CHECK(report_is(process, "cgroup", path) && report_is(process, "container_id", id), "not the cgroup %s: %s",
	      path, report_line(report));
	CHECK(report_number(process, "pid") == pid && report_is(process, "comm", "contained"), "not contained/%d: %s",
	      (int)pid, report_line(report));
}

static void owner_container(void)
{
	const char *mount = mount_of("cgroup2", NULL);
	struct program lastack;
	struct reports reports;
	char path[512], id[65];
	pid_t pid;

	if (!mount[0])
		test_skip("no cgroup v2 is mounted");
	snprintf(id, sizeof(id), "%048d%016llx", 0, (unsigned long long)now_ns());
	snprintf(path, sizeof(path), "%s/docker-%s.scope", mount, id);
	if (mkdir(path, 0755))
		test_skip("%s: %s", path, strerror(errno));
	test_remove_later(path);
	told_prepare();
	lastack_start(&lastack, "live", "-o", "json");
	reports_open(&reports, lastack.output);
	pid = child_start(contained, path);
	child_await(pid);
	contained_check(report_await(&reports, told->client_cookie), path + strlen(mount), id, pid);
	contained_check(report_await(&reports, told->server_cookie), path + strlen(mount), id, pid);
	lastack_stop(&lastack);
}

/* ---- owner_process ---------------------------------------------------------------------------------- */

static struct pair shared_pair; /* the server's end stays with the test, the client's goes to children */

static void shared_open(int listener)
{
	shared_pair = pair_open(AF_INET, listener, PORT);
	tell_pair(&shared_pair);
}

/* Becomes the only holder of the client's end: waits until the test has let go of it. */
static void become_heir(const int *gate)
{
	char byte;

	close(gate[1]);
	if (read(gate[0], &byte, 1) < 0)
		_exit(1);
}

static void heir_execs_and_exits(const void *gate)
{
	become_heir(gate);
	fcntl(shared_pair.client, F_SETFD, 0);
	execl("/bin/sh", "sh", "-c", "exit 3", NULL);
}

static void heir_execs_without_it(const void *gate)
{
	become_heir(gate);
	execl("/bin/sh", "sh", "-c", "exit 0", NULL); /* the socket is close-on-exec */
}

static void heir_is_killed(const void *gate)
{
	become_heir(gate);
	kill(getpid(), SIGTERM);
}

static void heir_closes(const void *gate)
{
	become_heir(gate);
	prctl(PR_SET_NAME, "heir closes");
	close(shared_pair.client);
}

static void *close_in_thread(void *fd)
{
	prctl(PR_SET_NAME, "a thread's name");
	close(*(int *)fd);
	return NULL;
}

static void heir_closes_in_thread(const void *gate)
{
	pthread_t thread;

	become_heir(gate);
	prctl(PR_SET_NAME, "heir of threads");
	if (pthread_create(&thread, NULL, close_in_thread, &shared_pair.client))
		_exit(1);
	pthread_join(thread, NULL);
}

/*
 * The client's end is in a message that waits in a pair of sockets, and so are these: nobody can ever receive it. The
 * kernel finds that out when other such sockets are closed, and lets go of all, in a thread of its own since
 * Linux 6.10.
 */
static void heir_passes_to_nobody(const void *gate)
{
	int pair[2], passed[3];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(passed))];
	} control = {.header = {CMSG_LEN(sizeof(passed)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec byte = {"", 1};
	struct msghdr message = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	become_heir(gate);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		_exit(1);
	memcpy(passed, (int[3]){pair[0], pair[1], shared_pair.client}, sizeof(passed));
	memcpy(CMSG_DATA(&control.header), passed, sizeof(passed));
	if (sendmsg(pair[0], &message, 0) != 1)
		_exit(1);
	for (size_t i = 0; i < 3; i++)
		close(passed[i]);
	for (int i = 0; i < 10; i++, usleep(20000)) {
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
			_exit(1);
		close(pair[0]);
		close(pair[1]);
	}
}

/* Runs one heir, and returns the report of how the client's end ended. */
static const json_t *heir_run(struct reports *reports, int listener, void (*run)(const void *), pid_t *pid, int *status)
{
	int gate[2];

	shared_open(listener);
	CHECK(!pipe2(gate, O_CLOEXEC), "pipe: %s", strerror(errno));
	*pid = child_start(run, gate);
	close(shared_pair.client);
	close(gate[0]);
	close(gate[1]);
	CHECK(waitpid(*pid, status, 0) == *pid, "waitpid: %s", strerror(errno));
	close(shared_pair.server);
	return report_await(reports, told->client_cookie);
}

static void ended_by(const json_t *report, pid_t pid, const char *comm, const char *initiator, const char *how)
{
	const json_t *process = report_process(report);

	CHECK(report_number(process, "pid") == pid && (!comm || report_is(process, "comm", comm)), "not %s/%d: %s",
	      comm ? comm : "?", (int)pid, report_line(report));
	CHECK(report_is(report, "initiator", initiator) && report_is(report, "how", how), "not %s by %s: %s", initiator,
	      how, report_line(report));
	CHECK(report_is(report, "cause", "fin_local_first") && report_is(report, "completeness", "complete"), "%s",
	      report_line(report));
}

static void unprivileged_client(const void *port)
{
	int fd;

	(void)port;
	if (setresgid(UNPRIVILEGED_UID, UNPRIVILEGED_UID, UNPRIVILEGED_UID) ||
	    setresuid(UNPRIVILEGED_UID, UNPRIVILEGED_UID, UNPRIVILEGED_UID))
		_exit(1);
	fd = tcp_connect(AF_INET, 0, PORT);
	told->client_cookie = cookie_of(fd);
	close(fd);
}

static void owner_process(void)
{
	struct program lastack;
	struct reports reports;
	const json_t *report;
	int status, listener;
	pid_t pid;

	told_prepare();
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	lastack_start(&lastack, "live", "-o", "json", "--settle", "0.1");
	reports_open(&reports, lastack.output);
	report = heir_run(&reports, listener, heir_execs_and_exits, &pid, &status);
	ended_by(report, pid, "sh", "local_exit", "exit");
	CHECK(report_number(report, "exit_code") == 3 && report_number(report, "exit_signal") < 0, "%s",
	      report_line(report));
	report = heir_run(&reports, listener, heir_execs_without_it, &pid, &status);
	ended_by(report, pid, NULL, "local_app", "close");
	report = heir_run(&reports, listener, heir_is_killed, &pid, &status);
	ended_by(report, pid, NULL, "local_exit", "signal");
	CHECK(report_number(report, "exit_signal") == SIGTERM && report_number(report, "exit_code") < 0, "%s",
	      report_line(report));
	report = heir_run(&reports, listener, heir_closes, &pid, &status);
	ended_by(report, pid, "heir closes", "local_app", "close");
	report = heir_run(&reports, listener, heir_closes_in_thread, &pid, &status);
	ended_by(report, pid, "heir of threads", "local_app", "close");
	report = heir_run(&reports, listener, heir_passes_to_nobody, &pid, &status);
	/* Of the kernel's thread nothing is said; before 6.10 the heir itself collects. */
	ended_by(report, report_number(report_process(report), "pid") == pid ? pid : getpid(), NULL, "local_app",
		 "close");
	pid = child_start(unprivileged_client, NULL);
	child_await(pid);
	close(tcp_accept(listener));
	report = report_await(&reports, told->client_cookie);
	ended_by(report, pid, NULL, "local_app", "close");
	CHECK(report_number(report_process(report), "uid") == UNPRIVILEGED_UID, "not its user: %s",
	      report_line(report));
	lastack_stop(&lastack);
}

/* ---- owner_oom -------------------------------------------------------------------------------------- */

#define OOM_LIMIT "33554432"
#define OOM_BYTES (256UL << 20)

/* A new memory cgroup with a limit, of version 1 or 2; skips the test where none can be had. */
static const char *memory_cgroup_make(void)
{
	static char path[512];
	bool v1 = mount_of("cgroup", "memory")[0];
	const char *mount = v1 ? mount_of("cgroup", "memory") : mount_of("cgroup2", NULL);

	if (!mount[0])
		test_skip("no memory cgroup is mounted");
	if (!v1 && !file_write(mount, "cgroup.subtree_control", "+memory"))
		test_skip("cgroup v2 without the memory controller: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/lastack-test-%d", mount, (int)getpid());
	if (mkdir(path, 0755))
		test_skip("%s: %s", path, strerror(errno));
	test_remove_later(path);
	if (!file_write(path, v1 ? "memory.limit_in_bytes" : "memory.max", OOM_LIMIT))
		test_skip("no memory limit in %s: %s", path, strerror(errno));
	return path;
}

static void victim(const void *cgroup)
{
	struct pair pair;
	char *memory;

	CHECK(file_write(cgroup, "cgroup.procs", "0"), "%s/cgroup.procs: %s", (const char *)cgroup, strerror(errno));
	prctl(PR_SET_NAME, "oom victim");
	netns_enter_new();
	pair = pair_open(AF_INET, tcp_listen(AF_INET, PORT), PORT);
	tell_pair(&pair);
	memory = mmap(NULL, OOM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t at = 0; memory != MAP_FAILED && at < OOM_BYTES; at += 4096)
		memory[at] = 1;
}

static void owner_oom(void)
{
	const char *cgroup = memory_cgroup_make();
	struct program lastack;
	struct reports reports;
	const json_t *report;
	int status;
	pid_t pid;

	told_prepare();
	lastack_start(&lastack, "live", "-o", "json");
	reports_open(&reports, lastack.output);
	pid = child_start(victim, cgroup);
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		test_skip("the memory limit does not kill here (wait status %#x)", status);
	/* One end of the two is closed first; which one is up to the kernel. */
	report = report_await(&reports, told->client_cookie);
	if (!report_is(report, "cause", "fin_local_first"))
		report = report_await(&reports, told->server_cookie);
	CHECK(report_is(report, "cause", "fin_local_first") && report_is(report, "context", "oom_kill") &&
		      report_is(report, "initiator", "local_exit") && report_is(report, "how", "signal") &&
		      report_number(report, "exit_signal") == SIGKILL,
	      "its process was killed for want of memory: %s", report_line(report));
	CHECK(report_number(report_process(report), "pid") == pid &&
		      report_is(report_process(report), "comm", "oom victim"),
	      "%s", report_line(report));
	lastack_stop(&lastack);
}

const struct test owner_tests[] = {
	{"owner_container", owner_container},
	{"owner_process", owner_process},
	{"owner_oom", owner_oom},
	{0},
};
