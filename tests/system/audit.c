/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit.c: `lastack audit`: what it counted in namespaces of the test's own against the kernel's counters there: ends
 * of all kinds, namespaces that come and go, and events that were lost.
 */
#include "net.h"
#include "system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT   7950
#define ROUNDS 10
/*
 * Events within some 10 ms of a reading may be on either side of it, and nothing shows when that is over: with this
 * distance between them and the play, the counts are certain.
 */
#define APART_MS 150

static const json_t *row_find(const struct reports *rows, long long netns, const char *counter)
{
	for (size_t i = 0; i < rows->count; i++)
		if (report_number(rows->all[i], "netns") == netns && report_is(rows->all[i], "counter", counter))
			return rows->all[i];
	test_fail("no row of %s in %lld", counter, netns);
}

static void rows_read(struct reports *rows, const struct program *lastack)
{
	reports_open(rows, lastack->output);
	reports_refresh(rows);
	CHECK(rows->count > 0, "no rows: %s", text_of(lastack->errors));
}

static int audit_stop(struct program *lastack)
{
	CHECK(!program_ended(lastack), "lastack ended by itself: %s", text_of(lastack->errors));
	kill(lastack->pid, SIGINT);
	return program_exit(lastack);
}

static void audit_start(struct program *lastack, uint32_t netns)
{
	static char inode[16];

	lastack_plan(lastack, "audit", "-o", "json", "--all");
	if (netns) {
		snprintf(inode, sizeof(inode), "%u", netns);
		program_word(lastack, "--netns");
		program_word(lastack, inode);
	}
	program_start(lastack);
	lastack_await(lastack);
	pause_ms(APART_MS);
}

static void equal_and_certain(const struct reports *rows, uint32_t netns, const char *counter, long long at_least)
{
	const json_t *row = row_find(rows, netns, counter);
	long long kernel = report_number(row, "kernel");

	CHECK(report_is(row, "verdict", "equal") && kernel >= at_least && report_number(row, "lastack_min") == kernel &&
		      report_number(row, "lastack_max") == kernel,
	      "not equal, not certain, or below %lld: %s", at_least, report_line(row));
}

/* One idle connection dies of unanswered keepalive probes, one of its retransmissions, one SYN is never answered. */
static void timeouts_play(void)
{
	struct sockaddr_in nobody = {AF_INET, htons(PORT + 9), {htonl(INADDR_LOOPBACK)}, {0}};
	int listener = tcp_listen(AF_INET, PORT + 8), waiting = tcp_connect(AF_INET, 0, PORT + 8), abandoned;
	struct pair idle = {.client = waiting, .server = tcp_accept(listener)};
	struct pair sending = pair_open(AF_INET, listener, PORT + 8);

	netns_set("tcp_retries2", "3");
	netns_set("tcp_syn_retries", "1");
	option_set(idle.client, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	option_set(idle.client, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	option_set(idle.client, IPPROTO_TCP, TCP_KEEPCNT, 2);
	option_set(idle.client, SOL_SOCKET, SO_KEEPALIVE, 1);
	netns_filter("tcp dport 7958 drop; tcp sport 7958 drop; tcp dport 7959 drop");
	CHECK(send(sending.client, "lost", 4, 0) == 4, "send: %s", strerror(errno));
	abandoned = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(abandoned, (struct sockaddr *)&nobody, sizeof(nobody)) && errno == ETIMEDOUT,
	      "connect() does not time out: %s", strerror(errno));
	CHECK(BECOMES_TRUE(netns_counter("TcpExt", "TCPAbortOnTimeout") == 3), "not three timeouts");
	netns_filter("counter");
	close(abandoned);
	close(sending.client);
	close(sending.server);
	close(idle.client);
	close(idle.server);
	close(listener);
}

static void audit_of_all_ends(void)
{
	uint32_t netns = netns_enter_new();
	struct program lastack;
	struct reports rows;
	int status;

	audit_start(&lastack, netns);
	mixed_play(ROUNDS, PORT);
	timeouts_play();
	CHECK(BECOMES_TRUE(netns_sockets() == 0), "%u sockets do not end", netns_sockets());
	pause_ms(APART_MS);
	status = audit_stop(&lastack);
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
	CHECK(status == 0 && text_has(lastack.errors, " 0 unexplained differences"), "it ends with %d: %s%s", status,
	      text_of(lastack.output), text_of(lastack.errors));
	rows_read(&rows, &lastack);
	for (size_t i = 0; i < rows.count; i++)
		CHECK(report_number(rows.all[i], "netns") == netns, "not asked for: %s", report_line(rows.all[i]));
	equal_and_certain(&rows, netns, "ActiveOpens", 12 * ROUNDS + 3);
	equal_and_certain(&rows, netns, "PassiveOpens", 10 * ROUNDS + 2);
	equal_and_certain(&rows, netns, "AttemptFails", 2 * ROUNDS + 1);
	equal_and_certain(&rows, netns, "EstabResets", 2 * ROUNDS);
	equal_and_certain(&rows, netns, "CurrEstab", 0);
	equal_and_certain(&rows, netns, "OutRsts", 6 * ROUNDS + 1);
	equal_and_certain(&rows, netns, "RetransSegs", 4);
	equal_and_certain(&rows, netns, "TCPSynRetrans", 1);
	equal_and_certain(&rows, netns, "TCPTimeouts", 4);
	equal_and_certain(&rows, netns, "TCPKeepAlive", 2);
	equal_and_certain(&rows, netns, "TCPAbortOnData", 2 * ROUNDS);
	equal_and_certain(&rows, netns, "TCPAbortOnClose", 2 * ROUNDS);
	equal_and_certain(&rows, netns, "TCPAbortOnTimeout", 3);
	equal_and_certain(&rows, netns, "TCPAbortOnMemory", 0);
}

/* Of other namespaces of this host nothing is claimed here: the exit status is theirs too. */
static void audit_of_young_and_gone(void)
{
	struct program lastack;
	struct reports rows;
	uint32_t netns;
	size_t gone = 0;

	audit_start(&lastack, 0);
	netns = netns_enter_new();
	mixed_play(2, PORT);
	child_await(load_start(237, 0, 7000));
	CHECK(BECOMES_TRUE(netns_sockets() == 0), "%u sockets do not end", netns_sockets());
	pause_ms(APART_MS);
	audit_stop(&lastack);
	rows_read(&rows, &lastack);
	equal_and_certain(&rows, netns, "ActiveOpens", 24);
	equal_and_certain(&rows, netns, "OutRsts", 12);
	for (size_t i = 0; i < rows.count; i++)
		gone += report_is(rows.all[i], "verdict", "not_read") &&
			report_is(rows.all[i], "counter", "ActiveOpens") &&
			report_number(rows.all[i], "lastack") == 237 && report_number(rows.all[i], "kernel") == -1;
	CHECK(gone == 1, "what was counted in a namespace that is gone is not told");
}

static void audit_explains_losses(void)
{
	uint32_t netns = netns_enter_new();
	struct program lastack;
	struct reports rows;
	size_t explained = 0;
	char inode[16];
	int status;

	snprintf(inode, sizeof(inode), "%u", netns);
	lastack_plan(&lastack, "audit", "-o", "json", "--ring-size", "4096", "--netns", inode);
	program_start(&lastack);
	lastack_await(&lastack);
	kill(lastack.pid, SIGSTOP);
	CHECK(waitpid(lastack.pid, &status, WUNTRACED) == lastack.pid && WIFSTOPPED(status),
	      "SIGSTOP does not stop it");
	mixed_play(40, PORT);
	CHECK(BECOMES_TRUE(netns_sockets() == 0), "%u sockets do not end", netns_sockets());
	kill(lastack.pid, SIGCONT);
	status = audit_stop(&lastack);
	CHECK(counts_of(&lastack).lost > 1000, "nothing was lost");
	CHECK(status == 0, "it ends with %d: %s%s", status, text_of(lastack.output), text_of(lastack.errors));
	rows_read(&rows, &lastack);
	for (size_t i = 0; i < rows.count; i++)
		explained += report_is(rows.all[i], "verdict", "explained") &&
			     strstr(report_word(rows.all[i], "explain"), " lost");
	CHECK(explained >= 5 && report_number(row_find(&rows, netns, "ActiveOpens"), "difference") > 0,
	      "only %zu differences are explained by losses: %s", explained, text_of(lastack.output));
}

/*
 * What lastack cannot have seen: connections of before, in a namespace that it could not find at the start (nobody was
 * in it), so that it seems to be a young one.
 */
static void audit_finds_what_was_missed(void)
{
	uint32_t netns = netns_enter_new();
	struct program lastack;
	struct reports rows;
	const json_t *row;
	int fd = netns_fd(), status;

	mixed_play(2, PORT);
	CHECK(BECOMES_TRUE(netns_sockets() == 0), "%u sockets do not end", netns_sockets());
	home_enter();
	audit_start(&lastack, netns);
	netns_enter(fd);
	status = audit_stop(&lastack);
	CHECK(status == 1 && !text_has(lastack.errors, " 0 unexplained differences"), "it ends with %d: %s", status,
	      text_of(lastack.errors));
	rows_read(&rows, &lastack);
	row = row_find(&rows, netns, "ActiveOpens");
	CHECK(report_is(row, "verdict", "unexplained") && report_number(row, "difference") == 24, "%s",
	      report_line(row));
}

/* Both readings are in the midst of traffic: the kernel's increase lies between the bounds, and they are close. */
static void audit_under_load(void)
{
	static const char *const counters[] = {"ActiveOpens", "PassiveOpens", "EstabResets", "OutRsts",
					       "TCPAbortOnData"};
	pid_t load = load_start(1000000, 0, 7000);
	uint32_t home = netns_inode();
	struct stat at_load = {.st_ino = home};
	struct program lastack;
	struct reports rows;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)load);
	CHECK(BECOMES_TRUE(!stat(path, &at_load) && at_load.st_ino != home), "the load has no namespace of its own");
	lastack_plan(&lastack, "audit", "-o", "json", "-d", "1", "--netns", path);
	program_start(&lastack);
	status = program_exit(&lastack);
	kill(load, SIGKILL);
	waitpid(load, NULL, 0);
	CHECK(status == 0, "it ends with %d: %s%s", status, text_of(lastack.output), text_of(lastack.errors));
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
	rows_read(&rows, &lastack);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		const json_t *row = row_find(&rows, at_load.st_ino, counters[i]);
		long long least = report_number(row, "lastack_min"), most = report_number(row, "lastack_max");

		CHECK(report_is(row, "verdict", "equal") && least > 500 && most - least < most / 4,
		      "not equal, or not within narrow bounds: %s", report_line(row));
	}
}

/* Of a namespace that is not there nothing is known; in one where nothing happens all is equal. */
static void audit_nowhere(void)
{
	struct program lastack;
	char inode[16];

	snprintf(inode, sizeof(inode), "%u", netns_enter_new());
	CHECK(program_run(&lastack, lastack_path(), "audit", "-d", "0.1", "--netns", inode) == 0, "%s",
	      text_of(lastack.errors));
	CHECK(program_run(&lastack, lastack_path(), "audit", "-d", "0.1", "--netns", "4711") == 4 &&
		      text_has(lastack.errors, "lastack: audit: --netns 4711: nobody is in it"),
	      "%s", text_of(lastack.errors));
}

const struct test audit_tests[] = {
	{"audit_of_all_ends", audit_of_all_ends},
	{"audit_of_young_and_gone", audit_of_young_and_gone},
	{"audit_explains_losses", audit_explains_losses},
	{"audit_finds_what_was_missed", audit_finds_what_was_missed},
	{"audit_under_load", audit_under_load},
	{"audit_nowhere", audit_nowhere},
	{0},
};
