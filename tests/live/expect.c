/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expect.c: compares reports with expectations, collects what differs, and waits where a report may
 * still come or be replaced by a later revision.
 */
#include "expect.h"
#include "kernel.h"
#include "path.h"
#include "report_index.h"

#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_WAIT_MS   20000 /* lastack promises 1.5 s; the machine may be busy, or emulated */
#define REVISION_WAIT_MS 1200  /* how long a later revision may take to spoil what was right */
#define POLL_MS          20
#define EXPECTATIONS_MAX 8
#define DIFFERENCE_BYTES 2048

struct remembered {
	struct expectation expectation;
	struct connection connection;
	enum end end;
	pid_t pid; /* whose process it must be, and its name: the actor may be gone later */
	char comm[48];
	bool failed;
};

struct expectations {
	struct report_index index;
	struct remembered entry[EXPECTATIONS_MAX];
	size_t count;
	int mismatches;
};

struct comparison {
	const json_t *report;
	char differences[DIFFERENCE_BYTES];
};

void expectations_open(struct play *play, int report_log_fd)
{
	struct expectations *expectations = calloc(1, sizeof(*expectations));
	if (!expectations)
		abort();
	report_index_open(&expectations->index, report_log_fd, false);
	for (int end = 0; end < ENDS; end++)
		expectations->index.only_netns[end] = play->world.netns_inode[end];
	play->expectations = expectations;
}

__attribute__((format(printf, 2, 3))) static void differ(struct comparison *comparison, const char *format, ...)
{
	size_t used = strlen(comparison->differences);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(comparison->differences + used, DIFFERENCE_BYTES - used, format, arguments);
	va_end(arguments);
}

static bool is_one_of(const char *alternatives, const char *value)
{
	size_t bytes = strlen(value);
	for (const char *at = alternatives; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (!strncmp(at, value, bytes) && (at[bytes] == '|' || at[bytes] == '\0'))
			return true;
	return false;
}

static const char *text_of(const json_t *value)
{
	return json_is_string(value) ? json_string_value(value) : "null";
}

static void compare_text(struct comparison *comparison, const char *name, const json_t *value, const char *expected)
{
	if (expected && !is_one_of(expected, text_of(value)))
		differ(comparison, " expected %s=%s, got %s;", name, expected, text_of(value));
}

static void compare_member(struct comparison *comparison, const char *name, const char *expected)
{
	compare_text(comparison, name, json_object_get(comparison->report, name), expected);
}

static void compare_range(struct comparison *comparison, const char *name, const json_t *value, struct range expected)
{
	if (!expected.checked)
		return;
	if (!json_is_integer(value))
		differ(comparison, " expected %s>=%lld, got none;", name, expected.min);
	else if (json_integer_value(value) < expected.min || json_integer_value(value) > expected.max)
		differ(comparison, " expected %s in %lld..%lld, got %lld;", name, expected.min, expected.max,
		       (long long)json_integer_value(value));
}

static void compare_integer(struct comparison *comparison, const char *name, struct range expected)
{
	compare_range(comparison, name, json_object_get(comparison->report, name), expected);
}

/* The class that report.h gives to a cause. */
static const char *class_of_cause(const char *cause)
{
#define CLASS_TEXT(name, text)         [name] = text,
#define CAUSE_CLASS(name, text, class) {text, class},
	static const char *const class_text[] = {CONNECTION_CLASSES(CLASS_TEXT)};
	static const struct {
		const char *cause;
		enum connection_class class;
	} causes[] = {CONNECTION_CAUSES(CAUSE_CLASS)};
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
		if (!strcmp(causes[i].cause, cause))
			return class_text[causes[i].class];
	return "no such cause";
}

static void compare_path(struct comparison *comparison, const struct expectation *expectation, enum end end)
{
	char path[512] = "", pattern[256];
	size_t i;
	const json_t *state;
	json_array_foreach(json_object_get(comparison->report, "states"), i, state)
	{
		size_t used = strlen(path);
		snprintf(path + used, sizeof(path) - used, "%s%s", i ? ">" : "",
			 text_of(json_object_get(state, "state")));
	}
	if (expectation->whole_path)
		snprintf(pattern, sizeof(pattern), "%s", expectation->whole_path);
	else if (expectation->path)
		snprintf(pattern, sizeof(pattern), "%s>ESTABLISHED>%s", end == CLIENT ? "SYN_SENT" : "SYN_RECV",
			 expectation->path);
	else
		return;
	if (!path_matches(pattern, path))
		differ(comparison, " expected states=%s, got %s;", pattern, path);
	if (strstr(path, "ESTABLISHED") && !json_is_string(json_object_get(comparison->report, "id")))
		differ(comparison, " expected an id;");
}

static void compare_process(struct comparison *comparison, const struct remembered *remembered)
{
	const json_t *process = json_object_get(comparison->report, "process");
	if (remembered->expectation.any_process)
		return;
	compare_range(comparison, "process.pid", json_object_get(process, "pid"),
		      (struct range)EXACTLY(remembered->pid));
	compare_text(comparison, "process.comm", json_object_get(process, "comm"), remembered->comm);
}

static void compare_ending(struct comparison *comparison, const char *expected)
{
	char got[48] = "null";
	const json_t *code = json_object_get(comparison->report, "exit_code");
	const json_t *signal = json_object_get(comparison->report, "exit_signal");
	if (json_is_integer(code))
		snprintf(got, sizeof(got), "exit %d", (int)json_integer_value(code));
	if (json_is_integer(signal))
		snprintf(got, sizeof(got), "signal %d", (int)json_integer_value(signal));
	if (!is_one_of(expected ? expected : "null", got))
		differ(comparison, " expected exit code or signal=%s, got %s;", expected ? expected : "null", got);
}

static void compare_numbers(struct comparison *comparison, const struct expectation *expectation)
{
	const json_t *keepalive = json_object_get(comparison->report, "keepalive");
	compare_integer(comparison, "bytes_sent", expectation->bytes_sent);
	compare_integer(comparison, "bytes_received", expectation->bytes_received);
	compare_integer(comparison, "unacked_bytes", expectation->unacked_bytes);
	compare_integer(comparison, "unread_bytes", expectation->unread_bytes);
	compare_integer(comparison, "retransmits", expectation->retransmits);
	if (kernel_shows(KERNEL_TIMEOUTS))
		compare_integer(comparison, "timeouts", expectation->timeouts);
	else
		compare_member(comparison, "timeouts", "null");
	compare_integer(comparison, "silent_us", expectation->silent_us);
	compare_integer(comparison, "duration_us", expectation->duration_us);
	compare_integer(comparison, "handshake_us", expectation->handshake_us);
	compare_integer(comparison, "user_timeout_ms", expectation->user_timeout_ms);
	compare_range(comparison, "keepalive.idle_s", json_object_get(keepalive, "idle_s"), expectation->idle_s);
	compare_range(comparison, "keepalive.interval_s", json_object_get(keepalive, "interval_s"),
		      expectation->interval_s);
	compare_range(comparison, "keepalive.probes", json_object_get(keepalive, "probes"), expectation->probes);
	compare_range(comparison, "keepalive.probes_sent", json_object_get(keepalive, "probes_sent"),
		      expectation->probes_sent);
}

static void compare_place(struct comparison *comparison, const struct play *play, const struct remembered *remembered)
{
	const json_t *verdict = json_object_get(json_object_get(comparison->report, "conformance"), "verdict");
	if (!strcmp(text_of(verdict), "violation"))
		differ(comparison, " conformance violation;");
	if (remembered->connection.elsewhere)
		return;
	compare_member(comparison, "local_addr", world_address(play->family, remembered->end));
	compare_member(comparison, "remote_addr", world_address(play->family, other_end(remembered->end)));
}

static void compare_notes(struct comparison *comparison, const struct expectation *expectation)
{
	const json_t *notes = json_object_get(json_object_get(comparison->report, "conformance"), "notes"), *note;
	bool found = false;
	size_t i;
	json_array_foreach(notes, i, note)
	{
		found |= expectation->note && strstr(text_of(note), expectation->note);
		if (expectation->no_note && strstr(text_of(note), expectation->no_note))
			differ(comparison, " expected no note of %s;", expectation->no_note);
	}
	if (expectation->note && !found)
		differ(comparison, " expected a note of %s;", expectation->note);
}

static void compare_report(struct comparison *comparison, const struct play *play, const struct remembered *remembered)
{
	const struct expectation *expectation = &remembered->expectation;
	const char *cause = text_of(json_object_get(comparison->report, "cause"));
	const char *role = remembered->end == CLIENT ? "client" : "server";
	compare_member(comparison, "cause", expectation->cause);
	compare_member(comparison, "class", class_of_cause(cause));
	compare_member(comparison, "context", expectation->context);
	compare_member(comparison, "initiator", expectation->initiator);
	compare_member(comparison, "how", expectation->how);
	compare_member(comparison, "error", expectation->error);
	compare_member(comparison, "role", expectation->role ? expectation->role : role);
	compare_member(comparison, "completeness", expectation->completeness ? expectation->completeness : "complete");
	compare_ending(comparison, expectation->ending);
	compare_process(comparison, remembered);
	compare_path(comparison, expectation, remembered->end);
	compare_numbers(comparison, expectation);
	compare_place(comparison, play, remembered);
	compare_notes(comparison, expectation);
	if (expectation->time_wait_end)
		compare_text(comparison, "time_wait.ended",
			     json_object_get(json_object_get(comparison->report, "time_wait"), "ended"),
			     expectation->time_wait_end);
}

static json_t *report_find(const struct play *play, const struct connection *connection, enum end end, size_t *distinct)
{
	struct report_key key = {
		.netns = play->world.netns_inode[end],
		.family = play->family == AF_INET6 ? "ipv6" : "ipv4",
		.local_port = connection->port[end],
		.remote_port = connection->port[other_end(end)],
	};
	if (kernel_shows(KERNEL_COOKIES))
		key.cookie = connection->cookie[end];
	else
		key.life = connection->life;
	report_index_refresh(&play->expectations->index);
	return report_index_find(&play->expectations->index, &key, distinct);
}

/* Both ends must give the connection the same id. */
static void compare_id(struct comparison *comparison, const struct play *play, const struct remembered *remembered)
{
	size_t distinct;
	const json_t *other = report_find(play, &remembered->connection, other_end(remembered->end), &distinct);
	const char *id = json_string_value(json_object_get(comparison->report, "id"));
	const char *other_id = json_string_value(json_object_get(other, "id"));
	if (id && other_id && distinct == 1 && strcmp(id, other_id) != 0)
		differ(comparison, " the other end has another id, %s;", other_id);
}

static bool as_expected(struct play *play, const struct remembered *remembered, struct comparison *comparison)
{
	size_t distinct;
	comparison->differences[0] = '\0';
	comparison->report = report_find(play, &remembered->connection, remembered->end, &distinct);
	if (!comparison->report) {
		differ(comparison, " expected cause=%s, got no report", remembered->expectation.cause);
		return false;
	}
	if (distinct > 1)
		differ(comparison, " more than one report;");
	compare_report(comparison, play, remembered);
	compare_id(comparison, play, remembered);
	return comparison->differences[0] == '\0';
}

static void say(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct play *play, const char *format, ...)
{
	size_t used = strlen(play->text);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(play->text + used, VERDICT_TEXT_BYTES - used, format, arguments);
	va_end(arguments);
}

static void mismatch_say(struct play *play, struct remembered *remembered, const struct comparison *comparison)
{
	static char line[16384];
	report_print(comparison->report, line, sizeof(line));
	say(play, "\n  %s end:%s\n    %s", remembered->end == CLIENT ? "client" : "server", comparison->differences,
	    line);
	remembered->failed = true;
	play->expectations->mismatches++;
}

void report_print(const void *report, char *out, size_t bytes)
{
	char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;
	snprintf(out, bytes, "%s", text ? text : "");
	free(text);
}

void expect_report(struct play *play, const struct connection *connection, enum end end,
		   const struct expectation *expectation)
{
	struct expectations *expectations = play->expectations;
	struct comparison comparison;
	if (!play->monitored)
		return;
	if (expectations->count == EXPECTATIONS_MAX)
		play_fail(play, "too many expectations");
	struct remembered *remembered = &expectations->entry[expectations->count++];
	memset(remembered, 0, sizeof(*remembered));
	remembered->expectation = *expectation;
	remembered->connection = *connection;
	remembered->end = end;
	remembered->pid = expectation->pid ? expectation->pid : play->actor[end].pid;
	snprintf(remembered->comm, sizeof(remembered->comm), "%s",
		 expectation->comm ? expectation->comm : play->actor[end].comm);
	for (int waited = 0; waited < REPORT_WAIT_MS; waited += POLL_MS) {
		if (as_expected(play, remembered, &comparison))
			return;
		play_sleep_ms(POLL_MS);
	}
	mismatch_say(play, remembered, &comparison);
}

void expect_none(struct play *play, const struct connection *connection, enum end end)
{
	static char line[16384];
	size_t distinct;
	const json_t *report = play->monitored ? report_find(play, connection, end, &distinct) : NULL;
	if (!report)
		return;
	report_print(report, line, sizeof(line));
	say(play, "\n  %s end: expected no report, got\n    %s", end == CLIENT ? "client" : "server", line);
	play->expectations->mismatches++;
}

int expectations_conclude(struct play *play)
{
	struct expectations *expectations = play->expectations;
	struct comparison comparison;
	if (!play->monitored)
		return 0;
	if (expectations->count)
		play_sleep_ms(REVISION_WAIT_MS);
	for (size_t i = 0; i < expectations->count; i++) {
		struct remembered *remembered = &expectations->entry[i];
		if (!remembered->failed && !as_expected(play, remembered, &comparison)) {
			say(play, "\n  right at first, spoilt by a later report:");
			mismatch_say(play, remembered, &comparison);
		}
	}
	return expectations->mismatches;
}
