/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_line.c: see live_line.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/tcp_machine.h"
#include "report/live_line.h"
#include "report/report_read.h"

static void set_word(struct field_value *value, const char *word)
{
	value->type = word ? FIELD_WORD : FIELD_ABSENT;
	value->text = word;
	value->length = word ? strlen(word) : 0;
}

static void set_span(struct field_value *value, uint64_t span_ns)
{
	value->type = span_ns == ABSENT_U64 ? FIELD_ABSENT : FIELD_UNSIGNED;
	value->number = span_ns / 1000;
}

static void get_type(const struct live_line *line, struct field_value *value)
{
	(void)line;
	set_word(value, "live");
}

static void get_state(const struct live_line *line, struct field_value *value)
{
	set_word(value, name_of(&tcp_state_names, line->state));
}

static void get_state_age(const struct live_line *line, struct field_value *value)
{
	set_span(value, line->state_age_ns);
}

static void get_facts_age(const struct live_line *line, struct field_value *value)
{
	set_span(value, line->facts_age_ns);
}

static void get_probes_sent(const struct live_line *line, struct field_value *value)
{
	value->type = FIELD_UNSIGNED;
	value->number = line->probes_sent;
}

/* In the order of JSON and CSV. Without `get` it is a field of a report, of the same group. */
static const struct live_field {
	const char *group, *name;
	const char *report_name; /* NULL: the same */
	void (*get)(const struct live_line *line, struct field_value *value);
} live_fields[] = {
	{.name = "type", .get = get_type},
	{.name = "id"},
	{.name = "cookie"},
	{.name = "netns"},
	{.name = "family"},
	{.name = "local_addr"},
	{.name = "local_port"},
	{.name = "remote_addr"},
	{.name = "remote_port"},
	{.name = "role"},
	{.name = "state", .get = get_state},
	{.name = "age_us", .report_name = "duration_us"},
	{.name = "state_age_us", .get = get_state_age},
	{.group = "process", .name = "pid"},
	{.group = "process", .name = "comm"},
	{.group = "process", .name = "uid"},
	{.group = "process", .name = "cgroup"},
	{.group = "process", .name = "container_id"},
	{.group = "process", .name = "source"},
	{.name = "retransmits"},
	{.name = "probes_sent", .get = get_probes_sent},
	{.name = "unread_bytes"},
	{.name = "unacked_bytes"},
	{.name = "silent_us"},
	{.group = "keepalive", .name = "enabled"},
	{.group = "keepalive", .name = "idle_s"},
	{.group = "keepalive", .name = "interval_s"},
	{.group = "keepalive", .name = "probes"},
	{.name = "user_timeout_ms"},
	{.name = "facts_age_us", .get = get_facts_age},
};

#define LIVE_FIELDS (sizeof(live_fields) / sizeof(live_fields[0]))

static bool same_group(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

struct live_writer {
	const struct field *fields[LIVE_FIELDS]; /* NULL: by `get` */
};

static const struct field *report_field(const char *group, const char *name)
{
	for (unsigned i = 0; i < field_count; i++)
		if (!strcmp(fields[i].name, name) && same_group(fields[i].group ? fields[i].group->name : NULL, group))
			return &fields[i];
	return NULL;
}

struct live_writer *live_writer_create(void)
{
	struct live_writer *writer = calloc(1, sizeof(*writer));

	for (size_t i = 0; writer && i < LIVE_FIELDS; i++) {
		const struct live_field *field = &live_fields[i];

		if (field->get)
			continue;
		writer->fields[i] = report_field(field->group, field->report_name ?: field->name);
		assert(writer->fields[i]); /* a name that no field has is our own mistake */
	}
	return writer;
}

void live_writer_destroy(struct live_writer *writer)
{
	free(writer);
}

static bool group_is_absent(const struct field *field, const struct connection_report *report)
{
	return field && field->group && field->group->present && !field->group->present(report);
}

void live_writer_json(const struct live_writer *writer, const struct live_line *line, struct text *text)
{
	static const struct report_context nowhere = {0}; /* no field here asks for a wall clock or a host */
	struct field_source source = {.report = line->report, .context = &nowhere, .cgroup = line->cgroup};
	const char *group_before = NULL;
	char before = '{';

	for (size_t i = 0; i < LIVE_FIELDS; i++) {
		const struct live_field *field = &live_fields[i];
		const char *group = field->group, *group_after = i + 1 < LIVE_FIELDS ? field[1].group : NULL;
		bool begins = !same_group(group, group_before);
		bool absent = group_is_absent(writer->fields[i], line->report);
		struct field_value value;

		group_before = group;
		if (absent && !begins)
			continue;
		text_append_char(text, before);
		text_append_char(text, '"');
		before = ',';
		if (group && begins) {
			text_append_str(text, group);
			text_append_str(text, absent ? "\":null" : "\":{\"");
		}
		if (absent)
			continue;
		text_append_str(text, field->name);
		text_append_str(text, "\":");
		if (field->get)
			field->get(line, &value);
		else
			field_value_get(writer->fields[i], &source, &value);
		field_value_json(text, &value);
		if (group && !same_group(group, group_after))
			text_append_char(text, '}');
	}
	text_append_char(text, '}');
}

/* ---- CSV ---------------------------------------------------------------------------------------------- */

void live_line_csv_header(struct text *text)
{
	for (size_t i = 0; i < LIVE_FIELDS; i++) {
		if (i)
			text_append_char(text, ',');
		if (live_fields[i].group) {
			text_append_str(text, live_fields[i].group);
			text_append_char(text, '_');
		}
		text_append_str(text, live_fields[i].name);
	}
	text_append_char(text, '\n');
}

void live_line_csv(const json_t *object, struct text *text)
{
	for (size_t i = 0; i < LIVE_FIELDS; i++) {
		if (i)
			text_append_char(text, ',');
		json_csv_append(report_member(object, live_fields[i].group, live_fields[i].name), text);
	}
	text_append_char(text, '\n');
}

/* ---- table -------------------------------------------------------------------------------------------- */

static void cell_state(struct text *text, const struct field_source *source, unsigned width)
{
	const char *name = name_of(&tcp_state_names, source->report->states[0].state);

	(void)width;
	text_append_str(text, name ? name : TEXT_ABSENT);
}

static void span_append(struct text *text, uint64_t span_ns)
{
	if (span_ns == ABSENT_U64)
		text_append_str(text, TEXT_ABSENT);
	else
		text_append_duration(text, span_ns, false);
}

static void cell_state_age(struct text *text, const struct field_source *source, unsigned width)
{
	uint64_t at_ns = source->report->states[0].at_ns;

	(void)width;
	span_append(text, at_ns == ABSENT_U64 ? ABSENT_U64 : source->report->end_ns - at_ns);
}

static void cell_silent(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	span_append(text, source->report->silent_ns);
}

static void bytes_append(struct text *text, uint32_t bytes)
{
	if (bytes == ABSENT_U32)
		text_append_str(text, TEXT_ABSENT);
	else
		text_append_size(text, bytes, false);
}

static void cell_unread(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	bytes_append(text, source->report->unread_bytes);
}

static void cell_unacked(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	bytes_append(text, source->report->unacked_bytes);
}

static void count_append(struct text *text, uint32_t count)
{
	if (count == ABSENT_U32)
		text_append_str(text, TEXT_ABSENT);
	else
		text_append_u64(text, count);
}

static void cell_retransmits(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	count_append(text, source->report->retransmits);
}

static void cell_probes(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	count_append(text, source->report->keepalive_probes_sent);
}

/* RECVQ and SENDQ as in ss(8). Where priorities are missing, columns of the report table have them. */
static const struct field_column column_state = {.title = "STATE", .place = 0, .steps = {{1, 11}}, .cell = cell_state};
static const struct field_column column_state_age = {
	.title = "INSTATE", .place = 7, .right = true, .steps = {{5, 7}}, .cell = cell_state_age};
static const struct field_column column_unread = {
	.title = "RECVQ", .place = 8, .right = true, .steps = {{7, 5}}, .cell = cell_unread};
static const struct field_column column_unacked = {
	.title = "SENDQ", .place = 9, .right = true, .steps = {{9, 5}}, .cell = cell_unacked};
static const struct field_column column_live_retransmits = {
	.title = "RETR", .place = 10, .right = true, .steps = {{12, 4}}, .cell = cell_retransmits};
static const struct field_column column_silent = {
	.title = "SILENT", .place = 11, .right = true, .steps = {{13, 6}}, .cell = cell_silent};
static const struct field_column column_probes = {
	.title = "PROBES", .place = 12, .right = true, .steps = {{15, 6}}, .cell = cell_probes};

void live_line_layout(struct column_layout *layout, unsigned width)
{
	const struct field_column *const columns[] = {
		&column_state,  &column_owner,     &column_local,  &column_remote,  &column_role,
		&column_age,    &column_state_age, &column_unread, &column_unacked, &column_live_retransmits,
		&column_silent, &column_probes,
	};

	column_layout_make_of(layout, columns, sizeof(columns) / sizeof(columns[0]), width);
}

/* As a report that ends now, whose first state is the one that it is in: that is what the cells go by. */
static int live_line_read(const json_t *object, struct connection_report *report)
{
	const char *name = report_member_text(object, NULL, "state");
	int state = name ? name_find(&tcp_state_names, name, strlen(name)) : -ENOENT;
	int64_t age_us = report_member_number(object, NULL, "age_us", -1);
	int64_t state_age_us = report_member_number(object, NULL, "state_age_us", -1);
	int64_t probes = report_member_number(object, NULL, "probes_sent", -1);

	if (!name || report_read(object, report))
		return -EBADMSG;
	report->end_ns = INT64_MAX;
	report->start_ns = age_us < 0 ? ABSENT_U64 : report->end_ns - 1000 * (uint64_t)age_us;
	report->state_count = 1;
	report->states[0].state = state > 0 ? (uint8_t)state : 0;
	report->states[0].at_ns = state_age_us < 0 ? ABSENT_U64 : report->end_ns - 1000 * (uint64_t)state_age_us;
	report->keepalive_probes_sent = probes < 0 ? ABSENT_U32 : (uint32_t)probes;
	return 0;
}

int live_line_row(const struct column_layout *layout, const json_t *object, struct text *text)
{
	static const struct report_context nowhere = {0};
	struct connection_report report;
	struct field_source source = {.report = &report, .context = &nowhere};

	if (live_line_read(object, &report))
		return -EBADMSG;
	column_layout_report(layout, text, &source);
	text_append_char(text, '\n');
	return 0;
}
