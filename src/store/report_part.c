// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_part.c: see report_part.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/report_part.h"

#define NAMES_MAX 100000 /* tried for one second */

static bool name_exists(int directory, const struct report_name *name, enum report_name_kind kind)
{
	char text[REPORT_NAME_BYTES];
	struct stat status;

	report_name_text(name, kind, text);
	return !fstatat(directory, text, &status, AT_SYMLINK_NOFOLLOW);
}

int report_part_open(struct report_part *part, int directory)
{
	struct report_name name = {.number = 1};
	char text[REPORT_NAME_BYTES];

	report_name_stamp(time(NULL), name.stamp);
	/* Finished files are carried away: a name that was used is not used again, though it looks free. */
	if (!strcmp(name.stamp, part->name.stamp))
		name.number = part->name.number + 1;
	for (; name.number < NAMES_MAX; name.number++) {
		int fd;

		if (name_exists(directory, &name, REPORT_NAME_PLAIN) || name_exists(directory, &name, REPORT_NAME_GZIP))
			continue;
		report_name_text(&name, REPORT_NAME_PART, text);
		fd = openat(directory, text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		*part = (struct report_part){.fd = fd, .name = name};
		return 0;
	}
	return -EEXIST;
}

/* To its whole lines. Whoever finishes the file cuts a torn line off too: of a failure nobody needs to be told. */
static void part_cut(const struct report_part *part)
{
	if (ftruncate(part->fd, (off_t)part->bytes))
		return;
}

int report_part_append(struct report_part *part, const char *lines, size_t length, size_t *taken)
{
	size_t written = 0;
	int error = 0;

	while (written < length) {
		/* At a place of our own reckoning: should a torn line not be cut off below, it is written over. */
		ssize_t count = pwrite(part->fd, lines + written, length - written, (off_t)(part->bytes + written));

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0) {
			error = count ? -errno : -EIO;
			break;
		}
		written += (size_t)count;
	}
	*taken = written;
	if (error) {
		const char *last = memrchr(lines, '\n', written);

		*taken = last ? (size_t)(last - lines) + 1 : 0;
	}
	part->bytes += *taken;
	part->lines += report_lines_count(lines, *taken);
	if (error)
		part_cut(part);
	return error;
}

int report_part_close(struct report_part *part)
{
	struct stat status;
	int error = 0;

	if (fsync(part->fd))
		error = -errno;
	else if (!fstat(part->fd, &status) && !status.st_nlink)
		error = -ENOENT;
	close(part->fd);
	part->fd = -1;
	return error;
}

uint64_t report_lines_count(const char *lines, size_t length)
{
	const char *end = lines + length;
	uint64_t count = 0;

	for (; lines < end && (lines = memchr(lines, '\n', (size_t)(end - lines))); lines++)
		count++;
	return count;
}
