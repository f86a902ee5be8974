// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe_case.c: see probe_case.h.
 *
 * What the kernel does (tcp_keepalive_timer()): a probe is sent when the connection has been silent for TCP_KEEPIDLE
 * and nothing is under way, the next ones after TCP_KEEPINTVL; when TCP_KEEPCNT of them are unanswered it resets the
 * connection instead of sending another. Each ACK from the peer sets the count of unanswered ones back; nothing else
 * does, so those of this probing count when the former settings are in force again.
 */
#include "core/probe_case.h"

#define NS_PER_S 1000000000ULL
/* Errors of enum errno.h in Linux numbering, for which a peer or a timer stands. */
#define LINUX_EPIPE        32
#define LINUX_ENETUNREACH  101
#define LINUX_ECONNRESET   104
#define LINUX_ETIMEDOUT    110
#define LINUX_EHOSTUNREACH 113
/* An iterator may pass over a socket while others come and go. */
#define MISSED_MAX 3
/* Retransmissions and window probes are the kernel's; one alone may have been lost. */
#define OWN_UNANSWERED_MIN 2
/* Probes that may leave while lastack is kept from putting the former settings back. */
#define COUNT_SPARE 30

static bool fits(uint32_t value, uint32_t max)
{
	return value >= 1 && value <= max;
}

static bool can_be_put_back(const struct probe_settings *settings)
{
	return fits(settings->idle_s, PROBE_SECONDS_MAX) && fits(settings->interval_s, PROBE_SECONDS_MAX) &&
	       fits(settings->count, PROBE_COUNT_MAX);
}

static void not_probed(struct probe_case *probe, enum probe_reason reason)
{
	probe->verdict = PROBE_NOT_PROBED;
	probe->reason = reason;
}

static bool state_is_fit(uint8_t state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2;
}

/*
 * Where keepalive is on already, no more probes than it would send itself, so that the kernel does not end the
 * connection as soon as the former settings are back. Probes of before count as long as nothing is heard.
 */
static uint32_t limit_of(const struct probe_plan *plan, const struct probe_sample *sample)
{
	const struct probe_settings *former = &sample->settings;

	if (plan->reap || !former->keepalive || former->count > plan->count + sample->probes_out)
		return plan->count;
	return former->count > sample->probes_out ? former->count - 1 - sample->probes_out : 0;
}

/* Its own keepalive is at it. */
static bool probes_itself(const struct probe_plan *plan, const struct probe_sample *sample)
{
	return sample->settings.keepalive && sample->probes_out &&
	       sample->silent_ticks * plan->tick_ns >= sample->settings.idle_s * NS_PER_S;
}

/* What forbids to probe it; PROBE_REASON_NONE: nothing. */
static enum probe_reason forbidden_by(const struct probe_plan *plan, const struct probe_sample *sample)
{
	if (sample->traits & PROBE_ORPHANED)
		return PROBE_REASON_ORPHAN;
	/* With a probe of before unanswered it would end the connection without another one. */
	if (sample->user_timeout_ms && (!plan->reap || sample->probes_out))
		return PROBE_REASON_USER_TIMEOUT;
	if (!can_be_put_back(&sample->settings))
		return PROBE_REASON_SETTINGS;
	if (sample->probes_out + plan->count + COUNT_SPARE > PROBE_COUNT_MAX)
		return PROBE_REASON_MANY_PROBES;
	return limit_of(plan, sample) ? PROBE_REASON_NONE : PROBE_REASON_OWN_LIMIT;
}

void probe_case_open(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample)
{
	enum probe_reason reason;

	*probe = (struct probe_case){.first = *sample, .last = *sample};
	if (!state_is_fit(sample->state))
		return not_probed(probe, PROBE_REASON_STATE);
	if (sample->unacked_bytes || probes_itself(plan, sample)) {
		probe->means = PROBE_BY_OWN;
		return;
	}
	reason = forbidden_by(plan, sample);
	if (reason)
		return not_probed(probe, reason);
	probe->means = PROBE_BY_KEEPALIVE;
	probe->limit = limit_of(plan, sample);
	probe->probing = (struct probe_settings){
		.keepalive = 1,
		.idle_s = 1,
		.interval_s = plan->interval_s,
		.count = plan->reap ? plan->count + sample->probes_out : PROBE_COUNT_MAX,
	};
	if (sample->user_timeout_ms) /* one probe is all it takes: the time of all for its answer */
		probe->probing.interval_s *= plan->count;
}

void probe_case_begin(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample)
{
	probe->begun_ns = sample->time_ns;
	probe->heard_ticks = sample->heard_ticks;
	probe->first = probe->last = *sample;
	probe->missed = 0;
	if (probe->means != PROBE_BY_KEEPALIVE)
		return;
	switch (sample->result) {
	case PROBE_DONE: return;
	case PROBE_CHANGED: return not_probed(probe, PROBE_REASON_CHANGED);
	case PROBE_DONE_IN_PART: probe->error = -sample->error; return not_probed(probe, PROBE_REASON_REFUSED);
	default: break;
	}
	probe_case_open(probe, plan, sample); /* something has got under way, or it is closing */
	probe->begun_ns = sample->time_ns;
	probe->heard_ticks = sample->heard_ticks;
	if (probe->means == PROBE_BY_KEEPALIVE)
		not_probed(probe, PROBE_REASON_CHANGED);
}

static bool deadline_is_over(const struct probe_case *probe, const struct probe_plan *plan, uint64_t now_ns)
{
	uint64_t span_s = 2 + (uint64_t)(plan->count + (plan->reap ? 1 : 0)) * plan->interval_s;

	return now_ns - probe->begun_ns >= span_s * NS_PER_S;
}

static void probes_count(struct probe_case *probe, uint32_t probes_out)
{
	uint32_t before = probe->means == PROBE_BY_KEEPALIVE ? probe->first.probes_out : 0;

	if (probes_out > before && probes_out - before > probe->probes)
		probe->probes = probes_out - before;
}

/*
 * The last probe of the limit has more than half an interval to be answered in, the earlier ones more; before the
 * kernel sends another one.
 */
static bool limit_is_over(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample)
{
	if (probe->means != PROBE_BY_KEEPALIVE || plan->reap || probe->probes < probe->limit)
		return false;
	if (!probe->unanswered_ns)
		probe->unanswered_ns = sample->time_ns;
	return sample->time_ns - probe->unanswered_ns >= plan->interval_s * NS_PER_S * 6 / 10;
}

void probe_case_sample(struct probe_case *probe, const struct probe_plan *plan, const struct probe_sample *sample)
{
	uint64_t silent_ns = sample->silent_ticks * plan->tick_ns, heard_ns = sample->time_ns - silent_ns;

	probe->last = *sample;
	probe->missed = 0;
	if (sample->heard_ticks != probe->heard_ticks) {
		probe->verdict = PROBE_ALIVE;
		probe->answered_ns = heard_ns > probe->begun_ns ? heard_ns - probe->begun_ns : 0;
		if (probe->answered_ns < plan->tick_ns)
			probe->answered_ns = plan->tick_ns; /* nothing finer is known */
		return;
	}
	probes_count(probe, sample->probes_out);
	if (sample->retransmits > probe->retransmits)
		probe->retransmits = sample->retransmits;
	if (limit_is_over(probe, plan, sample)) {
		probe->verdict = PROBE_SILENT;
	} else if (deadline_is_over(probe, plan, sample->time_ns)) {
		if (probe->probes + probe->retransmits >= OWN_UNANSWERED_MIN)
			probe->verdict = PROBE_SILENT;
		else
			not_probed(probe, PROBE_REASON_NOT_DUE);
	}
}

void probe_case_missed(struct probe_case *probe, const struct probe_end *end)
{
	if (!end->time_ns) {
		if (++probe->missed >= MISSED_MAX)
			probe->verdict = PROBE_GONE;
		return;
	}
	probe->error = end->error;
	probe->answered_ns = end->time_ns > probe->begun_ns ? end->time_ns - probe->begun_ns : 0;
	switch (end->error) {
	case LINUX_ECONNRESET:
	case LINUX_EPIPE: probe->verdict = PROBE_RESET; return;
	case LINUX_ETIMEDOUT:
	case LINUX_ENETUNREACH:
	case LINUX_EHOSTUNREACH: probe->verdict = PROBE_SILENT; break;
	default: probe->verdict = PROBE_GONE; return;
	}
	probe->killed = true;
	probes_count(probe, end->probes_out);
}

void probe_case_interrupt(struct probe_case *probe)
{
	not_probed(probe, PROBE_REASON_INTERRUPTED);
}
