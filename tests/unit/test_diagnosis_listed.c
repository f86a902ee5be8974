// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_diagnosis_listed.c: how far a diagnosis believes what a listing told: while it is fresh, and no further than it
 * goes; and the peers that it names of those who come to a listener.
 */
#include "diagnosis_fixture.h"

static struct diagnosed d;

/* What was listed five minutes ago says nothing of the present. */
static void old_facts_are_none(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	event.unacked_bytes = 100;
	event.retransmits = 3;
	diagnosed_begin(&d);
	feed(&d.fixture, &event);
	diagnose(&d, 299999);
	assert_int_equal(only(&d, FINDING_HALF_OPEN_UNACKED)->facts[FACT_SILENT], 300099 * NS_PER_MS);
	diagnose(&d, 300000);
	none(&d);
	diagnosed_end(&d);
}

/* They were followed from their birth, and no listing has shown them: how often the FIN was sent is not known. */
static void a_pile_up_that_was_never_listed(void **state)
{
	(void)state;
	for (unsigned count = 19; count <= 20; count++) {
		diagnosed_begin(&d);
		for (unsigned cookie = 1; cookie <= count; cookie++) {
			client_opens(&d.fixture, cookie, cookie, (uint16_t)(40000 + cookie));
			FEED(&d.fixture, make_state(100, cookie, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
			FEED(&d.fixture, make_state_task(101, cookie, TCP_CLOSE_WAIT, TCP_LAST_ACK, FLAGS_CLOSER));
		}
		diagnose(&d, 10100);
		none(&d);
		diagnose(&d, 10101);
		if (count < 20) {
			none(&d);
		} else {
			assert_int_equal(only(&d, FINDING_LAST_ACK_PILEUP)->certainty, CERTAINTY_POSSIBLE);
			assert_int_equal(d.findings[0].since_ns, AT(101));
			assert_false(finding_has(&d.findings[0], FACT_ORPHANED));
			assert_false(finding_has(&d.findings[0], FACT_RETRANSMITS));
		}
		diagnosed_end(&d);
	}
}

/* It read a little, and then no more: from then on the window is shut by the process again. */
static void a_process_that_stops_reading_again(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	event.unread_bytes = 100000;
	event.receive_window = 0;
	event.received_ticks = TICKS(31000);
	diagnosed_begin(&d);
	feed(&d.fixture, &event);
	event.header.time_ns = AT(10000);
	event.copied_seq += 100;
	feed(&d.fixture, &event);
	diagnose(&d, 39999);
	none(&d);
	diagnose(&d, 40000);
	assert_true(only(&d, FINDING_ZERO_WINDOW_STALL)->local_fault);
	diagnosed_end(&d);
}

static struct event_existing listener(uint64_t ms, uint32_t queue, uint32_t max, uint32_t drops)
{
	struct event_existing event = make_existing(ms, 5, TCP_LISTEN, EXISTING_FILE, server_tuple(0));

	memset(event.tuple.remote, 0, sizeof(event.tuple.remote));
	event.has_details = 1;
	event.accept_queue = queue;
	event.accept_max = max;
	event.drops = drops;
	return event;
}

/* Where drops were counted and nobody waits, the queue was full: it is not. */
static void drops_at_an_empty_queue(void **state)
{
	(void)state;
	for (uint32_t waiting = 0; waiting < 2; waiting++) {
		diagnosed_begin(&d);
		FEED(&d.fixture, listener(0, 0, 1, 10));
		tracker_resync_begin(d.fixture.tracker, AT(4000));
		FEED(&d.fixture, listener(5000, waiting, 1, 17));
		tracker_resync_end(d.fixture.tracker, AT(5001));
		diagnose(&d, 5002);
		if (waiting)
			assert_int_equal(only(&d, FINDING_ACCEPT_OVERFLOW)->facts[FACT_DROPS], 7);
		else
			none(&d);
		diagnosed_end(&d);
	}
}

/* The networks that they come from, as they came; those that there is no room for are counted together. */
static void peers_of_a_listener(void **state)
{
	const uint8_t networks = FINDING_PEERS_MAX + 2;
	const struct finding *finding;

	(void)state;
	diagnosed_begin(&d);
	FEED(&d.fixture, make_listen(0, 999));
	for (uint64_t cookie = 0; cookie < 3U * networks; cookie++) {
		struct event_existing event = listed(1, 1 + cookie, TCP_CLOSE_WAIT);

		quiet_for(&event, 10 * MINUTE);
		event.tuple = server_tuple((uint16_t)(50000 + cookie));
		event.tuple.remote[2] = (uint8_t)(cookie % networks);
		event.tuple.remote[3] = (uint8_t)cookie;
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->count, 3 * networks);
	assert_int_equal(finding->local_port, SERVER_PORT);
	assert_int_equal(finding->peer_count, FINDING_PEERS_MAX);
	assert_int_equal(finding->peers_more, 3 * 2);
	for (uint32_t i = 0; i < FINDING_PEERS_MAX; i++) {
		assert_int_equal(finding->peers[i].count, 3);
		assert_int_equal(finding->peers[i].prefix.bits, 24);
		assert_int_equal(finding->peers[i].prefix.address[2], i);
	}
	diagnosed_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_facts_are_none),
		cmocka_unit_test(a_pile_up_that_was_never_listed),
		cmocka_unit_test(a_process_that_stops_reading_again),
		cmocka_unit_test(drops_at_an_empty_queue),
		cmocka_unit_test(peers_of_a_listener),
	};

	return cmocka_run_group_tests_name("diagnosis_listed", tests, NULL, NULL);
}
