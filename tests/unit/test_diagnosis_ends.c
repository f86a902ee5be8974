// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_diagnosis_ends.c: how connections to a network ended lately: which ends are bad ones, for how long they count,
 * and whose are forgotten first where there is no room.
 */
#include "diagnosis_fixture.h"

static struct diagnosed d;

#define STRETCH_MS 30000 /* of ten that make up the usual 5 minutes; AT(0) is 10 s into one */
#define BEGIN_MS   20000 /* of the one after that */

/* The end of a connection to some host of 10.x.y.0/24. */
static struct connection_report ended(uint64_t ms, uint32_t network)
{
	return (struct connection_report){
		.family = 4,
		.remote = {10, (uint8_t)(network >> 8), (uint8_t)network, 1},
		.revision = 1,
		.end_ns = AT(ms),
		.class = CLASS_RESET,
		.cause = CAUSE_RST_RECEIVED,
	};
}

static void ends(unsigned count, struct connection_report report)
{
	while (count--)
		diagnosis_end(d.diagnosis, &report);
}

/* Nine bad ones are none to speak of, ten are. */
static void which_ends_are_bad(void **state)
{
	static const struct {
		enum connection_class class;
		enum connection_cause cause;
		enum finding_fact fact;
	} bad[] = {
		{CLASS_RETRANSMIT_TIMEOUT, CAUSE_DATA_RETRANSMIT_TIMEOUT, FACT_VANISHED},
		{CLASS_KEEPALIVE_TIMEOUT, CAUSE_KEEPALIVE_PROBES_UNANSWERED, FACT_VANISHED},
		{CLASS_OPEN_FAILED, CAUSE_SYN_TIMEOUT, FACT_VANISHED},
		{CLASS_OPEN_FAILED, CAUSE_UNREACHABLE, FACT_VANISHED},
		{CLASS_ABORTED, CAUSE_ICMP_ERROR, FACT_VANISHED},
		{CLASS_OPEN_FAILED, CAUSE_REFUSED, FACT_REFUSED},
		{CLASS_RESET, CAUSE_RST_RECEIVED, FACT_RESET},
	};
	static const enum finding_fact facts[] = {FACT_VANISHED, FACT_REFUSED, FACT_RESET};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct connection_report report = ended(1000, 1);

		report.class = bad[i].class;
		report.cause = bad[i].cause;
		diagnosed_begin(&d);
		ends(9, report);
		diagnose(&d, 2000);
		none(&d);
		ends(1, report);
		diagnose(&d, 2000);
		only(&d, FINDING_PEER_CLUSTER);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(finding_has(&d.findings[0], facts[k]), facts[k] == bad[i].fact);
		assert_int_equal(d.findings[0].facts[bad[i].fact], 10);
		diagnosed_end(&d);
	}
}

/* Ends that are as they should be, or that this host is to blame for. */
static void which_ends_are_not(void **state)
{
	static const struct {
		enum connection_class class;
		enum connection_cause cause;
	} others[] = {
		{CLASS_GRACEFUL, CAUSE_FIN_LOCAL_FIRST}, {CLASS_RESET, CAUSE_RST_SENT_LINGER},
		{CLASS_OPEN_FAILED, CAUSE_CANCELLED},    {CLASS_OTHER_TIMEOUT, CAUSE_ZERO_WINDOW_TIMEOUT},
		{CLASS_ABORTED, CAUSE_MEMORY},           {CLASS_UNKNOWN, CAUSE_UNOBSERVED},
	};

	(void)state;
	diagnosed_begin(&d);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct connection_report report = ended(1000, 1);

		report.class = others[i].class;
		report.cause = others[i].cause;
		ends(10, report);
		diagnose(&d, 2000);
		none(&d);
	}
	diagnosed_end(&d);
}

/* A report that is told once more, as something came late, is the same end. */
static void a_revised_report_counts_once(void **state)
{
	struct connection_report report = ended(1000, 1);

	(void)state;
	diagnosed_begin(&d);
	ends(9, report);
	report.revision = 2;
	ends(5, report);
	diagnose(&d, 2000);
	none(&d);
	report.revision = 1;
	ends(1, report);
	diagnose(&d, 2000);
	assert_int_equal(only(&d, FINDING_PEER_CLUSTER)->facts[FACT_ENDED], 10);
	diagnosed_end(&d);
}

/* Stretch by stretch: what is five minutes old goes, what came after it stays. */
static void old_ends_go_stretch_by_stretch(void **state)
{
	(void)state;
	diagnosed_begin(&d);
	for (unsigned stretch = 0; stretch < 10; stretch++)
		ends(2, ended(BEGIN_MS + stretch * STRETCH_MS, 1));
	for (unsigned gone = 0; gone <= 5; gone++) {
		diagnose(&d, BEGIN_MS + (9 + gone) * STRETCH_MS);
		assert_int_equal(only(&d, FINDING_PEER_CLUSTER)->count, 20 - 2 * gone);
	}
	diagnose(&d, BEGIN_MS + 15 * STRETCH_MS);
	none(&d); /* eight are left */
	/* Those of now take the place of the first ones, which are not counted with them. */
	ends(1, ended(BEGIN_MS + 15 * STRETCH_MS, 1));
	diagnose(&d, BEGIN_MS + 15 * STRETCH_MS);
	none(&d);
	ends(1, ended(BEGIN_MS + 15 * STRETCH_MS, 1));
	diagnose(&d, BEGIN_MS + 15 * STRETCH_MS);
	assert_int_equal(only(&d, FINDING_PEER_CLUSTER)->count, 10);
	diagnosed_end(&d);
}

/* Reports come late where they are held back: within five minutes they find their stretch, before it none. */
static void ends_that_are_told_late(void **state)
{
	(void)state;
	diagnosed_begin(&d);
	ends(5, ended(BEGIN_MS + 9 * STRETCH_MS, 1));
	ends(5, ended(BEGIN_MS - 1, 1));
	diagnose(&d, BEGIN_MS + 9 * STRETCH_MS);
	none(&d);
	ends(5, ended(BEGIN_MS, 1));
	diagnose(&d, BEGIN_MS + 9 * STRETCH_MS);
	assert_int_equal(only(&d, FINDING_PEER_CLUSTER)->count, 10);
	diagnosed_end(&d);
}

/* The clock counts from the boot: there is less to look back at than five minutes. */
static void soon_after_the_boot(void **state)
{
	struct connection_report report = ended(0, 1);

	(void)state;
	diagnosed_begin(&d);
	report.end_ns = 1;
	ends(5, report);
	report.end_ns = 40 * NS_PER_S;
	ends(5, report);
	diagnosis_begin(d.diagnosis, 41 * NS_PER_S, NULL, NULL);
	while (diagnosis_step(d.diagnosis, d.fixture.tracker, 1000))
		;
	d.findings = diagnosis_findings(d.diagnosis, &d.count);
	assert_int_equal(only(&d, FINDING_PEER_CLUSTER)->count, 10);
	diagnosed_end(&d);
}

/* The network that fails now keeps its place while there are some that have been quiet for longer. */
static void who_was_quiet_longest_is_forgotten_first(void **state)
{
	(void)state;
	diagnosed_begin(&d);
	for (uint32_t network = 1000; network < 6000; network++)
		ends(1, ended(BEGIN_MS, network));
	ends(10, ended(BEGIN_MS + STRETCH_MS, 7));
	for (uint32_t network = 10000; network < 10200; network++)
		ends(1, ended(BEGIN_MS + STRETCH_MS, network));
	diagnose(&d, BEGIN_MS + STRETCH_MS + 1);
	assert_int_equal(only(&d, FINDING_PEER_CLUSTER)->count, 10);
	assert_int_equal(d.findings[0].destination.address[2], 7);
	diagnosed_end(&d);
}

/* With another time to look back, ends are cut into other stretches: those of before cannot be read. */
static void another_time_begins_anew(void **state)
{
	(void)state;
	for (int other_time = 0; other_time < 2; other_time++) {
		struct diagnosis *base, *copy;

		diagnosed_begin(&d);
		ends(10, ended(1000, 1));
		d.limits.probes++;
		d.limits.cluster_ns += (uint64_t)other_time;
		base = d.diagnosis;
		copy = d.diagnosis = diagnosis_copy(base, &d.limits);
		assert_non_null(copy);
		assert_memory_equal(diagnosis_limits(copy), &d.limits, sizeof(d.limits));
		diagnose(&d, 2000);
		assert_int_equal(d.count, !other_time);
		diagnosis_destroy(copy);
		d.diagnosis = base; /* of which nothing is gone */
		diagnose(&d, 2000);
		only(&d, FINDING_PEER_CLUSTER);
		diagnosis_configure(base, &d.limits);
		assert_memory_equal(diagnosis_limits(base), &d.limits, sizeof(d.limits));
		diagnose(&d, 2000);
		assert_int_equal(d.count, !other_time);
		diagnosed_end(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_ends_are_bad),
		cmocka_unit_test(which_ends_are_not),
		cmocka_unit_test(a_revised_report_counts_once),
		cmocka_unit_test(old_ends_go_stretch_by_stretch),
		cmocka_unit_test(ends_that_are_told_late),
		cmocka_unit_test(soon_after_the_boot),
		cmocka_unit_test(who_was_quiet_longest_is_forgotten_first),
		cmocka_unit_test(another_time_begins_anew),
	};

	return cmocka_run_group_tests_name("diagnosis_ends", tests, NULL, NULL);
}
