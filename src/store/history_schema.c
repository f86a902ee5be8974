// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_schema.c: see history_schema.h. Each version of the schema is a step from the one before; steps are never
 * changed once they are released. Columns of fields are no matter of versions: what is missing is added.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/history_schema.h"

/* SQLite's file format, section 1.3. */
#define HEADER_BYTES          100
#define HEADER_MAGIC          "SQLite format 3"
#define HEADER_USER_VERSION   60
#define HEADER_APPLICATION_ID 68

/* ---- whose file is it ------------------------------------------------------------------------------ */

static uint32_t big_endian_get(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static enum history_identity header_judge(const unsigned char *header, sqlite3_int64 size, char *why, size_t why_size)
{
	if (size == 0)
		return HISTORY_FILE_MISSING;
	if (size < HEADER_BYTES || memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
		snprintf(why, why_size, "is no SQLite database");
	else if (big_endian_get(header + HEADER_APPLICATION_ID) != HISTORY_APPLICATION_ID)
		snprintf(why, why_size, "is a database of another program");
	else if (big_endian_get(header + HEADER_USER_VERSION) > HISTORY_VERSION)
		snprintf(why, why_size, "was written by a newer lastack (version %u of the tables, known is %d)",
			 big_endian_get(header + HEADER_USER_VERSION), HISTORY_VERSION);
	else
		return HISTORY_FILE_OURS;
	return HISTORY_FILE_FOREIGN;
}

/*
 * Read through SQLite's own layer of the system: an open() and close() beside it would end the locks that other
 * connections of this process hold on the file (SQLite, "How To Corrupt", section 2.2).
 */
static enum history_identity header_read(sqlite3_vfs *vfs, const char *name, char *why, size_t size)
{
	sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
	unsigned char header[HEADER_BYTES] = {0};
	enum history_identity identity = HISTORY_FILE_UNREADABLE;
	sqlite3_int64 bytes = 0;
	int code;

	if (!file) {
		snprintf(why, size, "cannot be read: out of memory");
		return identity;
	}
	code = vfs->xOpen(vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);
	if (code == SQLITE_OK)
		code = file->pMethods->xFileSize(file, &bytes);
	if (code == SQLITE_OK && bytes)
		code = file->pMethods->xRead(file, header, HEADER_BYTES, 0);
	if (code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ)
		identity = header_judge(header, bytes, why, size);
	else
		snprintf(why, size, "cannot be read: %s", sqlite3_errstr(code));
	if (file->pMethods)
		file->pMethods->xClose(file);
	free(file);
	return identity;
}

enum history_identity history_identify(const char *path, char *why, size_t size)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL); /* NULL: SQLite, which is set up with it, had no memory for that */
	enum history_identity identity;
	int exists = 0;
	char *name;

	if (vfs && vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &exists) == SQLITE_OK && !exists)
		return HISTORY_FILE_MISSING;
	name = vfs ? (char *)sqlite3_create_filename(path, "", "", 0, NULL) : NULL;
	if (!name) {
		snprintf(why, size, "cannot be read: out of memory");
		return HISTORY_FILE_UNREADABLE;
	}
	identity = header_read(vfs, name, why, size);
	sqlite3_free_filename(name);
	return identity;
}

/* ---- the tables ------------------------------------------------------------------------------------ */

static void column_declare(struct text *sql, const struct field *field)
{
	bool number = field->type == FIELD_UNSIGNED || field->type == FIELD_SIGNED || field->type == FIELD_BOOLEAN;

	sql_column_append(sql, field);
	text_append_str(sql, number ? " INTEGER" : " TEXT");
}

static int run_text(sqlite3 *db, struct text *sql)
{
	int code = SQLITE_NOMEM;
	const char *string = text_string(sql);

	if (!sql->failed)
		code = sql_run(db, string);
	text_free(sql);
	return code;
}

/*
 * An index for each question that is asked often and would read everything otherwise: when, what, whose, with whom,
 * and that one. More of them would cost more than the row itself.
 */
static int version_1(sqlite3 *db)
{
	struct text sql = {0};

	text_append_str(&sql,
			"CREATE TABLE boots(number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE);"
			"CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
			"INSERT INTO facts VALUES('rows', 0), ('batch', 0);"
			"CREATE TABLE hourly(hour INTEGER NOT NULL, class TEXT NOT NULL, cause TEXT NOT NULL,"
			" role TEXT NOT NULL, initiator TEXT NOT NULL, local_port INTEGER NOT NULL,"
			" comm TEXT NOT NULL, other INTEGER NOT NULL, connections INTEGER NOT NULL,"
			" bytes_sent INTEGER NOT NULL, bytes_received INTEGER NOT NULL,"
			" retransmits INTEGER NOT NULL, durations INTEGER NOT NULL,"
			" duration_sum_us INTEGER NOT NULL,"
			" PRIMARY KEY(hour, class, cause, role, initiator, local_port, comm, other)) WITHOUT ROWID;"
			"CREATE TABLE connections(boot INTEGER NOT NULL, life_ns INTEGER NOT NULL");
	for (unsigned i = 0; i < field_count; i++) {
		text_append_char(&sql, ',');
		column_declare(&sql, &fields[i]);
	}
	text_append_str(&sql, ");"
			      "CREATE UNIQUE INDEX connections_key ON connections(cookie, life_ns, netns, boot);"
			      "CREATE INDEX connections_end ON connections(end_us);"
			      "CREATE INDEX connections_class ON connections(class, end_us);"
			      "CREATE INDEX connections_comm ON connections(process_comm, end_us);"
			      "CREATE INDEX connections_remote ON connections(remote_addr, end_us);"
			      "CREATE INDEX connections_id ON connections(id) WHERE id IS NOT NULL;");
	return run_text(db, &sql);
}

/* Index: the version that it starts from. */
static int (*const steps[HISTORY_VERSION])(sqlite3 *db) = {version_1};

static int column_exists(sqlite3 *db, const struct field *field, bool *exists)
{
	struct text name = {0};
	int64_t count = 0;
	sqlite3_stmt *statement;
	struct text sql = {0};
	int code;

	field_name_append(&name, field);
	text_append_str(&sql, "SELECT count(*) FROM pragma_table_info('connections') WHERE name = ?1");
	code = sql_prepare(db, &sql, &statement);
	if (code == SQLITE_OK) {
		sqlite3_bind_text(statement, 1, name.data, (int)name.length, SQLITE_STATIC);
		if (sqlite3_step(statement) == SQLITE_ROW)
			count = sqlite3_column_int64(statement, 0);
		code = sqlite3_finalize(statement) & 0xff;
	}
	text_free(&sql);
	text_free(&name);
	*exists = count != 0;
	return code;
}

/* Fields that lastack has learnt to tell since the table was made. */
static int columns_complete(sqlite3 *db)
{
	int code = SQLITE_OK;

	for (unsigned i = 0; i < field_count && code == SQLITE_OK; i++) {
		struct text sql = {0};
		bool exists;

		code = column_exists(db, &fields[i], &exists);
		if (code != SQLITE_OK || exists)
			continue;
		text_append_str(&sql, "ALTER TABLE connections ADD COLUMN ");
		column_declare(&sql, &fields[i]);
		code = run_text(db, &sql);
	}
	return code;
}

static int tables_complete(sqlite3 *db)
{
	int64_t version = 0;
	char sql[48];
	int code = sql_number(db, "PRAGMA user_version", &version);

	for (; code == SQLITE_OK && version < HISTORY_VERSION; version++) {
		code = steps[version](db);
		snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)version + 1);
		if (code == SQLITE_OK)
			code = sql_run(db, sql);
	}
	if (code == SQLITE_OK)
		code = columns_complete(db);
	return code;
}

static int run_each(sqlite3 *db, const char *const *sql, size_t count)
{
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < count; i++)
		code = sql_run(db, sql[i]);
	return code;
}

/*
 * It says whose it is before anything else is in it, and outside of the write-ahead log, so that history_identify()
 * sees it always. auto_vacuum must stand before the first page does.
 */
int history_schema_begin(sqlite3 *db)
{
	static const char *const settings[] = {"PRAGMA page_size = 4096", "PRAGMA auto_vacuum = INCREMENTAL",
					       "PRAGMA synchronous = FULL", "PRAGMA application_id = 0x4c61434b"};

	return run_each(db, settings, sizeof(settings) / sizeof(settings[0]));
}

static int settings_apply(sqlite3 *db)
{
	/*
	 * FULL: a commit is on disk when it returns; commits are so few that it costs one fsync in half a second.
	 * Keys of remote addresses and ids come in no order: a large cache (used up under load only) and rare
	 * checkpoints (64 MB of log) write a page of such an index once for many rows.
	 */
	static const char *const settings[] = {
		"PRAGMA synchronous = FULL",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA mmap_size = 0",
		"PRAGMA cache_size = -65536",
		"PRAGMA wal_autocheckpoint = 16000",
		"PRAGMA journal_size_limit = 67108864",
		"PRAGMA secure_delete = FAST",
		"PRAGMA journal_mode = WAL",
	};

	return run_each(db, settings, sizeof(settings) / sizeof(settings[0]));
}

int history_schema_complete(sqlite3 *db)
{
	int code = sql_be_strict(db);

	if (code == SQLITE_OK)
		code = settings_apply(db);
	if (code == SQLITE_OK)
		code = sql_run(db, "BEGIN IMMEDIATE");
	if (code == SQLITE_OK)
		code = tables_complete(db);
	if (code == SQLITE_OK)
		code = sql_run(db, "COMMIT");
	return code;
}
