// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_files.c: the sink: lines into the hidden file, when that is full or old enough, and when to try again; see
 * report_files.h. How a file is written stands in report_part.c, how it is finished in report_finish.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/report_writer.h"
#include "serve/log.h"
#include "store/report_directory.h"
#include "store/report_files.h"
#include "store/report_finish.h"
#include "store/report_part.h"

#define NS_PER_S         1000000000ULL
#define WRITE_BYTES      (256 << 10) /* lines that gather within a batch before they are written */
#define PENDING_BYTES    (1 << 20)   /* lines that wait in memory while they cannot be written */
#define RETRY_FIRST_NS   NS_PER_S
#define RETRY_LAST_NS    (60 * NS_PER_S)
#define SLICE_NS_USUAL   20000000
#define SLICE_BYTES      (1 << 20)
#define SLICES_AT_END    50 /* one second of compressing, and no more */
#define UNPACKED_WAITING 8  /* with more than these waiting, the next is finished without being compressed */

/* What may change while it runs. */
struct limits {
	uint64_t max_bytes, max_age_ns;
	uint32_t keep;
	bool gzip;
};

/* Something that cannot be done now. */
struct trouble {
	int error; /* 0: none */
	char why[128];
	uint64_t retry_ns, delay_ns;
};

struct report_files {
	pthread_mutex_t mutex; /* for these two */
	struct limits limits_set;
	struct report_files_status status;

	/* All below: on the writer's thread only. */
	char *path, *host;
	struct report_context context;
	const char *cgroup; /* of the report that is being told */
	struct report_writer *writer;
	struct text pending; /* whole lines */
	struct limits limits;
	int directory; /* -1: not open */
	struct report_part part;
	uint64_t part_begin_ns; /* 0: not known yet */
	struct report_finish *finish;
	bool pass_due, passing; /* through the hidden files */
	struct report_name passed;
	int pass_error; /* the first of this pass */
	struct trouble writing, finishing;
	uint64_t now_ns, slice_ns;
	struct report_files_status own;
};

/* ---- trouble ------------------------------------------------------------------------------------ */

static void trouble_set(struct report_files *files, struct trouble *trouble, const char *what, int error)
{
	uint64_t delay_ns = trouble->error ? 2 * trouble->delay_ns : RETRY_FIRST_NS;

	if (trouble->error != error) {
		snprintf(trouble->why, sizeof(trouble->why), "%s: %s",
			 error == -EBUSY ? "another process writes there" : strerror(-error), files->path);
		log_warning("report files: cannot %s: %s; trying again", what, trouble->why);
	}
	trouble->error = error;
	trouble->delay_ns = delay_ns < RETRY_LAST_NS ? delay_ns : RETRY_LAST_NS;
	trouble->retry_ns = files->now_ns + trouble->delay_ns;
}

static void trouble_clear(struct report_files *files, struct trouble *trouble)
{
	if (trouble->error)
		log_info("report files: %s: works again; %llu lines lost since the start", files->path,
			 (unsigned long long)files->own.lost);
	*trouble = (struct trouble){0};
}

static void publish(struct report_files *files)
{
	const struct trouble *trouble = files->writing.error ? &files->writing : &files->finishing;

	files->own.failing = trouble->error;
	memcpy(files->own.why, trouble->why, sizeof(files->own.why));
	pthread_mutex_lock(&files->mutex);
	files->status = files->own;
	files->limits = files->limits_set;
	pthread_mutex_unlock(&files->mutex);
}

/* ---- writing ------------------------------------------------------------------------------------ */

static int directory_ready(struct report_files *files)
{
	int directory;

	if (files->directory >= 0)
		return 0;
	directory = report_directory_open(files->path);
	if (directory < 0)
		return directory;
	files->directory = directory;
	files->pass_due = true;
	return 0;
}

/* Somebody may have put another directory in its place: the next try looks anew. */
static void directory_leave(struct report_files *files)
{
	if (files->directory < 0 || files->part.fd >= 0 || report_finish_busy(files->finish))
		return;
	close(files->directory);
	files->directory = -1;
	files->passing = false;
}

static void part_end(struct report_files *files)
{
	int error = report_part_close(&files->part);

	files->pass_due = true;
	if (error == -ENOENT)
		files->own.lost += files->part.lines;
	if (error)
		log_warning("report files: %s: a file of %llu lines %s: %s", files->path,
			    (unsigned long long)files->part.lines,
			    error == -ENOENT ? "was removed while it was written" : "may not be whole on the disk",
			    strerror(-error));
}

/* How much of what waits may go into this file: whole lines, 0 when it is full. A line too long has a file alone. */
static size_t part_room(const struct report_files *files)
{
	const struct text *pending = &files->pending;
	uint64_t bytes = files->part.bytes, limit = files->limits.max_bytes;
	const char *last;

	if (!limit || bytes + pending->length <= limit)
		return pending->length;
	last = bytes < limit ? memrchr(pending->data, '\n', limit - bytes) : NULL;
	if (!last && !bytes)
		last = memchr(pending->data, '\n', pending->length);
	return last ? (size_t)(last - pending->data) + 1 : 0;
}

static int part_ready(struct report_files *files)
{
	int error = directory_ready(files);

	if (error || files->part.fd >= 0)
		return error;
	files->part_begin_ns = 0;
	return report_part_open(&files->part, files->directory);
}

static int pending_write(struct report_files *files)
{
	struct text *pending = &files->pending;

	while (pending->length) {
		size_t length, taken;
		int error = part_ready(files);

		if (error)
			return error;
		length = part_room(files);
		if (!length) {
			part_end(files);
			continue;
		}
		error = report_part_append(&files->part, pending->data, length, &taken);
		files->own.lines += report_lines_count(pending->data, taken);
		files->own.bytes += taken;
		pending->length -= taken;
		memmove(pending->data, pending->data + taken, pending->length);
		if (error)
			return error;
	}
	return 0;
}

static void writing_try(struct report_files *files)
{
	int error;

	if (files->now_ns < files->writing.retry_ns)
		return;
	/* Without lines too: what an earlier run has left is waiting. */
	error = files->pending.length ? pending_write(files) : directory_ready(files);
	if (!error) {
		trouble_clear(files, &files->writing);
		return;
	}
	trouble_set(files, &files->writing, "write", error);
	directory_leave(files);
}

static void line_append(struct report_files *files, const struct store_item *item)
{
	if (files->pending.length >= PENDING_BYTES) {
		files->own.lost++;
		return;
	}
	files->cgroup = item->cgroup;
	files->context.wall_minus_monotonic_ns = item->wall_minus_monotonic_ns;
	if (report_writer_report(files->writer, &files->pending, &item->report)) {
		files->own.lost++;
		files->pending.failed = false; /* the lines before it are whole */
	}
}

static void take(void *arg, const struct store_item *items, size_t count)
{
	struct report_files *files = arg;

	for (size_t i = 0; i < count; i++) {
		line_append(files, &items[i]);
		if (files->pending.length >= WRITE_BYTES)
			writing_try(files);
	}
	writing_try(files);
	publish(files);
}

/* ---- finishing ---------------------------------------------------------------------------------- */

static void pass_outcome(struct report_files *files, int outcome)
{
	if (outcome == REPORT_FINISH_DONE)
		files->own.files++;
	else if (outcome < 0 && !files->pass_error)
		files->pass_error = outcome;
}

static void pass_begin(struct report_files *files)
{
	files->passing = true;
	files->pass_due = false;
	files->pass_error = 0;
	files->passed = (struct report_name){0};
	pass_outcome(files, report_directory_clean(files->directory));
}

static void pass_end(struct report_files *files)
{
	files->passing = false;
	if (files->limits.keep)
		pass_outcome(files, report_directory_prune(files->directory, files->limits.keep));
	if (!files->pass_error) {
		trouble_clear(files, &files->finishing);
		return;
	}
	/* The others were finished all the same: what cannot be done for one of them holds up nobody. */
	files->pass_due = true;
	trouble_set(files, &files->finishing, "finish files", files->pass_error);
}

static void pass_next(struct report_files *files)
{
	const struct report_name *except = files->part.fd >= 0 ? &files->part.name : NULL;
	struct report_name name;
	bool gzip, torn = false;
	int waiting = report_directory_next(files->directory, &files->passed, except, &name);

	if (waiting <= 0) {
		pass_outcome(files, waiting);
		pass_end(files);
		return;
	}
	gzip = files->limits.gzip && waiting <= UNPACKED_WAITING;
	files->passed = name;
	pass_outcome(files, report_finish_begin(files->finish, files->directory, &name, gzip, &torn));
	if (torn)
		files->own.lost++;
}

/* One slice. Returns whether there is more to do now. */
static bool finishing_step(struct report_files *files)
{
	if (report_finish_busy(files->finish)) {
		pass_outcome(files, report_finish_step(files->finish, files->slice_ns, SLICE_BYTES));
		return true;
	}
	if (files->directory < 0)
		return false;
	if (!files->passing) {
		if (!files->pass_due || files->now_ns < files->finishing.retry_ns)
			return false;
		pass_begin(files);
	}
	pass_next(files);
	return true;
}

static void step(void *arg, uint64_t now_ns)
{
	struct report_files *files = arg;

	files->now_ns = now_ns;
	writing_try(files);
	if (files->part.fd >= 0 && !files->part_begin_ns)
		files->part_begin_ns = now_ns;
	if (files->part.fd >= 0 && files->limits.max_age_ns &&
	    now_ns - files->part_begin_ns >= files->limits.max_age_ns)
		part_end(files);
	finishing_step(files);
	publish(files);
}

static void finish(void *arg)
{
	struct report_files *files = arg;
	unsigned slices = 0;

	files->writing.retry_ns = files->finishing.retry_ns = 0;
	writing_try(files);
	files->own.lost += report_lines_count(files->pending.data, files->pending.length);
	text_clear(&files->pending);
	if (files->part.fd >= 0)
		part_end(files);
	files->passing = false; /* from the beginning, and with the last one */
	files->pass_due = true;
	while (slices < SLICES_AT_END && finishing_step(files))
		slices++;
	if (slices == SLICES_AT_END)
		log_info("report files: %s: the next run finishes the rest", files->path);
	report_finish_abort(files->finish);
	directory_leave(files);
	publish(files);
}

/* ---- from outside ------------------------------------------------------------------------------- */

static struct limits limits_of(const struct report_files_config *config)
{
	return (struct limits){
		.max_bytes = config->max_bytes,
		.max_age_ns = config->max_age_ns,
		.keep = config->keep,
		.gzip = config->gzip,
	};
}

static const char *item_cgroup(void *arg, uint64_t cgroup_id)
{
	const struct report_files *files = arg;

	(void)cgroup_id;
	return files->cgroup;
}

int report_files_create(struct report_files **files, const struct report_files_config *config)
{
	struct report_files *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	pthread_mutex_init(&made->mutex, NULL);
	made->directory = made->part.fd = -1;
	made->limits = made->limits_set = limits_of(config);
	made->slice_ns = config->slice_ns ?: SLICE_NS_USUAL;
	made->path = strdup(config->directory);
	made->host = strdup(config->host);
	made->context = (struct report_context){.host = made->host, .cgroup_path = item_cgroup, .arg = made};
	made->writer = report_writer_create(REPORT_JSON, &made->context, 0);
	made->finish = report_finish_create();
	if (!made->path || !made->host || !made->writer || !made->finish) {
		report_files_destroy(made);
		return -ENOMEM;
	}
	*files = made;
	return 0;
}

struct store_sink report_files_sink(struct report_files *files)
{
	return (struct store_sink){.arg = files, .take = take, .step = step, .finish = finish};
}

void report_files_reconfigure(struct report_files *files, const struct report_files_config *config)
{
	pthread_mutex_lock(&files->mutex);
	files->limits_set = limits_of(config);
	pthread_mutex_unlock(&files->mutex);
}

void report_files_status(struct report_files *files, struct report_files_status *status)
{
	pthread_mutex_lock(&files->mutex);
	*status = files->status;
	pthread_mutex_unlock(&files->mutex);
}

void report_files_destroy(struct report_files *files)
{
	if (!files)
		return;
	report_finish_destroy(files->finish);
	if (files->part.fd >= 0)
		close(files->part.fd);
	if (files->directory >= 0)
		close(files->directory);
	report_writer_destroy(files->writer);
	text_free(&files->pending);
	pthread_mutex_destroy(&files->mutex);
	free(files->path);
	free(files->host);
	free(files);
}
