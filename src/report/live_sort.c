/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_sort.c: see live_sort.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/live_sort.h"
#include "report/report_read.h"

#define KEY_BYTES   20
#define ROWS_BEYOND 4096 /* kept above the limit until they are sorted out */

static const struct key {
	const char *group, *member;
	bool is_text, is_address;
} keys[LIVE_KEYS] = {
	[LIVE_KEY_AGE] = {.member = "age_us"},
	[LIVE_KEY_STATE_AGE] = {.member = "state_age_us"},
	[LIVE_KEY_UNREAD] = {.member = "unread_bytes"},
	[LIVE_KEY_UNACKED] = {.member = "unacked_bytes"},
	[LIVE_KEY_RETRANSMITS] = {.member = "retransmits"},
	[LIVE_KEY_PROBES] = {.member = "probes_sent"},
	[LIVE_KEY_SILENT] = {.member = "silent_us"},
	[LIVE_KEY_FACTS_AGE] = {.member = "facts_age_us"},
	[LIVE_KEY_COOKIE] = {.member = "cookie"},
	[LIVE_KEY_PID] = {.group = "process", .member = "pid"},
	[LIVE_KEY_COMM] = {.group = "process", .member = "comm", .is_text = true},
	[LIVE_KEY_STATE] = {.member = "state", .is_text = true},
	[LIVE_KEY_LOCAL] = {.member = "local_addr", .is_address = true},
	[LIVE_KEY_REMOTE] = {.member = "remote_addr", .is_address = true},
};

static const char *const key_texts[LIVE_KEYS] = {
	[LIVE_KEY_AGE] = "age",
	[LIVE_KEY_STATE_AGE] = "state_age",
	[LIVE_KEY_UNREAD] = "unread",
	[LIVE_KEY_UNACKED] = "unacked",
	[LIVE_KEY_RETRANSMITS] = "retransmits",
	[LIVE_KEY_PROBES] = "probes",
	[LIVE_KEY_SILENT] = "silent",
	[LIVE_KEY_FACTS_AGE] = "facts_age",
	[LIVE_KEY_COOKIE] = "cookie",
	[LIVE_KEY_PID] = "pid",
	[LIVE_KEY_COMM] = "comm",
	[LIVE_KEY_STATE] = "state",
	[LIVE_KEY_LOCAL] = "local",
	[LIVE_KEY_REMOTE] = "remote",
};
const struct name_table live_key_names = {key_texts, LIVE_KEYS};

struct row {
	bool absent;
	uint64_t number;
	unsigned char bytes[KEY_BYTES];
	uint64_t place; /* as it came: a sort that is stable shows the same twice */
	char *output;
	size_t length;
};

struct live_rows {
	enum live_key key;
	bool reverse;
	size_t limit, count, room;
	uint64_t places;
	struct row *rows;
};

struct live_rows *live_rows_create(enum live_key key, bool reverse, size_t limit)
{
	struct live_rows *rows = calloc(1, sizeof(*rows));

	if (rows) {
		rows->key = key;
		rows->reverse = reverse;
		rows->limit = limit;
	}
	return rows;
}

void live_rows_destroy(struct live_rows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < rows->count; i++)
		free(rows->rows[i].output);
	free(rows->rows);
	free(rows);
}

/* Address, then port, as bytes that compare as they should. */
static void address_key(const json_t *line, const struct key *key, struct row *row)
{
	const char *address = report_member_text(line, NULL, key->member);
	const char *port_name = key->member[0] == 'l' ? "local_port" : "remote_port";
	uint64_t port = (uint64_t)report_member_number(line, NULL, port_name, 0);

	row->bytes[0] = 4;
	if (address && inet_pton(AF_INET, address, row->bytes + 1) != 1) {
		row->bytes[0] = 6;
		address = inet_pton(AF_INET6, address, row->bytes + 1) == 1 ? address : NULL;
	}
	row->bytes[17] = (unsigned char)(port >> 8);
	row->bytes[18] = (unsigned char)port;
	row->absent = !address;
}

static void row_key(const json_t *line, enum live_key chosen, struct row *row)
{
	const struct key *key = &keys[chosen];
	const char *text;
	int64_t number;

	if (chosen == LIVE_KEY_NONE)
		return;
	if (key->is_address)
		return address_key(line, key, row);
	if (key->is_text) {
		text = report_member_text(line, key->group, key->member);
		row->absent = !text;
		memcpy(row->bytes, text ? text : "", text ? strnlen(text, sizeof(row->bytes)) : 0);
		return;
	}
	number = report_member_number(line, key->group, key->member, -1);
	row->absent = number < 0;
	/* Inverted, so that the largest come first where others come in their order. */
	row->number = row->absent ? 0 : UINT64_MAX - (uint64_t)number;
}

static int row_compare(const void *left, const void *right, void *arg)
{
	const struct live_rows *rows = arg;
	const struct row *a = left, *b = right;
	int order = a->number < b->number ? -1 : a->number > b->number ? 1 : memcmp(a->bytes, b->bytes, KEY_BYTES);

	if (a->absent != b->absent)
		return a->absent ? 1 : -1;
	if (order)
		return rows->reverse ? -order : order;
	return a->place < b->place ? -1 : a->place > b->place;
}

static void rows_sort(struct live_rows *rows)
{
	if (rows->key != LIVE_KEY_NONE && rows->count)
		qsort_r(rows->rows, rows->count, sizeof(rows->rows[0]), row_compare, rows);
	while (rows->limit && rows->count > rows->limit)
		free(rows->rows[--rows->count].output);
}

int live_rows_add(struct live_rows *rows, const json_t *line, const char *output, size_t length)
{
	struct row row = {.place = rows->places++, .length = length};

	if (rows->limit && rows->count >= rows->limit + ROWS_BEYOND)
		rows_sort(rows);
	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 256;
		struct row *more = reallocarray(rows->rows, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		rows->rows = more;
		rows->room = room;
	}
	row_key(line, rows->key, &row);
	row.output = malloc(length ? length : 1);
	if (!row.output)
		return -ENOMEM;
	memcpy(row.output, output, length);
	rows->rows[rows->count++] = row;
	return 0;
}

void live_rows_each(struct live_rows *rows, void (*row)(void *arg, const char *output, size_t length), void *arg)
{
	rows_sort(rows);
	for (size_t i = 0; i < rows->count; i++)
		row(arg, rows->rows[i].output, rows->rows[i].length);
}
