/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding.h: what a diagnosis says of live connections: facts without words. The words are in report/finding_words.c,
 * what finds them in diagnosis.h.
 */
#ifndef LASTACK_CORE_FINDING_H
#define LASTACK_CORE_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

#define FINDING_KINDS(X)                                                                                               \
	X(FINDING_CLOSE_WAIT_LEAK, "close_wait_leak")                                                                  \
	X(FINDING_HALF_OPEN_UNACKED, "half_open_unacked")                                                              \
	X(FINDING_HALF_OPEN_PROBING, "half_open_probing")                                                              \
	X(FINDING_HALF_OPEN_SILENT, "half_open_silent")                                                                \
	X(FINDING_CANNOT_NOTICE_DEAD_PEER, "cannot_notice_dead_peer")                                                  \
	X(FINDING_KEEPALIVE_TOO_SLOW, "keepalive_too_slow")                                                            \
	X(FINDING_FIN_WAIT2_HELD, "fin_wait2_held")                                                                    \
	X(FINDING_LAST_ACK_PILEUP, "last_ack_pileup")                                                                  \
	X(FINDING_CLOSING_PILEUP, "closing_pileup")                                                                    \
	X(FINDING_FIN_WAIT1_PILEUP, "fin_wait1_pileup")                                                                \
	X(FINDING_FIN_UNANSWERED, "fin_unanswered")                                                                    \
	X(FINDING_SYN_SENT_UNANSWERED, "syn_sent_unanswered")                                                          \
	X(FINDING_ORPHAN_PRESSURE, "orphan_pressure")                                                                  \
	X(FINDING_TIME_WAIT_PRESSURE, "time_wait_pressure")                                                            \
	X(FINDING_PORT_EXHAUSTION, "port_exhaustion")                                                                  \
	X(FINDING_ACCEPT_OVERFLOW, "accept_overflow")                                                                  \
	X(FINDING_SYN_RECV_PILEUP, "syn_recv_pileup")                                                                  \
	X(FINDING_ZERO_WINDOW_STALL, "zero_window_stall")                                                              \
	X(FINDING_PEER_CLUSTER, "peer_cluster")

#define FINDING_CERTAINTIES(X)                                                                                         \
	X(CERTAINTY_POSSIBLE, "possible")                                                                              \
	X(CERTAINTY_LIKELY, "likely")                                                                                  \
	X(CERTAINTY_CERTAIN, "certain")

/*
 * What a finding rests on: the text with one number, its unit, and how the numbers of its connections become one.
 * In this order they are shown.
 */
#define FINDING_FACTS(X)                                                                                               \
	X(FACT_STATE_FOR, "in this state for up to %s", SPAN, MAX)                                                     \
	X(FACT_OLDER, "%s of them were there before the monitor, so their ages are lower bounds", COUNT, SUM)          \
	X(FACT_UNREAD_BYTES, "%s received and not read", BYTES, SUM)                                                   \
	X(FACT_NOT_READ_FOR, "nothing was read between listings over %s", SPAN, MAX)                                   \
	X(FACT_UNACKED_BYTES, "%s sent and not acknowledged", BYTES, SUM)                                              \
	X(FACT_RETRANSMITS, "up to %s retransmissions in a row were not answered", COUNT, MAX)                         \
	X(FACT_PROBES, "up to %s probes in a row were not answered", COUNT, MAX)                                       \
	X(FACT_SILENT, "nothing was heard for up to %s", SPAN, MAX)                                                    \
	X(FACT_GIVE_UP, "the kernel gives the first of them up in about %s", SPAN, MIN)                                \
	X(FACT_KEEPALIVE_OFF, "keepalive is off and TCP_USER_TIMEOUT is not set on %s", COUNT, SUM)                    \
	X(FACT_KEEPALIVE_IDLE, "the first keepalive probe goes out after %s of silence", SPAN, MAX)                    \
	X(FACT_NOTICES_AFTER, "a dead peer is noticed after %s", SPAN, MAX)                                            \
	X(FACT_ORPHANED, "%s of them belong to no process any more", COUNT, SUM)                                       \
	X(FACT_WINDOW_SHUT_FOR, "no data went through for up to %s", SPAN, MAX)                                        \
	X(FACT_WAITING, "%s connections wait for accept()", COUNT, SUM)                                                \
	X(FACT_BACKLOG, "the backlog is %s", COUNT, MAX)                                                               \
	X(FACT_FULL_FOR, "full at each listing for %s", SPAN, MAX)                                                     \
	X(FACT_DROPS, "%s segments were dropped there between the last two listings", COUNT, SUM)                      \
	X(FACT_HANDSHAKES, "%s handshakes wait for the client's last ACK", COUNT, SUM)                                 \
	X(FACT_TIME_WAITS, "%s sockets are in TIME_WAIT", COUNT, MAX)                                                  \
	X(FACT_TIME_WAITS_MAX, "tcp_max_tw_buckets is %s", COUNT, MAX)                                                 \
	X(FACT_ORPHANS, "%s sockets have no process any more", COUNT, MAX)                                             \
	X(FACT_ORPHANS_MAX, "tcp_max_orphans is %s", COUNT, MAX)                                                       \
	X(FACT_PORTS_USED, "%s local ports are in use towards it", COUNT, SUM)                                         \
	X(FACT_PORTS_TIME_WAIT, "%s of them by TIME_WAIT", COUNT, SUM)                                                 \
	X(FACT_PORTS_MAX, "ip_local_port_range has %s", COUNT, MAX)                                                    \
	X(FACT_NO_PORT, "%s times connect() found no free port lately", COUNT, SUM)                                    \
	X(FACT_RESET, "%s were reset by the peer", COUNT, SUM)                                                         \
	X(FACT_REFUSED, "%s were refused", COUNT, SUM)                                                                 \
	X(FACT_VANISHED, "%s timed out or were unreachable", COUNT, SUM)                                               \
	X(FACT_ENDED, "of %s that ended there", COUNT, SUM)                                                            \
	X(FACT_WITHIN, "within %s", SPAN, MAX)

#define FINDING_ENUM_LINE(name, ...) name,
enum finding_kind { FINDING_KINDS(FINDING_ENUM_LINE) FINDING_KIND_COUNT };
enum finding_certainty { FINDING_CERTAINTIES(FINDING_ENUM_LINE) FINDING_CERTAINTY_COUNT };
enum finding_fact { FINDING_FACTS(FINDING_ENUM_LINE) FINDING_FACT_COUNT };

#define FINDING_PEERS_MAX       8
#define FINDING_DESCRIPTORS_MAX 16
#define FINDING_SHOWN_MAX       32
#define FINDING_PROCESSES_MAX   8
#define FINDING_STACKS_MAX      16

/* Addresses that begin alike: /24 of IPv4, /64 of IPv6. */
struct finding_prefix {
	uint8_t family; /* 0: none */
	uint8_t bits;
	uint8_t address[EVENT_ADDRESS_BYTES]; /* what is behind the bits is 0 */
};

struct finding_peers {
	struct finding_prefix prefix;
	uint32_t count;
};

struct finding_process {
	uint32_t pid, count;
};

/* Connections that were opened or accepted at one place in a program. */
struct finding_stack {
	uint64_t id; /* tracker_stack_find() */
	uint32_t count;
};

struct finding {
	enum finding_kind kind;
	enum finding_certainty certainty;
	uint32_t count;
	uint64_t identity;  /* what it is of: the same from run to run, whatever its numbers are */
	uint64_t place;     /* the same where only the processes are others */
	bool local_fault;   /* zero window: it is the process here that does not read */
	uint64_t since_ns;  /* of the oldest; 0: not known */
	bool has_growth;    /* there was a run before */
	int64_t growth;     /* of count, since that */
	uint64_t growth_ns; /* how long ago that was */
	uint32_t netns;     /* 0: not of one */
	uint32_t pid, uid;  /* pid 0: owner not known, or several processes of one program */
	char comm[EVENT_COMM_BYTES];
	uint64_t cgroup;
	/* 0: owner not known. Those who have most of them come first. */
	uint32_t process_count;
	struct finding_process processes[FINDING_PROCESSES_MAX];
	uint16_t local_port;               /* 0: not of one */
	struct finding_prefix destination; /* family 0: not of one; with all bits: an address */
	uint16_t remote_port;              /* 0: not of one */
	struct finding_peers peers[FINDING_PEERS_MAX];
	uint32_t peer_count, peers_more; /* prefixes; connections from further ones */
	/* Of the first process. */
	int32_t descriptors[FINDING_DESCRIPTORS_MAX];
	uint32_t descriptor_count; /* all, which may be more */
	uint64_t facts_known;      /* set of enum finding_fact */
	uint64_t facts[FINDING_FACT_COUNT];
	uint64_t cookies[FINDING_SHOWN_MAX];
	uint32_t cookie_count;
	struct finding_stack stacks[FINDING_STACKS_MAX]; /* as they came */
	uint32_t stack_count, stacks_more;               /* stacks; connections of further ones */
};

_Static_assert(FINDING_FACT_COUNT <= 64, "a fact has a bit");

static inline bool finding_has(const struct finding *finding, enum finding_fact fact)
{
	return finding->facts_known >> fact & 1;
}

#endif
