/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * play.h: one live test while it runs: its world, its two actors, its connections and what has gone
 * wrong. A scenario is a function over a struct play that reads like the story it tells.
 *
 * Each test runs in a process of its own. The first thing that goes wrong with the story itself ends
 * that process (play_fail); reports that are not as expected are collected (expect.h).
 */
#ifndef LIVE_PLAY_H
#define LIVE_PLAY_H

#include "actor.h"
#include "diag.h"
#include "ops.h"
#include "segment.h"
#include "world.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct play;

struct test {
	const char *id; /* S01.., or N01.. for a near miss */
	const char *name;
	void (*play)(struct play *play);
	int seconds; /* about how long it takes: long ones start first */
	unsigned flags;
};

#define TEST_WATCHES_ALONE 2 /* starts a lastack of its own */
#define TEST_GLOBAL        1 /* changes something of the whole host: alone, and only when asked for */

enum { TEST_PASSED = 0, TEST_FAILED = 1, TEST_SKIPPED = 77 };

struct connection {
	int fd[ENDS];
	uint16_t port[ENDS];
	long cookie[ENDS]; /* 0: not asked for; needed where one four-tuple is used twice */
	unsigned life;     /* instead, where reports have no cookies: the how manieth use of it this is */
	bool elsewhere;    /* the addresses are not those of the two ends */
};

#define VERDICT_TEXT_BYTES 65536
#define VERDICT_ATTACHED   (VERDICT_TEXT_BYTES - 1) /* the last byte: the test's own lastack watches */

struct play {
	const struct test *test; /* NULL in the demonstration, which tells what fails by itself */
	int family;
	bool monitored;
	const char *lastack; /* the program, for a test that needs one of its own */
	const char *types;   /* for its --btf, or NULL */
	bool apart;          /* every test has one of its own */
	struct world world;
	struct actor actor[ENDS];
	int diag_fd[ENDS];
	uint16_t first_port; /* ports from here on are this test's own */
	int listener_fd;     /* of the server on first_port, -1: not listening */
	struct expectations *expectations;
	char *text; /* what the test says in the end, shared with the main program */
};

/*
 * Runs a test to its end in the calling process; never returns. The caller sets test, family, text,
 * monitored, lastack, types and apart; number decides about the ports, the log is that of the common lastack.
 */
_Noreturn void play_run(struct play *play, unsigned number, int report_log_fd);

/* Gives both ends of the world an actor; one end another, when the first is gone. */
void play_cast(struct play *play);
void play_cast_end(struct play *play, enum end end);

/*
 * From here on this test has a lastack of its own that sees nothing but its two namespaces and holds
 * reports for so many seconds while a minisock lives on.
 */
void play_watch_alone(struct play *play, const char *settle_s);

/* Ends the test. */
_Noreturn void play_fail(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void play_skip(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define play_check(play, condition)                                                                                    \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			play_fail(play, "%s:%d: not so: %s", __func__, __LINE__, #condition);                          \
	} while (0)

/* Lets the actor of an end run an operation. play_do() ends the test on an error. */
#define play_do(play, end, op, ...)  play_do_named(play, &(play)->actor[end], op, #op, (long[OP_ARGUMENTS]){__VA_ARGS__})
#define play_try(play, end, op, ...) actor_call(&(play)->actor[end], op, (long[OP_ARGUMENTS]){__VA_ARGS__})
long play_do_named(struct play *play, struct actor *actor, actor_op op, const char *name,
		   const long argument[OP_ARGUMENTS]);

/* Opens: the server listens on first_port (once), the client connects, the server accepts. */
void play_listen(struct play *play, int backlog);
void play_close_listener(struct play *play);
struct connection play_socket(struct play *play); /* the client's socket for a connection to come */
struct connection play_connect(struct play *play);
void play_connect_socket(struct play *play, struct connection *connection);
void play_accept(struct play *play, struct connection *connection);
/* What tells apart the connections of one four-tuple, and which life of it this is, from 1. */
void play_ask_cookies(struct play *play, struct connection *connection, unsigned life);
/* Binds the client's socket to first_port + offset, for those who use a port again. */
void play_bind(struct play *play, struct connection *connection, int offset);

/* Data from one end to the other, read there. */
void play_transfer(struct play *play, const struct connection *connection, enum end from, long bytes);

/* Ends. */
long play_close(struct play *play, const struct connection *connection, enum end end);
void play_read_end_and_close(struct play *play, const struct connection *connection, enum end end);
void play_close_in_order(struct play *play, const struct connection *connection, enum end first);
void play_close_from(struct play *play, const struct connection *connection, enum end first);
/* A peer that loses the connection without a word. Heals the network again. */
void play_forget(struct play *play, const struct connection *connection, enum end end);
/* Waits for the actor of an end to be gone; checks its wait status. */
void play_wait_exit(struct play *play, enum end end, int wait_status);
void play_kill(struct play *play, enum end end, int signal_number);

/* The network. */
void play_filter(struct play *play, enum end end, const char *rule);
void play_cut(struct play *play);
void play_heal(struct play *play);
void play_set(struct play *play, enum end end, const char *name, const char *value);
void play_set_both(struct play *play, const char *name, const char *value);

/* Waits. */
struct diag play_look(struct play *play, const struct connection *connection, enum end end);
void play_wait_state(struct play *play, const struct connection *connection, enum end end, int state);
void play_wait_timer(struct play *play, const struct connection *connection, enum end end, int timer, int retries);
void play_wait_error(struct play *play, const struct connection *connection, enum end end, int error);
void play_wait_counter(struct play *play, enum end end, const char *name, long at_least);
void play_sleep_ms(long ms);

/* For cases made by hand: the sequence numbers of an end, and a segment that this end might send. */
struct sequences {
	uint32_t next_to_send, next_expected;
};
struct sequences play_sequences(struct play *play, const struct connection *connection, enum end end);
void play_inject(struct play *play, const struct connection *connection, enum end from, int flags, uint32_t sequence,
		 uint32_t acknowledgement);

#endif
