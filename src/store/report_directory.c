// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_directory.c: see report_directory.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/report_directory.h"

/* Finished files, to be put in order. */
struct finished {
	struct report_name name;
	enum report_name_kind kind;
};

struct finished_list {
	struct finished *files;
	size_t count, room;
};

struct next_search {
	int directory;
	const struct report_name *after, *except;
	struct report_name first;
	int count;
};

int report_directory_open(const char *path)
{
	int error, fd;

	if (mkdir(path, 0750) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Two writers would take each other's hidden files for those of a run that died. */
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	error = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return error;
}

/* Calls `visit` for each entry until it fails. Returns 0 or -errno. */
static int entries_visit(int directory, int (*visit)(void *arg, const char *text), void *arg)
{
	int error = 0, fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *stream;

	if (fd < 0)
		return -errno;
	stream = fdopendir(fd);
	if (!stream) {
		error = -errno;
		close(fd);
		return error;
	}
	while (!error && (errno = 0, entry = readdir(stream)))
		error = visit(arg, entry->d_name);
	if (!error)
		error = -errno;
	closedir(stream);
	return error;
}

static int clean_visit(void *arg, const char *text)
{
	const int *directory = arg;
	struct report_name name;

	if (report_name_read(text, REPORT_NAME_GZIP_PART, &name) && unlinkat(*directory, text, 0) && errno != ENOENT)
		return -errno;
	return 0;
}

int report_directory_clean(int directory)
{
	return entries_visit(directory, clean_visit, &directory);
}

static int next_visit(void *arg, const char *text)
{
	struct next_search *search = arg;
	struct report_name name;
	struct stat status;

	if (!report_name_read(text, REPORT_NAME_PART, &name) || report_name_compare(&name, search->after) <= 0 ||
	    (search->except && !report_name_compare(&name, search->except)))
		return 0;
	/* Whatever else bears such a name was not made by us. */
	if (fstatat(search->directory, text, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode))
		return 0;
	if (!search->count++ || report_name_compare(&name, &search->first) < 0)
		search->first = name;
	return 0;
}

int report_directory_next(int directory, const struct report_name *after, const struct report_name *except,
			  struct report_name *next)
{
	struct next_search search = {.directory = directory, .after = after, .except = except};
	int error = entries_visit(directory, next_visit, &search);

	if (error)
		return error;
	*next = search.first;
	return search.count;
}

static int finished_visit(void *arg, const char *text)
{
	struct finished_list *list = arg;
	struct finished file = {.kind = REPORT_NAME_GZIP};

	if (!report_name_read(text, REPORT_NAME_GZIP, &file.name)) {
		file.kind = REPORT_NAME_PLAIN;
		if (!report_name_read(text, REPORT_NAME_PLAIN, &file.name))
			return 0;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct finished *files = reallocarray(list->files, room, sizeof(*files));

		if (!files)
			return -ENOMEM;
		list->files = files;
		list->room = room;
	}
	list->files[list->count++] = file;
	return 0;
}

static int by_name(const void *left, const void *right)
{
	return report_name_compare(&((const struct finished *)left)->name, &((const struct finished *)right)->name);
}

int report_directory_prune(int directory, uint32_t keep)
{
	struct finished_list list = {0};
	int error = entries_visit(directory, finished_visit, &list);

	if (list.count)
		qsort(list.files, list.count, sizeof(*list.files), by_name);
	for (size_t i = 0; !error && i + keep < list.count; i++) {
		char text[REPORT_NAME_BYTES];

		report_name_text(&list.files[i].name, list.files[i].kind, text);
		if (unlinkat(directory, text, 0) && errno != ENOENT)
			error = -errno;
	}
	free(list.files);
	return error;
}
