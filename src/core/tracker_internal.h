/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker_internal.h: what the parts of the tracker share: tracker.c (dispatch, births), tracker_path.c (states),
 * tracker_listen.c (listeners), tracker_end.c (closing, minisocks, reports), tracker_sync.c (listed sockets,
 * losses), tracker_live.c (what lives on), tracker_judge.c (conformance), tracker_timed.c (the same, of timers).
 */
#ifndef LASTACK_CORE_TRACKER_INTERNAL_H
#define LASTACK_CORE_TRACKER_INTERNAL_H

#include "core/connection_table.h"
#include "core/tracker.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* Evidence of an end comes within the same packet; the consumer may see it one poll later. */
#define SETTLE_SHORT_NS (100 * NS_PER_MS)
/* TCP_TIMEWAIT_LEN, include/net/tcp.h: fixed at 60 s. */
#define TIME_WAIT_NS (60 * NS_PER_S)
/* A timer that runs late is still the timer: how long the end of a minisock is waited for. */
#define MINISOCK_GRACE_NS (5 * NS_PER_S)

#define LISTENER_BUCKETS 256
#define OOM_VICTIMS      16
#define SYNC_NETNS_MAX   1024

#define STRAYS 64
/* Stacks are not kept as strays: they are six times as large, and no evidence. */
#define STRAY_BYTES sizeof(struct event_existing)

struct stray {
	union {
		struct event_header header;
		uint64_t words[STRAY_BYTES / 8];
	};
};

struct tracker {
	struct tracker_config config;
	tracker_report_fn report;
	void *arg;
	struct connection_table *table;
	struct tracker_stats stats;
	slot_t listeners[LISTENER_BUCKETS]; /* chained by tuple_next */
	uint32_t oom_victims[OOM_VICTIMS];
	uint32_t oom_next;
	uint32_t ownerless;     /* live, owner not known or only by the listener */
	uint64_t now_ns;        /* of the latest event or tick */
	uint64_t loss_last_ns;  /* what was lost is from before this time; 0: nothing was */
	bool loss_told;         /* since the last tick: it is still open from before which time */
	uint64_t sync_begin_ns; /* 0: no re-synchronisation under way */
	uint32_t sync_netns[SYNC_NETNS_MAX];
	uint32_t sync_netns_count;
	uint64_t handshakes_checked_ns;
	struct stray strays[STRAYS]; /* the latest, by stray_next */
	uint32_t stray_next;
	uint64_t stray_newest_ns;
	uint64_t *rules_seen; /* how often, by index in the reference machine */
};

/* tracker_path.c */
/*
 * Where interrupts come between the copies of a program, with more transitions than there are notes
 * (bpf/copies.bpf.h), the second tells again, and soon, what the first has told. No socket takes the same step twice in
 * a row.
 */
bool lifecycle_step_is_told(const struct tracker *tracker, const struct connection *connection, uint8_t from,
			    uint8_t to, uint64_t time_ns);
bool lifecycle_told_soon_after(const struct tracker *tracker, const struct connection *connection, uint64_t time_ns);
void lifecycle_path_add(struct tracker *tracker, struct connection *connection, uint64_t time_ns, uint8_t state);
/* When it came into the state that it is in, as far as that was told; 0: never. */
uint64_t lifecycle_last_transition_ns(const struct tracker *tracker, const struct connection *connection);
void lifecycle_transition(struct tracker *tracker, struct connection *connection, uint8_t from, uint8_t to,
			  uint16_t flags, uint64_t time_ns);
void lifecycle_close(struct tracker *tracker, struct connection *connection, uint8_t from, uint64_t time_ns);

/* tracker_stray.c */
void stray_keep(struct tracker *tracker, const struct event_header *event);
/* The socket with this cookie was born at since_ns: what is kept of it is told again. */
void strays_again(struct tracker *tracker, uint64_t cookie, uint64_t since_ns);

/* tracker.c */
void tracker_dispatch(struct tracker *tracker, const struct event_header *event);
void lifecycle_leave_live(struct tracker *tracker, struct connection *connection);
struct connection *lifecycle_begin(struct tracker *tracker, uint64_t cookie);
void lifecycle_own(struct tracker *tracker, struct connection *connection, uint8_t source, uint32_t pid, uint32_t uid,
		   const char *comm);
struct ending *lifecycle_ending(struct tracker *tracker, struct connection *connection, uint64_t time_ns);

/* tracker_birth.c */
void birth_event(struct tracker *tracker, const struct event_birth *event);
void birth_isn(struct connection *connection, uint32_t local_isn, uint32_t remote_isn);

/* tracker_judge.c */
void judge_transition(struct tracker *tracker, struct connection *connection, uint8_t from, uint8_t to, uint32_t signs,
		      uint64_t time_ns);
void judge_listener(struct tracker *tracker, uint8_t from, uint8_t to, uint32_t signs);
void judge_unshown(struct tracker *tracker, enum machine_shown shown, uint8_t from, uint32_t signs);
void judge_missed(struct tracker *tracker, struct connection *connection, uint8_t found, uint64_t time_ns);
void judge_findings(struct report_note *notes, uint8_t *count, const struct timed_findings *findings);
void judge_report(struct tracker *tracker, const struct connection *connection, const struct ending *ending,
		  struct connection_report *report);

/* tracker_timed.c */
void timed_event_retransmit(struct tracker *tracker, struct connection *connection,
			    const struct event_retransmit *event);
void timed_event_probe(struct tracker *tracker, struct connection *connection, const struct event_probe *event);
/* Does this end of a minisock change what is said of the connection? */
bool timed_event_minisock(struct tracker *tracker, struct connection *connection, struct ending *ending,
			  const struct event_time_wait *event);
void timed_report(const struct tracker *tracker, const struct connection *connection, const struct ending *ending,
		  struct connection_report *report);

/* tracker_listen.c */
/* The listener that a connection of this family with this local end came through, or one alike; NULL: none. */
struct connection *listener_find(struct tracker *tracker, const struct event_tuple *tuple, uint8_t family);
/*
 * The listener whose process is likely to get this connection; NULL where that is not known, as of several processes
 * that listen alike (SO_REUSEPORT): which of them it goes to no event tells.
 */
const struct connection *listener_owner(struct tracker *tracker, const struct event_tuple *tuple, uint8_t family);
void listener_begin(struct tracker *tracker, const struct event_birth *event);
void listener_close(struct tracker *tracker, struct connection *listener, const struct event_close *event);
void listener_add(struct tracker *tracker, struct connection *connection);
void listener_remove(struct tracker *tracker, struct connection *connection);

/* tracker_end.c */
void end_close(struct tracker *tracker, struct connection *connection, const struct event_close *event);
void end_reset_sent(struct tracker *tracker, const struct event_reset_sent *event);
void end_time_wait(struct tracker *tracker, const struct event_time_wait *event);
void end_address_pair_taken(struct tracker *tracker, const struct event_tuple *tuple, bool passive, uint64_t time_ns);
void end_now(struct tracker *tracker, struct connection *connection);
void end_unobserved(struct tracker *tracker, struct connection *connection, uint64_t now_ns);
bool end_make_room(struct tracker *tracker);
void handshake_event(struct tracker *tracker, const struct event_synack *event);

/* report_fill.c: everything but the revision, which counts how often it was given. */
void report_fill(struct tracker *tracker, struct connection *connection, struct ending *ending,
		 struct connection_report *report);

/* tracker_live.c */
void facts_take(struct tracker *tracker, const struct connection *connection, const struct event_existing *event);

/* tracker_sync.c */
/* May an event from this time on be among those that were lost? */
bool lost_since(const struct tracker *tracker, uint64_t time_ns);
void sync_existing(struct tracker *tracker, const struct event_existing *event);
/*
 * A child was listed under its cookie before that was told. Leaves what it has met since to the life that is known
 * from its birth on (NULL: none), and may be released then; false: it is needed itself.
 */
bool sync_listed_gives_way(struct tracker *tracker, struct connection *listed, struct connection *from_birth);

#endif
