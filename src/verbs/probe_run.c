// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe_run.c: see probe_run.h.
 *
 * Each pass over the namespace's sockets both does what is to be done and tells how things stand. The journal is
 * whole before the first setting is changed, and cleared when the last one is back.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/features.h"
#include "verbs/probe_run.h"

#define NS_PER_S 1000000000ULL
/* Between passes: at least this, and so long that most of the time is left to others. */
#define PAUSE_NS_MIN 50000000ULL
#define PAUSE_NS_MAX 300000000ULL
#define PAUSE_FACTOR 4
/* Passes that do not find a socket to be put back. */
#define MISSED_MAX 3
#define LISTINGS   2
/* Passes that fail, as for want of memory, before the journal is left to a later run. */
#define FAILURES_MAX 20

/* ---- signals ------------------------------------------------------------------------------------------ */

static void signals_fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

void probe_run_signals(void)
{
	sigset_t set;

	signals_fill(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Waits so long, or for a signal. */
static void run_pause(struct probe_run *run, uint64_t pass_ns)
{
	uint64_t ns = PAUSE_FACTOR * pass_ns;
	struct timespec pause;
	sigset_t set;

	ns = ns < PAUSE_NS_MIN ? PAUSE_NS_MIN : ns > PAUSE_NS_MAX ? PAUSE_NS_MAX : ns;
	pause = (struct timespec){.tv_nsec = (long)ns};
	signals_fill(&set);
	if (sigtimedwait(&set, NULL, &pause) > 0)
		run->interrupted = true;
}

/* ---- choosing ----------------------------------------------------------------------------------------- */

static struct probe_connection *connection_add(struct probe_run *run)
{
	if (run->count == run->room) {
		size_t room = run->room ? 2 * run->room : 64;
		struct probe_connection *grown = realloc(run->connections, room * sizeof(*grown));

		if (!grown)
			return NULL;
		run->connections = grown;
		run->room = room;
	}
	run->connections[run->count] = (struct probe_connection){0};
	return &run->connections[run->count++];
}

static int cookie_compare(const void *a, const void *b)
{
	const struct probe_connection *one = a, *other = b;

	return one->cookie < other->cookie ? -1 : one->cookie > other->cookie;
}

static struct probe_connection *connection_find(const struct probe_run *run, size_t count, uint64_t cookie)
{
	const struct probe_connection key = {.cookie = cookie};

	return count ? bsearch(&key, run->connections, count, sizeof(key), cookie_compare) : NULL;
}

/* What stands no chance and was not asked for by name is not worth a line. */
static void choose(void *arg, const struct probe_sample *sample)
{
	struct probe_run *run = arg;
	const struct probe_holder *holder;
	struct probe_connection *connection;
	struct probe_wish *wish;
	struct probe_case probe;

	if (!probe_choice_wants(run->choice, sample, &wish) || connection_find(run, run->listed, sample->cookie))
		return;
	probe_case_open(&probe, &run->plan, sample);
	if (!wish && !run->options->states && probe.reason == PROBE_REASON_STATE)
		return;
	if (run->chosen == run->options->limit) {
		run->beyond_limit++;
		return;
	}
	connection = connection_add(run);
	if (!connection) {
		run->failed = true;
		return;
	}
	run->chosen++;
	connection->probe = probe;
	connection->cookie = sample->cookie;
	connection->former = sample->settings;
	connection->wish = wish;
	connection->phase = probe.verdict == PROBE_PENDING ? PROBE_WAITS : PROBE_FINISHED;
	holder = probe_choice_holder(run->choice, sample->cookie);
	if (!holder)
		return;
	connection->pid = holder->pid;
	memcpy(connection->comm, holder->comm, EVENT_COMM_BYTES);
}

static int journal_fill(const struct probe_run *run)
{
	struct probe_journal_entry *all = calloc(run->count + 1, sizeof(*all));
	size_t count = 0;
	int status;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < run->count; i++) {
		const struct probe_connection *connection = &run->connections[i];
		const struct probe_case *probe = &connection->probe;

		if (connection->phase == PROBE_WAITS && probe->means == PROBE_BY_KEEPALIVE)
			all[count++] = (struct probe_journal_entry){connection->cookie, probe->first.tuple.netns,
								    connection->former, probe->probing};
	}
	status = count ? probe_journal_write(run->journal, all, count) : 0;
	free(all);
	return status;
}

/* ---- a pass ------------------------------------------------------------------------------------------- */

static void restored_take(struct probe_connection *connection, const struct probe_sample *sample)
{
	connection->changed = false;
	connection->phase = PROBE_FINISHED;
	if (sample->result == PROBE_DONE_IN_PART)
		connection->restored = PROBE_NOT_RESTORED;
	else if (sample->result != PROBE_ORPHAN)
		connection->restored = PROBE_RESTORED;
}

/* PROBE_LOOKED: it was done by a pass that came to no good end. To put back what was not changed does no harm. */
static void begun_take(struct probe_run *run, struct probe_connection *connection, const struct probe_sample *sample)
{
	connection->changed = connection->probe.means == PROBE_BY_KEEPALIVE && sample->result != PROBE_CHANGED &&
			      sample->result != PROBE_UNFIT;
	connection->phase = PROBE_WATCHED;
	probe_case_begin(&connection->probe, &run->plan, sample);
}

static void sample_take(void *arg, const struct probe_sample *sample)
{
	struct probe_run *run = arg;
	struct probe_connection *connection = connection_find(run, run->count, sample->cookie);

	if (!connection)
		return;
	connection->seen = true;
	switch (connection->phase) {
	case PROBE_STARTS: begun_take(run, connection, sample); break;
	case PROBE_WATCHED:
		if (connection->probe.verdict == PROBE_PENDING)
			probe_case_sample(&connection->probe, &run->plan, sample);
		break;
	case PROBE_GOES_BACK: restored_take(connection, sample); break;
	default: break;
	}
}

/* There is nothing left of a socket that has ended to be put back. */
static void missed_take(struct probe_run *run, struct probe_connection *connection)
{
	struct probe_end end = prober_end(run->prober, connection->cookie);

	if (connection->probe.verdict == PROBE_PENDING)
		probe_case_missed(&connection->probe, &end);
	else if (!end.time_ns)
		connection->probe.missed++;
	if (!end.time_ns && connection->probe.missed < MISSED_MAX)
		return;
	connection->changed = false;
	connection->phase = PROBE_FINISHED;
}

static bool is_under_way(const struct probe_connection *connection)
{
	return connection->phase != PROBE_WAITS && connection->phase != PROBE_FINISHED;
}

static int order_give(struct probe_run *run, struct probe_connection *connection)
{
	const struct probe_case *probe = &connection->probe;
	struct probe_target target = {.action = PROBE_LOOK};
	bool starts = connection->phase == PROBE_WAITS;
	int status;

	if (starts) {
		if (probe->means == PROBE_BY_KEEPALIVE)
			target = (struct probe_target){.action = PROBE_BEGIN,
						       .probes_out = probe->first.probes_out,
						       .expected = connection->former,
						       .wanted = probe->probing};
	} else {
		target = (struct probe_target){.action = PROBE_RESTORE,
					       .expected = probe->probing,
					       .wanted = connection->former};
	}
	status = prober_target(run->prober, connection->cookie, &target);
	if (status) /* else what answers the former order would pass for the answer to this one */
		return status;
	connection->phase = starts ? PROBE_STARTS : PROBE_GOES_BACK;
	run->started += starts;
	return 0;
}

static bool rate_allows(const struct probe_run *run)
{
	uint64_t allowed = 1 + (feature_monotonic_ns() - run->begun_ns) / 1000000 * run->options->rate / 1000;

	return run->started < allowed;
}

/* Who begins now, who has its verdict and goes back, who is finished. */
static int orders_give(struct probe_run *run)
{
	int status = 0;

	for (size_t i = 0; i < run->count && !status; i++) {
		struct probe_connection *connection = &run->connections[i];
		struct probe_case *probe = &connection->probe;
		bool waits, decided;

		if (run->interrupted && probe->verdict == PROBE_PENDING && connection->phase != PROBE_STARTS)
			probe_case_interrupt(probe);
		waits = connection->phase == PROBE_WAITS;
		decided = probe->verdict != PROBE_PENDING && (waits || connection->phase == PROBE_WATCHED);
		if (decided && !connection->changed)
			connection->phase = PROBE_FINISHED;
		else if (decided || (waits && rate_allows(run)))
			status = order_give(run, connection);
		if (connection->phase == PROBE_FINISHED)
			prober_forget(run->prober, connection->cookie);
	}
	return status;
}

static int pass(struct probe_run *run, bool *more)
{
	int status = orders_give(run);

	*more = true;
	for (size_t i = 0; i < run->count; i++)
		run->connections[i].seen = false;
	if (!status)
		status = prober_pass(run->prober, true, sample_take, run);
	if (status)
		return status;
	*more = false;
	for (size_t i = 0; i < run->count; i++) {
		struct probe_connection *connection = &run->connections[i];

		if (is_under_way(connection) && !connection->seen)
			missed_take(run, connection);
		*more |= connection->phase != PROBE_FINISHED;
	}
	return status;
}

/* ---- a namespace -------------------------------------------------------------------------------------- */

static int watch(struct probe_run *run)
{
	unsigned failures = 0;
	bool more = run->count > 0;
	int status = 0;

	run->begun_ns = feature_monotonic_ns();
	run->started = 0;
	while (more && failures < FAILURES_MAX) {
		uint64_t start_ns = feature_monotonic_ns();

		status = pass(run, &more);
		failures += status != 0;
		run->interrupted |= status != 0;
		if (more)
			run_pause(run, feature_monotonic_ns() - start_ns);
	}
	for (size_t i = 0; i < run->count; i++) {
		prober_forget(run->prober, run->connections[i].cookie);
		if (run->connections[i].restored == PROBE_NOT_RESTORED)
			more = true;
	}
	return more ? -EUCLEAN : status;
}

/*
 * Before 6.16 an iterator may pass over a socket while others of its hash bucket come and go, between two reads: the
 * place where it goes on is a number (tcp_seek_last_pos()). So it is asked twice.
 */
static int choose_all(struct probe_run *run)
{
	size_t beyond = run->beyond_limit;
	int status = 0;

	run->count = run->listed = 0;
	for (int listing = 0; listing < LISTINGS && !status; listing++) {
		run->beyond_limit = beyond;
		status = prober_pass(run->prober, false, choose, run);
		if (run->count)
			qsort(run->connections, run->count, sizeof(*run->connections), cookie_compare);
		run->listed = run->count;
	}
	return status || !run->failed ? status : -ENOMEM;
}

int probe_run_here(struct probe_run *run)
{
	int status = choose_all(run);

	if (status)
		return status;
	status = journal_fill(run);
	if (status) {
		run->count = 0;
		return status;
	}
	status = watch(run);
	return status ? status : probe_journal_clear(run->journal);
}
