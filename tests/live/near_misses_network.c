/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * near_misses_network.c: near misses of the rules that depend on what the network lets through: a
 * connection that suffers and recovers must not be told as one that died of it.
 */
#include "expect.h"
#include "scenarios.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define HANDSHAKE_WITH_REPEATED_SYN_US 900000

/* Not keepalive: the probes are answered. */
static void keepalive_answered(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, 2);
	play_wait_counter(play, CLIENT, "TCPKeepAlive", 3);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .idle_s = EXACTLY(1));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not answer_to_keepalive: probes were answered for a while, then the peer's process resets. */
static void reset_by_peer_with_keepalive(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, 2);
	play_wait_counter(play, CLIENT, "TCPKeepAlive", 2);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

/* Data that is lost until it has been retransmitted some times, and then arrives. */
static struct connection recover_from_loss(struct play *play, struct connection c, int timeouts)
{
	play_filter(play, SERVER, DROP_ALL);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_timer(play, &c, CLIENT, TIMER_RETRANSMIT, timeouts);
	play_filter(play, SERVER, NULL);
	play_do(play, SERVER, op_receive, c.fd[SERVER], 100);
	play_check(play, play_do(play, CLIENT, op_retransmitted, c.fd[CLIENT]) >= timeouts);
	for (int waited = 0; waited < OP_WAIT_MS && play_do(play, CLIENT, op_unsent, c.fd[CLIENT]); waited += 5)
		play_sleep_ms(5);
	return c;
}

/* Not data_retransmit_timeout. */
static void retransmissions_recover(struct play *play)
{
	struct connection c = recover_from_loss(play, play_connect(play), 2);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .retransmits = AT_LEAST(2), .timeouts = AT_LEAST(1));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not user_timeout: it is set, but the peer answers in time. */
static void user_timeout_not_reached(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_USER_TIMEOUT, 20000);
	recover_from_loss(play, c, 1);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .retransmits = AT_LEAST(1), .user_timeout_ms = EXACTLY(20000));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not peer_lost_state: the losses are over when the peer's process resets. */
static void reset_after_recovery(struct play *play)
{
	struct connection c = recover_from_loss(play, play_connect(play), 2);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established", .retransmits = AT_LEAST(2));
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

/* Not peer_lost_state: our data is in flight, but the peer knows the connection and resets it. */
static void reset_with_data_in_flight(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_filter(play, SERVER, DROP_ALL);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established", .unacked_bytes = EXACTLY(100));
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

/* The same while we retransmit: only the reset itself tells that its sender knew the connection. */
static void reset_while_retransmitting(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_filter(play, SERVER, DROP_ALL);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_timer(play, &c, CLIENT, TIMER_RETRANSMIT, 2);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established", .retransmits = AT_LEAST(2));
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

/* Not answer_to_keepalive: probes go unanswered, but the reset is the deed of a peer that knows us. */
static void reset_while_probing(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, 127);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_filter(play, SERVER, DROP_ALL);
	play_wait_timer(play, &c, CLIENT, TIMER_KEEPALIVE, 2);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established", .probes_sent = AT_LEAST(2));
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

/* Not zero_window_timeout: the window was shut and opens again. */
static void window_reopens(struct play *play)
{
	play_listen(play, 16);
	play_do(play, SERVER, op_option, play->listener_fd, SOL_SOCKET, SO_RCVBUF, 2048);
	struct connection c = play_socket(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], SOL_SOCKET, SO_SNDBUF, 16384);
	play_connect_socket(play, &c);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_accept(play, &c);
	long bytes = play_do(play, CLIENT, op_fill, c.fd[CLIENT]);
	play_wait_timer(play, &c, CLIENT, TIMER_WINDOW_PROBE, 0);
	play_do(play, SERVER, op_receive, c.fd[SERVER], bytes);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .bytes_sent = EXACTLY(bytes));
	expect(play, &c, SERVER, CLOSED_SECOND, .bytes_received = EXACTLY(bytes));
}

/* Not fin_retransmit_timeout: the FIN is lost a while, and then acknowledged. */
static void fin_recovers(struct play *play)
{
	struct connection c = play_connect(play);
	play_filter(play, SERVER, DROP_ALL);
	play_close(play, &c, CLIENT);
	play_wait_timer(play, &c, CLIENT, TIMER_RETRANSMIT, 1);
	play_filter(play, SERVER, NULL);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .retransmits = AT_LEAST(1));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not icmp_error: an ICMP message on an established connection is only a hint. */
static void icmp_recovers(struct play *play)
{
	struct connection c = play_connect(play);
	play_filter(play, SERVER, REJECT_AS_HOST_UNREACHABLE);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_sleep_ms(500);
	play_filter(play, SERVER, NULL);
	play_do(play, SERVER, op_receive, c.fd[SERVER], 100);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .retransmits = AT_LEAST(1), .error = "null");
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not syn_timeout: the second SYN is answered. */
static void syn_repeated(struct play *play)
{
	play_listen(play, 16);
	play_filter(play, SERVER, DROP_ALL);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_wait_state(play, &c, CLIENT, STATE_SYN_SENT);
	play_filter(play, SERVER, NULL);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_accept(play, &c);
	play_check(play, play_do(play, CLIENT, op_retransmitted, c.fd[CLIENT]) >= 1);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .retransmits = AT_LEAST(1),
	       .handshake_us = AT_LEAST(HANDSHAKE_WITH_REPEATED_SYN_US));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* No linear timeouts: the time between two SYNs doubles, as RFC 6298 wants it. */
static void syn_repeated_with_backoff(struct play *play)
{
	if (!access("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", F_OK))
		play_set(play, CLIENT, "tcp_syn_linear_timeouts", "0");
	play_set(play, CLIENT, "tcp_syn_retries", "2");
	play_listen(play, 16);
	play_filter(play, SERVER, DROP_ALL);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "syn_timeout", BY_TIMER, .error = "ETIMEDOUT", .whole_path = "SYN_SENT>CLOSE",
	       .retransmits = EXACTLY(2), .no_note = "retransmission");
}

/* Not a broken back-off: the RTO stops at its bound, and the retries take less time for it. */
static void rto_bounded(struct play *play)
{
	if (access("/proc/sys/net/ipv4/tcp_rto_max_ms", F_OK))
		play_skip(play, "this kernel bounds every RTO by 120 s");
	play_set(play, CLIENT, "tcp_rto_max_ms", "1000");
	play_set(play, CLIENT, "tcp_retries2", "5");
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "data_retransmit_timeout", BY_TIMER, .error = "ETIMEDOUT", .path = "CLOSE",
	       .retransmits = AT_LEAST(5), .no_note = "retransmission");
	expect_none(play, &c, SERVER);
}

/* Not synack_timeout: the SYN-ACK is repeated, then acknowledged. */
static void synack_repeated(struct play *play)
{
	play_listen(play, 16);
	play_filter(play, CLIENT, DROP_ALL);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_wait_state(play, &c, SERVER, STATE_SYN_RECV);
	play_filter(play, CLIENT, NULL);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_accept(play, &c);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not rst_received: a reset with an inexact sequence number only draws a challenge ACK (RFC 5961). */
static void inexact_reset_survived(struct play *play)
{
	struct connection c = play_connect(play);
	struct sequences server = play_sequences(play, &c, SERVER);
	play_inject(play, &c, SERVER, SEGMENT_RST, server.next_to_send + 100, 0);
	play_wait_counter(play, CLIENT, "TCPChallengeACK", 1);
	play_transfer(play, &c, CLIENT, 100);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .error = "null");
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not after_challenge_ack: a SYN was challenged, but nobody answered; the end comes otherwise. */
static void challenged_syn_survived(struct play *play)
{
	struct connection c = play_connect(play);
	struct sequences client = play_sequences(play, &c, CLIENT);
	play_inject(play, &c, CLIENT, SEGMENT_SYN, client.next_to_send + 5000, 0);
	play_wait_counter(play, SERVER, "TCPSYNChallenge", 1);
	play_transfer(play, &c, CLIENT, 100);
	play_close_in_order(play, &c, SERVER);
	expect(play, &c, SERVER, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, CLIENT, CLOSED_SECOND);
}

/* A port that refuses first and listens later: two attempts, two reports. */
static void refused_then_accepted(struct play *play)
{
	struct connection refused = play_socket(play);
	play_bind(play, &refused, 1);
	play_connect_socket(play, &refused);
	play_check(play, play_try(play, CLIENT, op_connected, refused.fd[CLIENT]) == -ECONNREFUSED);
	play_close(play, &refused, CLIENT);
	struct connection c = play_connect(play);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &refused, CLIENT, .cause = "refused", BY_PEER, .whole_path = "SYN_SENT>CLOSE");
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static const struct test tests[] = {
	{"N20", "keepalive_answered", keepalive_answered, 5, 0},
	{"N21", "reset_by_peer_with_keepalive", reset_by_peer_with_keepalive, 4, 0},
	{"N22", "retransmissions_recover", retransmissions_recover, 4, 0},
	{"N23", "user_timeout_not_reached", user_timeout_not_reached, 3, 0},
	{"N24", "reset_after_recovery", reset_after_recovery, 4, 0},
	{"N25", "reset_with_data_in_flight", reset_with_data_in_flight, 2, 0},
	{"N26", "reset_while_retransmitting", reset_while_retransmitting, 4, 0},
	{"N35", "reset_while_probing", reset_while_probing, 5, 0},
	{"N27", "window_reopens", window_reopens, 4, 0},
	{"N28", "fin_recovers", fin_recovers, 3, 0},
	{"N29", "icmp_recovers", icmp_recovers, 3, 0},
	{"N30", "syn_repeated", syn_repeated, 3, 0},
	{"N36", "syn_repeated_with_backoff", syn_repeated_with_backoff, 8, 0},
	{"N37", "rto_bounded", rto_bounded, 7, 0},
	{"N31", "synack_repeated", synack_repeated, 3, 0},
	{"N32", "inexact_reset_survived", inexact_reset_survived, 2, 0},
	{"N33", "challenged_syn_survived", challenged_syn_survived, 2, 0},
	{"N34", "refused_then_accepted", refused_then_accepted, 2, 0},
};

const struct test_table near_miss_network_tests = TEST_TABLE(tests);
