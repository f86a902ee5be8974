// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_store_writer.c: the queue between loop and disk: order, bounds, steps, and ends: an orderly one, one that is
 * out of time, and one with a sink that hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/tcp_machine.h"
#include "random_numbers.h"
#include "sample_report.h"
#include "store/item_queue.h"

#define SECOND_NS 1000000000ULL
#define LONG_NS   (60 * SECOND_NS)

/* A sink that notes what it gets; `gate` holds each take up where there is one, and a slow disk takes its time. */
struct probe {
	sem_t *gate;
	sem_t *step_gate; /* the same for steps */
	bool slow;
	sem_t entered, stepped;
	atomic_uint_fast64_t taken, wrong, steps, finished;
	atomic_bool all_signals_blocked;
};

static void probe_take(void *arg, const struct store_item *items, size_t count)
{
	struct probe *probe = arg;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	probe->all_signals_blocked = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGUSR1) == 1;
	sem_post(&probe->entered);
	if (probe->gate)
		sem_wait(probe->gate);
	if (probe->slow)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	for (size_t i = 0; i < count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/slice-%llu", (unsigned long long)(items[i].report.cookie / 10));
		probe->wrong += items[i].report.cookie != probe->taken || probe->finished ||
				items[i].wall_minus_monotonic_ns != (int64_t)probe->taken ||
				(probe->taken % 3 ? items[i].cgroup != NULL : strcmp(items[i].cgroup, path) != 0);
		probe->taken++;
	}
}

static void probe_step(void *arg, uint64_t now_ns)
{
	struct probe *probe = arg;

	probe->wrong += !now_ns || probe->finished;
	probe->steps++;
	sem_post(&probe->stepped);
	if (probe->step_gate)
		sem_wait(probe->step_gate);
}

static void probe_finish(void *arg)
{
	struct probe *probe = arg;

	probe->finished++;
}

static struct store_sink probe_sink(struct probe *probe)
{
	sem_init(&probe->entered, 0, 0);
	sem_init(&probe->stepped, 0, 0);
	return (struct store_sink){probe, probe_take, probe_step, probe_finish};
}

static bool put(struct store_writer *writer, uint64_t number)
{
	struct connection_report report = sample_report_full();
	char path[32]; /* does not outlive the call */

	report.cookie = number;
	snprintf(path, sizeof(path), "/slice-%llu", (unsigned long long)(number / 10));
	return store_writer_put(writer, &report, number % 3 ? NULL : path, (int64_t)number);
}

static void wait_for(sem_t *semaphore)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

static void all_arrive_in_order(void **state)
{
	struct probe probes[2] = {0};
	struct store_sink sinks[2] = {probe_sink(&probes[0]), probe_sink(&probes[1])};
	struct store_writer_status status;
	struct store_writer *writer;
	bool stuck = true;

	(void)state;
	assert_int_equal(store_writer_start(&writer, sinks, 2, 20000), 0);
	for (uint64_t i = 0; i < 10000; i++)
		assert_true(put(writer, i));
	store_writer_status(writer, &status);
	assert_int_equal(status.taken, 10000);
	assert_int_equal(status.dropped, 0);
	assert_in_range(status.waiting_max, 1, 10000);
	assert_int_equal(store_writer_stop(writer, LONG_NS, &stuck), 0);
	assert_false(stuck);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(probes[i].taken, 10000);
		assert_int_equal(probes[i].wrong, 0);
		assert_int_equal(probes[i].finished, 1);
		assert_true(probes[i].all_signals_blocked);
	}
}

static void steps_come_without_reports(void **state)
{
	struct probe probe = {0};
	struct store_sink sink = probe_sink(&probe);
	struct store_writer *writer;
	struct timespec begin, end;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(store_writer_start(&writer, &sink, 1, 100), 0);
	for (unsigned i = 0; i < 5; i++)
		wait_for(&probe.stepped);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000, 490, 10000);
	assert_int_equal(store_writer_stop(writer, LONG_NS, NULL), 0);
	assert_int_equal(probe.finished, 1);
}

/* One report is not left waiting for others. */
static void few_reports_do_not_wait_for_more(void **state)
{
	struct probe probe = {0};
	struct store_sink sink = probe_sink(&probe);
	struct store_writer *writer;

	(void)state;
	assert_int_equal(store_writer_start(&writer, &sink, 1, 100000), 0);
	put(writer, 0);
	wait_for(&probe.entered);
	assert_int_equal(store_writer_stop(writer, LONG_NS, NULL), 0);
}

static void a_full_queue_drops_and_counts(void **state)
{
	struct store_writer_status status;
	struct store_writer *writer;
	struct probe probe = {0};
	struct store_sink sink = probe_sink(&probe);
	sem_t gate;

	(void)state;
	sem_init(&gate, 0, 0);
	probe.gate = &gate;
	assert_int_equal(store_writer_start(&writer, &sink, 1, 1000), 0);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(put(writer, i));
	wait_for(&probe.entered); /* what the sink has in hand waits too */
	for (uint64_t i = 0; i < 7; i++)
		assert_false(put(writer, 1000));
	store_writer_status(writer, &status);
	assert_int_equal(status.taken, 1000);
	assert_int_equal(status.dropped, 7);
	assert_int_equal(status.waiting, 1000);
	assert_int_equal(status.waiting_max, 1000);
	for (unsigned i = 0; i < 2000; i++)
		sem_post(&gate);
	assert_int_equal(store_writer_stop(writer, LONG_NS, NULL), 0);
	assert_int_equal(probe.taken, 1000);
	assert_int_equal(probe.wrong, 0);
}

/* No time at all is left after the batch that the sink has in hand: the rest is given up, the sinks are finished. */
static void what_is_left_at_the_limit_is_given_up(void **state)
{
	struct store_writer *writer;
	struct probe probe = {.slow = true};
	struct store_sink sink = probe_sink(&probe);
	bool stuck = true;
	uint64_t given_up;

	(void)state;
	assert_int_equal(store_writer_start(&writer, &sink, 1, 20000), 0);
	for (uint64_t i = 0; i < 20000; i++)
		put(writer, i);
	wait_for(&probe.entered);
	given_up = store_writer_stop(writer, 0, &stuck);
	assert_false(stuck);
	assert_int_equal(given_up + probe.taken, 20000);
	assert_true(given_up > 0);
	assert_int_equal(probe.finished, 1);
	assert_int_equal(probe.wrong, 0);
}

static void *gate_open_soon(void *gate)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000000},
		  NULL); /* the stop has begun by then; else nothing is tested */
	sem_post(gate);
	return NULL;
}

/* Reports that come while the sinks are busy with themselves, and then the end: they are written all the same. */
static void reports_during_a_step_are_written_at_the_end(void **state)
{
	struct probe probe = {0};
	struct store_sink sink = probe_sink(&probe);
	struct store_writer *writer;
	pthread_t opener;
	sem_t gate;

	(void)state;
	sem_init(&gate, 0, 0);
	probe.step_gate = &gate;
	assert_int_equal(store_writer_start(&writer, &sink, 1, 100), 0);
	wait_for(&probe.stepped);
	for (uint64_t number = 0; number < 3; number++)
		assert_true(put(writer, number));
	assert_int_equal(pthread_create(&opener, NULL, gate_open_soon, &gate), 0);
	assert_int_equal(store_writer_stop(writer, LONG_NS, NULL), 0);
	pthread_join(opener, NULL);
	assert_int_equal(probe.taken, 3);
	assert_int_equal(probe.wrong, 0);
	assert_int_equal(probe.finished, 1);
}

/* Released at the very end, so that the thread that was left behind is seen to touch no other sink. */
static void a_sink_that_hangs_is_left_behind(void **state)
{
	static struct probe probes[2]; /* the thread may outlive the test */
	struct store_sink sinks[2] = {probe_sink(&probes[0]), probe_sink(&probes[1])};
	struct timespec begin, end, pause = {.tv_nsec = 100000000};
	struct store_writer *writer;
	bool stuck = false;
	static sem_t gate;

	(void)state;
	sem_init(&gate, 0, 0);
	probes[0].gate = &gate;
	assert_int_equal(store_writer_start(&writer, sinks, 2, 1000), 0);
	for (uint64_t i = 0; i < 10; i++)
		put(writer, i);
	wait_for(&probes[0].entered);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(store_writer_stop(writer, SECOND_NS / 10, &stuck), 10);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(stuck);
	assert_in_range((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000, 1000, 5000);
	sem_post(&gate);
	for (unsigned i = 0; i < 100 && probes[0].taken < 10; i++)
		nanosleep(&pause, NULL);
	nanosleep(&pause, NULL); /* that nothing more comes cannot be waited for */
	assert_int_equal(probes[0].taken, 10);
	assert_int_equal(probes[1].taken, 0);
	assert_int_equal(probes[0].finished + probes[1].finished, 0);
}

/* ---- the queue itself ------------------------------------------------------------------------------ */

static void queue_put(struct item_queue *queue, uint64_t number)
{
	struct connection_report report = {.cookie = number};

	assert_int_equal(item_queue_put(queue, &report, number % 2 ? "/odd" : NULL, 0), 0);
}

/* Reads and drops at random, held against plain counters. */
static void queues_are_read_again_from_what_is_left(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	uint64_t put_count = 0, dropped = 0, read = 0;
	struct item_queue queue = {0};
	struct item_cursor cursor = {0};

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		for (uint32_t n = random_below(&random, 40); n; n--)
			queue_put(&queue, put_count++);
		for (uint32_t n = random_below(&random, 60); n; n--) {
			const struct store_item *item = item_queue_next(&queue, &cursor);

			assert_int_equal(item != NULL, read < put_count);
			if (!item)
				break;
			assert_int_equal(item->report.cookie, read);
			assert_int_equal(item->cgroup != NULL, read % 2);
			read++;
		}
		if (random_below(&random, 3) == 0) {
			item_queue_drop(&queue, &cursor);
			dropped = read;
		} else if (random_below(&random, 5) == 0) {
			cursor = (struct item_cursor){0}; /* once more, from the beginning */
			read = dropped;
		}
		assert_int_equal(queue.count, put_count - dropped);
	}
	item_queue_clear(&queue);
}

static unsigned queue_chunks(const struct item_queue *queue)
{
	unsigned count = 0;

	for (const struct item_chunk *chunk = queue->first; chunk; chunk = chunk->next)
		count++;
	return count;
}

static void memory_is_given_back(void **state)
{
	struct item_queue queue = {0};
	struct item_cursor cursor = {0};

	(void)state;
	for (uint64_t i = 0; i < 100 * ITEM_CHUNK; i++)
		queue_put(&queue, i);
	assert_int_equal(queue_chunks(&queue), 100);
	for (uint64_t i = 0; i < 99 * ITEM_CHUNK + 5; i++)
		item_queue_next(&queue, &cursor);
	item_queue_drop(&queue, &cursor);
	assert_int_equal(queue_chunks(&queue), 1);
	while (item_queue_next(&queue, &cursor))
		;
	item_queue_drop(&queue, &cursor);
	assert_int_equal(queue_chunks(&queue), 0);
	assert_int_equal(queue.count, 0);
	item_queue_clear(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arrive_in_order),
		cmocka_unit_test(steps_come_without_reports),
		cmocka_unit_test(few_reports_do_not_wait_for_more),
		cmocka_unit_test(a_full_queue_drops_and_counts),
		cmocka_unit_test(what_is_left_at_the_limit_is_given_up),
		cmocka_unit_test(reports_during_a_step_are_written_at_the_end),
		cmocka_unit_test(a_sink_that_hangs_is_left_behind),
		cmocka_unit_test(queues_are_read_again_from_what_is_left),
		cmocka_unit_test(memory_is_given_back),
	};

	return cmocka_run_group_tests_name("store_writer", tests, NULL, NULL);
}
