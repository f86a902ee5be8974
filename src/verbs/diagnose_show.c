/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnose_show.c: see diagnose_show.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/finding_line.h"
#include "report/json_memory.h"
#include "report/report_read.h"
#include "symbols/finding_names.h"
#include "verbs/ask.h"
#include "verbs/diagnose_show.h"

static __attribute__((noreturn)) void no_memory(void)
{
	exit(verb_fail(EXIT_FAILED, diagnose_verb.name, "stacks", strerror(ENOMEM)));
}

/* Processes have come and gone since the last round, and load what they like. */
void diagnose_show_begin(struct diagnose_show *show)
{
	show->findings = 0;
	symbols_destroy(show->symbols);
	show->symbols = show->stacks ? symbols_create(no_memory) : NULL;
	if (show->stacks && !show->symbols)
		fprintf(stderr, "lastack: %s: stacks: no memory for the names in them\n", show->verb);
}

void diagnose_show_free(struct diagnose_show *show)
{
	symbols_destroy(show->symbols);
	text_free(&show->text);
	text_free(&show->blocks);
}

static void heading_append(struct diagnose_show *show, const json_t *sum)
{
	long long live = (long long)report_member_number(sum, NULL, "live", 0);
	long long listeners = (long long)report_member_number(sum, NULL, "listeners", 0);
	char words[160];

	snprintf(words, sizeof(words), "%u finding%s in %lld live connection%s and %lld listener%s\n", show->findings,
		 show->findings == 1 ? "" : "s", live, live == 1 ? "" : "s", listeners, listeners == 1 ? "" : "s");
	if (show->clears)
		text_append_str(&show->text, "\033[H\033[J");
	text_append_str(&show->text, words);
}

/* What the tables had no room for. */
static void more_append(struct diagnose_show *show, const json_t *sum)
{
	json_t *others = json_object_get(sum, "others"), *count;
	long long more = (long long)report_member_number(sum, NULL, "findings_more", 0);
	long long refused = (long long)report_member_number(sum, NULL, "stacks_refused", 0);
	const char *kind;

	if (refused) {
		text_append_i64(&show->text, refused);
		text_append_str(&show->text, " connections have no stack because there was no room for it\n");
	}
	if (more) {
		text_append_i64(&show->text, more);
		text_append_str(&show->text, " lesser findings are left out\n");
	}
	json_object_foreach(others, kind, count)
	{
		text_append_printable(&show->text, kind, strlen(kind));
		text_append_str(&show->text, ": ");
		text_append_i64(&show->text, json_integer_value(count));
		text_append_str(&show->text, " connections more, of owners that there was no room for\n");
	}
}

static bool sum_show(struct diagnose_show *show, const json_t *sum)
{
	heading_append(show, sum);
	show->text.failed |= show->blocks.failed;
	text_append(&show->text, show->blocks.data, show->blocks.length);
	more_append(show, sum);
	text_clear(&show->blocks);
	return ask_write(&show->text);
}

static bool is_sum(const json_t *object)
{
	const char *type = report_member_text(object, NULL, "type");

	return type && !strcmp(type, "diagnosis");
}

/* The line as it came, or, where names were put into the object, another. */
static bool json_show(struct diagnose_show *show, const json_t *object, const char *line, size_t length)
{
	if (show->symbols)
		json_append(object, &show->text);
	else
		text_append(&show->text, line, length);
	text_append_char(&show->text, '\n');
	return ask_write(&show->text);
}

static bool object_show(struct diagnose_show *show, json_t *object, const char *line, size_t length)
{
	if (is_sum(object))
		return show->json || sum_show(show, object);
	show->findings++;
	if (show->symbols) {
		finding_names_put(object, show->symbols);
		(show->json ? &show->text : &show->blocks)->failed |= json_memory_lacked();
	}
	if (show->json)
		return json_show(show, object, line, length);
	text_append_char(&show->blocks, '\n');
	if (!finding_block(&show->blocks, object, show->findings, show->columns))
		return true;
	verb_fail(EXIT_FAILED, show->verb, "a line of the daemon is not understood", "not a value that it can have");
	show->failed = true;
	return false;
}

bool diagnose_show_line(void *arg, const char *line, size_t length)
{
	struct diagnose_show *show = arg;
	json_t *object = ask_load(show->verb, line, length);
	bool goes_on = object && object_show(show, object, line, length);

	show->failed |= !object;
	json_decref(object);
	return goes_on;
}
