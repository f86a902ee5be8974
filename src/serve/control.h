/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.h: the control socket: a Unix stream socket, lines of JSON both ways. Slow, silent, hostile or many
 * clients cost bounded memory and never hold up the loop.
 */
#ifndef LASTACK_SERVE_CONTROL_H
#define LASTACK_SERVE_CONTROL_H

#include <sys/types.h>

#include "serve/service.h"

struct control_config {
	const char *path;
	mode_t mode;
	gid_t group;          /* (gid_t)-1: as it comes */
	uint32_t clients_max; /* at once */
	uint64_t timeout_ns;  /* for a request to be complete, and for a client to take its answer */
};

struct control;

/*
 * Binds and listens. A socket that a daemon which has died left behind is replaced; one that somebody answers on is
 * not: -EADDRINUSE. Returns 0, or -errno with `why` (size bytes) set.
 */
int control_open(struct control **control, const struct control_config *config, const struct service *service,
		 char *why, size_t size);
/* For epoll: readable when control_poll() has something to do. */
int control_fd(const struct control *control);
/* Serves whoever has something to be served, in bounded slices. Also to be called every 100 ms, for time limits. */
void control_poll(struct control *control, uint64_t now_ns);
/* For those that follow. cgroup: path or NULL. */
void control_report(struct control *control, const struct connection_report *report, const char *cgroup);
void control_status(const struct control *control, struct server_status *status);
/* Tells clients that it is over, ends what is under way, removes the socket. NULL is allowed. */
void control_close(struct control *control);

#endif
