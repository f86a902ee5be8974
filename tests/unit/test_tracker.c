// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker.c: how lifecycles begin and go on: clients, servers, simultaneous and fast opens, sockets that
 * are used again, what was missed. Owners and numbers are in test_tracker_facts.c, ends and revisions in
 * test_tracker_end.c, listed sockets, losses and handshakes in test_tracker_sync.c.
 */
#include <errno.h>

#include "core_fixture.h"

#define COOKIE   4711
#define LISTENER 90
#define PORT     40000

static void client_life(void **state)
{
	struct fixture f;
	const struct connection_report *report;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	assert_int_equal(tracker_live(f.tracker), 1);
	closes_first(&f, 100, COOKIE, EVENT_SOCKET_DONE);
	assert_int_equal(f.count, 0);
	tick(&f, 5000);
	assert_int_equal(f.count, 1);
	report = last_report(&f);
	ASSERT_PATH(report, TCP_SYN_SENT, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT);
	assert_int_equal(report->cause, CAUSE_FIN_LOCAL_FIRST);
	assert_int_equal(report->class, CLASS_GRACEFUL);
	assert_int_equal(report->how, HOW_CLOSE);
	assert_int_equal(report->role, ROLE_CLIENT);
	assert_int_equal(report->local_port, PORT);
	assert_int_equal(report->remote_port, SERVER_PORT);
	assert_int_equal(report->netns, NETNS);
	assert_int_equal(report->start_ns, AT(0));
	assert_int_equal(report->end_ns, AT(102));
	assert_int_equal(report->handshake_ns, 2 * NS_PER_MS);
	assert_int_equal(report->completeness, COMPLETENESS_COMPLETE);
	assert_int_equal(report->conformance, CONFORMANCE_LINUX_VARIANT);
	assert_int_equal(report->note_count, 1);
	assert_true(report->has_id);
	assert_int_equal(report->client_isn, 1000);
	assert_int_equal(report->server_isn, 2000);
	assert_int_equal(report->process_source, SOURCE_CLOSE);
	assert_int_equal(report->pid, 300);
	fixture_end(&f);
}

/* What the second copy of a program tells once more changes nothing; the next step does. */
static void events_told_twice(void **state)
{
	struct fixture f;
	const struct connection_report *report;
	struct event_close close = make_close(52, COOKIE, TCP_LAST_ACK);

	(void)state;
	close.header.flags = EVENT_SOCKET_DEAD | EVENT_SOCKET_DONE;
	close.shutdown = 3;
	fixture_begin(&f);
	for (unsigned i = 0; i < 2; i++)
		FEED(&f, make_birth(0, COOKIE, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT)));
	for (unsigned i = 0; i < 2; i++)
		FEED(&f, make_state(2 + i, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED));
	for (unsigned i = 0; i < 2; i++)
		FEED(&f, make_state(50, COOKIE, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	for (unsigned i = 0; i < 2; i++)
		FEED(&f, make_state_task(51, COOKIE, TCP_CLOSE_WAIT, TCP_LAST_ACK, FLAGS_CLOSER));
	for (unsigned i = 0; i < 2; i++)
		feed(&f, &close);
	tick(&f, 3000);
	assert_int_equal(f.count, 1);
	report = last_report(&f);
	ASSERT_PATH(report, TCP_SYN_SENT, TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSE);
	assert_int_equal(report->cause, CAUSE_FIN_PEER_FIRST);
	assert_int_equal(report->completeness, COMPLETENESS_COMPLETE);
	assert_int_equal(report->conformance, CONFORMANCE_CONFORMANT);
	assert_int_equal(tracker_stats(f.tracker)->births, 1);
	fixture_end(&f);
}

static void server_life(void **state)
{
	struct fixture f;
	const struct connection_report *report;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	assert_int_equal(tracker_live(f.tracker), 0);
	FEED(&f, make_child(10, COOKIE, PORT));
	closes_second(&f, 50, COOKIE);
	tick(&f, 1000);
	assert_int_equal(f.count, 1);
	report = last_report(&f);
	ASSERT_PATH(report, TCP_SYN_RECV, TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSE);
	assert_int_equal(report->cause, CAUSE_FIN_PEER_FIRST);
	assert_int_equal(report->initiator, INITIATOR_PEER);
	assert_int_equal(report->role, ROLE_SERVER);
	assert_int_equal(report->start_ns, AT(10) - 500000);
	assert_int_equal(report->handshake_ns, 500000);
	assert_int_equal(report->conformance, CONFORMANCE_CONFORMANT);
	assert_false(report->has_time_wait);
	assert_int_equal(tracker_stats(f.tracker)->births, 1); /* listeners apart */
	fixture_end(&f);
}

/* Both ends on one host: two reports that join by their id. */
static void ids_are_equal_at_both_ends(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, 1, PORT);
	FEED(&f, make_child(2, 2, PORT));
	closes_first(&f, 10, 1, EVENT_SOCKET_DONE);
	closes_second(&f, 11, 2);
	tick(&f, 5000);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.reports[0].client_isn, f.reports[1].client_isn);
	assert_int_equal(f.reports[0].server_isn, f.reports[1].server_isn);
	assert_int_not_equal(f.reports[0].role, f.reports[1].role);
	fixture_end(&f);
}

/*
 * The kernel side reckons the ISN as for a listener's child, whose SYN is not among the acknowledged bytes;
 * here it is, and the number that comes is one too small.
 */
static void opens_simultaneously(struct fixture *f, uint64_t cookie, struct event_tuple tuple, uint32_t local,
				 uint32_t remote)
{
	struct event_birth established = make_birth(2, cookie, TCP_SYN_RECV, TCP_ESTABLISHED, tuple);

	established.local_isn = local - 1;
	established.remote_isn = remote;
	FEED(f, make_birth(0, cookie, TCP_CLOSE, TCP_SYN_SENT, tuple));
	FEED(f, make_state(1, cookie, TCP_SYN_SENT, TCP_SYN_RECV));
	feed(f, &established);
}

static void simultaneous_open(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	opens_simultaneously(&f, 1, client_tuple(PORT), 7000, 5000);
	opens_simultaneously(&f, 2, server_tuple(PORT), 5000, 7000);
	closes_first(&f, 10, 1, EVENT_SOCKET_DONE);
	closes_second(&f, 11, 2);
	tick(&f, 5000);
	assert_int_equal(f.count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(f.reports[i].role, ROLE_BOTH);
		assert_int_equal(f.reports[i].client_isn, 5000);
		assert_int_equal(f.reports[i].server_isn, 7000);
		assert_int_equal(f.reports[i].states[0].state, TCP_SYN_SENT);
		assert_int_equal(f.reports[i].states[1].state, TCP_SYN_RECV);
		assert_int_not_equal(f.reports[i].conformance, CONFORMANCE_VIOLATION);
	}
	assert_int_equal(tracker_stats(f.tracker)->births, 2);
	assert_int_equal(tracker_stats(f.tracker)->gaps, 0);
	fixture_end(&f);
}

/* SYN_SENT->SYN_RECV was lost, or was the last that happened: the role is the same. */
static void simultaneous_open_in_part(void **state)
{
	struct fixture f;
	struct event_birth established = make_birth(2, COOKIE, TCP_SYN_RECV, TCP_ESTABLISHED, client_tuple(PORT));
	struct event_close close = make_close(5, COOKIE + 1, TCP_SYN_RECV);

	(void)state;
	fixture_begin(&f);
	established.local_isn = 6999;
	established.remote_isn = 5000;
	FEED(&f, make_birth(0, COOKIE, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT)));
	feed(&f, &established);
	closes_first(&f, 10, COOKIE, EVENT_SOCKET_DONE);
	tick(&f, 5000);
	assert_int_equal(last_report(&f)->role, ROLE_BOTH);
	assert_int_equal(last_report(&f)->server_isn, 7000);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_PARTIAL);
	FEED(&f, make_birth(5000, COOKIE + 1, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT + 1)));
	FEED(&f, make_state(5001, COOKIE + 1, TCP_SYN_SENT, TCP_SYN_RECV));
	FEED(&f, make_birth(5002, COOKIE + 1, TCP_SYN_RECV, TCP_SYN_RECV, client_tuple(PORT + 1)));
	close.error = ECONNRESET;
	feed(&f, &close);
	tick(&f, 9000);
	assert_int_equal(last_report(&f)->role, ROLE_BOTH);
	ASSERT_PATH(last_report(&f), TCP_SYN_SENT, TCP_SYN_RECV, TCP_CLOSE);
	fixture_end(&f);
}

/* Up to Linux 6.12 the child of a fast open is announced under its listener's cookie. */
static void fast_open_with_borrowed_cookie(void **state)
{
	struct fixture f;
	struct event_birth announced = make_birth(10, LISTENER, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT));
	struct event_birth established = make_child(30, COOKIE, PORT);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	announced.socket = established.socket = 0xffff888012345678;
	announced.tuple.remote_port = 0; /* not the child's yet: the listener's */
	memset(&announced.tuple.remote, 0, sizeof(announced.tuple.remote));
	feed(&f, &announced);
	assert_int_equal(tracker_live(f.tracker), 1);
	assert_non_null(tracker_find(f.tracker, announced.socket));
	feed(&f, &established);
	assert_int_equal(tracker_live(f.tracker), 1);
	assert_null(tracker_find(f.tracker, announced.socket));
	assert_int_equal(tracker_find(f.tracker, LISTENER)->state, TCP_LISTEN);
	closes_second(&f, 50, COOKIE);
	tick(&f, 1000);
	assert_int_equal(f.count, 1);
	ASSERT_PATH(last_report(&f), TCP_SYN_RECV, TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSE);
	assert_int_equal(last_report(&f)->start_ns, AT(10));
	assert_int_equal(last_report(&f)->cookie, COOKIE);
	assert_int_equal(last_report(&f)->remote_port, established.tuple.remote_port);
	assert_memory_equal(last_report(&f)->remote, established.tuple.remote, EVENT_ADDRESS_BYTES);
	assert_int_equal(tracker_stats(f.tracker)->births, 1);
	assert_int_equal(tracker_stats(f.tracker)->gaps, 0);
	fixture_end(&f);
}

/* Where keys are addresses the child is announced under its own, and with its listener's addresses all the same. */
static void fast_open_with_addresses_as_keys(void **state)
{
	struct fixture f;
	struct event_birth announced = make_birth(10, COOKIE, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT));
	struct event_birth again = make_birth(9000, COOKIE, TCP_SYN_RECV, TCP_SYN_RECV, server_tuple(PORT));
	struct event_close close = make_close(9000, COOKIE, TCP_SYN_RECV);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	announced.socket = again.socket = COOKIE;
	announced.tuple.remote_port = 0;
	feed(&f, &announced);
	feed(&f, &again);
	assert_int_equal(tracker_live(f.tracker), 1);
	close.error = ETIMEDOUT;
	feed(&f, &close);
	tick(&f, 10000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cause, CAUSE_SYNACK_TIMEOUT);
	assert_int_equal(last_report(&f)->remote_port, PORT);
	assert_int_equal(last_report(&f)->start_ns, AT(10));
	fixture_end(&f);
}

static void fast_open_with_own_cookie(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	FEED(&f, make_birth(10, COOKIE, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT)));
	FEED(&f, make_synack(1010, COOKIE, 5000, PORT, 0)); /* repeated: counted, no handshake of its own */
	FEED(&f, make_child(1011, COOKIE, PORT));
	closes_second(&f, 1050, COOKIE);
	tick(&f, 9000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->start_ns, AT(10));
	assert_int_equal(tracker_stats(f.tracker)->births, 1);
	fixture_end(&f);
}

/* With a borrowed cookie the repeated SYN-ACK cannot be told to be this child's until it is established. */
static void fast_open_repeats_its_synack(void **state)
{
	struct fixture f;
	struct event_birth announced = make_birth(10, LISTENER, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT));

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	announced.socket = make_child(0, COOKIE, PORT).socket;
	feed(&f, &announced);
	FEED(&f, make_synack(1010, COOKIE, 5000, PORT, 0));
	FEED(&f, make_child(1011, COOKIE, PORT));
	tick(&f, 60000);
	assert_int_equal(f.count, 0); /* no handshake failed */
	assert_int_equal(connection_count(f.tracker->table), 2);
	fixture_end(&f);
}

/* A fast open's child that never comes to ESTABLISHED is announced once more before its close. */
static void fast_open_times_out(void **state)
{
	struct fixture f;
	struct event_close close = make_close(9000, COOKIE, TCP_SYN_RECV);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	FEED(&f, make_birth(10, COOKIE, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT)));
	FEED(&f, make_birth(9000, COOKIE, TCP_SYN_RECV, TCP_SYN_RECV, server_tuple(PORT)));
	close.error = ETIMEDOUT;
	feed(&f, &close);
	tick(&f, 10000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cause, CAUSE_SYNACK_TIMEOUT);
	ASSERT_PATH(last_report(&f), TCP_SYN_RECV, TCP_CLOSE);
	fixture_end(&f);
}

static void disconnects(struct fixture *f, uint64_t ms, uint64_t cookie)
{
	struct event_close close = make_close(ms, cookie, TCP_ESTABLISHED);

	close.header.flags = FLAGS_HOLDER;
	feed(f, &close);
	FEED(f, make_reset_sent(ms, cookie, TCP_CLOSE, RESET_REASON_STATE, 0));
}

static void one_socket_two_lives(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	disconnects(&f, 10, COOKIE);
	client_opens(&f, 20, COOKIE, PORT + 1); /* while the first still settles */
	assert_int_equal(f.count, 1);
	assert_int_equal(f.reports[0].cause, CAUSE_RST_SENT_DISCONNECT);
	assert_int_equal(f.reports[0].local_port, PORT);
	disconnects(&f, 30, COOKIE);
	tick(&f, 1000);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.reports[1].local_port, PORT + 1);
	assert_int_equal(f.reports[1].start_ns, AT(20));
	assert_int_equal(f.reports[1].revision, 1);
	assert_int_equal(tracker_stats(f.tracker)->births, 2);
	assert_int_equal(connection_count(f.tracker->table), 0);
	fixture_end(&f);
}

/* Ending one life must not touch another, whatever the cookies and places in memory are. */
static void reuse_touches_only_its_own(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	for (uint64_t cookie = 8; cookie >= 1; cookie--)
		client_opens(&f, 0, cookie, (uint16_t)(PORT + cookie));
	for (uint64_t cookie = 1; cookie <= 4; cookie++)
		closes_first(&f, 10, cookie, EVENT_SOCKET_DONE);
	disconnects(&f, 20, 8);
	tick(&f, 500);
	assert_int_equal(f.count, 1);
	for (uint64_t cookie = 7; cookie >= 5; cookie--) {
		disconnects(&f, 600, cookie);
		client_opens(&f, 601, cookie, (uint16_t)(PORT + 100 + cookie));
	}
	assert_int_equal(f.count, 4); /* the disconnected: the others are still held */
	assert_int_equal(connection_queue_length(f.tracker->table, QUEUE_HOLD), 4);
	fixture_end(&f);
}

/* The close was lost: the socket cannot have begun anew without one. */
static void missed_close(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	client_opens(&f, 5000, COOKIE, PORT + 1);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->cause, CAUSE_UNOBSERVED);
	assert_int_equal(last_report(&f)->class, CLASS_UNKNOWN);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_INFERRED);
	assert_true(has_evidence(last_report(&f), EVIDENCE_END_UNSEEN));
	assert_int_equal(last_report(&f)->end_ns, AT(2)); /* the last that was seen of it */
	assert_int_equal(tracker_stats(f.tracker)->gaps, 1);
	assert_int_equal(tracker_stats(f.tracker)->unobserved, 1);
	assert_int_equal(tracker_live(f.tracker), 1);
	fixture_end(&f);
}

/* The birth was lost: what follows must not be taken for the old connection's. */
static void missed_birth(void **state)
{
	struct fixture f;
	struct event_state established = make_state(200, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED);
	struct event_close close = make_close(300, COOKIE, TCP_ESTABLISHED);
	struct event_retransmit retransmit = make_retransmit(250, COOKIE, TCP_ESTABLISHED);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	closes_first(&f, 10, COOKIE, EVENT_SOCKET_DONE);
	tick(&f, 150); /* held for its minisock */
	established.local_port = retransmit.local_port = close.local_port = PORT + 7;
	feed(&f, &established);
	FEED(&f, make_state_task(220, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_HOLDER));
	feed(&f, &retransmit);
	feed(&f, &close);
	assert_int_equal(tracker_stats(f.tracker)->stray_events, 4);
	tick(&f, 5000);
	assert_int_equal(f.count, 1);
	assert_int_equal(last_report(&f)->local_port, PORT);
	assert_int_equal(last_report(&f)->end_ns, AT(12));
	assert_int_equal(last_report(&f)->how, HOW_CLOSE);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_COMPLETE);
	fixture_end(&f);
}

static void missed_transitions(void **state)
{
	struct fixture f;
	struct event_close close = make_close(100, COOKIE, TCP_LAST_ACK);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	close.header.flags = EVENT_SOCKET_DEAD | EVENT_SOCKET_DONE;
	feed(&f, &close); /* neither CLOSE_WAIT nor LAST_ACK was told, but LAST_ACK has only one way in */
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_FIN_PEER_FIRST);
	assert_int_equal(last_report(&f)->completeness, COMPLETENESS_PARTIAL);
	ASSERT_PATH(last_report(&f), TCP_SYN_SENT, TCP_ESTABLISHED, TCP_LAST_ACK, TCP_CLOSE);
	assert_int_equal(tracker_stats(f.tracker)->gaps, 1);
	fixture_end(&f);
}

static void violations_are_noted(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_state(10, COOKIE, TCP_ESTABLISHED, TCP_LAST_ACK));
	FEED(&f, make_close(20, COOKIE, TCP_LAST_ACK));
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->conformance, CONFORMANCE_VIOLATION);
	assert_int_equal(last_report(&f)->notes[0].from, TCP_ESTABLISHED);
	assert_int_equal(last_report(&f)->notes[0].to, TCP_LAST_ACK);
	fixture_end(&f);
}

/* The short path holds 4 states; more need the ending, and beyond the report's room nothing is written. */
static void long_paths(void **state)
{
	struct fixture f;
	uint8_t from = TCP_ESTABLISHED, to = TCP_FIN_WAIT1;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	for (unsigned i = 0; i < 40; i++) {
		FEED(&f, make_state(10 + i, COOKIE, from, to));
		from = to;
		to = to == TCP_FIN_WAIT1 ? TCP_FIN_WAIT2 : TCP_FIN_WAIT1;
	}
	FEED(&f, make_close(100, COOKIE, from));
	tick(&f, 5000);
	assert_int_equal(last_report(&f)->state_count, REPORT_STATES_MAX);
	for (unsigned i = 1; i < REPORT_STATES_MAX; i++)
		assert_true(last_report(&f)->states[i].at_ns >= last_report(&f)->states[i - 1].at_ns);
	assert_int_equal(last_report(&f)->states[3].state, TCP_FIN_WAIT2);
	assert_int_equal(last_report(&f)->states[4].state, TCP_FIN_WAIT1);
	assert_int_equal(last_report(&f)->note_count, REPORT_NOTES_MAX);
	fixture_end(&f);
}

/* close() in FIN_WAIT2 after shutdown(): no state of its own, but the close is somebody's. */
static void self_transitions_are_not_states(void **state)
{
	struct fixture f;
	struct event_close close = make_close(62, COOKIE, TCP_FIN_WAIT2);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_state_task(10, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_HOLDER));
	FEED(&f, make_state(11, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT2));
	FEED(&f, make_state_task(61, COOKIE, TCP_FIN_WAIT2, TCP_FIN_WAIT2, FLAGS_CLOSER));
	close.header.flags = EVENT_SOCKET_DEAD;
	feed(&f, &close);
	tick(&f, 5000);
	ASSERT_PATH(last_report(&f), TCP_SYN_SENT, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE);
	assert_int_equal(last_report(&f)->how, HOW_SHUTDOWN);
	assert_int_equal(last_report(&f)->note_count, 2);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_life),
		cmocka_unit_test(events_told_twice),
		cmocka_unit_test(server_life),
		cmocka_unit_test(ids_are_equal_at_both_ends),
		cmocka_unit_test(simultaneous_open),
		cmocka_unit_test(simultaneous_open_in_part),
		cmocka_unit_test(fast_open_with_borrowed_cookie),
		cmocka_unit_test(fast_open_with_addresses_as_keys),
		cmocka_unit_test(fast_open_with_own_cookie),
		cmocka_unit_test(fast_open_repeats_its_synack),
		cmocka_unit_test(fast_open_times_out),
		cmocka_unit_test(one_socket_two_lives),
		cmocka_unit_test(reuse_touches_only_its_own),
		cmocka_unit_test(missed_close),
		cmocka_unit_test(missed_birth),
		cmocka_unit_test(missed_transitions),
		cmocka_unit_test(violations_are_noted),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(self_transitions_are_not_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
