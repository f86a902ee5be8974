/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fields.h: the one table of what a connection report says: each fact's name, meaning, type, and its
 * column in the terminal table where it has one. JSON, CSV, the terminal table, SQL columns and the
 * documentation all come from it.
 *
 * Its input is a report and the context that turns its facts into those of the outside (wall clock,
 * host, paths of cgroups). It must not know how any output is laid out.
 */
#ifndef LASTACK_REPORT_FIELDS_H
#define LASTACK_REPORT_FIELDS_H

#include "names.h"
#include "report.h"
#include "text.h"

/* What a report needs from the outside to be told. */
struct report_context {
	const char *host;                /* name of this host */
	int64_t wall_minus_monotonic_ns; /* added to an instant gives nanoseconds since the epoch */
	/* Path of a cgroup (valid until the next call) or NULL where it is not known. May be NULL. */
	const char *(*cgroup_path)(void *arg, uint64_t cgroup_id);
	void *arg;
	bool time_of_day;  /* table: local time of day, not seconds since the first line */
	uint64_t first_ns; /* of the first line, where several writers make the lines; 0: each goes by its own first */
};

/* A report together with what was made of it once for all fields. */
struct field_source {
	const struct connection_report *report;
	const struct report_context *context;
	const char *cgroup;  /* path or NULL */
	const char *explain; /* the sentence, not NUL-terminated */
	size_t explain_length;
	int64_t since_first_ns; /* from the end in the first line to the end in this one */
};

enum field_type {
	FIELD_ABSENT, /* as the type of a value only: the fact is not known */
	FIELD_UNSIGNED,
	FIELD_SIGNED,
	FIELD_BOOLEAN,
	FIELD_TEXT, /* any bytes */
	FIELD_WORD, /* text of lower-case words, hex digits, addresses: needs no escaping */
	FIELD_LIST, /* several texts: see field.list */
};

struct field_value {
	enum field_type type;
	union {
		uint64_t number;
		int64_t signed_number;
		bool boolean;
		struct {
			const char *text;
			size_t length;
		};
	};
	char room[64]; /* for a text that has to be made */
};

enum report_format {
	REPORT_TABLE,
	REPORT_JSON,
	REPORT_CSV,
};

extern const struct name_table report_format_names; /* enum report_format: the values of -o */
extern const struct name_table plain_format_names;  /* of what has no columns: without CSV */

/* How a fact stands in the report: what its getter reads. */
enum field_kind {
	KIND_CONSTANT, /* `constant` */
	KIND_U16,
	KIND_U32,
	KIND_U32_OPTIONAL, /* absent: ABSENT_U32 */
	KIND_U64,
	KIND_U64_OPTIONAL, /* absent: ABSENT_U64 */
	KIND_INT_OPTIONAL, /* absent: negative */
	KIND_BOOLEAN,
	KIND_NAME,     /* an enum in an unsigned int, named by `names` */
	KIND_INSTANT,  /* monotonic ns, absent: ABSENT_U64; given as wall clock us */
	KIND_SPAN,     /* ns, absent: ABSENT_U64; given as us */
	KIND_COMPUTED, /* by `get` */
	KIND_LIST,     /* by `list` */
};

/* A JSON object inside the report that is null as a whole where `present` says so. */
struct field_group {
	const char *name;
	bool (*present)(const struct connection_report *report); /* NULL: always */
};

#define COLUMN_STEPS_MAX    4
#define COLUMN_PRIORITY_MAX 31

/*
 * A column of the terminal table. `cell` writes at most about `width` columns (what is longer gets
 * cut); `place` orders columns from the left.
 *
 * A column grows in steps as the terminal does. All steps of all columns are taken in the order of
 * their priority, 1 first, until one does not fit; a column without a step taken is not shown.
 */
struct field_column {
	const char *title;
	const char *title_wide; /* from the width `wide` on; NULL: the same title */
	uint8_t wide, place;
	bool right;
	bool stretches; /* may end between two of its steps, to use up what is left */
	struct column_step {
		uint8_t priority, width;
	} steps[COLUMN_STEPS_MAX]; /* unused ones are zero */
	void (*cell)(struct text *text, const struct field_source *source, unsigned width);
};

struct field {
	const struct field_group *group; /* NULL: at the top */
	const char *name;                /* in JSON; in CSV and SQL with the group's name and '_' in front */
	const char *help;                /* for the documentation */
	enum field_type type;            /* of its value where it is present */
	enum field_kind kind;
	uint16_t offset; /* in struct connection_report */
	uint64_t constant;
	const struct name_table *names;
	void (*get)(const struct field_source *source, struct field_value *value);
	void (*list)(const struct field_source *source, struct text *text, enum report_format format);
	const struct field_column *column;
};

extern const struct field fields[];
extern const unsigned field_count;

/* Appends group_name or name. */
void field_name_append(struct text *text, const struct field *field);

/* The value of a field that is no list. Its text lives as long as the source and the value. */
void field_value_get(const struct field *field, const struct field_source *source, struct field_value *value);

/* As JSON writes it: null where it is absent. */
void field_value_json(struct text *text, const struct field_value *value);

/* Wall clock microseconds since the epoch for a monotonic instant. */
int64_t field_wall_us(const struct report_context *context, uint64_t monotonic_ns);

#endif
