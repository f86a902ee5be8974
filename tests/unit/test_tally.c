// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tally.c: for each item the event that counts, and one that differs in a single fact and does not; and in
 * which network namespace it is counted.
 */
#include "core_fixture.h"

#include <errno.h>

#include "core/tally.h"

#define COOKIE 7
#define PORT   40000

#define ITEMS(made, known)                                                                                             \
	({                                                                                                             \
		__auto_type event_ = (made);                                                                           \
		tally_items((const struct event_header *)&event_, (known));                                            \
	})

static void opens(void **state)
{
	struct connection syn_recv = {.state = TCP_SYN_RECV}, established = {.state = TCP_ESTABLISHED};
	struct connection listed = {.state = TCP_SYN_RECV, .flags = CONNECTION_BIRTH_UNSEEN};
	struct connection client = {.state = TCP_SYN_SENT};

	(void)state;
	assert_int_equal(ITEMS(make_birth(0, COOKIE, TCP_CLOSE, TCP_SYN_SENT, client_tuple(0)), NULL), TALLY(CONNECT));
	assert_int_equal(ITEMS(make_listen(0, COOKIE), NULL), 0);
	assert_int_equal(ITEMS(make_child(0, COOKIE, PORT), NULL), TALLY(CHILD) | TALLY(ESTABLISHED));
	assert_int_equal(ITEMS(make_child(0, COOKIE, PORT), &established), TALLY(CHILD) | TALLY(ESTABLISHED));
	assert_int_equal(ITEMS(make_child(0, COOKIE, PORT), &listed), TALLY(CHILD) | TALLY(ESTABLISHED));
	/* Announced before by TCP Fast Open; a simultaneous open is nobody's child. */
	assert_int_equal(ITEMS(make_child(0, COOKIE, PORT), &syn_recv), TALLY(ESTABLISHED));
	assert_int_equal(ITEMS(make_child(0, COOKIE, PORT), &client), TALLY(ESTABLISHED));
	assert_int_equal(ITEMS(make_birth(0, COOKIE, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT)), NULL),
			 TALLY(CHILD));
	assert_int_equal(ITEMS(make_birth(0, COOKIE, TCP_SYN_RECV, TCP_SYN_RECV, server_tuple(PORT)), NULL),
			 TALLY(CHILD));
}

static struct event_close closed(uint8_t from, uint8_t error, uint16_t flags)
{
	struct event_close event = make_close(0, COOKIE, from);

	event.error = error;
	event.header.flags = flags;
	event.pending_timer = 1;
	return event;
}

static void failed_opens(void **state)
{
	struct event_close event = closed(TCP_SYN_SENT, 0, FLAGS_HOLDER);

	(void)state;
	assert_int_equal(ITEMS(closed(TCP_SYN_SENT, ECONNREFUSED, FLAGS_SOFTIRQ), NULL), TALLY(ATTEMPT_FAILED));
	assert_int_equal(ITEMS(closed(TCP_SYN_RECV, ECONNRESET, FLAGS_SOFTIRQ), NULL), TALLY(ATTEMPT_FAILED));
	assert_int_equal(ITEMS(closed(TCP_FIN_WAIT1, ECONNRESET, FLAGS_SOFTIRQ), NULL), 0);
	/* close() gives up; an error from before is not of this attempt. */
	assert_int_equal(ITEMS(closed(TCP_SYN_SENT, 0, FLAGS_CLOSER), NULL), 0);
	assert_int_equal(ITEMS(closed(TCP_SYN_SENT, ECONNRESET, FLAGS_CLOSER), NULL), 0);
	/* shutdown() while the SYN is out; then connect() that found no port. */
	assert_int_equal(ITEMS(event, NULL), 0);
	event.pending_timer = 0;
	assert_int_equal(ITEMS(event, NULL), TALLY(CONNECT_UNSENT));
	event.unacked_bytes = 1;
	assert_int_equal(ITEMS(event, NULL), 0);
	event.unacked_bytes = 0;
	event.header.flags = FLAGS_SOFTIRQ; /* no task: nobody connects */
	assert_int_equal(ITEMS(event, NULL), 0);
}

static void established(void **state)
{
	(void)state;
	assert_int_equal(ITEMS(make_state(0, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED), NULL), TALLY(ESTABLISHED));
	assert_int_equal(ITEMS(make_state(0, COOKIE, TCP_ESTABLISHED, TCP_CLOSE_WAIT), NULL), 0);
	assert_int_equal(ITEMS(make_state_task(0, COOKIE, TCP_CLOSE_WAIT, TCP_LAST_ACK, FLAGS_CLOSER), NULL),
			 TALLY(ESTABLISHED_LEFT));
	assert_int_equal(ITEMS(make_state(0, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT2), NULL), 0);
	assert_int_equal(ITEMS(closed(TCP_CLOSE_WAIT, EPIPE, FLAGS_SOFTIRQ), NULL),
			 TALLY(ESTABLISHED_LEFT) | TALLY(ESTABLISHED_RESET));
	assert_int_equal(ITEMS(closed(TCP_LAST_ACK, 0, EVENT_SOCKET_DEAD), NULL), 0);
	/* What was never open, whatever else is told of it. */
	assert_int_equal(ITEMS(closed(TCP_LISTEN, ETIMEDOUT, FLAGS_CLOSER | EVENT_LINGER_ZERO), NULL), 0);
	assert_int_equal(ITEMS(closed(TCP_CLOSE, ETIMEDOUT, FLAGS_CLOSER | EVENT_LINGER_ZERO), NULL), 0);
}

static void aborts(void **state)
{
	const uint32_t left = TALLY(ESTABLISHED_LEFT) | TALLY(ESTABLISHED_RESET);
	struct event_close unread = closed(TCP_ESTABLISHED, 0, FLAGS_CLOSER | EVENT_LINGER_ZERO);

	(void)state;
	assert_int_equal(ITEMS(unread, NULL), left | TALLY(ABORT_ON_DATA));
	unread.unread_bytes = 5; /* comes first */
	assert_int_equal(ITEMS(unread, NULL), left | TALLY(ABORT_ON_CLOSE));
	unread.header.flags = FLAGS_SOFTIRQ | EVENT_LINGER_ZERO;
	assert_int_equal(ITEMS(unread, NULL), left);
	unread.header.flags = FLAGS_CLOSER | EVENT_LINGER_ZERO | EVENT_REPAIR;
	assert_int_equal(ITEMS(unread, NULL), left);
	assert_int_equal(ITEMS(closed(TCP_FIN_WAIT2, 0, FLAGS_CLOSER | EVENT_LINGER_ZERO), NULL), TALLY(ABORT_ON_DATA));
	assert_int_equal(ITEMS(closed(TCP_SYN_SENT, 0, FLAGS_CLOSER | EVENT_LINGER_ZERO), NULL), TALLY(ABORT_ON_DATA));
	assert_int_equal(ITEMS(closed(TCP_FIN_WAIT2, 0, FLAGS_CLOSER), NULL), 0);
	/* What came with the SYN of TCP Fast Open was not read; in SYN_SENT nothing can have come. */
	unread = closed(TCP_SYN_RECV, 0, FLAGS_CLOSER);
	unread.unread_bytes = 5;
	assert_int_equal(ITEMS(unread, NULL), TALLY(ABORT_ON_CLOSE));
	unread.header.flags |= EVENT_LINGER_ZERO;
	assert_int_equal(ITEMS(unread, NULL), TALLY(ABORT_ON_CLOSE));
	unread.old_state = TCP_SYN_SENT;
	assert_int_equal(ITEMS(unread, NULL), TALLY(ABORT_ON_DATA));
}

static void timeouts(void **state)
{
	const uint32_t left = TALLY(ESTABLISHED_LEFT) | TALLY(ESTABLISHED_RESET);
	struct event_close icmp = closed(TCP_FIN_WAIT1, EHOSTUNREACH, EVENT_SOCKET_DEAD);

	(void)state;
	assert_int_equal(ITEMS(closed(TCP_ESTABLISHED, ETIMEDOUT, FLAGS_SOFTIRQ), NULL),
			 left | TALLY(ABORT_ON_TIMEOUT) | TALLY(TIMEOUT));
	assert_int_equal(ITEMS(closed(TCP_ESTABLISHED, ETIMEDOUT, EVENT_NOTHING_IN_FLIGHT), NULL),
			 left | TALLY(ABORT_ON_TIMEOUT));
	assert_int_equal(ITEMS(closed(TCP_SYN_RECV, ETIMEDOUT, FLAGS_SOFTIRQ), NULL),
			 TALLY(ATTEMPT_FAILED) | TALLY(ABORT_ON_TIMEOUT) | TALLY(TIMEOUT));
	assert_int_equal(ITEMS(closed(TCP_SYN_RECV, ETIMEDOUT, EVENT_NOTHING_IN_FLIGHT), NULL),
			 TALLY(ATTEMPT_FAILED) | TALLY(ABORT_ON_TIMEOUT) | TALLY(TIMEOUT));
	/* What ICMP said before, and the timer now; with the timer pending it was no timeout. */
	icmp.soft_error = EHOSTUNREACH;
	assert_int_equal(ITEMS(icmp, NULL), 0);
	icmp.pending_timer = 0;
	assert_int_equal(ITEMS(icmp, NULL), TALLY(ABORT_ON_TIMEOUT) | TALLY(TIMEOUT));
	icmp.error = ECONNRESET;
	assert_int_equal(ITEMS(icmp, NULL), 0);
}

static void retransmissions(void **state)
{
	struct event_retransmit event = make_retransmit(0, COOKIE, TCP_ESTABLISHED);

	(void)state;
	event.pending_timer = 1;
	event.retransmits = 1;
	assert_int_equal(ITEMS(event, NULL), TALLY(RETRANSMIT));
	event.pending_timer = 0;
	assert_int_equal(ITEMS(event, NULL), TALLY(RETRANSMIT) | TALLY(TIMEOUT));
	event.error = -EBUSY;
	assert_int_equal(ITEMS(event, NULL), TALLY(RETRANSMIT_FAILED) | TALLY(TIMEOUT));
	event.state = TCP_SYN_SENT;
	assert_int_equal(ITEMS(event, NULL), TALLY(RETRANSMIT_FAILED) | TALLY(RETRANSMIT_SYN_FAILED) | TALLY(TIMEOUT));
	event.error = 0;
	assert_int_equal(ITEMS(event, NULL), TALLY(RETRANSMIT) | TALLY(RETRANSMIT_SYN) | TALLY(TIMEOUT));
	event.state = TCP_SYN_RECV; /* a SYN-ACK of TCP Fast Open, whose child exists */
	assert_int_equal(ITEMS(event, NULL), TALLY(RETRANSMIT) | TALLY(RETRANSMIT_SYN) | TALLY(TIMEOUT));
	assert_int_equal(ITEMS(make_synack(0, 90, 1, PORT, 0), NULL),
			 TALLY(RETRANSMIT) | TALLY(RETRANSMIT_SYN) | TALLY(RETRANSMIT_SYNACK));
}

static void resets_and_probes(void **state)
{
	static const struct {
		uint8_t reason;
		uint32_t items;
	} cases[] = {
		{RESET_REASON_NO_SOCKET, 0},
		{RESET_REASON_ABORT_ON_CLOSE, 0}, /* the close itself tells */
		{RESET_REASON_ABORT_ON_DATA, TALLY(ABORT_ON_DATA)},
		{RESET_REASON_ABORT_ON_LINGER, TALLY(ABORT_ON_LINGER)},
		{RESET_REASON_ABORT_ON_MEMORY, TALLY(ABORT_ON_MEMORY)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ITEMS(make_reset_sent(0, COOKIE, TCP_CLOSE, cases[i].reason, 0), NULL),
				 TALLY(RESET_SENT) | cases[i].items);
	assert_int_equal(ITEMS(make_reset_received(0, COOKIE, TCP_ESTABLISHED), NULL), 0);
	assert_int_equal(ITEMS(make_probe(0, COOKIE, PROBE_KEEPALIVE), NULL), TALLY(KEEPALIVE));
	assert_int_equal(ITEMS(make_probe(0, COOKIE, PROBE_WINDOW), NULL), 0);
}

/* ---- where it is counted -------------------------------------------------------------------------- */

static void take(struct tally *tally, struct fixture *f, const void *event)
{
	tally_event(tally, f->tracker, event);
	feed(f, event);
}

#define TAKE(tally, fixture, made)                                                                                     \
	do {                                                                                                           \
		__auto_type event_made = (made);                                                                       \
		take((tally), (fixture), &event_made);                                                                 \
	} while (0)

static uint64_t count(const struct tally *tally, uint32_t netns, enum tally_item item)
{
	return tally_of(tally, netns)->of[item];
}

static void namespaces(void **state)
{
	struct tally *tally = tally_create(), *copy;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	TAKE(tally, &f, make_birth(0, 1, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT)));
	TAKE(tally, &f, make_state(1, 1, TCP_SYN_SENT, TCP_ESTABLISHED));
	assert_int_equal(count(tally, NETNS, TALLY_CONNECT), 1);
	assert_int_equal(count(tally, NETNS, TALLY_ESTABLISHED), 1); /* of itself it has no namespace */
	copy = tally_copy(tally);
	/* Nobody knows 2 at first; then it is listed, and what was told of it has its place. 3 stays unknown. */
	TAKE(tally, &f, make_retransmit(2, 2, TCP_ESTABLISHED));
	TAKE(tally, &f, make_retransmit(2, 3, TCP_ESTABLISHED));
	assert_int_equal(count(tally, TALLY_UNATTRIBUTED, TALLY_RETRANSMIT), 2);
	TAKE(tally, &f, make_existing(3, 2, TCP_ESTABLISHED, EXISTING_FILE, server_tuple(PORT)));
	TAKE(tally, &f, make_existing(4, 2, TCP_ESTABLISHED, EXISTING_TCP, server_tuple(PORT)));
	assert_int_equal(count(tally, TALLY_UNATTRIBUTED, TALLY_RETRANSMIT), 1);
	assert_int_equal(count(tally, NETNS, TALLY_RETRANSMIT), 1);
	assert_int_equal(count(copy, NETNS, TALLY_RETRANSMIT), 0);
	assert_int_equal(count(copy, NETNS, TALLY_CONNECT), 1);
	assert_int_equal(count(tally, NETNS + 1, TALLY_CONNECT), 0);
	assert_int_equal(tally_netns_count(tally), 2);
	tally_destroy(copy);
	tally_destroy(tally);
	fixture_end(&f);
}

/* Up to 6.12 a child of TCP Fast Open is announced under its listener's cookie. */
static void fast_open_is_counted_once(void **state)
{
	struct event_birth announced = make_birth(1, 90, TCP_LISTEN, TCP_SYN_RECV, server_tuple(PORT));
	struct event_birth opened = make_child(2, 5, PORT);
	struct tally *tally = tally_create();
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	TAKE(tally, &f, make_listen(0, 90));
	announced.socket = opened.socket;
	take(tally, &f, &announced);
	take(tally, &f, &opened);
	assert_int_equal(count(tally, NETNS, TALLY_CHILD), 1);
	assert_int_equal(count(tally, NETNS, TALLY_ESTABLISHED), 1);
	tally_destroy(tally);
	fixture_end(&f);
}

static void many_namespaces(void **state)
{
	struct tally *tally = tally_create();
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	for (uint32_t i = 1; i <= 1000; i++) {
		struct event_reset_sent event = make_reset_sent(i, 0, 0, RESET_REASON_NO_SOCKET, EVENT_PASSIVE);

		event.tuple.netns = i;
		take(tally, &f, &event);
	}
	for (uint32_t i = 1; i <= 1000; i++)
		assert_int_equal(count(tally, i, TALLY_RESET_SENT), 1);
	assert_int_equal(tally_netns_count(tally), 1001);
	assert_int_equal(tally_dropped(tally), 0);
	tally_destroy(tally);
	fixture_end(&f);
}

/* One that is gone takes its counts along; the others, and what belongs to none, stay. */
static void a_namespace_is_forgotten(void **state)
{
	struct tally *tally = tally_create();
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	for (uint32_t i = 0; i <= 3; i++) {
		struct event_reset_sent event = make_reset_sent(i, 0, 0, RESET_REASON_NO_SOCKET, EVENT_PASSIVE);

		event.tuple.netns = i;
		take(tally, &f, &event);
	}
	tally_forget(tally, 2);
	tally_forget(tally, 2);
	tally_forget(tally, 99);
	tally_forget(tally, TALLY_UNATTRIBUTED);
	assert_int_equal(tally_netns_count(tally), 3);
	for (uint32_t i = 0; i <= 3; i++)
		assert_int_equal(count(tally, i, TALLY_RESET_SENT), i != 2);
	tally_destroy(tally);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens),
		cmocka_unit_test(failed_opens),
		cmocka_unit_test(established),
		cmocka_unit_test(aborts),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(retransmissions),
		cmocka_unit_test(resets_and_probes),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(fast_open_is_counted_once),
		cmocka_unit_test(many_namespaces),
		cmocka_unit_test(a_namespace_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
