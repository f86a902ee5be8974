// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose_limits.c: `lastack diagnose` where something runs out: local ports, TIME_WAIT, the queue of handshakes. The
 * limits are those of a namespace of the test's own; the one that belongs to the whole host (tcp_max_orphans) is
 * lowered only where that is asked for.
 */
#include "daemons.h"
#include "diagnoses.h"
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT       8500
#define PORTS      20 /* in ip_local_port_range */
#define PORTS_MANY 17 /* of these: above 80 percent */
#define PORTS_FEW  10
#define TIME_WAITS 18
#define WAITS_MAX  "20"
#define HANDSHAKES 40
#define FAMILIES   2

/* ---- scenes -------------------------------------------------------------------------------------------- */

enum scene { MANY_PORTS, FEW_PORTS, MANY_HANDSHAKES, FEW_HANDSHAKES, SCENES };

static struct told told[FAMILIES][SCENES];

static uint16_t port_of(int family, enum scene scene)
{
	return (uint16_t)(PORT + 10 * family + (int)scene);
}

static void connects_play(int family, uint16_t port, struct told *told, unsigned count)
{
	int listener;

	netns_enter(there);
	listener = peer_listen(peer_families[family], port);
	netns_enter(here);
	for (unsigned i = 0; i < count; i++) {
		struct pair pair = peer_pair_at(peer_families[family], PEER_ITSELF, 0, listener, port);

		settings_give(pair.client, 1, 60, 10, 6);
		tell(told, pair.client);
	}
}

static void play_many_ports(int family, uint16_t port, struct told *told)
{
	connects_play(family, port, told, PORTS_MANY);
}

static void play_few_ports(int family, uint16_t port, struct told *told)
{
	connects_play(family, port, told, PORTS_FEW);
}

/* The clients, at the peers' host, do not get the SYN-ACKs. */
static void handshakes_play(int family, uint16_t port, struct told *told, unsigned count)
{
	struct sockaddr_storage address;
	socklen_t bytes;
	int fd;

	tell(told, peer_listen(peer_families[family], port));
	bytes = peer_address(&address, peer_families[family], PEER_OURS, 0, port);
	netns_enter(there);
	for (unsigned i = 0; i < count; i++) {
		fd = socket(peer_families[family], SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		CHECK(connect(fd, (struct sockaddr *)&address, bytes) && errno == EINPROGRESS, "connect: %s",
		      strerror(errno));
	}
	netns_enter(here);
}

static void play_many_handshakes(int family, uint16_t port, struct told *told)
{
	handshakes_play(family, port, told, HANDSHAKES);
}

static void play_few_handshakes(int family, uint16_t port, struct told *told)
{
	handshakes_play(family, port, told, HANDSHAKES / 4);
}

static void scenes_open(void)
{
	static void (*const plays[SCENES])(int family, uint16_t port, struct told *told) = {
		[MANY_PORTS] = play_many_ports,
		[FEW_PORTS] = play_few_ports,
		[MANY_HANDSHAKES] = play_many_handshakes,
		[FEW_HANDSHAKES] = play_few_handshakes,
	};
	char rules[96];

	netns_set("ip_local_port_range", "40000 40019");
	snprintf(rules, sizeof(rules), "tcp sport %u-%u tcp flags & (syn|ack) == (syn|ack) drop", PORT, PORT + 99);
	peers_filter(rules);
	scenes_begin();
	for (int family = 0; family < FAMILIES; family++)
		for (enum scene scene = 0; scene < SCENES; scene++)
			scene_start(&told[family][scene], plays[scene], NULL, family, port_of(family, scene));
	scenes_go();
}

/* In a namespace of its own, which is told in place of a descriptor; port 0: with the limit that is usual. */
static void play_time_waits(int family, uint16_t port, struct told *told)
{
	unsigned count = port ? TIME_WAITS : 10 * TIME_WAITS;
	int listener;

	(void)family;
	tell(told, (int)netns_enter_new());
	if (port)
		netns_set("tcp_max_tw_buckets", WAITS_MAX);
	listener = tcp_listen(AF_INET, PORT);
	for (unsigned i = 0; i < count; i++) {
		struct pair pair = pair_open(AF_INET, listener, PORT);

		pair_close(&pair);
	}
}

/* ---- what is found --------------------------------------------------------------------------------------- */

static const json_t *finding_of(const struct reports *lines, int family, enum scene scene)
{
	bool ports = scene < MANY_HANDSHAKES;

	return finding_find(lines, ports ? "port_exhaustion" : "syn_recv_pileup", ports ? "remote_port" : "local_port",
			    port_of(family, scene));
}

static void ask_for_findings(struct program *asker, struct reports *lines, const char *how, const char *socket)
{
	lastack_plan(asker, "diagnose", how, socket, "-o", "json", "--netns", netns_word, "--handshakes", "30");
	findings_ask(asker, lines);
}

/* A listener that was opened while descriptors were listed has its own only in the next listing. */
static bool all_are_found(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		if (!finding_of(lines, family, MANY_PORTS) ||
		    !json_array_size(json_object_get(finding_of(lines, family, MANY_HANDSHAKES), "descriptors")))
			return false;
	return true;
}

static void all_is_right(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++) {
		const json_t *ports = finding_of(lines, family, MANY_PORTS);
		const json_t *handshakes = finding_of(lines, family, MANY_HANDSHAKES);

		finding_is_of(ports, &told[family][MANY_PORTS]);
		CHECK(report_number(ports, "count") == PORTS_MANY &&
			      finding_says(ports, "ip_local_port_range has 20") &&
			      report_is(ports, "remote", family ? "fd98::2" : "10.98.0.2"),
		      "%s", report_line(ports));
		finding_is_of(handshakes, &told[family][MANY_HANDSHAKES]);
		CHECK(report_number(handshakes, "count") == HANDSHAKES, "%s", report_line(handshakes));
		for (enum scene scene = FEW_PORTS; scene < SCENES; scene += FEW_HANDSHAKES - FEW_PORTS)
			CHECK(!finding_of(lines, family, scene), "%s", report_line(finding_of(lines, family, scene)));
	}
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void found_at_once(void)
{
	struct program asker;
	struct reports lines;

	hosts_open();
	scenes_open();
	CHECK(BECOMES_TRUE_IN(LATE_MS, (ask_for_findings(&asker, &lines, "--once", "--show=1"), all_are_found(&lines))),
	      "not all are found: %s %s", text_of(lines.fd), text_of(asker.errors));
	all_is_right(&lines);
}

/* In the namespace itself, as it may enter no other to read limits. */
static void found_by_the_daemon(void)
{
	struct program daemon, asker;
	struct daemon_place place;
	struct reports lines;

	hosts_open();
	diagnosing_daemon_start(&daemon, &place);
	scenes_open();
	CHECK(BECOMES_TRUE_IN(LATE_MS,
			      (ask_for_findings(&asker, &lines, "--socket", place.socket), all_are_found(&lines))),
	      "not all are found: %s", text_of(lines.fd));
	all_is_right(&lines);
	CHECK(BECOMES_TRUE(daemon_metric(&place, "lastack_finding_connections{kind=\"port_exhaustion\"}") ==
			   FAMILIES * PORTS_MANY),
	      "the metric has %f", daemon_metric(&place, "lastack_finding_connections{kind=\"port_exhaustion\"}"));
	daemon_stop(&daemon);
}

/*
 * Many in a namespace that allows few, and more than that in one that allows many. Asked without a filter, as it is not
 * about connections; the daemon, which may enter no namespace, is in the full one.
 */
static void time_waits(void)
{
	struct program daemon, asker;
	struct daemon_place place;
	struct told full, roomy;
	struct reports lines;
	char netns[48];
	int fd;

	scenes_begin();
	scene_start(&full, play_time_waits, NULL, AF_INET, PORT);
	scene_start(&roomy, play_time_waits, NULL, AF_INET, 0);
	scenes_go();
	daemon_place(&place, "one");
	daemon_plan(&daemon, &place, "--diagnose-interval", "1s", NULL);
	daemon.home = false;
	snprintf(netns, sizeof(netns), "/proc/%d/ns/net", (int)full.pid);
	fd = open(netns, O_RDONLY | O_CLOEXEC);
	netns_enter(fd);
	close(fd);
	program_start(&daemon);
	daemon_await(&daemon);
	for (int once = 0; once < 2; once++) {
		const json_t *finding;

		if (once)
			lastack_plan(&asker, "diagnose", "-o", "json", "--once");
		else
			lastack_plan(&asker, "diagnose", "-o", "json", "--socket", place.socket);
		findings_ask(&asker, &lines);
		finding = finding_find(&lines, "time_wait_pressure", "netns", (uint32_t)full.descriptors[0]);
		CHECK(finding && report_number(finding, "count") == TIME_WAITS &&
			      finding_says(finding, "tcp_max_tw_buckets is " WAITS_MAX),
		      "%s", text_of(lines.fd));
		CHECK(!finding_find(&lines, "time_wait_pressure", "netns", (uint32_t)roomy.descriptors[0]), "%s",
		      text_of(lines.fd));
	}
	daemon_stop(&daemon);
}

/* ---- orphans: the limit is the host's --------------------------------------------------------------------- */

#define ORPHANS      20
#define ORPHANS_MORE 2 /* that the limit leaves room for: below it none is reset, and 80 percent are reached */
#define LIMIT_FILE   "/proc/sys/net/ipv4/tcp_max_orphans"

static void limit_write(const char *limit)
{
	int fd = open(LIMIT_FILE, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, limit, strlen(limit)) > 0, LIMIT_FILE ": %s", strerror(errno));
	close(fd);
}

/* Puts the limit back when this test has ended, whatever it ended of. */
static void limit_guard(const char *limit)
{
	int ends[2];
	pid_t pid;
	char byte;

	CHECK(!pipe2(ends, O_CLOEXEC) && (pid = fork()) >= 0, "a guard: %s", strerror(errno));
	if (!pid) {
		setsid(); /* the runner ends the test's session */
		close(ends[1]);
		if (!read(ends[0], &byte, 1))
			limit_write(limit);
		_exit(0);
	}
	close(ends[0]);
}

/* In all namespaces. */
static unsigned orphans_now(void)
{
	FILE *file = fopen("/proc/self/net/sockstat", "re");
	unsigned orphans = 0;
	char line[160];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TCP: inuse %*u orphan %u", &orphans) == 1)
			break;
	CHECK(file, "sockstat: %s", strerror(errno));
	fclose(file);
	return orphans;
}

/* Their peers do not read, so that what was sent and the FIN stay with the kernel. */
static void orphans_make(void)
{
	static const char bytes[65536];
	int listener;

	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	for (unsigned i = 0; i < ORPHANS; i++) {
		struct pair pair = pair_open(AF_INET, listener, PORT);

		while (send(pair.client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
		close(pair.client);
	}
	home_enter();
}

static const json_t *orphan_pressure(struct reports *lines)
{
	struct program asker;

	lastack_plan(&asker, "diagnose", "-o", "json", "--once");
	CHECK(findings_ask(&asker, lines) <= 1, "%s", text_of(asker.errors));
	return finding_find(lines, "orphan_pressure", "netns", -1);
}

static void orphans(void)
{
	char usual[16] = "", limit[16], says[48];
	const json_t *finding;
	struct reports lines;
	FILE *file;

	if (!test_is_global())
		test_skip("it lowers tcp_max_orphans, a limit of the whole host: --global");
	file = fopen(LIMIT_FILE, "re");
	CHECK(file && fscanf(file, "%15s", usual) == 1, LIMIT_FILE ": %s", strerror(errno));
	fclose(file);
	orphans_make();
	CHECK(BECOMES_TRUE(orphans_now() >= ORPHANS), "%u orphans", orphans_now());
	CHECK(!(finding = orphan_pressure(&lines)), "with the limit of %s: %s", usual, report_line(finding));
	limit_guard(usual);
	snprintf(limit, sizeof(limit), "%u", orphans_now() + ORPHANS_MORE);
	snprintf(says, sizeof(says), "tcp_max_orphans is %s", limit);
	limit_write(limit);
	finding = orphan_pressure(&lines);
	limit_write(usual);
	CHECK(finding && report_number(finding, "count") >= ORPHANS && finding_says(finding, says),
	      "%u orphans, limit %s: %s", orphans_now(), limit, text_of(lines.fd));
	test_note("%lld orphans with a limit of %s, usually %s", report_number(finding, "count"), limit, usual);
}

const struct test diagnose_limit_tests[] = {
	{"diagnose_limits_once", found_at_once},
	{"diagnose_limits_daemon", found_by_the_daemon},
	{"diagnose_time_wait", time_waits},
	{"diagnose_orphans", orphans},
	{0},
};
