/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_history.c: questions to the history, each in a thread that has its client's descriptor until it is done. The
 * loop looks after the time and whether the client is still there; the thread tells the client how it went.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "monotonic.h"
#include "serve/control_internal.h"
#include "serve/quiet_thread.h"

#define SEND_BYTES (64 * 1024)  /* gather before they are sent */
#define STOP_NS    500000000ULL /* for a client to be told that it is over */

enum job_end {
	JOB_WHOLE,
	JOB_TIME,     /* its time was over */
	JOB_GONE,     /* the client left */
	JOB_SLOW,     /* the client took nothing for too long */
	JOB_STOPPING, /* the daemon ends */
};

struct history_job {
	pthread_t thread;
	__typeof__(history_query_run) *run;
	const char *path;
	const struct history_query *query;
	int fd, wake;
	uint64_t deadline_ns; /* clock of the system: the thread looks at it too */
	uint64_t lines;
	bool must_find; /* show: no line is an error */
	bool failed;
	struct text text;
	atomic_bool stop, done;
	atomic_int end; /* enum job_end; whoever comes first says why */
};

static void job_stop(struct history_job *job, enum job_end why)
{
	int whole = JOB_WHOLE;

	atomic_compare_exchange_strong(&job->end, &whole, (int)why);
	atomic_store(&job->stop, true);
}

/* ---- the thread --------------------------------------------------------------------------------------- */

static bool job_goes_on(struct history_job *job)
{
	if (monotonic_ns() >= job->deadline_ns)
		job_stop(job, JOB_TIME);
	return !atomic_load(&job->stop);
}

/* Waits for the client, about as long as SO_SNDTIMEO says: what is sent in part by then was sent to nobody. */
static bool job_send(struct history_job *job)
{
	ssize_t sent;

	if (!job->text.length)
		return true;
	do
		sent = send(job->fd, job->text.data, job->text.length, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)job->text.length) {
		text_clear(&job->text);
		return true;
	}
	/* Half a line is nothing that another could follow. */
	atomic_store(&job->end, sent >= 0 || errno == EAGAIN ? JOB_SLOW : JOB_GONE);
	atomic_store(&job->stop, true);
	return false;
}

static bool job_row(void *arg, const char *json, size_t length)
{
	struct history_job *job = arg;

	text_append(&job->text, json, length);
	text_append_char(&job->text, '\n');
	job->lines++;
	if (job->text.failed || !job_goes_on(job))
		return false;
	return job->text.length < SEND_BYTES || job_send(job);
}

static void job_tell(struct history_job *job, int status, const char *why)
{
	int end = atomic_load(&job->end);

	job->failed = true;
	if (end == JOB_TIME)
		control_error_line(&job->text, "time_limit", "the question took too long; lines are missing");
	else if (end == JOB_STOPPING)
		control_error_line(&job->text, "stopping", "the daemon ends; lines are missing");
	else if (status)
		control_error_line(&job->text, "history_failed", why[0] ? why : strerror(-status));
	else if (job->must_find && !job->lines)
		control_error_line(&job->text, "not_found",
				   "no connection has this id: neither a live one nor one in the history; one that has "
				   "just ended is there within seconds");
	else {
		job->failed = false;
		control_end_line(&job->text, job->lines, "");
	}
	job_send(job);
}

static void *job_run(void *arg)
{
	struct history_job *job = arg;
	uint64_t one = 1;
	char why[192] = "";
	int status = job->run(job->path, job->query, &job->stop, job_row, job, why, sizeof(why));
	int end = atomic_load(&job->end);

	if (job->text.failed) {
		text_clear(&job->text);
		status = -ENOMEM;
	}
	if (end != JOB_GONE && end != JOB_SLOW)
		job_tell(job, status, why);
	atomic_store(&job->done, true);
	/* It cannot fill up: the loop reads it. */
	if (write(job->wake, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

/* ---- the loop ----------------------------------------------------------------------------------------- */

static bool blocking_set(const struct control_client *client, bool blocking)
{
	uint64_t timeout_ns = client->control->config.timeout_ns;
	struct timeval timeout = {
		.tv_sec = (time_t)(timeout_ns / 1000000000),
		.tv_usec = (suseconds_t)(timeout_ns % 1000000000 / 1000),
	};
	int flags = fcntl(client->fd, F_GETFL);

	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return !fcntl(client->fd, F_SETFL, flags) &&
	       !setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static bool watch_set(struct control_client *client, bool watched)
{
	struct epoll_event event = {.data.ptr = client};

	client->interest = 0;
	return !epoll_ctl(client->control->epoll, watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, client->fd, &event);
}

static struct history_job *job_make(struct control_client *client)
{
	struct history_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->run = client->control->history_run;
	job->path = client->control->service->history_path;
	job->query = &client->request.query;
	job->fd = client->fd;
	job->wake = client->control->wake;
	job->deadline_ns = monotonic_ns() + client->control->history_time_ns;
	job->lines = client->lines;
	job->must_find = client->request.verb == CONTROL_SHOW;
	/* Live lines of show, not sent yet: they go first. */
	text_append(&job->text, client->out.data + client->out_taken, client_backlog(client));
	return job;
}

void control_history_begin(struct control_client *client)
{
	struct history_job *job;

	if (client->control->jobs >= HISTORY_JOBS)
		return client_error(client, "busy", "%d questions to the history are under way; ask again",
				    HISTORY_JOBS);
	job = job_make(client);
	if (!job || job->text.failed || !blocking_set(client, true) || !watch_set(client, false)) {
		if (job)
			text_free(&job->text);
		free(job);
		return client_error(client, "out_of_memory", "the question could not be begun");
	}
	text_clear(&client->out);
	client->out_taken = 0;
	client->job = job;
	client->phase = CLIENT_HISTORY;
	client->control->jobs++;
	if (quiet_thread_start(&job->thread, job_run, job)) {
		client->control->jobs--;
		client->job = NULL;
		blocking_set(client, false);
		watch_set(client, true);
		text_append(&client->out, job->text.data, job->text.length);
		text_free(&job->text);
		free(job);
		client_error(client, "out_of_memory", "the question could not be begun");
	}
}

/* The thread is over, or about to be. */
static void job_finish(struct control_client *client)
{
	struct history_job *job = client->job;
	int end;

	pthread_join(job->thread, NULL);
	end = atomic_load(&job->end);
	client->control->jobs--;
	client->control->status.errors += job->failed;
	client->control->status.timed_out += end == JOB_SLOW;
	text_free(&job->text);
	free(job);
	client->job = NULL;
	client->phase = CLIENT_WAITS;
	client->asked_ns = client->taken_ns = client->control->now_ns;
	control_request_free(&client->request);
	client->lines = 0;
	if (end == JOB_GONE || end == JOB_SLOW || !blocking_set(client, false) || !watch_set(client, true))
		client->phase = CLIENT_LEAVES;
}

bool history_step(struct control_client *client)
{
	struct history_job *job = client->job;
	struct pollfd gone = {.fd = client->fd};
	uint64_t now_ns = monotonic_ns();

	if (atomic_load(&job->done)) {
		job_finish(client);
		return true;
	}
	if (poll(&gone, 1, 0) > 0 && gone.revents & (POLLHUP | POLLERR))
		job_stop(job, JOB_GONE);
	else if (now_ns >= job->deadline_ns)
		job_stop(job, JOB_TIME);
	/* It may wait for a client that takes a byte now and then; that ends with this. */
	if (now_ns >= job->deadline_ns + client->control->config.timeout_ns)
		shutdown(client->fd, SHUT_RDWR);
	return false;
}

void history_stop(struct control_client *client)
{
	job_stop(client->job, JOB_STOPPING);
}

void history_join(struct control_client *client)
{
	uint64_t until_ns = monotonic_ns() + STOP_NS;

	/* Time to tell the client, but no longer than that. */
	while (!atomic_load(&client->job->done) && monotonic_ns() < until_ns) {
		struct pollfd wake = {.fd = client->job->wake, .events = POLLIN};
		uint64_t count;

		if (poll(&wake, 1, STOP_NS / 1000000) > 0 && read(client->job->wake, &count, sizeof(count)) < 0)
			break;
	}
	shutdown(client->fd, atomic_load(&client->job->done) ? SHUT_RD : SHUT_RDWR);
	job_finish(client);
}
