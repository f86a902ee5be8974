// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose_stacks.c: `lastack diagnose --stacks` before a program that leaks connections at places with names: this
 * one. Each place must be told with as many connections as were opened or accepted there, over both families and on
 * both sides; what was there before has no stack, what is closed in good order is not told of at all, and who does not
 * ask for stacks gets none.
 *
 * The Makefile compiles this file with frame pointers.
 */
#include "daemons.h"
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT     8400
#define FAMILIES 2
#define LATE_MS  60000

/* So many connections of each place; another one at each side is older than the monitor. */
#define ACCEPTED_ONE 5
#define ACCEPTED_TWO 3
#define OPENED_ONE   4
#define OPENED_TWO   2
#define OLDER        1

static const int families[FAMILIES] = {AF_INET, AF_INET6};
static char netns[16];

/* ---- the places. Their names are looked for, so they are not static, and stand on the stack for themselves. */

int leak_site_one(int listener);
int leak_site_two(int listener);
int open_site_one(int family, uint16_t port);
int open_site_two(int family, uint16_t port);

/* After the call, so that it is no jump. */
#define STAY_ON_STACK() __asm__ volatile("" ::: "memory")

static inline __attribute__((always_inline)) int accept_here(int listener)
{
	int fd = accept(listener, NULL, NULL);

	CHECK(fd >= 0, "accept: %s", strerror(errno));
	STAY_ON_STACK();
	return fd;
}

static inline __attribute__((always_inline)) int open_here(int family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0, "socket: %s", strerror(errno));
	CHECK(!connect(fd, family == AF_INET ? (void *)&v4 : (void *)&v6, family == AF_INET ? sizeof(v4) : sizeof(v6)),
	      "connect: %s", strerror(errno));
	STAY_ON_STACK();
	return fd;
}

__attribute__((noinline)) int leak_site_one(int listener)
{
	return accept_here(listener);
}

__attribute__((noinline)) int leak_site_two(int listener)
{
	return accept_here(listener);
}

__attribute__((noinline)) int open_site_one(int family, uint16_t port)
{
	return open_here(family, port);
}

__attribute__((noinline)) int open_site_two(int family, uint16_t port)
{
	return open_here(family, port);
}

/* ---- the leaks --------------------------------------------------------------------------------------------- */

/* At the first port of a family the server forgets to close, at the second the client. */
static uint16_t port_of(int family, bool by_client)
{
	return (uint16_t)(PORT + family * 10 + by_client);
}

static int listeners[FAMILIES][2];

/* Called from one place each, so that all of one call have the same stack. */
static __attribute__((noinline)) void leak_accepted(int family, int (*site)(int listener), int count)
{
	for (volatile int i = 0; i < count; i++) {
		int client = tcp_connect(families[family], 0, port_of(family, false));

		site(listeners[family][false]);
		close(client);
	}
}

static __attribute__((noinline)) void leak_opened(int family, int (*site)(int family, uint16_t port), int count)
{
	for (volatile int i = 0; i < count; i++) {
		site(families[family], port_of(family, true));
		close(tcp_accept(listeners[family][true]));
	}
}

/* Before anybody watches. */
static void leak_early(void)
{
	netns_enter_new();
	snprintf(netns, sizeof(netns), "%u", netns_inode());
	for (int family = 0; family < FAMILIES; family++) {
		for (int by_client = 0; by_client < 2; by_client++)
			listeners[family][by_client] = tcp_listen(families[family], port_of(family, by_client));
		leak_accepted(family, leak_site_one, OLDER);
		leak_opened(family, open_site_one, OLDER);
	}
}

static void leak_watched(void)
{
	for (volatile int family = 0; family < FAMILIES; family++) {
		struct pair pair = pair_open(families[family], listeners[family][false], port_of(family, false));

		pair_close(&pair); /* the near miss */
		leak_accepted(family, leak_site_one, ACCEPTED_ONE);
		leak_accepted(family, leak_site_two, ACCEPTED_TWO);
		leak_opened(family, open_site_one, OPENED_ONE);
		leak_opened(family, open_site_two, OPENED_TWO);
	}
}

/* ---- what is told -------------------------------------------------------------------------------------------- */

static const json_t *leak_of(const struct reports *lines, int family, bool by_client)
{
	for (size_t i = 0; i < lines->count; i++)
		if (report_is(lines->all[i], "kind", "close_wait_leak") &&
		    report_number(lines->all[i], by_client ? "remote_port" : "local_port") ==
			    port_of(family, by_client))
			return lines->all[i];
	return NULL;
}

static int leaks(bool by_client)
{
	return OLDER + (by_client ? OPENED_ONE + OPENED_TWO : ACCEPTED_ONE + ACCEPTED_TWO);
}

static bool all_are_found(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		for (int by_client = 0; by_client < 2; by_client++) {
			const json_t *leak = leak_of(lines, family, by_client);

			if (!leak || report_number(leak, "count") < leaks(by_client))
				return false;
		}
	return true;
}

static bool stack_has(const json_t *stack, const char *function)
{
	json_t *frames = json_object_get(stack, "frames"), *frame;
	size_t i;

	json_array_foreach(frames, i, frame) if (report_is(frame, "function", function)) return true;
	return false;
}

/* The stack at this place in the array is of this function and no other, by so many connections. */
static void stack_is(const json_t *finding, size_t at, const char *call, const char *function, const char *other,
		     int count)
{
	const json_t *stack = json_array_get(json_object_get(finding, "stacks"), at), *frame;

	CHECK(stack && report_number(stack, "count") == count && report_is(stack, "call", call), "%s of %d: %s",
	      function, count, report_line(finding));
	CHECK(stack_has(stack, function) && !stack_has(stack, other), "%s: %s", function, report_line(finding));
#if defined(__x86_64__)
	/* What the kernel passes over is there: the caller itself, and where in it. */
	frame = json_array_get(json_object_get(stack, "frames"), 1);
	CHECK(report_is(frame, "function", function) && report_number(frame, "line") > 0, "%s: %s", function,
	      report_line(finding));
	CHECK(strstr(report_word(frame, "file"), "diagnose_stacks.c"), "%s", report_line(finding));
#else
	(void)frame;
#endif
}

static void leak_is_right(const json_t *finding, bool by_client)
{
	int one = by_client ? OPENED_ONE : ACCEPTED_ONE, two = by_client ? OPENED_TWO : ACCEPTED_TWO;

	CHECK(report_number(json_object_get(finding, "owner"), "pid") == getpid(), "%s", report_line(finding));
	CHECK(report_number(finding, "count") == leaks(by_client), "%s", report_line(finding));
	CHECK(json_array_size(json_object_get(finding, "stacks")) == 2, "%s", report_line(finding));
	if (by_client) {
		stack_is(finding, 0, "connect", "open_site_one", "open_site_two", one);
		stack_is(finding, 1, "connect", "open_site_two", "open_site_one", two);
	} else {
		stack_is(finding, 0, "accept", "leak_site_one", "leak_site_two", one);
		stack_is(finding, 1, "accept", "leak_site_two", "leak_site_one", two);
	}
	CHECK(report_number(finding, "stacks_unknown") == OLDER && report_number(finding, "stacks_more") == 0, "%s",
	      report_line(finding));
}

static void all_is_right(const struct reports *lines)
{
	for (int family = 0; family < FAMILIES; family++)
		for (int by_client = 0; by_client < 2; by_client++)
			leak_is_right(leak_of(lines, family, by_client), by_client);
}

static void table_is_right(int fd)
{
	const char *line = text_of(fd);

	CHECK(strstr(line, "   at     5 accepted by\n") && strstr(line, "            leak_site_one+0x") &&
		      strstr(line, "          2 opened by\n"),
	      "%s", line);
	for (; *line; line += strcspn(line, "\n") + 1)
		CHECK(strcspn(line, "\n") <= 80, "more than 80 columns: %.*s", (int)strcspn(line, "\n"), line);
}

static void no_stacks(const struct reports *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		CHECK(json_is_null(json_object_get(lines->all[i], "stacks")), "%s", report_line(lines->all[i]));
}

/* ---- tests ---------------------------------------------------------------------------------------------------- */

/* Watches until it is told that enough is enough. */
static void watch_once(struct program *program, const char *format)
{
	lastack_plan(program, "diagnose", "--once", "--stacks", "--duration", "10m", "--close-wait", "1", "--netns",
		     netns, "-w", "80", "-o", format);
	program_start(program);
	CHECK(BECOMES_TRUE_IN(LATE_MS, program_ended(program) || text_has(program->errors, "taking stacks for 600 s")),
	      "it does not watch: %s", text_of(program->errors));
	CHECK(!program_ended(program), "it ended: %s", text_of(program->errors));
}

static void enough(struct program *program)
{
	kill(program->pid, SIGINT);
	CHECK(program_exit(program) == 1, "status %d: %s", program->wait_status, text_of(program->errors));
}

static void stacks_at_once(void)
{
	struct program json, table, plain;
	struct reports lines;

	leak_early();
	watch_once(&json, "json");
	watch_once(&table, "table");
	leak_watched();
	enough(&json);
	reports_open(&lines, json.output);
	reports_refresh(&lines);
	CHECK(all_are_found(&lines), "not all are found: %s", text_of(lines.fd));
	all_is_right(&lines);
	enough(&table);
	table_is_right(table.output);
	program_run(&plain, lastack_path(), "diagnose", "--once", "--close-wait", "1", "--netns", netns, "-o", "json");
	reports_open(&lines, plain.output);
	reports_refresh(&lines);
	CHECK(all_are_found(&lines), "not all are found: %s", text_of(lines.fd));
	no_stacks(&lines);
}

static void ask_daemon(struct reports *lines, const struct daemon_place *place, const char *stacks)
{
	struct program asker;

	daemon_ask(&asker, place, "diagnose", "--close-wait", "1", "--netns", netns, "-o", "json", stacks, NULL);
	reports_open(lines, asker.output);
	reports_refresh(lines);
}

static void stacks_by_the_daemon(void)
{
	struct program daemon, asker;
	struct daemon_place place;
	struct reports lines;

	leak_early();
	daemon_place(&place, "stacks");
	daemon_plan(&daemon, &place, "--stacks", "yes", NULL);
	program_start(&daemon);
	daemon_await(&daemon);
	leak_watched();
	CHECK(BECOMES_TRUE_IN(LATE_MS, (ask_daemon(&lines, &place, "--stacks"), all_are_found(&lines))),
	      "not all are found: %s", text_of(lines.fd));
	all_is_right(&lines);
	ask_daemon(&lines, &place, NULL);
	CHECK(all_are_found(&lines), "not all are found: %s", text_of(lines.fd));
	no_stacks(&lines);
	CHECK(daemon_metric(&place, "lastack_events_total{kind=\"stack\"}") > 0, "no stack was counted");
	daemon_stop(&daemon);
	/* One that takes none says so. */
	daemon_place(&place, "plain");
	daemon_plan(&daemon, &place, NULL);
	program_start(&daemon);
	daemon_await(&daemon);
	CHECK(daemon_ask(&asker, &place, "diagnose", "--stacks", NULL) == 4 && text_has(asker.errors, "stacks = yes"),
	      "status %d: %s", asker.wait_status, text_of(asker.errors));
	daemon_stop(&daemon);
}

const struct test diagnose_stacks_tests[] = {
	{"diagnose_stacks_once", stacks_at_once},
	{"diagnose_stacks_daemon", stacks_by_the_daemon},
	{0},
};
