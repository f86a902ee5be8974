// SPDX-License-Identifier: GPL-2.0-only
/*
 * walk.c: see walk.h. Each step is drawn by weight among all that may happen, so that most connections live as most do,
 * and all that is rare comes too.
 */
#include "walk.h"

#define CHANNEL_ROOM 3
#define CHOICES_MAX  64

struct choice {
	bool segment;
	uint8_t host, what; /* enum endpoint_event, or the segment's place */
	uint8_t fate;       /* of the segment: 0 arrives, 1 arrives and stays, 2 is lost */
};

struct walker {
	struct model model;
	struct endpoint end[2];
	union segment channel[2][CHANNEL_ROOM];
	struct kernel_socket *current[2]; /* the connection's */
	struct kernel_socket listener[2];
	struct walk_lives *lives;
	struct stream *stream;
	struct random_numbers *random;
	uint32_t pair;
	uint64_t ms, closed_ms[2]; /* when a minisock took over */
	struct choice choices[CHOICES_MAX];
	unsigned int weights[CHOICES_MAX], choice_count, weight_sum;
};

static const unsigned int event_weights[ENDPOINT_EVENTS_COUNT] = {
	[HAPPENS_LISTEN] = 50,
	[HAPPENS_CONNECT] = 20,
	[HAPPENS_CONNECT_NO_PORT] = 1,
	[HAPPENS_ACCEPT] = 30,
	[HAPPENS_SEND] = 8,
	[HAPPENS_SHUTDOWN] = 4,
	[HAPPENS_CLOSE] = 8,
	[HAPPENS_CLOSE_LISTENER] = 1,
	[HAPPENS_ABORT] = 2,
	[HAPPENS_DISCONNECT] = 1,
	[HAPPENS_REPAIR_CLOSE] = 1,
	[HAPPENS_DESTROY] = 1,
	[HAPPENS_SUBFLOW_CLOSE] = 1,
	[HAPPENS_SUBFLOW_RESET] = 1,
	[HAPPENS_SUBFLOW_REFUSED] = 1,
	[HAPPENS_ICMP] = 1,
	[HAPPENS_LIMIT] = 1,
	[HAPPENS_NETNS_EXIT] = 1,
	[HAPPENS_LINGER2] = 2,
	[HAPPENS_TIME_WAIT_LIMIT] = 1,
	[HAPPENS_CRASH] = 1,
	[HAPPENS_REBOOT] = 20,
	[HAPPENS_ORPHANED] = 60,
	[HAPPENS_RETRANSMIT] = 4,
	[HAPPENS_KEEPALIVE_PROBE] = 1,
	[HAPPENS_GIVE_UP] = 1,
	[HAPPENS_KEEPALIVE_TIMEOUT] = 1,
	[HAPPENS_TIME_WAIT_OVER] = 10,
	[HAPPENS_FIN_WAIT2_OVER] = 3,
};

/* Arrives, arrives and stays, is lost. */
static const unsigned int segment_weights[] = {40, 3, 3};

/* Before a timer does something, its time passes. */
static uint64_t delay_before(const struct walker *walker, const struct choice *choice)
{
	uint64_t stood_ms = walker->ms - walker->closed_ms[choice->host];
	uint64_t rest_ms = stood_ms < 60100 ? 60100 - stood_ms : 0;

	if (choice->segment)
		return 0;
	switch (choice->what) {
	case HAPPENS_GIVE_UP: return 200;
	case HAPPENS_KEEPALIVE_TIMEOUT: return 4000;
	case HAPPENS_TIME_WAIT_OVER:
	case HAPPENS_FIN_WAIT2_OVER: return rest_ms;
	default: return 0;
	}
}

/* ---- what the model tells ------------------------------------------------------------------------------- */

static void on_send(void *arg, int host, union segment segment)
{
	struct walker *walker = arg;

	for (unsigned int i = 0; i < CHANNEL_ROOM; i++)
		if (!walker->channel[host][i].kind) {
			walker->channel[host][i] = segment;
			return;
		}
}

static struct kernel_socket *socket_begin(struct walker *walker, int host, uint8_t from)
{
	struct event_tuple tuple = host ? server_tuple(4000) : client_tuple(4000);
	struct kernel_socket *socket;

	assert_true(walker->lives->count < WALK_SOCKETS_MAX);
	socket = &walker->lives->sockets[walker->lives->count];
	memset(socket, 0, sizeof(*socket));
	socket->cookie = (uint64_t)walker->pair * WALK_SOCKETS_MAX + ++walker->lives->count;
	socket->life = (uint32_t)socket->cookie;
	socket->tuple = tuple;
	socket->tuple.netns = NETNS + walker->pair;
	socket->passive = from == TCP_LISTEN;
	return socket;
}

/* A rule that begins another connection than the one at this end. */
static bool begins(const struct machine_rule *rule)
{
	bool opens = rule->input == INPUT_OPEN_ACTIVE && rule->to == TCP_SYN_SENT;

	return opens || (rule->from == TCP_LISTEN && rule->to != TCP_LISTEN && rule->to != TCP_CLOSE) ||
	       (rule->from == TCP_TIME_WAIT && rule->input == INPUT_SYN_NEW);
}

static bool is_of_listener(const struct machine_rule *rule)
{
	return rule->to == TCP_LISTEN || (rule->from == TCP_LISTEN && rule->to == TCP_CLOSE) ||
	       (rule->from == TCP_CLOSE && rule->to == TCP_CLOSE);
}

/* A new SYN under the old addresses: what the new socket shows is an ordinary opening. */
static const struct machine_rule *rule_of_birth(const struct walker *walker, const struct machine_rule *rule)
{
	return rule->from == TCP_TIME_WAIT && rule->to == TCP_SYN_SENT ? walker->model.step[TCP_CLOSE][rule->input]
								       : rule;
}

static void on_move(void *arg, const struct machine_move *move)
{
	struct walker *walker = arg;
	const struct machine_rule *rule = move->rule;
	int host = move->host;

	if (is_of_listener(rule))
		return; /* listeners have no lives of their own here */
	if (begins(rule))
		walker->current[host] = socket_begin(walker, host, rule->from);
	if (rule->to == TCP_TIME_WAIT || rule->to == MACHINE_FIN_WAIT2_MINISOCK)
		walker->closed_ms[host] = walker->ms;
	kernel_step(walker->current[host], rule_of_birth(walker, rule), move->held, walker->ms, walker->stream,
		    walker->random);
}

/* ---- choosing --------------------------------------------------------------------------------------------- */

static void offer(struct walker *walker, struct choice choice, unsigned int weight)
{
	if (!weight || walker->choice_count == CHOICES_MAX)
		return;
	walker->choices[walker->choice_count] = choice;
	walker->weights[walker->choice_count++] = weight;
	walker->weight_sum += weight;
}

static bool channel_is_quiet(const struct walker *walker)
{
	for (unsigned int i = 0; i < CHANNEL_ROOM; i++)
		if (walker->channel[0][i].kind || walker->channel[1][i].kind)
			return false;
	return true;
}

static void offer_all(struct walker *walker)
{
	bool quiet = channel_is_quiet(walker);

	walker->choice_count = walker->weight_sum = 0;
	for (uint8_t host = 0; host < 2; host++) {
		for (uint8_t event = 0; event < ENDPOINT_EVENTS_COUNT; event++)
			if (endpoint_may(&walker->model, &walker->end[host], (enum endpoint_event)event, quiet))
				offer(walker, (struct choice){false, host, event, 0}, event_weights[event]);
		for (uint8_t place = 0; place < CHANNEL_ROOM; place++)
			for (uint8_t fate = 0; walker->channel[host][place].kind && fate < 3; fate++)
				offer(walker, (struct choice){true, host, place, fate}, segment_weights[fate]);
	}
}

static const struct choice *choose(struct walker *walker)
{
	unsigned int at = random_below(walker->random, walker->weight_sum), i = 0;

	while (at >= walker->weights[i])
		at -= walker->weights[i++];
	return &walker->choices[i];
}

static void make(struct walker *walker, const struct choice *choice)
{
	union segment *place, segment;

	if (!choice->segment) {
		endpoint_happens(&walker->model, choice->host, &walker->end[choice->host],
				 (enum endpoint_event)choice->what);
		return;
	}
	place = &walker->channel[choice->host][choice->what];
	segment = *place;
	if (choice->fate != 1)
		place->bits = 0;
	if (choice->fate != 2)
		endpoint_receives(&walker->model, !choice->host, &walker->end[!choice->host], segment);
}

static void walker_begin(struct walker *walker)
{
	walker->model.moved = on_move;
	walker->model.send = on_send;
	walker->model.moved_arg = walker->model.send_arg = walker;
	for (int host = 0; host < 2; host++) {
		struct endpoint *end = &walker->end[host];

		memset(end, 0, sizeof(*end));
		end->state = TCP_CLOSE;
		end->up = 1;
		end->opens_left = 2;
		end->data_left = end->crash_left = end->special_left = 1;
		end->keepalive = random_below(walker->random, 2) != 0;
		end->fast_open = random_below(walker->random, 8) == 0;
	}
}

void walk(const struct model *model, uint32_t pair, uint64_t begin_ms, unsigned int steps,
	  struct random_numbers *random, struct stream *stream, struct walk_lives *lives)
{
	struct walker walker = {
		.model = *model, .pair = pair, .ms = begin_ms, .lives = lives, .stream = stream, .random = random};

	lives->count = 0;
	walker_begin(&walker);
	for (unsigned int i = 0; i < steps; i++) {
		const struct choice *choice;

		offer_all(&walker);
		if (!walker.weight_sum)
			return;
		choice = choose(&walker);
		walker.ms += 1 + random_below(random, 30) + delay_before(&walker, choice);
		make(&walker, choice);
		if (walker.model.wrong)
			fail_msg("the model: %s", walker.model.wrong);
	}
}
