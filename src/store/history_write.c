// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_write.c: from what is pending to what is committed: each report becomes a row or a count.
 *
 * A report leaves memory when the commit that holds it has returned, which with synchronous=FULL means that it is
 * on disk. Until then it is pending, so that whatever fails can be done again from the beginning: the database is
 * closed, opened anew a while later, and gets the same reports in the same order. To write one twice does no harm:
 * rows have keys, and counts are part of the transaction.
 */
#include <malloc.h>
#include <stdio.h>

#include "store/history_internal.h"

#define ROWS_A_CALL 1024 /* what has piled up is written in pieces of this size */
#define COMMIT_ROWS 32768
#define QUIET_ROWS  1024 /* a commit of fewer leaves no memory behind */
#define COMMIT_NS   (NS_PER_S / 2)

#define BURST_OVER_NS (2 * NS_PER_S) /* without a commit that was not quiet */

void history_transaction_forget(struct history *history)
{
	history->cursor = (struct item_cursor){0};
	history->in_transaction = 0;
	history->kept = history->only_counted = 0;
	history->rows.added = history->retain.expired = 0;
	history->begun = false;
}

int history_begin(struct history *history)
{
	int code;

	if (history->begun)
		return SQLITE_OK;
	code = sql_run(history->db, "BEGIN IMMEDIATE");
	if (code == SQLITE_OK) {
		history->begun = true;
		history->begun_ns = history->now_ns;
	}
	return code;
}

/* What a connection that is only counted adds, and what is remembered of it as long as it may be revised. */
static int count(struct history *history, const struct store_item *item)
{
	struct hourly_key key;
	struct hourly_sums sums;
	int code = counts_key(&history->counts, item, &key);

	if (code != SQLITE_OK)
		return code;
	counts_sums(&item->report, &sums);
	code = counts_add(&history->counts, &key, &sums, 1);
	if (code == SQLITE_OK && counted_may_change(&item->report))
		code = counted_set(&history->counted, &item->report, &key, &sums);
	history->only_counted++;
	return code;
}

/*
 * A connection stands in the rows or in the counts, never in both. Of a revision: what is a row stays one; what was
 * counted is taken back, and counted or kept as it is seen now. Of one whose first report is neither, nothing is
 * known (it was dropped on the way, or has expired, or is one of very many in TIME_WAIT): if the policy counts it, it
 * is taken to be counted already.
 */
static int revise(struct history *history, const struct store_item *item)
{
	const struct counted *before = counted_find(&history->counted, &item->report);
	bool counts = policy_counts(&history->config.policy, &item->report), found = false;
	int code;

	if (before) {
		code = counts_add(&history->counts, &before->key, &before->sums, -1);
		if (code == SQLITE_OK)
			code = counted_set(&history->counted, &item->report, NULL, NULL);
		if (code != SQLITE_OK)
			return code;
		history->only_counted--;
		if (counts)
			return count(history, item);
	} else if (counts) {
		code = rows_find(&history->rows, &item->report, &found);
		if (code != SQLITE_OK || !found)
			return code;
	}
	history->kept++;
	return rows_put(&history->rows, item);
}

static int item_write(struct history *history, const struct store_item *item)
{
	if (item->report.revision > 1)
		return revise(history, item);
	if (policy_counts(&history->config.policy, &item->report))
		return count(history, item);
	history->kept++;
	return rows_put(&history->rows, item);
}

int history_write(struct history *history)
{
	const struct store_item *item;
	int code = SQLITE_OK;

	if (history->in_transaction < history->pending.count)
		code = history_begin(history);
	for (unsigned i = 0; i < ROWS_A_CALL && code == SQLITE_OK; i++) {
		item = item_queue_next(&history->pending, &history->cursor);
		if (!item)
			break;
		history->in_transaction++;
		code = item_write(history, item);
	}
	return code;
}

/* What the commit achieved, once it is known to be done. */
static void commit_account(struct history *history, const struct history_batch *batch)
{
	pthread_mutex_lock(&history->lock);
	history->status.written += (uint64_t)batch->kept;
	history->status.counted += (uint64_t)batch->only_counted;
	history->status.expired += (uint64_t)batch->expired;
	history->status.rows += (uint64_t)(batch->added - batch->expired);
	pthread_mutex_unlock(&history->lock);
}

static int facts_write(struct history *history)
{
	char sql[160];

	if (!history->in_transaction && !history->retain.expired)
		return SQLITE_OK;
	snprintf(sql, sizeof(sql), "UPDATE facts SET value = CASE name WHEN 'rows' THEN value + %lld ELSE %lld END",
		 (long long)(history->rows.added - history->retain.expired), (long long)history->batch.number + 1);
	return sql_run(history->db, sql);
}

int history_commit(struct history *history)
{
	int code = counts_write(&history->counts);

	if (code == SQLITE_OK)
		code = facts_write(history);
	if (code != SQLITE_OK)
		return code;
	history->batch.number++;
	history->batch.reports = history->in_transaction;
	history->batch.kept = history->kept;
	history->batch.only_counted = history->only_counted;
	history->batch.added = history->rows.added;
	history->batch.expired = history->retain.expired;
	history->batch.attempted = true;
	code = sql_run(history->db, "COMMIT");
	if (code != SQLITE_OK)
		return code;
	history->batch.attempted = false;
	item_queue_drop(&history->pending, &history->cursor);
	counted_committed(&history->counted, history->now_ns);
	commit_account(history, &history->batch);
	if (history->in_transaction < QUIET_ROWS)
		sqlite3_db_release_memory(history->db);
	else
		history->burst_ns = history->now_ns;
	history_transaction_forget(history);
	return SQLITE_OK;
}

/* SQLite's cache and the chunks that waited are some 50 MB after a burst, which glibc would keep for the next one. */
void history_memory_give_back(struct history *history)
{
	if (!history->burst_ns || history->begun || history->now_ns - history->burst_ns < BURST_OVER_NS)
		return;
	sqlite3_db_release_memory(history->db);
	malloc_trim(0);
	history->burst_ns = 0;
}

int history_commit_verify(struct history *history)
{
	struct history_batch *batch = &history->batch;
	struct item_cursor cursor = {0};
	int64_t number = 0;
	int code = sql_number(history->db, "SELECT value FROM facts WHERE name = 'batch'", &number);

	if (code != SQLITE_OK)
		return code;
	if (batch->attempted && number == batch->number) {
		for (uint32_t i = 0; i < batch->reports; i++)
			item_queue_next(&history->pending, &cursor);
		item_queue_drop(&history->pending, &cursor);
		commit_account(history, batch);
	}
	batch->attempted = false;
	batch->number = number;
	return SQLITE_OK;
}

bool history_commit_is_due(const struct history *history)
{
	return history->begun &&
	       (history->in_transaction >= COMMIT_ROWS || history->now_ns - history->begun_ns >= COMMIT_NS);
}
