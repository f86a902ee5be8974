/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.c: the order of the decision rules and what they have in common, see verdict.h. Each rule is a
 * function that either decides or leaves the facts to the next; the order of the tables at the end of this
 * file is the order of precedence.
 *
 * Three things the kernel misleads with, and that every rule minds: the reason that it gives for a reset is
 * evidence, not a verdict; sk_err 104 is also left behind by our own disconnect; and the running task is
 * only to blame while it holds the socket's lock.
 */
#include <errno.h>
#include <string.h>

#include "core/verdict_internal.h"

typedef bool (*verdict_rule)(const struct facts *facts, struct verdict *verdict);

static const uint8_t class_of_cause[] = {
#define CAUSE_CLASS(name, text, class) [name] = class,
	CONNECTION_CAUSES(CAUSE_CLASS)};

enum connection_class verdict_class(enum connection_cause cause)
{
	return class_of_cause[cause];
}

void verdict_evidence(struct verdict *verdict, enum evidence_kind kind, uint64_t value)
{
	if (verdict->evidence_count < REPORT_EVIDENCE_MAX)
		verdict->evidence[verdict->evidence_count++] = (struct report_evidence){kind, value};
}

uint64_t facts_ms(const struct facts *facts, uint32_t ticks)
{
	return ticks * facts->tick_ns / 1000000;
}

bool facts_in(const struct facts *facts, unsigned int mask)
{
	return 1U << facts->old_state & mask;
}

bool verdict_set(struct verdict *verdict, enum connection_cause cause, enum connection_initiator initiator,
		 enum connection_how how)
{
	verdict->cause = cause;
	verdict->initiator = initiator;
	verdict->how = how;
	return true;
}

void verdict_blame(const struct facts *facts, struct verdict *verdict, const struct local_act *act,
		   enum connection_how how)
{
	verdict->initiator = INITIATOR_LOCAL_APP;
	verdict->how = how;
	if (!act->flags && facts->connection->flags & (CONNECTION_BIRTH_UNSEEN | CONNECTION_GAP)) {
		verdict->initiator = INITIATOR_UNKNOWN; /* it was done before we looked */
		verdict->how = HOW_NONE;
		return;
	}
	if (!(act->flags & EVENT_TASK_ACTS)) {
		if (how != HOW_LISTENER_CLOSE)   /* who closed that acts on the listener, not on its children */
			verdict->how = HOW_NONE; /* an MPTCP worker, or not seen */
		return;
	}
	if (!(act->flags & EVENT_TASK_EXITING)) {
		if (act->flags & (EVENT_FILE_DEAD | EVENT_FILE_ALIVE)) /* the kernel's own sockets have no file */
			verdict_evidence(verdict,
					 act->flags & EVENT_FILE_DEAD ? EVIDENCE_FILE_RELEASED : EVIDENCE_FILE_ALIVE,
					 0);
		return;
	}
	verdict->initiator = INITIATOR_LOCAL_EXIT;
	verdict_evidence(verdict, EVIDENCE_TASK_EXITING, (uint32_t)act->exit_code);
	if (act->exit_code & 0x7f) {
		verdict->how = HOW_SIGNAL;
		verdict->exit_signal = act->exit_code & 0x7f;
	} else {
		verdict->how = HOW_EXIT;
		verdict->exit_code = act->exit_code >> 8 & 0xff;
	}
	if (facts->ending->oom_victim) {
		verdict->context = CONTEXT_OOM_KILL;
		verdict_evidence(verdict, EVIDENCE_OOM_VICTIM, 0);
	}
}

static struct local_act act_of_close(const struct facts *facts)
{
	return (struct local_act){facts->flags, facts->close->exit_code, facts->close->header.pid};
}

void verdict_blame_closer(const struct facts *facts, struct verdict *verdict, enum connection_how how)
{
	struct local_act act = act_of_close(facts);

	verdict_blame(facts, verdict, &act, how);
}

void verdict_blame_fin(const struct facts *facts, struct verdict *verdict)
{
	const struct local_act *fin = &facts->ending->fin;
	enum connection_how how = fin->flags & EVENT_FILE_DEAD ? HOW_CLOSE : HOW_SHUTDOWN;

	verdict_blame(facts, verdict, fin, fin->flags & (EVENT_FILE_DEAD | EVENT_FILE_ALIVE) ? how : HOW_NONE);
}

bool verdict_timeout(const struct facts *facts, struct verdict *verdict, enum connection_cause cause)
{
	if (facts->close->retransmits)
		verdict_evidence(verdict, EVIDENCE_RETRANSMITS, facts->close->retransmits);
	if (facts->close->probes_out)
		verdict_evidence(verdict, EVIDENCE_PROBES, facts->close->probes_out);
	if (facts->close->user_timeout_ms)
		verdict_evidence(verdict, EVIDENCE_USER_TIMEOUT, facts->close->user_timeout_ms);
	if (facts->close->unacked_bytes)
		verdict_evidence(verdict, EVIDENCE_UNACKED_BYTES, facts->close->unacked_bytes);
	if (facts->close->silent_ticks != UINT32_MAX)
		verdict_evidence(verdict, EVIDENCE_SILENT, facts_ms(facts, facts->close->silent_ticks));
	if (facts->ending->error_fetched)
		verdict_evidence(verdict, EVIDENCE_ERROR_FETCHED, 0);
	else
		verdict_evidence(verdict, EVIDENCE_ERROR, facts->close->error);
	if (facts->flags & EVENT_SOCKET_DEAD) {
		verdict_evidence(verdict, EVIDENCE_ORPHAN, 0);
		if (verdict->context == CONTEXT_NONE)
			verdict->context = CONTEXT_ORPHAN;
	}
	return verdict_set(verdict, cause, INITIATOR_LOCAL_KERNEL, HOW_TIMER);
}

/* sk_err came from a soft error: some router or host sent ICMP meanwhile. */
bool facts_error_is_icmp(const struct facts *facts)
{
	return facts->close->error && facts->close->error != ETIMEDOUT &&
	       facts->close->error == facts->close->soft_error;
}

static bool rule_end_unseen(const struct facts *facts, struct verdict *verdict)
{
	bool request = facts->old_state == TCP_NEW_SYN_RECV; /* has no close of its own */

	if (!facts->ending->end_unseen && (facts->close->header.kind || request))
		return false;
	verdict_evidence(verdict, EVIDENCE_END_UNSEEN, 0);
	return verdict_set(verdict, CAUSE_UNOBSERVED, INITIATOR_UNKNOWN, HOW_NONE);
}

static const verdict_rule rules_always[] = {
	rule_end_unseen,         rule_repair,           rule_destroyed,    rule_refused,
	rule_reset_in_handshake, rule_data_after_close, rule_rst_received,
};

static const verdict_rule rules_error[] = {
	rule_unreachable,   rule_syn_timeout,        rule_synack_timeout, rule_keepalive,
	rule_probe_timeout, rule_retransmit_timeout, rule_icmp_error,
};

static const verdict_rule rules_no_error[] = {
	rule_synack_timeout,  rule_linger2,           rule_memory,
	rule_no_local_port,   rule_unread_data,       rule_linger,
	rule_listener_closed, rule_cancelled,         rule_disconnect,
	rule_protocol,        rule_fin_wait2_timeout, rule_netns_exit,
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
	verdict_evidence(verdict, EVIDENCE_NO_CAUSE_SEEN, 0);
	if (facts.close->error)
		verdict_evidence(verdict, EVIDENCE_ERROR, facts.close->error);
}

/*
 * A minisock takes over what has the peer's FIN, or what no process holds any more, unless TCP_LINGER2 < 0 forbids to
 * wait; else somebody left it.
 */
bool close_leaves_minisock(const struct ending *ending)
{
	const struct event_close *close = &ending->close;
	uint16_t flags = close->header.flags;
	bool waits = flags & EVENT_SOCKET_DEAD && !(flags & EVENT_LINGER2_NEGATIVE);

	return !close->error && !ending->received.header.kind && !ending->sent.header.kind &&
	       (flags & EVENT_SOCKET_DONE || waits) &&
	       (close->old_state == TCP_FIN_WAIT2 || close->old_state == TCP_CLOSING);
}
