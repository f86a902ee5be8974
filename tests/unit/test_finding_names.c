// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_finding_names.c: the stacks of a finding, from what the tracker keeps to what a person reads: raw as JSON, named
 * by the files of this very process, put together where they are one place, by the schema, and at 80 columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <unistd.h>

#include "report/finding_line.h"
#include "schema_check.h"
#include "symbols/finding_names.h"

#define STACKS 3

static const struct report_context context;
static struct stack *stacks[STACKS];

/* What is looked for. It must be more than one instruction, and stay. */
__attribute__((noinline)) int place_one(int value);
__attribute__((noinline)) int place_two(int value);

int place_one(int value)
{
	__asm__ volatile("" : "+r"(value));
	return value * 3;
}

int place_two(int value)
{
	__asm__ volatile("" : "+r"(value));
	return value * 5;
}

/* ---- this process's own frames ------------------------------------------------------------------------------- */

/* The build id of this program, by another way than the one under test. */
static void own_build_id(uint8_t build_id[EVENT_BUILD_ID_BYTES])
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
	};
	Dwfl *dwfl = dwfl_begin(&callbacks);
	Dwfl_Module *module;
	const unsigned char *bits;
	GElf_Addr address;
	Elf *elf;
	GElf_Addr bias;

	assert_int_equal(dwfl_linux_proc_report(dwfl, getpid()), 0);
	dwfl_report_end(dwfl, NULL, NULL);
	module = dwfl_addrmodule(dwfl, (Dwarf_Addr)(uintptr_t)place_one);
	elf = dwfl_module_getelf(module, &bias);
	assert_non_null(elf);
	assert_int_equal(dwfl_module_build_id(module, &bits, &address), EVENT_BUILD_ID_BYTES);
	memcpy(build_id, bits, EVENT_BUILD_ID_BYTES);
	dwfl_end(dwfl);
}

/* Where in its file an address of this process stands. */
static uint64_t file_offset(const void *address)
{
	unsigned long begin, end, offset, wanted = (unsigned long)(uintptr_t)address;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096];
	uint64_t found = 0;

	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx", &begin, &end, &offset) == 3 && wanted >= begin && wanted < end)
			found = wanted - begin + offset;
	fclose(maps);
	assert_true(found > 0);
	return found;
}

static struct event_frame frame_in_file(int (*function)(int value), unsigned offset)
{
	struct event_frame frame = {.kind = FRAME_FILE, .place = file_offset((const void *)function) + offset};

	own_build_id(frame.build_id);
	return frame;
}

static struct event_frame frame_at(int (*function)(int value), unsigned offset)
{
	return (struct event_frame){.kind = FRAME_ADDRESS, .place = (uint64_t)(uintptr_t)function + offset};
}

/* ---- a finding --------------------------------------------------------------------------------------------------- */

static const struct stack *stack_find(void *arg, uint64_t id)
{
	(void)arg;
	return id && id <= STACKS ? stacks[id - 1] : NULL;
}

static void stack_put(unsigned at, uint8_t call, unsigned count, const struct event_frame *frames)
{
	struct stack *stack = calloc(1, sizeof(*stack) + count * sizeof(*frames));

	free(stacks[at]);
	stack->id = at + 1;
	stack->pid = (uint32_t)getpid();
	stack->call = call;
	stack->frame_count = (uint8_t)count;
	memcpy(stack->frames, frames, count * sizeof(*frames));
	stacks[at] = stack;
}

static json_t *finding_load(const struct finding *finding)
{
	struct finding_source source = {.finding = finding, .context = &context, .stack = stack_find};
	struct text text = {0};
	json_t *json;

	finding_json(&text, &source);
	json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		fail_msg("%s", text_string(&text));
	text_free(&text);
	return json;
}

/* Eight connections: two, four and one by stacks, and one that none was seen of. */
static struct finding finding_make(void)
{
	struct event_frame one[] = {frame_in_file(place_one, 2), frame_in_file(place_two, 3)};
	struct event_frame same[] = {frame_at(place_one, 2), frame_at(place_two, 3)};
	struct event_frame strange[] = {{FRAME_FILE, {0xab, 0xcd}, 0x1234}, {FRAME_ADDRESS, {0}, 0x10}};

	stack_put(0, STACK_ACCEPT, 2, one);
	stack_put(1, STACK_CONNECT, 2, strange);
	stack_put(2, STACK_ACCEPT, 2, same);
	return (struct finding){
		.kind = FINDING_CLOSE_WAIT_LEAK,
		.count = 8,
		.pid = (uint32_t)getpid(),
		.comm = "leaker",
		.process_count = 1,
		.processes = {{(uint32_t)getpid(), 8}},
		.peer_count = 1,
		.peers = {{{4, 24, {10}}, 8}},
		.stack_count = 3,
		.stacks = {{1, 2}, {2, 4}, {3, 1}},
	};
}

static json_t *named(const struct finding *finding)
{
	struct symbols *symbols = symbols_create(abort);
	json_t *json = finding_load(finding);

	finding_names_put(json, symbols);
	symbols_destroy(symbols);
	return json;
}

static const json_t *frame_of(const json_t *finding, size_t stack, size_t frame)
{
	return json_array_get(json_object_get(json_array_get(json_object_get(finding, "stacks"), stack), "frames"),
			      frame);
}

static const char *word(const json_t *frame, const char *name)
{
	return json_string_value(json_object_get(frame, name));
}

static void names_come_from_the_files(void **state)
{
	struct finding finding = finding_make();
	json_t *json = named(&finding), *stack = json_array_get(json_object_get(json, "stacks"), 1);

	(void)state;
	/* Told by build id and by address it is one place; more were opened elsewhere, which comes first. */
	assert_int_equal(json_array_size(json_object_get(json, "stacks")), 2);
	assert_int_equal(json_integer_value(json_object_get(stack, "count")), 3);
	assert_string_equal(word(stack, "call"), "accept");
	assert_string_equal(word(frame_of(json, 1, 0), "function"), "place_one");
	assert_int_equal(json_integer_value(json_object_get(frame_of(json, 1, 0), "offset")), 2);
	assert_string_equal(word(frame_of(json, 1, 1), "function"), "place_two");
	assert_int_equal(json_integer_value(json_object_get(frame_of(json, 1, 1), "offset")), 3);
	assert_non_null(strstr(word(frame_of(json, 1, 0), "file"), "test_finding_names.c"));
	assert_true(json_integer_value(json_object_get(frame_of(json, 1, 0), "line")) > 0);
	assert_non_null(strstr(word(frame_of(json, 1, 0), "module"), "test_finding_names"));
	json_decref(json);
}

/* A file that nobody maps, and an address that is none: they are told as they are, without a name. */
static void what_is_not_known_has_no_name(void **state)
{
	struct finding finding = finding_make();
	json_t *json;

	(void)state;
	finding.stacks[1].count = 9;
	json = named(&finding);
	assert_true(json_is_null(json_object_get(frame_of(json, 0, 0), "function")));
	assert_true(json_is_null(json_object_get(frame_of(json, 0, 0), "module")));
	assert_string_equal(word(frame_of(json, 0, 0), "address"), "0x1234");
	assert_string_equal(word(frame_of(json, 0, 0), "build_id"), "abcd000000000000000000000000000000000000");
	assert_null(frame_of(json, 0, 1)); /* this process has no code there: it is no frame */
	json_decref(json);
	/* Nor has anything of a process that is not there. */
	for (unsigned i = 0; i < STACKS; i++)
		stacks[i]->pid = 0x7fffffff;
	finding.process_count = 0;
	json = named(&finding);
	assert_true(json_is_null(json_object_get(frame_of(json, 1, 0), "function")));
	assert_true(json_is_null(json_object_get(frame_of(json, 0, 1), "module")));
	assert_true(json_is_null(json_object_get(frame_of(json, 0, 1), "build_id")));
	assert_string_equal(word(frame_of(json, 0, 1), "address"), "0x10");
	assert_int_equal(json_array_size(json_object_get(json, "stacks")), 3);
	json_decref(json);
}

/* Nor is what stands in a file, but not among its code, nor anything behind it. */
static void frames_end_where_code_does(void **state)
{
	static int variable = 1;
	struct finding finding = finding_make();
	struct event_frame frames[] = {frame_in_file(place_one, 2), frame_in_file(place_one, 2),
				       frame_in_file(place_two, 3)};
	json_t *json;

	(void)state;
	frames[1].place = file_offset(&variable);
	stack_put(0, STACK_ACCEPT, 3, frames);
	json = named(&finding);
	assert_string_equal(word(frame_of(json, 1, 0), "function"), "place_one");
	assert_null(frame_of(json, 1, 1));
	json_decref(json);
}

/* The child who holds the connections has the files of the parent who opened them and has gone. */
static void a_build_id_outlives_its_process(void **state)
{
	struct finding finding = finding_make();
	json_t *json;

	(void)state;
	for (unsigned i = 0; i < STACKS; i++)
		stacks[i]->pid = 0x7fffffff;
	json = named(&finding);
	assert_string_equal(word(frame_of(json, 1, 0), "function"), "place_one");
	/* By its address alone nobody can tell: it is another process's. */
	assert_true(json_is_null(json_object_get(frame_of(json, 2, 0), "function")));
	json_decref(json);
}

static void named_stacks_meet_the_schema(void **state)
{
	struct finding finding = finding_make();
	json_t *schema = json_load_file("tests/finding-schema.json", 0, NULL), *json = named(&finding);

	(void)state;
	assert_non_null(schema);
	assert_true(schema_check(schema, json, "finding"));
	assert_int_equal(json_integer_value(json_object_get(json, "stacks_unknown")), 1);
	json_decref(json);
	/* A stack that was forgotten meanwhile is not known either. */
	finding.stacks[1].id = 99;
	finding.stacks_more = 1;
	json = named(&finding);
	assert_true(schema_check(schema, json, "finding"));
	assert_int_equal(json_integer_value(json_object_get(json, "stacks_unknown")), 4);
	assert_int_equal(json_integer_value(json_object_get(json, "stacks_more")), 1);
	json_decref(json);
	json_decref(schema);
}

/* ---- who called the innermost function ------------------------------------------------------------------------ */

#if defined(__x86_64__)
/* place_one has no frame while it begins: its return address is on top of the stack. */
static void a_caller_is_put_in(void **state)
{
	struct finding finding = finding_make();
	struct event_frame innermost = frame_in_file(place_one, 0);
	json_t *json;

	(void)state;
	stack_put(0, STACK_ACCEPT, 1, &innermost);
	stacks[0]->address = (uint64_t)(uintptr_t)place_one;
	stacks[0]->tops[0] = (uint64_t)(uintptr_t)place_two + 3;
	finding.stack_count = 1;
	json = named(&finding);
	assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(json, "stacks"), 0), "frames")),
			 2);
	assert_string_equal(word(frame_of(json, 0, 1), "function"), "place_two");
	json_decref(json);
	/* Where the process has something else at that address now, its other addresses are worth nothing. */
	stacks[0]->address++;
	json = named(&finding);
	assert_null(frame_of(json, 0, 1));
	json_decref(json);
	/* What stands there cannot be a return address. */
	stacks[0]->address--;
	stacks[0]->tops[1] = stacks[0]->tops[0];
	stacks[0]->tops[0] = 0;
	json = named(&finding);
	assert_null(frame_of(json, 0, 1));
	json_decref(json);
}
#else
static void a_caller_is_put_in(void **state)
{
	(void)state;
	skip();
}
#endif

/* ---- for a person ---------------------------------------------------------------------------------------------- */

static const char *block_of(const json_t *json, unsigned width)
{
	static char words[8192];
	struct text text = {0};

	assert_int_equal(finding_block(&text, json, 1, width), 0);
	snprintf(words, sizeof(words), "%s", text_string(&text));
	text_free(&text);
	return words;
}

static void blocks_to_the_letter(void **state)
{
	static const char raw[] =
		"{\"kind\":\"close_wait_leak\",\"certainty\":\"likely\",\"count\":14,\"explain\":\"E.\",\"advice\":\"A."
		"\","
		"\"why\":\"w\",\"stacks_more\":1,\"stacks_unknown\":5,\"stacks\":["
		"{\"count\":4,\"call\":\"accept\",\"frames\":["
		"{\"function\":\"accept\",\"offset\":16,\"module\":\"/usr/lib/libc.so.6\",\"file\":null},"
		"{\"function\":\"serve\",\"offset\":255,\"module\":\"/x\",\"file\":\"../src/serve.c\",\"line\":12},"
		"{\"module\":\"/opt/app/app\",\"build_id\":\"abcdef0123\",\"address\":\"0x1234\"}]},"
		"{\"count\":3,\"call\":\"connect\",\"frames\":["
		"{\"module\":null,\"build_id\":\"abcdef0123\",\"address\":\"0x1234\"},"
		"{\"module\":null,\"build_id\":null,\"address\":\"0x7f0000000000\"}]},"
		"{\"count\":1,\"call\":\"connect\",\"frames\":[{},{},{},{},{},{},{},{},{},{}]},"
		"{\"count\":1,\"call\":\"connect\",\"frames\":[{}]}]}";
	static const char expected[] = "1. close_wait_leak: 14 (likely)\n"
				       "   E.\n"
				       "   sure   w\n"
				       "   do     A.\n"
				       "   at     4 accepted by\n"
				       "            accept+0x10 (libc.so.6)\n"
				       "            serve+0xff (serve.c:12)\n"
				       "            0x1234 (app)\n"
				       "          3 opened by\n"
				       "            0x1234 (build id abcdef01)\n"
				       "            0x7f0000000000 (no file)\n"
				       "          1 opened by\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            ? (no file)\n"
				       "            2 frames more\n"
				       "          2 elsewhere\n"
				       "          5 not seen: they are older, or came by io_uring\n";
	json_t *json = json_loads(raw, 0, NULL);

	(void)state;
	assert_non_null(json);
	assert_string_equal(block_of(json, 80), expected);
	json_object_del(json, "stacks");
	json_object_del(json, "stacks_more");
	json_object_del(json, "stacks_unknown");
	assert_null(strstr(block_of(json, 80), "   at "));
	json_decref(json);
}

static void long_names_are_cut(void **state)
{
	static const unsigned widths[] = {80, 60, 132};
	struct finding finding = finding_make();
	json_t *json = named(&finding), *frame = (json_t *)frame_of(json, 1, 0);
	char name[300];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	name[4] = '\x1b'; /* a name is what somebody put into a file */
	json_object_set_new(frame, "function", json_string(name));
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		const char *line = block_of(json, widths[i]);

		assert_null(strchr(line, '\x1b'));
		for (; *line; line += strcspn(line, "\n") + 1)
			if (strcspn(line, "\n") > widths[i])
				fail_msg("%.*s", (int)strcspn(line, "\n"), line);
	}
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_from_the_files),    cmocka_unit_test(what_is_not_known_has_no_name),
		cmocka_unit_test(frames_end_where_code_does),   cmocka_unit_test(a_build_id_outlives_its_process),
		cmocka_unit_test(named_stacks_meet_the_schema), cmocka_unit_test(a_caller_is_put_in),
		cmocka_unit_test(blocks_to_the_letter),         cmocka_unit_test(long_names_are_cut),
	};
	int failed = cmocka_run_group_tests_name("finding_names", tests, NULL, NULL);

	for (unsigned i = 0; i < STACKS; i++)
		free(stacks[i]);
	return failed;
}
