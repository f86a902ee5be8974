/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * recording_format.h: the layout of a recording in numbers, shared by its writer and its reader and
 * meant for nobody else. What it means stands in recording.h.
 */
#ifndef LASTACK_STORE_RECORDING_FORMAT_H
#define LASTACK_STORE_RECORDING_FORMAT_H

#include <endian.h>
#include <stdint.h>

#define RECORDING_MAGIC          "LASTACK\x1a"
#define RECORDING_MAGIC_BYTES    8
#define RECORDING_FORMAT_VERSION 1
#define RECORDING_PAYLOAD_MAX    65536
#define RECORDING_PATH_MAX       4096

/* Structures in host order would do on little endian machines only; these are converted by le32toh(). */
struct recording_header {
	char magic[RECORDING_MAGIC_BYTES];
	uint32_t format_version;
	uint32_t event_version;
	uint32_t facts_bytes;
	uint32_t crc; /* of what stands before it and the facts */
};

struct recording_numbers {
	uint64_t tick_ns;
	uint64_t wall_minus_monotonic_ns; /* two's complement */
	uint64_t start_ns;
	uint32_t string_count;
} __attribute__((packed));

enum recording_block_type {
	RECORDING_BLOCK_RECORDS = 1,
	RECORDING_BLOCK_END = 2,
};

struct recording_block {
	uint32_t type;
	uint32_t payload_bytes;
	uint32_t record_count;
	uint32_t crc; /* of what stands before it and the payload */
};

struct recording_record_header {
	uint8_t type;
	uint8_t zero;
	uint16_t length;
	uint32_t zero2;
};

/* Of a loss in recordings of when EVENT_STACK was not: up to its count. */
#define RECORDING_LOSS_BYTES_SHORT (16 + 8 * EVENT_STACK)

struct recording_totals {
	uint64_t records;
	uint64_t events;
};

_Static_assert(sizeof(struct recording_header) == 24, "recording_header");
_Static_assert(sizeof(struct recording_numbers) == 28, "recording_numbers");
_Static_assert(sizeof(struct recording_block) == 16, "recording_block");
_Static_assert(sizeof(struct recording_record_header) == 8, "recording_record_header");

static inline uint32_t recording_padded(uint32_t length)
{
	return (length + 7) & ~7u;
}

#endif
