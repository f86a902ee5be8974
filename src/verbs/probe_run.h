/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_run.h: the probing of the chosen sockets of one network namespace: journal, new settings, watching, and the
 * former settings again, whatever comes between; and what a run that died has left to be put back.
 */
#ifndef LASTACK_VERBS_PROBE_RUN_H
#define LASTACK_VERBS_PROBE_RUN_H

#include "report/probe_line.h"
#include "store/probe_journal.h"
#include "verbs/probe_choice.h"

/* How far it has come. */
enum probe_phase {
	PROBE_WAITS,  /* for its turn */
	PROBE_STARTS, /* with the next pass */
	PROBE_WATCHED,
	PROBE_GOES_BACK, /* to its former settings, with the next pass */
	PROBE_FINISHED,
};

struct probe_connection {
	struct probe_case probe;
	uint64_t cookie;
	struct probe_settings former;
	const struct probe_wish *wish; /* or NULL */
	uint32_t pid;
	char comm[EVENT_COMM_BYTES + 1];
	enum probe_phase phase;
	bool changed; /* and not yet put back */
	bool seen;    /* in this pass */
	enum probe_restored restored;
};

struct probe_run {
	const struct probe_options *options;
	struct probe_plan plan;
	struct probe_choice *choice;
	struct prober *prober;
	struct probe_journal *journal;
	struct probe_connection *connections; /* of this namespace, sorted by cookie */
	size_t count, room;
	size_t listed; /* while they are chosen: how many of them a listing before has found; these are sorted */
	uint64_t begun_ns;
	size_t started;      /* since then, for the rate */
	size_t chosen;       /* in all namespaces */
	size_t beyond_limit; /* left out */
	bool interrupted, failed;
};

/* Keeps the signals that end a run for probe_run_pause(). */
void probe_run_signals(void);
/*
 * Chooses and probes in the namespace that the caller is in; then run->connections have their verdicts. Returns 0, or
 * -errno, with -EUCLEAN where settings could not be put back: the journal still has them.
 */
int probe_run_here(struct probe_run *run);
/*
 * Puts back what the journal has, in all namespaces, and clears it. Returns 0 or -errno; *restored and *gone say how
 * many sockets, *kept how many of namespaces that cannot be reached: then the journal is kept.
 */
int probe_recover(struct prober *prober, struct probe_journal *journal, const struct probe_journal_entries *entries,
		  size_t *restored, size_t *gone, size_t *kept);

#endif
