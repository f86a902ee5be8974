/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_words.h: the words for what a diagnosis found: one sentence, why it is as sure as it is, what it rests on,
 * what to do. Its input is a finding; it adds no judgement of its own, and does not know where the words are shown.
 */
#ifndef LASTACK_REPORT_FINDING_WORDS_H
#define LASTACK_REPORT_FINDING_WORDS_H

#include "core/finding.h"
#include "report/names.h"
#include "report/text.h"

extern const struct name_table finding_kind_names;      /* enum finding_kind */
extern const struct name_table finding_certainty_names; /* enum finding_certainty */

/* All printable ASCII. */
const char *finding_why(const struct finding *finding);
void finding_advice_append(struct text *text, const struct finding *finding);
void finding_explain_append(struct text *text, const struct finding *finding);
/* What to run next; nothing where nothing would help. Safe to be pasted into a shell. */
void finding_command_append(struct text *text, const struct finding *finding);
/* The text of one fact that the finding has. */
void finding_fact_append(struct text *text, const struct finding *finding, enum finding_fact fact);
/* 10.1.2.0/24; with all its bits only the address. */
void finding_prefix_append(struct text *text, const struct finding_prefix *prefix);

#endif
