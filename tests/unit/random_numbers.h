/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random_numbers.h: numbers for randomised tests that are the same for the same seed everywhere. LASTACK_SEED in
 * the environment repeats a run; without it the seed changes from run to run, and is printed.
 */
#ifndef LASTACK_TESTS_RANDOM_NUMBERS_H
#define LASTACK_TESTS_RANDOM_NUMBERS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random_numbers {
	uint64_t state;
};

/* splitmix64, public domain, Sebastiano Vigna. */
static inline uint64_t random_next(struct random_numbers *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 to bound - 1. */
static inline uint32_t random_below(struct random_numbers *random, uint32_t bound)
{
	return (uint32_t)(random_next(random) % bound);
}

static inline uint64_t random_seed_of_run(void)
{
	const char *given = getenv("LASTACK_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	printf("seed: LASTACK_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* CPU time of this process: a busy machine makes a bounded test no shorter. */
static inline double random_seconds_used(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

#endif
