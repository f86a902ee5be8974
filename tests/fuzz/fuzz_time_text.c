// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_time_text.c: any text as an instant: what is taken lies between the epoch and what its forms can say, and what
 * is refused is refused with a reason.
 */
#include <errno.h>
#include <time.h>

#include "fuzz.h"
#include "report/time_text.h"

#define NOW_US 1763726400000000 /* November 2025 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1); /* hours that are missing, and some that come twice */
	tzset();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	const char *why = NULL;
	int64_t wall_us = -1;
	int status = time_text_parse(text, NOW_US, &wall_us, &why);

	if (status) {
		assert_int_equal(status, -EINVAL);
		assert_non_null(why);
		assert_int_equal(wall_us, -1);
	} else {
		assert_true(wall_us >= 0);
	}
	free(text);
	return 0;
}
