/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios.h: the tables of tests, one per file of scenarios.
 */
#ifndef LIVE_SCENARIOS_H
#define LIVE_SCENARIOS_H

#include "play.h"

struct test_table {
	const struct test *tests;
	size_t count;
};

#define TEST_TABLE(tests)                                                                                              \
	{                                                                                                              \
		(tests), sizeof(tests) / sizeof(*(tests))                                                              \
	}

extern const struct test_table orderly_tests;   /* S01..S08 */
extern const struct test_table time_wait_tests; /* S09 */
extern const struct test_table reset_tests;     /* S10..S13, S18, S19 */
extern const struct test_table lost_tests;      /* S14..S16 */
extern const struct test_table timeout_tests;   /* S20..S26 */
extern const struct test_table open_tests;      /* S17, S27, S28 */
extern const struct test_table limit_tests;     /* S29 */
extern const struct test_table near_miss_tests; /* N.. */
extern const struct test_table near_miss_network_tests;

#endif
