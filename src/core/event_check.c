// SPDX-License-Identifier: GPL-2.0-only
/*
 * event_check.c: sizes and ranges of the records of event.h; see event_check.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/event_check.h"
#include "core/tcp_machine.h"

static const unsigned short sizes[EVENT_KINDS] = {
	[EVENT_BIRTH] = sizeof(struct event_birth),
	[EVENT_STATE] = sizeof(struct event_state),
	[EVENT_STATE_TASK] = sizeof(struct event_state_task),
	[EVENT_CLOSE] = sizeof(struct event_close),
	[EVENT_RETRANSMIT] = sizeof(struct event_retransmit),
	[EVENT_RETRANSMIT_SYNACK] = sizeof(struct event_synack),
	[EVENT_RESET_SENT] = sizeof(struct event_reset_sent),
	[EVENT_RESET_RECEIVED] = sizeof(struct event_reset_received),
	[EVENT_ERROR] = sizeof(struct event_error),
	[EVENT_PROBE] = sizeof(struct event_probe),
	[EVENT_TIME_WAIT] = sizeof(struct event_time_wait),
	[EVENT_ACCEPT] = sizeof(struct event_accept),
	[EVENT_OOM_KILL] = sizeof(struct event_header),
	[EVENT_EXISTING] = sizeof(struct event_existing),
	[EVENT_STACK] = sizeof(struct event_stack),
};

size_t event_size(unsigned kind)
{
	return kind < EVENT_KINDS ? sizes[kind] : 0;
}

static bool state_valid(unsigned state)
{
	return state >= TCP_ESTABLISHED && state < TCP_STATES;
}

static bool family_valid(unsigned family)
{
	return family == 4 || family == 6;
}

static bool comm_valid(const char comm[EVENT_COMM_BYTES])
{
	return memchr(comm, '\0', EVENT_COMM_BYTES) != NULL;
}

static bool birth_valid(const struct event_birth *birth)
{
	return state_valid(birth->old_state) && state_valid(birth->new_state) && family_valid(birth->family) &&
	       comm_valid(birth->comm);
}

static bool close_valid(const struct event_close *close)
{
	return state_valid(close->old_state) && state_valid(close->new_state) && comm_valid(close->comm);
}

static bool state_event_valid(const struct event_state *state)
{
	return state_valid(state->old_state) && state_valid(state->new_state);
}

static bool state_task_valid(const struct event_state_task *task)
{
	return state_event_valid(&task->state) && comm_valid(task->comm);
}

/* Without a socket there is no state, and the family is that of a segment that may not be at hand. */
static bool reset_sent_valid(const struct event_reset_sent *reset)
{
	return (!reset->state || state_valid(reset->state)) && (!reset->family || family_valid(reset->family)) &&
	       reset->reason < RESET_REASONS;
}

/* A hook tier that only infers the end of a minisock has no substate to tell. */
static bool time_wait_valid(const struct event_time_wait *time_wait)
{
	return time_wait->change <= TIME_WAIT_RESET && (!time_wait->substate || state_valid(time_wait->substate));
}

static bool existing_valid(const struct event_existing *existing)
{
	return state_valid(existing->state) && (!existing->substate || state_valid(existing->substate)) &&
	       family_valid(existing->family) && existing->source <= EXISTING_NETNS && comm_valid(existing->comm);
}

static bool stack_valid(const struct event_stack *stack)
{
	for (unsigned i = 0; i < EVENT_FRAMES_MAX; i++)
		if (stack->frames[i].kind > FRAME_ADDRESS)
			return false;
	return stack->call <= STACK_ACCEPT;
}

static bool body_valid(const struct event_header *event)
{
	const void *body = event;

	switch (event->kind) {
	case EVENT_BIRTH: return birth_valid(body);
	case EVENT_STATE: return state_event_valid(body);
	case EVENT_STATE_TASK: return state_task_valid(body);
	case EVENT_CLOSE: return close_valid(body);
	case EVENT_RETRANSMIT: return state_valid(((const struct event_retransmit *)body)->state);
	case EVENT_RETRANSMIT_SYNACK: return family_valid(((const struct event_synack *)body)->family);
	case EVENT_RESET_SENT: return reset_sent_valid(body);
	case EVENT_RESET_RECEIVED: return state_valid(((const struct event_reset_received *)body)->state);
	case EVENT_ERROR: return state_valid(((const struct event_error *)body)->state);
	case EVENT_PROBE:
		return state_valid(((const struct event_probe *)body)->state) &&
		       ((const struct event_probe *)body)->probe <= PROBE_WINDOW;
	case EVENT_TIME_WAIT: return time_wait_valid(body);
	case EVENT_ACCEPT: return comm_valid(((const struct event_accept *)body)->comm);
	case EVENT_EXISTING: return existing_valid(body);
	case EVENT_STACK: return stack_valid(body);
	default: return true;
	}
}

int event_check(const struct event_header *event, size_t length)
{
	if (length < sizeof(*event) || event->version != EVENT_VERSION)
		return -EINVAL;
	if (!event_size(event->kind) || event_size(event->kind) != length)
		return -EINVAL;
	return body_valid(event) ? 0 : -EINVAL;
}
