/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snmp.c: see snmp.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/snmp.h"

/* netstat has some 3 KiB of names and as much of numbers at most. */
#define FILE_BYTES 65536

/* The next word of the line, of *length bytes; NULL at its end. */
static const char *word_next(const char **at, size_t *length)
{
	const char *word = *at + strspn(*at, " ");

	*length = strcspn(word, " \n");
	*at = word + *length;
	return *length ? word : NULL;
}

static int counter_find(const char *group, size_t group_length, const char *name, size_t name_length)
{
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++) {
		const struct audit_counter *counter = audit_counter_at(i);

		if (strlen(counter->group) == group_length && !memcmp(counter->group, group, group_length) &&
		    strlen(counter->name) == name_length && !memcmp(counter->name, name, name_length))
			return (int)i;
	}
	return -1;
}

static void value_take(struct audit_reading *reading, int counter, const char *value, size_t length)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || end != value + length || reading->present[counter])
		return;
	reading->value[counter] = number;
	reading->present[counter] = true;
}

/* names and values stand behind the colons. */
static void pair_parse(const char *group, size_t group_length, const char *names, const char *values,
		       struct audit_reading *reading)
{
	size_t name_length, value_length;
	const char *name, *value;

	while ((name = word_next(&names, &name_length)) && (value = word_next(&values, &value_length))) {
		int counter = counter_find(group, group_length, name, name_length);

		if (counter >= 0)
			value_take(reading, counter, value, value_length);
	}
}

void snmp_parse(const char *text, struct audit_reading *reading)
{
	while (*text) {
		const char *names_end = strchr(text, '\n'), *values;
		size_t group_length = strcspn(text, ": \n");

		if (!names_end)
			return;
		values = names_end + 1;
		/* Lines that are no pair: try again with the second as the first. */
		if (text[group_length] == ':' && !strncmp(text, values, group_length + 1) && strchr(values, '\n')) {
			pair_parse(text, group_length, text + group_length + 1, values + group_length + 1, reading);
			values = strchr(values, '\n') + 1;
		}
		text = values;
	}
}

static int file_parse(const char *path, struct audit_reading *reading)
{
	char *text = malloc(FILE_BYTES);
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = fd < 0 ? -errno : 0;
	size_t length = 0;
	ssize_t part = 0;

	if (!text)
		status = -ENOMEM;
	while (!status && length < FILE_BYTES - 1 && (part = read(fd, text + length, FILE_BYTES - 1 - length)) != 0) {
		if (part > 0)
			length += (size_t)part;
		else if (errno != EINTR)
			status = -errno;
	}
	if (!status) {
		text[length] = '\0';
		snmp_parse(text, reading);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return status;
}

int snmp_read(struct audit_reading *reading)
{
	int status = file_parse("/proc/self/net/snmp", reading);

	return status ? status : file_parse("/proc/self/net/netstat", reading);
}
