/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * play.c: sets the stage of one test, offers the moves that many scenarios share, and clears up so
 * that nothing of it lives on in the kernel.
 */
#include "play.h"
#include "expect.h"
#include "monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS          4
#define PORTS_PER_TEST   24
#define SECONDS_TO_SPARE 180

static const char *const comms[ENDS] = {"live-client", "live-server"};

void play_sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

/*
 * Orphans would hold their namespace for minutes: let the network heal, give up early and let both
 * ends go, then what is left settles within a second or two.
 */
static void play_clear(struct play *play)
{
	for (int end = 0; end < ENDS; end++) {
		if (play->actor[end].pid <= 0)
			continue;
		world_filter(&play->world, end, NULL);
		world_set(&play->world, end, "tcp_orphan_retries", "1");
	}
	for (int end = 0; end < ENDS; end++)
		actor_kill(&play->actor[end]);
	world_destroy(&play->world);
}

static _Noreturn void play_end(struct play *play, int status)
{
	if (!play->test && *play->text)
		fprintf(stderr, "%s\n", play->text);
	play_clear(play);
	_exit(status);
}

static void play_say(struct play *play, const char *format, va_list arguments)
{
	size_t used = strlen(play->text);
	vsnprintf(play->text + used, VERDICT_TEXT_BYTES - used, format, arguments);
}

void play_fail(struct play *play, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	play_say(play, format, arguments);
	va_end(arguments);
	play_end(play, TEST_FAILED);
}

void play_skip(struct play *play, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	play_say(play, format, arguments);
	va_end(arguments);
	play_end(play, TEST_SKIPPED);
}

void play_cast_end(struct play *play, enum end end)
{
	int error = actor_start(&play->actor[end], &play->world, end, comms[end]);
	if (error)
		play_fail(play, "cannot start %s: %s", comms[end], strerror(-error));
}

void play_cast(struct play *play)
{
	char range[32];
	for (int end = 0; end < ENDS; end++) {
		play->diag_fd[end] = diag_open(&play->world, end);
		play_cast_end(play, end);
	}
	snprintf(range, sizeof(range), "%d %d", play->first_port + 8, play->first_port + PORTS_PER_TEST - 1);
	play_set_both(play, "ip_local_port_range", range);
}

void play_run(struct play *play, unsigned number, int report_log_fd)
{
	play->first_port = (uint16_t)(10000 + number * PORTS_PER_TEST);
	play->listener_fd = -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned)play->test->seconds + SECONDS_TO_SPARE);
	int error = world_create(&play->world);
	if (error)
		play_fail(play, "cannot make the namespaces: %s", strerror(-error));
	if (play->apart)
		play_watch_alone(play, "1");
	else
		expectations_open(play, report_log_fd);
	play_cast(play);
	play->test->play(play);
	int mismatches = expectations_conclude(play);
	play_end(play, mismatches ? TEST_FAILED : TEST_PASSED);
}

void play_watch_alone(struct play *play, const char *settle_s)
{
	static struct monitor monitor;
	char path[4096], types[4096],
		btf[] = "--btf", words[][16] = {"live", "-o", "json", "--settle", "", "--netns", "", "--netns", ""};
	char *argv[] = {path,
			words[0],
			words[1],
			words[2],
			words[3],
			words[4],
			words[5],
			words[6],
			words[7],
			words[8],
			play->types ? btf : NULL,
			types,
			NULL};
	if (!play->monitored)
		return;
	snprintf(path, sizeof(path), "%s", play->lastack);
	snprintf(types, sizeof(types), "%s", play->types ? play->types : "");
	snprintf(words[4], sizeof(words[4]), "%s", settle_s);
	snprintf(words[6], sizeof(words[6]), "%u", play->world.netns_inode[CLIENT]);
	snprintf(words[8], sizeof(words[8]), "%u", play->world.netns_inode[SERVER]);
	int log_fd = memfd_create("reports", MFD_CLOEXEC);
	int error = monitor_start(&monitor, argv, log_fd);
	if (error)
		play_fail(play, "another lastack: %s: %s", strerror(-error), monitor.text);
	play->text[VERDICT_ATTACHED] = 1;
	expectations_open(play, log_fd);
}

long play_do_named(struct play *play, struct actor *actor, actor_op op, const char *name,
		   const long argument[OP_ARGUMENTS])
{
	long result = actor_call(actor, op, argument);
	if (result < 0)
		play_fail(play, "%s in %s: %s", name, actor->comm, strerror((int)-result));
	return result;
}

void play_filter(struct play *play, enum end end, const char *rule)
{
	int error = world_filter(&play->world, end, rule);
	if (error)
		play_fail(play, "nft: %s: %s", rule ? rule : "flush", strerror(-error));
}

void play_cut(struct play *play)
{
	play_filter(play, CLIENT, DROP_ALL);
	play_filter(play, SERVER, DROP_ALL);
}

void play_heal(struct play *play)
{
	play_filter(play, CLIENT, NULL);
	play_filter(play, SERVER, NULL);
}

void play_set(struct play *play, enum end end, const char *name, const char *value)
{
	int error = world_set(&play->world, end, name, value);
	if (error)
		play_fail(play, "sysctl %s=%s: %s", name, value, strerror(-error));
}

void play_set_both(struct play *play, const char *name, const char *value)
{
	play_set(play, CLIENT, name, value);
	play_set(play, SERVER, name, value);
}

void play_listen(struct play *play, int backlog)
{
	play->listener_fd = (int)play_do(play, SERVER, op_socket, play->family);
	play_do(play, SERVER, op_bind, play->listener_fd, play->family, SERVER, play->first_port);
	play_do(play, SERVER, op_listen, play->listener_fd, backlog);
}

void play_close_listener(struct play *play)
{
	play_do(play, SERVER, op_close, play->listener_fd);
	play->listener_fd = -1;
}

struct connection play_socket(struct play *play)
{
	struct connection connection = {.fd = {-1, -1}, .port = {0, play->first_port}};
	connection.fd[CLIENT] = (int)play_do(play, CLIENT, op_socket, play->family);
	return connection;
}

void play_bind(struct play *play, struct connection *connection, int offset)
{
	connection->port[CLIENT] = (uint16_t)(play->first_port + offset);
	play_do(play, CLIENT, op_bind, connection->fd[CLIENT], play->family, CLIENT, connection->port[CLIENT]);
}

void play_connect_socket(struct play *play, struct connection *connection)
{
	long error = play_try(play, CLIENT, op_connect, connection->fd[CLIENT], play->family, SERVER,
			      connection->port[SERVER]);
	if (error && error != -EINPROGRESS)
		play_fail(play, "connect: %s", strerror((int)-error));
	connection->port[CLIENT] = (uint16_t)play_do(play, CLIENT, op_local_port, connection->fd[CLIENT]);
}

void play_accept(struct play *play, struct connection *connection)
{
	connection->fd[SERVER] = (int)play_do(play, SERVER, op_accept, play->listener_fd);
}

struct connection play_connect(struct play *play)
{
	if (play->listener_fd < 0)
		play_listen(play, 16);
	struct connection connection = play_socket(play);
	play_connect_socket(play, &connection);
	play_do(play, CLIENT, op_connected, connection.fd[CLIENT]);
	play_accept(play, &connection);
	return connection;
}

void play_ask_cookies(struct play *play, struct connection *connection, unsigned life)
{
	connection->life = life;
	for (int end = 0; end < ENDS; end++)
		if (connection->fd[end] >= 0)
			connection->cookie[end] = play_do(play, end, op_cookie, connection->fd[end]);
}

void play_transfer(struct play *play, const struct connection *connection, enum end from, long bytes)
{
	play_do(play, from, op_send, connection->fd[from], bytes);
	play_do(play, other_end(from), op_receive, connection->fd[other_end(from)], bytes);
}

long play_close(struct play *play, const struct connection *connection, enum end end)
{
	return play_do(play, end, op_close, connection->fd[end]);
}

void play_read_end_and_close(struct play *play, const struct connection *connection, enum end end)
{
	play_do(play, end, op_receive_end, connection->fd[end]);
	play_close(play, connection, end);
}

/* The other end closes only after the first one's FIN has been acknowledged: four segments. */
void play_close_in_order(struct play *play, const struct connection *connection, enum end first)
{
	play_close(play, connection, first);
	play_wait_state(play, connection, first, STATE_FIN_WAIT2);
	play_close_from(play, connection, first);
}

/* The rest of an orderly end, once the first end has sent its FIN in whatever way. */
void play_close_from(struct play *play, const struct connection *connection, enum end first)
{
	play_read_end_and_close(play, connection, other_end(first));
	play_wait_state(play, connection, first, STATE_TIME_WAIT);
	play_wait_state(play, connection, other_end(first), STATE_GONE);
}

void play_forget(struct play *play, const struct connection *connection, enum end end)
{
	play_cut(play);
	play_do(play, end, op_linger, connection->fd[end], 1, 0);
	play_close(play, connection, end);
	play_heal(play);
}

void play_wait_exit(struct play *play, enum end end, int wait_status)
{
	int status = actor_wait(&play->actor[end]);
	if (status != wait_status)
		play_fail(play, "%s ended with wait status %#x, not %#x", comms[end], status, wait_status);
}

void play_kill(struct play *play, enum end end, int signal_number)
{
	kill(play->actor[end].pid, signal_number);
	play_wait_exit(play, end, signal_number);
}

struct diag play_look(struct play *play, const struct connection *connection, enum end end)
{
	struct diag diag;
	int error = diag_query(play->diag_fd[end], play->family, end, connection->port[end],
			       connection->port[other_end(end)], &diag);
	if (error)
		play_fail(play, "sock_diag: %s", strerror(-error));
	return diag;
}

void play_wait_state(struct play *play, const struct connection *connection, enum end end, int state)
{
	struct diag diag = {0};
	int last = STATE_GONE; /* before it was gone */
	for (int waited = 0; waited < OP_WAIT_MS; waited += POLL_MS) {
		diag = play_look(play, connection, end);
		if (diag.state == state)
			return;
		last = diag.state == STATE_GONE ? last : diag.state;
		play_sleep_ms(POLL_MS);
	}
	play_fail(play, "the %s end is in state %d, %d was the last that it was seen in, it never reached %d",
		  comms[end] + 5, diag.state, last, state);
}

void play_wait_timer(struct play *play, const struct connection *connection, enum end end, int timer, int retries)
{
	struct diag diag = {0};
	for (int waited = 0; waited < OP_WAIT_MS; waited += POLL_MS) {
		diag = play_look(play, connection, end);
		if (diag.timer == timer && diag.retries >= retries)
			return;
		play_sleep_ms(POLL_MS);
	}
	play_fail(play, "the %s end has timer %d with %d retries, never %d with %d", comms[end] + 5, diag.timer,
		  diag.retries, timer, retries);
}

void play_wait_error(struct play *play, const struct connection *connection, enum end end, int error)
{
	long got = play_do(play, end, op_wait_error, connection->fd[end]);
	if (got != error)
		play_fail(play, "the %s end got %s, not %s", comms[end] + 5, strerrorname_np((int)got),
			  strerrorname_np(error));
}

void play_wait_counter(struct play *play, enum end end, const char *name, long at_least)
{
	long value = 0;
	for (int waited = 0; waited < OP_WAIT_MS; waited += POLL_MS * 4) {
		value = world_counter(&play->world, end, "TcpExt", name);
		if (value >= at_least)
			return;
		play_sleep_ms(POLL_MS * 4L);
	}
	play_fail(play, "counter %s of the %s end is %ld, not %ld", name, comms[end] + 5, value, at_least);
}

struct sequences play_sequences(struct play *play, const struct connection *connection, enum end end)
{
	return (struct sequences){
		.next_to_send = (uint32_t)play_do(play, end, op_send_sequence, connection->fd[end]),
		.next_expected = (uint32_t)play_do(play, end, op_receive_sequence, connection->fd[end]),
	};
}

void play_inject(struct play *play, const struct connection *connection, enum end from, int flags, uint32_t sequence,
		 uint32_t acknowledgement)
{
	struct segment segment = {
		.family = play->family,
		.from = from,
		.source_port = connection->port[from],
		.destination_port = connection->port[other_end(from)],
		.sequence = sequence,
		.acknowledgement = acknowledgement,
		.flags = (uint8_t)flags,
	};
	int error = segment_send(&play->world, &segment);
	if (error)
		play_fail(play, "cannot inject a segment: %s", strerror(-error));
}
