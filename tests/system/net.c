/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.c: see net.h. Everything is on the loopback of a namespace of the test's own; nft drops there too.
 */
#include "net.h"

#include "system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int home_fd = -1;

static __attribute__((constructor)) void home_remember(void)
{
	home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

void netns_enter(int fd)
{
	CHECK(!setns(fd, CLONE_NEWNET), "setns: %s", strerror(errno));
}

void home_enter(void)
{
	netns_enter(home_fd);
}

int netns_fd(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0, "/proc/self/ns/net: %s", strerror(errno));
	return fd;
}

uint32_t netns_inode(void)
{
	struct stat status;

	CHECK(!stat("/proc/self/ns/net", &status), "/proc/self/ns/net: %s", strerror(errno));
	return (uint32_t)status.st_ino;
}

uint32_t netns_enter_new(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	CHECK(!unshare(CLONE_NEWNET), "unshare: %s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(!ioctl(fd, SIOCSIFFLAGS, &request), "lo: %s", strerror(errno));
	close(fd);
	return netns_inode();
}

void netns_filter(const char *rules)
{
	char text[1024];
	struct program nft;

	snprintf(text, sizeof(text),
		 "flush ruleset; table inet t { chain c { type filter hook input priority 0; %s; }; }", rules);
	CHECK(program_run(&nft, "nft", text) == 0, "nft %s: %s", text, text_of(nft.errors));
	close(nft.output);
	close(nft.errors);
}

void netns_set(const char *sysctl, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", sysctl);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value), "%s: %s", path, strerror(errno));
	close(fd);
}

/* Pairs of lines "Group: name name ..." and "Group: value value ...". */
long long netns_counter(const char *group, const char *name)
{
	char names[8192], values[8192], *at_name, *at_value;
	FILE *file = fopen(strcmp(group, "TcpExt") ? "/proc/self/net/snmp" : "/proc/self/net/netstat", "re");
	long long found = -1;

	CHECK(file, "/proc/self/net: %s", strerror(errno));
	while (found < 0 && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		char *n = strtok_r(names, ": \n", &at_name), *v = strtok_r(values, ": \n", &at_value);

		for (bool here = n && !strcmp(n, group); here && n && v && found < 0;) {
			if (!strcmp(n, name))
				found = atoll(v);
			n = strtok_r(NULL, " \n", &at_name);
			v = strtok_r(NULL, " \n", &at_value);
		}
	}
	fclose(file);
	CHECK(found >= 0, "no counter %s %s", group, name);
	return found;
}

unsigned netns_sockets(void)
{
	static const char *const paths[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};
	unsigned count = 0, state;
	char line[512];

	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(paths[i], "re");

		CHECK(file, "%s: %s", paths[i], strerror(errno));
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, " %*u: %*[0-9A-F]:%*x %*[0-9A-F]:%*x %x", &state) == 1)
				count += state != TCP_LISTEN && state != TCP_TIME_WAIT;
		fclose(file);
	}
	return count;
}

/* ---- sockets ------------------------------------------------------------------------------------- */

static socklen_t address_fill(struct sockaddr_storage *storage, int family, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (family == AF_INET) {
		*v4 = (struct sockaddr_in){AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	inet_pton(AF_INET6, family == MAPPED ? "::ffff:127.0.0.1" : "::1", &v6->sin6_addr);
	return sizeof(*v6);
}

static int tcp_socket(int family, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = address_fill(&address, family, port);
	int fd = socket(family == AF_INET ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0, "socket: %s", strerror(errno));
	option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(!port || !bind(fd, (struct sockaddr *)&address, bytes), "bind to port %u: %s", port, strerror(errno));
	return fd;
}

int tcp_listen(int family, uint16_t port)
{
	int fd = tcp_socket(family, port);

	CHECK(!listen(fd, 4096), "listen: %s", strerror(errno));
	return fd;
}

int tcp_connect(int family, uint16_t local_port, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = address_fill(&address, family, port);
	int fd = tcp_socket(family, local_port);

	CHECK(!connect(fd, (struct sockaddr *)&address, bytes), "connect to port %u: %s", port, strerror(errno));
	return fd;
}

int tcp_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	CHECK(fd >= 0, "accept: %s", strerror(errno));
	return fd;
}

uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);

	CHECK(!getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes), "SO_COOKIE: %s", strerror(errno));
	return cookie;
}

uint16_t local_port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);

	CHECK(!getsockname(fd, (struct sockaddr *)&address, &bytes), "getsockname: %s", strerror(errno));
	return ntohs(((struct sockaddr_in *)&address)->sin_port); /* at the same place in both families */
}

void option_set(int fd, int level, int name, int value)
{
	CHECK(!setsockopt(fd, level, name, &value, sizeof(value)), "setsockopt %d/%d: %s", level, name,
	      strerror(errno));
}

void linger_zero(int fd)
{
	struct linger linger = {1, 0};

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), "SO_LINGER: %s", strerror(errno));
}

struct pair pair_open(int family, int listener, uint16_t port)
{
	struct pair pair;

	pair.client = tcp_connect(family, 0, port);
	pair.server = tcp_accept(listener);
	pair.client_cookie = cookie_of(pair.client);
	pair.server_cookie = cookie_of(pair.server);
	return pair;
}

void pair_close(struct pair *pair)
{
	char byte;

	close(pair->client);
	CHECK(recv(pair->server, &byte, 1, 0) == 0, "the server does not see the end");
	close(pair->server);
	pair->client = pair->server = -1;
}

/* ---- load ---------------------------------------------------------------------------------------- */

pid_t fork_to_cpu(unsigned cpu)
{
	pid_t pid = fork();
	cpu_set_t set;

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set), "CPU %u: %s", cpu, strerror(errno));
	return 0;
}

pid_t load_start(unsigned connections, unsigned cpu, uint16_t port)
{
	pid_t pid = fork_to_cpu(cpu);
	int listener;

	if (pid)
		return pid;
	netns_enter_new();
	listener = tcp_listen(AF_INET, port);
	for (unsigned i = 0; i < connections; i++) {
		struct pair pair = pair_open(AF_INET, listener, port);

		linger_zero(pair.client); /* no TIME_WAIT: ports do not run out */
		close(pair.client);
		close(pair.server);
	}
	_exit(0);
}

/* One connection over the listener; the letter says how it ends. */
static void mixed_end(int family, int listener, uint16_t port, char how)
{
	struct pair pair = pair_open(family, listener, port);
	char bytes[64] = "bytes";
	int fd = how == 'p' ? pair.server : pair.client;
	int other = how == 'p' ? pair.client : pair.server;

	CHECK(send(pair.client, bytes, sizeof(bytes), 0) == sizeof(bytes), "send: %s", strerror(errno));
	if (how != 'u')
		CHECK(recv(pair.server, bytes, sizeof(bytes), 0) == sizeof(bytes), "recv: %s", strerror(errno));
	if (how == 'l')
		linger_zero(fd);
	if (how == 'u') /* the server closes with unread data */
		fd = pair.server, other = pair.client;
	if (how == 'h') {
		shutdown(fd, SHUT_WR);
		CHECK(recv(other, bytes, 1, 0) == 0, "the end does not come");
	}
	close(fd);
	if (how == 'c' || how == 'p')
		CHECK(recv(other, bytes, 1, 0) == 0, "the end does not come");
	close(other);
}

static void mixed_refused(int family, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = address_fill(&address, family, port);
	int fd = tcp_socket(family, 0);

	CHECK(connect(fd, (struct sockaddr *)&address, bytes) && errno == ECONNREFUSED, "port %u is not refused", port);
	close(fd);
}

void mixed_play(unsigned rounds, uint16_t port)
{
	static const int families[] = {AF_INET, AF_INET6};
	int listeners[2];

	for (int i = 0; i < 2; i++)
		listeners[i] = tcp_listen(families[i], port);
	for (unsigned round = 0; round < rounds; round++)
		for (int i = 0; i < 2; i++) {
			for (const char *how = "clphu"; *how; how++)
				mixed_end(families[i], listeners[i], port, *how);
			mixed_refused(families[i], port + 1);
		}
	for (int i = 0; i < 2; i++)
		close(listeners[i]);
}

void child_await(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	CHECK(status == 0, "a child of the test ended with wait status %#x", status);
}
