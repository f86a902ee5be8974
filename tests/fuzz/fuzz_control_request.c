// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_control_request.c: any line as a request to the control socket, as whoever may connect could send it.
 */
#include <errno.h>

#include "fuzz.h"
#include "core/tcp_machine.h"
#include "sample_report.h"
#include "serve/control_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connection_report report = sample_report_full();
	struct control_request request, untouched;
	char *line = malloc(size ? size : 1), why[160] = ""; /* without a NUL: the length alone counts */
	int status;

	assert_non_null(line);
	if (size)
		memcpy(line, data, size);
	memset(&request, 0xa5, sizeof(request));
	untouched = request;
	status = control_request_read(&request, line, size, why, sizeof(why));
	if (status) {
		assert_int_equal(status, -EINVAL);
		assert_true(why[0]);
		assert_memory_equal(&request, &untouched, sizeof(request));
	} else {
		assert_true(request.verb <= CONTROL_FOLLOW);
		assert_true(request.query.filter.pid_count <= FILTER_PIDS_MAX);
		assert_true(request.query.filter.local_ports.count <= FILTER_PORTS_MAX);
		control_request_wants(&request, &report, NULL);
		control_request_wants(&request, &report, "/system.slice/nginx.service");
		control_request_free(&request);
	}
	free(line);
	return 0;
}
