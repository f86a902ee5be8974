/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * recording.h: raw events in a file, written by `record` and read by `replay`, by tests and by fuzzers.
 *
 * Its input are records in the order in which they were taken in, and the facts of the machine that
 * the rest of the pipeline depends on. It must not know what an event means beyond event_check.h.
 *
 * The file, all numbers little endian:
 *
 *   header   8 bytes "LASTACK\x1a"
 *            u32 format version (1)
 *            u32 EVENT_VERSION
 *            u32 length of the facts in bytes, at most 64 KiB
 *            u32 crc32 (zlib) of the 20 bytes before it and the facts after it
 *            facts: u64 tick_ns, s64 wall_minus_monotonic_ns, u64 start_ns, u32 number of strings (even),
 *                   then each string as u16 length and its bytes: "host", its value, "kernel", its
 *                   value, and so on with the settings
 *   blocks   u32 type (1 records, 2 end)
 *            u32 length of the payload in bytes, at most 64 KiB
 *            u32 number of records in it
 *            u32 crc32 of the 12 bytes before it and the payload after it
 *            payload
 *   record   u8 type, u8 0, u16 length, u32 0, then `length` bytes, then zeros up to a multiple of 8
 *              1 event         a structure of event.h; one that ends before members that were appended is read
 *                              with 0 for them
 *              2 tick          u64 now_ns: everything up to then has been taken in
 *              3 cgroup        u64 id, path
 *              4 loss          u64 time_ns, u64 lost, u64 lost of each kind of event
 *              5 resync begin  u64 time_ns
 *              6 resync end    u64 time_ns
 *   end      the last block: u64 number of records, u64 number of those that are events. A file without
 *            it is truncated, and so said.
 */
#ifndef LASTACK_STORE_RECORDING_H
#define LASTACK_STORE_RECORDING_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

#define RECORDING_SETTINGS_MAX 32
#define RECORDING_KEY_BYTES    32
#define RECORDING_VALUE_BYTES  256

struct recording_setting {
	char key[RECORDING_KEY_BYTES];     /* NUL-terminated */
	char value[RECORDING_VALUE_BYTES]; /* NUL-terminated */
};

/* What the pipeline needs to know of the machine and of how it was run there. */
struct recording_facts {
	char host[RECORDING_VALUE_BYTES];
	char kernel[RECORDING_VALUE_BYTES];
	uint64_t tick_ns; /* length of a jiffy */
	int64_t wall_minus_monotonic_ns;
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	unsigned setting_count;
	struct recording_setting settings[RECORDING_SETTINGS_MAX];
};

enum recording_type {
	RECORDING_EVENT = 1,
	RECORDING_TICK = 2,
	RECORDING_CGROUP = 3,
	RECORDING_LOSS = 4,
	RECORDING_RESYNC_BEGIN = 5,
	RECORDING_RESYNC_END = 6,
};

/* Events that were lost since the last loss record. */
struct recording_loss {
	uint64_t time_ns;
	uint64_t lost;
	uint64_t kind[EVENT_KINDS];
};

struct recording_record {
	enum recording_type type;
	uint64_t time_ns;                 /* of the event, tick, loss, resync; 0 for a cgroup */
	const struct event_header *event; /* EVENT: checked, event_size(kind) bytes */
	uint64_t cgroup;                  /* CGROUP */
	const char *path;                 /* CGROUP: NUL-terminated */
	struct recording_loss loss;       /* LOSS */
};

/* Adds a setting to the facts. Returns 0, -E2BIG when there are too many, -ENAMETOOLONG. */
int recording_facts_set(struct recording_facts *facts, const char *key, const char *value);

/* The value of a setting, or NULL. */
const char *recording_facts_get(const struct recording_facts *facts, const char *key);

struct recording_writer;

/*
 * Creates or replaces the file (mode 0600: it holds addresses and names) and writes the header.
 * Returns 0 or -errno; *writer is untouched on failure.
 */
int recording_create(const char *path, const struct recording_facts *facts, struct recording_writer **writer);

/*
 * Append one record. Records gather in memory until a block is full. Return 0, -EINVAL for a record
 * that the format cannot hold, or -errno of a write that failed: from then on every call fails so.
 */
int recording_write_event(struct recording_writer *writer, const struct event_header *event, size_t length);
int recording_write_tick(struct recording_writer *writer, uint64_t now_ns);
int recording_write_cgroup(struct recording_writer *writer, uint64_t id, const char *path);
int recording_write_loss(struct recording_writer *writer, const struct recording_loss *loss);
int recording_write_resync_begin(struct recording_writer *writer, uint64_t time_ns);
int recording_write_resync_end(struct recording_writer *writer, uint64_t time_ns);

/* Writes out what has gathered, so that it survives the end of this process. Returns 0 or -errno. */
int recording_flush(struct recording_writer *writer);

/*
 * Writes what is left and the end block, forces both to the disk and frees the writer in any case.
 * Returns 0, or -errno: then the file lacks its end and a reader says so.
 */
int recording_finish(struct recording_writer *writer);

/* Frees the writer without an end block. NULL is allowed. */
void recording_abort(struct recording_writer *writer);

struct recording_reader;

/*
 * Opens a recording and reads its header. Returns 0, -errno of the system, -ENODATA where the header
 * is not whole, -EBADMSG where it is damaged or the file is no recording, -EPROTONOSUPPORT where its
 * version is not known. On failure *reader is NULL or, where there is more to say, a reader that only
 * recording_error() and recording_close() may be called on.
 */
int recording_open(const char *path, struct recording_reader **reader);

const struct recording_facts *recording_facts(const struct recording_reader *reader);

/*
 * The next record; what it points at lives until the next call. Returns 1, 0 after the last record of
 * a whole recording, or -errno: -ENODATA where the file is truncated, -EBADMSG where it is damaged.
 * All records of the blocks before the damage have been delivered by then.
 */
int recording_next(struct recording_reader *reader, struct recording_record *record);

/* What went wrong, for a person; "" if nothing did. */
const char *recording_error(const struct recording_reader *reader);

/* NULL is allowed. */
void recording_close(struct recording_reader *reader);

#endif
