/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_case.h: one connection that is being probed: from what is seen of it time and again to whether its peer
 * answers. Its input are samples and the plan of the probing; how settings are changed it must not know.
 */
#ifndef LASTACK_CORE_PROBE_CASE_H
#define LASTACK_CORE_PROBE_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe.h"

enum probe_verdict {
	PROBE_PENDING,
	PROBE_ALIVE,      /* the peer was heard since */
	PROBE_RESET,      /* it answered with a reset: it knows nothing of the connection */
	PROBE_SILENT,     /* it did not answer */
	PROBE_GONE,       /* the connection ended otherwise, or was not there */
	PROBE_NOT_PROBED, /* see enum probe_reason */
	PROBE_VERDICTS,
};

/* Why it was not probed, or not to the end. */
enum probe_reason {
	PROBE_REASON_NONE,
	PROBE_REASON_STATE,        /* no probes are sent in its state */
	PROBE_REASON_ORPHAN,       /* no process holds it: the kernel's own timers end it */
	PROBE_REASON_USER_TIMEOUT, /* it would end the connection */
	PROBE_REASON_OWN_LIMIT,    /* its own keepalive gives up after one more probe */
	PROBE_REASON_SETTINGS,     /* what is in force could not be put back */
	PROBE_REASON_MANY_PROBES,  /* so many are unanswered already that the kernel's count would be exceeded */
	PROBE_REASON_CHANGED,      /* its settings changed in the meantime */
	PROBE_REASON_NOT_DUE,      /* neither a probe nor a retransmission was sent often enough */
	PROBE_REASON_REFUSED,      /* the kernel refused */
	PROBE_REASON_INTERRUPTED,
	PROBE_REASONS,
};

/* Whose segments the peer has to answer. */
enum probe_means {
	PROBE_BY_NOTHING,
	PROBE_BY_KEEPALIVE, /* keepalive probes by settings of ours */
	PROBE_BY_OWN, /* its own probes, or retransmissions of what it has under way: the kernel sends no others */
	PROBE_MEANS,
};

struct probe_plan {
	uint32_t count;      /* probes without an answer before it is called silent */
	uint32_t interval_s; /* between them */
	uint64_t tick_ns;
	bool reap; /* the kernel is to end what is silent */
};

struct probe_case {
	enum probe_verdict verdict;
	enum probe_reason reason;
	enum probe_means means;
	struct probe_settings probing;   /* with PROBE_BY_KEEPALIVE: what it is given */
	uint32_t limit;                  /* so many unanswered probes are enough */
	uint64_t begun_ns, answered_ns;  /* answered_ns: from then on, also to its end */
	uint64_t unanswered_ns;          /* when the last probe of the limit was first seen; 0: not yet */
	uint32_t heard_ticks;            /* at the beginning */
	uint32_t probes, retransmits;    /* most unanswered ones seen; of probes ours alone, where they are ours */
	struct probe_sample first, last; /* what was seen of it */
	unsigned missed;                 /* passes since it was last seen */
	int error;                       /* of its end, or of a setsockopt; 0: none */
	bool killed;                     /* its own timers ended it */
};

/* Decides from the first sample how it is to be probed: its means, or at once that it is not probed. */
void probe_case_open(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample);
/* The probing begins with this sample, which says whether the settings could be changed. */
void probe_case_begin(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample);
/* Takes in what was seen; the verdict may then be there. Not for one that has its verdict. */
void probe_case_sample(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample);
/* A pass did not find it: end is how it ended, as far as that was seen. */
void probe_case_missed(struct probe_case *probe, const struct probe_end *end);
void probe_case_interrupt(struct probe_case *probe);

#endif
