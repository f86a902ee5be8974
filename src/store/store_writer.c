// SPDX-License-Identifier: GPL-2.0-only
/*
 * store_writer.c: the queue between the loop and the thread that writes; see store_writer.h.
 *
 * The thread takes whole chunks of the queue, so the lock is held for moments only, and puts nobody to sleep over
 * a disk. It looks by itself ten times a second and is woken only where many reports wait: a connection that ends
 * costs the loop no system call.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monotonic.h"
#include "serve/quiet_thread.h"
#include "store/item_queue.h"
#include "store/store_writer.h"

#define STEP_NS  100000000ULL
#define GRACE_NS 1000000000ULL /* for sinks to finish, after the limit */
#define WAKE_AT  2048          /* reports that wait */
#define NS_PER_S 1000000000ULL

struct store_writer {
	struct store_sink sinks[STORE_SINKS_MAX];
	size_t sink_count;
	uint32_t queue_max, wake_at;
	pthread_t thread;
	bool draining; /* the thread's own: it waits for no more until the queue is empty */

	pthread_mutex_t lock; /* over all that follows */
	pthread_cond_t wake, done;
	struct item_queue queue;
	uint32_t in_hand; /* taken out of the queue, not yet with all sinks */
	struct store_writer_status status;
	uint64_t deadline_ns; /* while stopping */
	bool stopping, finished;
	bool in_call;   /* of a sink */
	bool abandoned; /* nobody waits for the thread any more: it may touch no sink, and frees the writer */
};

static struct timespec timespec_of(uint64_t time_ns)
{
	return (struct timespec){.tv_sec = (time_t)(time_ns / NS_PER_S), .tv_nsec = (long)(time_ns % NS_PER_S)};
}

static void writer_free(struct store_writer *writer)
{
	item_queue_clear(&writer->queue);
	pthread_cond_destroy(&writer->wake);
	pthread_cond_destroy(&writer->done);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

/* ---- the thread ---------------------------------------------------------------------------------- */

/* Between these two the sinks are the thread's. Returns false where they are no longer. */
static bool call_begin(struct store_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	writer->in_call = !writer->abandoned;
	pthread_mutex_unlock(&writer->lock);
	return writer->in_call;
}

static void call_end(struct store_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	writer->in_call = false;
	pthread_mutex_unlock(&writer->lock);
}

static void chunk_hand_out(struct store_writer *writer, const struct item_chunk *chunk)
{
	for (size_t i = 0; i < writer->sink_count; i++) {
		if (!call_begin(writer))
			return;
		writer->sinks[i].take(writer->sinks[i].arg, chunk->items, chunk->count);
		call_end(writer);
	}
}

static void sinks_step(struct store_writer *writer)
{
	for (size_t i = 0; i < writer->sink_count; i++) {
		if (!call_begin(writer))
			return;
		writer->sinks[i].step(writer->sinks[i].arg, monotonic_ns());
		call_end(writer);
	}
}

static void sinks_finish(struct store_writer *writer)
{
	for (size_t i = 0; i < writer->sink_count; i++) {
		if (!call_begin(writer))
			return;
		writer->sinks[i].finish(writer->sinks[i].arg);
		call_end(writer);
	}
}

/* The next chunk, once there are many or time is up. NULL: there is none, or no time left for it. */
static struct item_chunk *chunk_wait(struct store_writer *writer, uint64_t step_due_ns)
{
	struct timespec until = timespec_of(step_due_ns);
	struct item_chunk *chunk = NULL;
	int status = 0;

	pthread_mutex_lock(&writer->lock);
	while (!writer->draining && !writer->stopping && writer->queue.count < writer->wake_at && !status)
		status = pthread_cond_timedwait(&writer->wake, &writer->lock, &until);
	if (!writer->stopping || monotonic_ns() < writer->deadline_ns)
		chunk = item_queue_detach(&writer->queue);
	writer->draining = chunk != NULL;
	if (chunk)
		writer->in_hand = chunk->count;
	pthread_mutex_unlock(&writer->lock);
	return chunk;
}

static bool chunk_done(struct store_writer *writer, struct item_chunk *chunk)
{
	bool more;

	pthread_mutex_lock(&writer->lock);
	if (chunk)
		item_queue_recycle(&writer->queue, chunk);
	writer->in_hand = 0;
	/* What came while the sinks had no chunk is in the queue as well. */
	more = !writer->abandoned &&
	       (!writer->stopping || (writer->queue.count && monotonic_ns() < writer->deadline_ns));
	pthread_mutex_unlock(&writer->lock);
	return more;
}

static void *writer_run(void *arg)
{
	struct store_writer *writer = arg;
	uint64_t step_due_ns = monotonic_ns() + STEP_NS;
	struct item_chunk *chunk;
	bool abandoned;

	do {
		chunk = chunk_wait(writer, step_due_ns);
		if (chunk)
			chunk_hand_out(writer, chunk);
		if (monotonic_ns() >= step_due_ns) {
			sinks_step(writer);
			step_due_ns = monotonic_ns() + STEP_NS;
		}
	} while (chunk_done(writer, chunk));
	sinks_finish(writer);
	pthread_mutex_lock(&writer->lock);
	writer->finished = true;
	abandoned = writer->abandoned;
	pthread_cond_signal(&writer->done);
	pthread_mutex_unlock(&writer->lock);
	if (abandoned)
		writer_free(writer);
	return NULL;
}

/* ---- the loop's side ------------------------------------------------------------------------------ */

int store_writer_start(struct store_writer **writer, const struct store_sink *sinks, size_t count, uint32_t queue_max)
{
	struct store_writer *created;
	pthread_condattr_t clock;
	int error;

	if (count > STORE_SINKS_MAX)
		return -EINVAL;
	created = calloc(1, sizeof(*created));
	if (!created)
		return -ENOMEM;
	memcpy(created->sinks, sinks, count * sizeof(*sinks));
	created->sink_count = count;
	created->queue_max = queue_max;
	created->wake_at = queue_max / 2 < WAKE_AT ? queue_max / 2 + 1 : WAKE_AT;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&created->wake, &clock);
	pthread_cond_init(&created->done, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_init(&created->lock, NULL);
	error = quiet_thread_start(&created->thread, writer_run, created);
	if (error) {
		writer_free(created);
		return error;
	}
	*writer = created;
	return 0;
}

static uint32_t waiting_get(const struct store_writer *writer)
{
	return writer->queue.count + writer->in_hand;
}

bool store_writer_put(struct store_writer *writer, const struct connection_report *report, const char *cgroup,
		      int64_t wall_minus_monotonic_ns)
{
	bool taken;

	pthread_mutex_lock(&writer->lock);
	taken = waiting_get(writer) < writer->queue_max &&
		!item_queue_put(&writer->queue, report, cgroup, wall_minus_monotonic_ns);
	if (taken) {
		writer->status.taken++;
		if (waiting_get(writer) > writer->status.waiting_max)
			writer->status.waiting_max = waiting_get(writer);
		if (writer->queue.count == writer->wake_at)
			pthread_cond_signal(&writer->wake);
	} else {
		writer->status.dropped++;
	}
	pthread_mutex_unlock(&writer->lock);
	return taken;
}

void store_writer_status(struct store_writer *writer, struct store_writer_status *status)
{
	pthread_mutex_lock(&writer->lock);
	*status = writer->status;
	status->waiting = waiting_get(writer);
	pthread_mutex_unlock(&writer->lock);
}

uint64_t store_writer_stop(struct store_writer *writer, uint64_t limit_ns, bool *stuck)
{
	struct timespec until;
	bool abandoned, in_call;
	uint64_t given_up;
	int status = 0;

	if (stuck)
		*stuck = false;
	if (!writer)
		return 0;
	pthread_mutex_lock(&writer->lock);
	writer->stopping = true;
	writer->deadline_ns = monotonic_ns() + limit_ns;
	until = timespec_of(writer->deadline_ns + GRACE_NS);
	pthread_cond_signal(&writer->wake);
	while (!writer->finished && !status)
		status = pthread_cond_timedwait(&writer->done, &writer->lock, &until);
	given_up = waiting_get(writer);
	in_call = writer->in_call;
	abandoned = writer->abandoned = !writer->finished;
	if (abandoned)
		pthread_detach(writer->thread);
	pthread_mutex_unlock(&writer->lock);
	if (stuck)
		*stuck = in_call;
	if (!abandoned) {
		pthread_join(writer->thread, NULL);
		writer_free(writer);
	}
	return given_up;
}
