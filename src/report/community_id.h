/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * community_id.h: the Community ID flow hash, version 1, by which Zeek, Suricata and others name the
 * same connection. Its input are two endpoints; it must not know which of them is ours.
 */
#ifndef LASTACK_REPORT_COMMUNITY_ID_H
#define LASTACK_REPORT_COMMUNITY_ID_H

#include <stdint.h>

#define COMMUNITY_ID_BYTES 31 /* "1:", 28 base64 digits, NUL */

/*
 * Writes the id of a TCP connection with seed 0. `family` is 4 or 6, addresses in network byte order
 * (IPv4 in the first four bytes), ports in host byte order. The same for both directions.
 * Source: https://github.com/corelight/community-id-spec
 */
void community_id_write(char id[COMMUNITY_ID_BYTES], unsigned family, const uint8_t local[16], uint16_t local_port,
			const uint8_t remote[16], uint16_t remote_port);

#endif
