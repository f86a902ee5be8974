// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe_journal.c: see probe_journal.h.
 *
 *	lastack-probe-journal 1
 *	boot 1f0c...
 *	socket COOKIE NETNS KEEPALIVE IDLE INTERVAL COUNT KEEPALIVE IDLE INTERVAL COUNT
 *	end COUNT
 *
 * First the former settings, then those of the probing. A text without its last line is torn.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/probe_journal.h"

#define MAGIC "lastack-probe-journal 1\n"
/* Of one line at most, and so of the file. */
#define LINE_BYTES_MAX 160
#define FILE_BYTES_MAX ((size_t)PROBE_JOURNAL_ENTRIES_MAX * LINE_BYTES_MAX)

void probe_journal_entries_free(struct probe_journal_entries *entries)
{
	free(entries->all);
	*entries = (struct probe_journal_entries){0};
}

/* ---- the text of it ----------------------------------------------------------------------------------- */

static void settings_form(struct text *text, const struct probe_settings *settings)
{
	const uint32_t numbers[] = {settings->keepalive, settings->idle_s, settings->interval_s, settings->count};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		text_append_char(text, ' ');
		text_append_u64(text, numbers[i]);
	}
}

void probe_journal_form(struct text *text, const char *boot, const struct probe_journal_entry *all, size_t count)
{
	text_append_str(text, MAGIC "boot ");
	text_append_str(text, boot);
	text_append_char(text, '\n');
	for (size_t i = 0; i < count; i++) {
		text_append_str(text, "socket ");
		text_append_u64(text, all[i].cookie);
		text_append_char(text, ' ');
		text_append_u64(text, all[i].netns);
		settings_form(text, &all[i].former);
		settings_form(text, &all[i].probing);
		text_append_char(text, '\n');
	}
	text_append_str(text, "end ");
	text_append_u64(text, count);
	text_append_char(text, '\n');
}

/* What is left of the text. */
struct cursor {
	const char *at, *end;
};

static bool word_take(struct cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length))
		return false;
	cursor->at += length;
	return true;
}

/* Decimal digits, as they are written here: no sign, no leading zero. */
static bool number_take(struct cursor *cursor, uint64_t max, uint64_t *number)
{
	const char *start = cursor->at;
	uint64_t value = 0;

	while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
		uint64_t digit = (uint64_t)(*cursor->at++ - '0');

		if (value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	if (cursor->at == start || (*start == '0' && cursor->at - start > 1))
		return false;
	*number = value;
	return true;
}

static bool setting_take(struct cursor *cursor, uint32_t min, uint32_t max, uint32_t *setting)
{
	uint64_t number;

	if (!word_take(cursor, " ") || !number_take(cursor, max, &number) || number < min)
		return false;
	*setting = (uint32_t)number;
	return true;
}

static bool settings_take(struct cursor *cursor, struct probe_settings *settings)
{
	return setting_take(cursor, 0, 1, &settings->keepalive) &&
	       setting_take(cursor, 1, PROBE_SECONDS_MAX, &settings->idle_s) &&
	       setting_take(cursor, 1, PROBE_SECONDS_MAX, &settings->interval_s) &&
	       setting_take(cursor, 1, PROBE_COUNT_MAX, &settings->count);
}

static bool entry_take(struct cursor *cursor, struct probe_journal_entry *entry)
{
	uint64_t netns;

	if (!number_take(cursor, UINT64_MAX, &entry->cookie) || !entry->cookie || !word_take(cursor, " ") ||
	    !number_take(cursor, UINT32_MAX, &netns))
		return false;
	entry->netns = (uint32_t)netns;
	return settings_take(cursor, &entry->former) && settings_take(cursor, &entry->probing) &&
	       word_take(cursor, "\n");
}

/* Of a whole text, from behind the line of the boot on. */
static bool entries_take(struct cursor *cursor, struct probe_journal_entries *entries)
{
	uint64_t count;

	while (word_take(cursor, "socket "))
		if (!entry_take(cursor, &entries->all[entries->count++]))
			return false;
	return word_take(cursor, "end ") && number_take(cursor, PROBE_JOURNAL_ENTRIES_MAX, &count) &&
	       word_take(cursor, "\n") && cursor->at == cursor->end && count == entries->count;
}

static size_t lines_count(const struct cursor *cursor)
{
	size_t lines = 0;

	for (const char *at = cursor->at; at < cursor->end; at++)
		lines += *at == '\n';
	return lines;
}

/* Is its last line "end COUNT"? */
static bool is_whole(const struct cursor *cursor)
{
	const char *line = cursor->end - 1;

	if (cursor->at == cursor->end || *line != '\n')
		return false;
	while (line > cursor->at && line[-1] != '\n')
		line--;
	return cursor->end - line > 4 && !memcmp(line, "end ", 4);
}

int probe_journal_parse(const char *bytes, size_t length, const char *boot, struct probe_journal_entries *entries,
			const char **why)
{
	struct cursor cursor = {bytes, bytes + length};
	struct probe_journal_entries taken = {0};
	size_t beginning = length < strlen(MAGIC) ? length : strlen(MAGIC);

	if (length && memcmp(bytes, MAGIC, beginning)) {
		*why = "that is no probe journal of this version of lastack";
		return -EBADMSG;
	}
	if (!word_take(&cursor, MAGIC) || !is_whole(&cursor)) {
		*entries = taken;
		return 0;
	}
	*why = "a line of it is not as lastack writes it";
	if (!word_take(&cursor, "boot "))
		return -EBADMSG;
	if (!word_take(&cursor, boot) || !word_take(&cursor, "\n")) {
		*entries = taken;
		return 0;
	}
	taken.all = calloc(lines_count(&cursor) + 1, sizeof(*taken.all));
	if (!taken.all) {
		*why = "out of memory";
		return -ENOMEM;
	}
	if (!entries_take(&cursor, &taken)) {
		probe_journal_entries_free(&taken);
		return -EBADMSG;
	}
	*entries = taken;
	return 0;
}

/* ---- the file ----------------------------------------------------------------------------------------- */

static int boot_read(char boot[PROBE_BOOT_BYTES])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file)
		return -errno;
	if (!fgets(boot, PROBE_BOOT_BYTES, file))
		boot[0] = '\0';
	fclose(file);
	boot[strcspn(boot, "\n")] = '\0';
	return boot[0] ? 0 : -EIO;
}

/* Who else may write to the directory could have put something there for us to follow or to write over. */
static int file_check(int fd, const char **why)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (S_ISREG(status.st_mode) && status.st_uid == geteuid() && status.st_nlink <= 1 &&
	    !(status.st_mode & (S_IWGRP | S_IWOTH)))
		return status.st_nlink ? 0 : -ESTALE; /* removed by who had it before */
	*why = "not a file of one's own that nobody else may write to";
	return -EPERM;
}

static int file_take(int directory, const char **why)
{
	int fd = openat(directory, PROBE_JOURNAL_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	int status;

	if (fd < 0)
		return -errno;
	status = flock(fd, LOCK_EX | LOCK_NB) ? -errno : file_check(fd, why);
	if (!status)
		return fd;
	close(fd);
	if (status != -EWOULDBLOCK)
		return status;
	*why = "another lastack probe is at work";
	return -EBUSY;
}

int probe_journal_open(struct probe_journal *journal, const char *directory, const char **why)
{
	struct probe_journal opened = {-1, -1, ""};
	int status = boot_read(opened.boot);

	*why = NULL;
	if (status)
		return status;
	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	opened.directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened.directory < 0)
		return -errno;
	do
		opened.fd = file_take(opened.directory, why);
	while (opened.fd == -ESTALE);
	if (opened.fd < 0) {
		close(opened.directory);
		return opened.fd;
	}
	*journal = opened;
	return 0;
}

int probe_journal_read(const struct probe_journal *journal, struct probe_journal_entries *entries, const char **why)
{
	struct stat file;
	char *bytes;
	ssize_t got;
	int status;

	*why = NULL;
	if (fstat(journal->fd, &file))
		return -errno;
	if ((size_t)file.st_size > FILE_BYTES_MAX) {
		*why = "too large for a probe journal";
		return -EBADMSG;
	}
	bytes = malloc((size_t)file.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	got = pread(journal->fd, bytes, (size_t)file.st_size, 0);
	status = got < 0 ? -errno : probe_journal_parse(bytes, (size_t)got, journal->boot, entries, why);
	free(bytes);
	return status;
}

static int write_whole(int fd, const char *bytes, size_t length)
{
	for (size_t written = 0; written < length;) {
		ssize_t step = pwrite(fd, bytes + written, length - written, (off_t)written);

		if (step < 0 && errno != EINTR)
			return -errno;
		written += step > 0 ? (size_t)step : 0;
	}
	return 0;
}

/* Nothing is to be put back while it is written: a torn text says as much. */
int probe_journal_write(const struct probe_journal *journal, const struct probe_journal_entry *all, size_t count)
{
	struct text text = {0};
	int status = 0;

	probe_journal_form(&text, journal->boot, all, count);
	if (text.failed)
		status = -ENOMEM;
	if (!status && ftruncate(journal->fd, 0))
		status = -errno;
	if (!status)
		status = write_whole(journal->fd, text.data, text.length);
	if (!status && (fsync(journal->fd) || fsync(journal->directory)))
		status = -errno;
	text_free(&text);
	return status;
}

int probe_journal_clear(const struct probe_journal *journal)
{
	return ftruncate(journal->fd, 0) ? -errno : 0;
}

void probe_journal_close(struct probe_journal *journal)
{
	struct stat file;

	if (journal->fd >= 0) {
		if (!fstat(journal->fd, &file) && !file.st_size)
			unlinkat(journal->directory, PROBE_JOURNAL_NAME, 0);
		close(journal->fd);
		close(journal->directory);
	}
	journal->fd = journal->directory = -1;
}
