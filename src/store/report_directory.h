/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_directory.h: the directory of report files as a whole: taking it into use, what waits in it to be finished,
 * and which finished files are too old to be kept. It looks at names only, and leaves alone what has none of ours.
 */
#ifndef LASTACK_STORE_REPORT_DIRECTORY_H
#define LASTACK_STORE_REPORT_DIRECTORY_H

#include <stdint.h>

#include "store/report_name.h"

/*
 * Makes the directory where it is missing (mode 0750), and takes it for this process. Returns a descriptor or -errno:
 * -EBUSY where another process has taken it.
 */
int report_directory_open(const char *path);
/* Removes what was compressed in part by a run that died. Returns 0 or -errno. */
int report_directory_clean(int directory);
/*
 * The first hidden file that comes after `after` and is not `except`. Returns how many of them there are from it on,
 * or -errno.
 */
int report_directory_next(int directory, const struct report_name *after, const struct report_name *except,
			  struct report_name *next);
/* Removes all but the newest `keep` finished files, by the time in their names. Returns 0 or -errno. */
int report_directory_prune(int directory, uint32_t keep);

#endif
