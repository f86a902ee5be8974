/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ask.c: see ask.h.
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monotonic.h"
#include "report/json_memory.h"
#include "report/report_read.h"
#include "verbs/ask.h"

#define LINE_BYTES_MAX (4 * 1024 * 1024) /* the daemon's lines are a fraction of that */
#define READ_BYTES     65536

/* ---- options and request ------------------------------------------------------------------------------ */

void ask_options_init(struct ask_options *options)
{
	memset(options, 0, sizeof(*options));
	pipeline_options_init(&options->pipeline);
	options->socket = CONTROL_PATH;
}

int ask_options_parse(const struct option_verb *verb, int argc, char **argv, struct ask_options *options, int *first)
{
	int outcome = options_parse(verb, argc, argv, options, first);

	if (outcome)
		return outcome;
	return pipeline_options_finish(verb, &options->pipeline, options->only_v4, options->only_v6);
}

void ask_set(json_t **object, const char *name, json_t *value)
{
	if (!json_object_set_new(*object, name, value))
		return;
	json_decref(*object);
	*object = NULL;
}

void ask_add(json_t **list, json_t *value)
{
	if (!json_array_append_new(*list, value))
		return;
	json_decref(*list);
	*list = NULL;
}

static void ports_set(json_t **filter, const char *name, const struct port_list *ports)
{
	json_t *list = json_array();
	char range[24];

	for (unsigned i = 0; i < ports->count; i++) {
		snprintf(range, sizeof(range), "%u-%u", ports->ranges[i].first, ports->ranges[i].last);
		ask_add(&list, json_string(range));
	}
	if (ports->count)
		ask_set(filter, name, list);
	else
		json_decref(list);
}

static void numbers_set(json_t **filter, const char *name, const uint32_t *numbers, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		ask_add(&list, json_integer(numbers[i]));
	if (count)
		ask_set(filter, name, list);
	else
		json_decref(list);
}

static void texts_set(json_t **filter, const char *name, const char *const *texts, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		ask_add(&list, json_string(texts[i]));
	if (count)
		ask_set(filter, name, list);
	else
		json_decref(list);
}

static void names_set(json_t **filter, const char *name, const struct name_table *names, uint64_t set)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < names->count; i++)
		if (set >> i & 1)
			ask_add(&list, json_string(names->names[i]));
	if (set)
		ask_set(filter, name, list);
	else
		json_decref(list);
}

json_t *ask_filter(const struct ask_options *options)
{
	const struct report_filter *wanted = &options->pipeline.filter;
	json_t *filter = json_object();

	numbers_set(&filter, "pid", wanted->pids, wanted->pid_count);
	numbers_set(&filter, "netns", wanted->netns, wanted->netns_count);
	texts_set(&filter, "comm", wanted->comms, wanted->comm_count);
	texts_set(&filter, "cgroup", wanted->cgroups, wanted->cgroup_count);
	ports_set(&filter, "local_port", &wanted->local_ports);
	ports_set(&filter, "remote_port", &wanted->remote_ports);
	names_set(&filter, "class", &class_names, wanted->classes);
	names_set(&filter, "cause", &cause_names, wanted->causes);
	if (wanted->family)
		ask_set(&filter, "family", json_string(wanted->family == 4 ? "ipv4" : "ipv6"));
	if (options->local)
		ask_set(&filter, "local", json_string(options->local));
	if (options->remote)
		ask_set(&filter, "remote", json_string(options->remote));
	return filter;
}

json_t *ask_request(const char *verb, json_t *filter)
{
	json_t *request = json_object();

	ask_set(&request, "verb", json_string(verb));
	ask_set(&request, "filter", filter);
	return request;
}

/* ---- the connection ----------------------------------------------------------------------------------- */

static int connect_refused(const struct ask *ask, int error)
{
	const struct group *group;
	struct stat socket;
	char why[256];

	if (error == ENOENT || error == ECONNREFUSED) {
		snprintf(why, sizeof(why), "%s; is the daemon running? (systemctl status lastack)",
			 error == ENOENT ? "there is no such socket" : "nobody answers there");
		return verb_fail(EXIT_FAILED, ask->verb, ask->socket, why);
	}
	if (error != EACCES)
		return verb_fail(EXIT_FAILED, ask->verb, ask->socket, strerror(error));
	group = stat(ask->socket, &socket) ? NULL : getgrgid(socket.st_gid);
	if (group && socket.st_mode & S_IWGRP)
		snprintf(why, sizeof(why), "no permission; root may ask, and members of the group %s", group->gr_name);
	else
		snprintf(why, sizeof(why), "no permission; root may ask");
	return verb_fail(EXIT_UNSUPPORTED, ask->verb, ask->socket, why);
}

static int ask_connect(const struct ask *ask, int *fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error;

	if (strlen(ask->socket) >= sizeof(address.sun_path))
		return verb_fail(EXIT_USAGE, ask->verb, ask->socket, "too long for the path of a socket");
	strcpy(address.sun_path, ask->socket);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return verb_fail(EXIT_FAILED, ask->verb, ask->socket, strerror(errno));
	if (!connect(*fd, (struct sockaddr *)&address, sizeof(address)))
		return EXIT_DONE;
	error = errno;
	close(*fd);
	return connect_refused(ask, error);
}

static int request_send(const struct ask *ask, int fd, json_t *request)
{
	struct text line = {0};
	int status = EXIT_DONE;

	json_append(request, &line);
	json_decref(request);
	text_append_char(&line, '\n');
	/* A socket just connected has room for any request. */
	if (line.failed)
		status = verb_fail(EXIT_FAILED, ask->verb, "the request", "out of memory, or a value that is no UTF-8");
	else if (send(fd, line.data, line.length, MSG_NOSIGNAL) != (ssize_t)line.length)
		status = verb_fail(EXIT_FAILED, ask->verb, ask->socket, strerror(errno));
	text_free(&line);
	return status;
}

/* ---- the answer --------------------------------------------------------------------------------------- */

enum answer {
	ANSWER_GOES_ON,
	ANSWER_ENOUGH,
	ANSWER_ENDED,
	ANSWER_FAILED, /* and a message was written */
};

struct answer_state {
	struct text buffer;
	uint64_t lines;
	int status; /* of ANSWER_FAILED */
};

static enum answer fail(const struct ask *ask, struct answer_state *state, const char *why)
{
	state->status = verb_fail(EXIT_FAILED, ask->verb, ask->socket, why);
	return ANSWER_FAILED;
}

static enum answer error_take(const struct ask *ask, const json_t *error, struct answer_state *state)
{
	const char *code = report_member_text(error, NULL, "code") ?: "";
	const char *message = report_member_text(error, NULL, "message") ?: "an error without a message";
	bool wrong_use = !strcmp(code, "bad_request") || !strcmp(code, "too_long");
	bool unsupported = !strcmp(code, "no_diagnosis");

	state->status = verb_fail(wrong_use     ? EXIT_USAGE
				  : unsupported ? EXIT_UNSUPPORTED
						: EXIT_FAILED,
				  ask->verb, message, NULL);
	return ANSWER_FAILED;
}

static bool begins_with(const char *line, size_t length, const char *beginning)
{
	return length >= strlen(beginning) && !memcmp(line, beginning, strlen(beginning));
}

static enum answer line_take(const struct ask *ask, const char *line, size_t length, struct answer_state *state)
{
	bool is_error = begins_with(line, length, "{\"error\":");
	enum answer answer = ANSWER_ENDED;
	json_t *json;

	if (!is_error && !begins_with(line, length, "{\"end\":"))
		return ask->line(ask->arg, line, length) ? ANSWER_GOES_ON : ANSWER_ENOUGH;
	json = json_memory_load(line, length, 0, NULL);
	if (json_memory_lacked())
		answer = fail(ask, state, "out of memory");
	else if (is_error)
		answer = error_take(ask, json_object_get(json, "error"), state);
	else
		state->lines = (uint64_t)report_member_number(json, "end", "lines", 0);
	if (!is_error && ask->end)
		ask->end(ask->arg, json_object_get(json, "end"));
	json_decref(json);
	return answer;
}

static enum answer buffer_take(const struct ask *ask, struct answer_state *state)
{
	struct text *buffer = &state->buffer;
	enum answer answer = ANSWER_GOES_ON;
	size_t taken = 0;
	char *end;

	while (answer == ANSWER_GOES_ON && (end = memchr(buffer->data + taken, '\n', buffer->length - taken)) != NULL) {
		answer = line_take(ask, buffer->data + taken, (size_t)(end - buffer->data) - taken, state);
		taken = (size_t)(end - buffer->data) + 1;
	}
	memmove(buffer->data, buffer->data + taken, buffer->length - taken);
	buffer->length -= taken;
	return answer;
}

/* How long to wait: -1 for ever. */
static int wait_ms(const struct ask *ask, uint64_t began_ns)
{
	uint64_t now_ns = monotonic_ns(), end_ns = began_ns + ask->duration_ns;
	uint64_t wait_ns = ask->quiet_ns ? ask->quiet_ns : UINT64_MAX;

	if (ask->duration_ns)
		wait_ns = end_ns <= now_ns ? 0 : end_ns - now_ns < wait_ns ? end_ns - now_ns : wait_ns;
	return wait_ns == UINT64_MAX
		       ? -1
		       : (int)((wait_ns + 999999) / 1000000 < 3600000 ? (wait_ns + 999999) / 1000000 : 3600000);
}

static enum answer answer_read(const struct ask *ask, int fd, uint64_t began_ns, struct answer_state *state)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	int ready = poll(&readable, 1, wait_ms(ask, began_ns));
	char *room;
	ssize_t got;

	if (ask->duration_ns && monotonic_ns() >= began_ns + ask->duration_ns)
		return ANSWER_ENOUGH;
	if (ready < 0 && errno == EINTR)
		return ANSWER_GOES_ON;
	if (ready == 0 && ask->quiet_ns)
		return fail(ask, state, "the daemon does not answer");
	if (ready == 0)
		return ANSWER_GOES_ON;
	if (state->buffer.length > LINE_BYTES_MAX)
		return fail(ask, state, "a line without an end: that is not lastack's daemon");
	room = text_reserve(&state->buffer, READ_BYTES);
	if (!room)
		return fail(ask, state, "out of memory");
	got = read(fd, room, READ_BYTES);
	if (got < 0)
		return errno == EINTR ? ANSWER_GOES_ON : fail(ask, state, strerror(errno));
	if (got == 0)
		return fail(ask, state, "the daemon closed the connection before the answer was whole");
	state->buffer.length += (size_t)got;
	return buffer_take(ask, state);
}

int ask(const struct ask *ask, json_t *request, uint64_t *lines)
{
	struct answer_state state = {.status = EXIT_DONE};
	enum answer answer = ANSWER_GOES_ON;
	uint64_t began_ns = monotonic_ns();
	int fd = -1, status = ask_connect(ask, &fd);

	if (status) {
		json_decref(request);
		return status;
	}
	status = request_send(ask, fd, request);
	while (!status && answer == ANSWER_GOES_ON) {
		answer = answer_read(ask, fd, began_ns, &state);
		if (fflush(stdout))
			answer = ANSWER_ENOUGH; /* ask_finish() says why */
	}
	close(fd);
	text_free(&state.buffer);
	if (lines)
		*lines = state.lines;
	return status ? status : state.status;
}

/* ---- output ------------------------------------------------------------------------------------------- */

/* Of a line that was lost before it came to stdout, nothing there tells. And was that said? */
static bool lines_lost, lines_told;

bool ask_write(struct text *text)
{
	bool written = !text->failed && fwrite(text->data, 1, text->length, stdout) == text->length;

	lines_lost |= text->failed;
	text_clear(text);
	return written;
}

int ask_finish(const char *verb, int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		if (errno == EPIPE)
			return status;
		return verb_fail(EXIT_FAILED, verb, "standard output", strerror(errno));
	}
	if (lines_lost && !lines_told)
		return verb_fail(EXIT_FAILED, verb, "standard output", strerror(ENOMEM));
	if (lines_lost && !status)
		return EXIT_FAILED;
	return status;
}

json_t *ask_load(const char *verb, const char *line, size_t length)
{
	char why[192];
	json_t *object = report_line_load(line, length, why, sizeof(why));

	if (!object) {
		verb_fail(EXIT_FAILED, verb, "a line of the daemon is not understood", why);
		lines_lost = lines_told = true;
	}
	return object;
}
