/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_internal.h: what kernel.c (lives) and kernel_ends.c (how they end) share. */
#ifndef LASTACK_TESTS_MODEL_KERNEL_INTERNAL_H
#define LASTACK_TESTS_MODEL_KERNEL_INTERNAL_H

#include "kernel.h"

/* A step as it is being shown. */
struct show {
	struct kernel_socket *socket;
	const struct machine_rule *rule;
	struct stream *stream;
	struct random_numbers *random;
	uint64_t ms;
	bool held;
	struct event_close close;
};

/* Appends an event to the stream. */
void kernel_put(struct show *show, const void *event, size_t bytes);
#define PUT(show, made)                                                                                                \
	do {                                                                                                           \
		__auto_type event_made = (made);                                                                       \
		kernel_put((show), &event_made, sizeof(event_made));                                                   \
	} while (0)

uint16_t kernel_owner_flags(const struct show *show);
void kernel_truth_is(struct show *show, enum connection_cause cause, enum connection_initiator initiator,
		     enum connection_how how);
/* The peer's FIN and ours make it graceful, whoever came first. */
void kernel_truth_is_graceful(struct show *show);
/* A process closes by a call, by exit(3) or by SIGKILL; who keeps the descriptor called shutdown(). Returns flags. */
uint16_t kernel_act_choose(struct show *show, int32_t *exit_code);
void kernel_show_reset_sent(struct show *show, uint8_t state, uint8_t reason, uint16_t flags);
/* The transition to CLOSE, with what Linux leaves around it. */
void kernel_show_end(struct show *show);

#endif
