/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit.h: what lastack counted in a network namespace against what the kernel counted there. Its input are tallies
 * and the kernel's counters as numbers; where those are read, and how the outcome is printed, it does not know.
 *
 * Traffic goes on while counters are read, so nobody can say how many events belong before the reading. They are
 * bracketed: a copy of the tally from before the reading (`low`: all of it was counted by the kernel) and one from
 * when every event up to some time after it has been taken in (`high`: nothing else was). Between two readings the
 * kernel's increase must lie between low(end) - high(start) and high(end) - low(start).
 */
#ifndef LASTACK_CORE_AUDIT_H
#define LASTACK_CORE_AUDIT_H

#include "core/tally.h"

/* What must hold between the kernel's increase and lastack's count. */
enum audit_relation {
	AUDIT_IS_EQUAL,
	AUDIT_AT_LEAST,      /* the kernel counts some things that no event tells */
	AUDIT_AT_MOST,       /* lastack counts some things that the kernel does not */
	AUDIT_INFORMATIONAL, /* no event tells of it at all */
	AUDIT_RELATIONS,
};

enum audit_verdict {
	AUDIT_EQUAL,
	AUDIT_EXPLAINED,
	AUDIT_UNEXPLAINED,
	AUDIT_ABSENT,   /* this kernel has no such counter */
	AUDIT_NOT_READ, /* the namespace was gone, or could not be entered */
	AUDIT_VERDICTS,
};

/* What explains a difference. */
enum audit_why {
	AUDIT_WHY_NONE,
	AUDIT_WHY_KNOWN,        /* audit_counter.more or .less says it */
	AUDIT_WHY_NO_REASONS,   /* the kernel gives no reasons for resets, and tells only of those of a connection */
	AUDIT_WHY_NO_HOOK,      /* a hook is missing (lastack check) */
	AUDIT_WHY_LOST,         /* `count` events of such kinds were lost */
	AUDIT_WHY_UNATTRIBUTED, /* `count` belong to connections whose namespace is not known */
	AUDIT_WHY_GONE,         /* the namespace is gone, or cannot be entered */
	AUDIT_WHY_REPLACED,     /* its inode belongs to another namespace now */
	AUDIT_WHYS,
};

struct audit_counter {
	const char *group; /* "Tcp" of /proc/net/snmp, "TcpExt" of /proc/net/netstat */
	const char *name;
	uint32_t plus, minus; /* sets of TALLY() that make lastack's count */
	uint32_t maybe;       /* counted by the kernel or not: nobody can tell */
	uint32_t kinds;       /* set of 1 << enum event_kind that it rests on */
	enum audit_relation relation;
	bool gauge;       /* may also fall */
	bool by_reason;   /* rests on reset reasons, or on resets without a connection */
	const char *more; /* why the kernel may have counted more */
	const char *less; /* why it may have counted less */
};

#define AUDIT_COUNTERS 19

/* index: below AUDIT_COUNTERS */
const struct audit_counter *audit_counter_at(unsigned index);

/* The kernel's counters in one namespace, in the order of the table. */
struct audit_reading {
	uint32_t netns;
	uint64_t cookie; /* of the namespace, 0: not known */
	int64_t value[AUDIT_COUNTERS];
	bool present[AUDIT_COUNTERS];
};

struct audit_tallies {
	const struct tally *start_low, *start_high, *end_low, *end_high;
};

/* What holds for the whole time and every namespace. */
struct audit_facts {
	bool reset_reasons;         /* since 6.10 */
	uint32_t kinds_missing;     /* kinds of events that no hook tells */
	uint64_t lost[EVENT_KINDS]; /* between start and end */
};

struct audit_row {
	uint32_t netns;
	const struct audit_counter *counter;
	int64_t kernel;                   /* increase */
	int64_t lastack_min, lastack_max; /* what lies between is not certain, see above */
	int64_t lastack;                  /* of these the one next to the kernel's */
	int64_t difference;               /* kernel - lastack */
	enum audit_relation relation;
	enum audit_verdict verdict;
	enum audit_why why;
	uint64_t count; /* of events that explain it */
};

/*
 * One counter of one namespace. start NULL: the namespace is younger than the audit, so all counters began at 0.
 * end NULL: it could not be read at the end.
 */
struct audit_row audit_compare(unsigned counter, uint32_t netns, const struct audit_reading *start,
			       const struct audit_reading *end, const struct audit_tallies *tallies,
			       const struct audit_facts *facts);

#endif
