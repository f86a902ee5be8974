/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_fixture.h: the control socket in this process for tests: a tracker fed by events, real sockets, and clients
 * that take turns with the server. The server's clock is the test's.
 */
#ifndef LASTACK_TESTS_CONTROL_FIXTURE_H
#define LASTACK_TESTS_CONTROL_FIXTURE_H

#include "core_fixture.h"
#include "random_numbers.h"
#include "sample_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "report/report_read.h"
#include "serve/control_internal.h"

#define CLIENTS_MAX 8
#define TIMEOUT_NS  (5 * NS_PER_S)
#define LINE_MAX_IN 65536

static struct {
	struct fixture fixture;
	struct control *control;
	struct service service;
	struct report_context context;
	struct totals totals;
	unsigned refreshed;
	uint64_t now_ns;
	char directory[32], path[64];
} s;

static inline void service_status_get(void *arg, struct service_status *status)
{
	static const struct service_hook hooks[] = {{"state change", "tp_btf/inet_sock_set_state", "tracepoint"},
						    {"probe", NULL, NULL}};

	(void)arg;
	status->version = "0.1.0";
	status->kernel = "6.12.1";
	status->host = "web1";
	status->pid = 4711;
	status->uptime_ns = 3600 * NS_PER_S;
	status->ready = true;
	status->live = tracker_live(s.fixture.tracker);
	tracker_live_by_state(s.fixture.tracker, status->live_by_state);
	status->tracker = tracker_stats(s.fixture.tracker);
	status->totals = &s.totals;
	status->hooks = hooks;
	status->hook_count = 2;
	status->diagnoses = 1;
	status->findings.findings[FINDING_CLOSE_WAIT_LEAK][CERTAINTY_POSSIBLE] = 2;
	status->findings.findings[FINDING_CLOSE_WAIT_LEAK][CERTAINTY_LIKELY] = 1;
	control_status(s.control, &status->control);
}

static inline void service_refresh(void *arg)
{
	(void)arg;
	s.refreshed++;
}

static const char *cgroup_path(void *arg, uint64_t cgroup)
{
	(void)arg;
	return cgroup == 7 ? "/system.slice/nginx.service" : NULL;
}

static inline void tracker_begin(uint32_t max_connections)
{
	struct tracker_config config = {max_connections, SETTLE_MS * NS_PER_MS, TICK_NS, 42, true};

	s.fixture.tracker = tracker_create(&config, fixture_keep, &s.fixture);
	assert_non_null(s.fixture.tracker);
}

static inline void control_begin(void)
{
	struct control_config config = {s.path, 0666, (gid_t)-1, CLIENTS_MAX, TIMEOUT_NS};
	char why[256] = "";

	s.service = (struct service){
		.status = service_status_get,
		.refresh = service_refresh,
		.tracker = s.fixture.tracker,
		.context = &s.context,
		.lists = true,
	};
	if (control_open(&s.control, &config, &s.service, why, sizeof(why)))
		fail_msg("%s", why);
}

static inline void begin_with(uint32_t max_connections)
{
	memset(&s, 0, sizeof(s));
	s.now_ns = AT(100000);
	s.context = (struct report_context){
		.host = "web1",
		.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS,
		.cgroup_path = cgroup_path,
	};
	strcpy(s.directory, "/tmp/lastack-test-XXXXXX");
	assert_non_null(mkdtemp(s.directory));
	assert_int_equal(chmod(s.directory, 0755), 0);
	snprintf(s.path, sizeof(s.path), "%s/control", s.directory);
	tracker_begin(max_connections);
	control_begin();
}

static inline void begin(void)
{
	begin_with(1000);
}

static inline void end(void)
{
	control_close(s.control);
	assert_int_equal(access(s.path, F_OK), -1);
	assert_int_equal(rmdir(s.directory), 0);
	fixture_end(&s.fixture);
}

static inline struct server_status counters(void)
{
	struct server_status status;

	control_status(s.control, &status);
	return status;
}

/* ---- clients ------------------------------------------------------------------------------------------ */

struct client {
	int fd;
	char in[LINE_MAX_IN + 1];
	size_t length, taken;
};

/* What the loop does: waits until something is to be done, but not for ever. */
static inline void turn(int wait_ms)
{
	struct pollfd readable = {.fd = control_fd(s.control), .events = POLLIN};

	poll(&readable, 1, wait_ms);
	control_poll(s.control, s.now_ns);
}

static inline void turns(unsigned count)
{
	while (count--)
		turn(0);
}

static inline void client_open(struct client *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	client->length = client->taken = 0;
	strcpy(address.sun_path, s.path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(client->fd >= 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turns(2);
}

static inline void client_close(struct client *client)
{
	close(client->fd);
	turns(2);
}

static inline void client_send_bytes(struct client *client, const void *bytes, size_t length)
{
	assert_int_equal(send(client->fd, bytes, length, MSG_NOSIGNAL), length);
}

static inline void ask(struct client *client, const char *request)
{
	client_send_bytes(client, request, strlen(request));
	client_send_bytes(client, "\n", 1);
}

/* The next line, while the server goes on; NULL: it closed the connection. Lives until the next call. */
static inline char *line_next(struct client *client)
{
	for (unsigned i = 0; i < 100000; i++) {
		char *from = client->in + client->taken;
		char *end = memchr(from, '\n', client->length - client->taken);
		ssize_t got;

		if (end) {
			*end = '\0';
			client->taken = (size_t)(end - client->in) + 1;
			return from;
		}
		memmove(client->in, from, client->length -= client->taken);
		client->taken = 0;
		assert_true(client->length < LINE_MAX_IN);
		got = recv(client->fd, client->in + client->length, LINE_MAX_IN - client->length, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return NULL;
		if (got > 0)
			client->length += (size_t)got;
		else
			turn(10);
	}
	fail_msg("no line came");
	return NULL;
}

static inline json_t *object_next(struct client *client)
{
	char *line = line_next(client), why[160];
	json_t *object;

	assert_non_null(line);
	object = report_line_load(line, strlen(line), why, sizeof(why));
	if (!object)
		fail_msg("%s: %s", why, line);
	return object;
}

static inline void assert_error(struct client *client, const char *code)
{
	json_t *object = object_next(client);

	if (!report_member_text(object, "error", "code"))
		fail_msg("no error: %s", json_dumps(object, 0));
	assert_string_equal(report_member_text(object, "error", "code"), code);
	assert_non_null(report_member_text(object, "error", "message"));
	json_decref(object);
}

/* Lines until the end; returns how many, with those that were taken already. */
static inline uint64_t lines_rest(struct client *client, uint64_t count)
{
	static const char ending[] = "{\"end\":{\"lines\":";

	for (;; count++) {
		char *line = line_next(client);

		assert_non_null(line);
		if (strstr(line, "{\"error\""))
			fail_msg("%s", line);
		if (!strncmp(line, ending, strlen(ending))) {
			assert_int_equal(strtoull(line + strlen(ending), NULL, 10), count);
			return count;
		}
	}
}

static inline uint64_t lines_take(struct client *client)
{
	return lines_rest(client, 0);
}

static inline uint64_t ask_count(struct client *client, const char *request)
{
	ask(client, request);
	return lines_take(client);
}

static inline void assert_served(void)
{
	struct client client;

	client_open(&client);
	assert_int_equal(ask_count(&client, "{\"verb\":\"status\"}"), 1);
	client_close(&client);
}

/* ---- what lives --------------------------------------------------------------------------------------- */

static inline void clients_open(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		client_opens(&s.fixture, 10 + i, 1000 + i, (uint16_t)(40000 + i % 20000));
}

static inline void report_make(uint16_t remote_port)
{
	struct connection_report report = sample_report_full();

	report.remote_port = remote_port;
	control_report(s.control, &report, NULL);
}

#endif
