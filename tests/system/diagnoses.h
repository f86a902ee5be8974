/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnoses.h: what the tests of `lastack diagnose` have in common: scenes, which are processes that misbehave or are
 * healthy, each of which tells who it is and what it holds; and how findings are asked for, picked out and held
 * against that.
 */
#ifndef SYSTEM_DIAGNOSES_H
#define SYSTEM_DIAGNOSES_H

#include "daemons.h"
#include "net.h"
#include "system.h"

#define LATE_MS  60000
#define TOLD_MAX 40

/* What a process says of itself when all is in place. */
struct told {
	pid_t pid;
	int descriptors[TOLD_MAX];
	unsigned count;
};

void tell(struct told *told, int descriptor);

/* Before the first scene_start(). */
void scenes_begin(void);
/*
 * In a process of its own: play() sets the scene and returns, what it leaves open stays so. Once scenes_go() is called,
 * stay() goes on from there; NULL, or when it returns: the process just stays.
 */
void scene_start(struct told *told, void (*play)(int family, uint16_t port, struct told *told), void (*stay)(void),
		 int family, uint16_t port);
void scenes_go(void);

/* A daemon that diagnoses each second, in the namespace that the caller is in. */
void diagnosing_daemon_start(struct program *daemon, struct daemon_place *place);

/* Runs what lastack_plan() has planned, and reads its findings. Returns the exit status. */
int findings_ask(struct program *asker, struct reports *lines);
/* The first of this kind where `member` has this number; NULL. */
const json_t *finding_find(const struct reports *lines, const char *kind, const char *member, long long number);
/* The first one whose owner this process is, or is among; NULL. */
const json_t *finding_of_process(const struct reports *lines, pid_t pid);
/* It names the process and its descriptors, and nobody else's. */
void finding_is_of(const json_t *finding, const struct told *told);
/* One of its lines of evidence has these words. */
bool finding_says(const json_t *finding, const char *words);

#endif
