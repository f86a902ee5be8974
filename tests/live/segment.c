/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * segment.c: a bare TCP header on a raw socket; the kernel puts the IP header in front of it.
 */
#include "segment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define INJECTED_WINDOW 7777

struct tcp_header {
	uint16_t source_port, destination_port;
	uint32_t sequence, acknowledgement;
	uint8_t words_times_16, flags;
	uint16_t window, checksum, urgent;
};

/* RFC 1071, over an even number of bytes. */
static uint32_t sum_words(uint32_t sum, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	for (size_t i = 0; i < bytes; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static const void *address_bytes(const struct sockaddr_storage *address, size_t *bytes)
{
	*bytes = address->ss_family == AF_INET6 ? 16 : 4;
	if (address->ss_family == AF_INET6)
		return &((const struct sockaddr_in6 *)address)->sin6_addr;
	return &((const struct sockaddr_in *)address)->sin_addr;
}

static uint16_t checksum(const struct sockaddr_storage ends[ENDS], const struct tcp_header *header)
{
	uint32_t sum = IPPROTO_TCP + sizeof(*header);
	size_t bytes;
	for (int end = 0; end < ENDS; end++) {
		const void *address = address_bytes(&ends[end], &bytes);
		sum = sum_words(sum, address, bytes);
	}
	sum = sum_words(sum, header, sizeof(*header));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

int segment_send(const struct world *world, const struct segment *segment)
{
	struct sockaddr_storage ends[ENDS];
	struct tcp_header header = {
		.source_port = htons(segment->source_port),
		.destination_port = htons(segment->destination_port),
		.sequence = htonl(segment->sequence),
		.acknowledgement = htonl(segment->acknowledgement),
		.words_times_16 = sizeof(header) / 4 * 16,
		.flags = segment->flags,
		.window = htons(INJECTED_WINDOW),
	};
	enum end to = other_end(segment->from);
	world_sockaddr(segment->family, segment->from, 0, &ends[segment->from]);
	socklen_t bytes = world_sockaddr(segment->family, to, 0, &ends[to]);
	header.checksum = checksum(ends, &header);
	if (world_enter(world, segment->from))
		return -errno;
	int fd = socket(segment->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	world_leave(world);
	if (fd < 0)
		return -errno;
	ssize_t sent = sendto(fd, &header, sizeof(header), 0, (struct sockaddr *)&ends[to], bytes);
	int error = sent == sizeof(header) ? 0 : -EIO;
	close(fd);
	return error;
}
