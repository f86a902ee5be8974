/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz_settings.h: a table with an option of every type, for command lines and configuration files.
 */
#ifndef LASTACK_TESTS_FUZZ_SETTINGS_H
#define LASTACK_TESTS_FUZZ_SETTINGS_H

#include "fuzz.h"
#include "options.h"
#include "report/names.h"

struct fuzz_settings {
	const char *config, *directory;
	uint64_t age_ns, bytes, classes, number;
	uint32_t keep;
	struct port_list ports;
	bool verbose;
	unsigned class;
};

#define FUZZ_AT(member) .offset = offsetof(struct fuzz_settings, member)

static const struct option_spec fuzz_specs[] = {
	{'C', "config", "FILE", "", OPTION_STRING, FUZZ_AT(config), .command_line_only = true},
	{0, "state-dir", "DIR", "", OPTION_STRING, FUZZ_AT(directory)},
	{'a', "max-age", "TIME", "", OPTION_DURATION, FUZZ_AT(age_ns)},
	{0, "max-size", "BYTES", "", OPTION_SIZE, FUZZ_AT(bytes), .minimum = 4096},
	{0, "count-class", "CLASS", "", OPTION_NAMES, FUZZ_AT(classes), .names = &class_names},
	{'k', "keep", "COUNT", "", OPTION_U32, FUZZ_AT(keep), .maximum = 100},
	{'n', "number", "NUMBER", "", OPTION_U64, FUZZ_AT(number)},
	{'p', "port", "PORTS", "", OPTION_PORTS, FUZZ_AT(ports)},
	{'v', "verbose", NULL, "", OPTION_FLAG, FUZZ_AT(verbose)},
	{'c', "class", "CLASS", "", OPTION_NAME, FUZZ_AT(class), .names = &class_names},
};

static const struct option_verb fuzz_verb = {
	.name = "daemon",
	.summary = "",
	.arguments = "FILE...",
	.arguments_min = 0,
	.arguments_max = 2,
	.options = fuzz_specs,
	.option_count = sizeof(fuzz_specs) / sizeof(fuzz_specs[0]),
	.options_bytes = sizeof(struct fuzz_settings),
};

static inline void fuzz_settings_check(const struct fuzz_settings *settings)
{
	assert_true(settings->keep <= 100);
	assert_true(!settings->bytes || settings->bytes >= 4096);
	assert_true(settings->class < connection_class_count);
	assert_int_equal(settings->classes >> connection_class_count, 0);
	assert_true(settings->ports.count <= FILTER_PORTS_MAX);
	for (unsigned i = 0; i < settings->ports.count; i++)
		assert_true(settings->ports.ranges[i].first <= settings->ports.ranges[i].last);
}

#endif
