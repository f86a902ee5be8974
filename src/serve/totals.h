/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * totals.h: what has happened since the daemon started, summed as events and reports pass: for `lastack status`
 * and for /metrics. All of it is bounded by the vocabulary, never by the traffic.
 */
#ifndef LASTACK_SERVE_TOTALS_H
#define LASTACK_SERVE_TOTALS_H

#include "event.h"
#include "report.h"

/* Upper bounds in microseconds, and one bucket more for what is above them all. */
#define HISTOGRAM_BOUNDS 10
extern const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
	uint64_t bucket[HISTOGRAM_BOUNDS + 1]; /* not cumulative */
	uint64_t count, sum_us;
};

struct totals {
	uint64_t ended[connection_cause_count];   /* first revisions, by cause; the class follows from the cause */
	uint64_t revised[connection_cause_count]; /* later revisions, by their cause */
	uint64_t by_initiator[connection_initiator_count];
	uint64_t by_completeness[completeness_count];
	struct histogram duration[connection_class_count]; /* of those whose birth was seen */
	struct histogram handshake;
	struct histogram close_wait;         /* time that a connection that has ended spent in CLOSE_WAIT */
	uint64_t bytes_sent, bytes_received; /* of connections that have ended */
	uint64_t retransmits;                /* segments sent again, SYN-ACKs apart */
	uint64_t synack_retransmits;
	uint64_t keepalive_probes, window_probes; /* sent */
	uint64_t resets_sent[RESET_REASONS];      /* by the kernel's reason, index as in event.h; 0: none given */
	uint64_t resets_received;
	uint64_t events[EVENT_KINDS]; /* taken in */
	uint64_t violations;          /* connections with conformance violation */
};

void totals_event(struct totals *totals, const struct event_header *event);
void totals_report(struct totals *totals, const struct connection_report *report);

#endif
