/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_open.c: connections that never came to be (S17, S27, S28), seen from the end that opens
 * and from the listener.
 */
#include "expect.h"
#include "scenarios.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SECOND_US       1000000LL
#define PATH_NEVER_OPEN "SYN_SENT>CLOSE"

static struct connection connect_to_silence(struct play *play)
{
	play_listen(play, 16);
	play_filter(play, SERVER, DROP_ALL);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_wait_state(play, &c, CLIENT, STATE_SYN_SENT);
	return c;
}

static void refused(struct play *play)
{
	struct connection c = play_socket(play);
	play_bind(play, &c, 1);
	play_connect_socket(play, &c);
	play_check(play, play_try(play, CLIENT, op_connected, c.fd[CLIENT]) == -ECONNREFUSED);
	expect(play, &c, CLIENT, .cause = "refused", BY_PEER, .error = "ECONNREFUSED", .whole_path = PATH_NEVER_OPEN);
	expect_none(play, &c, SERVER);
}

/* The kernel has forgotten the port by the time that the attempt ends; the report has not. */
static void refused_blocking_with_automatic_port(struct play *play)
{
	struct connection c = play_socket(play);
	long error = play_try(play, CLIENT, op_connect_blocking, c.fd[CLIENT], play->family, SERVER, c.port[SERVER]);
	play_check(play, error == -ECONNREFUSED);
	expect(play, &c, CLIENT, .cause = "refused", BY_PEER, .error = "ECONNREFUSED", .whole_path = PATH_NEVER_OPEN);
	c.port[CLIENT] = 0;
	expect_none(play, &c, SERVER);
}

/* Both connect; the one that has answered the other's SYN gets a reset instead of an ACK. */
static void reset_in_simultaneous_open(struct play *play)
{
	struct connection c = play_socket(play);
	play_bind(play, &c, 1);
	play_filter(play, CLIENT, DROP_ALL_BUT_INJECTED);
	play_filter(play, SERVER, DROP_ALL);
	play_connect_socket(play, &c);
	uint32_t after_syn = (uint32_t)play_do(play, CLIENT, op_send_sequence, c.fd[CLIENT]);
	play_inject(play, &c, SERVER, SEGMENT_SYN, 1000, 0);
	play_wait_state(play, &c, CLIENT, STATE_SYN_RECV);
	play_inject(play, &c, SERVER, SEGMENT_RST | SEGMENT_ACK, 1001, after_syn);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, .cause = "reset_in_handshake", BY_PEER, .error = "ECONNRESET", .role = "both",
	       .whole_path = "SYN_SENT>SYN_RECV>CLOSE");
}

/*
 * TCP Fast Open lets a child live, and be accepted, before the handshake is complete. Its SYN-ACK
 * never reaches the client.
 */
static struct connection open_fast(struct play *play)
{
	play_set_both(play, "tcp_fastopen", "519"); /* both roles, and no cookies asked for */
	play_listen(play, 16);
	play_do(play, SERVER, op_option, play->listener_fd, IPPROTO_TCP, TCP_FASTOPEN, 5);
	play_filter(play, CLIENT, DROP_SYN_ACK);
	struct connection c = play_socket(play);
	long sent = play_try(play, CLIENT, op_connect_fast, c.fd[CLIENT], play->family, SERVER, c.port[SERVER]);
	play_check(play, sent == 1 || sent == -EINPROGRESS);
	c.port[CLIENT] = (uint16_t)play_do(play, CLIENT, op_local_port, c.fd[CLIENT]);
	play_accept(play, &c);
	play_check(play, play_look(play, &c, SERVER).state == STATE_SYN_RECV);
	return c;
}

static void reset_in_fast_open(struct play *play)
{
	struct connection c = open_fast(play);
	uint32_t after_data = (uint32_t)play_do(play, CLIENT, op_send_sequence, c.fd[CLIENT]);
	play_inject(play, &c, CLIENT, SEGMENT_RST, after_data, 0);
	play_wait_error(play, &c, SERVER, ECONNRESET);
	play_close(play, &c, CLIENT);
	expect(play, &c, SERVER, .cause = "reset_in_handshake", BY_PEER, .error = "ECONNRESET",
	       .whole_path = "SYN_RECV>CLOSE");
	expect(play, &c, CLIENT, .cause = "cancelled", BY_CLOSE, .whole_path = PATH_NEVER_OPEN);
}

static void syn_unanswered(struct play *play)
{
	play_set(play, CLIENT, "tcp_syn_retries", "1");
	struct connection c = connect_to_silence(play);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "syn_timeout", BY_TIMER, .error = "ETIMEDOUT", .whole_path = PATH_NEVER_OPEN,
	       .retransmits = AT_LEAST(1));
	expect_none(play, &c, SERVER);
}

/* Linux repeats the SYN after the same time at first; RFC 6298 would double it. */
static void syn_unanswered_linearly(struct play *play)
{
	if (access("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", F_OK))
		play_skip(play, "this kernel doubles the time of every SYN");
	play_set(play, CLIENT, "tcp_syn_linear_timeouts", "4");
	play_set(play, CLIENT, "tcp_syn_retries", "1");
	struct connection c = connect_to_silence(play);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	expect(play, &c, CLIENT, .cause = "syn_timeout", BY_TIMER, .error = "ETIMEDOUT", .whole_path = PATH_NEVER_OPEN,
	       .retransmits = AT_LEAST(2), .note = "retransmission: linux_variant: the SYN was sent again");
}

static void abandoned_by_close(struct play *play)
{
	struct connection c = connect_to_silence(play);
	play_close(play, &c, CLIENT);
	expect(play, &c, CLIENT, .cause = "cancelled", BY_CLOSE, .whole_path = PATH_NEVER_OPEN);
	expect_none(play, &c, SERVER);
}

static void abandoned_by_shutdown(struct play *play)
{
	struct connection c = connect_to_silence(play);
	play_do(play, CLIENT, op_shutdown, c.fd[CLIENT], SHUT_RDWR);
	expect(play, &c, CLIENT, .cause = "cancelled", .initiator = "local_app", .how = "shutdown|disconnect",
	       .whole_path = PATH_NEVER_OPEN);
}

static void abandoned_by_kill(struct play *play)
{
	struct connection c = connect_to_silence(play);
	play_kill(play, CLIENT, SIGKILL);
	expect(play, &c, CLIENT, .cause = "cancelled", BY_SIGNAL(9), .whole_path = PATH_NEVER_OPEN);
}

static void abandoned_by_exit(struct play *play)
{
	struct connection c = connect_to_silence(play);
	actor_begin(&play->actor[CLIENT], op_exit, (long[OP_ARGUMENTS]){5});
	play_wait_exit(play, CLIENT, 5 << 8);
	expect(play, &c, CLIENT, .cause = "cancelled", BY_EXIT(5), .whole_path = PATH_NEVER_OPEN);
}

/* The first message finds the socket locked by connect() and only leaves a note; a later one kills. */
static void unreachable_by(struct play *play, const char *rule, int error, const char *error_name)
{
	play_filter(play, SERVER, rule);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_check(play, play_try(play, CLIENT, op_connected, c.fd[CLIENT]) == -error);
	expect(play, &c, CLIENT, .cause = "unreachable", .initiator = "network", .how = "icmp", .error = error_name,
	       .whole_path = PATH_NEVER_OPEN);
}

/* The second SYN is sent by a timer, when nobody holds the lock: the first message kills. */
static void host_unreachable_at_once(struct play *play)
{
	struct connection c = connect_to_silence(play);
	play_filter(play, SERVER, REJECT_AS_HOST_UNREACHABLE);
	play_check(play, play_try(play, CLIENT, op_connected, c.fd[CLIENT]) == -EHOSTUNREACH);
	expect(play, &c, CLIENT, .cause = "unreachable", .initiator = "network", .how = "icmp", .error = "EHOSTUNREACH",
	       .whole_path = PATH_NEVER_OPEN);
}

static void host_unreachable(struct play *play)
{
	unreachable_by(play, REJECT_AS_HOST_UNREACHABLE, EHOSTUNREACH, "EHOSTUNREACH");
}

static void port_unreachable(struct play *play)
{
	unreachable_by(play, REJECT_AS_PORT_UNREACHABLE, ECONNREFUSED, "ECONNREFUSED");
}

/* An address of the same network that nobody answers for: our own kernel says so. */
static void no_neighbour(struct play *play)
{
	const char *nobody = play->family == AF_INET6 ? "fd77::9" : "10.77.0.9";
	struct connection c = play_socket(play);
	c.elsewhere = true;
	long error = play_try(play, CLIENT, op_connect_nowhere, c.fd[CLIENT], play->family, (long)nobody,
			      c.port[SERVER]);
	play_check(play, error == -EINPROGRESS);
	c.port[CLIENT] = (uint16_t)play_do(play, CLIENT, op_local_port, c.fd[CLIENT]);
	play_check(play, play_try(play, CLIENT, op_connected, c.fd[CLIENT]) == -EHOSTUNREACH);
	expect(play, &c, CLIENT, .cause = "unreachable", .error = "EHOSTUNREACH", .whole_path = PATH_NEVER_OPEN);
}

static void no_local_port(struct play *play)
{
	char range[32];
	struct connection first = play_connect(play);
	snprintf(range, sizeof(range), "%d %d", first.port[CLIENT], first.port[CLIENT]);
	play_set(play, CLIENT, "ip_local_port_range", range);
	struct connection c = play_socket(play);
	play_ask_cookies(play, &c, 0);
	long error = play_try(play, CLIENT, op_connect, c.fd[CLIENT], play->family, SERVER, c.port[SERVER]);
	play_check(play, error == -EADDRNOTAVAIL);
	expect(play, &c, CLIENT, .cause = "cancelled|unreachable", .context = "no_local_port",
	       .whole_path = PATH_NEVER_OPEN);
	play_check(play, play_look(play, &first, CLIENT).state == STATE_ESTABLISHED);
}

/*
 * The server never hears that its SYN-ACK arrived: it drops the request without a word, while the
 * client has a connection. What the client then sends is answered with a reset.
 */
static void synack_unanswered(struct play *play)
{
	play_set(play, SERVER, "tcp_synack_retries", "1");
	play_filter(play, SERVER, DROP_PURE_ACK);
	play_listen(play, 16);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_wait_state(play, &c, SERVER, STATE_SYN_RECV);
	play_wait_state(play, &c, SERVER, STATE_GONE);
	play_check(play, play_look(play, &c, CLIENT).state == STATE_ESTABLISHED);
	expect(play, &c, SERVER, .cause = "synack_timeout", .initiator = "local_kernel", .how = "timer",
	       .whole_path = "SYN_RECV>CLOSE", .completeness = "complete|inferred", .retransmits = AT_LEAST(1),
	       .duration_us = AT_LEAST(2 * SECOND_US));
	expect_none(play, &c, CLIENT);
	play_filter(play, SERVER, NULL);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
	expect(play, &c, CLIENT, RESET_BY_PEER, .context = "peer_lost_state|established");
}

/* The child of a Fast Open request is a whole socket, so its end is an event of its own. */
static void synack_of_fast_open_unanswered(struct play *play)
{
	play_set(play, SERVER, "tcp_synack_retries", "0");
	struct connection c = open_fast(play);
	play_filter(play, SERVER, DROP_ALL);
	play_wait_error(play, &c, SERVER, ETIMEDOUT);
	expect(play, &c, SERVER, .cause = "synack_timeout", BY_TIMER, .error = "ETIMEDOUT",
	       .whole_path = "SYN_RECV>CLOSE", .retransmits = AT_LEAST(1), .duration_us = AT_LEAST(2 * SECOND_US));
}

/*
 * A backlog of n lets n + 1 wait for accept(). One does; three more handshakes are held before their
 * last step while there is room, so the last of them finds none. The listener is told to say so.
 */
#define BACKLOG 2
#define WAITING (BACKLOG + 2)

static void accept_queue_overflow(struct play *play)
{
	struct connection waiting[WAITING], *last = &waiting[WAITING - 1];
	play_set(play, SERVER, "tcp_abort_on_overflow", "1");
	play_set(play, SERVER, "tcp_syncookies", "0");
	play_listen(play, BACKLOG);
	for (int i = 0; i < WAITING; i++) {
		waiting[i] = play_socket(play);
		play_connect_socket(play, &waiting[i]);
		play_do(play, CLIENT, op_connected, waiting[i].fd[CLIENT]);
		play_wait_state(play, &waiting[i], SERVER, i < BACKLOG ? STATE_ESTABLISHED : STATE_SYN_RECV);
		if (i == BACKLOG - 1)
			play_filter(play, SERVER, DROP_PURE_ACK);
	}
	/* A SYN-ACK that is repeated now would let its connection through before its turn. */
	play_filter(play, CLIENT, DROP_SYN_ACK);
	play_filter(play, SERVER, NULL);
	for (int i = BACKLOG; i < WAITING; i++) {
		play_do(play, CLIENT, op_send, waiting[i].fd[CLIENT], 1);
		if (&waiting[i] != last)
			play_wait_state(play, &waiting[i], SERVER, STATE_ESTABLISHED);
	}
	play_wait_error(play, last, CLIENT, ECONNRESET);
	play_wait_counter(play, SERVER, "ListenOverflows", 1);
	expect(play, last, CLIENT, RESET_BY_PEER);
	for (int i = 0; i < WAITING; i++)
		expect_none(play, &waiting[i], SERVER);
}

static const struct test tests[] = {
	{"S17", "refused", refused, 2, 0},
	{"S17", "refused_blocking_with_automatic_port", refused_blocking_with_automatic_port, 2, 0},
	{"S17", "reset_in_simultaneous_open", reset_in_simultaneous_open, 2, 0},
	{"S17", "reset_in_fast_open", reset_in_fast_open, 2, 0},
	{"S27", "syn_unanswered_linearly", syn_unanswered_linearly, 4, 0},
	{"S27", "syn_unanswered", syn_unanswered, 6, 0},
	{"S27", "abandoned_by_close", abandoned_by_close, 2, 0},
	{"S27", "abandoned_by_shutdown", abandoned_by_shutdown, 2, 0},
	{"S27", "abandoned_by_kill", abandoned_by_kill, 2, 0},
	{"S27", "abandoned_by_exit", abandoned_by_exit, 2, 0},
	{"S27", "host_unreachable", host_unreachable, 4, 0},
	{"S27", "host_unreachable_at_once", host_unreachable_at_once, 4, 0},
	{"S27", "port_unreachable", port_unreachable, 4, 0},
	{"S27", "no_neighbour", no_neighbour, 6, 0},
	{"S27", "no_local_port", no_local_port, 2, 0},
	{"S28", "synack_unanswered", synack_unanswered, 6, 0},
	{"S28", "synack_of_fast_open_unanswered", synack_of_fast_open_unanswered, 6, 0},
	{"S28", "accept_queue_overflow", accept_queue_overflow, 4, 0},
};

const struct test_table open_tests = TEST_TABLE(tests);
