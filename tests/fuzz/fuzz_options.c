// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_options.c: any command line, its words one a line.
 */
#include <errno.h>

#include "fuzz_settings.h"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *words[WORDS_MAX + 2] = {"daemon"};
	struct fuzz_settings settings = {0}, untouched;
	int count = 1, first = 0, status;

	while (rest && count <= WORDS_MAX)
		words[count++] = strsep(&rest, "\n");
	untouched = settings;
	status = options_parse(&fuzz_verb, count, words, &settings, &first);
	if (status == OPTIONS_GO) {
		assert_true(first >= 1 && count - first <= fuzz_verb.arguments_max);
		fuzz_settings_check(&settings);
	} else {
		assert_true(status == OPTIONS_HELP || status == -EINVAL);
		assert_memory_equal(&settings, &untouched, sizeof(settings));
	}
	free(text);
	return 0;
}
