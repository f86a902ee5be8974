/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis_fixture.h: for tests of the diagnosis: a tracker full of what a test lists, and a run over it. Sockets are
 * listed as an iterator does it; what a test does not set is what a healthy, quiet connection shows.
 */
#ifndef LASTACK_TESTS_DIAGNOSIS_FIXTURE_H
#define LASTACK_TESTS_DIAGNOSIS_FIXTURE_H

#include "core/diagnosis.h"
#include "core_fixture.h"

#define TICKS(ms) ((uint32_t)((ms)*NS_PER_MS / TICK_NS))
#define MINUTE    60000ULL

struct diagnosed {
	struct fixture fixture;
	struct diagnosis_limits limits;
	struct diagnosis *diagnosis;
	const struct finding *findings;
	uint32_t count;
};

static inline void diagnosed_begin_with(struct diagnosed *d, uint32_t max_connections)
{
	struct tracker_config config = {max_connections, SETTLE_MS * NS_PER_MS, TICK_NS, 42, true};

	memset(d, 0, sizeof(*d));
	d->fixture.tracker = tracker_create(&config, fixture_keep, &d->fixture);
	assert_non_null(d->fixture.tracker);
	diagnosis_limits_init(&d->limits);
	d->diagnosis = diagnosis_create(&d->limits, 42);
	assert_non_null(d->diagnosis);
}

static inline void diagnosed_begin(struct diagnosed *d)
{
	diagnosed_begin_with(d, 100000);
}

static inline void diagnosed_end(struct diagnosed *d)
{
	diagnosis_destroy(d->diagnosis);
	fixture_end(&d->fixture);
}

/* Ours at port 40000 + cookie of 10.0.0.1, the peer's 10.0.0.2:80; answered just now, keepalive at a minute. */
static inline struct event_existing listed(uint64_t ms, uint64_t cookie, uint8_t state)
{
	struct event_existing event = make_existing(ms, cookie, state, EXISTING_FILE,
						    client_tuple((uint16_t)(40000 + cookie % 20000)));

	event.header.flags = EVENT_HAS_SOCKET | EVENT_KEEPALIVE_ON;
	event.has_details = 1;
	event.silent_ticks = TICKS(100);
	event.sent_ticks = TICKS(100);
	event.received_ticks = TICKS(100);
	event.receive_window = 65535;
	event.rto_ticks = TICKS(200);
	event.retries = 15;
	event.keepalive_idle_ticks = TICKS(60000);
	event.keepalive_interval_ticks = TICKS(10000);
	event.keepalive_probes = 6;
	event.descriptor = (int32_t)(cookie % 1000);
	return event;
}

/* Nothing has gone either way for so long. */
static inline void quiet_for(struct event_existing *event, uint64_t ms)
{
	event->silent_ticks = event->sent_ticks = event->received_ticks = TICKS(ms);
}

static inline void keepalive_off(struct event_existing *event)
{
	event->header.flags &= (uint16_t)~EVENT_KEEPALIVE_ON;
	event->keepalive_idle_ticks = event->keepalive_interval_ticks = event->keepalive_probes = 0;
}

static inline void diagnose_wanting(struct diagnosed *d, uint64_t ms, diagnosis_wants_fn wants, void *arg)
{
	diagnosis_begin(d->diagnosis, AT(ms), wants, arg);
	while (diagnosis_step(d->diagnosis, d->fixture.tracker, 77))
		;
	d->findings = diagnosis_findings(d->diagnosis, &d->count);
}

static inline void diagnose(struct diagnosed *d, uint64_t ms)
{
	diagnose_wanting(d, ms, NULL, NULL);
}

/* The one finding of this kind; NULL: none. */
static inline const struct finding *finding_of(const struct diagnosed *d, enum finding_kind kind)
{
	const struct finding *found = NULL;

	for (uint32_t i = 0; i < d->count; i++) {
		if (d->findings[i].kind != kind)
			continue;
		assert_null(found);
		found = &d->findings[i];
	}
	return found;
}

/* It is the only one. */
static inline const struct finding *only(const struct diagnosed *d, enum finding_kind kind)
{
	assert_int_equal(d->count, 1);
	assert_int_equal(d->findings[0].kind, kind);
	return &d->findings[0];
}

static inline void none(const struct diagnosed *d)
{
	if (d->count)
		fail_msg("found: kind %u, %u connections", d->findings[0].kind, d->findings[0].count);
}

/* Of `frames` frames, told apart by `what`. */
static inline struct event_stack make_stack(uint64_t ms, uint64_t cookie, uint8_t call, uint64_t what, unsigned frames)
{
	struct event_stack event = {.header = make_header(EVENT_STACK, ms, cookie), .call = call};

	event.header.pid = 400;
	for (unsigned i = 0; i < frames; i++)
		event.frames[i] = (struct event_frame){FRAME_FILE, {1}, what * 100 + i};
	return event;
}

/* All is well there, and its ports reach for a hundred connections to one place. */
static inline struct diagnosis_netns netns_calm(uint32_t inode)
{
	return (struct diagnosis_netns){
		.inode = inode,
		.time_waits = 10,
		.time_waits_max = 100,
		.orphans = 10,
		.orphans_max = 100,
		.port_first = 32768,
		.port_last = 32867,
	};
}

#endif
