// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_control_diagnose.c: the diagnosis over the control socket: its lines, its keys, how many at once, and clients
 * that leave in the middle.
 */
#include "control_fixture.h"
#include "diagnosis_fixture.h"

static struct diagnosis *diagnosis;

static void begin_diagnosing(void)
{
	struct diagnosis_limits limits;

	begin();
	diagnosis_limits_init(&limits);
	diagnosis = diagnosis_create(&limits, 42);
	assert_non_null(diagnosis);
	s.service.diagnosis = diagnosis;
	for (uint64_t cookie = 1; cookie <= 5; cookie++) {
		struct event_existing event = listed(99000, cookie, TCP_CLOSE_WAIT);

		quiet_for(&event, 10 * MINUTE);
		event.header.pid = cookie <= 3 ? 71 : 72;
		event.cgroup = 7;
		feed(&s.fixture, &event);
	}
}

static void end_diagnosing(void)
{
	end();
	diagnosis_destroy(diagnosis);
}

static void findings_worst_first(void **state)
{
	struct client client;
	json_t *line;

	(void)state;
	begin_diagnosing();
	client_open(&client);
	ask(&client, "{\"verb\":\"diagnose\",\"show\":2}");
	line = object_next(&client);
	assert_string_equal(report_member_text(line, NULL, "kind"), "close_wait_leak");
	assert_int_equal(report_member_number(line, NULL, "count", 0), 3);
	assert_int_equal(report_member_number(line, "owner", "pid", 0), 71);
	assert_string_equal(report_member_text(line, "owner", "cgroup"), "/system.slice/nginx.service");
	assert_int_equal(json_array_size(json_object_get(line, "connections")), 2);
	assert_string_equal(report_member_text(json_array_get(json_object_get(line, "connections"), 0), NULL, "state"),
			    "CLOSE_WAIT");
	json_decref(line);
	line = object_next(&client);
	assert_int_equal(report_member_number(line, NULL, "count", 0), 2);
	json_decref(line);
	line = object_next(&client);
	assert_string_equal(report_member_text(line, NULL, "type"), "diagnosis");
	assert_int_equal(report_member_number(line, NULL, "findings", -1), 2);
	assert_int_equal(report_member_number(line, NULL, "live", -1), 5);
	json_decref(line);
	assert_int_equal(lines_rest(&client, 3), 3);
	assert_int_equal(s.refreshed, 1);
	client_close(&client);
	end_diagnosing();
}

static void filters_and_limits(void **state)
{
	struct client client;

	(void)state;
	begin_diagnosing();
	client_open(&client);
	assert_int_equal(ask_count(&client, "{\"verb\":\"diagnose\"}"), 3);
	assert_int_equal(ask_count(&client, "{\"verb\":\"diagnose\",\"filter\":{}}"), 3);
	assert_int_equal(ask_count(&client, "{\"verb\":\"diagnose\",\"filter\":{\"pid\":72}}"), 2);
	assert_int_equal(ask_count(&client, "{\"verb\":\"diagnose\",\"filter\":{\"remote_port\":81}}"), 1);
	assert_int_equal(ask_count(&client, "{\"verb\":\"diagnose\",\"limits\":{\"close_wait_ns\":3600000000000}}"), 1);
	/* That was for one question only. */
	assert_int_equal(ask_count(&client, "{\"verb\":\"diagnose\"}"), 3);
	ask(&client, "{\"verb\":\"diagnose\",\"limits\":{\"close_wait\":1}}");
	assert_error(&client, "bad_request");
	ask(&client, "{\"verb\":\"diagnose\",\"limits\":{\"probes\":0}}");
	assert_error(&client, "bad_request");
	ask(&client, "{\"verb\":\"diagnose\",\"limits\":{\"probes\":4294967298}}");
	assert_error(&client, "bad_request");
	ask(&client, "{\"verb\":\"diagnose\",\"limits\":7}");
	assert_error(&client, "bad_request");
	ask(&client, "{\"verb\":\"diagnose\",\"filter\":{\"class\":\"reset\"}}");
	assert_error(&client, "bad_request");
	ask(&client, "{\"verb\":\"list\",\"show\":1}");
	assert_error(&client, "bad_request");
	client_close(&client);
	end_diagnosing();
}

static void so_many_at_once(void **state)
{
	struct client clients[CLIENTS_MAX];
	unsigned busy = 0;

	(void)state;
	begin_diagnosing();
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_open(&clients[i]);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		ask(&clients[i], "{\"verb\":\"diagnose\"}");
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		char *line = line_next(&clients[i]);

		assert_non_null(line);
		busy += strstr(line, "\"busy\"") != NULL;
	}
	/* Whoever leaves in the middle gives its place back. */
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_close(&clients[i]);
	assert_true(busy <= CLIENTS_MAX - 4);
	for (unsigned i = 0; i < 6; i++) {
		client_open(&clients[0]);
		ask(&clients[0], "{\"verb\":\"diagnose\"}");
		client_close(&clients[0]);
	}
	client_open(&clients[0]);
	assert_int_equal(ask_count(&clients[0], "{\"verb\":\"diagnose\"}"), 3);
	client_close(&clients[0]);
	end_diagnosing();
}

/* Asked for, stacks are told of, and what there was no room for; else neither is. */
static void stacks_where_they_are_taken(void **state)
{
	struct event_stack stack = {.header = make_header(EVENT_STACK, 99500, 1), .call = STACK_ACCEPT};
	struct client client;
	json_t *line, *stacks;

	(void)state;
	stack.frames[0] = (struct event_frame){FRAME_FILE, {0xab}, 0x1234};
	begin_diagnosing();
	feed(&s.fixture, &stack);
	client_open(&client);
	ask(&client, "{\"verb\":\"diagnose\",\"stacks\":true}");
	assert_error(&client, "no_stacks");
	ask(&client, "{\"verb\":\"diagnose\",\"stacks\":1}");
	assert_error(&client, "bad_request");
	ask(&client, "{\"verb\":\"list\",\"stacks\":true}");
	assert_error(&client, "bad_request");
	s.service.stacks = true;
	ask(&client, "{\"verb\":\"diagnose\",\"stacks\":true}");
	line = object_next(&client);
	assert_int_equal(json_array_size(json_object_get(line, "stacks")), 1);
	assert_int_equal(report_member_number(line, NULL, "stacks_unknown", -1), 2);
	stacks = json_array_get(json_object_get(line, "stacks"), 0);
	assert_string_equal(report_member_text(json_array_get(json_object_get(stacks, "frames"), 0), NULL, "address"),
			    "0x1234");
	json_decref(line);
	json_decref(object_next(&client));
	line = object_next(&client);
	assert_int_equal(report_member_number(line, NULL, "stacks_refused", -1), 0);
	json_decref(line);
	json_decref(object_next(&client));
	ask(&client, "{\"verb\":\"diagnose\",\"stacks\":false}");
	line = object_next(&client);
	assert_true(json_is_null(json_object_get(line, "stacks")));
	json_decref(line);
	client_close(&client);
	end_diagnosing();
}

static void where_nothing_is_diagnosed(void **state)
{
	struct client client;

	(void)state;
	begin();
	client_open(&client);
	ask(&client, "{\"verb\":\"diagnose\"}");
	assert_error(&client, "no_diagnosis");
	client_close(&client);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_worst_first),
		cmocka_unit_test(filters_and_limits),
		cmocka_unit_test(so_many_at_once),
		cmocka_unit_test(stacks_where_they_are_taken),
		cmocka_unit_test(where_nothing_is_diagnosed),
	};

	return cmocka_run_group_tests_name("control_diagnose", tests, NULL, NULL);
}
