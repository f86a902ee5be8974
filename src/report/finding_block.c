/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_block.c: a finding for a person: a title, a sentence, then what it rests on and what to do, as wide as the
 * terminal; see finding_line.h. Its input is the JSON object, so that the daemon's and one's own look alike.
 */
#include <errno.h>
#include <string.h>

#include "report/finding_line.h"
#include "report/live_line.h"
#include "report/report_read.h"

#define WIDTH_USUAL  80
#define INDENT       3
#define LABEL_WIDTH  7
#define PEERS_SHOWN  4
#define LEAST_COLUMN 24 /* of words beside a label, however narrow the terminal */

struct block {
	struct text *text;
	unsigned width;
};

/* Words from column `indent` on, broken at blanks; `at` is the column where the first one goes. */
static void words_append(struct block *block, const char *words, unsigned at, unsigned indent)
{
	unsigned width = block->width > indent + LEAST_COLUMN ? block->width : indent + LEAST_COLUMN;
	bool begins = true;

	while (*words) {
		size_t length = strcspn(words, " ");

		if (!begins && at + 1 + length > width) {
			text_append_char(block->text, '\n');
			text_append_column(block->text, "", 0, indent, false);
			at = indent;
			begins = true;
		}
		if (!begins)
			text_append_char(block->text, ' ');
		text_append_printable(block->text, words, length);
		at += (unsigned)length + !begins;
		begins = false;
		words += length + strspn(words + length, " ");
	}
	text_append_char(block->text, '\n');
}

static void labelled_append(struct block *block, const char *label, const char *words)
{
	text_append_column(block->text, "", 0, INDENT, false);
	text_append_column(block->text, label, strlen(label), LABEL_WIDTH, false);
	words_append(block, words, INDENT + LABEL_WIDTH, INDENT + LABEL_WIDTH);
}

/* A text is made aside, then broken into lines. */
static void labelled_text(struct block *block, const char *label, struct text *words)
{
	if (words->length)
		labelled_append(block, label, text_string(words));
	block->text->failed |= words->failed;
	text_reuse(words);
}

/* ---- parts -------------------------------------------------------------------------------------------------- */

/* "close_wait_leak" as "CLOSE_WAIT leak" would need a table of its own: the name is what JSON and metrics say too. */
static void title_append(struct block *block, const json_t *object, unsigned number, struct text *words)
{
	int64_t age_us = report_member_number(object, NULL, "age_us", -1);
	int64_t growth = report_member_number(object, NULL, "growth", 0);

	text_append_u64(words, number);
	text_append_str(words, ". ");
	text_append_str(words, report_member_text(object, NULL, "kind"));
	text_append_str(words, ": ");
	text_append_i64(words, report_member_number(object, NULL, "count", 0));
	if (age_us >= 0) {
		text_append_str(words, ", oldest ");
		text_append_duration(words, (uint64_t)age_us * 1000, true);
	}
	if (growth) {
		text_append_str(words, growth > 0 ? ", +" : ", ");
		text_append_i64(words, growth);
		text_append_str(words, " in ");
		text_append_duration(words, (uint64_t)report_member_number(object, NULL, "growth_us", 0) * 1000, true);
	}
	text_append_str(words, " (");
	text_append_str(words, report_member_text(object, NULL, "certainty"));
	text_append_char(words, ')');
	words_append(block, text_string(words), 0, INDENT);
	text_reuse(words);
}

static void number_in_brackets(struct text *words, int64_t number)
{
	text_append_str(words, " (");
	text_append_i64(words, number);
	text_append_char(words, ')');
}

/* "812", or "8 processes: 812 (120), 813 (44), others (648)". */
static void processes_append(const json_t *object, struct text *words)
{
	const json_t *pids = json_object_get(json_object_get(object, "owner"), "pids"), *process;
	int64_t others = report_member_number(object, NULL, "count", 0);
	size_t i;

	if (report_member_number(object, "owner", "processes", 1) < 2) {
		text_append_str(words, "pid ");
		text_append_i64(words, report_member_number(object, "owner", "pid", 0));
		return;
	}
	text_append_i64(words, report_member_number(object, "owner", "processes", 0));
	text_append_str(words, " processes: ");
	json_array_foreach((json_t *)pids, i, process)
	{
		text_append_str(words, i ? ", " : "");
		text_append_i64(words, report_member_number(process, NULL, "pid", 0));
		number_in_brackets(words, report_member_number(process, NULL, "count", 0));
		others -= report_member_number(process, NULL, "count", 0);
	}
	if (others > 0) {
		text_append_str(words, ", others");
		number_in_brackets(words, others);
	}
}

static void owner_append(struct block *block, const json_t *object, struct text *words)
{
	const char *comm = report_member_text(object, "owner", "comm"), *cgroup, *container;
	int64_t netns = report_member_number(object, NULL, "netns", 0);

	if (!comm && !netns)
		return;
	if (!comm) { /* without an owner it is at least known where */
		text_append_i64(words, netns);
		labelled_text(block, "netns", words);
		return;
	}
	text_append_str(words, comm);
	text_append_str(words, ", ");
	processes_append(object, words);
	cgroup = report_member_text(object, "owner", "cgroup");
	container = report_member_text(object, "owner", "container_id");
	if (container) {
		text_append_str(words, ", container ");
		text_append(words, container, strnlen(container, 12));
	} else if (cgroup && strcmp(cgroup, "/")) { /* the root's tells nothing */
		text_append_str(words, ", ");
		text_append_str(words, cgroup);
	}
	labelled_text(block, "who", words);
}

static void peers_append(struct block *block, const json_t *object, struct text *words)
{
	const json_t *peers = json_object_get(object, "peers"), *peer;
	int64_t more = report_member_number(object, NULL, "peers_more", 0);
	size_t i;

	json_array_foreach((json_t *)peers, i, peer)
	{
		int64_t count = report_member_number(peer, NULL, "count", 0);

		if (i >= PEERS_SHOWN) {
			more += count;
			continue;
		}
		if (i)
			text_append_str(words, ", ");
		text_append_str(words, report_member_text(peer, NULL, "prefix") ?: "?");
		number_in_brackets(words, count);
	}
	if (more) {
		text_append_str(words, ", others");
		number_in_brackets(words, more);
	}
	labelled_text(block, "peers", words);
}

static void descriptors_append(struct block *block, const json_t *object, struct text *words)
{
	const json_t *descriptors = json_object_get(object, "descriptors"), *descriptor;
	int64_t more = report_member_number(object, NULL, "descriptors_more", 0);
	size_t i;

	json_array_foreach((json_t *)descriptors, i, descriptor)
	{
		if (i)
			text_append_char(words, ' ');
		text_append_i64(words, json_integer_value(descriptor));
	}
	if (more) {
		text_append_str(words, " and ");
		text_append_i64(words, more);
		text_append_str(words, " more");
	}
	if (words->length && report_member_number(object, "owner", "processes", 1) > 1) {
		text_append_str(words, " of the first of them");
	}
	labelled_text(block, "fds", words);
}

static void facts_append(struct block *block, const json_t *object, struct text *words)
{
	const json_t *evidence = json_object_get(object, "evidence"), *fact;
	size_t i;

	json_array_foreach((json_t *)evidence, i, fact)
	{
		if (i)
			text_append_str(words, "; ");
		text_append_str(words, json_string_value(fact) ?: "?");
	}
	labelled_text(block, "seen", words);
}

static void connections_append(struct block *block, const json_t *object)
{
	const json_t *connections = json_object_get(object, "connections"), *connection;
	struct column_layout layout;
	size_t i;

	if (!json_array_size(connections))
		return;
	live_line_layout(&layout, block->width > INDENT ? block->width - INDENT : 0);
	text_append_column(block->text, "", 0, INDENT, false);
	column_layout_header(&layout, block->text);
	text_append_char(block->text, '\n');
	json_array_foreach((json_t *)connections, i, connection)
	{
		size_t before = block->text->length;

		text_append_column(block->text, "", 0, INDENT, false);
		if (live_line_row(&layout, connection, block->text))
			block->text->length = before;
	}
}

static bool is_finding(const json_t *object)
{
	return report_member_text(object, NULL, "kind") && report_member_text(object, NULL, "certainty") &&
	       report_member_text(object, NULL, "explain") && report_member_text(object, NULL, "advice") &&
	       report_member_text(object, NULL, "why");
}

int finding_block(struct text *text, const json_t *object, unsigned number, unsigned width)
{
	const char *command = report_member_text(object, NULL, "command");
	struct block block = {text, width ? width : WIDTH_USUAL};
	struct text words = {0};

	if (!is_finding(object))
		return -EBADMSG;
	title_append(&block, object, number, &words);
	text_append_column(text, "", 0, INDENT, false);
	words_append(&block, report_member_text(object, NULL, "explain"), INDENT, INDENT);
	owner_append(&block, object, &words);
	peers_append(&block, object, &words);
	descriptors_append(&block, object, &words);
	facts_append(&block, object, &words);
	labelled_append(&block, "sure", report_member_text(object, NULL, "why"));
	labelled_append(&block, "do", report_member_text(object, NULL, "advice"));
	if (command && command[0])
		labelled_append(&block, "run", command);
	finding_stacks_block(text, object, INDENT, block.width);
	connections_append(&block, object);
	text->failed |= words.failed;
	text_free(&words);
	return 0;
}
