/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnose_answer.h: the answer to a request for a diagnosis, in slices: a run of its own, then a line for each
 * finding, then one that sums up. Who asks it does not know: a client of the daemon, or `lastack diagnose --once`
 * itself.
 */
#ifndef LASTACK_SERVE_DIAGNOSE_ANSWER_H
#define LASTACK_SERVE_DIAGNOSE_ANSWER_H

#include "core/diagnosis.h"
#include "report/live_line.h"
#include "serve/control_request.h"

struct diagnose_source {
	const struct diagnosis *base; /* whose limits and memory it begins with */
	struct tracker *tracker;
	const struct report_context *context;
	const struct live_writer *live;
};

struct diagnose_answer;

/* The request must outlive it. NULL without memory. */
struct diagnose_answer *diagnose_answer_create(const struct diagnose_source *source,
					       const struct control_request *request, uint64_t now_ns);
/* NULL is allowed. */
void diagnose_answer_destroy(struct diagnose_answer *answer);
/* One small piece of work, which may add a line to `out` and to *lines. Returns false when it is done. */
bool diagnose_answer_slice(struct diagnose_answer *answer, struct text *out, uint64_t *lines);

#endif
