/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis_join.c: the workers of one server are one finding, which tells how many have which process. They are joined
 * only where that is sure: one name, user and control group, one place, and besides either one listener's address (a
 * second socket can only stand there by the will of the first's user) or one process that they were forked from. Two
 * shells have neither.
 */
#include <string.h>

#include "core/diagnosis_internal.h"

void group_kinship(struct diagnosis *diagnosis, struct group *group, const struct connection *connection)
{
	const struct connection *listener = tracker_listener(diagnosis->tracker, connection);
	const struct live_facts *facts = tracker_facts(diagnosis->tracker, connection);
	uint8_t family = listener ? listener->family : 0;

	if (facts && !(facts->details & LIVE_LISTENS) && facts->forked_from)
		group->forked_from = facts->forked_from;
	if (!group->has_kinship) {
		group->has_kinship = true;
		group->listener_family = family;
		if (listener)
			memcpy(group->listener, listener->tuple.local, sizeof(group->listener));
	} else if (family != group->listener_family ||
		   (listener && memcmp(group->listener, listener->tuple.local, sizeof(group->listener)))) {
		group->listener_family = 0;
	}
}

/* ---- who belongs to whom ------------------------------------------------------------------------------------- */

/* All of the key but the process. */
static bool is_same_place(const struct group_key *one, const struct group_key *other)
{
	struct group_key key = *one;

	if (one->kind != other->kind)
		return false;
	key.pid = other->pid;
	return !memcmp(&key, other, sizeof(key));
}

static bool is_same_program(const struct finding *one, const struct finding *other)
{
	return one->cgroup && one->cgroup == other->cgroup && one->uid == other->uid &&
	       !memcmp(one->comm, other->comm, sizeof(one->comm));
}

/* The process that stands for all that were forked from it. */
static uint32_t family_of(const struct group *group)
{
	return group->forked_from ?: group->key.pid;
}

static bool is_kin(const struct group *one, const struct group *other)
{
	if (family_of(one) == family_of(other))
		return true;
	return one->listener_family && one->listener_family == other->listener_family &&
	       !memcmp(one->listener, other->listener, sizeof(one->listener));
}

/* ---- one finding out of two ---------------------------------------------------------------------------------- */

/* By their counts; what has no room is among `process_count` still. */
static void process_insert(struct finding *finding, struct finding_process process)
{
	uint32_t count = finding->process_count < FINDING_PROCESSES_MAX ? finding->process_count
									: FINDING_PROCESSES_MAX;
	uint32_t at = count;

	while (at > 0 && finding->processes[at - 1].count < process.count)
		at--;
	finding->process_count++;
	if (at == FINDING_PROCESSES_MAX)
		return;
	if (count == FINDING_PROCESSES_MAX)
		count--;
	memmove(&finding->processes[at + 1], &finding->processes[at], (count - at) * sizeof(process));
	finding->processes[at] = process;
}

static void peers_join(struct finding *into, const struct finding *from)
{
	into->peers_more += from->peers_more;
	for (uint32_t i = 0; i < from->peer_count; i++)
		finding_peers_add(into, &from->peers[i].prefix, from->peers[i].count);
}

static void stacks_join(struct finding *into, const struct finding *from)
{
	into->stacks_more += from->stacks_more;
	for (uint32_t i = 0; i < from->stack_count; i++)
		finding_stacks_add(into, from->stacks[i].id, from->stacks[i].count);
}

static void finding_join(struct finding *into, const struct finding *from)
{
	if (from->count > into->processes[0].count) { /* descriptors mean something within one process only */
		memcpy(into->descriptors, from->descriptors, sizeof(into->descriptors));
		into->descriptor_count = from->descriptor_count;
	}
	process_insert(into, from->processes[0]);
	into->pid = 0;
	into->count += from->count;
	into->growth += from->growth;
	if (from->certainty > into->certainty)
		into->certainty = from->certainty;
	if (from->since_ns && (!into->since_ns || from->since_ns < into->since_ns))
		into->since_ns = from->since_ns;
	for (unsigned fact = 0; fact < FINDING_FACT_COUNT; fact++)
		if (finding_has(from, fact))
			fact_join(into, fact, from->facts[fact]);
	peers_join(into, from);
	stacks_join(into, from);
	for (uint32_t i = 0; i < from->cookie_count && into->cookie_count < FINDING_SHOWN_MAX; i++)
		into->cookies[into->cookie_count++] = from->cookies[i];
}

/* The first one before it that it belongs to; NULL: none. */
static struct group *kin_find(struct diagnosis *diagnosis, const struct group *group)
{
	for (struct group *other = diagnosis->groups; other < group; other++)
		if (!other->joined && other->key.pid && is_same_place(&other->key, &group->key) &&
		    is_same_program(&other->finding, &group->finding) && is_kin(other, group))
			return other;
	return NULL;
}

void groups_join(struct diagnosis *diagnosis)
{
	for (uint32_t i = 0; i < diagnosis->group_count; i++) {
		struct group *group = &diagnosis->groups[i];

		if (!group->key.pid)
			continue;
		group->finding.processes[0] = (struct finding_process){group->key.pid, group->finding.count};
		group->joined = kin_find(diagnosis, group);
		if (!group->joined)
			continue;
		finding_join(&group->joined->finding, &group->finding);
		group->joined->several_remotes |= group->several_remotes ||
						  memcmp(group->joined->remote, group->remote, sizeof(group->remote));
	}
}

/* ---- from run to run ----------------------------------------------------------------------------------------- */

static bool has_process(const struct finding *finding, uint32_t pid)
{
	for (uint32_t i = 0; i < finding->process_count && i < FINDING_PROCESSES_MAX; i++)
		if (finding->processes[i].pid == pid)
			return true;
	return false;
}

bool finding_goes_on(const struct finding *before, const struct finding *now)
{
	if (before->identity == now->identity)
		return true;
	if (before->place != now->place)
		return false;
	for (uint32_t i = 0; i < before->process_count && i < FINDING_PROCESSES_MAX; i++)
		if (has_process(now, before->processes[i].pid))
			return true;
	return false;
}
