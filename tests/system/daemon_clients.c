/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_clients.c: clients of the daemon that are hostile, a second daemon beside it, and its memory.
 */
#include "daemons.h"
#include "net.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT 8100

static struct program daemon_program;
static struct daemon_place place;

/* ---- clients --------------------------------------------------------------------------------------- */

#define HOSTILE_LINES 10000

static int client_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = 5};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)), "%s: %s", path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

/* Whatever comes: the connection may be closed, but the daemon goes on. */
static void hostile_send(const char *path, const char *const *pieces, size_t count, unsigned lines, unsigned seed)
{
	char line[512];
	int fd = client_connect(path);

	for (unsigned i = 0; i < lines; i++) {
		size_t length = 0;

		for (unsigned k = (unsigned)rand_r(&seed) % 8; k && length < sizeof(line) - 64; k--) {
			const char *piece = pieces[(unsigned)rand_r(&seed) % count];

			length += (size_t)snprintf(line + length, sizeof(line) - length, "%s", piece);
			if (rand_r(&seed) % 16 == 0)
				line[length++] = (char)rand_r(&seed);
		}
		line[length++] = '\n';
		if (send(fd, line, length, MSG_NOSIGNAL) < 0) {
			close(fd);
			fd = client_connect(path);
		}
		while (recv(fd, line, sizeof(line), MSG_DONTWAIT) > 0)
			;
	}
	close(fd);
}

static void hostile_clients(void)
{
	static const char *const lines[] = {"{\"verb\":\"list\"}",
					    "{",
					    "}",
					    "[[[[[[[[",
					    "\"",
					    "verb",
					    ":",
					    "{\"verb\":\"history\",\"limit\":-1}",
					    "null",
					    "{\"verb\":\"show\",\"id\":\"\\u0000\"}",
					    "{\"verb\":\"follow\"}",
					    "1e999",
					    ",",
					    "{\"verb\":{}}"};
	static const char *const requests[] = {"GET ",
					       "/metrics ",
					       "HTTP/1.1\r",
					       "Host: x\r",
					       "POST /",
					       "Content-Length: -1\r",
					       "Transfer-Encoding: chunked\r",
					       "%00",
					       "../../",
					       "\r\n\r\n",
					       "HEAD / HTTP/1.0\r\n\r",
					       ":",
					       " "};
	unsigned seed = (unsigned)now_ns();
	long descriptors_before, descriptors;
	struct program count;
	char path[64];

	printf("seed: %u\n", seed);
	daemon_start(&daemon_program, &place);
	CHECK(BECOMES_TRUE(history_rows(&place) >= 0), "no database"); /* it has descriptors too */
	snprintf(path, sizeof(path), "/proc/%d/fd", daemon_program.pid);
	program_run(&count, "ls", path);
	descriptors_before = text_lines(count.output);
	for (unsigned i = 0; i < HOSTILE_LINES / 100; i++) {
		hostile_send(place.socket, lines, sizeof(lines) / sizeof(lines[0]), 100, seed + i);
		hostile_send(place.http + strlen("unix:"), requests, sizeof(requests) / sizeof(requests[0]), 100,
			     seed + i);
	}
	daemon_status(&place);
	CHECK(daemon_metric(&place, "lastack_ready") == 1, "not ready after that");
	CHECK(BECOMES_TRUE((program_run(&count, "ls", path), descriptors = text_lines(count.output)) <=
			   descriptors_before + 2),
	      "%ld descriptors, %ld before", descriptors, descriptors_before);
	daemon_stop(&daemon_program);
}

/* Two run side by side, and the first one's socket is not taken. */
static void second_instance(void)
{
	struct program second;
	struct daemon_place other;

	daemon_start(&daemon_program, &place);
	daemon_place(&other, "two");
	daemon_plan(&second, &other, NULL);
	program_start(&second);
	daemon_await(&second);
	daemon_status(&place);
	daemon_status(&other);
	daemon_stop(&second);
	daemon_plan(&second, &other, "--socket", place.socket, NULL);
	program_start(&second);
	CHECK(program_exit(&second) == 4 && text_has(second.errors, "is in use"), "%s", text_of(second.errors));
	daemon_status(&place);
	daemon_stop(&daemon_program);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

#define CHURN_ROUNDS 9

/*
 * Buffers grow with the largest batch and are given back now and then, so what counts is the least of the last rounds
 * against the most of the first ones. A short queue: the disk may be too slow for this load.
 */
static void churn_without_growth(const char *state, const char *reports, unsigned churn, long long kib)
{
	long long first_most = 0, last_least = INT64_MAX, resident;

	daemon_plan(&daemon_program, &place, "--max-connections", "4096", "--store-queue", "2048", "--state-dir", state,
		    "--reports", reports, NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	for (unsigned round = 0; round < CHURN_ROUNDS; round++) {
		child_await(load_start(churn, 1, PORT));
		resident = process_field(daemon_program.pid, "VmRSS", 10);
		if (round < CHURN_ROUNDS / 3 && resident > first_most)
			first_most = resident;
		if (round >= CHURN_ROUNDS - CHURN_ROUNDS / 3 && resident < last_least)
			last_least = resident;
	}
	/* How fast the disk is, is not what is tested here. */
	CHECK(BECOMES_TRUE_IN(60000, daemon_metric(&place, "lastack_store_queue_reports") == 0),
	      "the queue stays full");
	CHECK(last_least - first_most < kib, "%lld KiB at first, %lld KiB after %u connections more", first_most,
	      last_least, churn * CHURN_ROUNDS * 2 / 3);
	test_note("%lld KiB at most in the first %u connections, %lld KiB at least in the last %u", first_most,
		  churn * CHURN_ROUNDS / 3, last_least, churn * CHURN_ROUNDS / 3);
	daemon_stop(&daemon_program);
}

/*
 * 90,000 connections later 23 bytes for each would be noticed. LASTACK_DEEP=1: a million lives, as both ends of a
 * connection are one each, and 6 bytes; too much for the other tests beside it, whose daemons see this load too.
 */
static void memory_is_flat(void)
{
	daemon_place(&place, "one");
	churn_without_growth("none", "none", getenv("LASTACK_DEEP") ? 60000 : 15000, 2048);
}

/* The database's cache, and buffers of the largest batch so far, grow for a while, up to a limit. */
static void memory_of_stores_is_flat(void)
{
	daemon_place(&place, "one");
	churn_without_growth(place.state, place.reports, 15000, 32768);
}

const struct test daemon_client_tests[] = {
	{"daemon_hostile_clients", hostile_clients},
	{"daemon_second_instance", second_instance},
	{"daemon_memory_is_flat", memory_is_flat},
	{"daemon_memory_of_stores_is_flat", memory_of_stores_is_flat},
	{0},
};
