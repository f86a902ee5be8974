/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_time_wait.c: how TIME_WAIT ends (S09), and that what comes after it on the same ports is
 * another connection.
 */
#include "expect.h"
#include "kernel.h"
#include "scenarios.h"

#include <errno.h>
#include <stdio.h>

#define TIME_WAIT_MS 60000

/*
 * What is told of the end of TIME_WAIT. Where a minisock cannot be joined with its connection: nothing, but that the
 * four-tuple was used again, unless another socket got the address of this one first.
 */
static const char *ended(const char *how)
{
	return kernel_shows(KERNEL_COOKIES) ? how : "null|reused";
}

/* The end that closes first keeps TIME_WAIT. The client's port is one that can be asked for again. */
static struct connection leave_time_wait(struct play *play, enum end first, unsigned life)
{
	if (play->listener_fd < 0)
		play_listen(play, 16);
	struct connection c = play_socket(play);
	play_bind(play, &c, 1);
	play_connect_socket(play, &c);
	play_do(play, CLIENT, op_connected, c.fd[CLIENT]);
	play_accept(play, &c);
	play_ask_cookies(play, &c, life);
	play_transfer(play, &c, CLIENT, 100);
	play_close_in_order(play, &c, first);
	return c;
}

/*
 * The usual report does not wait for the end of TIME_WAIT, and an end that comes as planned is no reason
 * for another one. A lastack of our own waits long enough.
 */
static void expires(struct play *play)
{
	play_watch_alone(play, "75");
	struct connection c = leave_time_wait(play, CLIENT, 0);
	play_sleep_ms(TIME_WAIT_MS - 500);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .time_wait_end = ended("expired"));
	expect(play, &c, SERVER, CLOSED_SECOND, .time_wait_end = "null");
}

/* A SYN from the same port comes to a server that holds TIME_WAIT, at once or a little later. */
static void reused_by_syn_after(struct play *play, long ms)
{
	struct connection old = leave_time_wait(play, SERVER, 1);
	play_sleep_ms(ms);
	struct connection new = leave_time_wait(play, SERVER, 2);
	play_check(play, new.port[CLIENT] == old.port[CLIENT]);
	play_check(play, new.cookie[SERVER] != old.cookie[SERVER]);
	expect(play, &old, SERVER, CLOSED_FIRST, BY_CLOSE, .time_wait_end = ended("reused"));
	expect(play, &old, CLIENT, CLOSED_SECOND);
	expect(play, &new, SERVER, CLOSED_FIRST, BY_CLOSE, .time_wait_end = "null");
	expect(play, &new, CLIENT, CLOSED_SECOND);
}

static void reused_by_syn_at_once(struct play *play)
{
	reused_by_syn_after(play, 0);
}

static void reused_by_syn(struct play *play)
{
	reused_by_syn_after(play, 300);
}

static void reused_by_syn_late(struct play *play)
{
	reused_by_syn_after(play, 2500);
}

/* The client itself opens again from the port that it holds in TIME_WAIT. */
static void reused_by_connect(struct play *play)
{
	char range[32];
	struct connection c = play_connect(play);
	play_ask_cookies(play, &c, 1);
	play_close_in_order(play, &c, CLIENT);
	snprintf(range, sizeof(range), "%d %d", c.port[CLIENT], c.port[CLIENT]);
	play_set(play, CLIENT, "ip_local_port_range", range);
	play_set(play, CLIENT, "tcp_tw_reuse", "1");
	struct connection new = play_socket(play);
	long error = -EADDRNOTAVAIL;
	for (int waited = 0; waited < OP_WAIT_MS && error == -EADDRNOTAVAIL; waited += 50) {
		play_sleep_ms(50);
		error = play_try(play, CLIENT, op_connect, new.fd[CLIENT], play->family, SERVER, new.port[SERVER]);
	}
	play_check(play, error == -EINPROGRESS);
	play_do(play, CLIENT, op_connected, new.fd[CLIENT]);
	new.port[CLIENT] = (uint16_t)play_do(play, CLIENT, op_local_port, new.fd[CLIENT]);
	play_check(play, new.port[CLIENT] == c.port[CLIENT]);
	play_accept(play, &new);
	play_ask_cookies(play, &new, 2);
	play_close_in_order(play, &new, SERVER);
	expect(play, &c, CLIENT, CLOSED_FIRST, BY_CLOSE, .time_wait_end = ended("reused"));
	expect(play, &c, SERVER, CLOSED_SECOND);
	expect(play, &new, CLIENT, CLOSED_SECOND);
	expect(play, &new, SERVER, CLOSED_FIRST, BY_CLOSE);
}

/* RFC 1337: a reset that hits TIME_WAIT exactly ends it, unless tcp_rfc1337 is set. */
static void assassinated(struct play *play)
{
	struct connection c = play_connect(play);
	struct sequences client = play_sequences(play, &c, CLIENT);
	play_close_in_order(play, &c, SERVER);
	play_inject(play, &c, CLIENT, SEGMENT_RST, client.next_to_send + 1, 0);
	play_wait_state(play, &c, SERVER, STATE_GONE);
	expect(play, &c, SERVER, CLOSED_FIRST, BY_CLOSE,
	       .time_wait_end = kernel_shows(KERNEL_TIME_WAIT_ENDS) ? "reset" : "null");
	expect(play, &c, CLIENT, CLOSED_SECOND);
}

static const struct test tests[] = {
	{"S09", "time_wait_expires", expires, 64, TEST_WATCHES_ALONE},
	{"S09", "time_wait_reused_by_syn_at_once", reused_by_syn_at_once, 3, 0},
	{"S09", "time_wait_reused_by_syn", reused_by_syn, 3, 0},
	{"S09", "time_wait_reused_by_syn_late", reused_by_syn_late, 6, 0},
	{"S09", "time_wait_reused_by_connect", reused_by_connect, 4, 0},
	{"S09", "time_wait_assassinated", assassinated, 2, 0},
};

const struct test_table time_wait_tests = TEST_TABLE(tests);
