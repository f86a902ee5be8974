// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose_answer.c: see diagnose_answer.h.
 */
#include <stdlib.h>

#include "report/finding_line.h"
#include "report/finding_words.h"
#include "serve/diagnose_answer.h"
#include "serve/live_lines.h"

/* Of the tracker's table at once. */
#define SLOTS 256

struct diagnose_answer {
	struct diagnose_source source;
	const struct control_request *request;
	struct diagnosis *diagnosis;
	uint64_t now_ns;
	uint32_t next; /* finding to be told */
};

static bool wants(void *arg, const struct connection *connection)
{
	const struct diagnose_answer *answer = arg;
	struct connection_report report;

	tracker_report_live(answer->source.tracker, connection, answer->now_ns, &report);
	return control_request_wants(answer->request, &report, cgroup_path_of(answer->source.context, report.cgroup));
}

struct diagnose_answer *diagnose_answer_create(const struct diagnose_source *source,
					       const struct control_request *request, uint64_t now_ns)
{
	struct diagnose_answer *answer = calloc(1, sizeof(*answer));
	struct diagnosis_limits limits = *diagnosis_limits(source->base);
	bool filtered = json_object_size(json_object_get(request->json, "filter")) > 0;

	if (!answer)
		return NULL;
	diagnosis_limits_override(&limits, &request->limits);
	answer->source = *source;
	answer->request = request;
	answer->now_ns = now_ns;
	answer->diagnosis = diagnosis_copy(source->base, &limits);
	if (!answer->diagnosis) {
		free(answer);
		return NULL;
	}
	diagnosis_begin(answer->diagnosis, now_ns, filtered ? wants : NULL, answer);
	return answer;
}

void diagnose_answer_destroy(struct diagnose_answer *answer)
{
	if (!answer)
		return;
	diagnosis_destroy(answer->diagnosis);
	free(answer);
}

/* A connection behind a finding, as `list` shows it. */
static bool connection_append(void *arg, uint64_t cookie, struct text *text)
{
	struct diagnose_answer *answer = arg;
	struct tracker *tracker = answer->source.tracker;
	const struct connection *connection = tracker_find(tracker, cookie);
	struct connection_report report;
	struct live_line line;

	if (!connection || connection->queue != QUEUE_LIVE)
		return false;
	tracker_report_live(tracker, connection, answer->now_ns, &report);
	line = live_line_of(tracker, answer->source.context, answer->now_ns, connection, &report);
	live_writer_json(answer->source.live, &line, text);
	return true;
}

static const struct stack *stack_of(void *arg, uint64_t id)
{
	struct diagnose_answer *answer = arg;

	return tracker_stack_find(answer->source.tracker, id);
}

static void count_append(struct text *out, const char *name, uint64_t value)
{
	text_append_str(out, ",\"");
	text_append_str(out, name);
	text_append_str(out, "\":");
	text_append_u64(out, value);
}

/* What was looked at, and what there was no room for. */
static void sum_append(const struct diagnose_answer *answer, struct text *out, uint32_t findings)
{
	const struct diagnosis_totals *totals = diagnosis_totals(answer->diagnosis);
	bool first = true;

	text_append_str(out, "{\"type\":\"diagnosis\"");
	count_append(out, "findings", findings);
	count_append(out, "findings_more", totals->findings_more);
	count_append(out, "live", totals->live);
	count_append(out, "listeners", totals->listeners);
	count_append(out, "minisocks", totals->minisocks);
	if (answer->request->stacks)
		count_append(out, "stacks_refused", tracker_stacks_refused(answer->source.tracker));
	text_append_str(out, ",\"others\":{");
	for (unsigned kind = 0; kind < FINDING_KIND_COUNT; kind++) {
		if (!totals->others[kind])
			continue;
		text_append_str(out, first ? "\"" : ",\"");
		text_append_str(out, name_of(&finding_kind_names, kind));
		text_append_str(out, "\":");
		text_append_u64(out, totals->others[kind]);
		first = false;
	}
	text_append_str(out, "}}\n");
}

bool diagnose_answer_slice(struct diagnose_answer *answer, struct text *out, uint64_t *lines)
{
	const struct finding *findings;
	uint32_t count;

	if (diagnosis_is_running(answer->diagnosis)) {
		diagnosis_step(answer->diagnosis, answer->source.tracker, SLOTS);
		return true;
	}
	++*lines;
	findings = diagnosis_findings(answer->diagnosis, &count);
	if (answer->next < count) {
		struct finding_source source = {
			.finding = &findings[answer->next++],
			.context = answer->source.context,
			.now_ns = answer->now_ns,
			.connection = connection_append,
			.arg = answer,
			.show = (uint32_t)answer->request->show,
			.stack = answer->request->stacks ? stack_of : NULL,
		};

		finding_json(out, &source);
		text_append_char(out, '\n');
		return true;
	}
	sum_append(answer, out, count);
	return false;
}
