/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_names.c: see finding_names.h. The lines are the daemon's: what is not as expected stays as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report_read.h"
#include "report/text.h"
#include "symbols/finding_names.h"

static bool build_id_read(const char *text, uint8_t build_id[EVENT_BUILD_ID_BYTES])
{
	if (!text || strlen(text) != 2 * EVENT_BUILD_ID_BYTES)
		return false;
	for (unsigned i = 0; i < EVENT_BUILD_ID_BYTES; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		build_id[i] = (uint8_t)byte;
	}
	return true;
}

static struct event_frame frame_read(const json_t *object)
{
	const char *address = report_member_text(object, NULL, "address");
	struct event_frame frame = {.kind = FRAME_ADDRESS};

	frame.place = address ? strtoull(address, NULL, 16) : 0;
	if (build_id_read(report_member_text(object, NULL, "build_id"), frame.build_id))
		frame.kind = FRAME_FILE;
	return frame;
}

static void text_set(json_t *object, const char *name, const char *value)
{
	json_t *text = value ? json_string(value) : NULL;

	/* A path or name that is no UTF-8 is not told. */
	json_object_set_new(object, name, text ? text : json_null());
}

static void place_set(json_t *object, const struct event_frame *frame)
{
	char build_id[2 * EVENT_BUILD_ID_BYTES + 1], address[32];

	for (unsigned i = 0; i < EVENT_BUILD_ID_BYTES; i++)
		snprintf(build_id + 2 * i, 3, "%02x", frame->build_id[i]);
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)frame->place);
	text_set(object, "build_id", frame->kind == FRAME_FILE ? build_id : NULL);
	text_set(object, "address", address);
}

/* False: it is none. */
static bool frame_name(json_t *object, uint32_t pid, struct symbols *symbols)
{
	struct event_frame frame = frame_read(object);
	struct symbol symbol;

	symbols_find(symbols, pid, &frame, &symbol);
	place_set(object, &symbol.frame);
	text_set(object, "module", symbol.module);
	text_set(object, "function", symbol.function);
	json_object_set_new(object, "offset", symbol.function ? json_integer((json_int_t)symbol.offset) : json_null());
	text_set(object, "file", symbol.file);
	json_object_set_new(object, "line", symbol.file ? json_integer(symbol.line) : json_null());
	return !symbol.no_code;
}

static uint64_t hex_read(const json_t *text)
{
	const char *digits = json_string_value(text);

	return digits ? strtoull(digits, NULL, 16) : 0;
}

/* Puts the caller of the innermost function behind it, where the kernel passed over it. */
static void caller_put(json_t *stack, uint32_t pid, const struct symbols *symbols)
{
	json_t *frames = json_object_get(stack, "frames"), *tops = json_object_get(stack, "tops");
	struct symbol_top top = {.address = hex_read(json_object_get(stack, "at"))};
	struct event_frame innermost = frame_read(json_array_get(frames, 0)), caller;
	json_t *object;

	for (unsigned i = 0; i < EVENT_STACK_TOPS; i++)
		top.words[i] = hex_read(json_array_get(tops, i));
	if (!json_array_size(frames) || !symbols_caller(symbols, pid, &innermost, &top, &caller))
		return;
	object = json_copy(json_array_get(frames, 0)); /* the same keys in the same order */
	place_set(object, &caller);
	json_array_insert_new(frames, 1, object);
}

static void stack_name(json_t *stack, struct symbols *symbols)
{
	json_t *frames = json_object_get(stack, "frames");
	uint32_t pid = (uint32_t)report_member_number(stack, NULL, "pid", 0);
	json_t *frame;
	size_t i;

	caller_put(stack, pid, symbols);
	json_array_foreach(frames, i, frame)
	{
		if (!frame_name(frame, pid, symbols))
			break;
	}
	/* A program that uses the frame pointer for something else led the kernel there: what follows is worth nothing.
	 */
	while (json_array_size(frames) > i && i > 0)
		json_array_remove(frames, json_array_size(frames) - 1);
	json_object_del(stack, "pid");
	json_object_del(stack, "at");
	json_object_del(stack, "tops");
}

/* ---- what is one place ------------------------------------------------------------------------------------- */

static int64_t count_of(const json_t *stack)
{
	return report_member_number(stack, NULL, "count", 0);
}

static bool is_same_place(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "frames"), json_object_get(b, "frames")) &&
	       json_equal(json_object_get(a, "call"), json_object_get(b, "call"));
}

/* Into the sorted ones, or added to one of them. */
static void stack_put(json_t *sorted, json_t *stack)
{
	size_t at = json_array_size(sorted);
	json_t *other;
	size_t i;

	json_array_foreach(sorted, i, other)
	{
		if (!is_same_place(other, stack))
			continue;
		json_object_set_new(stack, "count", json_integer(count_of(stack) + count_of(other)));
		json_array_remove(sorted, i);
		at--;
		break;
	}
	while (at > 0 && count_of(json_array_get(sorted, at - 1)) < count_of(stack))
		at--;
	json_array_insert(sorted, at, stack);
}

void finding_names_put(json_t *finding, struct symbols *symbols)
{
	json_t *stacks = json_object_get(finding, "stacks"), *sorted = json_array(), *stack, *process;
	json_t *owners = json_object_get(json_object_get(finding, "owner"), "pids");
	size_t i;

	/* Who holds the connections may be a child of who opened them, and have its files still. */
	if (!json_array_size(stacks))
		owners = NULL;
	json_array_foreach(owners, i, process)
	{
		symbols_add(symbols, (uint32_t)report_member_number(process, NULL, "pid", 0));
	}
	json_array_foreach(stacks, i, stack)
	{
		symbols_add(symbols, (uint32_t)report_member_number(stack, NULL, "pid", 0));
	}
	json_array_foreach(stacks, i, stack)
	{
		stack_name(stack, symbols);
		stack_put(sorted, stack);
	}
	if (json_is_array(stacks) && sorted)
		json_object_set(finding, "stacks", sorted);
	json_decref(sorted);
}
