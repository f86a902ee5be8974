/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tally.h: counts what the events say, for each network namespace, in such a way that it can be held against the
 * kernel's own counters (audit.h has the table). Its input are the events that the tracker takes, and the tracker for
 * the namespace of those that carry none. Pure; of the kernel's counters it knows nothing.
 */
#ifndef LASTACK_CORE_TALLY_H
#define LASTACK_CORE_TALLY_H

#include "core/tracker.h"
#include "event.h"

/* What is counted; an event is counted once under each item that it stands for. */
enum tally_item {
	TALLY_CONNECT,           /* CLOSE->SYN_SENT */
	TALLY_CONNECT_UNSENT,    /* SYN_SENT->CLOSE within connect(): no SYN has left, as where no port is free */
	TALLY_CHILD,             /* a listener's child: LISTEN->SYN_RECV, told or implied */
	TALLY_ATTEMPT_FAILED,    /* SYN_SENT or SYN_RECV ->CLOSE with an error, not by close() */
	TALLY_ESTABLISHED,       /* into ESTABLISHED or CLOSE_WAIT from elsewhere */
	TALLY_ESTABLISHED_LEFT,  /* out of these two */
	TALLY_ESTABLISHED_RESET, /* ESTABLISHED or CLOSE_WAIT ->CLOSE */
	TALLY_RESET_SENT,
	TALLY_RETRANSMIT, /* of a segment, or of a SYN-ACK for a request */
	TALLY_RETRANSMIT_FAILED,
	TALLY_RETRANSMIT_SYN, /* of these: SYN, or SYN-ACK */
	TALLY_RETRANSMIT_SYN_FAILED,
	TALLY_RETRANSMIT_SYNACK, /* of these: for a request, by its timer or because the SYN came again */
	TALLY_TIMEOUT,           /* of the retransmission timer: it repeats a segment or gives up */
	TALLY_KEEPALIVE,
	TALLY_ABORT_ON_DATA,
	TALLY_ABORT_ON_CLOSE,
	TALLY_ABORT_ON_TIMEOUT,
	TALLY_ABORT_ON_MEMORY,
	TALLY_ABORT_ON_LINGER,
	TALLY_ITEMS,
};

#define TALLY(item) (1U << TALLY_##item)

/* Where what belongs to no known connection is counted. */
#define TALLY_UNATTRIBUTED 0

struct tally_counts {
	uint64_t of[TALLY_ITEMS];
};

struct tally;

struct tally *tally_create(void);
void tally_destroy(struct tally *tally);
/* As it is now; NULL without memory. */
struct tally *tally_copy(const struct tally *tally);

/* A set of TALLY() that this event stands for. known: the connection before the event, or NULL. */
uint32_t tally_items(const struct event_header *event, const struct connection *known);
/* Before the tracker takes the event. */
void tally_event(struct tally *tally, struct tracker *tracker, const struct event_header *event);

/* Never NULL: zeros where nothing was counted. */
const struct tally_counts *tally_of(const struct tally *tally, uint32_t netns);
/* The namespaces that something was counted in; index 0 is TALLY_UNATTRIBUTED. */
size_t tally_netns_count(const struct tally *tally);
uint32_t tally_netns(const struct tally *tally, size_t index);
/* Nothing was ever counted in it; TALLY_UNATTRIBUTED stays. */
void tally_forget(struct tally *tally, uint32_t netns);
/* Events that had no room to be counted. */
uint64_t tally_dropped(const struct tally *tally);

#endif
