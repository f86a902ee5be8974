// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_open.c: the file of the history: made, opened, closed, and what is done when the disk or the file says no:
 * tried again, moved aside, or left untouched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "serve/log.h"
#include "store/history_internal.h"

#define RETRY_FIRST_NS   NS_PER_S
#define RETRY_MAX_NS     (10 * NS_PER_S)
#define DISCARD_AGAIN_NS (600 * NS_PER_S) /* a disk that spoils everything shall not fill with spoilt files */
#define BUSY_MS          50

void history_close(struct history *history)
{
	if (!history->db)
		return;
	if (history->begun) {
		counts_rolled_back(&history->counts);
		counted_rolled_back(&history->counted);
	}
	history_transaction_forget(history);
	rows_close(&history->rows);
	counts_close(&history->counts);
	retain_close(&history->retain);
	sqlite3_close(history->db); /* ends an open transaction too */
	history->db = NULL;
}

/* Once for each time that it stops working, not for each attempt. */
static void fail(struct history *history, const char *why)
{
	bool first;

	pthread_mutex_lock(&history->lock);
	first = history->status.state != HISTORY_FAILING;
	history->status.failures += history->begun;
	pthread_mutex_unlock(&history->lock);
	if (first) {
		log_warning("history: %s: %s; up to %d reports wait until it can be written again", history->path, why,
			    HISTORY_PENDING_MAX);
		history->retry_after_ns = RETRY_FIRST_NS;
	}
	history_state_set(history, HISTORY_FAILING, why);
	history_close(history);
	history->retry_ns = history->now_ns + history->retry_after_ns;
	history->retry_after_ns = history->retry_after_ns * 2 < RETRY_MAX_NS ? history->retry_after_ns * 2
									     : RETRY_MAX_NS;
}

static bool is_corrupt(int code)
{
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

/*
 * The database first: what is left of it without its log is never taken for a database of ours, while a log
 * without its database is deleted by SQLite.
 */
static int files_set_aside(struct history *history, char *name, size_t size)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	time_t now = time(NULL);
	char stamp[32], from[4096], to[4096];
	struct tm broken_down;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &broken_down));
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", history->path, suffixes[i]);
		snprintf(to, sizeof(to), "%s.corrupt-%s%s", history->path, stamp, suffixes[i]);
		if (rename(from, to) && (errno != ENOENT || !i))
			return -errno;
	}
	snprintf(name, size, HISTORY_FILE ".corrupt-%s", stamp);
	return 0;
}

static void discard(struct history *history, const char *why)
{
	char name[64], text[256];
	int error;

	if (history->discarded_ns && history->now_ns - history->discarded_ns < DISCARD_AGAIN_NS) {
		fail(history, why);
		return;
	}
	if (history->db) /* as it is, for whoever wants to look into it */
		sqlite3_db_config(history->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	pthread_mutex_lock(&history->lock);
	history->status.failures += history->begun;
	pthread_mutex_unlock(&history->lock);
	history_close(history);
	error = files_set_aside(history, name, sizeof(name));
	if (error) {
		snprintf(text, sizeof(text), "%s, and cannot be moved: %s", why, strerror(-error));
		fail(history, text);
		return;
	}
	log_warning("history: %s: %s; moved to %s, begun anew", history->path, why, name);
	snprintf(history->discarded_why, sizeof(history->discarded_why), "was corrupt, moved to %s", name);
	history_state_set(history, HISTORY_DISCARDED, history->discarded_why);
	history->discarded_ns = history->now_ns ? history->now_ns : 1;
}

void history_fail(struct history *history, const char *what, int code)
{
	char why[128];

	sql_error_write(why, sizeof(why), what, history->db, code);
	if (is_corrupt(code))
		discard(history, why);
	else
		fail(history, why);
}

static void be_foreign(struct history *history, const char *why)
{
	bool first;

	pthread_mutex_lock(&history->lock);
	first = history->status.state != HISTORY_FOREIGN;
	pthread_mutex_unlock(&history->lock);
	if (first)
		log_error("history: %s %s: it is left untouched, and no history is kept", history->path, why);
	history_state_set(history, HISTORY_FOREIGN, why);
	history_not_stored_add(history, history->pending.count);
	item_queue_clear(&history->pending);
	history->retry_ns = history->now_ns + RETRY_MAX_NS;
}

/* Returns 0, or -1 with `why` set. */
static int file_begin(const char *name, char *why, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), code; /* SQLite would let all read it */
	sqlite3 *db;

	if (fd < 0) {
		snprintf(why, size, "cannot be created: %s", strerror(errno));
		return -1;
	}
	close(fd);
	code = sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE, NULL) & 0xff;
	if (code == SQLITE_OK)
		code = history_schema_begin(db);
	if (code != SQLITE_OK)
		sql_error_write(why, size, "cannot be created", db, code);
	sqlite3_close(db);
	return code == SQLITE_OK ? 0 : -1;
}

/* Under its name stands only what says that it is ours: an interrupted beginning is not taken for a stranger's. */
static int file_create(const struct history *history, char *why, size_t size)
{
	char name[4096], journal[4096 + 16];

	if (mkdir(history->directory, 0750) && errno != EEXIST) {
		snprintf(why, size, "cannot be created: %s", strerror(errno));
		return -1;
	}
	snprintf(name, sizeof(name), "%s.new", history->path);
	snprintf(journal, sizeof(journal), "%s-journal", name);
	unlink(journal);
	unlink(name);
	if (file_begin(name, why, size))
		return -1;
	if (!rename(name, history->path))
		return 0;
	snprintf(why, size, "cannot be created: %s", strerror(errno));
	return -1;
}

static int connection_open(struct history *history)
{
	int code = sqlite3_open_v2(history->path, &history->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(history->db, BUSY_MS);
		code = history_schema_complete(history->db);
	}
	if (code == SQLITE_OK)
		code = rows_open(&history->rows, history->db, history->boot_id);
	if (code == SQLITE_OK)
		code = counts_open(&history->counts, history->db);
	if (code == SQLITE_OK)
		code = retain_open(&history->retain, history->db);
	if (code == SQLITE_OK)
		code = history_commit_verify(history);
	return code & 0xff;
}

static void be_writing(struct history *history)
{
	struct history_status status;

	history_status(history, &status);
	if (status.state == HISTORY_FAILING || status.state == HISTORY_FOREIGN)
		log_info("history: %s is written again; %u reports had waited, %llu were given up since the start",
			 history->path, history->pending.count, (unsigned long long)status.not_stored);
	history_state_set(history, history->discarded_ns ? HISTORY_DISCARDED : HISTORY_WRITING, history->discarded_why);
	history_measure(history);
}

void history_open(struct history *history)
{
	enum history_identity identity;
	char why[128] = "";
	int code;

	identity = history_identify(history->path, why, sizeof(why));
	if (identity == HISTORY_FILE_FOREIGN) {
		be_foreign(history, why);
		return;
	}
	if (identity == HISTORY_FILE_UNREADABLE ||
	    (identity == HISTORY_FILE_MISSING && file_create(history, why, sizeof(why)))) {
		fail(history, why);
		return;
	}
	code = connection_open(history);
	if (code == SQLITE_OK)
		be_writing(history);
	else
		history_fail(history, "cannot be opened", code);
}
