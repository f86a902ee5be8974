// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_table.c: every metric there is, a row each: name, meaning, and where its numbers stand; see
 * metrics_internal.h. How a line is written it does not know.
 *
 * Every label value of the vocabulary is there from the first scrape on, with 0: rate() and increase() need to have
 * seen a counter before it moves.
 */
#include "report/finding_words.h"
#include "report/names.h"
#include "serve/metrics_internal.h"

#define STATUS(field)  .base = BASE_STATUS, .offset = offsetof(struct service_status, field)
#define TRACKER(field) .base = BASE_TRACKER, .offset = offsetof(struct tracker_stats, field)
#define TOTALS(field)  .base = BASE_TOTALS, .offset = offsetof(struct totals, field)
#define AUDIT(field)   .base = BASE_AUDIT, .offset = offsetof(struct service_audit, field)
#define DERIVED(field) .base = BASE_DERIVED, .offset = offsetof(struct metrics_derived, field)

/* A dimension of one label, its words from a table of names.h. */
#define DIMENSION(object, table, elements)                                                                             \
	static const char *object##_word(unsigned index)                                                               \
	{                                                                                                              \
		return name_of(&table, index);                                                                         \
	}                                                                                                              \
	static const struct metric_dimension by_##object = {elements, {{#object, object##_word}}}

DIMENSION(state, tcp_state_names, TCP_STATES);
DIMENSION(class, class_names, connection_class_count);
DIMENSION(initiator, initiator_names, connection_initiator_count);
DIMENSION(completeness, completeness_names, completeness_count);
DIMENSION(kind, event_kind_names, EVENT_KINDS);

static const char *cause_word(unsigned index)
{
	return name_of(&cause_names, index);
}

static const char *class_of_cause_word(unsigned index)
{
	return class_word(cause_class((enum connection_cause)index));
}

static const char *reason_word(unsigned index)
{
	return index == RESET_REASON_UNKNOWN ? "none" : name_of(&reset_reason_names, index);
}

static const char *counter_word(unsigned index)
{
	return audit_counter_at(index)->name;
}

/* One label whose words are only used here, in the order of the fields that they stand for. */
#define DIMENSION_OF(object, label, ...)                                                                               \
	static const char *object##_word(unsigned index)                                                               \
	{                                                                                                              \
		static const char *const words[] = {__VA_ARGS__};                                                      \
		return words[index];                                                                                   \
	}                                                                                                              \
	static const struct metric_dimension by_##object = {sizeof((const char *const[]){__VA_ARGS__}) /               \
								    sizeof(char *),                                    \
							    {{label, object##_word}}}

DIMENSION_OF(probe, "kind", "keepalive", "window");
DIMENSION_OF(given_up, "state", "closed", "live");
DIMENSION_OF(server, "server", "control", "http");
DIMENSION_OF(history_state, "state", "writing", "failing", "foreign", "discarded", "off");

static const struct metric_dimension by_cause = {
	connection_cause_count,
	{{"class", class_of_cause_word}, {"cause", cause_word}},
};
static const char *finding_word(unsigned index)
{
	return name_of(&finding_kind_names, index);
}

static const char *finding_of_certainty_word(unsigned index)
{
	return finding_word(index / FINDING_CERTAINTY_COUNT);
}

static const char *certainty_word(unsigned index)
{
	return name_of(&finding_certainty_names, index % FINDING_CERTAINTY_COUNT);
}

static const struct metric_dimension by_finding = {FINDING_KIND_COUNT, {{"kind", finding_word}}};
static const struct metric_dimension by_finding_and_certainty = {
	FINDING_KIND_COUNT * FINDING_CERTAINTY_COUNT,
	{{"kind", finding_of_certainty_word}, {"certainty", certainty_word}},
};
static const struct metric_dimension by_reason = {RESET_REASONS, {{"reason", reason_word}}};
static const struct metric_dimension by_counter = {AUDIT_COUNTERS, {{"counter", counter_word}}};

/* Such a row begins at the first of fields that follow each other. */
_Static_assert(offsetof(struct totals, window_probes) == offsetof(struct totals, keepalive_probes) + sizeof(uint64_t),
	       "by_probe");
_Static_assert(offsetof(struct tracker_stats, given_up_live) ==
		       offsetof(struct tracker_stats, given_up_closed) + sizeof(uint64_t),
	       "by_given_up");
_Static_assert(offsetof(struct service_status, http) ==
		       offsetof(struct service_status, control) + sizeof(struct server_status),
	       "by_server");

#define EACH_KIND    .dimension = &by_kind, .stride = sizeof(struct event_count)
#define EACH_SERVER  .dimension = &by_server, .stride = sizeof(struct server_status)
#define EACH_COUNTER .dimension = &by_counter, .stride = sizeof(struct service_audit)

static void build_lines(struct text *text, const char *name, const struct service_status *status)
{
	text_append_str(text, name);
	text_append_char(text, '{');
	metric_label_write(text, "version", status->version);
	text_append_char(text, ',');
	metric_label_write(text, "kernel", status->kernel);
	text_append_str(text, "} 1\n");
}

static void hook_lines(struct text *text, const char *name, const struct service_status *status)
{
	for (size_t i = 0; i < status->hook_count; i++) {
		const struct service_hook *hook = &status->hooks[i];

		text_append_str(text, name);
		text_append_char(text, '{');
		metric_label_write(text, "fact", hook->fact);
		text_append_char(text, ',');
		metric_label_write(text, "hook", hook->hook ? hook->hook : "none");
		text_append_char(text, ',');
		metric_label_write(text, "tier", hook->tier ? hook->tier : "none");
		text_append_str(text, "} 1\n");
	}
}

/* The names of parameters must not be those of fields. */
#define METRIC(full_name, kind, text, what, ...)                                                                       \
	{                                                                                                              \
		.name = full_name, .type = METRIC_##kind, .help = text, .value = VALUE_##what, __VA_ARGS__             \
	}
#define GAUGE(short_name, text, what, ...)   METRIC("lastack_" short_name, GAUGE, text, what, __VA_ARGS__)
#define COUNTER(short_name, text, what, ...) METRIC("lastack_" short_name "_total", COUNTER, text, what, __VA_ARGS__)
#define HISTOGRAM(short_name, text, ...)                                                                               \
	METRIC("lastack_" short_name "_seconds", HISTOGRAM, text, HISTOGRAM, __VA_ARGS__)
#define LABELLED(short_name, text, function)         METRIC("lastack_" short_name, GAUGE, text, U64, .lines = function)
#define PROCESS(short_name, kind, text, what, field) METRIC("process_" short_name, kind, text, what, field)

const struct metric metric_table[] = {
	LABELLED("build_info", "Version of lastack and release of the kernel that it watches; always 1.", build_lines),
	GAUGE("ready", "1 once everything that was asked for runs, 0 before and while stopping.", BOOL, DERIVED(ready)),
	GAUGE("uptime_seconds", "Time since the daemon started, by the monotonic clock.", NS, STATUS(uptime_ns)),

	/* What happens to connections. */
	GAUGE("connections", "Connections that are live, by TCP state.", U32, STATUS(live_by_state),
	      .dimension = &by_state),
	COUNTER("connections_ended", "Connections that ended, by the verdict as first given.", U64, TOTALS(ended),
		.dimension = &by_cause),
	COUNTER("connections_revised", "Verdicts that what came later changed, by the new verdict.", U64,
		TOTALS(revised), .dimension = &by_cause),
	COUNTER("connections_ended_by_initiator", "Connections that ended, by who ended them.", U64,
		TOTALS(by_initiator), .dimension = &by_initiator),
	COUNTER("connections_ended_by_completeness", "Connections that ended, by how much of them was seen.", U64,
		TOTALS(by_completeness), .dimension = &by_completeness),
	HISTOGRAM("connection_duration", "Lifetime of connections that ended and whose beginning was seen.",
		  TOTALS(duration), .dimension = &by_class),
	HISTOGRAM("handshake_duration", "Time of the TCP handshake of connections that ended.", TOTALS(handshake)),
	HISTOGRAM("close_wait_duration", "Time that connections that ended had spent in CLOSE_WAIT.",
		  TOTALS(close_wait)),
	COUNTER("sent_bytes", "Payload sent by connections that ended, retransmissions apart.", U64,
		TOTALS(bytes_sent)),
	COUNTER("received_bytes", "Payload received by connections that ended.", U64, TOTALS(bytes_received)),
	COUNTER("retransmissions", "Segments sent again, SYN-ACKs apart.", U64, TOTALS(retransmits)),
	COUNTER("synack_retransmissions", "SYN-ACKs sent again.", U64, TOTALS(synack_retransmits)),
	COUNTER("probes_sent", "Keepalive and window probes sent.", U64, TOTALS(keepalive_probes),
		.dimension = &by_probe),
	COUNTER("resets_sent", "Resets sent, by the kernel's reason.", U64, TOTALS(resets_sent),
		.dimension = &by_reason),
	COUNTER("resets_received", "Resets received.", U64, TOTALS(resets_received)),
	COUNTER("connections_violating", "Connections that ended and met the reference machine with a violation.", U64,
		TOTALS(violations)),

	/* What was seen: generated = delivered + lost + filtered. */
	COUNTER("events", "Events taken in, from rings and from listings.", U64, TOTALS(events), .dimension = &by_kind),
	COUNTER("events_generated", "Events that the kernel side generated.", U64, STATUS(events.kind[0].generated),
		EACH_KIND),
	COUNTER("events_delivered", "Events taken in from the rings.", U64, STATUS(delivered), .dimension = &by_kind),
	COUNTER("events_lost", "Events that the rings had no room for, or whose program the kernel skipped.", U64,
		STATUS(events.kind[0].lost), EACH_KIND),
	COUNTER("events_filtered", "Events that the configuration does not want.", U64, STATUS(events.kind[0].filtered),
		EACH_KIND),
	LABELLED("hook_info", "The kernel hook that each kind of fact comes from, none where none works; always 1.",
		 hook_lines),
	GAUGE("hooks_missing", "Kinds of facts that no hook of this kernel tells.", U32, DERIVED(hooks_missing)),

	/* The tracker. */
	GAUGE("tracker_connections", "Live connections that are followed.", U32, STATUS(live)),
	GAUGE("tracker_connections_max", "Connections that there is room for, closed ones included.", U32,
	      STATUS(max_connections)),
	GAUGE("tracker_memory_bytes", "Memory of what is followed.", U64, STATUS(tracker_bytes)),
	COUNTER("tracker_births", "Connections begun to be followed.", U64, TRACKER(births)),
	COUNTER("tracker_existing", "Connections begun to be followed that were older than the daemon.", U64,
		TRACKER(existing)),
	COUNTER("tracker_stray_events", "Events of sockets that are not known.", U64, TRACKER(stray_events)),
	COUNTER("tracker_transitions", "State changes held against the reference machine.", U64, TRACKER(transitions)),
	COUNTER("tracker_gaps", "State changes that were missed.", U64, TRACKER(gaps)),
	COUNTER("tracker_violations", "State changes that neither RFC 9293 nor Linux knows.", U64, TRACKER(violations)),
	COUNTER("tracker_unexplained_gaps", "State changes whose explanation may be among lost events.", U64,
		TRACKER(unexplained)),
	COUNTER("tracker_unobserved", "Connections that ended without being seen.", U64, TRACKER(unobserved)),
	COUNTER("tracker_given_up", "Connections forgotten early for want of room.", U64, TRACKER(given_up_closed),
		.dimension = &by_given_up),
	COUNTER("tracker_resyncs", "Times that all sockets were listed again.", U64, TRACKER(resyncs)),

	/* What is kept. */
	GAUGE("store_queue_reports", "Reports that wait to be stored.", U32, STATUS(writer.waiting)),
	GAUGE("store_queue_reports_max", "Most reports that have waited to be stored at one time.", U32,
	      STATUS(writer.waiting_max)),
	COUNTER("store_reports", "Reports taken over to be stored.", U64, STATUS(writer.taken)),
	COUNTER("store_reports_dropped", "Reports that the queue had no room for.", U64, STATUS(writer.dropped)),
	GAUGE("history_state", "1 for the state that the history is in.", BOOL, DERIVED(history_state),
	      .dimension = &by_history_state),
	GAUGE("history_rows", "Connections in the history.", U64, STATUS(history.rows)),
	GAUGE("history_size_bytes", "Size of the history on disk.", U64, STATUS(history.bytes)),
	COUNTER("history_rows_written", "Connections written to the history.", U64, STATUS(history.written)),
	COUNTER("history_counted", "Connections that the policy only counts by the hour.", U64,
		STATUS(history.counted)),
	COUNTER("history_not_stored", "Reports given up while the history could not be written.", U64,
		STATUS(history.not_stored)),
	COUNTER("history_failures", "Batches that could not be committed at first.", U64, STATUS(history.failures)),
	COUNTER("history_rows_expired", "Connections removed from the history by age or size.", U64,
		STATUS(history.expired)),
	GAUGE("report_files_enabled", "1 where reports are written to files.", BOOL, STATUS(has_files)),
	GAUGE("report_files_failing", "1 while report files cannot be written.", BOOL, STATUS(files.failing)),
	COUNTER("report_files_lines", "Reports written to files.", U64, STATUS(files.lines)),
	COUNTER("report_files_lost", "Reports that could not be written to files.", U64, STATUS(files.lost)),
	COUNTER("report_files_finished", "Report files finished.", U64, STATUS(files.files)),
	COUNTER("report_files_bytes", "Bytes written to report files, before compression.", U64, STATUS(files.bytes)),

	/* Who asks. */
	GAUGE("server_clients", "Clients that are connected.", U32, STATUS(control.clients), EACH_SERVER),
	COUNTER("server_clients_accepted", "Clients that were let in.", U64, STATUS(control.accepted), EACH_SERVER),
	COUNTER("server_clients_refused", "Clients that were refused, as there were too many.", U64,
		STATUS(control.refused), EACH_SERVER),
	COUNTER("server_clients_timed_out", "Clients that were cut off for being slow or silent.", U64,
		STATUS(control.timed_out), EACH_SERVER),
	COUNTER("server_requests", "Requests.", U64, STATUS(control.requests), EACH_SERVER),
	COUNTER("server_request_errors", "Requests that were answered with an error.", U64, STATUS(control.errors),
		EACH_SERVER),
	COUNTER("server_reports_dropped", "Reports that a client that follows was too slow for.", U64,
		STATUS(control.dropped), EACH_SERVER),

	/* What is wrong with live connections. */
	COUNTER("diagnoses", "Diagnoses done.", U64, STATUS(diagnoses)),
	GAUGE("findings", "Findings of the last diagnosis, by how sure they are.", U32, STATUS(findings.findings),
	      .dimension = &by_finding_and_certainty, .diagnosed = true),
	GAUGE("finding_connections", "Connections behind the findings of the last diagnosis.", U32,
	      STATUS(findings.connections), .dimension = &by_finding, .diagnosed = true),
	GAUGE("finding_oldest_seconds", "For how long the oldest of them has been so, 0 where that is not known.", NS,
	      STATUS(findings.oldest_ns), .dimension = &by_finding, .diagnosed = true),

	/* Against the kernel's own counters. */
	COUNTER("audits", "Audits done.", U64, STATUS(audits)),
	GAUGE("audit_timestamp_seconds", "When the last audit was done, 0 before the first.", US,
	      STATUS(audit_wall_us)),
	GAUGE("audit_namespaces", "Network namespaces that the last audit read.", U32, STATUS(audit_netns)),
	GAUGE("audit_present", "1 where this kernel has the counter.", BOOL, AUDIT(present), EACH_COUNTER),
	GAUGE("audit_kernel_increase", "By how much the kernel's counter grew between the last two audits.", I64,
	      AUDIT(kernel), EACH_COUNTER),
	GAUGE("audit_lastack_increase", "By how much the same grew as lastack counted it.", I64, AUDIT(lastack),
	      EACH_COUNTER),
	GAUGE("audit_difference", "Difference of the two, summed over network namespaces.", I64, AUDIT(difference),
	      EACH_COUNTER),
	COUNTER("audit_unexplained", "Differences in a network namespace that nothing explained.", U64,
		AUDIT(unexplained), EACH_COUNTER),

	/* As the client libraries of Prometheus name them. */
	PROCESS("start_time_seconds", GAUGE, "When the process started.", US, STATUS(started_wall_us)),
	PROCESS("cpu_seconds_total", COUNTER, "CPU time, user and system.", NS, DERIVED(process.cpu_ns)),
	PROCESS("resident_memory_bytes", GAUGE, "Resident memory.", U64, DERIVED(process.resident_bytes)),
	PROCESS("virtual_memory_bytes", GAUGE, "Virtual memory.", U64, DERIVED(process.virtual_bytes)),
	PROCESS("open_fds", GAUGE, "Open file descriptors.", U64, DERIVED(process.open_fds)),
	PROCESS("max_fds", GAUGE, "File descriptors that may be open.", U64, DERIVED(process.max_fds)),
};

const size_t metric_table_count = sizeof(metric_table) / sizeof(metric_table[0]);
