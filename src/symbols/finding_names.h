/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_names.h: puts names to the stacks of a finding (finding_line.h) and puts together what is the same place
 * then: workers of one program, each of which was told of for itself.
 */
#ifndef LASTACK_SYMBOLS_FINDING_NAMES_H
#define LASTACK_SYMBOLS_FINDING_NAMES_H

#include <jansson.h>

#include "symbols/symbols.h"

/* The finding's "stacks" are replaced by named ones, most connections first. Without any, nothing happens. */
void finding_names_put(json_t *finding, struct symbols *symbols);

#endif
