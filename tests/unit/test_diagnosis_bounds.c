// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_diagnosis_bounds.c: a diagnosis under load: owners without number, peers without number, a hundred thousand
 * connections, and whatever a random host may hold. Nothing is lost without being counted.
 */
#include <stdio.h>

#include "diagnosis_fixture.h"
#include "random_numbers.h"

static struct diagnosed d;

static void leaked(uint64_t cookie, uint32_t pid)
{
	struct event_existing event = listed(0, cookie, TCP_CLOSE_WAIT);

	quiet_for(&event, 10 * MINUTE);
	event.header.pid = pid;
	feed(&d.fixture, &event);
}

/* What every run must hold to, whatever was found. */
static void check_sums(void)
{
	const struct diagnosis_totals *totals = diagnosis_totals(d.diagnosis);
	uint64_t shown[FINDING_KIND_COUNT] = {0};

	assert_true(d.count <= DIAGNOSIS_FINDINGS);
	for (uint32_t i = 0; i < d.count; i++) {
		const struct finding *finding = &d.findings[i];
		uint64_t peers = finding->peers_more;

		assert_true(finding->count > 0);
		shown[finding->kind] += finding->count;
		for (uint32_t k = 0; k < finding->peer_count; k++)
			peers += finding->peers[k].count;
		assert_true(peers <= finding->count);
		assert_true(finding->cookie_count <= finding->count);
		assert_true(finding->certainty < FINDING_CERTAINTY_COUNT);
	}
	for (unsigned kind = 0; kind < FINDING_KIND_COUNT; kind++) {
		if (shown[kind] + totals->others[kind] > totals->suspects[kind])
			fail_msg("kind %u: %llu shown, %u others, %u suspects", kind, (unsigned long long)shown[kind],
				 totals->others[kind], totals->suspects[kind]);
		/* All of these are shown wherever there was room. */
		if (!totals->findings_more && (kind == FINDING_CLOSE_WAIT_LEAK || kind == FINDING_HALF_OPEN_UNACKED))
			assert_int_equal(shown[kind] + totals->others[kind], totals->suspects[kind]);
	}
}

static void owners_without_number(void **state)
{
	const struct diagnosis_totals *totals;

	(void)state;
	diagnosed_begin(&d);
	for (uint32_t i = 1; i <= 5000; i++)
		leaked(i, 1000 + i);
	for (uint32_t i = 5001; i <= 5100; i++) /* the one who matters came first, and so has room */
		leaked(i, 1001);
	diagnose(&d, 1);
	check_sums();
	totals = diagnosis_totals(d.diagnosis);
	assert_int_equal(totals->suspects[FINDING_CLOSE_WAIT_LEAK], 5100);
	assert_int_equal(totals->others[FINDING_CLOSE_WAIT_LEAK], 5000 - DIAGNOSIS_GROUPS_MAX);
	assert_int_equal(d.count, DIAGNOSIS_FINDINGS);
	assert_int_equal(totals->findings_more, DIAGNOSIS_GROUPS_MAX - DIAGNOSIS_FINDINGS);
	assert_int_equal(d.findings[0].count, 101);
	diagnosed_end(&d);
}

/* What comes after the connections has no room then, however urgent: it is counted. */
static void no_room_for_the_host(void **state)
{
	struct diagnosis_netns full = {NETNS, 90, 100, 95, 100, 32768, 32867};
	const struct diagnosis_totals *totals;

	(void)state;
	for (uint32_t owners = DIAGNOSIS_GROUPS_MAX - 3; owners <= DIAGNOSIS_GROUPS_MAX; owners += 3) {
		bool room = owners < DIAGNOSIS_GROUPS_MAX;

		diagnosed_begin(&d);
		diagnosis_netns_add(d.diagnosis, &full);
		for (uint32_t i = 1; i <= owners; i++)
			leaked(i, 1000 + i);
		diagnose(&d, 1);
		check_sums();
		totals = diagnosis_totals(d.diagnosis);
		assert_int_equal(totals->suspects[FINDING_PORT_EXHAUSTION], owners);
		assert_int_equal(totals->others[FINDING_PORT_EXHAUSTION], room ? 0 : owners);
		assert_int_equal(totals->suspects[FINDING_TIME_WAIT_PRESSURE], 90);
		assert_int_equal(totals->others[FINDING_TIME_WAIT_PRESSURE], room ? 0 : 90);
		assert_int_equal(totals->others[FINDING_ORPHAN_PRESSURE], room ? 0 : 95);
		assert_int_equal(finding_of(&d, FINDING_PORT_EXHAUSTION) != NULL, room);
		diagnosed_end(&d);
	}
}

static void peers_without_number(void **state)
{
	struct connection_report report = {.family = 6, .revision = 1, .cause = CAUSE_RST_RECEIVED, .end_ns = AT(1)};

	(void)state;
	diagnosed_begin(&d);
	for (uint32_t i = 0; i < 20000; i++) {
		memcpy(&report.remote[2], &i, sizeof(i));
		diagnosis_end(d.diagnosis, &report);
	}
	diagnose(&d, 2);
	none(&d);
	assert_true(diagnosis_totals(d.diagnosis)->ends_forgotten >= 19000);
	/* Who fails now is found all the same. */
	for (uint32_t i = 0; i < 20; i++)
		diagnosis_end(d.diagnosis, &report);
	diagnose(&d, 3);
	assert_true(only(&d, FINDING_PEER_CLUSTER)->count >= 20);
	diagnosed_end(&d);
}

static bool of_one_owner(void *arg, const struct connection *connection)
{
	return connection->pid == *(uint32_t *)arg;
}

/* What somebody asks about some connections says nothing of the host. */
static void a_part_of_them(void **state)
{
	struct diagnosis_netns full = {NETNS, 100, 100, 100, 100, UINT32_MAX, UINT32_MAX};
	uint32_t pid = 1001;

	(void)state;
	diagnosed_begin(&d);
	leaked(1, 1001);
	leaked(2, 1002);
	diagnosis_netns_add(d.diagnosis, &full);
	diagnose(&d, 1);
	assert_int_equal(d.count, 4);
	diagnose_wanting(&d, 2, of_one_owner, &pid);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->pid, 1001);
	assert_false(d.findings[0].has_growth);
	assert_int_equal(diagnosis_totals(d.diagnosis)->live, 1);
	diagnosed_end(&d);
}

static void a_copy_goes_on_from_what_it_knows(void **state)
{
	struct diagnosis_limits limits;
	struct diagnosis *copy, *base;

	(void)state;
	diagnosed_begin(&d);
	leaked(1, 1001);
	diagnose(&d, 1);
	leaked(2, 1001);
	diagnosis_limits_unset(&limits);
	limits.close_wait_ns = 1000 * MINUTE * NS_PER_MS;
	copy = diagnosis_copy(d.diagnosis, NULL);
	assert_non_null(copy);
	base = d.diagnosis;
	d.diagnosis = copy;
	diagnose(&d, 5000);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->growth, 1);
	diagnosis_limits_override(&d.limits, &limits);
	assert_int_equal(d.limits.probes, 2);
	diagnosis_configure(copy, &d.limits);
	diagnose(&d, 6000);
	none(&d);
	diagnosis_destroy(copy);
	d.diagnosis = base;
	diagnosed_end(&d);
}

#define MANY 100000

static void a_hundred_thousand(void **state)
{
	double began, used;
	unsigned steps = 0;

	(void)state;
	diagnosed_begin_with(&d, 2 * MANY);
	for (uint32_t i = 1; i <= MANY; i++) {
		struct event_existing event = listed(0, i, i % 3 ? TCP_ESTABLISHED : TCP_CLOSE_WAIT);

		quiet_for(&event, 20 * MINUTE);
		keepalive_off(&event);
		event.header.pid = 1000 + i % 300;
		memcpy(event.tuple.remote, &i, 3);
		feed(&d.fixture, &event);
	}
	diagnosis_netns_add(d.diagnosis, &(struct diagnosis_netns){NETNS, 1, 100, 1, 100, 32768, 60999});
	began = random_seconds_used();
	diagnosis_begin(d.diagnosis, AT(1), NULL, NULL);
	while (diagnosis_step(d.diagnosis, d.fixture.tracker, 256))
		steps++;
	used = random_seconds_used() - began;
	d.findings = diagnosis_findings(d.diagnosis, &d.count);
	print_message("%d connections: %.1f ms of CPU time, %.0f us a step of 256\n", MANY, used * 1e3,
		      used * 1e6 / steps);
	assert_true(used < 1.0);
	assert_int_equal(diagnosis_totals(d.diagnosis)->live, MANY);
	check_sums();
	diagnosed_end(&d);
}

/* ---- random hosts --------------------------------------------------------------------------------------------- */

#define ROUNDS 300

static uint32_t some_ticks(struct random_numbers *random)
{
	switch (random_below(random, 4)) {
	case 0: return UINT32_MAX;
	case 1: return (uint32_t)random_next(random);
	default: return TICKS(random_below(random, 20000000));
	}
}

static void feed_random(struct random_numbers *random, uint64_t ms)
{
	struct event_existing event = listed(ms, 1 + random_below(random, 400),
					     (uint8_t)(TCP_ESTABLISHED + random_below(random, TCP_STATES - 1)));

	event.source = (uint8_t)random_below(random, 2);
	event.header.flags = (uint16_t)random_next(random);
	event.header.pid = 1 + random_below(random, 600);
	event.family = random_below(random, 2) ? 4 : 6;
	event.tuple.remote[1] = (uint8_t)random_below(random, 40);
	event.has_details = random_below(random, 8) > 0;
	event.silent_ticks = some_ticks(random);
	event.sent_ticks = some_ticks(random);
	event.received_ticks = some_ticks(random);
	event.unread_bytes = random_below(random, 2) ? 0 : (uint32_t)random_next(random);
	event.unacked_bytes = random_below(random, 2) ? 0 : (uint32_t)random_next(random);
	event.receive_window = random_below(random, 2) ? 0 : (uint32_t)random_next(random);
	event.retransmits = (uint8_t)random_below(random, 20);
	event.probes_out = (uint8_t)random_below(random, 5);
	event.retries = (uint8_t)random_next(random);
	event.accept_queue = random_below(random, 300);
	event.accept_max = random_below(random, 300);
	event.syn_queue = random_below(random, 300);
	event.drops = (uint32_t)random_next(random);
	event.copied_seq = random_below(random, 3);
	event.keepalive_idle_ticks = some_ticks(random);
	feed(&d.fixture, &event);
}

static void random_hosts(void **state)
{
	struct random_numbers random = {random_seed_of_run()};

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t ms = 0;

		d.fixture.count = 0;
		diagnosed_begin(&d);
		for (unsigned run = 0; run < 4; run++) {
			for (unsigned i = 0; i < 300; i++)
				feed_random(&random, ms += random_below(&random, 50));
			if (random_below(&random, 2))
				tick(&d.fixture, ms);
			d.fixture.count = 0;
			/* The clock of a run may be a little behind a listing. */
			diagnose(&d, ms - random_below(&random, 2));
			check_sums();
		}
		diagnosed_end(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_without_number),
		cmocka_unit_test(no_room_for_the_host),
		cmocka_unit_test(peers_without_number),
		cmocka_unit_test(a_part_of_them),
		cmocka_unit_test(a_copy_goes_on_from_what_it_knows),
		cmocka_unit_test(a_hundred_thousand),
		cmocka_unit_test(random_hosts),
	};

	return cmocka_run_group_tests_name("diagnosis_bounds", tests, NULL, NULL);
}
