/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * actor.c: starts the processes that own the sockets and carries requests to them.
 *
 * An actor is forked without exec, so a request is simply the address of a function. It dies with
 * its parent, whatever that one dies of.
 */
#include "actor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct request {
	actor_op op;
	long argument[OP_ARGUMENTS];
};

static int child_channel = -1; /* in an actor: where a forked child takes its requests from */

static _Noreturn void actor_serve(int channel)
{
	struct request request;
	while (recv(channel, &request, sizeof(request), 0) == sizeof(request)) {
		long result = request.op(request.argument);
		if (send(channel, &result, sizeof(result), MSG_NOSIGNAL) != sizeof(result))
			break;
	}
	_exit(0);
}

static _Noreturn void actor_become(const struct world *world, enum end end, const char *comm, int channel)
{
	struct rlimit no_core = {0, 0};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, comm);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGALRM, SIG_DFL);
	if (world_enter(world, end))
		_exit(1);
	actor_serve(channel);
}

int actor_start(struct actor *actor, const struct world *world, enum end end, const char *comm)
{
	int main_pair[2], spare_pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, main_pair))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, spare_pair))
		return -errno;
	snprintf(actor->comm, sizeof(actor->comm), "%s", comm);
	actor->channel = main_pair[0];
	actor->spare = spare_pair[0];
	actor->spare_peer = spare_pair[1];
	actor->pid = fork();
	if (actor->pid < 0)
		return -errno;
	if (actor->pid == 0) {
		close(main_pair[0]);
		close(spare_pair[0]);
		child_channel = spare_pair[1];
		actor_become(world, end, comm, main_pair[1]);
	}
	close(main_pair[1]);
	return 0;
}

int actor_begin(struct actor *actor, actor_op op, const long argument[OP_ARGUMENTS])
{
	struct request request = {.op = op};
	memcpy(request.argument, argument, sizeof(request.argument));
	return send(actor->channel, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request) ? 0 : -EPIPE;
}

long actor_end(struct actor *actor)
{
	long result;
	return recv(actor->channel, &result, sizeof(result), 0) == sizeof(result) ? result : -EPIPE;
}

long actor_call(struct actor *actor, actor_op op, const long argument[OP_ARGUMENTS])
{
	int error = actor_begin(actor, op, argument);
	return error ? error : actor_end(actor);
}

static long op_fork(const long argument[OP_ARGUMENTS])
{
	(void)argument;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "live-heir");
		actor_serve(child_channel);
	}
	if (pid < 0)
		return -errno;
	close(child_channel);
	return pid;
}

int actor_fork(struct actor *parent, struct actor *child)
{
	/* Should the parent end first, its child is ours: then we can still wait for it. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	long pid = actor_call(parent, op_fork, (long[OP_ARGUMENTS]){0});
	if (pid < 0)
		return (int)pid;
	memset(child, 0, sizeof(*child));
	child->pid = (pid_t)pid;
	child->channel = parent->spare;
	snprintf(child->comm, sizeof(child->comm), "live-heir");
	close(parent->spare_peer);
	parent->spare = parent->spare_peer = -1;
	return 0;
}

int actor_wait(struct actor *actor)
{
	int status = 0;
	if (waitpid(actor->pid, &status, 0) != actor->pid) {
		/* The child of an actor that still runs: its end of the channel closes when it ends. */
		if (errno != ECHILD || actor_end(actor) != -EPIPE)
			return -errno;
	}
	close(actor->channel);
	actor->channel = -1;
	return status;
}

void actor_kill(struct actor *actor)
{
	if (actor->pid <= 0 || actor->channel < 0)
		return;
	kill(actor->pid, SIGKILL);
	actor_wait(actor);
}
