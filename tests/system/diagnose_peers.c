// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose_peers.c: peers that fail together, as `lastack diagnose` tells them; and a peer that is gone or has come
 * back without its connections: what diagnose suspects and `lastack probe` then proves, by the command that was named.
 */
#include "daemons.h"
#include "diagnoses.h"
#include "probes.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT    8400
#define CLOSED  8401
#define MEMBERS 12 /* ten are enough */

/* ---- ends, by network ------------------------------------------------------------------------------------ */

/* The networks, 10.99.NET.0/24 and fd99:0:0:NET::/64. */
enum { RESET_NET = 1, REFUSED_NET, VANISHED_NET, WELL_NET, FEW_NET, SPREAD_NETS };

static int listeners[2];

static struct pair member_open(int family, unsigned net, unsigned host)
{
	return peer_pair_at(family, net, host, listeners[family == AF_INET6], PORT);
}

static void member_is_reset(int family, unsigned net, unsigned host)
{
	struct pair pair = member_open(family, net, host);
	char byte;

	linger_zero(pair.server);
	close(pair.server);
	CHECK(recv(pair.client, &byte, 1, 0) < 0 && errno == ECONNRESET, "not reset: %s", strerror(errno));
	close(pair.client);
}

static void member_is_refused(int family, unsigned net, unsigned host)
{
	struct sockaddr_storage address;
	socklen_t bytes = peer_address(&address, family, net, host, CLOSED);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(connect(fd, (struct sockaddr *)&address, bytes) && errno == ECONNREFUSED, "not refused: %s",
	      strerror(errno));
	close(fd);
}

static void member_ends_well(int family, unsigned net, unsigned host)
{
	struct pair pair = member_open(family, net, host);

	pair_close(&pair);
}

/* All at once: their data is not acknowledged any more. */
static void members_vanish(int family)
{
	struct pair pairs[MEMBERS];
	char byte;

	for (unsigned i = 0; i < MEMBERS; i++) {
		pairs[i] = member_open(family, VANISHED_NET, 1 + i);
		option_set(pairs[i].client, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
	}
	peers_filter(family == AF_INET ? "ip daddr 10.99.3.0/24 drop" : "ip6 daddr fd99:0:0:3::/64 drop");
	for (unsigned i = 0; i < MEMBERS; i++)
		CHECK(send(pairs[i].client, "x", 1, 0) == 1, "send: %s", strerror(errno));
	for (unsigned i = 0; i < MEMBERS; i++) {
		CHECK(recv(pairs[i].client, &byte, 1, 0) < 0 && errno == ETIMEDOUT, "not timed out: %s",
		      strerror(errno));
		close(pairs[i].client);
	}
	peers_filter("counter");
}

static void members_play(int family)
{
	for (unsigned i = 1; i <= MEMBERS; i++) {
		member_is_reset(family, RESET_NET, i);
		member_is_refused(family, REFUSED_NET, i);
		member_ends_well(family, WELL_NET, i);
		member_is_reset(family, SPREAD_NETS + i, 1); /* one of each network */
		if (i < 10)
			member_is_reset(family, FEW_NET, i);
		if (i < MEMBERS / 2) /* life */
			member_is_reset(family, WELL_NET, i);
	}
	members_vanish(family);
}

/* ---- what is found of them -------------------------------------------------------------------------------- */

static const json_t *cluster_of(const struct reports *lines, int family, unsigned net)
{
	char prefix[48];

	snprintf(prefix, sizeof(prefix), family == AF_INET ? "10.99.%u.0/24" : "fd99:0:0:%u::/64", net);
	for (size_t i = 0; i < lines->count; i++)
		if (report_is(lines->all[i], "kind", "peer_cluster") && report_is(lines->all[i], "remote", prefix))
			return lines->all[i];
	return NULL;
}

static void cluster_is_right(const json_t *cluster, const char *words)
{
	char evidence[64];

	snprintf(evidence, sizeof(evidence), "%u %s", MEMBERS, words);
	CHECK(cluster && report_number(cluster, "count") == MEMBERS && finding_says(cluster, evidence), "%s: %s", words,
	      cluster ? report_line(cluster) : "not found");
}

static bool clusters_are_found(const struct reports *lines)
{
	for (int i = 0; i < 2; i++)
		for (unsigned net = RESET_NET; net <= VANISHED_NET; net++)
			if (!cluster_of(lines, peer_families[i], net))
				return false;
	return true;
}

static void clusters_are_right(const struct reports *lines)
{
	for (int i = 0; i < 2; i++) {
		int family = peer_families[i];

		cluster_is_right(cluster_of(lines, family, RESET_NET), "were reset by the peer");
		cluster_is_right(cluster_of(lines, family, REFUSED_NET), "were refused");
		cluster_is_right(cluster_of(lines, family, VANISHED_NET), "timed out or were unreachable");
		for (unsigned net = WELL_NET; net <= SPREAD_NETS + MEMBERS; net++)
			CHECK(!cluster_of(lines, family, net), "%s", report_line(cluster_of(lines, family, net)));
	}
}

/* Asked without a filter, as recent ends are the host's; what else ends on it is in other networks. */
static void peers_fail_together(void)
{
	struct program daemon, asker;
	struct daemon_place place;
	struct reports lines;

	hosts_open();
	netns_enter(there);
	for (int i = 0; i < 2; i++)
		listeners[i] = peer_listen(peer_families[i], PORT);
	netns_enter(here);
	daemon_place(&place, "one");
	daemon_plan(&daemon, &place, NULL);
	program_start(&daemon);
	daemon_await(&daemon);
	for (int i = 0; i < 2; i++)
		members_play(peer_families[i]);
	CHECK(BECOMES_TRUE_IN(LATE_MS, (lastack_plan(&asker, "diagnose", "--socket", place.socket, "-o", "json"),
					findings_ask(&asker, &lines), clusters_are_found(&lines))),
	      "not all are found: %s", text_of(lines.fd));
	clusters_are_right(&lines);
	daemon_stop(&daemon);
}

/* ---- suspected, then proven --------------------------------------------------------------------------------- */

/* The finding of this connection alone, which has to name the command. */
static const json_t *suspicion_of(const struct reports *lines, uint64_t cookie)
{
	char command[64];

	snprintf(command, sizeof(command), "lastack probe %llu", (unsigned long long)cookie);
	for (size_t i = 0; i < lines->count; i++)
		if (report_is(lines->all[i], "command", command))
			return lines->all[i];
	return NULL;
}

/* One connection of each family, to different ports, so that each is a finding; and one that is well. */
enum { LOST_V4, LOST_V6, TWO_HOURS, ENDS };

static void suspects_open(struct pair *pairs)
{
	for (int i = 0; i < ENDS; i++) {
		int family = peer_families[i == LOST_V6], listener;
		uint16_t port = (uint16_t)(PORT + i);

		netns_enter(there);
		listener = peer_listen(family, port);
		netns_enter(here);
		pairs[i] = peer_pair_at(family, PEER_ITSELF, 0, listener, port);
		close(listener);
	}
	settings_give(pairs[TWO_HOURS].client, 1, 7200, 75, 9);
}

static void suspects_await(const struct pair *pairs, const char *kind)
{
	struct program asker;
	struct reports lines;

	CHECK(BECOMES_TRUE_IN(LATE_MS, (lastack_plan(&asker, "diagnose", "--once", "--netns", netns_word, "--silent",
						     "1s", "-o", "json"),
					findings_ask(&asker, &lines),
					suspicion_of(&lines, pairs[LOST_V4].client_cookie) &&
						suspicion_of(&lines, pairs[LOST_V6].client_cookie) &&
						suspicion_of(&lines, pairs[TWO_HOURS].client_cookie))),
	      "not all are suspected: %s", text_of(lines.fd));
	for (int i = 0; i < ENDS; i++) {
		const json_t *finding = suspicion_of(&lines, pairs[i].client_cookie);

		CHECK(report_is(finding, "kind", kind) &&
			      report_number(json_object_get(finding, "owner"), "pid") == getpid(),
		      "%s", report_line(finding));
	}
}

static void probed(const struct pair *pairs, const char *verdict)
{
	struct program lastack;
	struct reports lines;

	probe_plan(&lastack, cookie_text(pairs[LOST_V4].client_cookie), cookie_text(pairs[LOST_V6].client_cookie),
		   cookie_text(pairs[TWO_HOURS].client_cookie));
	CHECK(probe_lines(&lines, &lastack) == (strcmp(verdict, "alive") ? 1 : 0), "%s%s", text_of(lastack.output),
	      text_of(lastack.errors));
	for (int i = 0; i < ENDS; i++)
		verdict_is(&lines, pairs[i].client_cookie, verdict);
}

/* Silence looks alike whoever keeps it: the probe tells the three apart. */
static void a_host_that_vanishes_and_reboots(void)
{
	struct pair pairs[ENDS];

	hosts_open();
	suspects_open(pairs);
	suspects_await(pairs, "half_open_silent");
	probed(pairs, "alive");
	peers_filter("drop");
	suspects_await(pairs, "half_open_silent");
	probed(pairs, "silent");
	peers_reboot();
	suspects_await(pairs, "half_open_probing"); /* those probes are unanswered still */
	probed(pairs, "reset");
}

const struct test diagnose_peer_tests[] = {
	{"diagnose_peer_cluster", peers_fail_together},
	{"diagnose_then_probe", a_host_that_vanishes_and_reboots},
	{0},
};
