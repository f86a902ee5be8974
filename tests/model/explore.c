// SPDX-License-Identifier: GPL-2.0-only
/*
 * explore.c: breadth first, see explore.h. What is checked:
 *
 * - each input that reaches an end has an entry in the table, and the table leads to the state that the facts say;
 * - an entry that can be seen is recognised by its signs, and not without any of them (moves.c);
 * - a state in which nothing can happen without help is an end or one of the classes of stuck states, and from every
 *   state one of these can be reached without help: nothing else goes on for ever;
 * - two live ends of one connection never both stay ESTABLISHED after one of them has asked to close it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explore.h"
#include "joint.h"
#include "moves.h"
#include "report/machine_text.h"

struct origin {
	uint32_t state;
	struct step step;
};

struct explorer {
	const struct exploration_config *config;
	struct exploration *result;
	struct model model;
	struct moves_check check;
	struct joint *joints, *next; /* next: the one being made */
	struct origin *origins;
	uint32_t *slots, slot_mask; /* 1 + index; 0: free */
	/* steps that need no help, for the way back */
	uint32_t *targets, *first;
	uint64_t target_count, target_room;
};

static void on_send(void *arg, int host, union segment segment)
{
	struct explorer *explorer = arg;

	channel_add(explorer->next->channel[host], explorer->config->segments, segment.bits);
}

/* ---- the set of states -------------------------------------------------------------------------------- */

/* The index of explorer->next among the known states; *is_new if it was not. UINT32_MAX: no room. */
static uint32_t joint_index(struct explorer *explorer, bool *is_new)
{
	uint32_t slot = (uint32_t)joint_hash(explorer->next) & explorer->slot_mask;
	uint32_t count = explorer->result->states;

	for (; explorer->slots[slot]; slot = (slot + 1) & explorer->slot_mask)
		if (!memcmp(&explorer->joints[explorer->slots[slot] - 1], explorer->next, sizeof(struct joint))) {
			*is_new = false;
			return explorer->slots[slot] - 1;
		}
	if (count == explorer->config->states_max)
		return UINT32_MAX;
	explorer->slots[slot] = count + 1;
	explorer->joints[count] = *explorer->next;
	explorer->result->states++;
	*is_new = true;
	return count;
}

/* ---- telling what went wrong ---------------------------------------------------------------------------- */

static void way_print(const struct explorer *explorer, uint32_t state)
{
	uint32_t way[4096], length = 0;

	for (uint32_t at = state; explorer->origins[at].state != UINT32_MAX && length < 4096;
	     at = explorer->origins[at].state)
		way[length++] = at;
	while (length--) {
		const struct origin *origin = &explorer->origins[way[length]];

		joint_step_print(&explorer->joints[origin->state], &origin->step);
	}
}

static void wrong(struct explorer *explorer, uint32_t state, const struct step *step, bool quiet, const char *what)
{
	if (explorer->result->wrong[0])
		return;
	snprintf(explorer->result->wrong, sizeof(explorer->result->wrong), "%s", what);
	if (quiet)
		return;
	printf("WRONG in %s: %s; the way there:\n", explorer->config->name, what);
	way_print(explorer, state);
	if (step)
		joint_step_print(&explorer->joints[state], step);
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

static int receiver_of(const struct explorer *explorer, int sender)
{
	return explorer->config->self ? sender : !sender;
}

static void step_make(struct explorer *explorer, const struct step *step)
{
	struct joint *next = explorer->next;
	union segment segment = {.bits = 0};
	int host = step->host;

	if (step->kind == STEP_HAPPENS) {
		endpoint_happens(&explorer->model, host, &next->end[host], (enum endpoint_event)step->what);
		return;
	}
	segment.bits = next->channel[host][step->what];
	if (step->kind != STEP_ARRIVES_AND_STAYS)
		channel_remove(next->channel[host], step->what);
	if (step->kind == STEP_IS_LOST)
		return;
	host = receiver_of(explorer, host);
	endpoint_receives(&explorer->model, host, &next->end[host], segment);
}

static void target_add(struct explorer *explorer, uint32_t target)
{
	if (explorer->target_count == explorer->target_room) {
		explorer->target_room = explorer->target_room ? explorer->target_room * 2 : 1 << 16;
		explorer->targets = realloc(explorer->targets, explorer->target_room * sizeof(*explorer->targets));
		if (!explorer->targets)
			abort();
	}
	explorer->targets[explorer->target_count++] = target;
}

static void step_try(struct explorer *explorer, uint32_t state, struct step step, bool quiet)
{
	struct joint made = explorer->joints[state];
	uint32_t target;
	bool is_new;

	explorer->next = &made;
	step_make(explorer, &step);
	explorer->result->steps++;
	for (int host = 0; host < 2 && !explorer->model.wrong; host++)
		if (made.end[host].state != endpoint_state_by_facts(&made.end[host]))
			explorer->model.wrong = "the table led to another state than the facts say";
	if (explorer->model.wrong) {
		char what[160];

		snprintf(what, sizeof(what), "%s (%s in %s)", explorer->model.wrong,
			 machine_input_name(explorer->model.wrong_input),
			 machine_state_name(explorer->model.wrong_state));
		wrong(explorer, state, &step, quiet, what);
		return;
	}
	target = joint_index(explorer, &is_new);
	if (target == UINT32_MAX) {
		wrong(explorer, state, &step, quiet, "more states than there is room for");
		return;
	}
	if (is_new)
		explorer->origins[target] = (struct origin){state, step};
	if (target != state && (step.kind != STEP_HAPPENS || step.what >= HAPPENS_BY_ITSELF))
		target_add(explorer, target);
}

static void steps_of(struct explorer *explorer, uint32_t state, bool quiet)
{
	const struct joint *joint = &explorer->joints[state];
	int hosts = explorer->config->self ? 1 : 2;

	for (int host = 0; host < hosts; host++) {
		bool channel_quiet = joint_is_quiet(joint, host);

		for (unsigned int event = 0; event < ENDPOINT_EVENTS_COUNT; event++)
			if (endpoint_may(&explorer->model, &joint->end[host], event, channel_quiet))
				step_try(explorer, state, (struct step){STEP_HAPPENS, (uint8_t)host, (uint8_t)event},
					 quiet);
		for (uint8_t place = 0; place < CHANNEL_SEGMENTS_MAX && joint->channel[host][place]; place++) {
			if (joint->end[receiver_of(explorer, host)].up) {
				step_try(explorer, state, (struct step){STEP_ARRIVES, (uint8_t)host, place}, quiet);
				step_try(explorer, state, (struct step){STEP_ARRIVES_AND_STAYS, (uint8_t)host, place},
					 quiet);
			}
			step_try(explorer, state, (struct step){STEP_IS_LOST, (uint8_t)host, place}, quiet);
		}
	}
}

static void begin_with(struct explorer *explorer, bool keepalive_here, bool keepalive_there)
{
	const struct exploration_config *config = explorer->config;
	struct joint joint;
	bool is_new;

	memset(&joint, 0, sizeof(joint));
	for (int host = 0; host < 2; host++) {
		struct endpoint *end = &joint.end[host];

		end->state = TCP_CLOSE;
		end->up = 1;
		end->opens_left = config->opens[host] & 3;
		end->data_left = config->data;
		end->crash_left = config->crashes;
		end->special_left = config->specials;
		end->odd_left = config->odd;
		end->fast_open = config->fast_open;
		end->keepalive = host ? keepalive_there : keepalive_here;
	}
	explorer->next = &joint;
	explorer->origins[joint_index(explorer, &is_new)].state = UINT32_MAX;
}

/* ---- what never ends without help -------------------------------------------------------------------------- */

static bool has_ended(const struct joint *joint)
{
	return !joint->end[0].connected && !joint->end[1].connected;
}

/* For each state those from which a step that needs no help leads to it: sources[start[i]] to sources[start[i + 1]]. */
static uint32_t *sources_of(struct explorer *explorer, uint32_t **start)
{
	uint32_t count = explorer->result->states, *sources = malloc((explorer->target_count + 1) * sizeof(*sources));
	uint32_t *place = calloc(count + 2UL, sizeof(*place));

	if (!sources || !place)
		abort();
	for (uint64_t i = 0; i < explorer->target_count; i++)
		place[explorer->targets[i] + 2]++;
	for (uint32_t i = 2; i < count + 2; i++)
		place[i] += place[i - 1];
	for (uint32_t state = 0; state < count; state++)
		for (uint64_t i = explorer->first[state]; i < explorer->first[state + 1]; i++)
			sources[place[explorer->targets[i] + 1]++] = state;
	*start = place;
	return sources;
}

/* Marks what leads to a marked state over steps that need no help. Returns how many are marked then. */
static uint32_t mark_backwards(const struct explorer *explorer, const uint32_t *start, const uint32_t *sources,
			       unsigned char *marked)
{
	uint32_t count = explorer->result->states, head = 0, tail = 0;
	uint32_t *queue = malloc((count + 1UL) * sizeof(*queue));

	if (!queue)
		abort();
	for (uint32_t i = 0; i < count; i++)
		if (marked[i])
			queue[tail++] = i;
	for (; head < tail; head++)
		for (uint32_t i = start[queue[head]]; i < start[queue[head] + 1]; i++)
			if (!marked[sources[i]]) {
				marked[sources[i]] = 1;
				queue[tail++] = sources[i];
			}
	free(queue);
	return tail;
}

static bool same_connection(const struct joint *joint, bool self)
{
	const struct endpoint *here = &joint->end[0], *there = &joint->end[self ? 0 : 1];

	return here->connected && there->connected && here->peer == there->incarnation &&
	       there->peer == here->incarnation;
}

/* Nothing that it waits for would ever tell it that its peer is gone. */
static bool waits_for_nothing(const struct endpoint *end, bool linux_too)
{
	unsigned int states = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT | 1U << TCP_FIN_WAIT2;

	if (!end->connected)
		return true;
	if (!(1U << end->state & states) || end->keepalive || end->una != endpoint_snd_nxt(end))
		return false;
	return end->state != TCP_FIN_WAIT2 || end->held || !linux_too;
}

/* NULL, or what is wrong with a state that stays as it is for ever. */
static const char *stuck_check(const struct joint *joint, const struct exploration_config *config,
			       enum stuck_class *class)
{
	const struct endpoint *here = &joint->end[0], *there = &joint->end[config->self ? 0 : 1];
	bool same = same_connection(joint, config->self);

	*class = !same ? STUCK_PEER_GONE : here->closed || there->closed ? STUCK_HELD : STUCK_OPEN;
	if (!waits_for_nothing(here, config->linux_too) || !waits_for_nothing(there, config->linux_too))
		return "at rest for ever, though something is in flight or a timer should run";
	if (*class == STUCK_HELD && (here->state == TCP_ESTABLISHED || there->state == TCP_ESTABLISHED))
		return "one end asked to close, and the other stays ESTABLISHED";
	return NULL;
}

/* Nothing is on its way, and no timer runs: nothing will happen unless somebody does something. */
static bool at_rest(const struct explorer *explorer, const struct joint *joint)
{
	if (joint->channel[0][0] || joint->channel[1][0])
		return false;
	for (int host = 0; host < 2; host++)
		for (unsigned int event = HAPPENS_BY_ITSELF; event < ENDPOINT_EVENTS_COUNT; event++)
			if (endpoint_may(&explorer->model, &joint->end[host], event, true))
				return false;
	return true;
}

/* Classifies the states at rest that are no ends, marks both kinds, and returns NULL or what is wrong with *state. */
static const char *mark_rests(const struct explorer *explorer, unsigned char *marked, uint32_t *state)
{
	struct exploration *result = explorer->result;

	for (*state = 0; *state < result->states; ++*state) {
		const struct joint *joint = &explorer->joints[*state];
		enum stuck_class class;
		const char *what;

		marked[*state] = has_ended(joint);
		result->ends += marked[*state];
		if (marked[*state] || !at_rest(explorer, joint))
			continue;
		what = stuck_check(joint, explorer->config, &class);
		if (what)
			return what;
		marked[*state] = 2;
		result->stuck++;
		result->stuck_pairs[class][joint->end[0].state][joint->end[1].state]++;
	}
	return NULL;
}

/* From every state an end or a known rest can be reached without help; what can only come to rest is counted. */
static void check_ends(struct explorer *explorer, bool quiet)
{
	uint32_t count = explorer->result->states, state, *start, *sources = sources_of(explorer, &start);
	unsigned char *marked = malloc(count), *ends = malloc(count);
	const char *what;

	if (!marked || !ends)
		abort();
	what = mark_rests(explorer, marked, &state);
	if (what) {
		wrong(explorer, state, NULL, quiet, what);
	} else {
		for (uint32_t i = 0; i < count; i++)
			ends[i] = marked[i] == 1;
		explorer->result->never_end = count - mark_backwards(explorer, start, sources, ends);
		if (mark_backwards(explorer, start, sources, marked) != count) {
			for (state = 0; marked[state]; state++)
				;
			wrong(explorer, state, NULL, quiet,
			      "it goes on for ever, and comes neither to an end nor to rest");
		}
	}
	free(marked);
	free(ends);
	free(start);
	free(sources);
}

/* Of any state: both ends of one connection ESTABLISHED, though one has asked to close it. */
static bool both_stay_open(const struct joint *joint, bool self)
{
	return same_connection(joint, self) && joint->end[0].state == TCP_ESTABLISHED &&
	       joint->end[self ? 0 : 1].state == TCP_ESTABLISHED && (joint->end[0].closed || joint->end[1].closed);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static void explorer_begin(struct explorer *explorer, const struct exploration_config *config)
{
	uint32_t slots = 1;

	while (slots < config->states_max * 2)
		slots *= 2;
	explorer->config = config;
	explorer->slot_mask = slots - 1;
	explorer->slots = calloc(slots, sizeof(*explorer->slots));
	explorer->joints = malloc(config->states_max * sizeof(*explorer->joints));
	explorer->origins = malloc(config->states_max * sizeof(*explorer->origins));
	explorer->first = malloc((config->states_max + 1UL) * sizeof(*explorer->first));
	if (!explorer->slots || !explorer->joints || !explorer->origins || !explorer->first)
		abort();
	model_prepare(&explorer->model, config->machine, config->linux_too);
	explorer->model.self = config->self;
	explorer->model.send = on_send;
	explorer->model.send_arg = explorer;
	explorer->model.moved = moves_check_move;
	explorer->model.moved_arg = &explorer->check;
	moves_check_begin(&explorer->check, &explorer->model, explorer->result->reached);
	for (int i = 0; i < (config->keepalive ? 4 : 1); i++)
		begin_with(explorer, i & 1, i & 2);
}

static void explorer_free(struct explorer *explorer)
{
	free(explorer->slots);
	free(explorer->joints);
	free(explorer->origins);
	free(explorer->targets);
	free(explorer->first);
}

void explore(const struct exploration_config *config, struct exploration *result, bool quiet)
{
	struct explorer explorer = {.result = result};
	struct timespec begin, end;
	uint32_t state = 0;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	memset(result, 0, sizeof(*result));
	explorer_begin(&explorer, config);
	for (; state < result->states && !result->wrong[0]; state++) {
		explorer.first[state] = (uint32_t)explorer.target_count;
		if (both_stay_open(&explorer.joints[state], config->self))
			wrong(&explorer, state, NULL, quiet, "both stay ESTABLISHED though one has closed");
		steps_of(&explorer, state, quiet);
	}
	explorer.first[state] = (uint32_t)explorer.target_count;
	if (!result->wrong[0])
		check_ends(&explorer, quiet);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	result->seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	explorer_free(&explorer);
}
