/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_store.c: what the daemon keeps, over restarts and kills, on bad disks, and of connections that are only
 * counted.
 */
#include "daemons.h"
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 8100

static struct program daemon_program;
static struct daemon_place place;

/* ---- restarts and kills ---------------------------------------------------------------------------- */

#define LOAD_CONNECTIONS 150000 /* more than are made before the last daemon is ended */
#define RESTART_ROUNDS   3

static long long ended_by_now(void)
{
	return report_number(json_object_get(daemon_status(&place), "connections"), "ended");
}

static void load_end(pid_t load)
{
	kill(load, SIGKILL);
	waitpid(load, NULL, 0);
}

/* Every connection that a daemon reported is in the history, once; of those before and those after as well. */
static void restart_under_load(void)
{
	unsigned long long reported = 0;
	pid_t load;

	daemon_place(&place, "one");
	load = load_start(LOAD_CONNECTIONS, 1, PORT);
	for (unsigned round = 0; round < RESTART_ROUNDS; round++) {
		daemon_plan(&daemon_program, &place, NULL);
		program_start(&daemon_program);
		daemon_await(&daemon_program);
		CHECK(BECOMES_TRUE(ended_by_now() > 2000), "no load: %s", report_line(daemon_status(&place)));
		reported += daemon_stop(&daemon_program);
		CHECK(history_rows(&place) == (long long)reported, "%lld rows, %llu reported", history_rows(&place),
		      reported);
	}
	CHECK(waitpid(load, NULL, WNOHANG) == 0, "the load ended before: nothing was shown");
	load_end(load);
}

#define KILL_ROUNDS 6

static long long rows_by_now(void)
{
	return report_number(json_object_get(daemon_status(&place), "history"), "rows");
}

static void kill_under_load(void)
{
	long long before = 0, rows = 0;

	daemon_place(&place, "one");
	for (unsigned round = 0; round < KILL_ROUNDS; round++) {
		pid_t load = load_start(LOAD_CONNECTIONS, 1, PORT);

		daemon_plan(&daemon_program, &place, NULL);
		program_start(&daemon_program);
		daemon_await(&daemon_program);
		/* So many are committed, and said to be. */
		CHECK(BECOMES_TRUE((rows = rows_by_now()) > before + 500), "rows do not grow: %s",
		      report_line(daemon_status(&place)));
		kill(daemon_program.pid, SIGKILL);
		program_exit(&daemon_program);
		load_end(load);
		before = history_rows(&place);
		CHECK(before >= rows, "%lld rows were committed, %lld are there", rows, before);
	}
}

/* ---- bad disks ------------------------------------------------------------------------------------- */

static const char *history_state(void)
{
	return report_word(json_object_get(daemon_status(&place), "history"), "state");
}

static void disk_full(void)
{
	char filler[DAEMON_PATH_BYTES + 16];
	long long reported;
	pid_t load;
	int fd;

	daemon_place(&place, "one");
	/* A file system of the test's own: its processes alone see it. */
	CHECK(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "unshare: %s",
	      strerror(errno));
	CHECK(!mkdir(place.state, 0755) && !mount("tmpfs", place.state, "tmpfs", 0, "size=256m,mode=0777"), "tmpfs: %s",
	      strerror(errno));
	daemon_plan(&daemon_program, &place, NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	CHECK(BECOMES_TRUE(history_rows(&place) >= 0), "no database");
	snprintf(filler, sizeof(filler), "%s/filler", place.state);
	fd = open(filler, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0, "%s", filler);
	for (char block[4096] = "x"; write(fd, block, sizeof(block)) > 0;)
		;
	load = load_start(3000, 1, PORT);
	child_await(load);
	CHECK(BECOMES_TRUE(!strcmp(history_state(), "failing")), "state %s", history_state());
	CHECK(text_has(daemon_program.errors, "full"), "%s", text_of(daemon_program.errors));
	CHECK(daemon_metric(&place, "lastack_ready") != 0, "the monitor goes on");
	CHECK(!unlink(filler) && !close(fd), "unlink");
	CHECK(BECOMES_TRUE_IN(30000, !strcmp(history_state(), "writing")), "state %s", history_state());
	reported = (long long)daemon_stop(&daemon_program);
	CHECK(reported >= 6000 && history_rows(&place) == reported, "%lld rows, %lld reported", history_rows(&place),
	      reported);
}

static void foreign_database(void)
{
	FILE *file;
	char line[64] = "";

	daemon_place(&place, "one");
	CHECK(!mkdir(place.state, 0700) && !chown(place.state, UNPRIVILEGED_UID, UNPRIVILEGED_UID), "mkdir");
	file = fopen(place.history, "w");
	CHECK(file &&
		      fputs("somebody's notes, longer than the hundred bytes that a database begins with: "
			    "0123456789012345678901234567890123456789\n",
			    file) >= 0 &&
		      !fclose(file) && !chmod(place.history, 0666),
	      "%s", place.history);
	daemon_plan(&daemon_program, &place, NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	CHECK(BECOMES_TRUE(!strcmp(history_state(), "foreign")), "state %s", history_state());
	daemon_stop(&daemon_program);
	file = fopen(place.history, "r");
	CHECK(file && fgets(line, 17, file) && !strcmp(line, "somebody's notes"), "it was touched: %s", line);
}

/* ---- report files ---------------------------------------------------------------------------------- */

static void report_files(void)
{
	struct program cat;
	unsigned long long reported;
	char command[512];

	daemon_place(&place, "one");
	daemon_plan(&daemon_program, &place, "--reports", place.reports, "--reports-max-size", "1M", NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	child_await(load_start(3000, 1, PORT));
	reported = daemon_stop(&daemon_program);
	snprintf(command, sizeof(command),
		 "cd %s && for f in *; do case $f in *.gz) zcat $f;; *.jsonl) cat $f;; esac; done", place.reports);
	CHECK(program_run(&cat, "sh", "-c", command) == 0, "%s", text_of(cat.errors));
	CHECK(text_lines(cat.output) == (long)reported, "%ld lines, %llu reported", text_lines(cat.output), reported);
	CHECK(history_rows(&place) == (long long)reported, "%lld rows", history_rows(&place));
}

/* Only abnormal ends are kept whole; the others are counted. */
static void counted_only(void)
{
	struct reports lines;
	struct pair pair;
	int listener;

	daemon_place(&place, "one");
	daemon_plan(&daemon_program, &place, "--count-class", "graceful", NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	for (unsigned i = 0; i < 20; i++) {
		pair = pair_open(AF_INET, listener, PORT);
		pair_close(&pair);
	}
	pair = pair_open(AF_INET, listener, PORT);
	linger_zero(pair.client);
	close(pair.client);
	CHECK(BECOMES_TRUE(history_rows(&place) > 0), "no row");
	history_await(&place, cookie_text(pair.client_cookie));
	CHECK(BECOMES_TRUE(report_number(json_object_get(daemon_status(&place), "history"), "counted") >= 40), "%s",
	      report_line(daemon_status(&place)));
	daemon_lines(&lines, &place, "history", NULL);
	for (size_t i = 0; i < lines.count; i++)
		CHECK(!report_is(lines.all[i], "class", "graceful"), "%s", report_line(lines.all[i]));
	CHECK(BECOMES_TRUE((daemon_lines(&lines, &place, "history", "--group-by", "class", "--class", "graceful", NULL),
			    lines.count == 1 && report_number(lines.all[0], "connections") >= 40)),
	      "%s", text_of(lines.fd));
	daemon_stop(&daemon_program);
}

const struct test daemon_store_tests[] = {
	{"daemon_restart_under_load", restart_under_load},
	{"daemon_kill_under_load", kill_under_load},
	{"daemon_disk_full", disk_full},
	{"daemon_foreign_database", foreign_database},
	{"daemon_report_files", report_files},
	{"daemon_counted_only", counted_only},
	{0},
};
