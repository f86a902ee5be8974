/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample_event.h: one valid record of each kind of event, for tests of what takes them in.
 */
#ifndef LASTACK_TESTS_SAMPLE_EVENT_H
#define LASTACK_TESTS_SAMPLE_EVENT_H

#include <string.h>

#include "core/event_check.h"
#include "core/tcp_machine.h"
#include "event.h"

union sample_event {
	struct event_header header;
	struct event_birth birth;
	struct event_state state;
	struct event_state_task state_task;
	struct event_close close;
	struct event_retransmit retransmit;
	struct event_synack synack;
	struct event_reset_sent reset_sent;
	struct event_reset_received reset_received;
	struct event_error error;
	struct event_probe probe;
	struct event_time_wait time_wait;
	struct event_accept accept;
	struct event_existing existing;
	struct event_stack stack;
	unsigned char bytes[EVENT_MAX_BYTES];
	uint64_t words[EVENT_MAX_BYTES / 8];
};

static inline void sample_states_set(union sample_event *event)
{
	switch (event->header.kind) {
	case EVENT_BIRTH:
		event->birth.old_state = TCP_CLOSE;
		event->birth.new_state = TCP_SYN_SENT;
		event->birth.family = 4;
		break;
	case EVENT_STATE:
	case EVENT_STATE_TASK:
	case EVENT_CLOSE:
		event->state.old_state = TCP_LAST_ACK;
		event->state.new_state = event->header.kind == EVENT_CLOSE ? TCP_CLOSE : TCP_FIN_WAIT1;
		break;
	case EVENT_RETRANSMIT_SYNACK: event->synack.family = 6; break;
	case EVENT_EXISTING:
		event->existing.state = TCP_CLOSE_WAIT;
		event->existing.substate = 0;
		event->existing.family = 6;
		event->existing.source = EXISTING_FILE;
		break;
	case EVENT_RESET_SENT:
		event->reset_sent.family = 4;
		event->reset_sent.reason = RESET_REASON_NO_SOCKET;
		event->reset_sent.state = 0;
		break;
	case EVENT_TIME_WAIT:
		event->time_wait.change = TIME_WAIT_BEGIN;
		event->time_wait.substate = TCP_TIME_WAIT;
		break;
	case EVENT_PROBE:
		event->probe.probe = PROBE_KEEPALIVE;
		event->probe.state = TCP_ESTABLISHED;
		break;
	case EVENT_STACK:
		event->stack.call = STACK_ACCEPT;
		for (unsigned i = 0; i < EVENT_FRAMES_MAX; i++)
			event->stack.frames[i].kind = i < 3 ? FRAME_FILE : FRAME_NONE;
		break;
	default: event->bytes[sizeof(event->header)] = TCP_ESTABLISHED; /* retransmit, reset received, error */
	}
}

/* All members that no rule holds for are `fill`. */
static inline union sample_event sample_event_make(unsigned kind, unsigned char fill)
{
	union sample_event event;

	memset(&event, fill, sizeof(event));
	event.header = (struct event_header){
		.time_ns = 1000000000 + kind,
		.cookie = 4711,
		.pid = 99,
		.kind = (__u8)kind,
		.version = EVENT_VERSION,
		.flags = EVENT_TASK_ACTS,
	};
	sample_states_set(&event);
	if (kind == EVENT_BIRTH)
		memcpy(event.birth.comm, "nginx", 6);
	if (kind == EVENT_STATE_TASK)
		memcpy(event.state_task.comm, "nginx", 6);
	if (kind == EVENT_CLOSE)
		memcpy(event.close.comm, "nginx", 6);
	if (kind == EVENT_ACCEPT)
		memcpy(event.accept.comm, "nginx", 6);
	if (kind == EVENT_EXISTING)
		memcpy(event.existing.comm, "nginx", 6);
	return event;
}

#endif
