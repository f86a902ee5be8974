// SPDX-License-Identifier: GPL-2.0-only
/*
 * http.c: the clients of HTTP: who is let in, how long they may take, and when libmicrohttpd runs; see http.h. What
 * they are told is in http_pages.c.
 *
 * libmicrohttpd counts inactivity only, so a client that sends a byte now and then would stay for ever, and it lets
 * what is too many wait in the backlog in silence. Both are done here: connections are accepted here, and have a time
 * limit from the moment when a request could have begun.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/http.h"
#include "serve/http_pages.h"
#include "serve/listen.h"
#include "serve/log.h"

#define SOCKET_MODE   0660
#define CLIENT_BYTES  16384 /* of libmicrohttpd: a request line with its header, and the header of the answer */
#define ACCEPTS_MAX   16    /* in one slice */
#define LIMITS_NS     100000000ULL
#define TELL_NS       60000000000ULL
#define NS_PER_SECOND 1000000000ULL

#define CLOSING_ANSWER(status, words)                                                                                  \
	"HTTP/1.1 " status "\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n" words

static const char answer_slow[] = CLOSING_ANSWER("408 Request Timeout", "Content-Length: 9\r\n\r\ntoo slow\n");
static const char answer_many[] = CLOSING_ANSWER("503 Service Unavailable", "Retry-After: 1\r\nContent-Length: 17\r\n"
									    "\r\ntoo many clients\n");

enum client_phase {
	CLIENT_IDLE,      /* has had an answer, and perhaps asks again */
	CLIENT_ASKING,    /* its request is not complete */
	CLIENT_HEARD,     /* its header is */
	CLIENT_ANSWERING, /* takes its answer */
	CLIENT_CUT,       /* libmicrohttpd will find its socket shut */
};

struct client {
	int fd; /* -1: nobody */
	enum client_phase phase;
	uint64_t since_ns;
};

struct http {
	struct MHD_Daemon *daemon;
	const struct service *service;
	struct http_config config;
	struct listen_socket listener;
	int epoll_fd; /* of the listener, libmicrohttpd's own, and again_fd */
	int again_fd; /* eventfd: there is more to do, though no socket says so */
	bool paused;  /* no descriptor is left: the listener waits */
	uint64_t now_ns, limits_ns, told_ns;
	struct server_status status;
	struct client clients[]; /* config.clients_max */
};

/* At most one line a minute: whoever can connect could fill the log. */
static bool may_tell(struct http *http)
{
	if (http->told_ns && http->now_ns - http->told_ns < TELL_NS)
		return false;
	http->told_ns = http->now_ns;
	return true;
}

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* There is a free place: http_accept() has looked. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = arg;
	struct client *client = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		client->fd = -1;
		http->status.clients--;
		return;
	}
	for (client = http->clients; client->fd >= 0;)
		client++;
	client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	client->phase = CLIENT_ASKING;
	client->since_ns = http->now_ns;
	http->status.clients++;
	http->status.accepted++;
	*context = client;
}

/* As soon as the request line is there. */
static void *on_request_line(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct client *client = client_of(connection);

	(void)arg, (void)uri;
	if (client->phase == CLIENT_IDLE)
		client->phase = CLIENT_ASKING;
	return NULL;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct http *http = arg;
	struct client *client = client_of(connection);

	(void)context, (void)code;
	if (client->phase == CLIENT_CUT)
		return;
	client->phase = CLIENT_IDLE;
	client->since_ns = http->now_ns;
}

/* What is malformed, or too large, libmicrohttpd answers by itself, and tells nobody but its log. */
static void on_log(void *arg, const char *format, va_list arguments)
{
	struct http *http = arg;

	(void)arguments;
	if (!strstr(format, "HTTP response code"))
		return;
	http->status.requests++;
	http->status.errors++;
}

/*
 * Called when the header is complete, for each piece of a body, and at the end. What is answered before the end closes
 * its connection, so this is done only where a body would come that nobody wants to read.
 */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *body, size_t *body_bytes, void **context)
{
	struct http *http = arg;
	struct client *client = client_of(connection);
	bool first = client->phase != CLIENT_HEARD;
	struct http_answer answer;
	enum MHD_Result result;

	(void)body, (void)context;
	if (client->phase == CLIENT_CUT)
		return MHD_NO;
	http->status.requests += first;
	client->phase = CLIENT_HEARD;
	if (*body_bytes || (first && !http_body_is_unwanted(connection))) {
		*body_bytes = 0;
		return MHD_YES;
	}
	http_answer_make(&answer, http->service, connection, url, method, version);
	http->status.errors += answer.is_error;
	client->phase = CLIENT_ANSWERING;
	if (!answer.response)
		return MHD_NO; /* no memory: the connection is closed */
	result = MHD_queue_response(connection, answer.status, answer.response);
	MHD_destroy_response(answer.response);
	return result;
}

/* Its request is taken first, as far as it has come: closing over unread bytes would reset the answer away. */
static void refuse(struct http *http, int fd)
{
	char request[4096];

	if (recv(fd, request, sizeof(request), MSG_DONTWAIT) != 0)
		send(fd, answer_many, sizeof(answer_many) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	http->status.refused++;
	if (may_tell(http))
		log_warning("http: more than %u clients at once: %llu refused so far", http->config.clients_max,
			    (unsigned long long)http->status.refused);
}

static void listener_pause(struct http *http, bool pause)
{
	struct epoll_event event = {.events = pause ? 0 : EPOLLIN};

	http->paused = pause;
	epoll_ctl(http->epoll_fd, EPOLL_CTL_MOD, http->listener.fd, &event);
}

static void accept_clients(struct http *http)
{
	for (unsigned i = 0; i < ACCEPTS_MAX && !http->paused; i++) {
		struct sockaddr_storage address = {0};
		socklen_t length = sizeof(address);
		int fd = accept4(http->listener.fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			/* The listener stays readable: without a pause the loop would turn for nothing. */
			if (may_tell(http))
				log_warning("http: no client can be let in: %s", strerror(errno));
			listener_pause(http, true);
		}
		if (fd < 0)
			continue;
		if (http->status.clients >= http->config.clients_max)
			refuse(http, fd);
		else /* closes it where it fails */
			MHD_add_connection(http->daemon, fd, (struct sockaddr *)&address, length);
	}
}

/*
 * libmicrohttpd reads from the socket and writes to it, but not now; and as long as a request is not complete, it has
 * no answer under way that this one could come into. One that waits for the next request is not told: it might take
 * that for the answer to what it is just sending.
 */
static void client_cut(struct http *http, struct client *client)
{
	if (client->phase == CLIENT_ASKING || client->phase == CLIENT_HEARD) {
		send(client->fd, answer_slow, sizeof(answer_slow) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		http->status.requests++;
		http->status.errors++;
	}
	http->status.timed_out += client->phase != CLIENT_IDLE;
	client->phase = CLIENT_CUT;
	shutdown(client->fd, SHUT_RDWR);
}

static void limits_check(struct http *http)
{
	if (http->now_ns - http->limits_ns < LIMITS_NS)
		return;
	http->limits_ns = http->now_ns;
	if (http->paused)
		listener_pause(http, false);
	for (uint32_t i = 0; i < http->config.clients_max; i++) {
		struct client *client = &http->clients[i];

		if (client->fd >= 0 && client->phase != CLIENT_CUT &&
		    http->now_ns - client->since_ns >= http->config.timeout_s * NS_PER_SECOND)
			client_cut(http, client);
	}
}

static int watch(struct http *http, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int daemon_start(struct http *http)
{
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL,
					on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http,
					MHD_OPTION_CONNECTION_LIMIT, http->config.clients_max,
					MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_BYTES,
					MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_NOTIFY_COMPLETED,
					on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http,
					MHD_OPTION_END);
	return http->daemon ? 0 : -ENOMEM;
}

static int loop_start(struct http *http)
{
	int status = daemon_start(http);

	if (status)
		return status;
	http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	http->again_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (http->epoll_fd < 0 || http->again_fd < 0)
		return -errno;
	status = watch(http, http->listener.fd);
	if (!status)
		status = watch(http, http->again_fd);
	if (!status)
		status = watch(http, MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
	return status;
}

int http_open(struct http **http, const struct http_config *config, const struct service *service, char *why,
	      size_t size)
{
	struct http *opened = calloc(1, sizeof(*opened) + config->clients_max * sizeof(opened->clients[0]));
	int status;

	if (!opened) {
		snprintf(why, size, "no memory");
		return -ENOMEM;
	}
	opened->config = *config;
	opened->config.address = NULL; /* the caller's memory */
	opened->service = service;
	opened->epoll_fd = opened->again_fd = -1;
	for (uint32_t i = 0; i < config->clients_max; i++)
		opened->clients[i].fd = -1;
	status = listen_open(&opened->listener, config->address, SOCKET_MODE, (gid_t)-1, why, size);
	if (status) {
		free(opened);
		return status;
	}
	status = loop_start(opened);
	if (status) {
		snprintf(why, size, "no event loop: %s", strerror(-status));
		http_close(opened);
		return status;
	}
	log_info("http: listening on %s", opened->listener.name);
	*http = opened;
	return 0;
}

const char *http_address(const struct http *http)
{
	return http->listener.name;
}

int http_fd(const struct http *http)
{
	return http->epoll_fd;
}

void http_poll(struct http *http, uint64_t now_ns)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	eventfd_t again;

	http->now_ns = now_ns;
	eventfd_read(http->again_fd, &again);
	accept_clients(http);
	MHD_run(http->daemon);
	limits_check(http);
	/* Requests that came in one piece are answered one a turn: others have their turn between them. */
	if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES && !wait_ms)
		eventfd_write(http->again_fd, 1);
}

void http_status(const struct http *http, struct server_status *status)
{
	*status = http->status;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	if (http->again_fd >= 0)
		close(http->again_fd);
	if (http->epoll_fd >= 0)
		close(http->epoll_fd);
	listen_close(&http->listener);
	free(http);
}
