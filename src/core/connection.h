/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * connection.h: what is remembered of a connection while it lives, and what is added while it ends.
 *
 * Most connections of a busy host are established and quiet, so the part that every one has is kept
 * under 200 bytes; what only an ending (or troubled) one needs stands in `struct ending`.
 */
#ifndef LASTACK_CORE_CONNECTION_H
#define LASTACK_CORE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/tcp_machine.h"
#include "core/timed_rules.h"
#include "event.h"
#include "report.h"

/* Index of a connection or ending in its slab; 0 is none. */
typedef uint32_t slot_t;

#define CONNECTION_PATH_SHORT 4
#define CONNECTION_STATES     16 /* Linux numbering, enum tcp_state */
#define ENDING_PATH_MORE      (REPORT_STATES_MAX - CONNECTION_PATH_SHORT)

/* A connection is in at most one queue; each has its own deadline rule (tracker.c). */
enum connection_queue {
	QUEUE_NONE,
	QUEUE_LIVE,      /* oldest first: given up last when memory is short */
	QUEUE_HANDSHAKE, /* SYN-ACKs repeated, waiting for the ACK */
	QUEUE_SETTLE,    /* closed: evidence may follow within the same packet */
	QUEUE_HOLD,      /* closed, a minisock lives on: held for the settle time */
	QUEUE_LINGER,    /* reported, the minisock still stands */
	QUEUES,
};

enum connection_flag {
	CONNECTION_BIRTH_UNSEEN = 1 << 0, /* existed before the monitor */
	CONNECTION_GAP = 1 << 1,          /* a transition was missed, or there was no memory for what was seen */
	CONNECTION_HAS_ISN = 1 << 2,
	CONNECTION_PROVISIONAL = 1 << 3, /* keyed by address until its own cookie is known */
	CONNECTION_SEEN = 1 << 4,        /* by the iterator, in the current re-synchronisation */
	CONNECTION_FIN_LOCAL_FIRST = 1 << 5,
	CONNECTION_FIN_PEER_FIRST = 1 << 6,
	CONNECTION_BY_TUPLE = 1 << 7,      /* stands in the index by address pair */
	CONNECTION_SOCKET_REUSED = 1 << 8, /* not the socket's first life: it may have left another minisock */
};

/*
 * A million of these do not fit a cache, so what belongs together stands in one line of 64 bytes: first what finds a
 * connection and moves it between queues, then who it is, then what happened to it.
 */
struct connection {
	uint64_t cookie;
	uint64_t last_ns; /* time of the last event of its own */
	slot_t hash_next, tuple_next;
	slot_t queue_previous, queue_next;
	slot_t ending;
	uint16_t flags; /* enum connection_flag */
	uint8_t state, family, role, source, path_count, queue;
	uint32_t handshake_us;
	uint32_t retransmits, probes_sent;
	uint64_t cgroup;

	struct event_tuple tuple;
	uint32_t pid, uid;
	char comm[EVENT_COMM_BYTES];

	uint64_t path[CONNECTION_PATH_SHORT]; /* time_ns << 4 | state */
	uint32_t local_isn, remote_isn;
	struct timed_series series;
};

_Static_assert(sizeof(struct connection) == 192, "three lines of a cache; the memory budget is 200 bytes");

enum live_detail {
	LIVE_DETAILS = 1 << 0, /* the listing told of more than queues and settings */
	LIVE_MOVED = 1 << 1,   /* the process has read between two listings */
	LIVE_LISTENS = 1 << 2, /* it is a listener whose facts these are */
};

/*
 * What a live socket said of itself when an iterator last stood before it. Nothing tells of changes in between
 * (setsockopt() passes no hook), so `listed_ns` belongs to every use. A listener has other queues, in the same places.
 */
struct live_facts {
	uint64_t cookie;    /* whose facts these are */
	uint64_t listed_ns; /* 0: never listed */
	/*
	 * The first listing from which on the process has read nothing (copied_seq); of a listener: from which on its
	 * queue was full at each.
	 */
	uint64_t unmoved_ns;
	union {
		uint32_t unread_bytes; /* received, not read; without the peer's FIN */
		uint32_t accept_queue;
	};
	union {
		uint32_t unacked_bytes;
		uint32_t accept_max;
	};
	union {
		uint32_t receive_window;
		uint32_t syn_queue;
	};
	union {
		uint32_t copied_seq;
		uint32_t drops;
	};
	union {
		uint32_t forked_from;  /* what the holder was forked from, without exec(); 0: none, or not known */
		uint32_t drops_before; /* at the listing before */
	};
	uint32_t silent_ms;   /* since the last segment from the peer, UINT32_MAX: not known */
	uint32_t sent_ms;     /* since data was last sent, UINT32_MAX: never */
	uint32_t received_ms; /* since data was last received, UINT32_MAX: never */
	uint32_t user_timeout_ms;
	uint16_t keepalive_idle_s, keepalive_interval_s; /* in force, be it the namespace's or the socket's own */
	uint16_t flags;                                  /* enum event_flag */
	uint8_t keepalive_probes;
	uint8_t details; /* set of enum live_detail; what stands below and in ms above is only known with DETAILS */
	uint8_t retransmits, backoff, probes_out; /* consecutive, unanswered */
	uint8_t retries;                          /* of data, before the kernel gives up */
	int32_t descriptor;                       /* of the process that holds it; -1: not known */
};

_Static_assert(sizeof(struct live_facts) == 80, "once for every live connection");

/* A local act on the connection: who, and in which way. */
struct local_act {
	uint16_t flags; /* enum event_flag at the act; 0: none seen */
	int32_t exit_code;
	uint32_t pid;
};

struct ending {
	uint64_t deadline_ns;
	uint64_t path[ENDING_PATH_MORE];
	struct event_close close;             /* header.kind 0: not closed yet */
	struct event_reset_received received; /* header.kind 0: none */
	struct event_reset_sent sent;         /* header.kind 0: none */
	struct local_act fin;                 /* what sent our FIN */
	struct local_act release;             /* what closed the file after shutdown() */
	struct report_note notes[REPORT_NOTES_MAX];
	uint64_t minisock_begin_ns, minisock_end_ns;
	uint64_t opened_ns;     /* when the ending began */
	uint64_t losses_before; /* events that the tracker had lost by then */
	uint32_t synack_timeout_ticks;
	uint8_t synack_timeouts, synack_max;
	uint8_t note_count;
	uint8_t revision;
	uint8_t minisock_change; /* enum time_wait_change; BEGIN: stands */
	bool minisock;           /* one took over */
	bool minisock_fin;       /* it is known to have seen the peer's FIN */
	bool minisock_reset;     /* it answered data with a reset */
	bool oom_victim;
	bool error_fetched; /* close.error is restored, see report_fill.c */
	bool loss_nearby;   /* events were lost since the transition before the last */
	bool end_unseen;    /* gone when the sockets were listed */
	slot_t next_free;
};

static inline uint64_t path_entry(uint64_t time_ns, uint8_t state)
{
	return time_ns << 4 | state;
}

/* An entry of the path; the ending may be NULL where the path is short. */
static inline uint64_t path_at(const struct connection *connection, const struct ending *ending, uint8_t i)
{
	return i < CONNECTION_PATH_SHORT ? connection->path[i] : ending->path[i - CONNECTION_PATH_SHORT];
}

static inline uint8_t path_state(uint64_t entry)
{
	return entry & 15;
}

static inline uint64_t path_ns(uint64_t entry)
{
	return entry >> 4;
}

/* When the connection last came into this state, or 0. */
static inline uint64_t path_entered_ns(const struct connection *connection, const struct ending *ending, uint8_t state)
{
	for (uint8_t i = connection->path_count; i-- > 0;)
		if (path_state(path_at(connection, ending, i)) == state)
			return path_ns(path_at(connection, ending, i));
	return 0;
}

#endif
