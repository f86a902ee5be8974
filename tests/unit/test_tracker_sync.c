// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker_sync.c: sockets that existed before, that iterators list, that were missed through lost events;
 * and handshakes that do not come to an end.
 */
#include <errno.h>

#include "core_fixture.h"

#define COOKIE   4711
#define LISTENER 90
#define REQUEST  555
#define PORT     40000

static void closes(struct fixture *f, uint64_t ms, uint64_t cookie, uint8_t from, uint8_t error)
{
	struct event_close close = make_close(ms, cookie, from);

	close.error = error;
	close.header.flags = EVENT_SOCKET_DEAD | EVENT_SOCKET_DONE;
	feed(f, &close);
}

/* ---- sockets that existed before ---------------------------------------------------------------- */

static void existing_connection(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_existing(0, COOKIE, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(PORT)));
	assert_true(tracker_wants_owners(f.tracker));
	FEED(&f, make_existing(1, COOKIE, TCP_ESTABLISHED, EXISTING_FILE, client_tuple(PORT)));
	assert_false(tracker_wants_owners(f.tracker));
	FEED(&f, make_state(5, COOKIE, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	FEED(&f, make_state(6, COOKIE, TCP_CLOSE_WAIT, TCP_LAST_ACK));
	closes(&f, 7, COOKIE, TCP_LAST_ACK, 0);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_FIN_PEER_FIRST);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_PARTIAL);
	assert_int_equal(last_report(&f)->start_ns, ABSENT_U64);
	assert_int_equal(last_report(&f)->handshake_ns, ABSENT_U64);
	assert_false(last_report(&f)->has_id);
	assert_int_equal(last_report(&f)->role, ROLE_UNKNOWN);
	assert_int_equal(last_report(&f)->process_source, SOURCE_DESCRIPTOR);
	assert_int_equal(last_report(&f)->pid, 400);
	assert_int_equal(tracker_stats(f.tracker)->existing, 1);
	assert_int_equal(tracker_stats(f.tracker)->births, 1);
	fixture_end(&f);
}

/* Several processes hold it: the first listed stays. */
static void first_holder_stays(void **state)
{
	struct fixture f;
	struct event_existing second = make_existing(1, COOKIE, TCP_ESTABLISHED, EXISTING_FILE, client_tuple(PORT));

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_existing(0, COOKIE, TCP_ESTABLISHED, EXISTING_FILE, client_tuple(PORT)));
	second.header.pid = 401;
	feed(&f, &second);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->pid, 400);
	fixture_end(&f);
}

/* Who sent its FIN first is known from the state that it was found in. */
static void order_from_the_state(void **state)
{
	static const struct {
		uint8_t state;
		enum connection_cause cause;
	} found[] = {
		{TCP_LAST_ACK, CAUSE_FIN_PEER_FIRST},
		{TCP_FIN_WAIT2, CAUSE_FIN_LOCAL_FIRST},
		{TCP_CLOSING, CAUSE_FIN_SIMULTANEOUS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		struct fixture f;

		fixture_begin(&f);
		FEED(&f, make_existing(0, COOKIE, found[i].state, EXISTING_TCP, client_tuple(PORT)));
		closes(&f, 7, COOKIE, found[i].state, 0);
		tick(&f, 5000);
		assert_int_equal(last_report(&f)->cause, found[i].cause);
		fixture_end(&f);
	}
}

static void role_from_the_listener(void **state)
{
	struct event_tuple listening = server_tuple(0);

	(void)state;
	memset(listening.remote, 0, sizeof(listening.remote));
	listening.remote_port = 0;
	for (unsigned i = 0; i < 5; i++) {
		struct fixture f;
		struct event_tuple tuple = listening;

		if (i == 1) /* the wildcard */
			memset(tuple.local, 0, sizeof(tuple.local));
		tuple.local_port += i == 2;
		tuple.netns += i == 3;
		tuple.local[3] += i == 4;
		fixture_begin(&f);
		FEED(&f, make_existing(0, LISTENER, TCP_LISTEN, EXISTING_FILE, tuple));
		FEED(&f, make_existing(0, COOKIE, TCP_ESTABLISHED, EXISTING_TCP, server_tuple(PORT)));
		closes(&f, 7, COOKIE, TCP_ESTABLISHED, ETIMEDOUT);
		tick(&f, 1000);
		assert_int_equal(last_report(&f)->role, i < 2 ? ROLE_SERVER : ROLE_UNKNOWN);
		assert_int_equal(tracker_stats(f.tracker)->births, 1);
		fixture_end(&f);
	}
}

/* Found in SYN_SENT it is a client, though nobody knows since when. */
static void existing_attempt(void **state)
{
	struct fixture f;
	struct event_state established = make_state(500, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_existing(0, COOKIE, TCP_SYN_SENT, EXISTING_FILE, client_tuple(PORT)));
	established.local_isn = 1000;
	established.remote_isn = 2000;
	feed(&f, &established);
	closes(&f, 700, COOKIE, TCP_ESTABLISHED, ETIMEDOUT);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->role, ROLE_CLIENT);
	assert_int_equal(last_report(&f)->client_isn, 1000);
	assert_int_equal(last_report(&f)->handshake_ns, ABSENT_U64);
	assert_int_equal(last_report(&f)->start_ns, ABSENT_U64);
	fixture_end(&f);
}

/* The iterator stood at the child between its entry in the hash table and its first event. */
static void listed_before_its_birth(void **state)
{
	(void)state;
	for (unsigned borrowed = 0; borrowed < 2; borrowed++) {
		struct fixture f;
		struct event_birth announced = make_birth(9, LISTENER, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT));

		fixture_begin(&f);
		FEED(&f, make_listen(0, LISTENER));
		announced.socket = make_child(0, COOKIE, PORT).socket;
		if (borrowed) /* a fast open's child, told before under its listener's cookie */
			feed(&f, &announced);
		FEED(&f, make_existing(10, COOKIE, TCP_SYN_RECV, EXISTING_TCP, server_tuple(PORT)));
		FEED(&f, make_child(11, COOKIE, PORT));
		assert_int_equal(connection_count(f.tracker->table), 2);
		closes_second(&f, 50, COOKIE);
		tick(&f, 1000);
		assert_int_equal(f.count, 1);
		assert_int_equal(last_report(&f)->completeness, COMPLETENESS_COMPLETE);
		assert_int_equal(last_report(&f)->start_ns, borrowed ? AT(9) : AT(11) - 500000);
		assert_int_equal(last_report(&f)->role, ROLE_SERVER);
		assert_int_equal(tracker_stats(f.tracker)->births, 1);
		assert_int_equal(tracker_stats(f.tracker)->existing, 0);
		assert_int_equal(tracker_live(f.tracker), 0);
		assert_int_equal(f.tracker->ownerless, 0);
		fixture_end(&f);
	}
}

/* The same, and it is reset before its cookie is told. What was listed is not the beginning that was announced. */
static void listed_and_reset_before_its_birth(void **state)
{
	(void)state;
	for (unsigned borrowed = 0; borrowed < 2; borrowed++) {
		struct fixture f;
		struct event_birth announced = make_birth(9, LISTENER, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT));
		struct event_birth again = make_birth(30, COOKIE, TCP_SYN_RECV, TCP_SYN_RECV, server_tuple(PORT));
		struct event_close close = make_close(30, COOKIE, TCP_SYN_RECV);

		fixture_begin(&f);
		FEED(&f, make_listen(0, LISTENER));
		announced.socket = again.socket = make_child(0, COOKIE, PORT).socket;
		if (borrowed)
			feed(&f, &announced);
		FEED(&f, make_existing(10, COOKIE, TCP_SYN_RECV, EXISTING_FILE, server_tuple(PORT)));
		FEED(&f, make_reset_received(30, COOKIE, TCP_SYN_RECV));
		feed(&f, &again);
		close.error = ECONNRESET;
		feed(&f, &close);
		tick(&f, 1000);
		assert_int_equal(last_report(&f)->cause, CAUSE_RESET_IN_HANDSHAKE);
		assert_int_equal(last_report(&f)->completeness == COMPLETENESS_COMPLETE, borrowed);
		assert_int_equal(last_report(&f)->start_ns, borrowed ? AT(9) : ABSENT_U64);
		assert_int_equal(last_report(&f)->process_source, SOURCE_DESCRIPTOR);
		assert_int_equal(tracker_live(f.tracker) + f.tracker->ownerless, 0);
		fixture_end(&f);
	}
}

static void minisocks_and_requests_are_not_connections(void **state)
{
	static const uint8_t states[] = {TCP_TIME_WAIT, TCP_NEW_SYN_RECV, TCP_CLOSE};
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	for (size_t i = 0; i < sizeof(states); i++)
		FEED(&f, make_existing(0, COOKIE + i, states[i], EXISTING_TCP, client_tuple(PORT)));
	FEED(&f, make_existing(0, 0, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(PORT))); /* no cookie */
	assert_int_equal(connection_count(f.tracker->table), 0);
	fixture_end(&f);
}

/* A state that nobody told of: taken over, unless it may be a mere moment late. */
static void listed_in_another_state(void **state)
{
	static const uint64_t after_ms[] = {5, 500};

	(void)state;
	for (unsigned missed = 0; missed < 2; missed++) {
		struct fixture f;

		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		FEED(&f, make_existing(2 + after_ms[missed], COOKIE, TCP_CLOSE_WAIT, EXISTING_TCP, client_tuple(PORT)));
		assert_int_equal(tracker_find(f.tracker, COOKIE)->state, missed ? TCP_CLOSE_WAIT : TCP_ESTABLISHED);
		assert_int_equal(tracker_stats(f.tracker)->gaps, missed);
		fixture_end(&f);
	}
}

/* Listed as connected long after it closed: a life whose birth was lost. */
static void listed_after_its_close(void **state)
{
	static const uint64_t after_ms[] = {5, 500};

	(void)state;
	for (unsigned reborn = 0; reborn < 2; reborn++) {
		struct fixture f;

		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		closes_first(&f, 10, COOKIE, EVENT_SOCKET_DONE);
		tick(&f, 200);
		FEED(&f, make_existing(12 + after_ms[reborn], COOKIE, TCP_ESTABLISHED, EXISTING_TCP,
				       client_tuple(PORT + 1)));
		assert_int_equal(tracker_live(f.tracker), reborn);
		assert_int_equal(f.count, reborn);
		tick(&f, 5000);
		assert_int_equal(f.count, 1);
		assert_int_equal(last_report(&f)->local_port, PORT);
		fixture_end(&f);
	}
}

/* A listener that became a connection, and the reverse, without our being told. */
static void listeners_change(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_existing(100, LISTENER, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(PORT + 1)));
	FEED(&f, make_existing(100, COOKIE, TCP_LISTEN, EXISTING_TCP, server_tuple(0)));
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cause, CAUSE_UNOBSERVED);
	assert_int_equal(tracker_find(f.tracker, LISTENER)->state, TCP_ESTABLISHED);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->state, TCP_LISTEN);
	assert_int_equal(tracker_live(f.tracker), 1);
	FEED(&f, make_child(200, LISTENER, PORT)); /* and back again, by what can only be another socket's birth */
	FEED(&f, make_child(201, COOKIE, PORT + 9));
	assert_int_equal(tracker_live(f.tracker), 2);
	assert_null(listener_find(f.tracker, &(struct event_tuple){.local_port = SERVER_PORT, .netns = NETNS}, 4));
	fixture_end(&f);
}

/* What only a connection can do is not done to a listener. */
static void listeners_have_no_transitions(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	FEED(&f, make_state(1, LISTENER, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	FEED(&f, make_state_task(1, LISTENER, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_CLOSER));
	FEED(&f, make_retransmit(1, LISTENER, TCP_ESTABLISHED));
	FEED(&f, make_reset_received(1, LISTENER, TCP_ESTABLISHED));
	FEED(&f, make_reset_sent(1, LISTENER, TCP_ESTABLISHED, RESET_REASON_STATE, 0));
	assert_int_equal(tracker_find(f.tracker, LISTENER)->state, TCP_LISTEN);
	FEED(&f, make_close(2, LISTENER, TCP_LISTEN));
	assert_null(tracker_find(f.tracker, LISTENER));
	FEED(&f, make_close(2, LISTENER, TCP_CLOSE)); /* tcp_abort() of a listener tells twice */
	tick(&f, 5000);
	assert_int_equal(f.count, 0);
	assert_int_equal(connection_count(f.tracker->table), 0);
	fixture_end(&f);
}

/* ---- losses ------------------------------------------------------------------------------------- */

#define GONE      1
#define LISTED    2
#define ELSEWHERE 3
#define LATER     4

static void resync_after_a_loss(void **state)
{
	struct fixture f;
	struct event_tuple elsewhere = client_tuple(PORT + ELSEWHERE);

	(void)state;
	fixture_begin(&f);
	elsewhere.netns++;
	client_opens(&f, 0, GONE, PORT + GONE);
	client_opens(&f, 0, LISTED, PORT + LISTED);
	FEED(&f, make_birth(0, ELSEWHERE, TCP_CLOSE, TCP_SYN_SENT, elsewhere));
	tracker_loss(f.tracker, 17);
	tracker_resync_begin(f.tracker, AT(1000));
	FEED(&f, make_existing(1001, LISTED, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(PORT + LISTED)));
	client_opens(&f, 1002, LATER, PORT + LATER); /* after the iterator was there */
	FEED(&f, make_netns_listed(1003, NETNS));
	tracker_resync_end(f.tracker, AT(1004));
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cookie, GONE);
	assert_int_equal(last_report(&f)->cause, CAUSE_UNOBSERVED);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_INFERRED);
	assert_int_equal(last_report(&f)->end_ns, AT(1004));
	assert_int_equal(tracker_live(f.tracker), 3);
	assert_int_equal(tracker_stats(f.tracker)->events_lost, 17);
	assert_int_equal(tracker_stats(f.tracker)->resyncs, 1);
	assert_int_equal(tracker_stats(f.tracker)->unobserved, 1);
	tracker_resync_begin(f.tracker, AT(2000)); /* a second one starts from nothing */
	tracker_resync_end(f.tracker, AT(2001));
	assert_int_equal(f.count, 1);
	fixture_end(&f);
}

static void stale_listeners_go(void **state)
{
	struct fixture f;
	struct event_birth other = make_listen(0, LISTENER + 1);

	(void)state;
	fixture_begin(&f);
	other.tuple.local_port = 81;
	FEED(&f, make_listen(0, LISTENER));
	feed(&f, &other);
	tracker_resync_begin(f.tracker, AT(1000));
	FEED(&f, make_existing(1001, LISTENER + 1, TCP_LISTEN, EXISTING_TCP, other.tuple));
	FEED(&f, make_netns_listed(1003, NETNS));
	tracker_resync_end(f.tracker, AT(1004));
	assert_null(tracker_find(f.tracker, LISTENER));
	assert_non_null(tracker_find(f.tracker, LISTENER + 1));
	assert_int_equal(f.count, 0);
	fixture_end(&f);
}

/* A loss while the end was under way: the verdict stands on what was seen, and says so. */
static void loss_during_the_end(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_reset_received(10, COOKIE, TCP_ESTABLISHED));
	tracker_loss(f.tracker, 3);
	closes(&f, 11, COOKIE, TCP_ESTABLISHED, ECONNRESET);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_RST_RECEIVED);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_PARTIAL);
	assert_true(has_evidence(last_report(&f), EVIDENCE_EVENTS_LOST));
	fixture_end(&f);
}

/* ---- handshakes --------------------------------------------------------------------------------- */

/* 1 s, 2 s, 4 s: with two repetitions the timer finds it at its limit 7 s after the SYN. */
static void handshake_times_out(void **state)
{
	struct fixture f;
	const struct connection_report *report;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	FEED(&f, make_synack(1000, LISTENER, REQUEST, PORT, 0));
	FEED(&f, make_synack(3000, LISTENER, REQUEST, PORT, 1));
	assert_int_equal(tracker_live(f.tracker), 0);
	tick(&f, 7400);
	assert_int_equal(f.count, 0);
	tick(&f, 7800);
	assert_int_equal(f.count, 1);
	report = last_report(&f);
	assert_int_equal(report->cause, CAUSE_SYNACK_TIMEOUT);
	assert_int_equal(report->class, CLASS_OPEN_FAILED);
	assert_int_equal(report->initiator, INITIATOR_LOCAL_KERNEL);
	ASSERT_PATH(report, TCP_SYN_RECV, TCP_CLOSE);
	assert_int_equal(report->start_ns, AT(0));
	assert_int_equal(report->end_ns, AT(7000));
	assert_int_equal(report->retransmits, 2);
	assert_int_equal(report->role, ROLE_SERVER);
	assert_int_equal(report->remote_port, PORT);
	assert_int_equal(report->process_source, SOURCE_LISTENER);
	assert_int_equal(report->pid, PID_SERVER);
	assert_int_equal(report->completeness, COMPLETENESS_COMPLETE);
	assert_int_equal(connection_count(f.tracker->table), 1); /* the listener */
	fixture_end(&f);
}

static void handshake_completes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	FEED(&f, make_synack(1000, LISTENER, REQUEST, PORT, 0));
	FEED(&f, make_synack(1000, LISTENER, REQUEST + 1, PORT + 1, 0)); /* of somebody else */
	FEED(&f, make_child(1500, COOKIE, PORT));
	assert_null(tracker_find(f.tracker, REQUEST));
	assert_non_null(tracker_find(f.tracker, REQUEST + 1));
	tick(&f, 60000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cookie, REQUEST + 1);
	assert_int_equal(tracker_live(f.tracker), 1);
	fixture_end(&f);
}

/* Not repeated as often as it would have been: it went another way, and nobody saw which. */
static void handshake_vanishes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_synack(1000, LISTENER, REQUEST, PORT, 0));
	tick(&f, 3400);
	assert_int_equal(f.count, 0);
	tick(&f, 3700);
	assert_int_equal(last_report(&f)->cause, CAUSE_UNOBSERVED);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_INFERRED);
	assert_true(has_evidence(last_report(&f), EVIDENCE_SYNACK_RETRIES));
	fixture_end(&f);
}

/* The interval doubles, but not beyond 120 s. */
static void handshake_interval_is_bounded(void **state)
{
	struct fixture f;
	struct event_synack synack = make_synack(1000, LISTENER, REQUEST, PORT, 200);

	(void)state;
	fixture_begin(&f);
	synack.max_retries = 255;
	feed(&f, &synack);
	tick(&f, 121400);
	assert_int_equal(f.count, 0);
	tick(&f, 122000);
	assert_int_equal(f.count, 1);
	synack.request++;
	synack.timeouts = 255; /* only in a recording that somebody made up: and no interval at all */
	synack.timeout_ticks = 0;
	feed(&f, &synack);
	tick(&f, 123000);
	assert_int_equal(f.count, 2);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(existing_connection),
		cmocka_unit_test(first_holder_stays),
		cmocka_unit_test(order_from_the_state),
		cmocka_unit_test(role_from_the_listener),
		cmocka_unit_test(existing_attempt),
		cmocka_unit_test(listed_before_its_birth),
		cmocka_unit_test(listed_and_reset_before_its_birth),
		cmocka_unit_test(minisocks_and_requests_are_not_connections),
		cmocka_unit_test(listed_in_another_state),
		cmocka_unit_test(listed_after_its_close),
		cmocka_unit_test(listeners_change),
		cmocka_unit_test(listeners_have_no_transitions),
		cmocka_unit_test(resync_after_a_loss),
		cmocka_unit_test(stale_listeners_go),
		cmocka_unit_test(loss_during_the_end),
		cmocka_unit_test(handshake_times_out),
		cmocka_unit_test(handshake_completes),
		cmocka_unit_test(handshake_vanishes),
		cmocka_unit_test(handshake_interval_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
