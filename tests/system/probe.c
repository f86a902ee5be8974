/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.c: `lastack probe` against real peers behind a veth: alive, vanished, rebooted; and what it leaves behind in
 * the sockets of others: the settings that it found, whatever ends it.
 */
#include "daemons.h"
#include "net.h"
#include "system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT 8200

/* ---- two hosts ------------------------------------------------------------------------------------- */

static int here, there; /* namespaces: of the test and what it probes, and of the peers */
static int listeners[2];
static char netns_word[16], state_dir[96];

static const int families[] = {AF_INET, AF_INET6};

static void ip_run(const char *words, ...) __attribute__((format(printf, 1, 2)));
static void ip_run(const char *words, ...)
{
	char line[256];
	struct program ip;
	va_list arguments;

	va_start(arguments, words);
	vsnprintf(line, sizeof(line), words, arguments);
	va_end(arguments);
	CHECK(program_run(&ip, "sh", "-ec", line) == 0, "%s: %s", line, text_of(ip.errors));
	close(ip.output);
	close(ip.errors);
}

static socklen_t peer_fill(struct sockaddr_storage *storage, int family, bool any)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;

	memset(storage, 0, sizeof(*storage));
	storage->ss_family = (sa_family_t)family;
	v4->sin_port = htons(PORT); /* at the same place in both families */
	if (!any)
		inet_pton(family, family == AF_INET ? "10.98.0.2" : "fd98::2",
			  family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr);
	return family == AF_INET ? sizeof(*v4) : sizeof(*v6);
}

static int listener_open(int family)
{
	struct sockaddr_storage address;
	socklen_t bytes = peer_fill(&address, family, true);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET6)
		option_set(fd, IPPROTO_IPV6, 26 /* IPV6_V6ONLY */, 1);
	option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(!bind(fd, (struct sockaddr *)&address, bytes) && !listen(fd, 64), "listener: %s", strerror(errno));
	return fd;
}

static void hosts_open(void)
{
	uint32_t inode;

	netns_enter_new();
	there = netns_fd();
	inode = netns_enter_new();
	here = netns_fd();
	snprintf(netns_word, sizeof(netns_word), "%u", inode);
	snprintf(state_dir, sizeof(state_dir), "%s/state", test_directory());
	ip_run("ip link add near type veth peer name far netns /proc/%d/fd/%d; ip addr add 10.98.0.1/24 dev near;"
	       "ip -6 addr add fd98::1/64 dev near nodad; ip link set near up",
	       (int)getpid(), there);
	netns_enter(there);
	ip_run("ip addr add 10.98.0.2/24 dev far; ip -6 addr add fd98::2/64 dev far nodad; ip link set far up");
	for (int i = 0; i < 2; i++)
		listeners[i] = listener_open(families[i]);
	netns_enter(here);
}

/* What the peers' host does with what it gets: "drop" makes them vanish, "counter" lets them come back. */
static void peers_filter(const char *rules)
{
	netns_enter(there);
	netns_filter(rules);
	netns_enter(here);
}

#define PEERS_VANISH() peers_filter("tcp dport 8200 drop")

static struct pair peer_pair(int family)
{
	struct sockaddr_storage address;
	socklen_t bytes = peer_fill(&address, family, false);
	struct pair pair = {.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	CHECK(!connect(pair.client, (struct sockaddr *)&address, bytes), "connect: %s", strerror(errno));
	pair.server = tcp_accept(listeners[family == AF_INET6]);
	pair.client_cookie = cookie_of(pair.client);
	return pair;
}

/* The peer's host forgets the connection without a word. */
static void peer_forgets(const struct pair *pair)
{
	netns_enter(there);
	netns_filter("counter; }; chain o { type filter hook output priority 0; tcp sport 8200 drop");
	linger_zero(pair->server);
	close(pair->server);
	netns_filter("counter");
	netns_enter(here);
}

/* ---- settings ----------------------------------------------------------------------------------------- */

struct settings {
	int keepalive, idle_s, interval_s, count, user_timeout_ms;
};

static int option_get(int fd, int level, int name)
{
	socklen_t bytes = sizeof(int);
	int value;

	CHECK(!getsockopt(fd, level, name, &value, &bytes), "getsockopt %d/%d: %s", level, name, strerror(errno));
	return value;
}

static struct settings settings_of(int fd)
{
	return (struct settings){option_get(fd, SOL_SOCKET, SO_KEEPALIVE), option_get(fd, IPPROTO_TCP, TCP_KEEPIDLE),
				 option_get(fd, IPPROTO_TCP, TCP_KEEPINTVL), option_get(fd, IPPROTO_TCP, TCP_KEEPCNT),
				 option_get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT)};
}

static void settings_give(int fd, int keepalive, int idle_s, int interval_s, int count)
{
	option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
	option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
	option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
	option_set(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive);
}

static void settings_equal(int fd, const struct settings *before)
{
	struct settings now = settings_of(fd);

	CHECK(!memcmp(&now, before, sizeof(now)), "not the settings %d %d %d %d %d but %d %d %d %d %d",
	      before->keepalive, before->idle_s, before->interval_s, before->count, before->user_timeout_ms,
	      now.keepalive, now.idle_s, now.interval_s, now.count, now.user_timeout_ms);
}

static int state_of(int fd)
{
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	CHECK(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes), "TCP_INFO: %s", strerror(errno));
	return info.tcpi_state;
}

/* ---- probing ------------------------------------------------------------------------------------------ */

#define probe_plan(program, ...)                                                                                       \
	lastack_plan(program, "probe", "-o", "json", "--netns", netns_word, "--state-dir", state_dir, ##__VA_ARGS__)

static void lines_of(const struct program *program, struct reports *lines)
{
	reports_open(lines, program->output);
	reports_refresh(lines);
}

static int probe_lines(struct reports *lines, struct program *program)
{
	int status;

	program_start(program);
	status = program_exit(program);
	lines_of(program, lines);
	return status;
}

static const json_t *line_find(const struct reports *lines, uint64_t cookie)
{
	for (size_t i = 0; i < lines->count; i++)
		if (report_number(lines->all[i], "cookie") == (long long)cookie)
			return lines->all[i];
	test_fail("no line of %llu among %zu", (unsigned long long)cookie, lines->count);
}

static void verdict_is(const struct reports *lines, uint64_t cookie, const char *verdict)
{
	const json_t *line = line_find(lines, cookie);

	CHECK(report_is(line, "verdict", verdict), "not %s: %s", verdict, report_line(line));
}

static bool journal_exists(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/probe-journal", state_dir);
	return !access(path, F_OK);
}

/* Keepalive off by default, off with settings, on with settings; then those who wait for the other's end. */
#define KINDS 5

static struct pair pair_of_kind(int family, int kind)
{
	struct pair pair = peer_pair(family);
	char byte;

	if (kind == 1 || kind == 2)
		settings_give(pair.client, kind == 2, 600, 20 + kind, 5);
	if (kind == 3) {
		shutdown(pair.server, SHUT_WR);
		CHECK(recv(pair.client, &byte, 1, 0) == 0, "the peer's end does not come");
	}
	if (kind == 4) {
		shutdown(pair.client, SHUT_WR);
		CHECK(recv(pair.server, &byte, 1, 0) == 0, "the end does not come");
	}
	return pair;
}

static void probe_alive(void)
{
	struct settings before[2 * KINDS];
	struct pair pairs[2 * KINDS];
	struct program lastack;
	struct reports lines;
	long long sent;
	int status;

	hosts_open();
	netns_set("tcp_keepalive_time", "4321");
	for (int i = 0; i < 2 * KINDS; i++) {
		pairs[i] = pair_of_kind(families[i % 2], i / 2);
		before[i] = settings_of(pairs[i].client);
	}
	CHECK(before[0].idle_s == 4321, "the sysctl does not hold");
	sent = netns_counter("TcpExt", "TCPKeepAlive");
	probe_plan(&lastack, "-D", "8200");
	status = probe_lines(&lines, &lastack);
	CHECK(status == 0 && lines.count == 2 * KINDS, "%d, %zu lines: %s", status, lines.count,
	      text_of(lastack.errors));
	for (int i = 0; i < 2 * KINDS; i++) {
		const json_t *line = line_find(&lines, pairs[i].client_cookie);

		verdict_is(&lines, pairs[i].client_cookie, "alive");
		CHECK(report_is(line, "means", "keepalive") && json_is_true(json_object_get(line, "restored")) &&
			      report_number(report_process(line), "pid") == getpid(),
		      "%s", report_line(line));
		settings_equal(pairs[i].client, &before[i]);
	}
	sent = netns_counter("TcpExt", "TCPKeepAlive") - sent;
	CHECK(sent >= 2 * KINDS, "only %lld probes were sent", sent);
	CHECK(!journal_exists(), "the journal is left");
}

static void probe_vanished(void)
{
	enum { OFF, OFF_V6, ON, LAST, TIMEOUT, DATA, COUNT };
	struct settings before[COUNT];
	struct pair pairs[COUNT];
	struct program lastack;
	struct reports lines;
	char byte;

	hosts_open();
	for (int i = 0; i < COUNT; i++)
		pairs[i] = peer_pair(families[i == OFF_V6]);
	settings_give(pairs[ON].client, 1, 600, 30, 3);
	settings_give(pairs[LAST].client, 1, 600, 30, 1);
	option_set(pairs[TIMEOUT].client, IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
	for (int i = 0; i < COUNT; i++)
		before[i] = settings_of(pairs[i].client);
	PEERS_VANISH();
	CHECK(send(pairs[DATA].client, "x", 1, 0) == 1, "send: %s", strerror(errno));
	probe_plan(&lastack, "-p", cookie_text((uint64_t)getpid()), "--rate", "10000");
	CHECK(probe_lines(&lines, &lastack) == 1 && lines.count == COUNT, "%s%s", text_of(lastack.output),
	      text_of(lastack.errors));
	for (int i = 0; i < COUNT; i++) {
		verdict_is(&lines, pairs[i].client_cookie, i == LAST || i == TIMEOUT ? "not_probed" : "silent");
		settings_equal(pairs[i].client, &before[i]);
		CHECK(state_of(pairs[i].client) == TCP_ESTABLISHED, "probing has ended connection %d", i);
	}
	CHECK(report_number(line_find(&lines, pairs[OFF].client_cookie), "probes_unanswered") == 3 &&
		      report_number(line_find(&lines, pairs[ON].client_cookie), "probes_unanswered") == 2,
	      "%s", text_of(lastack.output));
	CHECK(report_is(line_find(&lines, pairs[LAST].client_cookie), "reason", "own_limit") &&
		      report_is(line_find(&lines, pairs[TIMEOUT].client_cookie), "reason", "user_timeout") &&
		      report_is(line_find(&lines, pairs[DATA].client_cookie), "means", "own_timers"),
	      "%s", text_of(lastack.output));
	peers_filter("counter"); /* they work again when the way is free */
	for (int i = 0; i < COUNT; i++)
		CHECK(send(pairs[i].client, "x", 1, 0) == 1 && recv(pairs[i].server, &byte, 1, 0) == 1,
		      "connection %d does not work any more: %s", i, strerror(errno));
}

static void probe_rebooted(void)
{
	struct pair lost[2], well = {0};
	struct program lastack;
	struct reports lines;

	hosts_open();
	for (int i = 0; i < 2; i++)
		lost[i] = peer_pair(families[i]);
	for (int i = 0; i < 2; i++)
		peer_forgets(&lost[i]);
	well = peer_pair(AF_INET);
	probe_plan(&lastack, cookie_text(lost[0].client_cookie), cookie_text(lost[1].client_cookie),
		   cookie_text(well.client_cookie));
	CHECK(probe_lines(&lines, &lastack) == 1 && lines.count == 3, "%s%s", text_of(lastack.output),
	      text_of(lastack.errors));
	verdict_is(&lines, lost[0].client_cookie, "reset");
	verdict_is(&lines, lost[1].client_cookie, "reset");
	verdict_is(&lines, well.client_cookie, "alive");
	CHECK(option_get(lost[0].client, SOL_SOCKET, SO_ERROR) == ECONNRESET, "not reset");
	CHECK(!journal_exists(), "the journal is left");
}

static void probe_reaps(void)
{
	struct program lastack;
	struct pair dead[2], timeout;
	struct reports lines;

	hosts_open();
	for (int i = 0; i < 2; i++)
		dead[i] = peer_pair(families[i]);
	timeout = peer_pair(AF_INET);
	option_set(timeout.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
	PEERS_VANISH();
	probe_plan(&lastack, "--reap", "-D", "8200", "--probes", "2");
	CHECK(probe_lines(&lines, &lastack) == 1 && lines.count == 3, "%s%s", text_of(lastack.output),
	      text_of(lastack.errors));
	for (int i = 0; i < 2; i++) {
		verdict_is(&lines, dead[i].client_cookie, "silent");
		CHECK(report_number(line_find(&lines, dead[i].client_cookie), "probes_unanswered") == 2, "%s",
		      text_of(lastack.output));
		CHECK(option_get(dead[i].client, SOL_SOCKET, SO_ERROR) == ETIMEDOUT, "not ended");
		CHECK(text_has(lastack.errors, cookie_text(dead[i].client_cookie)), "not logged: %s",
		      text_of(lastack.errors));
	}
	verdict_is(&lines, timeout.client_cookie, "silent");
	CHECK(option_get(timeout.client, SOL_SOCKET, SO_ERROR) == ETIMEDOUT, "not ended");
	CHECK(text_lines(lastack.errors) == 3, "%s", text_of(lastack.errors));
}

/* What comes back while it is probed, or has a probe of before unanswered, is not reaped. */
static void probe_reaps_nothing_alive(void)
{
	struct program lastack;
	struct reports lines;
	struct settings before;
	struct pair pair;

	hosts_open();
	pair = peer_pair(AF_INET);
	before = settings_of(pair.client);
	PEERS_VANISH();
	probe_plan(&lastack, cookie_text(pair.client_cookie));
	CHECK(probe_lines(&lines, &lastack) == 1, "%s", text_of(lastack.errors));
	verdict_is(&lines, pair.client_cookie, "silent");
	peers_filter("counter");
	probe_plan(&lastack, "--reap", cookie_text(pair.client_cookie));
	CHECK(probe_lines(&lines, &lastack) == 0, "%s%s", text_of(lastack.output), text_of(lastack.errors));
	verdict_is(&lines, pair.client_cookie, "alive");
	CHECK(text_lines(lastack.errors) == 0, "%s", text_of(lastack.errors));
	settings_equal(pair.client, &before);
}

/* ---- its own end -------------------------------------------------------------------------------------- */

/* Starts it, and waits until it has changed the socket. */
static void probe_underway(struct program *lastack, const struct pair *pair)
{
	probe_plan(lastack, "--probes", "20", cookie_text(pair->client_cookie));
	program_start(lastack);
	CHECK(BECOMES_TRUE(option_get(pair->client, IPPROTO_TCP, TCP_KEEPCNT) == 127), "it does not begin: %s",
	      text_of(lastack->errors));
	CHECK(journal_exists(), "a setting is changed, and there is no journal");
}

static void probe_killed(void)
{
	struct settings before[2];
	struct program lastack;
	struct pair pairs[2];

	hosts_open();
	for (int i = 0; i < 2; i++)
		pairs[i] = peer_pair(families[i]);
	settings_give(pairs[1].client, 1, 600, 30, 9);
	for (int i = 0; i < 2; i++)
		before[i] = settings_of(pairs[i].client);
	PEERS_VANISH();
	for (int i = 0; i < 2; i++) {
		probe_underway(&lastack, &pairs[i]);
		kill(lastack.pid, SIGKILL);
		CHECK(program_exit(&lastack) == -SIGKILL, "it is not killed");
		CHECK(option_get(pairs[i].client, IPPROTO_TCP, TCP_KEEPCNT) == 127 && journal_exists(),
		      "nothing to recover");
		if (i)
			probe_plan(&lastack, cookie_text(1)); /* any run recovers first */
		else
			probe_plan(&lastack, "--recover");
		program_start(&lastack);
		CHECK(program_exit(&lastack) == i &&
			      text_has(lastack.errors, "settings of 1 connections were put back"),
		      "%s", text_of(lastack.errors));
		settings_equal(pairs[i].client, &before[i]);
		CHECK(!journal_exists(), "the journal is left");
	}
	CHECK(state_of(pairs[0].client) == TCP_ESTABLISHED, "it has ended");
}

/* What the application has set in the meantime is its own. */
static void probe_killed_and_changed(void)
{
	struct settings before, now;
	struct program lastack;
	struct pair pair;

	hosts_open();
	pair = peer_pair(AF_INET6);
	before = settings_of(pair.client);
	PEERS_VANISH();
	probe_underway(&lastack, &pair);
	kill(lastack.pid, SIGKILL);
	program_exit(&lastack);
	option_set(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, 33);
	probe_plan(&lastack, "--recover");
	program_start(&lastack);
	CHECK(program_exit(&lastack) == 0, "%s", text_of(lastack.errors));
	now = settings_of(pair.client);
	CHECK(now.idle_s == 33, "the application's setting is lost");
	now.idle_s = before.idle_s;
	CHECK(!memcmp(&now, &before, sizeof(now)), "the others are not put back");
}

static void probe_interrupted(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct settings before;
	struct program lastack;
	struct reports lines;
	struct pair pair;

	hosts_open();
	pair = peer_pair(AF_INET);
	before = settings_of(pair.client);
	PEERS_VANISH();
	for (int i = 0; i < 3; i++) {
		probe_underway(&lastack, &pair);
		kill(lastack.pid, signals[i]);
		CHECK(program_exit(&lastack) == 1, "%s", text_of(lastack.errors));
		lines_of(&lastack, &lines);
		CHECK(report_is(line_find(&lines, pair.client_cookie), "reason", "interrupted"), "%s",
		      text_of(lastack.output));
		settings_equal(pair.client, &before);
		CHECK(!journal_exists(), "the journal is left");
	}
}

/* The timer that would end an orphan in FIN_WAIT2 is that of keepalive: it must run on. */
static bool orphan_has_timer(uint16_t port)
{
	FILE *file = fopen("/proc/self/net/tcp", "re");
	unsigned local, state, timer;
	bool found = false;
	char line[512];

	CHECK(file, "/proc/self/net/tcp: %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %x:", &local, &state, &timer) ==
				 3 &&
			 local == port && state == TCP_FIN_WAIT2 && timer == 2;
	fclose(file);
	return found;
}

static void probe_orphan(void)
{
	struct program lastack;
	struct pair pair;
	uint16_t port;

	hosts_open();
	netns_set("tcp_fin_timeout", "120"); /* above 60 it waits as a whole socket */
	pair = pair_of_kind(AF_INET, 4);
	port = local_port_of(pair.client);
	PEERS_VANISH();
	probe_underway(&lastack, &pair);
	close(pair.client);
	CHECK(orphan_has_timer(port), "the orphan does not wait in FIN_WAIT2");
	kill(lastack.pid, SIGINT);
	CHECK(program_exit(&lastack) == 1, "%s", text_of(lastack.errors));
	CHECK(orphan_has_timer(port), "the timer of the orphan was stopped");
	CHECK(!journal_exists(), "the journal is left");
}

/* ---- choosing ----------------------------------------------------------------------------------------- */

static void refused(int expected, const char *words, struct program *lastack)
{
	program_start(lastack);
	CHECK(program_exit(lastack) == expected && text_has(lastack->errors, words), "not %d, \"%s\": %s%s", expected,
	      words, text_of(lastack->output), text_of(lastack->errors));
}

static void probe_chooses(void)
{
	struct program lastack, other;
	struct reports lines;
	struct pair pairs[3];

	hosts_open();
	for (int i = 0; i < 3; i++)
		pairs[i] = peer_pair(families[i % 2]);
	lastack_plan(&lastack, "probe", "--state-dir", state_dir);
	refused(2, "which connections?", &lastack);
	probe_plan(&lastack, "12x");
	refused(2, "neither an id", &lastack);
	probe_plan(&lastack, "--class", "reset");
	refused(2, "has neither", &lastack);
	probe_plan(&lastack, "-D", "8201");
	refused(0, "no connection is chosen", &lastack);
	probe_plan(&lastack, "--comm", "nobody", cookie_text(pairs[0].client_cookie));
	CHECK(probe_lines(&lines, &lastack) == 1, "%s", text_of(lastack.errors));
	verdict_is(&lines, pairs[0].client_cookie, "gone");
	probe_plan(&lastack, "--remote", "fd98::2");
	CHECK(probe_lines(&lines, &lastack) == 0 && lines.count == 1, "%s", text_of(lastack.output));
	verdict_is(&lines, pairs[1].client_cookie, "alive");
	probe_plan(&lastack, "-4", "--limit", "1");
	CHECK(probe_lines(&lines, &lastack) == 0 && lines.count == 1 && text_has(lastack.errors, "1 more connections"),
	      "%s%s", text_of(lastack.output), text_of(lastack.errors));
	probe_plan(&lastack, "--state", "CLOSE_WAIT");
	refused(0, "no connection is chosen", &lastack);
	PEERS_VANISH();
	probe_underway(&other, &pairs[0]);
	probe_plan(&lastack, "--recover");
	refused(4, "another lastack probe is at work", &lastack);
	kill(other.pid, SIGINT);
	program_exit(&other);
	program_plan(&lastack, "setpriv", "--reuid", "65534", "--clear-groups", lastack_for_anybody(), "probe", "--all",
		     "--state-dir", test_directory(), NULL);
	refused(3, "ermission", &lastack);
}

/* By the id that the daemon gives, from either end. */
static void probe_by_id(void)
{
	struct program daemon, lastack;
	struct daemon_place place;
	struct reports lines;
	struct pair pairs[2];

	hosts_open();
	daemon_start(&daemon, &place);
	for (int i = 0; i < 2; i++)
		pairs[i] = peer_pair(families[i]);
	netns_enter(here);
	for (int i = 0; i < 2; i++) {
		const char *id;

		daemon_lines(&lines, &place, "list", "--netns", netns_word, i ? "-6" : "-4", NULL);
		CHECK(lines.count == 1, "%zu lines", lines.count);
		id = strdup(report_word(lines.all[0], "id"));
		probe_plan(&lastack, id);
		CHECK(probe_lines(&lines, &lastack) == 0 && lines.count == 1, "%s: %s%s", id, text_of(lastack.output),
		      text_of(lastack.errors));
		verdict_is(&lines, pairs[i].client_cookie, "alive");
		CHECK(report_is(lines.all[0], "id", id), "%s", text_of(lastack.output));
		netns_enter(there); /* the peer's end has another cookie, and the same id */
		lastack_plan(&lastack, "probe", "-o", "json", "--state-dir", state_dir, "-L", "8200", id);
		CHECK(probe_lines(&lines, &lastack) == 0 && lines.count == 1, "%s", text_of(lastack.errors));
		verdict_is(&lines, cookie_of(pairs[i].server), "alive");
		netns_enter(here);
	}
	daemon_stop(&daemon);
}

const struct test probe_tests[] = {
	{"probe_alive", probe_alive},
	{"probe_vanished", probe_vanished},
	{"probe_rebooted", probe_rebooted},
	{"probe_reaps", probe_reaps},
	{"probe_reaps_nothing_alive", probe_reaps_nothing_alive},
	{"probe_killed", probe_killed},
	{"probe_killed_and_changed", probe_killed_and_changed},
	{"probe_interrupted", probe_interrupted},
	{"probe_orphan", probe_orphan},
	{"probe_chooses", probe_chooses},
	{"probe_by_id", probe_by_id},
	{0},
};
