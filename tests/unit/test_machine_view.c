// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_machine_view.c: the reference machine in each format: every entry is there, once, with all that the table
 * has of it; narrowed views; and what a recording of real connections shows of it. Runs in the root of the source
 * tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/pipeline.h"
#include "report/machine_text.h"
#include "report/machine_view.h"
#include "report/machine_words.h"

#define RECORDING "tests/replay/scenarios.rec"

static const struct machine_view everything;

/* ---- helpers ------------------------------------------------------------------------------------ */

static size_t lines_of(const char *text)
{
	size_t lines = 0;

	for (; (text = strchr(text, '\n')); text++)
		lines++;
	return lines;
}

static size_t times_in(const char *text, const char *words)
{
	size_t times = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		times++;
	return times;
}

/* Of machine_reference(): what the lines of a view are in their order. */
struct listing {
	const struct machine_rule *rules[512];
	size_t count;
};

static void listing_line(void *arg, const struct machine_view *view, const struct machine_rule *rule)
{
	struct listing *listing = arg;

	(void)view;
	assert_true(listing->count < sizeof(listing->rules) / sizeof(listing->rules[0]));
	listing->rules[listing->count++] = rule;
}

static struct listing listing_of(const struct machine_view *view)
{
	struct listing listing = {.count = 0};

	machine_view_each(view, listing_line, &listing);
	return listing;
}

static const struct machine_rule *rule_of(uint8_t from, uint8_t input, uint8_t to)
{
	const struct machine *machine = machine_reference();

	for (size_t i = 0; i < machine->count; i++)
		if (machine->rules[i].from == from && machine->rules[i].input == input && machine->rules[i].to == to)
			return &machine->rules[i];
	fail_msg("no entry %s -> %s by %s", machine_state_name(from), machine_state_name(to),
		 machine_input_name(input));
	return NULL;
}

/* ---- words -------------------------------------------------------------------------------------- */

static void everything_has_its_words(void **state)
{
	uint64_t told = 0;

	(void)state;
	for (size_t i = 0; i < MACHINE_LIFE_STATES; i++) {
		const struct machine_state_words *words = machine_state_words(machine_life[i]);

		told |= 1ULL << machine_life[i];
		assert_non_null(words->held);
		assert_non_null(words->words);
		assert_string_not_equal(machine_state_name(machine_life[i]), "?");
	}
	assert_int_equal(told, (1ULL << MACHINE_STATES) - 2); /* 0 is no state */
	for (unsigned i = 0; i < SIGN_INDICES; i++)
		if (!machine_sign_source(i))
			fail_msg("%s: say in machine_words.c what it is read from", machine_sign_name(i));
	for (uint8_t input = 0; input < INPUTS; input++)
		assert_non_null(machine_input_kind_name(machine_input_kind(input)));
}

static void note_is_safe(struct report_note note)
{
	struct text text = {0};

	machine_note_append(&text, &note);
	assert_true(text.length > 0);
	for (size_t i = 0; i < text.length; i++)
		assert_true(text.data[i] >= ' ' && text.data[i] <= '~' && text.data[i] != '"' && text.data[i] != '\\');
	text_free(&text);
}

/* They go into JSON as they are. */
static void notes_are_safe(void **state)
{
	(void)state;
	for (size_t i = 0; i < machine_reference()->count; i++)
		note_is_safe((struct report_note){.entry = (uint8_t)(i + 1)});
	for (unsigned rule = 1; rule < TIMED_RULE_COUNT; rule++)
		note_is_safe((struct report_note){.timed = (uint8_t)rule, .measured_ms = UINT32_MAX});
	for (unsigned verdict = CONFORMANCE_GAP; verdict <= CONFORMANCE_VIOLATION; verdict++)
		for (unsigned from = 0; from < CONNECTION_STATES; from++)
			for (unsigned to = 0; to < CONNECTION_STATES; to++)
				note_is_safe((struct report_note){.verdict = verdict,
								  .from = (uint8_t)from,
								  .to = (uint8_t)to});
}

static void views_have_every_entry_once(void **state)
{
	struct listing listing = listing_of(&everything);

	(void)state;
	assert_int_equal(listing.count, machine_reference()->count);
	for (size_t i = 0; i < listing.count; i++)
		for (size_t k = i + 1; k < listing.count; k++)
			assert_ptr_not_equal(listing.rules[i], listing.rules[k]);
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static const char *member(const json_t *json, const char *name)
{
	const json_t *value = json_object_get(json, name);

	if (!value)
		fail_msg("%s is missing", name);
	return json_string_value(value);
}

static void same(const json_t *json, const char *name, const char *expected)
{
	const char *value = member(json, name);

	if (!expected)
		assert_null(value);
	else
		assert_string_equal(value, expected);
}

static void json_has_rule(const json_t *json, const struct machine_rule *rule)
{
	const json_t *needs = json_object_get(json, "needs"), *shown = json_object_get(json, "shown");
	struct text signs = {0};

	same(json, "type", "machine_entry");
	same(json, "from", machine_state_name(rule->from));
	same(json, "to", machine_state_name(rule->to));
	same(json, "input", machine_input_name(rule->input));
	same(json, "input_kind", machine_input_kind_name(machine_input_kind(rule->input)));
	same(json, "verdict", rule->verdict == CONFORMANCE_CONFORMANT ? "conformant" : "linux_variant");
	same(json, "why", rule->why);
	same(json, "source", rule->source);
	same(json, "since", rule->since);
	assert_int_equal(json_array_size(needs), __builtin_popcount(rule->need));
	machine_signs_append(&signs, rule->need, "+");
	for (size_t i = 0; i < json_array_size(needs); i++)
		assert_non_null(strstr(text_string(&signs), json_string_value(json_array_get(needs, i))));
	text_free(&signs);
	assert_int_equal(json_is_null(shown), rule->shown == SHOWN_NOT);
	if (rule->shown == SHOWN_STATE) {
		same(shown, "how", "state");
		same(shown, "from", machine_state_name(rule->shown_from));
		same(shown, "to", machine_state_name(rule->shown_to));
	} else if (rule->shown != SHOWN_NOT) {
		same(shown, "how", rule->shown == SHOWN_MINISOCK ? "minisock" : "request");
		same(shown, "from", NULL);
	}
}

static void json_says_what_the_table_says(void **state)
{
	struct listing listing = listing_of(&everything);
	struct text text = {0};
	const char *line;
	size_t i = 0;

	(void)state;
	machine_write(MACHINE_JSON, &everything, &text);
	for (line = text_string(&text); *line; line = strchr(line, '\n') + 1) {
		json_t *json = json_loadb(line, (size_t)(strchr(line, '\n') - line), JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(json);
		assert_true(i < listing.count);
		json_has_rule(json, listing.rules[i++]);
		json_decref(json);
	}
	assert_int_equal(i, listing.count);
	text_free(&text);
}

/* ---- table -------------------------------------------------------------------------------------- */

static void table_is_aligned(void **state)
{
	struct listing listing = listing_of(&everything);
	const char *line, *heading;
	struct text text = {0};
	size_t to, why;

	(void)state;
	machine_write(MACHINE_TABLE, &everything, &text);
	heading = text_string(&text);
	assert_int_equal(lines_of(heading), listing.count + 1);
	to = (size_t)(strstr(heading, "TO ") - heading);
	why = (size_t)(strstr(heading, "WHY") - heading);
	line = heading;
	for (size_t i = 0; i < listing.count; i++) {
		const struct machine_rule *rule = listing.rules[i];

		line = strchr(line, '\n') + 1;
		assert_memory_equal(line, machine_state_name(rule->from), strlen(machine_state_name(rule->from)));
		assert_memory_equal(line + to, machine_state_name(rule->to), strlen(machine_state_name(rule->to)));
		assert_memory_equal(line + why, rule->why, strlen(rule->why));
		assert_int_equal(line[why + strlen(rule->why)], '\n');
	}
	text_free(&text);
}

static void table_keeps_to_its_width(void **state)
{
	const struct machine_view view = {.columns = 80};
	struct text text = {0};
	const char *line;

	(void)state;
	machine_write(MACHINE_TABLE, &view, &text);
	for (line = text_string(&text); *line; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') - line <= 80);
	text_free(&text);
}

/* ---- markdown ----------------------------------------------------------------------------------- */

static void row_of(const struct machine_rule *rule, char row[256])
{
	snprintf(row, 256, "\n| `%s` | %s | %s | ", machine_state_name(rule->to), machine_input_name(rule->input),
		 rule->verdict == CONFORMANCE_CONFORMANT ? "rfc" : "linux");
}

static void markdown_has_every_entry_once(void **state)
{
	struct listing listing = listing_of(&everything);
	struct text text = {0};
	char row[256], heading[64];
	const char *entries;

	(void)state;
	machine_write(MACHINE_MARKDOWN, &everything, &text);
	entries = strstr(text_string(&text), "\n## Entries");
	assert_non_null(entries);
	/* Per state: a heading and two lines of table that are no entries. */
	assert_int_equal(times_in(entries, "\n| `"), listing.count);
	for (size_t i = 0; i < listing.count; i++) {
		const char *begin, *end;
		char *section;

		snprintf(heading, sizeof(heading), "\n### From %s\n", machine_state_name(listing.rules[i]->from));
		begin = strstr(entries, heading);
		assert_non_null(begin);
		assert_int_equal(times_in(entries, heading), 1);
		end = strstr(begin + 1, "\n### ");
		section = end ? strndup(begin, (size_t)(end - begin)) : strdup(begin);
		row_of(listing.rules[i], row);
		if (times_in(section, row) != 1)
			fail_msg("%zu times%s from %s", times_in(section, row), row,
				 machine_state_name(listing.rules[i]->from));
		free(section);
	}
	text_free(&text);
}

/* ---- dot ---------------------------------------------------------------------------------------- */

/* Between two states there is one edge, or, to a second drawing, none but that. */
static void dot_has_every_change(void **state)
{
	struct listing listing = listing_of(&everything);
	struct text text = {0};
	const char *ends;
	size_t marks = 0;
	char edge[128];

	(void)state;
	machine_write(MACHINE_DOT, &everything, &text);
	ends = strstr(text_string(&text), "\n\tends [");
	assert_non_null(ends);
	for (size_t i = 0; i < listing.count; i++) {
		const struct machine_rule *rule = listing.rules[i];
		size_t edges;

		snprintf(edge, sizeof(edge), "\t%s -> %s [", machine_state_name(rule->from),
			 machine_state_name(rule->to));
		edges = times_in(text_string(&text), edge);
		snprintf(edge, sizeof(edge), "\t%s -> %s_again [", machine_state_name(rule->from),
			 machine_state_name(rule->to));
		edges += times_in(text_string(&text), edge);
		assert_true(edges <= 1 && (rule->from != rule->to || !edges));
		assert_true(edges || rule->from == rule->to || rule->to == TCP_CLOSE);
	}
	marks = times_in(ends, ">\u25cf<") + times_in(ends, ">\u25cb<");
	assert_true(marks > 50);
	text_free(&text);
}

static void dot_accepts(const struct machine_view *view)
{
	struct text text = {0};
	FILE *dot = popen("dot -Tsvg -o /dev/null 2>&1", "w");

	assert_non_null(dot);
	machine_write(MACHINE_DOT, view, &text);
	assert_int_equal(fwrite(text.data, 1, text.length, dot), text.length);
	assert_int_equal(pclose(dot), 0);
	text_free(&text);
}

static void dot_is_accepted(void **state)
{
	const struct machine_view rfc = {.rfc = true}, as_linux = {.as_linux = true};
	const struct machine_view little = {.from = 1 << TCP_CLOSE, .to = 1 << TCP_LISTEN};

	(void)state;
	if (system("dot -V 2>/dev/null")) {
		print_message("skipped: graphviz (dot) is not installed\n");
		skip();
	}
	dot_accepts(&everything);
	dot_accepts(&rfc);
	dot_accepts(&as_linux);
	dot_accepts(&little);
}

/* ---- views -------------------------------------------------------------------------------------- */

static void views_are_narrowed(void **state)
{
	const struct machine_view rfc = {.rfc = true}, as_linux = {.as_linux = true};
	const struct machine_view pair = {.from = 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSING, .to = 1 << TCP_TIME_WAIT};
	const struct machine *machine = machine_reference();
	struct listing listing = listing_of(&rfc);

	(void)state;
	assert_true(listing.count > 50 && listing.count < machine->count);
	for (size_t i = 0; i < listing.count; i++)
		assert_int_equal(listing.rules[i]->verdict, CONFORMANCE_CONFORMANT);
	listing = listing_of(&as_linux);
	for (size_t i = 0; i < listing.count; i++)
		assert_int_equal(machine_step(machine, listing.rules[i]->from, listing.rules[i]->input, 1)->verdict,
				 listing.rules[i]->verdict);
	listing = listing_of(&pair);
	assert_int_equal(listing.count, 4); /* two of the RFC, two of Linux */
}

static void linux_replaces_the_rfc(void **state)
{
	const struct machine *machine = machine_reference();

	(void)state;
	assert_true(machine_rule_is_replaced(machine, rule_of(TCP_LISTEN, INPUT_SYN, TCP_SYN_RECV)));
	assert_false(machine_rule_is_replaced(machine, rule_of(TCP_LISTEN, INPUT_SYN, TCP_NEW_SYN_RECV)));
	assert_false(machine_rule_is_replaced(machine, rule_of(TCP_ESTABLISHED, INPUT_FIN, TCP_CLOSE_WAIT)));
}

/* ---- coverage ----------------------------------------------------------------------------------- */

static void what_can_be_counted(void **state)
{
	const struct machine *machine = machine_reference();

	(void)state;
	assert_int_equal(machine_countable(machine, rule_of(TCP_SYN_SENT, INPUT_CLOSE, TCP_CLOSE)), COUNTABLE);
	/* close(), or any other way of giving up: nobody can tell. */
	assert_int_equal(machine_countable(machine, rule_of(TCP_SYN_SENT, INPUT_ABORT, TCP_CLOSE)),
			 COUNTED_WITH_ANOTHER);
	assert_int_equal(machine_countable(machine, rule_of(TCP_LISTEN, INPUT_SYN, TCP_SYN_RECV)), COUNTED_NEVER);
	assert_int_equal(machine_countable(machine, rule_of(TCP_TIME_WAIT, INPUT_DESTROY, TCP_CLOSE)), COUNTED_NEVER);
	assert_int_equal(machine_countable(machine, rule_of(TCP_TIME_WAIT, INPUT_TIME_WAIT_TIMEOUT, TCP_CLOSE)),
			 COUNTABLE);
}

/* A recording of the live scenarios, replayed; without_resets: as if nobody had told of any. */
static struct pipeline *recording_replay(bool without_resets)
{
	struct pipeline_options options = {.silent = true, .settle_ns = 1000000000, .max_connections = 65536};
	struct recording_record record;
	struct recording_reader *reader;
	struct pipeline *pipeline;

	assert_int_equal(recording_open(RECORDING, &reader), 0);
	pipeline = pipeline_create(&options, recording_facts(reader));
	assert_non_null(pipeline);
	while (recording_next(reader, &record) > 0) {
		bool reset = record.type == RECORDING_EVENT &&
			     (record.event->kind == EVENT_RESET_SENT || record.event->kind == EVENT_RESET_RECEIVED);

		if (!reset || !without_resets)
			pipeline_record(pipeline, &record);
	}
	pipeline_finish(pipeline);
	recording_close(reader);
	return pipeline;
}

static struct machine_coverage recording_coverage(bool without_resets)
{
	struct machine_coverage coverage = {.seen = calloc(machine_reference()->count, sizeof(uint64_t))};
	struct pipeline *pipeline = recording_replay(without_resets);

	assert_non_null(coverage.seen);
	pipeline_coverage_add(pipeline, &coverage);
	assert_int_equal(pipeline_text(pipeline)->length, 0);
	pipeline_destroy(pipeline);
	return coverage;
}

/* The closing summary speaks of them only where there is something to look into. */
static void summary_tells_violations(void **state)
{
	(void)state;
	for (int without_resets = 0; without_resets < 2; without_resets++) {
		struct machine_coverage coverage = recording_coverage(without_resets);
		struct pipeline *pipeline = recording_replay(without_resets);
		char *summary = NULL, expected[128];
		size_t length;
		FILE *file = open_memstream(&summary, &length);

		pipeline_summary(pipeline, file);
		fclose(file);
		snprintf(expected, sizeof(expected), "\n  %llu transitions: %llu violations, %llu gaps ",
			 (unsigned long long)coverage.transitions, (unsigned long long)coverage.violations,
			 (unsigned long long)coverage.gaps);
		assert_int_equal(coverage.violations > 0, without_resets);
		assert_int_equal(strstr(summary, expected) != NULL, without_resets);
		assert_int_equal(strstr(summary, "violations") != NULL, without_resets);
		free(summary);
		free(coverage.seen);
		pipeline_destroy(pipeline);
	}
}

/* As the RFC's entry or as Linux's. */
static void seen(const struct machine_coverage *coverage, uint8_t from, uint8_t input, uint8_t to)
{
	const struct machine *machine = machine_reference();
	uint64_t times = 0;

	for (size_t i = 0; i < machine->count; i++)
		if (machine->rules[i].from == from && machine->rules[i].input == input && machine->rules[i].to == to)
			times += coverage->seen[i];
	if (!times)
		fail_msg("%s -> %s by %s was not seen", machine_state_name(from), machine_state_name(to),
			 machine_input_name(input));
}

static void recording_covers_the_machine(void **state)
{
	struct machine_coverage coverage = recording_coverage(false);
	const struct machine *machine = machine_reference();
	uint64_t explained = 0;

	(void)state;
	seen(&coverage, TCP_CLOSE, INPUT_OPEN_PASSIVE, TCP_LISTEN);
	seen(&coverage, TCP_CLOSE, INPUT_OPEN_ACTIVE, TCP_SYN_SENT);
	seen(&coverage, TCP_SYN_SENT, INPUT_SYN_ACK, TCP_ESTABLISHED);
	seen(&coverage, TCP_NEW_SYN_RECV, INPUT_ACK_OF_SYN, TCP_SYN_RECV);
	seen(&coverage, TCP_SYN_RECV, INPUT_ACK_OF_SYN, TCP_ESTABLISHED);
	seen(&coverage, TCP_ESTABLISHED, INPUT_CLOSE, TCP_FIN_WAIT1);
	seen(&coverage, TCP_ESTABLISHED, INPUT_FIN, TCP_CLOSE_WAIT);
	seen(&coverage, TCP_ESTABLISHED, INPUT_RST, TCP_CLOSE);
	seen(&coverage, TCP_ESTABLISHED, INPUT_ABORT, TCP_CLOSE);
	seen(&coverage, TCP_ESTABLISHED, INPUT_USER_TIMEOUT, TCP_CLOSE);
	seen(&coverage, TCP_FIN_WAIT1, INPUT_FIN, TCP_CLOSING);
	seen(&coverage, TCP_FIN_WAIT2, INPUT_FIN, TCP_TIME_WAIT);
	seen(&coverage, TCP_CLOSE_WAIT, INPUT_CLOSE, TCP_LAST_ACK);
	seen(&coverage, TCP_LAST_ACK, INPUT_ACK_OF_FIN, TCP_CLOSE);
	for (size_t i = 0; i < machine->count; i++) {
		const struct machine_rule *rule = &machine->rules[i];

		if (coverage.seen[i])
			assert_int_equal(machine_countable(machine, rule), COUNTABLE);
		explained += rule->shown == SHOWN_STATE ? coverage.seen[i] : 0;
	}
	/* Nothing was lost in it, and everything is explained. */
	assert_int_equal(coverage.gaps, 0);
	assert_int_equal(coverage.violations, 0);
	assert_int_equal(coverage.transitions, explained);
	free(coverage.seen);
}

static long long number(const json_t *json, const char *name)
{
	assert_true(json_is_integer(json_object_get(json, name)));
	return json_integer_value(json_object_get(json, name));
}

static void coverage_is_told_in_json(void **state)
{
	struct machine_coverage coverage = recording_coverage(false);
	const struct machine_view view = {.coverage = &coverage};
	long long entries = 0, entries_seen = 0;
	struct text text = {0};
	json_t *json = NULL;
	const char *line;

	(void)state;
	machine_write(MACHINE_JSON, &view, &text);
	for (line = text_string(&text); *line; line = strchr(line, '\n') + 1) {
		json_decref(json);
		json = json_loadb(line, (size_t)(strchr(line, '\n') - line), JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json);
		if (strcmp(member(json, "type"), "machine_entry") != 0)
			break;
		entries++;
		entries_seen += number(json, "seen") > 0;
	}
	same(json, "type", "machine_coverage");
	assert_int_equal(number(json, "transitions"), coverage.transitions);
	assert_int_equal(number(json, "violations"), coverage.violations);
	assert_int_equal(number(json, "gaps"), 0);
	assert_int_equal(number(json, "entries"), entries);
	assert_int_equal(number(json, "entries_seen"), entries_seen);
	assert_int_equal(number(json, "entries_counted_with_another") + number(json, "entries_not_shown") + entries,
			 machine_reference()->count);
	json_decref(json);
	text_free(&text);
	free(coverage.seen);
}

static void coverage_is_told_to_people(void **state)
{
	struct machine_coverage coverage = recording_coverage(false);
	const struct machine_view view = {.coverage = &coverage};
	size_t entries = listing_of(&view).count;
	struct text text = {0};

	(void)state;
	machine_write(MACHINE_TABLE, &view, &text);
	assert_memory_equal(text_string(&text), "SEEN FROM ", 10);
	assert_int_equal(lines_of(text_string(&text)), 1 + entries + 4);
	assert_non_null(strstr(text_string(&text), " transitions held against the machine: "));
	text_clear(&text);
	machine_write(MACHINE_MARKDOWN, &view, &text);
	assert_int_equal(lines_of(text_string(&text)), 2 + entries + 4);
	text_clear(&text);
	machine_write(MACHINE_DOT, &view, &text);
	assert_non_null(strstr(text_string(&text), "syn_ack \u00d7"));
	text_free(&text);
	if (!system("dot -V 2>/dev/null"))
		dot_accepts(&view);
	free(coverage.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_has_its_words),
		cmocka_unit_test(notes_are_safe),
		cmocka_unit_test(views_have_every_entry_once),
		cmocka_unit_test(json_says_what_the_table_says),
		cmocka_unit_test(table_is_aligned),
		cmocka_unit_test(table_keeps_to_its_width),
		cmocka_unit_test(markdown_has_every_entry_once),
		cmocka_unit_test(dot_has_every_change),
		cmocka_unit_test(dot_is_accepted),
		cmocka_unit_test(views_are_narrowed),
		cmocka_unit_test(linux_replaces_the_rfc),
		cmocka_unit_test(what_can_be_counted),
		cmocka_unit_test(recording_covers_the_machine),
		cmocka_unit_test(summary_tells_violations),
		cmocka_unit_test(coverage_is_told_in_json),
		cmocka_unit_test(coverage_is_told_to_people),
	};

	return cmocka_run_group_tests_name("machine_view", tests, NULL, NULL);
}
