// SPDX-License-Identifier: GPL-2.0-only
/*
 * history_query_sql.c: a question as SQL. Words of the text are ours; whatever was typed is bound.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/history_query_internal.h"

const struct query_group query_groups[HISTORY_GROUPS] = {
	[GROUP_CLASS] = {"\"class\"", "class", false},
	[GROUP_CAUSE] = {"\"cause\"", "cause", false},
	[GROUP_INITIATOR] = {"\"initiator\"", "initiator", false},
	[GROUP_COMM] = {"\"process_comm\"", "nullif(comm, '')", true},
	[GROUP_PID] = {"\"process_pid\"", NULL, false},
	[GROUP_UID] = {"\"process_uid\"", NULL, false},
	[GROUP_CGROUP] = {"\"process_cgroup\"", NULL, false},
	[GROUP_CONTAINER] = {"\"process_container_id\"", NULL, false},
	[GROUP_LOCAL] = {"\"local_addr\"", NULL, false},
	[GROUP_LOCAL_PORT] = {"\"local_port\"", "local_port", true},
	[GROUP_REMOTE] = {"\"remote_addr\"", NULL, false},
	[GROUP_REMOTE_PORT] = {"\"remote_port\"", NULL, false},
	[GROUP_NETNS] = {"\"netns\"", NULL, false},
	[GROUP_ROLE] = {"\"role\"", "role", false},
	[GROUP_CONFORMANCE] = {"\"conformance_verdict\"", NULL, false},
	[GROUP_HOUR] = {"\"end_us\" / 3600000000", "hour", false},
};

static const char *const group_names[HISTORY_GROUPS] = {
	[GROUP_CLASS] = "class",
	[GROUP_CAUSE] = "cause",
	[GROUP_INITIATOR] = "initiator",
	[GROUP_COMM] = "comm",
	[GROUP_PID] = "pid",
	[GROUP_UID] = "uid",
	[GROUP_CGROUP] = "cgroup",
	[GROUP_CONTAINER] = "container",
	[GROUP_LOCAL] = "local",
	[GROUP_LOCAL_PORT] = "local_port",
	[GROUP_REMOTE] = "remote",
	[GROUP_REMOTE_PORT] = "remote_port",
	[GROUP_NETNS] = "netns",
	[GROUP_ROLE] = "role",
	[GROUP_CONFORMANCE] = "conformance",
	[GROUP_HOUR] = "hour",
};
const struct name_table history_group_names = {group_names, HISTORY_GROUPS};

/* As rows have it, whatever way it was typed: 2001:DB8::0 is 2001:db8::. */
static bool address_normalize(const char *typed, char *address)
{
	uint8_t bytes[16];
	unsigned family = inet_pton(AF_INET, typed, bytes) == 1 ? 4 : inet_pton(AF_INET6, typed, bytes) == 1 ? 6 : 0;
	struct text text = text_borrow(address, TEXT_ADDRESS_BYTES);

	if (!family)
		return false;
	text_append_address(&text, family, bytes);
	text_string(&text);
	return !text.failed;
}

int query_sql_init(struct query_sql *sql, const struct history_query *asked, const char **why)
{
	*sql = (struct query_sql){0};
	*why = "the remote address is none";
	if (asked->remote && !address_normalize(asked->remote, sql->remote))
		return -EINVAL;
	*why = "the local address is none";
	return asked->local && !address_normalize(asked->local, sql->local) ? -EINVAL : 0;
}

void query_sql_free(struct query_sql *sql)
{
	text_free(&sql->text);
}

/* ---- values ---------------------------------------------------------------------------------------- */

static void value_append(struct query_sql *sql, const struct query_value *value)
{
	if (sql->value_count == QUERY_VALUES_MAX) {
		sql->overflow = true;
		return;
	}
	sql->values[sql->value_count++] = *value;
	text_append_char(&sql->text, '?');
	text_append_u64(&sql->text, sql->value_count);
}

void query_sql_number(struct query_sql *sql, int64_t number)
{
	value_append(sql, &(struct query_value){.number = number});
}

static void query_sql_text(struct query_sql *sql, const char *text)
{
	value_append(sql, &(struct query_value){.is_text = true, .text = text});
}

static void append(struct query_sql *sql, const char *words)
{
	text_append_str(&sql->text, words);
}

int query_error(const struct query *query, int code)
{
	static const struct {
		int code, error;
	} errors[] = {
		{SQLITE_OK, 0},
		{SQLITE_NOMEM, -ENOMEM},
		{SQLITE_INTERRUPT, -ECANCELED},
		{SQLITE_BUSY, -EBUSY},
		{SQLITE_LOCKED, -EBUSY},
		{SQLITE_PERM, -EACCES},
		{SQLITE_READONLY, -EACCES},
		{SQLITE_AUTH, -EACCES},
		{SQLITE_CORRUPT, -EBADMSG},
		{SQLITE_NOTADB, -EBADMSG},
		{SQLITE_FULL, -E2BIG}, /* only what is made for the groups can be full */
	};

	if (code == SQLITE_FULL)
		snprintf(query->why, query->why_size, "too many groups");
	else if (code != SQLITE_OK)
		sql_error_write(query->why, query->why_size, "the history cannot be read", query->db, code);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return errors[i].error;
	return -EIO;
}

int query_prepare(const struct query *query, struct query_sql *sql, sqlite3_stmt **statement)
{
	int code;

	*statement = NULL;
	if (sql->overflow) {
		snprintf(query->why, query->why_size, "too many conditions");
		return -E2BIG;
	}
	code = sql_prepare(query->db, &sql->text, statement);
	for (unsigned i = 0; code == SQLITE_OK && i < sql->value_count; i++) {
		const struct query_value *value = &sql->values[i];

		code = value->is_text ? sqlite3_bind_text(*statement, (int)i + 1, value->text, -1, SQLITE_STATIC)
				      : sqlite3_bind_int64(*statement, (int)i + 1, value->number);
	}
	if (code != SQLITE_OK) {
		sqlite3_finalize(*statement);
		*statement = NULL;
	}
	return query_error(query, code & 0xff);
}

/* ---- conditions ------------------------------------------------------------------------------------ */

static void where_names(struct query_sql *sql, const char *column, const struct name_table *names, uint64_t set)
{
	const char *between = " IN (";

	if (!set)
		return;
	append(sql, " AND ");
	append(sql, column);
	for (unsigned i = 0; i < names->count; i++) {
		if (!(set >> i & 1) || !names->names[i])
			continue;
		append(sql, between);
		query_sql_text(sql, names->names[i]);
		between = ", ";
	}
	append(sql, ")");
}

static void where_numbers(struct query_sql *sql, const char *column, const uint32_t *numbers, unsigned count)
{
	if (!count)
		return;
	append(sql, " AND ");
	append(sql, column);
	for (unsigned i = 0; i < count; i++) {
		append(sql, i ? ", " : " IN (");
		query_sql_number(sql, numbers[i]);
	}
	append(sql, ")");
}

static void where_texts(struct query_sql *sql, const char *column, const char *const *texts, unsigned count)
{
	if (!count)
		return;
	append(sql, " AND ");
	append(sql, column);
	for (unsigned i = 0; i < count; i++) {
		append(sql, i ? ", " : " IN (");
		query_sql_text(sql, texts[i]);
	}
	append(sql, ")");
}

static void where_ports(struct query_sql *sql, const char *column, const struct port_list *ports)
{
	if (!ports->count)
		return;
	for (unsigned i = 0; i < ports->count; i++) {
		append(sql, i ? " OR " : " AND (");
		append(sql, column);
		append(sql, " BETWEEN ");
		query_sql_number(sql, ports->ranges[i].first);
		append(sql, " AND ");
		query_sql_number(sql, ports->ranges[i].last);
	}
	append(sql, ")");
}

static void where_equal(struct query_sql *sql, const char *column, const char *text)
{
	append(sql, " AND ");
	append(sql, column);
	append(sql, " = ");
	query_sql_text(sql, text);
}

static bool is_number(const char *text)
{
	return text[0] && text[strspn(text, "0123456789")] == '\0';
}

/* By hand: SQLite would rather sort everything that it finds by another one. */
const char *query_sql_index(const struct history_query *asked)
{
	const struct report_filter *filter = &asked->filter;

	if (asked->id)
		return is_number(asked->id) ? "connections_key" : "connections_id";
	if (asked->remote)
		return "connections_remote";
	if (filter->comm_count == 1)
		return "connections_comm";
	if (filter->classes && !(filter->classes & (filter->classes - 1)))
		return "connections_class";
	return "connections_end";
}

void query_sql_where(struct query_sql *sql, const struct history_query *asked)
{
	const struct report_filter *filter = &asked->filter;

	append(sql, " WHERE end_us >= ");
	query_sql_number(sql, asked->since_us ? asked->since_us : INT64_MIN);
	append(sql, " AND end_us < ");
	query_sql_number(sql, asked->until_us ? asked->until_us : INT64_MAX);
	if (asked->id && is_number(asked->id)) {
		append(sql, " AND cookie = ");
		query_sql_number(sql, (int64_t)strtoull(asked->id, NULL, 10));
	} else if (asked->id) {
		where_equal(sql, "id", asked->id);
	}
	if (asked->remote)
		where_equal(sql, "remote_addr", sql->remote);
	if (asked->local)
		where_equal(sql, "local_addr", sql->local);
	if (filter->family)
		where_equal(sql, "family", filter->family == 4 ? "ipv4" : "ipv6");
	where_ports(sql, "local_port", &filter->local_ports);
	where_ports(sql, "remote_port", &filter->remote_ports);
	where_numbers(sql, "netns", filter->netns, filter->netns_count);
	where_numbers(sql, "process_pid", filter->pids, filter->pid_count);
	where_texts(sql, "process_comm", filter->comms, filter->comm_count);
	where_texts(sql, "process_cgroup", filter->cgroups, filter->cgroup_count);
	where_names(sql, "class", &class_names, filter->classes);
	where_names(sql, "cause", &cause_names, filter->causes);
}

/* ---- conditions on the counts ---------------------------------------------------------------------- */

static bool asks_for(const struct history_query *asked, enum history_group group)
{
	return asked->group_by >> group & 1;
}

bool query_counts_can_tell(const struct history_query *asked)
{
	const struct report_filter *filter = &asked->filter;

	for (unsigned i = 0; i < HISTORY_GROUPS; i++)
		if (asks_for(asked, (enum history_group)i) && !query_groups[i].hourly)
			return false;
	return !asked->id && !asked->remote && !asked->local && !filter->family && !filter->remote_ports.count &&
	       !filter->netns_count && !filter->pid_count && !filter->cgroup_count;
}

/* Hours that touch the time asked for; what the counts do not tell of a connection may be as asked for. */
void query_sql_hourly_possible(struct query_sql *sql, const struct history_query *asked)
{
	const struct report_filter *filter = &asked->filter;

	append(sql, " WHERE connections > 0 AND hour >= ");
	query_sql_number(sql, asked->since_us / HISTORY_US_PER_HOUR);
	append(sql, " AND hour <= ");
	query_sql_number(sql, asked->until_us ? (asked->until_us - 1) / HISTORY_US_PER_HOUR : INT64_MAX);
	where_names(sql, "class", &class_names, filter->classes);
	where_names(sql, "cause", &cause_names, filter->causes);
	if (filter->comm_count) {
		append(sql, " AND (other OR (1");
		where_texts(sql, "comm", filter->comms, filter->comm_count);
		append(sql, "))");
	}
	if (filter->local_ports.count) {
		append(sql, " AND (other OR local_port = 0 OR (1");
		where_ports(sql, "local_port", &filter->local_ports);
		append(sql, "))");
	}
}

/* Of these: hours that lie within the time asked for, and all that is asked for is told. */
void query_sql_hourly_certain(struct query_sql *sql, const struct history_query *asked)
{
	const struct report_filter *filter = &asked->filter;
	bool port = filter->local_ports.count || asks_for(asked, GROUP_LOCAL_PORT);

	append(sql, " hour * 3600000000 >= ");
	query_sql_number(sql, asked->since_us);
	if (asked->until_us) {
		append(sql, " AND (hour + 1) * 3600000000 <= ");
		query_sql_number(sql, asked->until_us);
	}
	if (port || filter->comm_count || asks_for(asked, GROUP_COMM))
		append(sql, " AND NOT other");
	if (port)
		append(sql, " AND local_port != 0");
}
