/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * demo.c: shows in under a minute what lastack says of a dozen and more ways in which a connection
 * ends. It plays each between two private namespaces, says first what is being done, and passes on
 * what lastack prints.
 *
 * One process plays; this one tells it what, carries lastack's lines, and clears up when interrupted.
 */
#include "monitor.h"
#include "play.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES_WAIT_MS 3000
#define POLL_MS       50

struct act {
	const char *headline;
	void (*play)(struct play *play);
	int lines; /* that lastack will print: one for each end that is over */
};

struct stage {
	struct play play;
	struct monitor monitor;
	size_t text_shown; /* of what the monitor said on standard error */
	int lines_fd;      /* what lastack prints */
	char line[4096];   /* the one that has begun */
	size_t line_bytes;
	char server[16]; /* the server's port in the act that is on, as it stands in a line */
	int lines_seen;  /* lines of this act */
	pid_t player;
	int player_fd;
};

static volatile sig_atomic_t interrupted;

static void act_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_transfer(play, &c, CLIENT, 1000);
	play_transfer(play, &c, SERVER, 20000);
	play_close_in_order(play, &c, CLIENT);
}

static void act_server_closes(struct play *play)
{
	struct connection c = play_connect(play);
	play_transfer(play, &c, SERVER, 20000);
	play_close_in_order(play, &c, SERVER);
}

static void act_killed(struct play *play)
{
	struct connection c = play_connect(play);
	play_kill(play, CLIENT, SIGKILL);
	play_close_from(play, &c, CLIENT);
	play_cast_end(play, CLIENT);
}

static void act_exit(struct play *play)
{
	struct connection c = play_connect(play);
	actor_begin(&play->actor[CLIENT], op_exit, (long[OP_ARGUMENTS]){3});
	play_wait_exit(play, CLIENT, 3 << 8);
	play_close_from(play, &c, CLIENT);
	play_cast_end(play, CLIENT);
}

static void act_unread(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_do(play, CLIENT, op_wait_unread, c.fd[CLIENT], 100);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
}

static void act_linger(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_linger, c.fd[CLIENT], 1, 0);
	play_close(play, &c, CLIENT);
	play_wait_error(play, &c, SERVER, ECONNRESET);
}

static void act_refused(struct play *play)
{
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_check(play, play_try(play, CLIENT, op_connected, c.fd[CLIENT]) == -ECONNREFUSED);
}

static void act_data_after_close(struct play *play)
{
	struct connection c = play_connect(play);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_do(play, SERVER, op_send, c.fd[SERVER], 100);
	play_wait_error(play, &c, SERVER, EPIPE);
}

static void act_vanished(struct play *play)
{
	struct connection c = play_connect(play);
	play_set(play, CLIENT, "tcp_retries2", "3");
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	play_heal(play);
}

static void act_keepalive(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_keepalive, c.fd[CLIENT], 1, 1, 2);
	play_cut(play);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	play_heal(play);
}

static void act_user_timeout(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	play_cut(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ETIMEDOUT);
	play_heal(play);
}

static void act_rebooted(struct play *play)
{
	struct connection c = play_connect(play);
	play_forget(play, &c, SERVER);
	play_close_listener(play);
	play_do(play, CLIENT, op_send, c.fd[CLIENT], 100);
	play_wait_error(play, &c, CLIENT, ECONNRESET);
}

static void act_abandoned(struct play *play)
{
	play_filter(play, SERVER, DROP_ALL);
	struct connection c = play_socket(play);
	play_connect_socket(play, &c);
	play_sleep_ms(1200);
	play_close(play, &c, CLIENT);
	play_heal(play);
}

static void act_destroyed(struct play *play)
{
	struct connection c = play_connect(play);
	int error = diag_destroy(play->diag_fd[CLIENT], play->family, CLIENT, c.port[CLIENT], c.port[SERVER]);
	play_check(play, error == 0);
	play_wait_error(play, &c, SERVER, ECONNRESET);
}

static void act_fin_wait2(struct play *play)
{
	struct connection c = play_connect(play);
	play_do(play, CLIENT, op_option, c.fd[CLIENT], IPPROTO_TCP, TCP_LINGER2, 2);
	play_close(play, &c, CLIENT);
	play_wait_state(play, &c, CLIENT, STATE_FIN_WAIT2);
	play_wait_state(play, &c, CLIENT, STATE_GONE);
}

static const struct act acts[] = {
	{"The client closes, then the server does.", act_close, 2},
	{"The server closes first.", act_server_closes, 2},
	{"The client process is killed with SIGKILL.", act_killed, 2},
	{"The client process ends with exit(3).", act_exit, 2},
	{"The client closes with 100 bytes unread.", act_unread, 2},
	{"The client sets SO_LINGER {1, 0} and closes.", act_linger, 2},
	{"The client connects to a port where nobody listens.", act_refused, 1},
	{"The client closes, and the server sends more data.", act_data_after_close, 2},
	{"The network is cut with data in flight (tcp_retries2=3).", act_vanished, 1},
	{"The network is cut on an idle connection with keepalive (1 s, 1 s, 2 probes).", act_keepalive, 1},
	{"The network is cut with data in flight and TCP_USER_TIMEOUT at 1500 ms.", act_user_timeout, 1},
	{"The server host forgets the connection, as by a reboot; the client sends.", act_rebooted, 2},
	{"The client gives up a connect() that nobody answers.", act_abandoned, 1},
	{"An administrator destroys the client's socket, as `ss -K` does.", act_destroyed, 2},
	{"The client closes, the server never does (FIN_WAIT2 limited to 2 s).", act_fin_wait2, 2},
};

#define FIRST_PORT 8001
#define ACTS       (sizeof(acts) / sizeof(*acts))

/* Plays one act for each number that comes, and sends it back when done. */
static _Noreturn void player_serve(struct play *play, int fd)
{
	unsigned char number;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); /* the terminal sends it to all; the parent decides */
	play_cast(play);
	while (read(fd, &number, 1) == 1) {
		play->first_port = (uint16_t)(FIRST_PORT + number);
		play->listener_fd = -1;
		acts[number].play(play);
		if (write(fd, &number, 1) != 1)
			break;
	}
	_exit(0);
}

static void line_forward(struct stage *stage)
{
	stage->line[stage->line_bytes] = '\0';
	if (strstr(stage->line, stage->server))
		stage->lines_seen++;
	puts(stage->line);
	stage->line_bytes = 0;
}

/* Passes on what lastack has printed; waits for it at most so long. */
static void lines_forward(struct stage *stage, int timeout_ms)
{
	struct pollfd entry = {.fd = stage->lines_fd, .events = POLLIN};
	char text[8192];
	while (poll(&entry, 1, timeout_ms) > 0) {
		ssize_t got = read(stage->lines_fd, text, sizeof(text));
		if (got <= 0) {
			poll(NULL, 0, timeout_ms);
			return;
		}
		for (ssize_t i = 0; i < got; i++) {
			if (text[i] == '\n' || stage->line_bytes == sizeof(stage->line) - 1)
				line_forward(stage);
			if (text[i] != '\n')
				stage->line[stage->line_bytes++] = text[i];
		}
		fflush(stdout);
		timeout_ms = 0;
	}
}

/* 0, or -EPIPE when the player failed. */
static int act_run(struct stage *stage, unsigned char number)
{
	const char *bold = isatty(STDOUT_FILENO) ? "\033[1m" : "", *plain = *bold ? "\033[0m" : "";
	struct pollfd entry = {.fd = stage->player_fd, .events = POLLIN};
	printf("\n%s%2d. %s%s\n", bold, number + 1, acts[number].headline, plain);
	fflush(stdout);
	stage->lines_seen = 0;
	snprintf(stage->server, sizeof(stage->server), ":%u ", FIRST_PORT + number);
	if (write(stage->player_fd, &number, 1) != 1)
		return -EPIPE;
	while (!interrupted && poll(&entry, 1, 0) == 0)
		lines_forward(stage, POLL_MS);
	if (!interrupted && read(stage->player_fd, &number, 1) != 1)
		return -EPIPE;
	for (int waited = 0; waited < LINES_WAIT_MS && !interrupted; waited += POLL_MS) {
		if (stage->lines_seen >= acts[number].lines)
			break;
		lines_forward(stage, POLL_MS);
	}
	return 0;
}

static int stage_start_monitor(struct stage *stage, const char *program)
{
	char inodes[ENDS][16], live[] = "live", netns[] = "--netns", path[4096];
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	for (int end = 0; end < ENDS; end++)
		snprintf(inodes[end], sizeof(inodes[end]), "%u", stage->play.world.netns_inode[end]);
	snprintf(path, sizeof(path), "%s", program);
	char *argv[] = {path, live, netns, inodes[CLIENT], netns, inodes[SERVER], NULL};
	int error = monitor_start(&stage->monitor, argv, ends[1]);
	close(ends[1]);
	stage->lines_fd = ends[0];
	if (error)
		fprintf(stderr, "demo: %s: %s\n%s", path, strerror(-error), stage->monitor.text);
	return error;
}

static int stage_start_player(struct stage *stage)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	stage->player = fork();
	if (stage->player < 0)
		return -errno;
	if (stage->player == 0) {
		close(pair[0]);
		player_serve(&stage->play, pair[1]);
	}
	close(pair[1]);
	stage->player_fd = pair[0];
	return 0;
}

/* What lastack has said on standard error since the last time. */
static void words_forward(struct stage *stage)
{
	printf("%s", stage->monitor.text + stage->text_shown);
	fflush(stdout);
	stage->text_shown = stage->monitor.text_bytes;
}

/* lastack goes first, so that the end of the players is not shown. */
static void stage_clear(struct stage *stage)
{
	monitor_stop(&stage->monitor);
	lines_forward(stage, 0);
	putchar('\n');
	words_forward(stage);
	kill(stage->player, SIGKILL);
	waitpid(stage->player, NULL, 0);
}

static void note_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* lastack writes to a pipe of ours, so it cannot ask the terminal itself how wide it is. */
static void tell_columns(void)
{
	struct winsize size;
	char columns[16];

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return;
	snprintf(columns, sizeof(columns), "%u", size.ws_col);
	setenv("COLUMNS", columns, 1);
}

int main(int argc, char **argv)
{
	static struct stage stage;
	static char text[VERDICT_TEXT_BYTES];
	int error;
	const char *from_environment = getenv("LASTACK");
	const char *program = argc > 1 ? argv[1] : from_environment ? from_environment : "build/lastack";
	struct sigaction action = {.sa_handler = note_interrupt};

	tell_columns();
	stage.play = (struct play){.family = AF_INET, .first_port = FIRST_PORT, .listener_fd = -1, .text = text};
	error = geteuid() ? -EPERM : world_create(&stage.play.world);
	if (error) {
		fprintf(stderr, "demo: cannot make two network namespaces: %s\n", strerror(-error));
		return 1;
	}
	if (stage_start_monitor(&stage, program) || stage_start_player(&stage))
		return 1;
	words_forward(&stage);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (unsigned char i = 0; i < ACTS && !interrupted && !error; i++)
		error = act_run(&stage, i);
	stage_clear(&stage);
	return error ? 1 : 0;
}
