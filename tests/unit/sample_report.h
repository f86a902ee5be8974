/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample_report.h: reports for tests of what is made of them: one with every fact, one with none. They
 * are not lifelike; lifelike ones come out of replays.
 */
#ifndef LASTACK_TESTS_SAMPLE_REPORT_H
#define LASTACK_TESTS_SAMPLE_REPORT_H

#include <arpa/inet.h>
#include <string.h>

#include "report.h"

#define SAMPLE_WALL_MINUS_MONOTONIC_NS 1700000000000000000LL

/* Every fact present; IPv4. */
static inline struct connection_report sample_report_full(void)
{
	static const uint8_t states[] = {2, 1, 4, 5, 6, 7};
	struct connection_report report = {
		.cookie = 4711,
		.revision = 1,
		.has_id = true,
		.client_isn = 0xdeadbeef,
		.server_isn = 0x1234,
		.family = 4,
		.local_port = 34855,
		.remote_port = 80,
		.netns = 4026531840U,
		.role = ROLE_CLIENT,
		.class = CLASS_GRACEFUL,
		.cause = CAUSE_FIN_LOCAL_FIRST,
		.context = CONTEXT_AFTER_LOCAL_FIN,
		.initiator = INITIATOR_LOCAL_APP,
		.how = HOW_CLOSE,
		.exit_code = 3,
		.exit_signal = 9,
		.error = 110,
		.rst_reason = 3,
		.evidence_count = 2,
		.evidence = {{EVIDENCE_LOCAL_FIN_FIRST, 0}, {EVIDENCE_RETRANSMITS, 15}},
		.completeness = COMPLETENESS_COMPLETE,
		.start_ns = 1000000000,
		.end_ns = 2234567890,
		.handshake_ns = 45000,
		.state_count = sizeof(states),
		.has_time_wait = true,
		.time_wait_begin_ns = 2234567890,
		.time_wait_planned_ns = 60000000000,
		.time_wait_end_ns = 62234567890,
		.time_wait_end = TIME_WAIT_END_EXPIRED,
		.conformance = CONFORMANCE_LINUX_VARIANT,
		.note_count = 1,
		.notes = {{.from = TCP_FIN_WAIT2, .to = TCP_CLOSE, .verdict = CONFORMANCE_GAP}},
		.has_process = true,
		.pid = 4711,
		.uid = 1000,
		.comm = "nginx",
		.cgroup = 77,
		.process_source = SOURCE_CONNECT,
		.bytes_sent = 1000,
		.bytes_received = 2000,
		.unacked_bytes = 1448,
		.unread_bytes = 12,
		.retransmits = 15,
		.timeouts = 14,
		.has_keepalive = true,
		.keepalive_enabled = true,
		.keepalive_idle_s = 7200,
		.keepalive_interval_s = 75,
		.keepalive_probes = 9,
		.keepalive_probes_sent = 3,
		.user_timeout_ms = 30000,
		.silent_ns = 924000000000,
		.srtt_us = 512,
	};

	inet_pton(AF_INET, "128.232.110.120", report.local);
	inet_pton(AF_INET, "66.35.250.204", report.remote);
	for (unsigned i = 0; i < sizeof(states); i++)
		report.states[i] = (struct report_state){states[i], 1000000000 + i * 1000000ULL};
	return report;
}

/* Every fact that may be absent is absent; IPv6. */
static inline struct connection_report sample_report_bare(void)
{
	struct connection_report report = {
		.cookie = UINT64_MAX >> 1,
		.revision = 1,
		.family = 6,
		.local_port = 63943,
		.remote_port = 25,
		.exit_code = -1,
		.exit_signal = -1,
		.start_ns = ABSENT_U64,
		.end_ns = 5000000000,
		.handshake_ns = ABSENT_U64,
		.pid = ABSENT_U32,
		.uid = ABSENT_U32,
		.bytes_sent = ABSENT_U64,
		.bytes_received = ABSENT_U64,
		.unacked_bytes = ABSENT_U32,
		.unread_bytes = ABSENT_U32,
		.retransmits = ABSENT_U32,
		.timeouts = ABSENT_U32,
		.keepalive_idle_s = ABSENT_U32,
		.keepalive_interval_s = ABSENT_U32,
		.keepalive_probes = ABSENT_U32,
		.keepalive_probes_sent = ABSENT_U32,
		.user_timeout_ms = ABSENT_U32,
		.silent_ns = ABSENT_U64,
		.srtt_us = ABSENT_U32,
	};

	inet_pton(AF_INET6, "2001:470:e5bf:dead:4957:2174:e82c:4887", report.local);
	inet_pton(AF_INET6, "2607:f8b0:400c:c03::1a", report.remote);
	return report;
}

#endif
