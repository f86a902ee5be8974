// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_audit.c: which difference between lastack and the kernel is equal, explained or unexplained, and how it is
 * printed.
 */
#include "core_fixture.h"

#include <jansson.h>

#include "core/audit.h"
#include "report/audit_writer.h"

struct scene {
	struct tally *start_low, *start_high, *end_low, *end_high;
	struct audit_reading start, end;
	struct audit_facts facts;
};

static unsigned counter(const char *name)
{
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++)
		if (!strcmp(audit_counter_at(i)->name, name))
			return i;
	fail_msg("no counter %s", name);
	return 0;
}

/* Resets without a connection, in a namespace (0: nobody knows). */
static void resets(struct tally *tally, uint32_t netns, unsigned count)
{
	struct event_reset_sent event = make_reset_sent(0, 0, 0, RESET_REASON_NO_SOCKET, EVENT_PASSIVE);
	struct fixture f;

	fixture_begin(&f);
	event.tuple.netns = netns;
	while (count--)
		tally_event(tally, f.tracker, &event.header);
	fixture_end(&f);
}

/* So many resets were told by then: at the start before and after the reading, and the same at the end. */
static void scene_begin(struct scene *scene, unsigned a, unsigned b, unsigned c, unsigned d)
{
	unsigned counts[] = {a, b, c, d};
	struct tally **tallies[] = {&scene->start_low, &scene->start_high, &scene->end_low, &scene->end_high};

	memset(scene, 0, sizeof(*scene));
	for (int i = 0; i < 4; i++) {
		*tallies[i] = tally_create();
		resets(*tallies[i], NETNS, counts[i]);
	}
	scene->facts.reset_reasons = true;
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++)
		scene->start.present[i] = scene->end.present[i] = true;
	scene->start.value[counter("OutRsts")] = 1000;
}

static struct audit_row compare(struct scene *scene, const char *name, int64_t increase)
{
	struct audit_tallies tallies = {scene->start_low, scene->start_high, scene->end_low, scene->end_high};
	unsigned index = counter(name);

	scene->end.value[index] = scene->start.value[index] + increase;
	return audit_compare(index, NETNS, &scene->start, &scene->end, &tallies, &scene->facts);
}

static void scene_end(struct scene *scene)
{
	tally_destroy(scene->start_low);
	tally_destroy(scene->start_high);
	tally_destroy(scene->end_low);
	tally_destroy(scene->end_high);
}

static void assert_verdict(struct audit_row row, enum audit_verdict verdict, enum audit_why why, int64_t difference)
{
	assert_int_equal(row.verdict, verdict);
	assert_int_equal(row.why, why);
	assert_int_equal(row.difference, difference);
}

static void in_the_bracket(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, 2, 3, 10, 12); /* 7 to 10 */
	assert_verdict(compare(&scene, "OutRsts", 6), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, -1);
	for (int64_t increase = 7; increase <= 10; increase++) {
		struct audit_row row = compare(&scene, "OutRsts", increase);

		assert_verdict(row, AUDIT_EQUAL, AUDIT_WHY_NONE, 0);
		assert_int_equal(row.lastack, increase);
		assert_int_equal(row.lastack_min, 7);
		assert_int_equal(row.lastack_max, 10);
	}
	assert_verdict(compare(&scene, "OutRsts", 11), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, 1);
	scene_end(&scene);
}

static void explained(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, 0, 0, 5, 5);
	/* As many as were lost, of kinds that matter. */
	scene.facts.lost[EVENT_CLOSE] = 100;
	assert_verdict(compare(&scene, "OutRsts", 8), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, 3);
	scene.facts.lost[EVENT_RESET_SENT] = 3;
	assert_verdict(compare(&scene, "OutRsts", 8), AUDIT_EXPLAINED, AUDIT_WHY_LOST, 3);
	assert_verdict(compare(&scene, "OutRsts", 9), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, 4);
	/* Of those that belong to nobody known. */
	resets(scene.end_high, TALLY_UNATTRIBUTED, 1);
	assert_verdict(compare(&scene, "OutRsts", 9), AUDIT_EXPLAINED, AUDIT_WHY_UNATTRIBUTED, 4);
	assert_verdict(compare(&scene, "OutRsts", 10), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, 5);
	/* The kernel does not tell of all; lastack having more stays unexplained. */
	scene.facts.reset_reasons = false;
	assert_verdict(compare(&scene, "OutRsts", 10), AUDIT_EXPLAINED, AUDIT_WHY_NO_REASONS, 5);
	assert_verdict(compare(&scene, "OutRsts", 0), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, -5);
	scene.facts.kinds_missing = 1U << EVENT_RESET_SENT;
	assert_verdict(compare(&scene, "OutRsts", 0), AUDIT_EXPLAINED, AUDIT_WHY_NO_HOOK, -5);
	scene_end(&scene);
}

static void relations(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, 0, 0, 0, 0);
	assert_verdict(compare(&scene, "ActiveOpens", 1), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, 1);
	assert_verdict(compare(&scene, "AttemptFails", 1), AUDIT_EXPLAINED, AUDIT_WHY_KNOWN, 1);
	assert_verdict(compare(&scene, "ListenDrops", 5), AUDIT_EXPLAINED, AUDIT_WHY_KNOWN, 5);
	assert_verdict(compare(&scene, "CurrEstab", -1), AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, -1);
	scene.end.present[counter("TCPSynRetrans")] = false;
	assert_verdict(compare(&scene, "TCPSynRetrans", 4), AUDIT_ABSENT, AUDIT_WHY_NONE, 0);
	/* Every counter that may differ says why. */
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++) {
		enum audit_relation relation = audit_counter_at(i)->relation;

		assert_true(relation == AUDIT_IS_EQUAL || relation == AUDIT_AT_MOST || audit_counter_at(i)->more);
		assert_true(relation != AUDIT_AT_MOST || audit_counter_at(i)->less);
	}
	scene_end(&scene);
}

static void namespaces_come_and_go(void **state)
{
	struct audit_tallies tallies;
	struct scene scene;
	unsigned index = counter("OutRsts");
	struct audit_row row;

	(void)state;
	scene_begin(&scene, 0, 0, 5, 5);
	tallies = (struct audit_tallies){scene.start_low, scene.start_high, scene.end_low, scene.end_high};
	scene.end.value[index] = 5;
	row = audit_compare(index, NETNS, NULL, &scene.end, &tallies, &scene.facts);
	assert_verdict(row, AUDIT_EQUAL, AUDIT_WHY_NONE, 0);
	scene.end.value[index] = 4; /* the fifth may have been in one before, which had its inode */
	row = audit_compare(index, NETNS, NULL, &scene.end, &tallies, &scene.facts);
	assert_verdict(row, AUDIT_NOT_READ, AUDIT_WHY_REPLACED, -1);
	scene.end.value[index] = 6; /* a sixth was missed all the same */
	row = audit_compare(index, NETNS, NULL, &scene.end, &tallies, &scene.facts);
	assert_verdict(row, AUDIT_UNEXPLAINED, AUDIT_WHY_NONE, 1);
	scene.end.value[index] = 5;
	row = audit_compare(index, NETNS, &scene.start, NULL, &tallies, &scene.facts);
	assert_verdict(row, AUDIT_NOT_READ, AUDIT_WHY_GONE, 0);
	assert_int_equal(row.lastack, 5);
	scene.end.cookie = 9; /* the same inode, another namespace */
	row = audit_compare(index, NETNS, &scene.start, &scene.end, &tallies, &scene.facts);
	assert_verdict(row, AUDIT_NOT_READ, AUDIT_WHY_REPLACED, 0);
	scene_end(&scene);
}

static void output(void **state)
{
	struct text text = {0};
	struct audit_row row;
	struct scene scene;
	json_t *json;

	(void)state;
	scene_begin(&scene, 0, 0, 5, 5);
	row = compare(&scene, "OutRsts", 7);
	audit_table_header(&text);
	audit_table_row(&row, &text);
	assert_string_equal(text_string(&text),
			    "NETNS      COUNTER                  KERNEL     LASTACK  DIFFERENCE VERDICT     MEANING\n"
			    "4026531840 OutRsts                       7           5           2 unexplained lastack "
			    "has not seen what "
			    "the kernel counted\n");
	text_clear(&text);
	audit_json_row(&row, &text);
	json = json_loads(text_string(&text), 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "type")), "audit");
	assert_string_equal(json_string_value(json_object_get(json, "verdict")), "unexplained");
	assert_string_equal(json_string_value(json_object_get(json, "relation")), "equal");
	assert_int_equal(json_integer_value(json_object_get(json, "difference")), 2);
	json_decref(json);
	text_clear(&text);
	row = compare(&scene, "OutRsts", 5);
	audit_table_row(&row, &text);
	assert_non_null(strstr(text_string(&text), " equal\n"));
	text_clear(&text);
	row.verdict = AUDIT_NOT_READ;
	row.why = AUDIT_WHY_GONE;
	audit_json_row(&row, &text);
	assert_non_null(strstr(text_string(&text), "\"kernel\":null"));
	text_free(&text);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_bracket),         cmocka_unit_test(explained), cmocka_unit_test(relations),
		cmocka_unit_test(namespaces_come_and_go), cmocka_unit_test(output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
