/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h: what lastack says of one connection, between the verdict (src/core) and everything that
 * shows it (src/report, src/store).
 *
 * It holds facts, not text: enums, numbers and instants in CLOCK_MONOTONIC nanoseconds. Words, wall
 * clock and units of the outside are the business of src/report. Each list of words stands once, here:
 * the enum, its name in JSON and in the documentation come from the same line.
 */
#ifndef LASTACK_REPORT_H
#define LASTACK_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTION_CLASSES(X)                                                                                          \
	X(CLASS_UNKNOWN, "unknown")                                                                                    \
	X(CLASS_GRACEFUL, "graceful")                                                                                  \
	X(CLASS_RESET, "reset")                                                                                        \
	X(CLASS_RETRANSMIT_TIMEOUT, "retransmit_timeout")                                                              \
	X(CLASS_KEEPALIVE_TIMEOUT, "keepalive_timeout")                                                                \
	X(CLASS_OTHER_TIMEOUT, "other_timeout")                                                                        \
	X(CLASS_OPEN_FAILED, "open_failed")                                                                            \
	X(CLASS_ABORTED, "aborted")

#define CONNECTION_CAUSES(X)                                                                                           \
	X(CAUSE_UNOBSERVED, "unobserved", CLASS_UNKNOWN)                                                               \
	X(CAUSE_FIN_LOCAL_FIRST, "fin_local_first", CLASS_GRACEFUL)                                                    \
	X(CAUSE_FIN_PEER_FIRST, "fin_peer_first", CLASS_GRACEFUL)                                                      \
	X(CAUSE_FIN_SIMULTANEOUS, "fin_simultaneous", CLASS_GRACEFUL)                                                  \
	X(CAUSE_RST_SENT_LINGER, "rst_sent_linger", CLASS_RESET)                                                       \
	X(CAUSE_RST_SENT_UNREAD_DATA, "rst_sent_unread_data", CLASS_RESET)                                             \
	X(CAUSE_RST_SENT_DATA_AFTER_CLOSE, "rst_sent_data_after_close", CLASS_RESET)                                   \
	X(CAUSE_RST_SENT_DISCONNECT, "rst_sent_disconnect", CLASS_RESET)                                               \
	X(CAUSE_RST_SENT_LISTENER_CLOSED, "rst_sent_listener_closed", CLASS_RESET)                                     \
	X(CAUSE_RST_SENT_PROTOCOL, "rst_sent_protocol", CLASS_RESET)                                                   \
	X(CAUSE_RST_RECEIVED, "rst_received", CLASS_RESET)                                                             \
	X(CAUSE_DATA_RETRANSMIT_TIMEOUT, "data_retransmit_timeout", CLASS_RETRANSMIT_TIMEOUT)                          \
	X(CAUSE_FIN_RETRANSMIT_TIMEOUT, "fin_retransmit_timeout", CLASS_RETRANSMIT_TIMEOUT)                            \
	X(CAUSE_USER_TIMEOUT, "user_timeout", CLASS_RETRANSMIT_TIMEOUT)                                                \
	X(CAUSE_KEEPALIVE_PROBES_UNANSWERED, "keepalive_probes_unanswered", CLASS_KEEPALIVE_TIMEOUT)                   \
	X(CAUSE_KEEPALIVE_USER_TIMEOUT, "keepalive_user_timeout", CLASS_KEEPALIVE_TIMEOUT)                             \
	X(CAUSE_ZERO_WINDOW_TIMEOUT, "zero_window_timeout", CLASS_OTHER_TIMEOUT)                                       \
	X(CAUSE_FIN_WAIT2_TIMEOUT, "fin_wait2_timeout", CLASS_OTHER_TIMEOUT)                                           \
	X(CAUSE_REFUSED, "refused", CLASS_OPEN_FAILED)                                                                 \
	X(CAUSE_SYN_TIMEOUT, "syn_timeout", CLASS_OPEN_FAILED)                                                         \
	X(CAUSE_SYNACK_TIMEOUT, "synack_timeout", CLASS_OPEN_FAILED)                                                   \
	X(CAUSE_UNREACHABLE, "unreachable", CLASS_OPEN_FAILED)                                                         \
	X(CAUSE_CANCELLED, "cancelled", CLASS_OPEN_FAILED)                                                             \
	X(CAUSE_RESET_IN_HANDSHAKE, "reset_in_handshake", CLASS_OPEN_FAILED)                                           \
	X(CAUSE_DESTROYED, "destroyed", CLASS_ABORTED)                                                                 \
	X(CAUSE_ORPHAN_LIMIT, "orphan_limit", CLASS_ABORTED)                                                           \
	X(CAUSE_MEMORY, "memory", CLASS_ABORTED)                                                                       \
	X(CAUSE_NETNS_EXIT, "netns_exit", CLASS_ABORTED)                                                               \
	X(CAUSE_ICMP_ERROR, "icmp_error", CLASS_ABORTED)

/* What makes a cause more precise without changing it. */
#define CONNECTION_CONTEXTS(X)                                                                                         \
	X(CONTEXT_NONE, NULL)                                                                                          \
	X(CONTEXT_ESTABLISHED, "established")                                                                          \
	X(CONTEXT_PEER_LOST_STATE, "peer_lost_state")                                                                  \
	X(CONTEXT_ANSWER_TO_KEEPALIVE, "answer_to_keepalive")                                                          \
	X(CONTEXT_AFTER_CHALLENGE_ACK, "after_challenge_ack")                                                          \
	X(CONTEXT_AFTER_LOCAL_FIN, "after_local_fin")                                                                  \
	X(CONTEXT_AFTER_PEER_FIN, "after_peer_fin")                                                                    \
	X(CONTEXT_LOCAL_TRANSMIT_FAILED, "local_transmit_failed")                                                      \
	X(CONTEXT_ICMP, "icmp")                                                                                        \
	X(CONTEXT_USER_TIMEOUT, "user_timeout")                                                                        \
	X(CONTEXT_ORPHAN, "orphan")                                                                                    \
	X(CONTEXT_OOM_KILL, "oom_kill")                                                                                \
	X(CONTEXT_NO_LOCAL_PORT, "no_local_port")                                                                      \
	X(CONTEXT_TCP_REPAIR, "tcp_repair")

#define CONNECTION_INITIATORS(X)                                                                                       \
	X(INITIATOR_UNKNOWN, "unknown")                                                                                \
	X(INITIATOR_LOCAL_APP, "local_app")                                                                            \
	X(INITIATOR_LOCAL_EXIT, "local_exit")                                                                          \
	X(INITIATOR_LOCAL_KERNEL, "local_kernel")                                                                      \
	X(INITIATOR_LOCAL_ADMIN, "local_admin")                                                                        \
	X(INITIATOR_PEER, "peer")                                                                                      \
	X(INITIATOR_NETWORK, "network")

#define CONNECTION_HOWS(X)                                                                                             \
	X(HOW_NONE, NULL)                                                                                              \
	X(HOW_CLOSE, "close")                                                                                          \
	X(HOW_SHUTDOWN, "shutdown")                                                                                    \
	X(HOW_LINGER, "linger")                                                                                        \
	X(HOW_DISCONNECT, "disconnect")                                                                                \
	X(HOW_LISTENER_CLOSE, "listener_close")                                                                        \
	X(HOW_EXIT, "exit")                                                                                            \
	X(HOW_SIGNAL, "signal")                                                                                        \
	X(HOW_TIMER, "timer")                                                                                          \
	X(HOW_LIMIT, "limit")                                                                                          \
	X(HOW_SOCK_DESTROY, "sock_destroy")                                                                            \
	X(HOW_NETNS_EXIT, "netns_exit")                                                                                \
	X(HOW_ICMP, "icmp")

#define CONNECTION_ROLES(X)                                                                                            \
	X(ROLE_UNKNOWN, "unknown")                                                                                     \
	X(ROLE_CLIENT, "client")                                                                                       \
	X(ROLE_SERVER, "server")                                                                                       \
	X(ROLE_BOTH, "both")

#define COMPLETENESSES(X)                                                                                              \
	X(COMPLETENESS_COMPLETE, "complete")                                                                           \
	X(COMPLETENESS_PARTIAL, "partial")                                                                             \
	X(COMPLETENESS_INFERRED, "inferred")

#define PROCESS_SOURCES(X)                                                                                             \
	X(SOURCE_UNKNOWN, "unknown")                                                                                   \
	X(SOURCE_LISTENER, "listener")                                                                                 \
	X(SOURCE_CONNECT, "connect")                                                                                   \
	X(SOURCE_ACCEPT, "accept")                                                                                     \
	X(SOURCE_DESCRIPTOR, "descriptor")                                                                             \
	X(SOURCE_CLOSE, "close")

#define CONFORMANCES(X)                                                                                                \
	X(CONFORMANCE_NOT_CHECKED, "not_checked")                                                                      \
	X(CONFORMANCE_CONFORMANT, "conformant")                                                                        \
	X(CONFORMANCE_LINUX_VARIANT, "linux_variant")                                                                  \
	X(CONFORMANCE_GAP, "gap")                                                                                      \
	X(CONFORMANCE_VIOLATION, "violation")

#define TIME_WAIT_ENDS(X)                                                                                              \
	X(TIME_WAIT_END_PENDING, NULL)                                                                                 \
	X(TIME_WAIT_END_EXPIRED, "expired")                                                                            \
	X(TIME_WAIT_END_REUSED, "reused")                                                                              \
	X(TIME_WAIT_END_RESET, "reset")                                                                                \
	X(TIME_WAIT_END_UNKNOWN, "unknown")

/*
 * One observed fact that a verdict rests on, with one number. The text is a printf format for that
 * number (an unsigned long long); a format that does not use it ignores it.
 */
#define EVIDENCES(X)                                                                                                   \
	X(EVIDENCE_LOCAL_FIN_FIRST, "our FIN was sent before one from the peer was seen")                              \
	X(EVIDENCE_PEER_FIN_FIRST, "the peer's FIN came before ours was sent")                                         \
	X(EVIDENCE_FIN_CROSSED, "both FINs were on their way at the same time (state CLOSING)")                        \
	X(EVIDENCE_LAST_ACK, "the peer acknowledged our FIN")                                                          \
	X(EVIDENCE_PEER_FIN_UNSEEN,                                                                                    \
	  "the peer's FIN had not been seen when the socket was handed to a minisock in FIN_WAIT2")                    \
	X(EVIDENCE_FILE_RELEASED, "the socket's file was in its final release")                                        \
	X(EVIDENCE_FILE_ALIVE, "the socket's file stayed open")                                                        \
	X(EVIDENCE_TASK_EXITING, "the closing task was exiting, exit code as in wait(2): %llu")                        \
	X(EVIDENCE_OOM_VICTIM, "the kernel had chosen the process as an out-of-memory victim")                         \
	X(EVIDENCE_RESET_RECEIVED, "tcp_receive_reset on this socket")                                                 \
	X(EVIDENCE_RESET_SENT, "tcp_send_reset on this socket")                                                        \
	X(EVIDENCE_RESET_STATELESS, "the reset lacked the timestamp option that the connection had negotiated: its "   \
				    "sender did not know the connection")                                              \
	X(EVIDENCE_RESET_STATEFUL, "the reset carried the timestamp option that the connection had negotiated: its "   \
				   "sender still had the connection")                                                  \
	X(EVIDENCE_CHALLENGE_ACK, "an ACK to an unacceptable segment was sent %llu ms before the reset")               \
	X(EVIDENCE_UNREAD_BYTES, "%llu bytes were received but not read")                                              \
	X(EVIDENCE_UNACKED_BYTES, "%llu bytes were not acknowledged")                                                  \
	X(EVIDENCE_LINGER_ZERO, "SO_LINGER was {1, 0}")                                                                \
	X(EVIDENCE_LINGER2_NEGATIVE, "TCP_LINGER2 was negative")                                                       \
	X(EVIDENCE_RETRANSMITS, "%llu consecutive timeouts without an answer")                                         \
	X(EVIDENCE_PROBES, "%llu probes without an answer")                                                            \
	X(EVIDENCE_USER_TIMEOUT, "TCP_USER_TIMEOUT was %llu ms")                                                       \
	X(EVIDENCE_WINDOW_ZERO, "the peer's window was zero")                                                          \
	X(EVIDENCE_WINDOW_OPEN, "the peer's window was open but nothing could be sent")                                \
	X(EVIDENCE_ERROR, "sk_err was %llu")                                                                           \
	X(EVIDENCE_ERROR_FETCHED, "sk_err was 0: the process had fetched the error before the connection closed")      \
	X(EVIDENCE_SOFT_ERROR, "sk_err_soft was %llu (from ICMP)")                                                     \
	X(EVIDENCE_SILENT, "nothing was heard from the peer for %llu ms")                                              \
	X(EVIDENCE_NEVER_ACCEPTED, "no process had accepted the connection")                                           \
	X(EVIDENCE_NO_LOCAL_PORT, "connect() failed before a SYN was sent")                                            \
	X(EVIDENCE_SYNACK_RETRIES, "the SYN-ACK was repeated %llu times")                                              \
	X(EVIDENCE_ORPHAN, "no process held the socket any more")                                                      \
	X(EVIDENCE_MEMORY_OVER, "TCP memory was above tcp_mem[2]")                                                     \
	X(EVIDENCE_MINISOCK_EXPIRED, "the FIN_WAIT2 minisock reached its time limit without a FIN from the peer")      \
	X(EVIDENCE_DATA_TO_MINISOCK, "data reached the minisock after the close: it was answered with a reset")        \
	X(EVIDENCE_ABORTED_BY_PID, "the aborting task was pid %llu")                                                   \
	X(EVIDENCE_END_UNSEEN, "the socket was gone when the sockets were listed; its end was not seen")               \
	X(EVIDENCE_EVENTS_LOST, "%llu events were lost while the connection lived")                                    \
	X(EVIDENCE_NO_CAUSE_SEEN,                                                                                      \
	  "the transition to CLOSE came without a reset, timeout, abort or close that explains it")                    \
	X(EVIDENCE_REPAIR, "the socket was in repair mode (TCP_REPAIR)")

#define REPORT_ENUM_3(name, text, ...) name,
#define REPORT_ENUM(LIST, type)        enum type { LIST(REPORT_ENUM_3) type##_count }

REPORT_ENUM(CONNECTION_CLASSES, connection_class);
REPORT_ENUM(CONNECTION_CAUSES, connection_cause);
REPORT_ENUM(CONNECTION_CONTEXTS, connection_context);
REPORT_ENUM(CONNECTION_INITIATORS, connection_initiator);
REPORT_ENUM(CONNECTION_HOWS, connection_how);
REPORT_ENUM(CONNECTION_ROLES, connection_role);
REPORT_ENUM(COMPLETENESSES, completeness);
REPORT_ENUM(PROCESS_SOURCES, process_source);
REPORT_ENUM(CONFORMANCES, conformance);
REPORT_ENUM(TIME_WAIT_ENDS, time_wait_end);
REPORT_ENUM(EVIDENCES, evidence_kind);

#define REPORT_STATES_MAX   20
#define REPORT_EVIDENCE_MAX 10
#define REPORT_NOTES_MAX    4

/* A number that may be absent. */
#define ABSENT_U32 UINT32_MAX
#define ABSENT_U64 UINT64_MAX

struct report_state {
	uint8_t state; /* Linux numbering, enum tcp_state in core/tcp_machine.h */
	uint64_t at_ns;
};

struct report_evidence {
	enum evidence_kind kind;
	uint64_t value;
};

/*
 * What the reference machine (core/tcp_machine.h) or a timed rule (core/timed_rules.h) had to say. A gap is
 * never the verdict on a connection, only on a transition.
 */
struct report_note {
	uint8_t from, to;               /* of a transition, as inet_sock_set_state showed it */
	uint8_t verdict;                /* enum conformance */
	uint8_t timed;                  /* enum timed_rule; 0: of a transition */
	uint8_t entry;                  /* of the machine, 1 + index; 0: a violation or a gap, or a timed rule */
	uint32_t measured_ms, limit_ms; /* of a timed rule */
};

struct connection_report {
	uint64_t cookie;
	uint32_t revision;
	bool has_id;
	uint32_t client_isn, server_isn;

	uint8_t family;                /* 4 or 6 */
	uint8_t local[16], remote[16]; /* network byte order, IPv4 in the first four bytes */
	uint16_t local_port, remote_port;
	uint32_t netns;

	enum connection_role role;
	enum connection_class class;
	enum connection_cause cause;
	enum connection_context context;
	enum connection_initiator initiator;
	enum connection_how how;
	int exit_code, exit_signal; /* -1 absent */
	uint8_t error;              /* errno that the application gets, 0 absent */
	uint8_t rst_reason;         /* enum reset_reason, 0 absent */
	uint8_t evidence_count;
	struct report_evidence evidence[REPORT_EVIDENCE_MAX];
	enum completeness completeness;

	uint64_t start_ns; /* ABSENT_U64 where the birth was not seen */
	uint64_t end_ns;
	uint64_t handshake_ns; /* ABSENT_U64 */
	uint8_t state_count;
	struct report_state states[REPORT_STATES_MAX];

	bool has_time_wait;
	uint64_t time_wait_begin_ns, time_wait_planned_ns;
	uint64_t time_wait_end_ns; /* ABSENT_U64 while it stands */
	enum time_wait_end time_wait_end;

	enum conformance conformance;
	uint8_t note_count;
	struct report_note notes[REPORT_NOTES_MAX];

	bool has_process;
	uint32_t pid, uid; /* ABSENT_U32 */
	char comm[16];     /* "" absent */
	uint64_t cgroup;   /* cgroup v2 id, 0 absent */
	enum process_source process_source;

	uint64_t bytes_sent, bytes_received;  /* ABSENT_U64 */
	uint32_t unacked_bytes, unread_bytes; /* ABSENT_U32, as all below */
	uint32_t retransmits, timeouts;
	bool has_keepalive;
	bool keepalive_enabled;
	uint32_t keepalive_idle_s, keepalive_interval_s, keepalive_probes, keepalive_probes_sent;
	uint32_t user_timeout_ms;
	uint64_t silent_ns; /* ABSENT_U64 */
	uint32_t srtt_us;
};

#endif
