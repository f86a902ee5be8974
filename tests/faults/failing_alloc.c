/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failing_alloc.c: loaded before the C library's, lets one allocation of a program fail, or all from one on.
 *
 * FAIL_ALLOC_AT=N: the N-th fails; FAIL_ALLOC_FROM=N: it and all that follow; FAIL_ALLOC_COUNT=FILE: how many there
 * were is written there at the end. Those of the loader, before this library is up, are not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static bool ready;
static unsigned fail_at, fail_from;
static int count_fd = -1;
static atomic_uint calls;

static unsigned number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static __attribute__((constructor)) void begin(void)
{
	const char *path = getenv("FAIL_ALLOC_COUNT");

	fail_at = number_of("FAIL_ALLOC_AT");
	fail_from = number_of("FAIL_ALLOC_FROM");
	if (path && path[0]) /* now: later it may have no right to */
		count_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	ready = true;
}

static __attribute__((destructor)) void end(void)
{
	unsigned count = atomic_load(&calls);
	char text[16];

	ready = false;
	if (count_fd >= 0 && write(count_fd, text, (size_t)snprintf(text, sizeof(text), "%u\n", count)) < 0)
		_exit(126);
}

static bool fails(void)
{
	unsigned call = ready ? atomic_fetch_add(&calls, 1) + 1 : 0;

	if (!call || (call != fail_at && (!fail_from || call < fail_from)))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return fails() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
	if (fails())
		return ENOMEM;
	*memory = __libc_memalign(alignment, bytes);
	return *memory ? 0 : ENOMEM;
}
