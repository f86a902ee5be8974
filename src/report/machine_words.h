/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine_words.h: what the reference machine's states, inputs and signs are, for its documentation; the table
 * of transitions itself says the rest.
 */
#ifndef LASTACK_REPORT_MACHINE_WORDS_H
#define LASTACK_REPORT_MACHINE_WORDS_H

#include "core/tcp_machine.h"

/* The states in the order of a connection's life; every one is in it. */
#define MACHINE_LIFE_STATES (MACHINE_STATES - 1)
extern const uint8_t machine_life[MACHINE_LIFE_STATES];

struct machine_state_words {
	const char *rfc;   /* its name in RFC 9293; NULL: only Linux has it */
	const char *held;  /* what of Linux's holds it */
	const char *words; /* what it is */
};

const struct machine_state_words *machine_state_words(uint8_t state);
/* "segment" */
const char *machine_input_kind_name(enum machine_input_kind kind);
/* "state", "minisock", "request"; NULL: it does not show itself. */
const char *machine_shown_name(enum machine_shown shown);
/* What a sign stands for, and which facts of which events it is read from (core/signs.c); NULL: nobody wrote it down.
 */
const char *machine_sign_name(unsigned index);
const char *machine_sign_words(unsigned index);
const char *machine_sign_source(unsigned index);

#endif
