/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker.h: from events to lifecycles. Each socket cookie has one current lifecycle; when it ends, its
 * report is handed out. Pure: time comes in with events and ticks, nothing is read from the machine.
 */
#ifndef LASTACK_CORE_TRACKER_H
#define LASTACK_CORE_TRACKER_H

#include "core/connection.h"
#include "core/stack_table.h"
#include "report.h"

struct tracker;

struct tracker_config {
	uint32_t max_connections; /* remembered at once, those being closed over included */
	uint64_t settle_ns;       /* how long a report is held while a minisock lives on */
	uint64_t tick_ns;         /* length of a jiffy */
	uint64_t seed;            /* for hashing what strangers choose */
	bool keep_facts;          /* what listings tell of live sockets: 80 bytes a connection that was listed */
};

/* Called for each report, in the order in which they become final. The report lives for the call. */
typedef void (*tracker_report_fn)(void *arg, const struct connection_report *report);

typedef void (*tracker_walk_fn)(void *arg, const struct connection *connection);

struct tracker_stats {
	uint64_t events;          /* taken in */
	uint64_t births;          /* lifecycles begun (listeners apart) */
	uint64_t existing;        /* of these: seen by an iterator, born before */
	uint64_t reports;         /* first revisions */
	uint64_t revisions;       /* later ones */
	uint64_t stray_events;    /* of sockets that are not known */
	uint64_t gaps;            /* transitions that were missed */
	uint64_t transitions;     /* held against the reference machine */
	uint64_t violations;      /* of these: neither RFC 9293 nor Linux knows it, or not without a sign of why */
	uint64_t unexplained;     /* of these: gaps, because what would explain them may be among lost events */
	uint64_t given_up_closed; /* reported or reportable, forgotten early for want of room */
	uint64_t given_up_live;   /* live ones forgotten, or never followed, for want of room or memory */
	uint64_t facts_dropped;   /* of what was seen of an end: no memory to keep it */
	uint64_t unobserved;      /* ended without being seen */
	uint64_t events_lost;     /* as told by tracker_loss() */
	uint64_t resyncs;
};

struct tracker *tracker_create(const struct tracker_config *config, tracker_report_fn report, void *arg);
void tracker_destroy(struct tracker *tracker);

/* One valid record (event_check.h). Records come roughly in the order of their times. */
void tracker_event(struct tracker *tracker, const struct event_header *event);
/* Everything up to now_ns has been taken in: hand out what can no longer change. */
void tracker_tick(struct tracker *tracker, uint64_t now_ns);
/* count events were lost before now_ns. */
void tracker_loss(struct tracker *tracker, uint64_t count);
/*
 * All sockets are listed again: EVENT_EXISTING records follow between begin and end. At the end, what
 * was live before begin_ns, and is in a network namespace that was listed whole, and was not seen, has
 * ended unobserved.
 */
void tracker_resync_begin(struct tracker *tracker, uint64_t begin_ns);
void tracker_resync_end(struct tracker *tracker, uint64_t now_ns);
/* Hand out what is held; live connections are not reported. */
void tracker_flush(struct tracker *tracker, uint64_t now_ns);

const struct tracker_stats *tracker_stats(const struct tracker *tracker);
/* The connection with this cookie as far as it is known (for printing events), or NULL. */
const struct connection *tracker_find(struct tracker *tracker, uint64_t cookie);
/* How often an entry of machine_reference() was seen. */
uint64_t tracker_rule_seen(const struct tracker *tracker, const struct machine_rule *rule);
uint32_t tracker_live(const struct tracker *tracker);
/* Of these, how many in each state; index as enum tcp_state. */
void tracker_live_by_state(const struct tracker *tracker, uint32_t counts[CONNECTION_STATES]);
/*
 * Goes through the live connections, at most `limit` slots of the table from *cursor (0 at first) on. Returns false
 * when it has been through all. Between two calls events may be taken in: what lives throughout is shown once, what
 * begins or ends meanwhile perhaps.
 */
bool tracker_walk(struct tracker *tracker, uint32_t *cursor, uint32_t limit, tracker_walk_fn visit, void *arg);
/*
 * The same over all that is known: live connections, those whose end has been seen and whose minisock may stand
 * (tracker_has_minisock()), and listeners (state LISTEN).
 */
bool tracker_walk_all(struct tracker *tracker, uint32_t *cursor, uint32_t limit, tracker_walk_fn visit, void *arg);
/* It has ended, and occupies its address pair still, as far as is known. */
bool tracker_has_minisock(struct tracker *tracker, const struct connection *connection);
/* It came in by a listener, or a listener stands at its local port and nothing else is known. */
bool tracker_is_served(struct tracker *tracker, const struct connection *connection);
/* The listener that it came in by, itself if it is one; NULL: none is known. */
const struct connection *tracker_listener(struct tracker *tracker, const struct connection *connection);
/* When it was born (0: unseen), and when it came into its state (0: unseen). */
uint64_t tracker_born_ns(struct tracker *tracker, const struct connection *connection);
uint64_t tracker_entered_ns(struct tracker *tracker, const struct connection *connection);
/* What the last listing told of a live connection; NULL: nothing. Needs config.keep_facts. */
const struct live_facts *tracker_facts(struct tracker *tracker, const struct connection *connection);
/* What opened or accepted it (EVENT_STACK), and the same by its id, for as long as it is remembered; NULL: not known.
 */
const struct stack *tracker_stack(struct tracker *tracker, const struct connection *connection);
const struct stack *tracker_stack_find(struct tracker *tracker, uint64_t id);
/* How often there was no room for a stack. */
uint64_t tracker_stacks_refused(const struct tracker *tracker);
/*
 * A report of a connection that lives on, as far as it is known: class unknown, end_ns = now_ns, revision 0,
 * and its facts as of the last listing.
 */
void tracker_report_live(struct tracker *tracker, const struct connection *connection, uint64_t now_ns,
			 struct connection_report *report);
/* Live connections whose owner is not known better than by their listener. */
bool tracker_wants_owners(const struct tracker *tracker);
size_t tracker_bytes(const struct tracker *tracker);

#endif
