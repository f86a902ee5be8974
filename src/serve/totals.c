// SPDX-License-Identifier: GPL-2.0-only
/*
 * totals.c: sums of what passes; see totals.h. Input: records as the tracker takes them, reports as it hands them
 * out. It must not know who asks for the sums, nor keep anything of a single connection.
 */
#include "serve/totals.h"

#define US 1ULL
#define MS (1000 * US)
#define S  (1000 * MS)

/* From a handshake in the data centre to a connection of a day: a decade each, and people's units above seconds. */
const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
	100 * US, 1 * MS, 10 * MS, 100 * MS, 1 * S, 10 * S, 60 * S, 600 * S, 3600 * S, 86400 * S,
};

static void histogram_add(struct histogram *histogram, uint64_t span_ns)
{
	uint64_t span_us = span_ns / 1000;
	unsigned i = 0;

	while (i < HISTOGRAM_BOUNDS && span_us > histogram_bounds_us[i])
		i++;
	histogram->bucket[i]++;
	histogram->count++;
	histogram->sum_us += span_us;
}

/* Events are roughly in the order of their times: a span may come out below zero. */
static uint64_t span(uint64_t begin_ns, uint64_t end_ns)
{
	return end_ns > begin_ns ? end_ns - begin_ns : 0;
}

void totals_event(struct totals *totals, const struct event_header *event)
{
	if (event->kind >= EVENT_KINDS)
		return;
	totals->events[event->kind]++;
	switch (event->kind) {
	case EVENT_RETRANSMIT: /* one that could not be sent is no segment */
		totals->retransmits += ((const struct event_retransmit *)event)->error == 0;
		break;
	case EVENT_RETRANSMIT_SYNACK: totals->synack_retransmits++; break;
	case EVENT_RESET_SENT: {
		uint8_t reason = ((const struct event_reset_sent *)event)->reason;

		totals->resets_sent[reason < RESET_REASONS ? reason : RESET_REASON_OTHER]++;
		break;
	}
	case EVENT_RESET_RECEIVED: totals->resets_received++; break;
	case EVENT_PROBE:
		if (((const struct event_probe *)event)->probe == PROBE_KEEPALIVE)
			totals->keepalive_probes++;
		else
			totals->window_probes++;
		break;
	default: break;
	}
}

/* A FIN in CLOSE_WAIT is answered once in a connection's life. */
static void close_wait_add(struct totals *totals, const struct connection_report *report)
{
	for (unsigned i = 0; i < report->state_count; i++) {
		bool last = i + 1U == report->state_count;

		if (report->states[i].state != TCP_CLOSE_WAIT)
			continue;
		histogram_add(&totals->close_wait,
			      span(report->states[i].at_ns, last ? report->end_ns : report->states[i + 1].at_ns));
		return;
	}
}

void totals_report(struct totals *totals, const struct connection_report *report)
{
	if (report->revision > 1) {
		totals->revised[report->cause]++;
		return;
	}
	totals->ended[report->cause]++;
	totals->by_initiator[report->initiator]++;
	totals->by_completeness[report->completeness]++;
	if (report->start_ns != ABSENT_U64)
		histogram_add(&totals->duration[report->class], span(report->start_ns, report->end_ns));
	if (report->handshake_ns != ABSENT_U64)
		histogram_add(&totals->handshake, report->handshake_ns);
	close_wait_add(totals, report);
	if (report->bytes_sent != ABSENT_U64)
		totals->bytes_sent += report->bytes_sent;
	if (report->bytes_received != ABSENT_U64)
		totals->bytes_received += report->bytes_received;
	totals->violations += report->conformance == CONFORMANCE_VIOLATION;
}
