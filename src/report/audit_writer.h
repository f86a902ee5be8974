/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit_writer.h: a row of an audit as a line of a table or as a JSON object. Facts come in struct audit_row; how
 * they were come by is not known here.
 */
#ifndef LASTACK_REPORT_AUDIT_WRITER_H
#define LASTACK_REPORT_AUDIT_WRITER_H

#include "core/audit.h"
#include "report/names.h"
#include "report/text.h"

extern const struct name_table audit_relation_names; /* enum audit_relation */
extern const struct name_table audit_verdict_names;  /* enum audit_verdict */

void audit_table_header(struct text *text);
void audit_table_row(const struct audit_row *row, struct text *text);
void audit_json_row(const struct audit_row *row, struct text *text);

#endif
