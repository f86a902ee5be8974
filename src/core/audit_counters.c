/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit_counters.c: the kernel's counters that lastack can be held against, each with the place where the kernel
 * counts (Linux 6.18, net/ipv4), how lastack counts the same, and what it is known not to see.
 */
#include "core/audit.h"

#define KIND(kind)  (1U << EVENT_##kind)
#define KINDS_STATE (KIND(BIRTH) | KIND(STATE) | KIND(STATE_TASK) | KIND(CLOSE))

#define MORE_LOST_RACE "two ACKs raced to complete one handshake, and the second child was undone without an event"
#define MORE_NO_EVENT  "no event tells of it: what the kernel dropped here began no connection"

static const struct audit_counter counters[AUDIT_COUNTERS] = {
	/* tcp_connect(), once its SYN is on the way. A connect() that fails before (no port, no route) is not counted.
	 */
	{.group = "Tcp",
	 .name = "ActiveOpens",
	 .plus = TALLY(CONNECT),
	 .minus = TALLY(CONNECT_UNSENT),
	 .kinds = KIND(BIRTH) | KIND(CLOSE)},
	/* tcp_create_openreq_child(): a handshake that a listener completed, or a SYN of TCP Fast Open. */
	{.group = "Tcp",
	 .name = "PassiveOpens",
	 .plus = TALLY(CHILD),
	 .kinds = KIND(BIRTH) | KIND(CLOSE),
	 .relation = AUDIT_AT_LEAST,
	 .more = MORE_LOST_RACE},
	/*
	 * tcp_done() in SYN_SENT and SYN_RECV: always with an error, as close() and shutdown() do not pass there. And
	 * tcp_check_req(), where a reset or a SYN ends a request, which has no tracepoint.
	 */
	{.group = "Tcp",
	 .name = "AttemptFails",
	 .plus = TALLY(ATTEMPT_FAILED),
	 .kinds = KIND(CLOSE),
	 .relation = AUDIT_AT_LEAST,
	 .more = "clients that reset the handshake after the SYN-ACK: no tracepoint tells of requests"},
	/* tcp_set_state(), from ESTABLISHED or CLOSE_WAIT to CLOSE. */
	{.group = "Tcp", .name = "EstabResets", .plus = TALLY(ESTABLISHED_RESET), .kinds = KIND(CLOSE)},
	/* tcp_set_state(): connections in ESTABLISHED or CLOSE_WAIT. */
	{.group = "Tcp",
	 .name = "CurrEstab",
	 .plus = TALLY(ESTABLISHED),
	 .minus = TALLY(ESTABLISHED_LEFT),
	 .kinds = KINDS_STATE,
	 .gauge = true},
	/*
	 * tcp_v4_send_reset(), tcp_v6_send_response() once it has a route, tcp_send_active_reset() before it tries. The
	 * tracepoint tells of all since 6.10, before only of those of a connection.
	 */
	{.group = "Tcp", .name = "OutRsts", .plus = TALLY(RESET_SENT), .kinds = KIND(RESET_SENT), .by_reason = true},
	/*
	 * __tcp_retransmit_skb() by segments, also if it then cannot be sent, and tcp_rtx_synack(). The tracepoint
	 * fires once for a buffer of several segments; a failure that it tells may have been counted or not.
	 */
	{.group = "Tcp",
	 .name = "RetransSegs",
	 .plus = TALLY(RETRANSMIT),
	 .maybe = TALLY(RETRANSMIT_FAILED),
	 .kinds = KIND(RETRANSMIT) | KIND(RETRANSMIT_SYNACK),
	 .relation = AUDIT_AT_LEAST,
	 .more = "buffers of several segments were repeated whole: one event, as many segments"},
	/* The same where the segment is a SYN or SYN-ACK, which are never several. */
	{.group = "TcpExt",
	 .name = "TCPSynRetrans",
	 .plus = TALLY(RETRANSMIT_SYN),
	 .maybe = TALLY(RETRANSMIT_SYN_FAILED),
	 .kinds = KIND(RETRANSMIT) | KIND(RETRANSMIT_SYNACK)},
	/*
	 * tcp_retransmit_timer(), before it repeats a segment or gives up; and tcp_syn_ack_timeout(), whenever the
	 * timer of a request expires. A repeated SYN-ACK may be that timer's or answer a repeated SYN; the last expiry,
	 * which ends the request, has no event, nor has up to 6.17 a retransmission that fails.
	 */
	{.group = "TcpExt",
	 .name = "TCPTimeouts",
	 .plus = TALLY(TIMEOUT),
	 .maybe = TALLY(RETRANSMIT_SYNACK),
	 .kinds = KIND(RETRANSMIT) | KIND(RETRANSMIT_SYNACK) | KIND(CLOSE),
	 .relation = AUDIT_AT_LEAST,
	 .more = "handshakes given up after the last SYN-ACK, or timeouts whose retransmission failed: neither has an "
		 "event"},
	/* tcp_xmit_probe_skb() for tcp_keepalive_timer(). */
	{.group = "TcpExt", .name = "TCPKeepAlive", .plus = TALLY(KEEPALIVE), .kinds = KIND(PROBE)},
	/*
	 * __tcp_close() with SO_LINGER {1, 0} and nothing unread; tcp_rcv_state_process() on data after a close, which
	 * is then answered with a reset that says so.
	 */
	{.group = "TcpExt",
	 .name = "TCPAbortOnData",
	 .plus = TALLY(ABORT_ON_DATA),
	 .kinds = KIND(CLOSE) | KIND(RESET_SENT),
	 .by_reason = true},
	/* __tcp_close() with unread data. */
	{.group = "TcpExt", .name = "TCPAbortOnClose", .plus = TALLY(ABORT_ON_CLOSE), .kinds = KIND(CLOSE)},
	/* tcp_write_err(): retransmissions, probes or keepalive probes ran out. */
	{.group = "TcpExt", .name = "TCPAbortOnTimeout", .plus = TALLY(ABORT_ON_TIMEOUT), .kinds = KIND(CLOSE)},
	/* __tcp_close() in FIN_WAIT2 with TCP_LINGER2 below 0; the reset says so. */
	{.group = "TcpExt",
	 .name = "TCPAbortOnLinger",
	 .plus = TALLY(ABORT_ON_LINGER),
	 .kinds = KIND(RESET_SENT),
	 .by_reason = true},
	/* tcp_out_of_resources(), __tcp_close(); only where a reset is sent does it say so. */
	{.group = "TcpExt",
	 .name = "TCPAbortOnMemory",
	 .plus = TALLY(ABORT_ON_MEMORY),
	 .kinds = KIND(RESET_SENT),
	 .relation = AUDIT_AT_LEAST,
	 .by_reason = true,
	 .more = "orphans given up for want of memory without a reset"},
	/* tcp_send_active_reset(): no memory, or it could not be sent. */
	{.group = "TcpExt",
	 .name = "TCPAbortFailed",
	 .relation = AUDIT_INFORMATIONAL,
	 .more = "resets that could not be sent"},
	/* tcp_time_wait() without a minisock, tcp_conn_request(), tcp_v4_syn_recv_sock(). */
	{.group = "TcpExt",
	 .name = "TCPTimeWaitOverflow",
	 .relation = AUDIT_INFORMATIONAL,
	 .more = "no event tells of it: these connections ended without TIME_WAIT"},
	{.group = "TcpExt", .name = "ListenOverflows", .relation = AUDIT_INFORMATIONAL, .more = MORE_NO_EVENT},
	{.group = "TcpExt", .name = "ListenDrops", .relation = AUDIT_INFORMATIONAL, .more = MORE_NO_EVENT},
};

const struct audit_counter *audit_counter_at(unsigned index)
{
	return &counters[index];
}
