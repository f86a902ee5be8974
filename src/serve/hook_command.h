/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hook_command.h: runs a program of the operator's when the daemon has something to say, with that as JSON on its
 * standard input. The daemon itself may not execute anything; a process of its own does, which was begun before, has
 * the same user and no capability, and knows nothing but the program and the messages.
 *
 * Bounded: one run at a time, a second apart at least, half a minute long at most, and what the queue has no room for
 * is dropped and counted. No shell is involved.
 */
#ifndef LASTACK_SERVE_HOOK_COMMAND_H
#define LASTACK_SERVE_HOOK_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/privileges.h"

#define HOOK_MESSAGE_BYTES 32768 /* of one message at most */

struct hook_limits {
	uint64_t apart_ns, run_ns;
};

extern const struct hook_limits hook_limits_usual;

struct hook_command;

/*
 * Before there are threads, and before anything that the program should not inherit. `program` is a path. Returns 0,
 * or -errno with `why` (size bytes) set.
 */
int hook_command_start(struct hook_command **hook, const char *program, const struct privileges_user *user,
		       const struct hook_limits *limits, char *why, size_t size);
/* Never waits. False: it is dropped, for want of room, or because the process is gone. */
bool hook_command_send(struct hook_command *hook, const char *message, size_t length);
/* No more messages: what is under way comes to its end, what waits does not. NULL is allowed. */
void hook_command_stop(struct hook_command *hook);

#endif
