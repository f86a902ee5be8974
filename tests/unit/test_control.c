/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_control.c: what the control socket answers to those who ask well: every verb, those who follow, and questions to
 * a history of the test's own.
 */
#include "control_fixture.h"

/* ---- the verbs ---------------------------------------------------------------------------------------- */

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
	assert_int_equal(report_member_number(json_object_get(line, "findings"), "kind", "close_wait_leak", 0), 3);
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
		cmocka_unit_test(history_answers),
		cmocka_unit_test(history_is_bounded),
		cmocka_unit_test(history_has_a_time_limit),
		cmocka_unit_test(history_ends_with_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
