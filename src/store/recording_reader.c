// SPDX-License-Identifier: GPL-2.0-only
/*
 * recording_reader.c: reads a recording and believes nothing in it that has not been checked; see
 * recording.h. A block is checked by its sum before any of its records is looked at, and each record
 * again before it is handed out, because a sum can be forged.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/event_check.h"
#include "store/recording.h"
#include "store/recording_format.h"

struct recording_reader {
	FILE *file;
	struct recording_facts facts;
	uint64_t offset; /* of the next byte in the file */
	struct recording_totals totals;
	uint32_t payload_bytes; /* of the block at hand */
	uint32_t used;          /* of these */
	uint32_t records_left;  /* in the block at hand */
	bool finished;
	int error;
	char message[256];
	char path[RECORDING_PATH_MAX + 1];
	struct event_existing existing; /* a short one, made whole */
	_Alignas(8) unsigned char payload[RECORDING_PAYLOAD_MAX];
};

/* Remembers the first failure and what to say of it. Returns `error`. */
__attribute__((format(printf, 3, 4))) static int reader_fail(struct recording_reader *reader, int error,
							     const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reader->message, sizeof(reader->message), format, arguments);
	va_end(arguments);
	reader->error = error;
	return error;
}

static int reader_fail_truncated(struct recording_reader *reader)
{
	return reader_fail(reader, -ENODATA,
			   "truncated after %llu records (byte %llu): the recorder was stopped or the disk was full",
			   (unsigned long long)reader->totals.records, (unsigned long long)reader->offset);
}

static int reader_fail_damaged(struct recording_reader *reader, const char *what)
{
	return reader_fail(reader, -EBADMSG, "damaged after %llu records (byte %llu): %s",
			   (unsigned long long)reader->totals.records, (unsigned long long)reader->offset, what);
}

static int bytes_read(struct recording_reader *reader, void *bytes, size_t length)
{
	size_t count;

	errno = 0;
	count = fread(bytes, 1, length, reader->file);
	if (count < length && ferror(reader->file)) {
		int error = errno ? -errno : -EIO;

		return reader_fail(reader, error, "cannot be read at byte %llu: %s", (unsigned long long)reader->offset,
				   strerror(-error));
	}
	if (count < length)
		return reader_fail_truncated(reader);
	reader->offset += length;
	return 0;
}

/* Takes one string of the facts; false where it does not fit. */
static bool string_read(const unsigned char **at, const unsigned char *end, char *string, size_t bytes)
{
	uint16_t length;

	if ((size_t)(end - *at) < sizeof(length))
		return false;
	memcpy(&length, *at, sizeof(length));
	*at += sizeof(length);
	length = le16toh(length);
	if ((size_t)(end - *at) < length || length >= bytes || memchr(*at, '\0', length))
		return false;
	memcpy(string, *at, length);
	string[length] = '\0';
	*at += length;
	return true;
}

static bool facts_parse(struct recording_facts *facts, const unsigned char *bytes, size_t length)
{
	const unsigned char *at = bytes + sizeof(struct recording_numbers), *end = bytes + length;
	struct recording_numbers numbers;
	uint32_t pairs;

	if (length < sizeof(numbers))
		return false;
	memcpy(&numbers, bytes, sizeof(numbers));
	facts->tick_ns = le64toh(numbers.tick_ns);
	facts->wall_minus_monotonic_ns = (int64_t)le64toh(numbers.wall_minus_monotonic_ns);
	facts->start_ns = le64toh(numbers.start_ns);
	pairs = le32toh(numbers.string_count) / 2;
	if (le32toh(numbers.string_count) % 2 || pairs < 2 || pairs > RECORDING_SETTINGS_MAX + 2)
		return false;
	for (uint32_t i = 0; i < pairs; i++) {
		char key[RECORDING_KEY_BYTES], *value = i == 0 ? facts->host : facts->kernel;

		if (i >= 2) {
			value = facts->settings[i - 2].value;
			facts->setting_count = i - 1;
		}
		if (!string_read(&at, end, key, sizeof(key)) || !string_read(&at, end, value, RECORDING_VALUE_BYTES))
			return false;
		if (i >= 2)
			strcpy(facts->settings[i - 2].key, key);
		else if (strcmp(key, i ? "kernel" : "host"))
			return false;
	}
	return at == end && facts->tick_ns;
}

static int header_read(struct recording_reader *reader)
{
	struct recording_header header;
	uint32_t length, crc;

	if (bytes_read(reader, &header, sizeof(header)))
		return reader->error;
	if (memcmp(header.magic, RECORDING_MAGIC, RECORDING_MAGIC_BYTES))
		return reader_fail(reader, -EBADMSG, "not a recording of lastack");
	if (le32toh(header.format_version) != RECORDING_FORMAT_VERSION ||
	    le32toh(header.event_version) != EVENT_VERSION)
		return reader_fail(reader, -EPROTONOSUPPORT,
				   "made by another version (format %u, events %u; this one reads %d and %d)",
				   le32toh(header.format_version), le32toh(header.event_version),
				   RECORDING_FORMAT_VERSION, EVENT_VERSION);
	length = le32toh(header.facts_bytes);
	if (length > RECORDING_PAYLOAD_MAX)
		return reader_fail_damaged(reader, "a header that long is not possible");
	if (bytes_read(reader, reader->payload, length))
		return reader->error;
	crc = (uint32_t)crc32(0, (const unsigned char *)&header, offsetof(struct recording_header, crc));
	crc = (uint32_t)crc32(crc, reader->payload, length);
	if (crc != le32toh(header.crc))
		return reader_fail_damaged(reader, "the header's checksum is wrong");
	if (!facts_parse(&reader->facts, reader->payload, length))
		return reader_fail_damaged(reader, "the header makes no sense");
	return 0;
}

int recording_open(const char *path, struct recording_reader **reader)
{
	struct recording_reader *opened = calloc(1, sizeof(*opened));

	*reader = opened;
	if (!opened)
		return -ENOMEM;
	opened->file = fopen(path, "rbe");
	if (!opened->file)
		return reader_fail(opened, -errno, "%s", strerror(errno));
	return header_read(opened);
}

const struct recording_facts *recording_facts(const struct recording_reader *reader)
{
	return &reader->facts;
}

const char *recording_error(const struct recording_reader *reader)
{
	return reader->message;
}

void recording_close(struct recording_reader *reader)
{
	if (!reader)
		return;
	if (reader->file)
		fclose(reader->file);
	free(reader);
}

static int end_check(struct recording_reader *reader)
{
	struct recording_totals totals;

	if (reader->payload_bytes != sizeof(totals) || reader->records_left)
		return reader_fail_damaged(reader, "the end block makes no sense");
	memcpy(&totals, reader->payload, sizeof(totals));
	if (le64toh(totals.records) != reader->totals.records || le64toh(totals.events) != reader->totals.events)
		return reader_fail_damaged(reader, "records are missing");
	if (fgetc(reader->file) != EOF)
		return reader_fail_damaged(reader, "something follows the end");
	reader->finished = true;
	return 0;
}

/* Reads a block of records. Returns 1, or 0 after the end block, or -errno. */
static int block_read(struct recording_reader *reader)
{
	struct recording_block header;
	uint32_t crc;

	if (bytes_read(reader, &header, sizeof(header)))
		return reader->error;
	reader->used = 0;
	reader->payload_bytes = le32toh(header.payload_bytes);
	reader->records_left = le32toh(header.record_count);
	if (reader->payload_bytes > RECORDING_PAYLOAD_MAX)
		return reader_fail_damaged(reader, "a block that long is not possible");
	if (bytes_read(reader, reader->payload, reader->payload_bytes))
		return reader->error;
	crc = (uint32_t)crc32(0, (const unsigned char *)&header, offsetof(struct recording_block, crc));
	crc = (uint32_t)crc32(crc, reader->payload, reader->payload_bytes);
	if (crc != le32toh(header.crc))
		return reader_fail_damaged(reader, "a block's checksum is wrong");
	if (le32toh(header.type) == RECORDING_BLOCK_END)
		return end_check(reader);
	if (le32toh(header.type) != RECORDING_BLOCK_RECORDS || !reader->records_left)
		return reader_fail_damaged(reader, "a block of an unknown type");
	return 1;
}

static uint64_t number_at(const unsigned char *bytes)
{
	uint64_t number;

	memcpy(&number, bytes, sizeof(number));
	return le64toh(number);
}

static bool cgroup_parse(struct recording_reader *reader, const unsigned char *bytes, uint32_t length,
			 struct recording_record *record)
{
	size_t path_length = length - sizeof(record->cgroup);

	if (length < sizeof(record->cgroup) || path_length > RECORDING_PATH_MAX ||
	    memchr(bytes + sizeof(record->cgroup), '\0', path_length))
		return false;
	record->cgroup = number_at(bytes);
	memcpy(reader->path, bytes + sizeof(record->cgroup), path_length);
	reader->path[path_length] = '\0';
	record->path = reader->path;
	return true;
}

/* What has been appended to a record since is absent in it: 0. */
static const struct event_header *event_whole(struct recording_reader *reader, const unsigned char *bytes,
					      uint32_t *length)
{
	const struct event_header *event = (const void *)bytes;

	if (*length != EVENT_EXISTING_BYTES_SHORT || event->kind != EVENT_EXISTING)
		return event;
	memset(&reader->existing, 0, sizeof(reader->existing));
	memcpy(&reader->existing, bytes, *length);
	*length = sizeof(reader->existing);
	return &reader->existing.header;
}

/* `bytes` is aligned to 8. */
static bool record_parse(struct recording_reader *reader, const unsigned char *bytes, uint32_t length,
			 struct recording_record *record)
{
	switch (record->type) {
	case RECORDING_EVENT:
		record->event = event_whole(reader, bytes, &length);
		if (event_check(record->event, length))
			return false;
		record->time_ns = record->event->time_ns;
		reader->totals.events++;
		return true;
	case RECORDING_TICK:
	case RECORDING_RESYNC_BEGIN:
	case RECORDING_RESYNC_END:
		if (length != sizeof(uint64_t))
			return false;
		record->time_ns = number_at(bytes);
		return true;
	case RECORDING_CGROUP: return cgroup_parse(reader, bytes, length, record);
	case RECORDING_LOSS:
		if (length != sizeof(record->loss) && length != RECORDING_LOSS_BYTES_SHORT)
			return false;
		memset(&record->loss, 0, sizeof(record->loss));
		memcpy(&record->loss, bytes, length);
		record->time_ns = record->loss.time_ns;
		return true;
	default: return false;
	}
}

int recording_next(struct recording_reader *reader, struct recording_record *record)
{
	const struct recording_record_header *header;
	uint32_t length, left;

	if (reader->error || reader->finished)
		return reader->error;
	if (!reader->records_left) {
		int more;

		if (reader->used != reader->payload_bytes)
			return reader_fail_damaged(reader, "a block holds more than its records");
		more = block_read(reader);
		if (more <= 0)
			return more;
	}
	left = reader->payload_bytes - reader->used;
	header = (const void *)(reader->payload + reader->used);
	if (left < sizeof(*header))
		return reader_fail_damaged(reader, "a block holds less than its records");
	length = le16toh(header->length);
	if (recording_padded(length) > left - sizeof(*header))
		return reader_fail_damaged(reader, "a record is longer than its block");
	record->type = header->type;
	record->time_ns = 0;
	if (!record_parse(reader, (const unsigned char *)(header + 1), length, record))
		return reader_fail_damaged(reader, "a record makes no sense");
	reader->used += (uint32_t)sizeof(*header) + recording_padded(length);
	reader->records_left--;
	reader->totals.records++;
	return 1;
}
