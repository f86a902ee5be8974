/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_files.h: reports as JSON Lines in a directory, for whoever collects files. The file that is being written
 * has a name that begins with a dot; when it is full or old enough it is finished, compressed, and renamed, so that
 * what does not begin with a dot is complete and never changes again. Names are in report_name.h.
 *
 * What goes wrong with the disk never stops the monitor: lines wait in memory, up to a limit, and are then counted as
 * lost; writing is tried again by itself. What a run that died has left is finished by the next one. Where compressing
 * cannot keep up, files are finished as they are. Compressing at the end is limited in time: what it does not reach
 * lies there hidden and whole, for the next run to finish.
 */
#ifndef LASTACK_STORE_REPORT_FILES_H
#define LASTACK_STORE_REPORT_FILES_H

#include "store/store_writer.h"

struct report_files_config {
	const char *directory;
	const char *host;
	uint64_t max_bytes;  /* of a file, before compression; 0: no limit */
	uint64_t max_age_ns; /* of a file, from its first line; 0: no limit */
	uint32_t keep;       /* finished files; the oldest, by their names, are removed. 0: all */
	bool gzip;
	uint64_t slice_ns; /* of compressing at once; 0: as usual. Not reconfigured: for tests, which no time may matter
			      to */
};

struct report_files_status {
	bool failing;   /* cannot write now, tries again */
	char why[128];  /* "" where nothing is wrong */
	uint64_t lines; /* written */
	uint64_t lost;  /* lines that could not be written, and torn ones that a run which died has left */
	uint64_t files; /* finished */
	uint64_t bytes; /* written, before compression */
};

struct report_files;

/* Never fails for the sake of the disk. Returns 0 or -ENOMEM. Strings are copied. */
int report_files_create(struct report_files **files, const struct report_files_config *config);
struct store_sink report_files_sink(struct report_files *files);
/* Sizes, ages and counts may change while it runs; the directory does not. From any thread. */
void report_files_reconfigure(struct report_files *files, const struct report_files_config *config);
void report_files_status(struct report_files *files, struct report_files_status *status);
/* After the writer has stopped. NULL is allowed. */
void report_files_destroy(struct report_files *files);

#endif
