/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.c: the two sock_diag requests that the tests need, one exact connection at a time.
 */
#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct diag_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

union diag_reply {
	struct nlmsghdr header;
	char bytes[8192];
};

int diag_open(const struct world *world, enum end end)
{
	if (world_enter(world, end))
		return -errno;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int error = -errno;
	world_leave(world);
	return fd >= 0 ? fd : error;
}

static void address_copy(int family, enum end end, uint32_t out[4])
{
	struct sockaddr_storage address;
	world_sockaddr(family, end, 0, &address);
	if (family == AF_INET6)
		memcpy(out, &((struct sockaddr_in6 *)&address)->sin6_addr, 16);
	else
		memcpy(out, &((struct sockaddr_in *)&address)->sin_addr, 4);
}

static int diag_exchange(int fd, int type, int flags, int family, enum end end, const uint16_t port[2],
			 union diag_reply *reply)
{
	struct diag_request request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = (uint16_t)type,
			   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)},
		.body = {.sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U},
	};
	request.body.id.idiag_sport = htons(port[0]);
	request.body.id.idiag_dport = htons(port[1]);
	request.body.id.idiag_cookie[0] = request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	address_copy(family, end, request.body.id.idiag_src);
	address_copy(family, other_end(end), request.body.id.idiag_dst);
	if (send(fd, &request, sizeof(request), 0) != sizeof(request))
		return -errno;
	if (recv(fd, reply, sizeof(*reply), 0) < (ssize_t)sizeof(reply->header))
		return -EIO;
	return 0;
}

static int reply_error(const union diag_reply *reply)
{
	const struct nlmsgerr *error = NLMSG_DATA(&reply->header);
	return reply->header.nlmsg_type == NLMSG_ERROR ? error->error : 0;
}

int diag_query(int fd, int family, enum end end, uint16_t local_port, uint16_t remote_port, struct diag *out)
{
	union diag_reply reply;
	int error = diag_exchange(fd, SOCK_DIAG_BY_FAMILY, 0, family, end, (uint16_t[]){local_port, remote_port},
				  &reply);
	if (!error)
		error = reply_error(&reply);
	memset(out, 0, sizeof(*out));
	if (error == -ENOENT)
		return 0;
	if (error)
		return error;
	const struct inet_diag_msg *message = NLMSG_DATA(&reply.header);
	/* Where no connection matches, the kernel answers with the listener on that port. */
	if (message->idiag_state == STATE_LISTEN)
		return 0;
	out->state = message->idiag_state;
	out->timer = message->idiag_timer;
	out->retries = message->idiag_retrans;
	return 0;
}

int diag_destroy(int fd, int family, enum end end, uint16_t local_port, uint16_t remote_port)
{
	union diag_reply reply;
	int error = diag_exchange(fd, SOCK_DESTROY, NLM_F_ACK, family, end, (uint16_t[]){local_port, remote_port},
				  &reply);
	return error ? error : reply_error(&reply);
}
