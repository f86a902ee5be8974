// SPDX-License-Identifier: GPL-2.0-only
/*
 * columns.c: cells of the terminal table and the sharing of its width; see columns.h.
 */
#include "columns.h"
#include "short_words.h"

static void absent_append(struct text *text)
{
	text_append_str(text, TEXT_ABSENT);
}

static void cell_time(struct text *text, const struct field_source *source, unsigned width)
{
	if (source->context->time_of_day)
		return text_append_time_of_day(text, field_wall_us(source->context, source->report->end_ns),
					       width >= 12);
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
	if (width < column_local.wide) {
		text_append_char(text, ':');
		text_append_u64(text, report->local_port);
		return;
	}
	text_append_endpoint_short(text, report->family, report->local, report->local_port, width);
}

/*
 * An IPv4 address that does not fit loses its second octet, as one of IPv6 loses groups: 192..100.200:54321
 * is the longest then, which the narrowest column holds. Its port alone would say nothing of a client.
 */
static void cell_remote(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;
	char room[TEXT_ADDRESS_BYTES + 24]; /* text_append_u64() wants room for any number */
	struct text whole = text_borrow(room, sizeof(room));

	text_append_endpoint(&whole, report->family, report->remote, report->remote_port);
	if (report->family != 4 || whole.length <= width)
		return text_append_endpoint_short(text, report->family, report->remote, report->remote_port, width);
	text_append_u64(text, report->remote[0]);
	text_append_str(text, "..");
	text_append_u64(text, report->remote[2]);
	text_append_char(text, '.');
	text_append_u64(text, report->remote[3]);
	text_append_char(text, ':');
	text_append_u64(text, report->remote_port);
}

static void cell_role(struct text *text, const struct field_source *source, unsigned width)
{
	const char *name = name_of(&role_names, source->report->role);

	if (!name || source->report->role == ROLE_UNKNOWN)
		return absent_append(text);
	text_append(text, name, width < column_role.wide ? 1 : strlen(name));
}

/* Of 12m03s only 12m where the column has no room for the seconds. */
static void cell_age(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;
	char room[64]; /* text_append_u64() wants room for any number */
	struct text span = text_borrow(room, sizeof(room));

	if (report->start_ns == ABSENT_U64 || report->end_ns < report->start_ns)
		return absent_append(text);
	text_append_duration(&span, report->end_ns - report->start_ns, false);
	if (span.length > width)
		span.length = strcspn(text_string(&span), "mhd") + 1;
	text_append(text, span.data, span.length);
}

/*
 * The cause with its class, marked '*' in a report that replaces an earlier one; its context where there
 * is room. A narrow column has a short word instead, in which the class shows.
 */
static void cell_cause(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;
	const char *class = name_of(&class_names, report->class), *cause = name_of(&cause_names, report->cause);
	const char *context = name_of(&context_names, report->context);
	size_t start = text->length;

	if (width < column_cause.wide) {
		text_append_str(text, cause_short_name(report->cause, report->context));
		if (cause_short_says_context(report->cause, report->context))
			context = NULL;
	} else {
		text_append_str(text, class ? class : TEXT_ABSENT);
		text_append_char(text, '/');
		text_append_str(text, cause ? cause : TEXT_ABSENT);
	}
	if (report->revision > 1)
		text_append_char(text, '*');
	if (!context || text->length - start + strlen(context) + 3 > width)
		return;
	text_append_str(text, " (");
	text_append_str(text, context);
	text_append_char(text, ')');
}

static void who_append(struct text *text, const struct connection_report *report)
{
	static const char *const initiators[connection_initiator_count] = {
		[INITIATOR_UNKNOWN] = TEXT_ABSENT,   [INITIATOR_LOCAL_APP] = "app",     [INITIATOR_LOCAL_EXIT] = "exit",
		[INITIATOR_LOCAL_KERNEL] = "kernel", [INITIATOR_LOCAL_ADMIN] = "admin", [INITIATOR_PEER] = "peer",
		[INITIATOR_NETWORK] = "network",
	};
	static const char *const hows[connection_how_count] = {
		[HOW_CLOSE] = "close",
		[HOW_SHUTDOWN] = "shutdown",
		[HOW_LINGER] = "linger",
		[HOW_DISCONNECT] = "disconnect",
		[HOW_LISTENER_CLOSE] = "unlisten",
		[HOW_TIMER] = "timer",
		[HOW_LIMIT] = "limit",
		[HOW_SOCK_DESTROY] = "destroy",
		[HOW_NETNS_EXIT] = "netns",
		[HOW_ICMP] = "icmp",
	};

	text_append_str(text,
			report->initiator < connection_initiator_count ? initiators[report->initiator] : TEXT_ABSENT);
	if (report->initiator == INITIATOR_PEER || report->initiator == INITIATOR_UNKNOWN ||
	    report->how >= connection_how_count || !hows[report->how])
		return;
	text_append_char(text, ' ');
	text_append_str(text, hows[report->how]);
}

static void cell_who(struct text *text, const struct field_source *source, unsigned width)
{
	const struct connection_report *report = source->report;

	if (width < column_who.wide)
		return who_short_append(text, report);
	if (report->how == HOW_SIGNAL && report->exit_signal > 0 && signal_name(report->exit_signal)) {
		text_append_str(text, "SIG");
		return text_append_str(text, signal_name(report->exit_signal));
	}
	if (report->how == HOW_SIGNAL && report->exit_signal > 0) {
		text_append_str(text, "signal ");
		return text_append_i64(text, report->exit_signal);
	}
	if (report->how == HOW_EXIT && report->exit_code >= 0) {
		text_append_str(text, "exit ");
		return text_append_i64(text, report->exit_code);
	}
	who_append(text, report);
}

static void size_append(struct text *text, uint64_t bytes, unsigned width)
{
	char room[24];
	struct text size = text_borrow(room, sizeof(room));

	if (bytes == ABSENT_U64)
		absent_append(&size);
	else
		text_append_size(&size, bytes, false);
	text_append_column(text, size.data, size.length, width, true);
}

/* Sent and received, or in a narrow column the sum of both. */
static void cell_bytes(struct text *text, const struct field_source *source, unsigned width)
{
	static const unsigned size_width = 4; /* text_append_size() needs no more */
	uint64_t sent = source->report->bytes_sent, received = source->report->bytes_received;

	if (width < column_bytes.wide) {
		bool absent = sent == ABSENT_U64 || received == ABSENT_U64;

		return size_append(text, absent ? ABSENT_U64 : sent + received, width);
	}
	size_append(text, sent, size_width);
	text_append_char(text, ' ');
	size_append(text, received, size_width);
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
	static const char *const short_names[] = {"?",     "EST",   "SYNS", "SYNR",   "FIN1",    "FIN2", "TWAIT",
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

/*
 * Steps 1 to 9 make a table of 80 columns with a short form of every fact that a person asks for first;
 * 16 spells out class and cause at 132; 22 completes a table of 200 columns, whose addresses have room
 * for any of IPv4. What follows is for long names and addresses of IPv6.
 */
const struct field_column column_time = {
	.title = "TIME", .place = 1, .right = true, .steps = {{5, 8}, {24, 12}}, .cell = cell_time};
const struct field_column column_owner = {.title = "COMM/PID",
					  .place = 2,
					  .stretches = true,
					  .steps = {{4, 11}, {11, 14}, {17, 18}, {26, 23}},
					  .cell = cell_owner};
const struct field_column column_local = {
	.title = "LOCAL", .wide = 21, .place = 3, .steps = {{3, 6}, {18, 21}, {25, 27}, {30, 47}}, .cell = cell_local};
const struct field_column column_remote = {.title = "REMOTE",
					   .place = 4,
					   .stretches = true,
					   .steps = {{2, 19}, {10, 21}, {23, 27}, {29, 47}},
					   .cell = cell_remote};
const struct field_column column_role = {
	.title = "R", .title_wide = "ROLE", .wide = 6, .place = 5, .steps = {{8, 1}, {19, 6}}, .cell = cell_role};
const struct field_column column_age = {
	.title = "AGE", .place = 6, .right = true, .steps = {{6, 5}, {14, 6}}, .cell = cell_age};
const struct field_column column_cause = {.title = "CAUSE",
					  .title_wide = "CLASS/CAUSE",
					  .wide = 45,
					  .place = 7,
					  .steps = {{1, CAUSE_SHORT_MAX + 1}, {15, 26}, {16, 45}, {28, 66}},
					  .cell = cell_cause};
const struct field_column column_who = {
	.title = "WHO", .wide = 14, .place = 8, .steps = {{7, WHO_SHORT_MAX}, {13, 14}}, .cell = cell_who};
const struct field_column column_bytes = {.title = "BYTES",
					  .title_wide = "SENT RECV",
					  .wide = 9,
					  .place = 9,
					  .right = true,
					  .steps = {{9, 4}, {12, 9}},
					  .cell = cell_bytes};
const struct field_column column_retransmits = {
	.title = "RETR", .place = 10, .right = true, .steps = {{20, 4}}, .cell = cell_retransmits};
const struct field_column column_error = {.title = "ERROR", .place = 11, .steps = {{21, 12}}, .cell = cell_error};
const struct field_column column_path = {
	.title = "STATES", .place = 12, .stretches = true, .steps = {{22, 24}, {27, 48}}, .cell = cell_path};

static unsigned minimum(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static struct column_use *layout_find(struct column_layout *layout, const struct field_column *column)
{
	for (unsigned i = 0; i < layout->count; i++)
		if (layout->used[i].column == column)
			return &layout->used[i];
	return NULL;
}

static void layout_insert(struct column_layout *layout, const struct field_column *column, unsigned width)
{
	unsigned at = layout->count++;

	for (; at > 0 && layout->used[at - 1].column->place > column->place; at--)
		layout->used[at] = layout->used[at - 1];
	layout->used[at].column = column;
	layout->used[at].width = width;
}

static const struct field_column *column_by_priority(const struct field_column *const *columns, unsigned count,
						     unsigned priority, unsigned *width)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned step = 0; step < COLUMN_STEPS_MAX; step++) {
			if (columns[i]->steps[step].priority == priority) {
				*width = columns[i]->steps[step].width;
				return columns[i];
			}
		}
	return NULL;
}

void column_layout_make_of(struct column_layout *layout, const struct field_column *const *columns, unsigned count,
			   unsigned width)
{
	unsigned left = width ? width : UINT32_MAX, step_width = 0;
	bool full = false;

	layout->count = 0;
	for (unsigned priority = 1; priority <= COLUMN_PRIORITY_MAX; priority++) {
		const struct field_column *column = column_by_priority(columns, count, priority, &step_width);
		struct column_use *use = column ? layout_find(layout, column) : NULL;
		unsigned gap = !use && layout->count ? 1 : 0;
		unsigned needed = step_width + gap - (use ? use->width : 0);

		if (!column)
			continue;
		/* Even the narrowest terminal gets one column, cut to its width. */
		full |= needed > left && layout->count;
		if (full && !(use && column->stretches))
			continue;
		needed = minimum(needed, left);
		if (use)
			use->width += needed;
		else
			layout_insert(layout, column, needed - gap);
		left -= needed;
	}
}

void column_layout_make(struct column_layout *layout, unsigned width)
{
	const struct field_column *columns[COLUMNS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < field_count && count < COLUMNS_MAX; i++)
		if (fields[i].column)
			columns[count++] = fields[i].column;
	column_layout_make_of(layout, columns, count, width);
}

void column_layout_header(const struct column_layout *layout, struct text *text)
{
	for (unsigned i = 0; i < layout->count; i++) {
		const struct field_column *column = layout->used[i].column;
		unsigned width = layout->used[i].width;
		const char *title = column->title_wide && width >= column->wide ? column->title_wide : column->title;

		if (i)
			text_append_char(text, ' ');
		/* A title longer than its numbers takes blanks from the title before it. */
		while (column->right && strlen(title) > width && text->length > 1 &&
		       text->data[text->length - 2] == ' ') {
			text->length--;
			width++;
		}
		text_append_column(text, title, strlen(title), width, column->right);
	}
	while (text->length && text->data[text->length - 1] == ' ')
		text->length--;
}

void column_layout_report(const struct column_layout *layout, struct text *text, const struct field_source *source)
{
	struct text cell = {0};

	for (unsigned i = 0; i < layout->count; i++) {
		const struct field_column *column = layout->used[i].column;

		text_reuse(&cell);
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
