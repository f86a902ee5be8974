/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults.c: see faults.h. A run that ends otherwise than documented fails the test, with the command that shows it.
 */
#include "faults.h"

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTS_MAX   4096
#define PLACES_MAX   512
#define ERRORS_MAX   3
#define DEEP_PER_KEY 48 /* of the thousands of reads of one file */
#define RUN_MS       30000
#define BROKEN_SHOWN 12
#define SAID_BYTES   400

/* ---- what every end must look like ---------------------------------------------------------------- */

struct sweep {
	const struct subject *subject;
	unsigned runs, injected, refused, carried_on, excused, broken;
	char broken_text[TEXT_BYTES - 512];
};

/* "lastack: VERB: what: why", as a line of its own. */
static bool has_message(const struct program *program, const char *verb)
{
	char *text = text_of(program->errors), *rest = text, *line, begin[64];
	bool found = false;

	snprintf(begin, sizeof(begin), "lastack: %s: ", verb);
	while ((line = strsep(&rest, "\n")))
		found |= !strncmp(line, begin, strlen(begin)) && strstr(line + strlen(begin), ": ") &&
			 !strstr(line, ": ()") && !strstr(line, " ()");
	free(text);
	return found;
}

static bool has_findings(const char *verb)
{
	return !strcmp(verb, "audit") || !strcmp(verb, "check") || !strcmp(verb, "diagnose") || !strcmp(verb, "probe");
}

static const char *end_check(const struct subject *subject, struct program *program, int status)
{
	static char why[64];

	snprintf(why, sizeof(why), "it ended with status %d", status);
	if (status < 0 || status > 4 || status == 2 || (status == 1 && !has_findings(subject->verb)))
		return why;
	if (status >= 3 && !has_message(program, subject->verb))
		return "it failed without saying what and why";
	return NULL;
}

static void program_words_all(const struct program *program, char *text, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0; i < program->argc && used < size - 1; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "", program->argv[i]);
}

/* All that broke is told at once: a sweep is too long to be played once for each. */
static void run_is_broken(struct sweep *sweep, const struct program *program, const char *fault, const char *why)
{
	size_t used = strlen(sweep->broken_text);
	char words[1024], *errors;
	size_t length;

	if (sweep->broken++ >= BROKEN_SHOWN)
		return;
	program_words_all(program, words, sizeof(words));
	errors = text_of(program->errors);
	length = strlen(errors);
	snprintf(sweep->broken_text + used, sizeof(sweep->broken_text) - used,
		 "\n%s: %s\n  reproduce: %s\n  it said last: %s", fault, why, words,
		 errors + (length > SAID_BYTES ? length - SAID_BYTES : 0));
	free(errors);
}

static void run_end(struct sweep *sweep, struct program *program, const char *fault)
{
	const char *why = NULL;
	int status;

	if (!BECOMES_TRUE_IN(RUN_MS, program_ended(program))) {
		kill(program->pid, SIGKILL);
		program_exit(program);
		run_is_broken(sweep, program, fault, "it hangs");
		return;
	}
	status = program_exit(program);
	if (sweep->subject->excuses && sweep->subject->excuses(program, status)) {
		sweep->excused++;
		return;
	}
	/* What it could not say on standard error it can say nowhere. */
	if (strstr(fault, "memfd:errors") && status >= 0)
		return;
	why = end_check(sweep->subject, program, status);
	if (!why && sweep->subject->check)
		why = sweep->subject->check(program, status, fault);
	if (why)
		run_is_broken(sweep, program, fault, why);
	sweep->refused += status > 1;
	sweep->carried_on += status >= 0 && status <= 1;
}

static void run_do(struct sweep *sweep, struct program *program, const char *fault)
{
	program->home = true;
	program_word(program, lastack_path());
	program_word(program, sweep->subject->verb);
	sweep->subject->plan(program);
	program_start(program);
	if (sweep->subject->drive)
		sweep->subject->drive(program);
	run_end(sweep, program, fault);
	sweep->runs++;
}

static void program_forget(struct program *program)
{
	close(program->output);
	close(program->errors);
}

static void sweep_say(const struct sweep *sweep, const char *what, unsigned left_out)
{
	if (sweep->broken)
		test_fail("%s: %u of %u runs broke:%s", sweep->subject->verb, sweep->broken, sweep->runs,
			  sweep->broken_text);
	test_note("%s: %u %s failed in turn, %u refused, %u carried on, %u crashed in a library, %u left out",
		  sweep->subject->verb, sweep->injected, what, sweep->refused, sweep->carried_on, sweep->excused,
		  left_out);
}

/* Evenly over all of them, so that a shorter sweep is still one over the whole run. */
static bool is_chosen(unsigned at, unsigned count, unsigned max)
{
	return count <= max || (uint64_t)at * max / count != (uint64_t)(at + 1) * max / count;
}

/*
 * A deep sweep plays as many as there is time for, or a piece of them all: LASTACK_DEEP=2/16 is the second sixteenth,
 * as evenly spread as the whole.
 */
static bool is_played(unsigned at, unsigned count, unsigned max)
{
	unsigned piece, pieces;

	if (!test_is_deep())
		return is_chosen(at, count, max);
	if (sscanf(getenv("LASTACK_DEEP"), "%u/%u", &piece, &pieces) == 2 && pieces)
		return at % pieces == (piece - 1) % pieces;
	return is_chosen(at, count, FAULTS_MAX);
}

/* ---- system calls --------------------------------------------------------------------------------- */

/* What plausibly goes wrong with each. What cannot fail, or is the C library's alone, is not here. */
static const struct call {
	const char *name;
	const char *errors[ERRORS_MAX];
} calls[] = {
	{"openat", {"EMFILE", "EACCES", "ENOMEM"}},
	{"read", {"EIO", "EINTR"}},
	{"pread64", {"EIO", "EINTR"}},
	{"write", {"ENOSPC", "EIO", "EINTR"}},
	{"pwrite64", {"ENOSPC", "EIO"}},
	{"writev", {"ENOSPC"}},
	{"fsync", {"EIO"}},
	{"fdatasync", {"EIO"}},
	{"ftruncate", {"EIO"}},
	{"rename", {"EIO"}},
	{"unlink", {"EIO"}},
	{"mkdir", {"ENOSPC", "EACCES"}},
	{"chown", {"EPERM"}},
	{"fchown", {"EPERM"}},
	{"chmod", {"EPERM"}},
	{"newfstatat", {"ENOMEM"}},
	{"getdents64", {"EIO"}},
	{"readlink", {"EACCES"}},
	{"mmap", {"ENOMEM"}},
	{"mremap", {"ENOMEM"}},
	{"mprotect", {"ENOMEM"}},
	{"bpf", {"ENOMEM", "EPERM", "EMFILE"}},
	{"perf_event_open", {"EACCES"}},
	{"epoll_create1", {"EMFILE"}},
	{"epoll_ctl", {"ENOMEM", "ENOSPC"}},
	{"epoll_wait", {"EINTR", "ENOMEM"}},
	{"signalfd4", {"EMFILE"}},
	{"eventfd2", {"EMFILE"}},
	{"pipe2", {"EMFILE"}},
	{"socket", {"EMFILE", "ENOMEM"}},
	{"socketpair", {"EMFILE"}},
	{"bind", {"EADDRINUSE", "EACCES"}},
	{"listen", {"EADDRINUSE"}},
	{"connect", {"ECONNREFUSED", "EINTR"}},
	{"accept4", {"EMFILE", "ECONNABORTED"}},
	{"setsockopt", {"ENOBUFS"}},
	{"sendto", {"ENOBUFS", "EINTR"}},
	{"recvfrom", {"EINTR", "ECONNRESET"}},
	{"setns", {"EPERM", "ENOMEM"}},
	{"open_by_handle_at", {"EPERM"}},
	{"clone", {"EAGAIN"}},
	{"clone3", {"EAGAIN"}},
	{"wait4", {"EINTR", "ECHILD"}},
	{"setresuid", {"EAGAIN", "EPERM"}},
	{"setresgid", {"EPERM"}},
	{"setgroups", {"EPERM"}},
	{"capset", {"EPERM"}},
	{"capget", {"EPERM"}},
	{"prctl", {"EPERM", "EINVAL"}},
	{"seccomp", {"EINVAL", "ENOMEM"}},
	{"fcntl", {"EAGAIN"}},
	{"flock", {"EAGAIN"}},
	{"getrandom", {"ENOSYS"}},
	{"prlimit64", {"EPERM"}},
	{"uname", {"EFAULT"}},
	{"sysinfo", {"EFAULT"}},
	{"poll", {"EINTR"}},
	{"ppoll", {"EINTR"}},
	{"clock_nanosleep", {"EINTR"}},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* One place: calls that look alike, "read </proc/self/mounts>". */
struct place {
	char key[96];
	unsigned call, first, last;
};

struct fault {
	unsigned place, when, error;
};

static struct place places[PLACES_MAX];
static struct fault faults[FAULTS_MAX];
static unsigned place_count, fault_count, fault_skipped;

static void fault_add(unsigned place, unsigned when, unsigned error)
{
	if (fault_count == FAULTS_MAX)
		fault_skipped++;
	else
		faults[fault_count++] = (struct fault){place, when, error};
}

static int call_find(const char *line, size_t length)
{
	for (size_t i = 0; i < CALLS; i++)
		if (strlen(calls[i].name) == length && !strncmp(calls[i].name, line, length))
			return (int)i;
	return -1;
}

/* Numbers differ from run to run, and from one descriptor to the next; names of files tell. */
static void key_make(char key[static 96], const char *line, size_t length)
{
	size_t used = 0, commas = 0, wanted = !strncmp(line, "openat", length) || !strncmp(line, "bpf", length) ? 2 : 1;

	for (const char *at = line; *at && used < 95; at++) {
		commas += *at == ',';
		if (commas == wanted || *at == '=' || *at == '{')
			break;
		if ((*at < '0' || *at > '9') && *at != ' ')
			key[used++] = *at;
	}
	key[used] = '\0';
}

static void place_meet(const char *line, size_t length, int call, unsigned when)
{
	char key[96];
	unsigned at = 0;

	key_make(key, line, length);
	while (at < place_count && strcmp(places[at].key, key))
		at++;
	if (at == place_count) {
		CHECK(place_count < PLACES_MAX, "too many kinds of calls");
		places[place_count] = (struct place){.call = (unsigned)call, .first = when, .last = when};
		strcpy(places[place_count++].key, key);
	}
	/* Of several threads, each of which begins at 1, one may come here later with a lower number. */
	if (when < places[at].first)
		places[at].first = when;
	if (when > places[at].last)
		places[at].last = when;
}

/*
 * From a log of a whole run. Calls are numbered by name for each thread, as strace does it; up to where the loader
 * gives its cache back they are the loader's. A thread's call with a number that the loader has too cannot be had.
 */
static void places_read(const char *path)
{
	unsigned numbers[CALLS] = {0}, loader[CALLS] = {0};
	int pid = 0, first = 0, last = 0, call;
	char line[1024];
	bool loaded = false;
	FILE *log = fopen(path, "re");

	CHECK(log, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), log)) {
		int skip = 0;
		size_t length;

		if (sscanf(line, "%d %n", &pid, &skip) < 1 || !skip || line[skip] == '<' || line[skip] == '+')
			continue;
		first = first ? first : pid;
		if (pid != last && pid != first) /* of several threads each begins anew; near enough where they mix */
			memset(numbers, 0, sizeof(numbers));
		last = pid;
		if (!loaded && !strncmp(line + skip, "munmap(", 7)) {
			memcpy(loader, numbers, sizeof(loader));
			loaded = true;
		}
		length = strcspn(line + skip, "(");
		call = call_find(line + skip, length);
		if (call >= 0 && ++numbers[call] > loader[call] && loaded)
			place_meet(line + skip, length, call, numbers[call]);
	}
	fclose(log);
}

static void strace_plan(struct program *program, const char *log, const char *trace, const char *inject)
{
	program_plan(program, "strace", "-D", "-f", "-y", "-qq", "-o", log, "-e", trace, NULL);
	if (inject) {
		program_word(program, "--seccomp-bpf");
		program_word(program, "-e");
		program_word(program, inject);
	}
}

/* The tracer, which is nobody's child, writes the end of the last thread when all is over. */
static unsigned log_injected(const char *path)
{
	char line[1024];
	unsigned count = 0;
	FILE *log = fopen(path, "re");

	while (log && fgets(line, sizeof(line), log))
		count += strstr(line, "(INJECTED)") != NULL;
	if (log)
		fclose(log);
	return count;
}

static void calls_plan(void)
{
	for (unsigned at = 0; at < place_count; at++) {
		const struct place *place = &places[at];
		unsigned span = place->last - place->first + 1;

		if (!test_is_deep()) {
			fault_add(at, place->first, (unsigned)(at % 2 && calls[place->call].errors[1]));
			if (place->last != place->first)
				fault_add(at, place->last, 0);
			continue;
		}
		for (unsigned i = 0; i < span; i++)
			for (unsigned e = 0; is_chosen(i, span, DEEP_PER_KEY) && e < ERRORS_MAX; e++)
				if (calls[place->call].errors[e])
					fault_add(at, place->first + i, e);
	}
}

static void call_fail(struct sweep *sweep, const struct fault *fault)
{
	const struct place *place = &places[fault->place];
	const char *name = calls[place->call].name, *error = calls[place->call].errors[fault->error];
	char log[128], trace[64], inject[128], what[256];
	struct program program;

	snprintf(log, sizeof(log), "%s/fault.log", test_directory());
	snprintf(trace, sizeof(trace), "trace=%s", name);
	snprintf(inject, sizeof(inject), "inject=%s:error=%s:when=%u", name, error, fault->when);
	snprintf(what, sizeof(what), "%s, call %u, %s", place->key, fault->when, error);
	unlink(log);
	strace_plan(&program, log, trace, inject);
	run_do(sweep, &program, what);
	sweep->injected += BECOMES_TRUE_IN(200, log_injected(log) > 0);
	program_forget(&program);
}

void sweep_calls(const struct subject *subject, unsigned max)
{
	struct sweep sweep = {.subject = subject};
	unsigned left_out = 0;
	struct program program;
	char log[128], trace[1024] = "trace=munmap";

	place_count = fault_count = fault_skipped = 0;
	if (!program_find("strace"))
		test_skip("no strace: system calls cannot be made to fail");
	for (size_t i = 0; i < CALLS; i++)
		strcat(strcat(trace, ","), calls[i].name);
	snprintf(log, sizeof(log), "%s/whole.log", test_directory());
	strace_plan(&program, log, trace, NULL);
	run_do(&sweep, &program, "");
	if (text_has(program.errors, "strace: "))
		test_skip("strace may not trace here: %s", text_of(program.errors));
	CHECK(!sweep.broken && !sweep.refused, "it does not even work when nothing fails: %s%s",
	      text_of(program.errors), sweep.broken_text);
	program_forget(&program);
	pause_ms(200); /* its tracer closes the log a moment later; what is missing then is left out */
	places_read(log);
	calls_plan();
	sweep = (struct sweep){.subject = subject};
	for (unsigned i = 0; i < fault_count; i++)
		if (is_played(i, fault_count, max))
			call_fail(&sweep, &faults[i]);
		else
			left_out++;
	CHECK(sweep.injected > sweep.runs / 2, "only %u of %u runs had a fault at all", sweep.injected, sweep.runs);
	sweep_say(&sweep, "system calls", left_out + fault_skipped);
}

/* ---- allocations ---------------------------------------------------------------------------------- */

static void memory_plan(struct program *program, const char *preload, const char *at, const char *count_to)
{
	program_plan(program, "env", preload, at, count_to, NULL);
}

static void memory_fail(struct sweep *sweep, const char *preload, unsigned at, bool lasting)
{
	char when[64], what[64];
	struct program program;

	snprintf(when, sizeof(when), "FAIL_ALLOC_%s=%u", lasting ? "FROM" : "AT", at);
	snprintf(what, sizeof(what), "allocation %u%s", at, lasting ? " and all that follow" : "");
	memory_plan(&program, preload, when, "FAIL_ALLOC_COUNT=");
	run_do(sweep, &program, what);
	sweep->injected++;
	program_forget(&program);
}

void sweep_memory(const struct subject *subject, unsigned max)
{
	struct sweep sweep = {.subject = subject};
	char path[128], count_to[192], *text;
	const char *preload = lastack_preload("failing_alloc.so");
	struct program program;
	unsigned count, left_out = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/allocations", test_directory());
	snprintf(count_to, sizeof(count_to), "FAIL_ALLOC_COUNT=%s", path);
	memory_plan(&program, preload, "FAIL_ALLOC_AT=0", count_to);
	run_do(&sweep, &program, "");
	CHECK(!sweep.broken && !sweep.refused, "it does not even work when nothing fails: %s%s",
	      text_of(program.errors), sweep.broken_text);
	program_forget(&program);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	text = text_of(fd);
	close(fd);
	count = (unsigned)atoi(text);
	CHECK(count, "no allocation was counted");
	sweep = (struct sweep){.subject = subject};
	for (unsigned at = 1; at <= count; at++)
		if (is_played(at - 1, count, max))
			memory_fail(&sweep, preload, at, sweep.runs % 2);
		else
			left_out++;
	sweep_say(&sweep, "allocations", left_out);
}
