/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis_ends.c: how connections to each prefix of peers ended lately, in a table that does not grow: counts by
 * stretches of time, of which the oldest is forgotten with each new one. Of connections that live it knows nothing.
 */
#include <string.h>

#include "core/diagnosis_internal.h"

#define ENDS_TRIES 8

static uint64_t span_number(const struct diagnosis *diagnosis, uint64_t time_ns)
{
	uint64_t span_ns = diagnosis->limits.cluster_ns / ENDS_SPANS;

	return time_ns / (span_ns ? span_ns : 1);
}

/* Stretches that have gone by since hold nothing. */
static void ends_advance(struct ends *ends, uint64_t number)
{
	if (number <= ends->newest)
		return;
	if (number - ends->newest >= ENDS_SPANS)
		memset(ends->spans, 0, sizeof(ends->spans));
	else
		for (uint64_t i = ends->newest + 1; i <= number; i++)
			ends->spans[i % ENDS_SPANS] = (struct ends_span){0};
	ends->newest = number;
}

static struct ends_span ends_sum(const struct ends *ends, uint64_t number)
{
	struct ends_span sum = {0};

	for (uint64_t i = 0; i < ENDS_SPANS && i <= ends->newest; i++) {
		const struct ends_span *span = &ends->spans[(ends->newest - i) % ENDS_SPANS];

		if (number - (ends->newest - i) >= ENDS_SPANS)
			break;
		sum.reset += span->reset;
		sum.refused += span->refused;
		sum.vanished += span->vanished;
		sum.no_port += span->no_port;
		sum.all += span->all;
	}
	return sum;
}

static const struct ends *ends_at(const struct diagnosis *diagnosis, const struct finding_prefix *prefix, uint32_t try)
{
	uint32_t hash = bytes_hash(prefix, sizeof(*prefix), diagnosis->seed);

	return &diagnosis->ends[(hash + try) & (ENDS_MAX - 1)];
}

/* Its entry, or a free one, or the one of those in reach that was quiet longest. */
static struct ends *ends_get(struct diagnosis *diagnosis, const struct finding_prefix *prefix, uint64_t number)
{
	struct ends *oldest = NULL;

	for (uint32_t try = 0; try < ENDS_TRIES; try++) {
		struct ends *ends = (struct ends *)ends_at(diagnosis, prefix, try);

		if (!memcmp(&ends->prefix, prefix, sizeof(*prefix)))
			return ends;
		if (!oldest || (oldest->prefix.family && (!ends->prefix.family || ends->newest < oldest->newest)))
			oldest = ends;
	}
	diagnosis->ends_forgotten += ends_sum(oldest, number).all;
	*oldest = (struct ends){.prefix = *prefix, .newest = number};
	return oldest;
}

static bool is_vanished(const struct connection_report *report)
{
	return report->class == CLASS_RETRANSMIT_TIMEOUT || report->class == CLASS_KEEPALIVE_TIMEOUT ||
	       report->cause == CAUSE_SYN_TIMEOUT || report->cause == CAUSE_UNREACHABLE ||
	       report->cause == CAUSE_ICMP_ERROR;
}

void ends_add(struct diagnosis *diagnosis, const struct connection_report *report)
{
	struct finding_prefix prefix = prefix_of(report->family, report->remote);
	uint64_t number = span_number(diagnosis, report->end_ns);
	struct ends *ends = ends_get(diagnosis, &prefix, number);
	struct ends_span *span;

	ends_advance(ends, number);
	if (ends->newest - number >= ENDS_SPANS)
		return;
	span = &ends->spans[number % ENDS_SPANS];
	span->all++;
	span->reset += report->cause == CAUSE_RST_RECEIVED;
	span->refused += report->cause == CAUSE_REFUSED;
	span->no_port += report->context == CONTEXT_NO_LOCAL_PORT;
	span->vanished += is_vanished(report);
}

uint32_t ends_no_port(const struct diagnosis *diagnosis, const struct finding_prefix *prefix)
{
	uint64_t number = span_number(diagnosis, diagnosis->now_ns);

	for (uint32_t try = 0; try < ENDS_TRIES; try++) {
		const struct ends *ends = ends_at(diagnosis, prefix, try);

		if (!memcmp(&ends->prefix, prefix, sizeof(*prefix)))
			return ends_sum(ends, number).no_port;
	}
	return 0;
}

/* Most of what ended there ended badly. */
static void ends_judge(struct diagnosis *diagnosis, const struct ends *ends)
{
	struct ends_span sum = ends_sum(ends, span_number(diagnosis, diagnosis->now_ns));
	uint32_t bad = sum.reset + sum.refused + sum.vanished;
	struct suspicion suspicion = {.kind = FINDING_PEER_CLUSTER, .certainty = CERTAINTY_CERTAIN, .weight = bad};
	struct group_key key = {
		.kind = FINDING_PEER_CLUSTER,
		.family = ends->prefix.family,
		.bits = ends->prefix.bits,
	};

	if (bad < diagnosis->limits.cluster || bad * 2ULL < sum.all)
		return;
	memcpy(key.remote, ends->prefix.address, sizeof(key.remote));
	if (sum.reset)
		suspicion_fact(&suspicion, FACT_RESET, sum.reset);
	if (sum.refused)
		suspicion_fact(&suspicion, FACT_REFUSED, sum.refused);
	if (sum.vanished)
		suspicion_fact(&suspicion, FACT_VANISHED, sum.vanished);
	suspicion_fact(&suspicion, FACT_ENDED, sum.all);
	suspicion_fact(&suspicion, FACT_WITHIN, diagnosis->limits.cluster_ns);
	groups_add_plain(diagnosis, &key, &suspicion);
}

void ends_diagnose(struct diagnosis *diagnosis)
{
	for (uint32_t i = 0; i < ENDS_MAX; i++)
		if (diagnosis->ends[i].prefix.family)
			ends_judge(diagnosis, &diagnosis->ends[i]);
}
