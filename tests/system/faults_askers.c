/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults_askers.c: the verbs that ask the daemon, and those that need no kernel, with each of their system calls and
 * allocations failing in turn. An answer must be whole, or its lack be told.
 */
#include "daemons.h"
#include "faults.h"
#include "net.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT 8302

static const char *const *words; /* of the subject */

static void plan_words(struct program *program)
{
	for (const char *const *word = words; *word; word++)
		program_word(program, *word);
}

static unsigned partial_count(const char *output)
{
	unsigned count = 0;

	while ((output = strstr(output, "\"completeness\":\"partial\"")))
		output++, count++;
	return count;
}

/* The same to the byte, or it says what there was no memory for: of a connection, or in the summary. */
static const char *check_same(struct program *program, int status, const char *fault)
{
	static char *whole;
	char *output = text_of(program->output);
	const char *why = NULL;

	if (!fault[0]) {
		free(whole);
		whole = strdup(output);
	} else if (!status && strcmp(output, whole) && !text_has(program->errors, " for want of ") &&
		   partial_count(output) <= partial_count(whole)) {
		why = "it claims success, but its output is another";
	}
	free(output);
	return why;
}

/* ---- those who ask the daemon ----------------------------------------------------------------------- */

static struct daemon_place place;
static char netns_word[16], open_cookie[24], ended_cookie[24];
static int listener;

static void plan_asker(struct program *program)
{
	program_word(program, "--socket");
	program_word(program, place.socket);
	plan_words(program);
}

/* As many lines as when nothing failed: times in them differ. */
static const char *check_whole(struct program *program, int status, const char *fault)
{
	static long whole;
	long lines = text_lines(program->output);

	if (!fault[0])
		whole = lines;
	return status > 1 || lines == whole ? NULL : "it claims success with another answer";
}

/* What the host does meanwhile changes some lines of it. */
static const char *check_status(struct program *program, int status, const char *fault)
{
	static long whole;
	long lines = text_lines(program->output);

	if (!fault[0])
		whole = lines;
	return status || lines * 2 >= whole ? NULL : "it claims success with half an answer";
}

/* The leak that is there must be told of. */
static const char *check_finding(struct program *program, int status, const char *fault)
{
	if (status == 0 || (status == 1 && !text_has(program->output, "close_wait_leak")))
		return "it claims success, and does not tell of the leak";
	return check_whole(program, status, fault);
}

/* Two ends, once it is known that it follows: by its header. */
static void drive_follow(struct program *program)
{
	struct pair pair;

	if (!BECOMES_TRUE(program_ended(program) || text_lines(program->output) > 0) || program_ended(program))
		return;
	pair = pair_open(AF_INET, listener, PORT);
	pair_close(&pair);
}

static const struct asker {
	struct subject subject;
	const char *words[12];
} askers[] = {
	{{.verb = "status", .plan = plan_asker, .check = check_status}, {NULL}},
	{{.verb = "list", .plan = plan_asker, .check = check_whole}, {"--netns", netns_word, NULL}},
	{{.verb = "list", .plan = plan_asker, .check = check_whole},
	 {"--netns", netns_word, "--sort", "age", "-o", "csv", NULL}},
	{{.verb = "history", .plan = plan_asker, .check = check_same}, {"--netns", netns_word, NULL}},
	{{.verb = "history", .plan = plan_asker, .check = check_same},
	 {"--netns", netns_word, "--group-by", "class,role", NULL}},
	{{.verb = "show", .plan = plan_asker, .check = check_whole}, {open_cookie, NULL}},
	{{.verb = "show", .plan = plan_asker, .check = check_same}, {ended_cookie, NULL}},
	{{.verb = "diagnose", .plan = plan_asker, .check = check_finding},
	 {"--netns", netns_word, "--close-wait", "0.01", "--fin-wait2", "1h", "--show", "4", NULL}},
	{{.verb = "diagnose", .plan = plan_asker, .check = check_finding},
	 {"--netns", netns_word, "--close-wait", "0.01", "--fin-wait2", "1h", "--stacks", "-o", "json", NULL}},
	/* Last, as each run of it makes more history. */
	{{.verb = "follow", .plan = plan_asker, .drive = drive_follow, .check = check_whole},
	 {"--netns", netns_word, "--count", "2", NULL}},
};

/* One connection is open, one has ended, and of one the server does not close: of each there is something to say. */
static void asked_of_daemon(void)
{
	struct pair open, ended, leaked;
	struct program daemon;

	daemon_place(&place, "one");
	daemon_plan(&daemon, &place, "--stacks", "yes", NULL);
	program_start(&daemon);
	daemon_await(&daemon);
	snprintf(netns_word, sizeof(netns_word), "%u", netns_enter_new());
	listener = tcp_listen(AF_INET, PORT);
	open = pair_open(AF_INET, listener, PORT);
	ended = pair_open(AF_INET, listener, PORT);
	leaked = pair_open(AF_INET, listener, PORT);
	snprintf(open_cookie, sizeof(open_cookie), "%s", cookie_text(open.client_cookie));
	snprintf(ended_cookie, sizeof(ended_cookie), "%s", cookie_text(ended.client_cookie));
	pair_close(&ended);
	shutdown(leaked.client, SHUT_WR); /* closed, it would end within a minute, and be in the history */
	CHECK(BECOMES_TRUE(history_rows(&place) >= 2), "the history does not come");
	for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
		words = askers[i].words;
		sweep_calls(&askers[i].subject, 10);
		sweep_memory(&askers[i].subject, 30);
	}
	daemon_stop(&daemon);
}

/* ---- what needs no kernel --------------------------------------------------------------------------- */

static void pure_verbs(void)
{
	static const struct asker all[] = {
		{{.verb = "replay", .plan = plan_words, .check = check_same},
		 {"-o", "json", "tests/replay/scenarios.rec", NULL}},
		{{.verb = "replay", .plan = plan_words, .check = check_same},
		 {"--events", "tests/replay/scenarios.rec", NULL}},
		{{.verb = "machine", .plan = plan_words, .check = check_same}, {"-o", "markdown", NULL}},
		{{.verb = "machine", .plan = plan_words, .check = check_same},
		 {"--coverage", "tests/replay/scenarios.rec", NULL}},
		{{.verb = "daemon", .plan = plan_words, .check = check_same}, {"--help", NULL}},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		words = all[i].words;
		sweep_calls(&all[i].subject, 24);
		sweep_memory(&all[i].subject, 200);
	}
}

const struct test fault_asker_tests[] = {
	{"faults_of_askers", asked_of_daemon},
	{"faults_of_pure_verbs", pure_verbs},
	{0},
};
