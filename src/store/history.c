// SPDX-License-Identifier: GPL-2.0-only
/*
 * history.c: the life of the history: what comes in, what others see of it, its beginning and its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/log.h"
#include "store/history_internal.h"

/* Rows that retention may remove: by time, and by what comes, so that it keeps up under any load. */
#define RETAIN_A_STEP   500
#define RETAIN_A_REPORT 2

/* ---- what others see ------------------------------------------------------------------------------- */

void history_state_set(struct history *history, enum history_state state, const char *why)
{
	pthread_mutex_lock(&history->lock);
	history->status.state = state;
	snprintf(history->status.why, sizeof(history->status.why), "%s", why);
	pthread_mutex_unlock(&history->lock);
}

void history_not_stored_add(struct history *history, uint64_t count)
{
	pthread_mutex_lock(&history->lock);
	history->status.not_stored += count;
	pthread_mutex_unlock(&history->lock);
}

static uint64_t file_bytes(const struct history *history, const char *suffix)
{
	struct stat status;
	char name[4096];

	snprintf(name, sizeof(name), "%s%s", history->path, suffix);
	return stat(name, &status) ? 0 : (uint64_t)status.st_size;
}

void history_measure(struct history *history)
{
	uint64_t bytes = file_bytes(history, "") + file_bytes(history, "-wal");
	int64_t rows = 0;

	history->measured_ns = history->now_ns;
	if (sql_number(history->db, "SELECT value FROM facts WHERE name = 'rows'", &rows) != SQLITE_OK || rows < 0)
		rows = 0;
	pthread_mutex_lock(&history->lock);
	history->status.bytes = bytes;
	history->status.rows = (uint64_t)rows;
	pthread_mutex_unlock(&history->lock);
}

void history_status(struct history *history, struct history_status *status)
{
	pthread_mutex_lock(&history->lock);
	*status = history->status;
	pthread_mutex_unlock(&history->lock);
}

void history_reconfigure(struct history *history, const struct history_config *config)
{
	pthread_mutex_lock(&history->lock);
	history->wanted = *config;
	history->has_wanted = true;
	pthread_mutex_unlock(&history->lock);
}

static void config_renew(struct history *history)
{
	pthread_mutex_lock(&history->lock);
	if (history->has_wanted) {
		history->config = history->wanted;
		history->retain.checked_ns = 0;
	}
	history->has_wanted = false;
	pthread_mutex_unlock(&history->lock);
}

/* ---- the writer's calls ---------------------------------------------------------------------------- */

static void sink_take(void *arg, const struct store_item *items, size_t count)
{
	struct history *history = arg;
	struct history_status status;
	uint64_t lost = 0;
	int code;

	config_renew(history);
	history_status(history, &status);
	for (size_t i = 0; i < count; i++)
		if (status.state == HISTORY_FOREIGN || history->pending.count >= HISTORY_PENDING_MAX ||
		    item_queue_put(&history->pending, &items[i].report, items[i].cgroup,
				   items[i].wall_minus_monotonic_ns))
			lost++;
	if (lost)
		history_not_stored_add(history, lost);
	if (!history->db)
		return;
	code = history_write(history);
	if (code == SQLITE_OK && history->begun && retain_is_due(&history->retain, history->now_ns))
		code = retain_step(&history->retain, &history->config, RETAIN_A_REPORT * (unsigned)count,
				   history->now_ns);
	if (code == SQLITE_OK && history_commit_is_due(history))
		code = history_commit(history);
	if (code != SQLITE_OK)
		history_fail(history, "cannot be written", code);
}

static int step(struct history *history)
{
	int code = history_write(history);

	if (code == SQLITE_OK && retain_is_due(&history->retain, history->now_ns)) {
		code = history_begin(history);
		if (code == SQLITE_OK)
			code = retain_step(&history->retain, &history->config, RETAIN_A_STEP, history->now_ns);
	}
	if (code == SQLITE_OK && history_commit_is_due(history))
		code = history_commit(history);
	return code;
}

static void sink_step(void *arg, uint64_t now_ns)
{
	struct history *history = arg;
	int code;

	history->now_ns = now_ns;
	config_renew(history);
	if (!history->db && now_ns >= history->retry_ns)
		history_open(history);
	if (!history->db)
		return;
	code = step(history);
	if (code != SQLITE_OK)
		history_fail(history, "cannot be written", code);
	else if (now_ns - history->measured_ns >= NS_PER_S)
		history_measure(history);
	if (history->db)
		history_memory_give_back(history);
}

static void write_all(struct history *history)
{
	int code = SQLITE_OK;

	while (code == SQLITE_OK && history->in_transaction < history->pending.count)
		code = history_write(history);
	if (code == SQLITE_OK && history->begun)
		code = history_commit(history);
	if (code != SQLITE_OK)
		history_fail(history, "cannot be written", code);
}

/* What waits has one more chance, and a second one where the first showed that the file has to be moved aside. */
static void sink_finish(void *arg)
{
	struct history *history = arg;

	config_renew(history);
	for (unsigned i = 0; i < 2 && (i == 0 || history->pending.count); i++) {
		if (!history->db)
			history_open(history);
		if (history->db)
			write_all(history);
	}
	if (history->pending.count) {
		history_not_stored_add(history, history->pending.count);
		log_warning("history: %s: %u reports could not be written before the end", history->path,
			    history->pending.count);
	}
	if (history->db)
		history_measure(history);
	history_close(history);
	item_queue_clear(&history->pending);
}

/* ---- life ------------------------------------------------------------------------------------------ */

/* "" where it cannot be read: then all boots are one. */
static void boot_id_read(char *boot_id)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, boot_id, HISTORY_BOOT_ID_MAX - 1) : 0;

	boot_id[length > 0 ? length : 0] = '\0';
	boot_id[strcspn(boot_id, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

int history_create(struct history **history, const struct history_config *config)
{
	struct history *created = calloc(1, sizeof(*created));

	if (!created)
		return -ENOMEM;
	/*
	 * SQLite would keep count of its memory under a lock, sixteen times a row; nobody asks. Says no where it is in
	 * use already, and then counts on.
	 */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	pthread_mutex_init(&created->lock, NULL);
	created->config = *config;
	created->directory = strdup(config->directory);
	created->host = strdup(config->host);
	if (config->boot_id)
		snprintf(created->boot_id, sizeof(created->boot_id), "%s", config->boot_id);
	else
		boot_id_read(created->boot_id);
	if (!created->directory || !created->host ||
	    asprintf(&created->path, "%s/" HISTORY_FILE, config->directory) < 0 ||
	    rows_create(&created->rows, created->host)) {
		history_destroy(created);
		return -ENOMEM;
	}
	*history = created;
	return 0;
}

struct store_sink history_sink(struct history *history)
{
	return (struct store_sink){.arg = history, .take = sink_take, .step = sink_step, .finish = sink_finish};
}

void history_destroy(struct history *history)
{
	if (!history)
		return;
	history_close(history);
	item_queue_clear(&history->pending);
	rows_destroy(&history->rows);
	free(history->counts.entries);
	counted_free(&history->counted);
	pthread_mutex_destroy(&history->lock);
	free(history->directory);
	free(history->host);
	free(history->path);
	free(history);
}
