// SPDX-License-Identifier: GPL-2.0-only
/*
 * event_items.c: the table of event members; see event_items.h.
 */
#include "event_items.h"

static const char *const flag_names[] = {
	"task_acts",        "file_alive",  "file_dead",       "task_exiting", "socket_dead", "socket_done",
	"keepalive_on",     "linger_zero", "has_socket",      "repair",       "window_zero", "nothing_in_flight",
	"linger2_negative", "passive",     "reset_stateless", "memory_over",
};
_Static_assert(1 << (sizeof(flag_names) / sizeof(flag_names[0]) - 1) == EVENT_MEMORY_OVER, "each flag has its word");

/* The upper bits mean something else where a segment was sent again, and in part at the close. */
#define RETRANSMIT_FLAGS_FIRST 13
static const char *const retransmit_flag_names[] = {"rto_unclamped", "rto_max_usual", "thin_linear"};
_Static_assert(1 << RETRANSMIT_FLAGS_FIRST == EVENT_RTO_UNCLAMPED, "the first of them");

static const char *const probe_array[] = {[PROBE_KEEPALIVE] = "keepalive", [PROBE_WINDOW] = "window"};
static const struct name_table probe_names = {probe_array, 2};

static const char *const change_array[] = {
	[TIME_WAIT_BEGIN] = "begin",   [TIME_WAIT_EXPIRED] = "expired", [TIME_WAIT_KILLED] = "killed",
	[TIME_WAIT_REUSED] = "reused", [TIME_WAIT_RESET] = "reset",
};
static const struct name_table change_names = {change_array, 5};

static const char *const source_array[] = {[EXISTING_FILE] = "file", [EXISTING_TCP] = "tcp"};
static const struct name_table source_names = {source_array, 2};

/*
 * include/net/inet_connection_sock.h, icsk_pending: 2 (delayed ACK) has a timer of its own and is never
 * pending there; 4 was for the early retransmit of old kernels.
 */
static const char *const timer_array[] = {NULL, "retransmit", NULL, "probe", NULL, "loss_probe", "reorder"};
static const struct name_table timer_names = {timer_array, 7};

#define ITEM(kind, structure, member, type)                                                                            \
	{                                                                                                              \
		kind, type, offsetof(struct structure, member), #member, NULL                                          \
	}
#define NAMED(kind, structure, member, table)                                                                          \
	{                                                                                                              \
		kind, ITEM_NAME, offsetof(struct structure, member), #member, &table                                   \
	}
#define TICKS(kind, structure, member, name)                                                                           \
	{                                                                                                              \
		kind, ITEM_TICKS, offsetof(struct structure, member), name, NULL                                       \
	}

const struct event_item event_items[] = {
	NAMED(EVENT_BIRTH, event_birth, old_state, tcp_state_names),
	NAMED(EVENT_BIRTH, event_birth, new_state, tcp_state_names),
	ITEM(EVENT_BIRTH, event_birth, comm, ITEM_COMM),
	ITEM(EVENT_BIRTH, event_birth, uid, ITEM_U32),
	ITEM(EVENT_BIRTH, event_birth, handshake_us, ITEM_U32_NONZERO),
	ITEM(EVENT_BIRTH, event_birth, local_isn, ITEM_U32_NONZERO),
	ITEM(EVENT_BIRTH, event_birth, remote_isn, ITEM_U32_NONZERO),
	ITEM(EVENT_BIRTH, event_birth, cgroup, ITEM_U64_NONZERO),

	NAMED(EVENT_STATE, event_state, old_state, tcp_state_names),
	NAMED(EVENT_STATE, event_state, new_state, tcp_state_names),
	ITEM(EVENT_STATE, event_state, local_isn, ITEM_U32_NONZERO),
	ITEM(EVENT_STATE, event_state, remote_isn, ITEM_U32_NONZERO),

	/* It begins with a struct event_state. */
	NAMED(EVENT_STATE_TASK, event_state, old_state, tcp_state_names),
	NAMED(EVENT_STATE_TASK, event_state, new_state, tcp_state_names),
	ITEM(EVENT_STATE_TASK, event_state_task, comm, ITEM_COMM),
	ITEM(EVENT_STATE_TASK, event_state_task, uid, ITEM_U32),
	ITEM(EVENT_STATE_TASK, event_state_task, exit_code, ITEM_EXIT_CODE),

	NAMED(EVENT_CLOSE, event_close, old_state, tcp_state_names),
	NAMED(EVENT_CLOSE, event_close, new_state, tcp_state_names),
	ITEM(EVENT_CLOSE, event_close, comm, ITEM_COMM),
	ITEM(EVENT_CLOSE, event_close, error, ITEM_ERRNO),
	ITEM(EVENT_CLOSE, event_close, soft_error, ITEM_ERRNO),
	ITEM(EVENT_CLOSE, event_close, retransmits, ITEM_U8),
	ITEM(EVENT_CLOSE, event_close, probes_out, ITEM_U8),
	NAMED(EVENT_CLOSE, event_close, pending_timer, timer_names),
	ITEM(EVENT_CLOSE, event_close, shutdown, ITEM_U8),
	ITEM(EVENT_CLOSE, event_close, unacked_bytes, ITEM_U32),
	ITEM(EVENT_CLOSE, event_close, unread_bytes, ITEM_U32),
	ITEM(EVENT_CLOSE, event_close, total_retransmits, ITEM_U32),
	ITEM(EVENT_CLOSE, event_close, total_timeouts, ITEM_U32_OPTIONAL),
	TICKS(EVENT_CLOSE, event_close, silent_ticks, "silent_ms"),
	ITEM(EVENT_CLOSE, event_close, keepalive_probes, ITEM_U8),
	TICKS(EVENT_CLOSE, event_close, keepalive_idle_ticks, "keepalive_idle_ms"),
	TICKS(EVENT_CLOSE, event_close, keepalive_interval_ticks, "keepalive_interval_ms"),
	ITEM(EVENT_CLOSE, event_close, user_timeout_ms, ITEM_U32),
	ITEM(EVENT_CLOSE, event_close, uid, ITEM_U32),
	ITEM(EVENT_CLOSE, event_close, exit_code, ITEM_EXIT_CODE),
	ITEM(EVENT_CLOSE, event_close, srtt_us, ITEM_U32),
	ITEM(EVENT_CLOSE, event_close, bytes_sent, ITEM_U64),
	ITEM(EVENT_CLOSE, event_close, bytes_received, ITEM_U64),
	ITEM(EVENT_CLOSE, event_close, limit, ITEM_U8),

	NAMED(EVENT_RETRANSMIT, event_retransmit, state, tcp_state_names),
	NAMED(EVENT_RETRANSMIT, event_retransmit, pending_timer, timer_names),
	ITEM(EVENT_RETRANSMIT, event_retransmit, retransmits, ITEM_U8),
	ITEM(EVENT_RETRANSMIT, event_retransmit, backoff, ITEM_U8),
	ITEM(EVENT_RETRANSMIT, event_retransmit, error, ITEM_ERRNO_S16),
	ITEM(EVENT_RETRANSMIT, event_retransmit, unacked_bytes, ITEM_U32),
	TICKS(EVENT_RETRANSMIT, event_retransmit, rto_ticks, "rto_ms"),

	ITEM(EVENT_RETRANSMIT_SYNACK, event_synack, timeouts, ITEM_U8),
	ITEM(EVENT_RETRANSMIT_SYNACK, event_synack, max_retries, ITEM_U8),
	TICKS(EVENT_RETRANSMIT_SYNACK, event_synack, timeout_ticks, "timeout_ms"),

	NAMED(EVENT_RESET_SENT, event_reset_sent, state, tcp_state_names),
	NAMED(EVENT_RESET_SENT, event_reset_sent, reason, reset_reason_names),
	ITEM(EVENT_RESET_SENT, event_reset_sent, probes_out, ITEM_U8),

	NAMED(EVENT_RESET_RECEIVED, event_reset_received, state, tcp_state_names),
	ITEM(EVENT_RESET_RECEIVED, event_reset_received, retransmits, ITEM_U8),
	ITEM(EVENT_RESET_RECEIVED, event_reset_received, probes_out, ITEM_U8),
	ITEM(EVENT_RESET_RECEIVED, event_reset_received, unacked_bytes, ITEM_U32),
	TICKS(EVENT_RESET_RECEIVED, event_reset_received, silent_ticks, "silent_ms"),
	TICKS(EVENT_RESET_RECEIVED, event_reset_received, challenge_ticks, "challenge_ms"),

	NAMED(EVENT_ERROR, event_error, state, tcp_state_names),
	ITEM(EVENT_ERROR, event_error, error, ITEM_ERRNO),
	ITEM(EVENT_ERROR, event_error, soft_error, ITEM_ERRNO),

	NAMED(EVENT_PROBE, event_probe, state, tcp_state_names),
	NAMED(EVENT_PROBE, event_probe, probe, probe_names),
	ITEM(EVENT_PROBE, event_probe, probes_out, ITEM_U8),
	TICKS(EVENT_PROBE, event_probe, silent_ticks, "silent_ms"),

	NAMED(EVENT_TIME_WAIT, event_time_wait, change, change_names),
	NAMED(EVENT_TIME_WAIT, event_time_wait, substate, tcp_state_names),
	TICKS(EVENT_TIME_WAIT, event_time_wait, timeout_ticks, "timeout_ms"),

	ITEM(EVENT_ACCEPT, event_accept, comm, ITEM_COMM),
	ITEM(EVENT_ACCEPT, event_accept, uid, ITEM_U32),

	NAMED(EVENT_EXISTING, event_existing, state, tcp_state_names),
	NAMED(EVENT_EXISTING, event_existing, substate, tcp_state_names),
	NAMED(EVENT_EXISTING, event_existing, source, source_names),
	ITEM(EVENT_EXISTING, event_existing, comm, ITEM_COMM),
	ITEM(EVENT_EXISTING, event_existing, uid, ITEM_U32),
	ITEM(EVENT_EXISTING, event_existing, descriptor, ITEM_S32),
	ITEM(EVENT_EXISTING, event_existing, unread_bytes, ITEM_U32),
	ITEM(EVENT_EXISTING, event_existing, unacked_bytes, ITEM_U32),
	ITEM(EVENT_EXISTING, event_existing, retransmits, ITEM_U8),
	ITEM(EVENT_EXISTING, event_existing, probes_out, ITEM_U8),
	ITEM(EVENT_EXISTING, event_existing, accept_queue, ITEM_U32),
	ITEM(EVENT_EXISTING, event_existing, cgroup, ITEM_U64_NONZERO),
};
const unsigned event_item_count = sizeof(event_items) / sizeof(event_items[0]);

const char *event_flag_name(unsigned kind, unsigned bit)
{
	if ((kind == EVENT_RETRANSMIT || kind == EVENT_CLOSE) && bit >= RETRANSMIT_FLAGS_FIRST)
		return retransmit_flag_names[bit - RETRANSMIT_FLAGS_FIRST];
	return flag_names[bit];
}

const struct event_tuple *event_tuple_find(const struct event_header *event, unsigned *family)
{
	const void *body = event;
	const struct event_birth *birth = body;
	const struct event_synack *synack = body;
	const struct event_reset_sent *reset = body;
	const struct event_existing *existing = body;

	switch (event->kind) {
	case EVENT_BIRTH: *family = birth->family; return &birth->tuple;
	case EVENT_RETRANSMIT_SYNACK: *family = synack->family; return &synack->tuple;
	case EVENT_RESET_SENT: *family = reset->family; return reset->family ? &reset->tuple : NULL;
	case EVENT_EXISTING: *family = existing->family; return &existing->tuple;
	default: *family = 0; return NULL;
	}
}

unsigned event_local_port(const struct event_header *event)
{
	const void *body = event;

	switch (event->kind) {
	case EVENT_STATE:
	case EVENT_STATE_TASK: return ((const struct event_state *)body)->local_port;
	case EVENT_CLOSE: return ((const struct event_close *)body)->local_port;
	case EVENT_RETRANSMIT: return ((const struct event_retransmit *)body)->local_port;
	default: return 0;
	}
}
