// SPDX-License-Identifier: GPL-2.0-only
/*
 * event_writer.c: lines of single events; see event_writer.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "event_items.h"
#include "event_writer.h"

struct event_writer {
	enum report_format format;
	const struct report_context *context;
	uint64_t tick_ns;
	unsigned columns;
	unsigned time_width, local_width; /* of the table */
	struct text line;                 /* kept for its memory */
	bool has_first;
	uint64_t first_ns;
};

#define TIME_WIDTH        12
#define TIME_WIDTH_NARROW 8
#define KIND_WIDTH        17
#define ENDPOINT_WIDTH    21
#define PORT_WIDTH        6

struct event_writer *event_writer_create(enum report_format format, const struct report_context *context,
					 uint64_t tick_ns, unsigned columns)
{
	struct event_writer *writer = format == REPORT_CSV ? NULL : calloc(1, sizeof(*writer));
	bool wide = !columns || columns >= 120;

	if (!writer)
		return NULL;
	writer->format = format;
	writer->context = context;
	writer->tick_ns = tick_ns;
	writer->columns = columns;
	writer->time_width = wide ? TIME_WIDTH : TIME_WIDTH_NARROW;
	writer->local_width = wide ? ENDPOINT_WIDTH : PORT_WIDTH;
	return writer;
}

void event_writer_destroy(struct event_writer *writer)
{
	if (!writer)
		return;
	text_free(&writer->line);
	free(writer);
}

/* The pid is an owner only where the event says so; an interrupted bystander is not named. */
static bool pid_known(const struct event_header *event)
{
	const struct event_existing *existing = (const void *)event;

	if (event->kind == EVENT_EXISTING)
		return existing->source == EXISTING_FILE;
	return event->kind == EVENT_OOM_KILL || event->kind == EVENT_ACCEPT || event->flags & EVENT_TASK_ACTS;
}

static void value_set_word(struct field_value *value, const char *word)
{
	value->type = word ? FIELD_WORD : FIELD_ABSENT;
	value->text = word;
	value->length = word ? strlen(word) : 0;
}

static void value_set_number(struct field_value *value, uint64_t number, bool present)
{
	value->type = present ? FIELD_UNSIGNED : FIELD_ABSENT;
	value->number = number;
}

static void value_set_signed(struct field_value *value, int64_t number, bool present)
{
	value->type = present ? FIELD_SIGNED : FIELD_ABSENT;
	value->signed_number = number;
}

static void item_value_get(const struct event_writer *writer, const struct event_header *event,
			   const struct event_item *item, struct field_value *value)
{
	const void *member = (const char *)event + item->offset;
	const uint8_t *u8 = member;
	const uint32_t *u32 = member;
	const uint64_t *u64 = member;
	const int16_t *s16 = member;
	const int32_t *s32 = member;

	switch ((enum event_item_type)item->type) {
	case ITEM_U8: return value_set_number(value, *u8, true);
	case ITEM_U32: return value_set_number(value, *u32, true);
	case ITEM_U32_OPTIONAL: return value_set_number(value, *u32, *u32 != UINT32_MAX);
	case ITEM_U32_NONZERO: return value_set_number(value, *u32, *u32);
	case ITEM_U64: return value_set_number(value, *u64, true);
	case ITEM_U64_NONZERO: return value_set_number(value, *u64, *u64);
	case ITEM_TICKS: return value_set_number(value, *u32 * writer->tick_ns / 1000000, *u32 != UINT32_MAX);
	case ITEM_S32: return value_set_signed(value, *s32, true);
	case ITEM_EXIT_CODE: return value_set_signed(value, *s32, event->flags & EVENT_TASK_EXITING);
	case ITEM_NAME: return value_set_word(value, name_of(item->names, *u8));
	case ITEM_ERRNO: return value_set_word(value, errno_name(*u8));
	case ITEM_ERRNO_S16: return value_set_word(value, errno_name(-*s16));
	case ITEM_COMM:
		value->text = member;
		value->length = strnlen(member, EVENT_COMM_BYTES);
		value->type = value->length ? FIELD_TEXT : FIELD_ABSENT;
		return;
	}
}

static void json_key_append(struct text *text, const char *name)
{
	text_append_str(text, ",\"");
	text_append_str(text, name);
	text_append_str(text, "\":");
}

static void json_value_append(struct text *text, const struct field_value *value)
{
	if (value->type == FIELD_UNSIGNED)
		text_append_u64(text, value->number);
	else if (value->type == FIELD_SIGNED)
		text_append_i64(text, value->signed_number);
	else if (value->type == FIELD_ABSENT)
		text_append_str(text, "null");
	else
		text_append_json_string(text, value->text, value->length);
}

static void json_endpoint_append(struct text *text, const char *name, unsigned family, const uint8_t *address,
				 unsigned port)
{
	text_append_str(text, ",\"");
	text_append_str(text, name);
	text_append_str(text, "_addr\":");
	if (address) {
		text_append_char(text, '"');
		text_append_address(text, family, address);
		text_append_char(text, '"');
	} else {
		text_append_str(text, "null");
	}
	text_append_str(text, ",\"");
	text_append_str(text, name);
	text_append_str(text, "_port\":");
	if (port)
		text_append_u64(text, port);
	else
		text_append_str(text, "null");
}

static void json_flags_append(struct text *text, unsigned kind, unsigned flags)
{
	bool first = true;

	text_append_str(text, ",\"flags\":[");
	for (unsigned bit = 0; bit < EVENT_FLAG_BITS; bit++) {
		if (!(flags & 1u << bit))
			continue;
		text_append_str(text, first ? "\"" : ",\"");
		text_append_str(text, event_flag_name(kind, bit));
		text_append_char(text, '"');
		first = false;
	}
	text_append_char(text, ']');
}

static void json_event_append(const struct event_writer *writer, struct text *text, const struct event_header *event,
			      const struct event_tuple *tuple, unsigned family)
{
	struct field_value value;

	text_append_str(text, "{\"schema\":1,\"type\":\"event\",\"kind\":\"");
	text_append_str(text, name_of(&event_kind_names, event->kind));
	text_append_str(text, "\",\"time_us\":");
	text_append_i64(text, field_wall_us(writer->context, event->time_ns));
	text_append_str(text, ",\"cookie\":");
	text_append_u64(text, event->cookie);
	json_key_append(text, "pid");
	value_set_number(&value, event->pid, pid_known(event));
	json_value_append(text, &value);
	json_key_append(text, "netns");
	value_set_number(&value, tuple ? tuple->netns : 0, tuple && tuple->netns);
	json_value_append(text, &value);
	json_endpoint_append(text, "local", family, tuple ? tuple->local : NULL,
			     tuple ? tuple->local_port : event_local_port(event));
	json_endpoint_append(text, "remote", family, tuple ? tuple->remote : NULL, tuple ? tuple->remote_port : 0);
	json_flags_append(text, event->kind, event->flags);
	for (unsigned i = 0; i < event_item_count; i++) {
		if (event_items[i].kind != event->kind)
			continue;
		item_value_get(writer, event, &event_items[i], &value);
		json_key_append(text, event_items[i].name);
		json_value_append(text, &value);
	}
	text_append_char(text, '}');
}

/* One word of the table's last column: OLD->NEW, or name=value for what is there and not zero. */
static void detail_append(struct text *text, const struct event_item *item, const struct field_value *value)
{
	bool number = value->type == FIELD_UNSIGNED || value->type == FIELD_SIGNED;

	if (value->type == FIELD_ABSENT || (number && !value->number))
		return;
	if (!strcmp(item->name, "new_state")) {
		text_append_str(text, "->");
	} else {
		text_append_char(text, ' ');
		if (number || !strcmp(item->name, "comm")) {
			text_append_str(text, item->name);
			text_append_char(text, '=');
		}
	}
	if (number)
		json_value_append(text, value);
	else
		text_append_printable(text, value->text, value->length);
}

static void table_endpoints_append(const struct event_writer *writer, struct text *line,
				   const struct event_header *event, const struct event_tuple *tuple, unsigned family)
{
	unsigned port = tuple ? tuple->local_port : event_local_port(event);
	char room[64];
	struct text cell = text_borrow(room, sizeof(room));

	if (tuple && writer->local_width == ENDPOINT_WIDTH) {
		text_append_endpoint_short(&cell, family, tuple->local, tuple->local_port, writer->local_width);
	} else if (port) {
		text_append_char(&cell, ':');
		text_append_u64(&cell, port);
	} else {
		text_append_str(&cell, TEXT_ABSENT);
	}
	text_append_column(line, cell.data, cell.length, writer->local_width, false);
	text_append_char(line, ' ');
	text_clear(&cell);
	if (tuple)
		text_append_endpoint_short(&cell, family, tuple->remote, tuple->remote_port, ENDPOINT_WIDTH);
	else
		text_append_str(&cell, TEXT_ABSENT);
	text_append_column(line, cell.data, cell.length, ENDPOINT_WIDTH, false);
}

static void table_time_append(struct event_writer *writer, struct text *line, const struct event_header *event)
{
	char room[64];
	struct text cell = text_borrow(room, sizeof(room));

	if (!writer->has_first) {
		writer->has_first = true;
		writer->first_ns = writer->context->first_ns ?: event->time_ns;
	}
	if (writer->context->time_of_day)
		text_append_time_of_day(&cell, field_wall_us(writer->context, event->time_ns),
					writer->time_width == TIME_WIDTH);
	else
		text_append_seconds(&cell, (int64_t)(event->time_ns - writer->first_ns), 6, writer->time_width);
	text_append_column(line, cell.data, cell.length, writer->time_width, true);
}

static void table_event_append(struct event_writer *writer, struct text *line, const struct event_header *event,
			       const struct event_tuple *tuple, unsigned family)
{
	const char *kind = name_of(&event_kind_names, event->kind);
	struct field_value value;

	/* That there are three records for a change of state is our own affair. */
	if (event->kind == EVENT_STATE_TASK || event->kind == EVENT_CLOSE)
		kind = name_of(&event_kind_names, EVENT_STATE);
	table_time_append(writer, line, event);
	text_append_char(line, ' ');
	text_append_column(line, kind, strlen(kind), KIND_WIDTH, false);
	text_append_char(line, ' ');
	table_endpoints_append(writer, line, event, tuple, family);
	for (unsigned i = 0; i < event_item_count; i++) {
		if (event_items[i].kind != event->kind)
			continue;
		item_value_get(writer, event, &event_items[i], &value);
		detail_append(line, &event_items[i], &value);
		/* The pid stands beside the name it belongs to. */
		if (event_items[i].type == ITEM_COMM && pid_known(event)) {
			text_append_str(line, " pid=");
			text_append_u64(line, event->pid);
		}
	}
	if (event->kind == EVENT_OOM_KILL) {
		text_append_str(line, " pid=");
		text_append_u64(line, event->pid);
	}
}

/* Appends the line, cut to the terminal's width. */
static void table_line_append(const struct event_writer *writer, struct text *text)
{
	size_t length = writer->line.length;

	if (writer->columns && length > writer->columns)
		text_append_column(text, writer->line.data, length, writer->columns, false);
	else
		text_append(text, writer->line.data, length);
	text->failed |= writer->line.failed;
}

static int line_finish(struct text *text, size_t line_start)
{
	text_append_char(text, '\n');
	if (!text->failed)
		return 0;
	text->length = line_start;
	return -ENOMEM;
}

int event_writer_header(struct event_writer *writer, struct text *text)
{
	struct text *line = &writer->line;
	size_t start = text->length;

	if (writer->format == REPORT_JSON)
		return 0;
	text_clear(line);
	text_append_column(line, "TIME", 4, writer->time_width, true);
	text_append_char(line, ' ');
	text_append_column(line, "EVENT", 5, KIND_WIDTH, false);
	text_append_char(line, ' ');
	text_append_column(line, "LOCAL", 5, writer->local_width, false);
	text_append_char(line, ' ');
	text_append_column(line, "REMOTE", 6, ENDPOINT_WIDTH, false);
	text_append_str(line, " DETAIL");
	table_line_append(writer, text);
	return line_finish(text, start);
}

int event_writer_event(struct event_writer *writer, struct text *text, const struct event_header *event,
		       const struct event_tuple *tuple, unsigned family)
{
	size_t start = text->length;
	unsigned own_family;
	const struct event_tuple *own = event_tuple_find(event, &own_family);

	if (own) {
		tuple = own;
		family = own_family;
	}
	if (writer->format == REPORT_JSON) {
		json_event_append(writer, text, event, tuple, family);
		return line_finish(text, start);
	}
	text_clear(&writer->line);
	table_event_append(writer, &writer->line, event, tuple, family);
	table_line_append(writer, text);
	return line_finish(text, start);
}
