/* SPDX-License-Identifier: GPL-2.0-only */
/* endpoint_internal.h: what endpoint.c (calls, timers) and endpoint_receive.c (segments) share. */
#ifndef LASTACK_TESTS_MODEL_ENDPOINT_INTERNAL_H
#define LASTACK_TESTS_MODEL_ENDPOINT_INTERNAL_H

#include "endpoint.h"

#define BIT(state) (1U << (state))
#define SYNCHRONISED                                                                                                   \
	(BIT(TCP_ESTABLISHED) | BIT(TCP_FIN_WAIT1) | BIT(TCP_FIN_WAIT2) | BIT(TCP_CLOSE_WAIT) | BIT(TCP_CLOSING) |     \
	 BIT(TCP_LAST_ACK))

static inline bool endpoint_in(const struct endpoint *end, unsigned int states)
{
	return (BIT(end->state) & states) != 0;
}

/* Asks the table, and goes where it says. essential and others: signs (enum machine_sign). */
void endpoint_input(struct model *model, int host, struct endpoint *end, enum machine_input input, uint32_t essential,
		    uint32_t others);
/* A new incarnation; the connection before, if any, is past. */
void endpoint_begin(struct endpoint *end);
/* The connection is over: the table must have led to CLOSE. */
void endpoint_end(struct model *model, struct endpoint *end);
/* RFC 9293: the same, but a passive open goes back to where it began. */
void endpoint_back_to_listen(struct model *model, struct endpoint *end);
void endpoint_transmit(struct model *model, int host, const struct endpoint *end, enum segment_kind kind,
		       unsigned int seq);
/* A reset by our own act. */
void endpoint_reset(struct model *model, int host, const struct endpoint *end);

#endif
