// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_options_file.c: any configuration file.
 */
#include <errno.h>

#include "fuzz_settings.h"
#include "options_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_settings settings = {0}, untouched = settings;
	struct options_texts texts = {0};
	char path[FUZZ_PATH_BYTES];
	int fd = fuzz_file(data, size, path);
	int status = options_file_read(&fuzz_verb, path, &settings, &texts);

	if (status) {
		assert_int_equal(status, -EINVAL);
		assert_memory_equal(&settings, &untouched, sizeof(settings));
	} else {
		fuzz_settings_check(&settings);
		assert_null(settings.config);
		assert_true(!settings.directory || strlen(settings.directory) < size);
	}
	options_texts_free(&texts);
	close(fd);
	return 0;
}
