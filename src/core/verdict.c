/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.c: the decision rules, see verdict.h. Each rule is a function that either decides or leaves
 * the facts to the next; the order of the tables at the end of this file is the order of precedence.
 *
 * Three things the kernel misleads with, and that every rule here minds: the reason that it gives for a
 * reset is evidence, not a verdict; sk_err 104 is also left behind by our own disconnect; and the
 * running task is only to blame while it holds the socket's lock.
 */
#include <errno.h>
#include <string.h>

#include "core/verdict.h"

/* An ACK to an unacceptable segment that long before a reset still counts as what drew it. */
#define CHALLENGE_WINDOW_MS 250

/* Everything that a rule may look at, unpacked once. */
struct facts {
	const struct connection *connection;
	const struct ending *ending;
	const struct event_close *close;
	uint64_t tick_ns;
	uint8_t old_state;
	uint16_t flags;         /* of the close */
	bool reset_received;
	bool reset_sent;        /* by a live socket, active or passive */
	bool reset_active;      /* not as an answer to a segment */
	uint8_t reason;         /* enum reset_reason; UNKNOWN on kernels without */
};

typedef bool (*verdict_rule)(const struct facts *facts, struct verdict *verdict);

static const uint8_t class_of_cause[] = {
#define CAUSE_CLASS(name, text, class) [name] = class,
	CONNECTION_CAUSES(CAUSE_CLASS)
};

enum connection_class verdict_class(enum connection_cause cause)
{
	return class_of_cause[cause];
}

static void evidence_add(struct verdict *verdict, enum evidence_kind kind, uint64_t value)
{
	if (verdict->evidence_count < REPORT_EVIDENCE_MAX)
		verdict->evidence[verdict->evidence_count++] = (struct report_evidence){kind, value};
}

static uint64_t ticks_to_ms(const struct facts *facts, uint32_t ticks)
{
	return ticks * facts->tick_ns / 1000000;
}

static bool in_states(const struct facts *facts, unsigned int mask)
{
	return 1U << facts->old_state & mask;
}

#define IN(state) (1U << TCP_##state)
#define STATES_FIN_SENT (IN(FIN_WAIT1) | IN(CLOSING) | IN(LAST_ACK))

/* The reason where the kernel gives one, else any reset of ours that was not an answer. */
static bool reset_is(const struct facts *facts, uint8_t reason)
{
	if (!facts->reset_sent)
		return false;
	return facts->reason == RESET_REASON_UNKNOWN ? facts->reset_active : facts->reason == reason;
}

static bool decide(struct verdict *verdict, enum connection_cause cause, enum connection_initiator initiator,
		   enum connection_how how)
{
	verdict->cause = cause;
	verdict->initiator = initiator;
	verdict->how = how;
	return true;
}

/* Who acted locally, and how: a task that is exiting did not choose to close. */
static void blame_local(const struct facts *facts, struct verdict *verdict, const struct local_act *act,
			enum connection_how how)
{
	verdict->initiator = INITIATOR_LOCAL_APP;
	verdict->how = how;
	if (!(act->flags & EVENT_TASK_ACTS) && how != HOW_LISTENER_CLOSE) {
		verdict->how = HOW_NONE; /* an MPTCP worker, or not seen */
		return;
	}
	if (!(act->flags & EVENT_TASK_EXITING)) {
		evidence_add(verdict, act->flags & EVENT_FILE_DEAD ? EVIDENCE_FILE_RELEASED : EVIDENCE_FILE_ALIVE, 0);
		return;
	}
	verdict->initiator = INITIATOR_LOCAL_EXIT;
	evidence_add(verdict, EVIDENCE_TASK_EXITING, (uint32_t)act->exit_code);
	if (act->exit_code & 0x7f) {
		verdict->how = HOW_SIGNAL;
		verdict->exit_signal = act->exit_code & 0x7f;
	} else {
		verdict->how = HOW_EXIT;
		verdict->exit_code = act->exit_code >> 8 & 0xff;
	}
	if (facts->ending->oom_victim) {
		verdict->context = CONTEXT_OOM_KILL;
		evidence_add(verdict, EVIDENCE_OOM_VICTIM, 0);
	}
}

static struct local_act act_of_close(const struct facts *facts)
{
	return (struct local_act){facts->flags, facts->close->exit_code, facts->close->header.pid};
}

static void blame_closer(const struct facts *facts, struct verdict *verdict, enum connection_how how)
{
	struct local_act act = act_of_close(facts);

	blame_local(facts, verdict, &act, how);
}

/* The task that sent our FIN; where a shutdown() came first, that was it. */
static void blame_fin(const struct facts *facts, struct verdict *verdict)
{
	const struct local_act *fin = &facts->ending->fin;

	blame_local(facts, verdict, fin, fin->flags & EVENT_FILE_DEAD ? HOW_CLOSE : HOW_SHUTDOWN);
}

static bool decide_timeout(const struct facts *facts, struct verdict *verdict, enum connection_cause cause)
{
	if (facts->close->retransmits)
		evidence_add(verdict, EVIDENCE_RETRANSMITS, facts->close->retransmits);
	if (facts->close->probes_out)
		evidence_add(verdict, EVIDENCE_PROBES, facts->close->probes_out);
	if (facts->close->user_timeout_ms)
		evidence_add(verdict, EVIDENCE_USER_TIMEOUT, facts->close->user_timeout_ms);
	if (facts->close->unacked_bytes)
		evidence_add(verdict, EVIDENCE_UNACKED_BYTES, facts->close->unacked_bytes);
	if (facts->close->silent_ticks != UINT32_MAX)
		evidence_add(verdict, EVIDENCE_SILENT, ticks_to_ms(facts, facts->close->silent_ticks));
	evidence_add(verdict, EVIDENCE_ERROR, facts->close->error);
	if (facts->flags & EVENT_SOCKET_DEAD) {
		evidence_add(verdict, EVIDENCE_ORPHAN, 0);
		if (verdict->context == CONTEXT_NONE)
			verdict->context = CONTEXT_ORPHAN;
	}
	return decide(verdict, cause, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

/* sk_err came from a soft error: some router or host sent ICMP meanwhile. */
static bool error_is_icmp(const struct facts *facts)
{
	return facts->close->error && facts->close->error != ETIMEDOUT &&
	       facts->close->error == facts->close->soft_error;
}

/* ---- rules that hold in every state ------------------------------------------------------------ */

static bool rule_end_unseen(const struct facts *facts, struct verdict *verdict)
{
	if (!facts->ending->end_unseen && facts->close->header.kind)
		return false;
	evidence_add(verdict, EVIDENCE_END_UNSEEN, 0);
	return decide(verdict, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
}

/* TCP_REPAIR: the socket is taken away, the peer hears nothing (tcp_disconnect() in __tcp_close()). */
static bool rule_repair(const struct facts *facts, struct verdict *verdict)
{
	if (!(facts->flags & EVENT_REPAIR) || facts->close->error)
		return false;
	blame_closer(facts, verdict, HOW_CLOSE);
	verdict->cause = CAUSE_DESTROYED;
	verdict->context = CONTEXT_TCP_REPAIR;
	return true;
}

/* tcp_abort(): ECONNABORTED stands before the transition, and an aborting task holds the lock. */
static bool rule_destroyed(const struct facts *facts, struct verdict *verdict)
{
	if (facts->close->error != ECONNABORTED || facts->reset_received || !(facts->flags & EVENT_TASK_ACTS))
		return false;
	if (facts->reset_sent)
		evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	evidence_add(verdict, EVIDENCE_ERROR, ECONNABORTED);
	evidence_add(verdict, EVIDENCE_ABORTED_BY_PID, facts->close->header.pid);
	return decide(verdict, CAUSE_DESTROYED, INITIATOR_LOCAL_ADMIN, HOW_SOCK_DESTROY);
}

/* ---- before ESTABLISHED ------------------------------------------------------------------------ */

static bool rule_refused(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(SYN_SENT)) || !facts->reset_received)
		return false;
	evidence_add(verdict, EVIDENCE_RESET_RECEIVED, 0);
	return decide(verdict, CAUSE_REFUSED, INITIATOR_PEER, HOW_NONE);
}

static bool rule_reset_in_handshake(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(SYN_RECV) | IN(NEW_SYN_RECV)) || !facts->reset_received)
		return false;
	evidence_add(verdict, EVIDENCE_RESET_RECEIVED, 0);
	return decide(verdict, CAUSE_RESET_IN_HANDSHAKE, INITIATOR_PEER, HOW_NONE);
}

static bool rule_unreachable(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(SYN_SENT)) || !error_is_icmp(facts))
		return false;
	evidence_add(verdict, EVIDENCE_SOFT_ERROR, facts->close->soft_error);
	return decide(verdict, CAUSE_UNREACHABLE, INITIATOR_NETWORK, HOW_ICMP);
}

static bool rule_syn_timeout(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(SYN_SENT)) || facts->close->error != ETIMEDOUT)
		return false;
	return decide_timeout(facts, verdict, CAUSE_SYN_TIMEOUT);
}

/* A request socket has no close of its own: its SYN-ACKs ran out (tracker, handshakes). */
static bool rule_synack_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct ending *ending = facts->ending;

	if (facts->old_state == TCP_NEW_SYN_RECV) {
		evidence_add(verdict, EVIDENCE_SYNACK_RETRIES, facts->connection->retransmits);
		if (ending->synack_timeouts + 1 >= ending->synack_max)
			return decide(verdict, CAUSE_SYNACK_TIMEOUT, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
		evidence_add(verdict, EVIDENCE_NO_CAUSE_SEEN, 0);
		return decide(verdict, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
	}
	if (!in_states(facts, IN(SYN_RECV)) || facts->close->error != ETIMEDOUT)
		return false;
	return decide_timeout(facts, verdict, CAUSE_SYNACK_TIMEOUT);
}

/*
 * connect() itself failed after CLOSE->SYN_SENT and before a SYN: no sequence number, no timer. The
 * usual reason is that every local port towards this destination is taken.
 */
static bool rule_no_local_port(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(SYN_SENT)) || facts->close->error || !(facts->flags & EVENT_TASK_ACTS) ||
	    (facts->flags & EVENT_FILE_DEAD) || facts->close->pending_timer || facts->close->unacked_bytes)
		return false;
	verdict->context = CONTEXT_NO_LOCAL_PORT;
	evidence_add(verdict, EVIDENCE_NO_LOCAL_PORT, 0);
	return decide(verdict, CAUSE_CANCELLED, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

static bool rule_cancelled(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(SYN_SENT) | IN(SYN_RECV)) || facts->close->error || !(facts->flags & EVENT_TASK_ACTS))
		return false;
	blame_closer(facts, verdict, facts->flags & EVENT_FILE_DEAD ? HOW_CLOSE : HOW_DISCONNECT);
	verdict->cause = CAUSE_CANCELLED;
	return true;
}

/* ---- a reset came in --------------------------------------------------------------------------- */

/*
 * tcp_reset() is also how the kernel aborts when data arrives after a close; only then it answers with a
 * reset of its own.
 */
static bool rule_data_after_close(const struct facts *facts, struct verdict *verdict)
{
	bool answered = facts->reset_sent && !facts->reset_active &&
			(facts->reason == RESET_REASON_ABORT_ON_DATA || facts->reason == RESET_REASON_UNKNOWN);

	if (!facts->ending->minisock_reset && !(facts->reset_received && answered))
		return false;
	blame_fin(facts, verdict);
	evidence_add(verdict, facts->ending->minisock_reset ? EVIDENCE_DATA_TO_MINISOCK : EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_DATA_AFTER_CLOSE;
	return true;
}

static enum connection_context reset_context(const struct facts *facts, struct verdict *verdict)
{
	const struct event_reset_received *received = &facts->ending->received;
	bool stateless = received->header.flags & EVENT_RESET_STATELESS;
	uint64_t challenge_ms = ticks_to_ms(facts, received->challenge_ticks);

	if (stateless)
		evidence_add(verdict, EVIDENCE_RESET_STATELESS, 0);
	if (in_states(facts, IN(CLOSE_WAIT)))
		return CONTEXT_AFTER_PEER_FIN;
	if (received->probes_out && !received->unacked_bytes) {
		evidence_add(verdict, EVIDENCE_PROBES, received->probes_out);
		return CONTEXT_ANSWER_TO_KEEPALIVE;
	}
	if (received->challenge_ticks != UINT32_MAX && challenge_ms <= CHALLENGE_WINDOW_MS) {
		evidence_add(verdict, EVIDENCE_CHALLENGE_ACK, challenge_ms);
		return CONTEXT_AFTER_CHALLENGE_ACK;
	}
	if (!in_states(facts, IN(ESTABLISHED)))
		return CONTEXT_AFTER_LOCAL_FIN;
	if (received->retransmits)
		evidence_add(verdict, EVIDENCE_RETRANSMITS, received->retransmits);
	return stateless || received->retransmits ? CONTEXT_PEER_LOST_STATE : CONTEXT_ESTABLISHED;
}

static bool rule_rst_received(const struct facts *facts, struct verdict *verdict)
{
	if (!facts->reset_received)
		return false;
	evidence_add(verdict, EVIDENCE_RESET_RECEIVED, 0);
	verdict->context = reset_context(facts, verdict);
	return decide(verdict, CAUSE_RST_RECEIVED, INITIATOR_PEER, HOW_NONE);
}

/* ---- a timer ended it -------------------------------------------------------------------------- */

/*
 * Nothing unacknowledged, yet probes unanswered: only the keepalive timer ends such a connection. With
 * TCP_USER_TIMEOUT set, that alone decides, not the number of probes (tcp_keepalive_timer()).
 */
static bool rule_keepalive(const struct facts *facts, struct verdict *verdict)
{
	const struct event_close *close = facts->close;

	if ((close->error != ETIMEDOUT && !error_is_icmp(facts)) || !(facts->flags & EVENT_KEEPALIVE_ON) ||
	    close->unacked_bytes || !close->probes_out)
		return false;
	if (facts->reset_sent)
		evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	return decide_timeout(facts, verdict, close->user_timeout_ms ? CAUSE_KEEPALIVE_USER_TIMEOUT
								      : CAUSE_KEEPALIVE_PROBES_UNANSWERED);
}

/*
 * Data waits, none of it in flight, and the probe timer gave up: the peer's window was shut
 * (tcp_probe_timer()). With an open window the same timer stands in when the local host cannot transmit.
 */
static bool rule_probe_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct event_close *close = facts->close;

	if ((close->error != ETIMEDOUT && !error_is_icmp(facts)) || !close->probes_out || !close->unacked_bytes ||
	    !(facts->flags & EVENT_NOTHING_IN_FLIGHT))
		return false;
	if (!(facts->flags & EVENT_WINDOW_ZERO)) {
		verdict->context = CONTEXT_LOCAL_TRANSMIT_FAILED;
		evidence_add(verdict, EVIDENCE_WINDOW_OPEN, 0);
		return decide_timeout(facts, verdict, CAUSE_DATA_RETRANSMIT_TIMEOUT);
	}
	if (close->user_timeout_ms)
		verdict->context = CONTEXT_USER_TIMEOUT;
	evidence_add(verdict, EVIDENCE_WINDOW_ZERO, 0);
	return decide_timeout(facts, verdict, CAUSE_ZERO_WINDOW_TIMEOUT);
}

static bool rule_retransmit_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct event_close *close = facts->close;

	if ((close->error != ETIMEDOUT && !error_is_icmp(facts)) || !close->retransmits)
		return false;
	if (error_is_icmp(facts)) {
		verdict->context = CONTEXT_ICMP;
		evidence_add(verdict, EVIDENCE_SOFT_ERROR, close->soft_error);
	}
	if (close->user_timeout_ms)
		return decide_timeout(facts, verdict, CAUSE_USER_TIMEOUT);
	return decide_timeout(facts, verdict,
			      in_states(facts, STATES_FIN_SENT) ? CAUSE_FIN_RETRANSMIT_TIMEOUT : CAUSE_DATA_RETRANSMIT_TIMEOUT);
}

static bool rule_icmp_error(const struct facts *facts, struct verdict *verdict)
{
	if (!error_is_icmp(facts))
		return false;
	evidence_add(verdict, EVIDENCE_SOFT_ERROR, facts->close->soft_error);
	return decide(verdict, CAUSE_ICMP_ERROR, INITIATOR_NETWORK, HOW_ICMP);
}

/* ---- the local side ended it (sk_err is 0 at the transition) ------------------------------------ */

static bool rule_memory(const struct facts *facts, struct verdict *verdict)
{
	bool over = facts->ending->sent.header.flags & EVENT_MEMORY_OVER;

	if (!facts->reset_sent || facts->reason != RESET_REASON_ABORT_ON_MEMORY)
		return false;
	evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	if (over)
		evidence_add(verdict, EVIDENCE_MEMORY_OVER, 0);
	if (facts->flags & EVENT_SOCKET_DEAD)
		evidence_add(verdict, EVIDENCE_ORPHAN, 0);
	return decide(verdict, over ? CAUSE_MEMORY : CAUSE_ORPHAN_LIMIT, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

/* close() with unread data wins over SO_LINGER in __tcp_close(); the reset itself need not be seen. */
static bool rule_unread_data(const struct facts *facts, struct verdict *verdict)
{
	bool by_reason = facts->reset_sent && facts->reason == RESET_REASON_ABORT_ON_CLOSE;
	bool by_state = facts->close->unread_bytes && (facts->flags & EVENT_FILE_DEAD) &&
			in_states(facts, IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(FIN_WAIT1) | IN(FIN_WAIT2));

	if (!by_reason && !by_state)
		return false;
	blame_closer(facts, verdict, HOW_CLOSE);
	evidence_add(verdict, EVIDENCE_UNREAD_BYTES, facts->close->unread_bytes);
	if (facts->reset_sent)
		evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_UNREAD_DATA;
	return true;
}

static bool rule_linger2(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(FIN_WAIT2)) || !(facts->flags & EVENT_LINGER2_NEGATIVE) ||
	    !reset_is(facts, RESET_REASON_ABORT_ON_LINGER))
		return false;
	blame_local(facts, verdict, facts->ending->release.flags ? &facts->ending->release : &facts->ending->fin,
		    HOW_LINGER);
	evidence_add(verdict, EVIDENCE_LINGER2_NEGATIVE, 0);
	evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_LINGER;
	return true;
}

static bool rule_linger(const struct facts *facts, struct verdict *verdict)
{
	if (!(facts->flags & EVENT_LINGER_ZERO) || !(facts->flags & EVENT_FILE_DEAD) || facts->close->shutdown != 3 ||
	    !in_states(facts, IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(FIN_WAIT1) | IN(FIN_WAIT2) | IN(SYN_RECV)))
		return false;
	blame_closer(facts, verdict, HOW_LINGER);
	evidence_add(verdict, EVIDENCE_LINGER_ZERO, 0);
	if (facts->reset_sent)
		evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_LINGER;
	return true;
}

/* inet_csk_listen_stop(): the child has no socket, nobody orphaned it, its parent's closer is at work. */
static bool rule_listener_closed(const struct facts *facts, struct verdict *verdict)
{
	if ((facts->flags & (EVENT_HAS_SOCKET | EVENT_SOCKET_DEAD | EVENT_TASK_ACTS)) || !facts->reset_sent ||
	    !facts->reset_active || !in_states(facts, IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(SYN_RECV)))
		return false;
	blame_closer(facts, verdict, HOW_LISTENER_CLOSE);
	evidence_add(verdict, EVIDENCE_NEVER_ACCEPTED, 0);
	evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_LISTENER_CLOSED;
	return true;
}

static bool rule_disconnect(const struct facts *facts, struct verdict *verdict)
{
	if (!(facts->flags & EVENT_TASK_ACTS) || !(facts->flags & EVENT_FILE_ALIVE) || !facts->reset_sent ||
	    !facts->reset_active)
		return false;
	blame_closer(facts, verdict, HOW_DISCONNECT);
	evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_DISCONNECT;
	return true;
}

static bool rule_protocol(const struct facts *facts, struct verdict *verdict)
{
	if (!facts->reset_sent || facts->reset_active)
		return false;
	evidence_add(verdict, EVIDENCE_RESET_SENT, 0);
	return decide(verdict, CAUSE_RST_SENT_PROTOCOL, INITIATOR_LOCAL_KERNEL, HOW_NONE);
}

/* A dying network namespace ends its kernel's orphans in their timers, without a word to the peer. */
static bool rule_netns_exit(const struct facts *facts, struct verdict *verdict)
{
	if (!in_states(facts, IN(FIN_WAIT1)) || !(facts->flags & EVENT_SOCKET_DEAD) ||
	    (facts->flags & EVENT_TASK_ACTS) || facts->reset_sent)
		return false;
	evidence_add(verdict, EVIDENCE_ORPHAN, 0);
	return decide(verdict, CAUSE_NETNS_EXIT, INITIATOR_LOCAL_KERNEL, HOW_NETNS_EXIT);
}

static bool rule_fin_wait2_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct ending *ending = facts->ending;

	if (!in_states(facts, IN(FIN_WAIT2)) || !ending->minisock || ending->minisock_fin ||
	    ending->minisock_change != TIME_WAIT_EXPIRED)
		return false;
	evidence_add(verdict, EVIDENCE_MINISOCK_EXPIRED, 0);
	if (facts->flags & EVENT_SOCKET_DEAD)
		evidence_add(verdict, EVIDENCE_ORPHAN, 0);
	return decide(verdict, CAUSE_FIN_WAIT2_TIMEOUT, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

static bool path_has(const struct facts *facts, uint8_t state)
{
	const struct connection *connection = facts->connection;

	for (uint8_t i = 0; i < connection->path_count; i++) {
		uint64_t entry = i < CONNECTION_PATH_SHORT ? connection->path[i]
							   : facts->ending->path[i - CONNECTION_PATH_SHORT];
		if ((entry & 15) == state)
			return true;
	}
	return false;
}

static bool rule_graceful(const struct facts *facts, struct verdict *verdict)
{
	const struct ending *ending = facts->ending;
	uint16_t order = facts->connection->flags & (CONNECTION_FIN_LOCAL_FIRST | CONNECTION_FIN_PEER_FIRST);

	if (!in_states(facts, IN(LAST_ACK)) && !(in_states(facts, IN(FIN_WAIT2) | IN(CLOSING)) && ending->minisock))
		return false;
	if (order == CONNECTION_FIN_PEER_FIRST) {
		evidence_add(verdict, EVIDENCE_PEER_FIN_FIRST, 0);
		evidence_add(verdict, EVIDENCE_LAST_ACK, 0);
		return decide(verdict, CAUSE_FIN_PEER_FIRST, INITIATOR_PEER, HOW_NONE);
	}
	blame_fin(facts, verdict);
	if (path_has(facts, TCP_CLOSING)) {
		evidence_add(verdict, EVIDENCE_FIN_CROSSED, 0);
		verdict->cause = CAUSE_FIN_SIMULTANEOUS;
		return true;
	}
	evidence_add(verdict, EVIDENCE_LOCAL_FIN_FIRST, 0);
	if (!ending->minisock_fin)
		evidence_add(verdict, EVIDENCE_PEER_FIN_UNSEEN, 0);
	verdict->cause = CAUSE_FIN_LOCAL_FIRST;
	return true;
}

static const verdict_rule rules_always[] = {
	rule_end_unseen, rule_repair, rule_destroyed, rule_refused, rule_reset_in_handshake, rule_data_after_close,
	rule_rst_received,
};

static const verdict_rule rules_error[] = {
	rule_unreachable, rule_syn_timeout, rule_synack_timeout, rule_keepalive, rule_probe_timeout,
	rule_retransmit_timeout, rule_icmp_error,
};

static const verdict_rule rules_no_error[] = {
	rule_synack_timeout, rule_memory, rule_no_local_port, rule_unread_data, rule_linger2, rule_linger,
	rule_listener_closed, rule_cancelled, rule_disconnect, rule_protocol, rule_fin_wait2_timeout, rule_netns_exit,
	rule_graceful,
};

static bool apply(const verdict_rule *rules, size_t count, const struct facts *facts, struct verdict *verdict)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i](facts, verdict))
			return true;
	return false;
}

/* An application gets the error only if it still holds the socket. */
static uint8_t error_for_application(const struct facts *facts)
{
	return facts->flags & EVENT_SOCKET_DEAD ? 0 : facts->close->error;
}

static void facts_fill(struct facts *facts, const struct connection *connection, const struct ending *ending,
		       uint64_t tick_ns)
{
	memset(facts, 0, sizeof(*facts));
	facts->connection = connection;
	facts->ending = ending;
	facts->close = &ending->close;
	facts->tick_ns = tick_ns;
	facts->old_state = ending->close.header.kind ? ending->close.old_state : connection->state;
	facts->flags = ending->close.header.flags;
	facts->reset_received = ending->received.header.kind;
	facts->reset_sent = ending->sent.header.kind;
	facts->reset_active = facts->reset_sent && !(ending->sent.header.flags & EVENT_PASSIVE);
	facts->reason = ending->sent.reason;
}

void verdict_decide(const struct connection *connection, const struct ending *ending, uint64_t tick_ns,
		    struct verdict *verdict)
{
	struct facts facts;

	facts_fill(&facts, connection, ending, tick_ns);
	memset(verdict, 0, sizeof(*verdict));
	verdict->exit_code = verdict->exit_signal = -1;
	verdict->error = error_for_application(&facts);
#define APPLY(rules) apply(rules, sizeof(rules) / sizeof((rules)[0]), &facts, verdict)
	if (APPLY(rules_always) || (facts.close->error ? APPLY(rules_error) : APPLY(rules_no_error)))
		return;
#undef APPLY
	verdict->evidence_count = 0;
	evidence_add(verdict, EVIDENCE_NO_CAUSE_SEEN, 0);
	if (facts.close->error)
		evidence_add(verdict, EVIDENCE_ERROR, facts.close->error);
}

bool close_leaves_minisock(const struct ending *ending)
{
	const struct event_close *close = &ending->close;

	return !close->error && !ending->received.header.kind && !ending->sent.header.kind &&
	       (close->old_state == TCP_FIN_WAIT2 || close->old_state == TCP_CLOSING);
}
