/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis.c: a run of the diagnosis, see diagnosis.h: first over all that the tracker knows, and over the
 * connections to some destinations once more where these may have used up the local ports.
 */
#include <stdlib.h>
#include <string.h>

#include "core/diagnosis_internal.h"

/* A middlebox that is asked for nothing may forget after 350 s (AWS' network load balancer and NAT gateway). */
#define MIDDLEBOX_S 350

void diagnosis_limits_init(struct diagnosis_limits *limits)
{
	*limits = (struct diagnosis_limits){
		.close_wait_ns = 60 * NS_PER_S,
		.fin_wait2_ns = 60 * NS_PER_S,
		.closing_ns = 10 * NS_PER_S,
		.stall_ns = 30 * NS_PER_S,
		.silent_ns = 7200 * NS_PER_S,
		.unnoticed_ns = 600 * NS_PER_S,
		.keepalive_ns = MIDDLEBOX_S * NS_PER_S,
		.cluster_ns = 300 * NS_PER_S,
		.retransmits = 3,
		.probes = 2,
		.pileup = 20,
		.connects = 5,
		.handshakes = 128,
		.cluster = 10,
		.percent = 80,
	};
}

void diagnosis_limits_unset(struct diagnosis_limits *limits)
{
	memset(limits, 0xff, sizeof(*limits));
}

void diagnosis_limits_override(struct diagnosis_limits *limits, const struct diagnosis_limits *given)
{
#define LIMIT_OVERRIDE(unused, member, ...)                                                                            \
	if (given->member != (__typeof__(given->member))-1)                                                            \
		limits->member = given->member;
	DIAGNOSIS_LIMITS(LIMIT_OVERRIDE, )
}

struct diagnosis *diagnosis_create(const struct diagnosis_limits *limits, uint64_t seed)
{
	struct diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));

	if (!diagnosis)
		return NULL;
	diagnosis->limits = *limits;
	diagnosis->seed = seed;
	return diagnosis;
}

struct diagnosis *diagnosis_copy(const struct diagnosis *from, const struct diagnosis_limits *limits)
{
	struct diagnosis *diagnosis = malloc(sizeof(*diagnosis));

	if (!diagnosis)
		return NULL;
	*diagnosis = *from;
	diagnosis->phase = RUN_NONE;
	diagnosis->finding_count = 0;
	/* Recent ends are kept in stretches of another length then: they are not read as if they were of this one. */
	if (limits && limits->cluster_ns != from->limits.cluster_ns)
		memset(diagnosis->ends, 0, sizeof(diagnosis->ends));
	if (limits)
		diagnosis->limits = *limits;
	return diagnosis;
}

void diagnosis_destroy(struct diagnosis *diagnosis)
{
	free(diagnosis);
}

void diagnosis_configure(struct diagnosis *diagnosis, const struct diagnosis_limits *limits)
{
	if (limits->cluster_ns != diagnosis->limits.cluster_ns)
		memset(diagnosis->ends, 0, sizeof(diagnosis->ends));
	diagnosis->limits = *limits;
}

const struct diagnosis_limits *diagnosis_limits(const struct diagnosis *diagnosis)
{
	return &diagnosis->limits;
}

void diagnosis_end(struct diagnosis *diagnosis, const struct connection_report *report)
{
	if (report->revision <= 1)
		ends_add(diagnosis, report);
}

/* ---- network namespaces ----------------------------------------------------------------------------------- */

void diagnosis_netns_clear(struct diagnosis *diagnosis)
{
	diagnosis->netns_count = 0;
}

void diagnosis_netns_add(struct diagnosis *diagnosis, const struct diagnosis_netns *netns)
{
	if (diagnosis->netns_count < DIAGNOSIS_NETNS_MAX)
		diagnosis->netns[diagnosis->netns_count++] = *netns;
}

const struct diagnosis_netns *netns_find(const struct diagnosis *diagnosis, uint32_t inode)
{
	for (uint32_t i = 0; i < diagnosis->netns_count; i++)
		if (diagnosis->netns[i].inode == inode)
			return &diagnosis->netns[i];
	return NULL;
}

/* `used` against `limit`, where both are known. */
static void netns_judge(struct diagnosis *diagnosis, uint32_t inode, enum finding_kind kind, uint32_t used,
			enum finding_fact used_fact, uint32_t limit, enum finding_fact limit_fact)
{
	struct suspicion suspicion = {.kind = kind, .certainty = CERTAINTY_CERTAIN, .weight = used};
	struct group_key key = {.kind = (uint8_t)kind, .netns = inode};

	if (used == UINT32_MAX || limit == UINT32_MAX || !used ||
	    used * 100ULL < (uint64_t)limit * diagnosis->limits.percent)
		return;
	suspicion_fact(&suspicion, used_fact, used);
	suspicion_fact(&suspicion, limit_fact, limit);
	groups_add_plain(diagnosis, &key, &suspicion);
}

static void netns_diagnose(struct diagnosis *diagnosis)
{
	uint32_t orphans = UINT32_MAX, orphans_max = UINT32_MAX;

	for (uint32_t i = 0; i < diagnosis->netns_count; i++) {
		const struct diagnosis_netns *netns = &diagnosis->netns[i];

		netns_judge(diagnosis, netns->inode, FINDING_TIME_WAIT_PRESSURE, netns->time_waits, FACT_TIME_WAITS,
			    netns->time_waits_max, FACT_TIME_WAITS_MAX);
		if (netns->orphans != UINT32_MAX && netns->orphans_max != UINT32_MAX) {
			orphans = netns->orphans;
			orphans_max = netns->orphans_max;
		}
	}
	/* Both are the host's. */
	netns_judge(diagnosis, 0, FINDING_ORPHAN_PRESSURE, orphans, FACT_ORPHANS, orphans_max, FACT_ORPHANS_MAX);
}

/* ---- local ports ------------------------------------------------------------------------------------------- */

/* Does it hold a port that another connect() to the same place cannot have? */
static bool holds_port(struct diagnosis *diagnosis, const struct connection *connection)
{
	if (!connection->tuple.local_port || !connection->tuple.remote_port ||
	    tracker_is_served(diagnosis->tracker, connection))
		return false;
	return connection->queue == QUEUE_LIVE || tracker_has_minisock(diagnosis->tracker, connection);
}

static uint32_t *ports_of(struct diagnosis *diagnosis, const struct connection *connection)
{
	struct event_tuple place = connection->tuple;

	place.local_port = 0;
	return &diagnosis->ports[bytes_hash(&place, sizeof(place), diagnosis->seed) & (PORT_BUCKETS - 1)];
}

/* The least number of connections to one place that may be too many in some namespace. */
static uint32_t ports_few(const struct diagnosis *diagnosis)
{
	uint64_t few = UINT32_MAX;

	for (uint32_t i = 0; i < diagnosis->netns_count; i++) {
		const struct diagnosis_netns *netns = &diagnosis->netns[i];
		uint64_t range = (uint64_t)netns->port_last - netns->port_first + 1;

		if (netns->port_last != UINT32_MAX && (range * diagnosis->limits.percent + 99) / 100 < few)
			few = (range * diagnosis->limits.percent + 99) / 100;
	}
	return (uint32_t)few;
}

static bool ports_are_many(const struct diagnosis *diagnosis)
{
	for (uint32_t i = 0; i < PORT_BUCKETS; i++)
		if (diagnosis->ports[i] >= diagnosis->ports_few)
			return true;
	return false;
}

/* ---- a run -------------------------------------------------------------------------------------------------- */

static void look_at_listener(struct diagnosis *diagnosis, const struct connection *listener)
{
	struct suspicion suspicion;

	diagnosis->running.listeners++;
	if (rules_accept(diagnosis, listener, &suspicion))
		groups_add(diagnosis, listener, &suspicion);
	if (rules_handshakes(diagnosis, listener, &suspicion))
		groups_add(diagnosis, listener, &suspicion);
}

static void look_at(void *arg, const struct connection *connection)
{
	struct diagnosis *diagnosis = arg;
	struct suspicion suspicion;

	if (diagnosis->wants && !diagnosis->wants(diagnosis->wants_arg, connection))
		return;
	if (connection->state == TCP_LISTEN) {
		look_at_listener(diagnosis, connection);
		return;
	}
	if (connection->queue == QUEUE_LIVE) {
		diagnosis->running.live++;
		if (rules_connection(diagnosis, connection, &suspicion)) {
			groups_add(diagnosis, connection, &suspicion);
			if (rules_unanswered_fin(diagnosis, &suspicion))
				groups_add(diagnosis, connection, &suspicion);
		}
	} else if (tracker_has_minisock(diagnosis->tracker, connection)) {
		diagnosis->running.minisocks++;
	}
	if (diagnosis->ports_few != UINT32_MAX && holds_port(diagnosis, connection))
		++*ports_of(diagnosis, connection);
}

static void look_at_port(void *arg, const struct connection *connection)
{
	struct diagnosis *diagnosis = arg;

	if (connection->state == TCP_LISTEN ||
	    (diagnosis->wants && !diagnosis->wants(diagnosis->wants_arg, connection)) ||
	    !holds_port(diagnosis, connection) || *ports_of(diagnosis, connection) < diagnosis->ports_few)
		return;
	groups_add_port(diagnosis, connection, connection->queue != QUEUE_LIVE);
}

void diagnosis_begin(struct diagnosis *diagnosis, uint64_t now_ns, diagnosis_wants_fn wants, void *arg)
{
	diagnosis->phase = RUN_ALL;
	diagnosis->now_ns = now_ns;
	diagnosis->cursor = 0;
	diagnosis->wants = wants;
	diagnosis->wants_arg = arg;
	diagnosis->running = (struct diagnosis_totals){.began_ns = now_ns};
	memset(diagnosis->ports, 0, sizeof(diagnosis->ports));
	diagnosis->ports_few = ports_few(diagnosis);
	groups_begin(diagnosis);
}

static void run_end(struct diagnosis *diagnosis)
{
	if (!diagnosis->wants) { /* what is asked about some connections is not about the whole host */
		netns_diagnose(diagnosis);
		ends_diagnose(diagnosis);
	}
	groups_end(diagnosis);
	diagnosis->running.ends_forgotten = diagnosis->ends_forgotten;
	diagnosis->totals = diagnosis->running;
	diagnosis->phase = RUN_NONE;
}

bool diagnosis_step(struct diagnosis *diagnosis, struct tracker *tracker, uint32_t slots)
{
	diagnosis->tracker = tracker;
	if (diagnosis->phase == RUN_ALL) {
		if (tracker_walk_all(tracker, &diagnosis->cursor, slots, look_at, diagnosis))
			return true;
		diagnosis->cursor = 0;
		diagnosis->phase = RUN_PORTS;
		if (diagnosis->ports_few != UINT32_MAX && ports_are_many(diagnosis))
			return true;
	} else if (diagnosis->phase == RUN_PORTS) {
		if (tracker_walk_all(tracker, &diagnosis->cursor, slots, look_at_port, diagnosis))
			return true;
	}
	if (diagnosis->phase != RUN_NONE)
		run_end(diagnosis);
	return false;
}

bool diagnosis_is_running(const struct diagnosis *diagnosis)
{
	return diagnosis->phase != RUN_NONE;
}

const struct finding *diagnosis_findings(const struct diagnosis *diagnosis, uint32_t *count)
{
	*count = diagnosis->finding_count;
	return diagnosis->findings;
}

const struct diagnosis_totals *diagnosis_totals(const struct diagnosis *diagnosis)
{
	return &diagnosis->totals;
}
