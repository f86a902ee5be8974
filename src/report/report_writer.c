// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_writer.c: walks the field table once for each line; see report_writer.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "columns.h"
#include "explain.h"
#include "report_json.h"
#include "report_writer.h"

struct report_writer {
	struct report_json_lead *leads; /* one for each field */
	enum report_format format;
	const struct report_context *context;
	struct column_layout layout;
	struct text sentence, list; /* kept for their memory */
	bool has_first;
	uint64_t first_end_ns; /* of the first line: where its seconds begin */
};

struct report_writer *report_writer_create(enum report_format format, const struct report_context *context,
					   unsigned columns)
{
	struct report_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->leads = report_json_leads_create();
	if (!writer->leads) {
		free(writer);
		return NULL;
	}
	writer->format = format;
	writer->context = context;
	column_layout_make(&writer->layout, columns);
	return writer;
}

void report_writer_destroy(struct report_writer *writer)
{
	if (!writer)
		return;
	free(writer->leads);
	text_free(&writer->sentence);
	text_free(&writer->list);
	free(writer);
}

static void json_append(const struct report_writer *writer, struct text *text, const struct field_source *source)
{
	struct field_value value;

	for (unsigned i = 0; i < field_count; i++) {
		const struct field *field = &fields[i];
		const struct report_json_lead *lead = &writer->leads[i];

		if (field->group && field->group->present && !field->group->present(source->report)) {
			text_append(text, lead->absent, lead->absent_length);
			continue;
		}
		report_json_lead_append(text, lead);
		if (field->type == FIELD_LIST) {
			text_append_char(text, '[');
			field->list(source, text, REPORT_JSON);
			text_append_char(text, ']');
		} else {
			field_value_get(field, source, &value);
			field_value_json(text, &value);
		}
		if (lead->ends_group)
			text_append_char(text, '}');
	}
	text_append_str(text, "}\n");
}

static void csv_value_append(struct text *text, const struct field_value *value)
{
	if (value->type == FIELD_TEXT)
		text_append_csv(text, value->text, value->length);
	else if (value->type == FIELD_WORD)
		text_append(text, value->text, value->length);
	else if (value->type != FIELD_ABSENT)
		field_value_json(text, value);
}

static void csv_append(struct report_writer *writer, struct text *text, const struct field_source *source)
{
	for (unsigned i = 0; i < field_count; i++) {
		struct field_value value;

		if (i)
			text_append_char(text, ',');
		if (fields[i].type == FIELD_LIST) {
			text_clear(&writer->list);
			fields[i].list(source, &writer->list, REPORT_CSV);
			text_append_csv(text, writer->list.data, writer->list.length);
			text->failed |= writer->list.failed;
			continue;
		}
		field_value_get(&fields[i], source, &value);
		csv_value_append(text, &value);
	}
	text_append_char(text, '\n');
}

static void csv_header_append(struct text *text)
{
	for (unsigned i = 0; i < field_count; i++) {
		if (i)
			text_append_char(text, ',');
		field_name_append(text, &fields[i]);
	}
	text_append_char(text, '\n');
}

/* Leaves whole lines only. */
static int line_finish(struct text *text, size_t line_start)
{
	if (!text->failed)
		return 0;
	text->length = line_start;
	return -ENOMEM;
}

int report_writer_header(struct report_writer *writer, struct text *text)
{
	size_t start = text->length;

	if (writer->format == REPORT_CSV) {
		csv_header_append(text);
	} else if (writer->format == REPORT_TABLE) {
		column_layout_header(&writer->layout, text);
		text_append_char(text, '\n');
	}
	return line_finish(text, start);
}

int report_writer_report(struct report_writer *writer, struct text *text, const struct connection_report *report)
{
	const struct report_context *context = writer->context;
	struct field_source source = {.report = report, .context = context};
	size_t start = text->length;

	if (writer->format == REPORT_TABLE) {
		if (!writer->has_first) {
			writer->has_first = true;
			writer->first_end_ns = context->first_ns ?: report->end_ns;
		}
		source.since_first_ns = (int64_t)(report->end_ns - writer->first_end_ns);
		column_layout_report(&writer->layout, text, &source);
		text_append_char(text, '\n');
		return line_finish(text, start);
	}
	text_clear(&writer->sentence);
	explain_append(&writer->sentence, report);
	text->failed |= writer->sentence.failed;
	source.explain = writer->sentence.data;
	source.explain_length = writer->sentence.length;
	if (report->has_process && report->cgroup && context->cgroup_path)
		source.cgroup = context->cgroup_path(context->arg, report->cgroup);
	if (writer->format == REPORT_CSV)
		csv_append(writer, text, &source);
	else
		json_append(writer, text, &source);
	return line_finish(text, start);
}
