// SPDX-License-Identifier: GPL-2.0-only
/*
 * timed_rules.c: the timed rules; see timed_rules.h. Each reckons as the kernel's function does that its source
 * names, with the settings that the kernel itself had at that moment.
 */
#include "core/timed_rules.h"

#include <errno.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* include/net/tcp.h: TCP_RTO_MIN, the least and the usual bound of an RTO, TCP_TIMEWAIT_LEN. */
#define RTO_MODEL_MS     200
#define RTO_MAX_LEAST_MS 1000
#define RTO_MAX_MS       120000
#define TIME_WAIT_S      60

/* Jiffies held against jiffies, read in the same breath: only the rounding of settings. */
#define EXACT_TICKS 2
/* event_retransmit.pending_timer: of a tail loss probe. That of a timeout is 0 by then. */
#define PENDING_LOSS_PROBE 5
/* struct event_close: limit of an orphan in FIN_WAIT2 that is this or more. */
#define FIN_WAIT2_MOST_S 255

#define WORDS(rule, name, subject, verdict, text, source, since, tolerance)                                            \
	[rule] = {name, subject, verdict, text, source, since, tolerance},
static const struct timed_rule_words words[TIMED_RULE_COUNT] = {TIMED_RULES(WORDS)};

const struct timed_rule_words *timed_rules_table(void)
{
	return words;
}

static uint32_t whole_ms(uint64_t ns)
{
	return ns / NS_PER_MS < UINT32_MAX ? (uint32_t)(ns / NS_PER_MS) : UINT32_MAX;
}

static void found(struct timed_findings *findings, enum timed_rule rule, uint64_t measured_ns, uint64_t limit_ns)
{
	if (findings->count < TIMED_FINDINGS_MAX)
		findings->list[findings->count++] = (struct timed_finding){rule, whole_ms(measured_ns),
									   whole_ms(limit_ns)};
}

static bool is_early(uint64_t measured_ns, uint64_t limit_ns, uint64_t tick_ns)
{
	uint64_t tolerance_ns = TIMED_EARLY_TICKS * tick_ns;

	if (tolerance_ns < TIMED_EARLY_MS * NS_PER_MS)
		tolerance_ns = TIMED_EARLY_MS * NS_PER_MS;
	return measured_ns + tolerance_ns + limit_ns / TIMED_EARLY_SHARE < limit_ns;
}

static bool is_late(uint64_t measured_ns, uint64_t limit_ns)
{
	return measured_ns > limit_ns + limit_ns / 4 + TIMED_LATE_MS * NS_PER_MS;
}

uint64_t timed_model_ms(unsigned retries, uint64_t rto_base_ms, uint64_t rto_max_ms)
{
	uint64_t total_ms = 0, rto_ms = rto_base_ms;

	/* The kernel's closed form bounds the RTO at the last doubling that stays below the maximum. */
	for (unsigned i = 0; i <= retries; i++) {
		total_ms += rto_ms;
		rto_ms = 2 * rto_ms <= rto_max_ms ? 2 * rto_ms : rto_max_ms;
	}
	return total_ms;
}

/* ---- the running series ------------------------------------------------------------------------- */

static bool is_opening(uint8_t state)
{
	return state == TCP_SYN_SENT || state == TCP_SYN_RECV;
}

/* The ACK of a SYN ends the trouble with it: the kernel clears retrans_stamp. */
static void trouble_follow(struct timed_series *series, uint64_t now_ns, uint8_t state, const struct timed_facts *facts)
{
	uint64_t gap_ns = TIMED_TROUBLE_GAP_S * NS_PER_S;
	bool opened = is_opening(series->state) && !is_opening(state);

	if (series->first_ns && !opened && now_ns - series->last_ns <= gap_ns)
		return;
	*series = (struct timed_series){.first_ns = now_ns, .last_ns = now_ns, .state = state, .flags = TIMED_ALONE};
	if ((!facts->birth_seen && now_ns - facts->since_ns < gap_ns) ||
	    (facts->loss_ns && now_ns < facts->loss_ns + gap_ns))
		series->flags |= TIMED_DOUBT;
}

static void series_set(struct timed_series *series, uint8_t set, uint8_t clear)
{
	series->flags = (uint8_t)((series->flags & ~clear) | set);
}

/* Is this RTO as far as the last one may grow? Where the bound is not the usual one, it is not known. */
static bool rto_is_bounded(const struct event_retransmit *event, uint64_t doubled_ns, uint64_t tick_ns)
{
	uint64_t rto_ns = event->rto_ticks * tick_ns, most_ns = RTO_MAX_MS * NS_PER_MS;

	if (rto_ns > doubled_ns)
		return false;
	if (event->header.flags & EVENT_RTO_MAX_USUAL)
		return rto_ns + tick_ns > most_ns;
	return rto_ns + tick_ns > RTO_MAX_LEAST_MS * NS_PER_MS;
}

/* The RTO stays while the SYN is sent again; up to 6.6 its back-off was counted all the same. */
static bool syn_is_linear(const struct timed_series *series, const struct event_retransmit *event, uint64_t tick_ns)
{
	bool below_bound = event->header.flags & EVENT_RTO_MAX_USUAL &&
			   event->rto_ticks * tick_ns + tick_ns < RTO_MAX_MS * NS_PER_MS;

	return event->state == TCP_SYN_SENT && series->state == TCP_SYN_SENT && event->rto_ticks == series->rto_ticks &&
	       (event->backoff == series->backoff || below_bound);
}

static bool thin_is_linear(const struct timed_series *series, const struct event_retransmit *event)
{
	return series->flags & TIMED_THIN && event->state == TCP_ESTABLISHED && series->state == TCP_ESTABLISHED &&
	       !event->backoff && !series->backoff && event->rto_ticks == series->rto_ticks;
}

/*
 * Two timeouts in a row, with nothing between them. The RTO that an event carries is the one that has just run
 * out. Where the back-off is not one more than before, a new measurement of the round-trip time or an ICMP
 * message (RFC 6069) has changed the RTO: neither can be told from the other, and neither is judged.
 */
static void timeouts_judge(const struct timed_series *series, const struct event_retransmit *event, uint64_t tick_ns,
			   struct timed_findings *findings)
{
	uint64_t elapsed_ns = event->header.time_ns - series->last_ns;
	uint64_t rto_ns = event->rto_ticks * tick_ns, doubled_ns = 2 * (uint64_t)series->rto_ticks * tick_ns;

	if (syn_is_linear(series, event, tick_ns)) {
		found(findings, TIMED_RTO_LINEAR_SYN, elapsed_ns, rto_ns);
	} else if (thin_is_linear(series, event)) {
		found(findings, TIMED_RTO_LINEAR_THIN, elapsed_ns, rto_ns);
		return; /* it was reckoned anew: the timer may have run for another */
	} else if (event->backoff != series->backoff + 1) {
		return;
	} else if (rto_ns != doubled_ns && !rto_is_bounded(event, doubled_ns, tick_ns)) {
		found(findings, TIMED_RTO_NOT_DOUBLED, rto_ns, doubled_ns);
		return;
	}
	if (series->flags & TIMED_UNCLAMPED && is_early(elapsed_ns, rto_ns, tick_ns))
		found(findings, TIMED_RTO_EARLY, elapsed_ns, rto_ns);
}

/* The retransmission timer ran out: its own handler has just cleared icsk_pending, and counts. */
static void series_timeout(struct timed_series *series, const struct event_retransmit *event,
			   const struct timed_facts *facts, struct timed_findings *findings)
{
	bool lost = facts->loss_ns && facts->loss_ns >= series->last_ns;

	if (event->retransmits == 1) {
		series_set(series, TIMED_WHOLE, series->count ? TIMED_ALONE : 0);
	} else if (event->retransmits != series->count + 1 || lost) {
		series_set(series, 0, TIMED_WHOLE);
	} else if (series->rto_ticks && !event->error) {
		timeouts_judge(series, event, facts->tick_ns, findings);
	}
	series->rto_ticks = event->rto_ticks;
	series->backoff = event->backoff;
	if (!event->error)
		return;
	/* The next comes after TCP_RESOURCE_PROBE_INTERVAL, whatever the RTO. */
	series->rto_ticks = 0;
	series_set(series, 0, TIMED_WHOLE);
}

/* A tail loss probe, or an answer to what an ACK told: no timeout, but the trouble may have begun with it. */
static void series_other(struct timed_series *series, const struct event_retransmit *event)
{
	bool loss_probe = event->pending_timer == PENDING_LOSS_PROBE;

	if (event->retransmits != series->count || !series->count)
		series_set(series, 0, TIMED_WHOLE);
	/* What looks like a loss probe may be more only where it is not the first. */
	if (!event->retransmits && (!loss_probe || series->first_ns != event->header.time_ns))
		series_set(series, 0, TIMED_ALONE);
	series->rto_ticks = 0;
}

void timed_retransmit(struct timed_series *series, const struct event_retransmit *event,
		      const struct timed_facts *facts, struct timed_findings *findings)
{
	findings->count = 0;
	trouble_follow(series, event->header.time_ns, event->state, facts);
	if (series->flags & TIMED_PROBES) {
		series_set(series, 0, TIMED_PROBES | TIMED_WHOLE | TIMED_ALONE);
		series->count = 0;
		series->rto_ticks = 0;
	}
	if (!event->pending_timer && event->retransmits)
		series_timeout(series, event, facts, findings);
	else
		series_other(series, event);
	series_set(series, event->header.flags & EVENT_RTO_UNCLAMPED ? TIMED_UNCLAMPED : 0, TIMED_UNCLAMPED);
	series_set(series, event->header.flags & EVENT_THIN_LINEAR ? TIMED_THIN : 0, TIMED_THIN);
	series->count = event->retransmits;
	series->state = event->state;
	series->last_ns = event->header.time_ns;
}

void timed_window_probe(struct timed_series *series, const struct event_probe *event, const struct timed_facts *facts)
{
	trouble_follow(series, event->header.time_ns, event->state, facts);
	if (!(series->flags & TIMED_PROBES)) {
		series_set(series, TIMED_PROBES, TIMED_WHOLE);
		series->count = 0;
	}
	if (series->first_ns != event->header.time_ns && !event->probes_out)
		series_set(series, 0, TIMED_ALONE);
	if (!event->probes_out)
		series_set(series, TIMED_WHOLE, 0);
	else if (event->probes_out != series->count)
		series_set(series, 0, TIMED_WHOLE);
	series->count = event->probes_out < UINT8_MAX ? event->probes_out + 1 : UINT8_MAX;
	series->rto_ticks = 0;
	series->state = event->state;
	series->last_ns = event->header.time_ns;
}

/* ---- death by a timer --------------------------------------------------------------------------- */

/* Of one that has begun. */
static bool series_is_known(const struct timed_series *series, const struct timed_facts *facts)
{
	return series->flags & TIMED_WHOLE && !(series->flags & TIMED_DOUBT) &&
	       !(facts->loss_ns && facts->loss_ns >= series->first_ns);
}

/* An RTO's bound: the usual one, or as far as the series got; less makes a rule more lenient, never less. */
static uint64_t rto_max_known_ms(const struct timed_series *series, const struct event_close *close, uint64_t tick_ns)
{
	uint64_t last_ms = series->rto_ticks * tick_ns / NS_PER_MS;

	if (close->header.flags & EVENT_RTO_MAX_USUAL)
		return RTO_MAX_MS;
	return last_ms > RTO_MAX_LEAST_MS ? last_ms : RTO_MAX_LEAST_MS;
}

/* The RTO before it doubled; 0, which nothing is early for, where it has been bounded for as long as it has bits. */
static uint32_t rto_base_ticks(const struct timed_series *series)
{
	return series->backoff < 32 ? series->rto_ticks >> series->backoff : 0;
}

/* tcp_write_timeout() in SYN_SENT: since the SYN; by number or by time, whatever comes first. */
static void syn_death_judge(const struct timed_series *series, const struct event_close *close,
			    const struct timed_facts *facts, struct timed_findings *findings)
{
	uint64_t elapsed_ns = close->header.time_ns - facts->since_ns;
	uint64_t user_ns = close->user_timeout_ms * NS_PER_MS, base_ms, due_ns;

	if (!facts->birth_seen || (facts->loss_ns && facts->loss_ns >= facts->since_ns) || !close->limit)
		return;
	base_ms = rto_base_ticks(series) * facts->tick_ns / NS_PER_MS;
	due_ns = timed_model_ms(close->limit, base_ms, rto_max_known_ms(series, close, facts->tick_ns)) * NS_PER_MS;
	if (user_ns && user_ns < due_ns) {
		if (is_early(elapsed_ns, user_ns, facts->tick_ns))
			found(findings, TIMED_USER_TIMEOUT_EARLY, elapsed_ns, user_ns);
		else if (is_late(elapsed_ns, user_ns))
			found(findings, TIMED_USER_TIMEOUT_LATE, elapsed_ns, user_ns);
	} else if (is_early(elapsed_ns, due_ns, facts->tick_ns)) {
		found(findings, TIMED_SYN_RETRIES_EARLY, elapsed_ns, due_ns);
	}
}

/*
 * tcp_orphan_retries(): after an ICMP error, or with an RTO that has reached its bound, an orphan that
 * tcp_orphan_retries says nothing of is given up at once.
 */
static bool orphan_limit_is_known(const struct timed_series *series, const struct event_close *close, uint64_t tick_ns)
{
	return close->header.flags & EVENT_RTO_MAX_USUAL && !close->soft_error &&
	       2 * (uint64_t)series->rto_ticks * tick_ns < RTO_MAX_MS * NS_PER_MS;
}

/*
 * retransmits_timed_out(): since the first retransmission of the trouble (retrans_stamp). The loss probe, which may
 * stand in for it here, comes one RTO before: lenient towards early, and made up for towards late.
 */
static void retransmit_death_judge(const struct timed_series *series, const struct event_close *close,
				   const struct timed_facts *facts, struct timed_findings *findings)
{
	uint64_t elapsed_ns = close->header.time_ns - series->first_ns, tick_ns = facts->tick_ns;
	uint64_t user_ns = close->user_timeout_ms * NS_PER_MS, due_ns;
	uint64_t probed_ns = rto_base_ticks(series) * tick_ns;

	if (user_ns) {
		if (is_early(elapsed_ns, user_ns, tick_ns))
			found(findings, TIMED_USER_TIMEOUT_EARLY, elapsed_ns, user_ns);
		else if (series->flags & TIMED_ALONE && is_late(elapsed_ns, user_ns + probed_ns))
			found(findings, TIMED_USER_TIMEOUT_LATE, elapsed_ns, user_ns);
		return;
	}
	if (!close->limit ||
	    (close->header.flags & EVENT_SOCKET_DEAD && !orphan_limit_is_known(series, close, tick_ns)))
		return;
	due_ns = timed_model_ms(close->limit, RTO_MODEL_MS, rto_max_known_ms(series, close, tick_ns)) * NS_PER_MS;
	if (is_early(elapsed_ns, due_ns, tick_ns))
		found(findings, TIMED_RETRIES_EARLY, elapsed_ns, due_ns);
}

/*
 * tcp_probe_timer(): TCP_USER_TIMEOUT since the first window probe, where not tcp_retries2 decides by number. A
 * probe that was put off because a task held the socket's lock is not seen; hence the generous tolerance.
 */
static void probe_death_judge(const struct timed_series *series, const struct event_close *close,
			      const struct timed_facts *facts, struct timed_findings *findings)
{
	uint64_t elapsed_ns = close->header.time_ns - series->first_ns;
	uint64_t user_ns = close->user_timeout_ms * NS_PER_MS;

	if (!user_ns || close->probes_out >= close->limit || close->header.flags & EVENT_SOCKET_DEAD)
		return;
	if (!(series->flags & TIMED_PROBES) || !series_is_known(series, facts))
		return;
	if (close->probes_out != series->count && close->probes_out + 1 != series->count)
		return;
	if (elapsed_ns < user_ns / 2)
		found(findings, TIMED_USER_TIMEOUT_EARLY, elapsed_ns, user_ns);
	else if (series->flags & TIMED_ALONE && is_late(elapsed_ns, user_ns))
		found(findings, TIMED_USER_TIMEOUT_LATE, elapsed_ns, user_ns);
}

/*
 * tcp_keepalive_timer(): the silence, idle time and TCP_USER_TIMEOUT are those that the kernel itself held against
 * each other just now. Between the probes the interval of that time counted, of which nothing is known here.
 */
static void keepalive_death_judge(const struct event_close *close, const struct timed_facts *facts,
				  struct timed_findings *findings)
{
	uint64_t silent_ns = close->silent_ticks * facts->tick_ns, exact_ns = EXACT_TICKS * facts->tick_ns;
	uint64_t idle_ns = close->keepalive_idle_ticks * facts->tick_ns;
	uint64_t user_ns = close->user_timeout_ms * NS_PER_MS;
	uint64_t whole_ns = idle_ns + close->keepalive_interval_ticks * facts->tick_ns * close->keepalive_probes;

	if (close->silent_ticks == UINT32_MAX || !idle_ns)
		return;
	if (silent_ns + exact_ns < idle_ns)
		found(findings, TIMED_KEEPALIVE_EARLY, silent_ns, idle_ns);
	else if (user_ns && silent_ns + exact_ns < user_ns)
		found(findings, TIMED_USER_TIMEOUT_EARLY, silent_ns, user_ns);
	else if (user_ns && is_late(silent_ns, user_ns))
		found(findings, TIMED_USER_TIMEOUT_LATE, silent_ns, user_ns);
	else if (!user_ns && silent_ns + exact_ns < whole_ns)
		found(findings, TIMED_KEEPALIVE_HURRIED, silent_ns, whole_ns);
}

void timed_close(const struct timed_series *series, const struct event_close *close, const struct timed_facts *facts,
		 struct timed_findings *findings)
{
	uint16_t flags = close->header.flags;

	findings->count = 0;
	if (close->error != ETIMEDOUT || facts->gap || close->old_state == TCP_SYN_RECV)
		return;
	if (flags & EVENT_KEEPALIVE_ON && close->probes_out && !close->unacked_bytes) {
		keepalive_death_judge(close, facts, findings);
	} else if (close->old_state == TCP_FIN_WAIT2) {
		return; /* nothing is left to be sent */
	} else if (close->probes_out && flags & EVENT_NOTHING_IN_FLIGHT) {
		probe_death_judge(series, close, facts, findings);
	} else if (close->retransmits && series->count == close->retransmits && series->rto_ticks &&
		   series_is_known(series, facts)) { /* window probes leave no RTO */
		if (close->old_state == TCP_SYN_SENT)
			syn_death_judge(series, close, facts, findings);
		else if (!(flags & EVENT_WINDOW_ZERO)) /* else the silence decides (tcp_rtx_probe0_timed_out()) */
			retransmit_death_judge(series, close, facts, findings);
	}
}

/* ---- minisocks ---------------------------------------------------------------------------------- */

/* Above 60 s the socket waits for the excess, then its minisock for the excess again (tcp_keepalive_timer()). */
static void orphan_judge(const struct event_close *close, uint64_t end_ns, const struct timed_facts *facts,
			 struct timed_findings *findings)
{
	uint64_t limit_s = close->limit, stood_ns = end_ns - close->header.time_ns;
	uint64_t due_ns = (limit_s > TIME_WAIT_S ? limit_s - TIME_WAIT_S : limit_s) * NS_PER_S;

	if (is_early(stood_ns, due_ns, facts->tick_ns))
		found(findings, TIMED_FIN_WAIT2_EARLY, stood_ns, due_ns);
	else if (limit_s > TIME_WAIT_S && limit_s < FIN_WAIT2_MOST_S && facts->fin_wait2_ns &&
		 is_early(end_ns - facts->fin_wait2_ns, limit_s * NS_PER_S, facts->tick_ns))
		found(findings, TIMED_FIN_WAIT2_CUT, end_ns - facts->fin_wait2_ns, limit_s * NS_PER_S);
}

void timed_minisock(const struct event_close *close, const struct event_time_wait *event,
		    const struct timed_facts *facts, struct timed_findings *findings)
{
	uint64_t begin_ns = close->header.time_ns, end_ns = event->header.time_ns;

	findings->count = 0;
	/* Before a loss the same socket may have left another minisock, whose end this would be. */
	if (event->change != TIME_WAIT_EXPIRED || end_ns < begin_ns ||
	    (facts->loss_ns && facts->loss_ns + 2 * TIME_WAIT_S * NS_PER_S >= begin_ns))
		return;
	if (event->substate == TCP_FIN_WAIT2 && close->limit)
		orphan_judge(close, end_ns, facts, findings);
	else if (event->substate == TCP_TIME_WAIT &&
		 is_early(end_ns - begin_ns, TIME_WAIT_S * NS_PER_S, facts->tick_ns))
		found(findings, TIMED_TIME_WAIT_EARLY, end_ns - begin_ns, TIME_WAIT_S * NS_PER_S);
}
