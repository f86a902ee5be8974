/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_choice.h: which sockets `lastack probe` is to probe: the options' filter, the ids and cookies on the command
 * line, and which process holds what. It changes nothing.
 */
#ifndef LASTACK_VERBS_PROBE_CHOICE_H
#define LASTACK_VERBS_PROBE_CHOICE_H

#include "kernel/prober.h"
#include "verbs/filter_options.h"

struct probe_options {
	struct pipeline_options pipeline; /* filter, format, width */
	bool only_v4, only_v6;
	const char *local, *remote; /* addresses, NULL: any */
	uint64_t states;            /* set of enum tcp_state */
	bool all, reap, recover;
	uint32_t rate, limit, count, interval_s;
	const char *state_dir;
};

/* What was asked for by a word of the command line: a cookie, or the ids of both ends. */
struct probe_wish {
	const char *word;
	uint64_t cookie; /* 0: by the id */
	uint32_t isn[2];
	bool found;
};

struct probe_address {
	unsigned family; /* 0: any */
	uint8_t bytes[16];
};

#define PROBE_CGROUPS_MAX FILTER_CGROUPS_MAX

struct probe_choice {
	const struct probe_options *options;
	struct probe_wish *wishes;
	size_t wish_count;
	struct probe_address local, remote;
	uint64_t cgroups[PROBE_CGROUPS_MAX];
	unsigned cgroup_count;
	struct probe_holder *holders; /* sorted by cookie, then pid */
	size_t holder_count, holder_room;
	bool failed; /* out of memory */
};

/* Reads the words, addresses and cgroups. Returns 0, or -EINVAL after a message. */
int probe_choice_make(struct probe_choice *choice, const struct option_verb *verb, const struct probe_options *options,
		      char **words, size_t count);
/* Reads who holds what. Returns 0 or -errno. */
int probe_choice_look(struct probe_choice *choice, struct prober *prober);
void probe_choice_free(struct probe_choice *choice);

/* Is this socket chosen? Then *wish (or NULL) is the word that it was chosen by. */
bool probe_choice_wants(struct probe_choice *choice, const struct probe_sample *sample, struct probe_wish **wish);
/* The first process that holds it and that is asked for; NULL where none does. */
const struct probe_holder *probe_choice_holder(const struct probe_choice *choice, uint64_t cookie);

#endif
