/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict_remote.c: rules for ends that came from the other side or from nowhere: a reset that came in, a
 * timer that gave up, an ICMP error; see verdict_internal.h. Their input are the facts of the end; of the
 * order among the rules they know nothing.
 */
#include <errno.h>

#include "core/verdict_internal.h"

/* An ACK to an unacceptable segment that long before a reset still counts as what drew it. */
#define CHALLENGE_WINDOW_MS 250
#define STATES_FIN_SENT     (IN(FIN_WAIT1) | IN(CLOSING) | IN(LAST_ACK))

/*
 * Data after a close is answered with a reset. Most ways there lead through tcp_reset(), as if one had come
 * in; the segment that also acknowledges our FIN takes tcp_done() instead. Kernels without reasons: no other
 * passive reset ends an orphan in FIN_WAIT2.
 */
bool rule_data_after_close(const struct facts *facts, struct verdict *verdict)
{
	bool passive = facts->reset_sent && !facts->reset_active;
	bool by_reason = passive && facts->reason == RESET_REASON_ABORT_ON_DATA;
	bool by_state = passive && facts->reason == RESET_REASON_UNKNOWN &&
			(facts->reset_received || (facts_in(facts, IN(FIN_WAIT2)) && facts->flags & EVENT_SOCKET_DEAD));

	if (!facts->ending->minisock_reset && !by_reason && !by_state)
		return false;
	verdict_blame_fin(facts, verdict);
	verdict_evidence(verdict, facts->ending->minisock_reset ? EVIDENCE_DATA_TO_MINISOCK : EVIDENCE_RESET_SENT, 0);
	verdict->cause = CAUSE_RST_SENT_DATA_AFTER_CLOSE;
	return true;
}

static enum connection_context reset_context(const struct facts *facts, struct verdict *verdict)
{
	const struct event_reset_received *received = &facts->ending->received;
	bool stateless = received->header.flags & EVENT_RESET_STATELESS;
	bool stateful = received->header.flags & EVENT_RESET_STATEFUL;
	uint64_t challenge_ms = facts_ms(facts, received->challenge_ticks);

	if (stateless)
		verdict_evidence(verdict, EVIDENCE_RESET_STATELESS, 0);
	if (facts_in(facts, IN(CLOSE_WAIT)))
		return CONTEXT_AFTER_PEER_FIN;
	if (stateful) { /* its sender has the connection: it did not forget, it chose to end it */
		verdict_evidence(verdict, EVIDENCE_RESET_STATEFUL, 0);
		return facts_in(facts, IN(ESTABLISHED)) ? CONTEXT_ESTABLISHED : CONTEXT_AFTER_LOCAL_FIN;
	}
	if (received->probes_out && !received->unacked_bytes) {
		verdict_evidence(verdict, EVIDENCE_PROBES, received->probes_out);
		return CONTEXT_ANSWER_TO_KEEPALIVE;
	}
	if (received->challenge_ticks != UINT32_MAX && challenge_ms <= CHALLENGE_WINDOW_MS) {
		verdict_evidence(verdict, EVIDENCE_CHALLENGE_ACK, challenge_ms);
		return CONTEXT_AFTER_CHALLENGE_ACK;
	}
	if (!facts_in(facts, IN(ESTABLISHED)))
		return CONTEXT_AFTER_LOCAL_FIN;
	if (received->retransmits)
		verdict_evidence(verdict, EVIDENCE_RETRANSMITS, received->retransmits);
	return stateless || received->retransmits ? CONTEXT_PEER_LOST_STATE : CONTEXT_ESTABLISHED;
}

/*
 * An orphan that waits for the peer's FIN answers data with a reset of its own, and tcp_receive_reset fires all the
 * same: where events were lost, that answer may be among them.
 */
bool rule_rst_received(const struct facts *facts, struct verdict *verdict)
{
	bool waits = facts_in(facts, IN(FIN_WAIT1) | IN(FIN_WAIT2)) && facts->flags & EVENT_SOCKET_DEAD;

	if (!facts->reset_received || (waits && facts->ending->loss_nearby))
		return false;
	verdict_evidence(verdict, EVIDENCE_RESET_RECEIVED, 0);
	verdict->context = reset_context(facts, verdict);
	return verdict_set(verdict, CAUSE_RST_RECEIVED, INITIATOR_PEER, HOW_NONE);
}

/*
 * Nothing unacknowledged, yet probes unanswered: only the keepalive timer ends such a connection. With
 * TCP_USER_TIMEOUT set, that alone decides, not the number of probes (tcp_keepalive_timer()).
 */
bool rule_keepalive(const struct facts *facts, struct verdict *verdict)
{
	const struct event_close *close = facts->close;

	if ((close->error != ETIMEDOUT && !facts_error_is_icmp(facts)) || !(facts->flags & EVENT_KEEPALIVE_ON) ||
	    close->unacked_bytes || !close->probes_out)
		return false;
	if (facts->reset_sent)
		verdict_evidence(verdict, EVIDENCE_RESET_SENT, 0);
	return verdict_timeout(facts, verdict,
			       close->user_timeout_ms ? CAUSE_KEEPALIVE_USER_TIMEOUT
						      : CAUSE_KEEPALIVE_PROBES_UNANSWERED);
}

/*
 * Data waits, none of it in flight, and the probe timer gave up: the peer's window was shut
 * (tcp_probe_timer()). With an open window the same timer stands in when the local host cannot transmit.
 */
bool rule_probe_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct event_close *close = facts->close;

	if ((close->error != ETIMEDOUT && !facts_error_is_icmp(facts)) || !close->probes_out || !close->unacked_bytes ||
	    !(facts->flags & EVENT_NOTHING_IN_FLIGHT))
		return false;
	if (!(facts->flags & EVENT_WINDOW_ZERO)) {
		verdict->context = CONTEXT_LOCAL_TRANSMIT_FAILED;
		verdict_evidence(verdict, EVIDENCE_WINDOW_OPEN, 0);
		return verdict_timeout(facts, verdict, CAUSE_DATA_RETRANSMIT_TIMEOUT);
	}
	if (close->user_timeout_ms)
		verdict->context = CONTEXT_USER_TIMEOUT;
	verdict_evidence(verdict, EVIDENCE_WINDOW_ZERO, 0);
	return verdict_timeout(facts, verdict, CAUSE_ZERO_WINDOW_TIMEOUT);
}

bool rule_retransmit_timeout(const struct facts *facts, struct verdict *verdict)
{
	const struct event_close *close = facts->close;

	if ((close->error != ETIMEDOUT && !facts_error_is_icmp(facts)) || !close->retransmits)
		return false;
	if (facts_error_is_icmp(facts)) {
		verdict->context = CONTEXT_ICMP;
		verdict_evidence(verdict, EVIDENCE_SOFT_ERROR, close->soft_error);
	}
	if (close->user_timeout_ms)
		return verdict_timeout(facts, verdict, CAUSE_USER_TIMEOUT);
	return verdict_timeout(facts, verdict,
			       facts_in(facts, STATES_FIN_SENT) ? CAUSE_FIN_RETRANSMIT_TIMEOUT
								: CAUSE_DATA_RETRANSMIT_TIMEOUT);
}

bool rule_icmp_error(const struct facts *facts, struct verdict *verdict)
{
	if (!facts_error_is_icmp(facts))
		return false;
	verdict_evidence(verdict, EVIDENCE_SOFT_ERROR, facts->close->soft_error);
	return verdict_set(verdict, CAUSE_ICMP_ERROR, INITIATOR_NETWORK, HOW_ICMP);
}
