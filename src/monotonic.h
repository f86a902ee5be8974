/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monotonic.h: the clock of every span and limit, the same as that of the events (bpf_ktime_get_ns()). src/core is told
 * the time instead.
 */
#ifndef LASTACK_MONOTONIC_H
#define LASTACK_MONOTONIC_H

#include <stdint.h>
#include <time.h>

static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
