/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * near_misses.c: for each rule of the verdict a connection that looks like its case and is not. Here
 * what processes do; what the network does is in near_misses_network.c.
 */
#include "expect.h"
#include "scenarios.h"

#include <errno.h>
#include <signal.h>

/* Not rst_sent_unread_data: everything was read. */
static void close_with_all_read(struct play *play)
{
	struct connection c = play_connect(play);
	play_transfer(play, &c, SERVER, 5000);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .unread_bytes = EXACTLY(0));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* The FIN counts in the receive sequence, but it is no unread data. */
static void close_with_peer_fin_unread(struct play *play)
{
	struct connection c = play_connect(play);
	play_close(play, &c, SERVER);
	play_wait_state(play, &c, CLIENT, STATE_CLOSE_WAIT);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, SERVER, STATE_TIME_WAIT);
	expect(play, &c, CLIENT, CLOSED_SECOND, .unread_bytes = EXACTLY(0));
	expect(play, &c, SERVER, CLOSED_FIRST, BY_CLOSE);
}

/* Not rst_sent_linger: the time is not zero, and the peer answers. */
static void linger_with_live_peer(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 5);
	play_check(play, play_close(play, &c, CLIENT) < 4000);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not rst_sent_linger: {1, 0} was set and taken back. */
static void linger_zero_taken_back(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 0, 0);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* shutdown(SHUT_RD) sends nothing and ends nothing. */
static void shutdown_of_reading(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_RD);
	play_check(play, play_look(play, &c, CLIENT).state == STATE_ESTABLISHED);
	play_transfer(play, &c, CLIENT, 100);
	expect_none(play, &c, CLIENT);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not fin_simultaneous: both ends shut down, but one knew of the other's FIN. */
static void both_shut_down_in_turn(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_state(play, &c, SERVER, STATE_CLOSE_WAIT);
	play_do(play, SERVER, op_shutdown, c.fd[SERVER], SHUT_WR);
	play_wait_state(play, &c, CLIENT, STATE_TIME_WAIT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SHUTDOWN);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not rst_sent_data_after_close: what comes after close() is a FIN alone. */
static void fin_after_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_sleep_ms(2500);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not local_exit: the process closed first and only then exited, while its FIN was unanswered. */
static void exit_after_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_cut(play);
	play_close(play, &c, CLIENT);
	actor_begin(&play->actor[CLIENT], op_exit, (long[OP_ARGUMENTS]){7});
	play_wait_exit(play, CLIENT, 7 << 8);
	play_heal(play);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not local_exit: the process handles SIGTERM, and closes by itself. */
static void sigterm_handled(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_close_on_sigterm, c.fd[CLIENT]);
	kill(play->actor[CLIENT].pid, SIGTERM);
	play_wait_exit(play, CLIENT, 0);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not local_exit: exec() closes the descriptor, and the process lives on as another program. */
static void closed_on_exec(struct play *play)
{
	struct connection c = play_connect(play);
	actor_begin(&play->actor[CLIENT], op_exec, (long[OP_ARGUMENTS]){c.fd[CLIENT]});
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_check(play, kill(play->actor[CLIENT].pid, 0) == 0);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .comm = "live-client|sleep");
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* The first close() of a duplicated descriptor ends nothing. */
static void duplicate_closed(struct play *play)
{
	struct connection c = play_connect(play);
	int duplicate = (int)play_do(play, CLIENT, op_duplicate, c.fd[CLIENT]);
	play_close(play, &c, CLIENT);
	play_do(play, CLIENT, op_send, duplicate, 100);
	play_do(play, SERVER, op_receive, c.fd[SERVER], 100);
	expect_none(play, &c, CLIENT);
	c.fd[CLIENT] = duplicate;
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not rst_sent_listener_closed: the children had been accepted. */
static void listener_closed_after_accept(struct play *play)
{
	struct connection c = play_connect(play);
	play_close_listener(play);
	play_transfer(play, &c, CLIENT, 100);
	play_transfer(play, &c, SERVER, 100);
	expect_none(play, &c, SERVER);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Not rst_sent_linger: SO_LINGER {1, 0} is set, but an administrator destroys the socket. */
static void destroyed_with_linger_zero(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	int error = diag_destroy(play->diag_fd[CLIENT], play->family, CLIENT, c.port[CLIENT], c.port[SERVER]);
	play_check(play, error == 0);
	play_wait_error(play, &c, CLIENT, ECONNABORTED);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, .cause = "destroyed", .initiator = "local_admin", .how = "sock_destroy",
	       .path = PATH_RESET);
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established");
}

/* Not rst_sent_disconnect: a reset came before connect(AF_UNSPEC). */
static void disconnect_after_reset(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	play_do(play, CLIENT, op_disconnect, c.fd[CLIENT]);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

/* Not refused: the server accepted, and then reset at once. */
static void reset_right_after_accept(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established", .handshake_us = AT_LEAST(1));
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger");
}

static const struct test tests[] = {
	{"N01", "close_with_all_read", close_with_all_read, 2, 0},
	{"N02", "close_with_peer_fin_unread", close_with_peer_fin_unread, 2, 0},
	{"N03", "linger_with_live_peer", linger_with_live_peer, 2, 0},
	{"N04", "linger_zero_taken_back", linger_zero_taken_back, 2, 0},
	{"N05", "shutdown_of_reading", shutdown_of_reading, 2, 0},
	{"N06", "both_shut_down_in_turn", both_shut_down_in_turn, 2, 0},
	{"N07", "fin_after_close", fin_after_close, 5, 0},
	{"N08", "exit_after_close", exit_after_close, 2, 0},
	{"N09", "sigterm_handled", sigterm_handled, 2, 0},
	{"N10", "closed_on_exec", closed_on_exec, 2, 0},
	{"N11", "duplicate_closed", duplicate_closed, 2, 0},
	{"N12", "listener_closed_after_accept", listener_closed_after_accept, 2, 0},
	{"N13", "destroyed_with_linger_zero", destroyed_with_linger_zero, 2, 0},
	{"N14", "disconnect_after_reset", disconnect_after_reset, 2, 0},
	{"N15", "reset_right_after_accept", reset_right_after_accept, 2, 0},
};

const struct test_table near_miss_tests = TEST_TABLE(tests);
