/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_journal.h: the file that remembers what the keepalive settings of probed sockets were, so that they can be put
 * back by a later run if this one dies. It is written, and on the disk, before the first setting is changed.
 *
 * Its input when read is whatever lies there: nothing in it is believed before it is checked. How settings are put back
 * it must not know.
 */
#ifndef LASTACK_STORE_PROBE_JOURNAL_H
#define LASTACK_STORE_PROBE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe.h"
#include "report/text.h"

#define PROBE_JOURNAL_NAME        "probe-journal"
#define PROBE_JOURNAL_ENTRIES_MAX 100000
#define PROBE_BOOT_BYTES          64 /* of a boot id, with its NUL */

struct probe_journal_entry {
	uint64_t cookie;
	uint32_t netns;
	struct probe_settings former, probing;
};

struct probe_journal_entries {
	struct probe_journal_entry *all;
	size_t count;
};

void probe_journal_entries_free(struct probe_journal_entries *entries);

/* ---- the text of it */

void probe_journal_form(struct text *text, const char *boot, const struct probe_journal_entry *all, size_t count);
/*
 * Returns 0; then *entries, to be freed, has none where the text is torn (its writing did not come to its end, so
 * nothing had been changed) or of another boot (there are no such sockets any more). -EBADMSG with the reason in *why
 * where it is none of ours, or -ENOMEM.
 */
int probe_journal_parse(const char *bytes, size_t length, const char *boot, struct probe_journal_entries *entries,
			const char **why);

/* ---- the file */

struct probe_journal {
	int directory, fd; /* -1: closed */
	char boot[PROBE_BOOT_BYTES];
};

/*
 * Takes the journal of that directory (made if it is missing, for its owner alone) for this process. Returns 0, or
 * -errno with the reason in *why: -EBUSY where another process has it.
 */
int probe_journal_open(struct probe_journal *journal, const char *directory, const char **why);
/* As probe_journal_parse(); also where the file is too large. */
int probe_journal_read(const struct probe_journal *journal, struct probe_journal_entries *entries, const char **why);
/* In place of what was there. When it returns 0 it is on the disk; else -errno. */
int probe_journal_write(const struct probe_journal *journal, const struct probe_journal_entry *all, size_t count);
/* There is nothing to be put back. Returns 0 or -errno. */
int probe_journal_clear(const struct probe_journal *journal);
/* Removes the file where it is empty. */
void probe_journal_close(struct probe_journal *journal);

#endif
