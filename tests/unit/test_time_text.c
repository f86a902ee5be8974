/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_time_text.c: instants as people write them, in several time zones and on days that are longer than others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "report/time_text.h"

#define US    1000000LL
#define NOW_S 1795180500LL /* 2026-11-20 13:15:00 UTC, a Friday */

static void zone_set(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void assert_instant(const char *text, int64_t seconds, int64_t fraction_us)
{
	const char *why = NULL;
	int64_t wall_us = 0;

	if (time_text_parse(text, NOW_S * US, &wall_us, &why))
		fail_msg("%s: %s", text, why);
	if (wall_us != seconds * US + fraction_us)
		fail_msg("%s is %lld, not %lld", text, (long long)wall_us, (long long)(seconds * US + fraction_us));
}

static void assert_refused(const char *text)
{
	const char *why = NULL;
	int64_t wall_us = 7;

	if (!time_text_parse(text, NOW_S * US, &wall_us, &why))
		fail_msg("%s is taken for %lld", text, (long long)wall_us);
	assert_int_equal(wall_us, 7);
	assert_non_null(why);
}

static void spans_ago(void **state)
{
	(void)state;
	zone_set("UTC0");
	assert_instant("45s", NOW_S - 45, 0);
	assert_instant("30m", NOW_S - 1800, 0);
	assert_instant("2h", NOW_S - 7200, 0);
	assert_instant("7d", NOW_S - 7 * 86400, 0);
	assert_instant("2w", NOW_S - 14 * 86400, 0);
	assert_instant("0s", NOW_S, 0);
	assert_refused("2y");
	assert_refused("2hh");
	assert_refused("2 h");
	assert_refused("-2h");
	assert_refused("999999999d");
	assert_refused("99999999999999999999s");
}

static void numbers_are_the_epoch(void **state)
{
	(void)state;
	zone_set("UTC0");
	assert_instant("1700000000", 1700000000, 0);
	assert_refused("30");
	assert_refused("99999999999999");
	assert_refused("1700000000.5");
}

static void dates(void **state)
{
	(void)state;
	zone_set("UTC0");
	assert_instant("2026-11-20", NOW_S - 13 * 3600 - 15 * 60, 0);
	assert_instant("2026-11-20 14:30", NOW_S + 75 * 60, 0);
	assert_instant("2026-11-20 14:30:15", NOW_S + 75 * 60 + 15, 0);
	assert_instant("2026-11-20T13:15:00Z", NOW_S, 0);
	assert_instant("2026-11-20T13:15:00.25Z", NOW_S, 250000);
	assert_instant("2026-11-20T13:15:00.1234567Z", NOW_S, 123456);
	assert_instant("2026-11-20T14:15:00+01:00", NOW_S, 0);
	assert_instant("2026-11-20T09:45:00-03:30", NOW_S, 0);
	assert_instant("2024-02-29", 1709164800, 0);
	assert_refused("2026-02-29");
	assert_refused("2026-11-31");
	assert_refused("2026-13-01");
	assert_refused("2026-00-01");
	assert_refused("2026-11-00");
	assert_refused("1969-12-31");
	assert_refused("2026-1-2");
	assert_refused("2026-11-20 24:00");
	assert_refused("2026-11-20 14:60");
	assert_refused("2026-11-20 14");
	assert_refused("2026-11-20T14:30:00.Z");
	assert_refused("2026-11-20T14:30:00+1:00");
	assert_refused("2026-11-20T14:30:00+24:00");
	assert_refused("2026-11-20 14:30 yesterday");
	assert_refused("2026-11-20x");
	assert_refused("");
	assert_refused("yesterday");
}

static void dates_are_local(void **state)
{
	(void)state;
	zone_set("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_instant("2026-11-20 14:15", NOW_S, 0);
	assert_instant("2026-11-20T13:15:00Z", NOW_S, 0);
	/* In summer, and on the day after it has ended. */
	assert_instant("2026-07-01 12:00", 1782900000, 0);
	assert_instant("2026-10-25 12:00", 1792926000, 0);
	assert_instant("2026-10-25", 1792926000 - 13 * 3600, 0);
}

/* The last time that it was so late. */
static void times_of_day(void **state)
{
	(void)state;
	zone_set("UTC0");
	assert_instant("13:15", NOW_S, 0);
	assert_instant("13:00", NOW_S - 900, 0);
	assert_instant("13:16", NOW_S + 60 - 86400, 0);
	assert_instant("13:15:01", NOW_S + 1 - 86400, 0);
	assert_instant("00:00", NOW_S - 13 * 3600 - 15 * 60, 0);
	assert_refused("24:00");
	assert_refused("9:00");
	assert_refused("13:15Z");
	zone_set("JST-9");
	assert_instant("22:15", NOW_S, 0);
	assert_instant("22:16", NOW_S + 60 - 86400, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_ago),       cmocka_unit_test(numbers_are_the_epoch), cmocka_unit_test(dates),
		cmocka_unit_test(dates_are_local), cmocka_unit_test(times_of_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
