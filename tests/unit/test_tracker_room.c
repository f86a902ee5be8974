// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker_room.c: the tracker remembers no more connections than it may: who is given up for a new one, in
 * which order, and that it is counted.
 */
#include "core_fixture.h"

#define PORT 40000
#define ROOM 16

/* One of each queue, oldest first in the order in which they may go, and the rest live. */
static void fill_all_queues(struct fixture *f)
{
	fixture_begin_with(f, ROOM, SETTLE_MS);
	client_opens(f, 0, 1, PORT + 1);
	closes_first(f, 10, 1, EVENT_SOCKET_DONE);
	tick(f, 2000); /* 1 lingers */
	client_opens(f, 2100, 2, PORT + 2);
	closes_first(f, 2110, 2, EVENT_SOCKET_DONE);
	tick(f, 2500); /* 2 is held */
	client_opens(f, 2600, 3, PORT + 3);
	closes_first(f, 2610, 3, EVENT_SOCKET_DONE);    /* 3 settles */
	FEED(f, make_synack(2620, 90, 4, PORT + 4, 0)); /* 4 is a handshake */
	for (uint64_t cookie = 5; cookie <= ROOM; cookie++)
		client_opens(f, 2700, cookie, (uint16_t)(PORT + cookie));
	assert_int_equal(connection_count(f->tracker->table), ROOM);
	assert_int_equal(f->count, 1);
}

static void room_is_made_in_order(void **state)
{
	struct fixture f;
	uint64_t cookie = 100;

	(void)state;
	fill_all_queues(&f);
	for (uint64_t victim = 1; victim <= 6; victim++) {
		assert_non_null(tracker_find(f.tracker, victim));
		client_opens(&f, 2800, cookie, (uint16_t)(PORT + cookie));
		assert_null(tracker_find(f.tracker, victim));
		assert_non_null(tracker_find(f.tracker, cookie++));
		assert_int_equal(connection_count(f.tracker->table), ROOM);
	}
	assert_int_equal(tracker_stats(f.tracker)->given_up_closed, 3);
	assert_int_equal(tracker_stats(f.tracker)->given_up_live, 3); /* a handshake and two connections */
	assert_int_equal(f.count, 3);                                 /* what was held and settling is told, early */
	assert_int_equal(f.reports[1].cookie, 2);
	assert_int_equal(f.reports[2].cookie, 3);
	for (unsigned i = 0; i < f.count; i++) {
		assert_int_equal(f.reports[i].cause, CAUSE_FIN_LOCAL_FIRST);
		assert_true(f.reports[i].has_time_wait);
	}
	fixture_end(&f);
}

static void lingering_is_bounded(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin_with(&f, ROOM, SETTLE_MS);
	for (uint64_t cookie = 1; cookie <= ROOM; cookie++) {
		client_opens(&f, 0, cookie, (uint16_t)(PORT + cookie));
		closes_first(&f, 10, cookie, EVENT_SOCKET_DONE);
	}
	tick(&f, 5000);
	assert_int_equal(f.count, ROOM);
	assert_int_equal(connection_queue_length(f.tracker->table, QUEUE_LINGER), ROOM / 4);
	assert_int_equal(tracker_stats(f.tracker)->given_up_closed, ROOM - ROOM / 4);
	fixture_end(&f);
}

static void no_room_at_all(void **state)
{
	(void)state;
	for (uint32_t room = 0; room < 4; room++) {
		struct fixture f;

		fixture_begin_with(&f, room, SETTLE_MS);
		for (uint64_t cookie = 1; cookie <= 20; cookie++) {
			FEED(&f, make_listen(0, 1000 + cookie / 10)); /* listeners are never given up */
			FEED(&f, make_synack(1, 1000, 2000 + cookie, (uint16_t)cookie, 0));
			client_opens(&f, 10, cookie, (uint16_t)(PORT + cookie));
			closes_first(&f, 20, cookie, EVENT_SOCKET_DONE);
			tick(&f, 10 * cookie);
			assert_true(connection_count(f.tracker->table) <= room);
		}
		tracker_flush(f.tracker, AT(100000));
		fixture_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_is_made_in_order),
		cmocka_unit_test(lingering_is_bounded),
		cmocka_unit_test(no_room_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
