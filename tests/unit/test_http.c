// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_http.c: what is asked in the right way and what is not, each with its status; pages and their headers; several
 * requests on one connection. Slow, many and hostile clients are in test_http_hostile.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "http_fixture.h"

#define LOOPBACK "127.0.0.1:0"
#define HOST     "Host: x\r\n\r\n"

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

static struct http_reply ask_on(int fd, const char *request)
{
	http_send(&fixture, fd, request, strlen(request));
	return http_reply_read(&fixture, fd, !strncmp(request, "HEAD ", 5));
}

static void pages_are_served(void **state)
{
	static const struct {
		const char *request, *type, *words;
		int status;
	} rows[] = {
		{"GET / HTTP/1.1\r\n" HOST, "text/plain; charset=utf-8", "/metrics", 200},
		{"GET /metrics HTTP/1.1\r\n" HOST, "text/plain; version=0.0.4; charset=utf-8",
		 "lastack_build_info{version=\"1.2.3\",kernel=\"6.18.0\"} 1\n", 200},
		{"GET /metrics?x=%20 HTTP/1.1\r\n" HOST, "text/plain; version=0.0.4; charset=utf-8",
		 "\nlastack_ready 1\n", 200},
		{"GET /%6detrics HTTP/1.1\r\n" HOST, "text/plain; version=0.0.4; charset=utf-8", "\nlastack_ready 1\n",
		 200},
		{"GET http://x/healthz HTTP/1.1\r\n" HOST, "text/plain; charset=utf-8", "ok\n", 200},
		{"GET HTTP://x HTTP/1.1\r\n" HOST, "text/plain; charset=utf-8", "/readyz", 200},
		{"GET /healthz HTTP/1.1\r\nContent-Length: 3\r\nHost: x\r\n\r\nabc", "text/plain; charset=utf-8",
		 "ok\n", 200},
		{"GET /healthz HTTP/1.0\r\n\r\n", "text/plain; charset=utf-8", "ok\n", 200},
		{"GET /readyz HTTP/1.1\r\n" HOST, "text/plain; charset=utf-8", "ok\n", 200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = http_connect(&fixture);
		struct http_reply reply = ask_on(fd, rows[i].request);

		assert_int_equal(reply.status, rows[i].status);
		assert_string_equal(http_header(&reply, "Content-Type"), rows[i].type);
		assert_non_null(strstr(reply.body, rows[i].words));
		free(reply.body);
		close(fd);
		http_settle(&fixture);
	}
	assert_int_equal(http_counts(&fixture).requests, sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(http_counts(&fixture).errors, 0);
	assert_int_equal(http_counts(&fixture).clients, 0);
	assert_int_equal(fixture.sample.asked, sizeof(rows) / sizeof(rows[0])); /* one snapshot each */
}

static void head_has_the_length_and_no_body(void **state)
{
	int fd = http_connect(&fixture);
	struct http_reply head = ask_on(fd, "HEAD /healthz HTTP/1.1\r\n" HOST), get;

	(void)state;
	assert_int_equal(head.status, 200);
	assert_int_equal(head.body_bytes, strlen("ok\n"));
	/* Were there a body, it would be taken for the beginning of this. */
	get = ask_on(fd, "GET /healthz HTTP/1.1\r\n" HOST);
	assert_int_equal(get.status, 200);
	assert_string_equal(get.body, "ok\n");
	free(head.body);
	free(get.body);
	close(fd);
}

static void connections_are_kept(void **state)
{
	int fd = http_connect(&fixture);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		/* An answered error leaves the connection as it is. */
		struct http_reply reply = ask_on(fd, i % 2 ? "GET /nothing HTTP/1.1\r\n" HOST
							   : "GET /metrics HTTP/1.1\r\n" HOST);

		assert_int_equal(reply.status, i % 2 ? 404 : 200);
		assert_false(reply.closed);
		free(reply.body);
	}
	assert_int_equal(http_counts(&fixture).accepted, 1);
	assert_int_equal(http_counts(&fixture).requests, 20);
	assert_int_equal(http_counts(&fixture).errors, 10);
	free(ask_on(fd, "GET / HTTP/1.1\r\nConnection: close\r\n" HOST).body); /* looks for the end itself */
	close(fd);
}

static void requests_in_one_piece_are_answered_in_order(void **state)
{
	static const char *const paths[] = {"/healthz", "/metrics", "/nothing", "/"};
	static const int statuses[] = {200, 200, 404, 200};
	char requests[64 * 40] = "";
	int fd = http_connect(&fixture);

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		sprintf(requests + strlen(requests), "GET %s HTTP/1.1\r\n" HOST, paths[i % 4]);
	http_send(&fixture, fd, requests, strlen(requests));
	for (unsigned i = 0; i < 40; i++) {
		struct http_reply reply = http_reply_read(&fixture, fd, false);

		assert_int_equal(reply.status, statuses[i % 4]);
		assert_true((i % 4 == 0) == !strcmp(reply.body, "ok\n"));
		free(reply.body);
	}
	close(fd);
	http_settle(&fixture);
	assert_int_equal(http_counts(&fixture).requests, 40);
}

static void what_is_wrong_has_its_status(void **state)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{"GET /nothing HTTP/1.1\r\n" HOST, 404},
		{"GET /metrics/ HTTP/1.1\r\n" HOST, 404},
		{"GET /METRICS HTTP/1.1\r\n" HOST, 404},
		{"GET //metrics HTTP/1.1\r\n" HOST, 404},
		{"GET /../metrics HTTP/1.1\r\n" HOST, 404},
		{"HEAD /nothing HTTP/1.1\r\n" HOST, 404},
		{"POST /nothing HTTP/1.1\r\nContent-Length: 0\r\n" HOST, 404},
		{"OPTIONS * HTTP/1.1\r\n" HOST, 404},
		{"GET http:// HTTP/1.1\r\n" HOST, 200}, /* the near miss: an empty authority, but the root */
		{"GET https://x/metrics HTTP/1.1\r\n" HOST, 404},
		{"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n" HOST, 405},
		{"POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n" HOST, 405},
		{"PUT / HTTP/1.1\r\nContent-Length: 1\r\n" HOST "x", 405},
		{"DELETE /healthz HTTP/1.1\r\n" HOST, 405},
		{"OPTIONS /metrics HTTP/1.1\r\n" HOST, 405},
		{"TRACE /metrics HTTP/1.1\r\n" HOST, 405},
		{"get /metrics HTTP/1.1\r\n" HOST, 405}, /* methods are case-sensitive */
		{"GET /metrics HTTP/1.1\r\n\r\n", 400},
		{"GET /metrics HTTP/1.0\r\n\r\n", 200},
		{"GET /metrics HTTP/1.1\r\nContent-Length: abc\r\n" HOST, 400},
		{"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n" HOST, 400},
		{"GET /metrics HTTP/1.1\r\nContent-Length: 1025\r\n" HOST, 413},
		{"GET /metrics HTTP/1.1\r\nContent-Length: 9999999999\r\n" HOST, 413},
		{"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n" HOST, 413},
		{"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST, 411},
		{"GET /metrics HTTP/2.0\r\n" HOST, 505},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"GET /metrics HTTP/1.1 \r\n" HOST, 400},
		{"GET /metrics\r\n\r\n", 400},
		{"GET /metrics JTTP/1.1\r\n" HOST, 400},
		{"GET /metrics HTTP/1.1\r\nno colon\r\n" HOST, 400},
		{"\x16\x03\x01\x02\r\n\r\n", 0}, /* TLS: no line of a request at all */
		{"SSH-2.0-x\r\n\r\n", 0},
	};
	uint64_t errors = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_reply reply = http_ask(&fixture, rows[i].request, strlen(rows[i].request));

		if (reply.status != rows[i].status)
			fail_msg("%s -> %d", rows[i].request, reply.status);
		if (reply.status == 405)
			assert_string_equal(http_header(&reply, "Allow"), "GET, HEAD");
		errors += reply.status >= 400;
		assert_int_equal(http_counts(&fixture).errors, errors);
	}
	assert_int_equal(http_counts(&fixture).clients, 0);
}

/* A request line, or a header, of `bytes` bytes. */
static int ask_large(const char *begin, size_t bytes, const char *end)
{
	char *request = malloc(strlen(begin) + bytes + strlen(end));
	struct http_reply reply;

	assert_non_null(request);
	memcpy(request, begin, strlen(begin));
	memset(request + strlen(begin), 'a', bytes);
	memcpy(request + strlen(begin) + bytes, end, strlen(end));
	reply = http_ask(&fixture, request, strlen(begin) + bytes + strlen(end));
	free(request);
	return reply.status;
}

static void what_is_too_large_has_its_status(void **state)
{
	(void)state;
	assert_int_equal(ask_large("GET /metrics?", 4000, " HTTP/1.1\r\n" HOST), 200);
	assert_int_equal(ask_large("GET /metrics?", 20000, " HTTP/1.1\r\n" HOST), 414);
	assert_int_equal(ask_large("GET /metrics HTTP/1.1\r\nX: ", 4000, "\r\n" HOST), 200);
	assert_int_equal(ask_large("GET /metrics HTTP/1.1\r\nX: ", 20000, "\r\n" HOST), 431);
	assert_int_equal(ask_large("GET /metrics HTTP/1.1\r\nContent-Length: 1024\r\n" HOST, 1024, ""), 200);
	assert_int_equal(ask_large("GET /metrics HTTP/1.1\r\nContent-Length: 1025\r\n" HOST, 1025, ""), 413);
	assert_int_equal(http_counts(&fixture).errors, 3);
}

static void check_readiness(int status, const char *words)
{
	int fd = http_connect(&fixture);
	struct http_reply reply = ask_on(fd, "GET /readyz HTTP/1.1\r\n" HOST);

	assert_int_equal(reply.status, status);
	assert_string_equal(reply.body, words);
	free(reply.body);
	close(fd);
	http_settle(&fixture);
}

static void readiness_says_what_is_missing(void **state)
{
	struct service_status *status = &fixture.sample.status;

	(void)state;
	check_readiness(200, "ok\n");
	status->ready = false;
	check_readiness(503, "not ready: starting\n");
	status->ready = status->stopping = true;
	check_readiness(503, "not ready: stopping\n");
	status->stopping = false;
	/* A history that cannot be written is told, and that is all. */
	status->history.state = HISTORY_FAILING;
	strcpy(status->history.why, "disk \x1b full");
	check_readiness(200, "ok\nhistory is not written: disk ? full\n");
	status->has_files = status->files.failing = true;
	strcpy(status->files.why, "no room");
	check_readiness(200, "ok\nhistory is not written: disk ? full\nreport files are not written: no room\n");
	status->has_history = status->has_files = false;
	check_readiness(200, "ok\n");
	status->has_history = true;
	status->history.state = HISTORY_DISCARDED; /* it is written again */
	check_readiness(200, "ok\n");
	/* That it is not ready is news, not an error of the request. */
	assert_int_equal(http_counts(&fixture).errors, 0);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, open_server, close_server)
	const struct CMUnitTest tests[] = {
		SERVED(pages_are_served),
		SERVED(head_has_the_length_and_no_body),
		SERVED(connections_are_kept),
		SERVED(requests_in_one_piece_are_answered_in_order),
		SERVED(what_is_wrong_has_its_status),
		SERVED(what_is_too_large_has_its_status),
		SERVED(readiness_says_what_is_missing),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
