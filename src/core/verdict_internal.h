/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict_internal.h: what the parts of the verdict share: verdict.c (order of the rules, and what they
 * have in common), verdict_open.c (ends before ESTABLISHED), verdict_remote.c (resets that came in, timers,
 * ICMP), verdict_local.c (what this side did).
 *
 * A rule either decides, and returns true, or leaves the facts to the next.
 */
#ifndef LASTACK_CORE_VERDICT_INTERNAL_H
#define LASTACK_CORE_VERDICT_INTERNAL_H

#include "core/verdict.h"

/* Everything that a rule may look at, unpacked once. */
struct facts {
	const struct connection *connection;
	const struct ending *ending;
	const struct event_close *close;
	uint64_t tick_ns;
	uint8_t old_state;
	uint16_t flags; /* of the close */
	bool reset_received;
	bool reset_sent;   /* by a live socket, active or passive */
	bool reset_active; /* not as an answer to a segment */
	uint8_t reason;    /* enum reset_reason; UNKNOWN on kernels without */
};

#define IN(state) (1U << TCP_##state)

/* verdict.c */
void verdict_evidence(struct verdict *verdict, enum evidence_kind kind, uint64_t value);
bool verdict_set(struct verdict *verdict, enum connection_cause cause, enum connection_initiator initiator,
		 enum connection_how how);
/* A timer of the kernel's gave up: with all that was still outstanding as evidence. */
bool verdict_timeout(const struct facts *facts, struct verdict *verdict, enum connection_cause cause);
/* Who acted locally, and how: a task that is exiting did not choose to close. */
void verdict_blame(const struct facts *facts, struct verdict *verdict, const struct local_act *act,
		   enum connection_how how);
void verdict_blame_closer(const struct facts *facts, struct verdict *verdict, enum connection_how how);
/* The task that sent our FIN; where a shutdown() came first, that was it. */
void verdict_blame_fin(const struct facts *facts, struct verdict *verdict);
uint64_t facts_ms(const struct facts *facts, uint32_t ticks);
bool facts_in(const struct facts *facts, unsigned int mask);
bool facts_error_is_icmp(const struct facts *facts);

/* verdict_open.c */
bool rule_refused(const struct facts *facts, struct verdict *verdict);
bool rule_reset_in_handshake(const struct facts *facts, struct verdict *verdict);
bool rule_unreachable(const struct facts *facts, struct verdict *verdict);
bool rule_syn_timeout(const struct facts *facts, struct verdict *verdict);
bool rule_synack_timeout(const struct facts *facts, struct verdict *verdict);
bool rule_no_local_port(const struct facts *facts, struct verdict *verdict);
bool rule_cancelled(const struct facts *facts, struct verdict *verdict);

/* verdict_remote.c */
bool rule_data_after_close(const struct facts *facts, struct verdict *verdict);
bool rule_rst_received(const struct facts *facts, struct verdict *verdict);
bool rule_keepalive(const struct facts *facts, struct verdict *verdict);
bool rule_probe_timeout(const struct facts *facts, struct verdict *verdict);
bool rule_retransmit_timeout(const struct facts *facts, struct verdict *verdict);
bool rule_icmp_error(const struct facts *facts, struct verdict *verdict);

/* verdict_local.c */
bool rule_repair(const struct facts *facts, struct verdict *verdict);
bool rule_destroyed(const struct facts *facts, struct verdict *verdict);
bool rule_memory(const struct facts *facts, struct verdict *verdict);
bool rule_unread_data(const struct facts *facts, struct verdict *verdict);
bool rule_linger2(const struct facts *facts, struct verdict *verdict);
bool rule_linger(const struct facts *facts, struct verdict *verdict);
bool rule_listener_closed(const struct facts *facts, struct verdict *verdict);
bool rule_disconnect(const struct facts *facts, struct verdict *verdict);
bool rule_protocol(const struct facts *facts, struct verdict *verdict);
bool rule_netns_exit(const struct facts *facts, struct verdict *verdict);
bool rule_fin_wait2_timeout(const struct facts *facts, struct verdict *verdict);
bool rule_graceful(const struct facts *facts, struct verdict *verdict);

#endif
