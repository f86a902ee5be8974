/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ops.c: socket operations as an actor runs them, thin over the system calls. Nothing here knows of
 * scenarios; a result is what the kernel told this process and nothing else.
 */
#include "ops.h"
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS     2
#define FULL_FOR_MS 300

static char block[16384];

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_briefly(void)
{
	struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	nanosleep(&pause, NULL);
}

static int descriptor_wait(int fd, short events, int timeout_ms)
{
	struct pollfd entry = {.fd = fd, .events = events};
	return poll(&entry, 1, timeout_ms) > 0 ? 0 : -ETIMEDOUT;
}

static long result_of(long result)
{
	return result < 0 ? -errno : result;
}

long op_socket(const long *v)
{
	int one = 1;
	int fd = socket((int)v[0], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return result_of(fd);
}

long op_bind(const long *v)
{
	struct sockaddr_storage address;
	socklen_t bytes = world_sockaddr((int)v[1], (enum end)v[2], (uint16_t)v[3], &address);
	return result_of(bind((int)v[0], (struct sockaddr *)&address, bytes));
}

long op_listen(const long *v)
{
	return result_of(listen((int)v[0], (int)v[1]));
}

long op_connect(const long *v)
{
	struct sockaddr_storage address;
	socklen_t bytes = world_sockaddr((int)v[1], (enum end)v[2], (uint16_t)v[3], &address);
	return result_of(connect((int)v[0], (struct sockaddr *)&address, bytes));
}

long op_connect_blocking(const long *v)
{
	int flags = fcntl((int)v[0], F_GETFL);
	fcntl((int)v[0], F_SETFL, flags & ~O_NONBLOCK);
	long result = op_connect(v);
	fcntl((int)v[0], F_SETFL, flags);
	return result;
}

static long loopback_connect(int fd, int family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v6.sin6_addr = in6addr_loopback;
	struct sockaddr *address = family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t bytes = family == AF_INET6 ? sizeof(v6) : sizeof(v4);
	if (bind(fd, address, bytes))
		return -errno;
	return result_of(connect(fd, address, bytes));
}

long op_connect_self(const long *v)
{
	return loopback_connect((int)v[0], (int)v[1], (uint16_t)v[2]);
}

long op_connect_nowhere(const long *v)
{
	struct sockaddr_storage address;
	socklen_t bytes = world_sockaddr((int)v[1], SERVER, (uint16_t)v[3], &address);
	void *at = v[1] == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&address)->sin6_addr
				    : (void *)&((struct sockaddr_in *)&address)->sin_addr;
	if (inet_pton((int)v[1], (const char *)v[2], at) != 1)
		return -EINVAL;
	return result_of(connect((int)v[0], (struct sockaddr *)&address, bytes));
}

long op_connect_fast(const long *v)
{
	struct sockaddr_storage address;
	socklen_t bytes = world_sockaddr((int)v[1], (enum end)v[2], (uint16_t)v[3], &address);
	return result_of(sendto((int)v[0], block, 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&address, bytes));
}

static long error_take(int fd)
{
	int error = 0;
	socklen_t bytes = sizeof(error);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) ? errno : error;
}

long op_connected(const long *v)
{
	if (descriptor_wait((int)v[0], POLLOUT, OP_WAIT_MS))
		return -ETIMEDOUT;
	return -error_take((int)v[0]);
}

long op_accept(const long *v)
{
	if (descriptor_wait((int)v[0], POLLIN, OP_WAIT_MS))
		return -ETIMEDOUT;
	return result_of(accept4((int)v[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

long op_local_port(const long *v)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);
	if (getsockname((int)v[0], (struct sockaddr *)&address, &bytes))
		return -errno;
	/* The port stands at the same place in both kinds. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

long op_cookie(const long *v)
{
	uint64_t cookie;
	socklen_t bytes = sizeof(cookie);
	if (getsockopt((int)v[0], SOL_SOCKET, SO_COOKIE, &cookie, &bytes))
		return -errno;
	return (long)cookie;
}

long op_send(const long *v)
{
	long left = v[1];
	while (left > 0) {
		size_t wanted = left < (long)sizeof(block) ? (size_t)left : sizeof(block);
		ssize_t sent = send((int)v[0], block, wanted, MSG_NOSIGNAL);
		if (sent > 0)
			left -= sent;
		else if (errno != EAGAIN)
			return -errno;
		else if (descriptor_wait((int)v[0], POLLOUT, OP_WAIT_MS))
			return -ETIMEDOUT;
	}
	return v[1];
}

long op_fill(const long *v)
{
	long total = 0, full_since = now_ms();
	while (now_ms() - full_since < FULL_FOR_MS) {
		ssize_t sent = send((int)v[0], block, sizeof(block), MSG_NOSIGNAL);
		if (sent > 0) {
			total += sent;
			full_since = now_ms();
		} else if (errno != EAGAIN) {
			return -errno;
		} else {
			pause_briefly();
		}
	}
	return total;
}

long op_receive(const long *v)
{
	long left = v[1];
	while (left > 0) {
		if (descriptor_wait((int)v[0], POLLIN, OP_WAIT_MS))
			return -ETIMEDOUT;
		size_t wanted = left < (long)sizeof(block) ? (size_t)left : sizeof(block);
		ssize_t got = recv((int)v[0], block, wanted, 0);
		if (got == 0)
			return -ENODATA;
		if (got < 0)
			return -errno;
		left -= got;
	}
	return v[1];
}

long op_receive_end(const long *v)
{
	long total = 0;
	while (!descriptor_wait((int)v[0], POLLIN, OP_WAIT_MS)) {
		ssize_t got = recv((int)v[0], block, sizeof(block), 0);
		if (got == 0)
			return total;
		if (got < 0)
			return -errno;
		total += got;
	}
	return -ETIMEDOUT;
}

long op_wait_unread(const long *v)
{
	int unread = 0;
	for (long start = now_ms(); now_ms() - start < OP_WAIT_MS; pause_briefly())
		if (ioctl((int)v[0], FIONREAD, &unread) == 0 && unread >= v[1])
			return unread;
	return -ETIMEDOUT;
}

long op_wait_error(const long *v)
{
	for (long start = now_ms(); now_ms() - start < OP_WAIT_MS; pause_briefly()) {
		long error = error_take((int)v[0]);
		if (error)
			return error;
	}
	return -ETIMEDOUT;
}

long op_unsent(const long *v)
{
	int bytes = 0;
	return ioctl((int)v[0], SIOCOUTQ, &bytes) ? -errno : bytes;
}

long op_option(const long *v)
{
	int value = (int)v[3];
	return result_of(setsockopt((int)v[0], (int)v[1], (int)v[2], &value, sizeof(value)));
}

long op_linger(const long *v)
{
	struct linger linger = {.l_onoff = (int)v[1], .l_linger = (int)v[2]};
	return result_of(setsockopt((int)v[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

long op_keepalive(const long *v)
{
	const int names[] = {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT};
	for (int i = 0; i < 3; i++) {
		if (v[1 + i] == 0)
			continue;
		long error = op_option((long[]){v[0], IPPROTO_TCP, names[i], v[1 + i]});
		if (error)
			return error;
	}
	return op_option((long[]){v[0], SOL_SOCKET, SO_KEEPALIVE, 1});
}

long op_shutdown(const long *v)
{
	return result_of(shutdown((int)v[0], (int)v[1]));
}

long op_disconnect(const long *v)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	return result_of(connect((int)v[0], (struct sockaddr *)&address, sizeof(address)));
}

long op_close(const long *v)
{
	long start = now_ms();
	return close((int)v[0]) ? -errno : now_ms() - start;
}

long op_duplicate(const long *v)
{
	return result_of(dup((int)v[0]));
}

static long info_field(int fd, size_t offset)
{
	struct tcp_info info = {0};
	socklen_t bytes = sizeof(info);
	uint32_t value;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes))
		return -errno;
	if (bytes < offset + sizeof(value))
		return -EOPNOTSUPP;
	memcpy(&value, (const char *)&info + offset, sizeof(value));
	return value;
}

long op_retransmitted(const long *v)
{
	return info_field((int)v[0], offsetof(struct tcp_info, tcpi_total_retrans));
}

long op_peer_window(const long *v)
{
	return info_field((int)v[0], offsetof(struct tcp_info, tcpi_snd_wnd));
}

/* TCP_REPAIR lets a process see the sequence numbers; leaving it without a probe sends nothing. */
static long sequence_get(int fd, int queue)
{
	int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF_NO_WP;
	uint32_t sequence = 0;
	socklen_t bytes = sizeof(sequence);
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
		return -errno;
	int failed = setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
		     getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &bytes);
	long error = -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
	return failed ? error : (long)sequence;
}

long op_send_sequence(const long *v)
{
	return sequence_get((int)v[0], TCP_SEND_QUEUE);
}

long op_receive_sequence(const long *v)
{
	return sequence_get((int)v[0], TCP_RECV_QUEUE);
}

long op_exit(const long *v)
{
	_exit((int)v[0]);
}

long op_crash(const long *v)
{
	const volatile long *nowhere = (const volatile long *)v[0];
	return *nowhere;
}

long op_exec(const long *v)
{
	if (fcntl((int)v[0], F_SETFD, FD_CLOEXEC))
		return -errno;
	execlp("sleep", "sleep", "30", (char *)NULL);
	return -errno;
}

static volatile int descriptor_to_close = -1;

static void terminate(int signal_number)
{
	(void)signal_number;
	close(descriptor_to_close);
	_exit(0);
}

long op_close_on_sigterm(const long *v)
{
	struct sigaction action = {.sa_handler = terminate};
	descriptor_to_close = (int)v[0];
	return result_of(sigaction(SIGTERM, &action, NULL));
}
