// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_probe_journal.c: the journal of changed settings: written and read again, torn at every byte, of another boot,
 * foreign, hostile, and in the hands of another process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random_numbers.h"
#include "store/probe_journal.h"

#define BOOT "0a1b2c3d-0000-4000-8000-112233445566"

static const struct probe_journal_entry two[] = {
	{.cookie = 18446744073709551615ULL, .netns = 4026531840, .former = {0, 7200, 75, 9}, .probing = {1, 1, 1, 127}},
	{.cookie = 1, .netns = 1, .former = {1, 32767, 32767, 127}, .probing = {1, 1, 60, 3}},
};

static void entries_equal(const struct probe_journal_entries *entries)
{
	assert_int_equal(entries->count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(entries->all[i].cookie == two[i].cookie && entries->all[i].netns == two[i].netns);
		assert_memory_equal(&entries->all[i].former, &two[i].former, sizeof(two[i].former));
		assert_memory_equal(&entries->all[i].probing, &two[i].probing, sizeof(two[i].probing));
	}
}

static int parse(const char *bytes, size_t length, struct probe_journal_entries *entries)
{
	const char *why = NULL;
	int status = probe_journal_parse(bytes, length, BOOT, entries, &why);

	assert_true(status != -EBADMSG || why);
	return status;
}

static void written_and_read(void **state)
{
	struct probe_journal_entries entries = {0};
	struct text text = {0};

	(void)state;
	probe_journal_form(&text, BOOT, two, 2);
	assert_int_equal(parse(text.data, text.length, &entries), 0);
	entries_equal(&entries);
	probe_journal_entries_free(&entries);
	text_clear(&text);
	probe_journal_form(&text, BOOT, two, 0);
	assert_int_equal(parse(text.data, text.length, &entries), 0);
	assert_int_equal(entries.count, 0);
	probe_journal_entries_free(&entries);
	text_free(&text);
}

/* It was on the disk whole before anything was changed: what is torn has nothing to put back. */
static void torn_has_nothing(void **state)
{
	struct probe_journal_entries entries = {0};
	struct text text = {0};

	(void)state;
	probe_journal_form(&text, BOOT, two, 2);
	for (size_t length = 0; length < text.length; length++) {
		assert_int_equal(parse(text.data, length, &entries), 0);
		assert_int_equal(entries.count, 0);
		assert_null(entries.all);
	}
	text_free(&text);
}

static void other_boots_have_nothing(void **state)
{
	struct probe_journal_entries entries = {0};
	struct text text = {0};

	(void)state;
	probe_journal_form(&text, "0a1b2c3d-0000-4000-8000-112233445567", two, 2);
	assert_int_equal(parse(text.data, text.length, &entries), 0);
	assert_int_equal(entries.count, 0);
	text_free(&text);
}

#define HEAD "lastack-probe-journal 1\nboot " BOOT "\n"

static void foreign_and_hostile_are_refused(void **state)
{
	static const char *const texts[] = {
		"#!/bin/sh\n",
		"lastack-probe-journal 2\nboot " BOOT "\nend 0\n",
		"lastack-probe-journal 1\nsocket 1 1 0 1 1 1 1 1 1 1\nend 1\n",
		HEAD "end 1\n",
		HEAD "end 0\nend 0\n",
		HEAD "socket 1 1 0 1 1 1 1 1 1 1\nend 2\n",
		HEAD "socket 0 1 0 1 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 4294967296 0 1 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 18446744073709551616 1 0 1 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 2 1 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 0 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 1 32768 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 1 1 128 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 1 1 1 1 1 1 0\nend 1\n",
		HEAD "socket 1 1 0 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 1 1 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 -1 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 01 1 1 1 1 1 1\nend 1\n",
		HEAD "socket 1 1 0 1 1 1 1 1 1 1\nsomething\nend 1\n",
	};
	struct probe_journal_entries entries = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (parse(texts[i], strlen(texts[i]), &entries) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
		assert_null(entries.all);
	}
	assert_int_equal(parse(HEAD "socket 1 1 0 1 1 1 1 1 1 1\nend 1\n",
			       strlen(HEAD "socket 1 1 0 1 1 1 1 1 1 1\nend 1\n"), &entries),
			 0);
	assert_int_equal(entries.count, 1);
	probe_journal_entries_free(&entries);
}

/* Whatever is taken out of altered bytes, its settings are such as a socket can be given. */
static void altered_bytes(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	struct probe_journal_entries entries = {0};
	struct text text = {0};

	(void)state;
	probe_journal_form(&text, BOOT, two, 2);
	for (int round = 0; round < 20000; round++) {
		size_t at = random_below(&random, (uint32_t)text.length);
		char before = text.data[at];

		text.data[at] = (char)random_below(&random, 256);
		if (!parse(text.data, text.length, &entries)) {
			for (size_t i = 0; i < entries.count; i++)
				assert_in_range(entries.all[i].former.count, 1, PROBE_COUNT_MAX);
			probe_journal_entries_free(&entries);
		}
		text.data[at] = before;
	}
	text_free(&text);
}

/* ---- the file ----------------------------------------------------------------------------------------- */

static char directory[64], path[96];

static int directory_make(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/lastack-journal-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/" PROBE_JOURNAL_NAME, directory);
	return 0;
}

static int directory_remove(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void file_lives_until_it_is_cleared(void **state)
{
	struct probe_journal_entries entries = {0};
	struct probe_journal journal;
	struct stat file;
	const char *why;

	(void)state;
	rmdir(directory); /* it makes it */
	assert_int_equal(probe_journal_open(&journal, directory, &why), 0);
	assert_int_equal(probe_journal_write(&journal, two, 2), 0);
	assert_int_equal(probe_journal_write(&journal, two, 1), 0); /* in place of it, not behind it */
	assert_int_equal(probe_journal_write(&journal, two, 2), 0);
	probe_journal_close(&journal);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(probe_journal_open(&journal, directory, &why), 0);
	assert_int_equal(probe_journal_read(&journal, &entries, &why), 0);
	entries_equal(&entries);
	probe_journal_entries_free(&entries);
	assert_int_equal(probe_journal_clear(&journal), 0);
	probe_journal_close(&journal);
	assert_int_equal(stat(path, &file), -1);
}

static void one_process_has_it(void **state)
{
	struct probe_journal journal, other;
	const char *why;

	(void)state;
	assert_int_equal(probe_journal_open(&journal, directory, &why), 0);
	assert_int_equal(probe_journal_open(&other, directory, &why), -EBUSY);
	assert_non_null(why);
	probe_journal_close(&journal);
	assert_int_equal(probe_journal_open(&other, directory, &why), 0);
	probe_journal_close(&other);
}

static void planted_files_are_not_followed(void **state)
{
	struct probe_journal journal;
	const char *why;
	char victim[96];

	(void)state;
	snprintf(victim, sizeof(victim), "%s/victim", directory);
	close(open(victim, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(probe_journal_open(&journal, directory, &why), -ELOOP);
	unlink(path);
	assert_int_equal(link(victim, path), 0);
	assert_int_equal(probe_journal_open(&journal, directory, &why), -EPERM);
	unlink(path);
	unlink(victim);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(probe_journal_open(&journal, directory, &why), -EPERM);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	chmod(path, 0620);
	assert_int_equal(probe_journal_open(&journal, directory, &why), -EPERM);
	chmod(path, 0600);
	assert_int_equal(probe_journal_open(&journal, directory, &why), 0);
	probe_journal_close(&journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(torn_has_nothing),
		cmocka_unit_test(other_boots_have_nothing),
		cmocka_unit_test(foreign_and_hostile_are_refused),
		cmocka_unit_test(altered_bytes),
		cmocka_unit_test_setup_teardown(file_lives_until_it_is_cleared, directory_make, directory_remove),
		cmocka_unit_test_setup_teardown(one_process_has_it, directory_make, directory_remove),
		cmocka_unit_test_setup_teardown(planted_files_are_not_followed, directory_make, directory_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
