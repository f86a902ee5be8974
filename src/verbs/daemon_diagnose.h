/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_diagnose.h: the daemon's own diagnosis: every --diagnose-interval, in slices between everything else. What
 * it comes to is in the metrics; questions are answered by runs of their own (serve/diagnose_answer.h), which go by
 * what this one remembers.
 */
#ifndef LASTACK_VERBS_DAEMON_DIAGNOSE_H
#define LASTACK_VERBS_DAEMON_DIAGNOSE_H

#include "serve/service.h"

struct daemon_diagnose {
	struct diagnosis *diagnosis;
	uint64_t began_ns; /* of the last run; 0: none yet */
	uint64_t done;
	struct service_findings findings;
};

/* Returns 0 or -ENOMEM. */
int daemon_diagnose_create(struct daemon_diagnose *diagnose, const struct diagnosis_limits *limits);
void daemon_diagnose_destroy(struct daemon_diagnose *diagnose);
/* Is another run due? Then the sockets are to be listed, if they can be, and it is to be begun. */
bool daemon_diagnose_is_due(const struct daemon_diagnose *diagnose, uint64_t now_ns, uint64_t interval_ns);
void daemon_diagnose_begin(struct daemon_diagnose *diagnose, uint64_t now_ns);
/* Goes on for a moment, if one is under way. Returns true while it is. */
bool daemon_diagnose_step(struct daemon_diagnose *diagnose, struct tracker *tracker);

#endif
