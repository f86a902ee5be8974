// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_events.c: event_check() on right and wrong records, and the lines that events are printed as.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "report/event_writer.h"
#include "sample_event.h"

static const struct report_context context = {.host = "web1"};

static void right_records_pass(void **state)
{
	(void)state;
	for (unsigned kind = 1; kind < EVENT_KINDS; kind++) {
		union sample_event event = sample_event_make(kind, 0);

		assert_int_equal(event_check(&event.header, event_size(kind)), 0);
		assert_int_equal(event_check(&event.header, event_size(kind) - 1), -EINVAL);
		assert_int_equal(event_check(&event.header, event_size(kind) + 8), -EINVAL);
		event.header.version++;
		assert_int_equal(event_check(&event.header, event_size(kind)), -EINVAL);
	}
	assert_int_equal(event_size(EVENT_NONE), 0);
	assert_int_equal(event_size(EVENT_KINDS), 0);
	assert_int_equal(event_size(UINT32_MAX), 0);
}

static void wrong_members_are_refused(void **state)
{
	union sample_event event = sample_event_make(EVENT_BIRTH, 0);

	(void)state;
	event.birth.family = 5;
	assert_int_equal(event_check(&event.header, sizeof(event.birth)), -EINVAL);
	event = sample_event_make(EVENT_STATE, 0);
	event.state.new_state = 13;
	assert_int_equal(event_check(&event.header, sizeof(event.state)), -EINVAL);
	event.state.new_state = 0;
	assert_int_equal(event_check(&event.header, sizeof(event.state)), -EINVAL);
	event = sample_event_make(EVENT_ACCEPT, 0);
	memset(event.accept.comm, 'x', sizeof(event.accept.comm));
	assert_int_equal(event_check(&event.header, sizeof(event.accept)), -EINVAL);
	event = sample_event_make(EVENT_RESET_SENT, 0);
	event.reset_sent.reason = RESET_REASONS;
	assert_int_equal(event_check(&event.header, sizeof(event.reset_sent)), -EINVAL);
	event = sample_event_make(EVENT_TIME_WAIT, 0);
	event.time_wait.change = TIME_WAIT_RESET + 1;
	assert_int_equal(event_check(&event.header, sizeof(event.time_wait)), -EINVAL);
	event.time_wait.change = TIME_WAIT_RESET;
	event.time_wait.substate = TCP_STATES;
	assert_int_equal(event_check(&event.header, sizeof(event.time_wait)), -EINVAL);
	event.time_wait.substate = 0;
	assert_int_equal(event_check(&event.header, sizeof(event.time_wait)), 0);
	event.header.kind = EVENT_KINDS;
	assert_int_equal(event_check(&event.header, sizeof(event.time_wait)), -EINVAL);
	event = sample_event_make(EVENT_STACK, 0);
	event.stack.call = STACK_ACCEPT + 1;
	assert_int_equal(event_check(&event.header, sizeof(event.stack)), -EINVAL);
	event.stack.call = STACK_CONNECT;
	event.stack.frames[EVENT_FRAMES_MAX - 1].kind = FRAME_ADDRESS + 1;
	assert_int_equal(event_check(&event.header, sizeof(event.stack)), -EINVAL);
	event.stack.frames[EVENT_FRAMES_MAX - 1].kind = FRAME_ADDRESS;
	assert_int_equal(event_check(&event.header, sizeof(event.stack)), 0);
	assert_int_equal(event_check(&event.header, sizeof(event.stack) - sizeof(struct event_frame)), -EINVAL);
}

/* Whatever passes the check can be printed. */
static void random_records_do_no_harm(void **state)
{
	struct event_writer *json = event_writer_create(REPORT_JSON, &context, 4000000, 0);
	struct event_writer *table = event_writer_create(REPORT_TABLE, &context, 4000000, 100);
	struct text text = {0};
	unsigned passed = 0;

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned kind = 1 + round % (EVENT_KINDS - 1);
		union sample_event event = sample_event_make(kind, (unsigned char)rand());
		json_t *line;

		event.bytes[sizeof(event.header) + (unsigned)rand() % 100] = (unsigned char)(rand() >> 8);
		if (event_check(&event.header, event_size(kind)))
			continue;
		passed++;
		text_clear(&text);
		assert_int_equal(event_writer_event(table, &text, &event.header, NULL, 0), 0);
		assert_true(text.length <= 101);
		text_clear(&text);
		assert_int_equal(event_writer_event(json, &text, &event.header, NULL, 0), 0);
		/* Numbers up to 2^64 - 1 are right but more than jansson's integers hold. */
		line = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
		assert_true(json_is_object(line));
		json_decref(line);
	}
	assert_true(passed > 10000);
	text_free(&text);
	event_writer_destroy(json);
	event_writer_destroy(table);
}

static void lines_say_what_happened(void **state)
{
	static const struct event_tuple tuple = {
		.local = {192, 0, 2, 1},
		.remote = {198, 51, 100, 7},
		.local_port = 443,
		.remote_port = 50000,
		.netns = 7,
	};
	struct event_writer *json = event_writer_create(REPORT_JSON, &context, 4000000, 0);
	struct event_writer *table = event_writer_create(REPORT_TABLE, &context, 4000000, 120);
	union sample_event event = sample_event_make(EVENT_CLOSE, 0);
	struct text text = {0};

	(void)state;
	event.close.error = 110;
	event.close.retransmits = 15;
	event.close.silent_ticks = 250;
	event.close.total_timeouts = UINT32_MAX;
	assert_int_equal(event_writer_header(table, &text), 0);
	assert_int_equal(event_writer_event(table, &text, &event.header, &tuple, 4), 0);
	assert_string_equal(
		text_string(&text),
		"        TIME EVENT             LOCAL                 REMOTE                DETAIL\n"
		"    0.000000 state             192.0.2.1:443         198.51.100.7:50000    LAST_ACK->CLOSE "
		"comm=nginx pid=99 ETIMEDOUT ~\n");
	text_clear(&text);
	assert_int_equal(event_writer_event(json, &text, &event.header, &tuple, 4), 0);
	assert_non_null(strstr(
		text_string(&text),
		"{\"schema\":1,\"type\":\"event\",\"kind\":\"close\",\"time_us\":1000000,\"cookie\":4711,\"pid\":99,"
		"\"netns\":7,\"local_addr\":\"192.0.2.1\",\"local_port\":443,\"remote_addr\":\"198.51.100.7\","
		"\"remote_port\":50000,\"flags\":[\"task_acts\"],\"old_state\":\"LAST_ACK\",\"new_state\":\"CLOSE\","));
	assert_non_null(strstr(text_string(&text), "\"error\":\"ETIMEDOUT\",\"soft_error\":null,\"retransmits\":15,"));
	assert_non_null(strstr(text_string(&text), "\"total_timeouts\":null,\"silent_ms\":1000,"));

	/* Whoever was interrupted is not named. */
	event.header.flags = 0;
	text_clear(&text);
	event_writer_event(json, &text, &event.header, NULL, 0);
	assert_non_null(strstr(text_string(&text), "\"pid\":null,\"netns\":null,\"local_addr\":null,"));
	assert_null(event_writer_create(REPORT_CSV, &context, 4000000, 0));
	text_free(&text);
	event_writer_destroy(json);
	event_writer_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_records_pass),
		cmocka_unit_test(wrong_members_are_refused),
		cmocka_unit_test(random_records_do_no_harm),
		cmocka_unit_test(lines_say_what_happened),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
