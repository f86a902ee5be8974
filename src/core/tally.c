/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tally.c: see tally.h. What each item means for a counter of the kernel stands in audit_counters.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/tally.h"

#define NETNS_FIRST 64
#define WAITING     64

/* Told before the birth or listing of its socket: counted as unattributed until that comes. */
struct waiting {
	uint64_t cookie;
	uint32_t items;
};

struct tally {
	uint32_t *netns; /* [0] is TALLY_UNATTRIBUTED */
	struct tally_counts *counts;
	size_t count, room, last;
	struct waiting waiting[WAITING];
	uint32_t waiting_next;
	uint64_t dropped;
};

/* ---- what an event stands for --------------------------------------------------------------------- */

static bool is_synchronised(uint8_t state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

static uint32_t items_of_states(uint8_t from, uint8_t to)
{
	if (is_synchronised(from) == is_synchronised(to))
		return 0;
	return is_synchronised(to) ? TALLY(ESTABLISHED) : TALLY(ESTABLISHED_LEFT);
}

/* SYN_RECV->anything announces a child unless it is known: by TCP Fast Open, or as a client (simultaneous open). */
static uint32_t items_of_birth(const struct event_birth *event, const struct connection *known)
{
	uint32_t items = items_of_states(event->old_state, event->new_state);
	bool announced = known && !(known->flags & CONNECTION_BIRTH_UNSEEN) &&
			 (known->state == TCP_SYN_RECV || known->state == TCP_SYN_SENT);

	if (event->new_state == TCP_LISTEN)
		return 0;
	if (event->old_state == TCP_CLOSE)
		return items | TALLY(CONNECT);
	if (event->old_state == TCP_LISTEN || (event->old_state == TCP_SYN_RECV && !announced))
		items |= TALLY(CHILD);
	return items;
}

/*
 * tcp_write_err() ends it: with ETIMEDOUT or what ICMP said before, from a timer, which has cleared its mark. An ICMP
 * error that kills by itself (SYN_SENT) or a reset finds the retransmission timer pending.
 */
static bool is_timeout(const struct event_close *event)
{
	return event->error == ETIMEDOUT ||
	       (event->error && event->error == event->soft_error && !event->pending_timer);
}

static uint32_t items_of_close(const struct event_close *event)
{
	uint16_t flags = event->header.flags;
	bool opening = event->old_state == TCP_SYN_SENT || event->old_state == TCP_SYN_RECV;
	bool closing = (flags & EVENT_TASK_ACTS) && (flags & EVENT_FILE_DEAD);
	uint32_t items = items_of_states(event->old_state, event->new_state);

	if (event->old_state == TCP_LISTEN || event->old_state == TCP_CLOSE)
		return 0;
	if (is_synchronised(event->old_state))
		items |= TALLY(ESTABLISHED_RESET);
	/* What came with the SYN of TCP Fast Open may be unread in SYN_RECV; in SYN_SENT nothing has come. */
	if (closing && !(flags & EVENT_REPAIR)) {
		if (event->unread_bytes && event->old_state != TCP_SYN_SENT)
			items |= TALLY(ABORT_ON_CLOSE);
		else if (flags & EVENT_LINGER_ZERO)
			items |= TALLY(ABORT_ON_DATA);
	}
	if (closing)
		return items;
	if (opening && event->error)
		items |= TALLY(ATTEMPT_FAILED);
	if (event->old_state == TCP_SYN_SENT && !event->error && (flags & EVENT_TASK_ACTS) && !event->pending_timer &&
	    !event->unacked_bytes)
		items |= TALLY(CONNECT_UNSENT);
	if (is_timeout(event))
		items |= TALLY(ABORT_ON_TIMEOUT);
	/* Keepalive and window probes end it with nothing in flight; so do SYN-ACKs of TCP Fast Open, but they count.
	 */
	if (is_timeout(event) && (!(flags & EVENT_NOTHING_IN_FLIGHT) || event->old_state == TCP_SYN_RECV))
		items |= TALLY(TIMEOUT);
	return items;
}

static uint32_t items_of_retransmit(const struct event_retransmit *event)
{
	bool syn = event->state == TCP_SYN_SENT || event->state == TCP_SYN_RECV;
	/* The timer has cleared its mark and counted; a fast retransmission finds it pending. */
	uint32_t items = !event->pending_timer && event->retransmits ? TALLY(TIMEOUT) : 0;

	if (event->error)
		return items | TALLY(RETRANSMIT_FAILED) | (syn ? TALLY(RETRANSMIT_SYN_FAILED) : 0);
	return items | TALLY(RETRANSMIT) | (syn ? TALLY(RETRANSMIT_SYN) : 0);
}

static uint32_t items_of_reset(const struct event_reset_sent *event)
{
	switch (event->reason) {
	case RESET_REASON_ABORT_ON_DATA: return TALLY(RESET_SENT) | TALLY(ABORT_ON_DATA);
	case RESET_REASON_ABORT_ON_MEMORY: return TALLY(RESET_SENT) | TALLY(ABORT_ON_MEMORY);
	case RESET_REASON_ABORT_ON_LINGER: return TALLY(RESET_SENT) | TALLY(ABORT_ON_LINGER);
	}
	return TALLY(RESET_SENT);
}

uint32_t tally_items(const struct event_header *event, const struct connection *known)
{
	const struct event_state *state = (const struct event_state *)event;

	switch (event->kind) {
	case EVENT_BIRTH: return items_of_birth((const struct event_birth *)event, known);
	case EVENT_STATE:
	case EVENT_STATE_TASK: return items_of_states(state->old_state, state->new_state);
	case EVENT_CLOSE: return items_of_close((const struct event_close *)event);
	case EVENT_RETRANSMIT: return items_of_retransmit((const struct event_retransmit *)event);
	case EVENT_RETRANSMIT_SYNACK: return TALLY(RETRANSMIT) | TALLY(RETRANSMIT_SYN) | TALLY(RETRANSMIT_SYNACK);
	case EVENT_RESET_SENT: return items_of_reset((const struct event_reset_sent *)event);
	case EVENT_PROBE: return ((const struct event_probe *)event)->probe == PROBE_KEEPALIVE ? TALLY(KEEPALIVE) : 0;
	}
	return 0;
}

/* ---- where it is counted -------------------------------------------------------------------------- */

static int tally_grow(struct tally *tally)
{
	size_t room = tally->room ? tally->room * 2 : NETNS_FIRST;
	struct tally_counts *counts = realloc(tally->counts, room * sizeof(*counts));
	uint32_t *netns;

	if (!counts)
		return -ENOMEM;
	tally->counts = counts;
	netns = realloc(tally->netns, room * sizeof(*netns));
	if (!netns)
		return -ENOMEM;
	tally->netns = netns;
	tally->room = room;
	return 0;
}

struct tally *tally_create(void)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return NULL;
	if (tally_grow(tally)) {
		tally_destroy(tally);
		return NULL;
	}
	tally->netns[0] = TALLY_UNATTRIBUTED;
	memset(&tally->counts[0], 0, sizeof(tally->counts[0]));
	tally->count = 1;
	return tally;
}

void tally_destroy(struct tally *tally)
{
	if (!tally)
		return;
	free(tally->netns);
	free(tally->counts);
	free(tally);
}

struct tally *tally_copy(const struct tally *tally)
{
	struct tally *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *tally;
	copy->netns = malloc(tally->room * sizeof(*copy->netns));
	copy->counts = malloc(tally->room * sizeof(*copy->counts));
	if (!copy->netns || !copy->counts) {
		tally_destroy(copy);
		return NULL;
	}
	memcpy(copy->netns, tally->netns, tally->count * sizeof(*copy->netns));
	memcpy(copy->counts, tally->counts, tally->count * sizeof(*copy->counts));
	return copy;
}

/* Mostly the namespace of the last event. There are dozens of them, seldom thousands. */
static size_t tally_index(const struct tally *tally, uint32_t netns)
{
	if (tally->last < tally->count && tally->netns[tally->last] == netns)
		return tally->last;
	for (size_t i = 0; i < tally->count; i++)
		if (tally->netns[i] == netns)
			return i;
	return tally->count;
}

static struct tally_counts *tally_place(struct tally *tally, uint32_t netns)
{
	size_t index = tally_index(tally, netns);

	if (index == tally->count) {
		if (tally->count == tally->room && tally_grow(tally))
			return NULL;
		tally->netns[index] = netns;
		memset(&tally->counts[index], 0, sizeof(tally->counts[index]));
		tally->count++;
	}
	tally->last = index;
	return &tally->counts[index];
}

static void tally_add(struct tally *tally, uint32_t netns, uint32_t items)
{
	struct tally_counts *counts = tally_place(tally, netns);

	if (!counts)
		tally->dropped++;
	for (unsigned item = 0; counts && item < TALLY_ITEMS; item++)
		counts->of[item] += items >> item & 1;
}

/* The socket with this cookie turns out to be in this namespace. */
static void waiting_settle(struct tally *tally, uint64_t cookie, uint32_t netns)
{
	for (unsigned i = 0; i < WAITING; i++) {
		struct waiting *waiting = &tally->waiting[i];

		if (!waiting->items || waiting->cookie != cookie)
			continue;
		for (unsigned item = 0; item < TALLY_ITEMS; item++)
			tally->counts[0].of[item] -= waiting->items >> item & 1;
		tally_add(tally, netns, waiting->items);
		waiting->items = 0;
	}
}

static uint32_t netns_told(const struct event_header *event)
{
	switch (event->kind) {
	case EVENT_BIRTH: return ((const struct event_birth *)event)->tuple.netns;
	case EVENT_EXISTING: return ((const struct event_existing *)event)->tuple.netns;
	case EVENT_RETRANSMIT_SYNACK: return ((const struct event_synack *)event)->tuple.netns;
	case EVENT_RESET_SENT: return ((const struct event_reset_sent *)event)->tuple.netns;
	}
	return 0;
}

/* Up to 6.12 the child of TCP Fast Open stands under its address at first. */
static const struct connection *known_before(struct tracker *tracker, const struct event_header *event)
{
	const struct connection *known = tracker_find(tracker, event->cookie);

	if (!known && event->kind == EVENT_BIRTH)
		known = tracker_find(tracker, ((const struct event_birth *)event)->socket);
	return known;
}

void tally_event(struct tally *tally, struct tracker *tracker, const struct event_header *event)
{
	const struct connection *known = known_before(tracker, event);
	uint32_t items = tally_items(event, known), netns = netns_told(event);

	if ((event->kind == EVENT_BIRTH || event->kind == EVENT_EXISTING) && event->cookie)
		waiting_settle(tally, event->cookie, netns);
	if (!items)
		return;
	if (!netns && known)
		netns = known->tuple.netns;
	if (!netns && event->cookie)
		tally->waiting[tally->waiting_next++ % WAITING] = (struct waiting){event->cookie, items};
	tally_add(tally, netns, items);
}

const struct tally_counts *tally_of(const struct tally *tally, uint32_t netns)
{
	static const struct tally_counts none;
	size_t index = tally_index(tally, netns);

	return index < tally->count ? &tally->counts[index] : &none;
}

size_t tally_netns_count(const struct tally *tally)
{
	return tally->count;
}

uint32_t tally_netns(const struct tally *tally, size_t index)
{
	return tally->netns[index];
}

void tally_forget(struct tally *tally, uint32_t netns)
{
	size_t index = tally_index(tally, netns);

	if (!index || index == tally->count)
		return;
	tally->count--;
	tally->netns[index] = tally->netns[tally->count];
	tally->counts[index] = tally->counts[tally->count];
}

uint64_t tally_dropped(const struct tally *tally)
{
	return tally->dropped;
}
