/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_reset.c: connections that a local deed ends with a reset (S10, S12, S13, S18, S19), and
 * what the end that receives it must say.
 */
#include "expect.h"
#include "kernel.h"
#include "scenarios.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>

#define PATH_RESET_AFTER_PEER_FIN "CLOSE_WAIT>CLOSE"
#define PATH_RESET_AFTER_OWN_FIN  "FIN_WAIT1>FIN_WAIT2>CLOSE"
/* A reset in CLOSE_WAIT is told to the application as EPIPE. */
#define RESET_AFTER_PEER_FIN                                                                                           \
	.cause = "rst_received", BY_PEER, .context = "after_peer_fin", .error = "EPIPE",                               \
	.path = PATH_RESET_AFTER_PEER_FIN
#define RESET_AFTER_OWN_FIN                                                                                            \
	.cause = "rst_received", BY_PEER, .context = "after_local_fin", .error = "ECONNRESET",                         \
	.path = PATH_RESET_AFTER_OWN_FIN

static void linger_zero(struct play *play)
{
	struct connection c = play_connect(play);
	play_transfer(play, &c, CLIENT, 100);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger",
	       .path = PATH_RESET);
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established", .bytes_received = EXACTLY(100));
}

static void linger_zero_in_server(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_linger, c.fd[SERVER], 1, 0);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, SERVER, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger",
	       .path = PATH_RESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
}

static void linger_zero_after_peer_fin(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_shutdown, c.fd[SERVER], SHUT_WR);
	play_wait_state(play, &c, SERVER, STATE_FIN_WAIT2);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger",
	       .path = PATH_RESET_AFTER_PEER_FIN);
	expect(play, &c, SERVER, RESET_AFTER_OWN_FIN);
}

/* As most servers do it: once the peer's FIN is read there is nothing unread, and not one byte less than that. */
static void linger_zero_after_fin_was_read(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_do(play, SERVER, op_shutdown, c.fd[SERVER], SHUT_WR);
	play_wait_state(play, &c, SERVER, STATE_FIN_WAIT2);
	play_check(play, play_do(play, CLIENT, op_receive_end, c.fd[CLIENT]) == 100);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "rst_sent_linger", .initiator = "local_app", .how = "linger",
	       .path = PATH_RESET_AFTER_PEER_FIN, .bytes_received = EXACTLY(100), .unread_bytes = EXACTLY(0));
	expect(play, &c, SERVER, RESET_AFTER_OWN_FIN);
}

/* The process dies, and its socket had SO_LINGER {1, 0}. */
static void linger_zero_when_killed(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	play_kill(play, CLIENT, SIGKILL);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "rst_sent_linger", .initiator = "local_exit", .ending = "signal 9",
	       .path = PATH_RESET);
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established");
}

static void linger2_negative(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_LINGER2, -1);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, EPIPE);
	play_wait_counter(play, CLIENT, "TCPAbortOnLinger", 1);
	expect(play, &c, CLIENT, .cause = "rst_sent_linger", .initiator = "local_app",
	       .path = "FIN_WAIT1>FIN_WAIT2>{|FIN_WAIT2>}CLOSE");
	expect(play, &c, SERVER, RESET_AFTER_PEER_FIN);
}

static void unread_data(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_send, c.fd[SERVER], 300);
	play_do(play, CLIENT, op_wait_unread, c.fd[CLIENT], 300);
	play_do(play, CLIENT, op_receive, c.fd[CLIENT], 200);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	play_wait_counter(play, CLIENT, "TCPAbortOnClose", 1);
	expect(play, &c, CLIENT, .cause = "rst_sent_unread_data", BY_CLOSE, .path = PATH_RESET,
	       .unread_bytes = EXACTLY(100));
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established", .bytes_sent = EXACTLY(300));
}

static void unread_data_after_peer_fin(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_do(play, SERVER, op_shutdown, c.fd[SERVER], SHUT_WR);
	play_wait_state(play, &c, SERVER, STATE_FIN_WAIT2);
	play_do(play, CLIENT, op_wait_unread, c.fd[CLIENT], 100);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "rst_sent_unread_data", BY_CLOSE, .path = PATH_RESET_AFTER_PEER_FIN,
	       .unread_bytes = EXACTLY(100));
	expect(play, &c, SERVER, RESET_AFTER_OWN_FIN);
}

static void unread_data_in_server(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 50);
	play_do(play, SERVER, op_wait_unread, c.fd[SERVER], 50);
	play_close(play, &c, SERVER);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, SERVER, .cause = "rst_sent_unread_data", BY_CLOSE, .path = PATH_RESET,
	       .unread_bytes = EXACTLY(50));
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
}

static void server_meets_reset_after_close(struct play *play, const struct connection *c)
{
	play_do(play, SERVER, op_send, c->fd[SERVER], 100);
	play_wait_error(play, c, SERVER, EPIPE);
	play_check(play, play_try(play, SERVER, op_send, c->fd[SERVER], 1) == -EPIPE);
	expect(play, c, SERVER, RESET_AFTER_PEER_FIN);
}

/* The reset is the minisock's. Where nobody tells of it, the peer seems not to have closed yet. */
static const char *cause_of_data_to_minisock(void)
{
	bool told = kernel_shows(KERNEL_COOKIES) &&
		    (kernel_shows(KERNEL_RESET_REASONS) || kernel_shows(KERNEL_TIME_WAIT_ENDS));
	return told ? "rst_sent_data_after_close" : "fin_local_first";
}

static void data_after_close_to_minisock(struct play *play)
{
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	server_meets_reset_after_close(play, &c);
	expect(play, &c, CLIENT, .cause = cause_of_data_to_minisock(), BY_CLOSE, .path = PATH_CLOSED_FIRST);
}

/* After the settle time: the first report, whatever it said, is replaced. */
static void data_long_after_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_sleep_ms(3000);
	server_meets_reset_after_close(play, &c);
	expect(play, &c, CLIENT, .cause = cause_of_data_to_minisock(), BY_CLOSE, .path = PATH_CLOSED_FIRST);
}

/* With tcp_fin_timeout above 60 s the whole socket stays until only 60 s are left. */
static void data_after_close_to_socket(struct play *play)
{
	play_set(play, CLIENT, "tcp_fin_timeout", "120");
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	server_meets_reset_after_close(play, &c);
	play_wait_counter(play, CLIENT, "TCPAbortOnData", 1);
	expect(play, &c, CLIENT, .cause = "rst_sent_data_after_close", BY_CLOSE, .path = PATH_RESET_AFTER_OWN_FIN);
}

/* The data was on its way before the peer could know of the close. */
static void data_crosses_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_filter(play, SERVER, DROP_FIN);
	play_close(play, &c, CLIENT);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	play_wait_counter(play, CLIENT, "TCPAbortOnData", 1);
	expect(play, &c, CLIENT, .cause = "rst_sent_data_after_close", BY_CLOSE, .path = "FIN_WAIT1>CLOSE");
	/* A reset that answers a segment never carries a timestamp: it might come from a rebooted host. */
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established|peer_lost_state");
}

/* shutdown(SHUT_RDWR) refuses data as well, though the process still holds the socket. */
static void data_after_shutdown(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_RDWR);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	server_meets_reset_after_close(play, &c);
	expect(play, &c, CLIENT, .cause = "rst_sent_data_after_close", BY_SHUTDOWN, .path = PATH_RESET_AFTER_OWN_FIN);
}

static void disconnect(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_disconnect, c.fd[CLIENT]);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "rst_sent_disconnect", .initiator = "local_app", .how = "disconnect",
	       .path = PATH_RESET);
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established");
}

/* The same socket, hence the same cookie, connects once more: another connection. */
static void disconnect_and_reconnect(struct play *play)
{
	struct connection first = play_connect(play);
	play_ask_cookies(play, &first, 0);
	play_do(play, CLIENT, op_disconnect, first.fd[CLIENT]);
	play_wait_error(play, &first, SERVER, ECONNRESET);
	struct connection second = first;
	play_close_listener(play);
	play->first_port++;
	play_listen(play, 16);
	second.port[SERVER] = play->first_port;
	play_connect_socket(play, &second);
	play_do(play, CLIENT, op_connected, second.fd[CLIENT]);
	play_accept(play, &second);
	play_ask_cookies(play, &second, 0);
	play_check(play, second.cookie[CLIENT] == first.cookie[CLIENT]);
	play_close_in_order(play, &second, CLIENT);
	expect(play, &first, CLIENT, .cause = "rst_sent_disconnect", .initiator = "local_app", .how = "disconnect",
	       .path = PATH_RESET);
	expect(play, &first, SERVER, RESET_BY_PEER, .context = "established");
	expect(play, &second, CLIENT, CLOSED_FIRST, BY_CLOSE, .error = "null");
	expect(play, &second, SERVER, CLOSED_SECOND);
}

/* Connections that the kernel has accepted but no process has. */
static struct connection pending_child(struct play *play)
{
	play_listen(play, 16);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_wait_state(play, &c, SERVER, STATE_ESTABLISHED);
	return c;
}

static void listener_closed(struct play *play)
{
	struct connection c = pending_child(play);
	play_close_listener(play);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, SERVER, .cause = "rst_sent_listener_closed", .initiator = "local_app", .how = "listener_close",
	       .path = PATH_RESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
}

static void listener_shut_down(struct play *play)
{
	struct connection c = pending_child(play);
	play_do(play, SERVER, op_shutdown, play->listener_fd, SHUT_RDWR);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, SERVER, .cause = "rst_sent_listener_closed", .initiator = "local_app", .how = "listener_close",
	       .path = PATH_RESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
}

static void listener_killed(struct play *play)
{
	struct connection c = pending_child(play);
	play_kill(play, SERVER, SIGKILL);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, SERVER, .cause = "rst_sent_listener_closed", .initiator = "local_exit", .ending = "signal 9",
	       .path = PATH_RESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "established");
}

static void destroy(struct play *play, const struct connection *c, enum end end)
{
	int error = diag_destroy(play->diag_fd[end], play->family, end, c->port[end], c->port[other_end(end)]);
	play_check(play, error == 0);
}

#define DESTROYED .cause = "destroyed", .initiator = "local_admin", .how = "sock_destroy", .error = "ECONNABORTED"

static void destroyed(struct play *play)
{
	struct connection c = play_connect(play);
	destroy(play, &c, CLIENT);
	play_wait_error(play, &c, CLIENT, ECONNABORTED);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	expect(play, &c, CLIENT, DESTROYED, .path = PATH_RESET);
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established");
}

static void destroyed_half_closed(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	destroy(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, EPIPE);
	expect(play, &c, CLIENT, DESTROYED, .path = PATH_RESET_AFTER_OWN_FIN);
	expect(play, &c, SERVER, RESET_AFTER_PEER_FIN);
}

static void destroyed_while_opening(struct play *play)
{
	play_listen(play, 16);
	play_filter(play, SERVER, DROP_ALL);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_wait_state(play, &c, CLIENT, STATE_SYN_SENT);
	destroy(play, &c, CLIENT);
	play_wait_error(play, &c, CLIENT, ECONNABORTED);
	expect(play, &c, CLIENT, DESTROYED, .whole_path = "SYN_SENT>CLOSE");
	expect_none(play, &c, SERVER);
}

static const struct test tests[] = {
	{"S10", "linger_zero", linger_zero, 2, 0},
	{"S10", "linger_zero_in_server", linger_zero_in_server, 2, 0},
	{"S10", "linger_zero_after_peer_fin", linger_zero_after_peer_fin, 2, 0},
	{"S10", "linger_zero_after_fin_was_read", linger_zero_after_fin_was_read, 2, 0},
	{"S10", "linger_zero_when_killed", linger_zero_when_killed, 2, 0},
	{"S10", "linger2_negative", linger2_negative, 2, 0},
	{"S12", "unread_data", unread_data, 2, 0},
	{"S12", "unread_data_after_peer_fin", unread_data_after_peer_fin, 2, 0},
	{"S12", "unread_data_in_server", unread_data_in_server, 2, 0},
	{"S13", "data_after_close_to_minisock", data_after_close_to_minisock, 2, 0},
	{"S13", "data_long_after_close", data_long_after_close, 5, 0},
	{"S13", "data_after_close_to_socket", data_after_close_to_socket, 2, 0},
	{"S13", "data_crosses_close", data_crosses_close, 2, 0},
	{"S13", "data_after_shutdown", data_after_shutdown, 2, 0},
	{"S18", "disconnect", disconnect, 2, 0},
	{"S18", "disconnect_and_reconnect", disconnect_and_reconnect, 2, 0},
	{"S18", "listener_closed", listener_closed, 2, 0},
	{"S18", "listener_shut_down", listener_shut_down, 2, 0},
	{"S18", "listener_killed", listener_killed, 2, 0},
	{"S19", "destroyed", destroyed, 2, 0},
	{"S19", "destroyed_half_closed", destroyed_half_closed, 2, 0},
	{"S19", "destroyed_while_opening", destroyed_while_opening, 2, 0},
};

const struct test_table reset_tests = TEST_TABLE(tests);
