// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_recording.c: what is written comes back; a recording that was cut anywhere, or in which any byte
 * was changed, is never taken for whole and never brings the reader down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sample_event.h"
#include <zlib.h>

#include "store/recording.h"
#include "store/recording_format.h"

#define MANY_EVENTS 3000 /* several blocks */

static char path[64];

static int directory_make(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/lastack-recording-%d", (int)getpid());
	return 0;
}

static int directory_remove(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static struct recording_facts facts_make(void)
{
	struct recording_facts facts = {
		.host = "web1",
		.kernel = "6.18.0",
		.tick_ns = 4000000,
		.wall_minus_monotonic_ns = -5,
		.start_ns = 17,
	};

	assert_int_equal(recording_facts_set(&facts, "settle_ns", "1000000000"), 0);
	assert_int_equal(recording_facts_set(&facts, "", ""), 0);
	return facts;
}

static struct recording_writer *writer_open(void)
{
	struct recording_facts facts = facts_make();
	struct recording_writer *writer = NULL;

	assert_int_equal(recording_create(path, &facts, &writer), 0);
	return writer;
}

/* One record of each type and kind. */
static void records_write(struct recording_writer *writer)
{
	struct recording_loss loss = {.time_ns = 9, .lost = 5, .kind = {[EVENT_CLOSE] = 5}};

	for (unsigned kind = 1; kind < EVENT_KINDS; kind++) {
		union sample_event event = sample_event_make(kind, 0);

		assert_int_equal(recording_write_event(writer, &event.header, event_size(kind)), 0);
	}
	assert_int_equal(recording_write_tick(writer, 123), 0);
	assert_int_equal(recording_write_cgroup(writer, 77, "/system.slice/nginx.service"), 0);
	assert_int_equal(recording_write_cgroup(writer, 78, ""), 0);
	assert_int_equal(recording_write_loss(writer, &loss), 0);
	assert_int_equal(recording_write_resync_begin(writer, 10), 0);
	assert_int_equal(recording_write_resync_end(writer, 11), 0);
}

#define SMALL_RECORDS (EVENT_KINDS - 1 + 6)

static void next_expect(struct recording_reader *reader, struct recording_record *record, enum recording_type type,
			uint64_t time_ns)
{
	assert_int_equal(recording_next(reader, record), 1);
	assert_int_equal(record->type, type);
	assert_int_equal(record->time_ns, time_ns);
}

static void what_is_written_comes_back(void **state)
{
	struct recording_writer *writer = writer_open();
	struct recording_reader *reader;
	struct recording_record record;

	(void)state;
	records_write(writer);
	assert_int_equal(recording_finish(writer), 0);
	assert_int_equal(recording_open(path, &reader), 0);
	assert_string_equal(recording_facts(reader)->host, "web1");
	assert_string_equal(recording_facts(reader)->kernel, "6.18.0");
	assert_int_equal(recording_facts(reader)->tick_ns, 4000000);
	assert_int_equal(recording_facts(reader)->wall_minus_monotonic_ns, -5);
	assert_int_equal(recording_facts(reader)->start_ns, 17);
	assert_int_equal(recording_facts(reader)->setting_count, 2);
	assert_string_equal(recording_facts_get(recording_facts(reader), "settle_ns"), "1000000000");
	assert_null(recording_facts_get(recording_facts(reader), "no such"));
	for (unsigned kind = 1; kind < EVENT_KINDS; kind++) {
		union sample_event event = sample_event_make(kind, 0);

		next_expect(reader, &record, RECORDING_EVENT, event.header.time_ns);
		assert_memory_equal(record.event, &event, event_size(kind));
	}
	next_expect(reader, &record, RECORDING_TICK, 123);
	next_expect(reader, &record, RECORDING_CGROUP, 0);
	assert_int_equal(record.cgroup, 77);
	assert_string_equal(record.path, "/system.slice/nginx.service");
	next_expect(reader, &record, RECORDING_CGROUP, 0);
	assert_string_equal(record.path, "");
	next_expect(reader, &record, RECORDING_LOSS, 9);
	assert_int_equal(record.loss.lost, 5);
	assert_int_equal(record.loss.kind[EVENT_CLOSE], 5);
	next_expect(reader, &record, RECORDING_RESYNC_BEGIN, 10);
	next_expect(reader, &record, RECORDING_RESYNC_END, 11);
	assert_int_equal(recording_next(reader, &record), 0);
	assert_int_equal(recording_next(reader, &record), 0);
	assert_string_equal(recording_error(reader), "");
	recording_close(reader);
}

/* Reads all; returns the number of records, *end is what the last call returned. */
static unsigned records_read(const char *file, int *end, char *message)
{
	struct recording_reader *reader;
	struct recording_record record;
	unsigned count = 0;

	*end = recording_open(file, &reader);
	while (!*end && (*end = recording_next(reader, &record)) == 1) {
		count++;
		*end = 0;
		if (record.type == RECORDING_EVENT)
			assert_int_equal(event_check(record.event, event_size(record.event->kind)), 0);
	}
	if (message)
		strcpy(message, recording_error(reader));
	assert_true((*end == 0) == (recording_error(reader)[0] == '\0'));
	recording_close(reader);
	return count;
}

static void many_blocks_come_back(void **state)
{
	struct recording_writer *writer = writer_open();
	int end;

	(void)state;
	for (unsigned i = 0; i < MANY_EVENTS; i++) {
		union sample_event event = sample_event_make(1 + i % (EVENT_KINDS - 1), 0);

		assert_int_equal(recording_write_event(writer, &event.header, event_size(event.header.kind)), 0);
	}
	assert_int_equal(recording_finish(writer), 0);
	assert_int_equal(records_read(path, &end, NULL), MANY_EVENTS);
	assert_int_equal(end, 0);
}

static void an_aborted_recording_is_called_truncated(void **state)
{
	struct recording_writer *writer = writer_open();
	char message[256];
	int end;

	(void)state;
	records_write(writer);
	assert_int_equal(recording_flush(writer), 0);
	recording_abort(writer);
	assert_int_equal(records_read(path, &end, message), SMALL_RECORDS);
	assert_int_equal(end, -ENODATA);
	assert_non_null(strstr(message, "truncated after 21 records (byte "));
	assert_int_equal(SMALL_RECORDS, 21);
}

/* A loss as recordings had it when there was no kind of event behind EVENT_EXISTING: shorter by a count. */
static void an_older_loss_is_read(void **state)
{
	struct recording_loss loss = {.time_ns = 9, .lost = 5, .kind = {[EVENT_CLOSE] = 5, [EVENT_STACK] = 7}};
	unsigned char block[sizeof(struct recording_block) + sizeof(struct recording_record_header) + sizeof(loss)];
	struct recording_block *header = (void *)block;
	struct recording_record_header *record = (void *)(header + 1);
	struct recording_writer *writer = writer_open();
	long begin, more = (long)(sizeof(loss) - RECORDING_LOSS_BYTES_SHORT);
	struct recording_reader *reader;
	struct recording_record read;
	FILE *file;

	(void)state;
	assert_int_equal(recording_write_loss(writer, &loss), 0);
	assert_int_equal(recording_flush(writer), 0);
	recording_abort(writer);
	file = fopen(path, "r+b");
	assert_int_equal(fseek(file, -(long)sizeof(block), SEEK_END), 0);
	begin = ftell(file);
	assert_int_equal(fread(block, 1, sizeof(block), file), sizeof(block));
	assert_int_equal(le16toh(record->length), sizeof(loss));
	for (int attempt = 0; attempt < 2; attempt++) {
		uint32_t bytes = (uint32_t)(sizeof(block) - sizeof(*header) - (size_t)more);
		uint32_t crc;

		record->length = htole16((uint16_t)(sizeof(loss) - (size_t)more));
		header->payload_bytes = htole32(bytes);
		crc = (uint32_t)crc32(0, block, offsetof(struct recording_block, crc));
		header->crc = htole32((uint32_t)crc32(crc, block + sizeof(*header), bytes));
		assert_int_equal(fseek(file, begin, SEEK_SET), 0);
		assert_int_equal(fwrite(block, 1, sizeof(*header) + bytes, file), sizeof(*header) + bytes);
		assert_int_equal(fflush(file), 0);
		assert_int_equal(recording_open(path, &reader), 0);
		if (attempt == 0) {
			assert_int_equal(recording_next(reader, &read), 1);
			assert_int_equal(read.loss.kind[EVENT_CLOSE], 5);
			assert_int_equal(read.loss.kind[EVENT_STACK], 0);
		} else {
			assert_int_equal(recording_next(reader, &read), -EBADMSG);
		}
		recording_close(reader);
		more += 8; /* shorter than it ever was */
	}
	fclose(file);
}

static size_t file_load(unsigned char *bytes, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, size, file);
	assert_in_range(length, 1, size - 1);
	fclose(file);
	return length;
}

static void file_store(const unsigned char *bytes, size_t length)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	fclose(file);
}

static size_t small_recording(unsigned char *bytes, size_t size)
{
	struct recording_writer *writer = writer_open();

	records_write(writer);
	assert_int_equal(recording_flush(writer), 0);
	assert_int_equal(recording_write_tick(writer, 5), 0); /* a second block */
	assert_int_equal(recording_finish(writer), 0);
	return file_load(bytes, size);
}

static void a_cut_anywhere_is_seen(void **state)
{
	unsigned char bytes[8192];
	size_t length = small_recording(bytes, sizeof(bytes) - 1);
	int end;

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		file_store(bytes, cut);
		assert_true(records_read(path, &end, NULL) <= SMALL_RECORDS + 1);
		assert_int_equal(end, -ENODATA);
	}
	bytes[length] = 0;
	file_store(bytes, length + 1);
	assert_int_equal(records_read(path, &end, NULL), SMALL_RECORDS + 1);
	assert_int_equal(end, -EBADMSG);
}

static void a_changed_byte_anywhere_is_seen(void **state)
{
	static const unsigned char changes[] = {0x01, 0x80, 0xff};
	unsigned char bytes[8192];
	size_t length = small_recording(bytes, sizeof(bytes));
	int end;

	(void)state;
	for (size_t i = 0; i < length * sizeof(changes); i++) {
		bytes[i / sizeof(changes)] ^= changes[i % sizeof(changes)];
		file_store(bytes, length);
		records_read(path, &end, NULL);
		assert_true(end < 0);
		bytes[i / sizeof(changes)] ^= changes[i % sizeof(changes)];
	}
	file_store(bytes, length);
	records_read(path, &end, NULL);
	assert_int_equal(end, 0);
}

static void a_full_disk_is_an_error(void **state)
{
	struct recording_facts facts = facts_make();
	struct recording_writer *writer = NULL;
	struct recording_reader *reader;

	(void)state;
	if (!access("/dev/full", W_OK))
		assert_int_equal(recording_create("/dev/full", &facts, &writer), -ENOSPC);
	assert_int_equal(recording_create("/no/such/directory/file", &facts, &writer), -ENOENT);
	assert_null(writer);
	assert_int_equal(recording_open("/no/such/directory/file", &reader), -ENOENT);
	assert_string_equal(recording_error(reader), "No such file or directory");
	recording_close(reader);
	assert_int_equal(recording_open("/", &reader), -EISDIR);
	recording_close(reader);
	recording_close(NULL);
	recording_abort(NULL);
}

/* A limit on the size of files stands in for a disk that fills up in the middle. */
static void a_disk_that_fills_up_leaves_a_truncated_file(void **state)
{
	struct recording_writer *writer = writer_open();
	union sample_event event = sample_event_make(EVENT_CLOSE, 0);
	struct rlimit saved, limit;
	unsigned written = 0;
	int end, error = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = (struct rlimit){.rlim_cur = 100000, .rlim_max = saved.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (!error && written < MANY_EVENTS) {
		error = recording_write_event(writer, &event.header, sizeof(event.close));
		written += !error;
	}
	assert_int_equal(error, -EFBIG);
	assert_int_equal(recording_write_tick(writer, 1), -EFBIG);
	assert_int_equal(recording_finish(writer), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
	/* The first block is there. */
	assert_in_range(records_read(path, &end, NULL), 500, written);
	assert_int_equal(end, -ENODATA);
}

static void records_that_do_not_fit_are_refused(void **state)
{
	struct recording_writer *writer = writer_open();
	union sample_event event = sample_event_make(EVENT_STATE, 0);
	char long_path[5000];
	int end;

	(void)state;
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(recording_write_cgroup(writer, 1, long_path), -EINVAL);
	assert_int_equal(recording_write_event(writer, &event.header, 7), -EINVAL);
	assert_int_equal(recording_finish(writer), 0);
	assert_int_equal(records_read(path, &end, NULL), 0);
	assert_int_equal(end, 0);
}

static void settings_have_limits(void **state)
{
	struct recording_facts facts = {0};
	char value[RECORDING_VALUE_BYTES + 1];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(recording_facts_set(&facts, "key", value), -ENAMETOOLONG);
	for (unsigned i = 0; i < RECORDING_SETTINGS_MAX; i++)
		assert_int_equal(recording_facts_set(&facts, "key", value + 1), 0);
	assert_int_equal(recording_facts_set(&facts, "key", ""), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(many_blocks_come_back),
		cmocka_unit_test(an_aborted_recording_is_called_truncated),
		cmocka_unit_test(an_older_loss_is_read),
		cmocka_unit_test(a_cut_anywhere_is_seen),
		cmocka_unit_test(a_changed_byte_anywhere_is_seen),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(a_disk_that_fills_up_leaves_a_truncated_file),
		cmocka_unit_test(records_that_do_not_fit_are_refused),
		cmocka_unit_test(settings_have_limits),
	};

	return cmocka_run_group_tests_name("recording", tests, directory_make, directory_remove);
}
