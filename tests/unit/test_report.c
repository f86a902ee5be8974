// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_report.c: reports as JSON against the schema, as CSV and as tables of several widths; names,
 * Community IDs, container ids and the sentences for people.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "event.h"
#include "report/community_id.h"
#include "report/container.h"
#include "report/explain.h"
#include "report/report_writer.h"
#include "report/short_words.h"
#include "sample_report.h"
#include "schema_check.h"

#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CGROUP "/system.slice/docker-" ID ".scope"

static const char *cgroup_path(void *arg, uint64_t cgroup_id)
{
	(void)arg;
	return cgroup_id == 77 ? CGROUP : NULL;
}

static const struct report_context context = {
	.host = "web\"1",
	.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS,
	.cgroup_path = cgroup_path,
};

/* Runs `check` over reports of every cause and context, each full and bare. */
static void each_report(void (*check)(const struct connection_report *report, void *arg), void *arg)
{
	for (unsigned i = 0; i < (unsigned)connection_cause_count * connection_context_count * 2; i++) {
		struct connection_report report = i % 2 ? sample_report_bare() : sample_report_full();

		report.cause = (enum connection_cause)(i / 2 / connection_context_count);
		report.context = (enum connection_context)(i / 2 % connection_context_count);
		report.class = cause_class(report.cause);
		report.initiator = (enum connection_initiator)(i % connection_initiator_count);
		report.how = (enum connection_how)(i % connection_how_count);
		report.role = (enum connection_role)(i % connection_role_count);
		report.completeness = (enum completeness)(i % completeness_count);
		report.process_source = (enum process_source)(i % process_source_count);
		report.conformance = (enum conformance)(i % conformance_count);
		if (report.conformance == CONFORMANCE_GAP) /* of transitions only */
			report.conformance = CONFORMANCE_NOT_CHECKED;
		report.revision = 1 + i % 3;
		if (i % 5 == 0)
			memcpy(report.comm, "\"\xff\n\x1b[31m, 567890", sizeof(report.comm)); /* no NUL */
		check(&report, arg);
	}
}

static json_t *report_to_json(struct report_writer *writer, const struct connection_report *report)
{
	struct text text = {0};
	json_error_t error;
	json_t *json;

	assert_int_equal(report_writer_report(writer, &text, report), 0);
	assert_ptr_equal(memchr(text.data, '\n', text.length), text.data + text.length - 1);
	json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		print_error("%s: %s\n", error.text, text_string(&text));
	assert_non_null(json);
	text_free(&text);
	return json;
}

struct json_check {
	struct report_writer *writer;
	json_t *schema;
};

static void json_check_one(const struct connection_report *report, void *arg)
{
	struct json_check *check = arg;
	json_t *json = report_to_json(check->writer, report);

	assert_true(schema_check(check->schema, json, "report"));
	json_decref(json);
}

static void json_meets_the_schema(void **state)
{
	struct json_check check = {.writer = report_writer_create(REPORT_JSON, &context, 0)};
	struct text text = {0};

	(void)state;
	check.schema = json_load_file(SCHEMA_PATH, 0, NULL);
	assert_non_null(check.schema);
	assert_int_equal(report_writer_header(check.writer, &text), 0);
	assert_int_equal(text.length, 0);
	each_report(json_check_one, &check);
	json_decref(check.schema);
	report_writer_destroy(check.writer);
}

/* The values themselves, written out once as they have to come. */
static void json_says_what_the_report_says(void **state)
{
	static const char expected[] =
		"{'schema':1,'type':'connection','revision':1,'id':'deadbeef-00001234','cookie':4711,"
		"'community_id':'1:LQU9qZlK+B5F3KDmev6m5PMibrg=','host':'web\\\"1','netns':4026531840,'family':'ipv4',"
		"'local_addr':'128.232.110.120','local_port':34855,'remote_addr':'66.35.250.204','remote_port':80,"
		"'role':'client','class':'graceful','cause':'fin_local_first','context':'after_local_fin',"
		"'initiator':'local_app','how':'close','exit_code':3,'exit_signal':9,'error':'ETIMEDOUT',"
		"'rst_reason':'TCP_INVALID_ACK_SEQUENCE','evidence':['our FIN was sent before one from the peer was "
		"seen',"
		"'15 consecutive timeouts without an answer'],'explain':'nginx (pid 4711) closed first; the peer "
		"acknowledged and closed too, after 1.2 s and 3.0 kB.','completeness':'complete',"
		"'start_us':1700000001000000,'end_us':1700000002234567,'duration_us':1234567,'handshake_us':45,"
		"'states':[{'state':'SYN_SENT','at_us':0},{'state':'ESTABLISHED','at_us':1000},"
		"{'state':'FIN_WAIT1','at_us':2000},{'state':'FIN_WAIT2','at_us':3000},{'state':'TIME_WAIT','at_us':"
		"4000},"
		"{'state':'CLOSE','at_us':5000}],'time_wait':{'begin_us':1700000002234567,'planned_us':60000000,"
		"'end_us':1700000062234567,'ended':'expired'},'conformance':{'verdict':'linux_variant',"
		"'notes':['FIN_WAIT2->CLOSE: gap: what happened in between, or what explains it, was not "
		"seen']},'process':{'pid':4711,'comm':'nginx','uid':1000,"
		"'cgroup':'" CGROUP "','container_id':'" ID
		"','source':'connect'},'bytes_sent':1000,'bytes_received':2000,"
		"'unacked_bytes':1448,'unread_bytes':12,'retransmits':15,'timeouts':14,'keepalive':{'enabled':true,"
		"'idle_s':7200,'interval_s':75,'probes':9,'probes_sent':3},'user_timeout_ms':30000,"
		"'silent_us':924000000,'srtt_us':512}\n";
	struct report_writer *writer = report_writer_create(REPORT_JSON, &context, 0);
	struct connection_report report = sample_report_full();
	struct text text = {0};
	char *line;

	(void)state;
	assert_int_equal(report_writer_report(writer, &text, &report), 0);
	line = strdup(expected);
	assert_non_null(line);
	for (char *at = line; *at; at++)
		if (*at == '\'' && !(at > line && at[-1] == 'r' && at[1] == 's'))
			*at = '"';
	assert_string_equal(text_string(&text), line);
	free(line);
	text_free(&text);
	report_writer_destroy(writer);
}

static void absent_facts_are_null(void **state)
{
	static const char *const absent[] = {
		"id",         "context",         "how",           "exit_code",    "exit_signal", "error",
		"rst_reason", "start_us",        "duration_us",   "handshake_us", "time_wait",   "process",
		"bytes_sent", "bytes_received",  "unacked_bytes", "unread_bytes", "retransmits", "timeouts",
		"keepalive",  "user_timeout_ms", "silent_us",     "srtt_us",
	};
	struct report_writer *writer = report_writer_create(REPORT_JSON, &context, 0);
	struct connection_report report = sample_report_bare();
	json_t *json;

	(void)state;
	report.states[0] = (struct report_state){1, 3000000000};
	report.states[1] = (struct report_state){7, 5000000000};
	report.state_count = 2;
	json = report_to_json(writer, &report);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_true(json_is_null(json_object_get(json, absent[i])));
	/* Without a start the states count from the first of them. */
	assert_int_equal(json_integer_value(
				 json_object_get(json_array_get(json_object_get(json, "states"), 1), "at_us")),
			 2000000);
	json_decref(json);
	report_writer_destroy(writer);
}

/* Number of fields in a line of CSV (RFC 4180), checking its quotes. */
static unsigned csv_fields(const char *line, size_t length)
{
	unsigned count = 1;
	bool quoted = false;

	assert_true(length && line[length - 1] == '\n');
	for (size_t i = 0; i + 1 < length; i++) {
		if (line[i] == '"')
			quoted = !quoted;
		if (!quoted)
			assert_true(line[i] != '\n');
		count += line[i] == ',' && !quoted;
	}
	assert_false(quoted);
	return count;
}

static void csv_check_one(const struct connection_report *report, void *arg)
{
	struct text text = {0};

	assert_int_equal(report_writer_report(arg, &text, report), 0);
	assert_int_equal(csv_fields(text.data, text.length), field_count);
	text_free(&text);
}

static void csv_has_its_columns(void **state)
{
	struct report_writer *writer = report_writer_create(REPORT_CSV, &context, 0);
	struct connection_report report = sample_report_full();
	struct text text = {0};

	(void)state;
	assert_int_equal(report_writer_header(writer, &text), 0);
	assert_int_equal(csv_fields(text.data, text.length), field_count);
	assert_non_null(strstr(text_string(&text), ",process_pid,process_comm,"));
	assert_non_null(strstr(text_string(&text), ",time_wait_begin_us,"));
	text_clear(&text);
	assert_int_equal(report_writer_report(writer, &text, &report), 0);
	assert_non_null(strstr(text_string(&text), ",SYN_SENT>ESTABLISHED>FIN_WAIT1>FIN_WAIT2>TIME_WAIT>CLOSE,"));
	assert_non_null(strstr(text_string(&text), " was seen; 15 consecutive "));
	each_report(csv_check_one, writer);
	text_free(&text);
	report_writer_destroy(writer);
}

struct table_check {
	struct report_writer *writer;
	unsigned width;
};

static void table_check_one(const struct connection_report *report, void *arg)
{
	const struct table_check *check = arg;
	struct text text = {0};

	assert_int_equal(report_writer_report(check->writer, &text, report), 0);
	assert_ptr_equal(memchr(text.data, '\n', text.length), text.data + text.length - 1);
	assert_true(text.length - 1 <= check->width);
	for (size_t i = 0; i + 1 < text.length; i++)
		assert_in_range(text.data[i], 0x20, 0x7e);
	text_free(&text);
}

static void header_check_complete(const char *header)
{
	static const char *const titles[] = {"TIME ", " COMM/PID ", " LOCAL ", " REMOTE ", " AGE ", "CAUSE ", " WHO "};

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		assert_non_null(strstr(header, titles[i]));
	assert_true(strstr(header, " R ") || strstr(header, " ROLE "));
	assert_true(strstr(header, " BYTES") || strstr(header, " SENT RECV"));
}

static void tables_fit_the_terminal(void **state)
{
	struct report_context day = context;

	(void)state;
	for (unsigned i = 0; i <= 250 * 2 + 1; i++) {
		unsigned width = i / 2;
		struct table_check check = {.width = width ? width : 1000};
		struct text text = {0};

		day.time_of_day = i % 2;
		check.writer = report_writer_create(REPORT_TABLE, &day, width);
		assert_int_equal(report_writer_header(check.writer, &text), 0);
		assert_true(text.length - 1 <= check.width);
		if (check.width >= 80)
			header_check_complete(text_string(&text));
		each_report(table_check_one, &check);
		text_free(&text);
		report_writer_destroy(check.writer);
	}
}

static void table_check(const struct connection_report *report, unsigned width, const char *expected)
{
	struct report_writer *writer = report_writer_create(REPORT_TABLE, &context, width);
	struct text text = {0};

	if (strchr(expected, '\n') != strrchr(expected, '\n'))
		assert_int_equal(report_writer_header(writer, &text), 0);
	assert_int_equal(report_writer_report(writer, &text, report), 0);
	assert_string_equal(text_string(&text), expected);
	text_free(&text);
	report_writer_destroy(writer);
}

static void tables_show_more_where_there_is_room(void **state)
{
	struct connection_report report = sample_report_full();

	(void)state;
	table_check(&report, 40,
		    "LOCAL  REMOTE               CAUSE\n"
		    ":34855 66.35.250.204:80     fin_local\n");
	table_check(&report, 80,
		    "    TIME COMM/PID    LOCAL  REMOTE              R   AGE CAUSE        WHO   BYTES\n"
		    "   0.000 nginx/4711  :34855 66.35.250.204:80    c  1.2s fin_local    close  3.0k\n");
	table_check(&report, 132,
		    "    TIME COMM/PID       LOCAL  REMOTE                R    AGE CLASS/CAUSE                         "
		    "          "
		    "WHO            SENT RECV\n"
		    "   0.000 nginx/4711     :34855 66.35.250.204:80      c   1.2s graceful/fin_local_first "
		    "(after_local_fin)    "
		    "app close      1.0k 2.0k\n");
	table_check(&report, 199,
		    "    TIME COMM/PID           LOCAL                 REMOTE                ROLE      AGE "
		    "CLASS/CAUSE                                   WHO            SENT RECV RETR ERROR        STATES\n"
		    "   0.000 nginx/4711         128.232.110.120:34855 66.35.250.204:80      client   1.2s "
		    "graceful/fin_local_first (after_local_fin)    app close      1.0k 2.0k   15 ETIMEDOUT    "
		    "SYNS>EST>FIN1>FIN2>TWAIT\n");
}

/* What is longest, or absent, in the narrow form of each column. */
static void narrow_tables_cut_with_care(void **state)
{
	struct connection_report report = sample_report_full();

	(void)state;
	inet_pton(AF_INET, "192.168.100.200", report.remote);
	report.remote_port = 54321;
	report.pid = 4194304;
	report.end_ns = report.start_ns + 723000000000;
	report.cause = CAUSE_SYN_TIMEOUT;
	report.how = HOW_EXIT;
	report.exit_code = 255;
	report.revision = 2;
	report.bytes_sent = 999999;
	table_check(&report, 80, "   0.000 ng~/4194304 :34855 192..100.200:54321  c   12m syn_timeout* ex 255 1.0M\n");
	report.cause = CAUSE_RST_RECEIVED;
	report.context = CONTEXT_PEER_LOST_STATE;
	report.initiator = INITIATOR_PEER;
	report.how = HOW_NONE;
	report.role = ROLE_BOTH;
	report.bytes_sent = ABSENT_U64;
	table_check(&report, 80, "   0.000 ng~/4194304 :34855 192..100.200:54321  b   12m rst<lost*    peer      -\n");
	report.context = CONTEXT_OOM_KILL;
	report.how = HOW_SIGNAL;
	report.initiator = INITIATOR_LOCAL_EXIT;
	table_check(&report, 80, "   0.000 ng~/4194304 :34855 192..100.200:54321  b   12m rst<recv*    oom       -\n");
	report = sample_report_bare();
	table_check(&report, 80, "   0.000 -           :63943 [2607..c03::1a]:25  -     - unobserved   -         -\n");
}

/* Within a class the words begin alike, outside of it they do not. */
static void short_words_check(enum connection_cause cause, const char *word)
{
	for (unsigned i = 0; i < (unsigned)connection_cause_count * connection_context_count; i++) {
		enum connection_cause other = (enum connection_cause)(i % connection_cause_count);
		const char *its = cause_short_name(other, (enum connection_context)(i / connection_cause_count));

		assert_true(other == cause || strcmp(word, its));
		assert_int_equal(!strncmp(word, its, 3), cause_class(cause) == cause_class(other));
	}
}

static void short_words_tell_causes_apart(void **state)
{
	struct text legend = {0};

	(void)state;
	short_words_legend(&legend);
	for (unsigned i = 0; i < (unsigned)connection_cause_count * connection_context_count; i++) {
		enum connection_cause cause = (enum connection_cause)(i % connection_cause_count);
		const char *word = cause_short_name(cause, (enum connection_context)(i / connection_cause_count));

		assert_in_range(strlen(word), 1, CAUSE_SHORT_MAX);
		assert_non_null(strstr(text_string(&legend), word));
		assert_non_null(strstr(text_string(&legend), name_of(&cause_names, cause)));
		short_words_check(cause, word);
	}
	for (char *line = strtok(legend.data, "\n"); line; line = strtok(NULL, "\n"))
		assert_in_range(strlen(line), 1, 80);
	text_free(&legend);
}

static void explain_check_one(const struct connection_report *report, void *arg)
{
	struct text text = {0};

	(void)arg;
	explain_append(&text, report);
	assert_true(text.length > 20 && text.length < 300);
	assert_int_equal(text.data[text.length - 1], '.');
	assert_null(strpbrk(text_string(&text), "{}\n\x1b"));
	assert_null(strstr(text_string(&text), "  "));
	text_free(&text);
}

static void explanations_are_sentences(void **state)
{
	struct connection_report report = sample_report_full();
	struct text text = {0};

	(void)state;
	each_report(explain_check_one, NULL);
	report.how = HOW_SIGNAL;
	report.initiator = INITIATOR_LOCAL_EXIT;
	explain_append(&text, &report);
	assert_string_equal(text_string(&text),
			    "nginx (pid 4711) was killed by SIGKILL and thereby closed first; the peer "
			    "acknowledged and closed too, after 1.2 s and 3.0 kB.");
	text_free(&text);
}

static void evidence_texts_are_safe(void **state)
{
	(void)state;
	for (unsigned i = 0; i < evidence_kind_count; i++) {
		const char *format = evidence_format((enum evidence_kind)i);
		const char *percent = strchr(format, '%');

		assert_null(strpbrk(format, "\"\\\n"));
		assert_true(!percent || (!strncmp(percent, "%llu", 4) && !strchr(percent + 1, '%')));
	}
}

static void community_id_check(const char *expected, unsigned family, const char *a, uint16_t a_port, const char *b,
			       uint16_t b_port)
{
	uint8_t a_bytes[16] = {0}, b_bytes[16] = {0};
	char id[COMMUNITY_ID_BYTES];

	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, a, a_bytes), 1);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, b, b_bytes), 1);
	community_id_write(id, family, a_bytes, a_port, b_bytes, b_port);
	assert_string_equal(id, expected);
	community_id_write(id, family, b_bytes, b_port, a_bytes, a_port);
	assert_string_equal(id, expected);
}

/* Published with the specification, baseline for seed 0. */
static void community_ids_are_those_of_the_specification(void **state)
{
	(void)state;
	community_id_check("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", 4, "128.232.110.120", 34855, "66.35.250.204", 80);
	community_id_check("1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", 6, "2001:470:e5bf:dead:4957:2174:e82c:4887", 63943,
			   "2607:f8b0:400c:c03::1a", 25);
}

static void containers_are_found(void **state)
{
	static const char *const paths[] = {
		"/system.slice/docker-" ID ".scope",
		"/docker/" ID,
		"/docker/" ID "/init",
		"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" ID ".scope",
		"/kubepods/besteffort/pod0fd2b5c4-7f0a-4a11-8e4e-0123456789ab/" ID,
		"/kubepods.slice/crio-" ID ".scope",
		"/machine.slice/libpod-" ID ".scope/container",
		"/system.slice/kubepods-pod1.slice:cri-containerd:" ID,
	};
	static const char *const none[] = {
		"",
		"/",
		"/system.slice/nginx.service",
		"/machine.slice/libpod-conmon-" ID ".scope",
		("/docker/" ID "0"),
		("/docker/0123456789ABCDEF" ID),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *id = container_id_find(paths[i]);

		assert_non_null(id);
		assert_memory_equal(id, ID, CONTAINER_ID_BYTES);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(container_id_find(none[i]));
}

/* Whoever makes a recording up may say anything. */
static void instants_wrap_around(void **state)
{
	struct report_context made_up = {.wall_minus_monotonic_ns = INT64_MAX};

	(void)state;
	assert_int_equal(field_wall_us(&made_up, 1), INT64_MIN / 1000);
	made_up.wall_minus_monotonic_ns = -3000;
	assert_int_equal(field_wall_us(&made_up, 5000), 2);
	assert_int_equal(field_wall_us(&made_up, 1000), -2);
}

static void names_lead_back(void **state)
{
	static const struct name_table *const tables[] = {
		&class_names,       &cause_names,         &context_names,      &initiator_names,
		&how_names,         &role_names,          &completeness_names, &process_source_names,
		&conformance_names, &time_wait_end_names, &tcp_state_names,    &reset_reason_names,
		&event_kind_names,  &report_format_names,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (unsigned value = 0; value < tables[i]->count; value++)
			if (name_of(tables[i], value))
				assert_int_equal(name_find(tables[i], name_of(tables[i], value),
							   strlen(name_of(tables[i], value))),
						 value);
	assert_int_equal(name_find(&cause_names, "fin", 3), -ENOENT);
	assert_null(name_of(&cause_names, connection_cause_count));
	assert_null(name_of(&tcp_state_names, 0));
	assert_int_equal(cause_class(CAUSE_REFUSED), CLASS_OPEN_FAILED);
	assert_string_equal(errno_name(104), "ECONNRESET");
	assert_null(errno_name(0));
	assert_null(errno_name(250));
	assert_string_equal(signal_name(9), "KILL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_meets_the_schema),
		cmocka_unit_test(json_says_what_the_report_says),
		cmocka_unit_test(absent_facts_are_null),
		cmocka_unit_test(csv_has_its_columns),
		cmocka_unit_test(tables_fit_the_terminal),
		cmocka_unit_test(tables_show_more_where_there_is_room),
		cmocka_unit_test(narrow_tables_cut_with_care),
		cmocka_unit_test(short_words_tell_causes_apart),
		cmocka_unit_test(explanations_are_sentences),
		cmocka_unit_test(evidence_texts_are_safe),
		cmocka_unit_test(community_ids_are_those_of_the_specification),
		cmocka_unit_test(containers_are_found),
		cmocka_unit_test(instants_wrap_around),
		cmocka_unit_test(names_lead_back),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
