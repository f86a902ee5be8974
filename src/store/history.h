/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history.h: every connection that ended, in an SQLite database (WAL) of the state directory: a row a connection,
 * a column for every field of the report (fields.h is where they come from), or, where the policy says so, only a
 * count by the hour.
 *
 * What goes wrong with the disk never stops the monitor: it is told in the status, and writing resumes by itself.
 *
 * Commits come every half a second, and at 32,768 reports; each is on disk when it is done (synchronous=FULL). So a
 * crash or a power cut costs what ended in the last half second, and nothing that a query has shown before. While
 * nothing can be written, up to 65,536 reports wait in memory; the newest beyond that are counted in not_stored.
 *
 * A connection is in the rows or in the counts by the hour, never in both. A revision of one that was counted takes
 * that back, and is counted or kept by what it says now; a row stays a row.
 */
#ifndef LASTACK_STORE_HISTORY_H
#define LASTACK_STORE_HISTORY_H

#include "options.h"
#include "store/store_writer.h"

#define HISTORY_FILE "history.db" /* in the state directory */

/*
 * Which connections are only counted: those that match every condition given. No condition: all are kept whole.
 * One that the policy would count but that is abnormal in itself is kept: conformance violation.
 */
struct history_policy {
	uint64_t classes;         /* set of enum connection_class, 0: no condition */
	uint64_t causes;          /* set of enum connection_cause, 0: no condition */
	uint64_t shorter_than_ns; /* 0: no condition */
	struct port_list ports;   /* the local or the remote port; empty: no condition */
};

struct history_config {
	const char *directory;
	const char *host;    /* name of this host, for the rows */
	const char *boot_id; /* socket cookies begin anew with each; NULL: as the kernel says */
	uint64_t max_age_ns; /* of a row, by the end of its connection; 0: no limit */
	uint64_t max_bytes;  /* of the database, about; 0: no limit */
	struct history_policy policy;
};

enum history_state {
	HISTORY_WRITING,
	HISTORY_FAILING,   /* cannot write now (`why`), tries again */
	HISTORY_FOREIGN,   /* the file is not a database of ours, or of a newer version: left untouched */
	HISTORY_DISCARDED, /* was corrupt: moved aside, and begun anew; writing */
};

struct history_status {
	enum history_state state;
	char why[128];       /* "" where nothing is wrong */
	uint64_t rows;       /* in the database */
	uint64_t bytes;      /* of the database with its WAL */
	uint64_t written;    /* rows, since the start */
	uint64_t counted;    /* connections only counted, since the start */
	uint64_t not_stored; /* reports given up while writing failed, since the start */
	uint64_t failures;   /* batches that could not be committed at first */
	uint64_t expired;    /* rows removed by retention */
};

struct history;

/* Never fails for the sake of the disk. Returns 0 or -ENOMEM. Strings are copied. */
int history_create(struct history **history, const struct history_config *config);
struct store_sink history_sink(struct history *history);
/* Ages, sizes and policy may change while it runs; the directory does not. From any thread. */
void history_reconfigure(struct history *history, const struct history_config *config);
void history_status(struct history *history, struct history_status *status);
/* After the writer has stopped. NULL is allowed. */
void history_destroy(struct history *history);

#endif
