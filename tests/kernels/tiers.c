/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tiers.c: do all hook tiers tell the same? Has the connections of plays.c played once for each tier with
 * `lastack live --tier T` beside them, and compares what was said of each end: with what is true, and
 * between the tiers.
 *
 * Made for a virtual machine that holds nothing but a kernel, this program (linked statically) and lastack:
 * no shell, no nftables, no modules. Works in a network namespace of its own.
 *
 * Usage: tiers LASTACK [TIER...]. Exit status 0: all tiers told the truth; 1: not; 2: the play itself went
 * wrong.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTLE_S   3 /* lastack holds reports back for a second where a minisock lives on */
#define TEXT_BYTES 192
#define TIERS_MAX  16

struct verdict {
	char text[TEXT_BYTES];  /* must be the same in all tiers */
	char owner[TEXT_BYTES]; /* may differ: no tier but fentry sees who accepts */
	char cause[64];
	double start_us, revision;
	bool told;
};

struct result {
	const char *tier;
	ino_t netns; /* that of the plays: others may be at work on this host */
	struct verdict verdict[PLAYS][ENDS];
};

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
	char a[64], b[64], c[64], d[64], e[64], f[64], g[64];
	double start_us = json_number_value(json_object_get(report, "start_us"));
	double revision = json_number_value(json_object_get(report, "revision"));

	/* A second connection of the same ports is not what is looked at. */
	if (verdict->told && (start_us > verdict->start_us || revision < verdict->revision))
		return;
	verdict->told = true;
	verdict->start_us = start_us;
	verdict->revision = revision;
	value(report, NULL, "cause", verdict->cause);
	snprintf(verdict->text, TEXT_BYTES, "%s/%s by %s how %s error %s, probes_sent %s, time_wait %s",
		 value(report, NULL, "class", a), verdict->cause, value(report, NULL, "initiator", b),
		 value(report, NULL, "how", c), value(report, NULL, "error", d),
		 value(report, "keepalive", "probes_sent", e), value(report, "time_wait", "ended", f));
	snprintf(verdict->owner, TEXT_BYTES, "%s by %s, %s", value(report, "process", "comm", a),
		 value(report, "process", "source", b), value(report, NULL, "completeness", g));
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
		long local = (long)json_number_value(json_object_get(report, "local_port")) - FIRST_PORT;
		long remote = (long)json_number_value(json_object_get(report, "remote_port")) - FIRST_PORT;

		if ((ino_t)json_number_value(json_object_get(report, "netns")) != result->netns)
			local = remote = -1;
		if (remote >= 0 && remote < (long)PLAYS)
			verdict_take(&result->verdict[remote][CLIENT], report);
		else if (local >= 0 && local < (long)PLAYS)
			verdict_take(&result->verdict[local][SERVER], report);
		json_decref(report);
	}
	free(line);
	fclose(file);
}

/* lastack's standard error up to its end, or to a line with this word in it. */
static bool messages_show(FILE *messages, const char *until)
{
	char line[512];

	while (fgets(line, sizeof(line), messages)) {
		printf("  %s", line);
		if (until && strstr(line, until))
			return true;
	}
	return false;
}

static void tier_run(const char *lastack, struct result *result)
{
	int reports = must(memfd_create("reports", MFD_CLOEXEC), "memfd_create"), messages[2], status;
	FILE *file;
	pid_t pid;

	printf("== tier %s\n", result->tier);
	fflush(stdout);
	must(pipe2(messages, O_CLOEXEC), "pipe");
	pid = must(fork(), "fork");
	if (!pid) {
		dup2(reports, STDOUT_FILENO);
		dup2(messages[1], STDERR_FILENO);
		execl(lastack, lastack, "live", "-o", "json", "--tier", result->tier, NULL);
		_exit(127);
	}
	close(messages[1]);
	file = fdopen(messages[0], "r");
	if (!file || !messages_show(file, "watching"))
		fail("lastack does not watch");
	fflush(stdout);
	pid_t player = must(fork(), "fork");
	if (!player) {
		play_all();
		exit(0);
	}
	waitpid(player, &status, 0);
	sleep(SETTLE_S);
	kill(pid, SIGINT);
	messages_show(file, NULL);
	fclose(file);
	waitpid(pid, NULL, 0);
	if (status)
		exit(2);
	reports_read(result, reports);
}

/* Prints what this tier says of one end; 1 when that is not true, or not what the first tier said. */
static int verdict_check(const struct result *first, const struct result *result, size_t play, int end)
{
	static const char *const end_names[ENDS] = {"client", "server"};
	const struct verdict *verdict = &result->verdict[play][end];
	const char *cause = plays[play].cause[end], *fault = "";

	if (!cause)
		return 0;
	if (!verdict->told)
		fault = "   <- NO REPORT";
	else if (strcmp(verdict->cause, cause))
		fault = "   <- WRONG";
	else if (strcmp(verdict->text, first->verdict[play][end].text))
		fault = "   <- DIFFERS";
	printf("%-10s %-11s %s %s (%s)%s\n", result->tier, plays[play].name, end_names[end], verdict->text,
	       verdict->owner, fault);
	return *fault != '\0';
}

static int run(const char *lastack, const char *verb, const char *argument)
{
	pid_t pid = must(fork(), "fork");
	int status;

	if (!pid) {
		execl(lastack, lastack, verb, argument, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	printf("exit status %d\n\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	fflush(stdout);
	return status;
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

int main(int argc, char **argv)
{
	static const char *const all[] = {"tracepoint", "kprobe", "fentry"};
	static struct result results[TIERS_MAX];
	size_t tiers = argc > 2 ? (size_t)argc - 2 : sizeof(all) / sizeof(all[0]);
	int faults = 0;
	ino_t netns;

	if (argc < 2 || tiers > TIERS_MAX) {
		fprintf(stderr, "usage: tiers LASTACK [TIER...]\n");
		return 2;
	}
	netns = world_make();
	run(argv[1], "check", "--programs");
	run(argv[1], "check", NULL);
	for (size_t i = 0; i < tiers; i++) {
		results[i].tier = argc > 2 ? argv[i + 2] : all[i];
		results[i].netns = netns;
		tier_run(argv[1], &results[i]);
	}
	for (size_t play = 0; play < PLAYS; play++)
		for (int end = 0; end < ENDS; end++)
			for (size_t i = 0; i < tiers; i++)
				faults += verdict_check(&results[0], &results[i], play, end);
	printf("%d of %zu verdicts are not as they must be\n", faults, tiers * (size_t)(2 * PLAYS - 1));
	return faults != 0;
}
