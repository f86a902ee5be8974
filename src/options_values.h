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

/* Values that add up (OPTION_NAMES, OPTION_PORTS) begin with nothing; others are left alone. */
void option_value_clear(const struct option_spec *option, void *target);

/* Do two values of this option differ? Those of an OPTION_CUSTOM must be of four bytes. */
bool option_value_differs(const struct option_spec *option, const void *one, const void *other);
/* Takes the value over. */
void option_value_copy(const struct option_spec *option, void *target, const void *source);

#endif
