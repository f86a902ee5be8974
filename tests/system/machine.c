/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine.c: `lastack machine`: the machine without privileges, and its coverage, of recordings and of this host
 * while connections come and go.
 */
#include "net.h"
#include "system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT      7900
#define PAIRS     5
#define RECORDING "tests/replay/scenarios.rec"

/* What a line of coverage says of an entry; -1: there is no such line. */
static long long times_seen(const struct reports *lines, const char *from, const char *to, const char *input)
{
	for (size_t i = 0; i < lines->count; i++)
		if (report_is(lines->all[i], "from", from) && report_is(lines->all[i], "to", to) &&
		    report_is(lines->all[i], "input", input))
			return report_number(lines->all[i], "seen");
	return -1;
}

/* The last line sums up. */
static const json_t *coverage_read(struct reports *lines, int fd)
{
	const json_t *sum;

	reports_open(lines, fd);
	reports_refresh(lines);
	CHECK(lines->count > 50, "only %zu lines", lines->count);
	sum = lines->all[lines->count - 1];
	CHECK(report_is(sum, "type", "machine_coverage") && report_number(sum, "transitions") > 0 &&
		      report_number(sum, "entries") == (long long)lines->count - 1,
	      "it does not sum up: %s", report_line(sum));
	return sum;
}

/* ---- machine_formats -------------------------------------------------------------------------------- */

static void unprivileged_plan(struct program *program)
{
	program_plan(program, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs",
		     "--inh-caps=-all", lastack_for_anybody(), "machine", NULL);
}

static void machine_formats(void)
{
	static const char *const begins[][2] = {
		{"table", "FROM "},
		{"json", "{\"type\":\"machine_entry\""},
		{"dot", "digraph "},
		{"markdown", "<!-- lastack machine"},
	};
	struct program program;
	int status;

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		unprivileged_plan(&program);
		program_word(&program, "-o");
		program_word(&program, begins[i][0]);
		program_start(&program);
		status = program_exit(&program);
		CHECK(status == 0 && !strncmp(text_of(program.output), begins[i][1], strlen(begins[i][1])),
		      "'%s' ends with %d: %s%.200s", program_words(&program), status, text_of(program.errors),
		      text_of(program.output));
	}
	CHECK(!program_run(&program, lastack_path(), "machine", "--from", "LISTEN", "--to", "SYN_RECV") &&
		      text_lines(program.output) == 3,
	      "not a heading and two entries: %s", text_of(program.output));
}

/* ---- machine_coverage_recorded ------------------------------------------------------------------------ */

static void machine_coverage_recorded(void)
{
	struct reports once, twice;
	struct program program;
	const json_t *sum;
	int status;

	CHECK(!program_run(&program, lastack_path(), "machine", "--coverage", "-o", "json", RECORDING),
	      "one recording: %s", text_of(program.errors));
	sum = coverage_read(&once, program.output);
	CHECK(times_seen(&once, "SYN_SENT", "ESTABLISHED", "syn_ack") > 50, "no connection was opened");
	CHECK(report_number(sum, "gaps") == 0, "nothing was lost: %s", report_line(sum));
	CHECK(!program_run(&program, lastack_path(), "machine", "--coverage", "-o", "json", RECORDING, RECORDING),
	      "two recordings: %s", text_of(program.errors));
	CHECK(report_number(coverage_read(&twice, program.output), "transitions") ==
		      2 * report_number(sum, "transitions"),
	      "twice is not two times once");
	/* What is no recording is told; the others count all the same. */
	status = program_run(&program, lastack_path(), "machine", "--coverage", "-o", "json", "/nowhere", RECORDING);
	CHECK(status == 4 && text_has(program.errors, "lastack: machine: /nowhere: "), "%d: %s", status,
	      text_of(program.errors));
	CHECK(report_number(coverage_read(&twice, program.output), "transitions") == report_number(sum, "transitions"),
	      "the other recording does not count");
}

/* ---- machine_coverage_live ---------------------------------------------------------------------------- */

static void machine_coverage_live(void)
{
	struct program lastack;
	struct reports lines;
	const json_t *sum;
	struct pair pair;
	int listener;

	lastack_start(&lastack, "machine", "--coverage", "-d", "2", "-o", "json");
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	for (int i = 0; i < PAIRS; i++) {
		pair = pair_open(AF_INET, listener, PORT);
		pair_close(&pair);
	}
	CHECK(program_exit(&lastack) == 0, "it said: %s", text_of(lastack.errors));
	CHECK(text_has(lastack.errors, " connections ended:"), "it does not sum up: %s", text_of(lastack.errors));
	sum = coverage_read(&lines, lastack.output);
	CHECK(times_seen(&lines, "CLOSE", "SYN_SENT", "active_open") >= PAIRS &&
		      times_seen(&lines, "SYN_SENT", "ESTABLISHED", "syn_ack") >= PAIRS &&
		      times_seen(&lines, "NEW_SYN_RECV", "SYN_RECV", "ack_of_syn") >= PAIRS &&
		      times_seen(&lines, "ESTABLISHED", "FIN_WAIT1", "close") >= PAIRS &&
		      times_seen(&lines, "FIN_WAIT1", "FIN_WAIT2", "ack_of_fin") >= PAIRS &&
		      times_seen(&lines, "CLOSE_WAIT", "LAST_ACK", "close") >= PAIRS &&
		      times_seen(&lines, "LAST_ACK", "CLOSE", "ack_of_fin") >= PAIRS,
	      "not every step of %d connections was counted: %s", PAIRS, text_of(lastack.output));
	CHECK(report_number(sum, "violations") == 0, "what everybody does is no violation: %s", report_line(sum));
}

const struct test machine_tests[] = {
	{"machine_formats", machine_formats},
	{"machine_coverage_recorded", machine_coverage_recorded},
	{"machine_coverage_live", machine_coverage_live},
	{0},
};
