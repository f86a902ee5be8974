/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_files_fixture.h: a directory for report files, what went in, and what can be seen there. After every call of
 * the sink everything visible is looked at: it must be whole, and never change again.
 */
#ifndef LASTACK_TESTS_REPORT_FILES_FIXTURE_H
#define LASTACK_TESTS_REPORT_FILES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/tcp_machine.h"
#include "report/report_writer.h"
#include "sample_report.h"
#include "serve/log.h"
#include "store/report_files.h"
#include "store/report_name.h"

#define FILES_MAX  64
#define SECOND_NS  1000000000ULL
#define START_NS   (1000 * SECOND_NS)
#define CGROUP     "/system.slice/nginx.service"
#define LEFT_STAMP "20200101T000000Z" /* of what an earlier run has left */

struct seen_file {
	char name[REPORT_NAME_BYTES];
	ino_t inode;
	size_t length;
	uLong crc;
};

struct fixture {
	char root[64], path[80]; /* `path` lies in `root`, and is made by the sink */
	struct report_files_config config;
	struct report_files *files;
	struct store_sink sink;
	uint64_t now_ns;
	struct text expected; /* all lines that went in */
	struct seen_file seen[FILES_MAX];
	size_t seen_count;
};

static inline void fixture_open(struct fixture *fixture)
{
	assert_int_equal(report_files_create(&fixture->files, &fixture->config), 0);
	fixture->sink = report_files_sink(fixture->files);
}

static inline int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	strcpy(fixture->root, "/tmp/lastack-report-files-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	assert_int_equal(chmod(fixture->root, 0755), 0); /* for tests that give up root */
	snprintf(fixture->path, sizeof(fixture->path), "%s/reports", fixture->root);
	fixture->config =
		(struct report_files_config){.directory = fixture->path, .host = "web1", .slice_ns = 3600 * SECOND_NS};
	fixture->now_ns = START_NS;
	log_start(LOG_LEVEL_ERROR); /* trouble is what these tests are about */
	*state = fixture;
	return 0;
}

static inline int fixture_remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	report_files_destroy(fixture->files);
	text_free(&fixture->expected);
	/* What a test has put there, and, where it failed, has not given back. */
	if (!getuid() && !seteuid(0))
		umount2(fixture->path, MNT_DETACH);
	nftw(fixture->root, fixture_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

/* ---- the directory ------------------------------------------------------------------------------ */

static inline const char *fixture_path(const struct fixture *fixture, const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	return path;
}

static inline bool fixture_has(const struct fixture *fixture, const char *name)
{
	struct stat status;

	return !lstat(fixture_path(fixture, name), &status);
}

static inline void fixture_write(const struct fixture *fixture, const char *name, const char *content, size_t length)
{
	FILE *file;

	mkdir(fixture->path, 0750);
	file = fopen(fixture_path(fixture, name), "we");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_int_equal(fclose(file), 0);
}

/* Appends what a file holds; zlib reads what is not compressed as it is. Fails where a compressed file is not whole. */
static inline void fixture_read(const struct fixture *fixture, const char *name, struct text *text)
{
	gzFile file = gzopen(fixture_path(fixture, name), "rbe");
	char chunk[65536];
	int count, error;

	assert_non_null(file);
	while ((count = gzread(file, chunk, sizeof(chunk))) > 0)
		text_append(text, chunk, (size_t)count);
	gzerror(file, &error);
	if (count < 0 || error != Z_OK)
		fail_msg("%s is not whole", name);
	assert_int_equal(gzclose(file), Z_OK);
}

/* Counts the entries, hidden or not. */
static inline unsigned fixture_count(const struct fixture *fixture, bool hidden)
{
	DIR *stream = opendir(fixture->path);
	struct dirent *entry;
	unsigned count = 0;

	while (stream && (entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count += (entry->d_name[0] == '.') == hidden;
	if (stream)
		closedir(stream);
	return count;
}

/* ---- what is visible ---------------------------------------------------------------------------- */

static inline bool is_finished(const char *text, struct report_name *name)
{
	return report_name_read(text, REPORT_NAME_PLAIN, name) || report_name_read(text, REPORT_NAME_GZIP, name);
}

/* Whole, and the same as ever. */
static inline void visible_check(struct fixture *fixture, const char *name)
{
	struct seen_file file = {0};
	struct text text = {0};
	struct stat status;
	size_t i = 0;

	assert_int_equal(lstat(fixture_path(fixture, name), &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0600);
	fixture_read(fixture, name, &text);
	assert_true(text.length > 0);
	if (text.data[text.length - 1] != '\n')
		fail_msg("%s does not end with a whole line", name);
	snprintf(file.name, sizeof(file.name), "%s", name);
	file.inode = status.st_ino;
	file.length = text.length;
	file.crc = crc32(0, (const Bytef *)text.data, (uInt)text.length);
	text_free(&text);
	while (i < fixture->seen_count && strcmp(fixture->seen[i].name, name) != 0)
		i++;
	if (i == fixture->seen_count) {
		assert_true(i < FILES_MAX);
		fixture->seen[fixture->seen_count++] = file;
	}
	assert_int_equal(fixture->seen[i].inode, file.inode);
	assert_int_equal(fixture->seen[i].length, file.length);
	assert_int_equal(fixture->seen[i].crc, file.crc);
}

/* Every visible file; returns how many there are. */
static inline unsigned visible_check_all(struct fixture *fixture)
{
	DIR *stream = opendir(fixture->path);
	struct report_name name;
	struct dirent *entry;
	unsigned count = 0;

	while (stream && (entry = readdir(stream)))
		if (is_finished(entry->d_name, &name)) {
			visible_check(fixture, entry->d_name);
			count++;
		}
	if (stream)
		closedir(stream);
	return count;
}

static inline int finished_only(const struct dirent *entry)
{
	struct report_name name;

	return is_finished(entry->d_name, &name);
}

static inline int by_report_name(const struct dirent **left, const struct dirent **right)
{
	struct report_name one, other;

	is_finished((*left)->d_name, &one);
	is_finished((*right)->d_name, &other);
	return report_name_compare(&one, &other);
}

/* Appends all visible files in the order of their names; `lengths` of each, if given. Returns how many. */
static inline unsigned visible_read(const struct fixture *fixture, struct text *text, size_t lengths[FILES_MAX])
{
	struct dirent **entries;
	int count = scandir(fixture->path, &entries, finished_only, by_report_name);

	assert_in_range(count, 0, FILES_MAX - 1);
	for (int i = 0; i < count; i++) {
		size_t begin = text->length;

		fixture_read(fixture, entries[i]->d_name, text);
		if (lengths)
			lengths[i] = text->length - begin;
		free(entries[i]);
	}
	free(entries);
	return (unsigned)count;
}

static inline void visible_is_expected(const struct fixture *fixture)
{
	struct text text = {0};

	visible_read(fixture, &text, NULL);
	assert_int_equal(text.length, fixture->expected.length);
	if (text.length)
		assert_memory_equal(text.data, fixture->expected.data, text.length);
	text_free(&text);
}

/* ---- the sink ----------------------------------------------------------------------------------- */

static inline struct store_item fixture_item(uint64_t cookie)
{
	struct store_item item = {
		.report = sample_report_full(),
		.wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS,
		.cgroup = CGROUP,
	};

	item.report.cookie = cookie;
	return item;
}

static inline const char *fixture_cgroup(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	return CGROUP;
}

/* The line that the item is to become. */
static inline void item_append(struct text *text, const struct store_item *item)
{
	struct report_context context = {
		.host = "web1",
		.wall_minus_monotonic_ns = item->wall_minus_monotonic_ns,
		.cgroup_path = fixture_cgroup,
	};
	struct report_writer *writer = report_writer_create(REPORT_JSON, &context, 0);

	assert_int_equal(report_writer_report(writer, text, &item->report), 0);
	report_writer_destroy(writer);
}

/* `count` reports in one batch, all lines of the same length, which is returned. */
static inline size_t fixture_take(struct fixture *fixture, size_t count)
{
	struct store_item *items = calloc(count, sizeof(*items));
	size_t begin = fixture->expected.length;

	for (size_t i = 0; i < count; i++) {
		items[i] = fixture_item(1000000 + begin + i);
		item_append(&fixture->expected, &items[i]);
	}
	fixture->sink.take(fixture->sink.arg, items, count);
	free(items);
	visible_check_all(fixture);
	return (fixture->expected.length - begin) / count;
}

/* One step, so much later. */
static inline void fixture_step(struct fixture *fixture, uint64_t later_ns)
{
	fixture->now_ns += later_ns;
	fixture->sink.step(fixture->sink.arg, fixture->now_ns);
	visible_check_all(fixture);
}

static inline void fixture_steps(struct fixture *fixture, unsigned count)
{
	while (count--)
		fixture_step(fixture, SECOND_NS / 10);
}

static inline void fixture_finish(struct fixture *fixture)
{
	fixture->sink.finish(fixture->sink.arg);
	visible_check_all(fixture);
}

static inline struct report_files_status fixture_status(const struct fixture *fixture)
{
	struct report_files_status status;

	report_files_status(fixture->files, &status);
	return status;
}

/* What a kill leaves: no finish(). */
static inline void fixture_crash(struct fixture *fixture)
{
	report_files_destroy(fixture->files);
	fixture->files = NULL;
}

#endif
