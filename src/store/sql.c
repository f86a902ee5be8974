// SPDX-License-Identifier: GPL-2.0-only
/*
 * sql.c: see sql.h.
 */
#include <stdio.h>
#include <string.h>

#include "store/sql.h"

int sql_run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) & 0xff;
}

int sql_prepare(sqlite3 *db, struct text *sql, sqlite3_stmt **statement)
{
	const char *string = text_string(sql);

	*statement = NULL;
	if (sql->failed)
		return SQLITE_NOMEM;
	return sqlite3_prepare_v3(db, string, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) & 0xff;
}

int sql_step(sqlite3_stmt *statement)
{
	sqlite3_step(statement);
	return sqlite3_reset(statement) & 0xff;
}

int sql_number(sqlite3 *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code & 0xff;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	else if (code == SQLITE_DONE)
		*number = -1;
	return sqlite3_finalize(statement) & 0xff;
}

void sql_column_append(struct text *text, const struct field *field)
{
	text_append_char(text, '"');
	field_name_append(text, field);
	text_append_char(text, '"');
}

int sql_be_strict(sqlite3 *db)
{
	int code = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return code & 0xff;
}

void sql_error_write(char *why, size_t size, const char *what, sqlite3 *db, int code)
{
	const char *words = db && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_errmsg(db) : sqlite3_errstr(code);
	int error = db ? sqlite3_system_errno(db) : 0;
	bool system = error && (code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_FULL);

	snprintf(why, size, system ? "%s: %s (%s)" : "%s: %s", what, words, system ? strerror(error) : "");
}
