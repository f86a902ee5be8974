/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hooks.h: which facts lastack wants from the kernel, by which means, best first; and what this kernel
 * grants of them. The table is what `lastack check` prints and what the loader goes by.
 */
#ifndef LASTACK_KERNEL_HOOKS_H
#define LASTACK_KERNEL_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_types;

enum hook_tier {
	TIER_ANY, /* as a wish: the best that works */
	TIER_FENTRY,
	TIER_KPROBE,
	TIER_TRACEPOINT,
	TIER_ITERATOR,
};

#define HOOK_OPTIONS_MAX  4
#define HOOK_PROGRAMS_MAX 4
#define HOOKS_MAX         16
#define HOOK_WHY_BYTES    192

struct hook_option {
	enum hook_tier tier;
	const char *target; /* tracepoint, function, or object iterated over */
	int arguments;      /* of the target; -1: any number */
	const char *programs[HOOK_PROGRAMS_MAX];
	const char *targets_more; /* a second function, for the second program; of an iterator, a helper it needs */
	bool keeps_cpu;           /* only where hooks_keep_cpu() */
};

enum hook_need {
	HOOK_WANTED,
	HOOK_REQUIRED,
	HOOK_ON_DEMAND, /* costs more than the others: only where somebody asks for it */
};

struct hook {
	const char *fact;
	enum hook_need need;
	const char *lost; /* what cannot be told without it */
	struct hook_option options[HOOK_OPTIONS_MAX];
};

struct hook_choice {
	const struct hook *hook;
	const struct hook_option *option; /* NULL: nothing works here */
	char refused[HOOK_WHY_BYTES];     /* why a better option was refused, "" if it was not */
};

const char *hook_tier_name(enum hook_tier tier);
/* The whole table. */
const struct hook *hooks_table(size_t *count);
/* Does this kernel offer what the option needs, with these types? 0, or -errno with the reason in why. */
int hook_option_try(const struct kernel_types *types, const struct hook_option *option, char *why, size_t size);
/*
 * Does the kernel let other tasks interrupt programs of tracepoints, and can programs keep their CPU
 * (bpf/copies.bpf.h)? Not with types from a file: that takes kfuncs, which the kernel knows by its own.
 */
bool hooks_keep_cpu(const struct kernel_types *types);
/*
 * Decides for each hook of the table. wish: TIER_ANY, or the only tier to be used where a hook has
 * several. on_demand: also those that are only there then. Returns how many choices were filled (at most HOOKS_MAX).
 */
size_t hooks_choose(const struct kernel_types *types, enum hook_tier wish, bool on_demand, struct hook_choice *choices);

#endif
