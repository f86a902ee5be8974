// SPDX-License-Identifier: GPL-2.0-only
/*
 * recording_writer.c: gathers records into blocks and writes these; see recording.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/event_check.h"
#include "store/recording.h"
#include "store/recording_format.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "events are stored as they are in memory: a big endian machine has to convert them first"
#endif

#define HEADER_MAX (sizeof(struct recording_header) + RECORDING_PAYLOAD_MAX)

struct recording_writer {
	int fd;
	int error;             /* -errno of the first write that failed */
	uint32_t record_count; /* in the block being filled */
	uint32_t used;         /* bytes of its payload */
	struct recording_totals totals;
	struct {
		struct recording_block header;
		unsigned char payload[RECORDING_PAYLOAD_MAX];
	} block;
};

int recording_facts_set(struct recording_facts *facts, const char *key, const char *value)
{
	struct recording_setting *setting = &facts->settings[facts->setting_count];

	if (facts->setting_count >= RECORDING_SETTINGS_MAX)
		return -E2BIG;
	if (strlen(key) >= sizeof(setting->key) || strlen(value) >= sizeof(setting->value))
		return -ENAMETOOLONG;
	strcpy(setting->key, key);
	strcpy(setting->value, value);
	facts->setting_count++;
	return 0;
}

const char *recording_facts_get(const struct recording_facts *facts, const char *key)
{
	for (unsigned i = 0; i < facts->setting_count; i++)
		if (!strcmp(facts->settings[i].key, key))
			return facts->settings[i].value;
	return NULL;
}

static int bytes_write(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length) {
		ssize_t written = write(fd, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		length -= (size_t)written;
	}
	return 0;
}

static unsigned char *string_write(unsigned char *at, const char *string)
{
	size_t length = strlen(string);
	uint16_t stored = htole16((uint16_t)length);

	memcpy(at, &stored, sizeof(stored));
	memcpy(at + sizeof(stored), string, length);
	return at + sizeof(stored) + length;
}

static int header_write(int fd, const struct recording_facts *facts)
{
	struct recording_header header = {
		.format_version = htole32(RECORDING_FORMAT_VERSION),
		.event_version = htole32(EVENT_VERSION),
	};
	struct recording_numbers numbers = {
		.tick_ns = htole64(facts->tick_ns),
		.wall_minus_monotonic_ns = htole64((uint64_t)facts->wall_minus_monotonic_ns),
		.start_ns = htole64(facts->start_ns),
		.string_count = htole32(2 * (2 + facts->setting_count)),
	};
	unsigned char bytes[sizeof(header) + sizeof(numbers) + sizeof(*facts) + 4 * (RECORDING_SETTINGS_MAX + 2)];
	unsigned char *at = bytes + sizeof(header) + sizeof(numbers);

	at = string_write(string_write(at, "host"), facts->host);
	at = string_write(string_write(at, "kernel"), facts->kernel);
	for (unsigned i = 0; i < facts->setting_count; i++)
		at = string_write(string_write(at, facts->settings[i].key), facts->settings[i].value);
	memcpy(header.magic, RECORDING_MAGIC, RECORDING_MAGIC_BYTES);
	header.facts_bytes = htole32((uint32_t)(at - bytes - sizeof(header)));
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &numbers, sizeof(numbers));
	header.crc = (uint32_t)crc32(0, bytes, offsetof(struct recording_header, crc));
	header.crc = (uint32_t)crc32(header.crc, bytes + sizeof(header), (uInt)(at - bytes - sizeof(header)));
	header.crc = htole32(header.crc);
	memcpy(bytes, &header, sizeof(header));
	return bytes_write(fd, bytes, (size_t)(at - bytes));
}

int recording_create(const char *path, const struct recording_facts *facts, struct recording_writer **writer)
{
	struct recording_writer *created = calloc(1, sizeof(*created));
	int error;

	if (!created)
		return -ENOMEM;
	created->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	error = created->fd < 0 ? -errno : header_write(created->fd, facts);
	if (error) {
		recording_abort(created);
		return error;
	}
	*writer = created;
	return 0;
}

static int block_write(struct recording_writer *writer, enum recording_block_type type)
{
	struct recording_block *header = &writer->block.header;
	uint32_t crc;

	if (writer->error)
		return writer->error;
	header->type = htole32(type);
	header->payload_bytes = htole32(writer->used);
	header->record_count = htole32(writer->record_count);
	crc = (uint32_t)crc32(0, (const unsigned char *)header, offsetof(struct recording_block, crc));
	header->crc = htole32((uint32_t)crc32(crc, writer->block.payload, writer->used));
	writer->error = bytes_write(writer->fd, &writer->block, sizeof(*header) + writer->used);
	writer->used = 0;
	writer->record_count = 0;
	return writer->error;
}

int recording_flush(struct recording_writer *writer)
{
	return writer->record_count ? block_write(writer, RECORDING_BLOCK_RECORDS) : writer->error;
}

/* Room for a record of `length` bytes in the block, or NULL with writer->error set. */
static unsigned char *record_begin(struct recording_writer *writer, enum recording_type type, uint32_t length)
{
	struct recording_record_header header = {.type = (uint8_t)type, .length = htole16((uint16_t)length)};
	uint32_t needed = (uint32_t)sizeof(header) + recording_padded(length);
	unsigned char *at;

	if (writer->used + needed > RECORDING_PAYLOAD_MAX)
		recording_flush(writer);
	if (writer->error)
		return NULL;
	at = writer->block.payload + writer->used;
	memcpy(at, &header, sizeof(header));
	memset(at + needed - 8, 0, length % 8 ? 8 : 0); /* the padding: what follows overwrites the rest */
	writer->used += needed;
	writer->record_count++;
	writer->totals.records++;
	return at + sizeof(header);
}

int recording_write_event(struct recording_writer *writer, const struct event_header *event, size_t length)
{
	unsigned char *at;

	if (event_check(event, length))
		return -EINVAL;
	at = record_begin(writer, RECORDING_EVENT, (uint32_t)length);
	if (!at)
		return writer->error;
	memcpy(at, event, length);
	writer->totals.events++;
	return 0;
}

static int number_write(struct recording_writer *writer, enum recording_type type, uint64_t number)
{
	unsigned char *at = record_begin(writer, type, sizeof(number));

	if (!at)
		return writer->error;
	number = htole64(number);
	memcpy(at, &number, sizeof(number));
	return 0;
}

int recording_write_tick(struct recording_writer *writer, uint64_t now_ns)
{
	return number_write(writer, RECORDING_TICK, now_ns);
}

int recording_write_resync_begin(struct recording_writer *writer, uint64_t time_ns)
{
	return number_write(writer, RECORDING_RESYNC_BEGIN, time_ns);
}

int recording_write_resync_end(struct recording_writer *writer, uint64_t time_ns)
{
	return number_write(writer, RECORDING_RESYNC_END, time_ns);
}

int recording_write_cgroup(struct recording_writer *writer, uint64_t id, const char *path)
{
	size_t length = strlen(path);
	unsigned char *at;

	if (length > RECORDING_PATH_MAX)
		return -EINVAL;
	at = record_begin(writer, RECORDING_CGROUP, (uint32_t)(sizeof(id) + length));
	if (!at)
		return writer->error;
	id = htole64(id);
	memcpy(at, &id, sizeof(id));
	memcpy(at + sizeof(id), path, length);
	return 0;
}

int recording_write_loss(struct recording_writer *writer, const struct recording_loss *loss)
{
	unsigned char *at = record_begin(writer, RECORDING_LOSS, sizeof(*loss));

	if (!at)
		return writer->error;
	memcpy(at, loss, sizeof(*loss)); /* little endian: see above */
	return 0;
}

int recording_finish(struct recording_writer *writer)
{
	int error = recording_flush(writer);

	memcpy(writer->block.payload, &writer->totals, sizeof(writer->totals));
	writer->used = sizeof(writer->totals);
	if (!error)
		error = block_write(writer, RECORDING_BLOCK_END);
	/* A pipe cannot be synchronised, and has no need of it. */
	if (!error && fsync(writer->fd) && errno != EINVAL && errno != EROFS)
		error = -errno;
	if (!error && close(writer->fd))
		error = -errno;
	else if (error)
		close(writer->fd);
	free(writer);
	return error;
}

void recording_abort(struct recording_writer *writer)
{
	if (!writer)
		return;
	if (writer->fd >= 0)
		close(writer->fd);
	free(writer);
}
