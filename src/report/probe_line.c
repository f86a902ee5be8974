// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe_line.c: see probe_line.h.
 */
#include "report/probe_line.h"

static const char *const verdict_texts[] = {
	[PROBE_PENDING] = "pending", [PROBE_ALIVE] = "alive", [PROBE_RESET] = "reset",
	[PROBE_SILENT] = "silent",   [PROBE_GONE] = "gone",   [PROBE_NOT_PROBED] = "not_probed",
};
const struct name_table probe_verdict_names = {verdict_texts, PROBE_VERDICTS};

static const char *const reason_texts[] = {
	[PROBE_REASON_NONE] = "none",
	[PROBE_REASON_STATE] = "state",
	[PROBE_REASON_ORPHAN] = "orphan",
	[PROBE_REASON_USER_TIMEOUT] = "user_timeout",
	[PROBE_REASON_OWN_LIMIT] = "own_limit",
	[PROBE_REASON_SETTINGS] = "settings",
	[PROBE_REASON_MANY_PROBES] = "many_probes",
	[PROBE_REASON_CHANGED] = "changed",
	[PROBE_REASON_NOT_DUE] = "not_due",
	[PROBE_REASON_REFUSED] = "refused",
	[PROBE_REASON_INTERRUPTED] = "interrupted",
};
const struct name_table probe_reason_names = {reason_texts, PROBE_REASONS};

static const char *const reason_sentences[] = {
	[PROBE_REASON_STATE] = "No keepalive probes are sent in its state",
	[PROBE_REASON_ORPHAN] = "No process holds it any more; the kernel's own timer ends it",
	[PROBE_REASON_USER_TIMEOUT] = "TCP_USER_TIMEOUT is set, so that one probe without an answer could end it; "
				      "--reap probes it all the same",
	[PROBE_REASON_OWN_LIMIT] =
		"Its own keepalive would end it after one more probe without an answer; --reap probes it all the same",
	[PROBE_REASON_SETTINGS] = "The sysctl values in force are beyond what can be put back on a socket",
	[PROBE_REASON_MANY_PROBES] =
		"So many probes are without an answer already that the kernel could end it after a few more",
	[PROBE_REASON_CHANGED] = "Its settings changed between reading and probing, so they were left alone",
	[PROBE_REASON_NOT_DUE] = "Its own timers, which forbid keepalive probes, sent too little in the time",
	[PROBE_REASON_REFUSED] = "The kernel refused a setting",
	[PROBE_REASON_INTERRUPTED] = "Interrupted before there was an answer",
};

static const char *const reason_words[] = {
	[PROBE_REASON_STATE] = "not in this state",         [PROBE_REASON_ORPHAN] = "no process holds it",
	[PROBE_REASON_USER_TIMEOUT] = "user timeout",       [PROBE_REASON_OWN_LIMIT] = "keepalive at its end",
	[PROBE_REASON_SETTINGS] = "sysctl out of range",    [PROBE_REASON_CHANGED] = "settings changed",
	[PROBE_REASON_MANY_PROBES] = "too many unanswered", [PROBE_REASON_NOT_DUE] = "nothing fell due",
	[PROBE_REASON_REFUSED] = "kernel refused",          [PROBE_REASON_INTERRUPTED] = "interrupted",
};

static uint64_t silent_ns(const struct probe_line *line)
{
	return line->probe->last.silent_ticks * line->tick_ns;
}

/* ---- evidence ----------------------------------------------------------------------------------------- */

static void counted_append(struct text *text, uint32_t count, const char *one, const char *many)
{
	text_append_u64(text, count);
	text_append_char(text, ' ');
	text_append_str(text, count == 1 ? one : many);
}

/* What stayed without an answer. */
static void unanswered_append(struct text *text, const struct probe_case *probe)
{
	if (probe->probes || !probe->retransmits)
		counted_append(text, probe->probes, "probe", "probes");
	if (probe->probes && probe->retransmits)
		text_append_str(text, " and ");
	if (probe->retransmits)
		counted_append(text, probe->retransmits, "retransmission", "retransmissions");
}

static void silent_explain(struct text *text, const struct probe_line *line)
{
	text_append_str(text, "No answer to ");
	unanswered_append(text, line->probe);
	text_append_str(text, "; nothing was heard for ");
	text_append_duration(text, silent_ns(line), true);
	if (line->probe->killed)
		text_append_str(text, line->probe->means == PROBE_BY_KEEPALIVE
					      ? "; its keepalive has ended the connection"
					      : "; its own timer has ended the connection meanwhile");
}

static void explain_append(struct text *text, const struct probe_line *line)
{
	const struct probe_case *probe = line->probe;

	switch (probe->verdict) {
	case PROBE_ALIVE:
		text_append_str(text, "The peer was heard ");
		text_append_duration(text, probe->answered_ns, true);
		text_append_str(text, " after the probing began");
		break;
	case PROBE_RESET:
		text_append_str(text,
				"The peer answered with a reset: it no longer knew the connection, which has ended");
		break;
	case PROBE_SILENT: silent_explain(text, line); break;
	case PROBE_GONE:
		text_append_str(text, line->found
					      ? "It ended while it was probed; neither a reset nor a timeout was seen"
					      : "There is no such connection");
		break;
	default: text_append_str(text, reason_sentences[probe->reason] ?: ""); break;
	}
	text_append_char(text, '.');
}

static void evidence_append(struct text *text, const struct probe_line *line)
{
	const struct probe_case *probe = line->probe;

	switch (probe->verdict) {
	case PROBE_ALIVE:
	case PROBE_RESET:
		text_append_str(text, probe->verdict == PROBE_ALIVE ? "heard after " : "reset after ");
		text_append_duration(text, probe->answered_ns, true);
		break;
	case PROBE_SILENT:
		counted_append(text, probe->probes ?: probe->retransmits, probe->probes ? "probe" : "rexmit",
			       probe->probes ? "probes" : "rexmits");
		text_append_str(text, ", silent ");
		text_append_duration(text, silent_ns(line), false);
		if (probe->killed)
			text_append_str(text, ", ended");
		break;
	case PROBE_GONE: text_append_str(text, line->found ? "ended meanwhile" : "not there"); break;
	default: text_append_str(text, reason_words[probe->reason] ?: ""); break;
	}
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void name_append(struct text *text, const char *name)
{
	char last = text->length ? text->data[text->length - 1] : '\n';

	text_append_str(text, last == '\n' ? "{\"" : last == '{' ? "\"" : ",\"");
	text_append_str(text, name);
	text_append_str(text, "\":");
}

static void number_put(struct text *text, const char *name, uint64_t number, bool present)
{
	name_append(text, name);
	if (present)
		text_append_u64(text, number);
	else
		text_append_str(text, "null");
}

static void text_put(struct text *text, const char *name, const char *value)
{
	name_append(text, name);
	if (value)
		text_append_json_string(text, value, strlen(value));
	else
		text_append_str(text, "null");
}

static void bool_put(struct text *text, const char *name, bool value, bool present)
{
	name_append(text, name);
	text_append_str(text, !present ? "null" : value ? "true" : "false");
}

static void ends_put(struct text *text, const struct probe_sample *sample, bool found)
{
	char room[TEXT_ADDRESS_BYTES + 24];

	number_put(text, "netns", sample->tuple.netns, found);
	text_put(text, "family", !found ? NULL : sample->family == 4 ? "ipv4" : "ipv6");
	for (int i = 0; i < 2; i++) {
		struct text address = text_borrow(room, sizeof(room) - 1);

		if (found)
			text_append_address(&address, sample->family, i ? sample->tuple.remote : sample->tuple.local);
		room[address.length] = '\0';
		text_put(text, i ? "remote_addr" : "local_addr", found ? room : NULL);
		number_put(text, i ? "remote_port" : "local_port",
			   i ? sample->tuple.remote_port : sample->tuple.local_port, found);
	}
	text_put(text, "state", found ? name_of(&tcp_state_names, sample->state) : NULL);
}

static void process_put(struct text *text, const struct probe_line *line)
{
	name_append(text, "process");
	if (!line->pid) {
		text_append_str(text, "null");
		return;
	}
	text_append_char(text, '{');
	number_put(text, "pid", line->pid, true);
	text_put(text, "comm", line->comm);
	number_put(text, "uid", line->probe->first.uid, true);
	text_append_char(text, '}');
}

static void keepalive_put(struct text *text, const struct probe_line *line)
{
	const struct probe_sample *first = &line->probe->first;
	const uint8_t own = PROBE_OWN_IDLE | PROBE_OWN_INTERVAL | PROBE_OWN_COUNT;

	name_append(text, "keepalive");
	if (!line->found) {
		text_append_str(text, "null");
		return;
	}
	text_append_char(text, '{');
	bool_put(text, "enabled", first->settings.keepalive, true);
	number_put(text, "idle_s", first->settings.idle_s, true);
	number_put(text, "interval_s", first->settings.interval_s, true);
	number_put(text, "probes", first->settings.count, true);
	text_put(text, "from", !(first->traits & own) ? "sysctl" : (first->traits & own) == own ? "socket" : "both");
	text_append_char(text, '}');
}

void probe_line_json(struct text *text, const struct probe_line *line)
{
	static const char *const means[] = {
		[PROBE_BY_NOTHING] = NULL, [PROBE_BY_KEEPALIVE] = "keepalive", [PROBE_BY_OWN] = "own_timers"};
	const struct probe_case *probe = line->probe;
	struct text explain = {0};
	bool answered = probe->verdict == PROBE_ALIVE || probe->verdict == PROBE_RESET;

	text_put(text, "type", "probe");
	number_put(text, "cookie", line->cookie, line->cookie != 0);
	text_put(text, "id", line->id);
	ends_put(text, &probe->first, line->found);
	process_put(text, line);
	text_put(text, "verdict", name_of(&probe_verdict_names, probe->verdict));
	text_put(text, "reason", probe->reason ? name_of(&probe_reason_names, probe->reason) : NULL);
	text_put(text, "means", means[probe->means]);
	number_put(text, "probes_unanswered", probe->probes, line->found);
	number_put(text, "retransmits_unanswered", probe->retransmits, line->found);
	number_put(text, "heard_us", probe->answered_ns / 1000, answered);
	number_put(text, "silent_us", silent_ns(line) / 1000, line->found);
	number_put(text, "unacked_bytes", probe->first.unacked_bytes, line->found);
	number_put(text, "window_bytes", probe->first.window_bytes, line->found);
	number_put(text, "user_timeout_ms", probe->first.user_timeout_ms, line->found);
	keepalive_put(text, line);
	bool_put(text, "restored", line->restored == PROBE_RESTORED, line->restored != PROBE_NOTHING_TO_RESTORE);
	bool_put(text, "ended", probe->killed || probe->verdict == PROBE_RESET || probe->verdict == PROBE_GONE, true);
	explain_append(&explain, line);
	name_append(text, "explain");
	text_append_json_string(text, explain.data, explain.length);
	text->failed |= explain.failed;
	text_free(&explain);
	text_append_str(text, "}\n");
}

/* ---- table -------------------------------------------------------------------------------------------- */

#define VERDICT_COLUMNS 10
#define COOKIE_COLUMNS  12

/* The rest of the line is evidence. */
struct shares {
	unsigned owner, local, remote;
	bool cookie;
};

static struct shares shares_of(unsigned width)
{
	if (width >= 150)
		return (struct shares){22, 28, 28, true};
	if (width >= 120)
		return (struct shares){20, 21, 21, true};
	return width >= 80 ? (struct shares){15, 6, 21, false} : (struct shares){0, 6, 21, false};
}

static void cell_append(struct text *text, const char *bytes, size_t length, unsigned width)
{
	text_append_column(text, bytes, length, width, false);
	text_append_char(text, ' ');
}

static void endpoint_cell(struct text *text, const struct probe_sample *sample, bool remote, unsigned width)
{
	uint16_t port = remote ? sample->tuple.remote_port : sample->tuple.local_port;
	char room[TEXT_ADDRESS_BYTES + 24];
	struct text cell = text_borrow(room, sizeof(room));

	if (!sample->family)
		text_append_str(&cell, TEXT_ABSENT);
	else
		text_append_endpoint_short(&cell, sample->family, remote ? sample->tuple.remote : sample->tuple.local,
					   port, width);
	cell_append(text, cell.data, cell.length, width);
}

/* comm/pid; a comm that is too long gives way, the pid never. */
static void owner_cell(struct text *text, const struct probe_line *line, unsigned width)
{
	char room[24 + EVENT_COMM_BYTES];
	struct text pid = text_borrow(room, sizeof(room));
	size_t comm_length = line->pid ? strlen(line->comm) : 0;

	if (!line->pid)
		return cell_append(text, TEXT_ABSENT, strlen(TEXT_ABSENT), width);
	text_append_char(&pid, '/');
	text_append_u64(&pid, line->pid);
	if (comm_length + pid.length > width) {
		text_append_column(text, line->comm, comm_length, width - (unsigned)pid.length, false);
		return cell_append(text, pid.data, pid.length, (unsigned)pid.length);
	}
	text_append_printable(text, line->comm, comm_length);
	cell_append(text, pid.data, pid.length, width - (unsigned)comm_length);
}

void probe_line_header(struct text *text, unsigned width)
{
	struct shares shares = shares_of(width);

	cell_append(text, "VERDICT", 7, VERDICT_COLUMNS);
	if (shares.owner)
		cell_append(text, "COMM/PID", 8, shares.owner);
	cell_append(text, "LOCAL", 5, shares.local);
	cell_append(text, "REMOTE", 6, shares.remote);
	if (shares.cookie)
		cell_append(text, "COOKIE", 6, COOKIE_COLUMNS);
	text_append_str(text, "EVIDENCE\n");
}

void probe_line_row(struct text *text, const struct probe_line *line, unsigned width)
{
	const char *verdict = name_of(&probe_verdict_names, line->probe->verdict);
	struct shares shares = shares_of(width);
	char room[32];
	struct text cookie = text_borrow(room, sizeof(room));

	cell_append(text, verdict, strlen(verdict), VERDICT_COLUMNS);
	if (shares.owner)
		owner_cell(text, line, shares.owner);
	endpoint_cell(text, &line->probe->first, false, shares.local);
	endpoint_cell(text, &line->probe->first, true, shares.remote);
	text_append_u64(&cookie, line->cookie);
	if (shares.cookie)
		cell_append(text, cookie.data, cookie.length, COOKIE_COLUMNS);
	evidence_append(text, line);
	if (!line->found) {
		text_append_str(text, ": ");
		text_append_str(text, line->id ?: text_string(&cookie));
	}
	if (line->restored == PROBE_NOT_RESTORED)
		text_append_str(text, "; NOT RESTORED");
	text_append_char(text, '\n');
}

void probe_line_name(struct text *text, const struct probe_line *line)
{
	const struct probe_sample *sample = &line->probe->first;

	text_append_endpoint(text, sample->family, sample->tuple.local, sample->tuple.local_port);
	text_append_str(text, " -> ");
	text_append_endpoint(text, sample->family, sample->tuple.remote, sample->tuple.remote_port);
	text_append_str(text, " (");
	if (line->pid) {
		text_append_printable(text, line->comm, strlen(line->comm));
		text_append_char(text, '/');
		text_append_u64(text, line->pid);
		text_append_str(text, ", ");
	}
	text_append_str(text, "cookie ");
	text_append_u64(text, line->cookie);
	text_append_char(text, ')');
}
