// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_query_groups.c: sums over rows and over what was only counted, in groups.
 *
 * They are gathered in a table in memory whose size is bounded: SQLite's own GROUP BY would sort all rows there.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "store/history_query_internal.h"

/* Pages of 4 KiB that the groups may take. */
#define GROUP_PAGES "16384"

/* In a key NULL is no value like others: this stands for it, as nothing that rows hold is a blob. */
#define ABSENT_KEY "x''"

#define SUMS                                                                                                           \
	" ON CONFLICT DO UPDATE SET connections = connections + excluded.connections,"                                 \
	" bytes_sent = bytes_sent + excluded.bytes_sent, bytes_received = bytes_received + excluded.bytes_received,"   \
	" retransmits = retransmits + excluded.retransmits, durations = durations + excluded.durations,"               \
	" duration_sum_us = duration_sum_us + excluded.duration_sum_us, kept = kept + excluded.kept"

static bool asks_for(const struct history_query *asked, unsigned group)
{
	return asked->group_by >> group & 1;
}

/* ---- gathering ------------------------------------------------------------------------------------- */

/* g0, g3 */
static void keys_append(struct text *text, const struct history_query *asked)
{
	const char *between = "g";

	for (unsigned group = 0; group < HISTORY_GROUPS; group++) {
		if (!asks_for(asked, group))
			continue;
		text_append_str(text, between);
		text_append_u64(text, group);
		between = ", g";
	}
}

static void table_append(struct text *text, const struct history_query *asked)
{
	text_append_str(text, "PRAGMA temp.max_page_count = " GROUP_PAGES "; CREATE TEMP TABLE groups(");
	keys_append(text, asked);
	text_append_str(text,
			", connections, bytes_sent, bytes_received, retransmits, durations, duration_sum_us, kept, "
			"PRIMARY KEY(");
	keys_append(text, asked);
	text_append_str(text, ")) WITHOUT ROWID");
}

static void key_select(struct text *text, const char *column)
{
	text_append_str(text, "ifnull(");
	text_append_str(text, column);
	text_append_str(text, ", " ABSENT_KEY "), ");
}

static void rows_gather(struct query_sql *sql, const struct history_query *asked)
{
	text_append_str(&sql->text, "INSERT INTO temp.groups SELECT ");
	for (unsigned group = 0; group < HISTORY_GROUPS; group++)
		if (asks_for(asked, group))
			key_select(&sql->text, query_groups[group].column);
	text_append_str(&sql->text, "1, ifnull(bytes_sent, 0), ifnull(bytes_received, 0), ifnull(retransmits, 0), "
				    "duration_us IS NOT NULL, ifnull(duration_us, 0), 1 FROM connections INDEXED BY ");
	text_append_str(&sql->text, query_sql_index(asked));
	query_sql_where(sql, asked);
	text_append_str(&sql->text, SUMS);
}

static void counts_gather(struct query_sql *sql, const struct history_query *asked)
{
	text_append_str(&sql->text, "INSERT INTO temp.groups SELECT ");
	for (unsigned group = 0; group < HISTORY_GROUPS; group++)
		if (asks_for(asked, group))
			key_select(&sql->text, query_groups[group].hourly);
	text_append_str(&sql->text,
			"connections, bytes_sent, bytes_received, retransmits, durations, duration_sum_us, 0 "
			"FROM hourly");
	query_sql_hourly_possible(sql, asked);
	text_append_str(&sql->text, " AND");
	query_sql_hourly_certain(sql, asked);
	text_append_str(&sql->text, SUMS);
}

static void left_out_ask(struct query_sql *sql, const struct history_query *asked)
{
	text_append_str(&sql->text, "SELECT EXISTS(SELECT 1 FROM hourly");
	query_sql_hourly_possible(sql, asked);
	if (query_counts_can_tell(asked)) {
		text_append_str(&sql->text, " AND NOT (");
		query_sql_hourly_certain(sql, asked);
		text_append_char(&sql->text, ')');
	}
	text_append_char(&sql->text, ')');
}

/* The statement that `make` makes; *number: the first column of its first row, where it has one. */
static int statement_run(const struct query *query, void (*make)(struct query_sql *, const struct history_query *),
			 int64_t *number)
{
	sqlite3_stmt *statement;
	struct query_sql sql;
	const char *why;
	int status = query_sql_init(&sql, query->asked, &why);

	if (status) {
		snprintf(query->why, query->why_size, "%s", why);
		return status;
	}
	make(&sql, query->asked);
	status = query_prepare(query, &sql, &statement);
	if (!status) {
		if (sqlite3_step(statement) == SQLITE_ROW)
			*number = sqlite3_column_int64(statement, 0);
		status = query_error(query, sqlite3_reset(statement) & 0xff);
		sqlite3_finalize(statement);
	}
	query_sql_free(&sql);
	return status;
}

static int table_make(const struct query *query)
{
	struct text text = {0};
	const char *string;
	int code;

	table_append(&text, query->asked);
	string = text_string(&text);
	code = text.failed ? SQLITE_NOMEM : sql_run(query->db, string);
	text_free(&text);
	return query_error(query, code);
}

/* ---- giving ---------------------------------------------------------------------------------------- */

static void hour_append(struct text *text, int64_t hour)
{
	time_t seconds = (time_t)(hour * 3600);
	struct tm broken_down;
	char stamp[40];

	text_append(text, stamp,
		    strftime(stamp, sizeof(stamp), "\"%Y-%m-%dT%H:00:00Z\"", gmtime_r(&seconds, &broken_down)));
}

static void key_append(struct text *text, unsigned group, sqlite3_stmt *statement, int at)
{
	int type = sqlite3_column_type(statement, at);

	text_append_char(text, '"');
	text_append_str(text, name_of(&history_group_names, group));
	text_append_str(text, "\":");
	if (type == SQLITE_BLOB)
		text_append_str(text, "null");
	else if (type == SQLITE_TEXT)
		text_append_json_string(text, (const char *)sqlite3_column_text(statement, at),
					(size_t)sqlite3_column_bytes(statement, at));
	else if (group == GROUP_HOUR)
		hour_append(text, sqlite3_column_int64(statement, at));
	else
		text_append_i64(text, sqlite3_column_int64(statement, at));
	text_append_char(text, ',');
}

static void group_append(struct text *text, const struct history_query *asked, sqlite3_stmt *statement, bool left_out)
{
	static const char *const names[] = {"connections", "bytes_sent", "bytes_received", "retransmits"};
	int64_t durations, sum_us;
	int at = 0;

	text_append_char(text, '{');
	for (unsigned group = 0; group < HISTORY_GROUPS; group++)
		if (asks_for(asked, group))
			key_append(text, group, statement, at++);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text_append_char(text, '"');
		text_append_str(text, names[i]);
		text_append_str(text, "\":");
		text_append_i64(text, sqlite3_column_int64(statement, at++));
		text_append_char(text, ',');
	}
	durations = sqlite3_column_int64(statement, at++);
	sum_us = sqlite3_column_int64(statement, at++);
	text_append_str(text, "\"duration_mean_us\":");
	if (durations)
		text_append_i64(text, sum_us / durations);
	else
		text_append_str(text, "null");
	text_append_str(text, ",\"kept\":");
	text_append_i64(text, sqlite3_column_int64(statement, at));
	text_append_str(text, ",\"counted_only_left_out\":");
	text_append_str(text, left_out ? "true}" : "false}");
}

static void result_ask(struct query_sql *sql, const struct history_query *asked)
{
	text_append_str(&sql->text, "SELECT * FROM temp.groups ORDER BY ");
	text_append_str(&sql->text, "connections DESC, ");
	keys_append(&sql->text, asked);
	text_append_str(&sql->text, " LIMIT ");
	query_sql_number(sql, asked->limit ? (int64_t)asked->limit : -1);
}

static int groups_give(const struct query *query, bool left_out)
{
	struct query_sql sql = {0};
	struct text line = {0};
	sqlite3_stmt *statement;
	bool more = true;
	int status;

	result_ask(&sql, query->asked);
	status = query_prepare(query, &sql, &statement);
	while (!status && more && sqlite3_step(statement) == SQLITE_ROW) {
		text_clear(&line);
		group_append(&line, query->asked, statement, left_out);
		if (line.failed)
			break;
		more = query->row(query->arg, line.data, line.length);
	}
	if (!status)
		status = query_error(query, line.failed ? SQLITE_NOMEM : sqlite3_reset(statement) & 0xff);
	sqlite3_finalize(statement);
	query_sql_free(&sql);
	text_free(&line);
	return status;
}

int query_groups_run(const struct query *query)
{
	int64_t left_out = 0, none;
	int status = table_make(query);

	if (!status)
		status = statement_run(query, rows_gather, &none);
	if (!status && query_counts_can_tell(query->asked))
		status = statement_run(query, counts_gather, &none);
	if (!status)
		status = statement_run(query, left_out_ask, &left_out);
	return status ? status : groups_give(query, left_out != 0);
}
