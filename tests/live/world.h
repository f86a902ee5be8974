/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * world.h: the stage of one live test: two private network namespaces joined by a veth pair.
 *
 * The namespaces have no name and hang on descriptors only, so they vanish with the processes that
 * use them, however these end. What is dropped is always dropped at the receiver's INPUT hook: a
 * packet that is refused on its way out is a local transmit failure, which is another thing.
 */
#ifndef LIVE_WORLD_H
#define LIVE_WORLD_H

#include <stdint.h>
#include <sys/socket.h>

enum end { CLIENT, SERVER, ENDS };

static inline enum end other_end(enum end end)
{
	return end == CLIENT ? SERVER : CLIENT;
}

struct nft_ctx;

struct world {
	struct nft_ctx *nft[ENDS];
	int netns_fd[ENDS];
	uint32_t netns_inode[ENDS];
	int home_fd; /* the namespace that the program was started in */
};

/* Rules for world_filter(), without the trailing newline. */
#define DROP_ALL       "meta l4proto tcp drop"
#define DROP_FIN       "tcp flags & fin == fin drop"
#define DROP_PURE_ACK  "tcp flags == ack drop"
#define DROP_SYN_ACK   "tcp flags & (syn|ack) == (syn|ack) drop"
#define DROP_WITH_DATA "tcp flags & psh == psh drop"
/* Everything but the segments that segment_send() makes: these carry a window of their own. */
#define DROP_ALL_BUT_INJECTED      "meta l4proto tcp tcp window != 7777 drop"
#define REJECT_AS_HOST_UNREACHABLE "meta l4proto tcp reject with icmpx type host-unreachable"
#define REJECT_AS_PORT_UNREACHABLE "meta l4proto tcp reject with icmpx type port-unreachable"

/* All return 0 or -errno. */
int world_create(struct world *world);
void world_destroy(struct world *world);

/* Moves the calling process into the namespace of an end, and back to where it came from. */
int world_enter(const struct world *world, enum end end);
int world_leave(const struct world *world);

/* Replaces all that an end drops by one nft rule; NULL: nothing is dropped any more. */
int world_filter(const struct world *world, enum end end, const char *rule);

/* Sets a sysctl below net.ipv4 in the namespace of an end. */
int world_set(const struct world *world, enum end end, const char *name, const char *value);

/* A counter of /proc/net/netstat or /proc/net/snmp, such as "TcpExt", "TCPAbortOnClose". */
long world_counter(const struct world *world, enum end end, const char *group, const char *name);

/* The address of an end as text, and as a socket address with a port. */
const char *world_address(int family, enum end end);
socklen_t world_sockaddr(int family, enum end end, uint16_t port, struct sockaddr_storage *out);

#endif
