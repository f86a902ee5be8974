/* SPDX-License-Identifier: GPL-2.0-only */
/* joint.h: two ends and what is on its way between them: one state of the exploration, and the steps from it. */
#ifndef LASTACK_TESTS_MODEL_JOINT_H
#define LASTACK_TESTS_MODEL_JOINT_H

#include "endpoint.h"

#define CHANNEL_SEGMENTS_MAX 3

struct joint {
	struct endpoint end[2];
	uint16_t channel[2][CHANNEL_SEGMENTS_MAX]; /* from this host; descending, so that a set has one form */
};

enum step_kind { STEP_HAPPENS, STEP_ARRIVES, STEP_ARRIVES_AND_STAYS, STEP_IS_LOST };

struct step {
	uint8_t kind, host; /* of a segment: its sender */
	uint8_t what;       /* enum endpoint_event, or the segment's place */
};

/* Sends into the channel with room for so many; what finds none is lost. */
void channel_add(uint16_t *channel, unsigned int room, uint16_t bits);
void channel_remove(uint16_t *channel, unsigned int place);
/* Nothing of this end's connection is on its way in either direction: that is what 2 MSL wait for. */
bool joint_is_quiet(const struct joint *joint, int host);
uint64_t joint_hash(const struct joint *joint);
void joint_step_print(const struct joint *before, const struct step *step);

#endif
