/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * actor.h: a process that lives in one of the two namespaces and really owns sockets.
 *
 * Who closes a connection, and whether it did so with close() or by dying, is what lastack must tell;
 * so each end of a connection belongs to a process of its own. An actor does what it is told: one
 * function of ops.h at a time, run in that process.
 */
#ifndef LIVE_ACTOR_H
#define LIVE_ACTOR_H

#include "world.h"

#include <sys/types.h>

#define OP_ARGUMENTS 4

/* A function that an actor can run: its result, or -errno. */
typedef long (*actor_op)(const long argument[OP_ARGUMENTS]);

struct actor {
	pid_t pid;
	char comm[16];
	int channel;           /* requests and replies */
	int spare, spare_peer; /* for a child: see actor_fork() */
};

/* Starts an actor in the namespace of an end. 0 or -errno. */
int actor_start(struct actor *actor, const struct world *world, enum end end, const char *comm);

/* Runs one operation and waits for its result; -EPIPE when the actor ended meanwhile. */
long actor_call(struct actor *actor, actor_op op, const long argument[OP_ARGUMENTS]);

/* The same in two halves, for operations that block. */
int actor_begin(struct actor *actor, actor_op op, const long argument[OP_ARGUMENTS]);
long actor_end(struct actor *actor);

/* Lets an actor fork: the child shares all its descriptors and obeys on its own. Once per actor. */
int actor_fork(struct actor *parent, struct actor *child);

/* Waits until an actor that is ending has ended; its wait status, or -errno. */
int actor_wait(struct actor *actor);

/* Kills an actor that still runs and waits for it. */
void actor_kill(struct actor *actor);

#endif
