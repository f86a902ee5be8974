// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_verdict_rules.c: for every rule of the verdict a scene that it decides, with the whole of what is said,
 * and scenes that differ from it in one fact and must come out otherwise. Of the tracker it knows nothing.
 */
#include "verdict_scene.h"

#define MISSES_MAX 7
#define ORPHAN EVENT_SOCKET_DEAD
#define EXITING (FLAGS_CLOSER | EVENT_TASK_EXITING)

/* One fact changed, and what the cause is then; the context too, where the cause stays. */
struct near_miss {
	const char *fact;
	size_t offset, size;
	uint64_t value;
	enum connection_cause cause;
	enum connection_context context;
};

#define MISS_IN(field, number, cause_wanted, context_wanted)                                                         \
	{#field " = " #number, offsetof(struct scene, field), sizeof(((struct scene *)NULL)->field), number,         \
	 CAUSE_##cause_wanted, CONTEXT_##context_wanted}
#define MISS(field, number, cause_wanted) MISS_IN(field, number, cause_wanted, NONE)

struct rule_case {
	const char *name;
	struct scene scene;
	struct outcome outcome;
	struct near_miss misses[MISSES_MAX];
};

static const struct rule_case always_cases[] = {
	{"end unseen", {.end_unseen = true, .no_close = true, .from = TCP_NEW_SYN_RECV, .synack_timeouts = 4, .synack_max = 5},
	 {CAUSE_UNOBSERVED, .evidence = {E(END_UNSEEN, 0)}},
	 {MISS(end_unseen, 0, SYNACK_TIMEOUT)}},
	{"no close", {.no_close = true, .from = TCP_LAST_ACK, .order = CONNECTION_FIN_PEER_FIRST},
	 {CAUSE_UNOBSERVED, .evidence = {E(END_UNSEEN, 0)}},
	 {MISS(no_close, 0, FIN_PEER_FIRST)}},
	{"TCP_REPAIR", {.from = TCP_ESTABLISHED, .flags = FLAGS_CLOSER | EVENT_REPAIR, .shutdown = 3},
	 {CAUSE_DESTROYED, CONTEXT_TCP_REPAIR, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(REPAIR, 0)}},
	 {MISS(flags, FLAGS_CLOSER, UNOBSERVED), MISS(error, ETIMEDOUT, UNOBSERVED)}},
	{"SOCK_DESTROY", {.from = TCP_ESTABLISHED, .error = ECONNABORTED, .flags = FLAGS_HOLDER, .sent = RESET_ACTIVE,
			  .reason = RESET_REASON_STATE},
	 {CAUSE_DESTROYED, CONTEXT_NONE, INITIATOR_LOCAL_ADMIN, HOW_SOCK_DESTROY, .error = ECONNABORTED,
	  .evidence = {E(RESET_SENT, 0), E(ERROR, ECONNABORTED), E(ABORTED_BY_PID, PID_CLOSER)}},
	 {MISS(error, 0, RST_SENT_DISCONNECT), MISS(flags, FLAGS_SOFTIRQ, UNOBSERVED),
	  MISS_IN(received, 1, RST_RECEIVED, ESTABLISHED)}},
	{"SOCK_DESTROY of a connect, no reset", {.from = TCP_SYN_SENT, .error = ECONNABORTED, .flags = FLAGS_HOLDER},
	 {CAUSE_DESTROYED, CONTEXT_NONE, INITIATOR_LOCAL_ADMIN, HOW_SOCK_DESTROY, .error = ECONNABORTED,
	  .evidence = {E(ERROR, ECONNABORTED), E(ABORTED_BY_PID, PID_CLOSER)}},
	 {MISS(error, ETIMEDOUT, SYN_TIMEOUT)}},
	{"refused", {.from = TCP_SYN_SENT, .error = ECONNREFUSED, .flags = FLAGS_SOFTIRQ, .received = true},
	 {CAUSE_REFUSED, CONTEXT_NONE, INITIATOR_PEER, HOW_NONE, .error = ECONNREFUSED, .evidence = {E(RESET_RECEIVED, 0)}},
	 {MISS(received, 0, UNREACHABLE), MISS_IN(from, TCP_ESTABLISHED, RST_RECEIVED, ESTABLISHED),
	  MISS(from, TCP_SYN_RECV, RESET_IN_HANDSHAKE)}},
	{"reset in the handshake", {.from = TCP_SYN_RECV, .error = ECONNRESET, .received = true},
	 {CAUSE_RESET_IN_HANDSHAKE, CONTEXT_NONE, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0)}},
	 {MISS(received, 0, UNOBSERVED), MISS_IN(from, TCP_CLOSE_WAIT, RST_RECEIVED, AFTER_PEER_FIN)}},
	{"data after close, full socket", {.from = TCP_FIN_WAIT2, .error = ECONNRESET, .flags = ORPHAN, .received = true,
					   .sent = RESET_PASSIVE, .reason = RESET_REASON_ABORT_ON_DATA, .fin_flags = FLAGS_CLOSER},
	 {CAUSE_RST_SENT_DATA_AFTER_CLOSE, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(RESET_SENT, 0)}},
	 {MISS_IN(reason, RESET_REASON_INVALID_ACK_SEQUENCE, RST_RECEIVED, AFTER_LOCAL_FIN),
	  MISS_IN(sent, RESET_NONE, RST_RECEIVED, AFTER_LOCAL_FIN), MISS_IN(sent, RESET_ACTIVE, RST_RECEIVED, AFTER_LOCAL_FIN),
	  MISS(received, 0, UNOBSERVED)}},
	{"data after close, no reasons", {.from = TCP_FIN_WAIT1, .error = ECONNRESET, .flags = ORPHAN, .received = true,
					  .sent = RESET_PASSIVE, .fin_flags = FLAGS_CLOSER},
	 {CAUSE_RST_SENT_DATA_AFTER_CLOSE, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(RESET_SENT, 0)}},
	 {MISS_IN(sent, RESET_ACTIVE, RST_RECEIVED, AFTER_LOCAL_FIN)}},
	{"data to the minisock", {.from = TCP_FIN_WAIT2, .flags = ORPHAN, .minisock = true, .minisock_reset = true,
				  .fin_flags = FLAGS_CLOSER},
	 {CAUSE_RST_SENT_DATA_AFTER_CLOSE, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(DATA_TO_MINISOCK, 0)}},
	 {MISS(minisock_reset, 0, FIN_LOCAL_FIRST)}},
};

static const struct rule_case reset_cases[] = {
	{"reset, established", {.from = TCP_ESTABLISHED, .error = ECONNRESET, .flags = FLAGS_SOFTIRQ, .received = true},
	 {CAUSE_RST_RECEIVED, CONTEXT_ESTABLISHED, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0)}},
	 {MISS(received, 0, UNOBSERVED), MISS_IN(from, TCP_CLOSE_WAIT, RST_RECEIVED, AFTER_PEER_FIN),
	  MISS_IN(from, TCP_FIN_WAIT1, RST_RECEIVED, AFTER_LOCAL_FIN),
	  MISS_IN(received_flags, EVENT_RESET_STATELESS, RST_RECEIVED, PEER_LOST_STATE),
	  MISS_IN(received_retransmits, 1, RST_RECEIVED, PEER_LOST_STATE),
	  MISS_IN(received_probes, 1, RST_RECEIVED, ANSWER_TO_KEEPALIVE),
	  MISS_IN(challenge_ms, 248, RST_RECEIVED, AFTER_CHALLENGE_ACK)}},
	{"reset, after retransmissions", {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true,
					  .received_retransmits = 3, .received_unacked = 100},
	 {CAUSE_RST_RECEIVED, CONTEXT_PEER_LOST_STATE, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0), E(RETRANSMITS, 3)}},
	 {MISS_IN(received_retransmits, 0, RST_RECEIVED, ESTABLISHED)}},
	{"reset, stateless", {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true,
			      .received_flags = EVENT_RESET_STATELESS},
	 {CAUSE_RST_RECEIVED, CONTEXT_PEER_LOST_STATE, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0), E(RESET_STATELESS, 0)}},
	 {MISS_IN(received_flags, 0, RST_RECEIVED, ESTABLISHED)}},
	{"reset, answer to keepalive", {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true,
					.received_flags = EVENT_RESET_STATELESS, .received_probes = 2},
	 {CAUSE_RST_RECEIVED, CONTEXT_ANSWER_TO_KEEPALIVE, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0), E(RESET_STATELESS, 0), E(PROBES, 2)}},
	 {MISS_IN(received_probes, 0, RST_RECEIVED, PEER_LOST_STATE),
	  MISS_IN(received_unacked, 1, RST_RECEIVED, PEER_LOST_STATE)}},
	{"reset by who has the connection", {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true,
					     .received_flags = EVENT_RESET_STATEFUL, .received_retransmits = 1},
	 {CAUSE_RST_RECEIVED, CONTEXT_ESTABLISHED, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0), E(RESET_STATEFUL, 0)}},
	 {MISS_IN(received_flags, 0, RST_RECEIVED, PEER_LOST_STATE), MISS_IN(from, TCP_FIN_WAIT2, RST_RECEIVED, AFTER_LOCAL_FIN),
	  MISS_IN(received_flags, EVENT_RESET_STATELESS, RST_RECEIVED, PEER_LOST_STATE),
	  MISS_IN(from, TCP_CLOSE_WAIT, RST_RECEIVED, AFTER_PEER_FIN)}},
	{"reset by who has the connection, whatever was outstanding",
	 {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true, .received_flags = EVENT_RESET_STATEFUL,
	  .received_probes = 1, .challenge_ms = 4},
	 {CAUSE_RST_RECEIVED, CONTEXT_ESTABLISHED, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0), E(RESET_STATEFUL, 0)}},
	 {MISS_IN(received_flags, 0, RST_RECEIVED, ANSWER_TO_KEEPALIVE)}},
	{"reset, after a challenge ACK", {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true, .challenge_ms = 248},
	 {CAUSE_RST_RECEIVED, CONTEXT_AFTER_CHALLENGE_ACK, INITIATOR_PEER, HOW_NONE, .error = ECONNRESET,
	  .evidence = {E(RESET_RECEIVED, 0), E(CHALLENGE_ACK, 248)}},
	 {MISS_IN(challenge_ms, 252, RST_RECEIVED, ESTABLISHED)}},
	{"reset, after the peer's FIN", {.from = TCP_CLOSE_WAIT, .error = EPIPE, .flags = FLAGS_SOFTIRQ, .received = true},
	 {CAUSE_RST_RECEIVED, CONTEXT_AFTER_PEER_FIN, INITIATOR_PEER, HOW_NONE, .error = EPIPE,
	  .evidence = {E(RESET_RECEIVED, 0)}},
	 {MISS_IN(from, TCP_LAST_ACK, RST_RECEIVED, AFTER_LOCAL_FIN)}},
	{"reset of an orphan: no application gets the error", {.from = TCP_LAST_ACK, .error = ECONNRESET, .flags = ORPHAN,
							       .received = true},
	 {CAUSE_RST_RECEIVED, CONTEXT_AFTER_LOCAL_FIN, INITIATOR_PEER, HOW_NONE, .evidence = {E(RESET_RECEIVED, 0)}},
	 {MISS_IN(from, TCP_ESTABLISHED, RST_RECEIVED, ESTABLISHED)}},
};

static const struct rule_case timer_cases[] = {
	{"unreachable", {.from = TCP_SYN_SENT, .error = EHOSTUNREACH, .soft_error = EHOSTUNREACH, .flags = FLAGS_SOFTIRQ},
	 {CAUSE_UNREACHABLE, CONTEXT_NONE, INITIATOR_NETWORK, HOW_ICMP, .error = EHOSTUNREACH,
	  .evidence = {E(SOFT_ERROR, EHOSTUNREACH)}},
	 {MISS(error, ETIMEDOUT, SYN_TIMEOUT), MISS(received, 1, REFUSED), MISS(from, TCP_CLOSE_WAIT, ICMP_ERROR)}},
	{"unreachable, fatal at once", {.from = TCP_SYN_SENT, .error = ECONNREFUSED, .flags = FLAGS_SOFTIRQ},
	 {CAUSE_UNREACHABLE, CONTEXT_NONE, INITIATOR_NETWORK, HOW_ICMP, .error = ECONNREFUSED,
	  .evidence = {E(ERROR, ECONNREFUSED)}},
	 {MISS(loss_nearby, 1, UNOBSERVED), MISS(error, ECONNABORTED, UNOBSERVED), MISS(received, 1, REFUSED),
	  MISS(from, TCP_SYN_RECV, UNOBSERVED),
	  MISS(from, TCP_ESTABLISHED, UNOBSERVED), MISS(error, 0, UNOBSERVED)}},
	{"SYN unanswered", {.from = TCP_SYN_SENT, .error = ETIMEDOUT, .flags = FLAGS_SOFTIRQ, .retransmits = 6, .unacked = 1},
	 {CAUSE_SYN_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(RETRANSMITS, 6), E(UNACKED_BYTES, 1), E(ERROR, ETIMEDOUT)}},
	 {MISS(error, ECONNREFUSED, UNREACHABLE), MISS(from, TCP_SYN_RECV, SYNACK_TIMEOUT),
	  MISS(from, TCP_ESTABLISHED, DATA_RETRANSMIT_TIMEOUT)}},
	{"SYN-ACK unanswered, Fast Open", {.from = TCP_SYN_RECV, .error = ETIMEDOUT, .silent_ms = 3000},
	 {CAUSE_SYNACK_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(SILENT, 3000), E(ERROR, ETIMEDOUT)}},
	 {MISS(error, ECONNRESET, UNOBSERVED), MISS(received, 1, RESET_IN_HANDSHAKE), MISS(from, TCP_ESTABLISHED, UNOBSERVED)}},
	{"SYN-ACK unanswered, request", {.from = TCP_NEW_SYN_RECV, .no_close = true, .synack_timeouts = 4, .synack_max = 5,
					 .connection_retransmits = 5},
	 {CAUSE_SYNACK_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .evidence = {E(SYNACK_RETRIES, 5)}},
	 {MISS(synack_timeouts, 3, UNOBSERVED), MISS(synack_max, 6, UNOBSERVED), MISS(end_unseen, 1, UNOBSERVED)}},
	{"request that vanished early", {.from = TCP_NEW_SYN_RECV, .no_close = true, .synack_timeouts = 0, .synack_max = 5,
					 .connection_retransmits = 1},
	 {CAUSE_UNOBSERVED, .evidence = {E(SYNACK_RETRIES, 1), E(NO_CAUSE_SEEN, 0)}},
	 {MISS(synack_max, 1, SYNACK_TIMEOUT)}},
	{"keepalive", {.from = TCP_ESTABLISHED, .error = ETIMEDOUT, .flags = EVENT_KEEPALIVE_ON | EVENT_NOTHING_IN_FLIGHT,
		       .probes_out = 9, .silent_ms = 60000, .sent = RESET_ACTIVE, .reason = RESET_REASON_KEEPALIVE_TIMEOUT},
	 {CAUSE_KEEPALIVE_PROBES_UNANSWERED, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(RESET_SENT, 0), E(PROBES, 9), E(SILENT, 60000), E(ERROR, ETIMEDOUT)}},
	 {MISS(flags, EVENT_NOTHING_IN_FLIGHT, UNOBSERVED), MISS(probes_out, 0, UNOBSERVED), MISS(error, EPIPE, UNOBSERVED),
	  MISS_IN(unacked, 10, DATA_RETRANSMIT_TIMEOUT, LOCAL_TRANSMIT_FAILED),
	  MISS(user_timeout_ms, 2500, KEEPALIVE_USER_TIMEOUT), MISS_IN(received, 1, RST_RECEIVED, ESTABLISHED)}},
	{"keepalive, no reasons, ICMP", {.from = TCP_CLOSE_WAIT, .error = EHOSTUNREACH, .soft_error = EHOSTUNREACH,
					 .flags = EVENT_KEEPALIVE_ON, .probes_out = 3, .sent = RESET_ACTIVE},
	 {CAUSE_KEEPALIVE_PROBES_UNANSWERED, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = EHOSTUNREACH,
	  .evidence = {E(RESET_SENT, 0), E(PROBES, 3), E(ERROR, EHOSTUNREACH)}},
	 {MISS(soft_error, 0, UNOBSERVED), MISS(probes_out, 0, ICMP_ERROR)}},
	{"keepalive, user timeout", {.from = TCP_ESTABLISHED, .error = ETIMEDOUT, .flags = EVENT_KEEPALIVE_ON,
				     .probes_out = 2, .user_timeout_ms = 2500},
	 {CAUSE_KEEPALIVE_USER_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(PROBES, 2), E(USER_TIMEOUT, 2500), E(ERROR, ETIMEDOUT)}},
	 {MISS(user_timeout_ms, 0, KEEPALIVE_PROBES_UNANSWERED)}},
	{"zero window", {.from = TCP_ESTABLISHED, .error = ETIMEDOUT, .flags = EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO,
			 .probes_out = 4, .unacked = 500},
	 {CAUSE_ZERO_WINDOW_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(WINDOW_ZERO, 0), E(PROBES, 4), E(UNACKED_BYTES, 500), E(ERROR, ETIMEDOUT)}},
	 {MISS_IN(flags, EVENT_NOTHING_IN_FLIGHT, DATA_RETRANSMIT_TIMEOUT, LOCAL_TRANSMIT_FAILED),
	  MISS(flags, EVENT_WINDOW_ZERO, UNOBSERVED), MISS(probes_out, 0, UNOBSERVED), MISS(unacked, 0, UNOBSERVED),
	  MISS(error, EPIPE, UNOBSERVED), MISS_IN(user_timeout_ms, 900, ZERO_WINDOW_TIMEOUT, USER_TIMEOUT)}},
	{"zero window, orphan", {.from = TCP_FIN_WAIT1, .error = ETIMEDOUT, .probes_out = 4, .unacked = 501,
				 .flags = ORPHAN | EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO},
	 {CAUSE_ZERO_WINDOW_TIMEOUT, CONTEXT_ORPHAN, INITIATOR_LOCAL_KERNEL, HOW_TIMER,
	  .evidence = {E(WINDOW_ZERO, 0), E(PROBES, 4), E(UNACKED_BYTES, 501), E(ERROR, ETIMEDOUT), E(ORPHAN, 0)}},
	 {MISS(flags, EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO, ZERO_WINDOW_TIMEOUT)}},
	{"local transmit failed", {.from = TCP_ESTABLISHED, .error = ETIMEDOUT, .flags = EVENT_NOTHING_IN_FLIGHT,
				   .probes_out = 3, .unacked = 500},
	 {CAUSE_DATA_RETRANSMIT_TIMEOUT, CONTEXT_LOCAL_TRANSMIT_FAILED, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(WINDOW_OPEN, 0), E(PROBES, 3), E(UNACKED_BYTES, 500), E(ERROR, ETIMEDOUT)}},
	 {MISS(flags, EVENT_NOTHING_IN_FLIGHT | EVENT_WINDOW_ZERO, ZERO_WINDOW_TIMEOUT), MISS(flags, 0, UNOBSERVED)}},
	{"data unanswered", {.from = TCP_ESTABLISHED, .error = ETIMEDOUT, .flags = FLAGS_SOFTIRQ, .retransmits = 15,
			     .unacked = 1000, .silent_ms = 924000},
	 {CAUSE_DATA_RETRANSMIT_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(RETRANSMITS, 15), E(UNACKED_BYTES, 1000), E(SILENT, 924000), E(ERROR, ETIMEDOUT)}},
	 {MISS(retransmits, 0, UNOBSERVED), MISS(user_timeout_ms, 1500, USER_TIMEOUT), MISS(error, EPIPE, UNOBSERVED),
	  MISS(from, TCP_FIN_WAIT1, FIN_RETRANSMIT_TIMEOUT), MISS(from, TCP_SYN_SENT, SYN_TIMEOUT),
	  MISS_IN(received, 1, RST_RECEIVED, ESTABLISHED)}},
	{"data unanswered, ICMP", {.from = TCP_ESTABLISHED, .error = EHOSTUNREACH, .soft_error = EHOSTUNREACH,
				   .retransmits = 8, .unacked = 10},
	 {CAUSE_DATA_RETRANSMIT_TIMEOUT, CONTEXT_ICMP, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = EHOSTUNREACH,
	  .evidence = {E(SOFT_ERROR, EHOSTUNREACH), E(RETRANSMITS, 8), E(UNACKED_BYTES, 10), E(ERROR, EHOSTUNREACH)}},
	 {MISS(soft_error, ENETUNREACH, UNOBSERVED), MISS(retransmits, 0, ICMP_ERROR)}},
	{"FIN unanswered, orphan", {.from = TCP_LAST_ACK, .error = ETIMEDOUT, .flags = ORPHAN, .retransmits = 3, .unacked = 1},
	 {CAUSE_FIN_RETRANSMIT_TIMEOUT, CONTEXT_ORPHAN, INITIATOR_LOCAL_KERNEL, HOW_TIMER,
	  .evidence = {E(RETRANSMITS, 3), E(UNACKED_BYTES, 1), E(ERROR, ETIMEDOUT), E(ORPHAN, 0)}},
	 {MISS_IN(from, TCP_CLOSE_WAIT, DATA_RETRANSMIT_TIMEOUT, ORPHAN), MISS(flags, 0, FIN_RETRANSMIT_TIMEOUT)}},
	{"user timeout", {.from = TCP_CLOSE_WAIT, .error = ETIMEDOUT, .retransmits = 2, .unacked = 10, .user_timeout_ms = 1500},
	 {CAUSE_USER_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER, .error = ETIMEDOUT,
	  .evidence = {E(RETRANSMITS, 2), E(USER_TIMEOUT, 1500), E(UNACKED_BYTES, 10), E(ERROR, ETIMEDOUT)}},
	 {MISS(user_timeout_ms, 0, DATA_RETRANSMIT_TIMEOUT), MISS(retransmits, 0, UNOBSERVED)}},
	{"ICMP at once", {.from = TCP_ESTABLISHED, .error = EHOSTUNREACH, .soft_error = EHOSTUNREACH},
	 {CAUSE_ICMP_ERROR, CONTEXT_NONE, INITIATOR_NETWORK, HOW_ICMP, .error = EHOSTUNREACH,
	  .evidence = {E(SOFT_ERROR, EHOSTUNREACH)}},
	 {MISS(soft_error, 0, UNOBSERVED), MISS(from, TCP_SYN_SENT, UNREACHABLE)}},
};

static const struct rule_case local_cases[] = {
	{"TCP_LINGER2 below 0", {.from = TCP_FIN_WAIT2, .flags = ORPHAN | EVENT_LINGER2_NEGATIVE, .shutdown = 3,
				 .sent = RESET_ACTIVE, .reason = RESET_REASON_ABORT_ON_LINGER, .fin_flags = FLAGS_HOLDER,
				 .release_flags = FLAGS_CLOSER},
	 {CAUSE_RST_SENT_LINGER, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_LINGER,
	  .evidence = {E(FILE_RELEASED, 0), E(LINGER2_NEGATIVE, 0), E(RESET_SENT, 0)}},
	 {MISS(flags, ORPHAN, UNOBSERVED), MISS(sent, RESET_NONE, UNOBSERVED),
	  MISS(from, TCP_FIN_WAIT1, UNOBSERVED), MISS(reason, RESET_REASON_ABORT_ON_MEMORY, ORPHAN_LIMIT)}},
	{"TCP_LINGER2, no reasons", {.from = TCP_FIN_WAIT2, .flags = ORPHAN | EVENT_LINGER2_NEGATIVE, .sent = RESET_ACTIVE,
				     .fin_flags = FLAGS_CLOSER},
	 {CAUSE_RST_SENT_LINGER, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_LINGER,
	  .evidence = {E(FILE_RELEASED, 0), E(LINGER2_NEGATIVE, 0), E(RESET_SENT, 0)}},
	 {MISS(sent, RESET_PASSIVE, RST_SENT_PROTOCOL), MISS(flags, ORPHAN, ORPHAN_LIMIT)}},
	{"memory", {.from = TCP_FIN_WAIT1, .flags = ORPHAN, .sent = RESET_ACTIVE, .reason = RESET_REASON_ABORT_ON_MEMORY,
		    .sent_flags = EVENT_MEMORY_OVER},
	 {CAUSE_MEMORY, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_LIMIT,
	  .evidence = {E(RESET_SENT, 0), E(MEMORY_OVER, 0), E(ORPHAN, 0)}},
	 {MISS(sent_flags, 0, ORPHAN_LIMIT), MISS(reason, RESET_REASON_STATE, UNOBSERVED), MISS(sent, RESET_NONE, NETNS_EXIT)}},
	{"too many orphans, no reasons", {.from = TCP_LAST_ACK, .flags = ORPHAN, .sent = RESET_ACTIVE},
	 {CAUSE_ORPHAN_LIMIT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_LIMIT, .evidence = {E(RESET_SENT, 0), E(ORPHAN, 0)}},
	 {MISS(sent_flags, EVENT_MEMORY_OVER, MEMORY), MISS(flags, FLAGS_SOFTIRQ, FIN_LOCAL_FIRST),
	  MISS(sent, RESET_PASSIVE, RST_SENT_PROTOCOL)}},
	{"no local port", {.from = TCP_SYN_SENT, .flags = FLAGS_HOLDER},
	 {CAUSE_CANCELLED, CONTEXT_NO_LOCAL_PORT, INITIATOR_LOCAL_KERNEL, HOW_LIMIT, .evidence = {E(NO_LOCAL_PORT, 0)}},
	 {MISS(pending_timer, 1, CANCELLED), MISS(unacked, 1, CANCELLED), MISS(flags, FLAGS_CLOSER, CANCELLED),
	  MISS(flags, FLAGS_SOFTIRQ, UNOBSERVED), MISS(error, ETIMEDOUT, SYN_TIMEOUT)}},
	{"connect abandoned", {.from = TCP_SYN_SENT, .flags = FLAGS_CLOSER, .pending_timer = 1, .unacked = 1, .shutdown = 3},
	 {CAUSE_CANCELLED, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE, .evidence = {E(FILE_RELEASED, 0)}},
	 {MISS(from, TCP_ESTABLISHED, UNOBSERVED), MISS(flags, ORPHAN, UNOBSERVED), MISS(error, ETIMEDOUT, SYN_TIMEOUT)}},
	{"shutdown() in SYN_SENT", {.from = TCP_SYN_SENT, .flags = FLAGS_HOLDER, .pending_timer = 1, .unacked = 1},
	 {CAUSE_CANCELLED, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_DISCONNECT, .evidence = {E(FILE_ALIVE, 0)}},
	 {MISS(flags, FLAGS_SOFTIRQ, UNOBSERVED), MISS(from, TCP_ESTABLISHED, UNOBSERVED)}},
	{"unread data", {.from = TCP_ESTABLISHED, .flags = FLAGS_CLOSER, .unread = 12, .shutdown = 3, .sent = RESET_ACTIVE,
			 .reason = RESET_REASON_ABORT_ON_CLOSE},
	 {CAUSE_RST_SENT_UNREAD_DATA, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(UNREAD_BYTES, 12), E(RESET_SENT, 0)}},
	 {MISS(error, ECONNRESET, UNOBSERVED), MISS_IN(received, 1, RST_RECEIVED, ESTABLISHED)}},
	{"unread data, reset unseen", {.from = TCP_CLOSE_WAIT, .flags = FLAGS_CLOSER, .unread = 12, .shutdown = 3},
	 {CAUSE_RST_SENT_UNREAD_DATA, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(UNREAD_BYTES, 12)}},
	 {MISS(unread, 0, UNOBSERVED), MISS(flags, FLAGS_HOLDER, UNOBSERVED), MISS(from, TCP_CLOSING, UNOBSERVED)}},
	{"SO_LINGER {1, 0}", {.from = TCP_ESTABLISHED, .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO, .shutdown = 3,
			      .sent = RESET_ACTIVE, .reason = RESET_REASON_STATE},
	 {CAUSE_RST_SENT_LINGER, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_LINGER,
	  .evidence = {E(FILE_RELEASED, 0), E(LINGER_ZERO, 0), E(RESET_SENT, 0)}},
	 {MISS(flags, FLAGS_CLOSER, UNOBSERVED), MISS(flags, FLAGS_HOLDER | EVENT_LINGER_ZERO, RST_SENT_DISCONNECT),
	  MISS(shutdown, 2, UNOBSERVED), MISS(unread, 1, RST_SENT_UNREAD_DATA), MISS(from, TCP_LAST_ACK, FIN_LOCAL_FIRST)}},
	{"listener closed", {.from = TCP_ESTABLISHED, .sent = RESET_ACTIVE, .reason = RESET_REASON_STATE},
	 {CAUSE_RST_SENT_LISTENER_CLOSED, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_LISTENER_CLOSE,
	  .evidence = {E(NEVER_ACCEPTED, 0), E(RESET_SENT, 0)}},
	 {MISS(flags, EVENT_HAS_SOCKET, UNOBSERVED), MISS(flags, ORPHAN, UNOBSERVED), MISS(sent, RESET_NONE, UNOBSERVED),
	  MISS(sent, RESET_PASSIVE, RST_SENT_PROTOCOL), MISS(from, TCP_FIN_WAIT1, UNOBSERVED)}},
	{"listener closed by an exit, under the child's lock", {.from = TCP_CLOSE_WAIT, .exit_code = 9, .sent = RESET_ACTIVE,
								.flags = EVENT_TASK_ACTS | EVENT_TASK_EXITING},
	 {CAUSE_RST_SENT_LISTENER_CLOSED, CONTEXT_NONE, INITIATOR_LOCAL_EXIT, HOW_SIGNAL, .exit_signal = 9,
	  .evidence = {E(TASK_EXITING, 9), E(NEVER_ACCEPTED, 0), E(RESET_SENT, 0)}},
	 {MISS(flags, EXITING, UNOBSERVED), MISS(sent, RESET_NONE, UNOBSERVED)}},
	{"disconnect", {.from = TCP_ESTABLISHED, .flags = FLAGS_HOLDER, .sent = RESET_ACTIVE, .reason = RESET_REASON_STATE},
	 {CAUSE_RST_SENT_DISCONNECT, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_DISCONNECT,
	  .evidence = {E(FILE_ALIVE, 0), E(RESET_SENT, 0)}},
	 {MISS(sent, RESET_NONE, UNOBSERVED), MISS(flags, FLAGS_SOFTIRQ, UNOBSERVED), MISS(flags, FLAGS_CLOSER, UNOBSERVED),
	  MISS(sent, RESET_PASSIVE, RST_SENT_PROTOCOL)}},
	{"unacceptable segment", {.from = TCP_SYN_RECV, .sent = RESET_PASSIVE, .reason = RESET_REASON_INVALID_SYN},
	 {CAUSE_RST_SENT_PROTOCOL, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_NONE, .evidence = {E(RESET_SENT, 0)}},
	 {MISS(sent, RESET_NONE, UNOBSERVED), MISS(sent, RESET_ACTIVE, RST_SENT_LISTENER_CLOSED)}},
	{"dying namespace", {.from = TCP_FIN_WAIT1, .flags = ORPHAN},
	 {CAUSE_NETNS_EXIT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_NETNS_EXIT, .evidence = {E(ORPHAN, 0)}},
	 {MISS(from, TCP_ESTABLISHED, UNOBSERVED), MISS(flags, FLAGS_SOFTIRQ, UNOBSERVED),
	  MISS(flags, ORPHAN | EVENT_TASK_ACTS, UNOBSERVED), MISS(sent, RESET_ACTIVE, ORPHAN_LIMIT),
	  MISS(error, ETIMEDOUT, UNOBSERVED)}},
	{"nothing explains it", {.from = TCP_ESTABLISHED, .error = EPIPE, .flags = FLAGS_SOFTIRQ},
	 {CAUSE_UNOBSERVED, .error = EPIPE, .evidence = {E(NO_CAUSE_SEEN, 0), E(ERROR, EPIPE)}},
	 {MISS_IN(received, 1, RST_RECEIVED, ESTABLISHED)}},
};

static const struct rule_case graceful_cases[] = {
	{"FIN_WAIT2 expired", {.from = TCP_FIN_WAIT2, .flags = ORPHAN, .minisock = true, .minisock_change = TIME_WAIT_EXPIRED,
			       .fin_flags = FLAGS_CLOSER},
	 {CAUSE_FIN_WAIT2_TIMEOUT, CONTEXT_NONE, INITIATOR_LOCAL_KERNEL, HOW_TIMER,
	  .evidence = {E(MINISOCK_EXPIRED, 0), E(ORPHAN, 0)}},
	 {MISS(minisock_fin, 1, FIN_LOCAL_FIRST), MISS(minisock_change, TIME_WAIT_KILLED, FIN_LOCAL_FIRST),
	  MISS(minisock, 0, UNOBSERVED), MISS(from, TCP_CLOSING, FIN_LOCAL_FIRST)}},
	{"we first", {.from = TCP_FIN_WAIT2, .flags = ORPHAN | EVENT_SOCKET_DONE, .minisock = true, .minisock_fin = true,
		      .fin_flags = FLAGS_CLOSER, .order = CONNECTION_FIN_LOCAL_FIRST},
	 {CAUSE_FIN_LOCAL_FIRST, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(LOCAL_FIN_FIRST, 0)}},
	 {MISS(minisock, 0, UNOBSERVED), MISS(passed, TCP_CLOSING, FIN_SIMULTANEOUS), MISS(from, TCP_FIN_WAIT1, NETNS_EXIT),
	  MISS(order, CONNECTION_FIN_PEER_FIRST, FIN_PEER_FIRST)}},
	{"we first, the peer not yet", {.from = TCP_FIN_WAIT2, .flags = ORPHAN, .minisock = true, .fin_flags = FLAGS_CLOSER,
					.order = CONNECTION_FIN_LOCAL_FIRST},
	 {CAUSE_FIN_LOCAL_FIRST, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(LOCAL_FIN_FIRST, 0), E(PEER_FIN_UNSEEN, 0)}},
	 {MISS(minisock_change, TIME_WAIT_EXPIRED, FIN_WAIT2_TIMEOUT)}},
	{"we first, by shutdown()", {.from = TCP_FIN_WAIT2, .flags = FLAGS_SOFTIRQ | EVENT_SOCKET_DONE, .minisock = true,
				     .minisock_fin = true, .fin_flags = FLAGS_HOLDER, .order = CONNECTION_FIN_LOCAL_FIRST},
	 {CAUSE_FIN_LOCAL_FIRST, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_SHUTDOWN,
	  .evidence = {E(FILE_ALIVE, 0), E(LOCAL_FIN_FIRST, 0)}},
	 {MISS(minisock, 0, UNOBSERVED)}},
	{"both at once", {.from = TCP_CLOSING, .flags = ORPHAN | EVENT_SOCKET_DONE, .minisock = true, .minisock_fin = true,
			  .fin_flags = FLAGS_CLOSER, .order = CONNECTION_FIN_LOCAL_FIRST, .passed = TCP_CLOSING},
	 {CAUSE_FIN_SIMULTANEOUS, CONTEXT_NONE, INITIATOR_LOCAL_APP, HOW_CLOSE,
	  .evidence = {E(FILE_RELEASED, 0), E(FIN_CROSSED, 0)}},
	 {MISS(passed, TCP_FIN_WAIT1, FIN_LOCAL_FIRST), MISS(minisock, 0, UNOBSERVED), MISS(unacked, 1, UNOBSERVED)}},
	{"the peer first", {.from = TCP_LAST_ACK, .flags = ORPHAN | EVENT_SOCKET_DONE, .order = CONNECTION_FIN_PEER_FIRST,
			    .fin_flags = FLAGS_CLOSER},
	 {CAUSE_FIN_PEER_FIRST, CONTEXT_NONE, INITIATOR_PEER, HOW_NONE, .evidence = {E(PEER_FIN_FIRST, 0), E(LAST_ACK, 0)}},
	 {MISS(unacked, 1, UNOBSERVED), MISS(from, TCP_CLOSE_WAIT, UNOBSERVED), MISS(error, ETIMEDOUT, UNOBSERVED)}},
};

static void scene_change(struct scene *scene, const struct near_miss *miss)
{
	void *member = (char *)scene + miss->offset;

	if (miss->size == 1)
		*(uint8_t *)member = (uint8_t)miss->value;
	else if (miss->size == 2)
		*(uint16_t *)member = (uint16_t)miss->value;
	else
		*(uint32_t *)member = (uint32_t)miss->value;
}

static unsigned misses_check(const struct rule_case *rule)
{
	unsigned wrong = 0;

	for (const struct near_miss *miss = rule->misses; miss < rule->misses + MISSES_MAX && miss->fact; miss++) {
		struct scene scene = rule->scene;
		struct verdict verdict;

		assert_true(miss->cause != rule->outcome.cause || miss->context != rule->outcome.context);
		scene_change(&scene, miss);
		verdict = scene_decide(&scene);
		if (verdict.cause == miss->cause && verdict.context == miss->context)
			continue;
		print_error("%s, but %s: ", rule->name, miss->fact);
		verdict_print("", &verdict);
		wrong++;
	}
	return wrong;
}

static void cases_check(const struct rule_case *cases, size_t count)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		wrong += !scene_gives(cases[i].name, &cases[i].scene, &cases[i].outcome);
		assert_non_null(cases[i].misses[0].fact);
		wrong += misses_check(&cases[i]);
	}
	assert_int_equal(wrong, 0);
}

#define CASES_TEST(name)                                                                                             \
	static void name##_hold(void **state)                                                                        \
	{                                                                                                            \
		(void)state;                                                                                         \
		cases_check(name, sizeof(name) / sizeof((name)[0]));                                                 \
	}

CASES_TEST(always_cases)
CASES_TEST(reset_cases)
CASES_TEST(timer_cases)
CASES_TEST(local_cases)
CASES_TEST(graceful_cases)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(always_cases_hold), cmocka_unit_test(reset_cases_hold), cmocka_unit_test(timer_cases_hold),
		cmocka_unit_test(local_cases_hold), cmocka_unit_test(graceful_cases_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
