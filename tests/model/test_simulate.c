// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_simulate.c: a million random lives of connections, walked through the model and told as events, go through
 * tracker and verdict. Where every event arrives, what is said is the truth. Where events are lost, come late or out of
 * order, what is said may be less, but never wrong. The seed is printed, LASTACK_SEED repeats a run, and of a failure
 * the shortest stream of events that still shows it.
 */
#include <time.h>

#include "report/names.h"
#include "walk.h"

#define PAIRS       32 /* walks at a time, told as one stream */
#define STEPS_MAX   90
#define LIVES_TOTAL 1200000
#define BATCH_LIVES (PAIRS * WALK_SOCKETS_MAX)
#define POLL_NS     (20 * NS_PER_MS)

enum damage { DAMAGE_NONE, DAMAGE_LOSS, DAMAGE_LATE, DAMAGE_BOTH, DAMAGES };

static const char *const damage_names[] = {"every event in order", "events lost", "events late",
					   "events lost and late"};

/* A walk's events, and what becomes of each on its way. */
struct arrival {
	const struct stream_event *event;
	uint64_t at_ns;
	bool lost;
};

struct batch {
	struct stream stream;
	struct walk_lives lives[PAIRS];
	struct arrival arrivals[STREAM_EVENTS_MAX];
	uint32_t arrival_count;
	enum damage damage;
};

/* What was said last of each life. */
struct said {
	bool any;
	bool twice; /* a second life under one cookie */
	struct connection_report report;
};

struct heard {
	struct said lives[BATCH_LIVES];
	uint32_t first_pair;
};

struct tally {
	uint64_t lives, told, equal, less, silent, unannounced;
};

static struct batch batch;
static struct heard heard;
static struct tally tallies[DAMAGES];
static struct model model;

/* ---- truth and report ------------------------------------------------------------------------------------- */

static const struct kernel_socket *socket_of(uint64_t cookie)
{
	const struct walk_lives *lives = &batch.lives[walk_pair_of(cookie) - heard.first_pair];

	return &lives->sockets[(cookie - 1) % WALK_SOCKETS_MAX];
}

static bool conformance_is_right(const struct connection_report *report, bool whole)
{
	if (whole)
		return report->conformance == CONFORMANCE_CONFORMANT ||
		       report->conformance == CONFORMANCE_LINUX_VARIANT;
	return report->conformance != CONFORMANCE_VIOLATION;
}

static bool says_the_truth(const struct connection_report *report, const struct truth *truth)
{
	return report->cause == truth->cause && report->initiator == truth->initiator && report->how == truth->how;
}

/*
 * Less than the truth: that it is not known; a part of it; or, of what a minisock met later, what was true before: the
 * report then says of itself that it is not complete, or that the peer's FIN was still to come.
 */
static bool says_less(const struct connection_report *report, const struct truth *truth)
{
	bool who = report->initiator == truth->initiator || report->initiator == INITIATOR_UNKNOWN;
	bool how = report->how == truth->how || report->how == HOW_NONE;

	if (report->cause == CAUSE_UNOBSERVED)
		return true;
	if (truth->before != CAUSE_UNOBSERVED && report->cause == truth->before &&
	    has_evidence(report, EVIDENCE_PEER_FIN_UNSEEN))
		return true;
	if (report->completeness == COMPLETENESS_COMPLETE)
		return false;
	return (report->cause == truth->cause && who && how) ||
	       (truth->before != CAUSE_UNOBSERVED && report->cause == truth->before);
}

/* NULL, or what is wrong with what was said of this life. */
static const char *life_check(const struct kernel_socket *socket, const struct said *said, bool whole,
			      struct tally *tally)
{
	const struct truth *truth = &socket->truth;

	tally->lives++;
	tally->told += truth->told;
	if (!said->any) {
		tally->silent += truth->told;
		return whole && truth->told ? "nothing was said of a connection that ended" : NULL;
	}
	if (said->twice && whole)
		return "one life was told as two";
	if (!conformance_is_right(&said->report, whole))
		return "a step of the machine's own is called a violation";
	if (!truth->told) { /* it lives, or its host crashed: nobody saw it end */
		tally->unannounced++;
		return said->report.cause == CAUSE_UNOBSERVED && !whole ? NULL : "an end was told that never was";
	}
	if (says_the_truth(&said->report, truth)) {
		tally->equal++;
		return whole && said->report.completeness == COMPLETENESS_INFERRED && truth->cause != CAUSE_UNOBSERVED
			       ? "seen whole, but said to be inferred"
			       : NULL;
	}
	if (!whole && says_less(&said->report, truth)) {
		tally->less++;
		return NULL;
	}
	return whole ? "everything was seen, and something else was said" : "something wrong was said";
}

/* ---- telling it to the tracker --------------------------------------------------------------------------------- */

static void hear(void *arg, const struct connection_report *report)
{
	struct said *said = &heard.lives[report->cookie - 1 - (uint64_t)heard.first_pair * WALK_SOCKETS_MAX];

	(void)arg;
	said->twice |= said->any && report->revision <= said->report.revision;
	said->any = true;
	said->report = *report;
}

/* The state that an event leaves its socket in; 0: gone. */
static void state_follow(uint8_t *states, const struct stream_event *event)
{
	uint8_t *state = &states[event->life - 1 - heard.first_pair * WALK_SOCKETS_MAX];

	switch (event->event.header.kind) {
	case EVENT_BIRTH: *state = event->event.birth.new_state; break;
	case EVENT_STATE:
	case EVENT_STATE_TASK: *state = event->event.state.new_state; break;
	case EVENT_CLOSE: *state = 0; break;
	default: break;
	}
}

/* After a loss the sockets are listed anew: those that stand at that time, whatever has been read of them by then. */
static void list_sockets(struct tracker *tracker, uint64_t now_ns)
{
	uint8_t states[BATCH_LIVES] = {0};

	for (uint32_t i = 0; i < batch.stream.count; i++) /* by lives, and in each in order */
		if (batch.stream.events[i].event.header.time_ns <= now_ns)
			state_follow(states, &batch.stream.events[i]);
	tracker_resync_begin(tracker, now_ns);
	for (uint32_t life = 0; life < BATCH_LIVES; life++) {
		const struct kernel_socket *socket =
			&batch.lives[life / WALK_SOCKETS_MAX].sockets[life % WALK_SOCKETS_MAX];
		struct event_existing event;

		if (!states[life])
			continue;
		event = make_existing(0, socket->cookie, states[life], EXISTING_TCP, socket->tuple);
		event.header.time_ns = now_ns;
		tracker_event(tracker, &event.header);
	}
	for (uint32_t pair = 0; pair < PAIRS; pair++) {
		struct event_existing event = make_netns_listed(0, NETNS + heard.first_pair + pair);

		event.header.time_ns = now_ns;
		tracker_event(tracker, &event.header);
	}
	tracker_resync_end(tracker, now_ns);
}

static void tell(const struct arrival *arrivals, uint32_t count)
{
	struct tracker_config config = {4 * BATCH_LIVES, SETTLE_MS * NS_PER_MS, TICK_NS, 42, false};
	struct tracker *tracker = tracker_create(&config, hear, NULL);
	uint64_t poll_ns = count ? arrivals[0].at_ns : 0, lost = 0;

	assert_non_null(tracker);
	memset(heard.lives, 0, sizeof(heard.lives));
	for (uint32_t i = 0; i < count; i++) {
		const struct arrival *arrival = &arrivals[i];

		if (arrival->at_ns >= poll_ns + POLL_NS) {
			if (lost) {
				tracker_loss(tracker, lost);
				list_sockets(tracker, poll_ns + POLL_NS);
			}
			lost = 0;
			poll_ns = arrival->at_ns;
			tracker_tick(tracker, poll_ns);
		}
		if (arrival->lost)
			lost++;
		else
			tracker_event(tracker, &arrival->event->event.header);
	}
	if (lost)
		tracker_loss(tracker, lost);
	tracker_tick(tracker, poll_ns + 400 * NS_PER_S);
	tracker_flush(tracker, poll_ns + 400 * NS_PER_S);
	tracker_destroy(tracker);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

static int by_arrival(const void *a, const void *b)
{
	const struct arrival *one = a, *other = b;

	if (one->at_ns != other->at_ns)
		return one->at_ns < other->at_ns ? -1 : 1;
	return one->event->order < other->event->order ? -1 : 1;
}

/* Each CPU has its ring: what one of them tells may be read a poll later than what another tells. */
static void arrivals_make(struct random_numbers *random)
{
	bool loses = batch.damage == DAMAGE_LOSS || batch.damage == DAMAGE_BOTH;
	bool delays = batch.damage == DAMAGE_LATE || batch.damage == DAMAGE_BOTH;
	unsigned int one_in = 2 + random_below(random, 40);

	batch.arrival_count = batch.stream.count;
	for (uint32_t i = 0; i < batch.stream.count; i++) {
		const struct stream_event *event = &batch.stream.events[i];
		bool late = delays && !random_below(random, 4);

		batch.arrivals[i] = (struct arrival){
			.event = event,
			.at_ns = event->event.header.time_ns + (late ? random_below(random, POLL_NS) : 0),
			.lost = loses && !random_below(random, one_in),
		};
	}
	qsort(batch.arrivals, batch.arrival_count, sizeof(*batch.arrivals), by_arrival);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void event_print(const struct arrival *arrival)
{
	const union sample_event *event = &arrival->event->event;
	const struct event_header *header = &event->header;

	printf("  %12.6f ms  life %u  %-16s flags %04x", (double)(header->time_ns - AT(0)) / 1e6, arrival->event->life,
	       name_of(&event_kind_names, header->kind), header->flags);
	if (header->kind == EVENT_BIRTH)
		printf("  %s -> %s", name_of(&tcp_state_names, event->birth.old_state),
		       name_of(&tcp_state_names, event->birth.new_state));
	else if (header->kind == EVENT_STATE || header->kind == EVENT_STATE_TASK)
		printf("  %s -> %s", name_of(&tcp_state_names, event->state.old_state),
		       name_of(&tcp_state_names, event->state.new_state));
	else if (header->kind == EVENT_CLOSE)
		printf("  %s -> CLOSE error %u unacked %u unread %u", name_of(&tcp_state_names, event->close.old_state),
		       event->close.error, event->close.unacked_bytes, event->close.unread_bytes);
	printf("%s", arrival->lost ? "  LOST" : "");
	if (arrival->at_ns != header->time_ns)
		printf("  read %.3f ms late", (double)(arrival->at_ns - header->time_ns) / 1e6);
	printf("\n");
}

static void report_print(const struct kernel_socket *socket, const struct said *said)
{
	const struct truth *truth = &socket->truth;

	printf("  truth: %s, %s, %s%s\n", name_of(&cause_names, truth->cause),
	       name_of(&initiator_names, truth->initiator), truth->how ? name_of(&how_names, truth->how) : "-",
	       truth->told ? "" : " (not ended)");
	if (said->any)
		printf("  said:  %s, %s, %s; %s, %s\n", name_of(&cause_names, said->report.cause),
		       name_of(&initiator_names, said->report.initiator),
		       said->report.how ? name_of(&how_names, said->report.how) : "-",
		       name_of(&completeness_names, said->report.completeness),
		       name_of(&conformance_names, said->report.conformance));
}

static bool still_wrong(const struct arrival *arrivals, uint32_t count, uint64_t cookie, bool whole)
{
	struct tally scratch = {0};

	tell(arrivals, count);
	return life_check(socket_of(cookie), &heard.lives[cookie - 1 - (uint64_t)heard.first_pair * WALK_SOCKETS_MAX],
			  whole, &scratch) != NULL;
}

/* Leaves a walk out, if what is wrong is still wrong then. Returns how many events are left. */
static uint32_t leave_out(struct arrival *arrivals, uint32_t count, uint32_t pair, uint64_t cookie)
{
	static struct arrival fewer[STREAM_EVENTS_MAX];
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++)
		if (walk_pair_of(arrivals[i].event->life) != pair)
			fewer[kept++] = arrivals[i];
	if (kept == count || !still_wrong(fewer, kept, cookie, batch.damage == DAMAGE_NONE))
		return count;
	memcpy(arrivals, fewer, kept * sizeof(*fewer));
	return kept;
}

/* Leaves out what is not needed to see the failure: other walks, and, where events may be lost anyway, single ones. */
static uint32_t shrink(struct arrival *arrivals, uint32_t count, uint64_t cookie)
{
	for (uint32_t pair = heard.first_pair; pair < heard.first_pair + PAIRS; pair++)
		if (pair != walk_pair_of(cookie))
			count = leave_out(arrivals, count, pair, cookie);
	if (batch.damage != DAMAGE_LOSS && batch.damage != DAMAGE_BOTH)
		return count;
	for (uint32_t i = 0; i < count; i++) {
		if (arrivals[i].lost)
			continue;
		arrivals[i].lost = true;
		arrivals[i].lost = still_wrong(arrivals, count, cookie, false);
	}
	return count;
}

static void fail_with(uint64_t cookie, const char *what, uint64_t seed)
{
	bool whole = batch.damage == DAMAGE_NONE;
	uint32_t count = shrink(batch.arrivals, batch.arrival_count, cookie);

	still_wrong(batch.arrivals, count, cookie, whole);
	printf("life %llu, %s: %s (LASTACK_SEED=%llu)\n", (unsigned long long)cookie, damage_names[batch.damage], what,
	       (unsigned long long)seed);
	report_print(socket_of(cookie), &heard.lives[cookie - 1 - (uint64_t)heard.first_pair * WALK_SOCKETS_MAX]);
	for (uint32_t i = 0; i < count; i++)
		event_print(&batch.arrivals[i]);
	fail_msg("%s", what);
}

/* ---- the run -------------------------------------------------------------------------------------------------------
 */

static void batch_make(uint64_t seed, enum damage damage)
{
	struct random_numbers random = {seed};

	batch.stream.count = 0;
	batch.damage = damage;
	for (uint32_t pair = 0; pair < PAIRS; pair++)
		walk(&model, heard.first_pair + pair, 1000 + random_below(&random, 500),
		     20 + random_below(&random, STEPS_MAX - 20), &random, &batch.stream, &batch.lives[pair]);
	arrivals_make(&random);
	tell(batch.arrivals, batch.arrival_count);
}

static void batch_run(uint64_t seed, enum damage damage)
{
	batch_make(seed, damage);
	for (uint32_t life = 0; life < BATCH_LIVES; life++) {
		const struct walk_lives *lives = &batch.lives[life / WALK_SOCKETS_MAX];
		const char *what;

		if (life % WALK_SOCKETS_MAX >= lives->count)
			continue;
		what = life_check(&lives->sockets[life % WALK_SOCKETS_MAX], &heard.lives[life], damage == DAMAGE_NONE,
				  &tallies[damage]);
		if (what)
			fail_with(lives->sockets[life % WALK_SOCKETS_MAX].cookie, what, seed);
	}
}

static void nothing_wrong_is_ever_said(void **state)
{
	const char *fewer = getenv("LASTACK_LIVES"); /* where each takes longer */
	uint64_t seed = random_seed_of_run(), lives = 0, total = fewer ? strtoull(fewer, NULL, 10) : LIVES_TOTAL;

	(void)state;
	model_prepare(&model, machine_reference(), true);
	for (uint64_t i = 0; lives < total; i++) {
		batch_run(seed + i, (enum damage)((seed + i) % DAMAGES));
		lives = 0;
		for (unsigned int damage = 0; damage < DAMAGES; damage++)
			lives += tallies[damage].lives;
	}
	for (unsigned int damage = 0; damage < DAMAGES; damage++) {
		const struct tally *tally = &tallies[damage];

		printf("%-24s %8llu lives, %8llu ended: %8llu told as they were, %7llu as less, %6llu not at all\n",
		       damage_names[damage], (unsigned long long)tally->lives, (unsigned long long)tally->told,
		       (unsigned long long)tally->equal, (unsigned long long)tally->less,
		       (unsigned long long)tally->silent);
	}
	printf("%llu lives, %.1f s\n", (unsigned long long)lives, random_seconds_used());
}

/* Had the truth been another, it would be noticed, and the walk alone be left of the stream. */
static void something_wrong_is_noticed(void **state)
{
	struct kernel_socket *socket = NULL;
	struct tally scratch = {0};
	uint32_t count;

	(void)state;
	model_prepare(&model, machine_reference(), true);
	batch_make(1, DAMAGE_NONE);
	for (uint32_t life = 0; life < BATCH_LIVES; life++) {
		struct walk_lives *lives = &batch.lives[life / WALK_SOCKETS_MAX];

		if (life % WALK_SOCKETS_MAX >= lives->count || !lives->sockets[life % WALK_SOCKETS_MAX].truth.told)
			continue;
		socket = &lives->sockets[life % WALK_SOCKETS_MAX];
		assert_null(life_check(socket, &heard.lives[life], true, &scratch));
		socket->truth.how = socket->truth.how == HOW_NETNS_EXIT ? HOW_LIMIT : HOW_NETNS_EXIT;
		assert_non_null(life_check(socket, &heard.lives[life], true, &scratch));
	}
	assert_true(scratch.told > 100);
	count = shrink(batch.arrivals, batch.arrival_count, socket->cookie);
	assert_in_range(count, 1, batch.arrival_count / 4);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(walk_pair_of(batch.arrivals[i].event->life), walk_pair_of(socket->cookie));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(something_wrong_is_noticed),
		cmocka_unit_test(nothing_wrong_is_ever_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
