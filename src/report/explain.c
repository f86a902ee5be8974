// SPDX-License-Identifier: GPL-2.0-only
/*
 * explain.c: a sentence for each cause. A template holds words in braces, each filled in by a function
 * from the facts of the report; what stands in square brackets is left out when a fact in it is absent.
 */
#include "explain.h"
#include "names.h"

/* A word writes its fact and returns true, or returns false where the report does not have it. */
typedef bool word_write(struct text *text, const struct connection_report *report);

static const struct report_evidence *evidence_find(const struct connection_report *report, enum evidence_kind kind)
{
	for (unsigned i = 0; i < report->evidence_count && i < REPORT_EVIDENCE_MAX; i++)
		if (report->evidence[i].kind == kind)
			return &report->evidence[i];
	return NULL;
}

static bool number_append(struct text *text, uint64_t value, const char *one, const char *many)
{
	text_append_u64(text, value);
	text_append_str(text, value == 1 ? one : many);
	return true;
}

static bool write_name(struct text *text, const struct connection_report *report, const char *nobody)
{
	size_t length = report->has_process ? strnlen(report->comm, sizeof(report->comm)) : 0;
	bool has_pid = report->has_process && report->pid != ABSENT_U32;

	if (length) {
		text_append_printable(text, report->comm, length);
		if (has_pid)
			text_append_str(text, " (pid ");
	} else if (has_pid) {
		text_append_str(text, "pid ");
	} else {
		text_append_str(text, nobody);
	}
	if (has_pid)
		text_append_u64(text, report->pid);
	if (length && has_pid)
		text_append_char(text, ')');
	return true;
}

static bool write_owner(struct text *text, const struct connection_report *report)
{
	return write_name(text, report, report->initiator == INITIATOR_UNKNOWN ? "this side" : "the local application");
}

static bool write_owner_first(struct text *text, const struct connection_report *report)
{
	return write_name(text, report, report->initiator == INITIATOR_UNKNOWN ? "This side" : "The local application");
}

/* What the owner did, so that "closed", "reset" or the like can follow after "and thereby". */
static bool write_act(struct text *text, const struct connection_report *report)
{
	switch (report->how) {
	case HOW_SHUTDOWN: text_append_str(text, "shut down its sending side"); break;
	case HOW_EXIT:
		text_append_str(text, "exited");
		if (report->exit_code >= 0) {
			text_append_str(text, " with status ");
			text_append_i64(text, report->exit_code);
		}
		text_append_str(text, " and thereby closed");
		break;
	case HOW_SIGNAL:
		text_append_str(text, "was killed");
		if (report->exit_signal > 0 && signal_name(report->exit_signal)) {
			text_append_str(text, " by SIG");
			text_append_str(text, signal_name(report->exit_signal));
		} else if (report->exit_signal > 0) {
			text_append_str(text, " by signal ");
			text_append_i64(text, report->exit_signal);
		}
		if (report->context == CONTEXT_OOM_KILL)
			text_append_str(text, " because memory ran out");
		text_append_str(text, " and thereby closed");
		break;
	default: text_append_str(text, "closed");
	}
	return true;
}

/* What the other end made of our FIN, as far as it was seen. */
static bool write_peer_answer(struct text *text, const struct connection_report *report)
{
	bool unseen = evidence_find(report, EVIDENCE_PEER_FIN_UNSEEN) != NULL;

	text_append_str(text, unseen ? "the peer acknowledged and had not closed yet"
				     : "the peer acknowledged and closed too");
	return true;
}

static bool write_peer(struct text *text, const struct connection_report *report)
{
	text_append_endpoint(text, report->family, report->remote, report->remote_port);
	return true;
}

static bool write_local_port(struct text *text, const struct connection_report *report)
{
	text_append_u64(text, report->local_port);
	return true;
}

static bool write_age(struct text *text, const struct connection_report *report)
{
	if (report->start_ns == ABSENT_U64 || report->end_ns < report->start_ns)
		return false;
	text_append_duration(text, report->end_ns - report->start_ns, true);
	return true;
}

static bool write_age_and_bytes(struct text *text, const struct connection_report *report)
{
	if (!write_age(text, report))
		return false;
	if (report->bytes_sent == ABSENT_U64 || report->bytes_received == ABSENT_U64)
		return true;
	text_append_str(text, " and ");
	text_append_size(text, report->bytes_sent + report->bytes_received, true);
	return true;
}

static bool write_unread(struct text *text, const struct connection_report *report)
{
	if (report->unread_bytes == ABSENT_U32 || !report->unread_bytes)
		return false;
	text_append_size(text, report->unread_bytes, true);
	return true;
}

static bool write_unacked(struct text *text, const struct connection_report *report)
{
	if (report->unacked_bytes == ABSENT_U32 || !report->unacked_bytes)
		return false;
	text_append_size(text, report->unacked_bytes, true);
	return true;
}

static bool write_retries(struct text *text, const struct connection_report *report)
{
	const struct report_evidence *evidence = evidence_find(report, EVIDENCE_RETRANSMITS);

	if (evidence)
		return number_append(text, evidence->value, " retransmission", " retransmissions");
	if (report->retransmits == ABSENT_U32 || !report->retransmits)
		return false;
	return number_append(text, report->retransmits, " retransmission", " retransmissions");
}

static bool write_synack_retries(struct text *text, const struct connection_report *report)
{
	const struct report_evidence *evidence = evidence_find(report, EVIDENCE_SYNACK_RETRIES);

	return evidence && number_append(text, evidence->value, " repeated SYN-ACK", " repeated SYN-ACKs");
}

static bool write_probes(struct text *text, const struct connection_report *report)
{
	const struct report_evidence *evidence = evidence_find(report, EVIDENCE_PROBES);

	if (evidence)
		return number_append(text, evidence->value, " probe", " probes");
	if (!report->has_keepalive || report->keepalive_probes_sent == ABSENT_U32)
		return false;
	return number_append(text, report->keepalive_probes_sent, " probe", " probes");
}

static bool write_silence(struct text *text, const struct connection_report *report)
{
	if (report->silent_ns == ABSENT_U64)
		return false;
	text_append_duration(text, report->silent_ns, true);
	return true;
}

static bool write_user_timeout(struct text *text, const struct connection_report *report)
{
	if (report->user_timeout_ms == ABSENT_U32 || !report->user_timeout_ms)
		return false;
	text_append_duration(text, report->user_timeout_ms * 1000000ULL, true);
	return true;
}

static bool write_error(struct text *text, const struct connection_report *report)
{
	const char *name = errno_name(report->error);

	if (!name)
		return false;
	text_append_str(text, name);
	return true;
}

static bool write_reason(struct text *text, const struct connection_report *report)
{
	const char *name = name_of(&reset_reason_names, report->rst_reason);

	if (!name)
		return false;
	text_append_str(text, name);
	return true;
}

static bool write_linger(struct text *text, const struct connection_report *report)
{
	bool negative = evidence_find(report, EVIDENCE_LINGER2_NEGATIVE) != NULL;

	text_append_str(text, negative ? "TCP_LINGER2 below zero" : "a linger time of zero");
	return true;
}

static bool write_aborter(struct text *text, const struct connection_report *report)
{
	const struct report_evidence *evidence = evidence_find(report, EVIDENCE_ABORTED_BY_PID);

	if (!evidence)
		return false;
	text_append_str(text, "pid ");
	text_append_u64(text, evidence->value);
	return true;
}

/* Why the end is not known: the evidence that says so. */
static bool write_gap(struct text *text, const struct connection_report *report)
{
	static const enum evidence_kind kinds[] = {EVIDENCE_EVENTS_LOST, EVIDENCE_END_UNSEEN, EVIDENCE_NO_CAUSE_SEEN};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct report_evidence *evidence = evidence_find(report, kinds[i]);

		if (evidence) {
			evidence_append(text, evidence);
			return true;
		}
	}
	return false;
}

#define WORD(name, write)                                                                                              \
	{                                                                                                              \
		name, sizeof(name) - 1, write                                                                          \
	}

static const struct {
	const char *name;
	size_t length;
	word_write *write;
} words[] = {
	WORD("Owner", write_owner_first),
	WORD("owner", write_owner),
	WORD("act", write_act),
	WORD("answer", write_peer_answer),
	WORD("peer", write_peer),
	WORD("port", write_local_port),
	WORD("age", write_age),
	WORD("age_and_bytes", write_age_and_bytes),
	WORD("unread", write_unread),
	WORD("unacked", write_unacked),
	WORD("retries", write_retries),
	WORD("synacks", write_synack_retries),
	WORD("probes", write_probes),
	WORD("silence", write_silence),
	WORD("user_timeout", write_user_timeout),
	WORD("error", write_error),
	WORD("reason", write_reason),
	WORD("linger", write_linger),
	WORD("aborter", write_aborter),
	WORD("gap", write_gap),
};

#define AFTER "[, after {age_and_bytes}]."

static const char *const templates[connection_cause_count] = {
	[CAUSE_UNOBSERVED] = "The connection ended, but lastack did not see how[: {gap}].",
	[CAUSE_FIN_LOCAL_FIRST] = "{Owner} {act} first; {answer}" AFTER,
	[CAUSE_FIN_PEER_FIRST] = "The peer {peer} closed first and {owner} followed" AFTER,
	[CAUSE_FIN_SIMULTANEOUS] = "{Owner} and the peer closed at the same moment" AFTER,
	[CAUSE_RST_SENT_LINGER] = "{Owner} {act} with {linger}, which resets the connection[ and drops {unacked} not "
				  "yet acknowledged]" AFTER,
	[CAUSE_RST_SENT_UNREAD_DATA] =
		"{Owner} {act} without reading all that had come[ ({unread} left)], so the kernel sent a reset" AFTER,
	[CAUSE_RST_SENT_DATA_AFTER_CLOSE] = "{Owner} had already closed when more data came from the peer, so the "
					    "kernel answered with a reset" AFTER,
	[CAUSE_RST_SENT_DISCONNECT] =
		"{Owner} dissolved the connection with connect(AF_UNSPEC), so the kernel sent a reset" AFTER,
	[CAUSE_RST_SENT_LISTENER_CLOSED] = "The listener on port {port} was closed before anyone accepted the "
					   "connection of {peer}, so the kernel reset it.",
	[CAUSE_RST_SENT_PROTOCOL] =
		"The peer sent a segment that does not fit the connection, so the kernel reset it[ ({reason})]" AFTER,
	[CAUSE_RST_RECEIVED] = "The peer {peer} reset the connection" AFTER,
	[CAUSE_DATA_RETRANSMIT_TIMEOUT] =
		"The peer {peer} stopped answering: [{unacked} stayed unacknowledged, and ]the kernel gave up"
		"[ after {retries}][ with {error}][; nothing was heard for {silence}].",
	[CAUSE_FIN_RETRANSMIT_TIMEOUT] =
		"{Owner} closed, but the peer never acknowledged the FIN and the kernel gave up[ after {retries}]"
		"[; nothing was heard for {silence}].",
	[CAUSE_USER_TIMEOUT] = "Data stayed unacknowledged for longer than TCP_USER_TIMEOUT allows[ ({user_timeout})], "
			       "so the kernel gave up"
			       "[ after {retries}][ with {error}].",
	[CAUSE_KEEPALIVE_PROBES_UNANSWERED] =
		"The peer {peer} answered no keepalive probe[ ({probes})], so the kernel ended the idle connection"
		"[ with {error}][; nothing was heard for {silence}].",
	[CAUSE_KEEPALIVE_USER_TIMEOUT] = "The peer {peer} was silent[ through {probes}] for longer than "
					 "TCP_USER_TIMEOUT allows[ ({user_timeout})], so the"
					 " kernel ended the idle connection[ with {error}].",
	[CAUSE_ZERO_WINDOW_TIMEOUT] = "The peer {peer} kept its receive window closed[ through {probes}], so the "
				      "kernel gave up[ with {error}].",
	[CAUSE_FIN_WAIT2_TIMEOUT] = "{Owner} closed and the peer acknowledged, but it never closed its side before the "
				    "kernel's time limit" AFTER,
	[CAUSE_REFUSED] = "{peer} refused the connection of {owner}[ ({error})].",
	[CAUSE_SYN_TIMEOUT] =
		"{peer} did not answer the connection attempt of {owner}[ within {age}][ and {retries}][ ({error})].",
	[CAUSE_SYNACK_TIMEOUT] =
		"{peer} began a connection to port {port} but never completed the handshake[, despite {synacks}].",
	[CAUSE_UNREACHABLE] = "{Owner} could not reach {peer}[: the network answered {error}].",
	[CAUSE_CANCELLED] = "{Owner} gave up connecting to {peer} before an answer came[, after {age}].",
	[CAUSE_RESET_IN_HANDSHAKE] = "A reset broke off the handshake with {peer}[, after {age}].",
	[CAUSE_DESTROYED] = "An administrator destroyed the socket[ ({aborter})][ of {owner}]" AFTER,
	[CAUSE_ORPHAN_LIMIT] = "The kernel dropped the connection because too many had no process left "
			       "(net.ipv4.tcp_max_orphans)" AFTER,
	[CAUSE_MEMORY] = "The kernel dropped the connection because TCP ran out of memory (net.ipv4.tcp_mem)" AFTER,
	[CAUSE_NETNS_EXIT] = "The network namespace was taken down and the connection with it" AFTER,
	[CAUSE_ICMP_ERROR] = "An ICMP message ended the connection[ with {error}]" AFTER,
};

/* Where the context changes the story: these go before the sentence of the cause. */
static const struct {
	enum connection_cause cause;
	enum connection_context context;
	const char *template;
} special_templates[] = {
	{CAUSE_RST_RECEIVED, CONTEXT_PEER_LOST_STATE,
	 "The peer {peer} no longer knew the connection and answered with a reset[, after {retries}]."},
	{CAUSE_RST_RECEIVED, CONTEXT_ANSWER_TO_KEEPALIVE,
	 "A keepalive probe found that the peer {peer} no longer knows the connection: it answered with a reset."},
	{CAUSE_RST_RECEIVED, CONTEXT_AFTER_CHALLENGE_ACK,
	 "The peer {peer} sent an unacceptable segment, got an ACK as a challenge and answered it with a reset, as a "
	 "host "
	 "does that has restarted."},
	{CAUSE_RST_RECEIVED, CONTEXT_AFTER_LOCAL_FIN,
	 "{Owner} had closed its side; the peer {peer} answered with a reset instead of closing too" AFTER},
	{CAUSE_RST_RECEIVED, CONTEXT_AFTER_PEER_FIN,
	 "The peer {peer} closed and then reset the connection before {owner} had closed" AFTER},
	{CAUSE_UNREACHABLE, CONTEXT_NO_LOCAL_PORT, "{Owner} could not connect to {peer}: no local port was free."},
	{CAUSE_UNREACHABLE, CONTEXT_LOCAL_TRANSMIT_FAILED,
	 "{Owner} could not reach {peer}: this host could not send the SYN[ ({error})]."},
	{CAUSE_DATA_RETRANSMIT_TIMEOUT, CONTEXT_LOCAL_TRANSMIT_FAILED,
	 "This host could not send to {peer} any more, and the kernel gave up[ after {retries}][ with {error}]."},
};

static const char *template_find(const struct connection_report *report)
{
	for (size_t i = 0; i < sizeof(special_templates) / sizeof(special_templates[0]); i++)
		if (special_templates[i].cause == report->cause && special_templates[i].context == report->context)
			return special_templates[i].template;
	return templates[report->cause < connection_cause_count ? report->cause : CAUSE_UNOBSERVED];
}

static bool word_append(struct text *text, const struct connection_report *report, const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].length == length && !memcmp(words[i].name, name, length))
			return words[i].write(text, report);
	return false;
}

void explain_append(struct text *text, const struct connection_report *report)
{
	const char *at = template_find(report);
	size_t group_start = 0;
	bool group_whole = true;

	while (*at) {
		const char *plain = at;

		while (*at && *at != '[' && *at != ']' && *at != '{')
			at++;
		text_append(text, plain, (size_t)(at - plain));
		if (*at == '[') {
			group_start = text->length;
			group_whole = true;
			at++;
		} else if (*at == ']') {
			if (!group_whole)
				text->length = group_start;
			at++;
		} else if (*at == '{') {
			const char *end = strchr(++at, '}');

			group_whole &= word_append(text, report, at, (size_t)(end - at));
			at = end + 1;
		}
	}
}

void evidence_append(struct text *text, const struct report_evidence *evidence)
{
	const char *format = evidence_format(evidence->kind);
	const char *number = strchr(format, '%'); /* "%llu", a test sees to that */

	if (!number) {
		text_append_str(text, format);
		return;
	}
	text_append(text, format, (size_t)(number - format));
	text_append_u64(text, evidence->value);
	text_append_str(text, number + strlen("%llu"));
}
