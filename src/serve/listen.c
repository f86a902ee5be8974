// SPDX-License-Identifier: GPL-2.0-only
/*
 * listen.c: see listen.h. Addresses are numbers: nothing is looked up in the network at the start of a monitor. What
 * is spoken over the socket it does not know.
 */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/listen.h"

#define UNIX_PREFIX "unix:"
#define BACKLOG     64

static const char *unix_path(const char *address)
{
	return strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) ? NULL : address + strlen(UNIX_PREFIX);
}

/* Does somebody answer? A full backlog is an answer too. */
static bool unix_is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return true; /* not known: nothing is taken away */
	answered = !connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno != ECONNREFUSED;
	close(fd);
	return answered;
}

static int unix_make_room(const struct sockaddr_un *address, char *why, size_t size)
{
	struct stat status;

	if (lstat(address->sun_path, &status))
		return 0; /* what is wrong with the path, bind() tells */
	if (!S_ISSOCK(status.st_mode)) {
		snprintf(why, size, "%s is there and is not a socket", address->sun_path);
		return -EEXIST;
	}
	if (unix_is_answered(address)) {
		snprintf(why, size, "%s is in use", address->sun_path);
		return -EADDRINUSE;
	}
	if (unlink(address->sun_path) && errno != ENOENT) {
		int error = errno;

		snprintf(why, size, "%s is left over and cannot be removed: %s", address->sun_path, strerror(error));
		return -error;
	}
	return 0;
}

static int unix_bind(struct listen_socket *listener, const char *path, mode_t mode, gid_t group, char *why, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat bound;
	bool is_bound;
	int status;

	if (!*path || strlen(path) >= sizeof(address.sun_path)) {
		snprintf(why, size, "a path of 1 to %zu bytes is needed", sizeof(address.sun_path) - 1);
		return -EINVAL;
	}
	strcpy(address.sun_path, path);
	status = unix_make_room(&address, why, size);
	if (status)
		return status;
	/* Before bind() already: at no moment may anybody connect who must not. umask may take away, chmod() gives. */
	is_bound = !fchmod(listener->fd, mode) && !bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
	if (!is_bound || (group != (gid_t)-1 && chown(path, (uid_t)-1, group)) || chmod(path, mode) ||
	    lstat(path, &bound)) {
		status = -errno;
		if (is_bound)
			unlink(path);
		snprintf(why, size, "%s: %s", path, strerror(-status));
		return status;
	}
	listener->device = bound.st_dev;
	listener->inode = bound.st_ino;
	return 0;
}

/* Takes "host:port" and "[host]:port" apart. */
static bool endpoint_split(const char *address, char host[NI_MAXHOST], char port[NI_MAXSERV])
{
	const char *colon = strrchr(address, ':');
	size_t length;

	if (!colon || colon == address || strlen(colon + 1) >= NI_MAXSERV)
		return false;
	length = (size_t)(colon - address);
	if (address[0] == '[') {
		if (colon[-1] != ']')
			return false;
		address++;
		length -= 2;
	} else if (memchr(address, ':', length)) {
		return false; /* an IPv6 address without brackets: which colon is the last one? */
	}
	if (!length || length >= NI_MAXHOST)
		return false;
	memcpy(host, address, length);
	host[length] = '\0';
	strcpy(port, colon + 1);
	return true;
}

static int endpoint_resolve(const char *address, struct addrinfo **found, char *why, size_t size)
{
	static const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	char host[NI_MAXHOST], port[NI_MAXSERV];

	/* getaddrinfo() takes ports modulo 65536. */
	if (endpoint_split(address, host, port) && *port && strspn(port, "0123456789") == strlen(port) &&
	    strtoul(port, NULL, 10) <= UINT16_MAX && !getaddrinfo(host, port, &hints, found))
		return 0;
	snprintf(why, size, "\"%s\" is none of ADDRESS:PORT, [ADDRESS]:PORT, unix:PATH", address);
	return -EINVAL;
}

/* Port 0 has become a number. */
static int endpoint_name(int fd, char name[LISTEN_NAME_BYTES])
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		return -errno;
	if (getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	snprintf(name, LISTEN_NAME_BYTES, address.ss_family == AF_INET6 ? "[%.80s]:%.8s" : "%.80s:%.8s", host, port);
	return 0;
}

static int endpoint_bind(int fd, const struct addrinfo *found, char *why, size_t size)
{
	int status = 0;

	/* What a daemon before this one has in TIME_WAIT must not keep it from starting. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, found->ai_addr, found->ai_addrlen)) {
		status = -errno;
		snprintf(why, size, "cannot bind: %s", strerror(-status));
	}
	return status;
}

/* found: of an address with a port, else NULL. */
static int start(struct listen_socket *listener, const char *address, const struct addrinfo *found, mode_t mode,
		 gid_t group, char *why, size_t size)
{
	int status = found ? endpoint_bind(listener->fd, found, why, size)
			   : unix_bind(listener, unix_path(address), mode, group, why, size);

	if (status)
		return status;
	status = listen(listener->fd, BACKLOG) ? -errno : 0;
	if (!status && found)
		status = endpoint_name(listener->fd, listener->name);
	else if (!status)
		snprintf(listener->name, sizeof(listener->name), "%s", address);
	if (status)
		snprintf(why, size, "cannot listen: %s", strerror(-status));
	return status;
}

int listen_open(struct listen_socket *listener, const char *address, mode_t mode, gid_t group, char *why, size_t size)
{
	struct listen_socket opened = {0};
	struct addrinfo *found = NULL;
	int status = unix_path(address) ? 0 : endpoint_resolve(address, &found, why, size);

	if (status)
		return status;
	opened.fd = socket(found ? found->ai_family : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (opened.fd < 0) {
		status = -errno;
		snprintf(why, size, "no socket: %s", strerror(-status));
	} else {
		status = start(&opened, address, found, mode, group, why, size);
		if (status && opened.inode) /* bound, but of no use */
			unlink(unix_path(address));
		if (status)
			close(opened.fd);
	}
	if (found)
		freeaddrinfo(found);
	if (!status)
		*listener = opened;
	return status;
}

void listen_close(struct listen_socket *listener)
{
	const char *path = unix_path(listener->name);

	struct stat there;

	if (path && !lstat(path, &there) && there.st_ino == listener->inode && there.st_dev == listener->device)
		unlink(path);
	close(listener->fd);
}
