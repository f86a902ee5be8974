/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * group_table.h: JSON objects that all have the same members as a table or CSV: what `lastack history --group-by`
 * gets. Which members those are it learns from the first one.
 */
#ifndef LASTACK_REPORT_GROUP_TABLE_H
#define LASTACK_REPORT_GROUP_TABLE_H

#include <jansson.h>

#include "report/text.h"

struct group_table;

/* csv: not a table. NULL without memory. */
struct group_table *group_table_create(bool csv);
/* NULL is allowed. */
void group_table_destroy(struct group_table *table);
/* Keeps a reference to the object. Returns 0 or -ENOMEM. */
int group_table_add(struct group_table *table, json_t *object);
/* Head and all rows; a table is as wide as its words are, its last columns are cut at `columns` (0: not at all). */
void group_table_append(const struct group_table *table, struct text *text, unsigned columns);

#endif
