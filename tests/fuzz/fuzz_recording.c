// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_recording.c: any file as a recording, replayed through the whole pipeline. Checksums are mended after most
 * mutations, or nothing behind them would be reached.
 */
#include <errno.h>
#include <zlib.h>

#include "fuzz.h"
#include "pipeline/pipeline.h"
#include "store/recording_format.h"

#define CONNECTIONS_MAX 4096

/* ---- checksums ----------------------------------------------------------------------------------- */

/* Of `head` bytes before the sum and of what follows the `whole` of the header. */
static void sum_mend(uint8_t *header, size_t head, size_t whole, size_t length)
{
	uint32_t crc = (uint32_t)crc32(0, header, (unsigned)head);

	crc = htole32((uint32_t)crc32(crc, header + whole, (unsigned)length));
	memcpy(header + head, &crc, sizeof(crc));
}

static void sums_mend(uint8_t *data, size_t size)
{
	struct recording_header header;
	size_t at;

	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	at = sizeof(header) + le32toh(header.facts_bytes);
	if (at > size)
		return;
	sum_mend(data, offsetof(struct recording_header, crc), sizeof(header), at - sizeof(header));
	while (size - at >= sizeof(struct recording_block)) {
		struct recording_block block;
		size_t length;

		memcpy(&block, data + at, sizeof(block));
		length = le32toh(block.payload_bytes);
		if (length > size - at - sizeof(block))
			return;
		sum_mend(data + at, offsetof(struct recording_block, crc), sizeof(block), length);
		at += sizeof(block) + length;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, size_max);
	if (seed % 8)
		sums_mend(data, size);
	return size;
}

/* ---- the way of `lastack replay` ------------------------------------------------------------------- */

static void replay(struct recording_reader *reader, bool events, enum report_format format)
{
	struct pipeline_options options = {
		.format = format,
		.events = events,
		.settle_ns = 1000000000,
		.max_connections = CONNECTIONS_MAX,
	};
	struct pipeline *pipeline = pipeline_create(&options, recording_facts(reader));
	struct recording_record record;
	int status;

	assert_non_null(pipeline);
	while ((status = recording_next(reader, &record)) > 0) {
		pipeline_record(pipeline, &record);
		assert_false(pipeline_text(pipeline)->failed);
		text_clear(pipeline_text(pipeline));
	}
	assert_true(status == 0 || status == -ENODATA || status == -EBADMSG);
	assert_int_equal(!status, !recording_error(reader)[0]);
	assert_int_equal(recording_next(reader, &record), status); /* and so it stays */
	pipeline_finish(pipeline);
	pipeline_destroy(pipeline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_reader *reader = NULL;
	char path[FUZZ_PATH_BYTES];
	int fd = fuzz_file(data, size, path);
	int status = recording_open(path, &reader);

	assert_non_null(reader);
	if (status) {
		assert_true(status == -ENODATA || status == -EBADMSG || status == -EPROTONOSUPPORT);
		assert_true(recording_error(reader)[0]);
	} else {
		replay(reader, size % 2 && size % 3 != REPORT_CSV, (enum report_format)(size % 3));
	}
	recording_close(reader);
	close(fd);
	return 0;
}
