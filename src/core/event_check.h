/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event_check.h: is this record what event.h says? Used wherever records come in: from the ring
 * buffer, from iterators, from a recording that somebody else may have made.
 *
 * Its input are bytes. Pure: it must not know where they come from.
 */
#ifndef LASTACK_CORE_EVENT_CHECK_H
#define LASTACK_CORE_EVENT_CHECK_H

#include <stddef.h>

#include "event.h"

/* The exact size in bytes of a record of this kind (enum event_kind); 0 for a kind that is not known. */
size_t event_size(unsigned kind);

/*
 * Whether `length` bytes at `event` (aligned to 8) are one whole record of this version: known kind,
 * its exact size, states, families and enums in range, names ended by a NUL. Returns 0 or -EINVAL.
 * After 0, nothing in the record can lead a table look-up or a string function astray.
 */
int event_check(const struct event_header *event, size_t length);

#endif
