// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_connection_table.c: random operations on the table against a model that is too simple to be wrong; slabs
 * across the borders of their chunks; the bounds. Of TCP it knows as little as the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/connection_table.h"
#include "random_numbers.h"

/* More than two chunks of 1,024, and one that is not full. */
#define MAX   2500
#define STEPS 60000

/* What stands in the table, by number; the queues as plain arrays of those numbers, oldest first. */
struct model_entry {
	struct connection *connection; /* NULL: not in use */
	uint64_t cookie;
	uint32_t tuple; /* 0: not in the index */
	bool has_ending;
	enum connection_queue queue;
};

struct model {
	struct model_entry entries[MAX];
	uint32_t live;
	uint32_t queues[QUEUES][MAX];
	uint32_t lengths[QUEUES];
};

static struct event_tuple tuple_of(uint32_t number)
{
	struct event_tuple tuple;

	memset(&tuple, 0, sizeof(tuple));
	memcpy(tuple.local, &number, sizeof(number));
	tuple.local_port = (uint16_t)(number * 7);
	return tuple;
}

static void model_dequeue(struct model *model, uint32_t number)
{
	enum connection_queue queue = model->entries[number].queue;
	uint32_t *numbers = model->queues[queue], i = 0;

	if (queue == QUEUE_NONE)
		return;
	while (numbers[i] != number)
		i++;
	model->lengths[queue]--;
	memmove(&numbers[i], &numbers[i + 1], (model->lengths[queue] - i) * sizeof(*numbers));
	model->entries[number].queue = QUEUE_NONE;
}

static void create(struct connection_table *table, struct model *model, uint32_t number, uint64_t cookie)
{
	struct connection *connection = connection_create(table, cookie);
	static const struct connection zero;
	struct connection expected = zero;

	assert_non_null(connection);
	expected.cookie = cookie;
	expected.hash_next = connection->hash_next;
	assert_memory_equal(connection, &expected, sizeof(expected));
	model->entries[number] = (struct model_entry){.connection = connection, .cookie = cookie};
	connection->last_ns = number;
	model->live++;
}

static void release(struct connection_table *table, struct model *model, uint32_t number)
{
	connection_release(table, model->entries[number].connection);
	model_dequeue(model, number);
	model->entries[number] = (struct model_entry){0};
	model->live--;
}

static void change(struct connection_table *table, struct model *model, uint32_t number, struct random_numbers *random)
{
	struct model_entry *entry = &model->entries[number];

	switch (random_below(random, 6)) {
	case 0:
	case 1:
		model_dequeue(model, number);
		entry->queue = 1 + random_below(random, QUEUES - 1);
		model->queues[entry->queue][model->lengths[entry->queue]++] = number;
		connection_enqueue(table, entry->connection, entry->queue);
		break;
	case 2:
		model_dequeue(model, number);
		connection_dequeue(table, entry->connection);
		break;
	case 3:
		entry->cookie += 1ULL << 32;
		connection_rekey(table, entry->connection, entry->cookie);
		break;
	case 4:
		if (entry->tuple) {
			connection_tuple_remove(table, entry->connection);
			entry->tuple = 0;
		} else {
			entry->tuple = number + 1;
			entry->connection->tuple = tuple_of(entry->tuple);
			connection_tuple_add(table, entry->connection);
		}
		break;
	default:
		assert_non_null(connection_ending(table, entry->connection));
		connection_ending(table, entry->connection)->opened_ns = number;
		entry->has_ending = true;
	}
}

static void entry_check(struct connection_table *table, const struct model *model, uint32_t number)
{
	const struct model_entry *entry = &model->entries[number];
	struct event_tuple tuple = tuple_of(number + 1);

	if (!entry->connection || !entry->tuple)
		assert_null(connection_tuple_find(table, &tuple));
	else
		assert_ptr_equal(connection_tuple_find(table, &tuple), entry->connection);
	if (!entry->connection)
		return;
	assert_ptr_equal(connection_find(table, entry->cookie), entry->connection);
	assert_null(connection_find(table, entry->cookie + 1));
	assert_ptr_equal(connection_at(table, connection_slot(table, entry->connection)), entry->connection);
	assert_int_equal(entry->connection->last_ns, number);
	assert_int_equal(entry->connection->queue, entry->queue);
	if (entry->has_ending)
		assert_int_equal(connection_ending_get(table, entry->connection)->opened_ns, number);
	else
		assert_null(connection_ending_get(table, entry->connection));
}

static void model_check(struct connection_table *table, const struct model *model)
{
	assert_int_equal(connection_count(table), model->live);
	for (uint32_t number = 0; number < MAX; number++)
		entry_check(table, model, number);
	for (enum connection_queue queue = QUEUE_LIVE; queue < QUEUES; queue++) {
		const struct connection *connection = connection_first(table, queue);

		assert_int_equal(connection_queue_length(table, queue), model->lengths[queue]);
		for (uint32_t i = 0; i < model->lengths[queue]; i++) {
			assert_ptr_equal(connection, model->entries[model->queues[queue][i]].connection);
			connection = connection_next(table, connection);
		}
		assert_null(connection);
	}
}

static void random_operations(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	struct connection_table *table = connection_table_create(MAX, random_next(&random));
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	assert_non_null(table);
	assert_non_null(model);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t number = random_below(&random, MAX);
		bool filling = step / (STEPS / 6) % 2 == 0; /* tides, so that slabs fill and empty */

		if (!model->entries[number].connection)
			create(table, model, number, (uint64_t)number * 2 + 2);
		else if (random_below(&random, filling ? 20 : 3) == 0)
			release(table, model, number);
		else
			change(table, model, number, &random);
		if (step % 4000 == 0)
			model_check(table, model);
	}
	model_check(table, model);
	connection_table_destroy(table);
	free(model);
}

/* Every slot up to the maximum is given out once, none beyond it, and each is at its own address. */
static void slabs_across_chunks(void **state)
{
	static const uint32_t sizes[] = {0, 1, 2, 1022, 1023, 1024, 1025, 2047, 2048, 2049};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct connection_table *table = connection_table_create(sizes[i], 1);

		assert_non_null(table);
		for (unsigned round = 0; round < 2; round++) {
			for (uint64_t cookie = 1; cookie <= sizes[i]; cookie++) {
				struct connection *connection = connection_create(table, cookie);

				assert_non_null(connection);
				connection->last_ns = cookie;
				connection_ending(table, connection)->opened_ns = cookie;
			}
			assert_null(connection_create(table, 1000000));
			assert_int_equal(connection_count(table), sizes[i]);
			for (uint64_t cookie = 1; cookie <= sizes[i]; cookie++) {
				struct connection *connection = connection_find(table, cookie);

				assert_int_equal(connection->last_ns, cookie);
				assert_int_equal(connection_ending_get(table, connection)->opened_ns, cookie);
				connection_release(table, connection);
			}
			assert_int_equal(connection_count(table), 0);
		}
		connection_table_destroy(table);
	}
}

/* Of two under one key, which only impossible events can make, the newer is found, and both can go. */
static void keys_may_be_equal(void **state)
{
	struct connection_table *table = connection_table_create(10, 1);
	struct connection *older = connection_create(table, 5), *newer = connection_create(table, 5);
	struct event_tuple tuple = tuple_of(3);

	(void)state;
	older->tuple = newer->tuple = tuple;
	connection_tuple_add(table, older);
	connection_tuple_add(table, newer);
	assert_ptr_equal(connection_find(table, 5), newer);
	assert_ptr_equal(connection_tuple_find(table, &tuple), newer);
	assert_int_not_equal(connection_slot(table, older), connection_slot(table, newer));
	connection_release(table, newer);
	assert_ptr_equal(connection_find(table, 5), older);
	assert_ptr_equal(connection_tuple_find(table, &tuple), older);
	connection_release(table, older);
	assert_null(connection_find(table, 5));
	assert_null(connection_tuple_find(table, &tuple));
	connection_table_destroy(table);
}

/* The budget: an entry of each index and a connection in at most 200 bytes and change. */
static void memory_grows_with_use(void **state)
{
	struct connection_table *table = connection_table_create(100000, 1);
	size_t empty = connection_table_bytes(table);

	(void)state;
	for (uint64_t cookie = 1; cookie <= 10230; cookie++)
		assert_non_null(connection_create(table, cookie));
	assert_true(connection_table_bytes(table) - empty <= 10240 * sizeof(struct connection));
	assert_null(connection_at(table, 0));
	connection_table_destroy(table);
	connection_table_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations),
		cmocka_unit_test(slabs_across_chunks),
		cmocka_unit_test(keys_may_be_equal),
		cmocka_unit_test(memory_grows_with_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
