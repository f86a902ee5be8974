/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * feed.h: this host as a stream of records into a pipeline (and a recording): the BPF side, the intake, and the names
 * of cgroups put together, for every verb that watches. Its user has the loop.
 */
#ifndef LASTACK_VERBS_FEED_H
#define LASTACK_VERBS_FEED_H

#include "kernel/cgroups.h"
#include "kernel/intake.h"
#include "pipeline/pipeline.h"

/* What is said where monitor_lists() is not so. */
#define FEED_LISTS_NOTHING                                                                                             \
	"what existed before is not known, for sockets cannot be listed here (lastack check says why)"

/* Who looks on. Each function may be NULL. */
struct feed_observer {
	void *arg;
	/* The hooks are attached and what existed has been taken in. Returns 0 or -errno, which ends it. */
	int (*begin)(void *arg, const struct monitor *monitor);
	/* Before the tracker takes it. */
	void (*event)(void *arg, struct tracker *tracker, const struct event_header *event);
	/* Everything up to now_ns has been taken in. */
	void (*tick)(void *arg, uint64_t now_ns);
	void (*loss)(void *arg, const uint64_t lost[EVENT_KINDS]);
	/* It is over: the last thing before the hooks are taken off. Returns 0 or -errno. */
	int (*end)(void *arg);
};

struct feed_config {
	const char *verb; /* for messages */
	const struct pipeline_options *pipeline;
	uint64_t ring_bytes;
	uint64_t owner_interval_ns;
	unsigned tier;                        /* enum hook_tier */
	const char *types;                    /* a file of the kernel's types, NULL: its own */
	bool stacks;                          /* also the user stacks of connect() and accept() */
	const char *recording;                /* path or NULL */
	const struct feed_observer *observer; /* or NULL; wants resets without a connection */
};

/* To be read; feed.c alone writes to it. */
struct feed {
	struct feed_config config;
	struct recording_facts facts; /* of this host, as of the start */
	struct monitor *monitor;
	struct intake *intake;
	struct pipeline *pipeline;
	struct cgroups *cgroups;
	struct recording_writer *recording;
	int recording_error; /* 0 or -errno */
};

/*
 * The signals that end or renew a watching verb (INT, TERM, HUP), as a descriptor that does not block; SIGPIPE is
 * ignored. To be called before anything that takes time: one that comes while programs load must not go missing.
 * Returns the descriptor or -errno.
 */
int feed_signals(void);
/* Loads and attaches. The config and what it points at must outlive it. Returns an exit status after saying what is
 * wrong. */
int feed_open(struct feed *feed, const struct feed_config *config);
/* Takes in what exists. Returns 0 or -errno; *unreachable counts network namespaces that could not be entered. */
int feed_begin(struct feed *feed, uint32_t *unreachable);
/* Takes the hooks off, takes in the rest, reports what is held. Returns 0 or -errno. */
int feed_end(struct feed *feed);
/* Ends the recording, if there is one; afterwards recording_error is final. */
void feed_recording_finish(struct feed *feed);
void feed_close(struct feed *feed);

/* Says why monitor_open() or another that asks for types has failed, and returns the exit status. */
int feed_refused(const char *verb, const char *types, int status, const char *why);

#endif
