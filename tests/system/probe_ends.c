/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_ends.c: what `lastack probe` leaves behind in the sockets of others when it is killed or interrupted: the
 * settings that it found.
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

static void probe_killed(void)
{
	struct settings before[2];
	struct program lastack;
	struct pair pairs[2];

	hosts_open();
	for (int i = 0; i < 2; i++)
		pairs[i] = peer_pair(peer_families[i]);
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

/* The words behind "/usr/bin/lastack" in the unit's ExecStartPre=. */
static void unit_words_add(struct program *lastack)
{
	static char line[256];
	FILE *unit = fopen("packaging/lastack.service", "re");
	char *rest, *word;

	CHECK(unit, "the unit: %s", strerror(errno));
	while (fgets(line, sizeof(line), unit) && strncmp(line, "ExecStartPre=-+/usr/bin/lastack ", 32))
		;
	fclose(unit);
	rest = line + 32;
	CHECK(!strncmp(line, "ExecStartPre=", 13), "the unit runs nothing before the daemon");
	while ((word = strsep(&rest, " \n")))
		if (*word)
			program_word(lastack, word);
}

/* A connection whose probe was killed in the middle. *before: its settings, as they were. */
static struct pair probe_killed_over(int family, struct settings *before)
{
	struct program lastack;
	struct pair pair;

	hosts_open();
	pair = peer_pair(family);
	*before = settings_of(pair.client);
	PEERS_VANISH();
	probe_underway(&lastack, &pair);
	kill(lastack.pid, SIGKILL);
	program_exit(&lastack);
	return pair;
}

/* Nobody runs probe again, but the service is started: what its unit runs before it, as root. */
static void service_start_recovers_probe(void)
{
	struct settings before;
	struct program lastack;
	struct pair pair;

	pair = probe_killed_over(AF_INET, &before);
	for (int start = 0; start < 2; start++) {
		program_plan(&lastack, lastack_path(), NULL);
		unit_words_add(&lastack);
		program_word(&lastack, "--state-dir");
		program_word(&lastack, state_dir);
		program_start(&lastack);
		CHECK(program_exit(&lastack) == 0 &&
			      text_has(lastack.errors, start ? "nothing to be put back" : "settings of 1 connections"),
		      "%s", text_of(lastack.errors));
		settings_equal(pair.client, &before);
		CHECK(!journal_exists(), "the journal is left");
	}
}

/* What the application has set in the meantime is its own. */
static void probe_killed_and_changed(void)
{
	struct settings before, now;
	struct program lastack;
	struct pair pair;

	pair = probe_killed_over(AF_INET6, &before);
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
		reports_open(&lines, lastack.output);
		reports_refresh(&lines);
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

const struct test probe_end_tests[] = {
	{"probe_killed", probe_killed},
	{"service_start_recovers_probe", service_start_recovers_probe},
	{"probe_killed_and_changed", probe_killed_and_changed},
	{"probe_interrupted", probe_interrupted},
	{"probe_orphan", probe_orphan},
	{0},
};
