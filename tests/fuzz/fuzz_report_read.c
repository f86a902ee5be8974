// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_report_read.c: any line in the place of a report, of a live connection, of a status or of a group: read back,
 * and shown in every form that a person may ask for. What comes out for a terminal is printable.
 */
#include <errno.h>

#include "fuzz.h"
#include "report/explain.h"
#include "report/group_table.h"
#include "report/live_line.h"
#include "report/report_read.h"
#include "report/status_page.h"
#include "report/timeline.h"
#include "report/report_writer.h"

static void assert_printable(const struct text *text)
{
	assert_false(text->failed);
	for (size_t i = 0; i < text->length; i++)
		assert_true(text->data[i] == '\n' || (text->data[i] >= ' ' && text->data[i] <= '~'));
}

static void show(const json_t *object, struct text *text)
{
	timeline_append(text, object, 80);
	status_page_append(text, object, 80);
	assert_printable(text);
	text_clear(text);
}

static void show_live(const json_t *object, struct text *text)
{
	struct column_layout layout;

	live_line_layout(&layout, 100);
	live_line_row(&layout, object, text);
	assert_printable(text);
	live_line_csv(object, text);
	text_clear(text);
}

static void show_group(json_t *object, struct text *text)
{
	struct group_table *table = group_table_create(false);

	assert_non_null(table);
	group_table_add(table, object);
	group_table_append(table, text, 80);
	assert_printable(text);
	group_table_destroy(table);
	text_clear(text);
}

/* What was understood can be written again, and is then understood alike. */
static void write_again(const struct connection_report *report, struct text *text)
{
	static const struct report_context context = {.host = "host"};

	for (enum report_format format = 0; format <= REPORT_CSV; format++) {
		struct report_writer *writer = report_writer_create(format, &context, 80);

		assert_non_null(writer);
		assert_int_equal(report_writer_report(writer, text, report), 0);
		report_writer_destroy(writer);
		text_clear(text);
	}
	explain_append(text, report);
	assert_printable(text);
	text_clear(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size ? size : 1), why[160] = "";
	struct connection_report report;
	struct text text = {0};
	json_t *object;

	assert_non_null(line);
	if (size)
		memcpy(line, data, size);
	object = report_line_load(line, size, why, sizeof(why));
	if (object) {
		int status = report_read(object, &report);

		assert_true(!status || status == -EBADMSG);
		if (!status)
			write_again(&report, &text);
		report_read_csv(object, &text);
		text_clear(&text);
		show(object, &text);
		show_live(object, &text);
		show_group(object, &text);
		json_decref(object);
	} else {
		assert_true(why[0]);
	}
	text_free(&text);
	free(line);
	return 0;
}
