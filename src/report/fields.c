// SPDX-License-Identifier: GPL-2.0-only
/*
 * fields.c: the table of report fields and the getters of those that are not simply members of the
 * report. The cells of the terminal table are in columns.c.
 */
#include "columns.h"
#include "community_id.h"
#include "container.h"
#include "explain.h"
#include "fields.h"
#include "machine_text.h"

static const char *const format_names[] = {[REPORT_TABLE] = "table", [REPORT_JSON] = "json", [REPORT_CSV] = "csv"};
const struct name_table report_format_names = {format_names, sizeof(format_names) / sizeof(format_names[0])};
const struct name_table plain_format_names = {format_names, REPORT_CSV};

int64_t field_wall_us(const struct report_context *context, uint64_t monotonic_ns)
{
	/* Without signs: a recording that somebody made up may overflow. */
	return (int64_t)(monotonic_ns + (uint64_t)context->wall_minus_monotonic_ns) / 1000;
}

static void value_set_text(struct field_value *value, enum field_type type, const char *text, size_t length)
{
	value->type = type;
	value->text = text;
	value->length = length;
}

static void value_set_word(struct field_value *value, const char *word)
{
	if (word)
		value_set_text(value, FIELD_WORD, word, strlen(word));
	else
		value->type = FIELD_ABSENT;
}

static void get_type(const struct field_source *source, struct field_value *value)
{
	(void)source;
	value_set_word(value, "connection");
}

static void get_id(const struct field_source *source, struct field_value *value)
{
	const struct connection_report *report = source->report;
	struct text text = text_borrow(value->room, sizeof(value->room));

	value->type = FIELD_ABSENT;
	if (!report->has_id)
		return;
	text_append_hex(&text, report->client_isn, 8);
	text_append_char(&text, '-');
	text_append_hex(&text, report->server_isn, 8);
	value_set_text(value, FIELD_WORD, value->room, text.length);
}

static void get_community_id(const struct field_source *source, struct field_value *value)
{
	const struct connection_report *report = source->report;

	community_id_write(value->room, report->family, report->local, report->local_port, report->remote,
			   report->remote_port);
	value_set_text(value, FIELD_WORD, value->room, COMMUNITY_ID_BYTES - 1);
}

static void get_host(const struct field_source *source, struct field_value *value)
{
	const char *host = source->context->host ? source->context->host : "";

	value_set_text(value, FIELD_TEXT, host, strlen(host));
}

static void get_family(const struct field_source *source, struct field_value *value)
{
	value_set_word(value, source->report->family == 4 ? "ipv4" : "ipv6");
}

static void address_get(const struct field_source *source, const uint8_t *address, struct field_value *value)
{
	struct text text = text_borrow(value->room, sizeof(value->room));

	text_append_address(&text, source->report->family, address);
	value_set_text(value, FIELD_WORD, value->room, text.length);
}

static void get_local_addr(const struct field_source *source, struct field_value *value)
{
	address_get(source, source->report->local, value);
}

static void get_remote_addr(const struct field_source *source, struct field_value *value)
{
	address_get(source, source->report->remote, value);
}

static void get_error(const struct field_source *source, struct field_value *value)
{
	value_set_word(value, errno_name(source->report->error));
}

static void get_rst_reason(const struct field_source *source, struct field_value *value)
{
	value_set_word(value, name_of(&reset_reason_names, source->report->rst_reason));
}

static void get_explain(const struct field_source *source, struct field_value *value)
{
	value_set_text(value, FIELD_TEXT, source->explain, source->explain_length);
}

static void get_duration(const struct field_source *source, struct field_value *value)
{
	const struct connection_report *report = source->report;

	value->type = FIELD_ABSENT;
	if (report->start_ns == ABSENT_U64 || report->end_ns < report->start_ns)
		return;
	value->type = FIELD_UNSIGNED;
	value->number = (report->end_ns - report->start_ns) / 1000;
}

static void get_comm(const struct field_source *source, struct field_value *value)
{
	const char *comm = source->report->comm;

	value_set_text(value, FIELD_TEXT, comm, strnlen(comm, sizeof(source->report->comm)));
	if (!value->length)
		value->type = FIELD_ABSENT;
}

static void get_cgroup(const struct field_source *source, struct field_value *value)
{
	value->type = FIELD_ABSENT;
	if (source->cgroup)
		value_set_text(value, FIELD_TEXT, source->cgroup, strlen(source->cgroup));
}

static void get_container_id(const struct field_source *source, struct field_value *value)
{
	const char *id = source->cgroup ? container_id_find(source->cgroup) : NULL;

	value->type = FIELD_ABSENT;
	if (id)
		value_set_text(value, FIELD_WORD, id, CONTAINER_ID_BYTES);
}

/* Before an item of a list of texts that are our own and hold nothing that JSON escapes; tests see to that. */
static void list_item_begin(struct text *text, unsigned i, enum report_format format)
{
	text_append_str(text, format == REPORT_JSON ? (i ? ",\"" : "\"") : (i ? "; " : ""));
}

static void list_evidence(const struct field_source *source, struct text *text, enum report_format format)
{
	const struct connection_report *report = source->report;

	for (unsigned i = 0; i < report->evidence_count && i < REPORT_EVIDENCE_MAX; i++) {
		list_item_begin(text, i, format);
		evidence_append(text, &report->evidence[i]);
		if (format == REPORT_JSON)
			text_append_char(text, '"');
	}
}

static void state_name_append(struct text *text, unsigned state)
{
	const char *name = name_of(&tcp_state_names, state);

	text_append_str(text, name ? name : "UNKNOWN");
}

static void list_states(const struct field_source *source, struct text *text, enum report_format format)
{
	const struct connection_report *report = source->report;
	uint64_t start_ns = report->start_ns != ABSENT_U64 ? report->start_ns : report->states[0].at_ns;

	for (unsigned i = 0; i < report->state_count && i < REPORT_STATES_MAX; i++) {
		const struct report_state *state = &report->states[i];

		if (i)
			text_append_char(text, format == REPORT_JSON ? ',' : '>');
		if (format != REPORT_JSON) {
			state_name_append(text, state->state);
			continue;
		}
		text_append_str(text, "{\"state\":\"");
		state_name_append(text, state->state);
		text_append_str(text, "\",\"at_us\":");
		text_append_i64(text, (int64_t)(state->at_ns - start_ns) / 1000);
		text_append_char(text, '}');
	}
}

static void list_notes(const struct field_source *source, struct text *text, enum report_format format)
{
	const struct connection_report *report = source->report;

	for (unsigned i = 0; i < report->note_count && i < REPORT_NOTES_MAX; i++) {
		list_item_begin(text, i, format);
		machine_note_append(text, &report->notes[i]);
		if (format == REPORT_JSON)
			text_append_char(text, '"');
	}
}

static bool time_wait_present(const struct connection_report *report)
{
	return report->has_time_wait;
}

static bool process_present(const struct connection_report *report)
{
	return report->has_process;
}

static bool keepalive_present(const struct connection_report *report)
{
	return report->has_keepalive;
}

static const struct field_group time_wait_group = {"time_wait", time_wait_present};
static const struct field_group conformance_group = {"conformance", NULL};
static const struct field_group process_group = {"process", process_present};
static const struct field_group keepalive_group = {"keepalive", keepalive_present};

#define AT(member)                .offset = offsetof(struct connection_report, member)
#define UNSIGNED(kind_of, member) .type = FIELD_UNSIGNED, .kind = kind_of, AT(member)
#define SIGNED(kind_of, member)   .type = FIELD_SIGNED, .kind = kind_of, AT(member)
#define NAMED(table, member)      .type = FIELD_WORD, .kind = KIND_NAME, .names = &table, AT(member)
#define COMPUTED(type_of, getter) .type = type_of, .kind = KIND_COMPUTED, .get = getter
#define LIST(writer)              .type = FIELD_LIST, .kind = KIND_LIST, .list = writer
#define IN(group_of)              .group = &group_of##_group

const struct field fields[] = {
	{.name = "schema",
	 .type = FIELD_UNSIGNED,
	 .kind = KIND_CONSTANT,
	 .constant = 1,
	 .help = "version of this format"},
	{.name = "type", COMPUTED(FIELD_WORD, get_type), .help = "connection"},
	{.name = "revision",
	 UNSIGNED(KIND_U32, revision),
	 .help = "1 for the first report of a connection; a higher one replaces it"},
	{.name = "id",
	 COMPUTED(FIELD_WORD, get_id),
	 .help = "client ISN '-' server ISN: the same at both ends and across NAT"},
	{.name = "cookie", UNSIGNED(KIND_U64, cookie), .help = "socket cookie, unique on this host since boot"},
	{.name = "community_id", COMPUTED(FIELD_WORD, get_community_id), .help = "Community ID, version 1, seed 0"},
	{.name = "host", COMPUTED(FIELD_TEXT, get_host), .help = "name of this host"},
	{.name = "netns", UNSIGNED(KIND_U32, netns), .help = "network namespace, its inode number"},
	{.name = "family", COMPUTED(FIELD_WORD, get_family), .help = "ipv4 or ipv6"},
	{.name = "local_addr", COMPUTED(FIELD_WORD, get_local_addr), .column = &column_local, .help = "local address"},
	{.name = "local_port", UNSIGNED(KIND_U16, local_port), .help = "local port"},
	{.name = "remote_addr",
	 COMPUTED(FIELD_WORD, get_remote_addr),
	 .column = &column_remote,
	 .help = "remote address"},
	{.name = "remote_port", UNSIGNED(KIND_U16, remote_port), .help = "remote port"},
	{.name = "role",
	 NAMED(role_names, role),
	 .column = &column_role,
	 .help = "client opened, server accepted, both opened at once"},
	{.name = "class", NAMED(class_names, class), .help = "kind of end"},
	{.name = "cause", NAMED(cause_names, cause), .column = &column_cause, .help = "what ended the connection"},
	{.name = "context", NAMED(context_names, context), .help = "what makes the cause more precise"},
	{.name = "initiator",
	 NAMED(initiator_names, initiator),
	 .column = &column_who,
	 .help = "who ended the connection"},
	{.name = "how", NAMED(how_names, how), .help = "by what the initiator ended it"},
	{.name = "exit_code",
	 SIGNED(KIND_INT_OPTIONAL, exit_code),
	 .help = "exit status of the process that ended it by exiting"},
	{.name = "exit_signal", SIGNED(KIND_INT_OPTIONAL, exit_signal), .help = "signal that killed that process"},
	{.name = "error",
	 COMPUTED(FIELD_WORD, get_error),
	 .column = &column_error,
	 .help = "errno that the application gets"},
	{.name = "rst_reason",
	 COMPUTED(FIELD_WORD, get_rst_reason),
	 .help = "the kernel's own word for why it sent a reset"},
	{.name = "evidence", LIST(list_evidence), .help = "observed facts that the verdict rests on"},
	{.name = "explain", COMPUTED(FIELD_TEXT, get_explain), .help = "one sentence for a person"},
	{.name = "completeness",
	 NAMED(completeness_names, completeness),
	 .help = "complete, partial (began unseen, or a gap), inferred (end unseen)"},
	{.name = "start_us", SIGNED(KIND_INSTANT, start_ns), .help = "birth, microseconds since the epoch"},
	{.name = "end_us",
	 SIGNED(KIND_INSTANT, end_ns),
	 .column = &column_time,
	 .help = "end, microseconds since the epoch"},
	{.name = "duration_us",
	 COMPUTED(FIELD_UNSIGNED, get_duration),
	 .column = &column_age,
	 .help = "from birth to end, microseconds"},
	{.name = "handshake_us", UNSIGNED(KIND_SPAN, handshake_ns), .help = "length of the handshake, microseconds"},
	{.name = "states",
	 LIST(list_states),
	 .column = &column_path,
	 .help = "states passed through, at_us in microseconds since start_us"},
	{IN(time_wait), .name = "begin_us", SIGNED(KIND_INSTANT, time_wait_begin_ns),
	 .help = "begin of TIME_WAIT, microseconds since the epoch"},
	{IN(time_wait), .name = "planned_us", UNSIGNED(KIND_SPAN, time_wait_planned_ns),
	 .help = "planned length, microseconds"},
	{IN(time_wait), .name = "end_us", SIGNED(KIND_INSTANT, time_wait_end_ns),
	 .help = "its end, microseconds since the epoch; null while it stands"},
	{IN(time_wait), .name = "ended", NAMED(time_wait_end_names, time_wait_end),
	 .help = "expired, reused, reset, unknown; null while it stands"},
	{IN(conformance), .name = "verdict", NAMED(conformance_names, conformance),
	 .help = "the transitions against RFC 9293"},
	{IN(conformance), .name = "notes", LIST(list_notes),
	 .help = "transitions and timings that deserve a word, each with its verdict and source"},
	{IN(process), .name = "pid", UNSIGNED(KIND_U32_OPTIONAL, pid), .column = &column_owner,
	 .help = "process that owns the connection"},
	{IN(process), .name = "comm", COMPUTED(FIELD_TEXT, get_comm), .help = "its name"},
	{IN(process), .name = "uid", UNSIGNED(KIND_U32_OPTIONAL, uid), .help = "its user"},
	{IN(process), .name = "cgroup", COMPUTED(FIELD_TEXT, get_cgroup), .help = "path of its cgroup"},
	{IN(process), .name = "container_id", COMPUTED(FIELD_WORD, get_container_id),
	 .help = "container id found in that path"},
	{IN(process), .name = "source", NAMED(process_source_names, process_source),
	 .help = "by what the owner was learnt"},
	{.name = "bytes_sent",
	 UNSIGNED(KIND_U64_OPTIONAL, bytes_sent),
	 .column = &column_bytes,
	 .help = "payload sent, without retransmissions"},
	{.name = "bytes_received", UNSIGNED(KIND_U64_OPTIONAL, bytes_received), .help = "payload received"},
	{.name = "unacked_bytes",
	 UNSIGNED(KIND_U32_OPTIONAL, unacked_bytes),
	 .help = "sent but not acknowledged at the end"},
	{.name = "unread_bytes", UNSIGNED(KIND_U32_OPTIONAL, unread_bytes), .help = "received but not read at the end"},
	{.name = "retransmits",
	 UNSIGNED(KIND_U32_OPTIONAL, retransmits),
	 .column = &column_retransmits,
	 .help = "segments sent again"},
	{.name = "timeouts", UNSIGNED(KIND_U32_OPTIONAL, timeouts), .help = "retransmission timeouts"},
	{IN(keepalive), .name = "enabled", .type = FIELD_BOOLEAN, .kind = KIND_BOOLEAN, AT(keepalive_enabled),
	 .help = "SO_KEEPALIVE"},
	{IN(keepalive), .name = "idle_s", UNSIGNED(KIND_U32_OPTIONAL, keepalive_idle_s),
	 .help = "TCP_KEEPIDLE, seconds"},
	{IN(keepalive), .name = "interval_s", UNSIGNED(KIND_U32_OPTIONAL, keepalive_interval_s),
	 .help = "TCP_KEEPINTVL, seconds"},
	{IN(keepalive), .name = "probes", UNSIGNED(KIND_U32_OPTIONAL, keepalive_probes), .help = "TCP_KEEPCNT"},
	{IN(keepalive), .name = "probes_sent", UNSIGNED(KIND_U32_OPTIONAL, keepalive_probes_sent),
	 .help = "probes sent"},
	{.name = "user_timeout_ms",
	 UNSIGNED(KIND_U32_OPTIONAL, user_timeout_ms),
	 .help = "TCP_USER_TIMEOUT, milliseconds"},
	{.name = "silent_us",
	 UNSIGNED(KIND_SPAN, silent_ns),
	 .help = "since the last segment from the peer, microseconds"},
	{.name = "srtt_us", UNSIGNED(KIND_U32_OPTIONAL, srtt_us), .help = "smoothed round-trip time, microseconds"},
};
const unsigned field_count = sizeof(fields) / sizeof(fields[0]);

void field_name_append(struct text *text, const struct field *field)
{
	if (field->group) {
		text_append_str(text, field->group->name);
		text_append_char(text, '_');
	}
	text_append_str(text, field->name);
}

static void value_set_number(struct field_value *value, uint64_t number, bool absent)
{
	value->type = absent ? FIELD_ABSENT : FIELD_UNSIGNED;
	value->number = number;
}

static void value_set_signed(struct field_value *value, int64_t number, bool absent)
{
	value->type = absent ? FIELD_ABSENT : FIELD_SIGNED;
	value->signed_number = number;
}

/* The members that a field's offset may point at, by kind. */
static void member_get(const struct field *field, const struct field_source *source, struct field_value *value)
{
	const void *member = (const char *)source->report + field->offset;
	const uint16_t *u16 = member;
	const uint32_t *u32 = member;
	const uint64_t *u64 = member;
	const int *number = member;
	const bool *boolean = member;

	switch (field->kind) {
	case KIND_U16: return value_set_number(value, *u16, false);
	case KIND_U32: return value_set_number(value, *u32, false);
	case KIND_U32_OPTIONAL: return value_set_number(value, *u32, *u32 == ABSENT_U32);
	case KIND_U64: return value_set_number(value, *u64, false);
	case KIND_U64_OPTIONAL: return value_set_number(value, *u64, *u64 == ABSENT_U64);
	case KIND_SPAN: return value_set_number(value, *u64 / 1000, *u64 == ABSENT_U64);
	case KIND_INSTANT: return value_set_signed(value, field_wall_us(source->context, *u64), *u64 == ABSENT_U64);
	case KIND_INT_OPTIONAL: return value_set_signed(value, *number, *number < 0);
	case KIND_NAME: return value_set_word(value, name_of(field->names, *u32));
	case KIND_BOOLEAN:
		value->type = FIELD_BOOLEAN;
		value->boolean = *boolean;
		return;
	default: value->type = FIELD_ABSENT;
	}
}

void field_value_get(const struct field *field, const struct field_source *source, struct field_value *value)
{
	if (field->group && field->group->present && !field->group->present(source->report))
		value->type = FIELD_ABSENT;
	else if (field->kind == KIND_COMPUTED)
		field->get(source, value);
	else if (field->kind == KIND_CONSTANT)
		value_set_number(value, field->constant, false);
	else
		member_get(field, source, value);
}

void field_value_json(struct text *text, const struct field_value *value)
{
	char *at;

	switch (value->type) {
	case FIELD_UNSIGNED: return text_append_u64(text, value->number);
	case FIELD_SIGNED: return text_append_i64(text, value->signed_number);
	case FIELD_BOOLEAN: return text_append_str(text, value->boolean ? "true" : "false");
	case FIELD_TEXT: return text_append_json_string(text, value->text, value->length);
	case FIELD_WORD:
		at = text_reserve(text, value->length + 2);
		if (!at)
			return;
		at[0] = '"';
		memcpy(at + 1, value->text, value->length);
		at[value->length + 1] = '"';
		text->length += value->length + 2;
		return;
	default: text_append_str(text, "null");
	}
}
