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

/* Seconds with up to nine decimals, or minutes, hours, days likewise. */
static bool duration_read(const char *text, uint64_t *span_ns)
{
	uint64_t whole = 0, fraction_ns = 0, digit_ns = NS_PER_S, seconds = 1;

	if (*text != '.' && !number_read(text, &whole, &text))
		return false;
	if (*text == '.') {
		if (!isdigit((unsigned char)*++text))
			return false;
		for (; isdigit((unsigned char)*text); text++) {
			digit_ns /= 10;
			if (!digit_ns)
				return false;
			fraction_ns += (uint64_t)(*text - '0') * digit_ns;
		}
	}
	switch (*text) {
	case 'd': seconds = 86400; break;
	case 'h': seconds = 3600; break;
	case 'm': seconds = 60; break;
	}
	if (*text && strchr("dhms", *text))
		text++;
	if (*text || whole >= UINT64_MAX / NS_PER_S / seconds)
		return false;
	*span_ns = (whole * NS_PER_S + fraction_ns) * seconds;
	return true;
}

static int duration_parse(const struct option_spec *option, const char *value, uint64_t *span_ns,
			  char why[OPTION_WHY_BYTES])
{
	if (!duration_read(value, span_ns))
		return fail(why,
			    "must be a number of seconds, such as 5 or 0.25, or with a unit, such as 10m, 12h, 30d");
	if (*span_ns < option->minimum || (option->maximum && *span_ns > option->maximum))
		return fail(why, "must be from %g to %g seconds", (double)option->minimum / (double)NS_PER_S,
			    (double)(option->maximum ? option->maximum : UINT64_MAX) / (double)NS_PER_S);
	return 0;
}

static int size_parse(const struct option_spec *option, const char *value, uint64_t *bytes, char why[OPTION_WHY_BYTES])
{
	static const char units[] = "KMG";
	const char *end, *unit;
	unsigned shift = 0;
	uint64_t number;
	bool valid = number_read(value, &number, &end);

	if (valid && *end && (unit = strchr(units, *end))) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (!valid || *end || number > UINT64_MAX >> shift)
		return fail(why, "must be a number of bytes, such as 1048576, or with a unit, such as 512K, 64M, 2G");
	number <<= shift;
	if (number < option->minimum || (option->maximum && number > option->maximum))
		return fail(why, "must be from %llu to %llu bytes", (unsigned long long)option->minimum,
			    (unsigned long long)(option->maximum ? option->maximum : UINT64_MAX));
	if (option->power_of_two && number & (number - 1))
		return fail(why, "must be a power of two, such as 4096 or 16M");
	*bytes = number;
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
		int name = name_find_typed(names, at, length);

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
	int error;

	switch (option->type) {
	case OPTION_DURATION: error = duration_parse(option, value, &number, why); break;
	case OPTION_SIZE: error = size_parse(option, value, &number, why); break;
	default: error = number_parse(option, value, UINT64_MAX, &number, why);
	}

	if (!error)
		*target = number;
	return error;
}

static int name_store(const struct option_spec *option, const char *value, unsigned *target, char why[OPTION_WHY_BYTES])
{
	int name = name_find_typed(option->names, value, strlen(value));

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
	case OPTION_SIZE:
	case OPTION_DURATION: return u64_store(option, value, target, why);
	case OPTION_STRING: *(const char **)target = value; return 0;
	case OPTION_NAME: return name_store(option, value, target, why);
	case OPTION_NAMES: return names_parse(option->names, value, target, why);
	case OPTION_PORTS:
	case OPTION_CUSTOM: return custom_store(option, value, target, why);
	}
	return -EINVAL;
}

void option_value_clear(const struct option_spec *option, void *target)
{
	if (option->type == OPTION_NAMES)
		*(uint64_t *)target = 0;
	else if (option->type == OPTION_PORTS)
		((struct port_list *)target)->count = 0;
}

static size_t value_bytes(const struct option_spec *option)
{
	switch (option->type) {
	case OPTION_FLAG: return sizeof(bool);
	case OPTION_STRING: return sizeof(const char *);
	case OPTION_PORTS: return sizeof(struct port_list);
	case OPTION_U64:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_NAMES: return sizeof(uint64_t);
	case OPTION_U32:
	case OPTION_NAME:
	case OPTION_CUSTOM: break;
	}
	return sizeof(uint32_t);
}

bool option_value_differs(const struct option_spec *option, const void *one, const void *other)
{
	if (option->type == OPTION_STRING) {
		const char *text = *(const char *const *)one, *other_text = *(const char *const *)other;

		return text != other_text && (!text || !other_text || strcmp(text, other_text));
	}
	if (option->type == OPTION_PORTS) {
		const struct port_list *list = one, *other_list = other;

		return list->count != other_list->count ||
		       memcmp(list->ranges, other_list->ranges, list->count * sizeof(list->ranges[0]));
	}
	return memcmp(one, other, value_bytes(option));
}

void option_value_copy(const struct option_spec *option, void *target, const void *source)
{
	memcpy(target, source, value_bytes(option));
}
