/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_client.c: one client of the control socket: its two buffers, its requests one after another. Nothing here
 * waits; what a client may cost is in control_internal.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "serve/control_internal.h"
#include "serve/log.h"

size_t client_backlog(const struct control_client *client)
{
	return client->out.length - client->out_taken;
}

void control_end_line(struct text *text, uint64_t lines, const char *more)
{
	text_append_str(text, "{\"end\":{\"lines\":");
	text_append_u64(text, lines);
	text_append_str(text, more);
	text_append_str(text, "}}\n");
}

void control_error_line(struct text *text, const char *code, const char *message)
{
	text_append_str(text, "{\"error\":{\"code\":\"");
	text_append_str(text, code);
	text_append_str(text, "\",\"message\":");
	text_append_json_string(text, message, strlen(message));
	text_append_str(text, "}}\n");
}

/* The answer is over: what it took is given back, and the next request is waited for. */
static void client_rest(struct control_client *client)
{
	diagnose_end(client);
	control_request_free(&client->request);
	free(client->owners);
	client->owners = NULL;
	client->phase = CLIENT_WAITS;
	client->asked_ns = client->control->now_ns;
	client->lines = 0;
	client->cursor = 0;
}

void client_end(struct control_client *client, const char *more)
{
	control_end_line(&client->out, client->lines, more);
	client_rest(client);
}

void client_error(struct control_client *client, const char *code, const char *format, ...)
{
	char message[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	control_error_line(&client->out, code, message);
	client->control->status.errors++;
	client_rest(client);
}

/* False: the client is gone. */
static bool client_send(struct control_client *client)
{
	while (client_backlog(client)) {
		ssize_t sent = send(client->fd, client->out.data + client->out_taken, client_backlog(client),
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		client->out_taken += (size_t)sent;
		client->taken_ns = client->control->now_ns;
	}
	client->out_taken = 0;
	client->taken_ns = client->control->now_ns;
	if (client->out.capacity > OUT_BYTES_KEPT)
		text_free(&client->out);
	text_clear(&client->out);
	return true;
}

/* Makes room at the front; before anything is appended to what waits already. */
static void client_compact(struct control_client *client)
{
	if (!client->out_taken)
		return;
	memmove(client->out.data, client->out.data + client->out_taken, client_backlog(client));
	client->out.length -= client->out_taken;
	client->out_taken = 0;
}

static bool client_receive(struct control_client *client)
{
	ssize_t got;

	if (client->phase != CLIENT_WAITS || client->at_end || client->in_length == sizeof(client->in))
		return true;
	got = recv(client->fd, client->in + client->in_length, sizeof(client->in) - client->in_length, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0)
		client->at_end = true;
	client->in_length += (size_t)got;
	return true;
}

static const char *line_end(const struct control_client *client)
{
	return memchr(client->in, '\n', client->in_length);
}

/* Only when the answer before has been taken: so many requests at once cost no more than one. */
static void client_next_request(struct control_client *client)
{
	const char *end = line_end(client);
	size_t length = end ? (size_t)(end - client->in) : 0;
	char why[192];
	int error;

	if (!end) {
		if (client->in_length == sizeof(client->in)) {
			client_error(client, "too_long", "a request has %d bytes at most, with its line feed",
				     REQUEST_BYTES);
			client->in_length = 0;
			client->phase = CLIENT_LEAVES;
		} else if (client->at_end) {
			client->phase = CLIENT_LEAVES;
		}
		return;
	}
	client->control->status.requests++;
	error = control_request_read(&client->request, client->in, length, why, sizeof(why));
	client->in_length -= length + 1;
	memmove(client->in, end + 1, client->in_length);
	if (error)
		client_error(client, error == -ENOMEM ? "out_of_memory" : "bad_request", "%s", why);
	else
		answer_begin(client);
}

static bool interest_update(struct control_client *client)
{
	struct epoll_event event = {.data.ptr = client};
	bool has_line = line_end(client) != NULL;

	if (client->phase == CLIENT_WAITS && !client->at_end && !has_line)
		event.events |= EPOLLIN;
	if (client_backlog(client))
		event.events |= EPOLLOUT;
	if (event.events == client->interest)
		return true;
	client->interest = event.events;
	return epoll_ctl(client->control->epoll, EPOLL_CTL_MOD, client->fd, &event) == 0;
}

bool client_step(struct control_client *client, uint32_t events)
{
	if (client->phase == CLIENT_HISTORY)
		return true;
	if (events & (EPOLLHUP | EPOLLERR))
		return false;
	if (events & EPOLLIN && !client_receive(client))
		return false;
	if (!client_send(client))
		return false;
	if (client->phase == CLIENT_WAITS && !client_backlog(client)) {
		client_next_request(client);
		if (client->phase == CLIENT_HISTORY)
			return true;
		if (!client_send(client))
			return false;
	}
	if (client->phase == CLIENT_FOLLOWS)
		follow_step(client);
	if (client->out.failed || (client->phase == CLIENT_LEAVES && !client_backlog(client)))
		return false;
	client_compact(client);
	return interest_update(client);
}

bool client_has_work(const struct control_client *client)
{
	if (client->phase == CLIENT_ANSWERS)
		return client_backlog(client) < OUT_BYTES_HIGH;
	return client->phase == CLIENT_WAITS && !client_backlog(client) && (client->at_end || line_end(client));
}

bool client_is_late(const struct control_client *client)
{
	uint64_t now_ns = client->control->now_ns, limit_ns = client->control->config.timeout_ns;

	if (client->phase == CLIENT_HISTORY)
		return false;
	if (client_backlog(client))
		return now_ns - client->taken_ns > limit_ns;
	return client->phase == CLIENT_WAITS && now_ns - client->asked_ns > limit_ns;
}

void client_destroy(struct control_client *client)
{
	control_request_free(&client->request);
	free(client->owners);
	text_free(&client->out);
	close(client->fd);
	free(client);
}
