/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metrics_internal.h: what the files behind metrics.h share: the row of a metric, and where its numbers stand. A row
 * says everything about its metric, so that a new one is a new row and nothing else.
 */
#ifndef LASTACK_SERVE_METRICS_INTERNAL_H
#define LASTACK_SERVE_METRICS_INTERNAL_H

#include "serve/metrics.h"

#define METRIC_LABELS_MAX 2

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,
	METRIC_HISTOGRAM,
};

/* What stands at a row's offset. Times are shown in seconds. */
enum metric_value {
	VALUE_U64, /* ABSENT_U64 is NaN */
	VALUE_U32,
	VALUE_I64,
	VALUE_BOOL,
	VALUE_NS, /* uint64_t */
	VALUE_US, /* int64_t */
	VALUE_HISTOGRAM,
};

/* Which structure a row's offset is in. */
enum metric_base {
	BASE_STATUS,  /* struct service_status */
	BASE_TRACKER, /* struct tracker_stats */
	BASE_TOTALS,  /* struct totals */
	BASE_AUDIT,   /* struct service_audit, AUDIT_COUNTERS of them */
	BASE_DERIVED, /* struct metrics_derived */
	METRIC_BASES,
};

/* In the order of history_state, and one more. */
#define HISTORY_STATE_OFF    (HISTORY_DISCARDED + 1)
#define HISTORY_STATES_SHOWN (HISTORY_STATE_OFF + 1)

/* Of this process; ABSENT_U64 where it cannot be told. */
struct metrics_process {
	uint64_t cpu_ns;
	uint64_t virtual_bytes, resident_bytes;
	uint64_t open_fds, max_fds;
};

/* What is not in the snapshot as it has to be shown. */
struct metrics_derived {
	struct metrics_process process;
	uint32_t hooks_missing;
	bool ready;
	bool history_state[HISTORY_STATES_SHOWN];
};

/* A line for each index below count that has a word. */
struct metric_dimension {
	unsigned count;
	struct {
		const char *name;
		const char *(*word)(unsigned index); /* NULL: none, no line */
	} labels[METRIC_LABELS_MAX];
};

struct metric {
	const char *name;
	enum metric_type type;
	const char *help;
	enum metric_value value;
	enum metric_base base;
	size_t offset;
	const struct metric_dimension *dimension; /* NULL: one line without labels */
	size_t stride;                            /* between elements, 0: they follow each other */
	bool diagnosed; /* left out where nothing is diagnosed: 0 would say that all is well */
	/* For what has labels of another kind: its lines, instead of all that is above. */
	void (*lines)(struct text *text, const char *name, const struct service_status *status);
};

extern const struct metric metric_table[];
extern const size_t metric_table_count;

/* name="value", escaped. */
void metric_label_write(struct text *text, const char *name, const char *value);

void metrics_process_read(struct metrics_process *process);

#endif
