/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http_fixture.h: a server of HTTP in this process and thread, clients on raw sockets, and a clock that stands still
 * unless a test turns it. Whoever waits turns the server's loop meanwhile.
 */
#ifndef LASTACK_TESTS_HTTP_FIXTURE_H
#define LASTACK_TESTS_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sample_service.h"
#include "serve/http.h"
#include "serve/log.h"

#define HTTP_CLIENTS_MAX 4
#define HTTP_TIMEOUT_S   10
#define HTTP_SECOND_NS   1000000000ULL
#define HTTP_WAIT_MS     10000 /* nothing takes so long, or the test fails */
#define HTTP_REPLY_BYTES (1 << 20)

struct http_fixture {
	struct sample_service sample;
	struct http *http;
	uint64_t now_ns;
	unsigned turns; /* of the loop: each because something was to be done */
};

struct http_reply {
	int status;  /* 0: the connection was closed without one */
	bool closed; /* by the server, after it */
	char head[4096];
	char *body;
	size_t body_bytes;
};

static inline void http_fixture_open(struct http_fixture *fixture, const char *address, uint32_t clients_max)
{
	struct http_config config = {.address = address, .clients_max = clients_max, .timeout_s = HTTP_TIMEOUT_S};
	char why[256] = "";

	log_start(LOG_LEVEL_ERROR);
	sample_service_init(&fixture->sample);
	fixture->http = NULL;
	fixture->now_ns = 1000 * HTTP_SECOND_NS;
	fixture->turns = 0;
	if (http_open(&fixture->http, &config, &fixture->sample.service, why, sizeof(why)))
		fail_msg("%s", why);
}

static inline bool http_readable(int fd, int wait_ms)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, wait_ms) > 0;
}

/* Until there is nothing to be done any more. */
static inline void http_settle(struct http_fixture *fixture)
{
	for (unsigned i = 0; http_readable(http_fd(fixture->http), 0); i++) {
		assert_in_range(i, 0, 100000);
		fixture->turns++;
		http_poll(fixture->http, fixture->now_ns);
	}
}

/* The clock goes on, and the timer of the loop expires. */
static inline void http_advance(struct http_fixture *fixture, uint64_t span_ns)
{
	fixture->now_ns += span_ns;
	http_poll(fixture->http, fixture->now_ns);
	http_settle(fixture);
}

static inline int http_connect(struct http_fixture *fixture)
{
	const char *address = http_address(fixture->http);
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	struct sockaddr_un *local = (struct sockaddr_un *)&storage;
	socklen_t length = sizeof(*v4);
	int fd;

	storage.ss_family = !strncmp(address, "unix:", 5) ? AF_UNIX : *address == '[' ? AF_INET6 : AF_INET;
	if (storage.ss_family == AF_UNIX) {
		strcpy(local->sun_path, address + 5);
		length = sizeof(*local);
	} else if (storage.ss_family == AF_INET6) {
		v6->sin6_addr = in6addr_loopback;
		v6->sin6_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
		length = sizeof(*v6);
	} else {
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		v4->sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
	}
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&storage, length), 0);
	return fd;
}

/* All of it, or as much as is taken before the connection is closed. */
static inline void http_send(struct http_fixture *fixture, int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return;
		bytes += sent > 0 ? sent : 0;
		length -= sent > 0 ? (size_t)sent : 0;
		http_settle(fixture);
	}
}

/* Waits for more, and turns the server's loop meanwhile. Returns what recv() does: 0 at the end, also after a reset. */
static inline size_t http_receive(struct http_fixture *fixture, int fd, char *bytes, size_t size)
{
	for (;;) {
		struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = http_fd(fixture->http), .events = POLLIN}};
		ssize_t length;

		if (poll(both, 2, HTTP_WAIT_MS) <= 0)
			fail_msg("no reply");
		if (both[1].revents)
			http_settle(fixture);
		if (!both[0].revents)
			continue;
		length = recv(fd, bytes, size, 0);
		return length < 0 ? 0 : (size_t)length;
	}
}

static inline const char *http_header(const struct http_reply *reply, const char *name)
{
	static char value[256];
	const char *at = reply->head;

	while ((at = strstr(at, "\r\n"))) {
		at += 2;
		if (!strncasecmp(at, name, strlen(name)) && at[strlen(name)] == ':') {
			at += strlen(name) + 1;
			at += strspn(at, " ");
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
			return value;
		}
	}
	return NULL;
}

/* The head of a reply, byte by byte, so that what follows stays where it is. */
static inline struct http_reply http_head_read(struct http_fixture *fixture, int fd)
{
	struct http_reply reply = {0};

	for (size_t length = 0; !strstr(reply.head, "\r\n\r\n"); length++) {
		assert_in_range(length, 0, sizeof(reply.head) - 2);
		if (http_receive(fixture, fd, reply.head + length, 1))
			continue;
		assert_int_equal(length, 0); /* not in the middle of it */
		reply.closed = true;
		return reply;
	}
	assert_int_equal(sscanf(reply.head, "HTTP/1.%*1[01] %3d ", &reply.status), 1);
	reply.closed = http_header(&reply, "Connection") && !strcasecmp(http_header(&reply, "Connection"), "close");
	return reply;
}

/* One reply, whole, and the end of the connection where it says so. body must be freed. */
static inline struct http_reply http_reply_read(struct http_fixture *fixture, int fd, bool head_only)
{
	struct http_reply reply = http_head_read(fixture, fd);
	char more;

	if (!reply.status)
		return reply;
	assert_non_null(http_header(&reply, "Content-Length"));
	reply.body_bytes = strtoul(http_header(&reply, "Content-Length"), NULL, 10);
	reply.body = calloc(1, reply.body_bytes + 1);
	assert_non_null(reply.body);
	for (size_t at = 0, got; !head_only && at < reply.body_bytes; at += got) {
		got = http_receive(fixture, fd, reply.body + at, reply.body_bytes - at);
		assert_int_not_equal(got, 0);
	}
	if (reply.closed)
		assert_int_equal(http_receive(fixture, fd, &more, 1), 0);
	return reply;
}

/* One request on a connection of its own; the head of the reply. */
static inline struct http_reply http_ask(struct http_fixture *fixture, const char *request, size_t length)
{
	int fd = http_connect(fixture);
	struct http_reply reply;

	http_send(fixture, fd, request, length);
	reply = http_head_read(fixture, fd);
	close(fd);
	http_settle(fixture);
	return reply;
}

static inline struct server_status http_counts(const struct http_fixture *fixture)
{
	struct server_status status;

	http_status(fixture->http, &status);
	return status;
}

#endif
