/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timed_rules.h: what the reference says of time: how long a timer must run, and how long it may.
 *
 * One list holds each rule with its words, its source and its tolerance; code, notes and documentation come
 * from it. Pure: in go events, in the order of their times, and what is known of the connection; out come
 * findings. Nothing here knows the tracker.
 *
 * A rule is applied only where every fact that it needs was seen. An event that is missing (lost, or from before
 * the monitor), a setting that is not known, a timer whose start cannot be told: then the rule says nothing.
 * Late is no violation: timers are as late as the load makes them, and the kernel's timer wheel rounds up by as
 * much as an eighth of the delay.
 */
#ifndef LASTACK_CORE_TIMED_RULES_H
#define LASTACK_CORE_TIMED_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "report.h"

/*
 * Jiffies are what timers count. They lag behind the clock while the CPU that keeps them does not run: by 5 until
 * another steps in (MAX_STALLED_JIFFIES, since 5.18), and where a virtual machine stands still. So a timer that was
 * set by a late count may seem early by that much, and by one more at each end.
 */
#define TIMED_EARLY_TICKS 8
#define TIMED_EARLY_MS    30
/* For rules on minutes: what passes between the kernel's setting a timer and the event that tells of it. */
#define TIMED_EARLY_SHARE 128
/* How much later than TCP_USER_TIMEOUT is worth a word: a quarter of it and this. */
#define TIMED_LATE_MS 2000
/*
 * Retransmissions and window probes further apart than this belong to different troubles: two of the longest
 * RTO (TCP_RTO_MAX, 120 s).
 */
#define TIMED_TROUBLE_GAP_S 240

#define TIMED_EARLY_WORDS "early by 8 jiffies, at least 30 ms, and 1/128 of the time; late never"

/*
 * X(rule, name, subject, verdict, text, source, since, tolerance). text is a printf format for two numbers, both
 * unsigned long long: what was measured and what the rule asks for, in milliseconds. since: first Linux that does
 * so, NULL: any, or the rule is the RFC's.
 *
 * Where Linux differs always, no connection is noted for it: its RTO starts at 200 ms or what route, BPF or
 * TCP_RTO_MIN_US say (RFC 6298 2.4: 1 s), its TIME_WAIT is 60 s (RFC 9293 3.6.1: 2 MSL, 4 minutes).
 */
#define TIMED_RULES(X)                                                                                                 \
	X(TIMED_RTO_EARLY, "rto_early", "retransmission", CONFORMANCE_VIOLATION,                                       \
	  "sent after %llu ms though the RTO was %llu ms", "RFC 6298 5.5, tcp_retransmit_timer()", NULL,               \
	  TIMED_EARLY_WORDS)                                                                                           \
	X(TIMED_RTO_NOT_DOUBLED, "rto_not_doubled", "retransmission", CONFORMANCE_VIOLATION,                           \
	  "the RTO became %llu ms where twice the last one is %llu ms", "RFC 6298 5.5, tcp_retransmit_timer()", NULL,  \
	  "none below a cap of 1 s to 120 s (tcp_rto_max_ms, TCP_RTO_MAX_MS)")                                         \
	X(TIMED_RTO_LINEAR_SYN, "rto_linear_syn", "retransmission", CONFORMANCE_LINUX_VARIANT,                         \
	  "the SYN was sent again after %llu ms with an RTO that stayed at %llu ms",                                   \
	  "tcp_syn_linear_timeouts, tcp_retransmit_timer(); RFC 6298 5.5 doubles it", "6.5", "none")                   \
	X(TIMED_RTO_LINEAR_THIN, "rto_linear_thin", "retransmission", CONFORMANCE_LINUX_VARIANT,                       \
	  "sent again after %llu ms with an RTO of %llu ms that was not doubled, as asked for thin streams",           \
	  "tcp_thin_linear_timeouts, TCP_THIN_LINEAR_TIMEOUTS; RFC 6298 5.5 doubles it", "2.6.34", "none")             \
	X(TIMED_RETRIES_EARLY, "retries_early", "retransmission timeout", CONFORMANCE_VIOLATION,                       \
	  "gave up %llu ms after the first retransmission; the retries in force take %llu ms",                         \
	  "tcp_retries2, tcp_orphan_retries, tcp_model_timeout(); RFC 9293 3.8.3", NULL, TIMED_EARLY_WORDS)            \
	X(TIMED_SYN_RETRIES_EARLY, "syn_retries_early", "retransmission timeout", CONFORMANCE_VIOLATION,               \
	  "gave up %llu ms after the SYN; the retries in force take %llu ms",                                          \
	  "tcp_syn_retries, TCP_SYNCNT, tcp_write_timeout()", NULL, TIMED_EARLY_WORDS)                                 \
	X(TIMED_KEEPALIVE_EARLY, "keepalive_early", "keepalive", CONFORMANCE_VIOLATION,                                \
	  "gave up after %llu ms of silence though the idle time is %llu ms", "RFC 9293 3.8.4, tcp_keepalive_timer()", \
	  NULL, "early by 2 jiffies; late never")                                                                      \
	X(TIMED_KEEPALIVE_HURRIED, "keepalive_hurried", "keepalive", CONFORMANCE_LINUX_VARIANT,                        \
	  "gave up after %llu ms of silence though idle time and probes take %llu ms: settings were changed, or set "  \
	  "anew, meanwhile",                                                                                           \
	  "tcp_sock_set_keepidle_locked() starts the timer anew", NULL, "early by 2 jiffies; late never")              \
	X(TIMED_TIME_WAIT_EARLY, "time_wait_early", "TIME_WAIT", CONFORMANCE_VIOLATION,                                \
	  "its timer ended it after %llu ms of %llu ms", "RFC 9293 3.6.1, TCP_TIMEWAIT_LEN, tcp_time_wait()", NULL,    \
	  TIMED_EARLY_WORDS)                                                                                           \
	X(TIMED_FIN_WAIT2_EARLY, "fin_wait2_early", "FIN_WAIT2", CONFORMANCE_VIOLATION,                                \
	  "the timer ended the orphan's minisock after %llu ms of %llu ms",                                            \
	  "tcp_fin_timeout, TCP_LINGER2, tcp_time_wait()", NULL, TIMED_EARLY_WORDS)                                    \
	X(TIMED_FIN_WAIT2_CUT, "fin_wait2_cut", "FIN_WAIT2", CONFORMANCE_LINUX_VARIANT,                                \
	  "the orphan waited %llu ms of %llu ms: of a limit above 60 s only the excess is waited for, twice",          \
	  "tcp_fin_timeout, TCP_LINGER2, tcp_keepalive_timer()", NULL, TIMED_EARLY_WORDS)                              \
	X(TIMED_USER_TIMEOUT_EARLY, "user_timeout_early", "TCP_USER_TIMEOUT", CONFORMANCE_VIOLATION,                   \
	  "gave up after %llu ms of %llu ms", "RFC 9293 3.9.1, tcp_write_timeout(), tcp_keepalive_timer()", NULL,      \
	  TIMED_EARLY_WORDS "; half where the window was shut")                                                        \
	X(TIMED_USER_TIMEOUT_LATE, "user_timeout_late", "TCP_USER_TIMEOUT", CONFORMANCE_LINUX_VARIANT,                 \
	  "gave up after %llu ms, though it is %llu ms: Linux looks at it only when a timer fires",                    \
	  "tcp_clamp_rto_to_user_timeout() since 4.19, tcp_keepalive_timer() at its probes", NULL,                     \
	  "late by 2 s and a quarter of it")

#define TIMED_RULE_ENUM(rule, ...) rule,
enum timed_rule { TIMED_NONE, TIMED_RULES(TIMED_RULE_ENUM) TIMED_RULE_COUNT };

struct timed_rule_words {
	const char *name, *subject;
	uint8_t verdict;  /* enum conformance: VIOLATION or LINUX_VARIANT */
	const char *text; /* printf format for measured and limit, unsigned long long */
	const char *source;
	const char *since; /* NULL: any Linux */
	const char *tolerance;
};

/* TIMED_RULE_COUNT entries by enum timed_rule; that of TIMED_NONE is empty. */
const struct timed_rule_words *timed_rules_table(void);

struct timed_finding {
	uint8_t rule; /* enum timed_rule */
	uint32_t measured_ms, limit_ms;
};

#define TIMED_FINDINGS_MAX 4

struct timed_findings {
	uint8_t count;
	struct timed_finding list[TIMED_FINDINGS_MAX];
};

enum timed_series_flag {
	TIMED_WHOLE = 1 << 0,     /* every timeout from the first on was seen, and what it sent left the host */
	TIMED_ALONE = 1 << 1,     /* nothing was sent again before, for as long as could matter (a loss probe apart) */
	TIMED_DOUBT = 1 << 2,     /* what came before may not have been seen */
	TIMED_PROBES = 1 << 3,    /* window probes, not retransmissions */
	TIMED_UNCLAMPED = 1 << 4, /* EVENT_RTO_UNCLAMPED of the latest */
	TIMED_THIN = 1 << 5,      /* EVENT_THIN_LINEAR of the latest */
};

/* The running series of timeouts without an answer: what a live connection remembers of its timers. */
struct timed_series {
	uint64_t first_ns;  /* first retransmission or probe of the trouble, perhaps before this series; 0: none */
	uint64_t last_ns;   /* latest one */
	uint32_t rto_ticks; /* of the latest timeout; 0: the latest was none, the next interval tells nothing */
	uint8_t count;      /* icsk_retransmits, or window probes without an answer */
	uint8_t backoff;    /* icsk_backoff */
	uint8_t state;      /* enum tcp_state */
	uint8_t flags;      /* enum timed_series_flag */
};

/* What a rule must know besides events. */
struct timed_facts {
	uint64_t tick_ns;
	uint64_t loss_ns;  /* when a loss of events was last told, 0: never */
	uint64_t since_ns; /* from when on the connection has been watched: its birth, where that was seen */
	bool birth_seen;
	bool gap;              /* a transition was missed */
	uint64_t fin_wait2_ns; /* when it entered FIN_WAIT2, 0: not known */
};

/* A retransmission: the series goes on, or begins. */
void timed_retransmit(struct timed_series *series, const struct event_retransmit *event,
		      const struct timed_facts *facts, struct timed_findings *findings);
/* A window probe. */
void timed_window_probe(struct timed_series *series, const struct event_probe *event, const struct timed_facts *facts);
/* The transition to CLOSE. */
void timed_close(const struct timed_series *series, const struct event_close *close, const struct timed_facts *facts,
		 struct timed_findings *findings);
/* The end of the minisock that this close left. */
void timed_minisock(const struct event_close *close, const struct event_time_wait *event,
		    const struct timed_facts *facts, struct timed_findings *findings);

/* tcp_model_timeout(): how long so many retries take that begin with this RTO and are bounded by that. */
uint64_t timed_model_ms(unsigned retries, uint64_t rto_base_ms, uint64_t rto_max_ms);

#endif
