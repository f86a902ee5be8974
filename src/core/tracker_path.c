// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracker_path.c: follows the states of a lifecycle and keeps the path that it took. Its input are transitions of a
 * connection that is known; of how they were told it knows nothing.
 */
#include "core/signs.h"
#include "core/tracker_internal.h"

void lifecycle_path_add(struct tracker *tracker, struct connection *connection, uint64_t time_ns, uint8_t state)
{
	struct ending *ending;

	if (connection->path_count < CONNECTION_PATH_SHORT) {
		connection->path[connection->path_count++] = path_entry(time_ns, state);
		return;
	}
	ending = lifecycle_ending(tracker, connection, time_ns);
	if (ending && connection->path_count < REPORT_STATES_MAX)
		ending->path[connection->path_count++ - CONNECTION_PATH_SHORT] = path_entry(time_ns, state);
}

static void fin_order_note(struct connection *connection, uint8_t from, uint8_t to)
{
	if (connection->flags & (CONNECTION_FIN_LOCAL_FIRST | CONNECTION_FIN_PEER_FIRST))
		return;
	if (to == TCP_FIN_WAIT1 || from == TCP_FIN_WAIT1 || from == TCP_FIN_WAIT2)
		connection->flags |= CONNECTION_FIN_LOCAL_FIRST;
	else if (to == TCP_CLOSE_WAIT || from == TCP_CLOSE_WAIT || from == TCP_LAST_ACK)
		connection->flags |= CONNECTION_FIN_PEER_FIRST;
}

uint64_t lifecycle_last_transition_ns(const struct tracker *tracker, const struct connection *connection)
{
	uint8_t last = connection->path_count - 1;

	if (!connection->path_count)
		return 0;
	return path_ns(path_at(connection, connection_ending_get(tracker->table, connection), last));
}

/* So much later at most the second copy of a program tells again: interrupts came between the two. */
#define TOLD_TWICE_NS (10 * NS_PER_MS)

bool lifecycle_told_soon_after(const struct tracker *tracker, const struct connection *connection, uint64_t time_ns)
{
	return time_ns - lifecycle_last_transition_ns(tracker, connection) < TOLD_TWICE_NS;
}

bool lifecycle_step_is_told(const struct tracker *tracker, const struct connection *connection, uint8_t from,
			    uint8_t to, uint64_t time_ns)
{
	const struct ending *ending = connection_ending_get(tracker->table, connection);
	uint8_t count = connection->path_count;

	if (from == to || connection->state != to || count < 2 ||
	    !lifecycle_told_soon_after(tracker, connection, time_ns))
		return false;
	return path_state(path_at(connection, ending, count - 1)) == to &&
	       path_state(path_at(connection, ending, count - 2)) == from;
}

/*
 * Where a transition does not start in the state that we know, something was missed, or is told out of order: what is
 * older than what is known changes no state.
 */
static void follow(struct tracker *tracker, struct connection *connection, uint8_t from, uint8_t to, uint64_t time_ns)
{
	fin_order_note(connection, from, to);
	if (connection->state != from) {
		if (time_ns < lifecycle_last_transition_ns(tracker, connection))
			return;
		judge_missed(tracker, connection, from, time_ns);
		lifecycle_path_add(tracker, connection, time_ns, from);
	}
	if (from != to)
		lifecycle_path_add(tracker, connection, time_ns, to);
	connection_set_state(tracker->table, connection, to);
	connection->last_ns = time_ns;
}

/* To any state but CLOSE. flags: enum event_flag of the event that told of it. */
void lifecycle_transition(struct tracker *tracker, struct connection *connection, uint8_t from, uint8_t to,
			  uint16_t flags, uint64_t time_ns)
{
	follow(tracker, connection, from, to, time_ns);
	judge_transition(tracker, connection, from, to, signs_of_transition(connection, flags), time_ns);
}

/* What explains it may follow: it is judged with the report. */
void lifecycle_close(struct tracker *tracker, struct connection *connection, uint8_t from, uint64_t time_ns)
{
	follow(tracker, connection, from, TCP_CLOSE, time_ns);
}
