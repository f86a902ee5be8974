/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults_sweep.c: every verb with each of its system calls and allocations failing in turn. It must end as documented
 * and say why, or carry on with nothing missing that it does not own up to; and leave nothing behind that is half done.
 */
#include "daemons.h"
#include "faults.h"
#include "net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT 8300

static char netns_word[16];
static int listener;
static struct pair pair;
static uint64_t cookies[2];

static void world_make(void)
{
	snprintf(netns_word, sizeof(netns_word), "%u", netns_enter_new());
	listener = tcp_listen(AF_INET, PORT);
}

/* ---- live and record: a connection ends while they watch ------------------------------------------- */

static char recording[128];

static void plan_watch(struct program *program)
{
	program_word(program, "-o");
	program_word(program, "json");
	program_word(program, "--settle");
	program_word(program, "0");
	program_word(program, "--netns");
	program_word(program, netns_word);
}

static bool tells_of_both(int output)
{
	char words[2][48];

	for (int i = 0; i < 2; i++)
		snprintf(words[i], sizeof(words[i]), "\"cookie\":%llu,", (unsigned long long)cookies[i]);
	return text_has(output, words[0]) && text_has(output, words[1]);
}

static void drive_watch(struct program *program)
{
	/* Where it could not say so it watches all the same. */
	BECOMES_TRUE(program_ended(program) || text_has(program->errors, "watching;"));
	if (program_ended(program))
		return;
	pair = pair_open(AF_INET, listener, PORT);
	cookies[0] = pair.client_cookie;
	cookies[1] = pair.server_cookie;
	pair_close(&pair);
	BECOMES_TRUE_IN(2000, program_ended(program) || tells_of_both(program->output) || recording[0]);
	if (!program_ended(program))
		kill(program->pid, SIGINT);
}

/* generated, delivered, lost, filtered; false where it does not hold or is not said. */
static bool identity_holds(const struct program *program, unsigned long long *lost)
{
	char *text = text_of(program->errors), *at = strstr(text, "events: generated ");
	unsigned long long generated, delivered, filtered;
	bool holds = at &&
		     sscanf(at, "events: generated %llu delivered %llu lost %llu filtered %llu", &generated, &delivered,
			    lost, &filtered) == 4 &&
		     generated == delivered + *lost + filtered;

	free(text);
	return holds;
}

static const char *check_live(struct program *program, int status, const char *fault)
{
	unsigned long long lost = 0;

	(void)fault;
	if (status)
		return NULL;
	if (!identity_holds(program, &lost))
		return "it claims success without counts that hold";
	return lost || tells_of_both(program->output) ? NULL : "it claims success, but what ended is not told";
}

static const struct subject live_subject = {.verb = "live",
					    .plan = plan_watch,
					    .drive = drive_watch,
					    .check = check_live};

static void plan_record(struct program *program)
{
	unlink(recording);
	program_word(program, recording);
	program_word(program, "--netns");
	program_word(program, netns_word);
}

static const char *check_record(struct program *program, int status, const char *fault)
{
	struct program replay;
	const char *why = NULL;
	int replayed;

	(void)program;
	(void)fault;
	if (access(recording, F_OK))
		return status ? NULL : "it claims success, and there is no recording";
	replayed = program_run(&replay, lastack_path(), "replay", "-o", "json", recording);
	if (!status && (replayed || !tells_of_both(replay.output)))
		why = "it claims success, but the recording is not whole";
	else if (status && replayed && !text_has(replay.errors, "lastack: replay: "))
		why = "what is left of the recording is not told as such";
	close(replay.output);
	close(replay.errors);
	return why;
}

static const struct subject record_subject = {.verb = "record",
					      .plan = plan_record,
					      .drive = drive_watch,
					      .check = check_record};

static void calls_live(void)
{
	world_make();
	sweep_calls(&live_subject, 24);
}

static void calls_record(void)
{
	world_make();
	snprintf(recording, sizeof(recording), "%s/recording", test_directory());
	sweep_calls(&record_subject, 14);
}

static void memory_live(void)
{
	world_make();
	sweep_memory(&live_subject, 24);
}

static void memory_record(void)
{
	world_make();
	snprintf(recording, sizeof(recording), "%s/recording", test_directory());
	sweep_memory(&record_subject, 12);
}

/* ---- verbs that look once -------------------------------------------------------------------------- */

static long lines_of_whole; /* that it wrote when nothing failed */

/* What cannot be seen is a line more, or an error. */
static const char *check_lines(struct program *program, int status, const char *fault)
{
	long lines = text_lines(program->output);

	if (!fault[0])
		lines_of_whole = lines;
	return status > 1 || lines >= lines_of_whole ? NULL : "it claims success with less than all";
}

static void plan_check(struct program *program)
{
	(void)program;
}

/* Of this test's namespace, with all counters, so that there is the same to say each time. */
static void plan_audit(struct program *program)
{
	static const char *const words[] = {"-d", "0.2", "--all", "-o", "json", "--netns", netns_word};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		program_word(program, words[i]);
}

static const char *check_audit(struct program *program, int status, const char *fault)
{
	if (status == 1 && !text_has(program->output, "unexplained"))
		return "it tells of a difference, and not of which";
	if (text_has(program->errors, "not audited"))
		return NULL;
	return check_lines(program, status, fault);
}

/* There is a leak, whose process is this one. */
static void plan_diagnose(struct program *program)
{
	static const char *const words[] = {"--once", "--close-wait", "0.1", "-o", "json", "--netns", netns_word};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		program_word(program, words[i]);
}

static const char *check_diagnose(struct program *program, int status, const char *fault)
{
	char owner[32];

	snprintf(owner, sizeof(owner), "{\"pid\":%d,", (int)getpid());
	if (status > 1 || (text_has(program->output, "close_wait_leak") && text_has(program->output, owner)))
		return check_lines(program, status, fault);
	return "it claims success, and does not tell of the leak and whose it is";
}

/* With the kernel's types from a file, though this kernel has them. */
static void plan_types(struct program *program)
{
	program_word(program, "--btf");
	program_word(program, "/sys/kernel/btf/vmlinux");
}

static const struct subject check_subject = {.verb = "check", .plan = plan_check, .check = check_lines};
static const struct subject types_subject = {.verb = "check", .plan = plan_types, .check = check_lines};
static const struct subject audit_subject = {.verb = "audit", .plan = plan_audit, .check = check_audit};
static const struct subject diagnose_subject = {.verb = "diagnose", .plan = plan_diagnose, .check = check_diagnose};

static void leak_make(void)
{
	world_make();
	pair = pair_open(AF_INET, listener, PORT);
	shutdown(pair.client, SHUT_WR);
}

static void calls_check(void)
{
	sweep_calls(&check_subject, 16);
}

static void calls_types(void)
{
	sweep_calls(&types_subject, 16);
}

static void memory_types(void)
{
	sweep_memory(&types_subject, 12);
}

static void calls_audit(void)
{
	world_make();
	sweep_calls(&audit_subject, 12);
}

static void calls_diagnose(void)
{
	leak_make();
	sweep_calls(&diagnose_subject, 8);
}

static void memory_check(void)
{
	sweep_memory(&check_subject, 12);
}

static void memory_audit(void)
{
	world_make();
	sweep_memory(&audit_subject, 12);
}

static void memory_diagnose(void)
{
	leak_make();
	sweep_memory(&diagnose_subject, 12);
}

const struct test fault_sweep_tests[] = {
	{"faults_calls_live", calls_live},
	{"faults_calls_record", calls_record},
	{"faults_calls_check", calls_check},
	{"faults_calls_audit", calls_audit},
	{"faults_memory_live", memory_live},
	{"faults_calls_diagnose", calls_diagnose},
	{"faults_calls_types", calls_types},
	{"faults_memory_check", memory_check},
	{"faults_memory_record", memory_record},
	{"faults_memory_audit", memory_audit},
	{"faults_memory_diagnose", memory_diagnose},
	{"faults_memory_types", memory_types},
	{0},
};
