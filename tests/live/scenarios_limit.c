/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios_limit.c: the kernel ends a connection because a limit of the host is reached (S29).
 *
 * tcp_max_orphans counts the orphans of the whole host, in all namespaces: to lower it may reset any
 * connection that is just being closed. So this is played only when asked for (--global), alone, for
 * a fraction of a second, and a guard puts the old value back whatever becomes of the test.
 */
#include "expect.h"
#include "scenarios.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_FILE "/proc/sys/net/ipv4/tcp_max_orphans"

static int limit_write(const char *value)
{
	int fd = open(LIMIT_FILE, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, value, strlen(value));
	close(fd);
	return written > 0 ? 0 : -1;
}

static int limit_read(char *value, size_t bytes)
{
	int fd = open(LIMIT_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t got = read(fd, value, bytes - 1);
	close(fd);
	if (got <= 0)
		return -1;
	value[got] = '\0';
	return 0;
}

/*
 * Sets the limit to none in a process that outlives us, and puts it back as soon as the returned pipe
 * is closed: by us, or by the kernel when we die.
 */
static int limit_hold(struct play *play, const char *usual, pid_t *guard)
{
	int ends[2];
	char byte;
	play_check(play, pipe2(ends, O_CLOEXEC) == 0);
	*guard = fork();
	play_check(play, *guard >= 0);
	if (*guard == 0) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		close(ends[1]);
		limit_write("0");
		while (read(ends[0], &byte, 1) > 0)
			;
		_exit(limit_write(usual) ? 1 : 0);
	}
	close(ends[0]);
	return ends[1];
}

static void orphan_limit(struct play *play)
{
	char usual[32];
	pid_t guard;
	int status;
	struct connection c = play_connect(play);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT1);
	play_sleep_ms(120); /* the kernel counts its orphans anew every 100 ms */
	play_check(play, limit_read(usual, sizeof(usual)) == 0);
	int held = limit_hold(play, usual, &guard);
	for (int waited = 0; waited < 2000 && play_look(play, &c, CLIENT).state; waited += 2)
		play_sleep_ms(2);
	close(held);
	play_check(play, waitpid(guard, &status, 0) == guard && status == 0);
	play_wait_counter(play, CLIENT, "TCPAbortOnMemory", 1);
	expect(play, &c, CLIENT, .cause = "orphan_limit", .initiator = "local_kernel", .how = "limit",
	       .path = "FIN_WAIT1>CLOSE");
	expect_none(play, &c, SERVER);
}

static const struct test tests[] = {
	{"S29", "orphan_limit", orphan_limit, 3, TEST_GLOBAL},
};

const struct test_table limit_tests = TEST_TABLE(tests);
