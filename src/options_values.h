/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options_values.h: turns the text of one option into its value; the part of options.c that knows
 * numbers, durations, names and ports, and nothing of argument vectors or of output.
 */
#ifndef LASTACK_OPTIONS_VALUES_H
#define LASTACK_OPTIONS_VALUES_H

#include "options.h"

#define OPTION_WHY_BYTES 512

/*
 * Stores `value` at `target` as the option's type says; NULL for a flag. Returns 0, or -EINVAL with the
 * reason in `why`; the target is then untouched.
 */
int option_value_store(const struct option_spec *option, const char *value, void *target, char why[OPTION_WHY_BYTES]);

#endif
