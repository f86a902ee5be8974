// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_metrics.c: the page that Prometheus scrapes: its format, the names that dashboards and alerts rest on, and that
 * each number comes from where it should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exposition_check.h"
#include "report/finding_words.h"
#include "report/names.h"
#include "sample_service.h"
#include "serve/metrics.h"

static struct sample_service sample;
static struct text text;
static struct exposition page;

static int begin(void **state)
{
	(void)state;
	sample_service_init(&sample);
	return 0;
}

static int end(void **state)
{
	(void)state;
	text_free(&text);
	return 0;
}

static const char *render(void)
{
	const char *wrong;

	text_clear(&text);
	metrics_write(&text, &sample.status);
	assert_false(text.failed);
	wrong = exposition_check(&page, text_string(&text));
	if (wrong)
		fail_msg("not the format of Prometheus: %.*s", (int)strcspn(wrong, "\n"), wrong);
	return text_string(&text);
}

/* Is this line there, whole? */
static void check_line(const char *shown, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = shown; (at = strstr(at, line)); at++)
		if ((at == shown || at[-1] == '\n') && at[length] == '\n')
			return;
	fail_msg("no line is: %s", line);
}

/* Whoever renames or drops one of these breaks somebody's dashboard. */
static const char *const names[][2] = {
	{"lastack_build_info", "gauge"},
	{"lastack_ready", "gauge"},
	{"lastack_uptime_seconds", "gauge"},
	{"lastack_connections", "gauge"},
	{"lastack_connections_ended_total", "counter"},
	{"lastack_connections_revised_total", "counter"},
	{"lastack_connections_ended_by_initiator_total", "counter"},
	{"lastack_connections_ended_by_completeness_total", "counter"},
	{"lastack_connection_duration_seconds", "histogram"},
	{"lastack_handshake_duration_seconds", "histogram"},
	{"lastack_close_wait_duration_seconds", "histogram"},
	{"lastack_sent_bytes_total", "counter"},
	{"lastack_received_bytes_total", "counter"},
	{"lastack_retransmissions_total", "counter"},
	{"lastack_synack_retransmissions_total", "counter"},
	{"lastack_probes_sent_total", "counter"},
	{"lastack_resets_sent_total", "counter"},
	{"lastack_resets_received_total", "counter"},
	{"lastack_connections_violating_total", "counter"},
	{"lastack_events_total", "counter"},
	{"lastack_events_generated_total", "counter"},
	{"lastack_events_delivered_total", "counter"},
	{"lastack_events_lost_total", "counter"},
	{"lastack_events_filtered_total", "counter"},
	{"lastack_hook_info", "gauge"},
	{"lastack_hooks_missing", "gauge"},
	{"lastack_tracker_connections", "gauge"},
	{"lastack_tracker_connections_max", "gauge"},
	{"lastack_tracker_memory_bytes", "gauge"},
	{"lastack_tracker_births_total", "counter"},
	{"lastack_tracker_existing_total", "counter"},
	{"lastack_tracker_stray_events_total", "counter"},
	{"lastack_tracker_transitions_total", "counter"},
	{"lastack_tracker_gaps_total", "counter"},
	{"lastack_tracker_violations_total", "counter"},
	{"lastack_tracker_unexplained_gaps_total", "counter"},
	{"lastack_tracker_unobserved_total", "counter"},
	{"lastack_tracker_given_up_total", "counter"},
	{"lastack_tracker_resyncs_total", "counter"},
	{"lastack_store_queue_reports", "gauge"},
	{"lastack_store_queue_reports_max", "gauge"},
	{"lastack_store_reports_total", "counter"},
	{"lastack_store_reports_dropped_total", "counter"},
	{"lastack_history_state", "gauge"},
	{"lastack_history_rows", "gauge"},
	{"lastack_history_size_bytes", "gauge"},
	{"lastack_history_rows_written_total", "counter"},
	{"lastack_history_counted_total", "counter"},
	{"lastack_history_not_stored_total", "counter"},
	{"lastack_history_failures_total", "counter"},
	{"lastack_history_rows_expired_total", "counter"},
	{"lastack_report_files_enabled", "gauge"},
	{"lastack_report_files_failing", "gauge"},
	{"lastack_report_files_lines_total", "counter"},
	{"lastack_report_files_lost_total", "counter"},
	{"lastack_report_files_finished_total", "counter"},
	{"lastack_report_files_bytes_total", "counter"},
	{"lastack_server_clients", "gauge"},
	{"lastack_server_clients_accepted_total", "counter"},
	{"lastack_server_clients_refused_total", "counter"},
	{"lastack_server_clients_timed_out_total", "counter"},
	{"lastack_server_requests_total", "counter"},
	{"lastack_server_request_errors_total", "counter"},
	{"lastack_server_reports_dropped_total", "counter"},
	{"lastack_diagnoses_total", "counter"},
	{"lastack_findings", "gauge"},
	{"lastack_finding_connections", "gauge"},
	{"lastack_finding_oldest_seconds", "gauge"},
	{"lastack_audits_total", "counter"},
	{"lastack_audit_timestamp_seconds", "gauge"},
	{"lastack_audit_namespaces", "gauge"},
	{"lastack_audit_present", "gauge"},
	{"lastack_audit_kernel_increase", "gauge"},
	{"lastack_audit_lastack_increase", "gauge"},
	{"lastack_audit_difference", "gauge"},
	{"lastack_audit_unexplained_total", "counter"},
	{"process_start_time_seconds", "gauge"},
	{"process_cpu_seconds_total", "counter"},
	{"process_resident_memory_bytes", "gauge"},
	{"process_virtual_memory_bytes", "gauge"},
	{"process_open_fds", "gauge"},
	{"process_max_fds", "gauge"},
};

static void no_name_disappears(void **state)
{
	const char *shown = render();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char line[256];

		snprintf(line, sizeof(line), "# TYPE %s %s", names[i][0], names[i][1]);
		check_line(shown, line);
	}
	assert_int_equal(page.metrics, sizeof(names) / sizeof(names[0]));
}

/* All of the vocabulary is there before anything has happened. */
static void every_word_is_there_with_0(void **state)
{
	const char *shown = render();
	char line[256];

	(void)state;
	for (unsigned i = 0; i < connection_cause_count; i++) {
		snprintf(line, sizeof(line), "lastack_connections_ended_total{class=\"%s\",cause=\"%s\"} 0",
			 name_of(&class_names, cause_class((enum connection_cause)i)), name_of(&cause_names, i));
		check_line(shown, line);
	}
	for (unsigned i = 1; i < TCP_STATES; i++) {
		snprintf(line, sizeof(line), "lastack_connections{state=\"%s\"} 0", name_of(&tcp_state_names, i));
		check_line(shown, line);
	}
	for (unsigned i = 1; i < RESET_REASONS; i++) {
		snprintf(line, sizeof(line), "lastack_resets_sent_total{reason=\"%s\"} 0",
			 name_of(&reset_reason_names, i));
		check_line(shown, line);
	}
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++) {
		snprintf(line, sizeof(line), "lastack_audit_unexplained_total{counter=\"%s\"} 0",
			 audit_counter_at(i)->name);
		check_line(shown, line);
	}
	for (unsigned i = 0; i < FINDING_KIND_COUNT * FINDING_CERTAINTY_COUNT; i++) {
		snprintf(line, sizeof(line), "lastack_findings{kind=\"%s\",certainty=\"%s\"} 0",
			 name_of(&finding_kind_names, i / FINDING_CERTAINTY_COUNT),
			 name_of(&finding_certainty_names, i % FINDING_CERTAINTY_COUNT));
		check_line(shown, line);
	}
	check_line(shown, "lastack_finding_connections{kind=\"peer_cluster\"} 0");
	check_line(shown, "lastack_resets_sent_total{reason=\"none\"} 0");
	check_line(shown, "lastack_events_lost_total{kind=\"existing\"} 0");
	check_line(shown, "lastack_connection_duration_seconds_bucket{class=\"aborted\",le=\"+Inf\"} 0");
}

static void numbers_of_connections_are_shown(void **state)
{
	struct totals *totals = &sample.totals;
	const char *shown;

	(void)state;
	sample.status.live_by_state[TCP_CLOSE_WAIT] = 7;
	totals->ended[CAUSE_REFUSED] = 11;
	totals->revised[CAUSE_REFUSED] = 12;
	totals->by_initiator[INITIATOR_PEER] = 13;
	totals->by_completeness[COMPLETENESS_INFERRED] = 14;
	totals->bytes_sent = 15;
	totals->bytes_received = 16;
	totals->retransmits = 17;
	totals->synack_retransmits = 18;
	totals->keepalive_probes = 19;
	totals->window_probes = 20;
	totals->resets_sent[RESET_REASON_ABORT_ON_CLOSE] = 21;
	totals->resets_sent[RESET_REASON_UNKNOWN] = 22;
	totals->resets_received = 23;
	totals->violations = 24;
	shown = render();
	check_line(shown, "lastack_connections{state=\"CLOSE_WAIT\"} 7");
	check_line(shown, "lastack_connections_ended_total{class=\"open_failed\",cause=\"refused\"} 11");
	check_line(shown, "lastack_connections_revised_total{class=\"open_failed\",cause=\"refused\"} 12");
	check_line(shown, "lastack_connections_ended_by_initiator_total{initiator=\"peer\"} 13");
	check_line(shown, "lastack_connections_ended_by_completeness_total{completeness=\"inferred\"} 14");
	check_line(shown, "lastack_sent_bytes_total 15");
	check_line(shown, "lastack_received_bytes_total 16");
	check_line(shown, "lastack_retransmissions_total 17");
	check_line(shown, "lastack_synack_retransmissions_total 18");
	check_line(shown, "lastack_probes_sent_total{kind=\"keepalive\"} 19");
	check_line(shown, "lastack_probes_sent_total{kind=\"window\"} 20");
	check_line(shown, "lastack_resets_sent_total{reason=\"TCP_ABORT_ON_CLOSE\"} 21");
	check_line(shown, "lastack_resets_sent_total{reason=\"none\"} 22");
	check_line(shown, "lastack_resets_received_total 23");
	check_line(shown, "lastack_connections_violating_total 24");
}

static void histograms_are_cumulative_and_in_seconds(void **state)
{
	struct histogram *reset = &sample.totals.duration[CLASS_RESET];
	const char *shown;

	(void)state;
	reset->bucket[0] = 1;                /* 100 us */
	reset->bucket[3] = 2;                /* 100 ms */
	reset->bucket[HISTOGRAM_BOUNDS] = 3; /* more than a day */
	reset->count = 6;
	reset->sum_us = 90061500042;
	sample.totals.handshake = (struct histogram){.bucket = {0, 5}, .count = 5, .sum_us = 2500};
	shown = render();
	check_line(shown, "lastack_connection_duration_seconds_bucket{class=\"reset\",le=\"0.0001\"} 1");
	check_line(shown, "lastack_connection_duration_seconds_bucket{class=\"reset\",le=\"0.01\"} 1");
	check_line(shown, "lastack_connection_duration_seconds_bucket{class=\"reset\",le=\"0.1\"} 3");
	check_line(shown, "lastack_connection_duration_seconds_bucket{class=\"reset\",le=\"86400\"} 3");
	check_line(shown, "lastack_connection_duration_seconds_bucket{class=\"reset\",le=\"+Inf\"} 6");
	check_line(shown, "lastack_connection_duration_seconds_sum{class=\"reset\"} 90061.500042");
	check_line(shown, "lastack_connection_duration_seconds_count{class=\"reset\"} 6");
	check_line(shown, "lastack_connection_duration_seconds_count{class=\"graceful\"} 0");
	check_line(shown, "lastack_handshake_duration_seconds_bucket{le=\"0.0001\"} 0");
	check_line(shown, "lastack_handshake_duration_seconds_bucket{le=\"0.001\"} 5");
	check_line(shown, "lastack_handshake_duration_seconds_sum 0.0025");
	check_line(shown, "lastack_handshake_duration_seconds_count 5");
	check_line(shown, "lastack_close_wait_duration_seconds_count 0");
}

static void numbers_of_the_monitor_are_shown(void **state)
{
	struct service_status *status = &sample.status;
	const char *shown;

	(void)state;
	status->events.kind[EVENT_CLOSE] = (struct event_count){.generated = 10, .lost = 3, .filtered = 2};
	status->delivered[EVENT_CLOSE] = 5;
	sample.totals.events[EVENT_CLOSE] = 6;
	status->live = 31;
	status->tracker_bytes = 32;
	sample.tracker = (struct tracker_stats){.gaps = 41,
						.violations = 42,
						.unobserved = 43,
						.given_up_closed = 44,
						.given_up_live = 45,
						.stray_events = 46,
						.resyncs = 47,
						.transitions = 48,
						.unexplained = 49,
						.births = 50,
						.existing = 51};
	shown = render();
	check_line(shown, "lastack_events_generated_total{kind=\"close\"} 10");
	check_line(shown, "lastack_events_delivered_total{kind=\"close\"} 5");
	check_line(shown, "lastack_events_lost_total{kind=\"close\"} 3");
	check_line(shown, "lastack_events_filtered_total{kind=\"close\"} 2");
	check_line(shown, "lastack_events_total{kind=\"close\"} 6");
	check_line(
		shown,
		"lastack_hook_info{fact=\"state change\",hook=\"tp_btf/inet_sock_set_state\",tier=\"tracepoint\"} 1");
	check_line(shown, "lastack_hook_info{fact=\"probe\",hook=\"none\",tier=\"none\"} 1");
	check_line(shown, "lastack_hooks_missing 1");
	check_line(shown, "lastack_tracker_connections 31");
	check_line(shown, "lastack_tracker_connections_max 65536");
	check_line(shown, "lastack_tracker_memory_bytes 32");
	check_line(shown, "lastack_tracker_gaps_total 41");
	check_line(shown, "lastack_tracker_violations_total 42");
	check_line(shown, "lastack_tracker_unobserved_total 43");
	check_line(shown, "lastack_tracker_given_up_total{state=\"closed\"} 44");
	check_line(shown, "lastack_tracker_given_up_total{state=\"live\"} 45");
	check_line(shown, "lastack_tracker_stray_events_total 46");
	check_line(shown, "lastack_tracker_resyncs_total 47");
	check_line(shown, "lastack_tracker_transitions_total 48");
	check_line(shown, "lastack_tracker_unexplained_gaps_total 49");
	check_line(shown, "lastack_tracker_births_total 50");
	check_line(shown, "lastack_tracker_existing_total 51");
}

static void numbers_of_stores_and_servers_are_shown(void **state)
{
	struct service_status *status = &sample.status;
	const char *shown;

	(void)state;
	status->writer = (struct store_writer_status){.taken = 1, .dropped = 2, .waiting = 3, .waiting_max = 4};
	status->history = (struct history_status){
		.rows = 5, .bytes = 6, .written = 7, .counted = 8, .not_stored = 9, .failures = 10, .expired = 11};
	status->has_files = true;
	status->files =
		(struct report_files_status){.failing = true, .lines = 12, .lost = 13, .files = 14, .bytes = 15};
	status->control = (struct server_status){16, 17, 18, 19, 20, 21, 22};
	status->http = (struct server_status){26, 27, 28, 29, 30, 31, 32};
	shown = render();
	check_line(shown, "lastack_store_reports_total 1");
	check_line(shown, "lastack_store_reports_dropped_total 2");
	check_line(shown, "lastack_store_queue_reports 3");
	check_line(shown, "lastack_store_queue_reports_max 4");
	check_line(shown, "lastack_history_rows 5");
	check_line(shown, "lastack_history_size_bytes 6");
	check_line(shown, "lastack_history_rows_written_total 7");
	check_line(shown, "lastack_history_counted_total 8");
	check_line(shown, "lastack_history_not_stored_total 9");
	check_line(shown, "lastack_history_failures_total 10");
	check_line(shown, "lastack_history_rows_expired_total 11");
	check_line(shown, "lastack_report_files_enabled 1");
	check_line(shown, "lastack_report_files_failing 1");
	check_line(shown, "lastack_report_files_lines_total 12");
	check_line(shown, "lastack_report_files_lost_total 13");
	check_line(shown, "lastack_report_files_finished_total 14");
	check_line(shown, "lastack_report_files_bytes_total 15");
	check_line(shown, "lastack_server_clients{server=\"control\"} 16");
	check_line(shown, "lastack_server_clients_accepted_total{server=\"control\"} 17");
	check_line(shown, "lastack_server_clients_refused_total{server=\"control\"} 18");
	check_line(shown, "lastack_server_requests_total{server=\"control\"} 19");
	check_line(shown, "lastack_server_request_errors_total{server=\"control\"} 20");
	check_line(shown, "lastack_server_clients_timed_out_total{server=\"control\"} 21");
	check_line(shown, "lastack_server_reports_dropped_total{server=\"control\"} 22");
	check_line(shown, "lastack_server_clients{server=\"http\"} 26");
	check_line(shown, "lastack_server_reports_dropped_total{server=\"http\"} 32");
}

static void check_history_state(const char *expected)
{
	static const char *const states[] = {"writing", "failing", "foreign", "discarded", "off"};
	const char *shown = render();
	char line[256];

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		snprintf(line, sizeof(line), "lastack_history_state{state=\"%s\"} %d", states[i],
			 !strcmp(states[i], expected));
		check_line(shown, line);
	}
}

static void one_state_of_the_history_holds(void **state)
{
	(void)state;
	check_history_state("writing");
	sample.status.history.state = HISTORY_FAILING;
	check_history_state("failing");
	sample.status.history.state = HISTORY_FOREIGN;
	check_history_state("foreign");
	sample.status.history.state = HISTORY_DISCARDED;
	check_history_state("discarded");
	sample.status.has_history = false;
	check_history_state("off");
}

static void the_audit_is_shown_by_counter(void **state)
{
	const char *shown;

	(void)state;
	sample.audit[1] = (struct service_audit){.counter = audit_counter_at(1),
						 .kernel = -1,
						 .lastack = 2,
						 .difference = -3,
						 .unexplained = 4,
						 .present = true};
	sample.status.audits = 5;
	sample.status.audit_netns = 6;
	sample.status.audit_wall_us = 1700000000250000;
	shown = render();
	check_line(shown, "lastack_audit_kernel_increase{counter=\"PassiveOpens\"} -1");
	check_line(shown, "lastack_audit_lastack_increase{counter=\"PassiveOpens\"} 2");
	check_line(shown, "lastack_audit_difference{counter=\"PassiveOpens\"} -3");
	check_line(shown, "lastack_audit_unexplained_total{counter=\"PassiveOpens\"} 4");
	check_line(shown, "lastack_audit_present{counter=\"PassiveOpens\"} 1");
	check_line(shown, "lastack_audit_present{counter=\"ActiveOpens\"} 0");
	check_line(shown, "lastack_audits_total 5");
	check_line(shown, "lastack_audit_namespaces 6");
	check_line(shown, "lastack_audit_timestamp_seconds 1700000000.25");
	sample.status.audit = NULL; /* before the first */
	check_line(render(), "lastack_audit_difference{counter=\"PassiveOpens\"} 0");
}

static void findings_are_shown(void **state)
{
	struct service_findings *findings = &sample.status.findings;
	const char *shown;

	(void)state;
	findings->findings[FINDING_ZERO_WINDOW_STALL][CERTAINTY_LIKELY] = 2;
	findings->findings[FINDING_ZERO_WINDOW_STALL][CERTAINTY_CERTAIN] = 3;
	findings->connections[FINDING_ZERO_WINDOW_STALL] = 40;
	findings->oldest_ns[FINDING_ZERO_WINDOW_STALL] = 1500000000;
	sample.status.diagnoses = 6;
	shown = render();
	check_line(shown, "lastack_findings{kind=\"zero_window_stall\",certainty=\"likely\"} 2");
	check_line(shown, "lastack_findings{kind=\"zero_window_stall\",certainty=\"certain\"} 3");
	check_line(shown, "lastack_findings{kind=\"zero_window_stall\",certainty=\"possible\"} 0");
	check_line(shown, "lastack_finding_connections{kind=\"zero_window_stall\"} 40");
	check_line(shown, "lastack_finding_connections{kind=\"syn_recv_pileup\"} 0");
	check_line(shown, "lastack_finding_oldest_seconds{kind=\"zero_window_stall\"} 1.5");
	check_line(shown, "lastack_diagnoses_total 6");
}

static void no_findings_where_nothing_is_diagnosed(void **state)
{
	const char *shown;

	(void)state;
	sample.status.diagnosing = false;
	shown = render();
	assert_null(strstr(shown, "lastack_finding"));
	check_line(shown, "lastack_diagnoses_total 0");
}

static void what_runs_is_shown(void **state)
{
	const char *shown = render();

	(void)state;
	check_line(shown, "lastack_build_info{version=\"1.2.3\",kernel=\"6.18.0\"} 1");
	check_line(shown, "lastack_uptime_seconds 90.5");
	check_line(shown, "process_start_time_seconds 1700000000.5");
	check_line(shown, "lastack_ready 1");
	sample.status.stopping = true;
	check_line(render(), "lastack_ready 0");
	sample.status.stopping = sample.status.ready = false;
	check_line(render(), "lastack_ready 0");
}

static double number_of(const char *shown, const char *name)
{
	char begin_of_line[128];
	const char *at;

	snprintf(begin_of_line, sizeof(begin_of_line), "\n%s ", name);
	at = strstr(shown, begin_of_line);
	assert_non_null(at);
	return strtod(at + strlen(begin_of_line), NULL);
}

static void the_process_is_measured(void **state)
{
	double fds = number_of(render(), "process_open_fds"),
	       cpu = number_of(text_string(&text), "process_cpu_seconds_total");
	int fd = dup(STDOUT_FILENO);
	const char *shown;

	(void)state;
	for (clock_t until = clock() + CLOCKS_PER_SEC / 20; clock() < until;) /* more than the kernel's tick */
		;
	shown = render();
	assert_true(number_of(shown, "process_open_fds") == fds + 1);
	assert_true(number_of(shown, "process_cpu_seconds_total") > cpu);
	assert_true(number_of(shown, "process_cpu_seconds_total") < cpu + 60);
	assert_true(number_of(shown, "process_resident_memory_bytes") > 1 << 20);
	assert_true(number_of(shown, "process_virtual_memory_bytes") >
		    number_of(shown, "process_resident_memory_bytes"));
	assert_true(number_of(shown, "process_max_fds") >= fds);
	close(fd);
}

static void labels_are_escaped(void **state)
{
	(void)state;
	sample.status.kernel = "a\"b\\c\nd\x01\xff{},= e";
	check_line(render(), "lastack_build_info{version=\"1.2.3\",kernel=\"a\\\"b\\\\c\\nd??{},= e\"} 1");
}

static unsigned lines(const char *shown)
{
	unsigned count = 0;

	for (; *shown; shown++)
		count += *shown == '\n';
	return count;
}

/* However much there is to tell, it is told in as many lines. */
static void traffic_makes_no_lines(void **state)
{
	unsigned empty = lines(render());
	size_t bytes = text.length;

	(void)state;
	for (size_t i = 0; i < sizeof(sample.totals) / sizeof(uint64_t); i++)
		((uint64_t *)&sample.totals)[i] = UINT64_MAX / 64; /* buckets are added up */
	for (unsigned i = 0; i < CONNECTION_STATES; i++)
		sample.status.live_by_state[i] = UINT32_MAX;
	memset(&sample.status.events, 0x7f, sizeof(sample.status.events));
	memset(sample.status.delivered, 0x7f, sizeof(sample.status.delivered));
	memset(&sample.tracker, 0x7f, sizeof(sample.tracker));
	memset(&sample.status.history.rows, 0x7f, sizeof(uint64_t));
	text_clear(&text);
	metrics_write(&text, &sample.status);
	assert_int_equal(lines(text_string(&text)), empty);
	assert_in_range(text.length, bytes, bytes + empty * 20);
	print_message("%u lines, %zu bytes at first, %zu with large numbers\n", empty, bytes, text.length);
}

static void without_memory_it_is_said_to_have_failed(void **state)
{
	char memory[1000];

	(void)state;
	for (size_t bytes = 0; bytes < sizeof(memory); bytes += 37) {
		struct text small = text_borrow(memory, bytes);

		metrics_write(&small, &sample.status);
		assert_true(small.failed);
		assert_in_range(small.length, 0, bytes);
	}
}

/* The checker itself: each of these is wrong in one way, next to one that is right. */
static void the_checker_finds_what_is_wrong(void **state)
{
	static const char *const wrong[] = {
		"",
		"a 1\n",
		"# TYPE a gauge\na 1\n",
		"# HELP a x\na 1\n",
		"# HELP a x\n# TYPE a gauge\na 1",
		"# HELP a x\n# TYPE a gouge\na 1\n",
		"# HELP a x\n# TYPE a gauge\nb 1\n",
		"# HELP a x\n# TYPE a gauge\na 1\na 2\n",
		"# HELP a x\n# TYPE a gauge\na one\n",
		"# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n",
		"# HELP a x\n# TYPE a gauge\na{b=\"\\d\"} 1\n",
		"# HELP a x\n# TYPE a gauge\na{b=c} 1\n",
		"# HELP a x\n# TYPE a gauge\na{b=\"c\"}1\n",
		"# HELP a x\n# TYPE a counter\na -1\n",
		"# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
		"# HELP a x\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
	};
	static const char right[] =
		"# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 2\n"
		"# HELP b x\n# TYPE b gauge\nb{c=\"d\"} -1\nb{c=\"\\\"\"} NaN\n";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!exposition_check(&page, wrong[i]))
			fail_msg("found nothing wrong: %s", wrong[i]);
	assert_null(exposition_check(&page, right));
}

static void promtool_finds_nothing(void **state)
{
	FILE *promtool;
	int status;

	(void)state;
	if (system("promtool --version >/dev/null 2>&1")) {
		print_message("promtool is not installed (package prometheus)\n");
		skip();
	}
	render();
	promtool = popen("timeout 20 promtool check metrics", "w");
	assert_non_null(promtool);
	assert_int_equal(fwrite(text.data, 1, text.length, promtool), text.length);
	status = pclose(promtool);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Not asserted on: a busy machine is no defect. */
static void how_long_it_takes(void **state)
{
	struct timespec before, after;
	unsigned rounds = 200;

	(void)state;
	render();
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned i = 0; i < rounds; i++) {
		text_clear(&text);
		metrics_write(&text, &sample.status);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	print_message("a page takes %.3f ms\n",
		      ((double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
			      rounds);
}

int main(void)
{
#define SAMPLED(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		SAMPLED(no_name_disappears),
		SAMPLED(every_word_is_there_with_0),
		SAMPLED(numbers_of_connections_are_shown),
		SAMPLED(histograms_are_cumulative_and_in_seconds),
		SAMPLED(numbers_of_the_monitor_are_shown),
		SAMPLED(numbers_of_stores_and_servers_are_shown),
		SAMPLED(one_state_of_the_history_holds),
		SAMPLED(the_audit_is_shown_by_counter),
		SAMPLED(findings_are_shown),
		SAMPLED(no_findings_where_nothing_is_diagnosed),
		SAMPLED(what_runs_is_shown),
		SAMPLED(the_process_is_measured),
		SAMPLED(labels_are_escaped),
		SAMPLED(traffic_makes_no_lines),
		SAMPLED(without_memory_it_is_said_to_have_failed),
		cmocka_unit_test(the_checker_finds_what_is_wrong),
		SAMPLED(promtool_finds_nothing),
		SAMPLED(how_long_it_takes),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
