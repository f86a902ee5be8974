/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verbs.h: what can be asked of lastack on the command line. One file a verb; verbs.c has the table.
 */
#ifndef LASTACK_VERBS_VERBS_H
#define LASTACK_VERBS_VERBS_H

#include "options.h"

/* LASTACK_VERSION comes from the makefile as a bare number, so that no quotes pass through shells. */
#define VERB_TEXT_OF(token)  #token
#define VERB_TEXT(macro)     VERB_TEXT_OF(macro)
#define LASTACK_VERSION_TEXT VERB_TEXT(LASTACK_VERSION)

/* Documented in the README; shared by all verbs. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FINDINGS = 1,    /* diagnose, audit, check: something was found */
	EXIT_USAGE = 2,       /* wrong use */
	EXIT_UNSUPPORTED = 3, /* no permission, or the kernel cannot */
	EXIT_FAILED = 4,      /* any other failure */
};

/* What each understands: for its own command line, --help, the man page and the shell completion. */
extern const struct option_verb live_verb, record_verb, replay_verb, audit_verb, check_verb, machine_verb, daemon_verb,
	status_verb, list_verb, show_verb, history_verb, follow_verb, diagnose_verb, probe_verb;

/* A verb, and what runs it: it takes the arguments from the verb's name on, and returns an exit status. */
struct verb {
	const struct option_verb *options;
	int (*run)(int argc, char **argv);
};

extern const struct verb verbs[];
extern const unsigned verb_count;

int verb_live(int argc, char **argv);
int verb_record(int argc, char **argv);
int verb_replay(int argc, char **argv);
int verb_audit(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_machine(int argc, char **argv);
int verb_daemon(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_follow(int argc, char **argv);
int verb_diagnose(int argc, char **argv);
int verb_probe(int argc, char **argv);

/* The exit status where options_parse() returned something else than OPTIONS_GO. */
int verb_options_status(int outcome);
/* Prints "lastack: VERB: what: why" and returns the status. why may be NULL. */
int verb_fail(enum exit_status status, const char *verb, const char *what, const char *why);

#endif
