/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * recordings.c: what was recorded is told again, to the byte and without privileges; what cannot be
 * written or read is said, and ends with status 4.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT   7500
#define ROUNDS 60 /* the recording has to be of several blocks */

static const char *file_in_directory(const char *name)
{
	static char paths[8][256];
	static unsigned next;

	next = (next + 1) % 8;
	snprintf(paths[next], sizeof(paths[0]), "%s/%s", test_directory(), name);
	return paths[next];
}

/* Plans `lastack replay` as a user without any privilege. */
static void replay_plan(struct program *replay, const char *file)
{
	program_plan(replay, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs",
		     "--inh-caps=-all", lastack_for_anybody(), "replay", NULL);
	program_word(replay, file);
}

/* One way of showing: live with it, and replay with it. */
struct view {
	const char *name;
	const char *words[6];
	struct program live;
	char file[256];
};

static struct view views[] = {
	{.name = "json", .words = {"-o", "json"}},
	{.name = "table", .words = {"-o", "table", "-w", "120"}},
	{.name = "csv", .words = {"-o", "csv", "-w", "80"}},
	{.name = "events", .words = {"-o", "json", "--events"}},
};

#define VIEWS (sizeof(views) / sizeof(views[0]))

static void view_words(struct program *program, const struct view *view)
{
	for (int i = 0; i < 6 && view->words[i]; i++)
		program_word(program, view->words[i]);
}

static void view_start(struct view *view)
{
	snprintf(view->file, sizeof(view->file), "%s", file_in_directory(view->name));
	lastack_plan(&view->live, "live", "--record", view->file);
	view_words(&view->live, view);
	program_start(&view->live);
}

static void view_check(struct view *view)
{
	struct program replay;
	char *live, *again;

	CHECK(!chown(view->file, UNPRIVILEGED_UID, UNPRIVILEGED_UID), "%s: %s", view->file, strerror(errno));
	replay_plan(&replay, view->file);
	view_words(&replay, view);
	program_start(&replay);
	CHECK(program_exit(&replay) == 0, "replay of %s ends with %d: %s", view->name, program_exit(&replay),
	      text_of(replay.errors));
	live = text_of(view->live.output);
	again = text_of(replay.output);
	if (strcmp(live, again)) {
		size_t at = 0;

		while (live[at] && live[at] == again[at])
			at++;
		while (at && live[at - 1] != '\n')
			at--;
		test_fail("replay shows %s otherwise than live: %.*s / %.*s", view->name, (int)strcspn(live + at, "\n"),
			  live + at, (int)strcspn(again + at, "\n"), again + at);
	}
	CHECK(text_lines(replay.output) > ROUNDS * 10, "only %ld lines of %s", text_lines(replay.output), view->name);
	free(live);
	free(again);
}

/* record is live without the lines: its file has the same connections. */
static void record_check(const char *file, uint32_t netns)
{
	struct reports live, again;
	struct program replay;

	CHECK(!chown(file, UNPRIVILEGED_UID, UNPRIVILEGED_UID), "%s: %s", file, strerror(errno));
	replay_plan(&replay, file);
	program_word(&replay, "-o");
	program_word(&replay, "json");
	program_start(&replay);
	CHECK(program_exit(&replay) == 0, "replay: %s", text_of(replay.errors));
	reports_open(&live, views[0].live.output);
	reports_open(&again, replay.output);
	reports_refresh(&live);
	reports_refresh(&again);
	reports_sort(&again);
	for (size_t i = 0; i < live.count; i++) {
		const json_t *one = live.all[i], *other = report_find(&again, (uint64_t)report_number(one, "cookie"));

		if (report_number(one, "netns") != netns)
			continue;
		CHECK(other && report_is(other, "cause", report_word(one, "cause")), "live says %s, record %s",
		      report_line(one), report_line(other));
	}
}

static void record_replay(void)
{
	struct program record;
	char file[256];
	uint32_t netns;

	snprintf(file, sizeof(file), "%s", file_in_directory("record"));
	lastack_plan(&record, "record", file);
	program_start(&record);
	for (size_t i = 0; i < VIEWS; i++)
		view_start(&views[i]);
	lastack_await(&record);
	for (size_t i = 0; i < VIEWS; i++)
		lastack_await(&views[i].live);
	netns = netns_enter_new();
	mixed_play(ROUNDS, PORT);
	lastack_stop(&record);
	CHECK(text_lines(record.output) == 0, "record shows lines: %s", text_of(record.output));
	for (size_t i = 0; i < VIEWS; i++)
		lastack_stop(&views[i].live);
	for (size_t i = 0; i < VIEWS; i++)
		view_check(&views[i]);
	record_check(file, netns);
}

/* ---- record_damaged --------------------------------------------------------------------------------- */

static size_t file_bytes(const char *path)
{
	struct stat status;

	CHECK(!stat(path, &status), "%s: %s", path, strerror(errno));
	return (size_t)status.st_size;
}

/* A copy of the first `bytes` bytes, with one byte turned over, or none (-1). */
static const char *damaged_copy(const char *of, size_t bytes, long turned)
{
	const char *path = file_in_directory("damaged");
	int from = open(of, O_RDONLY | O_CLOEXEC), to = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char *text = malloc(bytes + 1);

	CHECK(from >= 0 && to >= 0 && text && read(from, text, bytes) == (ssize_t)bytes, "%s: %s", of, strerror(errno));
	if (turned >= 0)
		text[turned] ^= 0x55;
	CHECK(write(to, text, bytes) == (ssize_t)bytes, "%s: %s", path, strerror(errno));
	free(text);
	close(from);
	close(to);
	return path;
}

/* Must fail with status 4 and "lastack: replay: FILE: why". Returns how many lines came before. */
static long replay_fails(const char *file, const char *why)
{
	struct program replay;
	char *errors, begin[300];
	const char *at;
	long lines;

	program_run(&replay, lastack_path(), "replay", "-o", "json", file);
	errors = text_of(replay.errors);
	snprintf(begin, sizeof(begin), "lastack: replay: %s: ", file);
	at = strstr(errors, begin);
	CHECK(program_exit(&replay) == 4, "replay of %s (%s) ends with %d: %s", file, why, program_exit(&replay),
	      errors);
	CHECK(at && at[strlen(begin)] && at[strlen(begin)] != '\n', "replay of %s (%s) does not say why: %s", file, why,
	      errors);
	lines = text_lines(replay.output);
	free(errors);
	close(replay.output);
	close(replay.errors);
	return lines;
}

static void recording_make(const char *file)
{
	struct program record;

	lastack_start(&record, "record", file);
	netns_enter_new();
	mixed_play(ROUNDS, PORT);
	lastack_stop(&record);
}

/* The bytes at which a recording is cut or turned over: in the header, in blocks, in the end block. */
static void cut_and_turned(const char *file, long whole_lines)
{
	size_t bytes = file_bytes(file);
	const size_t places[] = {3, 15, 30, bytes / 2, bytes * 9 / 10, bytes - 20, bytes - 1};
	char why[64];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		long lines;

		snprintf(why, sizeof(why), "cut at %zu of %zu", places[i], bytes);
		lines = replay_fails(damaged_copy(file, places[i], -1), why);
		CHECK(places[i] < 1000 || lines > 0, "%s: nothing of what could be read was shown", why);
		CHECK(places[i] < bytes - 20 || lines == whole_lines, "%s: %ld lines, not %ld", why, lines,
		      whole_lines);
		CHECK(lines <= whole_lines, "%s: more lines than of the whole", why);
		snprintf(why, sizeof(why), "byte %zu of %zu turned over", places[i], bytes);
		lines = replay_fails(damaged_copy(file, bytes, (long)places[i]), why);
		CHECK(places[i] < 1000 || lines > 0, "%s: nothing of what could be read was shown", why);
		CHECK(lines <= whole_lines, "%s: more lines than of the whole", why);
	}
}

static void record_damaged(void)
{
	char file[256], foreign[256], empty[256];
	struct program replay;
	int fd;

	snprintf(file, sizeof(file), "%s", file_in_directory("whole"));
	snprintf(foreign, sizeof(foreign), "%s", file_in_directory("foreign"));
	snprintf(empty, sizeof(empty), "%s", file_in_directory("empty"));
	recording_make(file);
	CHECK(program_run(&replay, lastack_path(), "replay", "-o", "json", file) == 0, "replay: %s",
	      text_of(replay.errors));
	cut_and_turned(file, text_lines(replay.output));
	fd = open(empty, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	replay_fails(empty, "empty");
	fd = open(foreign, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	for (int i = 0; i < 1000; i++)
		CHECK(write(fd, "This is another kind of file.\n", 30) == 30, "%s: %s", foreign, strerror(errno));
	close(fd);
	replay_fails(foreign, "foreign");
	replay_fails(test_directory(), "a directory");
	replay_fails("/nowhere/at/all", "not there");
}

/* ---- record_unwritable ------------------------------------------------------------------------------ */

static void must_fail(struct program *lastack, const char *file, const char *why)
{
	char words[400];

	CHECK(program_exit(lastack) == 4, "recording to %s: status %d: %s", file, program_exit(lastack),
	      text_of(lastack->errors));
	snprintf(words, sizeof(words), "lastack: %s: %s: %s",
		 lastack->argv[lastack->argc - 2][0] == '-' ? "live" : "record", file, why);
	CHECK(text_has(lastack->errors, words), "it should say '%s': %s", words, text_of(lastack->errors));
}

static void record_unwritable(void)
{
	struct program lastack;

	program_run(&lastack, lastack_path(), "record", "/nowhere/at/all");
	must_fail(&lastack, "/nowhere/at/all", "No such file or directory");
	program_run(&lastack, lastack_path(), "live", "--record", "/nowhere/at/all");
	must_fail(&lastack, "/nowhere/at/all", "No such file or directory");
	program_run(&lastack, lastack_path(), "record", test_directory());
	must_fail(&lastack, test_directory(), "Is a directory");
	/* The disk is full: at once, or when the first block is written. */
	lastack_plan(&lastack, "record", "/dev/full");
	program_start(&lastack);
	netns_enter_new();
	CHECK(BECOMES_TRUE(((program_ended(&lastack) ? (void)0 : mixed_play(1, PORT)), !lastack.pid)),
	      "the disk is full, and it goes on");
	must_fail(&lastack, "/dev/full", "No space left on device");
	lastack_plan(&lastack, "live", "-o", "json", "--record", "/dev/full");
	program_start(&lastack);
	CHECK(BECOMES_TRUE(((program_ended(&lastack) ? (void)0 : mixed_play(1, PORT)), !lastack.pid)),
	      "the disk is full, and it goes on");
	must_fail(&lastack, "/dev/full", "No space left on device");
}

const struct test recording_tests[] = {
	{"record_replay", record_replay},
	{"record_damaged", record_damaged},
	{"record_unwritable", record_unwritable},
	{0},
};
