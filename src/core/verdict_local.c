/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict_local.c: rules for ends that this side made: its application, its administrator, its kernel, and
 * the orderly ones; see verdict_internal.h. Their input are the facts of the end; of the order among the
 * rules they know nothing.
 */
#include <errno.h>

#include "core/verdict_internal.h"

/* The reason where the kernel gives one, else any reset of ours that was not an answer. */
static bool reset_is(const struct facts *facts, uint8_t reason)
{
	if (!facts->reset_sent)
		return false;
	return facts->reason == RESET_REASON_UNKNOWN ? facts->reset_active : facts->reason == reason;
}

/* TCP_REPAIR: the socket is taken away, the peer hears nothing (tcp_disconnect() in __tcp_close()). */
bool rule_repair(const struct facts *facts, struct verdict *verdict)
{
	if (!(facts->flags & EVENT_REPAIR) || facts->close->error)
		return false;
	verdict_blame_closer(facts, verdict, HOW_CLOSE);
	verdict_evidence(verdict, EVIDENCE_REPAIR, 0);
	verdict->cause = CAUSE_DESTROYED;
	verdict->context = CONTEXT_TCP_REPAIR;
	return true;
}

/* tcp_abort(): ECONNABORTED stands before the transition, and an aborting task holds the lock. */
bool rule_destroyed(const struct facts *facts, struct verdict *verdict)
{
	if (facts->close->error != ECONNABORTED || facts->reset_received || !(facts->flags & EVENT_TASK_ACTS))
		return false;
	if (facts->reset_sent)
		verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	verdict_evidence(verdict, EVIDENCE_ERROR, ECONNABORTED);
	verdict_evidence(verdict, EVIDENCE_ABORTED_BY_PID, facts->close->header.pid);
	return verdict_set(verdict, CAUSE_DESTROYED, INITIATOR_LOCAL_ADMIN, HOW_SOCK_DESTROY);
}

bool rule_memory(const struct facts *facts, struct verdict *verdict)
{
	bool over = facts->ending->sent.header.flags & EVENT_MEMORY_OVER;
	bool by_reason = facts->reset_sent && facts->reason == RESET_REASON_ABORT_ON_MEMORY;
	/* Without reasons: what the kernel resets though nobody holds it, it cannot afford (tcp_out_of_resources()). */
	bool by_state = facts->reset_active && facts->reason == RESET_REASON_UNKNOWN &&
			(facts->flags & EVENT_SOCKET_DEAD);

	if (!by_reason && !by_state)
		return false;
	verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	if (over)
		verdict_evidence(verdict, EVIDENCE_MEMORY_OVER, 0);
	if (facts->flags & EVENT_SOCKET_DEAD)
		verdict_evidence(verdict, EVIDENCE_ORPHAN, 0);
	return verdict_set(verdict, over ? CAUSE_MEMORY : CAUSE_ORPHAN_LIMIT, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

/* close() with unread data wins over SO_LINGER in __tcp_close(); the reset itself need not be seen. */
bool rule_unread_data(const struct facts *facts, struct verdict *verdict)
{
	bool by_reason = facts->reset_sent && facts->reason == RESET_REASON_ABORT_ON_CLOSE;
	bool by_state = facts->close->unread_bytes && (facts->flags & EVENT_FILE_DEAD) &&
			facts_in(facts, IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(FIN_WAIT1) | IN(FIN_WAIT2));

	if (!by_reason && !by_state)
		return false;
	verdict_blame_closer(facts, verdict, HOW_CLOSE);
	verdict_evidence(verdict, EVIDENCE_UNREAD_BYTES, facts->close->unread_bytes);
	if (facts->reset_sent)
		verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_UNREAD_DATA;
	return true;
}

bool rule_linger2(const struct facts *facts, struct verdict *verdict)
{
	if (!facts_in(facts, IN(FIN_WAIT2)) || !(facts->flags & EVENT_LINGER2_NEGATIVE) ||
	    !reset_is(facts, RESET_REASON_ABORT_ON_LINGER))
		return false;
	verdict_blame(facts, verdict, facts->ending->release.flags ? &facts->ending->release : &facts->ending->fin,
		      HOW_LINGER);
	verdict_evidence(verdict, EVIDENCE_LINGER2_NEGATIVE, 0);
	verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_LINGER;
	return true;
}

/* tcp_disconnect() resets in these states, and after our FIN only where data was never sent. */
bool rule_linger(const struct facts *facts, struct verdict *verdict)
{
	unsigned int mask = IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(FIN_WAIT1) | IN(FIN_WAIT2) | IN(SYN_RECV);

	if (facts->reset_active)
		mask |= IN(CLOSING) | IN(LAST_ACK);
	if (!(facts->flags & EVENT_LINGER_ZERO) || !(facts->flags & EVENT_FILE_DEAD) || facts->close->shutdown != 3 ||
	    !facts_in(facts, mask))
		return false;
	verdict_blame_closer(facts, verdict, HOW_LINGER);
	verdict_evidence(verdict, EVIDENCE_LINGER_ZERO, 0);
	if (facts->reset_sent)
		verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_LINGER;
	return true;
}

/* inet_csk_listen_stop(): the child has no socket, nobody orphaned it, its parent's closer is at work. */
bool rule_listener_closed(const struct facts *facts, struct verdict *verdict)
{
	if ((facts->flags & (EVENT_HAS_SOCKET | EVENT_SOCKET_DEAD)) || !facts->reset_sent || !facts->reset_active ||
	    facts->reason == RESET_REASON_MPTCP || !facts_in(facts, IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(SYN_RECV)))
		return false;
	verdict_blame_closer(facts, verdict, HOW_LISTENER_CLOSE);
	verdict_evidence(verdict, EVIDENCE_NEVER_ACCEPTED, 0);
	verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_LISTENER_CLOSED;
	return true;
}

bool rule_disconnect(const struct facts *facts, struct verdict *verdict)
{
	if (!(facts->flags & EVENT_TASK_ACTS) || !(facts->flags & EVENT_FILE_ALIVE) || !facts->reset_sent ||
	    !facts->reset_active)
		return false;
	verdict_blame_closer(facts, verdict, HOW_DISCONNECT);
	verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_DISCONNECT;
	return true;
}

/* An answer to a segment, or MPTCP gave its subflow up (mptcp_subflow_reset()). */
bool rule_protocol(const struct facts *facts, struct verdict *verdict)
{
	if (!facts->reset_sent || (facts->reset_active && facts->reason != RESET_REASON_MPTCP))
		return false;
	verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	return verdict_set(verdict, CAUSE_RST_SENT_PROTOCOL, INITIATOR_LOCAL_KERNEL, HOW_NONE);
}

/* A dying network namespace ends its kernel's orphans in their timers, without a word to the peer. */
bool rule_netns_exit(const struct facts *facts, struct verdict *verdict)
{
	bool unacked = facts_in(facts, IN(FIN_WAIT1)) ||
		       (facts_in(facts, IN(CLOSING) | IN(LAST_ACK)) && facts->close->unacked_bytes);

	if (!unacked || !(facts->flags & EVENT_SOCKET_DEAD) || (facts->flags & EVENT_TASK_ACTS) || facts->reset_sent ||
	    facts->ending->loss_nearby)
		return false;
	verdict_evidence(verdict, EVIDENCE_ORPHAN, 0);
	return verdict_set(verdict, CAUSE_NETNS_EXIT, INITIATOR_LOCAL_KERNEL, HOW_NETNS_EXIT);
}

bool rule_fin_wait2_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct ending *ending = facts->ending;

	if (!facts_in(facts, IN(FIN_WAIT2)) || !ending->minisock || ending->minisock_fin ||
	    ending->minisock_change != TIME_WAIT_EXPIRED)
		return false;
	verdict_evidence(verdict, EVIDENCE_MINISOCK_EXPIRED, 0);
	if (facts->flags & EVENT_SOCKET_DEAD)
		verdict_evidence(verdict, EVIDENCE_ORPHAN, 0);
	return verdict_set(verdict, CAUSE_FIN_WAIT2_TIMEOUT, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

/*
 * In LAST_ACK and CLOSING only the ACK of our FIN is orderly (tcp_rcv_state_process()); with the FIN still
 * unacknowledged it is a close() with SO_LINGER {1, 0} that gave the connection up without a word.
 */
bool rule_graceful(const struct facts *facts, struct verdict *verdict)
{
	const struct ending *ending = facts->ending;
	uint16_t order = facts->connection->flags & (CONNECTION_FIN_LOCAL_FIRST | CONNECTION_FIN_PEER_FIRST);

	if (!facts_in(facts, IN(LAST_ACK)) && !(facts_in(facts, IN(FIN_WAIT2) | IN(CLOSING)) && ending->minisock))
		return false;
	if (facts->close->unacked_bytes || facts->reset_sent)
		return false;
	/* That a minisock waits for the peer's FIN is concluded from the absence of a reset. */
	if (facts_in(facts, IN(FIN_WAIT2)) && !(facts->flags & EVENT_SOCKET_DONE) && !ending->minisock_fin &&
	    ending->loss_nearby)
		return false;
	if (order == CONNECTION_FIN_PEER_FIRST) {
		verdict_evidence(verdict, EVIDENCE_PEER_FIN_FIRST, 0);
		verdict_evidence(verdict, EVIDENCE_LAST_ACK, 0);
		return verdict_set(verdict, CAUSE_FIN_PEER_FIRST, INITIATOR_PEER, HOW_NONE);
	}
	verdict_blame_fin(facts, verdict);
	if (path_entered_ns(facts->connection, ending, TCP_CLOSING)) {
		verdict_evidence(verdict, EVIDENCE_FIN_CROSSED, 0);
		verdict->cause = CAUSE_FIN_SIMULTANEOUS;
		return true;
	}
	verdict_evidence(verdict, EVIDENCE_LOCAL_FIN_FIRST, 0);
	if (!ending->minisock_fin)
		verdict_evidence(verdict, EVIDENCE_PEER_FIN_UNSEEN, 0);
	verdict->cause = CAUSE_FIN_LOCAL_FIRST;
	return true;
}
