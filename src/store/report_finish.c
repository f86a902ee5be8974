// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_finish.c: see report_finish.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "monotonic.h"
#include "store/report_finish.h"

#define CHUNK_BYTES 65536
#define GZIP_BITS   (15 + 16) /* zlib's window, and a gzip header */
#define GZIP_MEMORY 8         /* zlib's own default */

struct report_finish {
	int directory; /* the caller's */
	struct report_name name;
	int raw, packed; /* -1: nothing is under way */
	z_stream stream;
	uint8_t input[CHUNK_BYTES], output[CHUNK_BYTES];
};

struct report_finish *report_finish_create(void)
{
	struct report_finish *finish = calloc(1, sizeof(*finish));

	if (finish)
		finish->raw = finish->packed = -1;
	return finish;
}

void report_finish_destroy(struct report_finish *finish)
{
	if (finish)
		report_finish_abort(finish);
	free(finish);
}

bool report_finish_busy(const struct report_finish *finish)
{
	return finish->packed >= 0;
}

static int name_remove(int directory, const struct report_name *name, enum report_name_kind kind)
{
	char text[REPORT_NAME_BYTES];

	report_name_text(name, kind, text);
	return unlinkat(directory, text, 0) && errno != ENOENT ? -errno : 0;
}

static int name_change(int directory, const struct report_name *name, enum report_name_kind from,
		       enum report_name_kind to)
{
	char before[REPORT_NAME_BYTES], after[REPORT_NAME_BYTES];

	report_name_text(name, from, before);
	report_name_text(name, to, after);
	return renameat(directory, before, directory, after) || fsync(directory) ? -errno : 0;
}

static bool name_stands(int directory, const struct report_name *name, enum report_name_kind kind)
{
	char text[REPORT_NAME_BYTES];

	report_name_text(name, kind, text);
	return !faccessat(directory, text, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void files_close(struct report_finish *finish)
{
	if (finish->packed >= 0) {
		deflateEnd(&finish->stream);
		close(finish->packed);
	}
	if (finish->raw >= 0)
		close(finish->raw);
	finish->raw = finish->packed = -1;
}

void report_finish_abort(struct report_finish *finish)
{
	bool packing = finish->packed >= 0;

	files_close(finish);
	if (packing) /* what is left of it would be removed before the next try, too */
		name_remove(finish->directory, &finish->name, REPORT_NAME_GZIP_PART);
}

/* Behind the last line feed. Returns the size then, or -errno. */
static off_t file_cut(int fd, uint8_t chunk[CHUNK_BYTES], bool *torn)
{
	struct stat status;
	off_t size;

	if (fstat(fd, &status))
		return -errno;
	for (size = status.st_size; size;) {
		off_t begin = size > CHUNK_BYTES ? size - CHUNK_BYTES : 0;
		ssize_t count = pread(fd, chunk, (size_t)(size - begin), begin);
		const uint8_t *last;

		if (count <= 0)
			return count ? -errno : -EIO;
		last = memrchr(chunk, '\n', (size_t)count);
		if (last) {
			size = begin + (last - chunk) + 1;
			break;
		}
		size = begin;
	}
	*torn = size != status.st_size;
	if (*torn && ftruncate(fd, size))
		return -errno;
	return fsync(fd) ? -errno : size;
}

static int packing_begin(struct report_finish *finish)
{
	char text[REPORT_NAME_BYTES];
	int error;

	name_remove(finish->directory, &finish->name, REPORT_NAME_GZIP_PART);
	report_name_text(&finish->name, REPORT_NAME_GZIP_PART, text);
	finish->stream = (z_stream){.next_in = Z_NULL};
	if (deflateInit2(&finish->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_BITS, GZIP_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	finish->packed = openat(finish->directory, text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (finish->packed >= 0)
		return REPORT_FINISH_UNDER_WAY;
	error = -errno;
	deflateEnd(&finish->stream);
	return error;
}

/* With the hidden file open: what it takes. */
static int raw_begin(struct report_finish *finish, bool gzip, bool *torn)
{
	/* A run may die between giving the finished file its name and removing this one. */
	bool finished = name_stands(finish->directory, &finish->name, REPORT_NAME_GZIP) ||
			name_stands(finish->directory, &finish->name, REPORT_NAME_PLAIN);
	off_t size = finished ? 0 : file_cut(finish->raw, finish->input, torn);
	int error;

	if (size < 0)
		return (int)size;
	if (!size) {
		error = name_remove(finish->directory, &finish->name, REPORT_NAME_PART);
		return error ? error : REPORT_FINISH_NOTHING;
	}
	if (gzip)
		return packing_begin(finish);
	error = name_change(finish->directory, &finish->name, REPORT_NAME_PART, REPORT_NAME_PLAIN);
	return error ? error : REPORT_FINISH_DONE;
}

int report_finish_begin(struct report_finish *finish, int directory, const struct report_name *name, bool gzip,
			bool *torn)
{
	char text[REPORT_NAME_BYTES];
	int outcome;

	finish->directory = directory;
	finish->name = *name;
	report_name_text(name, REPORT_NAME_PART, text);
	finish->raw = openat(directory, text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (finish->raw < 0)
		return -errno;
	outcome = raw_begin(finish, gzip, torn);
	if (outcome != REPORT_FINISH_UNDER_WAY)
		files_close(finish);
	return outcome;
}

static int all_write(int fd, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t count = write(fd, bytes, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count ? -errno : -EIO;
		bytes += count;
		length -= (size_t)count;
	}
	return 0;
}

/* One chunk. Returns the bytes read, 0 when the compressed file is whole, or -errno. */
static ssize_t chunk_pack(struct report_finish *finish)
{
	z_stream *stream = &finish->stream;
	ssize_t count = read(finish->raw, finish->input, CHUNK_BYTES);
	int error;

	if (count < 0)
		return -errno;
	stream->next_in = finish->input;
	stream->avail_in = (unsigned)count;
	do {
		stream->next_out = finish->output;
		stream->avail_out = CHUNK_BYTES;
		deflate(stream, count ? Z_NO_FLUSH : Z_FINISH);
		error = all_write(finish->packed, finish->output, CHUNK_BYTES - stream->avail_out);
		if (error)
			return error;
	} while (!stream->avail_out);
	return count;
}

static int packed_publish(struct report_finish *finish)
{
	int error = fsync(finish->packed) ? -errno : 0;

	if (!error)
		error = name_change(finish->directory, &finish->name, REPORT_NAME_GZIP_PART, REPORT_NAME_GZIP);
	if (!error)
		error = name_remove(finish->directory, &finish->name, REPORT_NAME_PART);
	return error ? error : REPORT_FINISH_DONE;
}

int report_finish_step(struct report_finish *finish, uint64_t span_ns, uint64_t bytes)
{
	uint64_t until_ns = monotonic_ns() + span_ns;
	int outcome = REPORT_FINISH_UNDER_WAY;

	for (uint64_t packed = 0; outcome == REPORT_FINISH_UNDER_WAY;) {
		ssize_t count = chunk_pack(finish);

		packed += count > 0 ? (uint64_t)count : 0;
		if (count <= 0)
			outcome = count ? (int)count : packed_publish(finish);
		else if (packed >= bytes || monotonic_ns() >= until_ns)
			return outcome;
	}
	if (outcome < 0)
		report_finish_abort(finish);
	else
		files_close(finish);
	return outcome;
}
