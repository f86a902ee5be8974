/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plays.c: see plays.h. All is played on the loopback device. A peer vanishes by a socket filter that drops
 * whatever comes in for it: no reset, no ICMP, no FIN. tcp_retries2 is 3 here and tcp_fin_timeout 1 s.
 */
#include "plays.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_PORT   19000
#define DEATH_WAIT_MS 30000 /* emulated machines are slow */

static const char *playing = "tiers"; /* whose messages these are */

_Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", playing, what, strerror(errno));
	exit(2);
}

int must(int result, const char *what)
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

/* The orphan that waits in FIN_WAIT2 gets data instead of a FIN. */
static void play_data_after_close(uint16_t port)
{
	struct pair pair = pair_open(port);

	option(pair.client, IPPROTO_TCP, TCP_LINGER2, 30);
	close(pair.client);
	sleep_ms(1500); /* its report is given, and must be revised */
	must(write(pair.server, "hello", 5), "write");
	sleep_ms(200);
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

const struct play plays[PLAYS] = {
	{"graceful", play_graceful, {"fin_local_first", "fin_peer_first"}},
	{"killed", play_killed, {"rst_received", "rst_sent_unread_data"}},
	{"linger", play_linger, {"rst_sent_linger", "rst_received"}},
	{"refused", play_refused, {"refused", NULL}},
	{"keepalive", play_keepalive, {"keepalive_probes_unanswered", "rst_received"}},
	{"answered", play_keepalive_answered, {"fin_local_first", "fin_peer_first"}},
	{"data", play_data, {"data_retransmit_timeout", "rst_received"}},
	{"zero_window", play_zero_window, {"zero_window_timeout", "rst_sent_unread_data"}},
	{"worker", play_worker, {"rst_sent_linger", "rst_received"}},
	{"fin_wait2", play_fin_wait2, {"fin_wait2_timeout", "rst_received", "fin_local_first"}},
	{"after_close", play_data_after_close, {"rst_sent_data_after_close", "rst_received", "fin_local_first"}},
	{"reuse", play_reuse, {"fin_peer_first", "fin_local_first"}},
};

/* All at once; each in a process of its own. */
void play_all(void)
{
	struct sched_param priority = {.sched_priority = 1};
	int status, failed = 0;

	must(sched_setscheduler(0, SCHED_FIFO, &priority), "sched_setscheduler");
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
