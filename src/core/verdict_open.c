/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict_open.c: rules for connections that ended before they were ESTABLISHED; see verdict_internal.h.
 * Their input are the facts of the end; of the order among the rules they know nothing.
 */
#include <errno.h>

#include "core/verdict_internal.h"

bool rule_refused(const struct facts *facts, struct verdict *verdict)
{
	if (!facts_in(facts, IN(SYN_SENT)) || !facts->reset_received)
		return false;
	verdict_evidence(verdict, EVIDENCE_RESET_RECEIVED, 0);
	return verdict_set(verdict, CAUSE_REFUSED, INITIATOR_PEER, HOW_NONE);
}

bool rule_reset_in_handshake(const struct facts *facts, struct verdict *verdict)
{
	if (!facts_in(facts, IN(SYN_RECV) | IN(NEW_SYN_RECV)) || !facts->reset_received)
		return false;
	verdict_evidence(verdict, EVIDENCE_RESET_RECEIVED, 0);
	return verdict_set(verdict, CAUSE_RESET_IN_HANDSHAKE, INITIATOR_PEER, HOW_NONE);
}

/*
 * Before an answer only ICMP sets another error than ETIMEDOUT without a reset (tcp_v4_err(), tcp_v6_err()).
 * Where the socket was not locked it is fatal at once, and the soft error stays 0.
 */
bool rule_unreachable(const struct facts *facts, struct verdict *verdict)
{
	uint8_t error = facts->close->error;

	if (!facts_in(facts, IN(SYN_SENT)) || !error || error == ETIMEDOUT || error == ECONNABORTED ||
	    facts->reset_received)
		return false;
	if (!facts_error_is_icmp(facts) && facts->ending->loss_nearby)
		return false; /* it may have been a reset */
	verdict_evidence(verdict, facts_error_is_icmp(facts) ? EVIDENCE_SOFT_ERROR : EVIDENCE_ERROR, error);
	return verdict_set(verdict, CAUSE_UNREACHABLE, INITIATOR_NETWORK, HOW_ICMP);
}

bool rule_syn_timeout(const struct facts *facts, struct verdict *verdict)
{
	if (!facts_in(facts, IN(SYN_SENT)) || facts->close->error != ETIMEDOUT)
		return false;
	return verdict_timeout(facts, verdict, CAUSE_SYN_TIMEOUT);
}

/* A request socket has no close of its own: its SYN-ACKs ran out (tracker, handshakes). */
bool rule_synack_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct ending *ending = facts->ending;

	if (facts->old_state == TCP_NEW_SYN_RECV) {
		verdict_evidence(verdict, EVIDENCE_SYNACK_RETRIES, facts->connection->retransmits);
		if (ending->synack_timeouts + 1 >= ending->synack_max)
			return verdict_set(verdict, CAUSE_SYNACK_TIMEOUT, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
		verdict_evidence(verdict, EVIDENCE_NO_CAUSE_SEEN, 0);
		return verdict_set(verdict, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
	}
	if (!facts_in(facts, IN(SYN_RECV)) || facts->close->error != ETIMEDOUT)
		return false;
	return verdict_timeout(facts, verdict, CAUSE_SYNACK_TIMEOUT);
}

/*
 * connect() itself failed after CLOSE->SYN_SENT and before a SYN: no sequence number, no timer. The
 * usual reason is that every local port towards this destination is taken.
 */
bool rule_no_local_port(const struct facts *facts, struct verdict *verdict)
{
	if (!facts_in(facts, IN(SYN_SENT)) || facts->close->error || !(facts->flags & EVENT_TASK_ACTS) ||
	    (facts->flags & EVENT_FILE_DEAD) || facts->close->pending_timer || facts->close->unacked_bytes)
		return false;
	verdict->context = CONTEXT_NO_LOCAL_PORT;
	verdict_evidence(verdict, EVIDENCE_NO_LOCAL_PORT, 0);
	return verdict_set(verdict, CAUSE_CANCELLED, INITIATOR_LOCAL_KERNEL, HOW_LIMIT);
}

bool rule_cancelled(const struct facts *facts, struct verdict *verdict)
{
	bool accepted = facts_in(facts, IN(SYN_SENT)) || facts->flags & EVENT_HAS_SOCKET; /* else it was its listener */

	if (!facts_in(facts, IN(SYN_SENT) | IN(SYN_RECV)) || facts->close->error || !(facts->flags & EVENT_TASK_ACTS) ||
	    !accepted)
		return false;
	verdict_blame_closer(facts, verdict, facts->flags & EVENT_FILE_DEAD ? HOW_CLOSE : HOW_DISCONNECT);
	verdict->cause = CAUSE_CANCELLED;
	return true;
}
