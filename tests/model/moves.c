// SPDX-License-Identifier: GPL-2.0-only
/*
 * moves.c: see moves.h.
 */
#include <string.h>

#include "moves.h"

#define IN(input) (1ULL << INPUT_##input)

/* Entries that nobody can tell apart from outside: the same pair, the same signs. */
static const struct {
	uint8_t state;
	uint64_t inputs;
} alike[] = {
	{TCP_LISTEN, IN(CLOSE) | IN(ABORT) | IN(DESTROY)},
	{TCP_SYN_SENT, IN(CLOSE) | IN(ABORT) | IN(DISCONNECT)},
	{TCP_ESTABLISHED, IN(USER_TIMEOUT) | IN(KEEPALIVE_TIMEOUT)},
	{TCP_CLOSE_WAIT, IN(USER_TIMEOUT) | IN(KEEPALIVE_TIMEOUT)},
	{TCP_FIN_WAIT2, IN(FIN) | IN(TIME_WAIT_LIMIT)},
	{TCP_CLOSING, IN(ACK_OF_FIN) | IN(TIME_WAIT_LIMIT)},
	{MACHINE_FIN_WAIT2_MINISOCK, IN(DATA_AFTER_CLOSE) | IN(SYN_NEW)},
};

_Static_assert(INPUTS <= 64, "inputs fit their set");

static bool are_alike(const struct machine_rule *a, const struct machine_rule *b)
{
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		if (a->from == alike[i].state && b->from == alike[i].state && a->need == b->need &&
		    alike[i].inputs & 1ULL << a->input && alike[i].inputs & 1ULL << b->input)
			return true;
	return false;
}

void moves_check_begin(struct moves_check *check, struct model *model, bool *reached)
{
	memset(check, 0, sizeof(*check));
	check->model = model;
	check->reached = reached;
}

static void wrong(struct moves_check *check, const struct machine_rule *rule, const char *what)
{
	if (check->model->wrong)
		return;
	check->model->wrong = what;
	check->model->wrong_state = rule->from;
	check->model->wrong_input = rule->input;
}

/* Which entry these signs are taken for. */
static const struct machine_rule *taken_for(const struct moves_check *check, const struct machine_rule *rule,
					    uint32_t signs)
{
	const struct machine_rule *found = NULL;

	if (rule->shown == SHOWN_STATE)
		machine_judge(check->model->machine, rule->shown_from, rule->shown_to, signs, &found);
	else
		found = machine_judge_unshown(check->model->machine, (enum machine_shown)rule->shown, rule->from,
					      signs);
	return found;
}

static void check_signs(struct moves_check *check, const struct machine_move *move)
{
	const struct machine_rule *rule = move->rule, *found = taken_for(check, rule, move->signs);

	if (rule->shown == SHOWN_NOT || (rule->shown != SHOWN_STATE && !move->essential)) {
		if (rule->need)
			wrong(check, rule, "an entry that leaves no sign asks for one");
		return;
	}
	if (found != rule && !(found && are_alike(found, rule)))
		wrong(check, rule, "an entry is not recognised by its signs");
	found = taken_for(check, rule, move->essential);
	if (found != rule && !(found && are_alike(found, rule)))
		wrong(check, rule, "an entry asks for a sign that it does not need");
	for (unsigned int sign = 0; sign < SIGN_INDICES; sign++)
		if (move->essential & 1U << sign && taken_for(check, rule, move->signs & ~(1U << sign)) == rule)
			wrong(check, rule, "an entry does without a sign that it needs");
}

/* What of a step a watcher can see, by what Linux keeps in which kind of socket. */
static enum machine_shown shown_by_linux(const struct machine_rule *rule)
{
	unsigned int closable = 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSING | 1U << TCP_LAST_ACK;

	if (rule->from == rule->to) {
		bool again = rule->input == INPUT_CLOSE && 1U << rule->from & closable;

		return again || rule->from == TCP_CLOSE ? SHOWN_STATE : SHOWN_NOT;
	}
	if (rule->from == TCP_NEW_SYN_RECV)
		return rule->to == TCP_SYN_RECV ? SHOWN_STATE : SHOWN_REQUEST;
	if (rule->from == TCP_TIME_WAIT && rule->input == INPUT_ABORT)
		return SHOWN_NOT; /* no process has it any more */
	if (rule->from == TCP_TIME_WAIT || rule->from == MACHINE_FIN_WAIT2_MINISOCK)
		return SHOWN_MINISOCK;
	return rule->to == TCP_NEW_SYN_RECV ? SHOWN_NOT : SHOWN_STATE;
}

/* What is shown of a step that the watcher can see must be its states, unless Linux says otherwise. */
static void check_shown(struct moves_check *check, const struct machine_rule *rule)
{
	bool hands_over = rule->shown_to == TCP_CLOSE &&
			  (rule->to == TCP_TIME_WAIT || rule->to == MACHINE_FIN_WAIT2_MINISOCK);
	bool clones = rule->from == TCP_NEW_SYN_RECV && rule->shown_from == TCP_LISTEN;
	enum machine_shown shown = shown_by_linux(rule);

	/* Of the RFC's entries those are shown that Linux has no entry of its own for. */
	if (machine_step(check->model->machine, rule->from, rule->input, true) != rule)
		shown = SHOWN_NOT;
	if (rule->shown != shown)
		wrong(check, rule, "an entry says that it is shown in another way than it is");
	if (rule->shown != SHOWN_STATE) {
		if (rule->shown_from || rule->shown_to)
			wrong(check, rule, "an entry that no state change shows names one");
		return;
	}
	if (rule->shown_to != rule->to && !hands_over)
		wrong(check, rule, "an entry is shown as leading elsewhere");
	if (rule->shown_from != rule->from && !clones)
		wrong(check, rule, "an entry is shown as coming from elsewhere");
}

void moves_check_move(void *arg, const struct machine_move *move)
{
	struct moves_check *check = arg;
	size_t index = (size_t)(move->rule - check->model->machine->rules);
	unsigned int count = check->checked[index].count;

	check->reached[index] = true;
	for (unsigned int i = 0; i < count; i++)
		if (check->checked[index].signs[i] == move->signs)
			return;
	if (count < SIGN_SETS_MAX)
		check->checked[index].signs[check->checked[index].count++] = move->signs;
	check_shown(check, move->rule);
	check_signs(check, move);
}
