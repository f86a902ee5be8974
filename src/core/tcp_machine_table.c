// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcp_machine_table.c: the reference machine itself, see tcp_machine.h. Data only.
 *
 * An entry of RFC 9293 that Linux shows has SHOWN_STATE. Where Linux goes another way, the entry of the RFC
 * stays for the record with SHOWN_NOT, and Linux has entries of its own. The first entry that a transition
 * satisfies counts, so what is more particular stands before what is less.
 *
 * Linux entries were observed at the hooks or read in the function named.
 */
#include "core/tcp_machine.h"

/* from, input, to, signs needed, why, source[, since] */
#define RULE(verdict_, shown_, shown_from_, shown_to_, from_, input_, to_, need_, why_, source_, since_)               \
	{                                                                                                              \
		.from = from_, .to = to_, .input = INPUT_##input_, .shown = shown_, .shown_from = shown_from_,         \
		.shown_to = shown_to_, .verdict = CONFORMANCE_##verdict_, .need = need_, .why = why_,                  \
		.source = source_, .since = since_                                                                     \
	}
/* RFC 9293, and Linux shows it as it is */
#define RFC(from, input, to, need, why, section)                                                                       \
	RULE(CONFORMANT, SHOWN_STATE, TCP_##from, TCP_##to, TCP_##from, input, TCP_##to, need, why,                    \
	     "RFC 9293 " section, NULL)
/* RFC 9293, on a way that Linux does not take or does not show */
#define RFC_UNSHOWN(from, input, to, why, section)                                                                     \
	RULE(CONFORMANT, SHOWN_NOT, 0, 0, TCP_##from, input, TCP_##to, 0, why, "RFC 9293 " section, NULL)
/* RFC 9293, shown by a minisock's end */
#define RFC_MINISOCK(from, input, to, need, why, section)                                                              \
	RULE(CONFORMANT, SHOWN_MINISOCK, 0, 0, TCP_##from, input, TCP_##to, need, why, "RFC 9293 " section, NULL)
#define RFC_STAYS(state, input, why, section) RFC_UNSHOWN(state, input, state, why, section)

#define LINUX(from, input, to, need, why, function, since)                                                             \
	RULE(LINUX_VARIANT, SHOWN_STATE, TCP_##from, TCP_##to, TCP_##from, input, TCP_##to, need, why, function, since)
/* A minisock takes over: what the hooks see of it is that the socket closes. */
#define LINUX_HANDS_OVER(from, input, to, need, why, function, since)                                                  \
	RULE(LINUX_VARIANT, SHOWN_STATE, TCP_##from, TCP_CLOSE, TCP_##from, input, to, need, why, function, since)
#define LINUX_UNSHOWN(from, input, to, why, function, since)                                                           \
	RULE(LINUX_VARIANT, SHOWN_NOT, 0, 0, from, input, to, 0, why, function, since)
#define LINUX_MINISOCK(from, input, to, need, why, function, since)                                                    \
	RULE(LINUX_VARIANT, SHOWN_MINISOCK, 0, 0, from, input, to, need, why, function, since)
#define LINUX_REQUEST(input, to, need, why, function, since)                                                           \
	RULE(LINUX_VARIANT, SHOWN_REQUEST, 0, 0, TCP_NEW_SYN_RECV, input, to, need, why, function, since)
#define LINUX_STAYS(state, input, why, function, since) LINUX_UNSHOWN(state, input, state, why, function, since)

/* The six states in which both sides know each other and TIME_WAIT has not begun. */
#define SYNCHRONISED(ENTRY)                                                                                            \
	ENTRY(ESTABLISHED), ENTRY(FIN_WAIT1), ENTRY(FIN_WAIT2), ENTRY(CLOSE_WAIT), ENTRY(CLOSING), ENTRY(LAST_ACK)

#define RESET_IN(state) RFC(state, RST, CLOSE, SIGN_RESET_RECEIVED, "reset by the peer", "3.10.7.4")
#define ABORTED_IN(state)                                                                                              \
	RFC(state, ABORT, CLOSE, SIGN_ABORT_CALL, "ABORT: what was unread or unsent is given up", "3.10.5, 3.6.1")
#define DESTROYED_IN(state)                                                                                            \
	LINUX(state, DESTROY, CLOSE, SIGN_DESTROYED, "ended by an administrator, not by its owner", "tcp_abort()",     \
	      "4.5")
#define DISCONNECTED_IN(state)                                                                                         \
	LINUX(state, DISCONNECT, CLOSE, SIGN_DISCONNECT, "ABORT, but the socket lives on and may connect again",       \
	      "tcp_disconnect()", NULL)
#define REPAIRED_IN(state)                                                                                             \
	LINUX(state, REPAIR_CLOSE, CLOSE, SIGN_REPAIR, "taken away without a word to the peer", "tcp_close()", "3.5")
#define MPTCP_RESET_IN(state)                                                                                          \
	LINUX(state, RST_MPTCP, CLOSE, SIGN_MPTCP, "MPTCP gave this subflow up with a reset", "mptcp_subflow_reset()", \
	      "5.6")
#define SYN_NEW_IN(state)                                                                                              \
	RFC_STAYS(state, SYN_NEW, "a SYN on a live connection is answered with a challenge ACK", "3.10.7.4")
#define ICMP_IN(state) RFC_STAYS(state, ICMP, "no ICMP error ends a synchronised connection at once", "3.9.2.2")
#define ORPHAN_LIMIT_IN(state)                                                                                         \
	LINUX(state, LIMIT, CLOSE, SIGN_LIMIT, "an orphan too many: reset by its own kernel",                          \
	      "tcp_out_of_resources(), tcp_check_oom()", NULL)
#define NETNS_EXIT_IN(state)                                                                                           \
	LINUX(state, NETNS_EXIT, CLOSE, SIGN_SILENT_END, "an orphan whose network namespace is gone ends silently",    \
	      "tcp_out_of_resources()", "4.16")
#define CLOSED_AGAIN_IN(state)                                                                                         \
	LINUX(state, CLOSE, state, SIGN_LOCAL_CALL, "close() after shutdown(): shown, though nothing changes",         \
	      "tcp_close_state()", NULL)
#define CLOSING_ERROR_IN(state) RFC_STAYS(state, CLOSE, "a second CLOSE is an error to its caller", "3.10.4")

static const struct machine_rule rules[] = {
	/* ---- no connection ---- */
	RFC(CLOSE, OPEN_PASSIVE, LISTEN, 0, "passive OPEN", "3.10.1"),
	RFC(CLOSE, OPEN_ACTIVE, SYN_SENT, 0, "active OPEN: SYN sent", "3.10.1"),
	LINUX(CLOSE, DESTROY, CLOSE, SIGN_DESTROYED, "abort of a socket that is closed already", "tcp_abort()", "4.5"),
	RFC(LISTEN, CLOSE, CLOSE, 0, "CLOSE of a listener", "3.10.4"),
	RFC_UNSHOWN(LISTEN, SYN, SYN_RECV, "SYN received, SYN-ACK sent", "3.10.7.2"),
	RFC_UNSHOWN(LISTEN, OPEN_ACTIVE, SYN_SENT, "active OPEN of a listener", "3.10.1"),
	RFC_STAYS(LISTEN, RST, "a reset means nothing to a listener", "3.10.7.2"),
	RFC_STAYS(LISTEN, ICMP, "an ICMP error means nothing to a listener", "3.9.2.2"),
	LINUX_STAYS(TCP_LISTEN, OPEN_ACTIVE, "connect() on a listener fails (EISCONN)", "__inet_stream_connect()",
		    NULL),
	LINUX_UNSHOWN(TCP_LISTEN, SYN, TCP_NEW_SYN_RECV,
		      "SYN received, SYN-ACK sent: a request socket, which no state change tells of",
		      "tcp_conn_request()", "4.4"),
	LINUX(LISTEN, SYN_FAST_OPEN, SYN_RECV, SIGN_FAST_OPEN,
	      "TCP Fast Open: the child exists before its handshake is complete", "tcp_fastopen_create_child()", "3.7"),

	/* ---- the request socket: a passive open until its last ACK ---- */
	RULE(LINUX_VARIANT, SHOWN_STATE, TCP_LISTEN, TCP_SYN_RECV, TCP_NEW_SYN_RECV, ACK_OF_SYN, TCP_SYN_RECV, 0,
	     "the child is cloned from the listener when the handshake's last ACK is there: only then SYN_RECV is "
	     "shown",
	     "tcp_check_req(), inet_csk_clone_lock()", "4.4"),
	LINUX_REQUEST(RST, TCP_CLOSE, SIGN_RESET_RECEIVED, "the client reset the handshake: the request is dropped",
		      "tcp_check_req()", "4.4"),
	LINUX_REQUEST(USER_TIMEOUT, TCP_CLOSE, SIGN_SYNACK_TIMEOUT, "nobody acknowledged the SYN-ACKs",
		      "reqsk_timer_handler()", "4.4"),
	LINUX_REQUEST(LISTENER_CLOSE, TCP_CLOSE, 0, "the listener went away: the request is dropped without a word",
		      "inet_csk_listen_stop()", "4.4"),
	LINUX_REQUEST(DESTROY, TCP_CLOSE, 0, "dropped by an administrator", "tcp_abort()", "4.5"),
	LINUX_STAYS(TCP_NEW_SYN_RECV, SYN, "a repeated SYN is answered with the SYN-ACK again", "tcp_check_req()",
		    "4.4"),
	LINUX_STAYS(TCP_NEW_SYN_RECV, SYN_NEW, "another SYN is answered with an ACK", "tcp_check_req()", "4.4"),
	LINUX_STAYS(TCP_NEW_SYN_RECV, ICMP, "an ICMP error is noted, no more", "tcp_req_err()", "4.4"),

	/* ---- opening ---- */
	RFC(SYN_SENT, SYN_ACK, ESTABLISHED, 0, "SYN-ACK received and acknowledged", "3.10.7.3"),
	LINUX(SYN_SENT, SYN_OWN, SYN_RECV, SIGN_SELF, "self-connect: the socket met its own SYN",
	      "tcp_rcv_synsent_state_process()", NULL),
	RFC(SYN_SENT, SYN, SYN_RECV, 0, "simultaneous open", "3.5, 3.10.7.3"),
	RFC(SYN_SENT, RST, CLOSE, SIGN_RESET_RECEIVED, "refused by a reset", "3.10.7.3"),
	RFC(SYN_SENT, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "nobody answered the SYN", "3.8.3, 3.10.8"),
	RFC(SYN_SENT, ICMP, CLOSE, SIGN_ICMP, "an ICMP error ended the attempt", "3.9.2.2"),
	DESTROYED_IN(SYN_SENT),
	LINUX(SYN_SENT, NO_LOCAL_PORT, CLOSE, SIGN_NO_SYN, "connect() failed before a SYN was sent", "tcp_v4_connect()",
	      NULL),
	RFC(SYN_SENT, CLOSE, CLOSE, SIGN_LOCAL_CALL, "the attempt was given up", "3.10.4"),
	RFC(SYN_SENT, ABORT, CLOSE, SIGN_LOCAL_CALL, "the attempt was given up", "3.10.5"),
	RFC(SYN_SENT, DISCONNECT, CLOSE, SIGN_LOCAL_CALL, "the attempt was given up", "3.10.5"),

	RFC(SYN_RECV, ACK_OF_SYN, ESTABLISHED, 0, "our SYN is acknowledged", "3.10.7.4"),
	RFC(SYN_RECV, CLOSE, FIN_WAIT1, SIGN_LOCAL_CALL, "CLOSE before the handshake was complete", "3.10.4"),
	RFC(SYN_RECV, FIN, CLOSE_WAIT, SIGN_PEER_FIN, "FIN before the handshake was complete", "3.10.7.4"),
	LINUX(SYN_RECV, RST_PASSIVE, CLOSE, SIGN_RESET_RECEIVED | SIGN_PASSIVE,
	      "the peer reset the handshake: the listener is another socket and stays", "tcp_reset()", "4.4"),
	RFC(SYN_RECV, RST, CLOSE, SIGN_RESET_RECEIVED, "the peer reset the handshake", "3.10.7.4"),
	RFC_UNSHOWN(SYN_RECV, RST_PASSIVE, LISTEN, "the peer reset the handshake of a passive open", "3.10.7.4"),
	RFC_UNSHOWN(SYN_RECV, SYN_NEW, LISTEN, "a new SYN ends the handshake of a passive open", "3.10.7.4"),
	RFC_STAYS(SYN_RECV, SYN, "a repeated SYN is answered with the SYN-ACK again", "3.10.7.4"),
	RFC(SYN_RECV, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "nobody acknowledged our SYN", "3.8.3, 3.10.8"),
	RFC(SYN_RECV, ICMP, CLOSE, SIGN_ICMP, "an ICMP error ended the handshake", "3.9.2.2"),
	RFC(SYN_RECV, ABORT, CLOSE, SIGN_ABORT_CALL, "ABORT before the handshake was complete", "3.10.5"),
	LINUX_STAYS(TCP_SYN_RECV, SYN_NEW, "another SYN is answered with a challenge ACK", "tcp_validate_incoming()",
		    "3.6"),
	DESTROYED_IN(SYN_RECV),
	DISCONNECTED_IN(SYN_RECV),
	LINUX(SYN_RECV, LISTENER_CLOSE, CLOSE, SIGN_LISTENER_GONE, "the listener went away before accept()",
	      "inet_csk_listen_stop()", NULL),
	LINUX(SYN_RECV, SUBFLOW_REFUSED, CLOSE, SIGN_MPTCP, "MPTCP did not take the subflow in",
	      "subflow_syn_recv_sock()", "5.6"),

	/* ---- open, and closing in order ---- */
	RFC(ESTABLISHED, CLOSE, FIN_WAIT1, SIGN_LOCAL_CALL, "CLOSE: FIN sent", "3.10.4"),
	LINUX(ESTABLISHED, SUBFLOW_CLOSE, FIN_WAIT1, 0,
	      "FIN sent by the kernel itself, not by a task that holds the socket: MPTCP closes a subflow",
	      "__mptcp_close_ssk()", "5.6"),
	RFC(ESTABLISHED, FIN, CLOSE_WAIT, SIGN_PEER_FIN, "FIN received", "3.10.7.4"),
	RFC(FIN_WAIT1, ACK_OF_FIN, FIN_WAIT2, SIGN_FIN_ACKED, "our FIN is acknowledged", "3.10.7.4"),
	RFC(FIN_WAIT1, FIN, CLOSING, SIGN_PEER_FIN, "simultaneous close: FIN received before ours was acknowledged",
	    "3.6, 3.10.7.4"),
	RFC(CLOSE_WAIT, CLOSE, LAST_ACK, SIGN_LOCAL_CALL, "CLOSE after the peer's FIN", "3.10.4"),
	LINUX(CLOSE_WAIT, SUBFLOW_CLOSE, LAST_ACK, 0,
	      "FIN sent by the kernel itself, not by a task that holds the socket: MPTCP closes a subflow",
	      "__mptcp_close_ssk()", "5.6"),
	RFC(LAST_ACK, ACK_OF_FIN, CLOSE, SIGN_FIN_ACKED, "our FIN is acknowledged", "3.10.7.4"),
	RFC_UNSHOWN(FIN_WAIT2, FIN, TIME_WAIT, "FIN received", "3.10.7.4"),
	RFC_UNSHOWN(CLOSING, ACK_OF_FIN, TIME_WAIT, "our FIN is acknowledged", "3.10.7.4"),
	CLOSING_ERROR_IN(FIN_WAIT1),
	CLOSING_ERROR_IN(FIN_WAIT2),
	CLOSING_ERROR_IN(CLOSING),
	CLOSING_ERROR_IN(LAST_ACK),
	CLOSED_AGAIN_IN(FIN_WAIT1),
	CLOSED_AGAIN_IN(FIN_WAIT2),
	CLOSED_AGAIN_IN(CLOSING),
	CLOSED_AGAIN_IN(LAST_ACK),

	/* ---- ends of synchronised connections that are no orderly close ---- */
	SYNCHRONISED(RESET_IN),
	RFC(FIN_WAIT1, DATA_AFTER_CLOSE, CLOSE, SIGN_RESET_ANSWER, "data after CLOSE is answered with a reset",
	    "3.6.1"),
	RFC(FIN_WAIT2, DATA_AFTER_CLOSE, CLOSE, SIGN_RESET_ANSWER, "data after CLOSE is answered with a reset",
	    "3.6.1"),
	SYNCHRONISED(DESTROYED_IN),
	RFC(ESTABLISHED, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "retransmissions or window probes ran out",
	    "3.8.3, 3.10.8"),
	RFC(FIN_WAIT1, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "retransmissions of the FIN ran out", "3.8.3, 3.10.8"),
	RFC(CLOSE_WAIT, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "retransmissions or window probes ran out",
	    "3.8.3, 3.10.8"),
	RFC(CLOSING, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "retransmissions of the FIN ran out", "3.8.3, 3.10.8"),
	RFC(LAST_ACK, USER_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "retransmissions of the FIN ran out", "3.8.3, 3.10.8"),
	RFC(ESTABLISHED, KEEPALIVE_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "keepalive probes ran out", "3.8.4"),
	RFC(CLOSE_WAIT, KEEPALIVE_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "keepalive probes ran out", "3.8.4"),
	RFC(FIN_WAIT2, KEEPALIVE_TIMEOUT, CLOSE, SIGN_TIMED_OUT, "keepalive probes ran out", "3.8.4"),
	SYNCHRONISED(REPAIRED_IN),
	SYNCHRONISED(MPTCP_RESET_IN),
	LINUX(FIN_WAIT2, ORPHANED_LINGER2, CLOSE, SIGN_LINGER2,
	      "TCP_LINGER2 < 0: reset instead of waiting for the peer's FIN", "__tcp_close()", NULL),
	SYNCHRONISED(ABORTED_IN),
	LINUX(ESTABLISHED, LISTENER_CLOSE, CLOSE, SIGN_LISTENER_GONE, "the listener went away before accept()",
	      "inet_csk_listen_stop()", NULL),
	LINUX(CLOSE_WAIT, LISTENER_CLOSE, CLOSE, SIGN_LISTENER_GONE, "the listener went away before accept()",
	      "inet_csk_listen_stop()", NULL),
	SYNCHRONISED(DISCONNECTED_IN),
	ORPHAN_LIMIT_IN(FIN_WAIT1),
	ORPHAN_LIMIT_IN(FIN_WAIT2),
	ORPHAN_LIMIT_IN(CLOSING),
	ORPHAN_LIMIT_IN(LAST_ACK),
	NETNS_EXIT_IN(FIN_WAIT1),
	NETNS_EXIT_IN(CLOSING),
	NETNS_EXIT_IN(LAST_ACK),
	RFC(LISTEN, ABORT, CLOSE, 0, "ABORT of a listener", "3.10.5"),
	LINUX(LISTEN, DESTROY, CLOSE, 0, "a listener ended by an administrator", "tcp_abort()", "4.5"),

	/* ---- handed to a minisock: to the hooks the socket closes ---- */
	LINUX_HANDS_OVER(FIN_WAIT2, FIN, TCP_TIME_WAIT, SIGN_MINISOCK | SIGN_PEER_FIN,
			 "FIN received: a minisock takes over for TIME_WAIT", "tcp_time_wait()", NULL),
	LINUX_HANDS_OVER(FIN_WAIT2, ORPHANED, MACHINE_FIN_WAIT2_MINISOCK, SIGN_MINISOCK,
			 "nobody holds the socket: a minisock takes over and waits for the peer's FIN",
			 "tcp_time_wait()", NULL),
	LINUX_HANDS_OVER(CLOSING, ACK_OF_FIN, TCP_TIME_WAIT, SIGN_MINISOCK | SIGN_FIN_ACKED,
			 "our FIN is acknowledged: a minisock takes over for TIME_WAIT", "tcp_time_wait()", NULL),
	LINUX_HANDS_OVER(FIN_WAIT2, TIME_WAIT_LIMIT, TCP_CLOSE, SIGN_MINISOCK | SIGN_PEER_FIN,
			 "FIN received, but too many minisocks: TIME_WAIT is left out", "tcp_time_wait()", NULL),
	LINUX_HANDS_OVER(CLOSING, TIME_WAIT_LIMIT, TCP_CLOSE, SIGN_MINISOCK | SIGN_FIN_ACKED,
			 "our FIN is acknowledged, but too many minisocks: TIME_WAIT is left out", "tcp_time_wait()",
			 NULL),
	LINUX_MINISOCK(MACHINE_FIN_WAIT2_MINISOCK, FIN, TCP_TIME_WAIT, SIGN_PEER_FIN, "FIN received",
		       "tcp_timewait_state_process()", NULL),
	LINUX_MINISOCK(MACHINE_FIN_WAIT2_MINISOCK, FIN_WAIT2_TIMEOUT, TCP_CLOSE, SIGN_TIMER_ENDED,
		       "the peer's FIN did not come in time", "tw_timer_handler()", NULL),
	LINUX_MINISOCK(MACHINE_FIN_WAIT2_MINISOCK, DATA_AFTER_CLOSE, TCP_CLOSE, SIGN_RESET_ANSWER,
		       "data after CLOSE is answered with a reset", "tcp_timewait_state_process()", NULL),
	LINUX_MINISOCK(MACHINE_FIN_WAIT2_MINISOCK, RST, TCP_CLOSE, SIGN_RESET_RECEIVED, "reset by the peer",
		       "tcp_timewait_state_process()", NULL),
	LINUX_MINISOCK(MACHINE_FIN_WAIT2_MINISOCK, SYN_NEW, TCP_CLOSE, SIGN_RESET_ANSWER,
		       "a SYN of another connection is answered with a reset", "tcp_timewait_state_process()", NULL),
	LINUX_MINISOCK(MACHINE_FIN_WAIT2_MINISOCK, DESTROY, TCP_CLOSE, 0, "removed by an administrator", "tcp_abort()",
		       "4.5"),
	LINUX_STAYS(MACHINE_FIN_WAIT2_MINISOCK, ICMP, "an ICMP error means nothing to a minisock", "tcp_v4_err()",
		    NULL),

	/* ---- TIME_WAIT ---- */
	RFC_MINISOCK(TIME_WAIT, TIME_WAIT_TIMEOUT, CLOSE, SIGN_TIMER_ENDED, "2 MSL are over", "3.10.8"),
	RFC_MINISOCK(TIME_WAIT, RST, CLOSE, SIGN_RESET_RECEIVED,
		     "ended by a reset: TIME_WAIT assassination (RFC 1337; not with tcp_rfc1337)", "3.10.7.4"),
	RFC_UNSHOWN(TIME_WAIT, SYN_NEW, SYN_RECV, "a new SYN may take the address pair over", "3.6.1, 3.10.7.4"),
	RFC_UNSHOWN(TIME_WAIT, ABORT, CLOSE, "ABORT", "3.10.5"),
	CLOSING_ERROR_IN(TIME_WAIT),
	RFC_STAYS(TIME_WAIT, FIN, "a repeated FIN is acknowledged, and 2 MSL begin anew", "3.10.7.4"),
	RFC_STAYS(TIME_WAIT, ICMP, "an ICMP error means nothing in TIME_WAIT", "3.9.2.2"),
	RFC_STAYS(TIME_WAIT, OPEN_ACTIVE, "OPEN: the connection exists already", "3.10.1"),
	LINUX_MINISOCK(TCP_TIME_WAIT, SYN_NEW, TCP_NEW_SYN_RECV, SIGN_REUSED | SIGN_PASSIVE,
		       "a new SYN takes the address pair over: the listener gets it", "tcp_timewait_state_process()",
		       NULL),
	LINUX_MINISOCK(TCP_TIME_WAIT, OPEN_ACTIVE, TCP_SYN_SENT, SIGN_REUSED,
		       "connect() takes the address pair over (tcp_tw_reuse)", "tcp_twsk_unique()", NULL),
	LINUX_MINISOCK(TCP_TIME_WAIT, DESTROY, TCP_CLOSE, 0, "removed by an administrator", "tcp_abort()", "4.5"),

	/* ---- segments and errors that change no state ---- */
	SYNCHRONISED(SYN_NEW_IN),
	SYNCHRONISED(ICMP_IN),
	RFC_STAYS(CLOSE_WAIT, FIN, "a repeated FIN is acknowledged again", "3.10.7.4"),
	RFC_STAYS(CLOSING, FIN, "a repeated FIN is acknowledged again", "3.10.7.4"),
	RFC_STAYS(LAST_ACK, FIN, "a repeated FIN is acknowledged again", "3.10.7.4"),
};

_Static_assert(sizeof(rules) / sizeof(rules[0]) < UINT8_MAX, "an entry's number fits the index");

static struct machine_index rules_index;
static const struct machine reference = {rules, sizeof(rules) / sizeof(rules[0]), &rules_index};

/* Each transition on the host is looked up: the entries of a pair must be at hand. */
static void index_fill(void)
{
	for (size_t i = reference.count; i--;) { /* what is put in front comes first */
		const struct machine_rule *rule = &rules[i];
		uint8_t *first = rule->shown == SHOWN_STATE ? &rules_index.first[rule->shown_from][rule->shown_to]
							    : &rules_index.first_unshown[rule->from];

		if (rule->shown == SHOWN_NOT)
			continue;
		rules_index.next[i] = *first;
		*first = (uint8_t)(i + 1);
	}
}

const struct machine *machine_reference(void)
{
	if (!rules_index.first[TCP_CLOSE][TCP_SYN_SENT])
		index_fill();
	return &reference;
}
