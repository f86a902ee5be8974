/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * world.c: makes the two namespaces, the cable between them and the rules that cut it.
 *
 * Neighbour entries are permanent and IPv6 addresses skip duplicate detection: then a dropped packet
 * is a TCP event only and never one of ARP or neighbour discovery.
 */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CARRIER_WAIT_MS 40000 /* it waits for a work queue and for a lock of the whole host */

static const char *const addresses_v4[ENDS] = {"10.77.0.1", "10.77.0.2"};
static const char *const addresses_v6[ENDS] = {"fd77::1", "fd77::2"};
static const char *const macs[ENDS] = {"02:00:00:00:00:01", "02:00:00:00:00:02"};

const char *world_address(int family, enum end end)
{
	return family == AF_INET6 ? addresses_v6[end] : addresses_v4[end];
}

socklen_t world_sockaddr(int family, enum end end, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (family == AF_INET6) {
		struct sockaddr_in6 *address = (struct sockaddr_in6 *)out;
		address->sin6_family = AF_INET6;
		address->sin6_port = htons(port);
		inet_pton(AF_INET6, addresses_v6[end], &address->sin6_addr);
		return sizeof(*address);
	}
	struct sockaddr_in *address = (struct sockaddr_in *)out;
	address->sin_family = AF_INET;
	address->sin_port = htons(port);
	inet_pton(AF_INET, addresses_v4[end], &address->sin_addr);
	return sizeof(*address);
}

int world_enter(const struct world *world, enum end end)
{
	return setns(world->netns_fd[end], CLONE_NEWNET) ? -errno : 0;
}

int world_leave(const struct world *world)
{
	return setns(world->home_fd, CLONE_NEWNET) ? -errno : 0;
}

/* Runs a program in the namespace of an end with a text on its standard input. */
static int program_run(const struct world *world, enum end end, char *const argv[], const char *input)
{
	int ends[2], status;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return -EAGAIN;
	}
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		if (world_enter(world, end) == 0)
			execvp(argv[0], argv);
		_exit(127);
	}
	close(ends[0]);
	ssize_t written = write(ends[1], input, strlen(input));
	close(ends[1]);
	if (waitpid(pid, &status, 0) != pid || status != 0 || written != (ssize_t)strlen(input)) {
		fprintf(stderr, "%s failed with status %#x on:\n%s\n", argv[0], status, input);
		return -EIO;
	}
	return 0;
}

int world_filter(const struct world *world, enum end end, const char *rule)
{
	char text[512];
	snprintf(text, sizeof(text),
		 "table inet live\ndelete table inet live\n"
		 "table inet live {\n chain input {\n  type filter hook input priority 0;\n  %s\n }\n}\n",
		 rule ? rule : "");
	if (nft_run_cmd_from_buffer(world->nft[end], text)) {
		fprintf(stderr, "nftables failed on:\n%s\n", text);
		return -EIO;
	}
	return 0;
}

/* Sysctl files show the namespace of whoever opens them. */
static int file_open(const struct world *world, enum end end, const char *path, int flags)
{
	if (world_enter(world, end))
		return -errno;
	int fd = open(path, flags | O_CLOEXEC);
	int error = -errno;
	world_leave(world);
	return fd >= 0 ? fd : error;
}

int world_set(const struct world *world, enum end end, const char *name, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	int fd = file_open(world, end, path, O_WRONLY);
	if (fd < 0)
		return fd;
	int error = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return error;
}

/* Both files consist of pairs of lines "Group: name name ..." and "Group: value value ...". */
static long counter_parse(char *text, const char *group, const char *name)
{
	size_t group_bytes = strlen(group);
	char *lines = NULL;
	for (char *names = strtok_r(text, "\n", &lines); names; names = strtok_r(NULL, "\n", &lines)) {
		char *values = strtok_r(NULL, "\n", &lines);
		if (!values)
			break;
		if (strncmp(names, group, group_bytes) != 0 || names[group_bytes] != ':')
			continue;
		char *at_name = NULL, *at_value = NULL;
		char *n = strtok_r(names, " ", &at_name), *v = strtok_r(values, " ", &at_value);
		for (; n && v; n = strtok_r(NULL, " ", &at_name), v = strtok_r(NULL, " ", &at_value))
			if (!strcmp(n, name))
				return atol(v);
	}
	return -ENOENT;
}

long world_counter(const struct world *world, enum end end, const char *group, const char *name)
{
	static char text[32768];
	/* "self" would be resolved at open() as well; "thread-self" says what is meant. */
	const char *path = strcmp(group, "TcpExt") ? "/proc/thread-self/net/snmp" : "/proc/thread-self/net/netstat";
	int fd = file_open(world, end, path, O_RDONLY);
	if (fd < 0)
		return fd;
	size_t used = 0;
	ssize_t got;
	while ((got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	text[used] = '\0';
	return counter_parse(text, group, name);
}

static int namespace_create(struct world *world, enum end end)
{
	struct stat status;
	if (unshare(CLONE_NEWNET))
		return -errno;
	world->netns_fd[end] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (world->netns_fd[end] < 0 || fstat(world->netns_fd[end], &status))
		return -errno;
	world->netns_inode[end] = (uint32_t)status.st_ino;
	/* In this process and once: in an emulated machine a program takes longer to start than some timers to expire.
	 */
	world->nft[end] = nft_ctx_new(NFT_CTX_DEFAULT);
	return world->nft[end] ? 0 : -ENOMEM;
}

static int end_configure(const struct world *world, enum end end, const char *first_line)
{
	char *argv[] = {(char[]){"ip"}, (char[]){"-batch"}, (char[]){"-"}, NULL};
	enum end peer = other_end(end);
	char text[1024];
	snprintf(text, sizeof(text),
		 "%s"
		 "link set lo up\n"
		 "address add %s/24 dev live0\n"
		 "address add %s/64 dev live0 nodad\n"
		 "link set live0 up\n"
		 "neighbour replace %s lladdr %s nud permanent dev live0\n"
		 "neighbour replace %s lladdr %s nud permanent dev live0\n",
		 first_line, addresses_v4[end], addresses_v6[end], addresses_v4[peer], macs[peer], addresses_v6[peer],
		 macs[peer]);
	return program_run(world, end, argv, text);
}

/* Until the carrier has been noticed the queueing discipline of the device drops everything. */
static int carrier_wait(const struct world *world, enum end end)
{
	struct ifreq request = {.ifr_name = "live0"};
	struct timespec pause = {.tv_nsec = 2 * 1000000L};
	if (world_enter(world, end))
		return -errno;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	world_leave(world);
	if (fd < 0)
		return -EIO;
	int error = -ETIMEDOUT;
	for (int waited = 0; waited < CARRIER_WAIT_MS; waited += 2) {
		if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING)) {
			error = 0;
			break;
		}
		nanosleep(&pause, NULL);
	}
	close(fd);
	return error;
}

/* Reno and no memory of earlier connections: the same timing in every run. */
static int end_settle(const struct world *world, enum end end)
{
	int error = carrier_wait(world, end);
	if (!error)
		error = world_set(world, end, "tcp_congestion_control", "reno");
	if (!error)
		error = world_set(world, end, "tcp_no_metrics_save", "1");
	return error;
}

int world_create(struct world *world)
{
	char cable[160];
	int error;
	world->netns_fd[CLIENT] = world->netns_fd[SERVER] = -1;
	world->home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (world->home_fd < 0)
		return -errno;
	error = namespace_create(world, CLIENT);
	if (!error)
		error = namespace_create(world, SERVER);
	world_leave(world);
	if (error)
		return error;
	snprintf(cable, sizeof(cable),
		 "link add live0 address %s type veth peer name live0 address %s netns /proc/%d/fd/%d\n", macs[CLIENT],
		 macs[SERVER], (int)getpid(), world->netns_fd[SERVER]);
	error = end_configure(world, CLIENT, cable);
	if (!error)
		error = end_configure(world, SERVER, "");
	if (!error)
		error = end_settle(world, CLIENT);
	return error ? error : end_settle(world, SERVER);
}

void world_destroy(struct world *world)
{
	for (int end = 0; end < ENDS; end++) {
		if (world->nft[end])
			nft_ctx_free(world->nft[end]);
		close(world->netns_fd[end]);
	}
	close(world->home_fd);
}
