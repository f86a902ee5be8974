/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz.h: what the harnesses share: libFuzzer's entry, bytes taken one after another, and bytes as a text or a file.
 * What must hold is said with cmocka's assertions, which end the process outside of its tests.
 */
#ifndef LASTACK_TESTS_FUZZ_H
#define LASTACK_TESTS_FUZZ_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* libFuzzer's names. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);

struct fuzz_bytes {
	const uint8_t *at, *end;
};

/* Zeros after the end. */
static inline void fuzz_take(struct fuzz_bytes *bytes, void *to, size_t count)
{
	size_t left = (size_t)(bytes->end - bytes->at), part = count < left ? count : left;

	memset(to, 0, count);
	if (part)
		memcpy(to, bytes->at, part);
	bytes->at += part;
}

static inline uint8_t fuzz_byte(struct fuzz_bytes *bytes)
{
	uint8_t byte;

	fuzz_take(bytes, &byte, 1);
	return byte;
}

/* A copy that ends with a NUL, of its own size: a byte too far is seen. The caller's. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert_non_null(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#define FUZZ_PATH_BYTES 32

/* A file in memory; returns its descriptor, the caller's. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[FUZZ_PATH_BYTES])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	snprintf(path, FUZZ_PATH_BYTES, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
