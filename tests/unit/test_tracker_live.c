// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker_live.c: what the tracker tells of connections that live on: counts by state, each in turn, and what
 * listings said of them.
 */
#include "core_fixture.h"

#define COOKIE 4711
#define PORT   40000
#define MANY   5000

static struct fixture f;

static void keep_facts_begin(void)
{
	struct tracker_config config = {1U << 16, 1000 * NS_PER_MS, TICK_NS, 42, true};

	f.count = 0;
	f.tracker = tracker_create(&config, fixture_keep, &f);
	assert_non_null(f.tracker);
}

static uint32_t live_in(uint8_t state)
{
	uint32_t counts[CONNECTION_STATES];

	tracker_live_by_state(f.tracker, counts);
	return counts[state];
}

static void connect_at(uint64_t ms, uint64_t cookie)
{
	FEED(&f, make_birth(ms, cookie, TCP_CLOSE, TCP_SYN_SENT, client_tuple((uint16_t)(1024 + cookie % 60000))));
}

static void counts_follow_the_states(void **state)
{
	struct event_close close;

	(void)state;
	keep_facts_begin();
	FEED(&f, make_listen(0, 1));
	connect_at(1, COOKIE);
	assert_int_equal(live_in(TCP_SYN_SENT), 1);
	FEED(&f, make_state(2, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED));
	assert_int_equal(live_in(TCP_SYN_SENT), 0);
	assert_int_equal(live_in(TCP_ESTABLISHED), 1);
	FEED(&f, make_existing(3, COOKIE + 1, TCP_CLOSE_WAIT, EXISTING_TCP, client_tuple(PORT + 1)));
	assert_int_equal(live_in(TCP_CLOSE_WAIT), 1);
	assert_int_equal(live_in(TCP_LISTEN), 0);
	close = make_close(4, COOKIE, TCP_ESTABLISHED);
	feed(&f, &close);
	tick(&f, 9000);
	for (uint8_t i = 0; i < CONNECTION_STATES; i++)
		assert_int_equal(live_in(i), i == TCP_CLOSE_WAIT);
	assert_int_equal(tracker_live(f.tracker), 1);
	fixture_end(&f);
}

struct seen {
	unsigned count;
	bool cookies[MANY + 2];
};

static void see(void *arg, const struct connection *connection)
{
	struct seen *seen = arg;

	assert_true(connection->cookie <= MANY + 1);
	assert_false(seen->cookies[connection->cookie]);
	seen->cookies[connection->cookie] = true;
	seen->count++;
}

/* While others come and go, and in slices of a size that divides nothing. */
static void walk_shows_each_once(void **state)
{
	struct seen seen = {0};
	uint32_t cursor = 0;

	(void)state;
	keep_facts_begin();
	assert_false(tracker_walk(f.tracker, &cursor, 10, see, &seen));
	for (uint64_t cookie = 1; cookie <= MANY; cookie++)
		connect_at(cookie, cookie);
	for (uint64_t gone = 1; tracker_walk(f.tracker, &cursor, 77, see, &seen); gone++) {
		struct event_close close = make_close(MANY + gone, gone, TCP_SYN_SENT);

		feed(&f, &close);
	}
	assert_int_equal(cursor, MANY);
	assert_int_equal(seen.count, MANY); /* slices go faster than they end */
	seen = (struct seen){0};
	cursor = 0;
	while (tracker_walk(f.tracker, &cursor, 1000, see, &seen))
		;
	assert_int_equal(seen.count, tracker_live(f.tracker));
	assert_false(seen.cookies[1]);
	assert_true(seen.cookies[MANY]);
	fixture_end(&f);
}

static struct event_existing listed(uint64_t ms, uint8_t source)
{
	struct event_existing event = make_existing(ms, COOKIE, TCP_ESTABLISHED, source, client_tuple(PORT));

	event.header.flags = EVENT_KEEPALIVE_ON | EVENT_WINDOW_ZERO;
	event.unread_bytes = 300;
	event.unacked_bytes = 40;
	event.silent_ticks = 2500;
	event.user_timeout_ms = 9000;
	event.keepalive_idle_ticks = 60 * (1000000000 / TICK_NS);
	event.keepalive_interval_ticks = 10 * (1000000000 / TICK_NS);
	event.keepalive_probes = 3;
	return event;
}

static void facts_of_a_listing(void **state)
{
	const struct live_facts *facts;
	struct connection_report report;

	(void)state;
	keep_facts_begin();
	connect_at(1, COOKIE);
	assert_null(tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE)));
	tracker_report_live(f.tracker, tracker_find(f.tracker, COOKIE), AT(5), &report);
	assert_false(report.has_keepalive);
	assert_int_equal(report.unread_bytes, ABSENT_U32);
	FEED(&f, make_state(2, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED));
	FEED(&f, listed(100, EXISTING_FILE));
	FEED(&f, listed(101, EXISTING_TCP));
	facts = tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE));
	assert_non_null(facts);
	assert_int_equal(facts->listed_ns, AT(101));
	assert_int_equal(facts->silent_ms, 2500 * TICK_NS / NS_PER_MS);
	assert_int_equal(facts->keepalive_idle_s, 60);
	assert_int_equal(facts->keepalive_interval_s, 10);
	assert_int_equal(facts->descriptor, 5);
	tracker_report_live(f.tracker, tracker_find(f.tracker, COOKIE), AT(200), &report);
	assert_int_equal(report.revision, 0);
	assert_int_equal(report.class, CLASS_UNKNOWN);
	assert_int_equal(report.start_ns, AT(1));
	assert_int_equal(report.end_ns, AT(200));
	assert_int_equal(report.state_count, 2);
	assert_int_equal(report.unread_bytes, 300);
	assert_true(report.keepalive_enabled);
	assert_int_equal(report.keepalive_probes, 3);
	assert_int_equal(report.user_timeout_ms, 9000);
	assert_int_equal(f.count, 0);
	fixture_end(&f);
}

/*
 * Of a connection from before the monitor it is not known who opened it, unless somebody listens there: one on :: may
 * serve both families, one on 0.0.0.0 only its own.
 */
static void role_by_the_listener(void **state)
{
	static const struct {
		uint8_t listener, connection; /* families; 0: nobody listens */
		enum connection_role role;
	} cases[] = {
		{0, 4, ROLE_UNKNOWN}, {4, 4, ROLE_SERVER},  {6, 4, ROLE_SERVER},
		{6, 6, ROLE_SERVER},  {4, 6, ROLE_UNKNOWN},
	};
	struct connection_report report;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_existing existing = make_existing(1, COOKIE, TCP_ESTABLISHED, EXISTING_TCP,
							       server_tuple(PORT));
		struct event_birth listen = make_listen(0, COOKIE + 1);

		listen.family = cases[i].listener;
		existing.family = cases[i].connection;
		keep_facts_begin();
		if (cases[i].listener)
			FEED(&f, listen);
		FEED(&f, existing);
		tracker_report_live(f.tracker, tracker_find(f.tracker, COOKIE), AT(5), &report);
		if (report.role != cases[i].role)
			fail_msg("a listener of family %u, a connection of %u: role %u", cases[i].listener,
				 cases[i].connection, report.role);
		fixture_end(&f);
	}
}

/* What was listed of the socket's last life is nothing of this one. */
static void facts_end_with_the_life(void **state)
{
	(void)state;
	keep_facts_begin();
	FEED(&f, listed(1, EXISTING_TCP));
	assert_non_null(tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE)));
	connect_at(2, COOKIE);
	assert_null(tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE)));
	fixture_end(&f);
}

static struct event_existing detailed(uint64_t ms, uint32_t copied_seq)
{
	struct event_existing event = listed(ms, EXISTING_FILE);

	event.has_details = 1;
	event.copied_seq = copied_seq;
	event.retransmits = 4;
	event.backoff = 3;
	event.probes_out = 2;
	event.retries = 15;
	event.receive_window = 500;
	event.forked_from = 600;
	event.sent_ticks = 500;
	event.received_ticks = UINT32_MAX;
	return event;
}

/* Since when nothing was read is known from listing to listing. */
static void details_of_a_listing(void **state)
{
	const struct live_facts *facts;

	(void)state;
	keep_facts_begin();
	FEED(&f, detailed(100, 7));
	facts = tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE));
	assert_int_equal(facts->details, LIVE_DETAILS);
	assert_int_equal(facts->unmoved_ns, AT(100));
	assert_int_equal(facts->retransmits, 4);
	assert_int_equal(facts->backoff, 3);
	assert_int_equal(facts->probes_out, 2);
	assert_int_equal(facts->retries, 15);
	assert_int_equal(facts->forked_from, 600);
	assert_int_equal(facts->sent_ms, 2000);
	assert_int_equal(facts->received_ms, UINT32_MAX);
	FEED(&f, detailed(1100, 7));
	assert_int_equal(facts->unmoved_ns, AT(100));
	FEED(&f, detailed(2100, 8));
	assert_int_equal(facts->unmoved_ns, AT(2100));
	assert_int_equal(facts->details, LIVE_DETAILS | LIVE_MOVED);
	fixture_end(&f);
}

static struct event_existing listening(uint64_t ms, uint32_t queue, uint32_t drops)
{
	struct event_existing event = make_existing(ms, COOKIE, TCP_LISTEN, EXISTING_FILE, server_tuple(0));

	event.has_details = 1;
	event.accept_queue = queue;
	event.accept_max = 10;
	event.drops = drops;
	return event;
}

static void facts_of_a_listener(void **state)
{
	const struct live_facts *facts;

	(void)state;
	keep_facts_begin();
	FEED(&f, listening(100, 11, 3));
	facts = tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE));
	assert_int_equal(facts->details, LIVE_DETAILS | LIVE_LISTENS);
	assert_int_equal(facts->unmoved_ns, AT(100));
	assert_int_equal(facts->drops - facts->drops_before, 0);
	tracker_resync_begin(f.tracker, AT(1000));
	FEED(&f, listening(1100, 11, 5));
	FEED(&f, listening(1101, 11, 5)); /* held twice */
	tracker_resync_end(f.tracker, AT(1102));
	assert_int_equal(facts->drops - facts->drops_before, 2);
	assert_int_equal(facts->unmoved_ns, AT(100));
	FEED(&f, listening(2100, 10, 5));
	assert_int_equal(facts->unmoved_ns, 0);
	/* The socket is a connection in its next life: those were no facts of it. */
	FEED(&f, detailed(3100, 1));
	facts = tracker_facts(f.tracker, tracker_find(f.tracker, COOKIE));
	assert_int_equal(facts->details, LIVE_DETAILS);
	assert_int_equal(facts->unread_bytes, 300);
	fixture_end(&f);
}

static void count_kinds(void *arg, const struct connection *connection)
{
	unsigned *counts = arg;

	counts[connection->state == TCP_LISTEN ? 0 : connection->queue == QUEUE_LIVE ? 1 : 2]++;
	counts[3] += tracker_has_minisock(f.tracker, connection);
}

static void walk_over_all(void **state)
{
	unsigned counts[4] = {0};
	uint32_t cursor = 0;

	(void)state;
	keep_facts_begin();
	FEED(&f, make_listen(0, 1));
	FEED(&f, make_listen(0, 2));
	client_opens(&f, 1, 3, PORT);
	client_opens(&f, 1, 4, PORT + 1);
	FEED(&f, make_child(1, 5, PORT));
	assert_true(tracker_is_served(f.tracker, tracker_find(f.tracker, 5)));
	assert_false(tracker_is_served(f.tracker, tracker_find(f.tracker, 4)));
	closes_first(&f, 5, 3, 0);
	tick(&f, 500);
	while (tracker_walk_all(f.tracker, &cursor, 1, count_kinds, counts))
		;
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 2);
	assert_int_equal(counts[2], 1);
	assert_int_equal(counts[3], 1);
	/* A listener that is gone is not shown, nor a minisock whose time is over. */
	FEED(&f, make_close(600, 2, TCP_LISTEN));
	FEED(&f, make_time_wait(60000, 3, TIME_WAIT_EXPIRED, TCP_TIME_WAIT));
	tick(&f, 70000);
	memset(counts, 0, sizeof(counts));
	cursor = 0;
	while (tracker_walk_all(f.tracker, &cursor, 100, count_kinds, counts))
		;
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 2);
	assert_int_equal(counts[3], 0);
	fixture_end(&f);
}

static void born_and_entered(void **state)
{
	const struct connection *connection;

	(void)state;
	keep_facts_begin();
	connect_at(1, COOKIE);
	FEED(&f, make_state(7, COOKIE, TCP_SYN_SENT, TCP_ESTABLISHED));
	connection = tracker_find(f.tracker, COOKIE);
	assert_int_equal(tracker_born_ns(f.tracker, connection), AT(1));
	assert_int_equal(tracker_entered_ns(f.tracker, connection), AT(7));
	/* Found as it was: since when, nobody knows; until it changes. */
	FEED(&f, make_existing(9, COOKIE + 1, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(PORT + 1)));
	connection = tracker_find(f.tracker, COOKIE + 1);
	assert_int_equal(tracker_born_ns(f.tracker, connection), 0);
	assert_int_equal(tracker_entered_ns(f.tracker, connection), 0);
	FEED(&f, make_state(10, COOKIE + 1, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	assert_int_equal(tracker_entered_ns(f.tracker, connection), AT(10));
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_follow_the_states), cmocka_unit_test(walk_shows_each_once),
		cmocka_unit_test(facts_of_a_listing),       cmocka_unit_test(role_by_the_listener),
		cmocka_unit_test(facts_end_with_the_life),  cmocka_unit_test(details_of_a_listing),
		cmocka_unit_test(facts_of_a_listener),      cmocka_unit_test(walk_over_all),
		cmocka_unit_test(born_and_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
