/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_audit.h: the audit that runs inside the daemon: from one mark to the next, for as long as it runs. What a
 * window cannot explain is logged and counted, and makes the daemon list the sockets anew.
 */
#ifndef LASTACK_VERBS_DAEMON_AUDIT_H
#define LASTACK_VERBS_DAEMON_AUDIT_H

#include "serve/service.h"
#include "verbs/audit_marks.h"

struct daemon_audit {
	struct tally *tally;
	struct audit_mark from, to;
	struct audit_facts facts;
	uint64_t lost_after[EVENT_KINDS]; /* since `to` was taken: may belong to either window */
	/* For status and metrics. */
	struct service_audit counters[AUDIT_COUNTERS];
	uint64_t audits;
	int64_t wall_us;
	uint32_t netns_read;
	bool found; /* the last window had something that nothing explains */
	int error;  /* 0 or -errno: it has ended for want of memory */
};

/* Takes the first mark. Returns 0 or -errno. */
int daemon_audit_begin(struct daemon_audit *audit, const struct monitor *monitor);
void daemon_audit_event(struct daemon_audit *audit, struct tracker *tracker, const struct event_header *event);
void daemon_audit_loss(struct daemon_audit *audit, const uint64_t lost[EVENT_KINDS]);
/*
 * Everything up to now_ns has been counted. Ends the window when it is longer than interval_ns (0: never). Returns true
 * when a window was compared and something in it was not explained.
 */
bool daemon_audit_tick(struct daemon_audit *audit, uint64_t now_ns, uint64_t interval_ns, int64_t wall_us);
void daemon_audit_end(struct daemon_audit *audit);

#endif
