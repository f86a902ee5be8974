/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_internal.h: what the parts of the history share: history.c (its life), history_open.c (the file and its
 * failures), history_write.c (transactions), history_rows.c (a report as a row), history_counts.c (counts by the
 * hour), history_counted.c (what of them may be revised), history_retain.c (age and size), history_schema.c (tables).
 *
 * All of it runs on the writer's thread, in one transaction that is open for half a second. What a part keeps in
 * memory of an open transaction it makes good at its end: *_committed() or *_rolled_back().
 *
 * Functions that return a code return one of SQLite's.
 */
#ifndef LASTACK_STORE_HISTORY_INTERNAL_H
#define LASTACK_STORE_HISTORY_INTERNAL_H

#include <pthread.h>

#include "store/history.h"
#include "store/history_schema.h"
#include "store/item_queue.h"

#define NS_PER_S 1000000000ULL

/* When this life of the socket began, or was first seen: the same in all revisions. */
uint64_t report_life_ns(const struct connection_report *report);

/* ---- history_rows.c ---- */

struct history_rows {
	sqlite3 *db;
	sqlite3_stmt *insert, *find;
	int64_t boot;
	struct report_context context;
	struct field_value *values; /* one for each field, as are the lists: bound without copying */
	struct text *lists;
	struct text sentence;
	int64_t added; /* in the open transaction: rows that replaced none */
};

int rows_create(struct history_rows *rows, const char *host); /* 0 or -ENOMEM */
void rows_destroy(struct history_rows *rows);
int rows_open(struct history_rows *rows, sqlite3 *db, const char *boot_id);
void rows_close(struct history_rows *rows);
int rows_put(struct history_rows *rows, const struct store_item *item);
/* Is there a row of this connection, of any revision? */
int rows_find(struct history_rows *rows, const struct connection_report *report, bool *found);

/* ---- history_counts.c ---- */

struct hourly_key {
	int64_t hour; /* since the epoch */
	uint8_t cause, role, initiator;
	bool other;          /* port and name are left out: there were too many different ones */
	uint16_t local_port; /* of servers, else 0 */
	char comm[18];       /* 16, and no padding: keys are compared as bytes */
};

struct hourly_sums {
	int64_t connections, bytes_sent, bytes_received, retransmits, durations, duration_us;
};

struct counts_entry {
	struct hourly_key key;
	struct hourly_sums sums; /* of the open transaction */
	bool used;
};

struct history_counts {
	sqlite3_stmt *upsert;
	struct counts_entry *entries; /* NULL until something is counted */
	uint32_t used;
	int64_t hour; /* the latest; its keys with port and name are bounded */
	uint32_t detailed;
};

bool policy_counts(const struct history_policy *policy, const struct connection_report *report);
int counts_open(struct history_counts *counts, sqlite3 *db);
void counts_close(struct history_counts *counts);
/* Chooses the key: without port and name where there are too many. */
int counts_key(struct history_counts *counts, const struct store_item *item, struct hourly_key *key);
void counts_sums(const struct connection_report *report, struct hourly_sums *sums);
/* sign: 1 to add, -1 to take back. */
int counts_add(struct history_counts *counts, const struct hourly_key *key, const struct hourly_sums *sums, int sign);
/* Before the commit. */
int counts_write(struct history_counts *counts);
void counts_rolled_back(struct history_counts *counts);

/* ---- history_counted.c ---- */

struct counted {
	uint64_t cookie, life_ns;
	uint32_t netns;
	bool used, counts; /* counts: its sums are in the totals */
	uint64_t end_ns;
	struct hourly_key key;
	struct hourly_sums sums;
};

struct counted_undo {
	uint32_t slot;
	struct counted before;
};

struct history_counted {
	struct counted *slots; /* NULL until there is one */
	uint32_t used;
	struct counted_undo *undo;
	uint32_t undo_count, undo_capacity;
};

/* May another revision follow this report? */
bool counted_may_change(const struct connection_report *report);
/* What was counted of this connection, or NULL. */
const struct counted *counted_find(const struct history_counted *counted, const struct connection_report *report);
/* Remembers what was counted of it; sums NULL: nothing any more. Where there is no room it is forgotten. */
int counted_set(struct history_counted *counted, const struct connection_report *report, const struct hourly_key *key,
		const struct hourly_sums *sums);
void counted_committed(struct history_counted *counted, uint64_t now_ns);
void counted_rolled_back(struct history_counted *counted);
void counted_free(struct history_counted *counted);

/* ---- history_retain.c ---- */

struct history_retain {
	sqlite3 *db;
	sqlite3_stmt *expire_age, *expire_size, *expire_hour;
	uint64_t checked_ns; /* when nothing was left to do */
	int64_t expired;     /* rows, in the open transaction */
};

int retain_open(struct history_retain *retain, sqlite3 *db);
void retain_close(struct history_retain *retain);
/* Is it time to look whether there is something to do, or is it known that there is? */
bool retain_is_due(const struct history_retain *retain, uint64_t now_ns);
/* In the open transaction: at most `limit` rows go, or as many pages. */
int retain_step(struct history_retain *retain, const struct history_config *config, unsigned limit, uint64_t now_ns);

/* ---- history.c ---- */

#define HISTORY_PENDING_MAX 65536 /* reports */
#define HISTORY_BOOT_ID_MAX 40

/*
 * A commit that failed while it was synced may turn out to be done when the log is read again: its number, which is
 * in the database too, tells. Counts that were added once more would be wrong.
 */
struct history_batch {
	int64_t number; /* of the last one that was attempted, or is done */
	bool attempted; /* and is not known to be done */
	uint32_t reports;
	int64_t kept, only_counted, added, expired;
};

struct history {
	pthread_mutex_t lock; /* over wanted, has_wanted and status */
	struct history_config wanted;
	bool has_wanted;
	struct history_status status;

	/* The writer's thread only. */
	struct history_config config;
	char *directory, *host, *path;
	char boot_id[HISTORY_BOOT_ID_MAX];
	sqlite3 *db; /* NULL: not open */
	struct history_rows rows;
	struct history_counts counts;
	struct history_counted counted;
	struct history_retain retain;
	struct item_queue pending;
	struct item_cursor cursor;  /* what of it is in the open transaction */
	uint32_t in_transaction;    /* reports */
	int64_t kept, only_counted; /* of these */
	bool begun;
	struct history_batch batch;
	uint64_t now_ns, begun_ns, measured_ns;
	uint64_t burst_ns; /* the last commit that leaves memory behind, 0: none since that was given back */
	uint64_t retry_ns, retry_after_ns; /* when next, and how long after that */
	uint64_t discarded_ns;             /* when a corrupt database was moved aside, 0: none was */
	char discarded_why[128];
};

void history_state_set(struct history *history, enum history_state state, const char *why);
void history_not_stored_add(struct history *history, uint64_t count);
/* Puts rows and bytes into the status. */
void history_measure(struct history *history);

/* ---- history_open.c ---- */

/* Tries to; what comes of it is in the state. */
void history_open(struct history *history);
/* Rolls back what was not committed. */
void history_close(struct history *history);
/* Closes; sees to it that it is tried again, with another file if this one is corrupt. */
void history_fail(struct history *history, const char *what, int code);

/* ---- history_write.c ---- */

int history_begin(struct history *history);
/* A while after a burst: what it took of memory goes back to the system. */
void history_memory_give_back(struct history *history);
/* Some of what is pending; afterwards, and perhaps before its end, a commit is due. */
int history_write(struct history *history);
bool history_commit_is_due(const struct history *history);
int history_commit(struct history *history);
/* After opening: was the last commit, which failed, done after all? */
int history_commit_verify(struct history *history);
/* Of what went into the transaction nothing counts. */
void history_transaction_forget(struct history *history);

#endif
