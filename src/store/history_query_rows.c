// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_query_rows.c: rows as the reports that they were, to the byte.
 */
#include <errno.h>
#include <stdlib.h>

#include "report/report_json.h"
#include "store/history_query_internal.h"

/* ---- the question ---------------------------------------------------------------------------------- */

/* A database that no newer lastack has opened for writing yet lacks columns: they are absent facts. */
static bool column_exists(sqlite3 *db, const struct field *field)
{
	struct text name = {0};
	const char *string;
	bool exists;

	field_name_append(&name, field);
	string = text_string(&name);
	exists = sqlite3_table_column_metadata(db, NULL, "connections", string, NULL, NULL, NULL, NULL, NULL) ==
		 SQLITE_OK;
	text_free(&name);
	return exists;
}

static void select_append(const struct query *query, struct query_sql *sql)
{
	text_append_str(&sql->text, "SELECT ");
	for (unsigned i = 0; i < field_count; i++) {
		text_append_str(&sql->text, i ? ", " : "");
		if (column_exists(query->db, &fields[i]))
			sql_column_append(&sql->text, &fields[i]);
		else
			text_append_str(&sql->text, "NULL");
	}
	text_append_str(&sql->text, " FROM connections INDEXED BY ");
	text_append_str(&sql->text, query_sql_index(query->asked));
	query_sql_where(sql, query->asked);
	text_append_str(&sql->text, " ORDER BY end_us DESC, rowid DESC LIMIT ");
	query_sql_number(sql, query->asked->limit ? (int64_t)query->asked->limit : -1);
}

/* ---- the answer ------------------------------------------------------------------------------------ */

static void value_get(sqlite3_stmt *statement, int at, const struct field *field, struct field_value *value)
{
	value->type = sqlite3_column_type(statement, at) == SQLITE_NULL ? FIELD_ABSENT : field->type;
	switch (value->type) {
	case FIELD_UNSIGNED: value->number = (uint64_t)sqlite3_column_int64(statement, at); break;
	case FIELD_SIGNED: value->signed_number = sqlite3_column_int64(statement, at); break;
	case FIELD_BOOLEAN: value->boolean = sqlite3_column_int(statement, at) != 0; break;
	case FIELD_TEXT:
	case FIELD_WORD:
	case FIELD_LIST:
		value->text = (const char *)sqlite3_column_text(statement, at);
		value->length = (size_t)sqlite3_column_bytes(statement, at);
		break;
	case FIELD_ABSENT: break;
	}
}

/* A group that may be absent is it where none of its facts is there; each has one that always is. */
static bool group_is_absent(sqlite3_stmt *statement, unsigned first)
{
	const struct field_group *group = fields[first].group;

	for (unsigned i = first; i < field_count && fields[i].group == group; i++)
		if (sqlite3_column_type(statement, (int)i) != SQLITE_NULL)
			return false;
	return group->present != NULL;
}

static void row_append(struct text *text, sqlite3_stmt *statement, const struct report_json_lead *leads)
{
	struct field_value value;

	for (unsigned i = 0; i < field_count; i++) {
		if (leads[i].absent_length && group_is_absent(statement, i)) {
			text_append(text, leads[i].absent, leads[i].absent_length);
			while (!leads[i].ends_group)
				i++;
			continue;
		}
		report_json_lead_append(text, &leads[i]);
		value_get(statement, (int)i, &fields[i], &value);
		if (value.type == FIELD_LIST)
			text_append(text, value.text, value.length);
		else if (fields[i].type == FIELD_LIST)
			text_append_str(text, "[]");
		else
			field_value_json(text, &value);
		if (leads[i].ends_group)
			text_append_char(text, '}');
	}
	text_append_char(text, '}');
}

static int rows_give(const struct query *query, sqlite3_stmt *statement, const struct report_json_lead *leads)
{
	struct text line = {0};
	bool more = true;
	int code;

	while (more && sqlite3_step(statement) == SQLITE_ROW) {
		text_clear(&line);
		row_append(&line, statement, leads);
		if (line.failed)
			break;
		more = query->row(query->arg, line.data, line.length);
	}
	code = line.failed ? SQLITE_NOMEM : sqlite3_reset(statement) & 0xff;
	text_free(&line);
	return query_error(query, code);
}

int query_rows(const struct query *query)
{
	struct report_json_lead *leads = report_json_leads_create();
	sqlite3_stmt *statement;
	struct query_sql sql;
	const char *why;
	int status;

	if (!leads)
		return query_error(query, SQLITE_NOMEM);
	status = query_sql_init(&sql, query->asked, &why);
	if (status) {
		snprintf(query->why, query->why_size, "%s", why);
	} else {
		select_append(query, &sql);
		status = query_prepare(query, &sql, &statement);
	}
	if (!status) {
		status = rows_give(query, statement, leads);
		sqlite3_finalize(statement);
	}
	query_sql_free(&sql);
	free(leads);
	return status;
}
