// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose.c: `lastack diagnose` before real processes that misbehave, each beside a healthy neighbour: what is wrong
 * must be found with its owner, its descriptors and how many, and the neighbour must not. Over both families.
 *
 * Both ends are on one host but have addresses of their own on the loopback device, as a peer at 127.0.0.1 or at one's
 * own address cannot vanish, and some findings are not made there.
 */
#include "daemons.h"
#include "diagnoses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT         8300
#define FAMILY_PORTS 50
#define LEAKS        20
#define FAMILIES     2
#define PAUSE_US     100000
#define BACKLOG      2

static struct program daemon_program;
static struct daemon_place place;
static char netns[16];

/* ---- the network -------------------------------------------------------------------------------------- */

static const int families[FAMILIES] = {AF_INET, AF_INET6};
static const char *const addresses[FAMILIES][2] = {{"10.77.0.1", "10.78.0.2"}, {"fd77::1", "fd78::2"}};

static void network_make(void)
{
	struct program ip;
	char address[64];

	netns_enter_new();
	snprintf(netns, sizeof(netns), "%u", netns_inode());
	for (int family = 0; family < FAMILIES; family++)
		for (int end = 0; end < 2; end++) {
			snprintf(address, sizeof(address), "%s/%u", addresses[family][end], family ? 128 : 32);
			CHECK(program_run(&ip, "ip", "address", "add", address, "dev", "lo", "nodad") == 0 ||
				      program_run(&ip, "ip", "address", "add", address, "dev", "lo") == 0,
			      "%s: %s", address, text_of(ip.errors));
		}
}

static socklen_t endpoint(struct sockaddr_storage *address, int family, int end, uint16_t port)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;

	memset(address, 0, sizeof(*address));
	if (families[family] == AF_INET) {
		*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		inet_pton(AF_INET, addresses[family][end], &v4->sin_addr);
		return sizeof(*v4);
	}
	*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	inet_pton(AF_INET6, addresses[family][end], &v6->sin6_addr);
	return sizeof(*v6);
}

static int socket_at(int family, int end, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = endpoint(&address, family, end, port);
	int fd = socket(families[family], SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0, "socket: %s", strerror(errno));
	option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(!bind(fd, (void *)&address, bytes), "bind to port %u: %s", port, strerror(errno));
	return fd;
}

static int listen_at(int family, uint16_t port, int backlog)
{
	int fd = socket_at(family, 0, port);

	CHECK(!listen(fd, backlog), "listen: %s", strerror(errno));
	return fd;
}

static int connect_from(int family, uint16_t port, bool wait)
{
	struct sockaddr_storage address;
	socklen_t bytes = endpoint(&address, family, 0, port);
	int fd = socket_at(family, 1, 0);

	if (!wait)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	CHECK(!connect(fd, (void *)&address, bytes) || (!wait && errno == EINPROGRESS), "connect: %s", strerror(errno));
	return fd;
}

/* A connection to a listener at this port, both ends with keepalive at 1 s: nothing to be found in it. */
static struct pair healthy_pair(int family, int listener, uint16_t port)
{
	struct pair pair = {.client = connect_from(family, port, true)};

	pair.server = tcp_accept(listener);
	for (int end = 0; end < 2; end++) {
		int fd = end ? pair.server : pair.client;

		option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	}
	return pair;
}

/* ---- who misbehaves, and the neighbours --------------------------------------------------------------- */

struct player {
	const char *name;
	/* Sets the scene and returns; what it leaves open stays so. */
	void (*play)(int family, uint16_t port, struct told *told);
	/* Goes on for ever, once the scene is told of. NULL: just stays. */
	void (*stay)(void);
	/* What is to be found of it at `port`; NULL: nothing. */
	const char *kind;
	bool by_client; /* it is found by where it goes to */
};

static struct pair staying; /* what stay() works on */

static void play_leak(int family, uint16_t port, struct told *told)
{
	int listener = listen_at(family, port, LEAKS);

	for (int i = 0; i < LEAKS; i++) {
		struct pair pair = healthy_pair(family, listener, port);

		close(pair.client);
		tell(told, pair.server);
	}
}

/* The usual leak: the end was read, and there is nothing unread. */
static void play_leak_at_end(int family, uint16_t port, struct told *told)
{
	int listener = listen_at(family, port, LEAKS);
	char byte;

	for (int i = 0; i < LEAKS; i++) {
		struct pair pair = healthy_pair(family, listener, port);

		close(pair.client);
		CHECK(!recv(pair.server, &byte, 1, 0), "recv: %s", strerror(errno));
		tell(told, pair.server);
	}
}

static void play_slow_reader(int family, uint16_t port, struct told *told)
{
	char bytes[4096] = "";

	(void)told;
	staying = healthy_pair(family, listen_at(family, port, 1), port);
	for (int i = 0; i < 4; i++)
		CHECK(send(staying.client, bytes, sizeof(bytes), 0) == sizeof(bytes), "send: %s", strerror(errno));
	close(staying.client);
}

static void stay_reading(void)
{
	char byte;

	while (recv(staying.server, &byte, 1, 0) == 1)
		usleep(PAUSE_US / 4);
}

static void play_no_reader(int family, uint16_t port, struct told *told)
{
	struct pair pair = healthy_pair(family, listen_at(family, port, 1), port);
	char bytes[65536] = "";

	fcntl(pair.client, F_SETFL, O_NONBLOCK);
	while (send(pair.client, bytes, sizeof(bytes), 0) > 0)
		;
	tell(told, pair.server);
}

/* A little is left unread, but there is room for more. */
static void play_late_reader(int family, uint16_t port, struct told *told)
{
	struct pair pair = healthy_pair(family, listen_at(family, port, 1), port);

	(void)told;
	CHECK(send(pair.client, "hello", 5, 0) == 5, "send: %s", strerror(errno));
}

/* Rules replace those before, so those of the second family hold for both. */
static void play_vanished(int family, uint16_t port, struct told *told)
{
	struct pair pair = healthy_pair(family, listen_at(family, port, 1), port);
	unsigned other = family ? port - FAMILY_PORTS : port;
	char rules[128];

	snprintf(rules, sizeof(rules), "tcp sport { %u, %u } drop; tcp dport { %u, %u } drop", other, port, other,
		 port);
	netns_filter(rules);
	CHECK(send(pair.client, "hello", 5, 0) == 5, "send: %s", strerror(errno));
	tell(told, pair.client);
}

static void play_no_accept(int family, uint16_t port, struct told *told)
{
	tell(told, listen_at(family, port, BACKLOG));
	for (int i = 0; i < BACKLOG + 3; i++)
		connect_from(family, port, false);
}

static void play_slow_keepalive(int family, uint16_t port, struct told *told)
{
	struct pair pair = healthy_pair(family, listen_at(family, port, 1), port);

	option_set(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, 7200);
	tell(told, pair.client);
}

static void play_no_keepalive(int family, uint16_t port, struct told *told)
{
	struct pair pair = healthy_pair(family, listen_at(family, port, 1), port);

	option_set(pair.client, SOL_SOCKET, SO_KEEPALIVE, 0);
	tell(told, pair.client);
}

static void play_quiet(int family, uint16_t port, struct told *told)
{
	(void)told;
	healthy_pair(family, listen_at(family, port, 1), port);
}

static void play_held(int family, uint16_t port, struct told *told)
{
	struct pair pair = healthy_pair(family, listen_at(family, port, 1), port);

	shutdown(pair.client, SHUT_WR);
	tell(told, pair.client);
}

/* The same, but what was asked for comes still. */
static void play_download(int family, uint16_t port, struct told *told)
{
	(void)told;
	staying = healthy_pair(family, listen_at(family, port, 1), port);
	shutdown(staying.client, SHUT_WR);
}

static void stay_downloading(void)
{
	char byte = 0;

	while (send(staying.server, &byte, 1, 0) == 1 && recv(staying.client, &byte, 1, 0) == 1)
		usleep(PAUSE_US);
}

static const struct player players[] = {
	{"leak", play_leak, NULL, "close_wait_leak", false},
	{"slow reader", play_slow_reader, stay_reading, NULL, false},
	{"no reader", play_no_reader, NULL, "zero_window_stall", false},
	{"late reader", play_late_reader, NULL, NULL, false},
	{"vanished", play_vanished, NULL, "half_open_unacked", true},
	{"no accept", play_no_accept, NULL, "accept_overflow", false},
	{"slow keepalive", play_slow_keepalive, NULL, "keepalive_too_slow", true},
	{"no keepalive", play_no_keepalive, NULL, "cannot_notice_dead_peer", true},
	{"quiet", play_quiet, NULL, NULL, false},
	{"held", play_held, NULL, "fin_wait2_held", true},
	{"download", play_download, stay_downloading, NULL, false},
	{"leak at the end", play_leak_at_end, NULL, "close_wait_leak", false},
};

#define PLAYERS (sizeof(players) / sizeof(players[0]))

static struct told told[FAMILIES][PLAYERS];

static uint16_t port_of(int family, size_t player)
{
	return (uint16_t)(PORT + family * FAMILY_PORTS + (int)player);
}

/* ---- what is found -------------------------------------------------------------------------------------- */

static const json_t *finding_of(const struct reports *lines, int family, size_t number)
{
	return finding_find(lines, players[number].kind, players[number].by_client ? "remote_port" : "local_port",
			    port_of(family, number));
}

static void ask_for_findings(struct program *asker, struct reports *lines, const char *how, const char *socket)
{
	lastack_plan(asker, "diagnose", how, socket, "-o", "json", "--netns", netns, "--close-wait", "4s",
		     "--fin-wait2", "2s", "--stall", "2s", "--unnoticed", "2s", "--keepalive", "2s", "--show", "3");
	findings_ask(asker, lines);
}

/* Whole: its connections were opened one after the other, and so pass a threshold of time. */
static bool is_found(const struct reports *lines, int family, size_t number)
{
	const json_t *finding = finding_of(lines, family, number);

	return finding && (long long)json_array_size(json_object_get(finding, "descriptors")) +
					  report_number(finding, "descriptors_more") >=
				  told[family][number].count;
}

static bool all_are_found(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++)
			if (players[i].kind && !is_found(lines, family, i))
				return false;
	return true;
}

/* Nothing is said of a neighbour, be it by owner or by port. */
static void neighbour_is_left_alone(const struct reports *lines, int family, size_t number)
{
	CHECK(!finding_of_process(lines, told[family][number].pid), "%s: %s", players[number].name,
	      report_line(finding_of_process(lines, told[family][number].pid)));
}

static void finding_is_right(const struct reports *lines, int family, size_t number)
{
	const json_t *finding = finding_of(lines, family, number);
	const struct told *wanted = &told[family][number];

	CHECK(finding, "%s is not found (family %d)", players[number].name, family);
	finding_is_of(finding, wanted);
	CHECK(report_number(finding, "count") ==
		      (strcmp(players[number].kind, "accept_overflow") ? wanted->count : BACKLOG + 1),
	      "%s", report_line(finding));
	CHECK(strcmp(players[number].kind, "close_wait_leak") || !finding_says(finding, "received and not read"), "%s",
	      report_line(finding));
}

static void all_is_right(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++) {
			if (players[i].kind)
				finding_is_right(lines, family, i);
			else
				neighbour_is_left_alone(lines, family, i);
		}
}

static void players_start(void)
{
	network_make();
	scenes_begin();
	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++)
			scene_start(&told[family][i], players[i].play, players[i].stay, family, port_of(family, i));
	scenes_go();
}

static bool neighbours_are_known_to_work(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		if (finding_of_process(lines, told[family][1].pid))
			return false;
	return true;
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

/* Whether a process reads is known from the second listing on, so the slow reader may be suspected at first. */
static void found_by_the_daemon(void)
{
	struct reports lines;
	struct program asker;

	daemon_place(&place, "one");
	daemon_plan(&daemon_program, &place, "--diagnose-interval", "1s", "--diagnose-retransmits", "3", NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	players_start();
	CHECK(BECOMES_TRUE_IN(LATE_MS, (ask_for_findings(&asker, &lines, "--socket", place.socket),
					all_are_found(&lines) && neighbours_are_known_to_work(&lines))),
	      "not all are found: %s", text_of(lines.fd));
	all_is_right(&lines);
	CHECK(asker.wait_status, "status 0 with findings");
	/* As a table, and as metrics, which go by the daemon's own thresholds. */
	daemon_ask(&asker, &place, "diagnose", "--netns", netns, "-w", "80", NULL);
	CHECK(text_has(asker.output, "accept_overflow: 3") && text_has(asker.output, " live connections"), "%s",
	      text_of(asker.output));
	CHECK(BECOMES_TRUE(daemon_metric(&place, "lastack_finding_connections{kind=\"accept_overflow\"}") >= 6),
	      "the metric has %f", daemon_metric(&place, "lastack_finding_connections{kind=\"accept_overflow\"}"));
	CHECK(daemon_ask(&asker, &place, "diagnose", "--netns", "1", NULL) == 0 && text_has(asker.output, "0 findings"),
	      "of no namespace: %s", text_of(asker.output));
	daemon_stop(&daemon_program);
}

/* Without a daemon, of processes that were there before. */
static void found_at_once(void)
{
	struct reports lines;
	struct program asker;

	players_start();
	CHECK(BECOMES_TRUE_IN(LATE_MS, (ask_for_findings(&asker, &lines, "--once", "--show=1"), all_are_found(&lines))),
	      "not all are found: %s %s", text_of(lines.fd), text_of(asker.errors));
	all_is_right(&lines);
	CHECK(program_exit(&asker) == 1, "status %d", asker.wait_status);
}

const struct test diagnose_tests[] = {
	{"diagnose_daemon", found_by_the_daemon},
	{"diagnose_once", found_at_once},
	{0},
};
