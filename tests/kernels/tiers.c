/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tiers.c: do all hook tiers tell the same? Plays a dozen ways for a connection to end, once for each tier
 * with `lastack live --tier T` beside it, and compares what was said of each end: with what is true, and
 * between the tiers.
 *
 * Made for a virtual machine that holds nothing but a kernel, this program (linked statically) and lastack:
 * no shell, no nftables, no modules. All is played on the loopback device of a network namespace of its own.
 * A peer vanishes by a socket filter that drops whatever comes in for it: no reset, no ICMP, no FIN.
 *
 * Usage: tiers LASTACK [TIER...]. Exit status 0: all tiers told the truth; 1: not; 2: the play itself went wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT 20000 /* below the ephemeral ones */
#define CLIENT_PORT 19000
#define DEATH_WAIT_MS 30000 /* emulated machines are slow */
#define SETTLE_MS 3000 /* lastack holds reports back for a second where a minisock lives on */
#define TEXT_BYTES 192
#define TIERS_MAX 16

static const char *playing = "tiers"; /* whose messages these are */

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", playing, what, strerror(errno));
	exit(2);
}

static int must(int result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

static void sleep_ms(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* ---- socket operations --------------------------------------------------------------------------- */

struct pair {
	int client, server;
};

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static void option(int fd, int level, int name, int value)
{
	must(setsockopt(fd, level, name, &value, sizeof(value)), "setsockopt");
}

static int socket_bound(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (port)
		must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	return fd;
}

static int listen_on(uint16_t port)
{
	int fd = socket_bound(port);

	must(listen(fd, 8), "listen");
	return fd;
}

static int connect_to(uint16_t port, uint16_t from)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket_bound(from);

	must(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	return fd;
}

/* A connection with both ends in this process; the listener is gone again. */
static struct pair pair_open(uint16_t port)
{
	struct pair pair;
	int listener = listen_on(port);

	option(listener, SOL_SOCKET, SO_RCVBUF, 4096); /* so that its window is soon full */
	pair.client = connect_to(port, 0);
	pair.server = must(accept(listener, NULL, NULL), "accept");
	close(listener);
	return pair;
}

static void close_with_reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), "SO_LINGER");
	close(fd);
}

/* From here on this end hears nothing. */
static void vanish(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};

	must(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), "SO_ATTACH_FILTER");
}

/* Waits for the connection to die under this end, which then closes; the other one comes back and closes too. */
static void await_death(struct pair pair)
{
	struct pollfd poll_for = {.fd = pair.client};
	int error = 0;
	socklen_t size = sizeof(error);

	must(poll(&poll_for, 1, DEATH_WAIT_MS) - 1, "the connection did not die");
	must(getsockopt(pair.client, SOL_SOCKET, SO_ERROR, &error, &size), "SO_ERROR");
	errno = error;
	must(error == ETIMEDOUT ? 0 : -1, "not a timeout");
	close(pair.client);
	must(setsockopt(pair.server, SOL_SOCKET, SO_DETACH_FILTER, &error, sizeof(error)), "SO_DETACH_FILTER");
	close(pair.server);
}

/* ---- the plays ----------------------------------------------------------------------------------- */

static void play_graceful(uint16_t port)
{
	struct pair pair = pair_open(port);

	must(write(pair.client, "hello", 5), "write");
	must(read(pair.server, (char[8]){0}, 8), "read");
	close(pair.client);
	must(read(pair.server, (char[8]){0}, 8), "read");
	close(pair.server);
}

/* The server is killed with the client's data unread. */
static void play_killed(uint16_t port)
{
	struct pair pair = pair_open(port);
	pid_t server = must(fork(), "fork");

	if (!server) {
		close(pair.client);
		pause();
	}
	close(pair.server);
	must(write(pair.client, "hello", 5), "write");
	sleep_ms(200);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	sleep_ms(200);
	close(pair.client);
}

static void play_linger(uint16_t port)
{
	struct pair pair = pair_open(port);

	close_with_reset(pair.client);
	sleep_ms(200);
	close(pair.server);
}

static void play_refused(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket_bound(0);

	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) || errno != ECONNREFUSED)
		fail("not refused");
	close(fd);
}

static void play_keepalive(uint16_t port)
{
	struct pair pair = pair_open(port);

	vanish(pair.server);
	option(pair.client, SOL_SOCKET, SO_KEEPALIVE, 1);
	option(pair.client, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	option(pair.client, IPPROTO_TCP, TCP_KEEPCNT, 2);
	option(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	await_death(pair);
}

/* Probes that are answered count as well. */
static void play_keepalive_answered(uint16_t port)
{
	struct pair pair = pair_open(port);

	option(pair.client, SOL_SOCKET, SO_KEEPALIVE, 1);
	option(pair.client, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	option(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	sleep_ms(2600);
	close(pair.client);
	close(pair.server);
}

static void play_data(uint16_t port)
{
	struct pair pair = pair_open(port);

	vanish(pair.server);
	must(write(pair.client, "hello", 5), "write");
	await_death(pair);
}

/* The server never reads; when its window is shut, it vanishes. */
static void play_zero_window(uint16_t port)
{
	static char block[4096];
	struct pair pair = pair_open(port);
	int quiet = 0;

	while (quiet < 3) {
		if (send(pair.client, block, sizeof(block), MSG_DONTWAIT) > 0) {
			quiet = 0;
			continue;
		}
		quiet++;
		sleep_ms(300);
	}
	vanish(pair.server);
	await_death(pair);
}

/* A worker accepts and keeps; the process that listens does neither. */
static void play_worker(uint16_t port)
{
	int listener = listen_on(port), ready[2], client;
	pid_t worker;

	must(pipe(ready), "pipe");
	worker = must(fork(), "fork");
	if (!worker) {
		prctl(PR_SET_NAME, "worker");
		must(accept(listener, NULL, NULL), "accept");
		must(write(ready[1], "", 1), "write");
		pause();
	}
	client = connect_to(port, 0);
	must(read(ready[0], (char[1]){0}, 1), "read");
	close_with_reset(client);
	sleep_ms(200);
	kill(worker, SIGKILL);
	waitpid(worker, NULL, 0);
	close(listener);
}

/* The orphan waits in FIN_WAIT2 for a FIN that comes too late (tcp_fin_timeout is 1 here). */
static void play_fin_wait2(uint16_t port)
{
	struct pair pair = pair_open(port);

	close(pair.client);
	sleep_ms(2500);
	close(pair.server);
}

/* The server's TIME_WAIT gives way to the next connection of the same addresses and ports. */
static void play_reuse(uint16_t port)
{
	int listener = listen_on(port);

	for (int round = 0; round < 2; round++) {
		int client = connect_to(port, CLIENT_PORT), server = must(accept(listener, NULL, NULL), "accept");

		if (round) {
			close_with_reset(client);
			close(server);
			break;
		}
		close(server);
		must(read(client, (char[1]){0}, 1), "read");
		close(client);
		sleep_ms(1500);
	}
	close(listener);
}

enum { CLIENT, SERVER, ENDS };

static const struct play {
	const char *name;
	void (*play)(uint16_t port);
	const char *cause[ENDS]; /* NULL: there is no such end */
} plays[] = {
	{"graceful", play_graceful, {"fin_local_first", "fin_peer_first"}},
	{"killed", play_killed, {"rst_received", "rst_sent_unread_data"}},
	{"linger", play_linger, {"rst_sent_linger", "rst_received"}},
	{"refused", play_refused, {"refused", NULL}},
	{"keepalive", play_keepalive, {"keepalive_probes_unanswered", "rst_received"}},
	{"answered", play_keepalive_answered, {"fin_local_first", "fin_peer_first"}},
	{"data", play_data, {"data_retransmit_timeout", "rst_received"}},
	{"zero_window", play_zero_window, {"zero_window_timeout", "rst_sent_unread_data"}},
	{"worker", play_worker, {"rst_sent_linger", "rst_received"}},
	{"fin_wait2", play_fin_wait2, {"fin_wait2_timeout", "rst_received"}},
	{"reuse", play_reuse, {"fin_peer_first", "fin_local_first"}},
};

#define PLAYS (sizeof(plays) / sizeof(plays[0]))

/* All at once; each in a process of its own. */
static void play_all(void)
{
	int status, failed = 0;

	for (size_t i = 0; i < PLAYS; i++) {
		if (must(fork(), "fork"))
			continue;
		playing = plays[i].name;
		prctl(PR_SET_NAME, playing);
		plays[i].play((uint16_t)(FIRST_PORT + i));
		exit(0);
	}
	while (wait(&status) > 0 || errno == EINTR)
		failed += status != 0;
	if (failed)
		fail("a play failed");
}

/* ---- what lastack says --------------------------------------------------------------------------- */

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
	sleep_ms(SETTLE_MS);
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
	printf("%d of %zu verdicts are not as they must be\n", faults, tiers * (2 * PLAYS - 1));
	return faults != 0;
}
