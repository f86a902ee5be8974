/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_timeout.c: silent deaths (S11, S20..S26): nothing comes back, and a timer decides, or
 * nothing ever does.
 */
#include "expect.h"
#include "kernel.h"
#include "scenarios.h"

#include <errno.h>
#include <netinet/tcp.h>

#define SECOND_US    1000000LL
#define PATH_TIMEOUT "CLOSE"

/* The end that cannot know of the other's death goes on. */
static void still_there(struct play *play, const struct connection *c, enum end end, int state)
{
	play_check(play, play_look(play, c, end).state == state);
	expect_none(play, c, end);
}

/* close() returns after its second, and successfully; the orphan goes on until it gives up. */
static void linger_with_peer_unreachable(struct play *play)
{
	play_set(play, CLIENT, "tcp_orphan_retries", "2");
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 1);
	play_cut(play);
	long ms = play_close(play, &c, CLIENT);
	play_check(play, ms >= 900);
	play_check(play, play_look(play, &c, CLIENT).state == STATE_FIN_WAIT1);
	expect_none(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect(play, &c, CLIENT, .cause = "fin_retransmit_timeout", BY_TIMER, .path = "FIN_WAIT1>CLOSE",
	       .retransmits = AT_LEAST(1));
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void data_unanswered(struct play *play)
{
	play_set(play, CLIENT, "tcp_retries2", "3");
	struct connection c = play_connect(play);
	play_transfer(play, &c, CLIENT, 1000);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "data_retransmit_timeout", BY_TIMER, .error = "ETIMEDOUT",
	       .path = PATH_TIMEOUT, .retransmits = AT_LEAST(3), .timeouts = AT_LEAST(3), .unacked_bytes = EXACTLY(100),
	       .silent_us = AT_LEAST(2 * SECOND_US), .no_note = "retransmission");
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void data_of_server_unanswered(struct play *play)
{
	play_set(play, SERVER, "tcp_retries2", "3");
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_wait_error(play, &c, SERVER, ETIMEDOUT);
	expect(play, &c, SERVER, .cause = "data_retransmit_timeout", BY_TIMER, .error = "ETIMEDOUT",
	       .path = PATH_TIMEOUT, .retransmits = AT_LEAST(3), .unacked_bytes = EXACTLY(100));
	still_there(play, &c, CLIENT, STATE_ESTABLISHED);
}

/* Asked for by the application: the RTO is not doubled while few packets are under way. */
static void data_of_thin_stream_unanswered(struct play *play)
{
	play_set(play, CLIENT, "tcp_retries2", "3");
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	play_transfer(play, &c, CLIENT, 1000);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "data_retransmit_timeout", BY_TIMER, .error = "ETIMEDOUT",
	       .path = PATH_TIMEOUT, .retransmits = AT_LEAST(3), .note = "as asked for thin streams");
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void keepalive_unanswered(struct play *play)
{
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, 2);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "keepalive_probes_unanswered", BY_TIMER, .error = "ETIMEDOUT",
	       .path = PATH_TIMEOUT, .idle_s = EXACTLY(1), .interval_s = EXACTLY(1), .probes = EXACTLY(2),
	       .probes_sent = AT_LEAST(2), .silent_us = AT_LEAST(2 * SECOND_US));
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void keepalive_by_sysctl_unanswered(struct play *play)
{
	play_set(play, SERVER, "tcp_keepalive_time", "1");
	play_set(play, SERVER, "tcp_keepalive_intvl", "1");
	play_set(play, SERVER, "tcp_keepalive_probes", "3");
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, SERVER, op_keepalive, c.fd[SERVER], 0, 0, 0);
	play_wait_error(play, &c, SERVER, ETIMEDOUT);
	expect(play, &c, SERVER, .cause = "keepalive_probes_unanswered", BY_TIMER, .error = "ETIMEDOUT",
	       .path = PATH_TIMEOUT, .idle_s = EXACTLY(1), .interval_s = EXACTLY(1), .probes = EXACTLY(3),
	       .probes_sent = AT_LEAST(3));
	still_there(play, &c, CLIENT, STATE_ESTABLISHED);
}

static void idle_without_keepalive(struct play *play)
{
	struct connection c = play_connect(play);
	play_transfer(play, &c, CLIENT, 100);
	play_cut(play);
	play_sleep_ms(4000);
	play_check(play, play_look(play, &c, CLIENT).timer == 0);
	still_there(play, &c, CLIENT, STATE_ESTABLISHED);
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void user_timeout_with_data(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "user_timeout", BY_TIMER, .error = "ETIMEDOUT", .path = PATH_TIMEOUT,
	       .user_timeout_ms = EXACTLY(1500), .retransmits = AT_LEAST(1), .unacked_bytes = EXACTLY(100));
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void user_timeout_with_keepalive(struct play *play)
{
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_USER_TIMEOUT, 2500);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, 9);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "keepalive_user_timeout", BY_TIMER, .error = "ETIMEDOUT",
	       .path = PATH_TIMEOUT, .user_timeout_ms = EXACTLY(2500), .probes = EXACTLY(9),
	       .probes_sent = BETWEEN(1, 8));
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

/* The server never reads, until its window is shut and the client's probe timer runs. */
static struct connection shut_window(struct play *play)
{
	play_listen(play, 16);
	play_do(play, SERVER, op_option, play->listener_fd, SOL_SOCKET, SO_RCVBUF, 2048);
	struct connection c = play_socket(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], SOL_SOCKET, SO_SNDBUF, 16384);
	play_connect_socket(play, &c);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_accept(play, &c);
	play_do(play, CLIENT, op_fill, c.fd[CLIENT]);
	play_wait_timer(play, &c, CLIENT, TIMER_WINDOW_PROBE, 0);
	play_check(play, play_do(play, CLIENT, op_peer_window, c.fd[CLIENT]) == 0);
	return c;
}

static void zero_window(struct play *play)
{
	play_set(play, CLIENT, "tcp_retries2", "3");
	struct connection c = shut_window(play);
	play_cut(play);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "zero_window_timeout", BY_TIMER, .error = "ETIMEDOUT", .path = PATH_TIMEOUT,
	       .unacked_bytes = AT_LEAST(1));
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void zero_window_of_orphan(struct play *play)
{
	play_set(play, CLIENT, "tcp_orphan_retries", "2");
	struct connection c = shut_window(play);
	play_cut(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect(play, &c, CLIENT, .cause = "zero_window_timeout", BY_TIMER, .path = "FIN_WAIT1>CLOSE");
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

#define FIN_UNANSWERED .cause = "fin_retransmit_timeout", BY_TIMER, .retransmits = AT_LEAST(1)

static void fin_unanswered(struct play *play)
{
	play_set(play, CLIENT, "tcp_orphan_retries", "2");
	struct connection c = play_connect(play);
	play_cut(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect(play, &c, CLIENT, FIN_UNANSWERED, .path = "FIN_WAIT1>CLOSE");
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

/* With the socket still held, the data rule (tcp_retries2) decides, and the process is told. */
static void fin_unanswered_while_held(struct play *play)
{
	play_set(play, CLIENT, "tcp_retries2", "3");
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, FIN_UNANSWERED, .error = "ETIMEDOUT", .path = "FIN_WAIT1>CLOSE");
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

static void fin_unanswered_in_last_ack(struct play *play)
{
	play_set(play, CLIENT, "tcp_orphan_retries", "2");
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_shutdown, c.fd[SERVER], SHUT_WR);
	play_wait_state(play, &c, SERVER, STATE_FIN_WAIT2);
	play_cut(play);
	play_read_end_and_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_LAST_ACK);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect(play, &c, CLIENT, FIN_UNANSWERED, .path = "CLOSE_WAIT>LAST_ACK>CLOSE");
	still_there(play, &c, SERVER, STATE_FIN_WAIT2);
}

static void fin_unanswered_in_closing(struct play *play)
{
	play_set(play, CLIENT, "tcp_orphan_retries", "2");
	struct connection c = play_connect(play);
	struct sequences server = play_sequences(play, &c, SERVER);
	play_filter(play, CLIENT, DROP_ALL_BUT_INJECTED);
	play_filter(play, SERVER, DROP_ALL);
	play_close(play, &c, CLIENT);
	play_inject(play, &c, SERVER, SEGMENT_FIN | SEGMENT_ACK, server.next_to_send, server.next_expected);
	play_wait_state(play, &c, CLIENT, STATE_CLOSING);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect(play, &c, CLIENT, FIN_UNANSWERED, .path = "FIN_WAIT1>CLOSING>CLOSE");
	still_there(play, &c, SERVER, STATE_ESTABLISHED);
}

/* The minisock's end. Where it cannot be joined with its connection, that goes on waiting for the peer. */
static void expect_fin_wait2_timeout(struct play *play, const struct connection *c, const char *note)
{
	if (kernel_shows(KERNEL_COOKIES))
		expect(play, c, CLIENT, .cause = "fin_wait2_timeout", BY_TIMER, .path = "FIN_WAIT1>FIN_WAIT2>CLOSE",
		       .note = note);
	else
		expect(play, c, CLIENT, .cause = "fin_local_first", BY_CLOSE, .path = "FIN_WAIT1>FIN_WAIT2>CLOSE");
}

/* The peer gets a reset for the FIN that it sends when all is over. */
static void fin_wait2_expires(struct play *play)
{
	play_set(play, CLIENT, "tcp_fin_timeout", "2");
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	still_there(play, &c, SERVER, STATE_CLOSE_WAIT);
	expect_fin_wait2_timeout(play, &c, NULL);
	play_read_end_and_close(play, &c, SERVER);
	play_wait_state(play, &c, SERVER, STATE_GONE);
	expect(play, &c, SERVER, .cause = "rst_received", BY_PEER,
	       .context = "after_local_fin|after_peer_fin|peer_lost_state", .path = "CLOSE_WAIT>LAST_ACK>CLOSE");
}

static void fin_wait2_expires_by_option(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_LINGER2, 1);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect_fin_wait2_timeout(play, &c, NULL);
	still_there(play, &c, SERVER, STATE_CLOSE_WAIT);
}

/* Above 60 s the whole socket waits for what exceeds 60 s, and then a minisock as long again. */
static void fin_wait2_expires_in_socket(struct play *play)
{
	play_set(play, CLIENT, "tcp_fin_timeout", "62");
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect_fin_wait2_timeout(play, &c, "of a limit above 60 s only the excess is waited for");
	still_there(play, &c, SERVER, STATE_CLOSE_WAIT);
}

/* tcp_fin_timeout is for orphans only. */
static void fin_wait2_held(struct play *play)
{
	play_set(play, CLIENT, "tcp_fin_timeout", "1");
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_sleep_ms(4000);
	still_there(play, &c, CLIENT, STATE_FIN_WAIT2);
	still_there(play, &c, SERVER, STATE_CLOSE_WAIT);
}

static const struct test tests[] = {
	{"S11", "linger_with_peer_unreachable", linger_with_peer_unreachable, 6, 0},
	{"S20", "data_unanswered", data_unanswered, 6, 0},
	{"S20", "data_of_thin_stream_unanswered", data_of_thin_stream_unanswered, 6, 0},
	{"S20", "data_of_server_unanswered", data_of_server_unanswered, 6, 0},
	{"S21", "keepalive_unanswered", keepalive_unanswered, 5, 0},
	{"S21", "keepalive_by_sysctl_unanswered", keepalive_by_sysctl_unanswered, 6, 0},
	{"S22", "idle_without_keepalive", idle_without_keepalive, 5, 0},
	{"S23", "user_timeout_with_data", user_timeout_with_data, 4, 0},
	{"S23", "user_timeout_with_keepalive", user_timeout_with_keepalive, 5, 0},
	{"S24", "zero_window", zero_window, 8, 0},
	{"S24", "zero_window_of_orphan", zero_window_of_orphan, 8, 0},
	{"S25", "fin_unanswered", fin_unanswered, 6, 0},
	{"S25", "fin_unanswered_while_held", fin_unanswered_while_held, 6, 0},
	{"S25", "fin_unanswered_in_last_ack", fin_unanswered_in_last_ack, 6, 0},
	{"S25", "fin_unanswered_in_closing", fin_unanswered_in_closing, 6, 0},
	{"S26", "fin_wait2_expires", fin_wait2_expires, 5, 0},
	{"S26", "fin_wait2_expires_by_option", fin_wait2_expires_by_option, 4, 0},
	{"S26", "fin_wait2_expires_in_socket", fin_wait2_expires_in_socket, 7, 0},
	{"S26", "fin_wait2_held", fin_wait2_held, 5, 0},
};

const struct test_table timeout_tests = TEST_TABLE(tests);
