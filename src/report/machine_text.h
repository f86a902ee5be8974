/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine_text.h: the reference machine, and what it says of a transition, in words.
 */
#ifndef LASTACK_REPORT_MACHINE_TEXT_H
#define LASTACK_REPORT_MACHINE_TEXT_H

#include "core/tcp_machine.h"
#include "report.h"
#include "text.h"

/* Name of an enum machine_state, as in RFC 9293 and Linux. */
const char *machine_state_name(uint8_t state);
/* Name of an enum machine_input, and what it is. */
const char *machine_input_name(uint8_t input);
const char *machine_input_words(uint8_t input);
enum machine_input_kind machine_input_kind(uint8_t input);
/* The names of the signs in a set, with separator between them. */
void machine_signs_append(struct text *text, uint32_t signs, const char *separator);

/* "FROM->TO: verdict: why (source)" of a transition, "subject: verdict: words (source)" of a timed rule. */
void machine_note_append(struct text *text, const struct report_note *note);

#endif
