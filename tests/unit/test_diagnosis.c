// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_diagnosis.c: what is found in live connections: for each kind a case, and the near misses that differ in one
 * fact and must not be found.
 */
#include "diagnosis_fixture.h"

static struct diagnosed d;

/* One that was listed, diagnosed at once. */
static void diagnose_one(const struct event_existing *event)
{
	diagnosed_begin(&d);
	feed(&d.fixture, event);
	diagnose(&d, (event->header.time_ns - AT(0)) / NS_PER_MS);
}

#define FOUND(event, kind, sure)                                                                                       \
	do {                                                                                                           \
		diagnose_one(&(event));                                                                                \
		assert_int_equal(only(&d, kind)->certainty, sure);                                                     \
		diagnosed_end(&d);                                                                                     \
	} while (0)

#define NOT_FOUND(event)                                                                                               \
	do {                                                                                                           \
		diagnose_one(&(event));                                                                                \
		none(&d);                                                                                              \
		diagnosed_end(&d);                                                                                     \
	} while (0)

static void the_healthy_are_left_alone(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	NOT_FOUND(event);
	/* Idle for days, but its probes are answered. */
	event.sent_ticks = event.received_ticks = TICKS(1440 * MINUTE);
	event.silent_ticks = TICKS(50000);
	NOT_FOUND(event);
	for (uint8_t s = TCP_ESTABLISHED; s < TCP_STATES; s++) {
		event = listed(0, 1, s);
		NOT_FOUND(event);
	}
	/* From a recording that is older than these facts. */
	event = listed(0, 1, TCP_ESTABLISHED);
	event.has_details = 0;
	event.unacked_bytes = 100;
	NOT_FOUND(event);
}

/* ---- CLOSE_WAIT -------------------------------------------------------------------------------------- */

/* The peer's FIN at `ms`. */
static void half_closed(uint64_t ms, uint64_t cookie)
{
	FEED(&d.fixture,
	     make_birth(ms - 100, cookie, TCP_CLOSE, TCP_SYN_SENT, client_tuple((uint16_t)(40000 + cookie % 20000))));
	FEED(&d.fixture, make_state(ms - 50, cookie, TCP_SYN_SENT, TCP_ESTABLISHED));
	FEED(&d.fixture, make_state(ms, cookie, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
}

static void close_wait_list(uint64_t ms, uint64_t cookie, uint32_t copied_seq, uint32_t unread)
{
	struct event_existing event = listed(ms, cookie, TCP_CLOSE_WAIT);

	quiet_for(&event, ms - 100);
	event.copied_seq = copied_seq;
	event.unread_bytes = unread;
	feed(&d.fixture, &event);
}

static void close_wait_leaks(void **state)
{
	const struct finding *finding;

	(void)state;
	diagnosed_begin(&d);
	for (uint64_t cookie = 1; cookie <= 40; cookie++) {
		half_closed(100 + cookie, cookie);
		close_wait_list(90000 + cookie, cookie, 500, cookie == 7 ? 300 : 0);
	}
	diagnose(&d, 91000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->certainty, CERTAINTY_POSSIBLE);
	assert_int_equal(finding->count, 40);
	assert_int_equal(finding->since_ns, AT(101));
	assert_int_equal(finding->pid, 400);
	assert_string_equal(finding->comm, "holder");
	assert_int_equal(finding->descriptor_count, 40);
	assert_int_equal(finding->descriptors[2], 3);
	assert_int_equal(finding->peer_count, 1);
	assert_int_equal(finding->peers[0].count, 40);
	assert_int_equal(finding->peers[0].prefix.bits, 24);
	assert_int_equal(finding->cookie_count, FINDING_SHOWN_MAX);
	assert_int_equal(finding->facts[FACT_UNREAD_BYTES], 300);
	assert_int_equal(finding->remote_port, SERVER_PORT);
	assert_false(finding->has_growth);
	/* Two more by the next run: nobody closes them. */
	half_closed(20000, 41);
	half_closed(20001, 42);
	close_wait_list(120000, 41, 1, 0);
	close_wait_list(120000, 42, 1, 0);
	diagnose(&d, 121000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->count, 42);
	assert_int_equal(finding->growth, 2);
	assert_int_equal(finding->growth_ns, 30000 * NS_PER_MS);
	assert_int_equal(finding->certainty, CERTAINTY_LIKELY);
	/* Listed again a minute on: nothing was read. */
	for (uint64_t cookie = 1; cookie <= 40; cookie++)
		close_wait_list(160000 + cookie, cookie, 500, 0);
	diagnose(&d, 161000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->growth, 0);
	assert_int_equal(finding->certainty, CERTAINTY_LIKELY);
	assert_true(finding->facts[FACT_NOT_READ_FOR] >= 60 * NS_PER_S);
	diagnosed_end(&d);
}

static void close_wait_near_misses(void **state)
{
	struct event_existing event;

	(void)state;
	/* Too young. */
	diagnosed_begin(&d);
	half_closed(1000, 1);
	diagnose(&d, 60000);
	none(&d);
	diagnose(&d, 61001);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->count, 1);
	diagnosed_end(&d);
	/* It reads: slow, not leaked. */
	diagnosed_begin(&d);
	half_closed(1000, 1);
	close_wait_list(80000, 1, 500, 1000);
	close_wait_list(90000, 1, 600, 900);
	diagnose(&d, 91000);
	none(&d);
	diagnose(&d, 90000 + 60001); /* but not any more */
	only(&d, FINDING_CLOSE_WAIT_LEAK);
	diagnosed_end(&d);
	/* It answers still: the peer has only said that it will ask no more. */
	diagnosed_begin(&d);
	half_closed(1000, 1);
	event = listed(90000, 1, TCP_CLOSE_WAIT);
	quiet_for(&event, 80000);
	event.sent_ticks = TICKS(2000);
	feed(&d.fixture, &event);
	diagnose(&d, 91000);
	none(&d);
	diagnosed_end(&d);
}

/* Whose connection it is decides: one finding a process and place. */
static void owners_and_places_are_kept_apart(void **state)
{
	struct event_existing event;

	(void)state;
	diagnosed_begin(&d);
	FEED(&d.fixture, make_listen(0, 999));
	for (uint64_t cookie = 1; cookie <= 6; cookie++) {
		event = listed(1, cookie, TCP_CLOSE_WAIT);
		quiet_for(&event, 10 * MINUTE);
		event.header.pid = cookie <= 3 ? 71 : 72;
		if (cookie == 6)
			event.tuple = server_tuple(50000);
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1000);
	assert_int_equal(d.count, 3);
	assert_int_equal(d.findings[0].count, 3);
	assert_int_equal(d.findings[0].pid, 71);
	assert_int_equal(d.findings[1].count, 2);
	assert_int_equal(d.findings[2].local_port, SERVER_PORT);
	assert_int_equal(d.findings[2].destination.family, 0);
	diagnosed_end(&d);
}

/* ---- half-open ----------------------------------------------------------------------------------------- */

static void unanswered_data(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	event.unacked_bytes = 100;
	event.retransmits = 2;
	NOT_FOUND(event);
	event.retransmits = 3;
	FOUND(event, FINDING_HALF_OPEN_UNACKED, CERTAINTY_POSSIBLE);
	event.retransmits = 5;
	event.silent_ticks = TICKS(13000);
	FOUND(event, FINDING_HALF_OPEN_UNACKED, CERTAINTY_LIKELY);
	diagnose_one(&event);
	/* 15 retries: 924.6 s, include/net/tcp.h and Documentation/networking/ip-sysctl. */
	assert_int_equal(d.findings[0].facts[FACT_GIVE_UP], 924600 * NS_PER_MS - 13000 * NS_PER_MS);
	diagnosed_end(&d);
	event.header.flags |= EVENT_WINDOW_ZERO; /* it is the window that it waits for */
	NOT_FOUND(event);
	event.header.flags &= (uint16_t)~EVENT_WINDOW_ZERO;
	event.user_timeout_ms = 20000;
	diagnose_one(&event);
	assert_int_equal(d.findings[0].facts[FACT_GIVE_UP], 7000 * NS_PER_MS);
	diagnosed_end(&d);
	event.unacked_bytes = 0;
	NOT_FOUND(event);
}

static void unanswered_probes(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	quiet_for(&event, 80000);
	event.probes_out = 1; /* under way */
	NOT_FOUND(event);
	event.probes_out = 2;
	FOUND(event, FINDING_HALF_OPEN_PROBING, CERTAINTY_POSSIBLE);
	event.probes_out = 3;
	FOUND(event, FINDING_HALF_OPEN_PROBING, CERTAINTY_LIKELY);
	diagnose_one(&event);
	assert_int_equal(d.findings[0].facts[FACT_GIVE_UP], (60 + 6 * 10 - 80) * NS_PER_S);
	diagnosed_end(&d);
	/* Somebody else's probes: lastack probe has been here, and has put keepalive back to off. */
	keepalive_off(&event);
	diagnose_one(&event);
	assert_false(finding_has(only(&d, FINDING_HALF_OPEN_PROBING), FACT_GIVE_UP));
	diagnosed_end(&d);
}

static void silence(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	keepalive_off(&event);
	quiet_for(&event, 9 * MINUTE);
	NOT_FOUND(event);
	quiet_for(&event, 11 * MINUTE);
	FOUND(event, FINDING_CANNOT_NOTICE_DEAD_PEER, CERTAINTY_CERTAIN);
	quiet_for(&event, 121 * MINUTE);
	FOUND(event, FINDING_HALF_OPEN_SILENT, CERTAINTY_POSSIBLE);
	/* What would notice it: data on its way, a limit for that, a peer on this very host. */
	quiet_for(&event, 11 * MINUTE);
	event.user_timeout_ms = 30000;
	NOT_FOUND(event);
	event.user_timeout_ms = 0;
	event.unacked_bytes = 1;
	NOT_FOUND(event);
	event.unacked_bytes = 0;
	memcpy(event.tuple.remote, event.tuple.local, sizeof(event.tuple.remote));
	NOT_FOUND(event);
	event.tuple.remote[0] = 127;
	NOT_FOUND(event);
	event.tuple.remote[0] = 126;
	FOUND(event, FINDING_CANNOT_NOTICE_DEAD_PEER, CERTAINTY_CERTAIN);
}

static void slow_keepalive(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	quiet_for(&event, 351000);
	event.keepalive_idle_ticks = TICKS(350000);
	NOT_FOUND(event);
	event.keepalive_idle_ticks = TICKS(7200000);
	FOUND(event, FINDING_KEEPALIVE_TOO_SLOW, CERTAINTY_CERTAIN);
	quiet_for(&event, 349000); /* it talks often enough */
	NOT_FOUND(event);
	/* Silent for hours, and the first probe is not even due. */
	quiet_for(&event, 125 * MINUTE);
	event.keepalive_idle_ticks = TICKS(180 * MINUTE);
	FOUND(event, FINDING_HALF_OPEN_SILENT, CERTAINTY_POSSIBLE);
	event.keepalive_idle_ticks = TICKS(60000); /* its probes would have told */
	NOT_FOUND(event);
}

/* ---- closing --------------------------------------------------------------------------------------------- */

static void held_fin_wait2(void **state)
{
	struct event_existing event = listed(0, 1, TCP_FIN_WAIT2);

	(void)state;
	quiet_for(&event, 61000);
	FOUND(event, FINDING_FIN_WAIT2_HELD, CERTAINTY_CERTAIN);
	event.received_ticks = TICKS(3000); /* a half-closed download */
	NOT_FOUND(event);
	event.received_ticks = TICKS(61000);
	event.header.flags = EVENT_SOCKET_DEAD; /* nobody holds it: tcp_fin_timeout does its work */
	NOT_FOUND(event);
	event.header.flags = EVENT_HAS_SOCKET;
	quiet_for(&event, 59000);
	NOT_FOUND(event);
}

static void pile_up(uint8_t state, unsigned count, uint64_t age_ms, uint8_t retransmits)
{
	diagnosed_begin(&d);
	for (unsigned cookie = 1; cookie <= count; cookie++) {
		struct event_existing event = listed(0, cookie, state);

		quiet_for(&event, age_ms);
		event.header.flags = EVENT_SOCKET_DEAD;
		event.header.pid = 0;
		event.source = EXISTING_TCP;
		event.retransmits = retransmits;
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1);
}

static void pile_ups(void **state)
{
	static const struct {
		uint8_t state;
		enum finding_kind kind;
	} cases[] = {
		{TCP_FIN_WAIT1, FINDING_FIN_WAIT1_PILEUP},
		{TCP_CLOSING, FINDING_CLOSING_PILEUP},
		{TCP_LAST_ACK, FINDING_LAST_ACK_PILEUP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pile_up(cases[i].state, 20, 11000, 2);
		assert_int_equal(only(&d, cases[i].kind)->facts[FACT_ORPHANED], 20);
		assert_int_equal(d.findings[0].pid, 0);
		assert_int_equal(d.findings[0].certainty, CERTAINTY_LIKELY);
		diagnosed_end(&d);
		pile_up(cases[i].state, 19, 11000, 2);
		none(&d);
		diagnosed_end(&d);
		pile_up(cases[i].state, 20, 9000, 2);
		none(&d);
		diagnosed_end(&d);
	}
}

/* One alone is worth saying once its FIN was sent again and again; in a pile-up it is not said once more. */
static void one_fin_without_an_answer(void **state)
{
	static const uint8_t states[] = {TCP_FIN_WAIT1, TCP_CLOSING, TCP_LAST_ACK};
	struct event_existing event;

	(void)state;
	for (size_t i = 0; i < sizeof(states); i++) {
		event = listed(0, 1, states[i]);
		quiet_for(&event, 11000);
		event.retransmits = 2;
		NOT_FOUND(event);
		event.retransmits = 3;
		FOUND(event, FINDING_FIN_UNANSWERED, CERTAINTY_POSSIBLE);
		event.retransmits = 5;
		FOUND(event, FINDING_FIN_UNANSWERED, CERTAINTY_LIKELY);
		quiet_for(&event, 9000);
		NOT_FOUND(event);
	}
	pile_up(TCP_LAST_ACK, 19, 11000, 3);
	assert_int_equal(only(&d, FINDING_FIN_UNANSWERED)->count, 19);
	diagnosed_end(&d);
	pile_up(TCP_LAST_ACK, 20, 11000, 3);
	only(&d, FINDING_LAST_ACK_PILEUP);
	diagnosed_end(&d);
}

/* ---- connects that nobody answers ------------------------------------------------------------------------- */

static void connect_to_silence(unsigned count, uint8_t retransmits)
{
	diagnosed_begin(&d);
	for (unsigned cookie = 1; cookie <= count; cookie++) {
		struct event_existing event = listed(0, cookie, TCP_SYN_SENT);

		event.silent_ticks = UINT32_MAX;
		event.retransmits = retransmits;
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1);
}

static void connects_without_an_answer(void **state)
{
	(void)state;
	connect_to_silence(5, 2);
	assert_int_equal(only(&d, FINDING_SYN_SENT_UNANSWERED)->count, 5);
	assert_int_equal(d.findings[0].certainty, CERTAINTY_POSSIBLE);
	assert_int_equal(d.findings[0].remote_port, 80);
	diagnosed_end(&d);
	connect_to_silence(5, 3);
	assert_int_equal(only(&d, FINDING_SYN_SENT_UNANSWERED)->certainty, CERTAINTY_LIKELY);
	diagnosed_end(&d);
	connect_to_silence(4, 3);
	none(&d);
	diagnosed_end(&d);
	connect_to_silence(5, 0); /* a burst of connects under way */
	none(&d);
	diagnosed_end(&d);
}

/* ---- windows ----------------------------------------------------------------------------------------------- */

static void a_peer_that_does_not_read(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	event.header.flags |= EVENT_WINDOW_ZERO;
	event.unacked_bytes = 5000;
	event.sent_ticks = TICKS(31000);
	diagnose_one(&event);
	assert_false(only(&d, FINDING_ZERO_WINDOW_STALL)->local_fault);
	assert_int_equal(d.findings[0].certainty, CERTAINTY_CERTAIN);
	diagnosed_end(&d);
	event.sent_ticks = TICKS(29000);
	NOT_FOUND(event);
	event.sent_ticks = TICKS(31000);
	event.unacked_bytes = 0; /* nobody wants to send */
	NOT_FOUND(event);
	event.unacked_bytes = 5000;
	event.probes_out = 4; /* and nobody answers: that is worse */
	FOUND(event, FINDING_HALF_OPEN_PROBING, CERTAINTY_LIKELY);
}

static void a_process_that_does_not_read(void **state)
{
	struct event_existing event = listed(0, 1, TCP_ESTABLISHED);

	(void)state;
	event.unread_bytes = 100000;
	event.receive_window = 0;
	event.received_ticks = TICKS(31000);
	diagnose_one(&event);
	assert_true(only(&d, FINDING_ZERO_WINDOW_STALL)->local_fault);
	assert_int_equal(d.findings[0].certainty, CERTAINTY_LIKELY);
	event.header.time_ns = AT(40000);
	feed(&d.fixture, &event);
	diagnose(&d, 40000);
	assert_int_equal(only(&d, FINDING_ZERO_WINDOW_STALL)->certainty, CERTAINTY_CERTAIN);
	/* It reads a little. */
	event.header.time_ns = AT(50000);
	event.copied_seq += 100;
	feed(&d.fixture, &event);
	diagnose(&d, 50000);
	none(&d);
	diagnosed_end(&d);
	event.header.time_ns = AT(0);
	event.receive_window = 60000; /* there is room: the peer has nothing to say */
	NOT_FOUND(event);
	event.receive_window = 0;
	event.received_ticks = TICKS(2000);
	NOT_FOUND(event);
}

/* ---- listeners ---------------------------------------------------------------------------------------------- */

static struct event_existing listener(uint64_t ms, uint32_t queue, uint32_t max)
{
	struct event_existing event = make_existing(ms, 5, TCP_LISTEN, EXISTING_FILE, server_tuple(0));

	memset(event.tuple.remote, 0, sizeof(event.tuple.remote));
	event.has_details = 1;
	event.accept_queue = queue;
	event.accept_max = max;
	return event;
}

static void full_queues(void **state)
{
	struct event_existing event = listener(0, 129, 128);

	(void)state;
	diagnose_one(&event);
	assert_int_equal(only(&d, FINDING_ACCEPT_OVERFLOW)->certainty, CERTAINTY_CERTAIN);
	assert_int_equal(d.findings[0].count, 129);
	assert_int_equal(d.findings[0].local_port, SERVER_PORT);
	assert_int_equal(d.findings[0].pid, 400);
	assert_int_equal(d.findings[0].descriptors[0], 5);
	/* Still so at the next listing. */
	tracker_resync_begin(d.fixture.tracker, AT(4000));
	event = listener(5000, 129, 128);
	event.drops = 17;
	feed(&d.fixture, &event);
	tracker_resync_end(d.fixture.tracker, AT(5001));
	diagnose(&d, 5002);
	assert_int_equal(only(&d, FINDING_ACCEPT_OVERFLOW)->facts[FACT_FULL_FOR], 5000 * NS_PER_MS);
	assert_int_equal(d.findings[0].facts[FACT_DROPS], 17);
	/* It has caught up, and is nearly full with nothing dropped: busy. */
	tracker_resync_begin(d.fixture.tracker, AT(8000));
	event = listener(9000, 128, 128);
	event.drops = 17;
	feed(&d.fixture, &event);
	tracker_resync_end(d.fixture.tracker, AT(9001));
	diagnose(&d, 9002);
	none(&d);
	diagnosed_end(&d);
	event = listener(0, 0, 0);
	NOT_FOUND(event);
}

static void handshakes_that_do_not_complete(void **state)
{
	struct event_existing event = listener(0, 0, 128);

	(void)state;
	event.syn_queue = 127;
	NOT_FOUND(event);
	event.syn_queue = 128;
	FOUND(event, FINDING_SYN_RECV_PILEUP, CERTAINTY_LIKELY);
}

/* ---- what runs out -------------------------------------------------------------------------------------------- */

static void diagnose_numbers(struct diagnosis_netns of)
{
	diagnosed_begin(&d);
	diagnosis_netns_add(d.diagnosis, &of);
	diagnose(&d, 1);
}

static void limits_of_the_kernel(void **state)
{
	struct diagnosis_netns of = netns_calm(NETNS);

	(void)state;
	of.time_waits = of.orphans = 79;
	diagnose_numbers(of);
	none(&d);
	diagnosed_end(&d);
	of.time_waits = 80;
	diagnose_numbers(of);
	assert_int_equal(only(&d, FINDING_TIME_WAIT_PRESSURE)->count, 80);
	assert_int_equal(d.findings[0].netns, NETNS);
	diagnosed_end(&d);
	of.time_waits = 0;
	of.orphans = 80;
	diagnose_numbers(of);
	assert_int_equal(only(&d, FINDING_ORPHAN_PRESSURE)->certainty, CERTAINTY_CERTAIN);
	diagnosed_end(&d);
	of.orphans_max = UINT32_MAX; /* not known: nothing to say */
	diagnose_numbers(of);
	none(&d);
	diagnosed_end(&d);
}

static void connect_many(unsigned count)
{
	for (unsigned i = 1; i <= count; i++)
		client_opens(&d.fixture, i, i, (uint16_t)(32768 + i));
}

static void ports_that_run_out(void **state)
{
	struct connection_report failed = {
		.family = 4,
		.remote = {10, 0, 0, 2},
		.revision = 1,
		.end_ns = AT(1000),
		.context = CONTEXT_NO_LOCAL_PORT,
	};
	struct diagnosis_netns calm = netns_calm(NETNS);

	(void)state;
	diagnosed_begin(&d);
	diagnosis_netns_add(d.diagnosis, &calm);
	connect_many(79);
	diagnose(&d, 1000);
	none(&d);
	client_opens(&d.fixture, 900, 80, 32850);
	/* A TIME_WAIT holds its port too: no fewer are in use. */
	closes_first(&d.fixture, 950, 80, 0);
	FEED(&d.fixture, make_time_wait(952, 80, TIME_WAIT_BEGIN, TCP_TIME_WAIT));
	tick(&d.fixture, 1100);
	diagnose(&d, 1100);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->facts[FACT_PORTS_USED], 80);
	assert_int_equal(d.findings[0].facts[FACT_PORTS_TIME_WAIT], 1);
	assert_int_equal(d.findings[0].facts[FACT_PORTS_MAX], 100);
	assert_int_equal(d.findings[0].certainty, CERTAINTY_LIKELY);
	assert_int_equal(d.findings[0].destination.bits, 32);
	diagnosis_end(d.diagnosis, &failed);
	diagnose(&d, 1001);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->certainty, CERTAINTY_CERTAIN);
	/* Without a range there is nothing to hold it against. */
	diagnosis_netns_clear(d.diagnosis);
	diagnose(&d, 1002);
	none(&d);
	diagnosed_end(&d);
}

/* Where several processes go there, whose fault it is is not said. */
static void ports_of_one_process_and_of_two(void **state)
{
	struct diagnosis_netns calm = netns_calm(NETNS);

	(void)state;
	diagnosed_begin(&d);
	diagnosis_netns_add(d.diagnosis, &calm);
	connect_many(80);
	diagnose(&d, 1000);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->pid, PID_CLIENT);
	assert_int_equal(d.findings[0].process_count, 1);
	assert_int_equal(d.findings[0].processes[0].count, 80);
	FEED(&d.fixture, listed(1001, 990, TCP_ESTABLISHED));
	diagnose(&d, 1002);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->count, 81);
	assert_int_equal(d.findings[0].process_count, 0);
	assert_int_equal(d.findings[0].pid, 0);
	diagnosed_end(&d);
}

/* ---- recent ends ------------------------------------------------------------------------------------------------ */

static void end_at(uint64_t ms, enum connection_class class, enum connection_cause cause, uint8_t host)
{
	struct connection_report report = {
		.family = 4,
		.remote = {192, 0, 2, host},
		.revision = 1,
		.end_ns = AT(ms),
		.class = class,
		.cause = cause,
	};

	diagnosis_end(d.diagnosis, &report);
}

static void peers_that_fail_together(void **state)
{
	const struct finding *finding;

	(void)state;
	diagnosed_begin(&d);
	for (unsigned i = 0; i < 9; i++)
		end_at(1000 + i, CLASS_RESET, CAUSE_RST_RECEIVED, (uint8_t)i);
	diagnose(&d, 2000);
	none(&d);
	end_at(1500, CLASS_OPEN_FAILED, CAUSE_SYN_TIMEOUT, 77);
	diagnose(&d, 2000);
	finding = only(&d, FINDING_PEER_CLUSTER);
	assert_int_equal(finding->count, 10);
	assert_int_equal(finding->facts[FACT_RESET], 9);
	assert_int_equal(finding->facts[FACT_VANISHED], 1);
	assert_int_equal(finding->destination.bits, 24);
	/* Most end well: those few are life. */
	for (unsigned i = 0; i < 11; i++)
		end_at(1600, CLASS_GRACEFUL, CAUSE_FIN_LOCAL_FIRST, 3);
	diagnose(&d, 2000);
	none(&d);
	diagnosed_end(&d);
}

static void ends_are_forgotten_with_time(void **state)
{
	(void)state;
	diagnosed_begin(&d);
	for (unsigned i = 0; i < 10; i++)
		end_at(1000, CLASS_OPEN_FAILED, CAUSE_REFUSED, 1);
	diagnose(&d, 200000);
	only(&d, FINDING_PEER_CLUSTER);
	diagnose(&d, 1000 + 331000);
	none(&d);
	/* In a stretch that has come round again. */
	end_at(1000 + 331000, CLASS_OPEN_FAILED, CAUSE_REFUSED, 1);
	diagnose(&d, 1000 + 331001);
	none(&d);
	diagnosed_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_healthy_are_left_alone),
		cmocka_unit_test(close_wait_leaks),
		cmocka_unit_test(close_wait_near_misses),
		cmocka_unit_test(owners_and_places_are_kept_apart),
		cmocka_unit_test(unanswered_data),
		cmocka_unit_test(unanswered_probes),
		cmocka_unit_test(silence),
		cmocka_unit_test(slow_keepalive),
		cmocka_unit_test(held_fin_wait2),
		cmocka_unit_test(pile_ups),
		cmocka_unit_test(one_fin_without_an_answer),
		cmocka_unit_test(connects_without_an_answer),
		cmocka_unit_test(a_peer_that_does_not_read),
		cmocka_unit_test(a_process_that_does_not_read),
		cmocka_unit_test(full_queues),
		cmocka_unit_test(handshakes_that_do_not_complete),
		cmocka_unit_test(limits_of_the_kernel),
		cmocka_unit_test(ports_that_run_out),
		cmocka_unit_test(ports_of_one_process_and_of_two),
		cmocka_unit_test(peers_that_fail_together),
		cmocka_unit_test(ends_are_forgotten_with_time),
	};

	return cmocka_run_group_tests_name("diagnosis", tests, NULL, NULL);
}
