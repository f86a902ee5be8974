// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_http_hostile.c: clients of HTTP that are slow, silent, too many, or send rubbish: each is cut off or refused,
 * none costs more than its bounds, and whoever asks properly is served meanwhile and afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>

#include "http_fixture.h"
#include "random_numbers.h"

#define LOOPBACK        "127.0.0.1:0"
#define GOOD            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
#define TIMEOUT_NS      (HTTP_TIMEOUT_S * HTTP_SECOND_NS)
#define HOSTILE_CLIENTS 10000
#define HOSTILE_SECONDS 10
#define HOSTILE_AT_ONCE 12
#define PIECE_BYTES_MAX 40000

static struct http_fixture fixture;

static int open_server(void **state)
{
	(void)state;
	http_fixture_open(&fixture, LOOPBACK, HTTP_CLIENTS_MAX);
	return 0;
}

static int close_server(void **state)
{
	(void)state;
	http_close(fixture.http);
	return 0;
}

/* The next reply, which is the last. */
static void ends_with_408(int fd)
{
	struct http_reply reply = http_reply_read(&fixture, fd, false);

	assert_int_equal(reply.status, 408);
	free(reply.body);
	close(fd);
}

static void check_good(void)
{
	assert_int_equal(http_ask(&fixture, GOOD, strlen(GOOD)).status, 200);
}

/* It never stops sending, but is not done in time. */
static void a_slow_request_gets_408(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nSlow: ";
	int fd = http_connect(&fixture);
	struct http_reply reply;

	(void)state;
	http_settle(&fixture);
	for (size_t i = 0; i < strlen(request); i++) {
		http_send(&fixture, fd, request + i, 1);
		http_advance(&fixture, TIMEOUT_NS / (strlen(request) + 1));
	}
	assert_int_equal(http_counts(&fixture).clients, 1); /* still in time */
	assert_int_equal(http_counts(&fixture).timed_out, 0);
	check_good(); /* others are served meanwhile */
	http_advance(&fixture, TIMEOUT_NS / strlen(request) + HTTP_SECOND_NS);
	reply = http_reply_read(&fixture, fd, false);
	assert_int_equal(reply.status, 408);
	assert_string_equal(reply.body, "too slow\n");
	free(reply.body);
	close(fd);
	assert_int_equal(http_counts(&fixture).clients, 0);
	assert_int_equal(http_counts(&fixture).timed_out, 1);
	assert_int_equal(http_counts(&fixture).errors, 1);
}

/* The near miss: as slow, but done in the last moment. */
static void a_request_that_is_just_in_time_is_served(void **state)
{
	int fd = http_connect(&fixture);
	struct http_reply reply;

	(void)state;
	http_settle(&fixture);
	for (size_t i = 0; i < strlen(GOOD); i++) {
		http_advance(&fixture, (TIMEOUT_NS - HTTP_SECOND_NS) / strlen(GOOD));
		http_send(&fixture, fd, &GOOD[i], 1);
	}
	reply = http_reply_read(&fixture, fd, false);
	assert_int_equal(reply.status, 200);
	free(reply.body);
	close(fd);
	http_settle(&fixture);
	assert_int_equal(http_counts(&fixture).timed_out, 0);
}

static void a_silent_client_gets_408(void **state)
{
	int fd = http_connect(&fixture);

	(void)state;
	http_settle(&fixture);
	http_advance(&fixture, TIMEOUT_NS - 1);
	assert_int_equal(http_counts(&fixture).clients, 1);
	http_advance(&fixture, HTTP_SECOND_NS);
	ends_with_408(fd);
	assert_int_equal(http_counts(&fixture).clients, 0);
}

/* A body that was announced, and does not come. */
static void a_body_that_does_not_come_gets_408(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcd";
	int fd = http_connect(&fixture);

	(void)state;
	http_send(&fixture, fd, request, strlen(request));
	http_settle(&fixture);
	http_advance(&fixture, TIMEOUT_NS + HTTP_SECOND_NS);
	ends_with_408(fd);
	assert_int_equal(fixture.sample.asked, 0);
}

/* Between two requests nobody is slow: the connection ends without a word, and the time begins anew with each. */
static void an_idle_connection_is_closed_in_silence(void **state)
{
	int fd = http_connect(&fixture);
	struct http_reply reply;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		http_send(&fixture, fd, GOOD, strlen(GOOD));
		reply = http_reply_read(&fixture, fd, false);
		assert_int_equal(reply.status, 200);
		free(reply.body);
		http_advance(&fixture, TIMEOUT_NS - HTTP_SECOND_NS);
	}
	http_advance(&fixture, HTTP_SECOND_NS);
	reply = http_reply_read(&fixture, fd, false);
	assert_int_equal(reply.status, 0);
	close(fd);
	assert_int_equal(http_counts(&fixture).timed_out, 0);
	assert_int_equal(http_counts(&fixture).clients, 0);
}

/* Its second request begins, and is not done in time: that is slow again. */
static void a_slow_second_request_gets_408(void **state)
{
	static const char half[] = "GET /metrics HTTP/1.1\r\nHost:";
	int fd = http_connect(&fixture);

	(void)state;
	http_send(&fixture, fd, GOOD, strlen(GOOD));
	free(http_reply_read(&fixture, fd, false).body);
	http_send(&fixture, fd, half, strlen(half));
	http_settle(&fixture);
	http_advance(&fixture, TIMEOUT_NS + HTTP_SECOND_NS);
	ends_with_408(fd);
}

/* It asks and asks, and reads nothing: what waits for it is bounded by the buffers of its socket. */
static void a_client_that_does_not_read_is_cut_off(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = http_connect(&fixture);
	size_t at = 0;
	unsigned asked;

	(void)state;
	do {
		asked = fixture.sample.asked;
		for (ssize_t sent;
		     (sent = send(fd, request + at, strlen(request) - at, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0;)
			at = (at + (size_t)sent) % strlen(request);
		http_settle(&fixture);
	} while (fixture.sample.asked > asked);
	assert_int_equal(http_counts(&fixture).clients, 1);
	check_good();
	http_advance(&fixture, TIMEOUT_NS + HTTP_SECOND_NS);
	assert_int_equal(http_counts(&fixture).clients, 0);
	assert_int_equal(http_counts(&fixture).timed_out, 1);
	close(fd);
}

static void clients_that_are_too_many_get_503(void **state)
{
	int fds[HTTP_CLIENTS_MAX], fd;
	struct http_reply reply;

	(void)state;
	for (unsigned i = 0; i < HTTP_CLIENTS_MAX; i++)
		fds[i] = http_connect(&fixture);
	http_settle(&fixture);
	assert_int_equal(http_counts(&fixture).clients, HTTP_CLIENTS_MAX);
	for (unsigned i = 0; i < 3; i++) {
		fd = http_connect(&fixture);
		send(fd, GOOD, strlen(GOOD), MSG_NOSIGNAL); /* before the server looks */
		reply = http_reply_read(&fixture, fd, false);
		assert_int_equal(reply.status, 503);
		assert_string_equal(reply.body, "too many clients\n");
		free(reply.body);
		close(fd);
	}
	assert_int_equal(http_counts(&fixture).refused, 3);
	assert_int_equal(http_counts(&fixture).accepted, HTTP_CLIENTS_MAX);
	/* Those that were let in are served; and when one leaves, another may come. */
	for (unsigned i = 0; i < HTTP_CLIENTS_MAX; i++) {
		http_send(&fixture, fds[i], GOOD, strlen(GOOD));
		reply = http_reply_read(&fixture, fds[i], false);
		assert_int_equal(reply.status, 200);
		free(reply.body);
	}
	close(fds[0]);
	http_settle(&fixture);
	check_good();
	for (unsigned i = 1; i < HTTP_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* Whoever waits, in whatever state, is no work. */
static void clients_that_wait_cost_no_turns(void **state)
{
	static const char half[] = "GET /metrics HTTP/1.1\r\nHost";
	int fds[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		fds[i] = http_connect(&fixture);
	http_send(&fixture, fds[0], half, strlen(half));
	http_send(&fixture, fds[1], GOOD, strlen(GOOD));
	free(http_reply_read(&fixture, fds[1], false).body);
	http_settle(&fixture);
	fixture.turns = 0;
	for (unsigned i = 0; i < 20; i++)
		http_advance(&fixture, 100000000);
	assert_false(http_readable(http_fd(fixture.http), 50));
	assert_int_equal(fixture.turns, 0);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

/* Without descriptors the listener waits for the next tick, instead of being readable all the time. */
static void without_descriptors_the_loop_does_not_turn(void **state)
{
	int fd = http_connect(&fixture);
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	http_settle(&fixture);
	assert_false(http_readable(http_fd(fixture.http), 0));
	assert_int_equal(http_counts(&fixture).clients, 0);
	http_advance(&fixture, 200000000); /* tried, and still none */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(http_counts(&fixture).clients, 0);
	http_advance(&fixture, 200000000);
	assert_int_equal(http_counts(&fixture).clients, 1);
	http_send(&fixture, fd, GOOD, strlen(GOOD));
	free(http_reply_read(&fixture, fd, false).body);
	close(fd);
}

static unsigned descriptors_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* What rubbish is made of. */
static const char *const pieces[] = {
	"GET ",
	"HEAD ",
	"POST ",
	"/metrics",
	"/healthz",
	"/",
	"*",
	"http://",
	"?a=b&c",
	"%00",
	"%zz",
	" HTTP/1.1",
	" HTTP/1.0",
	" HTTP/9.9",
	"\r\n",
	"\r\n",
	"\r\n\r\n",
	"\n\n",
	"\r",
	"Host: x",
	"Connection: close",
	"Connection: keep-alive",
	"Connection: Upgrade",
	"Upgrade: h2c",
	"Content-Length: 3",
	"Content-Length: -1",
	"Content-Length: 18446744073709551616",
	"Transfer-Encoding: chunked",
	"Transfer-Encoding: x, chunked",
	"Expect: 100-continue",
	"Range: bytes=0-1",
	"Cookie: a=b; c",
	"0\r\n\r\n",
	"ffffffffffffffffff\r\n",
	"5\r\nabcde",
	": ",
	":",
	" ",
	"\t",
	"\x00",
	"\xff\xfe",
	GOOD,
	GOOD,
};

/* Something that resembles requests, with what is random in it. Returns its length. */
static size_t rubbish(struct random_numbers *random, char *bytes)
{
	size_t length = 0;

	for (unsigned left = 1 + random_below(random, 30); left && length < PIECE_BYTES_MAX / 2; left--) {
		const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];
		unsigned repeat = random_below(random, 200) ? 1 : 1 + random_below(random, 1000);

		if (!random_below(random, 20)) {
			for (unsigned i = random_below(random, 64); i; i--)
				bytes[length++] = (char)random_next(random);
			continue;
		}
		for (; repeat && length + strlen(piece) < PIECE_BYTES_MAX; repeat--) {
			memcpy(bytes + length, piece, strlen(piece) + 1);
			length += *piece ? strlen(piece) : 1;
		}
	}
	return length;
}

static void hostile_turn(struct random_numbers *random, int *fd, char *bytes)
{
	const struct linger reset = {.l_onoff = 1};
	size_t length = rubbish(random, bytes);

	if (*fd < 0)
		*fd = http_connect(&fixture);
	send(*fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (random_below(random, 2))
		http_settle(&fixture);
	if (random_below(random, 4) == 0)
		shutdown(*fd, SHUT_WR);
	if (random_below(random, 2))
		recv(*fd, bytes, 1 + random_below(random, PIECE_BYTES_MAX), MSG_DONTWAIT);
	if (random_below(random, 4) == 0)
		return; /* it stays, and sends more later */
	if (random_below(random, 2))
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(*fd);
	*fd = -1;
}

/* Returns how many clients there were. */
static unsigned hostile_round(struct random_numbers *random, unsigned count, double seconds, char *bytes)
{
	double end = random_seconds_used() + seconds;
	int fds[HOSTILE_AT_ONCE];
	unsigned done;

	memset(fds, -1, sizeof(fds));
	for (done = 0; done < count && random_seconds_used() < end; done++) {
		hostile_turn(random, &fds[random_below(random, HOSTILE_AT_ONCE)], bytes);
		http_advance(&fixture, random_below(random, 4) ? 0 : 1 + random_next(random) % HTTP_SECOND_NS);
	}
	for (unsigned i = 0; i < HOSTILE_AT_ONCE; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	http_settle(&fixture);
	/* libmicrohttpd does not notice of everyone that he has gone; the time limit does. */
	http_advance(&fixture, TIMEOUT_NS);
	return done;
}

static void hostile_requests_leave_nothing_behind(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	char *bytes = malloc(PIECE_BYTES_MAX + 64);
	struct server_status counts;
	unsigned descriptors, done;
	size_t memory;

	(void)state;
	assert_non_null(bytes);
	hostile_round(&random, 500, HOSTILE_SECONDS, bytes); /* what is allocated once is */
	descriptors = descriptors_open();
	memory = mallinfo2().uordblks;
	done = hostile_round(&random, HOSTILE_CLIENTS, HOSTILE_SECONDS, bytes);
	counts = http_counts(&fixture);
	print_message("%u hostile turns: %llu accepted, %llu refused, %llu requests, %llu errors, %llu cut off\n", done,
		      (unsigned long long)counts.accepted, (unsigned long long)counts.refused,
		      (unsigned long long)counts.requests, (unsigned long long)counts.errors,
		      (unsigned long long)counts.timed_out);
	assert_int_equal(counts.clients, 0);
	assert_int_equal(descriptors_open(), descriptors);
	assert_in_range(mallinfo2().uordblks, 0, memory + 4096);
	/* All that can happen did, or this test holds nothing. */
	assert_true(counts.refused && counts.errors && counts.timed_out && counts.requests > counts.errors);
	check_good();
	free(bytes);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, open_server, close_server)
	const struct CMUnitTest tests[] = {
		SERVED(a_slow_request_gets_408),
		SERVED(a_request_that_is_just_in_time_is_served),
		SERVED(a_silent_client_gets_408),
		SERVED(a_body_that_does_not_come_gets_408),
		SERVED(an_idle_connection_is_closed_in_silence),
		SERVED(a_slow_second_request_gets_408),
		SERVED(a_client_that_does_not_read_is_cut_off),
		SERVED(clients_that_are_too_many_get_503),
		SERVED(clients_that_wait_cost_no_turns),
		SERVED(without_descriptors_the_loop_does_not_turn),
		SERVED(hostile_requests_leave_nothing_behind),
	};

	return cmocka_run_group_tests_name("http_hostile", tests, NULL, NULL);
}
