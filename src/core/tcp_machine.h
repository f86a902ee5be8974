/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_machine.h: the reference machine that every observed transition is held against.
 *
 * One table holds the transitions of RFC 9293 and, as entries of their own, those that Linux shows
 * instead. Pure: no event, no connection, no clock; in goes a pair of states, out comes what the
 * reference says of it.
 */
#ifndef LASTACK_CORE_TCP_MACHINE_H
#define LASTACK_CORE_TCP_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "report.h"

/* What a transition needs, beyond the pair of states, to be what its entry says. */
enum machine_need {
	NEED_NOTHING = 0,
	NEED_ABORT, /* a reset, timeout, abort or local close that explains leaving for CLOSE */
};

struct machine_rule {
	uint8_t from, to;
	enum conformance verdict; /* CONFORMANT or LINUX_VARIANT */
	enum machine_need need;
	const char *why;    /* what happens, for a person */
	const char *source; /* RFC section or kernel function */
};

/* The rule for a transition, or NULL: then neither RFC 9293 nor Linux knows it. */
const struct machine_rule *machine_find(uint8_t from, uint8_t to);

/* The whole table and its length, for printing and for tests. */
const struct machine_rule *machine_rules(size_t *count);

#endif
