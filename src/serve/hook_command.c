/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hook_command.c: see hook_command.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monotonic.h"
#include "serve/hook_command.h"
#include "serve/log.h"

#define NS_PER_S        1000000000ULL
#define NS_PER_MS       1000000ULL
#define QUEUE_BYTES     262144 /* of messages that wait */
#define ENDED_LOOK_MS   20     /* so often a run is looked after */
#define DESCRIPTORS_MAX 1024

const struct hook_limits hook_limits_usual = {NS_PER_S, 30 * NS_PER_S};

struct hook_command {
	int socket; /* a message a packet */
};

static void sleep_ns(uint64_t span_ns)
{
	struct timespec span = {(time_t)(span_ns / NS_PER_S), (long)(span_ns % NS_PER_S)};

	nanosleep(&span, NULL);
}

/* ---- the process that runs the program ------------------------------------------------------------- */

static _Noreturn void program_become(const char *program, int input)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid(); /* so that all of it can be ended */
	dup2(input, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl(program, program, (char *)NULL);
	_exit(127);
}

/* Returns the wait status; ends the run with all its children when its time is over. */
static int run_await(pid_t pid, uint64_t run_ns)
{
	uint64_t end_ns = monotonic_ns() + run_ns;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (monotonic_ns() >= end_ns) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		sleep_ns(ENDED_LOOK_MS * NS_PER_MS);
	}
	return status;
}

static void run_tell(const char *program, int status)
{
	if (WIFSIGNALED(status))
		log_warning("hook: %s was ended by signal %d (after half a minute it is ended)", program,
			    WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		log_error("hook: %s could not be run", program);
	else if (WEXITSTATUS(status))
		log_warning("hook: %s ended with status %d", program, WEXITSTATUS(status));
}

static void run(const char *program, const char *message, size_t length, uint64_t run_ns)
{
	int input[2];
	pid_t pid;

	if (pipe2(input, O_CLOEXEC)) {
		log_error("hook: %s", strerror(errno));
		return;
	}
	pid = fork();
	if (!pid)
		program_become(program, input[0]);
	close(input[0]);
	/* It fits the pipe: nobody waits for the program to read. */
	if (pid < 0 || write(input[1], message, length) < 0)
		log_warning("hook: %s: %s", program, strerror(errno));
	close(input[1]);
	if (pid > 0)
		run_tell(program, run_await(pid, run_ns));
}

/* The daemon has gone: what it said is no longer so. */
static bool is_over(int socket)
{
	struct pollfd daemon = {.fd = socket};

	return poll(&daemon, 1, 0) > 0 && daemon.revents & POLLHUP;
}

static _Noreturn void messages_serve(const char *program, int socket, const struct hook_limits *limits)
{
	static char message[HOOK_MESSAGE_BYTES];
	ssize_t length;

	while ((length = recv(socket, message, sizeof(message), 0)) > 0 && !is_over(socket)) {
		run(program, message, (size_t)length, limits->run_ns);
		sleep_ns(limits->apart_ns);
	}
	_exit(0);
}

static _Noreturn void runner_become(const char *program, const struct privileges_user *user, int socket,
				    const struct hook_limits *limits)
{
	char why[256];

	prctl(PR_SET_NAME, "lastack-hook");
	signal(SIGPIPE, SIG_IGN);
	for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS_MAX; fd++)
		if (fd != socket)
			close(fd);
	if (privileges_drop(user, 0, why, sizeof(why))) {
		log_error("hook: %s", why);
		_exit(1);
	}
	messages_serve(program, socket, limits);
}

/* ---- the daemon's side ------------------------------------------------------------------------------ */

int hook_command_start(struct hook_command **hook, const char *program, const struct privileges_user *user,
		       const struct hook_limits *limits, char *why, size_t size)
{
	struct hook_command *started = malloc(sizeof(*started));
	int ends[2], error;
	pid_t pid;

	if (!started || program[0] != '/' || access(program, F_OK) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		error = !started ? ENOMEM : program[0] != '/' ? EINVAL : errno;
		snprintf(why, size, "%s: %s", program,
			 error == EINVAL ? "must be a path that begins with /" : strerror(error));
		free(started);
		return -error;
	}
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &(int){QUEUE_BYTES}, sizeof(int));
	pid = fork();
	if (!pid)
		runner_become(program, user, ends[1], limits);
	error = pid < 0 ? errno : 0;
	close(ends[1]);
	if (error) {
		snprintf(why, size, "%s", strerror(error));
		close(ends[0]);
		free(started);
		return -error;
	}
	started->socket = ends[0];
	*hook = started;
	return 0;
}

bool hook_command_send(struct hook_command *hook, const char *message, size_t length)
{
	return length && length <= HOOK_MESSAGE_BYTES &&
	       send(hook->socket, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

void hook_command_stop(struct hook_command *hook)
{
	if (!hook)
		return;
	close(hook->socket);
	free(hook);
}
