// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe_recover.c: puts back what the journal of a run that died still has; see probe_run.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/netns.h"
#include "verbs/probe_run.h"

/* As often as a socket may be passed over while others come and go. */
#define PASSES 3

struct recovery {
	struct prober *prober;
	const struct probe_journal_entries *entries;
	enum { RECOVERY_OPEN, RECOVERY_VISITED, RECOVERY_DONE, RECOVERY_FAILED } * steps; /* of each entry */
	int status;
};

static void sample_take(void *arg, const struct probe_sample *sample)
{
	struct recovery *recovery = arg;

	for (size_t i = 0; i < recovery->entries->count; i++)
		if (recovery->entries->all[i].cookie == sample->cookie && recovery->steps[i] == RECOVERY_VISITED)
			recovery->steps[i] = sample->result == PROBE_DONE_IN_PART ? RECOVERY_FAILED : RECOVERY_DONE;
}

static int target_give(struct recovery *recovery, size_t entry)
{
	const struct probe_journal_entry *from = &recovery->entries->all[entry];
	struct probe_target target = {.action = PROBE_RESTORE, .expected = from->probing, .wanted = from->former};

	recovery->steps[entry] = RECOVERY_VISITED;
	return prober_target(recovery->prober, from->cookie, &target);
}

static int recover_here(void *arg, uint32_t inode)
{
	struct recovery *recovery = arg;
	size_t targets = 0;

	for (size_t i = 0; i < recovery->entries->count && !recovery->status; i++)
		if (recovery->entries->all[i].netns == inode) {
			recovery->status = target_give(recovery, i);
			targets++;
		}
	for (int i = 0; i < PASSES && targets && !recovery->status; i++)
		recovery->status = prober_pass(recovery->prober, true, sample_take, recovery);
	return 0;
}

int probe_recover(struct prober *prober, struct probe_journal *journal, const struct probe_journal_entries *entries,
		  size_t *restored, size_t *gone, size_t *kept)
{
	struct recovery recovery = {.prober = prober, .entries = entries};
	uint32_t unreachable = 0;
	int status;

	*restored = *gone = *kept = 0;
	recovery.steps = calloc(entries->count + 1, sizeof(*recovery.steps));
	if (!recovery.steps)
		return -ENOMEM;
	status = netns_visit(recover_here, &recovery, &unreachable);
	for (size_t i = 0; i < entries->count; i++) {
		bool lost = recovery.steps[i] == RECOVERY_OPEN && unreachable;

		if (recovery.steps[i] == RECOVERY_DONE)
			++*restored;
		else if (lost || recovery.steps[i] == RECOVERY_FAILED)
			++*kept;
		else
			++*gone; /* the socket, or its whole namespace */
		prober_forget(prober, entries->all[i].cookie);
	}
	free(recovery.steps);
	status = recovery.status ? recovery.status : status;
	if (!status && !*kept)
		status = probe_journal_clear(journal);
	return status;
}
