/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timeline.c: see timeline.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/tcp_machine.h"
#include "report/report_read.h"
#include "report/paragraph.h"
#include "report/timeline.h"

#define LABEL_WIDTH 14
#define ROOM        64 /* for a quantity; its parts want room for any number */

struct timeline {
	struct text *text;
	const json_t *object;
	struct connection_report report;
	unsigned columns;
	bool lives;
};

void text_append_instant(struct text *text, int64_t wall_us)
{
	time_t seconds = wall_us / 1000000;
	struct tm local;
	char written[64];

	if (wall_us < 0 || !localtime_r(&seconds, &local)) {
		text_append_str(text, TEXT_ABSENT);
		return;
	}
	strftime(written, sizeof(written), "%Y-%m-%d %H:%M:%S", &local);
	text_append_str(text, written);
	snprintf(written, sizeof(written), ".%06d", (int)(wall_us % 1000000));
	text_append_str(text, written);
}

static const char *member(const struct timeline *timeline, const char *group, const char *name)
{
	return report_member_text(timeline->object, group, name);
}

static const char *span(char room[ROOM], uint64_t span_ns)
{
	struct text text = text_borrow(room, ROOM - 1);

	text_append_duration(&text, span_ns, true);
	room[text.length] = '\0';
	return room;
}

/* ---- head ------------------------------------------------------------------------------------------- */

static void head_ends(const struct timeline *timeline)
{
	static const char *const arrows[] = {
		[ROLE_UNKNOWN] = "--", [ROLE_CLIENT] = "->", [ROLE_SERVER] = "<-", [ROLE_BOTH] = "<->"};
	const struct connection_report *report = &timeline->report;
	const char *role = name_of(&role_names, report->role), *host = member(timeline, NULL, "host");
	struct text *text = timeline->text;

	text_append_endpoint(text, report->family, report->local, report->local_port);
	text_append_char(text, ' ');
	text_append_str(text, arrows[report->role < connection_role_count ? report->role : ROLE_UNKNOWN]);
	text_append_char(text, ' ');
	text_append_endpoint(text, report->family, report->remote, report->remote_port);
	text_append_str(text, "  this end: ");
	text_append_str(text, role ? role : "unknown");
	if (host && *host) {
		text_append_str(text, " on ");
		text_append_printable(text, host, strlen(host));
	}
	text_append_char(text, '\n');
}

static void head_owner(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	const char *comm = member(timeline, "process", "comm"), *source = member(timeline, "process", "source");
	const char *cgroup = member(timeline, "process", "cgroup");
	char pid[24] = "not known", uid[24] = "not known";

	if (!report->has_process) {
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "owner", "not known");
		return;
	}
	if (report->pid != ABSENT_U32)
		snprintf(pid, sizeof(pid), "%u", report->pid);
	if (report->uid != ABSENT_U32)
		snprintf(uid, sizeof(uid), "%u", report->uid);
	text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "owner",
				    "%s, pid %s, uid %s (learnt by: %s)", comm ? comm : "name not known", pid, uid,
				    source ? source : "unknown");
	if (cgroup)
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "cgroup", cgroup);
	if (member(timeline, "process", "container_id"))
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "container",
				     member(timeline, "process", "container_id"));
}

static void head_verdict(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	const char *class = member(timeline, NULL, "class"), *cause = member(timeline, NULL, "cause");
	const char *context = member(timeline, NULL, "context"), *initiator = member(timeline, NULL, "initiator");
	const char *how = member(timeline, NULL, "how"), *explain = member(timeline, NULL, "explain");
	char room[ROOM];

	if (timeline->lives) {
		if (report->start_ns == ABSENT_U64)
			text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "verdict",
						    "it lives, in %s; how old it is was not seen",
						    member(timeline, NULL, "state") ?: "an unknown state");
		else
			text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "verdict",
						    "it lives, in %s, %s old",
						    member(timeline, NULL, "state") ?: "an unknown state",
						    span(room, report->end_ns - report->start_ns));
		return;
	}
	text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "verdict", "%s/%s%s%s%s, by %s%s%s",
				    class ?: "unknown", cause ?: "unknown", context ? " (" : "", context ?: "",
				    context ? ")" : "", initiator ?: "unknown", how ? ": " : "", how ?: "");
	if (explain)
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "", explain);
	if (member(timeline, NULL, "error"))
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "error",
					    "%s for the application", member(timeline, NULL, "error"));
	if (member(timeline, NULL, "rst_reason"))
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "reset",
					    "the kernel's reason: %s", member(timeline, NULL, "rst_reason"));
}

static void head_append(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	const char *id = member(timeline, NULL, "id");

	head_ends(timeline);
	head_owner(timeline);
	head_verdict(timeline);
	text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "identity",
				    "id %s, cookie %llu, netns %u, revision %u", id ? id : "not known",
				    (unsigned long long)report->cookie, report->netns, report->revision);
	if (report->completeness == COMPLETENESS_PARTIAL)
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "gaps",
				     "not everything was seen: it began before lastack did, or an event is missing");
	else if (report->completeness == COMPLETENESS_INFERRED)
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "gaps",
				     "its end was not seen, only that it is gone");
	else
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "gaps",
				     "none: it was seen from its birth on");
}

/* ---- states ----------------------------------------------------------------------------------------- */

static const char *state_name(uint8_t state)
{
	const char *name = name_of(&tcp_state_names, state);

	return name ? name : "?";
}

static void state_line(const struct timeline *timeline, unsigned i)
{
	const struct connection_report *report = &timeline->report;
	const struct report_state *state = &report->states[i];
	bool last = i + 1 == report->state_count;
	uint64_t next_ns = last ? report->end_ns : report->states[i + 1].at_ns;
	struct text *text = timeline->text;
	char offset[64], stay[ROOM + 16] = "";

	text_append_str(text, "  ");
	text_append_instant(text, (int64_t)state->at_ns / 1000);
	snprintf(offset, sizeof(offset), "  +%.6f s  ", (double)(state->at_ns - report->states[0].at_ns) / 1e9);
	text_append_column(text, offset, strlen(offset), 18, true);
	if (!last || timeline->lives) {
		char room[ROOM];

		snprintf(stay, sizeof(stay), "%s%s", next_ns >= state->at_ns ? span(room, next_ns - state->at_ns) : "?",
			 last ? " until now" : "");
	}
	text_append_column(text, state_name(state->state), strlen(state_name(state->state)), stay[0] ? 13 : 0, false);
	text_append_str(text, stay[0] ? stay : state_name(state->state));
	text_append_char(text, '\n');
}

static void time_wait_line(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	const char *ended = name_of(&time_wait_end_names, report->time_wait_end);
	char planned[ROOM], lasted[ROOM + 16] = "", room[ROOM];

	if (!report->has_time_wait)
		return;
	span(planned, report->time_wait_planned_ns == ABSENT_U64 ? 0 : report->time_wait_planned_ns);
	if (report->time_wait_end_ns != ABSENT_U64 && report->time_wait_end_ns >= report->time_wait_begin_ns)
		snprintf(lasted, sizeof(lasted), " after %s",
			 span(room, report->time_wait_end_ns - report->time_wait_begin_ns));
	text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "TIME_WAIT", "%s planned; %s%s",
				    planned, ended ? ended : "it stands still", lasted);
}

static void states_append(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	char room[ROOM];

	text_append_char(timeline->text, '\n');
	if (report->start_ns == ABSENT_U64 && report->state_count)
		text_append_str(timeline->text, "  (born before lastack saw it; times count from its first sight)\n");
	for (unsigned i = 0; i < report->state_count; i++)
		state_line(timeline, i);
	text_append_char(timeline->text, '\n');
	time_wait_line(timeline);
	if (report->handshake_ns != ABSENT_U64)
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "handshake", "%s",
					    span(room, report->handshake_ns));
}

/* ---- facts ------------------------------------------------------------------------------------------ */

static void size_write(char room[ROOM], uint64_t bytes)
{
	struct text text = text_borrow(room, ROOM - 1);

	if (bytes == ABSENT_U64)
		text_append_str(&text, "not known");
	else
		text_append_size(&text, bytes, true);
	room[text.length] = '\0';
}

static void facts_of_data(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	char sent[ROOM], received[ROOM];

	if (report->bytes_sent != ABSENT_U64 || report->bytes_received != ABSENT_U64) {
		size_write(sent, report->bytes_sent);
		size_write(received, report->bytes_received);
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "data",
					    "%s sent, %s received", sent, received);
	}
	if (report->unread_bytes != ABSENT_U32 && report->unread_bytes) {
		size_write(received, report->unread_bytes);
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "unread",
					    "%s received and not read", received);
	}
	if (report->unacked_bytes != ABSENT_U32 && report->unacked_bytes) {
		size_write(sent, report->unacked_bytes);
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "unacked",
					    "%s sent and not acknowledged", sent);
	}
	if (report->retransmits != ABSENT_U32 && report->retransmits) {
		if (report->timeouts == ABSENT_U32)
			text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "retransmitted",
						    "%u segments", report->retransmits);
		else
			text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "retransmitted",
						    "%u segments, %u timeouts", report->retransmits, report->timeouts);
	}
}

static void facts_of_silence(const struct timeline *timeline)
{
	const struct connection_report *report = &timeline->report;
	char room[ROOM];

	if (report->silent_ns != ABSENT_U64)
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "silence",
					    "nothing from the peer for %s", span(room, report->silent_ns));
	if (report->has_keepalive && report->keepalive_enabled)
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "keepalive",
					    "after %u s, every %u s, %u probes allowed, %u sent",
					    report->keepalive_idle_s, report->keepalive_interval_s,
					    report->keepalive_probes,
					    report->keepalive_probes_sent == ABSENT_U32
						    ? 0
						    : report->keepalive_probes_sent);
	else if (report->has_keepalive)
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "keepalive", "off");
	if (report->user_timeout_ms != ABSENT_U32)
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "user timeout", "%s",
					    span(room, report->user_timeout_ms * 1000000ULL));
	if (report->srtt_us != ABSENT_U32)
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "round trip", "%s",
					    span(room, report->srtt_us * 1000ULL));
}

/* Nothing tells of changes between two listings. */
static void facts_age_append(const struct timeline *timeline)
{
	int64_t age_us = report_member_number(timeline->object, NULL, "facts_age_us", -1);
	char room[ROOM];

	if (age_us < 0)
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, "facts",
				     "its socket was not listed yet: unread, unacked and the like are not known");
	else
		text_append_labelled_format(timeline->text, LABEL_WIDTH, timeline->columns, "facts",
					    "unread, unacked and the like are %s old",
					    span(room, 1000 * (uint64_t)age_us));
}

static void texts_append(const struct timeline *timeline, const char *label, const json_t *list)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) if (json_is_string(entry))
		text_append_labelled(timeline->text, LABEL_WIDTH, timeline->columns, i ? "" : label,
				     json_string_value(entry));
}

int timeline_append(struct text *text, const json_t *object, unsigned columns)
{
	struct timeline timeline = {.text = text, .object = object, .columns = columns};
	const char *verdict;

	if (report_read(object, &timeline.report))
		return -EBADMSG;
	timeline.lives = json_is_true(json_object_get(object, "live"));
	if (timeline.lives)
		timeline.report.end_ns = 1000 * (uint64_t)report_member_number(object, NULL, "now_us", 0);
	verdict = member(&timeline, "conformance", "verdict");
	head_append(&timeline);
	states_append(&timeline);
	facts_of_data(&timeline);
	facts_of_silence(&timeline);
	if (timeline.lives)
		facts_age_append(&timeline);
	texts_append(&timeline, "evidence", report_member(object, NULL, "evidence"));
	if (!timeline.lives)
		text_append_labelled_format(timeline.text, LABEL_WIDTH, timeline.columns, "conformance",
					    "%s with RFC 9293", verdict ?: "not_checked");
	texts_append(&timeline, "", report_member(object, "conformance", "notes"));
	return 0;
}
