/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_try.h: shows each BPF program to the verifier on its own, chosen or not.
 */
#ifndef LASTACK_KERNEL_MONITOR_TRY_H
#define LASTACK_KERNEL_MONITOR_TRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/hooks.h"

struct program_trial {
	const char *program;
	const struct hook_option *option;
	bool offered;                   /* does this kernel have the hook at all? */
	int status;                     /* offered: 0 loaded, -errno */
	uint32_t verified_instructions; /* loaded: what the verifier went through, 0 where it does not tell */
	const char *why;                /* not offered or not loaded: the reason */
};

typedef void (*program_trial_fn)(void *arg, const struct program_trial *trial);

/* Tries them all, with the kernel's own types or those of a file (types.h). Returns 0, or -errno where not even that is
 * possible, with the reason in why. */
int monitor_try_programs(const char *file, program_trial_fn report, void *arg, char *why, size_t size);

#endif
