// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_http_pages.c: what is answered to any URL, method, version and headers. Splitting requests into these is
 * libmicrohttpd's and is not tried here: its look-up of headers is this file's, so no connection is needed.
 *
 * The input: lines: URL, method, version, then values of Host, Content-Length and Transfer-Encoding ("-": none).
 */
#include "fuzz.h"
#include "sample_service.h"
#include "serve/http_pages.h"

#define LINES 6

static const char *lines[LINES];

const char *MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key)
{
	const char *value = !strcmp(key, MHD_HTTP_HEADER_HOST)             ? lines[3]
			    : !strcmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) ? lines[4]
									   : lines[5];

	(void)connection;
	assert_int_equal(kind, MHD_HEADER_KIND);
	return strcmp(value, "-") ? value : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text;
	struct sample_service sample;
	struct http_answer answer;

	for (unsigned i = 0; i < LINES; i++)
		lines[i] = rest ? strsep(&rest, "\n") : "-";
	sample_service_init(&sample);
	sample.status.ready = size % 2;
	http_answer_make(&answer, &sample.service, (struct MHD_Connection *)text, lines[0], lines[1], lines[2]);
	assert_non_null(answer.response);
	if (answer.status == MHD_HTTP_OK || answer.status == MHD_HTTP_SERVICE_UNAVAILABLE) {
		assert_false(answer.is_error);
		assert_true(!strcmp(lines[1], "GET") || !strcmp(lines[1], "HEAD"));
		assert_false(http_body_is_unwanted((struct MHD_Connection *)text));
	} else {
		assert_true(answer.is_error && answer.status >= 400 && answer.status < 500);
	}
	MHD_destroy_response(answer.response);
	free(text);
	return 0;
}
