// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_diagnosis_host.c: what a diagnosis is told besides sockets, and what it makes of it: its thresholds, and the
 * numbers of network namespaces, of which the range of local ports is one. For each a case and its near misses.
 */
#include "diagnosis_fixture.h"

static struct diagnosed d;

/* ---- thresholds -------------------------------------------------------------------------------------------- */

/* Each by itself: there is padding behind them. */
static void limits_equal(const struct diagnosis_limits *limits, const struct diagnosis_limits *wanted)
{
#define LIMIT_EQUAL(unused, name, ...) assert_int_equal(limits->name, wanted->name);
	DIAGNOSIS_LIMITS(LIMIT_EQUAL, )
}

/* Overrides one of them: it changes to what was given, and none of the others does. */
#define LIMIT_CHECK(unused, name, ...)                                                                                 \
	do {                                                                                                           \
		struct diagnosis_limits given, limits, wanted;                                                         \
                                                                                                                       \
		diagnosis_limits_init(&limits);                                                                        \
		wanted = limits;                                                                                       \
		wanted.name = limits.name + 1;                                                                         \
		diagnosis_limits_unset(&given);                                                                        \
		given.name = wanted.name;                                                                              \
		diagnosis_limits_override(&limits, &given);                                                            \
		limits_equal(&limits, &wanted);                                                                        \
		checked++;                                                                                             \
	} while (0);

static void each_threshold_is_set_by_itself(void **state)
{
	struct diagnosis_limits given, limits, usual;
	unsigned checked = 0;

	(void)state;
	DIAGNOSIS_LIMITS(LIMIT_CHECK, )
	assert_int_equal(checked, 15);
	diagnosis_limits_init(&limits);
	diagnosis_limits_init(&usual);
	diagnosis_limits_unset(&given);
	diagnosis_limits_override(&limits, &given);
	limits_equal(&limits, &usual);
}

/* ---- runs --------------------------------------------------------------------------------------------------- */

static void leaked(uint64_t cookie)
{
	struct event_existing event = listed(0, cookie, TCP_CLOSE_WAIT);

	quiet_for(&event, 10 * MINUTE);
	feed(&d.fixture, &event);
}

/* The findings of the last run stay as they are until the next one is complete, whoever steps on. */
static void a_step_without_a_run_is_none(void **state)
{
	uint32_t count;

	(void)state;
	diagnosed_begin(&d);
	leaked(1);
	assert_false(diagnosis_step(d.diagnosis, d.fixture.tracker, 1000));
	assert_int_equal(diagnosis_totals(d.diagnosis)->began_ns, 0);
	diagnose(&d, 1);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->count, 1);
	leaked(2);
	assert_false(diagnosis_step(d.diagnosis, d.fixture.tracker, 1000));
	assert_int_equal(diagnosis_findings(d.diagnosis, &count)->count, 1);
	assert_int_equal(count, 1);
	assert_false(diagnosis_findings(d.diagnosis, &count)->has_growth); /* it is the first one still */
	diagnosis_begin(d.diagnosis, AT(2), NULL, NULL);
	assert_true(diagnosis_is_running(d.diagnosis));
	assert_int_equal(diagnosis_findings(d.diagnosis, &count)->count, 1);
	while (diagnosis_step(d.diagnosis, d.fixture.tracker, 1000))
		;
	assert_false(diagnosis_is_running(d.diagnosis));
	assert_int_equal(diagnosis_findings(d.diagnosis, &count)->count, 2);
	diagnosed_end(&d);
}

/* ---- namespaces ---------------------------------------------------------------------------------------------- */

static void told(struct diagnosis_netns netns)
{
	diagnosis_netns_add(d.diagnosis, &netns);
}

static void what_is_not_known_is_no_limit(void **state)
{
	struct diagnosis_netns full = netns_calm(NETNS);

	(void)state;
	full.time_waits = 100;
	diagnosed_begin(&d);
	told(full);
	diagnose(&d, 1);
	assert_int_equal(only(&d, FINDING_TIME_WAIT_PRESSURE)->count, 100);
	diagnosis_netns_clear(d.diagnosis);
	full.time_waits_max = UINT32_MAX;
	told(full);
	full.time_waits_max = 100;
	full.time_waits = UINT32_MAX;
	told(full);
	diagnose(&d, 2);
	none(&d);
	diagnosed_end(&d);
}

/* Orphans are the host's: whoever can tell, tells for all. */
static void orphans_of_who_can_tell(void **state)
{
	struct diagnosis_netns blind = netns_calm(NETNS + 1), full = netns_calm(NETNS);

	(void)state;
	full.orphans = 90;
	blind.orphans = UINT32_MAX;
	diagnosed_begin(&d);
	told(full);
	told(blind);
	diagnose(&d, 1);
	assert_int_equal(only(&d, FINDING_ORPHAN_PRESSURE)->count, 90);
	assert_int_equal(d.findings[0].netns, 0);
	diagnosis_netns_clear(d.diagnosis);
	told(blind);
	diagnose(&d, 2);
	none(&d);
	diagnosed_end(&d);
}

static void more_namespaces_than_have_room(void **state)
{
	struct diagnosis_netns full = netns_calm(1);

	(void)state;
	full.time_waits = 100;
	diagnosed_begin(&d);
	for (uint32_t i = 1; i < DIAGNOSIS_NETNS_MAX; i++)
		told(netns_calm(1000 + i));
	told(full);
	full.inode = 2;
	told(full); /* one too many */
	diagnose(&d, 1);
	assert_int_equal(only(&d, FINDING_TIME_WAIT_PRESSURE)->netns, 1);
	diagnosed_end(&d);
}

/* ---- local ports ---------------------------------------------------------------------------------------------- */

#define MANY 80 /* of a hundred ports */

static struct event_existing connected(uint64_t cookie)
{
	struct event_existing event = listed(1, cookie, TCP_ESTABLISHED);

	event.tuple.local_port = (uint16_t)(32767 + cookie);
	return event;
}

/* So many of which the last differs by what `alter` does; then a run. */
static void connect_all(unsigned count, void (*alter)(struct event_existing *event))
{
	for (unsigned cookie = 1; cookie <= count; cookie++) {
		struct event_existing event = connected(cookie);

		if (alter && cookie == count)
			alter(&event);
		feed(&d.fixture, &event);
	}
	diagnose(&d, 2);
}

static void ports_begin(void)
{
	diagnosed_begin(&d);
	told(netns_calm(NETNS));
}

static void alter_local_port(struct event_existing *event)
{
	event->tuple.local_port = 0;
}

static void alter_remote_port(struct event_existing *event)
{
	event->tuple.remote_port = 0;
}

static void alter_place(struct event_existing *event)
{
	event->tuple.remote_port++;
}

static void alter_local_address(struct event_existing *event)
{
	event->tuple.local[3]++;
}

static void alter_netns(struct event_existing *event)
{
	event->tuple.netns++;
}

static void only_what_holds_a_port_there_counts(void **state)
{
	static void (*const alters[])(struct event_existing * event) = {
		alter_local_port, alter_remote_port, alter_place, alter_local_address, alter_netns,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(alters) / sizeof(alters[0]); i++) {
		ports_begin();
		connect_all(MANY, alters[i]);
		none(&d);
		diagnosed_end(&d);
		ports_begin();
		connect_all(MANY + 1, alters[i]);
		assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->count, MANY);
		diagnosed_end(&d);
	}
}

/* Bound to a port each, and connected to nothing: no destination has used them up. */
static void bound_ones_go_nowhere(void **state)
{
	(void)state;
	for (int bound = 0; bound < 2; bound++) {
		ports_begin();
		for (uint64_t cookie = 1; cookie <= MANY; cookie++) {
			struct event_existing event = connected(cookie);

			if (bound)
				alter_remote_port(&event);
			feed(&d.fixture, &event);
		}
		diagnose(&d, 2);
		if (bound)
			none(&d);
		else
			only(&d, FINDING_PORT_EXHAUSTION);
		diagnosed_end(&d);
	}
}

/* What has ended holds its port no longer, though its report is not out; a TIME_WAIT does. */
static void an_ended_one_holds_no_port(void **state)
{
	for (int lingers = 0; lingers < 2; lingers++) {
		(void)state;
		ports_begin();
		connect_all(MANY, NULL);
		only(&d, FINDING_PORT_EXHAUSTION);
		if (lingers) {
			closes_first(&d.fixture, 10, MANY, EVENT_SOCKET_DONE);
			tick(&d.fixture, 1000); /* nothing more came of it: the minisock stands */
		} else {
			closes_second(&d.fixture, 10, MANY);
		}
		assert_int_equal(d.fixture.count, 0);
		diagnose(&d, 1000);
		assert_int_equal(diagnosis_totals(d.diagnosis)->minisocks, lingers);
		if (lingers)
			assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->facts[FACT_PORTS_TIME_WAIT], 1);
		else
			none(&d);
		/* And where others hold enough without it. */
		FEED(&d.fixture, connected(MANY + 1));
		diagnose(&d, 1001);
		assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->count, MANY + lingers);
		diagnosed_end(&d);
	}
}

/* Connections from one port of a peer's, each to another port here, use up none of ours. */
static void served_connections_use_no_port(void **state)
{
	(void)state;
	for (int listens = 0; listens < 2; listens++) {
		ports_begin();
		for (uint64_t cookie = 1; cookie <= MANY; cookie++) {
			struct event_birth listen = make_listen(0, 1000 + cookie);
			struct event_existing event = connected(cookie);

			listen.tuple.local_port = event.tuple.local_port;
			memcpy(listen.tuple.local, event.tuple.local, sizeof(listen.tuple.local));
			if (listens)
				feed(&d.fixture, &listen);
			feed(&d.fixture, &event);
		}
		diagnose(&d, 2);
		if (listens)
			none(&d);
		else
			only(&d, FINDING_PORT_EXHAUSTION);
		diagnosed_end(&d);
	}
}

/* Each namespace has a range of its own; of one without a known range nothing is said. */
static void each_namespace_has_its_own_range(void **state)
{
	enum { NARROW, WIDE, RANGE_UNKNOWN, NOT_TOLD, CASES };
	struct diagnosis_netns wide = netns_calm(NETNS + WIDE), unknown = netns_calm(NETNS + RANGE_UNKNOWN);

	(void)state;
	wide.port_last = wide.port_first + 199;
	unknown.port_first = unknown.port_last = UINT32_MAX;
	for (unsigned where = NARROW; where < CASES; where++) {
		diagnosed_begin(&d);
		told(unknown);
		told(netns_calm(NETNS + NARROW));
		told(wide);
		for (unsigned cookie = 1; cookie <= 2 * MANY; cookie++) {
			struct event_existing event = connected(cookie);

			event.tuple.netns = NETNS + where;
			feed(&d.fixture, &event);
			if (cookie != MANY && cookie != 2 * MANY - 1)
				continue;
			diagnose(&d, 2);
			if (where == NARROW)
				only(&d, FINDING_PORT_EXHAUSTION);
			else
				none(&d);
		}
		diagnose(&d, 3);
		if (where == NARROW || where == WIDE) {
			assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->netns, NETNS + where);
			assert_int_equal(d.findings[0].facts[FACT_PORTS_MAX], where == WIDE ? 200 : 100);
		} else {
			none(&d);
		}
		diagnosed_end(&d);
	}
}

static void ports_to_a_place_of_ipv6(void **state)
{
	(void)state;
	ports_begin();
	for (uint64_t cookie = 1; cookie <= MANY; cookie++) {
		struct event_existing event = connected(cookie);

		event.family = 6;
		event.tuple.remote[15] = 9;
		feed(&d.fixture, &event);
	}
	diagnose(&d, 2);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->destination.bits, 128);
	assert_int_equal(d.findings[0].destination.address[15], 9);
	diagnosed_end(&d);
}

static bool of_the_holder(void *arg, const struct connection *connection)
{
	(void)arg;
	return connection->pid == 400;
}

/* Asked about one process: its ports alone, not those of another one, nor a listener, nor another place. */
static void ports_of_those_that_are_asked_for(void **state)
{
	struct event_existing event;

	(void)state;
	ports_begin();
	FEED(&d.fixture, make_listen(0, 999));
	for (uint64_t cookie = 1; cookie <= MANY + 2; cookie++) {
		event = connected(cookie);
		if (cookie > MANY)
			event.header.pid = 401;
		feed(&d.fixture, &event);
	}
	event = connected(MANY + 3);
	alter_place(&event);
	feed(&d.fixture, &event);
	diagnose_wanting(&d, 2, of_the_holder, NULL);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->count, MANY);
	assert_int_equal(d.findings[0].pid, 400);
	diagnose(&d, 3);
	assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->count, MANY + 2);
	diagnosed_end(&d);
}

/* An owner is told where all are his: another's among them, or one of nobody known, and it is nobody's fault. */
static void the_owner_of_all_ports_or_none(void **state)
{
	enum { ALL_HIS, ANOTHERS, NOBODYS, CASES };

	(void)state;
	for (unsigned strange = ALL_HIS; strange < CASES; strange++) {
		for (unsigned at = 1; at <= MANY; at += MANY / 2 - 1) {
			ports_begin();
			for (uint64_t cookie = 1; cookie <= MANY; cookie++) {
				struct event_existing event = connected(cookie);

				if (cookie == at && strange == ANOTHERS)
					event.header.pid = 401;
				if (cookie == at && strange == NOBODYS)
					event.source = EXISTING_TCP;
				feed(&d.fixture, &event);
			}
			diagnose(&d, 2);
			assert_int_equal(only(&d, FINDING_PORT_EXHAUSTION)->pid, strange == ALL_HIS ? 400 : 0);
			assert_int_equal(d.findings[0].process_count, strange == ALL_HIS);
			assert_string_equal(d.findings[0].comm, strange == ALL_HIS ? "holder" : "");
			diagnosed_end(&d);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_threshold_is_set_by_itself),
		cmocka_unit_test(a_step_without_a_run_is_none),
		cmocka_unit_test(what_is_not_known_is_no_limit),
		cmocka_unit_test(orphans_of_who_can_tell),
		cmocka_unit_test(more_namespaces_than_have_room),
		cmocka_unit_test(only_what_holds_a_port_there_counts),
		cmocka_unit_test(bound_ones_go_nowhere),
		cmocka_unit_test(an_ended_one_holds_no_port),
		cmocka_unit_test(served_connections_use_no_port),
		cmocka_unit_test(each_namespace_has_its_own_range),
		cmocka_unit_test(ports_to_a_place_of_ipv6),
		cmocka_unit_test(ports_of_those_that_are_asked_for),
		cmocka_unit_test(the_owner_of_all_ports_or_none),
	};

	return cmocka_run_group_tests_name("diagnosis_host", tests, NULL, NULL);
}
