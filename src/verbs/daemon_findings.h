/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_findings.h: tells the operator's program (serve/hook_command.h) when a finding appears and when it clears.
 */
#ifndef LASTACK_VERBS_DAEMON_FINDINGS_H
#define LASTACK_VERBS_DAEMON_FINDINGS_H

#include "core/diagnosis.h"
#include "report/fields.h"
#include "serve/hook_command.h"

struct daemon_findings {
	struct hook_command *hook;                /* NULL: nobody wants to know */
	struct finding known[DIAGNOSIS_FINDINGS]; /* those of the run before */
	uint32_t known_count;
	struct text text;
	uint64_t dropped; /* messages that there was no room for, not told yet */
};

/* After a complete run. A message is {"event":"appeared"|"cleared","finding":{...}}. */
void daemon_findings_tell(struct daemon_findings *findings, const struct diagnosis *diagnosis,
			  const struct report_context *context, uint64_t now_ns);
void daemon_findings_end(struct daemon_findings *findings);

#endif
