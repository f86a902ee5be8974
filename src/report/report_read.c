/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_read.c: see report_read.h.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/tcp_machine.h"
#include "report/json_memory.h"
#include "report/report_read.h"

#define ERRNO_MAX      133
#define INSTANT_US_MAX (INT64_MAX / 1000)

/* ---- lines ---------------------------------------------------------------------------------------- */

#define COOKIE_LEAD "\"cookie\":"

/* jansson knows no number above INT64_MAX: a copy with 0 in its place, and the digits. NULL: that was not it. */
static char *cookie_cut(const char *line, size_t length, char digits[24])
{
	const char *lead = memmem(line, length, COOKIE_LEAD, strlen(COOKIE_LEAD));
	size_t at = lead ? (size_t)(lead - line) + strlen(COOKIE_LEAD) : length, count = 0;
	char *copy;

	while (at + count < length && count < 21 && isdigit((unsigned char)line[at + count]))
		count++;
	if (count < 19 || count > 20 || !(copy = malloc(length)))
		return NULL;
	memcpy(copy, line, length);
	memcpy(digits, line + at, count);
	digits[count] = '\0';
	memset(copy + at, ' ', count);
	copy[at] = '0';
	return copy;
}

json_t *report_line_load(const char *line, size_t length, char *why, size_t size)
{
	size_t flags = JSON_REJECT_DUPLICATES;
	char digits[24], *copy;
	json_error_t error;
	json_t *object = json_memory_load(line, length, flags, &error);

	if (!object && !json_memory_lacked() && json_error_code(&error) == json_error_numeric_overflow &&
	    (copy = cookie_cut(line, length, digits))) {
		object = json_memory_load(copy, length, flags, &error);
		free(copy);
		if (object && json_object_set_new(object, "cookie", json_string(digits))) {
			json_decref(object);
			object = NULL;
		}
	}
	if (json_is_object(object) && !json_memory_lacked())
		return object;
	snprintf(why, size, "%s", json_memory_lacked() ? "out of memory" : object ? "not an object" : error.text);
	json_decref(object);
	return NULL;
}

const json_t *report_member(const json_t *object, const char *group, const char *name)
{
	const json_t *holder = group ? json_object_get(object, group) : object;
	const json_t *value = json_object_get(holder, name);

	return json_is_null(value) ? NULL : value;
}

const char *report_member_text(const json_t *object, const char *group, const char *name)
{
	return json_string_value(report_member(object, group, name));
}

int64_t report_member_number(const json_t *object, const char *group, const char *name, int64_t absent)
{
	const json_t *value = report_member(object, group, name);

	return json_is_integer(value) ? json_integer_value(value) : absent;
}

/* ---- members by kind: the inverse of field_value_get() ---------------------------------------------- */

static bool number_read(const json_t *value, uint64_t max, uint64_t *number)
{
	const char *digits = json_string_value(value);
	char *end;

	if (digits && isdigit((unsigned char)digits[0])) {
		errno = 0;
		*number = strtoull(digits, &end, 10);
		return !*end && !errno && *number <= max;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*number = (uint64_t)json_integer_value(value);
	return *number <= max;
}

static bool instant_read(const json_t *value, uint64_t *ns)
{
	json_int_t us = json_integer_value(value);

	if (!json_is_integer(value) || us > INSTANT_US_MAX || us < -INSTANT_US_MAX)
		return false;
	*ns = (uint64_t)(us * 1000);
	return true;
}

static bool name_read(const json_t *value, const struct name_table *names, unsigned *number)
{
	int found = json_is_string(value) ? name_find(names, json_string_value(value), json_string_length(value))
					  : -ENOENT;

	if (found >= 0)
		*number = (unsigned)found;
	return found >= 0;
}

static bool number_member_read(const struct field *field, const json_t *value, void *member)
{
	uint64_t number = 0;
	uint64_t max = field->kind == KIND_U16                                       ? UINT16_MAX
		       : field->kind == KIND_U32 || field->kind == KIND_U32_OPTIONAL ? UINT32_MAX
		       : field->kind == KIND_INT_OPTIONAL                            ? INT32_MAX
		       : field->kind == KIND_SPAN                                    ? UINT64_MAX / 1000
										     : UINT64_MAX;

	if (!number_read(value, max, &number))
		return false;
	switch (field->kind) {
	case KIND_U16: *(uint16_t *)member = (uint16_t)number; break;
	case KIND_U32:
	case KIND_U32_OPTIONAL: *(uint32_t *)member = (uint32_t)number; break;
	case KIND_INT_OPTIONAL: *(int *)member = (int)number; break;
	case KIND_SPAN: *(uint64_t *)member = number * 1000; break;
	default: *(uint64_t *)member = number;
	}
	return true;
}

static bool member_read(const struct field *field, const json_t *value, struct connection_report *report)
{
	void *member = (char *)report + field->offset;

	switch (field->kind) {
	case KIND_NAME: return name_read(value, field->names, member);
	case KIND_INSTANT: return instant_read(value, member);
	case KIND_BOOLEAN: *(bool *)member = json_is_true(value); return json_is_boolean(value);
	default: return number_member_read(field, value, member);
	}
}

static void member_absent(const struct field *field, struct connection_report *report)
{
	void *member = (char *)report + field->offset;

	switch (field->kind) {
	case KIND_U32_OPTIONAL: *(uint32_t *)member = ABSENT_U32; break;
	case KIND_U64_OPTIONAL:
	case KIND_SPAN:
	case KIND_INSTANT: *(uint64_t *)member = ABSENT_U64; break;
	case KIND_INT_OPTIONAL: *(int *)member = -1; break;
	default: break; /* zero is what stands for absent */
	}
}

/* ---- what is not simply a member -------------------------------------------------------------------- */

static bool id_read(const char *id, struct connection_report *report)
{
	unsigned long client, server;
	char *end;

	if (strlen(id) != 17 || id[8] != '-' || strspn(id, "0123456789abcdef") != 8 ||
	    strspn(id + 9, "0123456789abcdef") != 8)
		return false;
	client = strtoul(id, &end, 16);
	server = strtoul(id + 9, &end, 16);
	report->has_id = true;
	report->client_isn = (uint32_t)client;
	report->server_isn = (uint32_t)server;
	return true;
}

static bool addresses_read(const json_t *object, struct connection_report *report)
{
	const char *family = report_member_text(object, NULL, "family");
	const char *local = report_member_text(object, NULL, "local_addr");
	const char *remote = report_member_text(object, NULL, "remote_addr");
	int domain;

	if (!family || !local || !remote || (strcmp(family, "ipv4") && strcmp(family, "ipv6")))
		return false;
	report->family = !strcmp(family, "ipv4") ? 4 : 6;
	domain = report->family == 4 ? AF_INET : AF_INET6;
	return inet_pton(domain, local, report->local) == 1 && inet_pton(domain, remote, report->remote) == 1;
}

static uint8_t error_number(const char *name)
{
	for (unsigned error = 1; error <= ERRNO_MAX; error++)
		if (errno_name((int)error) && !strcmp(errno_name((int)error), name))
			return (uint8_t)error;
	return 0;
}

#define REPLACEMENT_UTF8 "\xef\xbf\xbd"

/* A byte that was no UTF-8 became three on its way: one that is none stands for it again. */
static void comm_read(const char *from, struct connection_report *report)
{
	for (size_t i = 0; i < sizeof(report->comm) && *from; i++) {
		bool replaced = !strncmp(from, REPLACEMENT_UTF8, strlen(REPLACEMENT_UTF8));

		report->comm[i] = replaced ? '\xff' : *from;
		from += replaced ? strlen(REPLACEMENT_UTF8) : 1;
	}
}

/* Unknown words of newer versions stay absent: nothing that a table shows depends on them. */
static bool words_read(const json_t *object, struct connection_report *report)
{
	const char *id = report_member_text(object, NULL, "id");
	const char *error = report_member_text(object, NULL, "error");
	const char *reason = report_member_text(object, NULL, "rst_reason");
	const char *comm = report_member_text(object, "process", "comm");
	int found = reason ? name_find(&reset_reason_names, reason, strlen(reason)) : -ENOENT;

	if (id && !id_read(id, report))
		return false;
	report->error = error ? error_number(error) : 0;
	report->rst_reason = found > 0 ? (uint8_t)found : 0;
	if (comm)
		comm_read(comm, report);
	return true;
}

/*
 * Both instants lost what is below a microsecond, each on its own; the duration was taken before. Nanoseconds are put
 * back so that it comes out again.
 */
static void duration_restore(const json_t *object, struct connection_report *report)
{
	const json_t *duration = report_member(object, NULL, "duration_us");
	int64_t apart_us = (int64_t)(report->end_ns - report->start_ns) / 1000;

	if (report->start_ns == ABSENT_U64 || report->end_ns == ABSENT_U64)
		return;
	if (duration ? json_integer_value(duration) == apart_us - 1 : apart_us == 0)
		report->start_ns++;
}

static bool states_read(const json_t *object, struct connection_report *report)
{
	const json_t *states = report_member(object, NULL, "states"), *entry;
	uint64_t start_ns = report->start_ns;
	int64_t seen_us = report_member_number(object, NULL, "first_seen_us", -1);
	size_t count = json_array_size(states), i;

	if (!states)
		return true;
	if (!json_is_array(states) || count > REPORT_STATES_MAX)
		return false;
	/* Where the birth was not seen the times count from the first state; unless that is told, the last is the end.
	 */
	if (start_ns == ABSENT_U64 && seen_us >= 0)
		start_ns = 1000 * (uint64_t)seen_us;
	else if (start_ns == ABSENT_U64 && count)
		start_ns = report->end_ns -
			   1000 * (uint64_t)report_member_number(json_array_get(states, count - 1), NULL, "at_us", 0);
	json_array_foreach(states, i, entry)
	{
		const char *name = report_member_text(entry, NULL, "state");
		int state = name ? name_find(&tcp_state_names, name, strlen(name)) : -ENOENT;
		int64_t at_us = report_member_number(entry, NULL, "at_us", INT64_MAX);

		if (!name || at_us > INSTANT_US_MAX || at_us < -INSTANT_US_MAX)
			return false;
		report->states[i] = (struct report_state){state > 0 ? (uint8_t)state : 0,
							  start_ns + 1000 * (uint64_t)at_us};
	}
	report->state_count = (uint8_t)count;
	return true;
}

static bool fields_read(const json_t *object, struct connection_report *report)
{
	for (unsigned i = 0; i < field_count; i++) {
		const struct field *field = &fields[i];
		const json_t *value = report_member(object, field->group ? field->group->name : NULL, field->name);

		if (field->kind == KIND_COMPUTED || field->kind == KIND_LIST || field->kind == KIND_CONSTANT)
			continue;
		if (!value)
			member_absent(field, report);
		else if (!member_read(field, value, report))
			return false;
	}
	return true;
}

int report_read(const json_t *object, struct connection_report *report)
{
	struct connection_report read = {0};

	read.has_time_wait = json_is_object(json_object_get(object, "time_wait"));
	read.has_process = json_is_object(json_object_get(object, "process"));
	read.has_keepalive = json_is_object(json_object_get(object, "keepalive"));
	if (!fields_read(object, &read) || !addresses_read(object, &read) || !words_read(object, &read))
		return -EBADMSG;
	duration_restore(object, &read);
	if (!states_read(object, &read))
		return -EBADMSG;
	*report = read;
	return 0;
}

/* ---- CSV --------------------------------------------------------------------------------------------- */

static void list_csv_append(const json_t *list, struct text *text)
{
	struct text joined = {0};
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		const char *state = report_member_text(entry, NULL, "state");

		if (i)
			text_append_str(&joined, state ? ">" : "; ");
		if (state)
			text_append_str(&joined, state);
		else if (json_is_string(entry))
			text_append(&joined, json_string_value(entry), json_string_length(entry));
	}
	text_append_csv(text, joined.data, joined.length);
	text->failed |= joined.failed;
	text_free(&joined);
}

void json_append(const json_t *object, struct text *text)
{
	size_t length = json_dumpb(object, NULL, 0, JSON_COMPACT);
	char *room = length ? text_reserve(text, length) : NULL;

	if (room && json_dumpb(object, room, length, JSON_COMPACT) == length)
		text->length += length;
	else
		text->failed = true;
}

void json_csv_append(const json_t *value, struct text *text)
{
	if (json_is_string(value))
		text_append_csv(text, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value))
		text_append_i64(text, json_integer_value(value));
	else if (json_is_boolean(value))
		text_append_str(text, json_is_true(value) ? "true" : "false");
	else if (json_is_array(value))
		list_csv_append(value, text);
}

void report_read_csv(const json_t *object, struct text *text)
{
	for (unsigned i = 0; i < field_count; i++) {
		const char *group = fields[i].group ? fields[i].group->name : NULL;

		if (i)
			text_append_char(text, ',');
		json_csv_append(report_member(object, group, fields[i].name), text);
	}
	text_append_char(text, '\n');
}
