/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tiers.c: do all hook tiers tell the same? Has the connections of plays.c played once for each tier with
 * `lastack live --tier T` beside them, and compares what was said of each end: with what is true, and
 * between the tiers. Nothing that was played may violate the reference machine. The last tiers go by a file of types
 * (--btf), and are played where the kernel's own cannot be found any more.
 *
 * Made for a virtual machine that holds little more than a kernel, this program and lastack: no nftables, no
 * modules. Works in a network namespace of its own.
 *
 * Usage: tiers LASTACK [FILE]. FILE: the types of a kernel that holds none, on which lastack has to refuse to do
 * without; only the tiers that go by it are played then. Prints a line a test, "ok NAME", "FAIL NAME: why" or "skip
 * NAME: why", and for each tier a line of figures, for the table of matrix.sh. Exit status 0: all tiers told the truth;
 * 1: not; 2: the play itself went wrong.
 */
#include "plays.h"

#include <fcntl.h>
#include <jansson.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_S   3 /* lastack holds reports back for a second where a minisock lives on */
#define TEXT_BYTES 192

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

static const struct tier {
	const char *name, *tier; /* as --tier takes it */
	bool by_file;
} tiers[] = {
	{"tracepoint", "tracepoint", false},     {"kprobe", "kprobe", false},     {"fentry", "fentry", false},
	{"file:tracepoint", "tracepoint", true}, {"file:kprobe", "kprobe", true},
};

#define TIERS (sizeof(tiers) / sizeof(tiers[0]))

struct verdict {
	char text[TEXT_BYTES];  /* must be the same in all tiers */
	char ended[64];         /* its TIME_WAIT: the same in all tiers that can join it */
	char owner[TEXT_BYTES]; /* may differ: no tier but fentry sees who accepts */
	char cause[64];
	double start_us, revision;
	bool told;
};

struct result {
	const char *tier; /* its name */
	bool joins;  /* minisocks: not where keys are addresses, for then they have others than their connections */
	ino_t netns; /* that of the plays: others may be at work on this host */
	struct verdict verdict[PLAYS][ENDS];
	long load_ms; /* until it watches */
	/* Of all connections: transitions held against the machine, and what came of them. */
	unsigned transitions, violations, gaps;
	char violation[2 * TEXT_BYTES]; /* the note of one */
	unsigned long long generated, delivered, lost, filtered;
	unsigned ends, equal;
};

static unsigned faults;

static void passed(const char *tier, const char *name)
{
	printf("ok %s %s\n", tier, name);
}

static void failed(const char *tier, const char *name, const char *why)
{
	printf("FAIL %s %s: %s\n", tier, name, why);
	faults++;
}

/* The value at a path such as "keepalive.probes_sent" as text, null as "-". */
static const char *value(const json_t *report, const char *group, const char *name, char text[64])
{
	json_t *at = json_object_get(group ? json_object_get(report, group) : report, name);

	if (json_is_number(at))
		snprintf(text, 64, "%.0f", json_number_value(at));
	else
		snprintf(text, 64, "%s", json_is_string(at) ? json_string_value(at) : "-");
	return text;
}

static void verdict_take(struct verdict *verdict, const json_t *report)
{
	char a[64], b[64], c[64], d[64], e[64], g[64];
	double start_us = json_number_value(json_object_get(report, "start_us"));
	double revision = json_number_value(json_object_get(report, "revision"));

	/* A second connection of the same ports is not what is looked at. */
	if (verdict->told && (start_us > verdict->start_us || revision < verdict->revision))
		return;
	verdict->told = true;
	verdict->start_us = start_us;
	verdict->revision = revision;
	value(report, NULL, "cause", verdict->cause);
	value(report, "time_wait", "ended", verdict->ended);
	snprintf(verdict->text, TEXT_BYTES, "%s/%s by %s how %s error %s, probes_sent %s",
		 value(report, NULL, "class", a), verdict->cause, value(report, NULL, "initiator", b),
		 value(report, NULL, "how", c), value(report, NULL, "error", d),
		 value(report, "keepalive", "probes_sent", e));
	snprintf(verdict->owner, TEXT_BYTES, "%s by %s, %s", value(report, "process", "comm", a),
		 value(report, "process", "source", b), value(report, NULL, "completeness", g));
}

/* Holds the verdict of the machine against one report; a revision says nothing new of it. */
static void conformance_take(struct result *result, const json_t *report)
{
	const json_t *conformance = json_object_get(report, "conformance"), *note;
	char verdict[64];
	size_t i;

	if (json_number_value(json_object_get(report, "revision")) > 1)
		return;
	result->transitions += (unsigned)json_array_size(json_object_get(report, "states"));
	value(conformance, NULL, "verdict", verdict);
	result->gaps += !strcmp(verdict, "not_checked");
	if (strcmp(verdict, "violation"))
		return;
	result->violations++;
	json_array_foreach(json_object_get(conformance, "notes"), i,
			   note) if (strstr(json_string_value(note), "violation"))
		snprintf(result->violation, sizeof(result->violation), "%s:%.0f: %s",
			 value(report, "process", "comm", verdict),
			 json_number_value(json_object_get(report, "remote_port")), json_string_value(note));
}

static void report_take(struct result *result, const json_t *report)
{
	long local = (long)json_number_value(json_object_get(report, "local_port")) - FIRST_PORT;
	long remote = (long)json_number_value(json_object_get(report, "remote_port")) - FIRST_PORT;

	if ((ino_t)json_number_value(json_object_get(report, "netns")) != result->netns)
		return;
	conformance_take(result, report);
	if (remote >= 0 && remote < (long)PLAYS)
		verdict_take(&result->verdict[remote][CLIENT], report);
	else if (local >= 0 && local < (long)PLAYS)
		verdict_take(&result->verdict[local][SERVER], report);
}

static void reports_read(struct result *result, int fd)
{
	FILE *file = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		fail("fdopen");
	rewind(file);
	while (getline(&line, &room, file) > 0) {
		/* A cookie may need all of 64 bits: too much for the library's integers. */
		json_t *report = json_loads(line, JSON_DECODE_INT_AS_REAL, NULL);

		report_take(result, report);
		json_decref(report);
	}
	free(line);
	fclose(file);
}

/* lastack's standard error up to its end, or to a line with this word in it. */
static bool messages_show(struct result *result, FILE *messages, const char *until)
{
	char line[512];

	while (fgets(line, sizeof(line), messages)) {
		unsigned transitions;

		printf("  %s", line);
		if (until && strstr(line, until))
			return true;
		/* What listeners did counts here as well; told only where there is something to tell. */
		sscanf(line, " %u transitions: %u violations, %u gaps", &transitions, &result->violations,
		       &result->gaps);
		sscanf(line, " events: generated %llu delivered %llu lost %llu filtered %llu", &result->generated,
		       &result->delivered, &result->lost, &result->filtered);
	}
	return false;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static pid_t lastack_start(const char *lastack, const struct tier *tier, const char *types, int reports, int messages)
{
	pid_t pid = must(fork(), "fork");

	if (pid)
		return pid;
	dup2(reports, STDOUT_FILENO);
	dup2(messages, STDERR_FILENO);
	execl(lastack, lastack, "live", "-o", "json", "--tier", tier->tier, tier->by_file ? "--btf" : NULL, types,
	      NULL);
	_exit(127);
}

static void tier_run(const char *lastack, const struct tier *tier, const char *types, struct result *result)
{
	int reports = must(memfd_create("reports", MFD_CLOEXEC), "memfd_create"), messages[2], status;
	long start_ms = now_ms();
	FILE *file;
	pid_t pid, player;

	printf("== tier %s\n", result->tier);
	fflush(stdout);
	must(pipe2(messages, O_CLOEXEC), "pipe");
	pid = lastack_start(lastack, tier, types, reports, messages[1]);
	close(messages[1]);
	file = fdopen(messages[0], "r");
	if (!file || !messages_show(result, file, "watching")) {
		failed(result->tier, "load", "lastack does not watch");
		exit(1);
	}
	result->load_ms = now_ms() - start_ms;
	passed(result->tier, "load");
	fflush(stdout);
	player = must(fork(), "fork");
	if (!player) {
		play_all();
		exit(0);
	}
	waitpid(player, &status, 0);
	sleep(SETTLE_S);
	kill(pid, SIGINT);
	messages_show(result, file, NULL);
	fclose(file);
	waitpid(pid, NULL, 0);
	if (status)
		exit(2);
	reports_read(result, reports);
}

/* What is wrong with what this tier says of one end, NULL if nothing. */
static const char *verdict_fault(const struct result *first, struct result *result, size_t play, int end)
{
	static const char *const end_names[ENDS] = {"client", "server"};
	static char why[3 * TEXT_BYTES];
	const struct verdict *verdict = &result->verdict[play][end];
	const struct verdict *other = &first->verdict[play][end];
	const char *cause = plays[play].cause[end];
	bool alike = true;

	if (!cause)
		return NULL;
	if (!result->joins && end == CLIENT && plays[play].cause[CLIENT_WITHOUT_MINISOCK]) {
		cause = plays[play].cause[CLIENT_WITHOUT_MINISOCK];
		alike = !first->joins;
	}
	result->ends++;
	if (!verdict->told)
		snprintf(why, sizeof(why), "%s: no report", end_names[end]);
	else if (strcmp(verdict->cause, cause))
		snprintf(why, sizeof(why), "%s: not %s but %s (%s)", end_names[end], cause, verdict->text,
			 verdict->owner);
	else if (alike && strcmp(verdict->text, other->text))
		snprintf(why, sizeof(why), "%s: %s, but %s says %s", end_names[end], verdict->text, first->tier,
			 other->text);
	else if (result->joins && strcmp(verdict->ended, other->ended))
		snprintf(why, sizeof(why), "%s: TIME_WAIT ended: %s, but %s says %s", end_names[end], verdict->ended,
			 first->tier, other->ended);
	else
		return result->equal++, NULL;
	return why;
}

static void tier_check(const struct result *first, struct result *result)
{
	for (size_t play = 0; play < PLAYS; play++) {
		const char *fault = NULL;

		for (int end = 0; end < ENDS && !fault; end++)
			fault = verdict_fault(first, result, play, end);
		if (fault)
			failed(result->tier, plays[play].name, fault);
		else
			passed(result->tier, plays[play].name);
	}
	if (result->violations)
		failed(result->tier, "conformance", result->violation);
	else
		passed(result->tier, "conformance");
	if (!result->generated || result->generated != result->delivered + result->lost + result->filtered)
		failed(result->tier, "identity", "generated is not delivered + lost + filtered");
	else
		passed(result->tier, "identity");
	printf("figures %s %u %u %u %u %u %llu %llu %llu %llu %ld\n", result->tier, result->ends, result->equal,
	       result->transitions, result->violations, result->gaps, result->generated, result->delivered,
	       result->lost, result->filtered, result->load_ms);
}

/* `lastack check` ends with 1 where a hook is missing, and has said then what is lost; 3 where nothing can be done. */
static void check_run(const char *lastack, const char *name, const char *const words[3], int status_min, int status_max)
{
	pid_t pid = must(fork(), "fork");
	char why[64];
	int status;

	if (!pid) {
		execl(lastack, lastack, "check", words[0], words[1], words[2], NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	snprintf(why, sizeof(why), "exit status %d", status);
	if (status < status_min || status > status_max)
		failed("check", name, why);
	else
		passed("check", name);
	fflush(stdout);
}

static bool kernel_is_from(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned have_major, have_minor;

	must(uname(&name), "uname");
	if (sscanf(name.release, "%u.%u", &have_major, &have_minor) != 2)
		fail("uname");
	return have_major > major || (have_major == major && have_minor >= minor);
}

static void setting(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	fd = must(open(path, O_WRONLY), path);
	must((int)write(fd, text, strlen(text)), path);
	close(fd);
}

static ino_t world_make(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct stat namespace;
	int fd;

	must(unshare(CLONE_NEWNET), "a network namespace needs root");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	must(ioctl(fd, SIOCSIFFLAGS, &request), "lo up");
	close(fd);
	setting("tcp_retries2", "3");
	setting("tcp_fin_timeout", "1");
	must(stat("/proc/self/ns/net", &namespace), "stat");
	return namespace.st_ino;
}

/* What the kernel holds, as a file. Then nobody finds it there any more. */
static const char *types_take(void)
{
	static const char copy[] = "/tmp/lastack-types";
	int from = must(open(KERNEL_TYPES, O_RDONLY | O_CLOEXEC), KERNEL_TYPES);
	int to = must(open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), copy);

	while (must((int)sendfile(to, from, NULL, 1 << 20), copy) > 0)
		;
	close(from);
	close(to);
	must(unshare(CLONE_NEWNS), "a mount namespace");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
	must(mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL), "/sys/kernel/btf");
	return copy;
}

int main(int argc, char **argv)
{
	static struct result results[TIERS];
	const char *types = argc > 2 ? argv[2] : NULL;
	size_t first = 0;
	ino_t netns;

	if (argc < 2) {
		fprintf(stderr, "usage: tiers LASTACK [FILE]\n");
		return 2;
	}
	while (types && !tiers[first].by_file)
		first++;
	netns = world_make();
	if (!types) {
		check_run(argv[1], "programs", (const char *const[]){"--programs", NULL, NULL}, 0, 0);
		check_run(argv[1], "hooks", (const char *const[]){NULL, NULL, NULL}, 0, 1);
	}
	if (!kernel_is_from(5, 12))
		printf("skip minisocks: this kernel has no cookies for BPF programs: what they meet cannot be told\n");
	for (size_t i = first; i < TIERS; i++) {
		if (tiers[i].by_file && (i == first || !tiers[i - 1].by_file)) {
			if (!types)
				types = types_take();
			check_run(argv[1], "types_missing", (const char *const[]){NULL, NULL, NULL}, 3, 3);
			check_run(argv[1], "programs_by_file", (const char *const[]){"--programs", "--btf", types}, 0,
				  0);
		}
		results[i].tier = tiers[i].name;
		results[i].joins = !tiers[i].by_file && kernel_is_from(5, 12);
		results[i].netns = netns;
		tier_run(argv[1], &tiers[i], types, &results[i]);
	}
	for (size_t i = first; i < TIERS; i++)
		tier_check(&results[first], &results[i]);
	return faults != 0;
}
