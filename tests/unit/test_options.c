// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_options.c: command lines that are right, command lines that are wrong (nothing of them may be
 * applied, and the message says what and why), and the help.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "report/fields.h"

struct sample_options {
	bool events;
	uint32_t pid;
	uint64_t interval_ns;
	const char *comm;
	enum report_format format;
	uint64_t causes;
	struct port_list ports;
	uint64_t bytes;
	int even;
};

static int even_parse(const char *value, void *target, const char **why)
{
	if (atoi(value) % 2) {
		*why = "must be even";
		return -EINVAL;
	}
	*(int *)target = atoi(value);
	return 0;
}

#define AT(member) offsetof(struct sample_options, member)

static const struct option_spec sample_specs[] = {
	{.short_name = 'e',
	 .long_name = "events",
	 .help = "a line for each event",
	 .type = OPTION_FLAG,
	 .offset = AT(events)},
	{.short_name = 'p',
	 .long_name = "pid",
	 .argument = "PID",
	 .help = "this process",
	 .type = OPTION_U32,
	 .offset = AT(pid),
	 .minimum = 1,
	 .maximum = 4194304},
	{.long_name = "interval",
	 .argument = "SECONDS",
	 .help = "time between two",
	 .type = OPTION_DURATION,
	 .offset = AT(interval_ns),
	 .minimum = 1000000,
	 .maximum = 3600000000000},
	{.long_name = "comm", .argument = "NAME", .help = "this name", .type = OPTION_STRING, .offset = AT(comm)},
	{.short_name = 'o',
	 .long_name = "output",
	 .argument = "FORMAT",
	 .help = "how to print",
	 .type = OPTION_NAME,
	 .offset = AT(format),
	 .names = &report_format_names},
	{.long_name = "cause",
	 .argument = "CAUSE,...",
	 .help = "these causes",
	 .type = OPTION_NAMES,
	 .offset = AT(causes),
	 .names = &cause_names},
	{.short_name = 'L',
	 .long_name = "local-port",
	 .argument = "PORT,...",
	 .help = "these local ports",
	 .type = OPTION_PORTS,
	 .offset = AT(ports)},
	{.long_name = "ring-size",
	 .argument = "BYTES",
	 .help = "a power of two",
	 .type = OPTION_SIZE,
	 .offset = AT(bytes),
	 .minimum = 4096,
	 .maximum = 1 << 20,
	 .power_of_two = true},
	{.long_name = "even",
	 .argument = "N",
	 .help = "an even number",
	 .type = OPTION_CUSTOM,
	 .offset = AT(even),
	 .parse = even_parse},
};

static const struct option_verb sample_verb = {
	.name = "live",
	.summary = "Tell of each connection that ended",
	.arguments = "[FILE]",
	.arguments_max = 1,
	.options = sample_specs,
	.option_count = sizeof(sample_specs) / sizeof(sample_specs[0]),
	.options_bytes = sizeof(struct sample_options),
};

static char captured[8192];

/* Splits `line` at blanks, parses it, and puts what was printed to `stream` into `captured`. */
static int parse_captured(const char *line, struct sample_options *options, int *first, FILE *stream)
{
	char *copy = strdup(line), *argv[32], *place = NULL;
	FILE *file = tmpfile();
	int argc = 0, saved, outcome;
	size_t length;

	assert_non_null(copy);
	assert_non_null(file);
	for (char *word = strtok_r(copy, " ", &place); word; word = strtok_r(NULL, " ", &place))
		argv[argc++] = word;
	argv[argc] = NULL;
	fflush(stream);
	saved = dup(fileno(stream));
	dup2(fileno(file), fileno(stream));
	outcome = options_parse(&sample_verb, argc, argv, options, first);
	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
	rewind(file);
	length = fread(captured, 1, sizeof(captured) - 1, file);
	captured[length] = '\0';
	fclose(file);
	free(copy);
	return outcome;
}

static void right_lines_are_understood(void **state)
{
	struct sample_options options = {.pid = 7, .interval_ns = 1};
	int first = 0;

	(void)state;
	assert_int_equal(parse_captured("live -e file -p 42 --interval=0.25 -ojson --cause refused,memory -L 80,443 "
					"--local-port 8000-8010 --ring-size 8K --even 4",
					&options, &first, stderr),
			 OPTIONS_GO);
	assert_string_equal(captured, "");
	assert_true(options.events);
	assert_int_equal(options.pid, 42);
	assert_int_equal(options.interval_ns, 250000000);
	assert_null(options.comm);
	assert_int_equal(options.format, REPORT_JSON);
	assert_int_equal(options.causes, 1ULL << CAUSE_REFUSED | 1ULL << CAUSE_MEMORY);
	assert_int_equal(options.ports.count, 3);
	assert_int_equal(options.ports.ranges[1].first, 443);
	assert_int_equal(options.ports.ranges[1].last, 443);
	assert_int_equal(options.ports.ranges[2].first, 8000);
	assert_int_equal(options.ports.ranges[2].last, 8010);
	assert_int_equal(options.bytes, 8192);
	assert_int_equal(options.even, 4);
	assert_int_equal(first, 16); /* "file" has gone behind the options */
	assert_int_equal(parse_captured("live", &options, &first, stderr), OPTIONS_GO);
	assert_int_equal(first, 1);
	assert_int_equal(options.pid, 42);
}

static void wrong_lines_change_nothing(void **state)
{
	static const struct {
		const char *line, *message;
	} wrong[] = {
		{"live -e -p 0", "lastack: live: --pid 0: must be a number from 1 to 4194304\n"},
		{"live -e -p -1", "lastack: live: --pid -1: must be a number from 1 to 4194304\n"},
		{"live -e -p 4294967297", "lastack: live: --pid 4294967297: must be a number from 1 to 4194304\n"},
		{"live -e -p 99999999999999999999", "lastack: live: --pid 99999999999999999999: must be"},
		{"live -e --interval 1x", "lastack: live: --interval 1x: must be a number of seconds, such as 5 or "
					  "0.25, or with a unit, such as 10m, 12h, "
					  "30d\n"},
		{"live -e --interval .", "lastack: live: --interval .: must be a number of seconds"},
		{"live -e --interval 0", "lastack: live: --interval 0: must be from 0.001 to 3600 seconds\n"},
		{"live -e --interval 99999999999", "lastack: live: --interval 99999999999: must be"},
		{"live -e -o xml", "lastack: live: --output xml: must be one of table, json, csv\n"},
		{"live -e --cause refused,",
		 "lastack: live: --cause refused,: must be one of unobserved, fin_local_first, "},
		{"live -e -L 0",
		 "lastack: live: --local-port 0: must be ports from 1 to 65535 such as 80,443,8000-8010\n"},
		{"live -e -L 80,", "lastack: live: --local-port 80,: must be ports"},
		{"live -e -L 9-8", "lastack: live: --local-port 9-8: must be ports"},
		{"live -e -L 65536", "lastack: live: --local-port 65536: must be ports"},
		{"live -e -L 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "lastack: live: --local-port 1,2"},
		{"live -e --ring-size 5000",
		 "lastack: live: --ring-size 5000: must be a power of two, such as 4096 or 16M\n"},
		{"live -e --ring-size 6K", "lastack: live: --ring-size 6K: must be a power of two"},
		{"live -e --ring-size 2K", "lastack: live: --ring-size 2K: must be from 4096 to 1048576 bytes\n"},
		{"live -e --even 3", "lastack: live: --even 3: must be even\n"},
		{"live -e --pid", "lastack: live: --pid: needs a value: PID\n"},
		{"live -e -p", "lastack: live: --pid: needs a value: PID\n"},
		{"live -e -z", "lastack: live: -z: no such option (see 'lastack live --help')\n"},
		{"live -e --zebra",
		 "lastack: live: --zebra: no such option, or more than one begins so (see 'lastack live --help')\n"},
		{"live -e --evants",
		 "lastack: live: --evants: no such option; is --events meant? (see 'lastack live --help')\n"},
		{"live -e --intervall=3", "lastack: live: --intervall=3: no such option; is --interval meant? (see"},
		{"live -e --evaits", "lastack: live: --evaits: no such option; is --events meant?"},
		{"live -e --pd", "lastack: live: --pd: no such option, or"},
		{"live -e --ev", "lastack: live: --ev: no such option, or more than one begins so"},
		{"live -e --events=1", "lastack: live: --events=1: takes no value\n"},
		{"live -e --help=1", "lastack: live: --help=1: takes no value\n"},
		{"live -e a b", "lastack: live: b: one argument too many\n"},
	};
	struct sample_options before = {.pid = 7}, options = before;
	int first = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse_captured(wrong[i].line, &options, &first, stderr), -EINVAL);
		captured[strlen(wrong[i].message)] = '\0';
		assert_string_equal(captured, wrong[i].message);
		assert_memory_equal(&options, &before, sizeof(options));
		assert_int_equal(first, 99);
	}
}

static void help_names_every_option(void **state)
{
	struct sample_options options = {0};
	int first;

	(void)state;
	assert_int_equal(parse_captured("live -e --help -z", &options, &first, stdout), OPTIONS_HELP);
	assert_false(options.events);
	assert_non_null(
		strstr(captured, "Usage: lastack live [OPTION]... [FILE]\nTell of each connection that ended.\n"));
	assert_non_null(strstr(captured, "  -p, --pid PID               this process\n"));
	assert_non_null(strstr(captured, "      --interval SECONDS      time between two\n"));
	assert_non_null(strstr(captured, "table, json, csv\n"));
	assert_non_null(strstr(captured, "  -h, --help                  show this help\n"));
	for (char *line = strtok(captured, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
}

static void a_missing_argument_is_named(void **state)
{
	static const struct option_verb verb = {.name = "replay",
						.arguments = "FILE",
						.arguments_min = 1,
						.arguments_max = 1};
	char name[] = "replay", *argv[] = {name, NULL};
	int first, saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();

	(void)state;
	dup2(fileno(file), STDERR_FILENO);
	assert_int_equal(options_parse(&verb, 1, argv, NULL, &first), -EINVAL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_non_null(fgets(captured, sizeof(captured), file));
	assert_string_equal(captured, "lastack: replay: FILE: missing (see 'lastack replay --help')\n");
	fclose(file);
}

/* ESTABLISHED, as ss and as hands in a hurry write it; but not half of it, and no letters before or behind. */
static void names_as_they_are_typed(void **state)
{
	static const struct {
		const char *typed;
		int state;
	} cases[] = {
		{"CLOSE_WAIT", 8}, {"close_wait", 8}, {"CLOSE-WAIT", 8},      {"closewait", 8},
		{"Fin-Wait-1", 4}, {"close", 7},      {"close_wai", -ENOENT}, {"close_waits", -ENOENT},
		{"", -ENOENT},     {"-", -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(name_find_typed(&tcp_state_names, cases[i].typed, strlen(cases[i].typed)),
				 cases[i].state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_as_they_are_typed),     cmocka_unit_test(right_lines_are_understood),
		cmocka_unit_test(wrong_lines_change_nothing),  cmocka_unit_test(help_names_every_option),
		cmocka_unit_test(a_missing_argument_is_named),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
