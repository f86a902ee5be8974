// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracker_stray.c: events of sockets that are not known. Most belong to sockets that are of no interest, but one that
 * was read from its CPU's ring a moment before the birth of its socket was read from another's is evidence: the latest
 * strays are kept, and told again once the birth is there.
 */
#include <string.h>

#include "core/event_check.h"
#include "core/tracker_internal.h"

void stray_keep(struct tracker *tracker, const struct event_header *event)
{
	struct stray *stray = &tracker->strays[tracker->stray_next++ % STRAYS];

	tracker->stats.stray_events++;
	memcpy(stray->words, event, event_size(event->kind));
	if (event->time_ns > tracker->stray_newest_ns)
		tracker->stray_newest_ns = event->time_ns;
}

void strays_again(struct tracker *tracker, uint64_t cookie, uint64_t since_ns)
{
	uint32_t end = tracker->stray_next;

	if (tracker->stray_newest_ns <= since_ns)
		return; /* nearly always */
	for (uint32_t i = end > STRAYS ? end - STRAYS : 0; i < end; i++) {
		struct stray stray = tracker->strays[i % STRAYS];

		if (stray.header.cookie != cookie || stray.header.time_ns <= since_ns)
			continue;
		tracker->strays[i % STRAYS].header.cookie = 0;
		tracker->stats.stray_events--;
		tracker_dispatch(tracker, &stray.header);
	}
}
