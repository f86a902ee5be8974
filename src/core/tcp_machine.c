/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_machine.c: the table of transitions, see tcp_machine.h.
 *
 * Linux entries were observed at inet_sock_set_state or read in the named function. TIME_WAIT is never
 * the target of an observed transition: the kernel hands the connection to a minisock and reports CLOSE.
 */
#include "core/tcp_machine.h"

#define RFC(from, to, need, why, source)                                                                               \
	{                                                                                                              \
		TCP_##from, TCP_##to, CONFORMANCE_CONFORMANT, need, why, source                                        \
	}
#define LINUX(from, to, need, why, source)                                                                             \
	{                                                                                                              \
		TCP_##from, TCP_##to, CONFORMANCE_LINUX_VARIANT, need, why, source                                     \
	}

static const struct machine_rule rules[] = {
	RFC(CLOSE, LISTEN, NEED_NOTHING, "passive OPEN", "RFC 9293 3.10.1"),
	RFC(CLOSE, SYN_SENT, NEED_NOTHING, "active OPEN: SYN sent", "RFC 9293 3.10.1"),
	RFC(LISTEN, SYN_RECV, NEED_NOTHING, "SYN received, SYN-ACK sent", "RFC 9293 3.10.7.2"),
	RFC(LISTEN, CLOSE, NEED_NOTHING, "CLOSE of a listener", "RFC 9293 3.10.4"),
	RFC(SYN_SENT, ESTABLISHED, NEED_NOTHING, "SYN-ACK received and acknowledged", "RFC 9293 3.10.7.3"),
	RFC(SYN_SENT, SYN_RECV, NEED_NOTHING, "simultaneous open", "RFC 9293 3.10.7.3"),
	RFC(SYN_SENT, CLOSE, NEED_ABORT, "the attempt ended", "RFC 9293 3.10.4, 3.10.7.3, 3.10.8"),
	RFC(SYN_RECV, ESTABLISHED, NEED_NOTHING, "our SYN is acknowledged", "RFC 9293 3.10.7.4"),
	RFC(SYN_RECV, FIN_WAIT1, NEED_NOTHING, "CLOSE before the handshake was complete", "RFC 9293 3.10.4"),
	RFC(SYN_RECV, CLOSE_WAIT, NEED_NOTHING, "FIN with the last segment of the handshake", "RFC 9293 3.10.7.4"),
	RFC(SYN_RECV, CLOSE, NEED_ABORT, "the handshake was given up", "RFC 9293 3.10.7.4, 3.10.8"),
	RFC(ESTABLISHED, FIN_WAIT1, NEED_NOTHING, "CLOSE: FIN sent", "RFC 9293 3.10.4"),
	RFC(ESTABLISHED, CLOSE_WAIT, NEED_NOTHING, "FIN received", "RFC 9293 3.10.7.4"),
	RFC(ESTABLISHED, CLOSE, NEED_ABORT, "reset, timeout or ABORT", "RFC 9293 3.10.5, 3.10.7.4, 3.10.8"),
	RFC(FIN_WAIT1, FIN_WAIT2, NEED_NOTHING, "our FIN is acknowledged", "RFC 9293 3.10.7.4"),
	RFC(FIN_WAIT1, CLOSING, NEED_NOTHING, "simultaneous close: FIN received", "RFC 9293 3.10.7.4"),
	RFC(FIN_WAIT1, CLOSE, NEED_ABORT, "reset, timeout or ABORT", "RFC 9293 3.10.5, 3.10.7.4, 3.10.8"),
	RFC(CLOSE_WAIT, LAST_ACK, NEED_NOTHING, "CLOSE after the peer's FIN", "RFC 9293 3.10.4"),
	RFC(CLOSE_WAIT, CLOSE, NEED_ABORT, "reset, timeout or ABORT", "RFC 9293 3.10.5, 3.10.7.4, 3.10.8"),
	RFC(LAST_ACK, CLOSE, NEED_NOTHING, "our FIN is acknowledged", "RFC 9293 3.10.7.4"),

	LINUX(FIN_WAIT2, CLOSE, NEED_NOTHING,
	      "a minisock takes over (TIME_WAIT or an orphan's FIN_WAIT2), or a reset ends it", "tcp_time_wait()"),
	LINUX(CLOSING, CLOSE, NEED_NOTHING, "a minisock takes over (TIME_WAIT), or a reset or timeout ends it",
	      "tcp_time_wait()"),
	LINUX(FIN_WAIT1, FIN_WAIT1, NEED_NOTHING, "close() after shutdown()", "__tcp_close()"),
	LINUX(FIN_WAIT2, FIN_WAIT2, NEED_NOTHING, "close() after shutdown()", "__tcp_close()"),
	LINUX(CLOSING, CLOSING, NEED_NOTHING, "close() after shutdown()", "__tcp_close()"),
	LINUX(LAST_ACK, LAST_ACK, NEED_NOTHING, "close() after shutdown()", "__tcp_close()"),
	LINUX(CLOSE, CLOSE, NEED_NOTHING, "abort of a socket that is closed already", "tcp_abort()"),
};

const struct machine_rule *machine_rules(size_t *count)
{
	*count = sizeof(rules) / sizeof(rules[0]);
	return rules;
}

const struct machine_rule *machine_find(uint8_t from, uint8_t to)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].from == from && rules[i].to == to)
			return &rules[i];
	return NULL;
}
