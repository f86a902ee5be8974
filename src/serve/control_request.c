/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_request.c: see control_request.h. One table of keys for each verb, one for filters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/json_memory.h"
#include "serve/control_request.h"

#define DEPTH_MAX 4

struct reading {
	struct control_request *request;
	char *why;
	size_t size;
};

static const char *const verb_texts[] = {"status", "list", "show", "history", "follow", "diagnose"};
static const struct name_table verb_names = {verb_texts, sizeof(verb_texts) / sizeof(verb_texts[0])};

#define VERB(verb) (1U << (verb))

__attribute__((format(printf, 2, 3))) static int refuse(struct reading *reading, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reading->why, reading->size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* ---- values: one, or a list of them ------------------------------------------------------------------ */

static size_t value_count(const json_t *value)
{
	return json_is_array(value) ? json_array_size(value) : 1;
}

static const json_t *value_at(const json_t *value, size_t i)
{
	return json_is_array(value) ? json_array_get(value, i) : value;
}

static int numbers_read(struct reading *reading, const json_t *value, uint32_t *list, unsigned max, unsigned *count)
{
	if (!value_count(value) || value_count(value) > max)
		return refuse(reading, "takes one to %u numbers", max);
	for (size_t i = 0; i < value_count(value); i++) {
		json_int_t number = json_integer_value(value_at(value, i));

		if (!json_is_integer(value_at(value, i)) || number <= 0 || number > UINT32_MAX)
			return refuse(reading, "takes numbers from 1 to 4294967295");
		list[i] = (uint32_t)number;
	}
	*count = (unsigned)value_count(value);
	return 0;
}

static int texts_read(struct reading *reading, const json_t *value, const char **list, unsigned max, unsigned *count)
{
	if (!value_count(value) || value_count(value) > max)
		return refuse(reading, "takes one to %u texts", max);
	for (size_t i = 0; i < value_count(value); i++) {
		list[i] = json_string_value(value_at(value, i));
		if (!list[i])
			return refuse(reading, "takes texts");
	}
	*count = (unsigned)value_count(value);
	return 0;
}

static int names_read(struct reading *reading, const json_t *value, const struct name_table *names, uint64_t *set)
{
	uint64_t read = 0;

	for (size_t i = 0; i < value_count(value); i++) {
		const json_t *name = value_at(value, i);
		int found = json_is_string(name) ? name_find(names, json_string_value(name), json_string_length(name))
						 : -ENOENT;

		if (found < 0)
			return refuse(reading, "has a name in it that is not known");
		read |= 1ULL << found;
	}
	if (!read)
		return refuse(reading, "is empty");
	*set = read;
	return 0;
}

static int ports_read(struct reading *reading, const json_t *value, struct port_list *list)
{
	const char *why = NULL;
	char digits[24];

	if (!value_count(value))
		return refuse(reading, "is empty");
	for (size_t i = 0; i < value_count(value); i++) {
		const json_t *port = value_at(value, i);
		const char *text = json_string_value(port);

		snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(port));
		if (port_list_parse(list, text ? text : digits, &why))
			return refuse(reading, "%s", why);
	}
	return 0;
}

static int address_read(struct reading *reading, const json_t *value, struct control_address *address,
			const char **text)
{
	const char *given = json_string_value(value);

	if (given && inet_pton(AF_INET, given, address->bytes) == 1)
		address->family = 4;
	else if (given && inet_pton(AF_INET6, given, address->bytes) == 1)
		address->family = 6;
	else
		return refuse(reading, "is not an address");
	*text = given;
	return 0;
}

static int amount_read(struct reading *reading, const json_t *value, uint64_t *amount)
{
	if (!json_is_integer(value) || json_integer_value(value) <= 0)
		return refuse(reading, "takes a number above 0");
	*amount = (uint64_t)json_integer_value(value);
	return 0;
}

/* ---- keys of the filter -------------------------------------------------------------------------------- */

static int read_pid(struct reading *reading, const json_t *value)
{
	struct report_filter *filter = &reading->request->query.filter;

	return numbers_read(reading, value, filter->pids, FILTER_PIDS_MAX, &filter->pid_count);
}

static int read_netns(struct reading *reading, const json_t *value)
{
	struct report_filter *filter = &reading->request->query.filter;

	return numbers_read(reading, value, filter->netns, FILTER_NETNS_MAX, &filter->netns_count);
}

static int read_comm(struct reading *reading, const json_t *value)
{
	struct report_filter *filter = &reading->request->query.filter;

	return texts_read(reading, value, filter->comms, FILTER_COMMS_MAX, &filter->comm_count);
}

static int read_cgroup(struct reading *reading, const json_t *value)
{
	struct report_filter *filter = &reading->request->query.filter;

	return texts_read(reading, value, filter->cgroups, FILTER_CGROUP_PATHS_MAX, &filter->cgroup_count);
}

static int read_local_port(struct reading *reading, const json_t *value)
{
	return ports_read(reading, value, &reading->request->query.filter.local_ports);
}

static int read_remote_port(struct reading *reading, const json_t *value)
{
	return ports_read(reading, value, &reading->request->query.filter.remote_ports);
}

static int read_local(struct reading *reading, const json_t *value)
{
	return address_read(reading, value, &reading->request->local, &reading->request->query.local);
}

static int read_remote(struct reading *reading, const json_t *value)
{
	return address_read(reading, value, &reading->request->remote, &reading->request->query.remote);
}

static int read_family(struct reading *reading, const json_t *value)
{
	const char *family = json_string_value(value);

	if (json_integer_value(value) == 4 || (family && !strcmp(family, "ipv4")))
		reading->request->query.filter.family = 4;
	else if (json_integer_value(value) == 6 || (family && !strcmp(family, "ipv6")))
		reading->request->query.filter.family = 6;
	else
		return refuse(reading, "must be ipv4 or ipv6");
	return 0;
}

static int read_class(struct reading *reading, const json_t *value)
{
	return names_read(reading, value, &class_names, &reading->request->query.filter.classes);
}

static int read_cause(struct reading *reading, const json_t *value)
{
	return names_read(reading, value, &cause_names, &reading->request->query.filter.causes);
}

static int read_state(struct reading *reading, const json_t *value)
{
	return names_read(reading, value, &tcp_state_names, &reading->request->states);
}

struct key {
	const char *name;
	int (*read)(struct reading *reading, const json_t *value);
	unsigned verbs; /* that take it: set of VERB() */
};

#define ENDED    (VERB(CONTROL_HISTORY) | VERB(CONTROL_FOLLOW)) /* only what has ended has a class */
#define FILTERED (VERB(CONTROL_LIST) | VERB(CONTROL_DIAGNOSE) | ENDED)

static const struct key filter_keys[] = {
	{"pid", read_pid, FILTERED},
	{"comm", read_comm, FILTERED},
	{"local_port", read_local_port, FILTERED},
	{"remote_port", read_remote_port, FILTERED},
	{"local", read_local, FILTERED},
	{"remote", read_remote, FILTERED},
	{"family", read_family, FILTERED},
	{"netns", read_netns, FILTERED},
	{"cgroup", read_cgroup, FILTERED},
	{"class", read_class, ENDED},
	{"cause", read_cause, ENDED},
	{"state", read_state, VERB(CONTROL_LIST)},
};

/* Refuses what no key of the verb is called; says where, before what is wrong with a value. */
static int keys_read(struct reading *reading, const json_t *object, const struct key *keys, size_t count,
		     const char *where)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		char why[160];
		struct reading inner = {reading->request, why, sizeof(why)};
		const struct key *key = NULL;

		for (size_t i = 0; i < count; i++)
			if (!strcmp(keys[i].name, name) && keys[i].verbs & VERB(reading->request->verb))
				key = &keys[i];
		if (!key)
			return refuse(reading, "%s has no key \"%.64s\"", where, name);
		if (key->read && key->read(&inner, value))
			return refuse(reading, "%s: %s", name, why);
	}
	return 0;
}

/* ---- keys of the request ------------------------------------------------------------------------------- */

static int read_filter(struct reading *reading, const json_t *value)
{
	if (!json_is_object(value))
		return refuse(reading, "takes an object");
	return keys_read(reading, value, filter_keys, sizeof(filter_keys) / sizeof(filter_keys[0]),
			 "the filter of this verb");
}

static int read_limit(struct reading *reading, const json_t *value)
{
	return amount_read(reading, value, &reading->request->query.limit);
}

static int read_since(struct reading *reading, const json_t *value)
{
	uint64_t since_us = 0;
	int error = amount_read(reading, value, &since_us);

	reading->request->query.since_us = (int64_t)since_us;
	return error;
}

static int read_until(struct reading *reading, const json_t *value)
{
	uint64_t until_us = 0;
	int error = amount_read(reading, value, &until_us);

	reading->request->query.until_us = (int64_t)until_us;
	return error;
}

static int read_group_by(struct reading *reading, const json_t *value)
{
	return names_read(reading, value, &history_group_names, &reading->request->query.group_by);
}

/* A number is a cookie, and so are digits; 8 hex digits, '-' and 8 more are the id of a report. */
static int read_id(struct reading *reading, const json_t *value)
{
	static const char hex[] = "0123456789abcdef";
	struct control_request *request = reading->request;
	const char *text = json_string_value(value);
	char *end;

	request->query.id = text;
	if (text && strlen(text) == 17 && strspn(text, hex) == 8 && text[8] == '-' && strspn(text + 9, hex) == 8) {
		request->client_isn = (uint32_t)strtoul(text, &end, 16);
		request->server_isn = (uint32_t)strtoul(text + 9, &end, 16);
		return 0;
	}
	errno = 0;
	if (!text || !*text || strspn(text, "0123456789") != strlen(text))
		return refuse(reading, "takes the id of a report, such as \"1f3a9c04-8be21d77\", or a cookie, as text");
	request->cookie = strtoull(text, &end, 10);
	request->by_cookie = true;
	return errno || !request->cookie ? refuse(reading, "is not a cookie") : 0;
}

static int read_stacks(struct reading *reading, const json_t *value)
{
	if (!json_is_boolean(value))
		return refuse(reading, "takes true or false");
	reading->request->stacks = json_is_true(value);
	return 0;
}

static int read_show(struct reading *reading, const json_t *value)
{
	return amount_read(reading, value, &reading->request->show);
}

#define READ_LIMIT(unused, member, ...)                                                                                \
	static int read_##member(struct reading *reading, const json_t *value)                                         \
	{                                                                                                              \
		__typeof__(reading->request->limits.member) limit;                                                     \
		uint64_t amount = 0;                                                                                   \
                                                                                                                       \
		if (amount_read(reading, value, &amount))                                                              \
			return -EINVAL;                                                                                \
		limit = (__typeof__(limit))amount;                                                                     \
		if (limit != amount || limit == (__typeof__(limit))-1)                                                 \
			return refuse(reading, "is too large");                                                        \
		reading->request->limits.member = limit;                                                               \
		return 0;                                                                                              \
	}
DIAGNOSIS_LIMITS(READ_LIMIT, )

#define LIMIT_KEY(unused, member, ...) {#member, read_##member, VERB(CONTROL_DIAGNOSE)},
static const struct key limit_keys[] = {DIAGNOSIS_LIMITS(LIMIT_KEY, )};

static int read_limits(struct reading *reading, const json_t *value)
{
	if (!json_is_object(value))
		return refuse(reading, "takes an object");
	return keys_read(reading, value, limit_keys, sizeof(limit_keys) / sizeof(limit_keys[0]), "limits");
}

#define EVERY (~0U)

static const struct key request_keys[] = {
	{"verb", NULL, EVERY},
	{"filter", read_filter, FILTERED},
	{"limit", read_limit, VERB(CONTROL_LIST) | VERB(CONTROL_HISTORY)},
	{"id", read_id, VERB(CONTROL_SHOW)},
	{"since_us", read_since, VERB(CONTROL_HISTORY)},
	{"until_us", read_until, VERB(CONTROL_HISTORY)},
	{"group_by", read_group_by, VERB(CONTROL_HISTORY)},
	{"show", read_show, VERB(CONTROL_DIAGNOSE)},
	{"stacks", read_stacks, VERB(CONTROL_DIAGNOSE)},
	{"limits", read_limits, VERB(CONTROL_DIAGNOSE)},
};

/* jansson recurses: nothing that we take is deep. */
static bool is_deep(const char *line, size_t length)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < length; i++) {
		if (in_string && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			in_string = !in_string;
		else if (!in_string && (line[i] == '{' || line[i] == '['))
			depth++;
		else if (!in_string && (line[i] == '}' || line[i] == ']') && depth)
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

static int verb_read(struct reading *reading, const json_t *json)
{
	const json_t *verb = json_object_get(json, "verb");
	int found;

	if (!json_is_object(json))
		return refuse(reading, "a request is an object");
	found = json_is_string(verb) ? name_find(&verb_names, json_string_value(verb), json_string_length(verb))
				     : -ENOENT;
	if (found < 0)
		return refuse(reading, "\"verb\" must be one of status, list, show, history, follow, diagnose");
	reading->request->verb = (enum control_verb)found;
	return 0;
}

int control_request_read(struct control_request *request, const char *line, size_t length, char *why, size_t size)
{
	struct control_request read = {0};
	struct reading reading = {&read, why, size};
	json_error_t error;
	int status;

	diagnosis_limits_unset(&read.limits);
	if (is_deep(line, length))
		return refuse(&reading, "the request is nested too deep");
	read.json = json_memory_load(line, length, JSON_REJECT_DUPLICATES, &error);
	if (json_memory_lacked()) {
		refuse(&reading, "no memory for the request");
		return -ENOMEM;
	}
	if (!read.json)
		return refuse(&reading, "not JSON: %s", error.text);
	status = verb_read(&reading, read.json);
	if (!status)
		status = keys_read(&reading, read.json, request_keys, sizeof(request_keys) / sizeof(request_keys[0]),
				   "this verb");
	if (!status && read.verb == CONTROL_SHOW && !read.query.id)
		status = refuse(&reading, "show takes an \"id\"");
	if (status)
		control_request_free(&read);
	else
		*request = read;
	return status;
}

void control_request_free(struct control_request *request)
{
	json_decref(request->json);
	*request = (struct control_request){0};
}

static bool address_wanted(const struct control_address *wanted, unsigned family, const uint8_t bytes[16])
{
	return !wanted->family ||
	       (wanted->family == family && !memcmp(wanted->bytes, bytes, family == 4 ? 4 : sizeof(wanted->bytes)));
}

bool control_request_wants(const struct control_request *request, const struct connection_report *report,
			   const char *cgroup)
{
	return address_wanted(&request->local, report->family, report->local) &&
	       address_wanted(&request->remote, report->family, report->remote) &&
	       report_wanted(&request->query.filter, report, cgroup);
}
