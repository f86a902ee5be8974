/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis_groups.c: which suspicions are one finding: those of one kind, owner and place, which is a listening port
 * or a destination. The table is bounded; what comes when it is full is counted. Why something is suspicious it does
 * not know.
 */
#include <string.h>

#include "core/diagnosis_internal.h"

#define ADDRESS_BITS(family) ((family) == 4 ? 32 : 128)

/* ---- keys ----------------------------------------------------------------------------------------------- */

struct finding_prefix prefix_of(unsigned family, const uint8_t address[EVENT_ADDRESS_BYTES])
{
	struct finding_prefix prefix = {.family = (uint8_t)family, .bits = family == 4 ? 24 : 64};

	memcpy(prefix.address, address, prefix.bits / 8);
	return prefix;
}

/* FNV-1a, begun at a seed that strangers do not know. */
uint64_t bytes_hash_wide(const void *bytes, size_t count, uint64_t seed)
{
	uint64_t hash = seed ^ 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL;
	return hash;
}

uint32_t bytes_hash(const void *bytes, size_t count, uint64_t seed)
{
	uint64_t hash = bytes_hash_wide(bytes, count, seed);

	return (uint32_t)(hash ^ hash >> 32);
}

static struct group_key key_make(struct tracker *tracker, const struct connection *connection,
				 const struct suspicion *suspicion)
{
	struct group_key key = {
		.kind = (uint8_t)suspicion->kind,
		.local_fault = suspicion->local_fault,
		.netns = connection->tuple.netns,
		.pid = connection->source == SOURCE_UNKNOWN ? 0 : connection->pid,
	};
	struct finding_prefix prefix;

	if (connection->state == TCP_LISTEN || tracker_is_served(tracker, connection)) {
		key.local_port = connection->tuple.local_port;
		return key;
	}
	prefix = prefix_of(connection->family, connection->tuple.remote);
	key.family = prefix.family;
	key.bits = prefix.bits;
	memcpy(key.remote, prefix.address, sizeof(key.remote));
	key.remote_port = connection->tuple.remote_port;
	return key;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

void groups_begin(struct diagnosis *diagnosis)
{
	diagnosis->group_count = 0;
	memset(diagnosis->buckets, 0, sizeof(diagnosis->buckets));
}

static uint16_t *bucket_of(const struct diagnosis *diagnosis, uint16_t *buckets, const struct group_key *key,
			   const struct group_key *(*key_at)(const struct diagnosis *diagnosis, uint16_t i))
{
	uint32_t at = bytes_hash(key, sizeof(*key), diagnosis->seed);

	for (;; at++) {
		uint16_t *bucket = &buckets[at & (GROUP_BUCKETS - 1)];

		if (!*bucket || !memcmp(key_at(diagnosis, *bucket - 1), key, sizeof(*key)))
			return bucket;
	}
}

static const struct group_key *group_key_at(const struct diagnosis *diagnosis, uint16_t i)
{
	return &diagnosis->groups[i].key;
}

static const struct group_key *memory_key_at(const struct diagnosis *diagnosis, uint16_t i)
{
	return &diagnosis->memory[i].key;
}

/* The group of this key, or a new one; NULL: no room. */
static struct group *group_get(struct diagnosis *diagnosis, const struct group_key *key)
{
	uint16_t *bucket = bucket_of(diagnosis, diagnosis->buckets, key, group_key_at);
	struct group *group;

	if (*bucket)
		return &diagnosis->groups[*bucket - 1];
	if (diagnosis->group_count == DIAGNOSIS_GROUPS_MAX)
		return NULL;
	group = &diagnosis->groups[diagnosis->group_count++];
	*bucket = (uint16_t)diagnosis->group_count;
	memset(group, 0, sizeof(*group));
	group->key = *key;
	group->finding.kind = key->kind;
	group->finding.local_fault = key->local_fault;
	group->finding.netns = key->netns;
	group->finding.local_port = key->local_port;
	group->finding.remote_port = key->remote_port;
	group->finding.destination.family = key->family;
	group->finding.destination.bits = key->bits;
	memcpy(group->finding.destination.address, key->remote, sizeof(key->remote));
	return group;
}

/* ---- what comes together --------------------------------------------------------------------------------- */

enum fact_how {
	FACT_SUM,
	FACT_MAX,
	FACT_MIN,
};

#define FACT_HOW_LINE(name, text, unit, how) [name] = FACT_##how,
static const uint8_t fact_how[] = {FINDING_FACTS(FACT_HOW_LINE)};

void fact_join(struct finding *finding, enum finding_fact fact, uint64_t value)
{
	uint64_t *joined = &finding->facts[fact];
	bool replaces = !finding_has(finding, fact) || (fact_how[fact] == FACT_MAX && value > *joined) ||
			(fact_how[fact] == FACT_MIN && value < *joined);

	if (replaces)
		*joined = value;
	else if (fact_how[fact] == FACT_SUM)
		*joined += value;
	finding->facts_known |= 1ULL << fact;
}

static void suspicion_join(struct finding *finding, const struct suspicion *suspicion)
{
	for (unsigned fact = 0; fact < FINDING_FACT_COUNT; fact++)
		if (suspicion->known >> fact & 1)
			fact_join(finding, fact, suspicion->facts[fact]);
	if (suspicion->since_ns && (!finding->since_ns || suspicion->since_ns < finding->since_ns))
		finding->since_ns = suspicion->since_ns;
	if (suspicion->certainty > finding->certainty)
		finding->certainty = suspicion->certainty;
	finding->count += (uint32_t)suspicion->weight;
}

static void owner_take(struct finding *finding, const struct connection *connection)
{
	if (!finding->cgroup)
		finding->cgroup = connection->cgroup;
	if (finding->pid || connection->source == SOURCE_UNKNOWN)
		return;
	finding->pid = connection->pid;
	finding->uid = connection->uid;
	finding->process_count = 1;
	memcpy(finding->comm, connection->comm, sizeof(finding->comm));
}

void finding_peers_add(struct finding *finding, const struct finding_prefix *prefix, uint32_t count)
{
	for (uint32_t i = 0; i < finding->peer_count; i++) {
		if (!memcmp(&finding->peers[i].prefix, prefix, sizeof(*prefix))) {
			finding->peers[i].count += count;
			return;
		}
	}
	if (finding->peer_count == FINDING_PEERS_MAX) {
		finding->peers_more += count;
		return;
	}
	finding->peers[finding->peer_count++] = (struct finding_peers){*prefix, count};
}

void finding_stacks_add(struct finding *finding, uint64_t id, uint32_t count)
{
	for (uint32_t i = 0; i < finding->stack_count; i++) {
		if (finding->stacks[i].id == id) {
			finding->stacks[i].count += count;
			return;
		}
	}
	if (finding->stack_count == FINDING_STACKS_MAX)
		finding->stacks_more += count;
	else
		finding->stacks[finding->stack_count++] = (struct finding_stack){id, count};
}

static void connection_join(struct diagnosis *diagnosis, struct finding *finding, const struct connection *connection)
{
	const struct live_facts *facts = tracker_facts(diagnosis->tracker, connection);
	struct finding_prefix prefix = prefix_of(connection->family, connection->tuple.remote);
	const struct stack *stack = tracker_stack(diagnosis->tracker, connection);

	if (stack)
		finding_stacks_add(finding, stack->id, 1);
	if (facts && facts->descriptor >= 0) {
		if (finding->descriptor_count < FINDING_DESCRIPTORS_MAX)
			finding->descriptors[finding->descriptor_count] = facts->descriptor;
		finding->descriptor_count++;
	}
	if (connection->state == TCP_LISTEN)
		return;
	finding_peers_add(finding, &prefix, 1);
	if (finding->cookie_count < FINDING_SHOWN_MAX)
		finding->cookies[finding->cookie_count++] = connection->cookie;
}

static void remote_join(struct group *group, const uint8_t remote[EVENT_ADDRESS_BYTES])
{
	if (!group->has_remote)
		memcpy(group->remote, remote, sizeof(group->remote));
	else if (memcmp(group->remote, remote, sizeof(group->remote)))
		group->several_remotes = true;
	group->has_remote = true;
}

void groups_add(struct diagnosis *diagnosis, const struct connection *connection, const struct suspicion *suspicion)
{
	struct group_key key = key_make(diagnosis->tracker, connection, suspicion);
	struct group *group = group_get(diagnosis, &key);

	diagnosis->running.suspects[suspicion->kind] += (uint32_t)suspicion->weight;
	if (!group) {
		diagnosis->running.others[suspicion->kind] += (uint32_t)suspicion->weight;
		return;
	}
	suspicion_join(&group->finding, suspicion);
	owner_take(&group->finding, connection);
	connection_join(diagnosis, &group->finding, connection);
	group_kinship(diagnosis, group, connection);
	remote_join(group, connection->tuple.remote);
}

/* Ports are used up by all that go there: an owner is told only where it is one process. */
static void owner_of_all(struct group *group, const struct connection *connection)
{
	struct finding *finding = &group->finding;
	bool known = connection->source != SOURCE_UNKNOWN;

	if (!group->several_owners && known && (finding->count == 1 || finding->pid == connection->pid)) {
		owner_take(finding, connection);
		finding->processes[0] = (struct finding_process){finding->pid, finding->count};
		return;
	}
	group->several_owners = true;
	finding->pid = finding->process_count = 0;
	memset(finding->comm, 0, sizeof(finding->comm));
}

void groups_add_port(struct diagnosis *diagnosis, const struct connection *connection, bool minisock)
{
	const struct diagnosis_netns *netns = netns_find(diagnosis, connection->tuple.netns);
	struct suspicion suspicion = {
		.kind = FINDING_PORT_EXHAUSTION,
		.certainty = CERTAINTY_LIKELY,
		.since_ns = tracker_born_ns(diagnosis->tracker, connection),
		.weight = 1,
	};
	struct group_key key = {
		.kind = FINDING_PORT_EXHAUSTION,
		.netns = connection->tuple.netns,
		.family = connection->family,
		.bits = ADDRESS_BITS(connection->family),
		.remote_port = connection->tuple.remote_port,
	};
	struct group *group;

	if (!netns || netns->port_last == UINT32_MAX)
		return;
	memcpy(key.remote, connection->tuple.remote, sizeof(key.remote));
	memcpy(key.local, connection->tuple.local, sizeof(key.local));
	suspicion_fact(&suspicion, FACT_PORTS_USED, 1);
	suspicion_fact(&suspicion, FACT_PORTS_TIME_WAIT, minisock);
	suspicion_fact(&suspicion, FACT_PORTS_MAX, netns->port_last - netns->port_first + 1);
	group = group_get(diagnosis, &key);
	diagnosis->running.suspects[key.kind]++;
	if (!group) {
		diagnosis->running.others[key.kind]++;
		return;
	}
	suspicion_join(&group->finding, &suspicion);
	owner_of_all(group, connection);
	if (!minisock)
		connection_join(diagnosis, &group->finding, connection);
}

void groups_add_plain(struct diagnosis *diagnosis, const struct group_key *key, const struct suspicion *suspicion)
{
	struct group *group = group_get(diagnosis, key);

	diagnosis->running.suspects[suspicion->kind] += (uint32_t)suspicion->weight;
	if (group)
		suspicion_join(&group->finding, suspicion);
	else
		diagnosis->running.others[suspicion->kind] += (uint32_t)suspicion->weight;
}

/* ---- findings -------------------------------------------------------------------------------------------- */

/* The higher, the sooner somebody must get up. */
static const uint8_t urgency[FINDING_KIND_COUNT] = {
	[FINDING_PORT_EXHAUSTION] = 6,     [FINDING_ACCEPT_OVERFLOW] = 6,   [FINDING_TIME_WAIT_PRESSURE] = 5,
	[FINDING_ORPHAN_PRESSURE] = 5,     [FINDING_CLOSE_WAIT_LEAK] = 4,   [FINDING_HALF_OPEN_UNACKED] = 4,
	[FINDING_HALF_OPEN_PROBING] = 4,   [FINDING_ZERO_WINDOW_STALL] = 4, [FINDING_PEER_CLUSTER] = 3,
	[FINDING_SYN_SENT_UNANSWERED] = 3, [FINDING_SYN_RECV_PILEUP] = 3,   [FINDING_LAST_ACK_PILEUP] = 2,
	[FINDING_CLOSING_PILEUP] = 2,      [FINDING_FIN_WAIT1_PILEUP] = 2,  [FINDING_FIN_WAIT2_HELD] = 2,
	[FINDING_HALF_OPEN_SILENT] = 1,    [FINDING_FIN_UNANSWERED] = 1,    [FINDING_CANNOT_NOTICE_DEAD_PEER] = 0,
	[FINDING_KEEPALIVE_TOO_SLOW] = 0,
};

/* Above 0: a is worse. */
static int worse(const struct finding *a, const struct finding *b)
{
	if (urgency[a->kind] != urgency[b->kind])
		return urgency[a->kind] > urgency[b->kind] ? 1 : -1;
	if (a->certainty != b->certainty)
		return a->certainty > b->certainty ? 1 : -1;
	if (a->count != b->count)
		return a->count > b->count ? 1 : -1;
	return a->since_ns && (!b->since_ns || a->since_ns < b->since_ns) ? 1 : 0;
}

/* So many are said as what they are; the same FINs are not said once more. */
static bool is_in_pileup(const struct diagnosis *diagnosis, const struct group *group)
{
	static const uint8_t kinds[] = {FINDING_FIN_WAIT1_PILEUP, FINDING_CLOSING_PILEUP, FINDING_LAST_ACK_PILEUP};
	struct group_key key = group->key;

	for (size_t i = 0; i < sizeof(kinds); i++) {
		const struct group *pileup;
		uint16_t at;

		key.kind = kinds[i];
		at = *bucket_of(diagnosis, (uint16_t *)diagnosis->buckets, &key, group_key_at);
		if (!at)
			continue;
		pileup = &diagnosis->groups[at - 1];
		if ((pileup->joined ?: pileup)->finding.count >= diagnosis->limits.pileup)
			return true;
	}
	return false;
}

static bool is_worth_saying(const struct diagnosis *diagnosis, const struct group *group)
{
	const struct finding *finding = &group->finding;

	if (group->joined)
		return false;
	switch (finding->kind) {
	case FINDING_FIN_UNANSWERED: return !is_in_pileup(diagnosis, group);
	case FINDING_SYN_SENT_UNANSWERED: return finding->count >= diagnosis->limits.connects;
	case FINDING_LAST_ACK_PILEUP:
	case FINDING_CLOSING_PILEUP:
	case FINDING_FIN_WAIT1_PILEUP: return finding->count >= diagnosis->limits.pileup;
	case FINDING_PORT_EXHAUSTION:
		return finding->facts[FACT_PORTS_USED] * 100 >=
		       finding->facts[FACT_PORTS_MAX] * diagnosis->limits.percent;
	default: return true;
	}
}

/* What only the run before can tell. */
static void growth_fill(struct diagnosis *diagnosis, struct group *group)
{
	struct finding *finding = &group->finding;
	uint16_t memory = *bucket_of(diagnosis, diagnosis->memory_buckets, &group->key, memory_key_at);

	if (!diagnosis->totals.began_ns || diagnosis->wants) /* a part cannot be held against the whole */
		return;
	finding->has_growth = true;
	finding->growth_ns = diagnosis->now_ns - diagnosis->totals.began_ns;
	finding->growth = (int64_t)finding->count - (memory ? diagnosis->memory[memory - 1].count : 0);
	/* More and more, and none of them is at work: nobody closes them. */
	if (finding->kind == FINDING_CLOSE_WAIT_LEAK && memory && finding->growth > 0)
		finding->certainty = CERTAINTY_LIKELY;
}

static void exhaustion_fill(struct diagnosis *diagnosis, struct finding *finding)
{
	struct finding_prefix prefix = prefix_of(finding->destination.family, finding->destination.address);
	uint32_t failed = ends_no_port(diagnosis, &prefix);

	if (!failed)
		return;
	fact_join(finding, FACT_NO_PORT, failed);
	finding->certainty = CERTAINTY_CERTAIN;
}

/* Keeps the worst ones in order; the least one leaves where there is no room. */
static void finding_insert(struct diagnosis *diagnosis, const struct finding *finding)
{
	uint32_t at = diagnosis->finding_count;

	while (at > 0 && worse(finding, &diagnosis->findings[at - 1]) > 0)
		at--;
	diagnosis->running.findings_more += diagnosis->finding_count == DIAGNOSIS_FINDINGS;
	if (at == DIAGNOSIS_FINDINGS)
		return;
	if (diagnosis->finding_count < DIAGNOSIS_FINDINGS)
		diagnosis->finding_count++;
	memmove(&diagnosis->findings[at + 1], &diagnosis->findings[at],
		(diagnosis->finding_count - at - 1) * sizeof(*finding));
	diagnosis->findings[at] = *finding;
}

static void memory_take(struct diagnosis *diagnosis)
{
	memcpy(diagnosis->memory_buckets, diagnosis->buckets, sizeof(diagnosis->buckets));
	for (uint32_t i = 0; i < diagnosis->group_count; i++)
		diagnosis->memory[i] = (struct group_memory){diagnosis->groups[i].key,
							     diagnosis->groups[i].finding.count};
}

/* Where all connections go to one address, that says more than its prefix. */
static void destination_fill(const struct group *group, struct finding *finding)
{
	if (!finding->destination.family || !group->has_remote || group->several_remotes)
		return;
	finding->destination.bits = ADDRESS_BITS(finding->destination.family);
	memcpy(finding->destination.address, group->remote, sizeof(group->remote));
}

/* Of several processes of one program it is not one of them, which may be another one at the next run. */
static void identity_fill(const struct diagnosis *diagnosis, struct group *group)
{
	struct finding *finding = &group->finding;
	struct group_key place = group->key;
	uint64_t program = diagnosis->seed;

	place.pid = 0;
	finding->place = bytes_hash_wide(&place, sizeof(place), diagnosis->seed);
	finding->identity = bytes_hash_wide(&group->key, sizeof(group->key), diagnosis->seed);
	if (finding->process_count < 2)
		return;
	program = bytes_hash_wide(finding->comm, sizeof(finding->comm), program);
	program = bytes_hash_wide(&finding->uid, sizeof(finding->uid), program);
	program = bytes_hash_wide(&finding->cgroup, sizeof(finding->cgroup), program);
	finding->identity = bytes_hash_wide(&place, sizeof(place), program);
}

void groups_end(struct diagnosis *diagnosis)
{
	diagnosis->finding_count = 0;
	for (uint32_t i = 0; i < diagnosis->group_count; i++)
		growth_fill(diagnosis, &diagnosis->groups[i]);
	memory_take(diagnosis);
	groups_join(diagnosis);
	for (uint32_t i = 0; i < diagnosis->group_count; i++) {
		struct group *group = &diagnosis->groups[i];

		if (!is_worth_saying(diagnosis, group))
			continue;
		if (group->finding.kind == FINDING_PORT_EXHAUSTION)
			exhaustion_fill(diagnosis, &group->finding);
		destination_fill(group, &group->finding);
		identity_fill(diagnosis, group);
		finding_insert(diagnosis, &group->finding);
	}
}
