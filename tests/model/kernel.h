/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h: what a Linux kernel's hooks would show of a step of the reference machine, as records of event.h, and
 * what really happened: the truth that a report is held against. For the simulation; the tracker and the verdict
 * have no part in it.
 */
#ifndef LASTACK_TESTS_MODEL_KERNEL_H
#define LASTACK_TESTS_MODEL_KERNEL_H

#include "../unit/core_fixture.h"
#include "../unit/random_numbers.h"

/* What a report must say of the end. */
struct truth {
	enum connection_cause cause;
	enum connection_initiator initiator;
	enum connection_how how;
	bool told;                    /* a report can be expected: the connection showed itself, and ended */
	enum connection_cause before; /* what was true until a minisock met something else; CAUSE_UNOBSERVED: nothing */
};

#define STREAM_EVENTS_MAX 4096

struct stream_event {
	union sample_event event;
	uint32_t life;  /* whose */
	uint32_t order; /* among the events of its life */
};

struct stream {
	struct stream_event events[STREAM_EVENTS_MAX];
	uint32_t count;
};

/* One end of a connection as its kernel has it. */
struct kernel_socket {
	uint64_t cookie;
	struct event_tuple tuple;
	uint32_t life;
	uint8_t state;           /* of the machine */
	bool passive, announced; /* announced: its birth was shown */
	bool orphan;
	bool peer_fin, fin_first, fin_crossed;
	enum connection_initiator closer; /* of our FIN */
	enum connection_how closed_how;
	struct truth truth;
};

/*
 * The socket takes this step of the machine at `ms`: appends what the hooks show. held: the process keeps its
 * descriptor (shutdown() instead of close()).
 */
void kernel_step(struct kernel_socket *socket, const struct machine_rule *rule, bool held, uint64_t ms,
		 struct stream *stream, struct random_numbers *random);

#endif
