/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_fill.c: puts what is known of a connection, and the verdict on it, into a report. No text, no
 * wall clock: report.h says why.
 */
#include <errno.h>
#include <string.h>

#include "core/tracker_internal.h"
#include "core/verdict.h"

static uint64_t ticks_to_ns(const struct tracker *tracker, uint32_t ticks)
{
	return ticks * tracker->config.tick_ns;
}

static uint32_t ticks_to_s(const struct tracker *tracker, uint32_t ticks)
{
	return ticks_to_ns(tracker, ticks) / NS_PER_S;
}

static void fill_identity(const struct connection *connection, struct connection_report *report)
{
	bool local_is_client = connection->role == ROLE_CLIENT || connection->role == ROLE_BOTH;

	report->cookie = connection->cookie;
	report->family = connection->family;
	memcpy(report->local, connection->tuple.local, sizeof(report->local));
	memcpy(report->remote, connection->tuple.remote, sizeof(report->remote));
	report->local_port = connection->tuple.local_port;
	report->remote_port = connection->tuple.remote_port;
	report->netns = connection->tuple.netns;
	report->role = connection->role;
	report->has_id = connection->flags & CONNECTION_HAS_ISN;
	if (connection->role == ROLE_BOTH) /* no client: the lower number first, so that both ends agree */
		local_is_client = connection->local_isn < connection->remote_isn;
	report->client_isn = local_is_client ? connection->local_isn : connection->remote_isn;
	report->server_isn = local_is_client ? connection->remote_isn : connection->local_isn;
}

/*
 * The path as it was seen, but for its end: where a minisock took over and has the peer's FIN, the state
 * is TIME_WAIT, though the kernel calls it CLOSE.
 */
static void fill_times(const struct connection *connection, const struct ending *ending,
		       struct connection_report *report)
{
	for (uint8_t i = 0; i < connection->path_count; i++) {
		uint64_t entry = path_at(connection, ending, i);

		report->states[i] = (struct report_state){path_state(entry), path_ns(entry)};
	}
	report->state_count = connection->path_count;
	if (report->state_count && ending->minisock && ending->minisock_fin &&
	    report->states[report->state_count - 1].state == TCP_CLOSE)
		report->states[report->state_count - 1].state = TCP_TIME_WAIT;
	report->start_ns = connection->flags & CONNECTION_BIRTH_UNSEEN || !report->state_count
				   ? ABSENT_U64
				   : report->states[0].at_ns;
	report->end_ns = ending->close.header.kind ? ending->close.header.time_ns : connection->last_ns;
	report->handshake_ns = connection->handshake_us ? connection->handshake_us * 1000ULL : ABSENT_U64;
}

static void fill_time_wait(const struct ending *ending, const struct verdict *verdict, struct connection_report *report)
{
	static const enum time_wait_end ends[] = {
		[TIME_WAIT_BEGIN] = TIME_WAIT_END_PENDING,  [TIME_WAIT_EXPIRED] = TIME_WAIT_END_EXPIRED,
		[TIME_WAIT_KILLED] = TIME_WAIT_END_UNKNOWN, [TIME_WAIT_REUSED] = TIME_WAIT_END_REUSED,
		[TIME_WAIT_RESET] = TIME_WAIT_END_RESET,
	};

	if (!ending->minisock || ending->minisock_reset || verdict->cause == CAUSE_FIN_WAIT2_TIMEOUT)
		return;
	report->has_time_wait = true;
	report->time_wait_begin_ns = ending->minisock_begin_ns;
	report->time_wait_planned_ns = TIME_WAIT_NS;
	report->time_wait_end_ns = ending->minisock_end_ns ? ending->minisock_end_ns : ABSENT_U64;
	report->time_wait_end = ends[ending->minisock_change];
}

static void fill_process(const struct connection *connection, struct connection_report *report)
{
	report->has_process = connection->source != SOURCE_UNKNOWN || connection->uid != UINT32_MAX;
	report->process_source = connection->source;
	report->pid = connection->source != SOURCE_UNKNOWN ? connection->pid : ABSENT_U32;
	report->uid = connection->uid;
	memcpy(report->comm, connection->comm, sizeof(report->comm));
	report->cgroup = connection->cgroup;
}

/* Our SYN and our FIN take a sequence number each, but they are no bytes. */
static uint32_t unacked_payload(const struct event_close *close)
{
	unsigned int flagged = 1U << TCP_SYN_SENT | 1U << TCP_FIN_WAIT1 | 1U << TCP_CLOSING | 1U << TCP_LAST_ACK;

	return close->unacked_bytes && 1U << close->old_state & flagged ? close->unacked_bytes - 1
									: close->unacked_bytes;
}

static void fill_keepalive(const struct tracker *tracker, const struct connection *connection,
			   const struct event_close *close, struct connection_report *report)
{
	report->has_keepalive = true;
	report->keepalive_enabled = close->header.flags & EVENT_KEEPALIVE_ON;
	if (!report->keepalive_enabled)
		return;
	report->keepalive_idle_s = ticks_to_s(tracker, close->keepalive_idle_ticks);
	report->keepalive_interval_s = ticks_to_s(tracker, close->keepalive_interval_ticks);
	report->keepalive_probes = close->keepalive_probes;
	report->keepalive_probes_sent = connection->probes_sent;
	/* Without a hook for probes at least those count that nobody answered. */
	if (!close->unacked_bytes && close->probes_out > report->keepalive_probes_sent)
		report->keepalive_probes_sent = close->probes_out;
}

static void numbers_absent(const struct connection *connection, struct connection_report *report)
{
	report->retransmits = connection->retransmits;
	report->silent_ns = ABSENT_U64;
	report->bytes_sent = report->bytes_received = ABSENT_U64;
	report->unacked_bytes = report->unread_bytes = report->timeouts = ABSENT_U32;
	report->user_timeout_ms = report->srtt_us = ABSENT_U32;
	report->keepalive_idle_s = report->keepalive_interval_s = ABSENT_U32;
	report->keepalive_probes = report->keepalive_probes_sent = ABSENT_U32;
}

static void fill_numbers(const struct tracker *tracker, const struct connection *connection,
			 const struct event_close *close, struct connection_report *report)
{
	numbers_absent(connection, report);
	if (!close->header.kind)
		return;
	report->bytes_sent = close->bytes_sent;
	report->bytes_received = close->bytes_received;
	report->unacked_bytes = unacked_payload(close);
	report->unread_bytes = close->unread_bytes;
	report->retransmits = close->total_retransmits;
	report->timeouts = close->total_timeouts;
	if (close->user_timeout_ms)
		report->user_timeout_ms = close->user_timeout_ms;
	if (close->silent_ticks != UINT32_MAX)
		report->silent_ns = ticks_to_ns(tracker, close->silent_ticks);
	if (close->srtt_us)
		report->srtt_us = close->srtt_us;
	fill_keepalive(tracker, connection, close, report);
}

static void fill_verdict(const struct ending *ending, const struct verdict *verdict, struct connection_report *report)
{
	report->class = verdict_class(verdict->cause);
	report->cause = verdict->cause;
	report->context = verdict->context;
	report->initiator = verdict->initiator;
	report->how = verdict->how;
	report->exit_code = verdict->exit_code;
	report->exit_signal = verdict->exit_signal;
	report->error = verdict->error;
	report->evidence_count = verdict->evidence_count;
	memcpy(report->evidence, verdict->evidence, sizeof(report->evidence));
	if (ending->minisock_reset)
		report->rst_reason = RESET_REASON_TIMEWAIT_SOCKET;
	else if (ending->sent.header.kind && ending->sent.reason != RESET_REASON_UNKNOWN)
		report->rst_reason = ending->sent.reason;
}

static void fill_completeness(const struct tracker *tracker, const struct connection *connection,
			      const struct ending *ending, struct connection_report *report)
{
	uint64_t lost = ending->opened_ns ? tracker->stats.events_lost - ending->losses_before : 0;

	report->completeness = COMPLETENESS_COMPLETE;
	if (connection->flags & (CONNECTION_BIRTH_UNSEEN | CONNECTION_GAP) || lost)
		report->completeness = COMPLETENESS_PARTIAL;
	if (ending->end_unseen || report->cause == CAUSE_UNOBSERVED)
		report->completeness = COMPLETENESS_INFERRED;
	if (lost && report->evidence_count < REPORT_EVIDENCE_MAX)
		report->evidence[report->evidence_count++] = (struct report_evidence){EVIDENCE_EVENTS_LOST, lost};
}

/* Could an event between the last two transitions have been lost? Then its absence proves nothing. */
static bool loss_is_nearby(const struct tracker *tracker, const struct connection *connection,
			   const struct ending *ending)
{
	uint8_t before = connection->path_count > 1 ? connection->path_count - 2 : 0;
	uint64_t entry = path_at(connection, ending, before);

	return lost_since(tracker, path_ns(entry));
}

/*
 * A timer that gives up sets sk_err, and then closes; up to 6.10 it wakes the process in between (tcp_write_err()). A
 * process on another CPU may have fetched the error by then, which clears it. Nothing else ends a connection that a
 * process holds in a softirq, without a reset and with timeouts counted: any segment that did would have acknowledged
 * something, which clears both counts. Before an answer they must have run out, for ICMP ends it as well.
 */
static bool error_was_fetched(const struct ending *ending)
{
	const struct event_close *close = &ending->close;
	bool counted = close->retransmits || close->probes_out;
	bool by_keepalive = close->header.flags & EVENT_KEEPALIVE_ON && close->probes_out && !close->unacked_bytes &&
			    (ending->sent.reason == RESET_REASON_KEEPALIVE_TIMEOUT ||
			     ending->sent.reason == RESET_REASON_UNKNOWN);

	if (!close->header.kind || close->error || !counted || close->header.flags & EVENT_TASK_ACTS ||
	    !(close->header.flags & EVENT_HAS_SOCKET) || ending->received.header.kind || ending->loss_nearby)
		return false;
	if (ending->sent.header.kind && !by_keepalive)
		return false;
	return close->old_state != TCP_SYN_SENT || (close->limit && close->retransmits >= close->limit);
}

/* A connection from before the monitor whose local end somebody listens on came in through it. */
static uint8_t role_of(struct tracker *tracker, const struct connection *connection)
{
	if (connection->role == ROLE_UNKNOWN && listener_find(tracker, &connection->tuple, connection->family))
		return ROLE_SERVER;
	return connection->role;
}

void report_fill(struct tracker *tracker, struct connection *connection, struct ending *ending,
		 struct connection_report *report)
{
	struct verdict verdict;

	ending->loss_nearby = loss_is_nearby(tracker, connection, ending);
	if (error_was_fetched(ending)) {
		ending->error_fetched = true;
		ending->close.error = ending->close.soft_error ? ending->close.soft_error : ETIMEDOUT;
	}
	verdict_decide(connection, ending, tracker->config.tick_ns, &verdict);
	memset(report, 0, sizeof(*report));
	connection->role = role_of(tracker, connection);
	fill_identity(connection, report);
	fill_verdict(ending, &verdict, report);
	fill_times(connection, ending, report);
	fill_time_wait(ending, &verdict, report);
	fill_process(connection, report);
	fill_numbers(tracker, connection, &ending->close, report);
	fill_completeness(tracker, connection, ending, report);
	judge_report(tracker, connection, ending, report);
}

/* What the last listing told stands in for what the close would have told. */
static void fill_live_facts(const struct connection *connection, const struct live_facts *facts,
			    struct connection_report *report)
{
	report->unacked_bytes = facts->unacked_bytes;
	report->unread_bytes = facts->unread_bytes;
	if (facts->silent_ms != UINT32_MAX)
		report->silent_ns = facts->silent_ms * NS_PER_MS;
	if (facts->user_timeout_ms)
		report->user_timeout_ms = facts->user_timeout_ms;
	report->has_keepalive = true;
	report->keepalive_enabled = facts->flags & EVENT_KEEPALIVE_ON;
	if (!report->keepalive_enabled)
		return;
	report->keepalive_idle_s = facts->keepalive_idle_s;
	report->keepalive_interval_s = facts->keepalive_interval_s;
	report->keepalive_probes = facts->keepalive_probes;
	report->keepalive_probes_sent = connection->probes_sent;
}

void tracker_report_live(struct tracker *tracker, const struct connection *connection, uint64_t now_ns,
			 struct connection_report *report)
{
	static const struct ending none;
	const struct ending *ending = connection_ending_get(tracker->table, connection);
	const struct live_facts *facts = tracker_facts(tracker, connection);

	memset(report, 0, sizeof(*report));
	fill_identity(connection, report);
	report->role = role_of(tracker, connection);
	report->exit_code = report->exit_signal = -1;
	report->completeness = connection->flags & (CONNECTION_BIRTH_UNSEEN | CONNECTION_GAP) ? COMPLETENESS_PARTIAL
											      : COMPLETENESS_COMPLETE;
	fill_times(connection, ending ? ending : &none, report);
	report->end_ns = now_ns;
	fill_process(connection, report);
	numbers_absent(connection, report);
	if (facts)
		fill_live_facts(connection, facts, report);
}
