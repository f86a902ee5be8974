/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_schema.h: what the history's database looks like, and how one that is older, or not there yet, becomes
 * one of today.
 *
 * connections: a row a connection, a column for each field of fields.h, and in front what its key needs beyond
 * that: `boot` (cookies begin anew with each) and `life_ns`, the monotonic instant where this life of the socket
 * began, or was first seen: a cookie can be connected again, and wall clocks can be set between two revisions.
 * hourly: connections that were only counted. boots: number and boot id. facts: numbers about the database.
 */
#ifndef LASTACK_STORE_HISTORY_SCHEMA_H
#define LASTACK_STORE_HISTORY_SCHEMA_H

#include "store/sql.h"

#define HISTORY_APPLICATION_ID 0x4c61434b /* "LaCK" */
#define HISTORY_VERSION        1          /* PRAGMA user_version */

#define HISTORY_US_PER_HOUR 3600000000LL

enum history_identity {
	HISTORY_FILE_OURS,
	HISTORY_FILE_MISSING, /* or empty */
	HISTORY_FILE_FOREIGN, /* `why` says in what way */
	HISTORY_FILE_UNREADABLE,
};

/* Looks at the beginning of the file without touching it. Sets `why` unless it is ours or missing. */
enum history_identity history_identify(const char *path, char *why, size_t size);

/* The first page of a new, empty database. */
int history_schema_begin(sqlite3 *db);
/* Settings of the connection, and the tables as they are today. `db` is open for reading and writing. */
int history_schema_complete(sqlite3 *db);

#endif
