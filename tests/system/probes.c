/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probes.c: see probes.h.
 */
#include "probes.h"
#include "daemons.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- two hosts ------------------------------------------------------------------------------------- */

int here, there;
char netns_word[16], state_dir[96];
const int peer_families[2] = {AF_INET, AF_INET6};
static int listeners[2];

/* In the words "$0" stands for ip(8): the shell may have a command of that name that can do less. */
static void ip_run(const char *words, ...) __attribute__((format(printf, 1, 2)));
static void ip_run(const char *words, ...)
{
	char line[256];
	struct program ip;
	va_list arguments;

	va_start(arguments, words);
	vsnprintf(line, sizeof(line), words, arguments);
	va_end(arguments);
	CHECK(program_run(&ip, "sh", "-ec", line, program_find("ip")) == 0, "%s: %s", line, text_of(ip.errors));
	close(ip.output);
	close(ip.errors);
}

socklen_t peer_address(struct sockaddr_storage *storage, int family, unsigned net, unsigned host, uint16_t port)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	char text[48];

	memset(storage, 0, sizeof(*storage));
	storage->ss_family = (sa_family_t)family;
	v4->sin_port = htons(port); /* at the same place in both families */
	if (net == PEER_ANY)
		return family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	if (net == PEER_ITSELF || net == PEER_OURS)
		snprintf(text, sizeof(text), family == AF_INET ? "10.98.0.%d" : "fd98::%d", net == PEER_OURS ? 1 : 2);
	else
		snprintf(text, sizeof(text), family == AF_INET ? "10.99.%u.%u" : "fd99:0:0:%u::%u", net, host);
	CHECK(inet_pton(family, text, family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr) == 1,
	      "%s is no address", text);
	return family == AF_INET ? sizeof(*v4) : sizeof(*v6);
}

int peer_listen(int family, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = peer_address(&address, family, PEER_ANY, 0, port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET6)
		option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(!bind(fd, (struct sockaddr *)&address, bytes) && !listen(fd, 64), "listener: %s", strerror(errno));
	return fd;
}

/* Between `here`, where the caller is, and `there`. */
static void cable_lay(void)
{
	ip_run("$0 link add near type veth peer name far netns /proc/%d/fd/%d; $0 addr add 10.98.0.1/24 dev near;"
	       "$0 -6 addr add fd98::1/64 dev near nodad; $0 link set near up;"
	       "$0 route add 10.99.0.0/16 via 10.98.0.2; $0 -6 route add fd99::/48 via fd98::2",
	       (int)getpid(), there);
	netns_enter(there);
	ip_run("$0 addr add 10.98.0.2/24 dev far; $0 -6 addr add fd98::2/64 dev far nodad; $0 link set far up;"
	       "$0 route add local 10.99.0.0/16 dev lo; $0 -6 route add local fd99::/48 dev lo");
	for (int i = 0; i < 2; i++)
		listeners[i] = peer_listen(peer_families[i], PEER_PORT);
	netns_enter(here);
}

void hosts_open(void)
{
	uint32_t inode;

	netns_enter_new();
	there = netns_fd();
	inode = netns_enter_new();
	here = netns_fd();
	snprintf(netns_word, sizeof(netns_word), "%u", inode);
	snprintf(state_dir, sizeof(state_dir), "%s/state", test_directory());
	cable_lay();
}

void peers_reboot(void)
{
	netns_enter_new();
	there = netns_fd();
	netns_enter(here);
	ip_run("$0 link del near");
	cable_lay();
}

void peers_filter(const char *rules)
{
	netns_enter(there);
	netns_filter(rules);
	netns_enter(here);
}

struct pair peer_pair_at(int family, unsigned net, unsigned host, int listener, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = peer_address(&address, family, net, host, port);
	struct pair pair = {.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	CHECK(!connect(pair.client, (struct sockaddr *)&address, bytes), "connect: %s", strerror(errno));
	pair.server = tcp_accept(listener);
	pair.client_cookie = cookie_of(pair.client);
	return pair;
}

struct pair peer_pair(int family)
{
	return peer_pair_at(family, PEER_ITSELF, 0, listeners[family == AF_INET6], PEER_PORT);
}

void peer_forgets(const struct pair *pair)
{
	netns_enter(there);
	netns_filter("counter; }; chain o { type filter hook output priority 0; tcp sport 8200 drop");
	linger_zero(pair->server);
	close(pair->server);
	netns_filter("counter");
	netns_enter(here);
}

/* ---- settings ----------------------------------------------------------------------------------------- */

int option_get(int fd, int level, int name)
{
	socklen_t bytes = sizeof(int);
	int value;

	CHECK(!getsockopt(fd, level, name, &value, &bytes), "getsockopt %d/%d: %s", level, name, strerror(errno));
	return value;
}

struct settings settings_of(int fd)
{
	return (struct settings){option_get(fd, SOL_SOCKET, SO_KEEPALIVE), option_get(fd, IPPROTO_TCP, TCP_KEEPIDLE),
				 option_get(fd, IPPROTO_TCP, TCP_KEEPINTVL), option_get(fd, IPPROTO_TCP, TCP_KEEPCNT),
				 option_get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT)};
}

void settings_give(int fd, int keepalive, int idle_s, int interval_s, int count)
{
	option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
	option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
	option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
	option_set(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive);
}

void settings_equal(int fd, const struct settings *before)
{
	struct settings now = settings_of(fd);

	CHECK(!memcmp(&now, before, sizeof(now)), "not the settings %d %d %d %d %d but %d %d %d %d %d",
	      before->keepalive, before->idle_s, before->interval_s, before->count, before->user_timeout_ms,
	      now.keepalive, now.idle_s, now.interval_s, now.count, now.user_timeout_ms);
}

int state_of(int fd)
{
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	CHECK(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes), "TCP_INFO: %s", strerror(errno));
	return info.tcpi_state;
}

/* ---- probing ------------------------------------------------------------------------------------------ */

int probe_lines(struct reports *lines, struct program *program)
{
	int status;

	program_start(program);
	status = program_exit(program);
	reports_open(lines, program->output);
	reports_refresh(lines);
	return status;
}

const json_t *line_find(const struct reports *lines, uint64_t cookie)
{
	for (size_t i = 0; i < lines->count; i++)
		if (report_number(lines->all[i], "cookie") == (long long)cookie)
			return lines->all[i];
	test_fail("no line of %llu among %zu", (unsigned long long)cookie, lines->count);
}

void verdict_is(const struct reports *lines, uint64_t cookie, const char *verdict)
{
	const json_t *line = line_find(lines, cookie);

	CHECK(report_is(line, "verdict", verdict), "not %s: %s", verdict, report_line(line));
}

bool journal_exists(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/probe-journal", state_dir);
	return !access(path, F_OK);
}

struct pair pair_of_kind(int family, int kind)
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

void probe_underway(struct program *lastack, const struct pair *pair)
{
	probe_plan(lastack, "--probes", "20", cookie_text(pair->client_cookie));
	program_start(lastack);
	CHECK(BECOMES_TRUE(option_get(pair->client, IPPROTO_TCP, TCP_KEEPCNT) == 127), "it does not begin: %s",
	      text_of(lastack->errors));
	CHECK(journal_exists(), "a setting is changed, and there is no journal");
}
