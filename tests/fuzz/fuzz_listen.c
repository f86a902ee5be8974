// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_listen.c: any text as an address to listen on. Nothing is bound: bind() is this file's, and holds what was
 * understood against the text. Paths are left out: of them only the length is looked at, and they would be made.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "serve/listen.h"

static const char *asked;
static bool bound;

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	uint16_t port = address->sa_family == AF_INET ? v4->sin_port : v6->sin6_port;

	(void)fd;
	assert_true(address->sa_family == AF_INET || address->sa_family == AF_INET6);
	assert_true(length >= sizeof(*v4));
	assert_int_equal(ntohs(port), strtoul(strrchr(asked, ':') + 1, NULL, 10));
	bound = true;
	errno = EACCES;
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listen_socket listener;
	char *text = fuzz_text(data, size), why[160] = "";

	if (strncmp(text, "unix:", 5)) {
		int status;

		asked = text;
		bound = false;
		status = listen_open(&listener, text, 0600, (gid_t)-1, why, sizeof(why));
		assert_int_equal(status, bound ? -EACCES : -EINVAL);
		assert_true(why[0]);
	}
	free(text);
	return 0;
}
