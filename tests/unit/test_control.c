/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_control.c: the control socket in this process: a tracker fed by events, real sockets, and clients that behave
 * well, badly, slowly, or not at all. Server and clients take turns; the server's clock is the test's.
 */
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

static void service_status_get(void *arg, struct service_status *status)
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
	control_status(s.control, &status->control);
}

static void service_refresh(void *arg)
{
	(void)arg;
	s.refreshed++;
}

static const char *cgroup_path(void *arg, uint64_t cgroup)
{
	(void)arg;
	return cgroup == 7 ? "/system.slice/nginx.service" : NULL;
}

static void tracker_begin(uint32_t max_connections)
{
	struct tracker_config config = {max_connections, SETTLE_MS * NS_PER_MS, TICK_NS, 42, true};

	s.fixture.tracker = tracker_create(&config, fixture_keep, &s.fixture);
	assert_non_null(s.fixture.tracker);
}

static void control_begin(void)
{
	struct control_config config = {s.path, 0666, (gid_t)-1, CLIENTS_MAX, TIMEOUT_NS};
	char why[256] = "";

	s.service = (struct service){
		.status = service_status_get,
		.refresh = service_refresh,
		.tracker = s.fixture.tracker,
		.context = &s.context,
	};
	if (control_open(&s.control, &config, &s.service, why, sizeof(why)))
		fail_msg("%s", why);
}

static void begin_with(uint32_t max_connections)
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

static void begin(void)
{
	begin_with(1000);
}

static void end(void)
{
	control_close(s.control);
	assert_int_equal(access(s.path, F_OK), -1);
	assert_int_equal(rmdir(s.directory), 0);
	fixture_end(&s.fixture);
}

static struct server_status counters(void)
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
static void turn(int wait_ms)
{
	struct pollfd readable = {.fd = control_fd(s.control), .events = POLLIN};

	poll(&readable, 1, wait_ms);
	control_poll(s.control, s.now_ns);
}

static void turns(unsigned count)
{
	while (count--)
		turn(0);
}

static void client_open(struct client *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	client->length = client->taken = 0;
	strcpy(address.sun_path, s.path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(client->fd >= 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turns(2);
}

static void client_close(struct client *client)
{
	close(client->fd);
	turns(2);
}

static void client_send_bytes(struct client *client, const void *bytes, size_t length)
{
	assert_int_equal(send(client->fd, bytes, length, MSG_NOSIGNAL), length);
}

static void ask(struct client *client, const char *request)
{
	client_send_bytes(client, request, strlen(request));
	client_send_bytes(client, "\n", 1);
}

/* The next line, while the server goes on; NULL: it closed the connection. Lives until the next call. */
static char *line_next(struct client *client)
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

static json_t *object_next(struct client *client)
{
	char *line = line_next(client), why[160];
	json_t *object;

	assert_non_null(line);
	object = report_line_load(line, strlen(line), why, sizeof(why));
	if (!object)
		fail_msg("%s: %s", why, line);
	return object;
}

static void assert_error(struct client *client, const char *code)
{
	json_t *object = object_next(client);

	if (!report_member_text(object, "error", "code"))
		fail_msg("no error: %s", json_dumps(object, 0));
	assert_string_equal(report_member_text(object, "error", "code"), code);
	assert_non_null(report_member_text(object, "error", "message"));
	json_decref(object);
}

/* Lines until the end; returns how many, with those that were taken already. */
static uint64_t lines_rest(struct client *client, uint64_t count)
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

static uint64_t lines_take(struct client *client)
{
	return lines_rest(client, 0);
}

static uint64_t ask_count(struct client *client, const char *request)
{
	ask(client, request);
	return lines_take(client);
}

static void assert_served(void)
{
	struct client client;

	client_open(&client);
	assert_int_equal(ask_count(&client, "{\"verb\":\"status\"}"), 1);
	client_close(&client);
}

/* ---- the verbs ---------------------------------------------------------------------------------------- */

static void clients_open(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		client_opens(&s.fixture, 10 + i, 1000 + i, (uint16_t)(40000 + i % 20000));
}

static void list_tells_what_lives(void **state)
{
	struct event_existing listed = make_existing(2000, 1000, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(40000));
	struct client client;
	json_t *line;

	(void)state;
	begin();
	clients_open(3);
	listed.unread_bytes = 300;
	feed(&s.fixture, &listed);
	FEED(&s.fixture, make_state(3000, 1001, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	client_open(&client);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\"}"), 3);
	assert_int_equal(s.refreshed, 1);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"state\":\"ESTABLISHED\"}}"), 2);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"limit\":2}"), 2);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"local_port\":40001}}"), 1);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"local_port\":\"1-39999,40002\"}}"), 1);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"remote_port\":[80,443]}}"), 3);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"remote_port\":443}}"), 0);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"remote\":\"10.0.0.2\"}}"), 3);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"remote\":\"10.0.0.3\"}}"), 0);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"local\":\"10.0.0.2\"}}"), 0);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"family\":\"ipv6\"}}"), 0);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"pid\":[1,100],\"comm\":\"client\"}}"), 3);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"comm\":\"server\"}}"), 0);
	assert_int_equal(ask_count(&client,
				   "{\"verb\":\"list\",\"filter\":{\"cgroup\":\"/system.slice/nginx.service\"}}"),
			 3);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"cgroup\":\"/other\"}}"), 0);
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\",\"filter\":{\"netns\":4026531840}}"), 3);
	ask(&client, "{\"verb\":\"list\",\"filter\":{\"local_port\":40000}}");
	line = object_next(&client);
	assert_string_equal(report_member_text(line, NULL, "state"), "ESTABLISHED");
	assert_int_equal(report_member_number(line, NULL, "cookie", 0), 1000);
	assert_int_equal(report_member_number(line, NULL, "age_us", 0), (100000 - 10) * 1000);
	assert_int_equal(report_member_number(line, NULL, "state_age_us", 0), (100000 - 12) * 1000);
	assert_int_equal(report_member_number(line, NULL, "unread_bytes", 0), 300);
	assert_int_equal(report_member_number(line, NULL, "facts_age_us", 0), (100000 - 2000) * 1000);
	assert_string_equal(report_member_text(line, "process", "cgroup"), "/system.slice/nginx.service");
	json_decref(line);
	assert_int_equal(lines_rest(&client, 1), 1);
	client_close(&client);
	end();
}

static void status_tells_owners_and_states(void **state)
{
	struct client client;
	json_t *line, *top;

	(void)state;
	begin();
	clients_open(5);
	s.totals.ended[CAUSE_RST_RECEIVED] = 3;
	s.totals.ended[CAUSE_RST_SENT_LINGER] = 1;
	client_open(&client);
	ask(&client, "{\"verb\":\"status\"}");
	line = object_next(&client);
	assert_int_equal(report_member_number(line, "connections", "live", 0), 5);
	assert_int_equal(report_member_number(line, "connections", "ended", 0), 4);
	assert_int_equal(report_member_number(json_object_get(line, "connections"), "states", "ESTABLISHED", 0), 5);
	assert_int_equal(report_member_number(json_object_get(line, "ended"), "class", "reset", 0), 4);
	assert_int_equal(report_member_number(json_object_get(line, "ended"), "cause", "rst_received", 0), 3);
	assert_null(report_member(json_object_get(line, "ended"), "cause", "refused"));
	top = json_array_get(json_object_get(json_object_get(line, "owners"), "top"), 0);
	assert_string_equal(report_member_text(top, NULL, "comm"), "client");
	assert_int_equal(report_member_number(top, NULL, "live", 0), 5);
	assert_int_equal(report_member_number(line, "control", "clients", 0), 1);
	assert_int_equal(report_member_number(line, "control", "requests", 0), 1);
	json_decref(line);
	client_close(&client);
	end();
}

static void show_finds_what_lives(void **state)
{
	struct client client;
	json_t *line;

	(void)state;
	begin();
	clients_open(40);
	client_open(&client);
	ask(&client, "{\"verb\":\"show\",\"id\":\"1007\"}");
	line = object_next(&client);
	assert_true(json_is_true(json_object_get(line, "live")));
	assert_int_equal(report_member_number(line, NULL, "cookie", 0), 1007);
	assert_string_equal(report_member_text(line, NULL, "state"), "ESTABLISHED");
	assert_null(report_member(line, NULL, "class"));
	assert_null(report_member(line, NULL, "end_us"));
	json_decref(line);
	assert_int_equal(lines_rest(&client, 1), 1);
	/* All of them have the same numbers. */
	assert_int_equal(ask_count(&client, "{\"verb\":\"show\",\"id\":\"000003e8-000007d0\"}"), 40);
	ask(&client, "{\"verb\":\"show\",\"id\":\"000003e8-000007d1\"}");
	assert_error(&client, "not_found");
	ask(&client, "{\"verb\":\"show\",\"id\":\"18446744073709551615\"}");
	assert_error(&client, "not_found");
	/* What has ended does not live, though it is held. */
	closes_first(&s.fixture, 5000, 1007, 0);
	ask(&client, "{\"verb\":\"show\",\"id\":\"1007\"}");
	assert_error(&client, "not_found");
	client_close(&client);
	end();
}

/* ---- following ---------------------------------------------------------------------------------------- */

static void report_make(uint16_t remote_port)
{
	struct connection_report report = sample_report_full();

	report.remote_port = remote_port;
	control_report(s.control, &report, NULL);
}

static void follow_tells_each_report(void **state)
{
	struct client all, some;
	json_t *line;

	(void)state;
	begin();
	client_open(&all);
	client_open(&some);
	report_make(1); /* for nobody */
	ask(&all, "{\"verb\":\"follow\"}");
	ask(&some, "{\"verb\":\"follow\",\"filter\":{\"remote_port\":443,\"class\":[\"graceful\",\"reset\"]}}");
	json_decref(object_next(&all));
	json_decref(object_next(&some));
	report_make(80);
	report_make(443);
	line = object_next(&all);
	assert_int_equal(report_member_number(line, NULL, "remote_port", 0), 80);
	json_decref(line);
	line = object_next(&all);
	assert_int_equal(report_member_number(line, NULL, "remote_port", 0), 443);
	json_decref(line);
	line = object_next(&some);
	assert_int_equal(report_member_number(line, NULL, "remote_port", 0), 443);
	json_decref(line);
	/* Who takes what comes may wait for ever. */
	s.now_ns += 100 * TIMEOUT_NS;
	turns(3);
	report_make(80);
	json_decref(object_next(&all));
	assert_int_equal(counters().clients, 2);
	client_close(&all);
	client_close(&some);
	assert_int_equal(counters().clients, 0);
	end();
}

#define FLOOD 3000 /* reports: more than one client's buffer and a socket's hold */

static void slow_follower_loses_and_is_told(void **state)
{
	uint64_t before = 0, dropped = 0, after = 0;
	struct client slow, good;
	json_t *line;

	(void)state;
	begin();
	client_open(&slow);
	client_open(&good);
	ask(&slow, "{\"verb\":\"follow\"}");
	ask(&good, "{\"verb\":\"follow\"}");
	json_decref(object_next(&slow));
	json_decref(object_next(&good));
	for (unsigned i = 0; i < FLOOD; i++) {
		report_make(80);
		assert_non_null(line_next(&good));
	}
	assert_true(counters().dropped > 0);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++)
		if (s.control->clients[i])
			assert_true(client_backlog(s.control->clients[i]) <= OUT_BYTES_MAX);
	while (!dropped) {
		line = object_next(&slow);
		dropped = (uint64_t)report_member_number(line, NULL, "dropped", 0);
		before += !dropped;
		json_decref(line);
	}
	assert_int_equal(dropped, counters().dropped);
	assert_int_equal(before + dropped, FLOOD);
	report_make(443);
	line = object_next(&slow);
	after = (uint64_t)report_member_number(line, NULL, "remote_port", 0);
	assert_int_equal(after, 443);
	json_decref(line);
	client_close(&slow);
	client_close(&good);
	end();
}

static void follower_that_takes_nothing_is_cut_off(void **state)
{
	struct client slow;

	(void)state;
	begin();
	client_open(&slow);
	ask(&slow, "{\"verb\":\"follow\"}");
	json_decref(object_next(&slow));
	for (unsigned i = 0; i < FLOOD; i++) {
		report_make(80);
		turn(0);
	}
	s.now_ns += TIMEOUT_NS - 1;
	turns(2);
	assert_int_equal(counters().clients, 1);
	s.now_ns += 2;
	turns(2);
	assert_int_equal(counters().clients, 0);
	assert_int_equal(counters().timed_out, 1);
	close(slow.fd);
	end();
}

/* ---- clients that misbehave --------------------------------------------------------------------------- */

static void wrong_requests_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"verb\":1}",
		"{\"verb\":\"dance\"}",
		"{\"verb\":\"status\"",
		"{\"verb\":\"status\"}{}",
		"{\"verb\":\"status\",\"verb\":\"list\"}",
		"{\"verb\":\"status\",\"filter\":{}}",
		"{\"verb\":\"list\",\"filter\":[]}",
		"{\"verb\":\"list\",\"filter\":{\"class\":\"reset\"}}",
		"{\"verb\":\"follow\",\"filter\":{\"state\":\"LISTEN\"}}",
		"{\"verb\":\"list\",\"filter\":{\"state\":\"SLEEPING\"}}",
		"{\"verb\":\"list\",\"filter\":{\"pid\":\"1\"}}",
		"{\"verb\":\"list\",\"filter\":{\"pid\":[]}}",
		"{\"verb\":\"list\",\"filter\":{\"pid\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}",
		"{\"verb\":\"list\",\"filter\":{\"pid\":-1}}",
		"{\"verb\":\"list\",\"filter\":{\"local_port\":0}}",
		"{\"verb\":\"list\",\"filter\":{\"local_port\":65536}}",
		"{\"verb\":\"list\",\"filter\":{\"remote\":\"example.org\"}}",
		"{\"verb\":\"list\",\"filter\":{\"family\":5}}",
		"{\"verb\":\"list\",\"limit\":0}",
		"{\"verb\":\"list\",\"limit\":1e3}",
		"{\"verb\":\"show\"}",
		"{\"verb\":\"show\",\"id\":7}",
		"{\"verb\":\"show\",\"id\":\"0\"}",
		"{\"verb\":\"show\",\"id\":\"99999999999999999999\"}",
		"{\"verb\":\"show\",\"id\":\"00000000-0000000g\"}",
		"{\"verb\":\"show\",\"id\":\"\\u0000\"}",
		"{\"verb\":\"history\",\"group_by\":[]}",
		"{\"verb\":\"history\",\"group_by\":\"weather\"}",
		"{\"verb\":\"history\",\"since_us\":-1}",
		"{\"verb\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
		"\xff\xfe",
	};
	struct client client;
	json_t *line;

	(void)state;
	begin();
	client_open(&client);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ask(&client, wrong[i]);
		assert_error(&client, "bad_request");
	}
	assert_int_equal(counters().errors, sizeof(wrong) / sizeof(wrong[0]));
	/* The key is named, so that its writer finds it. */
	ask(&client, "{\"verb\":\"list\",\"filtre\":{}}");
	line = object_next(&client);
	assert_non_null(strstr(report_member_text(line, "error", "message"), "filtre"));
	json_decref(line);
	ask(&client, "{\"verb\":\"history\"}");
	assert_error(&client, "no_history");
	client_send_bytes(&client, "{\"verb\":\0\"list\"}\n", 17);
	assert_error(&client, "bad_request");
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\"}"), 0);
	client_close(&client);
	end();
}

static void lines_in_pieces_and_too_long(void **state)
{
	static const char request[] = "{\"verb\":\"status\"}\n{\"verb\":\"list\"}\n";
	struct client client;
	char *huge = malloc(REQUEST_BYTES);

	(void)state;
	begin();
	client_open(&client);
	for (size_t i = 0; i < strlen(request); i++) {
		client_send_bytes(&client, request + i, 1);
		turn(0);
	}
	assert_int_equal(lines_take(&client), 1);
	assert_int_equal(lines_take(&client), 0);
	/* The longest that there may be is a request; blanks are no harm. */
	memset(huge, ' ', REQUEST_BYTES);
	memcpy(huge, "{\"verb\":\"list\"}", 15);
	huge[REQUEST_BYTES - 1] = '\n';
	client_send_bytes(&client, huge, REQUEST_BYTES);
	assert_int_equal(lines_take(&client), 0);
	huge[REQUEST_BYTES - 1] = ' ';
	client_send_bytes(&client, huge, REQUEST_BYTES);
	assert_error(&client, "too_long");
	assert_null(line_next(&client));
	client_close(&client);
	/* Half a line, and gone. */
	client_open(&client);
	client_send_bytes(&client, "{\"verb\":\"sta", 12);
	client_close(&client);
	assert_int_equal(counters().clients, 0);
	/* No more questions, but the answer is wanted. */
	client_open(&client);
	ask(&client, "{\"verb\":\"status\"}");
	shutdown(client.fd, SHUT_WR);
	assert_int_equal(lines_take(&client), 1);
	assert_null(line_next(&client));
	client_close(&client);
	free(huge);
	end();
}

static void silent_clients_are_cut_off(void **state)
{
	struct client silent, half;

	(void)state;
	begin();
	client_open(&silent);
	client_open(&half);
	s.now_ns += TIMEOUT_NS - 1;
	client_send_bytes(&half, "{", 1); /* a byte now and then is no request */
	turns(2);
	assert_int_equal(counters().clients, 2);
	s.now_ns += 2;
	turns(2);
	assert_int_equal(counters().clients, 0);
	assert_int_equal(counters().timed_out, 2);
	assert_null(line_next(&silent));
	assert_null(line_next(&half));
	close(silent.fd);
	close(half.fd);
	end();
}

#define MANY 50000

static void who_never_reads_holds_up_nobody(void **state)
{
	struct client lazy, good, leaves;
	double began;

	(void)state;
	begin_with(2 * MANY);
	clients_open(MANY);
	client_open(&lazy);
	client_open(&leaves);
	client_open(&good);
	ask(&lazy, "{\"verb\":\"list\"}");
	ask(&leaves, "{\"verb\":\"list\"}");
	turns(50);
	assert_non_null(line_next(&leaves));
	client_close(&leaves);
	assert_int_equal(counters().clients, 2);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++)
		if (s.control->clients[i])
			assert_true(s.control->clients[i]->out.capacity <= 2 * OUT_BYTES_MAX);
	began = random_seconds_used();
	assert_int_equal(ask_count(&good, "{\"verb\":\"list\"}"), MANY);
	printf("list of %d connections: %.0f ms\n", MANY, (random_seconds_used() - began) * 1000);
	assert_int_equal(ask_count(&good, "{\"verb\":\"status\"}"), 1);
	/* It reads after all: nothing is missing. */
	assert_int_equal(lines_take(&lazy), MANY);
	client_close(&lazy);
	client_close(&good);
	end();
}

/* No call takes longer than its slice, with room for a busy machine. */
static void polls_are_short(void **state)
{
	double longest = 0;
	struct client client;
	uint64_t count = 0;

	(void)state;
	begin_with(2 * MANY);
	clients_open(MANY);
	client_open(&client);
	ask(&client, "{\"verb\":\"list\"}");
	for (unsigned i = 0; i < 10000; i++) {
		char room[65536];
		double began = random_seconds_used(), used;

		control_poll(s.control, s.now_ns);
		used = random_seconds_used() - began;
		longest = used > longest ? used : longest;
		while (recv(client.fd, room, sizeof(room), 0) > 0)
			count++;
		if (s.control->clients[0]->phase == CLIENT_WAITS && counters().requests)
			break;
	}
	printf("longest poll: %.1f ms\n", longest * 1000);
	assert_true(count > 0);
	assert_true(longest < 0.05);
	client_close(&client);
	end();
}

#define HOSTILE_LINES 10000

static size_t hostile_line(struct random_numbers *random, char *line, size_t room)
{
	static const char *const pieces[] = {
		"{\"verb\":\"list\"}",
		"{\"verb\":",
		"\"status\"",
		"\"follow\"",
		"}",
		"{",
		"[",
		"]",
		"\"filter\":{",
		"\"pid\":",
		"1e999",
		",",
		":",
		"\"",
		"\\u0000",
		"null",
		"true",
		"-1",
		"\"id\":",
		"\"1000\"",
		"\\",
		"\"show\"",
		"[[[[[[[[",
		"{\"a\":",
		"18446744073709551616",
		"\xc3\x28",
	};
	size_t length = 0;

	for (uint32_t k = random_below(random, 12); k; k--) {
		const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];

		if (length + strlen(piece) + 2 >= room)
			break;
		memcpy(line + length, piece, strlen(piece));
		length += strlen(piece);
		if (random_below(random, 8) == 0)
			line[length++] = (char)random_next(random);
	}
	line[length++] = '\n';
	return length;
}

static void hostile_lines_do_no_harm(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	struct client client;
	char line[512], room[4096];
	double began = random_seconds_used();

	(void)state;
	begin();
	clients_open(20);
	client_open(&client);
	for (unsigned i = 0; i < HOSTILE_LINES; i++) {
		size_t length = hostile_line(&random, line, sizeof(line));

		if (send(client.fd, line, length, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
			client_close(&client);
			client_open(&client);
		}
		turn(0);
		while (recv(client.fd, room, sizeof(room), 0) > 0)
			;
		/* A line that came to be "follow" ends all talk. */
		if (random_below(&random, 64) == 0) {
			client_close(&client);
			client_open(&client);
		}
	}
	client_close(&client);
	assert_served();
	printf("%d hostile lines: %.0f ms\n", HOSTILE_LINES, (random_seconds_used() - began) * 1000);
	assert_true(random_seconds_used() - began < 20);
	end();
}

/* ---- places ------------------------------------------------------------------------------------------- */

static void places_are_bounded(void **state)
{
	struct client clients[CLIENTS_MAX], late;

	(void)state;
	begin();
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_open(&clients[i]);
	client_open(&late);
	assert_error(&late, "too_many_clients");
	assert_null(line_next(&late));
	close(late.fd);
	assert_int_equal(counters().refused, 1);
	assert_int_equal(counters().accepted, CLIENTS_MAX);
	assert_int_equal(ask_count(&clients[3], "{\"verb\":\"list\"}"), 0);
	client_close(&clients[0]);
	assert_served();
	for (unsigned i = 1; i < CLIENTS_MAX; i++)
		client_close(&clients[i]);
	end();
}

/* One user gets half of the places; root gets in nevertheless. */
static void one_user_is_not_all(void **state)
{
	struct client mine;
	pid_t child;
	int hold[2];

	(void)state;
	if (geteuid() != 0)
		skip();
	begin();
	assert_int_equal(pipe(hold), 0);
	child = fork();
	if (child == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		char byte;

		close(hold[1]);
		strcpy(address.sun_path, s.path);
		if (setuid(65534))
			_exit(1);
		for (unsigned i = 0; i < CLIENTS_MAX; i++)
			if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)))
				_exit(2);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 3);
	}
	close(hold[0]);
	for (unsigned i = 0; i < 1000 && counters().accepted + counters().refused < CLIENTS_MAX; i++)
		turn(10);
	assert_int_equal(counters().accepted, CLIENTS_MAX / 2);
	assert_int_equal(counters().refused, CLIENTS_MAX / 2);
	client_open(&mine);
	assert_int_equal(ask_count(&mine, "{\"verb\":\"status\"}"), 1);
	client_close(&mine);
	close(hold[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	turns(4);
	assert_int_equal(counters().clients, 0);
	end();
}

static unsigned descriptors_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void no_descriptor_is_left(void **state)
{
	unsigned before = descriptors_count(), with;
	struct client client;

	(void)state;
	begin();
	with = descriptors_count();
	for (unsigned i = 0; i < 100; i++) {
		client_open(&client);
		ask(&client, i % 2 ? "{\"verb\":\"follow\"}" : "{\"verb\":\"list\"}");
		if (i % 3)
			turn(0);
		client_close(&client);
	}
	turns(5);
	assert_int_equal(descriptors_count(), with);
	/* Those who are there when it ends are told. */
	client_open(&client);
	ask(&client, "{\"verb\":\"follow\"}");
	json_decref(object_next(&client));
	end();
	{
		char *line = NULL;
		ssize_t got = recv(client.fd, client.in, LINE_MAX_IN, 0);

		assert_true(got > 0);
		client.in[got] = '\0';
		line = strstr(client.in, "stopping");
		assert_non_null(line);
	}
	close(client.fd);
	assert_int_equal(descriptors_count(), before);
}

static void dead_sockets_are_replaced(void **state)
{
	struct control_config config = {NULL, 0600, (gid_t)-1, CLIENTS_MAX, TIMEOUT_NS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct control *second = NULL;
	struct stat file;
	char why[256];
	int fd;

	(void)state;
	begin();
	config.path = s.path;
	assert_int_equal(control_open(&second, &config, &s.service, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, s.path));
	assert_null(second);
	assert_served();
	control_close(s.control);
	/* Bound, and its owner is gone. */
	strcpy(address.sun_path, s.path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(control_open(&s.control, &config, &s.service, why, sizeof(why)), 0);
	assert_int_equal(stat(s.path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_served();
	control_close(s.control);
	/* Nobody's file is removed. */
	fd = open(s.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(control_open(&second, &config, &s.service, why, sizeof(why)), -EEXIST);
	assert_int_equal(unlink(s.path), 0);
	config.path = "/tmp/no/such/directory/here";
	assert_int_equal(control_open(&second, &config, &s.service, why, sizeof(why)), -ENOENT);
	control_begin();
	end();
}

/* ---- history ------------------------------------------------------------------------------------------ */

static struct {
	atomic_uint begun, stopped;
	atomic_bool go;
	unsigned rows;
	int status;
} h;

/* Waits until it may go on; then as many rows as wanted. */
static int history_fake(const char *path, const struct history_query *query, const atomic_bool *stop,
			history_row_fn row, void *arg, char *why, size_t size)
{
	char line[1024];
	int length;

	assert_string_equal(path, "/history.db");
	atomic_fetch_add(&h.begun, 1);
	while (!atomic_load(&h.go) && !atomic_load(stop))
		poll(NULL, 0, 1);
	for (unsigned i = 0; i < h.rows && !atomic_load(stop); i++) {
		length = snprintf(line, sizeof(line), "{\"row\":%u,\"limit\":%llu,\"pad\":\"%0512d\"}", i,
				  (unsigned long long)query->limit, 0);
		if (!row(arg, line, (size_t)length))
			break;
	}
	if (atomic_load(stop))
		atomic_fetch_add(&h.stopped, 1);
	snprintf(why, size, "the disk is on fire");
	return atomic_load(stop) ? -ECANCELED : h.status;
}

static void history_begin_with(unsigned rows, bool go)
{
	begin();
	s.service.history_path = "/history.db";
	s.control->history_run = history_fake;
	h.begun = h.stopped = 0;
	h.go = go;
	h.rows = rows;
	h.status = 0;
}

static void await_begun(unsigned count)
{
	for (unsigned i = 0; i < 10000 && atomic_load(&h.begun) < count; i++)
		turn(1);
	assert_int_equal(atomic_load(&h.begun), count);
}

static void history_answers(void **state)
{
	struct client client;

	(void)state;
	history_begin_with(5000, true);
	clients_open(3);
	client_open(&client);
	assert_int_equal(ask_count(&client, "{\"verb\":\"history\",\"limit\":7,\"since_us\":5,\"group_by\":\"class\"}"),
			 5000);
	h.rows = 0;
	assert_int_equal(ask_count(&client, "{\"verb\":\"history\"}"), 0);
	assert_int_equal(ask_count(&client, "{\"verb\":\"status\"}"), 1);
	/* Nothing there either: not found; one end here: that is something. */
	ask(&client, "{\"verb\":\"show\",\"id\":\"4711\"}");
	assert_error(&client, "not_found");
	assert_int_equal(ask_count(&client, "{\"verb\":\"show\",\"id\":\"000003e8-000007d0\"}"), 3);
	h.rows = 1;
	assert_int_equal(ask_count(&client, "{\"verb\":\"show\",\"id\":\"4711\"}"), 1);
	assert_int_equal(ask_count(&client, "{\"verb\":\"show\",\"id\":\"000003e8-000007d0\"}"), 4);
	h.status = -EIO;
	ask(&client, "{\"verb\":\"history\"}");
	json_decref(object_next(&client));
	assert_error(&client, "history_failed");
	assert_int_equal(ask_count(&client, "{\"verb\":\"status\"}"), 1);
	client_close(&client);
	end();
}

static void history_is_bounded(void **state)
{
	struct client clients[HISTORY_JOBS], other;

	(void)state;
	history_begin_with(1, false);
	for (unsigned i = 0; i < HISTORY_JOBS; i++) {
		client_open(&clients[i]);
		ask(&clients[i], "{\"verb\":\"history\"}");
	}
	client_open(&other);
	await_begun(HISTORY_JOBS);
	ask(&other, "{\"verb\":\"history\"}");
	assert_error(&other, "busy");
	assert_int_equal(ask_count(&other, "{\"verb\":\"list\"}"), 0);
	/* Who leaves ends the question. */
	client_close(&clients[0]);
	for (unsigned i = 0; i < 10000 && counters().clients == HISTORY_JOBS + 1; i++)
		turn(1);
	assert_int_equal(atomic_load(&h.stopped), 1);
	atomic_store(&h.go, true);
	for (unsigned i = 1; i < HISTORY_JOBS; i++)
		assert_int_equal(lines_take(&clients[i]), 1);
	assert_int_equal(ask_count(&other, "{\"verb\":\"history\"}"), 1);
	for (unsigned i = 1; i < HISTORY_JOBS; i++)
		client_close(&clients[i]);
	client_close(&other);
	end();
}

static void history_has_a_time_limit(void **state)
{
	struct client client;

	(void)state;
	history_begin_with(1, false);
	s.control->history_time_ns = 20 * NS_PER_MS;
	client_open(&client);
	ask(&client, "{\"verb\":\"history\"}");
	assert_error(&client, "time_limit");
	atomic_store(&h.go, true);
	assert_int_equal(ask_count(&client, "{\"verb\":\"history\"}"), 1);
	client_close(&client);
	end();
}

static void history_ends_with_the_daemon(void **state)
{
	struct client waits, lazy;

	(void)state;
	history_begin_with(100000, false);
	client_open(&waits);
	ask(&waits, "{\"verb\":\"history\"}");
	await_begun(1);
	atomic_store(&h.go, true);
	client_open(&lazy);
	ask(&lazy, "{\"verb\":\"history\"}");
	await_begun(2);
	/* Neither reads. */
	end();
	close(waits.fd);
	close(lazy.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_tells_what_lives),
		cmocka_unit_test(status_tells_owners_and_states),
		cmocka_unit_test(show_finds_what_lives),
		cmocka_unit_test(follow_tells_each_report),
		cmocka_unit_test(slow_follower_loses_and_is_told),
		cmocka_unit_test(follower_that_takes_nothing_is_cut_off),
		cmocka_unit_test(wrong_requests_are_refused),
		cmocka_unit_test(lines_in_pieces_and_too_long),
		cmocka_unit_test(silent_clients_are_cut_off),
		cmocka_unit_test(who_never_reads_holds_up_nobody),
		cmocka_unit_test(polls_are_short),
		cmocka_unit_test(hostile_lines_do_no_harm),
		cmocka_unit_test(places_are_bounded),
		cmocka_unit_test(one_user_is_not_all),
		cmocka_unit_test(no_descriptor_is_left),
		cmocka_unit_test(dead_sockets_are_replaced),
		cmocka_unit_test(history_answers),
		cmocka_unit_test(history_is_bounded),
		cmocka_unit_test(history_has_a_time_limit),
		cmocka_unit_test(history_ends_with_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
