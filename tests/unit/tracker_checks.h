/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker_checks.h: what holds for every report and for the tracker's books whatever it was told, for tests and
 * fuzzers that tell it nonsense.
 */
#ifndef LASTACK_TESTS_TRACKER_CHECKS_H
#define LASTACK_TESTS_TRACKER_CHECKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/tracker_internal.h"
#include "core/verdict.h"

#define TRACKER_NO_ROOM UINT64_MAX

/* ---- every report -------------------------------------------------------------------------------- */

static inline void report_enums_check(const struct connection_report *report)
{
	assert_true((unsigned)report->cause < connection_cause_count);
	assert_true((unsigned)report->context < connection_context_count);
	assert_true((unsigned)report->initiator < connection_initiator_count);
	assert_true((unsigned)report->how < connection_how_count);
	assert_true((unsigned)report->role < connection_role_count);
	assert_true((unsigned)report->process_source < process_source_count);
	assert_true((unsigned)report->conformance < conformance_count);
	assert_true((unsigned)report->time_wait_end < time_wait_end_count);
	assert_int_equal(report->class, verdict_class(report->cause));
	assert_true(report->family == 4 || report->family == 6);
	assert_non_null(memchr(report->comm, 0, sizeof(report->comm)));
}

static inline void report_verdict_check(const struct connection_report *report)
{
	bool exits = report->initiator == INITIATOR_LOCAL_EXIT;

	assert_int_equal(exits, report->how == HOW_EXIT || report->how == HOW_SIGNAL);
	assert_int_equal(report->how == HOW_EXIT, report->exit_code >= 0);
	assert_int_equal(report->how == HOW_SIGNAL, report->exit_signal > 0);
	assert_true(report->evidence_count <= REPORT_EVIDENCE_MAX);
	if (report->cause != CAUSE_CANCELLED) /* of a kernel's own socket, which has no file: nothing to name */
		assert_true(report->evidence_count > 0);
	for (uint8_t i = 0; i < report->evidence_count; i++)
		assert_true((unsigned)report->evidence[i].kind < evidence_kind_count);
	if (report->cause == CAUSE_UNOBSERVED)
		assert_int_equal(report->completeness, COMPLETENESS_INFERRED);
	if (report->completeness == COMPLETENESS_COMPLETE)
		assert_int_not_equal(report->start_ns, ABSENT_U64);
}

static inline void report_times_check(const struct connection_report *report)
{
	assert_true(report->state_count <= REPORT_STATES_MAX && report->note_count <= REPORT_NOTES_MAX);
	for (uint8_t i = 1; i < report->state_count; i++)
		assert_true(report->states[i].at_ns >= report->states[i - 1].at_ns);
	if (report->start_ns != ABSENT_U64)
		assert_true(report->end_ns >= report->start_ns);
	if (report->has_time_wait && report->time_wait_end_ns != ABSENT_U64)
		assert_true(report->time_wait_end_ns >= report->time_wait_begin_ns);
}

/* ---- the books ----------------------------------------------------------------------------------- */

/*
 * Goes through all queues: what is counted on the way must be what is there. reports: first revisions that the tracker
 * has given, handshakes: those of them that were of requests; TRACKER_NO_ROOM: connections may have been given up.
 */
static inline void tracker_books_check(const struct tracker *tracker, uint64_t reports, uint64_t handshakes)
{
	struct connection_table *table = tracker->table;
	uint32_t ownerless = 0, unreported = 0, queued = 0;

	for (enum connection_queue queue = QUEUE_LIVE; queue < QUEUES; queue++) {
		const struct connection *connection = connection_first(table, queue);

		for (; connection; connection = connection_next(table, connection), queued++) {
			const struct ending *ending = connection_ending_get(table, connection);

			assert_int_equal(connection->queue, queue);
			assert_ptr_equal(connection_find(table, connection->cookie), connection);
			assert_int_not_equal(connection->state, TCP_LISTEN);
			ownerless += queue == QUEUE_LIVE && connection->source < SOURCE_CONNECT;
			if (queue != QUEUE_LIVE)
				assert_non_null(ending);
			unreported += (queue == QUEUE_SETTLE || queue == QUEUE_HOLD) && !ending->revision;
		}
	}
	assert_int_equal(tracker->ownerless, ownerless);
	assert_true(queued <= connection_count(table));
	if (reports == TRACKER_NO_ROOM)
		return;
	assert_int_equal(tracker->stats.reports, reports);
	assert_int_equal(tracker->stats.births, tracker_live(tracker) + unreported + reports - handshakes);
}

#endif
