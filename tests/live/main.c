/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c: the live tests. Plays every case between two real namespaces, many at a time, with one
 * lastack beside them all, and says of each whether lastack told it right.
 *
 * Each test runs in a process of its own and leaves its verdict in memory that is shared with this
 * one; here is only the order in which they start, the counting, and what holds of the run as a whole.
 */
#include "expect.h"
#include "kernel.h"
#include "monitor.h"
#include "report_index.h"
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX     512
#define JOBS_DEFAULT 24

struct options {
	const char *only, *lastack, *types, *log_path;
	int family; /* 4, 6, or 0: both */
	int jobs;
	bool list, no_monitor, apart, global;
};

struct run {
	const struct test *test;
	int family;
	unsigned number; /* of the ports that it may use */
	pid_t pid;
	char *text;
};

struct session {
	struct options options;
	struct run runs[RUNS_MAX];
	size_t run_count;
	size_t started, running;
	unsigned passed, failed, skipped;
	struct monitor monitor;
	int log_fd; /* where the reports go, -1: nowhere */
};

static const struct test_table *const tables[] = {
	&time_wait_tests, &timeout_tests,   &lost_tests,
	&open_tests,      &orderly_tests,   &reset_tests,
	&limit_tests,     &near_miss_tests, &near_miss_network_tests,
};

static const char *family_name(int family)
{
	return family == AF_INET6 ? "ipv6" : "ipv4";
}

/* --only takes ids and names, separated by commas. */
static bool is_wanted(const struct options *options, const struct test *test)
{
	char list[512], *rest = list, *word;
	if (!options->only)
		return true;
	snprintf(list, sizeof(list), "%s", options->only);
	while ((word = strsep(&rest, ",")))
		if (!strcmp(word, test->id) || !strcmp(word, test->name))
			return true;
	return false;
}

/* Long ones first, so that none of them runs alone in the end; those that need the host alone last. */
static int run_order(const void *a, const void *b)
{
	const struct run *left = a, *right = b;
	int left_global = left->test->flags & TEST_GLOBAL, right_global = right->test->flags & TEST_GLOBAL;
	if (left_global != right_global)
		return left_global - right_global;
	if (left->test->seconds != right->test->seconds)
		return right->test->seconds - left->test->seconds;
	return left->number < right->number ? -1 : 1;
}

static void session_plan(struct session *session)
{
	static const int families[] = {AF_INET, AF_INET6};
	unsigned number = 0;
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++) {
		for (size_t i = 0; i < tables[t]->count * 2; i++, number++) {
			const struct test *test = &tables[t]->tests[i / 2];
			int family = families[i % 2];
			bool other_family = session->options.family &&
					    session->options.family != (family == AF_INET6 ? 6 : 4);
			if (other_family || !is_wanted(&session->options, test) || session->run_count == RUNS_MAX)
				continue;
			session->runs[session->run_count++] =
				(struct run){.test = test, .family = family, .number = number};
		}
	}
	qsort(session->runs, session->run_count, sizeof(*session->runs), run_order);
}

static void run_print(const struct run *run, const char *word)
{
	const char *text = run->text ? run->text : "";
	printf("%s %s %s %s%s%s\n", word, run->test->id, family_name(run->family), run->test->name, *text ? ": " : "",
	       text);
	fflush(stdout);
}

/*
 * While another lastack attaches or detaches, the kernel was seen to leave out a tracepoint for one event in
 * thousands, without counting it anywhere. Tests of one lastack must not stumble over another's start.
 */
static void wait_attached(struct session *session, const struct run *run)
{
	for (int i = 0; i < 3000 && !run->text[VERDICT_ATTACHED] && !kill(run->pid, 0); i++)
		if (!monitor_listen(&session->monitor, 10))
			play_sleep_ms(10);
}

static void run_start(struct session *session, struct run *run)
{
	run->text = mmap(NULL, VERDICT_TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->text == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	if (run->test->flags & TEST_GLOBAL && !session->options.global) {
		snprintf(run->text, VERDICT_TEXT_BYTES,
			 "it would change a limit of the whole host: ask for it with --global");
		session->skipped++;
		run_print(run, "skip");
		return;
	}
	run->pid = fork();
	if (run->pid < 0) {
		perror("fork");
		exit(1);
	}
	if (run->pid == 0) {
		struct play play = {.test = run->test,
				    .family = run->family,
				    .monitored = !session->options.no_monitor,
				    .lastack = session->options.lastack,
				    .types = session->options.types,
				    .apart = session->options.apart,
				    .text = run->text};
		play_run(&play, run->number, session->log_fd);
	}
	session->running++;
	if (run->test->flags & TEST_WATCHES_ALONE && !session->options.no_monitor)
		wait_attached(session, run);
}

static void run_finish(struct session *session, struct run *run, int status)
{
	session->running--;
	run->pid = 0;
	if (WIFSIGNALED(status)) {
		size_t used = strlen(run->text);
		snprintf(run->text + used, VERDICT_TEXT_BYTES - used, "%s", strsignal(WTERMSIG(status)));
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_PASSED) {
		session->passed++;
		run_print(run, "ok");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED) {
		session->skipped++;
		run_print(run, "skip");
	} else {
		session->failed++;
		run_print(run, "FAIL");
	}
	munmap(run->text, VERDICT_TEXT_BYTES);
}

static void session_reap(struct session *session)
{
	for (size_t i = 0; i < session->started; i++) {
		int status;
		struct run *run = &session->runs[i];
		if (run->pid > 0 && waitpid(run->pid, &status, WNOHANG) == run->pid)
			run_finish(session, run, status);
	}
}

static void session_run(struct session *session)
{
	while (session->started < session->run_count || session->running) {
		const struct run *next = &session->runs[session->started];
		bool alone = session->started < session->run_count && (next->test->flags & TEST_GLOBAL);
		size_t limit = alone ? 1 : (size_t)session->options.jobs;
		while (session->started < session->run_count && session->running < limit &&
		       (alone || !(session->runs[session->started].test->flags & TEST_GLOBAL)))
			run_start(session, &session->runs[session->started++]);
		if (!monitor_listen(&session->monitor, 10))
			play_sleep_ms(10);
		session_reap(session);
	}
}

/* What holds of the whole run: one line like that of a test. */
static void session_say(struct session *session, bool passed, const char *name, const char *detail)
{
	printf("%s S00 - %s%s%s\n", passed ? "ok" : "FAIL", name, passed ? "" : ": ", passed ? "" : detail);
	*(passed ? &session->passed : &session->failed) += 1;
}

static void reports_check(struct session *session)
{
	static char line[16384] = "none";
	struct report_index index;
	size_t violations = 0;
	report_index_open(&index, session->log_fd, true);
	report_index_refresh(&index);
	for (size_t i = 0; i < index.count; i++) {
		const json_t *conformance = json_object_get(index.reports[i], "conformance");
		const char *verdict = json_string_value(json_object_get(conformance, "verdict"));
		if ((!verdict || !strcmp(verdict, "violation")) && violations++ == 0)
			report_print(index.reports[i], line, sizeof(line));
	}
	session_say(session, violations == 0, "no_transition_is_called_a_violation", line);
	session_say(session, index.malformed == 0, "every_line_is_a_whole_report",
		    index.malformed_line ? index.malformed_line : "");
	printf("%zu reports were read\n", index.count);
	report_index_close(&index);
}

static void monitor_check(struct session *session)
{
	unsigned long long n[4] = {0};
	char detail[256];
	bool alive = monitor_listen(&session->monitor, 0);
	session_say(session, alive, "lastack_lived_to_the_end", session->monitor.text);
	int error = monitor_stop(&session->monitor);
	bool clean = !error && WIFEXITED(session->monitor.wait_status) &&
		     WEXITSTATUS(session->monitor.wait_status) == 0;
	snprintf(detail, sizeof(detail), "wait status %#x", session->monitor.wait_status);
	session_say(session, clean, "lastack_ends_on_sigint", detail);
	bool counted = monitor_summary(&session->monitor, n);
	snprintf(detail, sizeof(detail), "generated %llu delivered %llu lost %llu filtered %llu", n[0], n[1], n[2],
		 n[3]);
	session_say(session, counted && n[0] == n[1] + n[2] + n[3] && n[0] > 0, "every_event_is_accounted_for", detail);
	size_t used = strlen(detail);
	snprintf(detail + used, sizeof(detail) - used, "; with much traffic of others on the host, try --apart");
	/* Before 7.0 a program behind a function can lose its CPU, and is then not run for the next who calls it there.
	 */
	unsigned long long accepts = monitor_lost(&session->monitor, "accept");
	if (n[2])
		printf("%llu events were lost, %llu of them of accept(), on which no verdict rests\n", n[2], accepts);
	session_say(session, counted && n[2] <= accepts, "no_event_was_lost", detail);
	fprintf(stderr, "%s", session->monitor.text);
}

static int log_open(const struct options *options)
{
	int fd = options->log_path ? open(options->log_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644)
				   : memfd_create("reports", MFD_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "live: log: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static void session_start_monitor(struct session *session)
{
	char live[] = "live", output[] = "-o", format[] = "json";
	char *path = strdup(session->options.lastack);
	char btf[] = "--btf", *types = strdup(session->options.types ? session->options.types : "");
	char *argv[] = {path, live, output, format, *types ? btf : NULL, types, NULL};
	session->log_fd = log_open(&session->options);
	int error = monitor_start(&session->monitor, argv, session->log_fd);
	if (error) {
		fprintf(stderr, "live: %s does not watch: %s\n%s", path, strerror(-error), session->monitor.text);
		exit(1);
	}
	free(path);
	free(types);
}

static void usage(FILE *out)
{
	fprintf(out, "usage: live [--only ID|NAME,...] [--family 4|6] [-j JOBS] [--no-monitor|--apart] [--global]\n"
		     "            [--lastack PATH] [--btf FILE] [--log FILE] [--list]\n"
		     "  --no-monitor  play the cases and check what the sockets saw, without lastack\n"
		     "  --apart       one lastack for each test, which sees nothing else: for a busy host\n"
		     "  --global      also those that change a limit of the whole host for a moment\n"
		     "  --lastack     the program to test (else $LASTACK, else build/lastack)\n"
		     "  --btf         have it read the kernel by the types in this file\n"
		     "  --log         keep the reports in a file\n");
}

static void options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"only", required_argument, NULL, 'o'},
		{"family", required_argument, NULL, 'f'},
		{"lastack", required_argument, NULL, 'l'},
		{"log", required_argument, NULL, 'L'},
		{"no-monitor", no_argument, NULL, 'n'},
		{"global", no_argument, NULL, 'g'},
		{"list", no_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{"apart", no_argument, NULL, 'a'},
		{"btf", required_argument, NULL, 'b'},
		{0},
	};
	const char *from_environment = getenv("LASTACK");
	*options = (struct options){.jobs = JOBS_DEFAULT,
				    .lastack = from_environment ? from_environment : "build/lastack"};
	for (int letter; (letter = getopt_long(argc, argv, "j:h", names, NULL)) != -1;) {
		switch (letter) {
		case 'o': options->only = optarg; break;
		case 'f': options->family = atoi(optarg); break;
		case 'l': options->lastack = optarg; break;
		case 'b': options->types = optarg; break;
		case 'L': options->log_path = optarg; break;
		case 'n': options->no_monitor = true; break;
		case 'a': options->apart = true; break;
		case 'g': options->global = true; break;
		case 't': options->list = true; break;
		case 'j': options->jobs = atoi(optarg) > 0 ? atoi(optarg) : 1; break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	}
}

static int session_list(const struct session *session)
{
	for (size_t i = 0; i < session->run_count; i++)
		printf("%s %s %s\n", session->runs[i].test->id, family_name(session->runs[i].family),
		       session->runs[i].test->name);
	return 0;
}

int main(int argc, char **argv)
{
	static struct session session = {.log_fd = -1};
	options_parse(&session.options, argc, argv);
	session_plan(&session);
	if (session.options.list)
		return session_list(&session);
	if (geteuid() != 0) {
		fprintf(stderr, "live: needs root, for network namespaces and for lastack\n");
		return 1;
	}
	if (!session.options.no_monitor && kernel_ask(session.options.lastack, session.options.types)) {
		fprintf(stderr, "live: %s check does not tell which hooks there are\n", session.options.lastack);
		return 1;
	}
	kernel_print_missing();
	bool common = !session.options.no_monitor && !session.options.apart;
	if (common)
		session_start_monitor(&session);
	session_run(&session);
	if (common) {
		monitor_check(&session);
		reports_check(&session);
	}
	printf("%u passed, %u failed, %u skipped\n", session.passed, session.failed, session.skipped);
	return session.failed ? 1 : 0;
}
