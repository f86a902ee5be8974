// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_retain.c: what is too old, or too much, is removed a few hundred rows at a time, oldest ends first, and
 * what that frees is given back to the file system in small pieces. Rows that come in use freed pages again.
 */
#include <time.h>

#include "store/history_internal.h"

/* Free pages are kept for what comes, up to a share of the file. */
#define FREE_KEPT_MIN 1024
#define FREE_SHARE    8
#define CHECK_NS      NS_PER_S

static int prepare(sqlite3 *db, const char *string, sqlite3_stmt **statement)
{
	struct text sql = {0};
	int code;

	text_append_str(&sql, string);
	code = sql_prepare(db, &sql, statement);
	text_free(&sql);
	return code;
}

int retain_open(struct history_retain *retain, sqlite3 *db)
{
	int code = prepare(db,
			   "DELETE FROM connections WHERE rowid IN (SELECT rowid FROM connections INDEXED BY "
			   "connections_end WHERE end_us < ?1 ORDER BY end_us LIMIT ?2)",
			   &retain->expire_age);

	retain->db = db;
	if (code == SQLITE_OK)
		code = prepare(db,
			       "DELETE FROM connections WHERE rowid IN (SELECT rowid FROM connections INDEXED BY "
			       "connections_end ORDER BY end_us LIMIT ?1)",
			       &retain->expire_size);
	if (code == SQLITE_OK)
		code = prepare(db, "DELETE FROM hourly WHERE hour = (SELECT min(hour) FROM hourly) AND hour < ?1",
			       &retain->expire_hour);
	return code;
}

void retain_close(struct history_retain *retain)
{
	sqlite3_finalize(retain->expire_age);
	sqlite3_finalize(retain->expire_size);
	sqlite3_finalize(retain->expire_hour);
	*retain = (struct history_retain){0};
}

bool retain_is_due(const struct history_retain *retain, uint64_t now_ns)
{
	return !retain->checked_ns || now_ns - retain->checked_ns >= CHECK_NS;
}

/* Adds the rows that the statement removes. */
static int expire(struct history_retain *retain, sqlite3_stmt *statement, int64_t *removed)
{
	int code = sql_step(statement);

	if (code == SQLITE_OK)
		*removed += sqlite3_changes64(retain->db);
	return code;
}

static int expire_old(struct history_retain *retain, uint64_t max_age_ns, unsigned limit, int64_t *rows, int64_t *hours)
{
	struct timespec now;
	int64_t limit_us;
	int code;

	clock_gettime(CLOCK_REALTIME, &now);
	limit_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - (int64_t)(max_age_ns / 1000);
	sqlite3_bind_int64(retain->expire_age, 1, limit_us);
	sqlite3_bind_int64(retain->expire_age, 2, limit);
	code = expire(retain, retain->expire_age, rows);
	/* An hour is over with its end. */
	sqlite3_bind_int64(retain->expire_hour, 1, limit_us / HISTORY_US_PER_HOUR);
	return code == SQLITE_OK ? expire(retain, retain->expire_hour, hours) : code;
}

/* Where rows are gone, counts go: a policy that keeps nothing fills a disk too, in time. */
static int expire_most(struct history_retain *retain, unsigned limit, int64_t *rows, int64_t *hours)
{
	int code;

	sqlite3_bind_int64(retain->expire_size, 1, limit);
	code = expire(retain, retain->expire_size, rows);
	if (code != SQLITE_OK || *rows)
		return code;
	sqlite3_bind_int64(retain->expire_hour, 1, INT64_MAX);
	return expire(retain, retain->expire_hour, hours);
}

static int give_back(struct history_retain *retain, unsigned limit)
{
	char sql[48];

	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%u)", limit);
	return sql_run(retain->db, sql);
}

int retain_step(struct history_retain *retain, const struct history_config *config, unsigned limit, uint64_t now_ns)
{
	int64_t pages = 0, free_pages = 0, page_bytes = 0, max_pages, rows = 0, hours = 0;
	bool too_much, too_free;
	int code = SQLITE_OK;

	if (config->max_age_ns)
		code = expire_old(retain, config->max_age_ns, limit, &rows, &hours);
	if (code != SQLITE_OK || (code = sql_number(retain->db, "PRAGMA page_count", &pages)) ||
	    (code = sql_number(retain->db, "PRAGMA freelist_count", &free_pages)) ||
	    (code = sql_number(retain->db, "PRAGMA page_size", &page_bytes)))
		return code;
	max_pages = config->max_bytes ? (int64_t)(config->max_bytes / (uint64_t)page_bytes) : INT64_MAX;
	too_much = pages - free_pages > max_pages;
	too_free = free_pages && (pages > max_pages || free_pages > FREE_KEPT_MIN + pages / FREE_SHARE);
	if (too_much && !rows)
		code = expire_most(retain, limit, &rows, &hours);
	else if (too_free)
		code = give_back(retain, limit);
	retain->expired += rows;
	retain->checked_ns = rows || hours || too_much || too_free ? 0 : now_ns;
	return code;
}
