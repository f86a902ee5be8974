/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * signs.h: from the facts that events carry to the signs (enum machine_sign) that the reference machine asks
 * for. Pure, and independent of the verdict: the two must not agree by construction, so that a test can hold
 * one against the other.
 */
#ifndef LASTACK_CORE_SIGNS_H
#define LASTACK_CORE_SIGNS_H

#include "core/connection.h"

/* Of a transition to another state than CLOSE. flags: enum event_flag of the event that told of it. */
uint32_t signs_of_transition(const struct connection *connection, uint16_t flags);

/*
 * Of the transition to CLOSE that ending->close tells of, once everything that can follow it has been seen.
 * ending->loss_nearby must have been set.
 */
uint32_t signs_of_close(const struct connection *connection, const struct ending *ending);

#endif
