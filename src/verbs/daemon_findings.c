// SPDX-License-Identifier: GPL-2.0-only
/*
 * daemon_findings.c: see daemon_findings.h.
 */
#include <string.h>

#include "report/finding_line.h"
#include "verbs/daemon_findings.h"

/* Which of those of the run before each one is, and the other way round; each goes on as one at most. */
struct pairing {
	bool is_old[DIAGNOSIS_FINDINGS], goes_on[DIAGNOSIS_FINDINGS];
};

static bool is_itself(const struct finding *before, const struct finding *now)
{
	return before->identity == now->identity;
}

static void pair(struct pairing *pairing, const struct daemon_findings *findings, const struct finding *now,
		 uint32_t count, bool (*is_same)(const struct finding *before, const struct finding *now))
{
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < findings->known_count && !pairing->is_old[i]; k++)
			if (!pairing->goes_on[k] && is_same(&findings->known[k], &now[i]))
				pairing->is_old[i] = pairing->goes_on[k] = true;
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
	struct pairing pairing = {0};
	uint32_t count;
	const struct finding *now = diagnosis_findings(diagnosis, &count);

	if (!findings->hook)
		return;
	pair(&pairing, findings, now, count, is_itself); /* before another one that grew could be taken for it */
	pair(&pairing, findings, now, count, finding_goes_on);
	for (uint32_t i = 0; i < count; i++)
		if (!pairing.is_old[i])
			tell(findings, "appeared", &now[i], context, now_ns);
	for (uint32_t i = 0; i < findings->known_count; i++)
		if (!pairing.goes_on[i])
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
