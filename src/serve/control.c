/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.c: see control.h. Listens, gives each client its turn, and cuts off who is too slow. control_protocol.md is
 * what a client goes by.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "monotonic.h"
#include "serve/control_internal.h"
#include "serve/log.h"

#define EVENTS_AT_ONCE  64
#define ACCEPTS_AT_ONCE 16
#define DEAF_NS         1000000000ULL /* when descriptors ran out */

int64_t control_wall_us(const struct control *control)
{
	return field_wall_us(control->service->context, control->now_ns);
}

void control_wake(const struct control *control)
{
	uint64_t one = 1;

	/* It fails only where it is raised already. */
	if (write(control->wake, &one, sizeof(one)) < 0)
		return;
}

/* ---- who may come ------------------------------------------------------------------------------------- */

static bool is_ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* One user gets half of the places at most, and all others together leave one for root. */
static bool has_place(const struct control *control, uid_t uid, uint32_t *place)
{
	uint32_t max = control->config.clients_max, free_places = 0, same = 0;

	for (uint32_t i = max; i-- > 0;) {
		if (!control->clients[i]) {
			*place = i;
			free_places++;
		} else if (control->clients[i]->peer.uid == uid) {
			same++;
		}
	}
	if (is_ours(uid) || max == 1)
		return free_places > 0;
	return free_places > 1 && same < max / 2;
}

/* Says why, as far as that is possible without waiting. */
static void refuse(struct control *control, int fd, const char *code, const char *message)
{
	char memory[512]; /* a JSON string wants room for nothing but escapes */
	struct text text = text_borrow(memory, sizeof(memory));

	control->status.refused++;
	control_error_line(&text, code, message);
	if (!text.failed && send(fd, text.data, text.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control: a refused client could not be told");
	close(fd);
}

static struct control_client *client_create(struct control *control, int fd, const struct ucred *peer)
{
	struct control_client *client = calloc(1, sizeof(*client));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	if (!client || epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &event)) {
		free(client);
		return NULL;
	}
	client->control = control;
	client->fd = fd;
	client->interest = EPOLLIN;
	client->peer = *peer;
	client->asked_ns = client->taken_ns = control->now_ns;
	return client;
}

static void client_admit(struct control *control, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	uint32_t place = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) || size != sizeof(peer))
		return refuse(control, fd, "not_allowed", "who you are cannot be read");
	if (!has_place(control, peer.uid, &place))
		return refuse(control, fd, "too_many_clients", "all places are taken; try again later");
	control->clients[place] = client_create(control, fd, &peer);
	if (!control->clients[place])
		return refuse(control, fd, "out_of_memory", "no memory for another client");
	control->status.accepted++;
	control->status.clients++;
	log_debug("control: client of uid %u, gid %u, pid %d", peer.uid, peer.gid, peer.pid);
}

static void listener_watch(struct control *control, bool watched)
{
	struct epoll_event event = {.events = watched ? EPOLLIN : 0, .data.ptr = &control->listener};

	if (!epoll_ctl(control->epoll, EPOLL_CTL_MOD, control->listener.fd, &event))
		control->deaf_ns = watched ? 0 : control->now_ns;
}

static void clients_accept(struct control *control)
{
	for (unsigned i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = accept4(control->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			/* It would be readable for ever, and the loop busy with that. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
				log_warning("control: no client can be taken in: %s", strerror(errno));
				listener_watch(control, false);
			}
			return;
		}
		client_admit(control, fd);
	}
}

/* ---- turns -------------------------------------------------------------------------------------------- */

static void client_drop(struct control *control, uint32_t place)
{
	client_destroy(control->clients[place]);
	control->clients[place] = NULL;
	control->status.clients--;
}

static void place_step(struct control *control, uint32_t place, uint32_t events)
{
	if (!client_step(control->clients[place], events))
		client_drop(control, place);
}

static uint32_t place_of(const struct control *control, const struct control_client *client)
{
	uint32_t place = 0;

	while (control->clients[place] != client)
		place++;
	return place;
}

/* What descriptors tell of. */
static void events_take(struct control *control)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(control->epoll, events, EVENTS_AT_ONCE, 0);
	uint64_t raised;

	for (int i = 0; i < count; i++) {
		void *who = events[i].data.ptr;

		if (who == &control->listener)
			clients_accept(control);
		else if (who != &control->wake)
			place_step(control, place_of(control, who), events[i].events);
		else if (read(control->wake, &raised, sizeof(raised)) < 0)
			continue;
	}
}

/* Each in turn a small piece, until the time is over or nobody has anything left. Returns whether somebody has. */
static bool slices_run(struct control *control)
{
	uint32_t max = control->config.clients_max, idle = 0;
	uint64_t end_ns = monotonic_ns() + SLICE_NS;

	while (idle < max) {
		struct control_client *client = control->clients[control->turn];
		uint32_t place = control->turn;

		control->turn = (control->turn + 1) % max;
		if (!client || !client_has_work(client)) {
			idle++;
			continue;
		}
		idle = 0;
		if (client->phase == CLIENT_ANSWERS)
			answer_slice(client);
		/* Sent in pieces worth a system call, and what is left when the answer is over. */
		if (client->phase != CLIENT_ANSWERS || client_backlog(client) >= OUT_BYTES_HIGH)
			place_step(control, place, 0);
		if (monotonic_ns() >= end_ns)
			return true;
	}
	return false;
}

/* Clients whose thread is over are back. */
static void threads_look_after(struct control *control)
{
	for (uint32_t i = 0; control->jobs && i < control->config.clients_max; i++)
		if (control->clients[i] && control->clients[i]->phase == CLIENT_HISTORY &&
		    history_step(control->clients[i]))
			place_step(control, i, 0);
}

/* Everybody once: reports that came since, time limits. */
static void clients_look_after(struct control *control)
{
	for (uint32_t i = 0; i < control->config.clients_max; i++) {
		struct control_client *client = control->clients[i];

		if (!client || client->phase == CLIENT_HISTORY)
			continue;
		if (!client_backlog(client))
			client->taken_ns = control->now_ns;
		else if (!(client->interest & EPOLLOUT) && !client_step(client, 0)) {
			client_drop(control, i);
			continue;
		}
		if (client_is_late(client)) {
			control->status.timed_out++;
			client_drop(control, i);
		}
	}
}

void control_poll(struct control *control, uint64_t now_ns)
{
	control->now_ns = now_ns;
	if (control->deaf_ns && now_ns - control->deaf_ns > DEAF_NS)
		listener_watch(control, true);
	events_take(control);
	threads_look_after(control);
	if (slices_run(control))
		control_wake(control);
	clients_look_after(control);
}

int control_fd(const struct control *control)
{
	return control->epoll;
}

void control_status(const struct control *control, struct server_status *status)
{
	*status = control->status;
}

/* ---- begin and end ------------------------------------------------------------------------------------ */

static int listener_open(struct control *control, char *why, size_t size)
{
	const struct control_config *config = &control->config;
	char address[LISTEN_NAME_BYTES];

	snprintf(address, sizeof(address), "unix:%s", config->path);
	return listen_open(&control->listener, address, config->mode, config->group, why, size);
}

static int poll_open(struct control *control)
{
	struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &control->listener};
	struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &control->wake};

	control->epoll = epoll_create1(EPOLL_CLOEXEC);
	control->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->epoll < 0 || control->wake < 0 ||
	    epoll_ctl(control->epoll, EPOLL_CTL_ADD, control->listener.fd, &listener) ||
	    epoll_ctl(control->epoll, EPOLL_CTL_ADD, control->wake, &wake))
		return -errno;
	return 0;
}

int control_open(struct control **opened, const struct control_config *config, const struct service *service, char *why,
		 size_t size)
{
	struct control *control = calloc(1, sizeof(*control));
	int error = -ENOMEM;

	snprintf(why, size, "%s: %s", config->path, strerror(ENOMEM));
	if (!control)
		return error;
	control->config = *config;
	control->config.clients_max = config->clients_max ? config->clients_max : 1;
	control->service = service;
	control->epoll = control->wake = control->listener.fd = -1;
	control->now_ns = monotonic_ns();
	control->history_run = history_query_run;
	control->history_time_ns = HISTORY_TIME_NS;
	control->clients = calloc(control->config.clients_max, sizeof(struct control_client *));
	control->live = live_writer_create();
	control->reports = report_writer_create(REPORT_JSON, service->context, 0);
	if (control->clients && control->live && control->reports) {
		error = listener_open(control, why, size);
		if (!error && (error = poll_open(control)))
			snprintf(why, size, "%s: %s", config->path, strerror(-error));
	}
	if (error) {
		control_close(control);
		return error;
	}
	*opened = control;
	return 0;
}

static void clients_close(struct control *control)
{
	for (uint32_t i = 0; control->clients && i < control->config.clients_max; i++)
		if (control->clients[i] && control->clients[i]->phase == CLIENT_HISTORY)
			history_stop(control->clients[i]);
	for (uint32_t i = 0; control->clients && i < control->config.clients_max; i++) {
		struct control_client *client = control->clients[i];

		if (!client)
			continue;
		if (client->phase == CLIENT_HISTORY)
			history_join(client);
		else
			client_error(client, "stopping", "the daemon ends");
		client_step(client, 0);
		client_drop(control, i);
	}
}

void control_close(struct control *control)
{
	if (!control)
		return;
	clients_close(control);
	if (control->listener.fd >= 0)
		listen_close(&control->listener);
	if (control->epoll >= 0)
		close(control->epoll);
	if (control->wake >= 0)
		close(control->wake);
	live_writer_destroy(control->live);
	report_writer_destroy(control->reports);
	text_free(&control->line);
	free(control->clients);
	free(control);
}
