/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_part.h: the hidden file that lines are being written to. It holds whole lines at all times, but for the
 * moment of a write that fails. It must not know when a file is full, nor what becomes of it.
 */
#ifndef LASTACK_STORE_REPORT_PART_H
#define LASTACK_STORE_REPORT_PART_H

#include <stddef.h>
#include <stdint.h>

#include "store/report_name.h"

struct report_part {
	int fd; /* -1: none is open */
	struct report_name name;
	uint64_t bytes, lines; /* whole ones */
};

/*
 * Creates a file in the directory under a name that no file of ours has or had. Returns 0 or -errno; on failure
 * `part` is as it was.
 */
int report_part_open(struct report_part *part, int directory);
/*
 * Appends whole lines. Returns 0, or -errno: then *taken bytes, the first lines and none of them in part, have been
 * written all the same.
 */
int report_part_append(struct report_part *part, const char *lines, size_t length, size_t *taken);
/*
 * Forces it to the disk and closes it. Returns 0, or -errno: -ENOENT where somebody removed the file and its lines
 * are gone.
 */
int report_part_close(struct report_part *part);

/* The number of line feeds. */
uint64_t report_lines_count(const char *lines, size_t length);

#endif
