// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_finding.c: findings in words: every kind in JSON by the schema, as a block at 80 columns and less, and what one
 * says to the letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>

#include "report.h"
#include "report/finding_line.h"
#include "report/finding_words.h"
#include "schema_check.h"

#define NOW_NS 9000000000000ULL

static const char *cgroup_path(void *arg, uint64_t cgroup)
{
	(void)arg;
	if (cgroup == 1)
		return "/";
	if (cgroup == 2)
		return "/system.slice/nginx.service";
	return cgroup == 7 ? "/system.slice/docker-"
			     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"
			   : NULL;
}

static const struct report_context context = {
	.wall_minus_monotonic_ns = 1700000000000000000,
	.cgroup_path = cgroup_path,
};

/* With everything that a finding can have. */
static struct finding full(enum finding_kind kind, enum finding_certainty certainty)
{
	struct finding finding = {
		.kind = kind,
		.certainty = certainty,
		.count = 3012,
		.since_ns = NOW_NS - 7800000000000,
		.has_growth = true,
		.growth = 41,
		.growth_ns = 30000000000,
		.netns = 4026531840,
		.pid = 4711,
		.uid = 33,
		.comm = "ng\"in\x1bx",
		.process_count = 1,
		.processes = {{4711, 3012}},
		.cgroup = 7,
		.local_port = 8080,
		.peer_count = 2,
		.peers = {{{4, 24, {10, 0, 3}}, 3000}, {{6, 64, {0x20, 0x01, 0x0d, 0xb8}}, 10}},
		.peers_more = 2,
		.descriptor_count = 3012,
	};

	for (int i = 0; i < FINDING_DESCRIPTORS_MAX; i++)
		finding.descriptors[i] = 7 + i;
	for (unsigned fact = 0; fact < FINDING_FACT_COUNT; fact++) {
		finding.facts_known |= 1ULL << fact;
		finding.facts[fact] = 7800000000000;
	}
	return finding;
}

/* With nothing but what every one has. */
static struct finding bare(enum finding_kind kind, enum finding_certainty certainty)
{
	return (struct finding){.kind = kind, .certainty = certainty, .count = 1, .uid = UINT32_MAX};
}

/* Ten workers, two of which there is no room for. */
static void several(struct finding *finding)
{
	finding->pid = 0;
	finding->process_count = 10;
	for (uint32_t i = 0; i < FINDING_PROCESSES_MAX; i++)
		finding->processes[i] = (struct finding_process){4711 + i, 300 - i};
}

static json_t *json_of(const struct finding *finding)
{
	struct finding_source source = {.finding = finding, .context = &context, .now_ns = NOW_NS};
	struct text text = {0};
	json_error_t error;
	json_t *json;

	finding_json(&text, &source);
	assert_false(text.failed);
	json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s: %s", error.text, text_string(&text));
	text_free(&text);
	return json;
}

static void each_finding(void (*check)(const struct finding *finding, const json_t *json))
{
	for (unsigned kind = 0; kind < FINDING_KIND_COUNT; kind++) {
		for (unsigned i = 0; i < FINDING_CERTAINTY_COUNT * 6; i++) {
			enum finding_certainty certainty = (enum finding_certainty)(i / 6);
			struct finding finding = i % 3 ? full(kind, certainty) : bare(kind, certainty);
			json_t *json;

			if (i % 3 == 2)
				several(&finding);
			finding.local_fault = i % 6 >= 3;
			json = json_of(&finding);
			check(&finding, json);
			json_decref(json);
		}
	}
}

static json_t *schema;

static void check_schema(const struct finding *finding, const json_t *json)
{
	(void)finding;
	assert_true(schema_check(schema, json, "finding"));
}

static void every_kind_meets_the_schema(void **state)
{
	(void)state;
	schema = json_load_file("tests/finding-schema.json", 0, NULL);
	assert_non_null(schema);
	each_finding(check_schema);
	json_decref(schema);
}

static void check_words(const struct finding *finding, const json_t *json)
{
	static const char *const members[] = {"explain", "advice"};

	(void)finding;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *words = json_string_value(json_object_get(json, members[i]));

		assert_true(strlen(words) > 20);
		assert_true(isupper((unsigned char)words[0]) || isdigit((unsigned char)words[0]) ||
			    !strncmp(words, "ng", 2));
		assert_int_equal(words[strlen(words) - 1], '.');
		if (strpbrk(words, "{}") || strstr(words, "  ") || strstr(words, " ,") || strstr(words, " ."))
			fail_msg("%s", words);
	}
}

static void sentences_are_whole(void **state)
{
	(void)state;
	each_finding(check_words);
}

static unsigned block_width;

static void check_block(const struct finding *finding, const json_t *json)
{
	struct text text = {0};
	const char *line;

	(void)finding;
	assert_int_equal(finding_block(&text, json, 12, block_width), 0);
	for (line = text_string(&text); *line; line += strcspn(line, "\n") + 1) {
		if (strcspn(line, "\n") > block_width)
			fail_msg("%.*s", (int)strcspn(line, "\n"), line);
		for (size_t i = 0; i < strcspn(line, "\n"); i++)
			assert_true(isprint((unsigned char)line[i]));
	}
	text_free(&text);
}

static void blocks_are_as_wide_as_asked(void **state)
{
	static const unsigned widths[] = {80, 60, 132};

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		block_width = widths[i];
		each_finding(check_block);
	}
}

static void one_to_the_letter(void **state)
{
	static const char expected[] =
		"1. close_wait_leak: 3012, oldest 2h10m, +41 in 30 s (likely)\n"
		"   The peers of 3012 connections at port 8080 closed, and nginx has not closed\n"
		"   since: it neither reads nor sends there.\n"
		"   who    nginx, pid 4711, container 0123456789ab\n"
		"   peers  10.0.3.0/24 (3000), 2001:db8::/64 (10), others (2)\n"
		"   fds    7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 and 2996 more\n"
		"   seen   12 kB received and not read\n"
		"   sure   nothing was read or sent for long, or more and more of them come\n"
		"   do     Find the path in nginx that does not close the socket when read()\n"
		"          returns 0 (lastack diagnose --stacks tells what opened or accepted\n"
		"          them); until then only its restart frees the descriptors.\n"
		"   run    lastack list --state CLOSE_WAIT -p 4711 -L 8080\n";
	struct finding finding = full(FINDING_CLOSE_WAIT_LEAK, CERTAINTY_LIKELY);
	struct text text = {0};
	json_t *json;

	(void)state;
	memcpy(finding.comm, "nginx", 6);
	finding.facts_known = 1ULL << FACT_UNREAD_BYTES;
	finding.facts[FACT_UNREAD_BYTES] = 12000;
	json = json_of(&finding);
	assert_int_equal(json_integer_value(json_object_get(json, "since_us")), 1700000000000000 + 1200000000);
	assert_int_equal(finding_block(&text, json, 1, 80), 0);
	assert_string_equal(text_string(&text), expected);
	text_clear(&text);
	json_object_del(json, "explain");
	assert_int_equal(finding_block(&text, json, 1, 80), -EBADMSG);
	assert_int_equal(text.length, 0);
	json_decref(json);
	text_free(&text);
}

/* The lines of a block that begin with this label, up to the next one. */
static const char *labelled(struct text *block, const char *label)
{
	static char lines[1024];
	const char *from = strstr(text_string(block), label), *to = from;

	assert_non_null(from);
	do
		to += strcspn(to, "\n") + 1;
	while (!strncmp(to, "          ", 10));
	snprintf(lines, sizeof(lines), "%.*s", (int)(to - from), from);
	return lines;
}

/* The root's control group is no place; another is. */
static void control_groups_in_words(void **state)
{
	static const char *const expected[] = {"   who    nginx, pid 4711\n",
					       "   who    nginx, pid 4711, /system.slice/nginx.service\n"};
	struct finding finding = full(FINDING_CLOSE_WAIT_LEAK, CERTAINTY_LIKELY);

	(void)state;
	memcpy(finding.comm, "nginx", 6);
	for (uint64_t i = 0; i < 2; i++) {
		struct text text = {0};
		json_t *json;

		finding.cgroup = i + 1;
		json = json_of(&finding);
		assert_int_equal(finding_block(&text, json, 1, 80), 0);
		assert_string_equal(labelled(&text, "   who"), expected[i]);
		json_decref(json);
		text_free(&text);
	}
}

static void several_processes_in_words(void **state)
{
	struct finding finding = full(FINDING_CANNOT_NOTICE_DEAD_PEER, CERTAINTY_CERTAIN);
	struct text text = {0};
	json_t *json;

	(void)state;
	memcpy(finding.comm, "nginx", 6);
	several(&finding);
	json = json_of(&finding);
	assert_true(json_is_null(json_object_get(json_object_get(json, "owner"), "pid")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "owner"), "processes")), 10);
	assert_int_equal(finding_block(&text, json, 1, 80), 0);
	assert_string_equal(labelled(&text, "   who"),
			    "   who    nginx, 10 processes: 4711 (300), 4712 (299), 4713 (298), 4714 (297),\n"
			    "          4715 (296), 4716 (295), 4717 (294), 4718 (293), others (640),\n"
			    "          container 0123456789ab\n");
	json_decref(json);
	text_free(&text);
}

static const char *command_of(const struct finding *finding)
{
	static char command[256];
	json_t *json = json_of(finding);

	snprintf(command, sizeof(command), "%s", json_string_value(json_object_get(json, "command")));
	json_decref(json);
	return command;
}

/* Few are named one by one, many by what they have in common; never by a name that somebody chose. */
static void commands_to_run(void **state)
{
	struct finding finding = bare(FINDING_HALF_OPEN_SILENT, CERTAINTY_POSSIBLE);

	(void)state;
	finding.count = finding.cookie_count = 2;
	finding.cookies[0] = 71;
	finding.cookies[1] = 72;
	finding.remote_port = 5432;
	assert_string_equal(command_of(&finding), "lastack probe 71 72");
	finding.count = 5;
	assert_string_equal(command_of(&finding), "lastack probe -D 5432");
	finding.process_count = 1;
	finding.processes[0].pid = 4711;
	memcpy(finding.comm, "$(reboot)", 10);
	assert_string_equal(command_of(&finding), "lastack probe -p 4711 -D 5432");
	finding.remote_port = 0;
	finding.local_port = 80;
	finding.process_count = 2;
	finding.processes[1].pid = 4712;
	assert_string_equal(command_of(&finding), "lastack probe -p 4711,4712 -L 80");
	finding.process_count = 9;
	assert_string_equal(command_of(&finding), "lastack probe -L 80");
	finding.kind = FINDING_SYN_SENT_UNANSWERED;
	assert_string_equal(command_of(&finding), "lastack list --state SYN_SENT -L 80");
	finding = bare(FINDING_SYN_SENT_UNANSWERED, CERTAINTY_LIKELY);
	assert_string_equal(command_of(&finding), "lastack list --state SYN_SENT");
	finding.kind = FINDING_ACCEPT_OVERFLOW;
	assert_string_equal(command_of(&finding), "");
}

static bool gone_or_not(void *arg, uint64_t cookie, struct text *text)
{
	(void)arg;
	if (cookie % 2)
		return false;
	text_append_str(text, "{\"cookie\":");
	text_append_u64(text, cookie);
	text_append_char(text, '}');
	return true;
}

static void connections_behind_it(void **state)
{
	struct finding finding = bare(FINDING_CLOSE_WAIT_LEAK, CERTAINTY_LIKELY);
	struct finding_source source = {&finding, &context, NOW_NS, gone_or_not, NULL, 2, NULL};
	struct text text = {0};

	(void)state;
	finding.cookie_count = 7;
	for (uint32_t i = 0; i < 7; i++)
		finding.cookies[i] = 1 + i;
	finding_json(&text, &source);
	assert_non_null(strstr(text_string(&text), "\"connections\":[{\"cookie\":2},{\"cookie\":4}],\"stacks\":null,"));
	text_clear(&text);
	finding.cookie_count = 3;
	source.show = 9;
	finding_json(&text, &source);
	assert_non_null(strstr(text_string(&text), "\"connections\":[{\"cookie\":2}],"));
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_meets_the_schema), cmocka_unit_test(sentences_are_whole),
		cmocka_unit_test(blocks_are_as_wide_as_asked), cmocka_unit_test(one_to_the_letter),
		cmocka_unit_test(connections_behind_it),       cmocka_unit_test(control_groups_in_words),
		cmocka_unit_test(several_processes_in_words),  cmocka_unit_test(commands_to_run),
	};

	return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
