/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core_fixture.h: for tests of the core: a small builder for each kind of event, a tracker whose reports are
 * kept, and the stretches of a connection's life that most tests share. It knows no verdicts.
 *
 * Times are given in milliseconds after an arbitrary instant. A builder sets what identifies the event and
 * leaves the rest at what a quiet connection shows; a test changes the members that it is about.
 */
#ifndef LASTACK_TESTS_CORE_FIXTURE_H
#define LASTACK_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/event_check.h"
#include "core/tcp_machine.h"
#include "core/tracker_internal.h"
#include "event.h"
#include "report.h"
#include "sample_event.h"

#define AT(ms)       (1000 * NS_PER_S + (ms)*NS_PER_MS)
#define TICK_NS      (4 * NS_PER_MS)
#define SETTLE_MS    1000
#define NETNS        4026531840U
#define SERVER_PORT  80
#define PID_CLIENT   100
#define PID_SERVER   200
#define REPORTS_KEPT 64

/* What a task that closes the last descriptor, one that keeps it, and a softirq show. */
#define FLAGS_CLOSER  (EVENT_TASK_ACTS | EVENT_FILE_DEAD | EVENT_HAS_SOCKET)
#define FLAGS_HOLDER  (EVENT_TASK_ACTS | EVENT_FILE_ALIVE | EVENT_HAS_SOCKET)
#define FLAGS_SOFTIRQ EVENT_HAS_SOCKET

struct fixture {
	struct tracker *tracker;
	struct connection_report reports[REPORTS_KEPT];
	unsigned count;
};

/* ---- events ------------------------------------------------------------------------------------- */

static inline struct event_header make_header(unsigned kind, uint64_t ms, uint64_t cookie)
{
	return (struct event_header){
		.time_ns = AT(ms),
		.cookie = cookie,
		.kind = (__u8)kind,
		.version = EVENT_VERSION,
	};
}

/* 10.0.0.1:port here, 10.0.0.2:80 there. */
static inline struct event_tuple client_tuple(uint16_t port)
{
	return (struct event_tuple){
		.local = {10, 0, 0, 1},
		.remote = {10, 0, 0, 2},
		.local_port = port,
		.remote_port = SERVER_PORT,
		.netns = NETNS,
	};
}

/* The same connection seen from the server. */
static inline struct event_tuple server_tuple(uint16_t port)
{
	return (struct event_tuple){
		.local = {10, 0, 0, 2},
		.remote = {10, 0, 0, 1},
		.local_port = SERVER_PORT,
		.remote_port = port,
		.netns = NETNS,
	};
}

static inline struct event_birth make_birth(uint64_t ms, uint64_t cookie, uint8_t from, uint8_t to,
					    struct event_tuple tuple)
{
	bool active = from == TCP_CLOSE;
	struct event_birth event = {
		.header = make_header(EVENT_BIRTH, ms, cookie),
		.old_state = from,
		.new_state = to,
		.family = 4,
		.uid = 1000,
		.tuple = tuple,
		.socket = 0xffff000000000000 + cookie,
		.cgroup = 7,
	};

	event.header.flags = active ? FLAGS_HOLDER : EVENT_PASSIVE;
	event.header.pid = active ? PID_CLIENT : 1;
	memcpy(event.comm, active ? "client" : "ksoftirqd", active ? 7 : 10);
	return event;
}

static inline struct event_birth make_listen(uint64_t ms, uint64_t cookie)
{
	struct event_birth event = make_birth(ms, cookie, TCP_CLOSE, TCP_LISTEN, server_tuple(0));

	memset(event.tuple.remote, 0, sizeof(event.tuple.remote));
	event.header.pid = PID_SERVER;
	memcpy(event.comm, "server", 7);
	return event;
}

/* SYN_RECV->ESTABLISHED of a listener's child. */
static inline struct event_birth make_child(uint64_t ms, uint64_t cookie, uint16_t port)
{
	struct event_birth event = make_birth(ms, cookie, TCP_SYN_RECV, TCP_ESTABLISHED, server_tuple(port));

	event.local_isn = 2000;
	event.remote_isn = 1000;
	event.handshake_us = 500;
	return event;
}

/* With what the kernel shows where a FIN came in, or ours was acknowledged. */
static inline struct event_state make_state(uint64_t ms, uint64_t cookie, uint8_t from, uint8_t to)
{
	struct event_state event = {
		.header = make_header(EVENT_STATE, ms, cookie),
		.old_state = from,
		.new_state = to,
	};

	if (to == TCP_CLOSE_WAIT || to == TCP_CLOSING)
		event.header.flags = EVENT_SOCKET_DONE;
	else if (to == TCP_FIN_WAIT2)
		event.header.flags = EVENT_NOTHING_IN_FLIGHT;
	return event;
}

static inline struct event_state_task make_state_task(uint64_t ms, uint64_t cookie, uint8_t from, uint8_t to,
						      uint16_t flags)
{
	struct event_state_task event = {.state = make_state(ms, cookie, from, to), .uid = 1000, .comm = "closer"};

	event.state.header.kind = EVENT_STATE_TASK;
	event.state.header.flags = flags;
	event.state.header.pid = 300;
	return event;
}

static inline struct event_close make_close(uint64_t ms, uint64_t cookie, uint8_t from)
{
	return (struct event_close){
		.header = make_header(EVENT_CLOSE, ms, cookie),
		.old_state = from,
		.new_state = TCP_CLOSE,
		.uid = 1000,
		.comm = "closer",
		.silent_ticks = UINT32_MAX,
		.total_timeouts = 0,
	};
}

static inline struct event_retransmit make_retransmit(uint64_t ms, uint64_t cookie, uint8_t state)
{
	return (struct event_retransmit){.header = make_header(EVENT_RETRANSMIT, ms, cookie), .state = state};
}

/* The initial time is 1 s, as with Linux: 250 ticks. */
static inline struct event_synack make_synack(uint64_t ms, uint64_t listener, uint64_t request, uint16_t port,
					      uint8_t timeouts)
{
	return (struct event_synack){
		.header = make_header(EVENT_RETRANSMIT_SYNACK, ms, listener),
		.tuple = server_tuple(port),
		.request = request,
		.family = 4,
		.timeouts = timeouts,
		.max_retries = 2,
		.timeout_ticks = 250,
	};
}

static inline struct event_reset_sent make_reset_sent(uint64_t ms, uint64_t cookie, uint8_t state, uint8_t reason,
						      uint16_t flags)
{
	struct event_reset_sent event = {
		.header = make_header(EVENT_RESET_SENT, ms, cookie),
		.state = state,
		.reason = reason,
		.family = 4,
	};

	event.header.flags = flags;
	return event;
}

static inline struct event_reset_received make_reset_received(uint64_t ms, uint64_t cookie, uint8_t state)
{
	return (struct event_reset_received){
		.header = make_header(EVENT_RESET_RECEIVED, ms, cookie),
		.state = state,
		.challenge_ticks = UINT32_MAX,
	};
}

static inline struct event_probe make_probe(uint64_t ms, uint64_t cookie, uint8_t probe)
{
	return (struct event_probe){
		.header = make_header(EVENT_PROBE, ms, cookie),
		.state = TCP_ESTABLISHED,
		.probe = probe,
	};
}

static inline struct event_time_wait make_time_wait(uint64_t ms, uint64_t cookie, uint8_t change, uint8_t substate)
{
	return (struct event_time_wait){
		.header = make_header(EVENT_TIME_WAIT, ms, cookie),
		.change = change,
		.substate = substate,
	};
}

static inline struct event_accept make_accept(uint64_t ms, uint64_t cookie, uint32_t pid)
{
	struct event_accept event = {
		.header = make_header(EVENT_ACCEPT, ms, cookie),
		.uid = 1001,
		.comm = "accepter",
	};

	event.header.pid = pid;
	event.header.flags = EVENT_TASK_ACTS;
	return event;
}

static inline struct event_header make_oom_kill(uint64_t ms, uint32_t pid)
{
	struct event_header event = make_header(EVENT_OOM_KILL, ms, 0);

	event.pid = pid;
	return event;
}

static inline struct event_existing make_existing(uint64_t ms, uint64_t cookie, uint8_t state, uint8_t source,
						  struct event_tuple tuple)
{
	struct event_existing event = {
		.header = make_header(EVENT_EXISTING, ms, cookie),
		.state = state,
		.family = 4,
		.source = source,
		.uid = 1000,
		.tuple = tuple,
		.descriptor = source == EXISTING_FILE ? 5 : -1,
	};

	if (source == EXISTING_FILE) {
		event.header.pid = 400;
		memcpy(event.comm, "holder", 7);
	}
	return event;
}

static inline struct event_existing make_netns_listed(uint64_t ms, uint32_t netns)
{
	struct event_existing event = make_existing(ms, 0, TCP_CLOSE, EXISTING_NETNS,
						    (struct event_tuple){.netns = netns});

	return event;
}

/* ---- the tracker and what it says ---------------------------------------------------------------- */

static inline void fixture_keep(void *arg, const struct connection_report *report)
{
	struct fixture *fixture = arg;

	assert_true(fixture->count < REPORTS_KEPT);
	fixture->reports[fixture->count++] = *report;
}

static inline void fixture_begin_with(struct fixture *fixture, uint32_t max_connections, uint64_t settle_ms)
{
	struct tracker_config config = {max_connections, settle_ms * NS_PER_MS, TICK_NS, 42, false};

	fixture->count = 0;
	fixture->tracker = tracker_create(&config, fixture_keep, fixture);
	assert_non_null(fixture->tracker);
}

static inline void fixture_begin(struct fixture *fixture)
{
	fixture_begin_with(fixture, 1000, SETTLE_MS);
}

static inline void fixture_end(struct fixture *fixture)
{
	tracker_destroy(fixture->tracker);
	fixture->tracker = NULL;
}

/* Only what every intake lets pass may reach the tracker. */
static inline void feed(struct fixture *fixture, const void *event)
{
	const struct event_header *header = event;

	assert_int_equal(event_check(header, event_size(header->kind)), 0);
	tracker_event(fixture->tracker, header);
}

#define FEED(fixture, made)                                                                                            \
	do {                                                                                                           \
		__auto_type event_made = (made);                                                                       \
		feed((fixture), &event_made);                                                                          \
	} while (0)

static inline void tick(struct fixture *fixture, uint64_t ms)
{
	tracker_tick(fixture->tracker, AT(ms));
}

static inline const struct connection_report *last_report(const struct fixture *fixture)
{
	assert_true(fixture->count > 0);
	return &fixture->reports[fixture->count - 1];
}

static inline bool has_evidence(const struct connection_report *report, enum evidence_kind kind)
{
	for (uint8_t i = 0; i < report->evidence_count; i++)
		if (report->evidence[i].kind == kind)
			return true;
	return false;
}

static inline void assert_path(const struct connection_report *report, const uint8_t *states, size_t count)
{
	assert_int_equal(report->state_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(report->states[i].state, states[i]);
}

#define ASSERT_PATH(report, ...)                                                                                       \
	do {                                                                                                           \
		static const uint8_t path_wanted[] = {__VA_ARGS__};                                                    \
		assert_path((report), path_wanted, sizeof(path_wanted));                                               \
	} while (0)

/* ---- stretches of a life -------------------------------------------------------------------------- */

/* connect() at `ms`, ESTABLISHED 2 ms later; the port is known only then, as for an unbound client. */
static inline void client_opens(struct fixture *fixture, uint64_t ms, uint64_t cookie, uint16_t port)
{
	struct event_birth birth = make_birth(ms, cookie, TCP_CLOSE, TCP_SYN_SENT, client_tuple(0));
	struct event_state established = make_state(ms + 2, cookie, TCP_SYN_SENT, TCP_ESTABLISHED);

	established.local_port = port;
	established.local_isn = 1000;
	established.remote_isn = 2000;
	feed(fixture, &birth);
	feed(fixture, &established);
}

/* close() at `ms`, handed to a minisock 2 ms later, before the peer's FIN unless `flags` say DONE. */
static inline void closes_first(struct fixture *fixture, uint64_t ms, uint64_t cookie, uint16_t flags)
{
	struct event_close close = make_close(ms + 2, cookie, TCP_FIN_WAIT2);

	close.header.flags = EVENT_SOCKET_DEAD | flags;
	close.shutdown = 3;
	FEED(fixture, make_state_task(ms, cookie, TCP_ESTABLISHED, TCP_FIN_WAIT1, FLAGS_CLOSER));
	FEED(fixture, make_state(ms + 1, cookie, TCP_FIN_WAIT1, TCP_FIN_WAIT2));
	feed(fixture, &close);
}

/* The peer's FIN at `ms`, close() 1 ms later, its last ACK after another. */
static inline void closes_second(struct fixture *fixture, uint64_t ms, uint64_t cookie)
{
	struct event_close close = make_close(ms + 2, cookie, TCP_LAST_ACK);

	close.header.flags = EVENT_SOCKET_DEAD | EVENT_SOCKET_DONE;
	close.shutdown = 3;
	FEED(fixture, make_state(ms, cookie, TCP_ESTABLISHED, TCP_CLOSE_WAIT));
	FEED(fixture, make_state_task(ms + 1, cookie, TCP_CLOSE_WAIT, TCP_LAST_ACK, FLAGS_CLOSER));
	feed(fixture, &close);
}

#endif
