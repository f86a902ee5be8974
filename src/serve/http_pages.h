/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http_pages.h: what is said to whom over HTTP: pages, and refusals.
 */
#ifndef LASTACK_SERVE_HTTP_PAGES_H
#define LASTACK_SERVE_HTTP_PAGES_H

#include <microhttpd.h>
#include <stdbool.h>

#include "serve/service.h"

struct http_answer {
	unsigned status;
	bool is_error;                 /* as opposed to the news that the daemon is not ready */
	struct MHD_Response *response; /* the caller's; NULL without memory */
};

/* Has the request a body that is too long to be read and forgotten? */
bool http_body_is_unwanted(struct MHD_Connection *connection);
void http_answer_make(struct http_answer *answer, const struct service *service, struct MHD_Connection *connection,
		      const char *url, const char *method, const char *version);

#endif
