/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_machine.h: the reference machine that every observed transition is held against.
 *
 * One table (tcp_machine_table.c) holds the transitions of RFC 9293 and, as entries of their own, what Linux
 * does or shows instead. Code, documentation and pictures come from it. Pure: no event, no connection, no
 * clock; in goes a pair of states with what was seen around it, out comes what the reference says of it.
 */
#ifndef LASTACK_CORE_TCP_MACHINE_H
#define LASTACK_CORE_TCP_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "report.h"

/*
 * States are those of enum tcp_state, and one more: what remains of an orphan in FIN_WAIT2. Linux hands it to
 * a minisock, as it does with TIME_WAIT.
 */
enum machine_state {
	MACHINE_FIN_WAIT2_MINISOCK = TCP_STATES,
	MACHINE_STATES,
};

enum machine_input_kind {
	INPUT_KIND_CALL,
	INPUT_KIND_SEGMENT,
	INPUT_KIND_TIMER,
	INPUT_KIND_KERNEL,
};

/*
 * What makes the machine move. A segment is taken apart as RFC 9293 3.10.7 does: one that carries a FIN and
 * acknowledges ours is two inputs, the acknowledgement first.
 */
#define MACHINE_INPUTS(X)                                                                                              \
	X(INPUT_OPEN_PASSIVE, "passive_open", INPUT_KIND_CALL, "listen()")                                             \
	X(INPUT_OPEN_ACTIVE, "active_open", INPUT_KIND_CALL, "connect()")                                              \
	X(INPUT_CLOSE, "close", INPUT_KIND_CALL, "close(), shutdown(SHUT_WR) or the end of the process")               \
	X(INPUT_ABORT, "abort", INPUT_KIND_CALL, "close() with SO_LINGER {1, 0} or with unread data")                  \
	X(INPUT_DISCONNECT, "disconnect", INPUT_KIND_CALL, "connect(AF_UNSPEC)")                                       \
	X(INPUT_DESTROY, "destroy", INPUT_KIND_CALL, "SOCK_DESTROY (ss -K), bpf_sock_destroy()")                       \
	X(INPUT_REPAIR_CLOSE, "repair_close", INPUT_KIND_CALL, "close() with TCP_REPAIR")                              \
	X(INPUT_LISTENER_CLOSE, "listener_close", INPUT_KIND_CALL, "close() of the listener before accept()")          \
	X(INPUT_SYN, "syn", INPUT_KIND_SEGMENT, "SYN")                                                                 \
	X(INPUT_SYN_FAST_OPEN, "syn_fast_open", INPUT_KIND_SEGMENT, "SYN with a valid Fast Open cookie")               \
	X(INPUT_SYN_OWN, "syn_own", INPUT_KIND_SEGMENT, "the socket's own SYN")                                        \
	X(INPUT_SYN_NEW, "syn_new", INPUT_KIND_SEGMENT, "SYN of another incarnation of the same address pair")         \
	X(INPUT_SYN_ACK, "syn_ack", INPUT_KIND_SEGMENT, "SYN that acknowledges ours")                                  \
	X(INPUT_ACK_OF_SYN, "ack_of_syn", INPUT_KIND_SEGMENT, "ACK of our SYN")                                        \
	X(INPUT_ACK_OF_FIN, "ack_of_fin", INPUT_KIND_SEGMENT, "ACK of our FIN")                                        \
	X(INPUT_FIN, "fin", INPUT_KIND_SEGMENT, "FIN")                                                                 \
	X(INPUT_DATA_AFTER_CLOSE, "data_after_close", INPUT_KIND_SEGMENT, "data though nobody can read any more")      \
	X(INPUT_RST, "rst", INPUT_KIND_SEGMENT, "RST")                                                                 \
	X(INPUT_RST_PASSIVE, "rst_passive", INPUT_KIND_SEGMENT, "RST where the open was passive")                      \
	X(INPUT_RST_MPTCP, "rst_mptcp", INPUT_KIND_KERNEL, "MPTCP resets its subflow")                                 \
	X(INPUT_SUBFLOW_CLOSE, "subflow_close", INPUT_KIND_KERNEL, "MPTCP closes its subflow")                         \
	X(INPUT_SUBFLOW_REFUSED, "subflow_refused", INPUT_KIND_KERNEL, "MPTCP does not take the subflow in")           \
	X(INPUT_USER_TIMEOUT, "user_timeout", INPUT_KIND_TIMER, "retransmissions or window probes ran out")            \
	X(INPUT_KEEPALIVE_TIMEOUT, "keepalive_timeout", INPUT_KIND_TIMER, "keepalive probes ran out")                  \
	X(INPUT_TIME_WAIT_TIMEOUT, "time_wait_timeout", INPUT_KIND_TIMER, "2 MSL are over (Linux: 60 s)")              \
	X(INPUT_FIN_WAIT2_TIMEOUT, "fin_wait2_timeout", INPUT_KIND_TIMER, "tcp_fin_timeout or TCP_LINGER2 is over")    \
	X(INPUT_ORPHANED, "orphaned", INPUT_KIND_KERNEL, "no process holds the socket")                                \
	X(INPUT_ORPHANED_LINGER2, "orphaned_linger2", INPUT_KIND_KERNEL,                                               \
	  "no process holds the socket, and TCP_LINGER2 is negative")                                                  \
	X(INPUT_ICMP, "icmp", INPUT_KIND_KERNEL, "ICMP error")                                                         \
	X(INPUT_NO_LOCAL_PORT, "no_local_port", INPUT_KIND_KERNEL, "no local port or route is left")                   \
	X(INPUT_LIMIT, "limit", INPUT_KIND_KERNEL, "tcp_max_orphans or tcp_mem")                                       \
	X(INPUT_TIME_WAIT_LIMIT, "time_wait_limit", INPUT_KIND_KERNEL, "tcp_max_tw_buckets")                           \
	X(INPUT_NETNS_EXIT, "netns_exit", INPUT_KIND_KERNEL, "the network namespace is gone")

#define MACHINE_INPUT_ENUM(input, ...) input,
enum machine_input { MACHINE_INPUTS(MACHINE_INPUT_ENUM) INPUTS };

/*
 * What can be seen around a transition and explains it: signs. Each stands for a pattern of facts (judge.c
 * tells which), not for one field of the kernel's.
 */
#define MACHINE_SIGNS(X)                                                                                               \
	X(SIGN_LOCAL_CALL, "local_call", "a task that held the socket's lock")                                         \
	X(SIGN_PEER_FIN, "peer_fin", "the peer's FIN had been processed (SOCK_DONE)")                                  \
	X(SIGN_FIN_ACKED, "fin_acked", "everything sent was acknowledged, our FIN too")                                \
	X(SIGN_MINISOCK, "minisock", "no error and no reset: a minisock took over")                                    \
	X(SIGN_RESET_RECEIVED, "reset_received", "a reset came in (tcp_receive_reset)")                                \
	X(SIGN_RESET_ANSWER, "reset_answer", "a segment was answered with a reset (tcp_send_reset)")                   \
	X(SIGN_TIMED_OUT, "timed_out", "a timer gave up: ETIMEDOUT, or an ICMP error after retransmissions or probes") \
	X(SIGN_ICMP, "icmp", "an error that only ICMP sets")                                                           \
	X(SIGN_ABORT_CALL, "abort_call", "close() with SO_LINGER {1, 0} or with unread data")                          \
	X(SIGN_DISCONNECT, "disconnect", "a task left the connection and kept the file open")                          \
	X(SIGN_DESTROYED, "destroyed", "ECONNABORTED, set by a task")                                                  \
	X(SIGN_REPAIR, "repair", "TCP_REPAIR was on")                                                                  \
	X(SIGN_LISTENER_GONE, "listener_gone", "a child that nobody had accepted was reset in its listener's close()") \
	X(SIGN_LIMIT, "limit", "an orphan was reset by its own kernel")                                                \
	X(SIGN_LINGER2, "linger2", "a reset was sent in FIN_WAIT2 with TCP_LINGER2 < 0")                               \
	X(SIGN_SILENT_END, "silent_end", "an orphan in its timer, without error, reset or lost events")                \
	X(SIGN_NO_SYN, "no_syn", "connect() failed before a SYN was sent")                                             \
	X(SIGN_SELF, "self", "both ends are the same address and port")                                                \
	X(SIGN_PASSIVE, "passive", "it was opened through a listener")                                                 \
	X(SIGN_FAST_OPEN, "fast_open", "the child was announced before its handshake was complete")                    \
	X(SIGN_MPTCP, "mptcp", "a reset that MPTCP asked for")                                                         \
	X(SIGN_SYNACK_TIMEOUT, "synack_timeout", "the SYN-ACKs ran out")                                               \
	X(SIGN_TIMER_ENDED, "timer_ended", "the minisock's timer ended it")                                            \
	X(SIGN_REUSED, "reused", "a connection took over the address pair")                                            \
	X(SIGN_NOTHING_LOST, "nothing_lost", "no event was lost nearby")

#define MACHINE_SIGN_INDEX(sign, ...) sign##_INDEX,
enum machine_sign_index { MACHINE_SIGNS(MACHINE_SIGN_INDEX) SIGN_INDICES };
#define MACHINE_SIGN_ENUM(sign, ...) sign = 1U << sign##_INDEX,
enum machine_sign { MACHINE_SIGNS(MACHINE_SIGN_ENUM) };

/* How an entry shows itself to somebody who watches the kernel. */
enum machine_shown {
	SHOWN_NOT,      /* never, or only on a path that Linux does not take */
	SHOWN_STATE,    /* inet_sock_set_state, as shown_from -> shown_to */
	SHOWN_MINISOCK, /* by what becomes of a TIME_WAIT or FIN_WAIT2 minisock */
	SHOWN_REQUEST,  /* by what becomes of a request socket */
};

struct machine_rule {
	uint8_t from, to;             /* enum tcp_state or machine_state; equal: the machine stays */
	uint8_t input;                /* enum machine_input */
	uint8_t shown;                /* enum machine_shown */
	uint8_t shown_from, shown_to; /* with SHOWN_STATE: not always from and to */
	uint8_t verdict;              /* CONFORMANCE_CONFORMANT (RFC 9293) or CONFORMANCE_LINUX_VARIANT */
	uint32_t need;                /* enum machine_sign, all of them: what must have been seen */
	const char *why;              /* what happens, for a person */
	const char *source;           /* RFC and section, or the kernel's function */
	const char *since;            /* first kernel that does so; NULL: RFC, or ever since 2.6 */
};

/*
 * The entries of each pair of states that is shown, and those of each state that a minisock's or request's end shows,
 * in their order: 1 + index, 0 ends the chain.
 */
struct machine_index {
	uint8_t first[TCP_STATES][TCP_STATES];
	uint8_t first_unshown[MACHINE_STATES];
	uint8_t next[UINT8_MAX];
};

struct machine {
	const struct machine_rule *rules;
	size_t count;
	const struct machine_index *index; /* NULL: none, all entries are looked through */
};

/* The reference. Its order matters: of several entries that a transition satisfies the first one counts. */
const struct machine *machine_reference(void);

/*
 * What the machine says of a transition from -> to that inet_sock_set_state showed, given the signs seen
 * (enum machine_sign). Gives the entry, or NULL in *rule and CONFORMANCE_VIOLATION; without SIGN_NOTHING_LOST
 * that becomes CONFORMANCE_GAP: what would explain it may be among the lost events.
 */
enum conformance machine_judge(const struct machine *machine, uint8_t from, uint8_t to, uint32_t signs,
			       const struct machine_rule **rule);

/* The entry that a minisock's or request's end from this state shows, or NULL. */
const struct machine_rule *machine_judge_unshown(const struct machine *machine, enum machine_shown shown, uint8_t from,
						 uint32_t signs);

/*
 * The entry for an input in a state, or NULL: as Linux does it (linux_too), else as RFC 9293 alone. Where
 * Linux has entries of its own for this pair, they replace the RFC's.
 */
const struct machine_rule *machine_step(const struct machine *machine, uint8_t state, uint8_t input, int linux_too);

/* Can inet_sock_set_state lead from one state to the other, over any number of shown entries, in one life? */
int machine_leads(const struct machine *machine, uint8_t from, uint8_t to);

#endif
