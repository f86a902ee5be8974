/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracker.c: takes events in and finds the lifecycle they belong to. See tracker.h; it is begun in tracker_birth.c, its
 * states are followed in tracker_path.c, ends are in tracker_end.c, listed sockets and losses in tracker_sync.c.
 */
#include <stdlib.h>
#include <string.h>

#include "core/tracker_internal.h"

struct tracker *tracker_create(const struct tracker_config *config, tracker_report_fn report, void *arg)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));

	if (!tracker)
		return NULL;
	tracker->config = *config;
	tracker->report = report;
	tracker->arg = arg;
	tracker->rules_seen = calloc(machine_reference()->count, sizeof(*tracker->rules_seen));
	tracker->table = connection_table_create(config->max_connections, config->seed);
	if (!tracker->table || !tracker->rules_seen) {
		tracker_destroy(tracker);
		return NULL;
	}
	return tracker;
}

void tracker_destroy(struct tracker *tracker)
{
	if (!tracker)
		return;
	if (tracker->table)
		connection_table_destroy(tracker->table);
	free(tracker->rules_seen);
	free(tracker);
}

static bool source_is_weak(uint8_t source)
{
	return source == SOURCE_UNKNOWN || source == SOURCE_LISTENER;
}

/* Older kernels leave the rest of a former name behind a shorter one. */
static void comm_copy(char to[EVENT_COMM_BYTES], const char *from)
{
	size_t length = strnlen(from, EVENT_COMM_BYTES - 1);

	memcpy(to, from, length);
	memset(to + length, 0, EVENT_COMM_BYTES - length);
}

/*
 * A later and better source replaces an earlier one: who closes a socket holds it last, a descriptor or
 * accept() names a holder, connect() its maker, the listener only the family. Without a pid it was a kernel thread, for
 * somebody.
 */
void lifecycle_own(struct tracker *tracker, struct connection *connection, uint8_t source, uint32_t pid, uint32_t uid,
		   const char *comm)
{
	if (source < connection->source || !pid)
		return;
	if (connection->queue == QUEUE_LIVE && source_is_weak(connection->source) && !source_is_weak(source))
		tracker->ownerless--;
	connection->source = source;
	connection->pid = pid;
	if (uid != UINT32_MAX)
		connection->uid = uid;
	comm_copy(connection->comm, comm);
}

/* Takes a connection out of the live ones: from here on no better owner is looked for. */
void lifecycle_leave_live(struct tracker *tracker, struct connection *connection)
{
	if (connection->queue == QUEUE_LIVE && source_is_weak(connection->source))
		tracker->ownerless--;
	connection_dequeue(tracker->table, connection);
}

/* A connection that is not followed yet, in the live queue; NULL without room. */
struct connection *lifecycle_begin(struct tracker *tracker, uint64_t cookie)
{
	struct connection *connection = connection_create(tracker->table, cookie);

	if (!connection && end_make_room(tracker))
		connection = connection_create(tracker->table, cookie);
	if (!connection) {
		tracker->stats.given_up_live++;
		return NULL;
	}
	connection->uid = UINT32_MAX;
	connection_enqueue(tracker->table, connection, QUEUE_LIVE);
	tracker->ownerless++;
	tracker->stats.births++;
	return connection;
}

struct ending *lifecycle_ending(struct tracker *tracker, struct connection *connection, uint64_t time_ns)
{
	struct ending *ending = connection_ending(tracker->table, connection);

	if (ending && !ending->opened_ns) {
		ending->opened_ns = time_ns;
		ending->losses_before = tracker->stats.events_lost;
	}
	if (!ending) { /* what it was wanted for is forgotten, and the report must not pass for complete */
		connection->flags |= CONNECTION_GAP;
		tracker->stats.facts_dropped++;
	}
	return ending;
}

/* ---- transitions ------------------------------------------------------------------------------- */

static struct connection *known(struct tracker *tracker, const struct event_header *header)
{
	struct connection *connection = connection_find(tracker->table, header->cookie);

	if (!connection)
		stray_keep(tracker, header);
	return connection;
}

/*
 * The live connection of an event that can only be a live one's. Where the socket's last life is over and
 * its new birth was lost, what follows belongs to nobody who is known.
 */
static struct connection *known_live(struct tracker *tracker, const struct event_header *header)
{
	struct connection *connection = connection_find(tracker->table, header->cookie);

	if (connection && connection->queue == QUEUE_LIVE)
		return connection;
	stray_keep(tracker, header);
	return NULL;
}

/* Returns the connection, or NULL where there is none. */
static struct connection *event_state(struct tracker *tracker, const struct event_state *event)
{
	struct connection *connection = known_live(tracker, &event->header);
	bool port_was_unknown;

	if (!connection || event->new_state == TCP_LISTEN) /* a listener is announced by a birth only */
		return NULL;
	if (lifecycle_step_is_told(tracker, connection, event->old_state, event->new_state, event->header.time_ns))
		return NULL;
	port_was_unknown = !connection->tuple.local_port && event->local_port;
	if (event->local_port)
		connection->tuple.local_port = event->local_port;
	if (port_was_unknown)
		end_address_pair_taken(tracker, &connection->tuple, false, event->header.time_ns);
	if (event->new_state == TCP_ESTABLISHED) {
		birth_isn(connection, event->local_isn, event->remote_isn);
		if (!(connection->flags & CONNECTION_BIRTH_UNSEEN))
			connection->handshake_us = (event->header.time_ns - path_ns(connection->path[0])) / 1000;
	}
	if (event->old_state == TCP_SYN_SENT && event->new_state == TCP_SYN_RECV)
		connection->role = ROLE_BOTH; /* simultaneous open */
	lifecycle_transition(tracker, connection, event->old_state, event->new_state, event->header.flags,
			     event->header.time_ns);
	return connection;
}

/* A transition by the task that holds the lock: a close, a shutdown, or a packet from the backlog. */
static void event_state_task(struct tracker *tracker, const struct event_state_task *event)
{
	const struct event_header *header = &event->state.header;
	struct connection *connection = event_state(tracker, &event->state);
	uint8_t from = event->state.old_state, to = event->state.new_state;
	struct local_act act = {header->flags, event->exit_code, header->pid};
	struct ending *ending;

	if (!connection)
		return;
	ending = lifecycle_ending(tracker, connection, header->time_ns);
	if (!ending)
		return;
	if (from == to)
		ending->release = act;
	else if (to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK)
		ending->fin = act;
	else
		return; /* the backlog: the task did not act */
	lifecycle_own(tracker, connection, SOURCE_CLOSE, header->pid, event->uid, event->comm);
}

static void event_retransmit(struct tracker *tracker, const struct event_retransmit *event)
{
	struct connection *connection = known_live(tracker, &event->header);

	if (!connection)
		return;
	connection->last_ns = event->header.time_ns;
	if (!connection->tuple.local_port && event->local_port)
		connection->tuple.local_port = event->local_port;
	if (event->error == 0)
		connection->retransmits++;
	timed_event_retransmit(tracker, connection, event);
}

static void event_reset_received(struct tracker *tracker, const struct event_reset_received *event)
{
	struct connection *connection = known(tracker, &event->header);
	struct ending *ending;

	if (!connection || connection->state == TCP_LISTEN)
		return;
	ending = lifecycle_ending(tracker, connection, event->header.time_ns);
	/* It comes before the close that it brings about, though it may be read after it. */
	if (!ending || (ending->close.header.kind && event->header.time_ns > ending->close.header.time_ns))
		return;
	ending->received = *event;
	if (!ending->close.header.kind)
		connection->last_ns = event->header.time_ns;
}

static void event_close(struct tracker *tracker, const struct event_close *event)
{
	struct connection *connection = known(tracker, &event->header);

	if (!connection)
		return;
	if (connection->state == TCP_LISTEN)
		listener_close(tracker, connection, event);
	else if (connection->queue == QUEUE_LIVE)
		end_close(tracker, connection, event);
	else if (event->old_state != TCP_CLOSE) /* CLOSE->CLOSE: nothing new */
		tracker->stats.stray_events++;
}

static void event_accept(struct tracker *tracker, const struct event_accept *event)
{
	struct connection *connection = known(tracker, &event->header);

	if (connection)
		lifecycle_own(tracker, connection, SOURCE_ACCEPT, event->header.pid, event->uid, event->comm);
}

/* One that nobody knows of is of no interest: a stack says nothing of what becomes of its connection. */
static void event_stack(struct tracker *tracker, const struct event_stack *event)
{
	const struct connection *connection = connection_find(tracker->table, event->header.cookie);

	if (connection && connection->queue == QUEUE_LIVE)
		connection_set_stack(tracker->table, connection, event);
}

static void event_probe(struct tracker *tracker, const struct event_probe *event)
{
	struct connection *connection = known(tracker, &event->header);

	if (connection && event->probe == PROBE_KEEPALIVE)
		connection->probes_sent++;
	else if (connection)
		timed_event_probe(tracker, connection, event);
}

void tracker_dispatch(struct tracker *tracker, const struct event_header *event)
{
	switch ((enum event_kind)event->kind) {
	case EVENT_BIRTH: birth_event(tracker, (const struct event_birth *)event); break;
	case EVENT_STATE: event_state(tracker, (const struct event_state *)event); break;
	case EVENT_STATE_TASK: event_state_task(tracker, (const struct event_state_task *)event); break;
	case EVENT_CLOSE: event_close(tracker, (const struct event_close *)event); break;
	case EVENT_RETRANSMIT: event_retransmit(tracker, (const struct event_retransmit *)event); break;
	case EVENT_RETRANSMIT_SYNACK: handshake_event(tracker, (const struct event_synack *)event); break;
	case EVENT_RESET_SENT: end_reset_sent(tracker, (const struct event_reset_sent *)event); break;
	case EVENT_RESET_RECEIVED: event_reset_received(tracker, (const struct event_reset_received *)event); break;
	case EVENT_PROBE: event_probe(tracker, (const struct event_probe *)event); break;
	case EVENT_TIME_WAIT: end_time_wait(tracker, (const struct event_time_wait *)event); break;
	case EVENT_ACCEPT: event_accept(tracker, (const struct event_accept *)event); break;
	case EVENT_OOM_KILL: tracker->oom_victims[tracker->oom_next++ % OOM_VICTIMS] = event->pid; break;
	case EVENT_EXISTING: sync_existing(tracker, (const struct event_existing *)event); break;
	case EVENT_STACK: event_stack(tracker, (const struct event_stack *)event); break;
	case EVENT_NONE:
	case EVENT_ERROR: /* never proof of anything: the close says what became of it */
	case EVENT_KINDS: break;
	}
}

void tracker_event(struct tracker *tracker, const struct event_header *event)
{
	tracker->stats.events++;
	if (event->time_ns > tracker->now_ns)
		tracker->now_ns = event->time_ns;
	tracker_dispatch(tracker, event);
}

const struct tracker_stats *tracker_stats(const struct tracker *tracker)
{
	return &tracker->stats;
}

const struct connection *tracker_find(struct tracker *tracker, uint64_t cookie)
{
	return connection_find(tracker->table, cookie);
}

bool tracker_wants_owners(const struct tracker *tracker)
{
	return tracker->ownerless > 0;
}

size_t tracker_bytes(const struct tracker *tracker)
{
	return connection_table_bytes(tracker->table) + sizeof(*tracker);
}
