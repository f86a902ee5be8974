/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * intake.c: see intake.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/features.h"
#include "kernel/intake.h"
#include "kernel/pair_skips.h"

/* Listing every socket costs milliseconds: under a lasting overload it must not become the load. */
#define RESYNC_INTERVAL_NS 5000000000ULL
/* During a listing the rings are looked after so often. */
#define LISTING_PAUSE_NS 5000000ULL
/* Records taken in before others (signals, output) get their turn. */
#define RECORDS_AT_ONCE (1U << 18)

/* So long events wait at most for one that may be lost. */
#define UNCERTAIN_MAX_NS (3 * SKIP_GRACE_NS)

struct intake {
	struct monitor *monitor;
	struct intake_sink sink;
	struct event_existing *listed; /* in the order of their times, from `next` on */
	size_t listed_count, listed_room, next;
	uint64_t ring_last_ns; /* until when the rings have been taken in */
	bool listing_failed;   /* no memory for a listed socket */
	uint64_t owner_interval_ns, owner_last_ns;
	uint64_t resync_last_ns;
	bool resync_wanted;
	uint64_t listing_failures;
	int listing_error; /* of the last that failed */
	uint64_t last_event_ns;
	uint64_t delivered[EVENT_KINDS];
	uint64_t lost[EVENT_KINDS];
};

int intake_create(struct intake **result, struct monitor *monitor, const struct intake_sink *sink,
		  uint64_t owner_interval_ns)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (!intake)
		return -ENOMEM;
	intake->monitor = monitor;
	intake->sink = *sink;
	intake->owner_interval_ns = owner_interval_ns;
	*result = intake;
	return 0;
}

void intake_destroy(struct intake *intake)
{
	if (!intake)
		return;
	free(intake->listed);
	free(intake);
}

/* Passes on the listed sockets that the iterator stood before until then. */
static void pass_listed(struct intake *intake, uint64_t until_ns)
{
	while (intake->next < intake->listed_count && intake->listed[intake->next].header.time_ns <= until_ns)
		intake->sink.event(intake->sink.arg, &intake->listed[intake->next++].header);
}

static void take_event(void *arg, const struct event_header *event)
{
	struct intake *intake = arg;

	intake->delivered[event->kind]++;
	intake->last_event_ns = event->time_ns;
	if (intake->next < intake->listed_count)
		pass_listed(intake, event->time_ns);
	intake->sink.event(intake->sink.arg, event);
}

/* Takes in what has a time up to then. Is there more? */
static bool take_rings(struct intake *intake, uint64_t until_ns)
{
	uint32_t taken = monitor_consume(intake->monitor, until_ns, RECORDS_AT_ONCE, take_event, intake);
	bool more = taken == RECORDS_AT_ONCE;

	if (more)
		until_ns = intake->last_event_ns;
	intake->ring_last_ns = until_ns;
	pass_listed(intake, until_ns);
	intake->sink.tick(intake->sink.arg, until_ns);
	return more;
}

/* Iterators run one after the other, so their records come in the order of time. */
static void keep_listed(void *arg, const struct event_header *record)
{
	struct intake *intake = arg;

	if (intake->listed_count == intake->listed_room) {
		size_t room = intake->listed_room ? intake->listed_room * 2 : 1024;
		void *grown = realloc(intake->listed, room * sizeof(*intake->listed));

		if (!grown) {
			intake->listing_failed = true;
			return;
		}
		intake->listed = grown;
		intake->listed_room = room;
	}
	memcpy(&intake->listed[intake->listed_count++], record, sizeof(*intake->listed));
	/* A long listing must not let the rings run over. No record to come is older than this one. */
	if (record->time_ns - intake->ring_last_ns > LISTING_PAUSE_NS)
		take_rings(intake, record->time_ns);
}

static int list_sockets(struct intake *intake, bool with_namespaces, uint32_t *unreachable)
{
	int status;

	intake->listed_count = intake->next = 0;
	intake->listing_failed = false;
	status = monitor_list(intake->monitor, with_namespaces, keep_listed, intake, unreachable);
	if (!status && intake->listing_failed)
		status = -ENOMEM;
	intake->owner_last_ns = feature_monotonic_ns();
	if (status) {
		intake->listing_failures++;
		intake->listing_error = status;
	}
	return status;
}

/* Events younger than the guard may still lack older ones of other CPUs. */
static uint64_t guarded_now_ns(void)
{
	return feature_monotonic_ns() - MONITOR_GUARD_NS;
}

static int take_losses(struct intake *intake)
{
	uint64_t lost[EVENT_KINDS], total = 0;
	struct event_counts counts;
	int status = monitor_counts(intake->monitor, &counts);

	if (status)
		return status;
	for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
		/* An event that was thought lost may turn up after all; what was told of it stays told. */
		bool more = counts.kind[kind].lost > intake->lost[kind];

		lost[kind] = more ? counts.kind[kind].lost - intake->lost[kind] : 0;
		total += lost[kind];
		intake->lost[kind] += lost[kind];
	}
	if (total) {
		intake->sink.loss(intake->sink.arg, feature_monotonic_ns(), lost);
		intake->resync_wanted |= total > lost[EVENT_STACK]; /* no listing brings a stack back */
	}
	return 0;
}

int intake_resync(struct intake *intake)
{
	uint64_t begin_ns = feature_monotonic_ns();
	uint32_t unreachable;
	int status;

	intake->resync_wanted = false;
	if (!monitor_lists(intake->monitor))
		return 0;
	intake->resync_last_ns = begin_ns;
	intake->sink.resync_begin(intake->sink.arg, begin_ns);
	status = list_sockets(intake, true, &unreachable);
	take_rings(intake, feature_monotonic_ns());
	pass_listed(intake, UINT64_MAX);
	if (!status) /* half a list proves nobody's absence */
		intake->sink.resync_end(intake->sink.arg, feature_monotonic_ns());
	return status;
}

static int find_owners(struct intake *intake)
{
	uint32_t unreachable;

	return list_sockets(intake, false, &unreachable); /* passed on with the events to come */
}

int intake_start(struct intake *intake, uint32_t *unreachable_namespaces)
{
	int status = list_sockets(intake, true, unreachable_namespaces);

	if (!status)
		take_rings(intake, feature_monotonic_ns());
	return status;
}

int intake_poll(struct intake *intake)
{
	uint64_t now_ns = feature_monotonic_ns();
	int status = take_losses(intake); /* first: no verdict on what is missing before that is known */

	/* Nor before what may be missing has come or is lost; but the rings must not run over meanwhile. */
	if (monitor_losses_are_certain(intake->monitor) || now_ns - intake->ring_last_ns > UNCERTAIN_MAX_NS)
		take_rings(intake, guarded_now_ns());
	if (!status && intake->resync_wanted && now_ns - intake->resync_last_ns >= RESYNC_INTERVAL_NS)
		intake->resync_wanted = intake_resync(intake) != 0;
	if (!status && intake->owner_interval_ns && now_ns - intake->owner_last_ns >= intake->owner_interval_ns &&
	    monitor_lists(intake->monitor) && intake->sink.wants_owners(intake->sink.arg))
		find_owners(intake);
	return status;
}

uint64_t intake_listing_failures(const struct intake *intake, int *error)
{
	*error = intake->listing_error;
	return intake->listing_failures;
}

int intake_drain(struct intake *intake)
{
	uint64_t now_ns = feature_monotonic_ns(); /* no event is younger: the hooks are off */

	int status = take_losses(intake);

	while (take_rings(intake, now_ns))
		;
	return status;
}

int intake_counts(struct intake *intake, struct event_counts *counts, uint64_t delivered[EVENT_KINDS])
{
	memcpy(delivered, intake->delivered, sizeof(intake->delivered));
	return monitor_counts(intake->monitor, counts);
}
