// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_query.c: a connection to the database that only reads, for one question; see history_query.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/history_query_internal.h"

/* Steps of SQLite's machine between two looks at the stop flag: some 0.1 ms. */
#define PROGRESS_STEPS 10000
#define BUSY_MS        200

static int progress(void *arg)
{
	const atomic_bool *stop = arg;

	return atomic_load_explicit(stop, memory_order_relaxed);
}

/* One moment for all parts of the answer: what is committed meanwhile is not in it. */
static int connection_set_up(sqlite3 *db, const atomic_bool *stop)
{
	static const char *const settings[] = {
		"PRAGMA temp_store = MEMORY",
		"PRAGMA mmap_size = 0",
		"PRAGMA cache_size = -8192",
		"BEGIN",
	};
	int code = sql_be_strict(db);

	sqlite3_busy_timeout(db, BUSY_MS);
	if (stop)
		sqlite3_progress_handler(db, PROGRESS_STEPS, progress, (void *)stop);
	for (size_t i = 0; code == SQLITE_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
		code = sql_run(db, settings[i]);
	return code;
}

static int version_check(const struct query *query)
{
	int64_t version = 0;
	int code = sql_number(query->db, "PRAGMA user_version", &version);

	if (code != SQLITE_OK)
		return query_error(query, code);
	if (version == HISTORY_VERSION)
		return 0;
	if (!version) {
		snprintf(query->why, query->why_size, "there is no history yet");
		return -ENOENT;
	}
	snprintf(query->why, query->why_size, "its tables are of version %lld, known is %d", (long long)version,
		 HISTORY_VERSION);
	return -EPROTO;
}

static int identity_check(const struct query *query, const char *path)
{
	switch (history_identify(path, query->why, query->why_size)) {
	case HISTORY_FILE_OURS: return 0;
	case HISTORY_FILE_MISSING: snprintf(query->why, query->why_size, "there is no history yet"); return -ENOENT;
	case HISTORY_FILE_FOREIGN: return -EPROTO;
	default: return access(path, R_OK) ? -errno : -EIO;
	}
}

static int run(const struct query *query, const atomic_bool *stop)
{
	int status = query_error(query, connection_set_up(query->db, stop));

	if (!status)
		status = version_check(query);
	if (status)
		return status;
	return query->asked->group_by ? query_groups_run(query) : query_rows(query);
}

int history_query_run(const char *path, const struct history_query *query, const atomic_bool *stop, history_row_fn row,
		      void *arg, char *why, size_t size)
{
	struct query running = {.asked = query, .row = row, .arg = arg, .why = why, .why_size = size};
	int status = identity_check(&running, path), code;

	if (status)
		return status;
	code = sqlite3_open_v2(path, &running.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	status = query_error(&running, code & 0xff);
	if (!status)
		status = run(&running, stop);
	sqlite3_close(running.db);
	return status;
}
