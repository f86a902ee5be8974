/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sql.h: the few things about SQLite that everything around the history needs.
 *
 * Codes are those of SQLite (SQLITE_OK is 0). It must not know what is in the database.
 */
#ifndef LASTACK_STORE_SQL_H
#define LASTACK_STORE_SQL_H

#include <sqlite3.h>

#include "report/fields.h"

int sql_run(sqlite3 *db, const char *sql);
/* *statement is NULL on failure. A text that ran out of memory is SQLITE_NOMEM. */
int sql_prepare(sqlite3 *db, struct text *sql, sqlite3_stmt **statement);
/* Steps a statement that gives no rows, and makes it ready for the next time. */
int sql_step(sqlite3_stmt *statement);
/* The number in the first column of the first row; -1 where there is none. */
int sql_number(sqlite3 *db, const char *sql, int64_t *number);

/* The name of a field's column, in quotes. */
void sql_column_append(struct text *text, const struct field *field);

/* For the whole connection: a name that nothing has is an error and no text; files of strangers run no code. */
int sql_be_strict(sqlite3 *db);

/* "what: SQLite's words (the system's words)". db may be NULL. */
void sql_error_write(char *why, size_t size, const char *what, sqlite3 *db, int code);

#endif
