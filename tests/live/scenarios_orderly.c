/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_orderly.c: connections that end as the book says (S01..S08): with a FIN from each end,
 * whoever or whatever made the kernel send it.
 */
#include "expect.h"
#include "scenarios.h"

#include <errno.h>
#include <signal.h>

#define REQUEST_BYTES  1000
#define RESPONSE_BYTES 3000

static void talk(struct play *play, const struct connection *connection)
{
	play_transfer(play, connection, CLIENT, REQUEST_BYTES);
	play_transfer(play, connection, SERVER, RESPONSE_BYTES);
}

static void four_way_client_first(struct play *play)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .bytes_sent = EXACTLY(REQUEST_BYTES),
	       .bytes_received = EXACTLY(RESPONSE_BYTES), .error = "null");
	expect(play, &c, SERVER, CLOSED_SECOND, .bytes_sent = EXACTLY(RESPONSE_BYTES),
	       .bytes_received = EXACTLY(REQUEST_BYTES), .error = "null");
}

static void four_way_server_first(struct play *play)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	play_close_in_order(play, &c, SERVER);
	expect(play, &c, SERVER, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, CLIENT, CLOSED_SECOND);
}

/* Only the segment that carries both the ACK of our FIN and the peer's FIN comes through. */
static void three_segments(struct play *play)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	play_filter(play, CLIENT, DROP_PURE_ACK);
	play_close(play, &c, CLIENT);
	play_read_end_and_close(play, &c, SERVER);
	play_wait_state(play, &c, CLIENT, STATE_TIME_WAIT);
	play_filter(play, CLIENT, NULL);
	play_wait_state(play, &c, SERVER, STATE_GONE);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

/* Both real FINs are held back; each end then gets one that was sent before its own was seen. */
static void simultaneous_close(struct play *play)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	struct sequences client = play_sequences(play, &c, CLIENT);
	struct sequences server = play_sequences(play, &c, SERVER);
	play_filter(play, CLIENT, DROP_ALL_BUT_INJECTED);
	play_filter(play, SERVER, DROP_ALL_BUT_INJECTED);
	play_close(play, &c, CLIENT);
	play_close(play, &c, SERVER);
	play_inject(play, &c, CLIENT, SEGMENT_FIN | SEGMENT_ACK, client.next_to_send, client.next_expected);
	play_inject(play, &c, SERVER, SEGMENT_FIN | SEGMENT_ACK, server.next_to_send, server.next_expected);
	play_wait_state(play, &c, CLIENT, STATE_CLOSING);
	play_wait_state(play, &c, SERVER, STATE_CLOSING);
	play_heal(play);
	play_wait_state(play, &c, CLIENT, STATE_TIME_WAIT);
	play_wait_state(play, &c, SERVER, STATE_TIME_WAIT);
	expect(play, &c, CLIENT, .cause = "fin_simultaneous", BY_CLOSE, .path = PATH_CLOSED_BOTH);
	expect(play, &c, SERVER, .cause = "fin_simultaneous", BY_CLOSE, .path = PATH_CLOSED_BOTH);
}

/* A connection between two connect() calls: the server's end has no listener. */
static struct connection open_simultaneously(struct play *play)
{
	struct connection c = play_socket(play);
	play_bind(play, &c, 1);
	c.fd[SERVER] = (int)play_do(play, SERVER, op_socket, play->family);
	play_do(play, SERVER, op_bind, c.fd[SERVER], play->family, SERVER, c.port[SERVER]);
	play_filter(play, CLIENT, DROP_ALL_BUT_INJECTED);
	play_filter(play, SERVER, DROP_ALL_BUT_INJECTED);
	play_connect_socket(play, &c);
	long error = play_try(play, SERVER, op_connect, c.fd[SERVER], play->family, CLIENT, c.port[CLIENT]);
	play_check(play, error == -EINPROGRESS);
	for (int end = 0; end < ENDS; end++) {
		long after_syn = play_do(play, end, op_send_sequence, c.fd[end]);
		play_inject(play, &c, end, SEGMENT_SYN, (uint32_t)after_syn - 1, 0);
	}
	play_wait_state(play, &c, CLIENT, STATE_SYN_RECV);
	play_wait_state(play, &c, SERVER, STATE_SYN_RECV);
	return c;
}

static void simultaneous_open(struct play *play)
{
	/* The SYNs that arrive first have no options, and the repeated ones must not contradict them. */
	play_set_both(play, "tcp_window_scaling", "0");
	play_set_both(play, "tcp_timestamps", "0");
	struct connection c = open_simultaneously(play);
	play_heal(play);
	play_wait_state(play, &c, CLIENT, STATE_ESTABLISHED);
	play_wait_state(play, &c, SERVER, STATE_ESTABLISHED);
	talk(play, &c);
	play_close_in_order(play, &c, CLIENT);
	expect(play, &c, CLIENT, .cause = "fin_local_first", BY_CLOSE, .role = "both",
	       .whole_path = "SYN_SENT>SYN_RECV>ESTABLISHED>" PATH_CLOSED_FIRST);
	expect(play, &c, SERVER, .cause = "fin_peer_first", BY_PEER, .role = "both",
	       .whole_path = "SYN_SENT>SYN_RECV>ESTABLISHED>" PATH_CLOSED_SECOND);
}

/* One socket that connects to itself: both roles, and a FIN that crosses itself. */
static void self_connect(struct play *play)
{
	struct connection c = play_socket(play);
	c.port[CLIENT] = c.port[SERVER];
	c.elsewhere = true;
	long error = play_try(play, CLIENT, op_connect_self, c.fd[CLIENT], play->family, c.port[CLIENT]);
	play_check(play, error == 0 || error == -EINPROGRESS);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_do(play, CLIENT, op_receive, c.fd[CLIENT], 100);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, .cause = "fin_simultaneous", BY_CLOSE, .role = "both",
	       .whole_path = "SYN_SENT>SYN_RECV>ESTABLISHED>" PATH_CLOSED_BOTH);
}

static void half_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_transfer(play, &c, CLIENT, REQUEST_BYTES);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_transfer(play, &c, SERVER, RESPONSE_BYTES);
	play_close(play, &c, SERVER);
	play_wait_state(play, &c, CLIENT, STATE_TIME_WAIT);
	play_do(play, CLIENT, op_receive_end, c.fd[CLIENT]);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SHUTDOWN, .bytes_received = EXACTLY(RESPONSE_BYTES),
	       .unread_bytes = EXACTLY(0));
	expect(play, &c, SERVER, CLOSED_SECOND, .bytes_sent = EXACTLY(RESPONSE_BYTES));
}

/* The FIN was sent by shutdown(); the close() that follows is no second cause. */
static void half_close_then_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_WR);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_close(play, &c, CLIENT);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, .cause = "fin_local_first", BY_SHUTDOWN, .path = PATH_SHUT_THEN_CLOSED);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static void shutdown_both_ways(struct play *play)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_RDWR);
	play_close_from(play, &c, CLIENT);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SHUTDOWN);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static void exit_with_code(struct play *play)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	actor_begin(&play->actor[CLIENT], op_exit, (long[OP_ARGUMENTS]){3});
	play_wait_exit(play, CLIENT, 3 << 8);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_EXIT(3));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static struct connection killed(struct play *play, enum end victim, int signal_number)
{
	struct connection c = play_connect(play);
	talk(play, &c);
	if (signal_number == SIGSEGV) {
		actor_begin(&play->actor[victim], op_crash, (long[OP_ARGUMENTS]){0});
		play_wait_exit(play, victim, SIGSEGV);
	} else {
		play_kill(play, victim, signal_number);
	}
	play_close_from(play, &c, victim);
	return c;
}

static void sigkill(struct play *play)
{
	struct connection c = killed(play, CLIENT, SIGKILL);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SIGNAL(9));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static void sigterm(struct play *play)
{
	struct connection c = killed(play, CLIENT, SIGTERM);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SIGNAL(15));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static void sigsegv(struct play *play)
{
	struct connection c = killed(play, CLIENT, SIGSEGV);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SIGNAL(11));
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static void sigkill_of_server(struct play *play)
{
	struct connection c = killed(play, SERVER, SIGKILL);
	expect(play, &c, SERVER, CLOSED_FIRST, BY_SIGNAL(9));
	expect(play, &c, CLIENT, CLOSED_SECOND);
}

static void killed_with_unread_data(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_do(play, CLIENT, op_wait_unread, c.fd[CLIENT], 100);
	play_kill(play, CLIENT, SIGKILL);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	play_wait_counter(play, CLIENT, "TCPAbortOnClose", 1);
	expect(play, &c, CLIENT, .cause = "rst_sent_unread_data", BY_SIGNAL(9), .path = PATH_RESET,
	       .unread_bytes = EXACTLY(100));
	expect(play, &c, SERVER, RESET_BY_PEER, .context = "established");
}

/* The server forks after accept(); its own close() ends nothing. */
static void last_holder_closes(struct play *play)
{
	struct actor heir;
	struct connection c = play_connect(play);
	play_check(play, actor_fork(&play->actor[SERVER], &heir) == 0);
	play_close(play, &c, SERVER);
	play_do_named(play, &heir, op_send, "op_send", (long[OP_ARGUMENTS]){c.fd[SERVER], 100});
	play_do(play, CLIENT, op_receive, c.fd[CLIENT], 100);
	play_check(play, play_look(play, &c, SERVER).state == STATE_ESTABLISHED);
	expect_none(play, &c, SERVER);
	play_do_named(play, &heir, op_close, "op_close", (long[OP_ARGUMENTS]){c.fd[SERVER]});
	play_close_from(play, &c, SERVER);
	expect(play, &c, SERVER, CLOSED_FIRST, BY_CLOSE, .pid = heir.pid, .comm = heir.comm);
	expect(play, &c, CLIENT, CLOSED_SECOND);
	actor_kill(&heir);
}

/* The parent's death ends nothing; the child's does. */
static void last_holder_killed(struct play *play)
{
	struct actor heir;
	struct connection c = play_connect(play);
	play_check(play, actor_fork(&play->actor[CLIENT], &heir) == 0);
	actor_begin(&play->actor[CLIENT], op_exit, (long[OP_ARGUMENTS]){0});
	play_wait_exit(play, CLIENT, 0);
	play_do_named(play, &heir, op_send, "op_send", (long[OP_ARGUMENTS]){c.fd[CLIENT], 100});
	play_do(play, SERVER, op_receive, c.fd[SERVER], 100);
	expect_none(play, &c, CLIENT);
	kill(heir.pid, SIGKILL);
	play_check(play, actor_wait(&heir) == SIGKILL);
	play_close_from(play, &c, CLIENT);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_SIGNAL(9), .pid = heir.pid, .comm = heir.comm);
	expect(play, &c, SERVER, CLOSED_SECOND);
}

static const struct test tests[] = {
	{"S01", "four_way_client_first", four_way_client_first, 2, 0},
	{"S01", "four_way_server_first", four_way_server_first, 2, 0},
	{"S02", "three_segments", three_segments, 2, 0},
	{"S03", "simultaneous_close", simultaneous_close, 2, 0},
	{"S04", "simultaneous_open", simultaneous_open, 3, 0},
	{"S04", "self_connect", self_connect, 2, 0},
	{"S05", "half_close", half_close, 2, 0},
	{"S05", "half_close_then_close", half_close_then_close, 2, 0},
	{"S05", "shutdown_both_ways", shutdown_both_ways, 2, 0},
	{"S06", "exit_with_code", exit_with_code, 2, 0},
	{"S06", "sigkill", sigkill, 2, 0},
	{"S06", "sigterm", sigterm, 2, 0},
	{"S06", "sigsegv", sigsegv, 2, 0},
	{"S06", "sigkill_of_server", sigkill_of_server, 2, 0},
	{"S07", "killed_with_unread_data", killed_with_unread_data, 2, 0},
	{"S08", "last_holder_closes", last_holder_closes, 2, 0},
	{"S08", "last_holder_killed", last_holder_killed, 2, 0},
};

const struct test_table orderly_tests = TEST_TABLE(tests);
