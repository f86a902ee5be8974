// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tracker_random.c: random streams of valid events: lives as they could be, whole or with losses and the
 * re-synchronisation that follows, and plain nonsense. The tracker must never crash, its books must balance
 * after every step, and no report may contradict itself. The seed is printed; LASTACK_SEED repeats a run.
 */
#include <errno.h>

#include "core_fixture.h"
#include "random_numbers.h"
#include "tracker_checks.h"

#define COOKIES        24
#define REQUESTS       100000 /* cookies of requests begin here, where the books tell them from connections */
#define LIFE_STEPS     100000
#define NONSENSE_STEPS 150000

struct run {
	struct random_numbers random;
	struct tracker *tracker;
	uint64_t now_ms;
	bool times_in_order;             /* of the stream: then of each report too */
	uint32_t revisions[3 * COOKIES]; /* last one given, by cookie: connections, then requests */
	uint64_t reports, handshakes, incomplete;
	uint8_t states[COOKIES]; /* of the lives: what really is; 0: closed */
	bool lossy;
	uint64_t lost, ended;
};

static void take_report(void *arg, const struct connection_report *report)
{
	struct run *run = arg;
	bool request = report->cookie >= REQUESTS;
	uint64_t index = request ? report->cookie - REQUESTS + COOKIES * 2 : report->cookie;

	report_enums_check(report);
	report_verdict_check(report);
	if (run->times_in_order)
		report_times_check(report);
	run->reports += report->revision == 1;
	run->incomplete += report->completeness != COMPLETENESS_COMPLETE;
	run->handshakes += report->revision == 1 && request;
	assert_in_range(index, 0, 3 * COOKIES - 1);
	assert_true(report->revision == 1 || report->revision == run->revisions[index] + 1);
	run->revisions[index] = report->revision;
}

/* What is not bound to a tracker with room for all is checked in any case. */
static void books_check(const struct run *run, bool roomy)
{
	tracker_books_check(run->tracker, roomy ? run->reports : TRACKER_NO_ROOM, run->handshakes);
}

static void run_begin(struct run *run, uint32_t max_connections)
{
	struct tracker_config config = {max_connections, SETTLE_MS * NS_PER_MS, TICK_NS, 7, false};

	*run = (struct run){.random = {random_seed_of_run()}, .now_ms = 1000000};
	run->tracker = tracker_create(&config, take_report, run);
	assert_non_null(run->tracker);
}

static uint32_t below(struct run *run, uint32_t bound)
{
	return random_below(&run->random, bound);
}

static void tell(struct run *run, const void *event)
{
	const struct event_header *header = event;

	assert_int_equal(event_check(header, event_size(header->kind)), 0);
	tracker_event(run->tracker, header);
}

/* ---- lives as they could be ---------------------------------------------------------------------- */

/* Told, unless it is lost. */
static void live_tell(struct run *run, const void *event)
{
	if (run->lossy && below(run, 12) == 0) {
		tracker_loss(run->tracker, 1);
		run->lost++;
	} else {
		tell(run, event);
	}
}

#define LIVE_TELL(run, made)                                                                                           \
	do {                                                                                                           \
		__auto_type event_made = (made);                                                                       \
		live_tell((run), &event_made);                                                                         \
	} while (0)

static struct event_tuple life_tuple(uint64_t cookie)
{
	return cookie % 2 ? client_tuple((uint16_t)(40000 + cookie)) : server_tuple((uint16_t)(40000 + cookie));
}

static void life_moves(struct run *run, uint64_t cookie, uint8_t to)
{
	uint8_t from = run->states[cookie];

	if ((to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK) && below(run, 2))
		LIVE_TELL(run,
			  make_state_task(run->now_ms, cookie, from, to, below(run, 2) ? FLAGS_CLOSER : FLAGS_HOLDER));
	else
		LIVE_TELL(run, make_state(run->now_ms, cookie, from, to));
	run->states[cookie] = to;
}

static void life_ends(struct run *run, uint64_t cookie)
{
	uint8_t from = run->states[cookie];
	struct event_close close = make_close(run->now_ms, cookie, from);
	bool orderly = from == TCP_LAST_ACK || from == TCP_FIN_WAIT2 || from == TCP_CLOSING;

	if (from == TCP_LAST_ACK || from == TCP_CLOSING || below(run, 2))
		close.header.flags |= EVENT_SOCKET_DONE;
	else if (from == TCP_FIN_WAIT2)
		close.header.flags |= EVENT_SOCKET_DEAD; /* or it would wait on */
	if (!orderly || below(run, 4) == 0) {
		close.error = ECONNRESET;
		LIVE_TELL(run, make_reset_received(run->now_ms, cookie, from));
	}
	live_tell(run, &close);
	run->states[cookie] = 0;
	run->ended++;
	if (orderly && !close.error && from != TCP_LAST_ACK && below(run, 3) == 0)
		LIVE_TELL(run, make_time_wait(run->now_ms, cookie, below(run, 5),
					      below(run, 2) ? TCP_TIME_WAIT : TCP_FIN_WAIT2));
}

static void life_begins(struct run *run, uint64_t cookie)
{
	if (cookie % 2) {
		LIVE_TELL(run, make_birth(run->now_ms, cookie, TCP_CLOSE, TCP_SYN_SENT, life_tuple(cookie)));
		run->states[cookie] = TCP_SYN_SENT;
		return;
	}
	if (below(run, 3) == 0)
		LIVE_TELL(run, make_synack(run->now_ms, 90, REQUESTS + cookie, (uint16_t)(40000 + cookie), 0));
	run->now_ms += below(run, 100);
	LIVE_TELL(run, make_child(run->now_ms, cookie, (uint16_t)(40000 + cookie)));
	run->states[cookie] = TCP_ESTABLISHED;
}

static void life_steps(struct run *run, uint64_t cookie)
{
	static const uint8_t next[TCP_STATES][2] = {
		[TCP_SYN_SENT] = {TCP_ESTABLISHED, TCP_ESTABLISHED},
		[TCP_ESTABLISHED] = {TCP_FIN_WAIT1, TCP_CLOSE_WAIT},
		[TCP_FIN_WAIT1] = {TCP_FIN_WAIT2, TCP_CLOSING},
		[TCP_CLOSE_WAIT] = {TCP_LAST_ACK, TCP_LAST_ACK},
	};
	uint8_t state = run->states[cookie];

	if (!state)
		life_begins(run, cookie);
	else if (!next[state][0] || below(run, 6) == 0)
		life_ends(run, cookie);
	else
		life_moves(run, cookie, next[state][below(run, 2)]);
}

/* All sockets are listed, and after that the tracker must know what there is. */
static void lives_resync(struct run *run)
{
	run->now_ms += 100;
	tracker_tick(run->tracker, AT(run->now_ms));
	tracker_resync_begin(run->tracker, AT(run->now_ms));
	for (uint64_t cookie = 1; cookie < COOKIES; cookie++)
		if (run->states[cookie]) {
			struct event_existing listed = make_existing(run->now_ms, cookie, run->states[cookie],
								     below(run, 2) ? EXISTING_FILE : EXISTING_TCP,
								     life_tuple(cookie));

			tell(run, &listed);
		}
	tell(run, &(union sample_event){.existing = make_netns_listed(run->now_ms, NETNS)});
	tracker_resync_end(run->tracker, AT(run->now_ms));
	for (uint64_t cookie = 1; cookie < COOKIES; cookie++) {
		const struct connection *connection = tracker_find(run->tracker, cookie);

		if (run->states[cookie])
			assert_int_equal(connection->state, run->states[cookie]);
		else
			assert_true(!connection || connection->state == TCP_CLOSE);
	}
}

static void lives_run(struct run *run)
{
	for (unsigned step = 0; step < LIFE_STEPS; step++) {
		life_steps(run, 1 + below(run, COOKIES - 1));
		run->now_ms += below(run, 40);
		if (below(run, 500) == 0)
			run->now_ms += below(run, 130000);
		if (below(run, 3) == 0)
			tracker_tick(run->tracker, AT(run->now_ms));
		if (below(run, 300) == 0)
			lives_resync(run);
		books_check(run, true);
	}
	tracker_flush(run->tracker, AT(run->now_ms));
	books_check(run, true);
}

static void whole_lives(void **state)
{
	struct run run;

	(void)state;
	run_begin(&run, 1000);
	run.times_in_order = true;
	lives_run(&run);
	assert_int_equal(run.reports - run.handshakes, run.ended);
	assert_int_equal(run.incomplete, 0);
	assert_int_equal(run.handshakes, 0);
	assert_int_equal(tracker_stats(run.tracker)->gaps, 0);
	assert_int_equal(tracker_stats(run.tracker)->unobserved, 0);
	tracker_destroy(run.tracker);
}

static void lives_with_losses(void **state)
{
	struct run run;

	(void)state;
	run_begin(&run, 1000);
	run.times_in_order = run.lossy = true;
	lives_run(&run);
	assert_true(run.lost > 0 && run.incomplete > 0);
	assert_int_equal(tracker_stats(run.tracker)->events_lost, run.lost);
	assert_true(run.reports - run.handshakes <= run.ended + tracker_stats(run.tracker)->unobserved);
	tracker_destroy(run.tracker);
}

/* ---- nonsense ------------------------------------------------------------------------------------ */

static uint8_t any_state(struct run *run)
{
	return (uint8_t)(1 + below(run, TCP_NEW_SYN_RECV - 1));
}

static void nonsense_states(struct run *run, union sample_event *event)
{
	switch (event->header.kind) {
	case EVENT_BIRTH:
		event->birth.old_state = below(run, 2) ? any_state(run) : TCP_SYN_RECV;
		event->birth.new_state = any_state(run);
		event->birth.family = 4;
		event->birth.tuple = life_tuple(below(run, COOKIES));
		event->birth.socket = 1 + below(run, COOKIES - 1);
		event->birth.handshake_us %= 1000000;
		event->birth.comm[0] = event->birth.comm[15] = 0;
		break;
	case EVENT_STATE:
	case EVENT_STATE_TASK:
	case EVENT_CLOSE:
		event->state.old_state = any_state(run);
		event->state.new_state = event->header.kind == EVENT_CLOSE ? TCP_CLOSE : any_state(run);
		break;
	case EVENT_RETRANSMIT_SYNACK:
		event->synack.family = 6;
		event->synack.request = REQUESTS + below(run, COOKIES);
		event->synack.tuple = life_tuple(below(run, COOKIES));
		event->synack.timeout_ticks %= 1000;
		break;
	case EVENT_EXISTING:
		event->existing.state = any_state(run);
		event->existing.substate = 0;
		event->existing.family = 4;
		event->existing.source = below(run, 3);
		event->existing.tuple = life_tuple(below(run, COOKIES));
		break;
	case EVENT_RESET_SENT:
		event->reset_sent.state = below(run, TCP_STATES);
		event->reset_sent.reason = below(run, RESET_REASONS);
		event->reset_sent.family = 0;
		break;
	case EVENT_TIME_WAIT:
		event->time_wait.change = below(run, TIME_WAIT_RESET + 1);
		event->time_wait.substate = below(run, 2) ? TCP_TIME_WAIT : TCP_FIN_WAIT2;
		break;
	case EVENT_STACK:
		event->stack.call = below(run, 2);
		for (unsigned i = 0; i < EVENT_FRAMES_MAX; i++)
			event->stack.frames[i].kind = below(run, 3);
		break;
	default: /* retransmission, reset received, error, probe: a state, and what kind of probe */
		((uint8_t *)event)[sizeof(event->header)] = any_state(run);
		((uint8_t *)event)[sizeof(event->header) + 1] = below(run, 2);
	}
}

static void nonsense_tell(struct run *run, uint32_t cookies)
{
	union sample_event event;

	for (size_t i = 0; i < sizeof(event.words) / sizeof(event.words[0]); i++)
		event.words[i] = random_next(&run->random);
	event.header = make_header(1 + below(run, EVENT_KINDS - 1), run->now_ms - below(run, 300),
				   1 + below(run, cookies - 1));
	event.header.flags = (uint16_t)random_next(&run->random);
	event.header.pid = below(run, 5);
	if (cookies > COOKIES && below(run, 4) == 0)
		event.header.cookie = REQUESTS + below(run, COOKIES); /* the cookie of a request */
	nonsense_states(run, &event);
	if (event.header.kind == EVENT_CLOSE)
		event.close.comm[0] = event.close.error = below(run, 2) ? 0 : event.close.error;
	if (event.header.kind == EVENT_STATE_TASK)
		event.state_task.comm[0] = 0;
	if (event.header.kind == EVENT_ACCEPT)
		event.accept.comm[0] = 0;
	if (event.header.kind == EVENT_CLOSE)
		event.close.comm[0] = 0;
	if (event.header.kind == EVENT_EXISTING)
		event.existing.comm[0] = 0;
	tell(run, &event);
}

static void nonsense_run(uint32_t max_connections, uint32_t cookies, bool roomy)
{
	struct run run;

	run_begin(&run, max_connections);
	for (unsigned step = 0; step < NONSENSE_STEPS; step++) {
		nonsense_tell(&run, cookies);
		run.now_ms += below(&run, 30);
		if (below(&run, 200) == 0)
			run.now_ms += below(&run, 130000);
		if (below(&run, 10) == 0)
			tracker_tick(run.tracker, AT(run.now_ms - below(&run, 500)));
		if (below(&run, 100) == 0)
			tracker_loss(run.tracker, below(&run, 10));
		if (below(&run, 200) == 0)
			tracker_resync_begin(run.tracker, AT(run.now_ms));
		if (below(&run, 200) == 0)
			tracker_resync_end(run.tracker, AT(run.now_ms));
		if (below(&run, 5000) == 0)
			tracker_flush(run.tracker, AT(run.now_ms));
		assert_true(connection_count(run.tracker->table) <= max_connections);
		books_check(&run, roomy);
	}
	assert_true(run.reports > 100);
	tracker_destroy(run.tracker);
}

static void nonsense(void **state)
{
	(void)state;
	nonsense_run(1000, COOKIES, true);
}

/* With hardly any room, and the cookies of requests and connections mixed up. */
static void nonsense_without_room(void **state)
{
	(void)state;
	nonsense_run(7, COOKIES * 2, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lives),
		cmocka_unit_test(lives_with_losses),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(nonsense_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
