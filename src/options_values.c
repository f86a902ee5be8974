// SPDX-License-Identifier: GPL-2.0-only
/*
 * options_values.c: the values of options; see options_values.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "options_values.h"

#define NS_PER_S 1000000000ULL

__attribute__((format(printf, 2, 3))) static int fail(char why[OPTION_WHY_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, OPTION_WHY_BYTES, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* A decimal number without sign or blanks; *end is what follows. False without digits or on overflow. */
static bool number_read(const char *text, uint64_t *number, const char **end)
{
	char *after;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &after, 10);
	*end = after;
	return !errno;
}

static int number_parse(const struct option_spec *option, const char *value, uint64_t limit, uint64_t *number,
			char why[OPTION_WHY_BYTES])
{
	uint64_t maximum = option->maximum ? option->maximum : limit;
	const char *end;

	if (!number_read(value, number, &end) || *end || *number < option->minimum || *number > maximum)
		return fail(why, "must be a number from %llu to %llu", (unsigned long long)option->minimum,
			    (unsigned long long)maximum);
	return 0;
}

/* Seconds with up to nine decimals. */
static bool duration_read(const char *text, uint64_t *span_ns)
{
	uint64_t seconds = 0, fraction_ns = 0, unit_ns = NS_PER_S;

	if (*text != '.' && !number_read(text, &seconds, &text))
		return false;
	if (*text == '.') {
		if (!isdigit((unsigned char)*++text))
			return false;
		for (; isdigit((unsigned char)*text); text++) {
			unit_ns /= 10;
			if (!unit_ns)
				return false;
			fraction_ns += (uint64_t)(*text - '0') * unit_ns;
		}
	}
	if (*text || seconds >= UINT64_MAX / NS_PER_S)
		return false;
	*span_ns = seconds * NS_PER_S + fraction_ns;
	return true;
}

static int duration_parse(const struct option_spec *option, const char *value, uint64_t *span_ns,
			  char why[OPTION_WHY_BYTES])
{
	if (!duration_read(value, span_ns))
		return fail(why, "must be a number of seconds, such as 5 or 0.25");
	if (*span_ns < option->minimum || (option->maximum && *span_ns > option->maximum))
		return fail(why, "must be from %g to %g seconds", (double)option->minimum / (double)NS_PER_S,
			    (double)(option->maximum ? option->maximum : UINT64_MAX) / (double)NS_PER_S);
	return 0;
}

/* "must be one of a, b, c" */
static int names_fail(const struct name_table *names, char why[OPTION_WHY_BYTES])
{
	int length = snprintf(why, OPTION_WHY_BYTES, "must be one of");
	const char *separator = " ";

	for (unsigned i = 0; i < names->count; i++) {
		if (!names->names[i])
			continue;
		if (length + strlen(names->names[i]) + 3 >= OPTION_WHY_BYTES - strlen(", ..."))
			return snprintf(why + length, (size_t)(OPTION_WHY_BYTES - length), ", ..."), -EINVAL;
		length += snprintf(why + length, (size_t)(OPTION_WHY_BYTES - length), "%s%s", separator,
				   names->names[i]);
		separator = ", ";
	}
	return -EINVAL;
}

static int names_parse(const struct name_table *names, const char *value, uint64_t *set, char why[OPTION_WHY_BYTES])
{
	uint64_t found = 0;

	for (const char *at = value;; at++) {
		size_t length = strcspn(at, ",");
		int name = name_find(names, at, length);

		if (name < 0)
			return names_fail(names, why);
		found |= 1ULL << name;
		at += length;
		if (!*at)
			break;
	}
	*set |= found;
	return 0;
}

int port_list_parse(struct port_list *list, const char *text, const char **why)
{
	struct port_list parsed = *list;

	*why = "must be ports from 1 to 65535 such as 80,443,8000-8010";
	for (;; text++) {
		uint64_t first, last;

		if (!number_read(text, &first, &text))
			return -EINVAL;
		last = first;
		if (*text == '-' && !number_read(text + 1, &last, &text))
			return -EINVAL;
		if (!first || last > UINT16_MAX || first > last)
			return -EINVAL;
		if (parsed.count == FILTER_PORTS_MAX) {
			*why = "has too many ports or ranges";
			return -EINVAL;
		}
		parsed.ranges[parsed.count].first = (uint16_t)first;
		parsed.ranges[parsed.count++].last = (uint16_t)last;
		if (!*text)
			break;
		if (*text != ',')
			return -EINVAL;
	}
	*list = parsed;
	return 0;
}

static int u32_store(const struct option_spec *option, const char *value, uint32_t *target, char why[OPTION_WHY_BYTES])
{
	uint64_t number = 0;
	int error = number_parse(option, value, UINT32_MAX, &number, why);

	if (!error)
		*target = (uint32_t)number;
	return error;
}

static int u64_store(const struct option_spec *option, const char *value, uint64_t *target, char why[OPTION_WHY_BYTES])
{
	uint64_t number = 0;
	int error = option->type == OPTION_DURATION ? duration_parse(option, value, &number, why)
						    : number_parse(option, value, UINT64_MAX, &number, why);

	if (!error)
		*target = number;
	return error;
}

static int name_store(const struct option_spec *option, const char *value, unsigned *target, char why[OPTION_WHY_BYTES])
{
	int name = name_find(option->names, value, strlen(value));

	if (name < 0)
		return names_fail(option->names, why);
	*target = (unsigned)name;
	return 0;
}

static int custom_store(const struct option_spec *option, const char *value, void *target, char why[OPTION_WHY_BYTES])
{
	const char *reason = "is not valid";
	int error = option->type == OPTION_PORTS ? port_list_parse(target, value, &reason)
						 : option->parse(value, target, &reason);

	return error ? fail(why, "%s", reason) : 0;
}

int option_value_store(const struct option_spec *option, const char *value, void *target, char why[OPTION_WHY_BYTES])
{
	switch (option->type) {
	case OPTION_FLAG: *(bool *)target = true; return 0;
	case OPTION_U32: return u32_store(option, value, target, why);
	case OPTION_U64:
	case OPTION_DURATION: return u64_store(option, value, target, why);
	case OPTION_STRING: *(const char **)target = value; return 0;
	case OPTION_NAME: return name_store(option, value, target, why);
	case OPTION_NAMES: return names_parse(option->names, value, target, why);
	case OPTION_PORTS:
	case OPTION_CUSTOM: return custom_store(option, value, target, why);
	}
	return -EINVAL;
}
