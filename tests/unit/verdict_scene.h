/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict_scene.h: the end of a connection, written down briefly, and what must be said of it. For tests of
 * the verdict; the tracker has no part in them.
 */
#ifndef LASTACK_TESTS_VERDICT_SCENE_H
#define LASTACK_TESTS_VERDICT_SCENE_H

#include <errno.h>
#include <stdio.h>

#include "core/verdict.h"
#include "core_fixture.h"

#define PID_CLOSER 300

enum scene_reset { RESET_NONE, RESET_ACTIVE, RESET_PASSIVE };

/* All that a verdict may rest on; what is left out did not happen. */
struct scene {
	/* the transition to CLOSE */
	uint8_t from, error, soft_error, shutdown, pending_timer, retransmits, probes_out;
	uint16_t flags;
	uint32_t user_timeout_ms, unacked, unread, silent_ms;
	int exit_code;
	/* a reset that came in */
	bool received;
	uint16_t received_flags;
	uint8_t received_retransmits, received_probes;
	uint32_t received_unacked, challenge_ms;
	/* a reset that was sent */
	enum scene_reset sent;
	uint8_t reason;
	uint16_t sent_flags;
	/* what sent our FIN, and what closed the file after a shutdown() */
	uint16_t fin_flags, release_flags;
	int fin_exit_code;
	/* the minisock */
	bool minisock, minisock_fin, minisock_reset;
	uint8_t minisock_change;
	/* the rest */
	bool end_unseen, no_close, oom_victim, loss_nearby;
	uint16_t order; /* CONNECTION_FIN_... */
	uint8_t passed; /* a state that was passed through */
	uint8_t synack_timeouts, synack_max;
	uint32_t connection_retransmits;
};

#define SCENE_EVIDENCE_MAX 9
#define E(name, number)                                                                                                \
	{                                                                                                              \
		EVIDENCE_##name + 1, number                                                                            \
	}

struct wanted_evidence {
	int kind_plus_1; /* 0: the end of the list */
	uint64_t value;
};

struct outcome {
	enum connection_cause cause;
	enum connection_context context;
	enum connection_initiator initiator;
	enum connection_how how;
	int exit_code_plus_1, exit_signal;
	uint8_t error;
	struct wanted_evidence evidence[SCENE_EVIDENCE_MAX];
};

static inline uint32_t ticks_of(uint32_t ms)
{
	return ms ? (uint32_t)(ms * NS_PER_MS / TICK_NS) : UINT32_MAX;
}

static inline void scene_close(const struct scene *scene, struct event_close *close)
{
	*close = make_close(0, 1, scene->from);
	close->header.flags = scene->flags;
	close->header.pid = PID_CLOSER;
	close->error = scene->error;
	close->soft_error = scene->soft_error;
	close->shutdown = scene->shutdown;
	close->pending_timer = scene->pending_timer;
	close->retransmits = scene->retransmits;
	close->probes_out = scene->probes_out;
	close->user_timeout_ms = scene->user_timeout_ms;
	close->unacked_bytes = scene->unacked;
	close->unread_bytes = scene->unread;
	close->silent_ticks = ticks_of(scene->silent_ms);
	close->exit_code = scene->exit_code;
}

static inline void scene_resets(const struct scene *scene, struct ending *ending)
{
	if (scene->received) {
		ending->received = make_reset_received(0, 1, scene->from);
		ending->received.header.flags = scene->received_flags;
		ending->received.retransmits = scene->received_retransmits;
		ending->received.probes_out = scene->received_probes;
		ending->received.unacked_bytes = scene->received_unacked;
		ending->received.challenge_ticks = ticks_of(scene->challenge_ms);
	}
	if (scene->sent != RESET_NONE)
		ending->sent = make_reset_sent(0, 1, scene->from, scene->reason,
					       scene->sent_flags | (scene->sent == RESET_PASSIVE ? EVENT_PASSIVE : 0));
}

/* What the tracker would know of it. */
static inline void scene_build(const struct scene *scene, struct connection *connection, struct ending *ending)
{
	*connection = (struct connection){.state = TCP_CLOSE, .flags = scene->order, .tuple = client_tuple(4000)};
	*ending = (struct ending){
		.fin = {scene->fin_flags, scene->fin_exit_code, PID_CLOSER},
		.release = {scene->release_flags, 0, PID_CLOSER},
		.minisock = scene->minisock,
		.minisock_fin = scene->minisock_fin,
		.minisock_reset = scene->minisock_reset,
		.minisock_change = scene->minisock_change,
		.end_unseen = scene->end_unseen,
		.loss_nearby = scene->loss_nearby,
		.oom_victim = scene->oom_victim,
		.synack_timeouts = scene->synack_timeouts,
		.synack_max = scene->synack_max,
	};
	connection->retransmits = scene->connection_retransmits;
	if (scene->passed)
		connection->path[connection->path_count++] = path_entry(AT(0), scene->passed);
	if (scene->no_close)
		connection->state = scene->from;
	else
		scene_close(scene, &ending->close);
	scene_resets(scene, ending);
}

static inline struct verdict scene_decide(const struct scene *scene)
{
	struct connection connection;
	struct ending ending;
	struct verdict verdict;

	scene_build(scene, &connection, &ending);
	memset(&verdict, 0xff, sizeof(verdict)); /* nothing may be left as it was */
	verdict_decide(&connection, &ending, TICK_NS, &verdict);
	return verdict;
}

static inline bool verdict_has(const struct verdict *verdict, int kind, uint64_t value)
{
	for (uint8_t i = 0; i < verdict->evidence_count; i++)
		if ((int)verdict->evidence[i].kind == kind && verdict->evidence[i].value == value)
			return true;
	return false;
}

/* The evidence is what is wanted and nothing else, in any order. */
static inline bool evidence_is(const struct verdict *verdict, const struct wanted_evidence *wanted)
{
	uint8_t count = 0;

	for (; count < SCENE_EVIDENCE_MAX && wanted[count].kind_plus_1; count++)
		if (!verdict_has(verdict, wanted[count].kind_plus_1 - 1, wanted[count].value))
			return false;
	return verdict->evidence_count == count;
}

static inline void verdict_print(const char *name, const struct verdict *verdict)
{
	print_error("%s: got cause %d context %d initiator %d how %d exit %d signal %d error %d, evidence", name,
		    verdict->cause, verdict->context, verdict->initiator, verdict->how, verdict->exit_code,
		    verdict->exit_signal, verdict->error);
	for (uint8_t i = 0; i < verdict->evidence_count; i++)
		print_error(" %d(%llu)", verdict->evidence[i].kind, (unsigned long long)verdict->evidence[i].value);
	print_error("\n");
}

/* Whether the verdict on the scene is what is wanted; says what it was if not. */
static inline bool scene_gives(const char *name, const struct scene *scene, const struct outcome *wanted)
{
	struct verdict verdict = scene_decide(scene);
	bool right = verdict.cause == wanted->cause && verdict.context == wanted->context &&
		     verdict.initiator == wanted->initiator && verdict.how == wanted->how &&
		     verdict.exit_code == wanted->exit_code_plus_1 - 1 &&
		     verdict.exit_signal == (wanted->exit_signal ? wanted->exit_signal : -1) &&
		     verdict.error == wanted->error && evidence_is(&verdict, wanted->evidence);

	if (!right)
		verdict_print(name, &verdict);
	return right;
}

#endif
