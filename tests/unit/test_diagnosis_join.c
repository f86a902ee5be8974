// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_diagnosis_join.c: when the findings of several processes are one: for each reason to join them a case, and the
 * near misses that differ in one fact and must stay apart.
 */
#include "diagnosis_fixture.h"

static struct diagnosed d;

#define CGROUP 77
#define MASTER 70
#define WORKER 71 /* and from there on */

/* A worker's leak, by a listener or to a destination. */
static struct event_existing leaked(uint64_t cookie, uint32_t pid, bool served)
{
	struct event_existing event = listed(1, cookie, TCP_CLOSE_WAIT);

	quiet_for(&event, 10 * MINUTE);
	event.header.pid = pid;
	event.cgroup = CGROUP;
	event.forked_from = MASTER;
	memcpy(event.comm, "worker", 7);
	if (served)
		event.tuple = server_tuple((uint16_t)(50000 + cookie));
	return event;
}

/* Two workers, of which the second differs by what `alter` does. */
static void two_workers(bool served, void (*alter)(struct event_existing *event))
{
	struct event_existing event;

	diagnosed_begin(&d);
	if (served)
		FEED(&d.fixture, make_listen(0, 999));
	for (uint64_t cookie = 1; cookie <= 2; cookie++) {
		event = leaked(cookie, WORKER + (uint32_t)cookie, served);
		if (cookie == 2 && alter)
			alter(&event);
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1000);
}

static void is_joined(bool served, void (*alter)(struct event_existing *event))
{
	two_workers(served, alter);
	only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(d.findings[0].process_count, 2);
	assert_int_equal(d.findings[0].pid, 0);
	diagnosed_end(&d);
}

static void is_apart(bool served, void (*alter)(struct event_existing *event))
{
	two_workers(served, alter);
	assert_int_equal(d.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(d.findings[i].process_count, 1);
		assert_int_equal(d.findings[i].pid, d.findings[i].processes[0].pid);
		assert_int_equal(d.findings[i].processes[0].count, d.findings[i].count);
	}
	diagnosed_end(&d);
}

static void name_alter(struct event_existing *event)
{
	memcpy(event->comm, "other", 6);
}

static void user_alter(struct event_existing *event)
{
	event->uid++;
}

static void cgroup_alter(struct event_existing *event)
{
	event->cgroup++;
}

static void cgroup_forget(struct event_existing *event)
{
	event->cgroup = 0;
}

static void parent_alter(struct event_existing *event)
{
	event->forked_from++;
}

static void parent_forget(struct event_existing *event)
{
	event->forked_from = 0;
}

static void destination_alter(struct event_existing *event)
{
	event->tuple.remote[2]++;
}

static void remote_port_alter(struct event_existing *event)
{
	event->tuple.remote_port++;
}

static void netns_alter(struct event_existing *event)
{
	event->tuple.netns++;
}

static void make_master(struct event_existing *event)
{
	event->header.pid = MASTER;
	event->forked_from = 0;
}

static void local_port_alter(struct event_existing *event)
{
	event->tuple.local_port++;
}

static void by_their_parent(void **state)
{
	(void)state;
	is_joined(false, NULL);
	is_joined(false, make_master);
	/* Two shells of one session: nothing but a name in common. */
	is_apart(false, parent_alter);
	is_apart(false, parent_forget);
	is_apart(false, name_alter);
	is_apart(false, user_alter);
	is_apart(false, cgroup_alter);
	is_apart(false, cgroup_forget);
	is_apart(false, destination_alter);
	is_apart(false, remote_port_alter);
	is_apart(false, netns_alter);
}

static void by_their_listener(void **state)
{
	(void)state;
	is_joined(true, NULL);
	is_joined(true, parent_alter); /* started one by one, SO_REUSEPORT */
	is_joined(true, parent_forget);
	is_apart(true, name_alter);
	is_apart(true, user_alter);
	is_apart(true, cgroup_alter);
	is_apart(true, local_port_alter);
}

static void listen_at(uint64_t cookie, uint8_t host)
{
	struct event_birth event = make_listen(0, cookie);

	memset(event.tuple.local, 0, sizeof(event.tuple.local));
	event.tuple.local[0] = 10;
	event.tuple.local[3] = host;
	feed(&d.fixture, &event);
}

/* Two services of one name that share a port number, at addresses of their own. */
static void not_by_a_port_alone(void **state)
{
	struct event_existing event;

	(void)state;
	diagnosed_begin(&d);
	for (uint8_t host = 1; host <= 2; host++) {
		listen_at(900 + host, host);
		event = leaked(host, WORKER + (uint32_t)host, true);
		memset(event.tuple.local, 0, sizeof(event.tuple.local));
		event.tuple.local[0] = 10;
		event.tuple.local[3] = host;
		event.forked_from = 0;
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1000);
	assert_int_equal(d.count, 2);
	diagnosed_end(&d);
}

/* More workers than are named, each with one more than the one before. */
static void who_has_most_comes_first(void **state)
{
	const uint32_t workers = FINDING_PROCESSES_MAX + 3;
	const struct finding *finding;
	struct event_existing event;
	uint64_t cookie = 0;

	(void)state;
	diagnosed_begin(&d);
	for (uint32_t worker = 1; worker <= workers; worker++)
		for (uint32_t i = 0; i < worker; i++) {
			event = leaked(++cookie, WORKER + worker, false);
			event.descriptor = (int32_t)(1000 * worker + i);
			event.unread_bytes = 10;
			feed(&d.fixture, &event);
		}
	diagnose(&d, 1000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->count, workers * (workers + 1) / 2);
	assert_int_equal(finding->process_count, workers);
	assert_int_equal(finding->facts[FACT_UNREAD_BYTES], 10 * finding->count);
	assert_int_equal(finding->peers[0].count, finding->count);
	assert_int_equal(finding->cookie_count, FINDING_SHOWN_MAX);
	for (uint32_t i = 0; i < FINDING_PROCESSES_MAX; i++) {
		assert_int_equal(finding->processes[i].pid, WORKER + workers - i);
		assert_int_equal(finding->processes[i].count, workers - i);
	}
	assert_int_equal(finding->descriptor_count, workers);
	assert_int_equal(finding->descriptors[0], (int32_t)(1000 * workers));
	/* One more in each of two: growth is that of all. */
	for (uint32_t worker = 1; worker <= 2; worker++) {
		event = leaked(++cookie, WORKER + worker, false);
		feed(&d.fixture, &event);
	}
	diagnose(&d, 2000);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->growth, 2);
	diagnosed_end(&d);
}

/* From run to run it is the same finding, whatever its numbers are; another worker does not make it another. */
static void it_stays_itself(void **state)
{
	uint64_t identity, of_one;

	(void)state;
	two_workers(false, NULL);
	identity = d.findings[0].identity;
	FEED(&d.fixture, leaked(3, WORKER + 3, false));
	diagnose(&d, 2000);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->process_count, 3);
	assert_int_equal(d.findings[0].identity, identity);
	diagnosed_end(&d);
	two_workers(false, remote_port_alter);
	assert_int_not_equal(d.findings[0].identity, d.findings[1].identity);
	of_one = d.findings[0].identity;
	FEED(&d.fixture, leaked(4, WORKER + 1, false)); /* one more of the first: it comes first then */
	diagnose(&d, 2000);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.findings[0].count, 2);
	assert_int_equal(d.findings[0].identity, of_one);
	diagnosed_end(&d);
}

/* One process's that becomes several's, and theirs that becomes one's again, goes on: with one of them in both. */
static void it_goes_on_with_other_processes(void **state)
{
	struct finding one, several;

	(void)state;
	two_workers(false, NULL);
	several = *only(&d, FINDING_CLOSE_WAIT_LEAK);
	diagnosed_end(&d);
	diagnosed_begin(&d);
	for (uint32_t worker = 2; worker <= 3; worker++) {
		struct event_existing event = leaked(worker, WORKER + worker, false);

		feed(&d.fixture, &event);
		diagnose(&d, 1000 * worker);
		if (worker == 2)
			one = *only(&d, FINDING_CLOSE_WAIT_LEAK);
	}
	assert_int_not_equal(one.identity, d.findings[0].identity);
	assert_true(finding_goes_on(&one, &d.findings[0]));
	assert_true(finding_goes_on(&d.findings[0], &one));
	assert_true(finding_goes_on(&several, &d.findings[0]));
	/* A third worker was in none of these two. */
	one.processes[0].pid = WORKER + 4;
	assert_false(finding_goes_on(&one, &several));
	diagnosed_end(&d);
}

static void it_does_not_go_on_elsewhere(void **state)
{
	(void)state;
	two_workers(false, parent_alter);
	assert_int_equal(d.findings[0].place, d.findings[1].place);
	assert_false(finding_goes_on(&d.findings[0], &d.findings[1]));
	diagnosed_end(&d);
	two_workers(false, remote_port_alter);
	assert_int_not_equal(d.findings[0].place, d.findings[1].place);
	diagnosed_end(&d);
}

static void host_alter(struct event_existing *event)
{
	event->tuple.remote[3]++;
}

/* One address is told where all go there, and stays the same finding when a second one of the prefix comes. */
static void one_address_or_a_prefix(void **state)
{
	uint64_t identity;

	(void)state;
	two_workers(false, NULL);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->destination.bits, 32);
	assert_int_equal(d.findings[0].destination.address[3], 2);
	identity = d.findings[0].identity;
	diagnosed_end(&d);
	two_workers(false, host_alter);
	assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->destination.bits, 24);
	assert_int_equal(d.findings[0].destination.address[3], 0);
	assert_int_equal(d.findings[0].identity, identity);
	diagnosed_end(&d);
}

/* None of them alone has enough of them. */
static void pile_ups_of_all_workers(void **state)
{
	(void)state;
	for (unsigned count = 19; count <= 20; count++) {
		diagnosed_begin(&d);
		for (uint64_t cookie = 1; cookie <= count; cookie++) {
			struct event_existing event = leaked(cookie, WORKER + (uint32_t)(cookie % 4), false);

			event.state = TCP_LAST_ACK;
			event.retransmits = 3;
			feed(&d.fixture, &event);
		}
		diagnose(&d, 1000);
		only(&d, count < 20 ? FINDING_FIN_UNANSWERED : FINDING_LAST_ACK_PILEUP);
		assert_int_equal(d.findings[0].count, count);
		assert_int_equal(d.findings[0].process_count, 4);
		diagnosed_end(&d);
	}
}

/* Of two workers three connections come from two places. */
static void stacks_of_all_workers(void **state)
{
	(void)state;
	diagnosed_begin(&d);
	for (uint64_t cookie = 1; cookie <= 3; cookie++) {
		struct event_existing event = leaked(cookie, WORKER + (cookie == 3), false);

		feed(&d.fixture, &event);
		FEED(&d.fixture, make_stack(2, cookie, STACK_CONNECT, cookie == 3 ? 2 : 1, 4));
	}
	diagnose(&d, 1000);
	only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(d.findings[0].process_count, 2);
	assert_int_equal(d.findings[0].stack_count, 2);
	assert_int_equal(d.findings[0].stacks[0].count, 2);
	assert_int_equal(d.findings[0].stacks[1].count, 1);
	diagnosed_end(&d);
}

/* One who has fewer than all that are named, after them: counted, not named. */
static void who_has_least_is_not_named(void **state)
{
	const uint32_t workers = FINDING_PROCESSES_MAX + 2;
	const struct finding *finding;
	uint64_t cookie = 0;

	(void)state;
	diagnosed_begin(&d);
	for (uint32_t worker = 1; worker <= workers; worker++)
		for (uint32_t i = worker; i <= workers; i++)
			FEED(&d.fixture, leaked(++cookie, WORKER + worker, false));
	diagnose(&d, 1000);
	finding = only(&d, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(finding->count, workers * (workers + 1) / 2);
	assert_int_equal(finding->process_count, workers);
	for (uint32_t i = 0; i < FINDING_PROCESSES_MAX; i++) {
		assert_int_equal(finding->processes[i].pid, WORKER + 1 + i);
		assert_int_equal(finding->processes[i].count, workers - i);
	}
	diagnosed_end(&d);
}

/* Data of a worker's that is not acknowledged: so many times sent again, the peer silent for so long. */
static void unanswered(uint64_t cookie, uint8_t retransmits, uint32_t silent_ticks)
{
	struct event_existing event = leaked(cookie, WORKER + (uint32_t)cookie, false);

	event.state = TCP_ESTABLISHED;
	event.unacked_bytes = 100;
	event.retransmits = retransmits;
	event.silent_ticks = silent_ticks;
	feed(&d.fixture, &event);
}

/* It is as sure as the surest of them, and as old as the oldest of those whose age is known, whoever comes first. */
static void the_surest_and_the_oldest_of_them(void **state)
{
	static const struct {
		uint8_t retransmits[2];
		uint32_t silent_s[2]; /* 0: not known */
		enum finding_certainty certainty;
		uint32_t oldest_s;
	} cases[] = {
		{{3, 3}, {20, 30}, CERTAINTY_POSSIBLE, 30}, {{3, 5}, {30, 20}, CERTAINTY_LIKELY, 30},
		{{5, 3}, {20, 0}, CERTAINTY_LIKELY, 20},    {{3, 3}, {0, 20}, CERTAINTY_POSSIBLE, 20},
		{{3, 3}, {0, 0}, CERTAINTY_POSSIBLE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		diagnosed_begin(&d);
		for (unsigned k = 0; k < 2; k++)
			unanswered(k + 1, cases[i].retransmits[k],
				   cases[i].silent_s[k] ? TICKS(cases[i].silent_s[k] * 1000) : UINT32_MAX);
		diagnose(&d, 1);
		assert_int_equal(only(&d, FINDING_HALF_OPEN_UNACKED)->certainty, cases[i].certainty);
		assert_int_equal(d.findings[0].process_count, 2);
		assert_int_equal(d.findings[0].since_ns, cases[i].oldest_s ? AT(1) - cases[i].oldest_s * NS_PER_S : 0);
		diagnosed_end(&d);
	}
}

/* Whose process is not known belongs to nobody's finding, not even to that of root's processes without a name. */
static void what_nobody_owns_stays_apart(void **state)
{
	(void)state;
	diagnosed_begin(&d);
	FEED(&d.fixture, make_listen(0, 999));
	for (uint64_t cookie = 1; cookie <= 3; cookie++) {
		struct event_existing event = leaked(cookie, WORKER + (uint32_t)cookie, true);

		if (cookie == 1)
			event.source = EXISTING_TCP;
		event.uid = 0;
		memset(event.comm, 0, sizeof(event.comm));
		feed(&d.fixture, &event);
	}
	diagnose(&d, 1000);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.findings[0].process_count, 2);
	assert_int_equal(d.findings[1].process_count, 0);
	assert_int_equal(d.findings[1].count, 1);
	diagnosed_end(&d);
}

/* Of two processes, the second goes to two addresses of the prefix. */
static void the_prefix_where_one_worker_goes_to_several(void **state)
{
	struct event_existing event;

	(void)state;
	for (int several = 0; several < 2; several++) {
		diagnosed_begin(&d);
		FEED(&d.fixture, leaked(1, WORKER + 1, false));
		FEED(&d.fixture, leaked(2, WORKER + 2, false));
		event = leaked(3, WORKER + 2, false);
		if (several)
			host_alter(&event);
		feed(&d.fixture, &event);
		diagnose(&d, 1000);
		assert_int_equal(only(&d, FINDING_CLOSE_WAIT_LEAK)->process_count, 2);
		assert_int_equal(d.findings[0].destination.bits, several ? 24 : 32);
		diagnosed_end(&d);
	}
}

/* One that the listener at 10.0.0.`host` serves. */
static void serve(uint64_t cookie, uint32_t pid, uint8_t host)
{
	struct event_existing event = leaked(cookie, pid, true);

	memset(event.tuple.local, 0, sizeof(event.tuple.local));
	event.tuple.local[0] = 10;
	event.tuple.local[3] = host;
	event.forked_from = 0;
	feed(&d.fixture, &event);
}

/* Workers that have one listener in common, and one of them another one besides: which it is is not clear then. */
static void several_listeners_of_one_process(void **state)
{
	static const struct {
		uint8_t hosts[3]; /* of the first worker's, twice, and of the second's */
		uint32_t findings;
	} cases[] = {{{1, 1, 1}, 1}, {{1, 2, 1}, 2}, {{2, 1, 1}, 2}, {{1, 1, 2}, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		diagnosed_begin(&d);
		listen_at(901, 1);
		listen_at(902, 2);
		for (uint64_t cookie = 1; cookie <= 3; cookie++)
			serve(cookie, WORKER + (cookie == 3), cases[i].hosts[cookie - 1]);
		serve(4, WORKER, cases[i].hosts[0]); /* one more does not make it clear again */
		diagnose(&d, 1000);
		assert_int_equal(d.count, cases[i].findings);
		diagnosed_end(&d);
	}
}

/* FINs of two workers, of whom only the second's were sent often enough to be worth saying one by one. */
static void a_pile_up_that_began_with_another_worker(void **state)
{
	(void)state;
	for (unsigned count = 19; count <= 20; count++) {
		diagnosed_begin(&d);
		for (uint64_t cookie = 1; cookie <= count; cookie++) {
			struct event_existing event = leaked(cookie, WORKER + (cookie > 10), false);

			event.state = TCP_LAST_ACK;
			event.retransmits = cookie > 10 ? 3 : 2;
			feed(&d.fixture, &event);
		}
		diagnose(&d, 1000);
		only(&d, count < 20 ? FINDING_FIN_UNANSWERED : FINDING_LAST_ACK_PILEUP);
		assert_int_equal(d.findings[0].count, count < 20 ? 9 : 20);
		diagnosed_end(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_their_parent),
		cmocka_unit_test(by_their_listener),
		cmocka_unit_test(not_by_a_port_alone),
		cmocka_unit_test(who_has_most_comes_first),
		cmocka_unit_test(it_stays_itself),
		cmocka_unit_test(it_goes_on_with_other_processes),
		cmocka_unit_test(it_does_not_go_on_elsewhere),
		cmocka_unit_test(one_address_or_a_prefix),
		cmocka_unit_test(pile_ups_of_all_workers),
		cmocka_unit_test(stacks_of_all_workers),
		cmocka_unit_test(who_has_least_is_not_named),
		cmocka_unit_test(the_surest_and_the_oldest_of_them),
		cmocka_unit_test(what_nobody_owns_stays_apart),
		cmocka_unit_test(the_prefix_where_one_worker_goes_to_several),
		cmocka_unit_test(several_listeners_of_one_process),
		cmocka_unit_test(a_pile_up_that_began_with_another_worker),
	};

	return cmocka_run_group_tests_name("diagnosis_join", tests, NULL, NULL);
}
