/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expect.h: what lastack must say of one end of a connection.
 *
 * Strings take alternatives, "a|b". "null" stands for an absent fact. A member that is left out is
 * not looked at, except for these, which hold of every report unless the scenario says otherwise: the
 * role, the process, no exit code and no signal, completeness "complete", no conformance violation.
 */
#ifndef LIVE_EXPECT_H
#define LIVE_EXPECT_H

#include "play.h"

struct range {
	bool checked;
	long long min, max;
};

#define EXACTLY(n)                                                                                                     \
	{                                                                                                              \
		true, (n), (n)                                                                                         \
	}
#define AT_LEAST(n)                                                                                                    \
	{                                                                                                              \
		true, (n), INT64_MAX                                                                                   \
	}
#define AT_MOST(n)                                                                                                     \
	{                                                                                                              \
		true, 0, (n)                                                                                           \
	}
#define BETWEEN(a, b)                                                                                                  \
	{                                                                                                              \
		true, (a), (b)                                                                                         \
	}

/*
 * What follows ESTABLISHED. "{A|B}" takes either. A connection that goes on as a minisock ends in
 * TIME_WAIT in the report where the peer's FIN is known, else in CLOSE.
 */
#define HANDED_OVER       "{CLOSE|TIME_WAIT|TIME_WAIT>CLOSE}"
#define PATH_CLOSED_FIRST "FIN_WAIT1>FIN_WAIT2>" HANDED_OVER
/* close() after shutdown() may show as a transition to the same state. */
#define PATH_SHUT_THEN_CLOSED "FIN_WAIT1>FIN_WAIT2>{|FIN_WAIT2>}" HANDED_OVER
#define PATH_CLOSED_SECOND    "CLOSE_WAIT>LAST_ACK>CLOSE"
#define PATH_CLOSED_BOTH      "FIN_WAIT1>CLOSING>" HANDED_OVER
#define PATH_RESET            "CLOSE"

struct expectation {
	const char *cause; /* the class follows from it */
	const char *context, *initiator, *how, *error;
	const char *ending;     /* "exit 3", "signal 9" */
	const char *role;       /* else by end */
	const char *path;       /* after ESTABLISHED */
	const char *whole_path; /* instead */
	const char *completeness;
	const char *time_wait_end;
	const char *note;    /* stands in one of the notes of conformance */
	const char *no_note; /* stands in none */
	const char *comm;    /* else that of the actor */
	pid_t pid;           /* else that of the actor */
	bool any_process;
	struct range bytes_sent, bytes_received, unacked_bytes, unread_bytes;
	struct range retransmits, timeouts, silent_us, duration_us, handshake_us, user_timeout_ms;
	struct range idle_s, interval_s, probes, probes_sent;
};

/* Shorthands for what comes again and again. */
#define BY_CLOSE          .initiator = "local_app", .how = "close"
#define BY_SHUTDOWN       .initiator = "local_app", .how = "shutdown"
#define BY_PEER           .initiator = "peer"
#define BY_TIMER          .initiator = "local_kernel", .how = "timer"
#define BY_EXIT(code)     .initiator = "local_exit", .how = "exit", .ending = "exit " #code
#define BY_SIGNAL(number) .initiator = "local_exit", .how = "signal", .ending = "signal " #number
#define CLOSED_FIRST      .cause = "fin_local_first", .path = PATH_CLOSED_FIRST
#define CLOSED_SECOND     .cause = "fin_peer_first", BY_PEER, .path = PATH_CLOSED_SECOND
#define RESET_BY_PEER     .cause = "rst_received", BY_PEER, .error = "ECONNRESET", .path = PATH_RESET

/* From here on reports are read from this file, and those of this play's namespaces are kept. */
struct expectations;
void expectations_open(struct play *play, int report_log_fd);

/* Waits for a report that is as expected; remembers a mismatch, and looks again in the end. */
#define expect(play, connection, end, ...) expect_report(play, connection, end, &(struct expectation){__VA_ARGS__})
void expect_report(struct play *play, const struct connection *connection, enum end end,
		   const struct expectation *expectation);

/* There is no report of this end so far. */
void expect_none(struct play *play, const struct connection *connection, enum end end);

/* Looks at all reports once more, for later revisions; the number of mismatches. */
int expectations_conclude(struct play *play);

/* The text of one report as it stood in the file. */
void report_print(const void *report, char *out, size_t bytes);

#endif
