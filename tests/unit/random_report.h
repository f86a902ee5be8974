/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random_report.h: reports with any mixture of facts, present and absent, within what report.h allows: for tests
 * that hold two ways of writing them against each other. They are not lifelike.
 */
#ifndef LASTACK_TESTS_RANDOM_REPORT_H
#define LASTACK_TESTS_RANDOM_REPORT_H

#include "core/tcp_machine.h"
#include "random_numbers.h"
#include "report/names.h"
#include "sample_report.h"

static inline uint32_t random_u32_or_absent(struct random_numbers *random)
{
	return random_below(random, 3) ? random_below(random, 100000) : ABSENT_U32;
}

static inline uint64_t random_u64_or_absent(struct random_numbers *random)
{
	return random_below(random, 3) ? random_next(random) >> random_below(random, 50) >> 14 : ABSENT_U64;
}

static inline void random_bytes(struct random_numbers *random, void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)bytes)[i] = (uint8_t)random_next(random);
}

static inline void random_report_verdict(struct random_numbers *random, struct connection_report *report)
{
	report->role = (enum connection_role)random_below(random, connection_role_count);
	report->cause = (enum connection_cause)random_below(random, connection_cause_count);
	report->class = cause_class(report->cause);
	report->context = (enum connection_context)random_below(random, connection_context_count);
	report->initiator = (enum connection_initiator)random_below(random, connection_initiator_count);
	report->how = (enum connection_how)random_below(random, connection_how_count);
	report->exit_code = (int)random_below(random, 257) - 1;
	report->exit_signal = (int)random_below(random, 65) - 1;
	report->error = (uint8_t)random_below(random, 134);
	report->rst_reason = (uint8_t)random_below(random, 20);
	report->completeness = (enum completeness)random_below(random, completeness_count);
	report->evidence_count = (uint8_t)random_below(random, REPORT_EVIDENCE_MAX + 1);
	for (unsigned i = 0; i < report->evidence_count; i++) {
		report->evidence[i].kind = (enum evidence_kind)random_below(random, evidence_kind_count);
		report->evidence[i].value = random_next(random) >> random_below(random, 64);
	}
}

static inline void random_report_times(struct random_numbers *random, struct connection_report *report)
{
	uint64_t at_ns = 1000000000 + random_below(random, 1000000000);

	report->state_count = (uint8_t)random_below(random, REPORT_STATES_MAX + 1);
	for (unsigned i = 0; i < report->state_count; i++) {
		at_ns += random_below(random, 2000000000);
		report->states[i] = (struct report_state){(uint8_t)(1 + random_below(random, 11)), at_ns};
	}
	report->start_ns = report->state_count && random_below(random, 4) ? report->states[0].at_ns : ABSENT_U64;
	report->end_ns = at_ns + random_below(random, 1000);
	report->handshake_ns = random_u64_or_absent(random);
	report->has_time_wait = random_below(random, 2);
	report->time_wait_begin_ns = report->end_ns;
	report->time_wait_planned_ns = 60000000000;
	report->time_wait_end_ns = random_below(random, 2) ? report->end_ns + random_below(random, 60000000)
							   : ABSENT_U64;
	report->time_wait_end = (enum time_wait_end)random_below(random, time_wait_end_count);
}

static inline void random_report_notes(struct random_numbers *random, struct connection_report *report)
{
	report->conformance = (enum conformance)random_below(random, CONFORMANCE_GAP);
	report->note_count = (uint8_t)random_below(random, 3);
	for (unsigned i = 0; i < report->note_count; i++)
		report->notes[i] =
			(struct report_note){.from = TCP_FIN_WAIT2, .to = TCP_CLOSE, .verdict = CONFORMANCE_GAP};
}

static inline void random_report_owner(struct random_numbers *random, struct connection_report *report)
{
	static const char comms[][16] = {"", "nginx", "a\"b\\c", "\xff\xfe x", "sixteen bytes it", "redis\n\t\x01"};

	report->has_process = random_below(random, 4) != 0;
	report->pid = random_u32_or_absent(random);
	report->uid = random_u32_or_absent(random);
	memcpy(report->comm, comms[random_below(random, 6)], sizeof(report->comm));
	report->cgroup = random_below(random, 3);
	report->process_source = (enum process_source)random_below(random, process_source_count);
}

static inline struct connection_report random_report(struct random_numbers *random)
{
	struct connection_report report = {
		.cookie = random_next(random),
		.revision = 1,
		.has_id = random_below(random, 2),
		.client_isn = (uint32_t)random_next(random),
		.server_isn = (uint32_t)random_next(random),
		.family = random_below(random, 2) ? 4 : 6,
		.local_port = (uint16_t)random_next(random),
		.remote_port = (uint16_t)random_next(random),
		.netns = (uint32_t)random_next(random),
		.bytes_sent = random_u64_or_absent(random),
		.bytes_received = random_u64_or_absent(random),
		.unacked_bytes = random_u32_or_absent(random),
		.unread_bytes = random_u32_or_absent(random),
		.retransmits = random_u32_or_absent(random),
		.timeouts = random_u32_or_absent(random),
		.has_keepalive = random_below(random, 2),
		.keepalive_enabled = random_below(random, 2),
		.keepalive_idle_s = random_u32_or_absent(random),
		.keepalive_interval_s = random_u32_or_absent(random),
		.keepalive_probes = random_u32_or_absent(random),
		.keepalive_probes_sent = random_u32_or_absent(random),
		.user_timeout_ms = random_u32_or_absent(random),
		.silent_ns = random_u64_or_absent(random),
		.srtt_us = random_u32_or_absent(random),
	};

	random_bytes(random, report.local, report.family == 4 ? 4 : 16);
	random_bytes(random, report.remote, report.family == 4 ? 4 : 16);
	random_report_verdict(random, &report);
	random_report_times(random, &report);
	random_report_notes(random, &report);
	random_report_owner(random, &report);
	return report;
}

#endif
