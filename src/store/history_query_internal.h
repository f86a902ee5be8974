/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_query_internal.h: what the parts of a query share: history_query.c (the connection and its end),
 * history_query_sql.c (the question as SQL), history_query_rows.c (rows as reports), history_query_groups.c (groups).
 */
#ifndef LASTACK_STORE_HISTORY_QUERY_INTERNAL_H
#define LASTACK_STORE_HISTORY_QUERY_INTERNAL_H

#include "store/history_query.h"
#include "store/history_schema.h"

/* A value for the SQL: everything that somebody typed goes in by these, never into the text. */
struct query_value {
	bool is_text;
	int64_t number;
	const char *text; /* lives as long as the query */
};

#define QUERY_VALUES_MAX 512

/* A question in the making. The text refers to values by number (?1), as often as it likes. */
struct query_sql {
	struct text text;
	struct query_value values[QUERY_VALUES_MAX];
	unsigned value_count;
	char remote[TEXT_ADDRESS_BYTES], local[TEXT_ADDRESS_BYTES]; /* as addresses are written in rows */
	bool overflow;                                              /* more values than there is room for */
};

/* A running query. */
struct query {
	sqlite3 *db;
	const struct history_query *asked;
	history_row_fn row;
	void *arg;
	char *why;
	size_t why_size;
};

/* What a group column is in the two tables. */
struct query_group {
	const char *column; /* of connections, in quotes */
	const char *hourly; /* NULL: the counts do not tell */
	bool detailed;      /* the counts tell it only where `other` is 0 */
};

extern const struct query_group query_groups[HISTORY_GROUPS];

/* ---- history_query_sql.c ---- */

/* Where the addresses of the query are none: -EINVAL, and *why (static) set. */
int query_sql_init(struct query_sql *sql, const struct history_query *asked, const char **why);
void query_sql_free(struct query_sql *sql);
/* Conditions on connections, with the index that serves them best and gives the newest first. */
const char *query_sql_index(const struct history_query *asked);
void query_sql_where(struct query_sql *sql, const struct history_query *asked);
/* Can the counts by the hour say anything to this question? */
bool query_counts_can_tell(const struct history_query *asked);
/* Conditions on hourly that hold for the counts that may be part of the answer, and for those that are. */
void query_sql_hourly_possible(struct query_sql *sql, const struct history_query *asked);
void query_sql_hourly_certain(struct query_sql *sql, const struct history_query *asked);
void query_sql_number(struct query_sql *sql, int64_t number);
/* Returns 0 or -errno with the query's `why` set. */
int query_prepare(const struct query *query, struct query_sql *sql, sqlite3_stmt **statement);
int query_error(const struct query *query, int code);

/* ---- rows and groups: 0 or -errno with the query's `why` set ---- */

int query_rows(const struct query *query);
int query_groups_run(const struct query *query);

#endif
