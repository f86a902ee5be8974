/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * names.h: the words for every enum that a report or an event holds, and back.
 *
 * Its input are enum values and words; it must not know how they are laid out in any output. The words
 * come from the lists in report.h, so that an enum and its name cannot drift apart.
 */
#ifndef LASTACK_REPORT_NAMES_H
#define LASTACK_REPORT_NAMES_H

#include <stddef.h>

#include "report.h"

/* Index: the enum value. A NULL entry means that this value stands for "absent". */
struct name_table {
	const char *const *names;
	unsigned count;
};

extern const struct name_table class_names;          /* enum connection_class */
extern const struct name_table cause_names;          /* enum connection_cause */
extern const struct name_table context_names;        /* enum connection_context */
extern const struct name_table initiator_names;      /* enum connection_initiator */
extern const struct name_table how_names;            /* enum connection_how */
extern const struct name_table role_names;           /* enum connection_role */
extern const struct name_table completeness_names;   /* enum completeness */
extern const struct name_table process_source_names; /* enum process_source */
extern const struct name_table conformance_names;    /* enum conformance */
extern const struct name_table time_wait_end_names;  /* enum time_wait_end */
extern const struct name_table tcp_state_names;      /* Linux numbering; "SYN_SENT", "FIN_WAIT1" */
extern const struct name_table machine_state_names;  /* enum machine_state: those and what minisocks add */
extern const struct name_table tcp_state_otel_names; /* OpenTelemetry network.connection.state */
extern const struct name_table reset_reason_names;   /* enum reset_reason, in the kernel's words */
extern const struct name_table event_kind_names;     /* enum event_kind */

/* NULL for a value outside of the table or one that means "absent". */
static inline const char *name_of(const struct name_table *table, unsigned value)
{
	return value < table->count ? table->names[value] : NULL;
}

/* The value that has this name of `length` bytes, or -ENOENT. */
int name_find(const struct name_table *table, const char *name, size_t length);
/* The same as a person may type it: small or large letters, and as ss has it, "close-wait". */
int name_find_typed(const struct name_table *table, const char *name, size_t length);

/* "ETIMEDOUT"; NULL for 0 and for a number that no error has. */
const char *errno_name(int error);

/* "KILL"; NULL for a number that no signal has. */
const char *signal_name(int signal);

/* The class that a cause belongs to. */
enum connection_class cause_class(enum connection_cause cause);

/* A printf format that takes one unsigned long long or nothing; see EVIDENCES in report.h. */
const char *evidence_format(enum evidence_kind kind);

#endif
