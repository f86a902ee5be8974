// SPDX-License-Identifier: GPL-2.0-only
/*
 * community_id.c: seed, smaller endpoint, greater endpoint, protocol and ports through SHA-1 into base64.
 */
#include <netinet/in.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

#include "community_id.h"

#define SEED_BYTES 2

static uint8_t *port_write(uint8_t *at, uint16_t port)
{
	at[0] = (uint8_t)(port >> 8);
	at[1] = (uint8_t)port;
	return at + 2;
}

void community_id_write(char id[COMMUNITY_ID_BYTES], unsigned family, const uint8_t local[16], uint16_t local_port,
			const uint8_t remote[16], uint16_t remote_port)
{
	size_t address_bytes = family == 4 ? 4 : 16;
	uint8_t input[SEED_BYTES + 2 * 16 + 2 + 2 * 2] = {0}, digest[SHA1_DIGEST_SIZE], *at = input + SEED_BYTES;
	int order = memcmp(local, remote, address_bytes);
	struct sha1_ctx sha1;

	if (order > 0 || (order == 0 && local_port > remote_port)) {
		const uint8_t *address = local;
		uint16_t port = local_port;

		local = remote;
		local_port = remote_port;
		remote = address;
		remote_port = port;
	}
	memcpy(at, local, address_bytes);
	memcpy(at + address_bytes, remote, address_bytes);
	at += 2 * address_bytes;
	*at++ = IPPROTO_TCP;
	*at++ = 0;
	at = port_write(at, local_port);
	at = port_write(at, remote_port);

	sha1_init(&sha1);
	sha1_update(&sha1, (size_t)(at - input), input);
	sha1_digest(&sha1, sizeof(digest), digest);
	memcpy(id, "1:", 2);
	base64_encode_raw(id + 2, sizeof(digest), digest);
	id[COMMUNITY_ID_BYTES - 1] = '\0';
}
