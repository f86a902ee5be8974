// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_core_memory.c: the core without memory: each of its allocations fails once, and from each on all fail. What can
 * not be begun says so; what runs on must not crash, keeps its books straight, and counts what it could not keep.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/stack_table.h"
#include "core/tally.h"
#include "diagnosis_fixture.h"
#include "failing_memory.h"
#include "tracker_checks.h"

#define LISTENER   1
#define CLIENT     10 /* cookies: of four connections, */
#define SERVER     20
#define REQUEST    30
#define NAMESPACES 70 /* more than a tally begins with */

/* ---- lives that need every kind of memory ---------------------------------------------------------- */

static struct fixture fixture;

static void look(void *arg, const struct connection *connection)
{
	struct connection_report report;

	(void)arg;
	tracker_report_live(fixture.tracker, connection, AT(100), &report);
	assert_int_equal(report.class, CLASS_UNKNOWN);
}

static void lives_begin(void)
{
	FEED(&fixture, make_listen(0, LISTENER));
	FEED(&fixture, make_synack(5, LISTENER, REQUEST, 5000, 0));
	client_opens(&fixture, 10, CLIENT, 4000);
	client_opens(&fixture, 10, CLIENT + 1, 4001);
	FEED(&fixture, make_child(20, SERVER, 4100));
	FEED(&fixture, make_child(20, SERVER + 1, 4101));
	FEED(&fixture, make_accept(21, SERVER, PID_SERVER));
	FEED(&fixture, make_retransmit(30, CLIENT, TCP_ESTABLISHED));
	FEED(&fixture, make_probe(31, CLIENT + 1, PROBE_KEEPALIVE));
	FEED(&fixture, make_state(32, SERVER + 1, TCP_SYN_SENT, TCP_ESTABLISHED)); /* cannot have been */
}

static void lives_listed(void)
{
	uint32_t cursor = 0;

	tracker_resync_begin(fixture.tracker, AT(90));
	FEED(&fixture, make_existing(90, CLIENT, TCP_ESTABLISHED, EXISTING_FILE, client_tuple(4000)));
	FEED(&fixture, make_existing(90, CLIENT + 2, TCP_ESTABLISHED, EXISTING_TCP, client_tuple(4002)));
	FEED(&fixture, make_netns_listed(91, NETNS));
	tracker_resync_end(fixture.tracker, AT(92));
	while (tracker_walk(fixture.tracker, &cursor, 1000, look, NULL))
		;
}

static void lives_end(void)
{
	closes_first(&fixture, 200, CLIENT, 0);
	FEED(&fixture, make_time_wait(203, CLIENT, TIME_WAIT_BEGIN, TCP_FIN_WAIT2));
	FEED(&fixture, make_time_wait(204, CLIENT, TIME_WAIT_EXPIRED, TCP_FIN_WAIT2));
	closes_second(&fixture, 210, CLIENT + 2);
	FEED(&fixture, make_reset_sent(220, SERVER, TCP_ESTABLISHED, RESET_REASON_UNKNOWN, FLAGS_CLOSER));
	FEED(&fixture, make_reset_received(221, SERVER + 1, TCP_ESTABLISHED));
	FEED(&fixture, make_close(222, SERVER, TCP_ESTABLISHED));
	FEED(&fixture, make_close(223, SERVER + 1, TCP_ESTABLISHED));
	FEED(&fixture, make_synack(3100, LISTENER, REQUEST, 5000, 2));
	tick(&fixture, 3200);
	tick(&fixture, 300000);
	tracker_flush(fixture.tracker, AT(400000));
}

static unsigned partial_reports(void)
{
	unsigned count = 0;

	for (size_t i = 0; i < fixture.count; i++)
		count += fixture.reports[i].completeness != COMPLETENESS_COMPLETE;
	return count;
}

/* Whatever memory failed: each life is told, or counted as not kept; and none passes for whole that is not. */
static void what_is_missing_is_counted(void)
{
	const struct tracker_stats *stats = tracker_stats(fixture.tracker);
	uint64_t missing = stats->given_up_live + stats->given_up_closed;
	static size_t whole;

	if (!plan.at)
		whole = fixture.count;
	assert_true(plan.at || !(missing + stats->facts_dropped));
	assert_true(fixture.count + missing >= whole);
	if (stats->facts_dropped && !missing)
		assert_int_not_equal(partial_reports(), 0);
}

/* False where it could not even begin. */
static bool tracker_lives(void)
{
	struct tracker_config config = {1000, SETTLE_MS * NS_PER_MS, TICK_NS, 42, true};

	fixture.count = 0;
	fixture.tracker = tracker_create(&config, fixture_keep, &fixture);
	if (!fixture.tracker)
		return false;
	lives_begin();
	lives_listed();
	lives_end();
	tracker_books_check(fixture.tracker, TRACKER_NO_ROOM, 0);
	what_is_missing_is_counted();
	assert_int_equal(tracker_stats(fixture.tracker)->reports, fixture.count);
	tracker_destroy(fixture.tracker);
	return true;
}

static void all_reports_come_with_memory(void **state)
{
	(void)state;
	plan.at = 0;
	assert_true(tracker_lives());
	assert_in_range(fixture.count, 5, REPORTS_KEPT);
}

static void a_tracker_lives_with_what_it_gets(void **state)
{
	unsigned refused, count = sweep(tracker_lives, false, &refused);

	(void)state;
	print_message("tracker: %u allocations, %u of them at its creation\n", count, refused);
	assert_true(refused >= 6 && count > refused);
	assert_int_equal(sweep(tracker_lives, true, &refused), count);
}

/* ---- the tally --------------------------------------------------------------------------------------- */

static uint64_t counted(const struct tally *tally)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tally_netns_count(tally); i++)
		sum += tally_of(tally, tally_netns(tally, i))->of[TALLY_CONNECT];
	return sum;
}

static bool tally_lives(void)
{
	struct tally *tally = tally_create(), *copy;

	if (!tally)
		return false;
	for (uint32_t i = 0; i < NAMESPACES; i++) {
		struct event_birth birth = make_birth(i, 1 + i, TCP_CLOSE, TCP_SYN_SENT, client_tuple(4000));

		birth.tuple.netns = 1000 + i;
		tally_event(tally, fixture.tracker, &birth.header);
	}
	assert_int_equal(counted(tally) + tally_dropped(tally), NAMESPACES);
	copy = tally_copy(tally);
	if (copy)
		assert_int_equal(counted(copy), counted(tally));
	assert_true(copy || plan.hit);
	tally_destroy(copy);
	tally_destroy(tally);
	return true;
}

static void a_tally_counts_what_it_drops(void **state)
{
	unsigned refused, count;

	(void)state;
	fixture_begin(&fixture); /* of a tracker that knows nobody */
	count = sweep(tally_lives, false, &refused);
	print_message("tally: %u allocations, %u of them at its creation\n", count, refused);
	assert_int_equal(refused, 3);
	assert_true(count > 6);
	sweep(tally_lives, true, &refused);
	fixture_end(&fixture);
}

/* ---- stacks ------------------------------------------------------------------------------------------- */

/* Each of them is kept with its connection, or its connection has none. */
static bool stacks_live(void)
{
	struct tracker_config config = {1000, SETTLE_MS * NS_PER_MS, TICK_NS, 42, true};
	unsigned kept = 0;

	fixture.tracker = tracker_create(&config, fixture_keep, &fixture);
	if (!fixture.tracker)
		return false;
	for (uint64_t cookie = 1; cookie <= 4; cookie++) {
		const struct connection *connection;
		const struct stack *stack;

		client_opens(&fixture, cookie, cookie, (uint16_t)(4000 + cookie));
		FEED(&fixture, make_stack(cookie, cookie, STACK_CONNECT, cookie, 3));
		connection = tracker_find(fixture.tracker, cookie);
		stack = connection ? tracker_stack(fixture.tracker, connection) : NULL;
		if (stack)
			assert_int_equal(stack->frames[0].place, 100 * cookie);
		kept += stack != NULL;
	}
	assert_true(plan.hit || kept == 4);
	assert_true(plan.lasting || kept >= 3); /* the next one finds memory again */
	tracker_destroy(fixture.tracker);
	return true;
}

static void a_connection_lives_without_its_stack(void **state)
{
	unsigned refused, count = sweep(stacks_live, false, &refused);

	(void)state;
	print_message("stacks: %u allocations, %u of them at the tracker's creation\n", count, refused);
	assert_true(count >= refused + 4);
	assert_int_equal(sweep(stacks_live, true, &refused), count);
}

/* ---- the diagnosis -------------------------------------------------------------------------------------- */

static bool diagnosis_lives(void)
{
	struct diagnosis_limits limits;
	struct diagnosis *diagnosis, *copy;

	diagnosis_limits_init(&limits);
	diagnosis = diagnosis_create(&limits, 42);
	if (!diagnosis)
		return false;
	limits.probes++;
	copy = diagnosis_copy(diagnosis, &limits);
	assert_true(copy || plan.hit);
	assert_int_equal(diagnosis_limits(diagnosis)->probes, limits.probes - 1);
	if (copy)
		assert_int_equal(diagnosis_limits(copy)->probes, limits.probes);
	diagnosis_destroy(copy);
	diagnosis_destroy(diagnosis);
	return true;
}

static void a_diagnosis_is_there_or_not(void **state)
{
	unsigned refused;

	(void)state;
	assert_int_equal(sweep(diagnosis_lives, false, &refused), 2);
	assert_int_equal(refused, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_reports_come_with_memory), cmocka_unit_test(a_tracker_lives_with_what_it_gets),
		cmocka_unit_test(a_tally_counts_what_it_drops), cmocka_unit_test(a_connection_lives_without_its_stack),
		cmocka_unit_test(a_diagnosis_is_there_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
