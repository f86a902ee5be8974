/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filters.c: each filter lets exactly the right connections through.
 *
 * A set of connections of many kinds is played once, under the eyes of many lastacks, one a filter; what
 * each of them shows is held against what is known of the connections, and against the filter itself.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT        7700  /* to 7703 */
#define CLIENT_PORT 41000 /* clients bound by themselves, to 41009 */
#define ENDS_MAX    64

/* One end of a connection, as the test knows it. */
struct known_end {
	uint64_t cookie;
	uint32_t netns;
	unsigned family, local_port, remote_port;
	pid_t pid;
	const char *comm, *class, *cause;
};

static struct known_end *ends; /* shared with the children that make them */
static unsigned *end_count;
static uint32_t netns_one, netns_two;
static char netns_one_word[16], netns_two_path[64], pid_word[16], cgroup_word[128];
static pid_t second_pid;

struct filter {
	const char *words[6];
	bool (*passes)(const struct known_end *end);
	bool in_kernel; /* it shows in the count of filtered events */
	struct program program;
};

static bool pass_pid(const struct known_end *end)
{
	return end->pid == second_pid;
}
static bool pass_comm(const struct known_end *end)
{
	return !strcmp(end->comm, "filter one");
}
static bool pass_local(const struct known_end *end)
{
	return end->local_port == 7700 || (end->local_port >= 7702 && end->local_port <= 7703);
}
static bool pass_clients(const struct known_end *end)
{
	return end->local_port >= 41000 && end->local_port <= 41099;
}
static bool pass_remote(const struct known_end *end)
{
	return end->remote_port == 7701 || end->remote_port == 7703;
}
static bool pass_four(const struct known_end *end)
{
	return end->family == 4;
}
static bool pass_six(const struct known_end *end)
{
	return end->family == 6;
}
static bool pass_one(const struct known_end *end)
{
	return end->netns == netns_one;
}
static bool pass_two(const struct known_end *end)
{
	return end->netns == netns_two;
}
static bool pass_class(const struct known_end *end)
{
	return !strcmp(end->class, "reset") || !strcmp(end->class, "open_failed");
}
static bool pass_cause(const struct known_end *end)
{
	return !strcmp(end->cause, "rst_received") || !strcmp(end->cause, "fin_peer_first");
}
static bool pass_both(const struct known_end *end)
{
	return pass_six(end) && pass_one(end) && pass_local(end);
}
static bool pass_all(const struct known_end *end)
{
	return end->cookie;
}

static struct filter filters[] = {
	{{NULL}, pass_all, false, {0}},
	{{"-p", pid_word}, pass_pid, false, {0}},
	{{"--comm", "filter one"}, pass_comm, false, {0}},
	{{"-L", "7700,7702-7703"}, pass_local, true, {0}},
	{{"-L", "41000-41099"}, pass_clients, true, {0}},
	{{"-D", "7701,7703-7703"}, pass_remote, true, {0}},
	{{"-4"}, pass_four, true, {0}},
	{{"-6"}, pass_six, true, {0}},
	{{"-4", "-6"}, pass_all, false, {0}},
	{{"--netns", netns_one_word}, pass_one, true, {0}},
	{{"--netns", netns_two_path}, pass_two, true, {0}},
	{{"--class", "reset,open_failed"}, pass_class, false, {0}},
	{{"--cause", "rst_received", "--cause", "fin_peer_first"}, pass_cause, false, {0}},
	{{"-6", "--netns", netns_one_word, "-L", "7700,7702-7703"}, pass_both, true, {0}},
	{{"--cgroup", cgroup_word}, pass_pid, true, {0}},
};

#define FILTERS (sizeof(filters) / sizeof(filters[0]))

/* ---- the connections ------------------------------------------------------------------------------- */

static void end_add(uint64_t cookie, unsigned family, unsigned local, unsigned remote, const char *class,
		    const char *cause)
{
	CHECK(*end_count < ENDS_MAX, "too many connections");
	ends[(*end_count)++] = (struct known_end){cookie,
						  netns_inode(),
						  family,
						  local,
						  remote,
						  getpid(),
						  getpid() == second_pid ? "filter two" : "filter one",
						  class,
						  cause};
}

/* how: 'g' in good order, 'r' by reset */
static void play_one(int family, int listener, uint16_t local_port, uint16_t port, char how)
{
	unsigned wire = family == AF_INET6 ? 6 : 4, client_port;
	struct pair pair;

	pair.client = tcp_connect(family, local_port, port);
	pair.server = tcp_accept(listener);
	pair.client_cookie = cookie_of(pair.client);
	pair.server_cookie = cookie_of(pair.server);
	client_port = local_port_of(pair.client);
	if (how == 'r') {
		linger_zero(pair.client);
		close(pair.client);
		close(pair.server);
		end_add(pair.client_cookie, wire, client_port, port, "reset", "rst_sent_linger");
		end_add(pair.server_cookie, wire, port, client_port, "reset", "rst_received");
	} else {
		pair_close(&pair);
		end_add(pair.client_cookie, wire, client_port, port, "graceful", "fin_local_first");
		end_add(pair.server_cookie, wire, port, client_port, "graceful", "fin_peer_first");
	}
}

/* In one namespace: both families, a server of both in one socket, own and given local ports. */
static void play_all(void)
{
	int v4, v6, both, other;

	netns_set("ip_local_port_range", "41020 41099"); /* an unbound client's port is chosen late */
	v4 = tcp_listen(AF_INET, PORT);
	v6 = tcp_listen(AF_INET6, PORT);
	both = tcp_listen(MAPPED, PORT + 1);
	other = tcp_listen(AF_INET, PORT + 2);
	play_one(AF_INET, v4, 0, PORT, 'g');
	play_one(AF_INET, v4, CLIENT_PORT, PORT, 'r');
	play_one(AF_INET6, v6, CLIENT_PORT + 1, PORT, 'g');
	play_one(AF_INET6, v6, 0, PORT, 'r');
	play_one(MAPPED, both, 0, PORT + 1, 'g'); /* IPv6 sockets at both ends, IPv4 between them */
	play_one(AF_INET, both, CLIENT_PORT + 2, PORT + 1, 'r');
	play_one(AF_INET, other, 40000, PORT + 2, 'g');
	play_one(AF_INET, other, 0, PORT + 2, 'r');
}

/* The second process, in a namespace of its own; begins when told. */
static void second_run(const int *ready, const int *gate)
{
	char byte = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "filter two");
	second_pid = getpid();
	netns_two = netns_enter_new();
	CHECK(write(ready[1], &netns_two, sizeof(netns_two)) == sizeof(netns_two), "write: %s", strerror(errno));
	close(gate[1]);
	if (read(gate[0], &byte, 1) < 0)
		_exit(1);
	play_all();
	_exit(0);
}

/* ---- the checks ------------------------------------------------------------------------------------ */

static void end_check(const struct filter *filter, const struct reports *reports, const struct known_end *end)
{
	const json_t *report = report_find(reports, end->cookie);
	const char *words = program_words(&filter->program);

	if (!filter->passes(end))
		CHECK(!report, "%s lets through %s", words, report_line(report));
	else
		CHECK(report_count(reports, end->cookie) == 1, "%s does not show the end %u->%u (ipv%u, %s, %s) of %s",
		      words, end->local_port, end->remote_port, end->family, end->class, end->cause, end->comm);
	if (!report)
		return;
	CHECK(report_is(report, "family", end->family == 4 ? "ipv4" : "ipv6") &&
		      report_is(report, "cause", end->cause) && report_is(report_process(report), "comm", end->comm) &&
		      report_number(report, "local_port") == end->local_port &&
		      (end->family == 6) == (strchr(report_word(report, "remote_addr"), ':') != NULL),
	      "%s: not the end %u->%u (ipv%u, %s, %s) of %s: %s", words, end->local_port, end->remote_port, end->family,
	      end->class, end->cause, end->comm, report_line(report));
}

/* Whatever else it shows (of other tests, of the host) has to pass the filter as well. */
static void stranger_check(const struct filter *filter, const json_t *report)
{
	const json_t *process = report_process(report);
	struct known_end end = {
		.cookie = (uint64_t)report_number(report, "cookie"),
		.netns = (uint32_t)report_number(report, "netns"),
		.family = report_is(report, "family", "ipv4") ? 4 : 6,
		.local_port = (unsigned)report_number(report, "local_port"),
		.remote_port = (unsigned)report_number(report, "remote_port"),
		.pid = (pid_t)report_number(process, "pid"),
		.comm = report_word(process, "comm"),
		.class = report_word(report, "class"),
		.cause = report_word(report, "cause"),
	};

	CHECK(filter->passes(&end), "%s shows %s", program_words(&filter->program), report_line(report));
}

static void filter_check(struct filter *filter)
{
	struct reports reports;
	struct counts counts;

	lastack_stop(&filter->program);
	counts = counts_of(&filter->program);
	reports_open(&reports, filter->program.output);
	reports_refresh(&reports);
	for (unsigned i = 0; i < *end_count; i++)
		end_check(filter, &reports, &ends[i]);
	for (size_t i = 0; i < reports.count; i++)
		stranger_check(filter, reports.all[i]);
	CHECK(counts.lost == 0, "%llu events lost", counts.lost);
	CHECK(!filter->in_kernel || counts.filtered > 0, "%s: nothing was filtered in the kernel",
	      program_words(&filter->program));
}

/* The second process' control group: a filter of its own, where there is one to be had. */
static bool cgroup_prepare(pid_t pid)
{
	char line[1024], mount[256] = "", type[64], path[512], pids[16];
	FILE *mounts = fopen("/proc/self/mounts", "re");
	int fd;

	while (mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %255s %63s", mount, type) == 2 && !strcmp(type, "cgroup2"))
			break;
		else
			mount[0] = '\0';
	if (mounts)
		fclose(mounts);
	snprintf(cgroup_word, sizeof(cgroup_word), "/lastack-test-%d", (int)pid);
	snprintf(path, sizeof(path), "%s%s", mount, cgroup_word);
	if (!mount[0] || mkdir(path, 0755))
		return false;
	test_remove_later(path);
	strcat(path, "/cgroup.procs");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	snprintf(pids, sizeof(pids), "%d", (int)pid);
	if (fd < 0 || write(fd, pids, strlen(pids)) < 0)
		return false;
	close(fd);
	return true;
}

static void filters_start(bool with_cgroup)
{
	for (size_t i = 0; i < FILTERS; i++) {
		struct filter *filter = &filters[i];

		if (!with_cgroup && filter->words[0] && !strcmp(filter->words[0], "--cgroup"))
			continue;
		lastack_plan(&filter->program, "live", "-o", "json", "--ring-size", "1048576");
		for (int k = 0; k < 6 && filter->words[k]; k++)
			program_word(&filter->program, filter->words[k]);
		program_start(&filter->program);
	}
	for (size_t i = 0; i < FILTERS; i++)
		if (filters[i].program.argc)
			lastack_await(&filters[i].program);
}

static void each_filter(void)
{
	int ready[2], gate[2];

	ends = mmap(NULL, ENDS_MAX * sizeof(*ends) + sizeof(*end_count), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(ends != MAP_FAILED && !pipe2(ready, O_CLOEXEC) && !pipe2(gate, O_CLOEXEC), "%s", strerror(errno));
	end_count = (unsigned *)(ends + ENDS_MAX);
	prctl(PR_SET_NAME, "filter one");
	second_pid = fork();
	CHECK(second_pid >= 0, "fork: %s", strerror(errno));
	if (second_pid == 0)
		second_run(ready, gate);
	CHECK(read(ready[0], &netns_two, sizeof(netns_two)) == sizeof(netns_two), "the second process failed");
	netns_one = netns_enter_new();
	snprintf(pid_word, sizeof(pid_word), "%d", (int)second_pid);
	snprintf(netns_one_word, sizeof(netns_one_word), "%u", netns_one);
	snprintf(netns_two_path, sizeof(netns_two_path), "/proc/%d/ns/net", (int)second_pid);
	filters_start(cgroup_prepare(second_pid));
	play_all();
	close(gate[0]);
	close(gate[1]);
	child_await(second_pid);
	CHECK(*end_count == 32, "%u ends were played", *end_count);
	for (size_t i = 0; i < FILTERS; i++)
		if (filters[i].program.argc)
			filter_check(&filters[i]);
}

const struct test filter_tests[] = {
	{"filters", each_filter},
	{0},
};
