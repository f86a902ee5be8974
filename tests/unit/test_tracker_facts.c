// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker_facts.c: what a report says besides the verdict: owners, bytes, retransmissions, probes,
 * settings, and that absent facts are absent.
 */
#include <errno.h>

#include "core_fixture.h"

#define COOKIE   4711
#define LISTENER 90
#define PORT     40000

/* ---- owners ------------------------------------------------------------------------------------- */

/* Who lists an orphan holds its lock, and may end it with a packet from its backlog. Before the orphan there was a
 * closer. */
static void who_lists_an_orphan_does_not_own(void **state)
{
	(void)state;
	for (unsigned orphan = 0; orphan < 2; orphan++) {
		struct fixture f;
		struct event_close close = make_close(12, COOKIE, TCP_FIN_WAIT2);

		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		FEED(&f, make_state_task(10, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_CLOSER));
		FEED(&f, make_state(11, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT2));
		close.header.flags = EVENT_TASK_ACTS | (orphan ? EVENT_SOCKET_DEAD : EVENT_FILE_DEAD);
		close.header.pid = 999;
		feed(&f, &close);
		tick(&f, 3000);
		assert_int_equal(last_report(&f)->pid, orphan ? 300 : 999);
		fixture_end(&f);
	}
}

/* Pid 0: a kernel thread let go of it, for who connected. It did so nevertheless. */
static void kernel_threads_own_nothing(void **state)
{
	(void)state;
	for (uint32_t closer = 0; closer < 2; closer++) {
		struct event_state_task closes = make_state_task(10, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1,
								 FLAGS_CLOSER);
		struct event_close close = make_close(12, COOKIE, TCP_FIN_WAIT2);
		struct fixture f;
		uint32_t maker;

		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		maker = tracker_find(f.tracker, COOKIE)->pid;
		closes.state.header.pid = closer ? 999 : 0;
		close.header.flags = EVENT_SOCKET_DEAD;
		feed(&f, &closes);
		FEED(&f, make_state(11, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT2));
		feed(&f, &close);
		tick(&f, 3000);
		assert_int_equal(last_report(&f)->pid, closer ? 999 : maker);
		assert_int_equal(last_report(&f)->process_source, closer ? SOURCE_CLOSE : SOURCE_CONNECT);
		assert_int_equal(last_report(&f)->how, HOW_CLOSE);
		fixture_end(&f);
	}
}

/* One more that listens there, beside PID_SERVER on 0.0.0.0. */
static const struct {
	const char *what;
	uint8_t family, address; /* last byte of 10.0.0.x, 0: any */
	uint32_t pid, owner;     /* of the child's; 0: not known */
} more_listeners[] = {
	{"a socket of the same process", 4, 0, PID_SERVER, PID_SERVER},
	{"another process with SO_REUSEPORT", 4, 0, 77, 0},
	{"another process at this very address", 4, 2, 77, 77},
	{"another process at another address", 4, 3, 77, PID_SERVER},
	{"another process on ::", 6, 0, 77, PID_SERVER},
};

static void owner_among_listeners(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(more_listeners) / sizeof(more_listeners[0]); i++) {
		for (unsigned first = 0; first < 2; first++) {
			struct event_birth any = make_listen(first, LISTENER), more = make_listen(!first, LISTENER + 1);
			const struct connection *child;
			struct fixture f;

			memset(any.tuple.local, 0, sizeof(any.tuple.local));
			more.family = more_listeners[i].family;
			more.header.pid = more_listeners[i].pid;
			memset(more.tuple.local, 0, sizeof(more.tuple.local));
			if (more_listeners[i].address)
				memcpy(more.tuple.local, (uint8_t[]){10, 0, 0, more_listeners[i].address}, 4);
			fixture_begin(&f);
			feed(&f, first ? &more : &any);
			feed(&f, first ? &any : &more);
			FEED(&f, make_child(10, COOKIE, PORT));
			child = tracker_find(f.tracker, COOKIE);
			if (child->source != (more_listeners[i].owner ? SOURCE_LISTENER : SOURCE_UNKNOWN) ||
			    (more_listeners[i].owner && child->pid != more_listeners[i].owner))
				fail_msg("%s: owner %u", more_listeners[i].what, child->pid);
			fixture_end(&f);
		}
	}
}

static void owners_by_precedence(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	FEED(&f, make_child(10, COOKIE, PORT));
	assert_int_equal(tracker_find(f.tracker, COOKIE)->source, SOURCE_LISTENER);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->pid, PID_SERVER);
	assert_true(tracker_wants_owners(f.tracker));
	FEED(&f, make_accept(11, COOKIE, 201));
	assert_int_equal(tracker_find(f.tracker, COOKIE)->pid, 201);
	assert_false(tracker_wants_owners(f.tracker));
	FEED(&f, make_existing(12, COOKIE, TCP_ESTABLISHED, EXISTING_FILE, server_tuple(PORT)));
	assert_int_equal(tracker_find(f.tracker, COOKIE)->source, SOURCE_DESCRIPTOR);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->pid, 400);
	FEED(&f, make_accept(13, COOKIE, 202)); /* worse than what is known */
	assert_int_equal(tracker_find(f.tracker, COOKIE)->pid, 400);
	closes_second(&f, 50, COOKIE);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->process_source, SOURCE_CLOSE);
	assert_int_equal(last_report(&f)->pid, 300);
	assert_string_equal(last_report(&f)->comm, "closer");
	fixture_end(&f);
}

static void client_is_owned_by_who_connects(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->source, SOURCE_CONNECT);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->pid, PID_CLIENT);
	assert_int_equal(tracker_find(f.tracker, COOKIE)->uid, 1000);
	assert_false(tracker_wants_owners(f.tracker));
	fixture_end(&f);
}

/* The softirq of a birth, a transition or a close interrupted somebody: that is no owner. */
static void interrupted_tasks_own_nothing(void **state)
{
	struct fixture f;
	struct event_close close = make_close(30, COOKIE, TCP_ESTABLISHED);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_child(10, COOKIE, PORT));
	close.header.pid = 999;
	close.error = ETIMEDOUT;
	feed(&f, &close);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->process_source, SOURCE_UNKNOWN);
	assert_int_equal(last_report(&f)->pid, ABSENT_U32);
	assert_int_equal(last_report(&f)->uid, 1000); /* the socket's own */
	assert_string_equal(last_report(&f)->comm, "");
	fixture_end(&f);
}

/* `ss -K` holds the lock of a socket that is not its own. */
static void who_destroys_does_not_own(void **state)
{
	struct fixture f;
	struct event_close close = make_close(30, COOKIE, TCP_ESTABLISHED);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	close.header.flags = FLAGS_HOLDER;
	close.header.pid = 999;
	close.error = ECONNABORTED;
	feed(&f, &close);
	tick(&f, 1000);
	assert_int_equal(last_report(&f)->cause, CAUSE_DESTROYED);
	assert_int_equal(last_report(&f)->pid, PID_CLIENT);
	fixture_end(&f);
}

/* The counter of those without an owner comes back to zero by every way out. */
static void ownerless_is_balanced(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_listen(0, LISTENER));
	for (uint64_t cookie = 1; cookie <= 6; cookie++)
		FEED(&f, make_child(cookie, cookie, (uint16_t)(PORT + cookie)));
	assert_int_equal(f.tracker->ownerless, 6);
	FEED(&f, make_accept(11, 1, 201));
	FEED(&f, make_accept(12, 1, 202)); /* twice */
	FEED(&f, make_state_task(13, 2, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_CLOSER));
	FEED(&f, make_close(14, 3, TCP_ESTABLISHED));
	FEED(&f, make_birth(15, 4, TCP_CLOSE, TCP_SYN_SENT, client_tuple(1))); /* reborn, owned by connect() */
	FEED(&f, make_birth(16, 5, TCP_CLOSE, TCP_LISTEN, server_tuple(0)));   /* reborn as a listener */
	assert_int_equal(f.tracker->ownerless, 1);
	tracker_resync_begin(f.tracker, AT(1000));
	FEED(&f, make_netns_listed(1001, NETNS));
	tracker_resync_end(f.tracker, AT(1002));
	assert_int_equal(f.tracker->ownerless, 0);
	assert_false(tracker_wants_owners(f.tracker));
	fixture_end(&f);
}

static void out_of_memory_victim(void **state)
{
	struct fixture f;
	struct event_state_task fin = make_state_task(20, COOKIE, TCP_ESTABLISHED, TCP_FIN_WAIT1,
						      FLAGS_CLOSER | EVENT_TASK_EXITING);
	struct event_close close = make_close(22, COOKIE, TCP_FIN_WAIT2);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_oom_kill(10, 300));
	fin.exit_code = 9;
	feed(&f, &fin);
	FEED(&f, make_state(21, COOKIE, TCP_FIN_WAIT1, TCP_FIN_WAIT2));
	close.header.flags = EVENT_SOCKET_DEAD | EVENT_SOCKET_DONE;
	close.header.pid = 12345;
	feed(&f, &close);
	tick(&f, 5000);
	assert_int_equal(last_report(&f)->context, CONTEXT_OOM_KILL);
	assert_int_equal(last_report(&f)->initiator, INITIATOR_LOCAL_EXIT);
	assert_int_equal(last_report(&f)->exit_signal, 9);
	fixture_end(&f);
}

/* ---- numbers ------------------------------------------------------------------------------------ */

static struct event_close close_with_numbers(uint8_t from)
{
	struct event_close close = make_close(100, COOKIE, from);

	close.header.flags = FLAGS_SOFTIRQ | EVENT_KEEPALIVE_ON;
	close.error = ETIMEDOUT;
	close.retransmits = 3;
	close.bytes_sent = 5000;
	close.bytes_received = 7000;
	close.unread_bytes = 11;
	close.unacked_bytes = 21;
	close.total_retransmits = 9;
	close.total_timeouts = 4;
	close.silent_ticks = 250;
	close.srtt_us = 1234;
	close.user_timeout_ms = 1500;
	close.keepalive_idle_ticks = 7200 * 250;
	close.keepalive_interval_ticks = 75 * 250;
	close.keepalive_probes = 9;
	return close;
}

static void numbers_of_the_close(void **state)
{
	struct fixture f;
	struct event_close close = close_with_numbers(TCP_ESTABLISHED);
	const struct connection_report *report;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_retransmit(20, COOKIE, TCP_ESTABLISHED)); /* the kernel's own count, 9, is better */
	FEED(&f, make_probe(30, COOKIE, PROBE_KEEPALIVE));
	FEED(&f, make_probe(31, COOKIE, PROBE_WINDOW));
	feed(&f, &close);
	tick(&f, 1000);
	report = last_report(&f);
	assert_int_equal(report->bytes_sent, 5000);
	assert_int_equal(report->bytes_received, 7000);
	assert_int_equal(report->unread_bytes, 11);
	assert_int_equal(report->unacked_bytes, 21);
	assert_int_equal(report->retransmits, 9);
	assert_int_equal(report->timeouts, 4);
	assert_int_equal(report->silent_ns, NS_PER_S);
	assert_int_equal(report->srtt_us, 1234);
	assert_int_equal(report->user_timeout_ms, 1500);
	assert_true(report->has_keepalive && report->keepalive_enabled);
	assert_int_equal(report->keepalive_idle_s, 7200);
	assert_int_equal(report->keepalive_interval_s, 75);
	assert_int_equal(report->keepalive_probes, 9);
	assert_int_equal(report->keepalive_probes_sent, 1);
	assert_int_equal(report->error, ETIMEDOUT);
	fixture_end(&f);
}

/* Our SYN and our FIN take a sequence number, but they are no bytes. */
static void flags_are_no_bytes(void **state)
{
	static const struct {
		uint8_t from;
		uint32_t unacked, reported;
	} cases[] = {
		{TCP_SYN_SENT, 1, 0},  {TCP_ESTABLISHED, 1, 1}, {TCP_CLOSE_WAIT, 7, 7},   {TCP_FIN_WAIT1, 8, 7},
		{TCP_FIN_WAIT1, 0, 0}, {TCP_CLOSING, 1, 0},     {TCP_LAST_ACK, 101, 100}, {TCP_FIN_WAIT2, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		struct event_close close = make_close(100, COOKIE, cases[i].from);

		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		close.unacked_bytes = cases[i].unacked;
		feed(&f, &close);
		tick(&f, 5000);
		assert_int_equal(last_report(&f)->unacked_bytes, cases[i].reported);
		fixture_end(&f);
	}
}

/* Without a hook for probes those count at least that nobody answered, unless they were window probes. */
static void probes_without_a_hook(void **state)
{
	(void)state;
	for (unsigned unacked = 0; unacked < 2; unacked++) {
		struct fixture f;
		struct event_close close = close_with_numbers(TCP_ESTABLISHED);

		fixture_begin(&f);
		client_opens(&f, 0, COOKIE, PORT);
		close.probes_out = 5;
		close.unacked_bytes = unacked;
		feed(&f, &close);
		tick(&f, 1000);
		assert_int_equal(last_report(&f)->keepalive_probes_sent, unacked ? 0 : 5);
		fixture_end(&f);
	}
}

static void absent_is_absent(void **state)
{
	struct fixture f;
	const struct connection_report *report;
	struct event_close close = make_close(100, COOKIE, TCP_SYN_SENT);

	(void)state;
	fixture_begin(&f);
	FEED(&f, make_birth(0, COOKIE, TCP_CLOSE, TCP_SYN_SENT, client_tuple(PORT)));
	close.total_timeouts = UINT32_MAX;
	feed(&f, &close);
	tick(&f, 1000);
	report = last_report(&f);
	assert_false(report->has_id);
	assert_int_equal(report->handshake_ns, ABSENT_U64);
	assert_int_equal(report->timeouts, ABSENT_U32);
	assert_int_equal(report->silent_ns, ABSENT_U64);
	assert_int_equal(report->srtt_us, ABSENT_U32);
	assert_int_equal(report->user_timeout_ms, ABSENT_U32);
	assert_true(report->has_keepalive);
	assert_false(report->keepalive_enabled);
	assert_int_equal(report->keepalive_idle_s, ABSENT_U32);
	assert_int_equal(report->keepalive_probes_sent, ABSENT_U32);
	assert_int_equal(report->exit_code, -1);
	assert_int_equal(report->exit_signal, -1);
	assert_int_equal(report->error, 0);
	assert_int_equal(report->rst_reason, 0);
	assert_false(report->has_time_wait);
	fixture_end(&f);
}

/* With an end that nobody saw, none of the numbers of a close is known. */
static void unseen_end_has_no_numbers(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	FEED(&f, make_retransmit(20, COOKIE, TCP_ESTABLISHED));
	client_opens(&f, 100, COOKIE, PORT);
	assert_int_equal(last_report(&f)->bytes_sent, ABSENT_U64);
	assert_int_equal(last_report(&f)->bytes_received, ABSENT_U64);
	assert_int_equal(last_report(&f)->unacked_bytes, ABSENT_U32);
	assert_int_equal(last_report(&f)->unread_bytes, ABSENT_U32);
	assert_int_equal(last_report(&f)->timeouts, ABSENT_U32);
	assert_int_equal(last_report(&f)->retransmits, 1); /* counted */
	assert_false(last_report(&f)->has_keepalive);
	fixture_end(&f);
}

/* A transmission that failed was none. */
static void retransmissions_that_left(void **state)
{
	struct fixture f;
	struct event_retransmit failed = make_retransmit(20, COOKIE, TCP_ESTABLISHED);

	(void)state;
	fixture_begin(&f);
	client_opens(&f, 0, COOKIE, PORT);
	failed.error = -16;
	feed(&f, &failed);
	FEED(&f, make_retransmit(30, COOKIE, TCP_ESTABLISHED));
	assert_int_equal(tracker_find(f.tracker, COOKIE)->retransmits, 1);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_lists_an_orphan_does_not_own),
		cmocka_unit_test(kernel_threads_own_nothing),
		cmocka_unit_test(owner_among_listeners),
		cmocka_unit_test(owners_by_precedence),
		cmocka_unit_test(client_is_owned_by_who_connects),
		cmocka_unit_test(interrupted_tasks_own_nothing),
		cmocka_unit_test(who_destroys_does_not_own),
		cmocka_unit_test(ownerless_is_balanced),
		cmocka_unit_test(out_of_memory_victim),
		cmocka_unit_test(numbers_of_the_close),
		cmocka_unit_test(flags_are_no_bytes),
		cmocka_unit_test(probes_without_a_hook),
		cmocka_unit_test(absent_is_absent),
		cmocka_unit_test(unseen_end_has_no_numbers),
		cmocka_unit_test(retransmissions_that_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
