/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair_skips.c: see pair_skips.h.
 */
#include "kernel/pair_skips.h"

uint64_t pair_skips_certain(struct pair_skips *skips, uint64_t skipped, uint64_t now_ns)
{
	if (skipped < skips->certain)
		skips->certain = skipped;
	if (skipped < skips->candidate)
		skips->candidate = skipped;
	if (now_ns - skips->since_ns >= SKIP_GRACE_NS) {
		skips->certain = skips->candidate;
		skips->candidate = skipped;
		skips->since_ns = now_ns;
	}
	return skips->certain;
}
