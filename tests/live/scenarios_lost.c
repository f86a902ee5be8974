/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_lost.c: one end loses the connection without a word, as a host does that is switched off
 * and on again, and the other end finds out (S14, S15, S16).
 *
 * The loss is played with a reset (SO_LINGER {1, 0}) that never arrives, so the end that forgets is
 * reported as one that reset the connection.
 */
#include "expect.h"
#include "scenarios.h"

#include <errno.h>

/* The most that the kernel takes: however slow this machine is, they do not run out. */
#define MANY_PROBES 127

#define FORGOTTEN .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger", .path = PATH_RESET

static void peer_rebooted_before_send(struct play *play)
{
	struct connection c = play_connect(play);
	play_forget(play, &c, SERVER);
	play_close_listener(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "peer_lost_state", .retransmits = EXACTLY(0));
	expect(play, &c, SERVER, FORGOTTEN);
}

/* The same port is listened on again: then the reset comes from a listener. */
static void peer_restarted_before_send(struct play *play)
{
	struct connection c = play_connect(play);
	play_forget(play, &c, SERVER);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "peer_lost_state");
	expect(play, &c, SERVER, FORGOTTEN);
}

static void peer_rebooted_while_retransmitting(struct play *play)
{
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_timer(play, &c, CLIENT, TIMER_RETRANSMIT, 2);
	play_forget(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "peer_lost_state", .retransmits = AT_LEAST(2),
	       .timeouts = AT_LEAST(2));
	expect(play, &c, SERVER, FORGOTTEN);
}

static void client_rebooted(struct play *play)
{
	struct connection c = play_connect(play);
	play_forget(play, &c, CLIENT);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "peer_lost_state");
	expect(play, &c, CLIENT, FORGOTTEN);
}

static void keepalive_meets_rebooted_peer(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, MANY_PROBES);
	play_forget(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "answer_to_keepalive", .probes_sent = AT_LEAST(1),
	       .idle_s = EXACTLY(1));
	expect(play, &c, SERVER, FORGOTTEN);
}

/* Some probes go unanswered before the peer is back. */
static void late_keepalive_meets_rebooted_peer(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, MANY_PROBES);
	play_cut(play);
	play_wait_timer(play, &c, CLIENT, TIMER_KEEPALIVE, 2);
	play_forget(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "answer_to_keepalive", .probes_sent = AT_LEAST(2));
	expect(play, &c, SERVER, FORGOTTEN);
}

/*
 * The client lost the connection and opens one from the same port. The server answers the SYN with a
 * challenge ACK, the client resets that, and a repeated SYN opens the new connection.
 */
static void syn_on_known_four_tuple(struct play *play)
{
	play_listen(play, 16);
	struct connection old = play_socket(play);
	play_bind(play, &old, 1);
	play_connect_socket(play, &old);
	play_do(play, CLIENT, op_connected, old.fd[CLIENT]);
	play_accept(play, &old);
	play_ask_cookies(play, &old, 1);
	play_forget(play, &old, CLIENT);
	struct connection new = play_socket(play);
	play_bind(play, &new, 1);
	play_ask_cookies(play, &new, 2);
	play_connect_socket(play, &new);
	play_do(play, CLIENT, op_connected, new.fd[CLIENT]);
	play_wait_error(play, &old, SERVER, ECONNRESET);
	play_accept(play, &new);
	play_ask_cookies(play, &new, 2);
	play_transfer(play, &new, CLIENT, 100);
	play_close_in_order(play, &new, CLIENT);
	play_wait_counter(play, SERVER, "TCPSYNChallenge", 1);
	expect(play, &old, SERVER, RESET_BY_PEER, .context = "after_challenge_ack|peer_lost_state");
	expect(play, &old, CLIENT, FORGOTTEN);
	expect(play, &new, CLIENT, CLOSED_FIRST, BY_CLOSE, .retransmits = AT_LEAST(1));
	expect(play, &new, SERVER, CLOSED_SECOND);
}

static const struct test tests[] = {
	{"S14", "peer_rebooted_before_send", peer_rebooted_before_send, 2, 0},
	{"S14", "peer_restarted_before_send", peer_restarted_before_send, 2, 0},
	{"S14", "peer_rebooted_while_retransmitting", peer_rebooted_while_retransmitting, 4, 0},
	{"S14", "client_rebooted", client_rebooted, 2, 0},
	{"S15", "keepalive_meets_rebooted_peer", keepalive_meets_rebooted_peer, 3, 0},
	{"S15", "late_keepalive_meets_rebooted_peer", late_keepalive_meets_rebooted_peer, 6, 0},
	{"S16", "syn_on_known_four_tuple", syn_on_known_four_tuple, 3, 0},
};

const struct test_table lost_tests = TEST_TABLE(tests);
