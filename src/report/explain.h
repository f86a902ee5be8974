/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explain.h: one English sentence for a person about how a connection ended.
 *
 * Its input is a report; it must not know where the sentence is shown, and adds no judgement of its
 * own: what the verdict does not say, the sentence does not say.
 */
#ifndef LASTACK_REPORT_EXPLAIN_H
#define LASTACK_REPORT_EXPLAIN_H

#include "report.h"
#include "text.h"

/* Appends the sentence; printable ASCII whatever bytes the names in the report hold. */
void explain_append(struct text *text, const struct connection_report *report);

/* Appends the text of one piece of evidence, with its number filled in. */
void evidence_append(struct text *text, const struct report_evidence *evidence);

#endif
