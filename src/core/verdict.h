/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h: from a closed connection and what was seen around its end to class, cause, initiator and
 * the evidence for them. Pure: the same facts give the same verdict, whatever the time or the kernel.
 */
#ifndef LASTACK_CORE_VERDICT_H
#define LASTACK_CORE_VERDICT_H

#include "core/connection.h"

struct verdict {
	enum connection_cause cause; /* the class follows from it */
	enum connection_context context;
	enum connection_initiator initiator;
	enum connection_how how;
	int exit_code, exit_signal; /* -1: none */
	uint8_t error;              /* errno that the application gets, 0: none */
	uint8_t evidence_count;
	struct report_evidence evidence[REPORT_EVIDENCE_MAX];
};

/*
 * tick_ns: length of a jiffy. The rules and their order follow the kernel's own sources and experiments;
 * the README has them as a table. A cause is stated only on evidence that identifies it, else
 * CAUSE_UNOBSERVED with the evidence that is missing.
 */
void verdict_decide(const struct connection *connection, const struct ending *ending, uint64_t tick_ns,
		    struct verdict *verdict);

/* The class that a cause belongs to. */
enum connection_class verdict_class(enum connection_cause cause);

/* Does this close hand the connection over to a TIME_WAIT or FIN_WAIT2 minisock? */
bool close_leaves_minisock(const struct ending *ending);

#endif
