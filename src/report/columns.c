// SPDX-License-Identifier: GPL-2.0-only
/*
 * columns.c: cells of the terminal table and the sharing of its width; see columns.h.
 */
#include "columns.h"

static void absent_append(struct text *text)
{
	text_append_str(text, TEXT_ABSENT);
}

static void cell_time(struct text *text, const struct field_source *source, unsigned width)
{
	if (source->context->time_of_day)
		return text_append_time_of_day(text, field_wall_us(source->context, source->report->end_ns), width >= 12);
	text_append_seconds(text, source->since_first_ns, 3, width);
}

/* comm/pid; a comm that is too long gives way, the pid never. */
static void cell_owner(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;
	size_t comm_length = strnlen(report->comm, sizeof(report->comm));
	char room[24]; /* text_append_u64() wants room for any number */
	struct text pid = text_borrow(room, sizeof(room));

	if (!report->has_process || (!comm_length && report->pid == ABSENT_U32))
		return absent_append(text);
	if (report->pid != ABSENT_U32) {
		text_append_char(&pid, '/');
		text_append_u64(&pid, report->pid);
	}
	if (comm_length + pid.length > width && width > pid.length)
		text_append_column(text, report->comm, comm_length, width - (unsigned)pid.length, false);
	else
		text_append_printable(text, report->comm, comm_length);
	text_append(text, pid.data, pid.length);
}

static void cell_local(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;

	/* Where the column is narrow it shows ports only, so that its lines can be compared. */
	if (width < column_local.width_full) {
		text_append_char(text, ':');
		text_append_u64(text, report->local_port);
		return;
	}
	text_append_endpoint_short(text, report->family, report->local, report->local_port, width);
}

static void cell_remote(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;

	text_append_endpoint_short(text, report->family, report->remote, report->remote_port, width);
}

static void cell_role(struct text *text, const struct field_source *source, unsigned width)
{
	const char *name = name_of(&role_names, source->report->role);

	(void)width;
	text_append_str(text, name && source->report->role != ROLE_UNKNOWN ? name : TEXT_ABSENT);
}

static void cell_age(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;

	(void)width;
	if (report->start_ns == ABSENT_U64 || report->end_ns < report->start_ns)
		return absent_append(text);
	text_append_duration(text, report->end_ns - report->start_ns, false);
}

/* The cause, marked '*' in a report that replaces an earlier one; its context where there is room. */
static void cell_cause(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;
	const char *cause = name_of(&cause_names, report->cause);
	const char *context = name_of(&context_names, report->context);
	size_t start = text->length;

	text_append_str(text, cause ? cause : TEXT_ABSENT);
	if (report->revision > 1)
		text_append_char(text, '*');
	if (!context || text->length - start + strlen(context) + 3 > width)
		return;
	text_append_str(text, " (");
	text_append_str(text, context);
	text_append_char(text, ')');
}

static void cell_who(struct text *text, const struct field_source *source, unsigned width)
{
	static const char *const initiators[connection_initiator_count] = {
		[INITIATOR_UNKNOWN] = TEXT_ABSENT, [INITIATOR_LOCAL_APP] = "app", [INITIATOR_LOCAL_EXIT] = "exit",
		[INITIATOR_LOCAL_KERNEL] = "kernel", [INITIATOR_LOCAL_ADMIN] = "admin", [INITIATOR_PEER] = "peer",
		[INITIATOR_NETWORK] = "network",
	};
	static const char *const hows[connection_how_count] = {
		[HOW_CLOSE] = "close", [HOW_SHUTDOWN] = "shutdown", [HOW_LINGER] = "linger",
		[HOW_DISCONNECT] = "unconnect", [HOW_LISTENER_CLOSE] = "unlisten", [HOW_TIMER] = "timer",
		[HOW_LIMIT] = "limit", [HOW_SOCK_DESTROY] = "destroy", [HOW_NETNS_EXIT] = "netns", [HOW_ICMP] = "icmp",
	};
	const struct connection_report *report = source->report;

	(void)width;
	if (report->how == HOW_SIGNAL && report->exit_signal > 0) {
		text_append_str(text, "signal ");
		return text_append_i64(text, report->exit_signal);
	}
	if (report->how == HOW_EXIT && report->exit_code >= 0) {
		text_append_str(text, "exit ");
		return text_append_i64(text, report->exit_code);
	}
	text_append_str(text, report->initiator < connection_initiator_count ? initiators[report->initiator] : TEXT_ABSENT);
	if (report->initiator == INITIATOR_PEER || report->initiator == INITIATOR_UNKNOWN ||
	    report->how >= connection_how_count || !hows[report->how])
		return;
	text_append_char(text, ' ');
	text_append_str(text, hows[report->how]);
}

static void bytes_append(struct text *text, uint64_t bytes)
{
	if (bytes == ABSENT_U64)
		return absent_append(text);
	text_append_size(text, bytes, false);
}

static void cell_sent(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	bytes_append(text, source->report->bytes_sent);
}

static void cell_received(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	bytes_append(text, source->report->bytes_received);
}

static void cell_retransmits(struct text *text, const struct field_source *source, unsigned width)
{
	(void)width;
	if (source->report->retransmits == ABSENT_U32)
		return absent_append(text);
	text_append_u64(text, source->report->retransmits);
}

static void cell_error(struct text *text, const struct field_source *source, unsigned width)
{
	const char *name = errno_name(source->report->error);

	(void)width;
	text_append_str(text, name ? name : TEXT_ABSENT);
}

/*
 * The states passed through, shortened, without the CLOSE that nearly all end with: the whole names
 * are in JSON.
 */
static void cell_path(struct text *text, const struct field_source *source, unsigned width)
{
	static const char *const short_names[] = {"?", "EST", "SYNS", "SYNR", "FIN1", "FIN2", "TWAIT",
						  "CLOSE", "CWAIT", "LACK", "LISTEN", "CLOSING", "SYNR"};
	static const unsigned known = sizeof(short_names) / sizeof(short_names[0]), close_state = 7;
	const struct connection_report *report = source->report;
	unsigned count = report->state_count < REPORT_STATES_MAX ? report->state_count : REPORT_STATES_MAX;

	(void)width;
	if (!count)
		return absent_append(text);
	if (count > 1 && report->states[count - 1].state == close_state)
		count--;
	for (unsigned i = 0; i < count; i++) {
		unsigned state = report->states[i].state;

		if (i)
			text_append_char(text, '>');
		text_append_str(text, short_names[state < known ? state : 0]);
	}
}

/* title, place, priority, least and full width, right-aligned, cell */
const struct field_column column_time = {"TIME", 1, 4, 8, 12, true, cell_time};
const struct field_column column_owner = {"COMM/PID", 2, 3, 11, 20, false, cell_owner};
const struct field_column column_role = {"ROLE", 3, 8, 6, 6, false, cell_role};
const struct field_column column_local = {"LOCAL", 4, 5, 6, 21, false, cell_local};
const struct field_column column_remote = {"REMOTE", 5, 2, 21, 27, false, cell_remote};
const struct field_column column_age = {"AGE", 6, 6, 6, 6, true, cell_age};
const struct field_column column_cause = {"CAUSE", 7, 1, 23, 35, false, cell_cause};
const struct field_column column_who = {"WHO", 8, 7, 12, 13, false, cell_who};
const struct field_column column_sent = {"SENT", 9, 9, 4, 4, true, cell_sent};
const struct field_column column_received = {"RECV", 10, 10, 4, 4, true, cell_received};
const struct field_column column_retransmits = {"RETR", 11, 11, 4, 4, true, cell_retransmits};
const struct field_column column_error = {"ERROR", 12, 12, 12, 12, false, cell_error};
const struct field_column column_path = {"STATES", 13, 13, 24, 48, false, cell_path};

static void layout_insert(struct column_layout *layout, const struct field_column *column, unsigned width)
{
	unsigned at = layout->count++;

	for (; at > 0 && layout->used[at - 1].column->place > column->place; at--)
		layout->used[at] = layout->used[at - 1];
	layout->used[at].column = column;
	layout->used[at].width = width;
}

static const struct field_column *column_by_priority(unsigned priority)
{
	for (unsigned i = 0; i < field_count; i++)
		if (fields[i].column && fields[i].column->priority == priority)
			return fields[i].column;
	return NULL;
}

static unsigned minimum(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

void column_layout_make(struct column_layout *layout, unsigned width)
{
	unsigned left = width ? width : UINT32_MAX;
	const struct field_column *column;

	layout->count = 0;
	for (unsigned priority = 1; (column = column_by_priority(priority)); priority++) {
		unsigned gap = layout->count ? 1 : 0, needed = column->width_min + gap;

		if (needed > left && layout->count)
			break;
		/* Even the narrowest terminal gets one column, cut to its width. */
		needed = minimum(needed, left);
		layout_insert(layout, column, needed - gap);
		left -= needed;
	}
	for (unsigned priority = 1; (column = column_by_priority(priority)); priority++) {
		for (unsigned i = 0; i < layout->count; i++) {
			unsigned more = minimum(left, column->width_full - column->width_min);

			if (layout->used[i].column != column)
				continue;
			layout->used[i].width += more;
			left -= more;
		}
	}
}

void column_layout_header(const struct column_layout *layout, struct text *text)
{
	for (unsigned i = 0; i < layout->count; i++) {
		const struct field_column *column = layout->used[i].column;

		if (i)
			text_append_char(text, ' ');
		text_append_column(text, column->title, strlen(column->title), layout->used[i].width, column->right);
	}
	while (text->length && text->data[text->length - 1] == ' ')
		text->length--;
}

void column_layout_report(const struct column_layout *layout, struct text *text, const struct field_source *source)
{
	struct text cell = {0};

	for (unsigned i = 0; i < layout->count; i++) {
		const struct field_column *column = layout->used[i].column;

		text_clear(&cell);
		column->cell(&cell, source, layout->used[i].width);
		if (i)
			text_append_char(text, ' ');
		text_append_column(text, cell.data, cell.length, layout->used[i].width, column->right);
	}
	while (text->length && text->data[text->length - 1] == ' ')
		text->length--;
	text->failed |= cell.failed;
	text_free(&cell);
}
