// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose_network.c: `lastack diagnose` where the peers are on another host, from which suddenly nothing comes back:
 * who waits for what must be found with its owner, its descriptors and how many, and who is answered must not.
 */
#include "daemons.h"
#include "diagnoses.h"
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT         8300
#define FAMILY_PORTS 50
#define FAMILIES     2
#define PILE         20
#define CONNECTS     5 /* the least that is worth saying */
#define PAUSE_US     100000

/* ---- who waits, and the neighbours --------------------------------------------------------------------- */

/* What goes on once the peers have vanished works on these. */
static struct pair pairs[PILE];
static unsigned pair_count;
static int own_family;
static uint16_t own_port;

static void pairs_open(int family, uint16_t port, unsigned count)
{
	int listener;

	netns_enter(there);
	listener = peer_listen(peer_families[family], port);
	netns_enter(here);
	for (pair_count = 0; pair_count < count; pair_count++)
		pairs[pair_count] = peer_pair_at(peer_families[family], PEER_ITSELF, 0, listener, port);
}

static void tell_all(struct told *told)
{
	for (unsigned i = 0; i < pair_count; i++)
		tell(told, pairs[i].client);
}

static void play_one(int family, uint16_t port, struct told *told)
{
	pairs_open(family, port, 1);
	tell_all(told);
}

static void play_pile(int family, uint16_t port, struct told *told)
{
	pairs_open(family, port, PILE);
	tell_all(told);
}

/* The peers have closed, and that is known here. */
static void play_pile_half_closed(int family, uint16_t port, struct told *told)
{
	char byte;

	play_pile(family, port, told);
	for (unsigned i = 0; i < pair_count; i++) {
		shutdown(pairs[i].server, SHUT_WR);
		CHECK(recv(pairs[i].client, &byte, 1, 0) == 0, "the end does not come");
	}
}

static void play_keepalive(int family, uint16_t port, struct told *told)
{
	play_one(family, port, told);
	settings_give(pairs[0].client, 1, 1, 1, 100);
}

static void play_two_hours(int family, uint16_t port, struct told *told)
{
	play_one(family, port, told);
	settings_give(pairs[0].client, 1, 7200, 75, 9);
}

/* Of what is closed only the process is told. */
static void play_to_be_closed(int family, uint16_t port, struct told *told)
{
	(void)told;
	pairs_open(family, port, 1);
}

static void play_connects(int family, uint16_t port, struct told *told)
{
	own_family = peer_families[family];
	own_port = port;
	for (unsigned i = 0; i < CONNECTS; i++) {
		pairs[i].client = socket(own_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		tell(told, pairs[i].client);
	}
}

static void connect_each(unsigned count)
{
	struct sockaddr_storage address;
	socklen_t bytes = peer_address(&address, own_family, PEER_ITSELF, 0, own_port);

	for (unsigned i = 0; i < count; i++)
		CHECK(connect(pairs[i].client, (struct sockaddr *)&address, bytes) && errno == EINPROGRESS,
		      "connect: %s", strerror(errno));
}

static void stay_connecting(void)
{
	connect_each(CONNECTS);
}

static void stay_connecting_few(void)
{
	connect_each(CONNECTS - 1);
}

static void stay_sending(void)
{
	CHECK(send(pairs[0].client, "hello", 5, 0) == 5, "send: %s", strerror(errno));
}

static void stay_talking(void)
{
	char byte = 0;

	while (send(pairs[0].server, &byte, 1, 0) == 1 && recv(pairs[0].client, &byte, 1, 0) == 1)
		usleep(PAUSE_US);
}

static void stay_closed(void)
{
	close(pairs[0].client);
}

static void stay_shut_down(void)
{
	for (unsigned i = 0; i < pair_count; i++)
		shutdown(pairs[i].client, SHUT_WR);
}

/* What comes from the peers is not dropped: both FINs are on their way at once, and only theirs arrives. */
static void stay_both_shut_down(void)
{
	stay_shut_down();
	for (unsigned i = 0; i < pair_count; i++)
		shutdown(pairs[i].server, SHUT_WR);
}

static void stay_done(void)
{
	for (unsigned i = 0; i < pair_count; i++)
		pair_close(&pairs[i]);
}

static const struct player {
	const char *name;
	void (*play)(int family, uint16_t port, struct told *told);
	void (*stay)(void); /* once the peers have vanished */
	const char *kind;   /* what is to be found of it; NULL: nothing */
	const char *says;   /* in the evidence */
	bool vanishes;      /* its peers do */
	bool orphaned;      /* its owner is known only to who has seen the close */
} players[] = {
	{"probing", play_keepalive, NULL, "half_open_probing", "probes in a row", true, false},
	{"answered probes", play_keepalive, NULL, NULL, NULL, false, false},
	{"two hours", play_two_hours, NULL, "half_open_silent", "after 2h00m of silence", true, false},
	{"no keepalive", play_one, NULL, "half_open_silent", "keepalive is off", true, false},
	{"talker", play_one, stay_talking, NULL, NULL, false, false},
	{"data", play_one, stay_sending, "half_open_unacked", "retransmissions in a row", true, false},
	{"closed", play_to_be_closed, stay_closed, "fin_unanswered", "belong to no process", true, true},
	{"half closed", play_one, stay_shut_down, "fin_unanswered", "retransmissions in a row", true, false},
	{"fin waits", play_pile, stay_shut_down, "fin_wait1_pileup", "retransmissions in a row", true, false},
	{"last acks", play_pile_half_closed, stay_shut_down, "last_ack_pileup", "retransmissions", true, false},
	{"closings", play_pile, stay_both_shut_down, "closing_pileup", "retransmissions in a row", true, false},
	{"good ends", play_pile, stay_done, NULL, NULL, false, false},
	{"connects", play_connects, stay_connecting, "syn_sent_unanswered", "retransmissions in a row", true, false},
	{"few connects", play_connects, stay_connecting_few, NULL, NULL, true, false},
};

#define PLAYERS (sizeof(players) / sizeof(players[0]))

static struct told told[FAMILIES][PLAYERS];

static uint16_t port_of(int family, size_t player)
{
	return (uint16_t)(PORT + family * FAMILY_PORTS + (int)player);
}

/* From here on nothing reaches those peers; what they send themselves still comes. */
static void peers_vanish(void)
{
	char rules[512];
	size_t at = (size_t)snprintf(rules, sizeof(rules), "tcp dport { ");

	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++)
			if (players[i].vanishes)
				at += (size_t)snprintf(rules + at, sizeof(rules) - at, "%u, ", port_of(family, i));
	snprintf(rules + at, sizeof(rules) - at, "1 } drop");
	peers_filter(rules);
}

static void players_start(void)
{
	scenes_begin();
	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++)
			scene_start(&told[family][i], players[i].play, players[i].stay, family, port_of(family, i));
	peers_vanish();
	scenes_go();
}

/* ---- what is found -------------------------------------------------------------------------------------- */

static const json_t *finding_of(const struct reports *lines, int family, size_t number)
{
	return finding_find(lines, players[number].kind, "remote_port", port_of(family, number));
}

static void ask_for_findings(struct program *asker, struct reports *lines, const char *how, const char *socket)
{
	lastack_plan(asker, "diagnose", how, socket, "-o", "json", "--netns", netns_word, "--silent", "2s",
		     "--unnoticed", "1h", "--keepalive", "4h", "--closing", "2s");
	findings_ask(asker, lines);
}

static const char *missing = "none";

/* As many as there are to be: a pile grows while FINs are sent again. */
static bool all_are_found(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++) {
			const json_t *finding = players[i].kind ? finding_of(lines, family, i) : NULL;
			unsigned wanted = players[i].orphaned ? 1 : told[family][i].count;

			missing = players[i].name;
			if (players[i].kind && (!finding || report_number(finding, "count") < wanted))
				return false;
		}
	return true;
}

static void finding_is_right(const json_t *finding, const struct player *player, const struct told *of, bool seen)
{
	if (!player->orphaned || seen)
		finding_is_of(finding, of);
	else
		CHECK(json_is_null(json_object_get(finding, "owner")), "%s", report_line(finding));
	CHECK(report_number(finding, "count") == (player->orphaned ? 1 : of->count), "%s", report_line(finding));
	CHECK(finding_says(finding, player->says), "no evidence \"%s\": %s", player->says, report_line(finding));
}

/* seen: the closes were. */
static void all_is_right(const struct reports *lines, bool seen)
{
	for (int family = 0; family < FAMILIES; family++)
		for (size_t i = 0; i < PLAYERS; i++) {
			const json_t *other = finding_of_process(lines, told[family][i].pid);

			if (players[i].kind)
				finding_is_right(finding_of(lines, family, i), &players[i], &told[family][i], seen);
			else
				CHECK(!other, "%s: %s", players[i].name, report_line(other));
		}
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

/* The daemon has to be in that namespace: it may not enter others to list what has no process any more. */
static void found_by_the_daemon(void)
{
	struct program daemon, asker;
	struct daemon_place place;
	struct reports lines;

	hosts_open();
	diagnosing_daemon_start(&daemon, &place);
	players_start();
	CHECK(BECOMES_TRUE_IN(LATE_MS,
			      (ask_for_findings(&asker, &lines, "--socket", place.socket), all_are_found(&lines))),
	      "\"%s\" is not found: %s", missing, text_of(lines.fd));
	all_is_right(&lines, true);
	CHECK(BECOMES_TRUE(daemon_metric(&place, "lastack_finding_connections{kind=\"syn_sent_unanswered\"}") >=
			   FAMILIES * CONNECTS),
	      "the metric has %f", daemon_metric(&place, "lastack_finding_connections{kind=\"syn_sent_unanswered\"}"));
	daemon_stop(&daemon);
}

static void found_at_once(void)
{
	struct program asker;
	struct reports lines;

	hosts_open();
	players_start();
	CHECK(BECOMES_TRUE_IN(LATE_MS, (ask_for_findings(&asker, &lines, "--once", "--show=1"), all_are_found(&lines))),
	      "\"%s\" is not found: %s %s", missing, text_of(lines.fd), text_of(asker.errors));
	all_is_right(&lines, false);
}

const struct test diagnose_network_tests[] = {
	{"diagnose_network_daemon", found_by_the_daemon},
	{"diagnose_network_once", found_at_once},
	{0},
};
