/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_stacks.c: where in a program the connections of a finding were opened or accepted: as JSON, raw; and that
 * JSON, with names or without, for a person. See finding_line.h. What a frame is called it does not find out.
 */
#include "report/finding_line.h"
#include "report/names.h"
#include "report/report_read.h"

#define STACKS_SHOWN 3
#define FRAMES_SHOWN 8
#define LABEL_WIDTH  7
#define FRAME_INDENT 2
#define LEAST_COLUMN 24

static const char *const call_array[] = {[STACK_CONNECT] = "connect", [STACK_ACCEPT] = "accept"};
static const struct name_table call_names = {call_array, 2};

/* As many digits as it has. */
static void append_hex(struct text *text, uint64_t value)
{
	unsigned digits = 1;

	while (digits < 16 && value >> 4 * digits)
		digits++;
	text_append_str(text, "0x");
	text_append_hex(text, value, digits);
}

/* ---- JSON ------------------------------------------------------------------------------------------------- */

/* The names are for whoever finds them; the keys are always there. */
static void append_frame(struct text *text, const struct event_frame *frame)
{
	text_append_str(text, "{\"function\":null,\"offset\":null,\"module\":null,\"file\":null,\"line\":null,"
			      "\"build_id\":");
	if (frame->kind == FRAME_FILE) {
		text_append_char(text, '"');
		for (unsigned i = 0; i < EVENT_BUILD_ID_BYTES; i++)
			text_append_hex(text, frame->build_id[i], 2);
		text_append_char(text, '"');
	} else {
		text_append_str(text, "null");
	}
	text_append_str(text, ",\"address\":\"");
	append_hex(text, frame->place);
	text_append_str(text, "\"}");
}

static void append_stack(struct text *text, const struct stack *stack, uint32_t count)
{
	text_append_str(text, "{\"count\":");
	text_append_u64(text, count);
	text_append_str(text, ",\"call\":\"");
	text_append_str(text, name_of(&call_names, stack->call));
	text_append_str(text, "\",\"pid\":");
	text_append_u64(text, stack->pid);
	text_append_str(text, ",\"at\":\"");
	append_hex(text, stack->address);
	text_append_str(text, "\",\"tops\":[");
	for (unsigned i = 0; i < EVENT_STACK_TOPS; i++) {
		text_append_str(text, i ? ",\"" : "\"");
		append_hex(text, stack->tops[i]);
		text_append_char(text, '"');
	}
	text_append_str(text, "],\"frames\":[");
	for (uint8_t i = 0; i < stack->frame_count; i++) {
		if (i)
			text_append_char(text, ',');
		append_frame(text, &stack->frames[i]);
	}
	text_append_str(text, "]}");
}

/* Connections behind a finding; a listener is none. */
static uint64_t connections_of(const struct finding *finding)
{
	uint64_t count = finding->peers_more;

	for (uint32_t i = 0; i < finding->peer_count; i++)
		count += finding->peers[i].count;
	return count;
}

void finding_stacks_json(struct text *text, const struct finding_source *source)
{
	const struct finding *finding = source->finding;
	uint64_t told = finding->stacks_more, all = connections_of(finding);
	bool first = true;

	if (!source->stack) {
		text_append_str(text, ",\"stacks\":null,\"stacks_more\":null,\"stacks_unknown\":null");
		return;
	}
	text_append_str(text, ",\"stacks\":[");
	for (uint32_t i = 0; i < finding->stack_count; i++) {
		const struct stack *stack = source->stack(source->arg, finding->stacks[i].id);

		if (!stack)
			continue;
		if (!first)
			text_append_char(text, ',');
		append_stack(text, stack, finding->stacks[i].count);
		told += finding->stacks[i].count;
		first = false;
	}
	text_append_str(text, "],\"stacks_more\":");
	text_append_u64(text, finding->stacks_more);
	text_append_str(text, ",\"stacks_unknown\":");
	text_append_u64(text, all > told ? all - told : 0);
}

/* ---- for a person ---------------------------------------------------------------------------------------- */

struct stacks_block {
	struct text *text;
	struct text words;
	unsigned indent, width;
	bool labelled;
};

/* One line, cut where the terminal ends; the first of all has the label. */
static void line_end(struct stacks_block *block, unsigned deeper)
{
	unsigned column = block->indent + LABEL_WIDTH + deeper;
	unsigned room = block->width > column + LEAST_COLUMN ? block->width - column : LEAST_COLUMN;
	size_t length = block->words.length;

	text_append_column(block->text, "", 0, block->indent, false);
	text_append_column(block->text, "at", block->labelled ? 0 : 2, LABEL_WIDTH + deeper, false);
	if (length > room)
		text_append_column(block->text, block->words.data, length, room, false);
	else
		text_append_printable(block->text, text_string(&block->words), length);
	text_append_char(block->text, '\n');
	block->text->failed |= block->words.failed;
	block->labelled = true;
	text_clear(&block->words);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void frame_append(struct stacks_block *block, const json_t *frame)
{
	const char *function = report_member_text(frame, NULL, "function");
	const char *module = report_member_text(frame, NULL, "module"), *file = report_member_text(frame, NULL, "file");
	const char *address = report_member_text(frame, NULL, "address") ?: "?";
	struct text *words = &block->words;

	text_append_str(words, function ?: address);
	if (function) {
		text_append_char(words, '+');
		append_hex(words, (uint64_t)report_member_number(frame, NULL, "offset", 0));
	}
	text_append_str(words, " (");
	if (file) {
		text_append_str(words, last_part(file));
		text_append_char(words, ':');
		text_append_i64(words, report_member_number(frame, NULL, "line", 0));
	} else if (module) {
		text_append_str(words, last_part(module));
	} else if (report_member_text(frame, NULL, "build_id")) {
		text_append_str(words, "build id ");
		text_append(words, report_member_text(frame, NULL, "build_id"), 8);
	} else {
		text_append_str(words, "no file");
	}
	text_append_char(words, ')');
	line_end(block, FRAME_INDENT);
}

static void count_line(struct stacks_block *block, int64_t count, const char *what)
{
	if (count <= 0)
		return;
	text_append_i64(&block->words, count);
	text_append_str(&block->words, what);
	line_end(block, 0);
}

static void stack_append(struct stacks_block *block, const json_t *stack)
{
	const char *call = report_member_text(stack, NULL, "call") ?: "";
	const json_t *frames = json_object_get(stack, "frames"), *frame;
	size_t i, count = json_array_size(frames);

	count_line(block, report_member_number(stack, NULL, "count", 0),
		   strcmp(call, "accept") != 0 ? " opened by" : " accepted by");
	json_array_foreach((json_t *)frames, i, frame)
	{
		if (i == FRAMES_SHOWN)
			break;
		frame_append(block, frame);
	}
	if (count > FRAMES_SHOWN) {
		text_append_u64(&block->words, count - FRAMES_SHOWN);
		text_append_str(&block->words, " frames more");
		line_end(block, FRAME_INDENT);
	}
}

void finding_stacks_block(struct text *text, const json_t *object, unsigned indent, unsigned width)
{
	const json_t *stacks = json_object_get(object, "stacks"), *stack;
	int64_t more = report_member_number(object, NULL, "stacks_more", 0);
	struct stacks_block block = {.text = text, .indent = indent, .width = width};
	size_t i;

	json_array_foreach((json_t *)stacks, i, stack)
	{
		if (i < STACKS_SHOWN)
			stack_append(&block, stack);
		else
			more += report_member_number(stack, NULL, "count", 0);
	}
	count_line(&block, more, " elsewhere");
	count_line(&block, report_member_number(object, NULL, "stacks_unknown", 0),
		   " not seen: they are older, or came by io_uring");
	text_free(&block.words);
}
