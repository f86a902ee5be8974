// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_stack_table.c: stacks are kept once, for as long as a connection came of them or there is room, and never mixed
 * up; and what the tracker and the diagnosis make of them: each connection has its own, until it is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/stack_table.h"
#include "diagnosis_fixture.h"

static struct stack *use(struct stack_table *table, uint64_t what)
{
	struct event_stack event = make_stack(1, 1, STACK_CONNECT, what, 3);

	return stack_table_use(table, &event);
}

static void equal_stacks_are_one(void **state)
{
	struct stack_table *table = stack_table_create(42);
	struct event_stack event = make_stack(1, 1, STACK_CONNECT, 7, 3), other;
	struct stack *stack = stack_table_use(table, &event);

	(void)state;
	assert_int_equal(stack->frame_count, 3);
	assert_int_equal(stack->frames[2].place, 702);
	assert_ptr_equal(stack_table_use(table, &event), stack);
	assert_int_equal(stack->users, 2);
	other = event;
	other.call = STACK_ACCEPT;
	assert_ptr_not_equal(stack_table_use(table, &other), stack);
	other = event;
	other.header.pid++;
	assert_ptr_not_equal(stack_table_use(table, &other), stack);
	other = event;
	other.tops[7] = 1;
	assert_ptr_not_equal(stack_table_use(table, &other), stack);
	other = event;
	other.frames[3] = other.frames[2];
	assert_ptr_not_equal(stack_table_use(table, &other), stack);
	other = event;
	other.header.cookie = other.header.time_ns = 99;
	other.frames[4].place = 1; /* behind its end */
	assert_ptr_equal(stack_table_use(table, &other), stack);
	other.frames[0].kind = FRAME_NONE;
	assert_null(stack_table_use(table, &other));
	assert_int_equal(stack_table_count(table), 5);
	assert_int_equal(stack_table_refused(table), 0);
	stack_table_destroy(table);
}

/* Of two that are taken for one, the hash is the same: each of these differs in one thing, found by search. */
static void equal_hashes_are_not_equal_stacks(void **state)
{
	const struct event_stack one = make_stack(1, 1, STACK_CONNECT, 7, 3);
	struct event_stack pairs[4][2] = {{one, one}, {one, one}, {one, one}, {one, one}};

	(void)state;
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
		print_message("these pairs were found for words of another byte order\n");
		skip();
	}
	pairs[0][0].header.pid = 14318;
	pairs[0][1].header.pid = 104345;
	pairs[1][1].call = STACK_ACCEPT;
	pairs[1][0].frames[1].place = pairs[1][1].frames[1].place = 36107;
	pairs[1][0].frames[2].place = pairs[1][1].frames[2].place = 12067176822323082754ULL;
	pairs[2][0].frames[2].kind = FRAME_NONE; /* it ends there */
	pairs[2][1].frames[2].place = 3937972838;
	pairs[3][0].frames[2].place = 380406184673;
	pairs[3][1].frames[2].place = 116044526312;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		for (size_t first = 0; first < 2; first++) {
			struct stack_table *table = stack_table_create(42);
			const struct stack *stack = stack_table_use(table, &pairs[i][first]);
			const struct stack *other = stack_table_use(table, &pairs[i][!first]);

			assert_int_equal(stack->hash, other->hash); /* else it shows nothing: search again */
			assert_ptr_not_equal(stack, other);
			assert_ptr_equal(stack_table_use(table, &pairs[i][first]), stack);
			assert_ptr_equal(stack_table_use(table, &pairs[i][!first]), other);
			stack_table_destroy(table);
		}
	}
}

static void as_deep_as_there_is_room(void **state)
{
	struct stack_table *table = stack_table_create(42);
	struct event_stack deep = make_stack(1, 1, STACK_CONNECT, 7, EVENT_FRAMES_MAX), other = deep;
	struct stack *stack = stack_table_use(table, &deep);

	(void)state;
	assert_int_equal(stack->frame_count, EVENT_FRAMES_MAX);
	assert_memory_equal(stack->frames, deep.frames, sizeof(deep.frames));
	other.frames[EVENT_FRAMES_MAX - 1].place++;
	assert_ptr_not_equal(stack_table_use(table, &other), stack);
	stack_table_destroy(table);
}

/* An id that was never given, or of a place that another stack has: no stack. */
static void an_id_of_nobody(void **state)
{
	struct stack_table *table = stack_table_create(42);
	const struct stack *stack = use(table, 1);

	(void)state;
	assert_ptr_equal(stack_table_find(table, stack->id), stack);
	assert_null(stack_table_find(table, stack->id + 1));
	assert_null(stack_table_find(table, stack->id + STACKS_MAX));
	stack_table_destroy(table);
}

static void what_has_users_stays(void **state)
{
	struct stack_table *table = stack_table_create(42);
	struct stack *kept, *left;
	uint64_t left_id;
	size_t bytes;

	(void)state;
	for (uint64_t what = 1; what < STACKS_MAX; what++)
		assert_non_null(use(table, what));
	kept = use(table, 1);
	left = use(table, STACKS_MAX);
	left_id = left->id;
	assert_int_equal(stack_table_count(table), STACKS_MAX);
	bytes = stack_table_bytes(table);
	assert_null(use(table, STACKS_MAX + 1));
	assert_int_equal(stack_table_refused(table), 1);
	assert_ptr_equal(stack_table_find(table, kept->id), kept);
	/* One that nobody uses makes room; whoever still has its id does not get another one for it. */
	stack_table_leave(table, left);
	assert_ptr_equal(stack_table_find(table, left_id), left);
	assert_non_null(use(table, STACKS_MAX + 1));
	assert_null(stack_table_find(table, left_id));
	assert_null(use(table, STACKS_MAX + 2));
	assert_int_equal(stack_table_count(table), STACKS_MAX);
	assert_int_equal(stack_table_bytes(table), bytes);
	assert_int_equal(stack_table_refused(table), 2);
	stack_table_destroy(table);
}

/* Thousands come and go: every one that is in use is found, each by what it was. */
static void they_come_and_go(void **state)
{
	enum { HELD = 3000 };
	static struct stack *held[HELD];
	struct stack_table *table = stack_table_create(42);

	(void)state;
	for (uint64_t what = 0; what < 10 * HELD; what++) {
		struct stack **place = &held[what * 7 % HELD];

		if (*place)
			stack_table_leave(table, *place);
		*place = use(table, what);
		assert_non_null(*place);
		assert_int_equal((*place)->frames[0].place, what * 100);
		assert_ptr_equal(stack_table_find(table, (*place)->id), *place);
	}
	assert_int_equal(stack_table_refused(table), 0);
	for (uint64_t what = 9 * HELD; what < 10 * HELD; what++)
		assert_ptr_equal(use(table, what), held[what * 7 % HELD]);
	stack_table_destroy(table);
}

/* ---- of connections ----------------------------------------------------------------------------------------- */

static struct diagnosed d;

static void leak(uint64_t cookie)
{
	struct event_existing event = listed(90000, cookie, TCP_CLOSE_WAIT);

	FEED(&d.fixture, make_birth(100, cookie, TCP_CLOSE, TCP_SYN_SENT, client_tuple((uint16_t)(40000 + cookie))));
	FEED(&d.fixture, make_state(150, cookie, TCP_SYN_SENT, TCP_ESTABLISHED));
	FEED(&d.fixture, make_state(200, cookie, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	quiet_for(&event, 89000);
	feed(&d.fixture, &event);
}

static const struct stack *stack_of(uint64_t cookie)
{
	return tracker_stack(d.fixture.tracker, tracker_find(d.fixture.tracker, cookie));
}

static void connections_are_grouped_by_stack(void **state)
{
	const struct finding *finding;

	(void)state;
	diagnosed_begin(&d);
	for (uint64_t cookie = 1; cookie <= 12; cookie++) {
		leak(cookie);
		if (cookie > 2) /* the first two have none */
			FEED(&d.fixture, make_stack(101, cookie, STACK_CONNECT, cookie > 8 ? 2 : 1, 4));
	}
	diagnose(&d, 91000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->count, 12);
	assert_int_equal(finding->stack_count, 2);
	assert_int_equal(finding->stacks[0].count, 6);
	assert_int_equal(finding->stacks[1].count, 4);
	assert_int_equal(finding->stacks_more, 0);
	assert_int_equal(tracker_stack_find(d.fixture.tracker, finding->stacks[1].id)->frames[3].place, 203);
	assert_null(stack_of(1));
	diagnosed_end(&d);
}

static void stacks_without_room_are_counted(void **state)
{
	const struct finding *finding;

	(void)state;
	diagnosed_begin(&d);
	for (uint64_t cookie = 1; cookie <= FINDING_STACKS_MAX + 3; cookie++) {
		leak(cookie);
		FEED(&d.fixture, make_stack(101, cookie, STACK_CONNECT, cookie, 4));
	}
	diagnose(&d, 91000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->stack_count, FINDING_STACKS_MAX);
	assert_int_equal(finding->stacks_more, 3);
	diagnosed_end(&d);
}

static void a_stack_goes_with_its_connection(void **state)
{
	uint64_t id;

	(void)state;
	diagnosed_begin(&d);
	leak(1);
	FEED(&d.fixture, make_stack(101, 1, STACK_CONNECT, 1, 4));
	id = stack_of(1)->id;
	assert_int_equal(stack_of(1)->users, 1);
	/* Another life of the same socket: the old stack is none of its. */
	FEED(&d.fixture, make_close(91000, 1, TCP_CLOSE_WAIT));
	FEED(&d.fixture, make_birth(91001, 1, TCP_CLOSE, TCP_SYN_SENT, client_tuple(40001)));
	assert_null(stack_of(1));
	assert_int_equal(tracker_stack_find(d.fixture.tracker, id)->users, 0);
	FEED(&d.fixture, make_stack(91002, 1, STACK_CONNECT, 2, 4));
	FEED(&d.fixture, make_stack(91003, 1, STACK_CONNECT, 3, 4)); /* replaces it */
	assert_int_equal(stack_of(1)->frames[0].place, 300);
	/* Of somebody who is not known, and of a listener: nothing. */
	FEED(&d.fixture, make_stack(91004, 99, STACK_CONNECT, 2, 4));
	assert_null(tracker_find(d.fixture.tracker, 99));
	assert_int_equal(tracker_stats(d.fixture.tracker)->stray_events, 0);
	diagnosed_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_stacks_are_one),
		cmocka_unit_test(equal_hashes_are_not_equal_stacks),
		cmocka_unit_test(as_deep_as_there_is_room),
		cmocka_unit_test(an_id_of_nobody),
		cmocka_unit_test(what_has_users_stays),
		cmocka_unit_test(they_come_and_go),
		cmocka_unit_test(connections_are_grouped_by_stack),
		cmocka_unit_test(stacks_without_room_are_counted),
		cmocka_unit_test(a_stack_goes_with_its_connection),
	};

	return cmocka_run_group_tests_name("stack_table", tests, NULL, NULL);
}
