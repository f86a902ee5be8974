/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker_end.c: from the transition to CLOSE to the report, and what may still change it.
 *
 * Evidence follows the last transition: a reset's tracepoint fires after it, and a minisock may meet a
 * FIN, data or its timer. So a closed connection first settles for the length of a packet; where a
 * minisock lives on, the report is held for the settle time, given, and given again with a higher
 * revision if the minisock's end changes what was said.
 */
#include <errno.h>
#include <string.h>

#include "core/tracker_internal.h"
#include "core/verdict.h"

/* How often the repeated handshakes are looked through. */
#define HANDSHAKE_CHECK_NS (250 * NS_PER_MS)
/* TCP_RTO_MAX, include/net/tcp.h: 120 s. */
#define RTO_MAX_NS (120 * NS_PER_S)
/* A FIN_WAIT2 minisock stands for 60 s at most and after a FIN for TIME_WAIT's 60 s more. */
#define MINISOCK_MAX_NS (2 * TIME_WAIT_NS + MINISOCK_GRACE_NS)
/* Who takes an address pair over is known when its handshake is complete, with one SYN or SYN-ACK repeated. */
#define TAKEOVER_NS (3 * NS_PER_S)
/* Of all connections remembered, those that are reported and only wait for their minisock. */
#define LINGER_SHARE 4

static void report_give(struct tracker *tracker, struct connection *connection)
{
	struct ending *ending = connection_ending(tracker->table, connection);
	struct connection_report report;

	if (!ending) {
		tracker->stats.given_up_closed++;
		return;
	}
	report_fill(tracker, connection, ending, &report);
	report.revision = ++ending->revision;
	if (report.revision == 1)
		tracker->stats.reports++;
	else
		tracker->stats.revisions++;
	tracker->report(tracker->arg, &report);
}

static void report_and_release(struct tracker *tracker, struct connection *connection)
{
	report_give(tracker, connection);
	connection_release(tracker->table, connection);
}

/* ---- closing ----------------------------------------------------------------------------------- */

static bool pid_is_oom_victim(const struct tracker *tracker, uint32_t pid)
{
	for (size_t i = 0; pid && i < OOM_VICTIMS; i++)
		if (tracker->oom_victims[i] == pid)
			return true;
	return false;
}

void end_close(struct tracker *tracker, struct connection *connection, const struct event_close *event)
{
	struct ending *ending = lifecycle_ending(tracker, connection, event->header.time_ns);

	if (!ending) {
		tracker->stats.given_up_closed++;
		lifecycle_leave_live(tracker, connection);
		connection_release(tracker->table, connection);
		return;
	}
	ending->close = *event;
	if (ending->minisock_end_ns < event->header.time_ns) { /* it was the minisock of another life */
		ending->minisock_reset = false;
		ending->minisock_end_ns = 0;
	}
	if (event->local_port)
		connection->tuple.local_port = event->local_port;
	lifecycle_close(tracker, connection, event->old_state, event->header.time_ns);
	/*
	 * Who holds the lock need not hold the socket: who aborts a foreign one (ECONNABORTED) does not, nor who lists
	 * an orphan, whose last holder was known when it closed.
	 */
	if (event->header.flags & EVENT_TASK_ACTS && event->error != ECONNABORTED &&
	    !(event->header.flags & EVENT_SOCKET_DEAD && connection->source == SOURCE_CLOSE))
		lifecycle_own(tracker, connection, SOURCE_CLOSE, event->header.pid, event->uid, event->comm);
	ending->oom_victim = pid_is_oom_victim(tracker, event->header.flags & EVENT_TASK_EXITING ? event->header.pid
												 : ending->fin.pid);
	lifecycle_leave_live(tracker, connection);
	ending->deadline_ns = event->header.time_ns + SETTLE_SHORT_NS;
	connection_enqueue(tracker->table, connection, QUEUE_SETTLE);
	if (close_leaves_minisock(ending)) /* whose address pair may be taken at once */
		connection_tuple_add(tracker->table, connection);
}

static bool minisock_is_over(const struct ending *ending)
{
	return ending->minisock_reset || ending->minisock_change != TIME_WAIT_BEGIN;
}

static void linger_bound(struct tracker *tracker)
{
	if (connection_queue_length(tracker->table, QUEUE_LINGER) <= tracker->config.max_connections / LINGER_SHARE)
		return;
	tracker->stats.given_up_closed++;
	connection_release(tracker->table, connection_first(tracker->table, QUEUE_LINGER));
}

static void linger(struct tracker *tracker, struct connection *connection, uint64_t deadline_ns)
{
	connection_ending_get(tracker->table, connection)->deadline_ns = deadline_ns;
	connection_enqueue(tracker->table, connection, QUEUE_LINGER);
	linger_bound(tracker);
}

/* What is known of the end is said. Who killed a minisock may show when another connection is established. */
static bool settled(struct tracker *tracker, struct connection *connection, const struct ending *ending)
{
	bool killed = ending->minisock_change == TIME_WAIT_KILLED && !ending->minisock_reset;

	if (!killed) {
		report_and_release(tracker, connection);
		return false;
	}
	report_give(tracker, connection);
	linger(tracker, connection, ending->minisock_end_ns + TAKEOVER_NS);
	return true;
}

/*
 * The time of settling is over: no more evidence comes from the packet that ended it. Returns whether the
 * connection is kept for what becomes of its minisock; else it was reported and released.
 */
static bool settle(struct tracker *tracker, struct connection *connection)
{
	struct ending *ending = connection_ending_get(tracker->table, connection);

	if (ending->revision || !close_leaves_minisock(ending))
		return settled(tracker, connection, ending);
	ending->minisock = true;
	ending->minisock_begin_ns = ending->close.header.time_ns;
	ending->minisock_fin |= (ending->close.header.flags & EVENT_SOCKET_DONE) != 0;
	if (minisock_is_over(ending))
		return settled(tracker, connection, ending);
	ending->deadline_ns = ending->minisock_begin_ns + tracker->config.settle_ns;
	connection_enqueue(tracker->table, connection, QUEUE_HOLD);
	return true;
}

/* The report can wait no longer; the minisock stands on. */
static void hold_over(struct tracker *tracker, struct connection *connection)
{
	struct ending *ending = connection_ending_get(tracker->table, connection);

	report_give(tracker, connection);
	linger(tracker, connection, ending->minisock_begin_ns + MINISOCK_MAX_NS);
}

/* In which state of the machine the minisock stands. */
static uint8_t minisock_state(const struct ending *ending)
{
	return ending->minisock_fin || ending->close.header.flags & EVENT_SOCKET_DONE ? TCP_TIME_WAIT
										      : MACHINE_FIN_WAIT2_MINISOCK;
}

static uint32_t sign_of_change(uint8_t change)
{
	static const uint32_t signs[] = {
		[TIME_WAIT_BEGIN] = 0,
		[TIME_WAIT_EXPIRED] = SIGN_TIMER_ENDED,
		[TIME_WAIT_KILLED] = 0,
		[TIME_WAIT_REUSED] = SIGN_REUSED | SIGN_PASSIVE, /* by a SYN that came in */
		[TIME_WAIT_RESET] = SIGN_RESET_RECEIVED,
	};

	return signs[change];
}

/* What happened to the minisock changes what was, or will be, said. */
static void minisock_ended(struct tracker *tracker, struct connection *connection)
{
	if (connection->queue == QUEUE_HOLD || connection->queue == QUEUE_LINGER)
		report_and_release(tracker, connection);
	/* in QUEUE_SETTLE settle() will see it */
}

/* A socket may be connected again while the minisock of its last connection stands. */
static struct connection *closed_one(struct tracker *tracker, uint64_t cookie)
{
	struct connection *connection = connection_find(tracker->table, cookie);

	if (connection && connection->queue != QUEUE_SETTLE && connection->queue != QUEUE_HOLD &&
	    connection->queue != QUEUE_LINGER)
		return NULL;
	return connection;
}

/* That a minisock has taken over may be told after what it meets; end_close() looks at the times. */
static bool may_be_minisock(const struct connection *connection)
{
	return connection->queue != QUEUE_LIVE || connection->state == TCP_FIN_WAIT2 ||
	       connection->state == TCP_CLOSING;
}

void end_reset_sent(struct tracker *tracker, const struct event_reset_sent *event)
{
	bool minisock = event->state == TCP_TIME_WAIT;
	struct connection *connection;
	struct ending *ending;

	if (!event->header.cookie || event->state == TCP_LISTEN)
		return; /* belongs to no connection */
	connection = connection_find(tracker->table, event->header.cookie);
	if (connection && minisock && !may_be_minisock(connection))
		connection = NULL; /* of the socket's last life */
	if (!connection || connection->state == TCP_LISTEN) {
		stray_keep(tracker, &event->header);
		return;
	}
	/* The answer to an unacceptable ACK: the attempt goes on (RFC 9293 3.10.7.3, 3.10.7.4). */
	if ((event->state == TCP_SYN_SENT || event->state == TCP_SYN_RECV) && event->header.flags & EVENT_PASSIVE)
		return;
	ending = lifecycle_ending(tracker, connection, event->header.time_ns);
	if (!ending)
		return;
	if (!minisock) {
		ending->sent = *event;
		return;
	}
	ending->minisock_reset = true;
	ending->minisock_end_ns = event->header.time_ns;
	judge_unshown(tracker, SHOWN_MINISOCK, minisock_state(ending), SIGN_RESET_ANSWER);
	minisock_ended(tracker, connection);
}

/* It was killed, and by a reset; or its address pair was taken over, so we thought, but it had ended before. */
static bool known_better(const struct ending *ending, const struct event_time_wait *event)
{
	if (ending->minisock_reset)
		return false;
	if (ending->minisock_change == TIME_WAIT_KILLED)
		return event->change == TIME_WAIT_RESET;
	return ending->minisock_change == TIME_WAIT_REUSED && event->header.time_ns < ending->minisock_end_ns &&
	       (event->change == TIME_WAIT_EXPIRED || event->change == TIME_WAIT_RESET);
}

void end_time_wait(struct tracker *tracker, const struct event_time_wait *event)
{
	struct connection *connection = closed_one(tracker, event->header.cookie);
	struct ending *ending;
	bool known, found;

	if (!connection) {
		stray_keep(tracker, &event->header);
		return;
	}
	ending = connection_ending_get(tracker->table, connection);
	known = connection->queue == QUEUE_LINGER;
	if (event->substate == TCP_TIME_WAIT && minisock_state(ending) != TCP_TIME_WAIT) {
		ending->minisock_fin = true;
		judge_unshown(tracker, SHOWN_MINISOCK, MACHINE_FIN_WAIT2_MINISOCK, SIGN_PEER_FIN);
	}
	if (event->change == TIME_WAIT_BEGIN || (minisock_is_over(ending) && !known_better(ending, event)))
		return;
	judge_unshown(tracker, SHOWN_MINISOCK, minisock_state(ending), sign_of_change(event->change));
	found = timed_event_minisock(tracker, connection, ending, event);
	ending->minisock_change = event->change;
	ending->minisock_end_ns = event->header.time_ns;
	if (event->change == TIME_WAIT_KILLED || event->change == TIME_WAIT_RESET) {
		/* What killed it may be told a moment later: a birth with the same address pair. */
		ending->deadline_ns = event->header.time_ns + SETTLE_SHORT_NS;
		if (connection->queue != QUEUE_SETTLE)
			connection_enqueue(tracker->table, connection, QUEUE_SETTLE);
	} else if (known && !found && event->change == TIME_WAIT_EXPIRED && event->substate == TCP_TIME_WAIT) {
		connection_release(tracker->table, connection); /* as everybody expects: no revision */
	} else {
		minisock_ended(tracker, connection);
	}
}

/* A connection begins with this address pair: who had it before is past. */
void end_address_pair_taken(struct tracker *tracker, const struct event_tuple *tuple, bool passive, uint64_t time_ns)
{
	struct connection *connection = connection_tuple_find(tracker->table, tuple);
	struct ending *ending;

	while (connection && connection->queue == QUEUE_HANDSHAKE) {
		connection_release(tracker->table, connection); /* its ACK came after all */
		connection = connection_tuple_find(tracker->table, tuple);
	}
	if (!connection)
		return;
	ending = connection_ending_get(tracker->table, connection);
	connection_tuple_remove(tracker->table, connection);
	if (ending->minisock_change != TIME_WAIT_KILLED)
		ending->minisock_end_ns = time_ns;
	else if (time_ns > ending->minisock_end_ns + TAKEOVER_NS)
		return; /* something else had killed it */
	ending->minisock_change = TIME_WAIT_REUSED;
	judge_unshown(tracker, SHOWN_MINISOCK, minisock_state(ending), SIGN_REUSED | (passive ? SIGN_PASSIVE : 0));
	/* What the minisock met before may still be told. */
	if (connection->queue != QUEUE_SETTLE) {
		ending->deadline_ns = time_ns + SETTLE_SHORT_NS;
		connection_enqueue(tracker->table, connection, QUEUE_SETTLE);
	}
}

/* ---- ends that are not closes ------------------------------------------------------------------- */

void end_unobserved(struct tracker *tracker, struct connection *connection, uint64_t now_ns)
{
	struct ending *ending = lifecycle_ending(tracker, connection, now_ns);

	tracker->stats.unobserved++;
	lifecycle_leave_live(tracker, connection);
	if (ending) {
		ending->end_unseen = true;
		connection->last_ns = now_ns;
	}
	report_and_release(tracker, connection);
}

/* The socket begins another life: what is still said of the last one is said now. */
void end_now(struct tracker *tracker, struct connection *connection)
{
	if (connection->state == TCP_LISTEN) {
		listener_remove(tracker, connection);
		return;
	}
	switch (connection->queue) {
	case QUEUE_LIVE:
		connection->flags |= CONNECTION_GAP;
		tracker->stats.gaps++;
		end_unobserved(tracker, connection, connection->last_ns);
		break;
	case QUEUE_SETTLE:
		if (settle(tracker, connection))
			end_now(tracker, connection);
		break;
	case QUEUE_HOLD: report_and_release(tracker, connection); break;
	default: connection_release(tracker->table, connection);
	}
}

/* Room for one more: what is told already goes first, live connections last. Never silently. */
bool end_make_room(struct tracker *tracker)
{
	static const enum connection_queue closed[] = {QUEUE_LINGER, QUEUE_HOLD, QUEUE_SETTLE};
	struct connection *victim;

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		victim = connection_first(tracker->table, closed[i]);
		if (!victim)
			continue;
		tracker->stats.given_up_closed++;
		end_now(tracker, victim);
		return true;
	}
	victim = connection_first(tracker->table, QUEUE_HANDSHAKE);
	if (!victim)
		victim = connection_first(tracker->table, QUEUE_LIVE);
	if (!victim)
		return false;
	tracker->stats.given_up_live++;
	lifecycle_leave_live(tracker, victim);
	connection_release(tracker->table, victim);
	return true;
}

/* ---- handshakes that do not come to an end ------------------------------------------------------ */

static struct connection *handshake_begin(struct tracker *tracker, const struct event_synack *event)
{
	struct connection *connection = connection_create(tracker->table, event->request), *listener;
	uint64_t first_ns = event->header.time_ns;

	if (!connection && end_make_room(tracker))
		connection = connection_create(tracker->table, event->request);
	if (!connection || !lifecycle_ending(tracker, connection, event->header.time_ns)) {
		tracker->stats.given_up_closed++;
		if (connection)
			connection_release(tracker->table, connection);
		return NULL;
	}
	if (event->timeouts == 0)
		first_ns -= event->timeout_ticks * tracker->config.tick_ns; /* the timer began with the SYN */
	connection->tuple = event->tuple;
	connection->family = event->family;
	connection->role = ROLE_SERVER;
	connection_set_state(tracker->table, connection, TCP_NEW_SYN_RECV);
	connection->uid = UINT32_MAX;
	lifecycle_path_add(tracker, connection, first_ns, TCP_SYN_RECV);
	listener = connection_find(tracker->table, event->header.cookie);
	if (listener && listener->pid)
		lifecycle_own(tracker, connection, SOURCE_LISTENER, listener->pid, listener->uid, listener->comm);
	connection_tuple_add(tracker->table, connection);
	connection_enqueue(tracker->table, connection, QUEUE_HANDSHAKE);
	return connection;
}

/* reqsk_timer_handler(): the next SYN-ACK is due after the initial time, doubled with each timeout. */
void handshake_event(struct tracker *tracker, const struct event_synack *event)
{
	struct connection *connection = connection_find(tracker->table, event->header.cookie);
	uint64_t due_ns = event->timeout_ticks * tracker->config.tick_ns;
	struct ending *ending;

	if (connection && connection->state == TCP_SYN_RECV) {
		connection->retransmits++; /* TCP Fast Open: the child is known */
		return;
	}
	connection = connection_find(tracker->table, event->request);
	if (!connection)
		connection = handshake_begin(tracker, event);
	if (!connection || connection->queue != QUEUE_HANDSHAKE)
		return;
	ending = connection_ending_get(tracker->table, connection);
	connection->retransmits++;
	connection->last_ns = event->header.time_ns;
	ending->synack_timeouts = event->timeouts;
	ending->synack_max = event->max_retries;
	for (unsigned int i = 0; i <= event->timeouts && due_ns < RTO_MAX_NS; i++)
		due_ns *= 2;
	if (due_ns > RTO_MAX_NS)
		due_ns = RTO_MAX_NS;
	ending->deadline_ns = event->header.time_ns + due_ns + NS_PER_S / 2;
}

static void handshakes_check(struct tracker *tracker, uint64_t now_ns)
{
	struct connection *connection, *next;

	if (now_ns - tracker->handshakes_checked_ns < HANDSHAKE_CHECK_NS)
		return;
	tracker->handshakes_checked_ns = now_ns;
	for (connection = connection_first(tracker->table, QUEUE_HANDSHAKE); connection; connection = next) {
		struct ending *ending = connection_ending_get(tracker->table, connection);

		next = connection_next(tracker->table, connection);
		if (ending->deadline_ns > now_ns)
			continue;
		judge_unshown(tracker, SHOWN_REQUEST, TCP_NEW_SYN_RECV, SIGN_SYNACK_TIMEOUT);
		connection->last_ns = ending->deadline_ns - NS_PER_S / 2; /* when the timer found it at its limit */
		lifecycle_path_add(tracker, connection, connection->last_ns, TCP_CLOSE);
		report_and_release(tracker, connection);
	}
}

/* ---- time -------------------------------------------------------------------------------------- */

static struct connection *due(struct tracker *tracker, enum connection_queue queue, uint64_t now_ns)
{
	struct connection *connection = connection_first(tracker->table, queue);

	if (!connection || connection_ending_get(tracker->table, connection)->deadline_ns > now_ns)
		return NULL;
	return connection;
}

void tracker_tick(struct tracker *tracker, uint64_t now_ns)
{
	struct connection *connection;

	if (tracker->loss_told)
		tracker->loss_last_ns = now_ns;
	tracker->loss_told = false;
	while ((connection = due(tracker, QUEUE_SETTLE, now_ns)))
		settle(tracker, connection);
	while ((connection = due(tracker, QUEUE_HOLD, now_ns)))
		hold_over(tracker, connection);
	while ((connection = due(tracker, QUEUE_LINGER, now_ns)))
		connection_release(tracker->table, connection);
	handshakes_check(tracker, now_ns);
}

void tracker_flush(struct tracker *tracker, uint64_t now_ns)
{
	struct connection *connection;

	while ((connection = connection_first(tracker->table, QUEUE_SETTLE)))
		settle(tracker, connection);
	while ((connection = connection_first(tracker->table, QUEUE_HOLD)))
		report_and_release(tracker, connection);
	tracker_tick(tracker, now_ns);
}
