// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_json_memory.c: JSON read and written while each allocation of jansson's fails in turn: it is whole, or refused
 * for that reason. A character or a member less would be another answer, or another question.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/tcp_machine.h"
#include "failing_memory.h"
#include "report/report_read.h"
#include "report/report_writer.h"
#include "sample_report.h"
#include "serve/control_request.h"

static struct text line; /* of a report with every fact */
static json_t *whole;    /* what it is */

static int line_make(void **state)
{
	const struct report_context context = {.host = "host"};
	struct report_writer *writer = report_writer_create(REPORT_JSON, &context, 0);
	struct connection_report report = sample_report_full();
	char why[160];

	(void)state;
	assert_non_null(writer);
	assert_int_equal(report_writer_report(writer, &line, &report), 0);
	report_writer_destroy(writer);
	whole = report_line_load(line.data, line.length, why, sizeof(why));
	assert_non_null(whole);
	return 0;
}

static int line_free(void **state)
{
	(void)state;
	json_decref(whole);
	text_free(&line);
	return 0;
}

static bool line_reads(void)
{
	char why[160] = "";
	json_t *read = report_line_load(line.data, line.length, why, sizeof(why));

	if (read)
		assert_true(json_equal(read, whole));
	else
		assert_string_equal(why, "out of memory");
	json_decref(read);
	return read;
}

static void a_line_is_read_whole_or_not_at_all(void **state)
{
	unsigned refused, count = sweep(line_reads, false, &refused);

	(void)state;
	assert_true(count > 100);
	assert_int_equal(refused, count);
	assert_true(line_reads());
	assert_int_equal(sweep(line_reads, true, &refused), count);
	assert_int_equal(refused, count);
}

static bool request_reads(void)
{
	static const char text[] = "{\"verb\":\"list\",\"filter\":{\"comm\":[\"nginx\"],\"local_port\":\"80-81\"}}";
	struct control_request request;
	char why[160] = "";
	int status = control_request_read(&request, text, strlen(text), why, sizeof(why));

	if (status) {
		assert_int_equal(status, -ENOMEM);
		assert_string_equal(why, "no memory for the request");
		return false;
	}
	assert_int_equal(request.verb, CONTROL_LIST);
	assert_int_equal(request.query.filter.comm_count, 1);
	assert_string_equal(request.query.filter.comms[0], "nginx");
	assert_int_equal(request.query.filter.local_ports.ranges[0].last, 81);
	control_request_free(&request);
	return true;
}

static void a_request_is_that_one_or_none(void **state)
{
	unsigned refused, count = sweep(request_reads, false, &refused);

	(void)state;
	assert_true(count > 10);
	assert_int_equal(refused, count);
	assert_true(request_reads());
}

static struct text written_whole;

static bool object_writes(void)
{
	struct text text = {0};
	bool written;

	json_append(whole, &text);
	written = !text.failed;
	if (written) {
		assert_int_equal(text.length, written_whole.length);
		assert_memory_equal(text.data, written_whole.data, text.length);
	}
	text_free(&text);
	return written;
}

static void an_object_is_written_whole_or_not_at_all(void **state)
{
	struct text text = {0};
	unsigned refused, count;

	(void)state;
	json_append(whole, &written_whole);
	assert_false(written_whole.failed);
	count = sweep(object_writes, false, &refused);
	assert_true(count > 0);
	assert_int_equal(refused, count);
	json_append(NULL, &text); /* what there was no memory for */
	assert_true(text.failed);
	text_free(&text);
	text_free(&written_whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_read_whole_or_not_at_all),
		cmocka_unit_test(a_request_is_that_one_or_none),
		cmocka_unit_test(an_object_is_written_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, line_make, line_free);
}
