// SPDX-License-Identifier: GPL-2.0-only
/*
 * http_pages.c: see http_pages.h. Each page is made anew for each request, from one snapshot. It must not know how
 * connections are served.
 */
#include <stdlib.h>
#include <strings.h>

#include "report/text.h"
#include "serve/http_pages.h"
#include "serve/metrics.h"

#define TYPE_PLAIN     "text/plain; charset=utf-8"
#define TYPE_METRICS   "text/plain; version=0.0.4; charset=utf-8"
#define BODY_BYTES_MAX 1024 /* read and forgotten; no page asks for a body */

static unsigned write_index(const struct service_status *status, struct text *text)
{
	text_append_str(text, "lastack ");
	text_append_str(text, status->version);
	text_append_str(text, "\n\n/metrics   numbers for Prometheus\n"
			      "/healthz   200 while the daemon runs\n"
			      "/readyz    200 when it watches, else 503 and what is missing\n");
	return MHD_HTTP_OK;
}

static unsigned write_metrics(const struct service_status *status, struct text *text)
{
	metrics_write(text, status);
	return MHD_HTTP_OK;
}

/* Whoever reads this has been answered by the event loop: it runs. */
static unsigned write_health(const struct service_status *status, struct text *text)
{
	(void)status;
	text_append_str(text, "ok\n");
	return MHD_HTTP_OK;
}

static void write_trouble(struct text *text, const char *what, const char *why)
{
	text_append_str(text, what);
	text_append_printable(text, why, strlen(why));
	text_append_char(text, '\n');
}

/* A disk that fails is told, but does not make the monitor unready: connections are still watched and counted. */
static unsigned write_readiness(const struct service_status *status, struct text *text)
{
	bool ready = status->ready && !status->stopping;

	text_append_str(text, ready ? "ok\n" : status->stopping ? "not ready: stopping\n" : "not ready: starting\n");
	if (status->has_history &&
	    (status->history.state == HISTORY_FAILING || status->history.state == HISTORY_FOREIGN))
		write_trouble(text, "history is not written: ", status->history.why);
	if (status->has_files && status->files.failing)
		write_trouble(text, "report files are not written: ", status->files.why);
	return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const struct page {
	const char *path, *type;
	unsigned (*write)(const struct service_status *status, struct text *text); /* returns the status of HTTP */
} pages[] = {
	{"/", TYPE_PLAIN, write_index},
	{"/metrics", TYPE_METRICS, write_metrics},
	{"/healthz", TYPE_PLAIN, write_health},
	{"/readyz", TYPE_PLAIN, write_readiness},
};

/* The path of "/path" and of "http://host/path" (RFC 9112, 3.2.2: a server takes both). */
static const char *path_of(const char *url)
{
	const char *authority = strncasecmp(url, "http://", 7) ? NULL : url + 7;

	if (!authority)
		return url;
	return authority[strcspn(authority, "/")] ? authority + strcspn(authority, "/") : "/";
}

static const struct page *page_find(const char *url)
{
	const char *path = path_of(url);

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (!strcmp(pages[i].path, path))
			return &pages[i];
	return NULL;
}

static bool body_has_no_length(struct MHD_Connection *connection)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

bool http_body_is_unwanted(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return body_has_no_length(connection) || (length && strtoull(length, NULL, 10) > BODY_BYTES_MAX);
}

static void answer_refuse(struct http_answer *answer, unsigned status, const char *words)
{
	answer->status = status;
	answer->is_error = true;
	answer->response = MHD_create_response_from_buffer(strlen(words), (void *)words, MHD_RESPMEM_PERSISTENT);
	if (answer->response)
		MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_TYPE, TYPE_PLAIN);
}

static void answer_page(struct http_answer *answer, const struct page *page, const struct service *service)
{
	struct service_status status = {0};
	struct text text = {0};

	service->status(service->arg, &status);
	answer->status = page->write(&status, &text);
	answer->is_error = false;
	if (text.failed) {
		text_free(&text);
		answer_refuse(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
		return;
	}
	answer->response = MHD_create_response_from_buffer(text.length, text.data, MHD_RESPMEM_MUST_FREE);
	if (answer->response)
		MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_TYPE, page->type);
	else
		text_free(&text);
}

/* RFC 9112, 3.2. libmicrohttpd would look for it too, but 0.9.75 then sends the header of its answer twice. */
static bool lacks_host(struct MHD_Connection *connection, const char *version)
{
	return strcmp(version, MHD_HTTP_VERSION_1_0) &&
	       !MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
}

void http_answer_make(struct http_answer *answer, const struct service *service, struct MHD_Connection *connection,
		      const char *url, const char *method, const char *version)
{
	const struct page *page = page_find(url);

	if (lacks_host(connection, version)) {
		answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "Host is missing\n");
	} else if (!page) {
		answer_refuse(answer, MHD_HTTP_NOT_FOUND, "there is no such page\n");
	} else if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD)) {
		answer_refuse(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
		if (answer->response)
			MHD_add_response_header(answer->response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	} else if (body_has_no_length(connection)) {
		answer_refuse(answer, MHD_HTTP_LENGTH_REQUIRED, "no body is wanted\n");
	} else if (http_body_is_unwanted(connection)) {
		answer_refuse(answer, MHD_HTTP_CONTENT_TOO_LARGE, "no body is wanted\n");
	} else {
		answer_page(answer, page, service);
	}
}
