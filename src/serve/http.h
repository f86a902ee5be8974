/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http.h: /metrics, /healthz and /readyz over HTTP, on the daemon's own event loop.
 */
#ifndef LASTACK_SERVE_HTTP_H
#define LASTACK_SERVE_HTTP_H

#include "serve/service.h"

struct http_config {
	const char *address;  /* "127.0.0.1:9752", "[::1]:9752" or "unix:/run/lastack/http.sock" */
	uint32_t clients_max; /* at once */
	uint32_t timeout_s;   /* for a request to be complete */
};

struct http;

/* Binds and listens. Returns 0, or -errno with `why` (size bytes) set. */
int http_open(struct http **http, const struct http_config *config, const struct service *service, char *why,
	      size_t size);
/* Where it listens, as in config->address; a port 0 has become a number. */
const char *http_address(const struct http *http);
/* For epoll: readable when http_poll() has something to do. */
int http_fd(const struct http *http);
/* Also to be called every 100 ms, for time limits. */
void http_poll(struct http *http, uint64_t now_ns);
void http_status(const struct http *http, struct server_status *status);
/* NULL is allowed. */
void http_close(struct http *http);

#endif
