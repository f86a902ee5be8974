/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timed_scene.h: for tests of the timed rules: what a rule knows of one connection, and the events that it goes by.
 */
#ifndef LASTACK_TESTS_TIMED_SCENE_H
#define LASTACK_TESTS_TIMED_SCENE_H

#include <errno.h>

#include "core/timed_rules.h"
#include "core_fixture.h"

#define PENDING_RETRANSMIT 1
#define PENDING_LOSS_PROBE 5
#define USUAL              (EVENT_RTO_UNCLAMPED | EVENT_RTO_MAX_USUAL)

/* RTOs of this fixture's kernel, in ticks of 4 ms. */
#define RTO_204_MS 51
#define RTO_1_S    250
#define RTO_120_S  30000

struct scene {
	struct timed_series series;
	struct timed_facts facts;
	struct timed_findings findings;
};

/* Born at 0, watched since; trouble begins long after. */
static inline struct scene scene_begin(void)
{
	return (struct scene){.facts = {.tick_ns = TICK_NS, .since_ns = AT(0), .birth_seen = true}};
}

/* A timeout: the retransmission timer sends the segment again. */
static inline struct event_retransmit timeout_at(uint64_t ms, uint8_t count, uint32_t rto_ticks)
{
	struct event_retransmit event = make_retransmit(ms, 1, TCP_ESTABLISHED);

	event.header.flags = USUAL;
	event.retransmits = count;
	event.backoff = count - 1;
	event.rto_ticks = rto_ticks;
	return event;
}

static inline void retransmit(struct scene *scene, struct event_retransmit event)
{
	timed_retransmit(&scene->series, &event, &scene->facts, &scene->findings);
}

static inline void assert_found(const struct scene *scene, enum timed_rule rule, uint32_t measured_ms,
				uint32_t limit_ms)
{
	assert_int_equal(scene->findings.count, 1);
	assert_int_equal(scene->findings.list[0].rule, rule);
	assert_int_equal(scene->findings.list[0].measured_ms, measured_ms);
	assert_int_equal(scene->findings.list[0].limit_ms, limit_ms);
}

static inline void assert_nothing(const struct scene *scene)
{
	assert_int_equal(scene->findings.count, 0);
}

static inline struct event_close given_up(uint64_t ms, uint8_t from, uint8_t retransmits, uint8_t limit)
{
	struct event_close close = make_close(ms, 1, from);

	close.header.flags = EVENT_RTO_MAX_USUAL;
	close.error = ETIMEDOUT;
	close.retransmits = retransmits;
	close.limit = limit;
	close.unacked_bytes = 100;
	return close;
}

static inline void window_probe(struct scene *scene, uint64_t ms, uint8_t unanswered)
{
	struct event_probe event = make_probe(ms, 1, PROBE_WINDOW);

	event.probes_out = unanswered;
	timed_window_probe(&scene->series, &event, &scene->facts);
}

static inline void judge(struct scene *scene, struct event_close close)
{
	timed_close(&scene->series, &close, &scene->facts, &scene->findings);
}

#endif
