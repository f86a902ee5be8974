// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_history_schema.c: a sound database of the history whose tables are not today's: of an older lastack, of a newer
 * one, of a migration that came half way, of a stranger. It is opened, completed and used like any other.
 *
 * The input: a list of changes, a byte which and a byte to what.
 */
#include "fuzz_history.h"
#include "store/history_schema.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	whole_make();
	return 0;
}

static const char *const indexes[] = {"connections_key",  "connections_end",    "connections_class",
				      "connections_comm", "connections_remote", "connections_id"};
static const char *const tables[] = {"boots", "facts", "hourly", "connections"};

/* What SQLite refuses, such as to drop a column with an index, is no change. */
static void change(sqlite3 *db, uint8_t which, uint8_t to)
{
	static const char *const kinds[] = {"TEXT", "INTEGER NOT NULL DEFAULT 0", "BLOB", "REAL"};
	struct text name = {0};
	char sql[256];

	field_name_append(&name, &fields[to % field_count]);
	switch (which % 10) {
	case 0: snprintf(sql, sizeof(sql), "ALTER TABLE connections DROP COLUMN %s", text_string(&name)); break;
	case 1: snprintf(sql, sizeof(sql), "DROP INDEX %s", indexes[to % 6]); break;
	case 2: snprintf(sql, sizeof(sql), "DROP TABLE %s", tables[to % 4]); break;
	case 3: snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", (int)(int8_t)to); break;
	case 4:
		snprintf(sql, sizeof(sql), "ALTER TABLE connections RENAME COLUMN %s TO was_%s", text_string(&name),
			 text_string(&name));
		break;
	case 5:
		snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN of_another_%u %s", tables[to % 4], to,
			 kinds[to / 4 % 4]);
		break;
	case 6:
		snprintf(sql, sizeof(sql), "UPDATE connections SET %s = '%u' WHERE rowid %% 3 = 0", text_string(&name),
			 to);
		break;
	case 7: snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", to & 1 ? HISTORY_APPLICATION_ID : to); break;
	case 8: snprintf(sql, sizeof(sql), "ALTER TABLE %s RENAME TO aside", tables[to % 4]); break;
	default: snprintf(sql, sizeof(sql), "DELETE FROM %s", tables[to % 4]); break;
	}
	sqlite3_exec(db, sql, NULL, NULL, NULL);
	text_free(&name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_bytes bytes = {data, data + (size < 32 ? size : 32)};
	FILE *file;
	sqlite3 *db;

	directory_empty();
	assert_int_equal(mkdir(fixture.directory, 0700), 0);
	file = fopen(fixture.path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(whole, 1, whole_bytes, file), whole_bytes);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
	while (bytes.at < bytes.end) {
		uint8_t which = fuzz_byte(&bytes);

		change(db, which, fuzz_byte(&bytes));
	}
	sqlite3_close(db);
	history_use();
	return 0;
}
