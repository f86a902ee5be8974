// SPDX-License-Identifier: GPL-2.0-only
/*
 * tracker_judge.c: holds what the tracker follows against the reference machine, keeps what it had to say as
 * notes, and counts which of its entries were seen. It changes no lifecycle.
 *
 * A transition is judged when it is told, for what explains it is in the same event. Only CLOSE waits for the
 * report: a reset's tracepoint fires after it.
 */
#include <stdlib.h>
#include <string.h>

#include "core/signs.h"
#include "core/tracker_internal.h"

static size_t number_of(const struct machine_rule *rule)
{
	return (size_t)(rule - machine_reference()->rules);
}

static void seen(struct tracker *tracker, const struct machine_rule *rule)
{
	if (rule)
		tracker->rules_seen[number_of(rule)]++;
}

/* What the machine says of a transition, as a note. */
static struct report_note note_of(uint8_t from, uint8_t to, uint32_t signs, const struct machine_rule **rule)
{
	struct report_note note = {.from = from, .to = to};

	note.verdict = machine_judge(machine_reference(), from, to, signs, rule);
	note.entry = *rule ? (uint8_t)(1 + number_of(*rule)) : 0;
	return note;
}

/* Where there is no room, what weighs more takes the place of what weighs least. */
static void note_put(struct report_note *notes, uint8_t *count, const struct report_note *note)
{
	struct report_note *least = notes;

	if (*count < REPORT_NOTES_MAX) {
		notes[(*count)++] = *note;
		return;
	}
	for (size_t i = 1; i < REPORT_NOTES_MAX; i++)
		if (notes[i].verdict <= least->verdict)
			least = &notes[i];
	if (note->verdict > least->verdict)
		*least = *note;
}

/* Each timed rule once: the finding that is furthest from what the rule asks for. */
void judge_findings(struct report_note *notes, uint8_t *count, const struct timed_findings *findings)
{
	for (uint8_t i = 0; i < findings->count; i++) {
		const struct timed_finding *finding = &findings->list[i];
		struct report_note note = {
			.verdict = timed_rules_table()[finding->rule].verdict,
			.timed = finding->rule,
			.measured_ms = finding->measured_ms,
			.limit_ms = finding->limit_ms,
		};
		struct report_note *same = notes;

		while (same < notes + *count && same->timed != note.timed)
			same++;
		if (same == notes + *count)
			note_put(notes, count, &note);
		else if (labs((long)note.measured_ms - note.limit_ms) > labs((long)same->measured_ms - same->limit_ms))
			*same = note;
	}
}

static void note_keep(struct tracker *tracker, struct connection *connection, const struct report_note *note,
		      uint64_t time_ns)
{
	struct ending *ending = lifecycle_ending(tracker, connection, time_ns);

	if (ending)
		note_put(ending->notes, &ending->note_count, note);
}

static void count_verdict(struct tracker *tracker, uint8_t verdict)
{
	tracker->stats.transitions++;
	if (verdict == CONFORMANCE_VIOLATION)
		tracker->stats.violations++;
	if (verdict == CONFORMANCE_GAP)
		tracker->stats.unexplained++;
}

void judge_transition(struct tracker *tracker, struct connection *connection, uint8_t from, uint8_t to, uint32_t signs,
		      uint64_t time_ns)
{
	const struct machine_rule *rule;
	struct report_note note = note_of(from, to, signs, &rule);

	seen(tracker, rule);
	count_verdict(tracker, note.verdict);
	if (note.verdict != CONFORMANCE_CONFORMANT)
		note_keep(tracker, connection, &note, time_ns);
}

/* Of a listener, which has no report. */
void judge_listener(struct tracker *tracker, uint8_t from, uint8_t to, uint32_t signs)
{
	const struct machine_rule *rule;

	count_verdict(tracker, machine_judge(machine_reference(), from, to, signs | SIGN_NOTHING_LOST, &rule));
	seen(tracker, rule);
}

void judge_unshown(struct tracker *tracker, enum machine_shown shown, uint8_t from, uint32_t signs)
{
	seen(tracker, machine_judge_unshown(machine_reference(), shown, from, signs));
}

/*
 * The connection was thought to be in another state than the one it is found in. What could have happened in
 * between is a gap; what no sequence of transitions leads to is a violation, unless events were lost meanwhile:
 * then it may even be another life of the same socket.
 */
void judge_missed(struct tracker *tracker, struct connection *connection, uint8_t found, uint64_t time_ns)
{
	struct report_note note = {.from = connection->state, .to = found, .verdict = CONFORMANCE_GAP};
	bool lost = lost_since(tracker, connection->last_ns);

	connection->flags |= CONNECTION_GAP;
	tracker->stats.gaps++;
	if (!lost && !machine_leads(machine_reference(), connection->state, found)) {
		note.verdict = CONFORMANCE_VIOLATION;
		count_verdict(tracker, note.verdict);
	}
	note_keep(tracker, connection, &note, time_ns);
}

/* The transition to CLOSE, now that everything that can explain it has been seen. */
static void judge_close(struct tracker *tracker, const struct connection *connection, const struct ending *ending,
			struct connection_report *report)
{
	const struct machine_rule *rule;
	struct report_note note = note_of(ending->close.old_state, TCP_CLOSE, signs_of_close(connection, ending),
					  &rule);

	if (!ending->revision) {
		seen(tracker, rule);
		count_verdict(tracker, note.verdict);
	}
	if (note.verdict != CONFORMANCE_CONFORMANT)
		note_put(report->notes, &report->note_count, &note);
}

/* An end that nobody saw. */
static void judge_unseen_end(const struct connection *connection, struct connection_report *report)
{
	struct report_note note = {.from = connection->state, .to = TCP_CLOSE, .verdict = CONFORMANCE_GAP};

	note_put(report->notes, &report->note_count, &note);
}

void judge_report(struct tracker *tracker, const struct connection *connection, const struct ending *ending,
		  struct connection_report *report)
{
	uint8_t worst = CONFORMANCE_CONFORMANT;

	report->note_count = ending->note_count;
	memcpy(report->notes, ending->notes, ending->note_count * sizeof(*report->notes));
	if (ending->close.header.kind)
		judge_close(tracker, connection, ending, report);
	else if (connection->state != TCP_NEW_SYN_RECV)
		judge_unseen_end(connection, report);
	timed_report(tracker, connection, ending, report);
	for (uint8_t i = 0; i < report->note_count; i++)
		if (report->notes[i].verdict > worst)
			worst = report->notes[i].verdict;
	report->conformance = worst == CONFORMANCE_GAP ? CONFORMANCE_NOT_CHECKED : worst;
}

uint64_t tracker_rule_seen(const struct tracker *tracker, const struct machine_rule *rule)
{
	return tracker->rules_seen[number_of(rule)];
}
