/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis.h: goes through what the tracker knows of live connections, minisocks and listeners, in slices, and says
 * what is wrong with them: findings, worst first. It also remembers recent ends by peer, for peers that fail
 * together. Memory is bounded: what has no room is counted.
 *
 * Pure, as all of core: the time, the thresholds and what is known of network namespaces come in.
 */
#ifndef LASTACK_CORE_DIAGNOSIS_H
#define LASTACK_CORE_DIAGNOSIS_H

#include "core/finding.h"
#include "core/tracker.h"

/* From when on something is worth saying. */
struct diagnosis_limits {
	uint64_t close_wait_ns; /* a peer's FIN is not answered for so long, nor is anything read or sent */
	uint64_t fin_wait2_ns;  /* a process holds its closed half for so long, and nothing comes */
	uint64_t closing_ns;    /* a FIN is not acknowledged for so long */
	uint64_t stall_ns;      /* a window is shut for so long */
	uint64_t silent_ns;     /* nothing was heard for so long: half-open, perhaps */
	uint64_t unnoticed_ns;  /* quiet for so long with nothing that would notice a dead peer */
	uint64_t keepalive_ns;  /* middleboxes forget after so long: keepalive has to be faster */
	uint64_t cluster_ns;    /* recent ends are those of so long */
	uint32_t retransmits;   /* in a row, unanswered */
	uint32_t probes;        /* likewise */
	uint32_t pileup;        /* connections to one place whose FIN is not acknowledged */
	uint32_t connects;      /* to one place that nobody answers */
	uint32_t handshakes;    /* at one listener */
	uint32_t cluster;       /* ends of one kind */
	uint32_t percent;       /* of a limit of the kernel's */
};

/*
 * How each is set: X(..., member, type, option, argument, minimum, maximum, help), for options and for requests. The
 * variable arguments go through to X.
 */
#define DIAGNOSIS_LIMITS(X, ...)                                                                                       \
	X(__VA_ARGS__, close_wait_ns, DURATION, "close-wait", "TIME", 1, 0,                                            \
	  "CLOSE_WAIT in which nothing is read or sent is a leak after so long (1m)")                                  \
	X(__VA_ARGS__, fin_wait2_ns, DURATION, "fin-wait2", "TIME", 1, 0,                                              \
	  "FIN_WAIT2 that a process holds is worth saying after so long (1m)")                                         \
	X(__VA_ARGS__, closing_ns, DURATION, "closing", "TIME", 1, 0,                                                  \
	  "a FIN without an answer is worth saying after so long (10s)")                                               \
	X(__VA_ARGS__, stall_ns, DURATION, "stall", "TIME", 1, 0, "so is a window that stays shut (30s)")              \
	X(__VA_ARGS__, silent_ns, DURATION, "silent", "TIME", 1, 0, "a peer not heard for so long may be gone (2h)")   \
	X(__VA_ARGS__, unnoticed_ns, DURATION, "unnoticed", "TIME", 1, 0,                                              \
	  "quiet for so long without keepalive is worth saying (10m)")                                                 \
	X(__VA_ARGS__, keepalive_ns, DURATION, "keepalive", "TIME", 1, 0,                                              \
	  "middleboxes forget what is quiet for so long: keepalive has to begin sooner (350s)")                        \
	X(__VA_ARGS__, cluster_ns, DURATION, "cluster-time", "TIME", 10000000000ULL, 0,                                \
	  "peers that fail together do so within this time (5m)")                                                      \
	X(__VA_ARGS__, retransmits, U32, "retransmits", "COUNT", 1, 255,                                               \
	  "so many retransmissions in a row without an answer are suspicious (3)")                                     \
	X(__VA_ARGS__, probes, U32, "probes", "COUNT", 1, 255, "so are so many probes (2)")                            \
	X(__VA_ARGS__, pileup, U32, "pileup", "COUNT", 1, 4294967294,                                                  \
	  "so many connections whose FIN is not answered, to one place (20)")                                          \
	X(__VA_ARGS__, connects, U32, "connects", "COUNT", 1, 4294967294,                                              \
	  "so many connects to one place that are not answered (5)")                                                   \
	X(__VA_ARGS__, handshakes, U32, "handshakes", "COUNT", 1, 4294967294,                                          \
	  "so many handshakes at one listener that do not complete (128)")                                             \
	X(__VA_ARGS__, cluster, U32, "cluster", "COUNT", 1, 4294967294,                                                \
	  "so many connections of one network that end badly (10)")                                                    \
	X(__VA_ARGS__, percent, U32, "percent", "PERCENT", 1, 100,                                                     \
	  "so much of a limit of the kernel's is worth saying (80)")

void diagnosis_limits_init(struct diagnosis_limits *limits);
/* All of them "not given": what diagnosis_limits_override() leaves alone. */
void diagnosis_limits_unset(struct diagnosis_limits *limits);
void diagnosis_limits_override(struct diagnosis_limits *limits, const struct diagnosis_limits *given);

/* Numbers of a network namespace; UINT32_MAX: not known. */
struct diagnosis_netns {
	uint32_t inode;
	uint32_t time_waits, time_waits_max;
	uint32_t orphans, orphans_max;
	uint32_t port_first, port_last;
};

#define DIAGNOSIS_NETNS_MAX  256
#define DIAGNOSIS_FINDINGS   128
#define DIAGNOSIS_GROUPS_MAX 512

/* What a run came to, besides its findings. */
struct diagnosis_totals {
	uint64_t began_ns; /* 0: none has been completed */
	uint32_t live, listeners, minisocks;
	uint32_t suspects[FINDING_KIND_COUNT]; /* connections that a rule matched */
	uint32_t others[FINDING_KIND_COUNT];   /* of these: in groups that there was no room for */
	uint32_t findings_more;                /* that there was no room for: the least of them */
	uint64_t ends_forgotten;               /* ends by peers that there was no room for, since the start */
};

struct diagnosis;

/* NULL without memory. */
struct diagnosis *diagnosis_create(const struct diagnosis_limits *limits, uint64_t seed);
/* One with what another remembers: the run before, recent ends, namespaces. limits NULL: the same ones. */
struct diagnosis *diagnosis_copy(const struct diagnosis *from, const struct diagnosis_limits *limits);
void diagnosis_destroy(struct diagnosis *diagnosis);
void diagnosis_configure(struct diagnosis *diagnosis, const struct diagnosis_limits *limits);
const struct diagnosis_limits *diagnosis_limits(const struct diagnosis *diagnosis);

/* Each report as it comes: how connections to a peer have ended lately. */
void diagnosis_end(struct diagnosis *diagnosis, const struct connection_report *report);
/* Of each namespace anew before a run; what was set before the last diagnosis_netns_clear() is forgotten. */
void diagnosis_netns_clear(struct diagnosis *diagnosis);
void diagnosis_netns_add(struct diagnosis *diagnosis, const struct diagnosis_netns *netns);

/* Only connections for which this is true. NULL: all. */
typedef bool (*diagnosis_wants_fn)(void *arg, const struct connection *connection);
/* Begins a run; the findings of the last one stay until it is complete. */
void diagnosis_begin(struct diagnosis *diagnosis, uint64_t now_ns, diagnosis_wants_fn wants, void *arg);
/* Looks at so many slots of the tracker's table. Returns false when the run is complete. */
bool diagnosis_step(struct diagnosis *diagnosis, struct tracker *tracker, uint32_t slots);
bool diagnosis_is_running(const struct diagnosis *diagnosis);

/*
 * Is it the same one, a run later? Also where other processes have come to one of its own, or have left it: then only
 * its identity is another.
 */
bool finding_goes_on(const struct finding *before, const struct finding *now);
/* Of the last complete run, worst first. */
const struct finding *diagnosis_findings(const struct diagnosis *diagnosis, uint32_t *count);
const struct diagnosis_totals *diagnosis_totals(const struct diagnosis *diagnosis);

#endif
