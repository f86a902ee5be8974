/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * system.c: the runner. Runs each test in a process of its own, with a bound on its time, takes its
 * verdict out of memory that both share, and ends and removes whatever it left behind.
 */
#include "system.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_SECONDS_MAX 300
#define DEEP_SECONDS_MAX 7200
#define REMOVE_MAX       4
#define JOBS_MAX         8
#define TESTS_MAX        128

enum outcome { PASSED, FAILED, SKIPPED };

/* What the process of a test and the runner share. */
struct slot {
	char text[TEXT_BYTES];
	char note[2048];
	char remove[REMOVE_MAX][256];
	unsigned remove_count;
	char directory[64];
};

struct run {
	const struct test *test;
	struct slot *slot;
	pid_t pid;
	uint64_t start_ns;
};

static const struct test *const tables[] = {
	loss_tests,          start_tests,          owner_tests,           recording_tests,
	condition_tests,     filter_tests,         output_tests,          program_tests,
	machine_tests,       audit_tests,          daemon_tests,          daemon_store_tests,
	daemon_client_tests, diagnose_tests,       diagnose_stacks_tests, diagnose_network_tests,
	diagnose_peer_tests, diagnose_limit_tests, diagnose_owner_tests,  probe_tests,
	daemon_hook_tests,   probe_end_tests,      fault_sweep_tests,     fault_daemon_tests,
	fault_asker_tests,   fault_live_tests,     fault_link_tests,      types_tests,
};

static struct slot *own_slot; /* in the process of a test */
static bool global;

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void pause_ms(unsigned ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

static _Noreturn void test_end(enum outcome outcome, const char *format, va_list arguments)
{
	if (!own_slot->text[0])
		vsnprintf(own_slot->text, sizeof(own_slot->text), format, arguments);
	_exit(outcome);
}

void test_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	test_end(FAILED, format, arguments);
}

void test_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	test_end(SKIPPED, format, arguments);
}

void test_note(const char *format, ...)
{
	size_t used = strlen(own_slot->note);
	va_list arguments;

	if (used)
		used += (size_t)snprintf(own_slot->note + used, sizeof(own_slot->note) - used, "; ");
	va_start(arguments, format);
	if (used < sizeof(own_slot->note))
		vsnprintf(own_slot->note + used, sizeof(own_slot->note) - used, format, arguments);
	va_end(arguments);
}

bool test_is_deep(void)
{
	return getenv("LASTACK_DEEP") != NULL;
}

bool test_is_global(void)
{
	return global;
}

void test_remove_later(const char *directory)
{
	CHECK(own_slot->remove_count < REMOVE_MAX, "too many directories to remove");
	snprintf(own_slot->remove[own_slot->remove_count++], sizeof(own_slot->remove[0]), "%s", directory);
}

const char *test_directory(void)
{
	if (!own_slot->directory[0]) {
		strcpy(own_slot->directory, "/tmp/lastack-system-XXXXXX");
		CHECK(mkdtemp(own_slot->directory) && !chmod(own_slot->directory, 0755), "mkdtemp: %s",
		      strerror(errno));
	}
	return own_slot->directory;
}

char *test_file(const char *name, const char *text)
{
	static char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
	file = fopen(path, "we");
	CHECK(file && fputs(text, file) >= 0 && !fclose(file), "%s: %s", path, strerror(errno));
	return path;
}

/* ---- running ------------------------------------------------------------------------------------- */

static void run_start(struct run *run)
{
	struct rlimit files = {65536, 65536};

	run->slot = mmap(NULL, sizeof(*run->slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->slot == MAP_FAILED || (fflush(stdout), run->pid = fork()) < 0) {
		perror("system");
		exit(1);
	}
	run->start_ns = now_ns();
	if (run->pid)
		return;
	/* Children of the test are in its session; they die with it or by the runner's hand. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	own_slot = run->slot;
	run->test->run();
	_exit(PASSED);
}

/* A control group can only be removed once its last process is gone. */
static void directory_remove(const char *path)
{
	for (int tries = 0; rmdir(path) && errno == EBUSY && tries < 400; tries++)
		pause_ms(5);
}

static void run_clean(struct run *run)
{
	char *argv[] = {(char[]){"rm"}, (char[]){"-rf"}, run->slot->directory, NULL};

	kill(-run->pid, SIGKILL); /* the session of this very test */
	for (unsigned i = 0; i < run->slot->remove_count; i++)
		directory_remove(run->slot->remove[i]);
	if (run->slot->directory[0]) {
		pid_t pid = fork();

		if (pid == 0)
			execvp(argv[0], argv), _exit(127);
		waitpid(pid, NULL, 0);
	}
}

static enum outcome run_finish(struct run *run, int status)
{
	static const char *const words[] = {"ok", "FAIL", "skip"};
	enum outcome outcome = WIFEXITED(status) && WEXITSTATUS(status) <= SKIPPED ? (enum outcome)WEXITSTATUS(status)
										   : FAILED;
	double seconds = (double)(now_ns() - run->start_ns) / 1e9;
	const char *text;

	if (WIFSIGNALED(status) && !run->slot->text[0])
		snprintf(run->slot->text, TEXT_BYTES, "%s", strsignal(WTERMSIG(status)));
	run_clean(run);
	text = outcome == PASSED ? run->slot->note : run->slot->text;
	printf("%s %s%s%s\n", words[outcome], run->test->name, text[0] ? ": " : "", text);
	fflush(stdout);
	if (getenv("SYSTEM_TIMES"))
		fprintf(stderr, "  %s took %.1f s\n", run->test->name, seconds);
	munmap(run->slot, sizeof(*run->slot));
	run->pid = 0;
	return outcome;
}

/* Runs all, `jobs` at a time. counts: of each outcome. */
static void runs_do(struct run *runs, size_t count, size_t jobs, unsigned counts[3])
{
	unsigned seconds_max = test_is_deep() ? DEEP_SECONDS_MAX : TEST_SECONDS_MAX;
	size_t next = 0, running = 0;
	int status;

	while (next < count || running) {
		while (next < count && running < jobs)
			run_start(&runs[next++]), running++;
		pause_ms(10);
		for (size_t i = 0; i < next; i++) {
			struct run *run = &runs[i];

			if (run->pid && now_ns() - run->start_ns > seconds_max * 1000000000ULL && !run->slot->text[0]) {
				snprintf(run->slot->text, TEXT_BYTES, "not done after %u s", seconds_max);
				kill(run->pid, SIGKILL);
			}
			if (run->pid && waitpid(run->pid, &status, WNOHANG) == run->pid)
				counts[run_finish(run, status)]++, running--;
		}
	}
}

static bool is_wanted(const char *only, const char *name)
{
	char list[1024], *rest = list, *word;

	if (!only)
		return true;
	snprintf(list, sizeof(list), "%s", only);
	while ((word = strsep(&rest, ",")))
		if (!strncmp(word, name, strlen(word)))
			return true;
	return false;
}

static size_t runs_plan(struct run *runs, const char *only)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct test *test = tables[i]; test->name; test++) {
			if (!is_wanted(only, test->name))
				continue;
			if (count == TESTS_MAX) {
				fprintf(stderr, "system: more than %d tests: raise TESTS_MAX\n", TESTS_MAX);
				exit(2);
			}
			runs[count++].test = test;
		}
	return count;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"list", no_argument, NULL, 'l'},
					      {"only", required_argument, NULL, 'o'},
					      {"global", no_argument, NULL, 'g'},
					      {0}};
	static struct run runs[TESTS_MAX];
	unsigned counts[3] = {0};
	const char *only = NULL;
	size_t count, jobs = 2;
	bool list = false;

	for (int letter; (letter = getopt_long(argc, argv, "j:", names, NULL)) != -1;) {
		if (letter == '?')
			return fprintf(stderr, "usage: system [--list] [--only NAME,...] [--global] [-j JOBS]\n"), 2;
		list |= letter == 'l';
		global |= letter == 'g';
		only = letter == 'o' ? optarg : only;
		jobs = letter == 'j' && atoi(optarg) > 0 && atoi(optarg) <= JOBS_MAX ? (size_t)atoi(optarg) : jobs;
	}
	count = runs_plan(runs, only);
	for (size_t i = 0; list && i < count; i++)
		puts(runs[i].test->name);
	if (list)
		return 0;
	if (geteuid() != 0)
		return fprintf(stderr, "system: needs root, for network namespaces and for lastack\n"), 1;
	runs_do(runs, count, jobs, counts);
	printf("%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED], counts[SKIPPED]);
	return counts[FAILED] ? 1 : 0;
}
