/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_output.c: see report_output.h.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "report/report_read.h"
#include "verbs/report_output.h"

int report_output_begin(struct report_output *output, const char *verb, const struct ask_options *options)
{
	memset(output, 0, sizeof(*output));
	output->verb = verb;
	output->format = options->pipeline.format;
	output->context.time_of_day = options->pipeline.time_of_day;
	output->writer = report_writer_create(output->format, &output->context, options->pipeline.columns);
	if (!output->writer)
		return verb_fail(EXIT_FAILED, verb, "cannot start", strerror(ENOMEM));
	return EXIT_DONE;
}

void report_output_head(struct report_output *output)
{
	if (output->has_head)
		return;
	output->has_head = true;
	report_writer_header(output->writer, &output->text);
	ask_write(&output->text);
}

void report_output_end(struct report_output *output)
{
	report_writer_destroy(output->writer);
	text_free(&output->text);
}

/* A time of day says nothing where the day is not known. */
static void day_write(struct report_output *output, uint64_t end_ns)
{
	time_t seconds = (time_t)(end_ns / 1000000000);
	struct tm local;
	char day[sizeof(output->day)];

	if (!output->days || !localtime_r(&seconds, &local) || !strftime(day, sizeof(day), "%Y-%m-%d", &local) ||
	    !strcmp(day, output->day))
		return;
	strcpy(output->day, day);
	text_append_str(&output->text, "-- ");
	text_append_str(&output->text, day);
	text_append_str(&output->text, " --\n");
}

static bool row_write(struct report_output *output, const json_t *object)
{
	struct connection_report report;

	if (report_read(object, &report)) {
		verb_fail(EXIT_FAILED, output->verb, "a line of the daemon is not understood",
			  "not a value that it can have");
		output->failed = true;
		return false;
	}
	day_write(output, report.end_ns);
	report_writer_report(output->writer, &output->text, &report);
	return true;
}

bool report_output_line(struct report_output *output, const char *line, size_t length)
{
	json_t *object = ask_load(output->verb, line, length);
	bool ok = object != NULL;

	output->failed |= !ok;
	report_output_head(output);
	if (ok && report_member_number(object, NULL, "revision", 0) == 1)
		output->reported++;
	if (ok && output->format == REPORT_TABLE) {
		ok = row_write(output, object);
	} else if (ok && output->format == REPORT_CSV) {
		report_read_csv(object, &output->text);
	} else if (ok) {
		text_append(&output->text, line, length);
		text_append_char(&output->text, '\n');
	}
	json_decref(object);
	return ok && ask_write(&output->text);
}
