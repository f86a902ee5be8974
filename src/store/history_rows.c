// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_rows.c: a report as a row: the walk over the field table, its values bound without a copy.
 */
#include <errno.h>
#include <stdlib.h>

#include "report/explain.h"
#include "store/history_internal.h"

/* Parameters before those of the fields. */
enum {
	PARAMETER_BOOT = 1,
	PARAMETER_LIFE,
	PARAMETER_FIELDS,
};

uint64_t report_life_ns(const struct connection_report *report)
{
	if (report->start_ns != ABSENT_U64)
		return report->start_ns;
	return report->state_count ? report->states[0].at_ns : report->end_ns;
}

int rows_create(struct history_rows *rows, const char *host)
{
	rows->context.host = host;
	rows->values = calloc(field_count, sizeof(*rows->values));
	rows->lists = calloc(field_count, sizeof(*rows->lists));
	return rows->values && rows->lists ? 0 : -ENOMEM;
}

void rows_destroy(struct history_rows *rows)
{
	for (unsigned i = 0; rows->lists && i < field_count; i++)
		text_free(&rows->lists[i]);
	free(rows->lists);
	free(rows->values);
	text_free(&rows->sentence);
}

/* ---- statements ------------------------------------------------------------------------------------ */

static void insert_sql(struct text *sql)
{
	text_append_str(sql, "INSERT INTO connections(boot, life_ns");
	for (unsigned i = 0; i < field_count; i++) {
		text_append_char(sql, ',');
		sql_column_append(sql, &fields[i]);
	}
	text_append_str(sql, ") VALUES(?1, ?2");
	for (unsigned i = 0; i < field_count; i++) {
		text_append_str(sql, ", ?");
		text_append_u64(sql, PARAMETER_FIELDS + i);
	}
	text_append_str(sql, ") ON CONFLICT(cookie, life_ns, netns, boot) DO UPDATE SET ");
	for (unsigned i = 0; i < field_count; i++) {
		text_append_str(sql, i ? ", " : "");
		sql_column_append(sql, &fields[i]);
		text_append_str(sql, " = excluded.");
		sql_column_append(sql, &fields[i]);
	}
	text_append_str(sql, " WHERE excluded.revision >= connections.revision");
}

static int boot_find(sqlite3 *db, const char *boot_id, int64_t *boot)
{
	static const char *const queries[] = {
		"INSERT INTO boots(boot_id) SELECT ?1 WHERE NOT EXISTS(SELECT 1 FROM boots WHERE boot_id = ?1)",
		"SELECT number FROM boots WHERE boot_id = ?1",
	};
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < sizeof(queries) / sizeof(queries[0]); i++) {
		sqlite3_stmt *statement;

		code = sqlite3_prepare_v2(db, queries[i], -1, &statement, NULL);
		if (code != SQLITE_OK)
			break;
		sqlite3_bind_text(statement, 1, boot_id, -1, SQLITE_STATIC);
		if (sqlite3_step(statement) == SQLITE_ROW)
			*boot = sqlite3_column_int64(statement, 0);
		code = sqlite3_finalize(statement);
	}
	return code & 0xff;
}

int rows_open(struct history_rows *rows, sqlite3 *db, const char *boot_id)
{
	struct text sql = {0};
	int code = boot_find(db, boot_id, &rows->boot);

	rows->db = db;
	insert_sql(&sql);
	if (code == SQLITE_OK)
		code = sql_prepare(db, &sql, &rows->insert);
	text_clear(&sql);
	text_append_str(&sql, "SELECT 1 FROM connections WHERE cookie = ?1 AND life_ns = ?2 AND netns = ?3 AND "
			      "boot = ?4");
	if (code == SQLITE_OK)
		code = sql_prepare(db, &sql, &rows->find);
	text_free(&sql);
	return code;
}

void rows_close(struct history_rows *rows)
{
	sqlite3_finalize(rows->insert);
	sqlite3_finalize(rows->find);
	rows->insert = rows->find = NULL;
	rows->db = NULL;
	rows->added = 0;
}

/* ---- one row --------------------------------------------------------------------------------------- */

static int text_bind(sqlite3_stmt *statement, int at, const char *text, size_t length)
{
	return sqlite3_bind_text(statement, at, length ? text : "", (int)length, SQLITE_STATIC);
}

static int value_bind(sqlite3_stmt *statement, int at, const struct field_value *value)
{
	switch (value->type) {
	case FIELD_UNSIGNED: return sqlite3_bind_int64(statement, at, (int64_t)value->number);
	case FIELD_SIGNED: return sqlite3_bind_int64(statement, at, value->signed_number);
	case FIELD_BOOLEAN: return sqlite3_bind_int(statement, at, value->boolean);
	case FIELD_TEXT:
	case FIELD_WORD: return text_bind(statement, at, value->text, value->length);
	default: return sqlite3_bind_null(statement, at);
	}
}

static int list_bind(sqlite3_stmt *statement, int at, const struct field *field, const struct field_source *source,
		     struct text *text)
{
	if (field->group && field->group->present && !field->group->present(source->report))
		return sqlite3_bind_null(statement, at);
	text_clear(text);
	text_append_char(text, '[');
	field->list(source, text, REPORT_JSON);
	text_append_char(text, ']');
	return text->failed ? SQLITE_NOMEM : text_bind(statement, at, text->data, text->length);
}

static int fields_bind(struct history_rows *rows, const struct field_source *source)
{
	int code = SQLITE_OK;

	for (unsigned i = 0; i < field_count && code == SQLITE_OK; i++) {
		int at = PARAMETER_FIELDS + (int)i;

		if (fields[i].type == FIELD_LIST) {
			code = list_bind(rows->insert, at, &fields[i], source, &rows->lists[i]);
			continue;
		}
		field_value_get(&fields[i], source, &rows->values[i]);
		code = value_bind(rows->insert, at, &rows->values[i]);
	}
	return code;
}

int rows_put(struct history_rows *rows, const struct store_item *item)
{
	const struct connection_report *report = &item->report;
	struct field_source source = {.report = report, .context = &rows->context};
	int code;

	rows->context.wall_minus_monotonic_ns = item->wall_minus_monotonic_ns;
	source.cgroup = report->has_process && report->cgroup ? item->cgroup : NULL;
	text_clear(&rows->sentence);
	explain_append(&rows->sentence, report);
	if (rows->sentence.failed)
		return SQLITE_NOMEM;
	source.explain = rows->sentence.data;
	source.explain_length = rows->sentence.length;
	sqlite3_bind_int64(rows->insert, PARAMETER_BOOT, rows->boot);
	sqlite3_bind_int64(rows->insert, PARAMETER_LIFE, (int64_t)report_life_ns(report));
	code = fields_bind(rows, &source);
	if (code != SQLITE_OK)
		return code & 0xff;
	/* A row that replaces another one does not set it. */
	sqlite3_set_last_insert_rowid(rows->db, 0);
	code = sql_step(rows->insert);
	if (code == SQLITE_OK && sqlite3_last_insert_rowid(rows->db))
		rows->added++;
	return code;
}

int rows_find(struct history_rows *rows, const struct connection_report *report, bool *found)
{
	sqlite3_bind_int64(rows->find, 1, (int64_t)report->cookie);
	sqlite3_bind_int64(rows->find, 2, (int64_t)report_life_ns(report));
	sqlite3_bind_int64(rows->find, 3, report->netns);
	sqlite3_bind_int64(rows->find, 4, rows->boot);
	*found = sqlite3_step(rows->find) == SQLITE_ROW;
	return sqlite3_reset(rows->find) & 0xff;
}
