/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.h: network namespaces of a test's own and real TCP connections in them. Namespaces have no name
 * and no file: they vanish with the processes and sockets of the test. All fail the test on errors.
 */
#ifndef SYSTEM_NET_H
#define SYSTEM_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Back to the namespace that the tests were started in. */
void home_enter(void);
/* A new namespace for the calling process, its loopback up. Returns its inode. */
uint32_t netns_enter_new(void);
/* A descriptor of the namespace that the caller is in, and back into it. */
int netns_fd(void);
void netns_enter(int fd);
uint32_t netns_inode(void);
/* Rules for nft, instead of all that were there; "" for none. */
void netns_filter(const char *rules);
void netns_set(const char *sysctl, const char *value); /* below net.ipv4 */
/* A counter of /proc/net/snmp or netstat here, such as "Tcp", "ActiveOpens". */
long long netns_counter(const char *group, const char *name);
/* Sockets here that are neither listening nor gone (TIME_WAIT), of both families. */
unsigned netns_sockets(void);

/* family: AF_INET or AF_INET6; MAPPED: an IPv6 socket that speaks IPv4. On loopback. */
#define MAPPED 1000
int tcp_listen(int family, uint16_t port);
/* local_port 0: the kernel's choice. */
int tcp_connect(int family, uint16_t local_port, uint16_t port);
int tcp_accept(int listener);
uint64_t cookie_of(int fd);
uint16_t local_port_of(int fd);
void linger_zero(int fd);
void option_set(int fd, int level, int name, int value);

/* Both ends of a connection, in this process. */
struct pair {
	int client, server;
	uint64_t client_cookie, server_cookie;
};

struct pair pair_open(int family, int listener, uint16_t port);
/* The client closes, the server reads the end and closes too. */
void pair_close(struct pair *pair);

/* fork(); the child stays on this CPU (of those that there are) and dies with its parent. */
pid_t fork_to_cpu(unsigned cpu);
/*
 * Opens and closes so many connections in a namespace of its own, on the CPU; from a child process,
 * which dies with its parent. Returns its pid.
 */
pid_t load_start(unsigned connections, unsigned cpu, uint16_t port);
/* In the present namespace, `rounds` times over: ends of many kinds, over both families. Uses ports from `port` on. */
void mixed_play(unsigned rounds, uint16_t port);
/* Waits for the end of a child, with status 0. */
void child_await(pid_t pid);

#endif
