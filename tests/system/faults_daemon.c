/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults_daemon.c: the daemon from its start to its end, and `probe`, with each system call and allocation failing in
 * turn. Nothing may stay behind that others would trip over: sockets,
 * changed settings, a damaged database, a report file that only looks complete.
 */
#include "daemons.h"
#include "faults.h"
#include "net.h"
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PORT 8301

/* ---- the daemon ------------------------------------------------------------------------------------- */

static struct daemon_place place;
static int listener;

/* As root, for a daemon that drops its privileges itself. */
static void plan_daemon(struct program *program)
{
	static unsigned number;
	char name[32];

	snprintf(name, sizeof(name), "fault%u", number++);
	daemon_place(&place, name);
	program_word(program, "--user");
	program_word(program, "nobody");
	program_word(program, "--state-dir");
	program_word(program, place.state);
	program_word(program, "--socket");
	program_word(program, place.socket);
	program_word(program, "--http");
	program_word(program, place.http);
	program_word(program, "--reports");
	program_word(program, place.reports);
	program_word(program, "--settle");
	program_word(program, "0");
}

/* A connection ends, a question is asked, and then it is told to end. */
static void drive_daemon(struct program *program)
{
	struct program asker;
	struct pair pair;

	if (!BECOMES_TRUE(program_ended(program) || text_has(program->errors, "is ready")) || program_ended(program))
		return;
	pair = pair_open(AF_INET, listener, PORT);
	pair_close(&pair);
	lastack_plan(&asker, "status", "--socket", place.socket);
	program_start(&asker);
	BECOMES_TRUE_IN(15000, program_ended(&asker) || program_ended(program)); /* its answer is not the point here */
	if (!program_ended(&asker))
		kill(asker.pid, SIGKILL);
	program_exit(&asker);
	close(asker.output);
	close(asker.errors);
	if (!program_ended(program))
		kill(program->pid, SIGTERM);
}

/* A name that does not begin with a dot promises a whole file, compressed here. */
static const char *reports_wrong(void)
{
	static char why[400];
	struct dirent *entry;
	DIR *directory = opendir(place.reports);

	why[0] = '\0';
	while (directory && (entry = readdir(directory))) {
		char path[384];
		struct program unpack;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", place.reports, entry->d_name);
		if (!strstr(path, ".gz"))
			continue; /* compressing is what failed: it stays as it is */
		if (program_run(&unpack, "gzip", "-t", path))
			snprintf(why, sizeof(why), "a damaged report file: %.300s", path);
		close(unpack.output);
		close(unpack.errors);
	}
	if (directory)
		closedir(directory);
	return why[0] ? why : NULL;
}

static const char *check_daemon(struct program *program, int status, const char *fault)
{
	static char sound[128];
	long long rows;
	bool owned_up = text_has(program->errors, ": warning: ") || text_has(program->errors, ": error: ");

	if (!strstr(fault, "unlink") && (!access(place.socket, F_OK) || !access(place.http + strlen("unix:"), F_OK)))
		return "a socket is left behind";
	if (!history_is_sound(&place, &rows, sound, sizeof(sound)))
		return sound;
	if (!status && rows < 2 && !owned_up)
		return "it claims success, and what ended is neither in the history nor in the log";
	return reports_wrong();
}

/*
 * libseccomp 2.5 goes through a null pointer, or frees twice, when memory runs out while it makes its filter: after
 * privileges are dropped and before anything is watched.
 */
static bool crashes_in_seccomp(const struct program *program, int status)
{
	return (status == -SIGSEGV || status == -SIGABRT) && text_has(program->errors, "dac_read_search is not kept") &&
	       !text_has(program->errors, "watching;");
}

static const struct subject daemon_subject = {.verb = "daemon",
					      .plan = plan_daemon,
					      .drive = drive_daemon,
					      .check = check_daemon,
					      .excuses = crashes_in_seccomp};

static void calls_daemon(void)
{
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	sweep_calls(&daemon_subject, 24);
}

static void memory_daemon(void)
{
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	sweep_memory(&daemon_subject, 12);
}

/* ---- a clock that is stepped ------------------------------------------------------------------------ */

#define HOUR_S 3600LL

static volatile int64_t *clock_step_s;

static void clock_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && !ftruncate(fd, sizeof(*clock_step_s)), "%s: %s", path, strerror(errno));
	clock_step_s = mmap(NULL, sizeof(*clock_step_s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(clock_step_s != MAP_FAILED, "mmap: %s", strerror(errno));
	close(fd);
}

/* The daemon looks at the wall clock once a second: does a connection that ends now have the stepped time? */
static bool end_is_at(int64_t step_s)
{
	struct pair pair = pair_open(AF_INET, listener, PORT);
	long long now_us = (long long)time(NULL) * 1000000, end_us;
	const json_t *row;

	pair_close(&pair);
	CHECK(BECOMES_TRUE(history_rows(&place) > 0), "there is no history");
	row = history_await(&place, cookie_text(pair.client_cookie));
	end_us = report_number(row, "end_us");
	CHECK(report_number(row, "duration_us") >= 0 && report_number(row, "duration_us") < 20 * 1000000LL &&
		      report_number(row, "start_us") <= end_us && report_is(row, "completeness", "complete"),
	      "a step of the clock by %lld s gets into it: %s", (long long)step_s, report_line(row));
	return llabs(end_us - now_us - step_s * 1000000) < 60 * 1000000LL;
}

static void clock_steps(void)
{
	static const int64_t steps_s[] = {HOUR_S, -HOUR_S, 24 * HOUR_S, 0};
	char path[128], word[160];
	struct program daemon;
	long long rows = 0;

	snprintf(path, sizeof(path), "%s/clock", test_directory());
	snprintf(word, sizeof(word), "CLOCK_STEP=%s", path);
	clock_open(path);
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	program_plan(&daemon, "env", lastack_preload("stepping_clock.so"), word, lastack_path(), "daemon", NULL);
	daemon.home = true;
	plan_daemon(&daemon);
	program_start(&daemon);
	daemon_await(&daemon);
	for (size_t i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++) {
		*clock_step_s = steps_s[i];
		CHECK(BECOMES_TRUE(end_is_at(steps_s[i])), "a step to %lld s is not taken over", (long long)steps_s[i]);
		CHECK(history_rows(&place) > rows, "rows are gone after a step to %lld s", (long long)steps_s[i]);
		rows = history_rows(&place);
	}
	daemon_stop(&daemon);
	test_note("%zu steps of up to a day, %lld rows, none lost and no duration wrong",
		  sizeof(steps_s) / sizeof(steps_s[0]), rows);
}

/* ---- probe ------------------------------------------------------------------------------------------ */

static struct pair probed;
static struct settings before;

static void plan_probe(struct program *program)
{
	program_word(program, "-o");
	program_word(program, "json");
	program_word(program, "--netns");
	program_word(program, netns_word);
	program_word(program, "--state-dir");
	program_word(program, state_dir);
}

/* Settings are put back by itself, or by the next run, which the journal tells of them. */
static const char *check_probe(struct program *program, int status, const char *fault)
{
	struct settings after = settings_of(probed.client);
	bool journal = journal_exists(), same = !memcmp(&after, &before, sizeof(after));
	struct program next;
	const char *why = NULL;

	(void)fault;
	if (status == 0 && (!same || (!text_has(program->output, "\"verdict\":\"alive\"") &&
				      !text_has(program->errors, "could not be entered"))))
		return "it claims success, but the settings are changed or nothing was proved";
	if (!same && !journal)
		why = "settings are left changed, and no journal tells of it";
	if (journal) {
		lastack_plan(&next, "probe", "--recover", "--state-dir", state_dir);
		program_start(&next);
		after = settings_of((program_exit(&next), probed.client));
		if (!why && memcmp(&after, &before, sizeof(after)))
			why = "the next run does not put the settings back";
		if (!why && journal_exists())
			why = "the next run leaves the journal";
		close(next.output);
		close(next.errors);
	}
	settings_give(probed.client, before.keepalive, before.idle_s, before.interval_s, before.count);
	return why;
}

static const struct subject probe_subject = {.verb = "probe", .plan = plan_probe, .check = check_probe};

static void probe_begin(void)
{
	hosts_open();
	probed = peer_pair(AF_INET);
	settings_give(probed.client, 1, 600, 30, 9);
	before = settings_of(probed.client);
}

static void calls_probe(void)
{
	probe_begin();
	sweep_calls(&probe_subject, 40);
}

static void memory_probe(void)
{
	probe_begin();
	sweep_memory(&probe_subject, 24);
}

const struct test fault_daemon_tests[] = {
	{"faults_calls_daemon", calls_daemon}, {"faults_memory_daemon", memory_daemon},
	{"faults_clock_steps", clock_steps},   {"faults_calls_probe", calls_probe},
	{"faults_memory_probe", memory_probe}, {0},
};
