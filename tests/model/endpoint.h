/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * endpoint.h: one end of a TCP connection, small enough that two of them and what is on its way between them can be
 * explored exhaustively. It keeps facts (what was sent, acknowledged, received, asked for), takes what happens apart
 * into inputs of the reference machine, and moves by the machine's table alone. Because the facts would do without
 * the table, they say which state it must have led to: that is the oracle.
 *
 * Sequence numbers are abstract: within one incarnation the SYN is 0, then comes at most one unit of data, then the
 * FIN. An incarnation's number stands for its initial sequence number.
 */
#ifndef LASTACK_TESTS_MODEL_ENDPOINT_H
#define LASTACK_TESTS_MODEL_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/tcp_machine.h"

/* ---- segments ------------------------------------------------------------------------------------- */

enum segment_kind {
	SEGMENT_NONE, /* an empty place in the channel */
	SEGMENT_ACK,
	SEGMENT_PROBE, /* keepalive: wants an answer */
	SEGMENT_DATA,
	SEGMENT_SYN,
	SEGMENT_SYN_FIN, /* nobody's, but RFC 9293 3.10.7.2 says what to do with it */
	SEGMENT_FIN,
	SEGMENT_RST,
};

union segment {
	struct {
		uint16_t kind : 3;
		uint16_t incarnation : 2; /* of its sender; 0: it does not say */
		uint16_t seq : 2;
		uint16_t has_ack : 1;
		uint16_t ack_incarnation : 2;
		uint16_t ack : 2;
	};
	uint16_t bits;
};

/* ---- one end --------------------------------------------------------------------------------------- */

struct endpoint {
	uint8_t state;           /* enum machine_state: where the table has led to */
	uint8_t incarnation : 2; /* ours; 0: none yet */
	uint8_t peer : 2;        /* the peer's, once its SYN has come; 0: not yet */
	uint8_t una : 2;         /* sent and acknowledged up to here */
	uint8_t opens_left : 2;
	/* what has been sent and received */
	uint8_t connected : 1; /* there is a connection, or an attempt at one */
	uint8_t data_sent : 1;
	uint8_t fin_sent : 1;
	uint8_t data_received : 1;
	uint8_t fin_received : 1;
	uint8_t peer_fin_first : 1;
	uint8_t request : 1;  /* Linux: a request socket stands for it */
	uint8_t minisock : 1; /* Linux: a minisock stands for it */
	/* who has it */
	uint8_t up : 1;       /* the host runs */
	uint8_t listener : 1; /* something listens */
	uint8_t passive : 1;  /* opened through the listener */
	uint8_t accepted : 1;
	uint8_t held : 1;   /* by a process */
	uint8_t closed : 1; /* the process has asked for the close */
	uint8_t keepalive : 1;
	uint8_t fast_open : 1; /* the listener takes TCP Fast Open */
	/* what may still happen */
	uint8_t data_left : 1;
	uint8_t crash_left : 1;
	uint8_t special_left : 1; /* one of what is rare */
	uint8_t odd_left : 1;     /* one SYN with FIN from nowhere */
	uint8_t no_time_wait : 1; /* Linux: tcp_max_tw_buckets is reached */
};

/* One step of the machine, as it is made. */
struct machine_move {
	int host;
	const struct machine_rule *rule;
	uint32_t signs;     /* what somebody who watches would have seen around it */
	uint32_t essential; /* of these: without any of them it cannot be told for what it is */
	bool held;          /* a process keeps the descriptor */
};

struct model {
	const struct machine *machine;
	bool linux_too; /* Linux's entries in place of the RFC's */
	bool self;      /* one end only, joined with itself */
	const struct machine_rule *step[MACHINE_STATES][INPUTS];
	void (*moved)(void *arg, const struct machine_move *move);
	void *moved_arg;
	void (*send)(void *arg, int host, union segment segment);
	void *send_arg;
	const char *wrong; /* what went wrong, NULL: nothing */
	uint8_t wrong_state, wrong_input;
};

/* Fills the look-up table. */
void model_prepare(struct model *model, const struct machine *machine, bool linux_too);

/* The state that the facts say it must be in, derived without the table. */
uint8_t endpoint_state_by_facts(const struct endpoint *end);

/* One more than the last sequence number sent, and the next one expected. */
unsigned int endpoint_snd_nxt(const struct endpoint *end);
unsigned int endpoint_rcv_nxt(const struct endpoint *end);
bool endpoint_is_minisock(const struct endpoint *end);

/*
 * What can happen to an end. Each is done only where endpoint_may() allows it. Of a call the process keeps its
 * descriptor with EVENT_SHUTDOWN and gives it up with EVENT_CLOSE.
 */
#define ENDPOINT_EVENTS(X)                                                                                             \
	X(HAPPENS_LISTEN, "listen()")                                                                                  \
	X(HAPPENS_CONNECT, "connect()")                                                                                \
	X(HAPPENS_CONNECT_NO_PORT, "connect() without a port left")                                                    \
	X(HAPPENS_ACCEPT, "accept()")                                                                                  \
	X(HAPPENS_SEND, "send()")                                                                                      \
	X(HAPPENS_SHUTDOWN, "shutdown(SHUT_WR)")                                                                       \
	X(HAPPENS_CLOSE, "close()")                                                                                    \
	X(HAPPENS_CLOSE_LISTENER, "close() of the listener")                                                           \
	X(HAPPENS_ABORT, "close() with SO_LINGER {1, 0}")                                                              \
	X(HAPPENS_DISCONNECT, "connect(AF_UNSPEC)")                                                                    \
	X(HAPPENS_REPAIR_CLOSE, "close() with TCP_REPAIR")                                                             \
	X(HAPPENS_DESTROY, "SOCK_DESTROY")                                                                             \
	X(HAPPENS_DESTROY_LISTENER, "SOCK_DESTROY of the listener")                                                    \
	X(HAPPENS_SUBFLOW_CLOSE, "MPTCP closes the subflow")                                                           \
	X(HAPPENS_SUBFLOW_RESET, "MPTCP resets the subflow")                                                           \
	X(HAPPENS_SUBFLOW_REFUSED, "MPTCP refuses the subflow")                                                        \
	X(HAPPENS_ICMP, "ICMP error")                                                                                  \
	X(HAPPENS_LIMIT, "orphan limit")                                                                               \
	X(HAPPENS_NETNS_EXIT, "network namespace exit")                                                                \
	X(HAPPENS_LINGER2, "TCP_LINGER2 < 0")                                                                          \
	X(HAPPENS_TIME_WAIT_LIMIT, "TIME_WAIT limit")                                                                  \
	X(HAPPENS_CRASH, "crash")                                                                                      \
	X(HAPPENS_REBOOT, "reboot")                                                                                    \
	X(HAPPENS_ODD_SYN, "SYN with FIN from nowhere")                                                                \
	/* from here on: without help */                                                                               \
	X(HAPPENS_ORPHANED, "nobody holds it")                                                                         \
	X(HAPPENS_RETRANSMIT, "retransmission timer")                                                                  \
	X(HAPPENS_KEEPALIVE_PROBE, "keepalive timer")                                                                  \
	X(HAPPENS_GIVE_UP, "retransmissions ran out")                                                                  \
	X(HAPPENS_KEEPALIVE_TIMEOUT, "keepalive probes ran out")                                                       \
	X(HAPPENS_TIME_WAIT_OVER, "2 MSL are over")                                                                    \
	X(HAPPENS_FIN_WAIT2_OVER, "tcp_fin_timeout is over")

#define ENDPOINT_EVENT_ENUM(event, text) event,
enum endpoint_event { ENDPOINT_EVENTS(ENDPOINT_EVENT_ENUM) ENDPOINT_EVENTS_COUNT };
#define HAPPENS_BY_ITSELF HAPPENS_ORPHANED /* this one and all after it */

const char *endpoint_event_name(unsigned int event);

/* channel_quiet: nothing of the connection's is on its way any more. */
bool endpoint_may(const struct model *model, const struct endpoint *end, enum endpoint_event event, bool channel_quiet);
void endpoint_happens(struct model *model, int host, struct endpoint *end, enum endpoint_event event);
void endpoint_receives(struct model *model, int host, struct endpoint *end, union segment segment);

#endif
