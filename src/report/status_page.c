/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * status_page.c: see status_page.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "report/paragraph.h"
#include "report/report_read.h"
#include "report/status_page.h"
#include "report/timeline.h"

#define LABEL_WIDTH 13
#define PAIRS_MAX   64

struct page {
	struct text *text;
	const json_t *status;
	unsigned columns;
};

static long long number(const struct page *page, const char *group, const char *name)
{
	return report_member_number(page->status, group, name, 0);
}

static const char *word(const struct page *page, const char *group, const char *name)
{
	return report_member_text(page->status, group, name) ?: TEXT_ABSENT;
}

/* ---- vocabularies: the largest first ------------------------------------------------------------------ */

struct pair {
	const char *name;
	json_int_t number;
};

static int pair_compare(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	return a->number != b->number ? (a->number < b->number ? 1 : -1) : strcmp(a->name, b->name);
}

/* "12 graceful, 3 reset"; nothing where all are zero. */
static void pairs_append(const struct page *page, const char *label, const json_t *object)
{
	struct pair pairs[PAIRS_MAX];
	struct text line = {0};
	const char *name;
	json_t *value;
	size_t count = 0;

	json_object_foreach((json_t *)object, name, value) if (count < PAIRS_MAX && json_integer_value(value))
		pairs[count++] = (struct pair){name, json_integer_value(value)};
	if (!count)
		return;
	qsort(pairs, count, sizeof(pairs[0]), pair_compare);
	for (size_t i = 0; i < count; i++) {
		if (i)
			text_append_str(&line, ", ");
		text_append_i64(&line, pairs[i].number);
		text_append_char(&line, ' ');
		text_append_str(&line, pairs[i].name);
	}
	text_append_labelled(page->text, LABEL_WIDTH, page->columns, label, text_string(&line));
	page->text->failed |= line.failed;
	text_free(&line);
}

/* ---- parts of the page -------------------------------------------------------------------------------- */

static void daemon_append(const struct page *page)
{
	struct text up = {0}, began = {0};

	text_append_duration(&up, 1000 * (uint64_t)number(page, NULL, "uptime_us"), false);
	text_append_instant(&began, number(page, NULL, "started_us"));
	if (began.length > 7)
		began.length -= 7; /* without its fraction */
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "lastack", "%s on %s, Linux %s, pid %lld",
				    word(page, NULL, "version"), word(page, NULL, "host"), word(page, NULL, "kernel"),
				    number(page, NULL, "pid"));
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "up", "%s, since %s%s%s", text_string(&up),
				    text_string(&began),
				    json_is_true(json_object_get(page->status, "ready")) ? "" : ", NOT READY",
				    json_is_true(json_object_get(page->status, "stopping")) ? ", stopping" : "");
	page->text->failed |= up.failed || began.failed;
	text_free(&up);
	text_free(&began);
}

static void hooks_append(const struct page *page)
{
	const json_t *hooks = json_object_get(page->status, "hooks"), *hook;
	size_t missing = 0, i;

	json_array_foreach(hooks, i, hook) missing += !report_member(hook, NULL, "hook");
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "hooks", "%zu of %zu facts have one%s",
				    json_array_size(hooks) - missing, json_array_size(hooks),
				    missing ? "; missing:" : "");
	json_array_foreach(hooks, i, hook) if (!report_member(hook, NULL, "hook"))
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "  %s: no hook works on this kernel",
					    report_member_text(hook, NULL, "fact") ?: "?");
}

static void live_append(const struct page *page)
{
	struct text size = {0};

	text_append_size(&size, (uint64_t)number(page, "connections", "bytes"), true);
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "live",
				    "%lld connections of %lld at most, %s of memory",
				    number(page, "connections", "live"), number(page, "connections", "max"),
				    text_string(&size));
	page->text->failed |= size.failed;
	text_free(&size);
	pairs_append(page, "", report_member(page->status, "connections", "states"));
}

static void owners_append(const struct page *page)
{
	const json_t *top = report_member(page->status, "owners", "top"), *owner;
	long long others = number(page, "owners", "others"), unknown = number(page, "owners", "unknown");
	size_t i;

	json_array_foreach(top, i, owner)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, i ? "" : "owners", "%8lld  %s/%lld",
					    (long long)report_member_number(owner, NULL, "live", 0),
					    report_member_text(owner, NULL, "comm") ?: "?",
					    (long long)report_member_number(owner, NULL, "pid", 0));
	if (others)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "", "%8lld  others", others);
	if (unknown)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "", "%8lld  owner not known",
					    unknown);
}

/* The first thing to go on with, where something is wrong. */
static void findings_append(const struct page *page)
{
	const json_t *kinds = report_member(page->status, "findings", "kind"), *value;
	const char *name;
	long long all = 0;

	if (!number(page, "findings", "diagnoses"))
		return;
	json_object_foreach((json_t *)kinds, name, value) all += json_integer_value(value);
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "findings", all ? "%lld%s" : "none", all,
				    "; lastack diagnose tells of them:");
	pairs_append(page, "", kinds);
}

static void ended_append(const struct page *page)
{
	long long violations = number(page, "ended", "violations");

	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "ended", "%lld connections since the start",
				    number(page, "connections", "ended"));
	pairs_append(page, "  class", report_member(page->status, "ended", "class"));
	pairs_append(page, "  cause", report_member(page->status, "ended", "cause"));
	pairs_append(page, "  by", report_member(page->status, "ended", "initiator"));
	pairs_append(page, "  seen", report_member(page->status, "ended", "completeness"));
	if (violations)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "  RFC 9293",
					    "%lld of them with a violation", violations);
}

static void events_append(const struct page *page)
{
	long long lost = number(page, "events", "lost"), filtered = number(page, "events", "filtered");
	long long room = number(page, "tracker", "given_up_live"), unseen = number(page, "tracker", "unobserved");

	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "events", "%lld taken in, %lld lost",
				    number(page, "events", "delivered"), lost);
	pairs_append(page, "  lost", report_member(page->status, "events", "lost_of"));
	if (filtered)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "", "%lld filtered", filtered);
	if (room)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "%lld live connections were given up for want of room (max-connections)",
					    room);
	if (unseen)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "%lld connections ended without being seen", unseen);
}

static void history_append(const struct page *page)
{
	const char *why = report_member_text(page->status, "history", "why") ?: "";
	struct text size = {0};

	if (!json_object_get(page->status, "history")) {
		text_append_labelled(page->text, LABEL_WIDTH, page->columns, "history", "none is kept");
		return;
	}
	text_append_size(&size, (uint64_t)number(page, "history", "bytes"), true);
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "history",
				    "%s%s%s: %lld rows, %s; %lld written, %lld only counted, %lld expired",
				    word(page, "history", "state"), why[0] ? ", " : "", why,
				    number(page, "history", "rows"), text_string(&size),
				    number(page, "history", "written"), number(page, "history", "counted"),
				    number(page, "history", "expired"));
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "", "in %s", word(page, "history", "path"));
	if (number(page, "history", "not_stored"))
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "%lld reports are MISSING: the disk could not take them",
					    number(page, "history", "not_stored"));
	page->text->failed |= size.failed;
	text_free(&size);
}

static void stores_append(const struct page *page)
{
	history_append(page);
	if (json_object_get(page->status, "writer") && number(page, "writer", "dropped"))
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "%lld reports were DROPPED: the disk was too slow",
					    number(page, "writer", "dropped"));
	if (!json_object_get(page->status, "files"))
		return;
	text_append_labelled_format(
		page->text, LABEL_WIDTH, page->columns, "files", "%s%s: %lld lines in %lld finished files in %s",
		json_is_true(report_member(page->status, "files", "failing")) ? "FAILING, " : "writing",
		json_is_true(report_member(page->status, "files", "failing")) ? word(page, "files", "why") : "",
		number(page, "files", "lines"), number(page, "files", "files"), word(page, "files", "directory"));
	if (number(page, "files", "lost"))
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "%lld lines are MISSING: they could not be written",
					    number(page, "files", "lost"));
}

static void audit_append(const struct page *page)
{
	const json_t *unexplained = report_member(page->status, "audit", "unexplained"), *row;
	struct text last = {0};
	size_t i;

	if (!number(page, "audit", "audits")) {
		text_append_labelled(page->text, LABEL_WIDTH, page->columns, "audit", "none yet");
		return;
	}
	text_append_time_of_day(&last, number(page, "audit", "wall_us"), false);
	text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "audit",
				    "%lld done, the last at %s over %lld namespaces; %s",
				    number(page, "audit", "audits"), text_string(&last), number(page, "audit", "netns"),
				    json_array_size(unexplained)
					    ? "differences from the kernel's own counters UNEXPLAINED since the start:"
					    : "the kernel's own counters agree or the difference is explained");
	json_array_foreach(unexplained, i, row)
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, "",
					    "  %s: %lld times; in the last window kernel %+lld, lastack %+lld",
					    report_member_text(row, NULL, "counter") ?: "?",
					    (long long)report_member_number(row, NULL, "rows", 0),
					    (long long)report_member_number(row, NULL, "kernel", 0),
					    (long long)report_member_number(row, NULL, "lastack", 0));
	page->text->failed |= last.failed;
	text_free(&last);
}

static void servers_append(const struct page *page)
{
	static const char *const servers[] = {"control", "http"};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		long long refused = number(page, servers[i], "refused"), late = number(page, servers[i], "timed_out");
		long long dropped = number(page, servers[i], "dropped");

		if (!refused && !late && !dropped && !number(page, servers[i], "requests"))
			continue;
		text_append_labelled_format(page->text, LABEL_WIDTH, page->columns, servers[i],
					    "clients %lld, requests %lld, answered with an error %lld",
					    number(page, servers[i], "clients"), number(page, servers[i], "requests"),
					    number(page, servers[i], "errors"));
		if (refused || late || dropped)
			text_append_labelled_format(
				page->text, LABEL_WIDTH, page->columns, "",
				"%lld refused, %lld cut off for being slow, %lld lines lost by slow followers", refused,
				late, dropped);
	}
}

void status_page_append(struct text *text, const json_t *status, unsigned columns)
{
	struct page page = {text, status, columns};

	daemon_append(&page);
	hooks_append(&page);
	live_append(&page);
	owners_append(&page);
	findings_append(&page);
	ended_append(&page);
	events_append(&page);
	stores_append(&page);
	audit_append(&page);
	servers_append(&page);
}
