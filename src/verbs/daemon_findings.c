// SPDX-License-Identifier: GPL-2.0-only
/*
 * daemon_findings.c: see daemon_findings.h.
 */
#include <string.h>

#include "report/finding_line.h"
#include "verbs/daemon_findings.h"

static bool stands_in(const struct finding *finding, const struct finding *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (finding->identity == list[i].identity)
			return true;
	return false;
}

static void tell(struct daemon_findings *findings, const char *event, const struct finding *finding,
		 const struct report_context *context, uint64_t now_ns)
{
	struct finding_source source = {.finding = finding, .context = context, .now_ns = now_ns};
	struct text *text = &findings->text;

	text_clear(text);
	text_append_str(text, "{\"event\":\"");
	text_append_str(text, event);
	text_append_str(text, "\",\"finding\":");
	finding_json(text, &source);
	text_append_str(text, "}\n");
	if (text->failed || !hook_command_send(findings->hook, text->data, text->length))
		findings->dropped++;
}

void daemon_findings_tell(struct daemon_findings *findings, const struct diagnosis *diagnosis,
			  const struct report_context *context, uint64_t now_ns)
{
	uint32_t count;
	const struct finding *now = diagnosis_findings(diagnosis, &count);

	if (!findings->hook)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (!stands_in(&now[i], findings->known, findings->known_count))
			tell(findings, "appeared", &now[i], context, now_ns);
	for (uint32_t i = 0; i < findings->known_count; i++)
		if (!stands_in(&findings->known[i], now, count))
			tell(findings, "cleared", &findings->known[i], context, now_ns);
	memcpy(findings->known, now, count * sizeof(*now));
	findings->known_count = count;
}

void daemon_findings_end(struct daemon_findings *findings)
{
	hook_command_stop(findings->hook);
	findings->hook = NULL;
	text_free(&findings->text);
}
