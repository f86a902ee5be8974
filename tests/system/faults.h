/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults.h: lastack run over and over, and each time another single thing fails: a system call by strace, an
 * allocation by a small library that is loaded before. What can fail is found by a run in which nothing does. It knows
 * what every end must look like; what a verb must keep beyond that, its subject says.
 */
#ifndef SYSTEM_FAULTS_H
#define SYSTEM_FAULTS_H

#include "system.h"

/* What is run, and what it must keep. All but `plan` may be NULL. */
struct subject {
	const char *verb;
	void (*plan)(struct program *program);  /* adds the words after the verb; before each run */
	void (*drive)(struct program *program); /* while it runs, such as the signal that ends it */
	/*
	 * What it left behind. NULL: all is well; else what is wrong. fault: the fault's words, for what must be told
	 * apart; "" where none was injected.
	 */
	const char *(*check)(struct program *program, int status, const char *fault);
	/* A crash that is not lastack's: of a library that takes no care of what it allocates. */
	bool (*excuses)(const struct program *program, int status);
};

/* Fails system calls, allocations; says how many by test_note(). max: so many runs, unless LASTACK_DEEP is set. */
void sweep_calls(const struct subject *subject, unsigned max);
void sweep_memory(const struct subject *subject, unsigned max);

#endif
