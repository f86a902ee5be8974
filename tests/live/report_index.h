/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_index.h: the reports that lastack has written so far, found by what a test knows of a
 * connection: its namespace, its ports and, where one pair of ports was used twice, its cookie.
 *
 * lastack writes to a file that all tests read, each from where it stood when the test began.
 */
#ifndef LIVE_REPORT_INDEX_H
#define LIVE_REPORT_INDEX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct report_key {
	uint32_t netns;
	const char *family;               /* "ipv4" or "ipv6" */
	uint16_t local_port, remote_port; /* local 0: any */
	long cookie;                      /* 0: any */
	unsigned life;                    /* of these ports, the first, second... to begin; 0: any */
};

struct report_index {
	int fd;
	off_t at; /* the first byte that was not read yet */
	json_t **reports;
	size_t count, room;
	size_t malformed;       /* lines that are no JSON, or lack something that every report has */
	char *malformed_line;   /* the first of them */
	uint32_t only_netns[2]; /* what to keep; both 0: everything */
};

/* Starts at the present end of the file, or at its beginning. */
void report_index_open(struct report_index *index, int fd, bool from_start);
void report_index_close(struct report_index *index);

/* Takes in the lines that are complete by now. */
void report_index_refresh(struct report_index *index);

/*
 * The report with the highest revision for a key, or NULL. *distinct is more than one when reports of
 * several connections match (different cookies), or one revision of a report came twice.
 */
json_t *report_index_find(const struct report_index *index, const struct report_key *key, size_t *distinct);

#endif
