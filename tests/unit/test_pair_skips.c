/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_pair_skips.c: a skipped run is a loss if nobody has taken its event for long enough, and not before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/pair_skips.h"

#define MS 1000000ULL

/* Read every 20 ms, as the consumer does. */
static uint64_t certain_after(struct pair_skips *skips, uint64_t skipped, uint64_t from_ms, uint64_t to_ms)
{
	uint64_t certain = 0;

	for (uint64_t ms = from_ms; ms <= to_ms; ms += 20)
		certain = pair_skips_certain(skips, skipped, ms * MS);
	return certain;
}

static void a_skip_that_stands_is_a_loss(void **state)
{
	struct pair_skips skips = {0};

	(void)state;
	assert_int_equal(certain_after(&skips, 0, 1000, 2000), 0);
	assert_int_equal(certain_after(&skips, 3, 2020, 2020 + 2 * SKIP_GRACE_NS / MS), 3);
	assert_int_equal(certain_after(&skips, 3, 2400, 9000), 3);
	assert_int_equal(certain_after(&skips, 5, 9020, 9020 + SKIP_GRACE_NS / MS - 20), 3);
	assert_int_equal(certain_after(&skips, 5, 9200, 9600), 5);
}

static void a_skip_that_is_rescued_is_none(void **state)
{
	struct pair_skips skips = {0};

	(void)state;
	for (uint64_t ms = 1000; ms < 9000; ms += 60) {
		assert_int_equal(certain_after(&skips, 1, ms, ms + 20), 0);
		assert_int_equal(certain_after(&skips, 0, ms + 40, ms + 40), 0);
	}
}

static void the_first_reading_tells_nothing(void **state)
{
	struct pair_skips skips = {0};

	(void)state;
	assert_int_equal(pair_skips_certain(&skips, 7, 1000 * MS), 0);
	assert_int_equal(pair_skips_certain(&skips, 7, 1000 * MS + SKIP_GRACE_NS - 1), 0);
	assert_int_equal(pair_skips_certain(&skips, 7, 1000 * MS + SKIP_GRACE_NS), 7);
}

/* Rescued later than was waited for: taken back. */
static void a_late_rescue_is_taken_back(void **state)
{
	struct pair_skips skips = {0};

	(void)state;
	assert_int_equal(certain_after(&skips, 2, 1000, 1400), 2);
	assert_int_equal(pair_skips_certain(&skips, 1, 1420 * MS), 1);
	assert_int_equal(certain_after(&skips, 1, 1440, 2000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_skip_that_stands_is_a_loss),
		cmocka_unit_test(a_skip_that_is_rescued_is_none),
		cmocka_unit_test(the_first_reading_tells_nothing),
		cmocka_unit_test(a_late_rescue_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
