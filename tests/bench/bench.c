/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.c: what watching costs, side by side with the neighbours, in one run: the same bounded load of
 * connects and closes on the loopback device of a private network namespace, without a monitor and
 * with each of them in turn, several rounds, medians. It measures from the outside only (rates, CPU time of the
 * processes, the kernel's own statistics of BPF programs), so that every candidate is treated alike.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define PROGRAMS_MAX 64
#define ROUNDS_MAX   15

struct candidate {
	const char *name;
	char *const *command; /* NULL: no monitor */
	const char *ready;    /* on standard error, NULL: wait a fixed time */
	const char *lost;     /* what precedes the number of lost events in its output, or NULL */
	bool counts_events;   /* its summary tells how many events there were */
};

struct sample {
	double rate;      /* connections a second */
	double kernel_ns; /* BPF run time for each connection */
	double event_ns;  /* and for each event, where the monitor says how many */
	double cpu_us;    /* CPU of the monitor for each connection */
	double resident_kib;
	double lost;
	double events;
};

static unsigned connections = 60000;
static unsigned rounds = 5;

/* ---- the load ------------------------------------------------------------------------------------ */

static int listener_open(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		die("listener");
	*port = ntohs(address.sin_port);
	return fd;
}

static void serve(int listener)
{
	for (unsigned i = 0; i < connections; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		if (fd < 0)
			_exit(1);
		if (read(fd, &byte, 1) < 0) /* until the client's FIN */
			_exit(1);
		close(fd);
	}
	_exit(0);
}

/* The destination moves through 127.0.0.0/8, so that TIME_WAIT leaves enough local ports. */
static void request(uint16_t port)
{
	for (unsigned i = 0; i < connections; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		address.sin_addr.s_addr = htonl(0x7f000001 + i % 250);
		if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
			_exit(1);
		close(fd);
	}
	_exit(0);
}

static pid_t child_start(void (*run)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		run(arg);
	return pid;
}

static void run_server(void *arg)
{
	serve(*(int *)arg);
}

static void run_client(void *arg)
{
	request(*(uint16_t *)arg);
}

/* Returns connections a second. */
static double load_run(void)
{
	uint16_t port;
	int listener = listener_open(&port), status, failed = 0;
	uint64_t begin = now_ns();
	pid_t server = child_start(run_server, &listener), client = child_start(run_client, &port);

	close(listener);
	waitpid(client, &status, 0);
	failed |= status;
	waitpid(server, &status, 0);
	failed |= status;
	if (failed)
		die("the load failed");
	return connections / ((now_ns() - begin) / 1e9);
}

/* ---- the monitor --------------------------------------------------------------------------------- */

struct running {
	pid_t pid;
	char output[64], errors[64];
};

static char *file_read(const char *path)
{
	char *text = calloc(1, 65536);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;
	off_t size;

	if (!text || fd < 0)
		die(path);
	size = lseek(fd, 0, SEEK_END);
	lseek(fd, size > 65535 ? size - 65535 : 0, SEEK_SET);
	got = read(fd, text, 65535);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static bool file_has(const char *path, const char *needle)
{
	char *text = file_read(path);
	bool found = strstr(text, needle);

	free(text);
	return found;
}

static void monitor_exec(const struct candidate *candidate, const struct running *running)
{
	int output = open(running->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int errors = open(running->errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(output, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	execvp(candidate->command[0], candidate->command);
	_exit(127);
}

static void monitor_run(const struct candidate *candidate, struct running *running)
{
	uint64_t deadline = now_ns() + 20000000000ULL;

	snprintf(running->output, sizeof(running->output), "/tmp/bench-%d.out", getpid());
	snprintf(running->errors, sizeof(running->errors), "/tmp/bench-%d.err", getpid());
	close(open(running->errors, O_WRONLY | O_CREAT | O_TRUNC, 0600));
	running->pid = fork();
	if (running->pid == 0)
		monitor_exec(candidate, running);
	while (candidate->ready && !file_has(running->errors, candidate->ready) && now_ns() < deadline)
		usleep(20000);
	usleep(candidate->ready ? 200000 : 2500000); /* the neighbours do not say when they are ready */
}

/* Run time of all BPF programs that are loaded and were not before. */
static uint64_t programs_run_ns(uint32_t newer_than, uint32_t *newest)
{
	uint64_t total = 0;
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (id > newer_than && !bpf_obj_get_info_by_fd(fd, &info, &size))
			total += info.run_time_ns;
		if (newest)
			*newest = id;
		close(fd);
	}
	return total;
}

static double number_after(const char *text, const char *word)
{
	double last = 0;

	for (const char *at = text; word && (at = strstr(at, word)); at += strlen(word))
		last += atof(at + strlen(word));
	return last;
}

static void monitor_stop(const struct candidate *candidate, const struct running *running, struct sample *sample)
{
	char *errors;
	int status;

	kill(running->pid, SIGINT);
	waitpid(running->pid, &status, 0);
	errors = file_read(running->errors);
	sample->lost = number_after(errors, candidate->lost);
	if (candidate->counts_events)
		sample->events = number_after(errors, "generated ");
	free(errors);
	unlink(running->output);
	unlink(running->errors);
}

static void measure(const struct candidate *candidate, struct sample *sample)
{
	struct running running = {0};
	uint64_t cpu = 0, run_ns = 0;
	uint32_t before = 0;

	memset(sample, 0, sizeof(*sample));
	programs_run_ns(UINT32_MAX, &before);
	if (candidate->command) {
		monitor_run(candidate, &running);
		cpu = process_cpu_ns(running.pid);
		run_ns = programs_run_ns(before, NULL);
	}
	sample->rate = load_run();
	if (!candidate->command)
		return;
	usleep(300000); /* let it work off what it holds */
	sample->kernel_ns = (double)(programs_run_ns(before, NULL) - run_ns) / connections;
	sample->cpu_us = (double)(process_cpu_ns(running.pid) - cpu) / connections / 1000;
	sample->resident_kib = process_resident_kib(running.pid);
	monitor_stop(candidate, &running, sample);
	if (sample->events > 0)
		sample->event_ns = sample->kernel_ns * connections / sample->events;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double median(const struct sample *samples, size_t offset)
{
	double values[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		values[i] = *(const double *)((const char *)&samples[i] + offset);
	qsort(values, rounds, sizeof(values[0]), by_size);
	return values[rounds / 2];
}

/* The rate against that of the same round without a monitor: the machine's speed drifts. */
static double median_ratio(const struct sample *samples, const struct sample *bare)
{
	double values[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		values[i] = samples[i].rate / bare[i].rate;
	qsort(values, rounds, sizeof(values[0]), by_size);
	return values[rounds / 2];
}

static void print_row(const struct candidate *candidate, const struct sample *samples, const struct sample *bare)
{
	printf("| %-23s | %11.0f | %5.2f |", candidate->name, median(samples, offsetof(struct sample, rate)),
	       median_ratio(samples, bare));
	if (!candidate->command) {
		printf(" %10s | %8s | %8s | %12s | %6s |\n", "", "", "", "", "");
		return;
	}
	printf(" %10.0f |", median(samples, offsetof(struct sample, kernel_ns)));
	if (candidate->counts_events)
		printf(" %8.0f |", median(samples, offsetof(struct sample, event_ns)));
	else
		printf(" %8s |", "");
	printf(" %8.2f | %12.0f | %6.0f |\n", median(samples, offsetof(struct sample, cpu_us)),
	       median(samples, offsetof(struct sample, resident_kib)), median(samples, offsetof(struct sample, lost)));
}

int main(int argc, char **argv)
{
	static char *const lastack[] = {"build/lastack", "live", "-o", "json", NULL};
	static char *const daemon[] = {"build/lastack", "daemon", "--user", "root", "--state-dir", "build/bench-state",
				       "--socket",      "none",   "--http", "none", NULL};
	static char *const tcplife[] = {"tcplife", NULL};
	static char *const tcpstates[] = {"tcpstates", NULL};
	static const struct candidate candidates[] = {
		{"no monitor", NULL, NULL, NULL, false},
		{"lastack live -o json", lastack, "watching", " lost ", true},
		{"lastack daemon, history", daemon, "is ready", " were reported, ", false},
		{"tcplife", tcplife, NULL, "lost ", false},
		{"tcpstates", tcpstates, NULL, "lost ", false},
	};
	enum { COUNT = sizeof(candidates) / sizeof(candidates[0]) };
	static struct sample samples[COUNT][ROUNDS_MAX];
	struct sample warm_up;

	if (argc > 1)
		connections = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		rounds = (unsigned)strtoul(argv[2], NULL, 10);
	if (!connections || connections > 200000 || !rounds || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench [CONNECTIONS (up to 200000) [ROUNDS (up to %d)]]\n", ROUNDS_MAX);
		return 2;
	}
	namespaces_begin();
	file_write("/proc/sys/kernel/bpf_stats_enabled", "1");
	measure(&candidates[0], &warm_up);
	for (unsigned round = 0; round < rounds; round++)
		for (size_t i = 0; i < COUNT; i++)
			measure(&candidates[i], &samples[i][round]);
	file_write("/proc/sys/kernel/bpf_stats_enabled", "0");
	printf("%u connections a round (connect, close, close), medians of %u rounds\n\n", connections, rounds);
	printf("| monitor                 | connects/s  | ratio | kernel ns/ | kernel   | monitor  | resident KiB | "
	       "lost   |\n"
	       "|                         |             |       | connection | ns/event | us/conn. |              | "
	       "events |\n"
	       "| ----------------------- | ----------- | ----- | ---------- | -------- | -------- | ------------ | "
	       "------ |\n");
	for (size_t i = 0; i < COUNT; i++)
		print_row(&candidates[i], samples[i], samples[0]);
	return 0;
}
