/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netns_numbers.h: what a network namespace has of things that run out, and its limits: TIME_WAIT, orphans, local
 * ports. What they mean it does not know.
 */
#ifndef LASTACK_KERNEL_NETNS_NUMBERS_H
#define LASTACK_KERNEL_NETNS_NUMBERS_H

#include "core/diagnosis.h"

/*
 * Of each that can be entered, into the diagnosis in place of what it had. What cannot be read, or is no property of a
 * namespace, is UINT32_MAX. Returns 0 or -errno.
 */
int netns_numbers_take(struct diagnosis *diagnosis);

#endif
