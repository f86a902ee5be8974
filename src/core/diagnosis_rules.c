/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnosis_rules.c: what is wrong with one connection or listener, by what the tracker followed and what the last
 * listing told of it. At most one thing: the first rule that finds its evidence decides. Which connections belong
 * together, and whether so many of them are worth saying, it does not know.
 */
#include <string.h>

#include "core/diagnosis_internal.h"

/* What was listed longer ago says nothing of the present. */
#define FACTS_OLD_NS (300 * NS_PER_S)
/* net/ipv4/tcp_timer.c, tcp_model_timeout(): the RTO doubles from TCP_RTO_MIN up to TCP_RTO_MAX. */
#define RTO_MIN_MS  200
#define RTO_MAX_MS  120000
#define RTO_DOUBLES 9 /* ilog2(120000 / 200) */
/* So many without an answer are no accident of the network any more. */
#define RETRANSMITS_LIKELY 5
#define PROBES_LIKELY      3
/* A state held so many times longer than is suspicious is not held by being slow. */
#define AGE_LIKELY 10
/* A window is as good as shut when it is this part of what waits to be read. */
#define WINDOW_SHUT_PART 8

struct subject {
	const struct diagnosis *diagnosis;
	const struct connection *connection;
	const struct live_facts *facts; /* NULL: none that are fresh */
	uint64_t now_ns;
	uint64_t entered_ns; /* into its state, or since when it is known to be in it at least */
	bool older;          /* the latter */
	struct suspicion *suspicion;
};

static bool has_details(const struct subject *subject)
{
	return subject->facts && subject->facts->details & LIVE_DETAILS;
}

/* A span that the listing told, as of now; UINT64_MAX: not known, or never. */
static uint64_t span_ns(const struct subject *subject, uint32_t listed_ms)
{
	if (listed_ms == UINT32_MAX)
		return UINT64_MAX;
	return listed_ms * NS_PER_MS + (subject->now_ns - subject->facts->listed_ns);
}

static uint64_t age_ns(const struct subject *subject)
{
	return subject->now_ns - subject->entered_ns;
}

static uint64_t silent_ns(const struct subject *subject)
{
	return subject->facts ? span_ns(subject, subject->facts->silent_ms) : UINT64_MAX;
}

/* Since then there was no sign of reading at any listing. */
static uint64_t unread_span_ns(const struct subject *subject)
{
	return subject->facts->listed_ns - subject->facts->unmoved_ns;
}

static bool found(struct subject *subject, enum finding_kind kind, enum finding_certainty certainty, uint64_t since_ns)
{
	subject->suspicion->kind = kind;
	subject->suspicion->certainty = certainty;
	subject->suspicion->since_ns = since_ns;
	subject->suspicion->weight = 1;
	return true;
}

static void fact(struct subject *subject, enum finding_fact fact, uint64_t value)
{
	suspicion_fact(subject->suspicion, fact, value);
}

static void facts_of_age(struct subject *subject)
{
	fact(subject, FACT_STATE_FOR, age_ns(subject));
	if (subject->older)
		fact(subject, FACT_OLDER, 1);
}

/* ---- a state that a process should have left ------------------------------------------------------------ */

/* It reads what is left, or answers still: slow, not leaked. */
static bool is_at_work(const struct subject *subject, uint64_t limit_ns)
{
	const struct live_facts *facts = subject->facts;

	if (!has_details(subject))
		return false;
	if (facts->details & LIVE_MOVED && subject->now_ns - facts->unmoved_ns < limit_ns)
		return true;
	return span_ns(subject, facts->sent_ms) < limit_ns;
}

static bool rule_close_wait(struct subject *subject)
{
	uint64_t limit_ns = subject->diagnosis->limits.close_wait_ns;
	bool likely;

	if (subject->connection->state != TCP_CLOSE_WAIT || age_ns(subject) < limit_ns || is_at_work(subject, limit_ns))
		return false;
	facts_of_age(subject);
	likely = age_ns(subject) / AGE_LIKELY >= limit_ns;
	if (subject->facts && subject->facts->unread_bytes)
		fact(subject, FACT_UNREAD_BYTES, subject->facts->unread_bytes);
	if (has_details(subject) && unread_span_ns(subject)) {
		fact(subject, FACT_NOT_READ_FOR, unread_span_ns(subject));
		likely |= unread_span_ns(subject) >= limit_ns;
	}
	return found(subject, FINDING_CLOSE_WAIT_LEAK, likely ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE,
		     subject->entered_ns);
}

/* Data may come as long as the peer likes: only where none does. */
static bool rule_fin_wait2(struct subject *subject)
{
	uint64_t limit_ns = subject->diagnosis->limits.fin_wait2_ns;

	if (subject->connection->state != TCP_FIN_WAIT2 || !has_details(subject) || age_ns(subject) < limit_ns)
		return false;
	if (!(subject->facts->flags & EVENT_HAS_SOCKET) || span_ns(subject, subject->facts->received_ms) < limit_ns)
		return false;
	facts_of_age(subject);
	return found(subject, FINDING_FIN_WAIT2_HELD, CERTAINTY_CERTAIN, subject->entered_ns);
}

/* ---- our FIN is not acknowledged ------------------------------------------------------------------------ */

static bool rule_closing(struct subject *subject)
{
	static const uint8_t kinds[TCP_STATES] = {
		[TCP_FIN_WAIT1] = FINDING_FIN_WAIT1_PILEUP,
		[TCP_CLOSING] = FINDING_CLOSING_PILEUP,
		[TCP_LAST_ACK] = FINDING_LAST_ACK_PILEUP,
	};
	uint8_t kind = subject->connection->state < TCP_STATES ? kinds[subject->connection->state] : 0;
	bool likely = false;

	if (!kind || age_ns(subject) < subject->diagnosis->limits.closing_ns)
		return false;
	facts_of_age(subject);
	if (subject->facts && subject->facts->flags & EVENT_SOCKET_DEAD)
		fact(subject, FACT_ORPHANED, 1);
	if (has_details(subject) && subject->facts->retransmits) {
		fact(subject, FACT_RETRANSMITS, subject->facts->retransmits);
		likely = true;
	}
	return found(subject, kind, likely ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE, subject->entered_ns);
}

static bool is_closing(enum finding_kind kind)
{
	return kind == FINDING_FIN_WAIT1_PILEUP || kind == FINDING_CLOSING_PILEUP || kind == FINDING_LAST_ACK_PILEUP;
}

bool rules_unanswered_fin(const struct diagnosis *diagnosis, struct suspicion *suspicion)
{
	uint64_t retransmits = suspicion->facts[FACT_RETRANSMITS];

	if (!is_closing(suspicion->kind) || !(suspicion->known >> FACT_RETRANSMITS & 1) ||
	    retransmits < diagnosis->limits.retransmits)
		return false;
	suspicion->kind = FINDING_FIN_UNANSWERED;
	suspicion->certainty = retransmits >= RETRANSMITS_LIKELY ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE;
	return true;
}

/* ---- our SYN is not answered ---------------------------------------------------------------------------- */

/* The first one is sent again after a second, which no round trip takes. */
static bool rule_opening(struct subject *subject)
{
	bool likely;

	if (subject->connection->state != TCP_SYN_SENT || !has_details(subject) || !subject->facts->retransmits)
		return false;
	likely = subject->facts->retransmits >= subject->diagnosis->limits.retransmits;
	facts_of_age(subject);
	fact(subject, FACT_RETRANSMITS, subject->facts->retransmits);
	return found(subject, FINDING_SYN_SENT_UNANSWERED, likely ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE,
		     subject->entered_ns);
}

/* ---- half-open ------------------------------------------------------------------------------------------ */

static bool is_open(const struct subject *subject)
{
	return subject->connection->state == TCP_ESTABLISHED || subject->connection->state == TCP_CLOSE_WAIT;
}

/* When that many retransmissions have gone by, counted from the first unanswered segment. */
static uint64_t retries_ns(uint8_t retries)
{
	uint64_t ms = ((2ULL << (retries < RTO_DOUBLES ? retries : RTO_DOUBLES)) - 1) * RTO_MIN_MS;

	if (retries > RTO_DOUBLES)
		ms += (uint64_t)(retries - RTO_DOUBLES) * RTO_MAX_MS;
	return ms * NS_PER_MS;
}

/* limit_ns after the peer was heard last; TCP_USER_TIMEOUT overrules it. */
static void fact_give_up(struct subject *subject, uint64_t limit_ns)
{
	uint64_t silent = silent_ns(subject);

	if (subject->facts->user_timeout_ms)
		limit_ns = subject->facts->user_timeout_ms * NS_PER_MS;
	if (silent == UINT64_MAX)
		return;
	fact(subject, FACT_GIVE_UP, limit_ns > silent ? limit_ns - silent : 0);
}

static uint64_t silent_since_ns(const struct subject *subject)
{
	uint64_t silent = silent_ns(subject);

	return silent < subject->now_ns ? subject->now_ns - silent : 0;
}

static bool keepalive_is_on(const struct subject *subject)
{
	return subject->facts->flags & EVENT_KEEPALIVE_ON;
}

static bool rule_unacked(struct subject *subject)
{
	const struct live_facts *facts = subject->facts;
	uint8_t unanswered;

	if (!is_open(subject) || !has_details(subject) || !facts->unacked_bytes || facts->flags & EVENT_WINDOW_ZERO)
		return false;
	/* What cannot even be sent is counted as probes: the local network fails. */
	unanswered = facts->retransmits > facts->probes_out ? facts->retransmits : facts->probes_out;
	if (unanswered < subject->diagnosis->limits.retransmits)
		return false;
	fact(subject, FACT_UNACKED_BYTES, facts->unacked_bytes);
	fact(subject, FACT_RETRANSMITS, unanswered);
	if (silent_ns(subject) != UINT64_MAX)
		fact(subject, FACT_SILENT, silent_ns(subject));
	fact_give_up(subject, retries_ns(facts->retries));
	return found(subject, FINDING_HALF_OPEN_UNACKED,
		     unanswered >= RETRANSMITS_LIKELY ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE,
		     silent_since_ns(subject));
}

static bool rule_probing(struct subject *subject)
{
	const struct live_facts *facts = subject->facts;

	if (!is_open(subject) || !has_details(subject) || facts->probes_out < subject->diagnosis->limits.probes)
		return false;
	fact(subject, FACT_PROBES, facts->probes_out);
	if (silent_ns(subject) != UINT64_MAX)
		fact(subject, FACT_SILENT, silent_ns(subject));
	if (facts->flags & EVENT_WINDOW_ZERO && facts->unacked_bytes)
		fact_give_up(subject, retries_ns(facts->retries));
	else if (keepalive_is_on(subject)) /* else these are the probes of somebody who switched it off again */
		fact_give_up(subject, (facts->keepalive_idle_s +
				       (uint64_t)facts->keepalive_interval_s * facts->keepalive_probes) *
					      NS_PER_S);
	return found(subject, FINDING_HALF_OPEN_PROBING,
		     facts->probes_out >= PROBES_LIKELY ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE,
		     silent_since_ns(subject));
}

/* ---- a window that stays shut --------------------------------------------------------------------------- */

/* The peer lives, as it answers the probes, and does not read. */
static bool rule_peer_stalls(struct subject *subject)
{
	const struct live_facts *facts = subject->facts;
	uint64_t shut_ns;

	if (!is_open(subject) || !has_details(subject) || !(facts->flags & EVENT_WINDOW_ZERO) || !facts->unacked_bytes)
		return false;
	shut_ns = span_ns(subject, facts->sent_ms);
	if (shut_ns == UINT64_MAX || shut_ns < subject->diagnosis->limits.stall_ns)
		return false;
	fact(subject, FACT_UNACKED_BYTES, facts->unacked_bytes);
	fact(subject, FACT_WINDOW_SHUT_FOR, shut_ns);
	return found(subject, FINDING_ZERO_WINDOW_STALL, CERTAINTY_CERTAIN, subject->now_ns - shut_ns);
}

/* The process here does not read. */
static bool rule_we_stall(struct subject *subject)
{
	const struct live_facts *facts = subject->facts;
	uint64_t limit_ns = subject->diagnosis->limits.stall_ns, shut_ns;

	if (subject->connection->state != TCP_ESTABLISHED || !has_details(subject) || !facts->unread_bytes ||
	    facts->receive_window > facts->unread_bytes / WINDOW_SHUT_PART)
		return false;
	shut_ns = span_ns(subject, facts->received_ms);
	if (shut_ns == UINT64_MAX || shut_ns < limit_ns)
		return false;
	if (facts->details & LIVE_MOVED && subject->now_ns - facts->unmoved_ns < limit_ns)
		return false;
	fact(subject, FACT_UNREAD_BYTES, facts->unread_bytes);
	fact(subject, FACT_WINDOW_SHUT_FOR, shut_ns);
	if (unread_span_ns(subject))
		fact(subject, FACT_NOT_READ_FOR, unread_span_ns(subject));
	subject->suspicion->local_fault = true;
	return found(subject, FINDING_ZERO_WINDOW_STALL,
		     unread_span_ns(subject) >= limit_ns ? CERTAINTY_CERTAIN : CERTAINTY_LIKELY,
		     subject->now_ns - shut_ns);
}

/* ---- what would not be noticed -------------------------------------------------------------------------- */

/* A peer on this very host does not vanish silently: the kernel closes for it. */
static bool is_on_this_host(const struct connection *connection)
{
	static const uint8_t loopback[EVENT_ADDRESS_BYTES] = {[15] = 1};
	const struct event_tuple *tuple = &connection->tuple;

	if (!memcmp(tuple->local, tuple->remote, sizeof(tuple->local)))
		return true;
	return connection->family == 4 ? tuple->remote[0] == 127 : !memcmp(tuple->remote, loopback, sizeof(loopback));
}

static bool is_quiet(const struct subject *subject, uint64_t limit_ns)
{
	uint64_t silent = silent_ns(subject);

	return subject->connection->state == TCP_ESTABLISHED && subject->facts && !subject->facts->unacked_bytes &&
	       silent != UINT64_MAX && silent >= limit_ns && !is_on_this_host(subject->connection);
}

static bool rule_silent(struct subject *subject)
{
	uint64_t limit_ns = subject->diagnosis->limits.silent_ns;

	if (!is_quiet(subject, limit_ns))
		return false;
	/* Had the peer not answered the probes meanwhile, it would be known. */
	if (keepalive_is_on(subject) && subject->facts->keepalive_idle_s * NS_PER_S <= silent_ns(subject))
		return false;
	fact(subject, FACT_SILENT, silent_ns(subject));
	if (keepalive_is_on(subject))
		fact(subject, FACT_KEEPALIVE_IDLE, subject->facts->keepalive_idle_s * NS_PER_S);
	else
		fact(subject, FACT_KEEPALIVE_OFF, 1);
	return found(subject, FINDING_HALF_OPEN_SILENT, CERTAINTY_POSSIBLE, silent_since_ns(subject));
}

static bool rule_cannot_notice(struct subject *subject)
{
	if (!is_quiet(subject, subject->diagnosis->limits.unnoticed_ns) || keepalive_is_on(subject) ||
	    subject->facts->user_timeout_ms)
		return false;
	fact(subject, FACT_SILENT, silent_ns(subject));
	fact(subject, FACT_KEEPALIVE_OFF, 1);
	return found(subject, FINDING_CANNOT_NOTICE_DEAD_PEER, CERTAINTY_CERTAIN, silent_since_ns(subject));
}

static bool rule_keepalive_slow(struct subject *subject)
{
	uint64_t limit_ns = subject->diagnosis->limits.keepalive_ns, idle_ns;

	if (!is_quiet(subject, limit_ns) || !keepalive_is_on(subject))
		return false;
	idle_ns = subject->facts->keepalive_idle_s * NS_PER_S;
	if (idle_ns <= limit_ns)
		return false;
	fact(subject, FACT_SILENT, silent_ns(subject));
	fact(subject, FACT_KEEPALIVE_IDLE, idle_ns);
	fact(subject, FACT_NOTICES_AFTER,
	     idle_ns + (uint64_t)subject->facts->keepalive_interval_s * subject->facts->keepalive_probes * NS_PER_S);
	return found(subject, FINDING_KEEPALIVE_TOO_SLOW, CERTAINTY_CERTAIN, silent_since_ns(subject));
}

/* ---- whichever it is ------------------------------------------------------------------------------------ */

/* What says more stands before what says less. */
static bool (*const rules[])(struct subject *subject) = {
	rule_probing, rule_unacked, rule_peer_stalls,   rule_we_stall,       rule_close_wait, rule_fin_wait2,
	rule_closing, rule_silent,  rule_cannot_notice, rule_keepalive_slow, rule_opening,
};

static const struct live_facts *fresh_facts(const struct diagnosis *diagnosis, const struct connection *connection)
{
	const struct live_facts *facts = tracker_facts(diagnosis->tracker, connection);

	if (!facts || !(facts->details & LIVE_LISTENS) != (connection->state != TCP_LISTEN))
		return NULL;
	return facts->listed_ns + FACTS_OLD_NS > diagnosis->now_ns ? facts : NULL;
}

/*
 * Where the transition was not seen: since it was listed, or since the peer was heard last, which is after the FIN
 * that led here.
 */
static void subject_age(struct subject *subject)
{
	uint64_t silent;

	subject->entered_ns = tracker_entered_ns(subject->diagnosis->tracker, subject->connection);
	subject->older = !subject->entered_ns;
	if (subject->older) {
		subject->entered_ns = subject->connection->path_count ? path_ns(subject->connection->path[0])
								      : subject->now_ns;
		silent = silent_ns(subject);
		if (silent < subject->now_ns && subject->now_ns - silent < subject->entered_ns)
			subject->entered_ns = subject->now_ns - silent;
	}
	if (subject->entered_ns > subject->now_ns)
		subject->entered_ns = subject->now_ns;
}

bool rules_connection(const struct diagnosis *diagnosis, const struct connection *connection,
		      struct suspicion *suspicion)
{
	struct subject subject = {
		.diagnosis = diagnosis,
		.connection = connection,
		.facts = fresh_facts(diagnosis, connection),
		.now_ns = diagnosis->now_ns,
		.suspicion = suspicion,
	};

	/* It may have been listed while the run was under way. */
	if (subject.facts && subject.facts->listed_ns > subject.now_ns)
		subject.now_ns = subject.facts->listed_ns;
	subject_age(&subject);
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		suspicion->known = 0;
		suspicion->local_fault = false;
		if (rules[i](&subject))
			return true;
	}
	return false;
}

/* ---- listeners ------------------------------------------------------------------------------------------ */

/* The kernel takes one more than the backlog, and nothing after that. */
bool rules_accept(const struct diagnosis *diagnosis, const struct connection *listener, struct suspicion *suspicion)
{
	const struct live_facts *facts = fresh_facts(diagnosis, listener);
	uint32_t drops;
	bool full;

	if (!facts || !(facts->details & LIVE_DETAILS))
		return false;
	drops = facts->drops - facts->drops_before;
	full = facts->accept_queue > facts->accept_max;
	if (!full && (!drops || facts->accept_queue < (uint64_t)facts->accept_max * diagnosis->limits.percent / 100))
		return false;
	if (!facts->accept_queue)
		return false;
	*suspicion = (struct suspicion){
		.kind = FINDING_ACCEPT_OVERFLOW,
		.certainty = full ? CERTAINTY_CERTAIN : CERTAINTY_LIKELY,
		.since_ns = full ? facts->unmoved_ns : 0,
		.weight = facts->accept_queue,
	};
	suspicion_fact(suspicion, FACT_WAITING, facts->accept_queue);
	suspicion_fact(suspicion, FACT_BACKLOG, facts->accept_max);
	if (full && facts->listed_ns > facts->unmoved_ns)
		suspicion_fact(suspicion, FACT_FULL_FOR, facts->listed_ns - facts->unmoved_ns);
	if (drops)
		suspicion_fact(suspicion, FACT_DROPS, drops);
	return true;
}

bool rules_handshakes(const struct diagnosis *diagnosis, const struct connection *listener, struct suspicion *suspicion)
{
	const struct live_facts *facts = fresh_facts(diagnosis, listener);

	if (!facts || !(facts->details & LIVE_DETAILS) || facts->syn_queue < diagnosis->limits.handshakes)
		return false;
	*suspicion = (struct suspicion){
		.kind = FINDING_SYN_RECV_PILEUP,
		.certainty = CERTAINTY_LIKELY,
		.weight = facts->syn_queue,
	};
	suspicion_fact(suspicion, FACT_HANDSHAKES, facts->syn_queue);
	suspicion_fact(suspicion, FACT_BACKLOG, facts->accept_max);
	return true;
}
