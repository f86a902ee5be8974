// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_counts.c: which connections are only counted, and their counts: sums by the hour and by what is bounded
 * by the vocabulary (cause, role, initiator), and, as far as there are not too many of them in an hour, by name of
 * the process and port of the server.
 */
#include <stdlib.h>
#include <string.h>

#include "store/history_internal.h"

#define SLOTS 8192
/* Where so many are taken they are written and forgotten: a table must stay sparse. */
#define USED_MAX 6144
/* Keys with a port or name in one hour. */
#define DETAILED_MAX 2048

static bool port_listed(const struct port_list *list, uint16_t port)
{
	for (unsigned i = 0; i < list->count; i++)
		if (port >= list->ranges[i].first && port <= list->ranges[i].last)
			return true;
	return false;
}

bool policy_counts(const struct history_policy *policy, const struct connection_report *report)
{
	bool conditions = policy->classes || policy->causes || policy->shorter_than_ns || policy->ports.count;

	if (!conditions || report->conformance == CONFORMANCE_VIOLATION)
		return false;
	if (policy->classes && !(policy->classes >> report->class & 1))
		return false;
	if (policy->causes && !(policy->causes >> report->cause & 1))
		return false;
	/* A birth that was not seen leaves open how long it lived. */
	if (policy->shorter_than_ns && (report->start_ns == ABSENT_U64 || report->end_ns < report->start_ns ||
					report->end_ns - report->start_ns >= policy->shorter_than_ns))
		return false;
	return !policy->ports.count || port_listed(&policy->ports, report->local_port) ||
	       port_listed(&policy->ports, report->remote_port);
}

/* ---- the table ------------------------------------------------------------------------------------- */

int counts_open(struct history_counts *counts, sqlite3 *db)
{
	struct text sql = {0};
	int code;

	text_append_str(&sql, "INSERT INTO hourly VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
			      "ON CONFLICT DO UPDATE SET connections = connections + excluded.connections, "
			      "bytes_sent = bytes_sent + excluded.bytes_sent, "
			      "bytes_received = bytes_received + excluded.bytes_received, "
			      "retransmits = retransmits + excluded.retransmits, "
			      "durations = durations + excluded.durations, "
			      "duration_sum_us = duration_sum_us + excluded.duration_sum_us");
	code = sql_prepare(db, &sql, &counts->upsert);
	text_free(&sql);
	return code;
}

void counts_close(struct history_counts *counts)
{
	sqlite3_finalize(counts->upsert);
	counts->upsert = NULL;
}

static void word_bind(sqlite3_stmt *statement, int at, const char *word)
{
	sqlite3_bind_text(statement, at, word ? word : "", -1, SQLITE_STATIC);
}

static int entry_write(sqlite3_stmt *upsert, const struct counts_entry *entry)
{
	const struct hourly_key *key = &entry->key;
	const int64_t sums[] = {
		entry->sums.connections, entry->sums.bytes_sent, entry->sums.bytes_received,
		entry->sums.retransmits, entry->sums.durations,  entry->sums.duration_us,
	};

	sqlite3_bind_int64(upsert, 1, key->hour);
	word_bind(upsert, 2, name_of(&class_names, cause_class((enum connection_cause)key->cause)));
	word_bind(upsert, 3, name_of(&cause_names, key->cause));
	word_bind(upsert, 4, name_of(&role_names, key->role));
	word_bind(upsert, 5, name_of(&initiator_names, key->initiator));
	sqlite3_bind_int(upsert, 6, key->local_port);
	sqlite3_bind_text(upsert, 7, key->comm, (int)strnlen(key->comm, sizeof(key->comm)), SQLITE_STATIC);
	sqlite3_bind_int(upsert, 8, key->other);
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		sqlite3_bind_int64(upsert, 9 + (int)i, sums[i]);
	return sql_step(upsert);
}

/* Keys stay: they are what bounds the number of different ones. */
static void sums_forget(struct history_counts *counts)
{
	for (uint32_t i = 0; counts->entries && i < SLOTS; i++)
		counts->entries[i].sums = (struct hourly_sums){0};
}

int counts_write(struct history_counts *counts)
{
	static const struct hourly_sums none;
	int code = SQLITE_OK;

	for (uint32_t i = 0; counts->used && i < SLOTS && code == SQLITE_OK; i++)
		if (memcmp(&counts->entries[i].sums, &none, sizeof(none)) != 0)
			code = entry_write(counts->upsert, &counts->entries[i]);
	sums_forget(counts);
	return code;
}

void counts_rolled_back(struct history_counts *counts)
{
	sums_forget(counts);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

static uint32_t bytes_hash(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ULL;
	return (uint32_t)(hash ^ hash >> 32);
}

_Static_assert(sizeof(struct hourly_key) == 32, "no padding");

/* The entry that has the key, or the free one where it would go. */
static struct counts_entry *entry_of(struct history_counts *counts, const struct hourly_key *key)
{
	uint32_t at = bytes_hash(key, sizeof(*key)) & (SLOTS - 1);

	while (counts->entries[at].used && memcmp(&counts->entries[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & (SLOTS - 1);
	return &counts->entries[at];
}

static void entries_forget(struct history_counts *counts)
{
	memset(counts->entries, 0, SLOTS * sizeof(*counts->entries));
	counts->used = counts->detailed = 0;
}

/* Of the clock when it was reported: hours are those of the rows' end_us. */
static int64_t hour_of(const struct store_item *item)
{
	struct report_context context = {.wall_minus_monotonic_ns = item->wall_minus_monotonic_ns};

	return field_wall_us(&context, item->report.end_ns) / HISTORY_US_PER_HOUR;
}

int counts_key(struct history_counts *counts, const struct store_item *item, struct hourly_key *key)
{
	const struct connection_report *report = &item->report;
	int code;

	if (!counts->entries)
		counts->entries = calloc(SLOTS, sizeof(*counts->entries));
	if (!counts->entries)
		return SQLITE_NOMEM;
	memset(key, 0, sizeof(*key));
	key->hour = hour_of(item);
	key->cause = (uint8_t)report->cause;
	key->role = (uint8_t)report->role;
	key->initiator = (uint8_t)report->initiator;
	key->local_port = report->role == ROLE_SERVER ? report->local_port : 0;
	if (report->has_process)
		memcpy(key->comm, report->comm, strnlen(report->comm, sizeof(report->comm)));
	if (key->hour > counts->hour) {
		code = counts_write(counts);
		if (code != SQLITE_OK)
			return code;
		entries_forget(counts);
		counts->hour = key->hour;
	}
	if (counts->detailed >= DETAILED_MAX && !entry_of(counts, key)->used) {
		key->other = true;
		key->local_port = 0;
		memset(key->comm, 0, sizeof(key->comm));
	}
	return SQLITE_OK;
}

void counts_sums(const struct connection_report *report, struct hourly_sums *sums)
{
	bool has_duration = report->start_ns != ABSENT_U64 && report->end_ns >= report->start_ns;

	*sums = (struct hourly_sums){
		.connections = 1,
		.bytes_sent = report->bytes_sent != ABSENT_U64 ? (int64_t)report->bytes_sent : 0,
		.bytes_received = report->bytes_received != ABSENT_U64 ? (int64_t)report->bytes_received : 0,
		.retransmits = report->retransmits != ABSENT_U32 ? report->retransmits : 0,
		.durations = has_duration,
		.duration_us = has_duration ? (int64_t)((report->end_ns - report->start_ns) / 1000) : 0,
	};
}

int counts_add(struct history_counts *counts, const struct hourly_key *key, const struct hourly_sums *sums, int sign)
{
	struct counts_entry *entry = entry_of(counts, key);

	if (!entry->used && counts->used >= USED_MAX) {
		int code = counts_write(counts);

		if (code != SQLITE_OK)
			return code;
		entries_forget(counts);
		entry = entry_of(counts, key);
	}
	if (!entry->used) {
		entry->used = true;
		entry->key = *key;
		counts->used++;
		counts->detailed += !key->other;
	}
	entry->sums.connections += sign * sums->connections;
	entry->sums.bytes_sent += sign * sums->bytes_sent;
	entry->sums.bytes_received += sign * sums->bytes_received;
	entry->sums.retransmits += sign * sums->retransmits;
	entry->sums.durations += sign * sums->durations;
	entry->sums.duration_us += sign * sums->duration_us;
	return SQLITE_OK;
}
