/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.c: `lastack probe` against real peers: alive, vanished, rebooted, reaped; and which ones it chooses.
 */
#include "daemons.h"
#include "probes.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void probe_alive(void)
{
	struct settings before[2 * PAIR_KINDS];
	struct pair pairs[2 * PAIR_KINDS];
	struct program lastack;
	struct reports lines;
	long long sent;
	int status;

	hosts_open();
	netns_set("tcp_keepalive_time", "4321");
	for (int i = 0; i < 2 * PAIR_KINDS; i++) {
		pairs[i] = pair_of_kind(peer_families[i % 2], i / 2);
		before[i] = settings_of(pairs[i].client);
	}
	CHECK(before[0].idle_s == 4321, "the sysctl does not hold");
	sent = netns_counter("TcpExt", "TCPKeepAlive");
	probe_plan(&lastack, "-D", "8200");
	status = probe_lines(&lines, &lastack);
	CHECK(status == 0 && lines.count == 2 * PAIR_KINDS, "%d, %zu lines: %s", status, lines.count,
	      text_of(lastack.errors));
	for (int i = 0; i < 2 * PAIR_KINDS; i++) {
		const json_t *line = line_find(&lines, pairs[i].client_cookie);

		verdict_is(&lines, pairs[i].client_cookie, "alive");
		CHECK(report_is(line, "means", "keepalive") && json_is_true(json_object_get(line, "restored")) &&
			      report_number(report_process(line), "pid") == getpid(),
		      "%s", report_line(line));
		settings_equal(pairs[i].client, &before[i]);
	}
	sent = netns_counter("TcpExt", "TCPKeepAlive") - sent;
	CHECK(sent >= 2 * PAIR_KINDS, "only %lld probes were sent", sent);
	CHECK(!journal_exists(), "the journal is left");
}

/*
 * More than the iterator's buffer holds: the program then runs twice for some sockets, and must do and tell everything
 * once.
 */
#define MANY 900

static void probe_many(void)
{
	static struct pair pairs[MANY];
	struct settings before;
	struct program lastack;
	struct reports lines;
	int status;

	hosts_open();
	for (int i = 0; i < MANY; i++)
		pairs[i] = peer_pair(AF_INET);
	before = settings_of(pairs[0].client);
	probe_plan(&lastack, "-D", "8200", "--rate", "10000");
	status = probe_lines(&lines, &lastack);
	CHECK(status == 0 && lines.count == MANY, "%d, %zu lines: %s", status, lines.count, text_of(lastack.errors));
	for (int i = 0; i < MANY; i++) {
		CHECK(report_is(lines.all[i], "verdict", "alive") &&
			      json_is_true(json_object_get(lines.all[i], "restored")),
		      "%s", report_line(lines.all[i]));
		settings_equal(pairs[i].client, &before);
	}
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
		pairs[i] = peer_pair(peer_families[i == OFF_V6]);
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
		lost[i] = peer_pair(peer_families[i]);
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
		dead[i] = peer_pair(peer_families[i]);
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
		pairs[i] = peer_pair(peer_families[i % 2]);
	lastack_plan(&lastack, "probe", "--state-dir", state_dir);
	refused(2, "which connections?", &lastack);
	probe_plan(&lastack, "12x");
	refused(2, "neither an id", &lastack);
	probe_plan(&lastack, "--class", "reset");
	refused(2, "--class", &lastack);
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
		pairs[i] = peer_pair(peer_families[i]);
	netns_enter(here);
	for (int i = 0; i < 2; i++) {
		char id[24];

		daemon_lines(&lines, &place, "list", "--netns", netns_word, i ? "-6" : "-4", NULL);
		CHECK(lines.count == 1, "%zu lines", lines.count);
		snprintf(id, sizeof(id), "%s", report_word(lines.all[0], "id"));
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
	{"probe_many", probe_many},
	{"probe_vanished", probe_vanished},
	{"probe_rebooted", probe_rebooted},
	{"probe_reaps", probe_reaps},
	{"probe_reaps_nothing_alive", probe_reaps_nothing_alive},
	{"probe_chooses", probe_chooses},
	{"probe_by_id", probe_by_id},
	{0},
};
