/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_finish.h: makes a finished file of a hidden one that nobody writes to any more, be it of this run or of one
 * that died: cuts a torn last line off, compresses in slices, forces it to the disk, and only then gives it the name
 * under which others find it. What fails or is given up leaves the hidden file whole, to be tried again.
 */
#ifndef LASTACK_STORE_REPORT_FINISH_H
#define LASTACK_STORE_REPORT_FINISH_H

#include <stdint.h>

#include "store/report_name.h"

enum report_finish_outcome {
	REPORT_FINISH_UNDER_WAY, /* there is more to compress: report_finish_step() */
	REPORT_FINISH_DONE,
	REPORT_FINISH_NOTHING, /* it held no line, or had been finished already: it is removed */
};

struct report_finish;

struct report_finish *report_finish_create(void); /* NULL without memory */
/* NULL is allowed. */
void report_finish_destroy(struct report_finish *finish);

/*
 * Begins with a hidden file of the directory; *torn is set where a line had to be cut off. Returns enum
 * report_finish_outcome or -errno.
 */
int report_finish_begin(struct report_finish *finish, int directory, const struct report_name *name, bool gzip,
			bool *torn);
/* Goes on for about `span_ns`, or until that many bytes more are compressed. Returns as above. */
int report_finish_step(struct report_finish *finish, uint64_t span_ns, uint64_t bytes);
/* Is something under way? */
bool report_finish_busy(const struct report_finish *finish);
/* Gives up what is under way. */
void report_finish_abort(struct report_finish *finish);

#endif
