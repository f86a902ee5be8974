// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_history.c: a database of the history, damaged as the input says, opened, asked, written to and closed. It must
 * end in one of the documented states, and a question in one of the documented errors; in what it was moved aside for
 * or begun anew, what is written then stands.
 *
 * The input: one byte that says how much is cut off at the end, then edits: three bytes where, one byte what.
 */
#include "fuzz_history.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	whole_make();
	return 0;
}

static void damage(struct fuzz_bytes bytes)
{
	uint8_t *copy = malloc(whole_bytes), cut = fuzz_byte(&bytes);
	size_t length = cut < 128 ? whole_bytes : whole_bytes * (255U - cut) / 128;
	FILE *file;

	assert_non_null(copy);
	memcpy(copy, whole, whole_bytes);
	while (bytes.at < bytes.end) {
		uint8_t edit[4];
		uint32_t at;

		fuzz_take(&bytes, edit, sizeof(edit));
		at = edit[0] | (uint32_t)edit[1] << 8 | (uint32_t)edit[2] << 16;
		copy[at % whole_bytes] = edit[3];
	}
	assert_int_equal(mkdir(fixture.directory, 0700), 0);
	file = fopen(fixture.path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(copy, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	directory_empty();
	damage((struct fuzz_bytes){data, data + size});
	history_use();
	return 0;
}
