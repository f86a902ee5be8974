/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis_internal.h: what the parts of a diagnosis share: diagnosis.c (a run, its phases), diagnosis_rules.c (what
 * is wrong with one connection), diagnosis_groups.c (which belong together), diagnosis_join.c (which of several
 * processes are one finding), diagnosis_ends.c (recent ends by peer).
 */
#ifndef LASTACK_CORE_DIAGNOSIS_INTERNAL_H
#define LASTACK_CORE_DIAGNOSIS_INTERNAL_H

#include "core/diagnosis.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

#define GROUP_BUCKETS 1024 /* a power of two, twice the groups */
#define ENDS_MAX      512  /* peers' prefixes, a power of two */
#define ENDS_SPANS    10   /* into which the recent time is cut */
#define PORT_BUCKETS  16384

/* What a rule found with one connection. */
struct suspicion {
	enum finding_kind kind;
	enum finding_certainty certainty;
	bool local_fault;
	uint64_t since_ns; /* 0: not known */
	uint64_t weight;   /* counts as so many */
	uint64_t known;    /* set of enum finding_fact */
	uint64_t facts[FINDING_FACT_COUNT];
};

static inline void suspicion_fact(struct suspicion *suspicion, enum finding_fact fact, uint64_t value)
{
	suspicion->known |= 1ULL << fact;
	suspicion->facts[fact] = value;
}

/* What makes two suspicions one finding. Compared as bytes: no padding. */
struct group_key {
	uint8_t kind, local_fault;
	uint16_t local_port, remote_port;
	uint8_t family, bits;
	uint8_t remote[EVENT_ADDRESS_BYTES];
	uint8_t local[EVENT_ADDRESS_BYTES];
	uint32_t netns, pid;
};

_Static_assert(sizeof(struct group_key) == 48, "no padding");

/* Whether groups of several processes are one finding is judged when all are there. */
struct group {
	struct group_key key;
	bool several_owners; /* and so none is told */
	bool has_remote, several_remotes;
	uint8_t remote[EVENT_ADDRESS_BYTES];   /* where all go, unless it is several */
	bool has_kinship;                      /* the next three are filled */
	uint32_t forked_from;                  /* what the process was forked from, without exec(); 0: not known */
	uint8_t listener_family;               /* 0: not known, or several listeners */
	uint8_t listener[EVENT_ADDRESS_BYTES]; /* whose connections these are */
	struct group *joined;                  /* into this one; NULL: stands for itself */
	struct finding finding;
};

/* What is left of a group for the next run. */
struct group_memory {
	struct group_key key;
	uint32_t count;
};

/* How connections to one prefix ended, in one stretch of time. */
struct ends_span {
	uint32_t reset, refused, vanished, no_port, all;
};

struct ends {
	struct finding_prefix prefix;
	uint64_t newest; /* number of the stretch that spans[newest % ENDS_SPANS] is */
	struct ends_span spans[ENDS_SPANS];
};

enum run_phase {
	RUN_NONE,
	RUN_ALL,   /* every connection by its rules */
	RUN_PORTS, /* those to destinations that may have used up the ports */
};

struct diagnosis {
	struct diagnosis_limits limits;
	uint64_t seed;
	/* The run under way. */
	enum run_phase phase;
	uint64_t now_ns;
	uint32_t cursor;
	diagnosis_wants_fn wants;
	void *wants_arg;
	struct tracker *tracker; /* during a step */
	struct group groups[DIAGNOSIS_GROUPS_MAX];
	uint32_t group_count;
	uint16_t buckets[GROUP_BUCKETS]; /* index of a group + 1 */
	uint32_t ports[PORT_BUCKETS];    /* connections by a hash of their destination */
	uint32_t ports_few;              /* the least number that is worth a second look; UINT32_MAX: none */
	struct diagnosis_totals running;
	/* The last one that was completed. */
	struct finding findings[DIAGNOSIS_FINDINGS];
	uint32_t finding_count;
	struct diagnosis_totals totals;
	struct group_memory memory[DIAGNOSIS_GROUPS_MAX];
	uint16_t memory_buckets[GROUP_BUCKETS];
	/* What is remembered besides. */
	struct diagnosis_netns netns[DIAGNOSIS_NETNS_MAX];
	uint32_t netns_count;
	struct ends ends[ENDS_MAX];
	uint64_t ends_forgotten;
};

/* diagnosis.c */
const struct diagnosis_netns *netns_find(const struct diagnosis *diagnosis, uint32_t inode);

/* diagnosis_rules.c: false: nothing is wrong with it. */
bool rules_connection(const struct diagnosis *diagnosis, const struct connection *connection,
		      struct suspicion *suspicion);
/*
 * Of what was found with a connection whose FIN is not acknowledged: is that worth saying of one alone? Makes it into
 * that.
 */
bool rules_unanswered_fin(const struct diagnosis *diagnosis, struct suspicion *suspicion);
bool rules_accept(const struct diagnosis *diagnosis, const struct connection *listener, struct suspicion *suspicion);
bool rules_handshakes(const struct diagnosis *diagnosis, const struct connection *listener,
		      struct suspicion *suspicion);

/* diagnosis_groups.c */
struct finding_prefix prefix_of(unsigned family, const uint8_t address[EVENT_ADDRESS_BYTES]);
uint64_t bytes_hash_wide(const void *bytes, size_t count, uint64_t seed);
uint32_t bytes_hash(const void *bytes, size_t count, uint64_t seed);
void groups_begin(struct diagnosis *diagnosis);
/* Into the group of its owner and place. */
void groups_add(struct diagnosis *diagnosis, const struct connection *connection, const struct suspicion *suspicion);
/* One more that is in use towards this destination. */
void groups_add_port(struct diagnosis *diagnosis, const struct connection *connection, bool minisock);
/* A finding without connections: of a namespace, or of recent ends. */
void groups_add_plain(struct diagnosis *diagnosis, const struct group_key *key, const struct suspicion *suspicion);
/* Findings of what has come together. */
void groups_end(struct diagnosis *diagnosis);

/* What came first stays, what is more adds to it. */
void fact_join(struct finding *finding, enum finding_fact fact, uint64_t value);

void finding_stacks_add(struct finding *finding, uint64_t id, uint32_t count);
void finding_peers_add(struct finding *finding, const struct finding_prefix *prefix, uint32_t count);

/* diagnosis_join.c */
/* Remembers by what a group is told to belong to others: after its key and its owner. */
void group_kinship(struct diagnosis *diagnosis, struct group *group, const struct connection *connection);
/* Groups of processes that are one program become one; what was joined has `joined` set. */
void groups_join(struct diagnosis *diagnosis);

/* diagnosis_ends.c */
void ends_add(struct diagnosis *diagnosis, const struct connection_report *report);
/* Those that belong together become findings. */
void ends_diagnose(struct diagnosis *diagnosis);
/* How often connect() to this prefix found no port. */
uint32_t ends_no_port(const struct diagnosis *diagnosis, const struct finding_prefix *prefix);

#endif
