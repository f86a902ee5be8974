// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker_end.c: from the transition to CLOSE to the report: evidence that comes late, when a report is
 * given, and what minisocks add to it.
 */
#include <errno.h>

#include "core_fixture.h"

#define COOKIE 4711
#define PORT   40000

/* A client that closed first at 10 ms; its minisock stands since 12 ms, in FIN_WAIT2 unless the FIN came. */
static void begin_closed(struct fixture *f, bool fin_came)
{
	fixture_begin(f);
	client_opens(f, 0, COOKIE, PORT);
	closes_first(f, 10, COOKIE, fin_came ? EVENT_SOCKET_DONE : 0);
}

static enum connection_queue queue_of(struct fixture *f, uint64_t cookie)
{
	const struct connection *connection = tracker_find(f->tracker, cookie);

	return connection ? (enum connection_queue)connection->queue : QUEUES;
}

/* ---- settling ----------------------------------------------------------------------------------- */

/* Data after close: the reset that tells it from the peer's comes after CLOSE. */
static void evidence_after_close(void **state)
{
	struct fixture f;
	struct event_close close = make_close(50, COOKIE, TCP_FIN_WAIT1);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_state_task(10, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_CLOSER));
	FEED(&f, make_reset_received(50, COOKIE, TCP_FIN_WAIT1));
	close.error = ECONNRESET;
	close.header.flags = EVENT_SOCKET_DEAD;
	feed(&f, &close);
	tick(&f, 149);
	assert_int_equal(f.count, 0);
	FEED(&f, make_reset_sent(149, COOKIE, TCP_CLOSE, RESET_REASON_ABORT_ON_DATA, EVENT_PASSIVE));
	tick(&f, 150);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cause, CAUSE_RST_SENT_DATA_AFTER_CLOSE);
	assert_int_equal(last_report(&f)->rst_reason, RESET_REASON_ABORT_ON_DATA);
	assert_int_equal(connection_count(f.tracker->table), 0);
	fixture_end(&f);
}

/* Without the late reset the same end is the peer's doing; and what comes later still is too late. */
static void evidence_too_late(void **state)
{
	struct fixture f;
	struct event_close close = make_close(50, COOKIE, TCP_FIN_WAIT1);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_reset_received(50, COOKIE, TCP_FIN_WAIT1));
	close.error = ECONNRESET;
	feed(&f, &close);
	tick(&f, 150);
	assert_int_equal(last_report(&f)->cause, CAUSE_RST_RECEIVED);
	FEED(&f, make_reset_sent(151, COOKIE, TCP_CLOSE, RESET_REASON_ABORT_ON_DATA, EVENT_PASSIVE));
	tick(&f, 1000);
	assert_int_equal(f.count, 1);
	assert_int_equal(tracker_stats(f.tracker)->stray_events, 1);
	fixture_end(&f);
}

/* An answer to an old duplicate in SYN_SENT does not end the attempt: it must not colour a later end. */
static void answer_to_a_duplicate(void **state)
{
	struct fixture f;
	struct event_close close = make_close(100, COOKIE, TCP_SYN_SENT);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_birth(0, COOKIE, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT)));
	FEED(&f, make_reset_sent(1, COOKIE, TCP_SYN_SENT, RESET_REASON_INVALID_ACK_SEQUENCE, EVENT_PASSIVE));
	close.error = ETIMEDOUT;
	feed(&f, &close);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_SYN_TIMEOUT);
	assert_int_equal(last_report(&f)->rst_reason, 0);
	fixture_end(&f);
}

/* The same in SYN_RECV: a fast open's child, or both ends at once. What follows is an orderly life. */
static void answer_to_a_duplicate_in_syn_recv(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_birth(0, COOKIE, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT)));
	FEED(&f, make_reset_sent(1, COOKIE, TCP_SYN_RECV, RESET_REASON_INVALID_ACK_SEQUENCE, EVENT_PASSIVE));
	FEED(&f, make_child(2, COOKIE, PORT));
	closes_second(&f, 10, COOKIE);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_FIN_PEER_FIRST);
	assert_int_equal(last_report(&f)->rst_reason, 0);
	fixture_end(&f);
}

/* A listener's resets and those without a socket belong to no connection. */
static void resets_of_nobody(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_reset_sent(1, 0, 0, RESET_REASON_NO_SOCKET, EVENT_PASSIVE));
	FEED(&f, make_reset_sent(1, COOKIE, TCP_LISTEN, RESET_REASON_FLAGS, EVENT_PASSIVE));
	FEED(&f, make_reset_sent(1, COOKIE, TCP_TIME_WAIT, RESET_REASON_TIMEWAIT_SOCKET, EVENT_PASSIVE));
	FEED(&f, make_close(2, COOKIE, TCP_ESTABLISHED));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_UNOBSERVED);
	fixture_end(&f);
}

static void flush_reports_what_is_held(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, true);
	client_opens(&f, 20, COOKIE + 1, PORT + 1);
	tracker_flush(f.tracker, AT(30));
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cause, CAUSE_FIN_LOCAL_FIRST);
	assert_true(last_report(&f)->has_time_wait);
	assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_PENDING);
	assert_int_equal(tracker_live(f.tracker), 1); /* live ones are not reported */
	fixture_end(&f);
}

/* ---- minisocks ---------------------------------------------------------------------------------- */

/* The report waits for the settle time, then the minisock stands on, and its plain end says nothing new. */
static void plain_time_wait(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, true);
	tick(&f, 1011);
	assert_int_equal(f.count, 0);
	assert_int_equal(queue_of(&f, COOKIE), QUEUE_HOLD);
	tick(&f, 1012);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->revision, 1);
	assert_int_equal(last_report(&f)->time_wait_begin_ns, AT(12));
	assert_int_equal(last_report(&f)->time_wait_planned_ns, TIME_WAIT_NS);
	assert_int_equal(last_report(&f)->time_wait_end_ns, ABSENT_U64);
	assert_int_equal(queue_of(&f, COOKIE), QUEUE_LINGER);
	FEED(&f, make_time_wait(60012, COOKIE, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
	tick(&f, 200000);
	assert_int_equal(f.count, 1);
	assert_int_equal(connection_count(f.tracker->table), 0);
	fixture_end(&f);
}

/* Where no hook tells of the minisock's end, it is forgotten after the longest that it can stand. */
static void untold_time_wait(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, true);
	tick(&f, 2000);
	tick(&f, 124000);
	assert_int_equal(queue_of(&f, COOKIE), QUEUE_LINGER);
	tick(&f, 126000);
	assert_int_equal(queue_of(&f, COOKIE), QUEUES);
	assert_int_equal(f.count, 1);
	fixture_end(&f);
}

static void settle_longer_than_time_wait(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin_with(&f, 1000, 90000);
	client_opens(&f, 0, COOKIE, PORT);
	closes_first(&f, 10, COOKIE, EVENT_SOCKET_DONE);
	tick(&f, 60000);
	assert_int_equal(f.count, 0);
	FEED(&f, make_time_wait(60012, COOKIE, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->revision, 1);
	assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_EXPIRED);
	assert_int_equal(last_report(&f)->time_wait_end_ns, AT(60012));
	tick(&f, 200000);
	assert_int_equal(f.count, 1);
	fixture_end(&f);
}

static void fin_wait2_expires(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, false);
	tick(&f, 2000);
	assert_int_equal(f.reports[0].cause, CAUSE_FIN_LOCAL_FIRST);
	assert_true(has_evidence(&f.reports[0], EVIDENCE_PEER_FIN_UNSEEN));
	assert_int_equal(f.reports[0].states[4].state, TCP_CLOSE); /* not TIME_WAIT: no FIN was seen */
	FEED(&f, make_time_wait(60012, COOKIE, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2));
	assert_int_equal(f.count, 2);
	assert_int_equal(f.reports[1].revision, 2);
	assert_int_equal(f.reports[1].cookie, COOKIE);
	assert_int_equal(f.reports[1].cause, CAUSE_FIN_WAIT2_TIMEOUT);
	assert_int_equal(f.reports[1].class, CLASS_OTHER_TIMEOUT);
	assert_false(f.reports[1].has_time_wait);
	assert_int_equal(tracker_stats(f.tracker)->reports, 1);
	assert_int_equal(tracker_stats(f.tracker)->revisions, 1);
	assert_int_equal(connection_count(f.tracker->table), 0);
	fixture_end(&f);
}

/* The FIN came to the minisock: what expires then is TIME_WAIT. */
static void fin_reaches_the_minisock(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, false);
	FEED(&f, make_time_wait(500, COOKIE, TIME_WAIT_BEGIN, TCP_TIME_WAIT));
	tick(&f, 2000);
	assert_int_equal(f.count, 1);
	assert_false(has_evidence(&f.reports[0], EVIDENCE_PEER_FIN_UNSEEN));
	assert_int_equal(f.reports[0].states[4].state, TCP_TIME_WAIT);
	FEED(&f, make_time_wait(60500, COOKIE, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
	assert_int_equal(f.count, 1);
	fixture_end(&f);
}

static void data_reaches_the_minisock(void **state)
{
	(void)state;
	for (unsigned reported = 0; reported < 2; reported++) {
		struct fixture f;

		begin_closed(&f, false);
		tick(&f, reported ? 2000 : 500);
		FEED(&f, make_reset_sent(3000, COOKIE, TCP_TIME_WAIT, RESET_REASON_TIMEWAIT_SOCKET, EVENT_PASSIVE));
		assert_int_equal(f.count, 1 + reported);
		assert_int_equal(last_report(&f)->revision, 1 + reported);
		assert_int_equal(last_report(&f)->cause, CAUSE_RST_SENT_DATA_AFTER_CLOSE);
		assert_int_equal(last_report(&f)->rst_reason, RESET_REASON_TIMEWAIT_SOCKET);
		assert_true(has_evidence(last_report(&f), EVIDENCE_DATA_TO_MINISOCK));
		assert_false(last_report(&f)->has_time_wait);
		FEED(&f, make_time_wait(3000, COOKIE, TIME_WAIT_KILLED, TCP_FIN_WAIT2));
		tick(&f, 200000);
		assert_int_equal(f.count, 1 + reported);
		fixture_end(&f);
	}
}

static void opens_from_same_port(struct fixture *f, uint64_t ms, uint64_t cookie)
{
	FEED(f, make_birth(ms, cookie, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT)));
}

/* A new connection takes the address pair, told or not told by a hook of the minisock's, at any moment. */
static void address_pair_is_taken(void **state)
{
	static const uint64_t at_ms[] = {20, 500, 30000}; /* while it settles, is held, lingers */

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct fixture f;
		uint64_t ms = at_ms[i / 2];

		begin_closed(&f, true);
		tick(&f, ms);
		if (i % 2)
			FEED(&f, make_time_wait(ms, COOKIE, TIME_WAIT_KILLED, TCP_TIME_WAIT));
		opens_from_same_port(&f, ms, COOKIE + 1);
		tick(&f, ms + 1000);
		assert_int_equal(f.count, ms == 30000 ? 2 : 1);
		assert_int_equal(last_report(&f)->revision, f.count);
		assert_int_equal(last_report(&f)->cookie, COOKIE);
		assert_int_equal(last_report(&f)->cause, CAUSE_FIN_LOCAL_FIRST);
		assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_REUSED);
		assert_int_equal(last_report(&f)->time_wait_end_ns, AT(ms));
		tick(&f, 200000);
		assert_int_equal(f.count, ms == 30000 ? 2 : 1);
		fixture_end(&f);
	}
}

/* An unbound client's port is known only once it is established. */
static void address_pair_is_known_late(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, true);
	tick(&f, 2000);
	client_opens(&f, 5000, COOKIE + 1, PORT);
	tick(&f, 5200);
	assert_int_equal(f.count, 2);
	assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_REUSED);
	assert_int_equal(last_report(&f)->time_wait_end_ns, AT(5002));
	assert_int_equal(tracker_find(f.tracker, COOKIE + 1)->tuple.local_port, PORT);
	fixture_end(&f);
}

/* The server's side is taken over through a request, whose SYN-ACK may even be repeated. */
static void address_pair_is_taken_by_a_child(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_child(0, COOKIE, PORT));
	closes_first(&f, 10, COOKIE, EVENT_SOCKET_DONE);
	tick(&f, 2000);
	FEED(&f, make_synack(3000, 90, 555, PORT, 0));
	FEED(&f, make_child(3100, COOKIE + 1, PORT));
	tick(&f, 3300);
	assert_int_equal(f.count, 2);
	assert_int_equal(last_report(&f)->cookie, COOKIE);
	assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_REUSED);
	assert_int_equal(connection_queue_length(f.tracker->table, QUEUE_HANDSHAKE), 0);
	tick(&f, 60000);
	assert_int_equal(f.count, 2);
	fixture_end(&f);
}

/* Where keys are addresses, the new child may have that of the socket whose four-tuple it takes; another has it not. */
static void address_pair_is_taken_under_the_same_key(void **state)
{
	(void)state;
	for (unsigned other = 0; other < 2; other++) {
		struct fixture f;

		fixture_begin(&f);
		FEED(&f, make_child(0, COOKIE, PORT));
		closes_first(&f, 10, COOKIE, EVENT_SOCKET_DONE);
		tick(&f, 500);
		FEED(&f, make_child(600, COOKIE, PORT + other));
		tick(&f, 3000);
		assert_int_equal(f.count, 1);
		assert_int_equal(last_report(&f)->time_wait_end, other ? TIME_WAIT_END_PENDING : TIME_WAIT_END_REUSED);
		assert_int_equal(tracker_live(f.tracker), 1);
		fixture_end(&f);
	}
}

static void another_address_pair_takes_nothing(void **state)
{
	struct fixture f;
	struct event_tuple elsewhere = client_tuple(PORT);

	(void)state;
	begin_closed(&f, true);
	tick(&f, 2000);
	elsewhere.netns++;
	FEED(&f, make_birth(3000, COOKIE + 1, TCP_CLOSE, TCP_SYN_SENT, elsewhere));
	FEED(&f, make_birth(3000, COOKIE + 2, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT + 1)));
	tick(&f, 5000);
	assert_int_equal(f.count, 1);
	assert_int_equal(queue_of(&f, COOKIE), QUEUE_LINGER);
	fixture_end(&f);
}

static void time_wait_killed_or_reset(void **state)
{
	static const struct {
		uint8_t change;
		enum time_wait_end end;
	} ends[] = {{TIME_WAIT_KILLED, TIME_WAIT_END_UNKNOWN},
		    {TIME_WAIT_RESET, TIME_WAIT_END_RESET},
		    {TIME_WAIT_REUSED, TIME_WAIT_END_REUSED}};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		static const uint64_t at_ms[] = {20, 500, 30000};
		struct fixture f;
		uint64_t ms = at_ms[i / 3];

		begin_closed(&f, true);
		tick(&f, ms);
		FEED(&f, make_time_wait(ms, COOKIE, ends[i % 3].change, TCP_TIME_WAIT));
		FEED(&f, make_time_wait(ms + 1, COOKIE, TIME_WAIT_EXPIRED, TCP_TIME_WAIT)); /* it can end only once */
		tick(&f, ms + 1000);
		assert_int_equal(f.count, ms == 30000 ? 2 : 1);
		assert_int_equal(last_report(&f)->time_wait_end, ends[i % 3].end);
		assert_int_equal(last_report(&f)->time_wait_end_ns, AT(ms));
		tick(&f, ms + 4000);
		assert_int_equal(connection_count(f.tracker->table), 0);
		fixture_end(&f);
	}
}

/* What killed it is told by another hook, after the kill. */
static void killed_by_a_reset(void **state)
{
	struct fixture f;

	(void)state;
	begin_closed(&f, true);
	tick(&f, 500);
	FEED(&f, make_time_wait(500, COOKIE, TIME_WAIT_KILLED, TCP_TIME_WAIT));
	FEED(&f, make_time_wait(500, COOKIE, TIME_WAIT_RESET, TCP_TIME_WAIT));
	tick(&f, 1000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_RESET);
	opens_from_same_port(&f, 1500, COOKIE + 1); /* is no takeover any more */
	tick(&f, 5000);
	assert_int_equal(f.count, 1);
	fixture_end(&f);
}

/*
 * A SYN kills a server's minisock, but that its connection has the address pair shows when the handshake is complete:
 * as late as a far client, or a SYN-ACK that is repeated, makes it. What comes later had nothing to do with it.
 */
static void killer_is_known_late(void **state)
{
	static const uint64_t killed_ms[] = {500, 30000}; /* while it is held, lingers */

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct fixture f;
		uint64_t ms = killed_ms[i / 2], later_ms = i % 2 ? 3500 : 1200;
		unsigned first = ms == 30000 ? 2 : 1;

		begin_closed(&f, true);
		tick(&f, ms);
		FEED(&f, make_time_wait(ms, COOKIE, TIME_WAIT_KILLED, TCP_TIME_WAIT));
		tick(&f, ms + 1000);
		assert_int_equal(f.count, first);
		assert_int_equal(last_report(&f)->time_wait_end, TIME_WAIT_END_UNKNOWN);
		opens_from_same_port(&f, ms + later_ms, COOKIE + 1);
		tick(&f, ms + 6000);
		assert_int_equal(f.count, i % 2 ? first : first + 1);
		assert_int_equal(last_report(&f)->cookie, COOKIE);
		assert_int_equal(last_report(&f)->time_wait_end, i % 2 ? TIME_WAIT_END_UNKNOWN : TIME_WAIT_END_REUSED);
		assert_int_equal(last_report(&f)->time_wait_end_ns, AT(ms));
		fixture_end(&f);
	}
}

static void minisocks_of_nobody(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_time_wait(5, COOKIE, TIME_WAIT_EXPIRED, TCP_TIME_WAIT)); /* of the life before */
	FEED(&f, make_time_wait(5, 999, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
	assert_int_equal(tracker_stats(f.tracker)->stray_events, 2);
	assert_int_equal(tracker_live(f.tracker), 1);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_after_close),
		cmocka_unit_test(evidence_too_late),
		cmocka_unit_test(answer_to_a_duplicate),
		cmocka_unit_test(answer_to_a_duplicate_in_syn_recv),
		cmocka_unit_test(resets_of_nobody),
		cmocka_unit_test(flush_reports_what_is_held),
		cmocka_unit_test(plain_time_wait),
		cmocka_unit_test(untold_time_wait),
		cmocka_unit_test(settle_longer_than_time_wait),
		cmocka_unit_test(fin_wait2_expires),
		cmocka_unit_test(fin_reaches_the_minisock),
		cmocka_unit_test(data_reaches_the_minisock),
		cmocka_unit_test(address_pair_is_taken),
		cmocka_unit_test(address_pair_is_known_late),
		cmocka_unit_test(address_pair_is_taken_by_a_child),
		cmocka_unit_test(address_pair_is_taken_under_the_same_key),
		cmocka_unit_test(another_address_pair_takes_nothing),
		cmocka_unit_test(time_wait_killed_or_reset),
		cmocka_unit_test(killed_by_a_reset),
		cmocka_unit_test(killer_is_known_late),
		cmocka_unit_test(minisocks_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
