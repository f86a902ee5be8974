/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * segment.h: makes single TCP segments by hand, for cases that need one at an exact moment: both FINs
 * crossing, both SYNs crossing, a reset that hits a minisock.
 */
#ifndef LIVE_SEGMENT_H
#define LIVE_SEGMENT_H

#include "world.h"

enum { SEGMENT_FIN = 1, SEGMENT_SYN = 2, SEGMENT_RST = 4, SEGMENT_ACK = 16 };

struct segment {
	int family;
	enum end from;
	uint16_t source_port, destination_port;
	uint32_t sequence, acknowledgement;
	uint8_t flags;
};

/* Sends it from the namespace of its end; its window lets DROP_ALL_BUT_INJECTED pass it. 0 or -errno. */
int segment_send(const struct world *world, const struct segment *segment);

#endif
