// SPDX-License-Identifier: GPL-2.0-only
/*
 * joint.c: see joint.h.
 */
#include <stdio.h>
#include <string.h>

#include "joint.h"

void channel_add(uint16_t *channel, unsigned int room, uint16_t bits)
{
	for (unsigned int i = 0; i < room; i++) {
		uint16_t there = channel[i];

		if (there == bits)
			return;
		if (there > bits)
			continue;
		if (channel[room - 1])
			return; /* full: lost */
		memmove(&channel[i + 1], &channel[i], (room - 1 - i) * sizeof(*channel));
		channel[i] = bits;
		return;
	}
}

void channel_remove(uint16_t *channel, unsigned int place)
{
	for (unsigned int i = place; i + 1 < CHANNEL_SEGMENTS_MAX; i++)
		channel[i] = channel[i + 1];
	channel[CHANNEL_SEGMENTS_MAX - 1] = 0;
}

bool joint_is_quiet(const struct joint *joint, int host)
{
	const struct endpoint *end = &joint->end[host];

	for (unsigned int i = 0; i < CHANNEL_SEGMENTS_MAX; i++) {
		union segment ours = {.bits = joint->channel[host][i]}, theirs = {.bits = joint->channel[!host][i]};

		if ((ours.kind && ours.incarnation == end->incarnation) ||
		    (theirs.kind && theirs.incarnation == end->peer))
			return false;
	}
	return true;
}

uint64_t joint_hash(const struct joint *joint)
{
	const unsigned char *bytes = (const unsigned char *)joint;
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < sizeof(*joint); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash ^ hash >> 29;
}

void joint_step_print(const struct joint *before, const struct step *step)
{
	static const char *const kinds[] = {"-", "ACK", "PROBE", "DATA", "SYN", "SYN+FIN", "FIN", "RST"};
	static const char *const ways[] = {"", "arrives", "arrives, a copy stays", "is lost"};
	union segment segment = {.bits = 0};

	if (step->kind == STEP_HAPPENS) {
		printf("  host %u: %s\n", step->host, endpoint_event_name(step->what));
		return;
	}
	segment.bits = before->channel[step->host][step->what];
	printf("  from host %u: %s%s %u.%u (ack %u.%u) %s\n", step->host, kinds[segment.kind],
	       segment.has_ack ? "+ACK" : "", segment.incarnation, segment.seq, segment.ack_incarnation, segment.ack,
	       ways[step->kind]);
}
