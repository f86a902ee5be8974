/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_internal.h: what the parts of the control socket share. control.c: listens, polls, limits. control_client.c:
 * one client's buffers. control_answer.c: the verbs, in slices. control_history.c: questions in threads.
 * control_follow.c: reports as they come.
 */
#ifndef LASTACK_SERVE_CONTROL_INTERNAL_H
#define LASTACK_SERVE_CONTROL_INTERNAL_H

#include <sys/socket.h>

#include "report/live_line.h"
#include "report/report_writer.h"
#include "serve/listen.h"
#include "serve/control.h"
#include "serve/control_owners.h"
#include "serve/control_request.h"
#include "serve/diagnose_answer.h"

#define REQUEST_BYTES   4096           /* of a request with its line feed */
#define OUT_BYTES_MAX   (1024 * 1024)  /* that wait for one client */
#define OUT_BYTES_HIGH  (256 * 1024)   /* above it nothing more is produced */
#define OUT_BYTES_KEPT  (64 * 1024)    /* of memory, when nothing waits any more */
#define WALK_SLOTS      16             /* at once: their lines fit between HIGH and MAX, whatever their cgroups */
#define SLICE_NS        2000000ULL     /* of work in one control_poll() */
#define HISTORY_JOBS    4              /* at once */
#define DIAGNOSES_MAX   4              /* at once */
#define HISTORY_TIME_NS 30000000000ULL /* of one question */

enum client_phase {
	CLIENT_WAITS,   /* for a request */
	CLIENT_ANSWERS, /* is being answered, in slices */
	CLIENT_HISTORY, /* a thread has its descriptor */
	CLIENT_FOLLOWS,
	CLIENT_LEAVES, /* when it has taken what waits for it */
};

struct history_job;

struct control_client {
	struct control *control;
	int fd;
	uint32_t interest; /* what the epoll waits for */
	struct ucred peer;
	enum client_phase phase;
	bool at_end; /* it sends no more */
	char in[REQUEST_BYTES];
	size_t in_length;
	struct text out;
	size_t out_taken;
	uint64_t asked_ns; /* since when a request is waited for */
	uint64_t taken_ns; /* when it last took something, or nothing was there to take */
	/* Of the request that is being answered. */
	struct control_request request;
	uint32_t cursor;
	uint64_t lines;
	struct owners *owners;
	struct diagnose_answer *diagnose; /* not NULL: counted in control->diagnoses */
	struct history_job *job;
	uint64_t dropped; /* reports that a follower was too slow for, not told yet */
};

struct control {
	struct control_config config;
	const struct service *service;
	struct listen_socket listener;
	int epoll, wake;
	uint64_t now_ns;
	uint64_t deaf_ns; /* since when nobody is taken in, for want of descriptors; 0: not so */
	struct server_status status;
	struct control_client **clients;            /* config.clients_max, NULL: free */
	uint32_t turn;                              /* whose slice is next */
	__typeof__(history_query_run) *history_run; /* history_query_run(); tests have one of their own */
	uint64_t history_time_ns;                   /* of one question */
	uint32_t jobs, diagnoses;
	struct live_writer *live;
	struct report_writer *reports;
	struct text line; /* a report for all who follow */
};

/* ---- control_client.c */

size_t client_backlog(const struct control_client *client);
/* Takes what has come, sends what waits, begins the next request. False: it is to be closed. */
bool client_step(struct control_client *client, uint32_t events);
/* There is something to do that no descriptor tells of. */
bool client_has_work(const struct control_client *client);
/* Too slow, or silent: to be closed. */
bool client_is_late(const struct control_client *client);
__attribute__((format(printf, 3, 4))) void client_error(struct control_client *client, const char *code,
							const char *format, ...);
/* The closing line; the client may ask again. */
void client_end(struct control_client *client, const char *more);
void client_destroy(struct control_client *client);

/* The lines that end an answer. more: "" or members that begin with a comma. */
void control_end_line(struct text *text, uint64_t lines, const char *more);
void control_error_line(struct text *text, const char *code, const char *message);

/* ---- control_answer.c */

void answer_begin(struct control_client *client);
/* One small piece of work. */
void answer_slice(struct control_client *client);
/* Gives up a diagnosis that is under way for it. */
void diagnose_end(struct control_client *client);

/* ---- control_status.c */

json_t *status_json(const struct service_status *status, const struct owners *owners, int64_t now_us);

/* ---- control_history.c */

/* Hands the client to a thread, or answers with an error. */
void control_history_begin(struct control_client *client);
/* Looks after the thread: its time, whether its client is there. True when it is over and the client is back. */
bool history_step(struct control_client *client);
/* Tells the thread to end; waits for it. */
void history_stop(struct control_client *client);
void history_join(struct control_client *client);

/* ---- control_follow.c */

void follow_begin(struct control_client *client);
/* Tells of what was dropped when there is room. */
void follow_step(struct control_client *client);

/* ---- control.c */

/* control_poll() is to be called. */
void control_wake(const struct control *control);
int64_t control_wall_us(const struct control *control);

#endif
