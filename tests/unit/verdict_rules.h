/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict_rules.h: for tests of single rules of the verdict: a scene that the rule decides, with the whole of what
 * is said, and the scenes that differ from it in one fact and must come out otherwise.
 */
#ifndef LASTACK_TESTS_VERDICT_RULES_H
#define LASTACK_TESTS_VERDICT_RULES_H

#include "verdict_scene.h"

#define MISSES_MAX 8
#define ORPHAN     EVENT_SOCKET_DEAD
#define EXITING    (FLAGS_CLOSER | EVENT_TASK_EXITING)

/* One fact changed, and what the cause is then; the context too, where the cause stays. */
struct near_miss {
	const char *fact;
	size_t offset, size;
	uint64_t value;
	enum connection_cause cause;
	enum connection_context context;
};

#define MISS_IN(field, number, cause_wanted, context_wanted)                                                           \
	{                                                                                                              \
#field " = " #number, offsetof(struct scene, field), sizeof(((struct scene *)NULL)->field), number,    \
			CAUSE_##cause_wanted, CONTEXT_##context_wanted                                                 \
	}
#define MISS(field, number, cause_wanted) MISS_IN(field, number, cause_wanted, NONE)

struct rule_case {
	const char *name;
	struct scene scene;
	struct outcome outcome;
	struct near_miss misses[MISSES_MAX];
};

static inline void scene_change(struct scene *scene, const struct near_miss *miss)
{
	void *member = (char *)scene + miss->offset;

	if (miss->size == 1)
		*(uint8_t *)member = (uint8_t)miss->value;
	else if (miss->size == 2)
		*(uint16_t *)member = (uint16_t)miss->value;
	else
		*(uint32_t *)member = (uint32_t)miss->value;
}

static inline unsigned misses_check(const struct rule_case *rule)
{
	unsigned wrong = 0;

	for (const struct near_miss *miss = rule->misses; miss < rule->misses + MISSES_MAX && miss->fact; miss++) {
		struct scene scene = rule->scene;
		struct verdict verdict;

		assert_true(miss->cause != rule->outcome.cause || miss->context != rule->outcome.context);
		scene_change(&scene, miss);
		verdict = scene_decide(&scene);
		if (verdict.cause == miss->cause && verdict.context == miss->context)
			continue;
		print_error("%s, but %s: ", rule->name, miss->fact);
		verdict_print("", &verdict);
		wrong++;
	}
	return wrong;
}

static inline void cases_check(const struct rule_case *cases, size_t count)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		wrong += !scene_gives(cases[i].name, &cases[i].scene, &cases[i].outcome);
		assert_non_null(cases[i].misses[0].fact);
		wrong += misses_check(&cases[i]);
	}
	assert_int_equal(wrong, 0);
}

#define CASES_TEST(name)                                                                                               \
	static void name##_hold(void **state)                                                                          \
	{                                                                                                              \
		(void)state;                                                                                           \
		cases_check(name, sizeof(name) / sizeof((name)[0]));                                                   \
	}

#endif
