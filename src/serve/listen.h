/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * listen.h: a listening stream socket from what an operator writes: "127.0.0.1:9752", "[::1]:9752" or
 * "unix:/run/lastack/http.sock".
 */
#ifndef LASTACK_SERVE_LISTEN_H
#define LASTACK_SERVE_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#define LISTEN_NAME_BYTES 128 /* room for every address in the form above */

struct listen_socket {
	int fd;       /* does not block */
	dev_t device; /* of a Unix socket: which file is ours */
	ino_t inode;
	char name[LISTEN_NAME_BYTES]; /* as bound: port 0 has become a number */
};

/*
 * A Unix socket gets exactly this mode, and this group unless it is (gid_t)-1. One that a program which has died left
 * behind is replaced; one that somebody answers on is not: -EADDRINUSE; nor is what is no socket. Returns 0, or -errno
 * with `why` (size bytes) set.
 */
int listen_open(struct listen_socket *listener, const char *address, mode_t mode, gid_t group, char *why, size_t size);
/* Also removes a Unix socket, unless another has taken its place. */
void listen_close(struct listen_socket *listener);

#endif
