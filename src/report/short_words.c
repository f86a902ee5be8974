// SPDX-License-Identifier: GPL-2.0-only
/*
 * short_words.c: the short words of narrow tables, each beside its meaning, so that the legend cannot
 * miss one; see short_words.h.
 */
#include "names.h"
#include "short_words.h"

/* By cause in the order of the enum; where a context has a word of its own, after that of its cause. */
static const struct short_cause {
	enum connection_cause cause;
	enum connection_context context; /* CONTEXT_NONE: any that has no line of its own */
	const char *word, *meaning;
} short_causes[] = {
	{CAUSE_UNOBSERVED, CONTEXT_NONE, "unobserved", "lastack did not see how it ended"},
	{CAUSE_FIN_LOCAL_FIRST, CONTEXT_NONE, "fin_local", "this side closed first"},
	{CAUSE_FIN_PEER_FIRST, CONTEXT_NONE, "fin_peer", "the peer closed first"},
	{CAUSE_FIN_SIMULTANEOUS, CONTEXT_NONE, "fin_both", "both closed at the same moment"},
	{CAUSE_RST_SENT_LINGER, CONTEXT_NONE, "rst>linger", "closed with a linger time of zero"},
	{CAUSE_RST_SENT_UNREAD_DATA, CONTEXT_NONE, "rst>unread", "closed with received data unread"},
	{CAUSE_RST_SENT_DATA_AFTER_CLOSE, CONTEXT_NONE, "rst>late", "data came after the close"},
	{CAUSE_RST_SENT_DISCONNECT, CONTEXT_NONE, "rst>disconn", "dissolved by connect(AF_UNSPEC)"},
	{CAUSE_RST_SENT_LISTENER_CLOSED, CONTEXT_NONE, "rst>listen", "its listener closed before accept()"},
	{CAUSE_RST_SENT_PROTOCOL, CONTEXT_NONE, "rst>proto", "a segment did not fit the connection"},
	{CAUSE_RST_RECEIVED, CONTEXT_NONE, "rst<recv", "the peer reset it"},
	{CAUSE_RST_RECEIVED, CONTEXT_PEER_LOST_STATE, "rst<lost", "the peer no longer knew it"},
	{CAUSE_RST_RECEIVED, CONTEXT_ANSWER_TO_KEEPALIVE, "rst<probe", "in answer to a keepalive probe"},
	{CAUSE_RST_RECEIVED, CONTEXT_AFTER_CHALLENGE_ACK, "rst<chack", "in answer to our challenge ACK"},
	{CAUSE_RST_RECEIVED, CONTEXT_AFTER_LOCAL_FIN, "rst<ourfin", "the peer reset it after our FIN"},
	{CAUSE_RST_RECEIVED, CONTEXT_AFTER_PEER_FIN, "rst<peerfin", "the peer reset it after its own FIN"},
	{CAUSE_DATA_RETRANSMIT_TIMEOUT, CONTEXT_NONE, "rto_data", "data was never acknowledged"},
	{CAUSE_FIN_RETRANSMIT_TIMEOUT, CONTEXT_NONE, "rto_fin", "our FIN was never acknowledged"},
	{CAUSE_USER_TIMEOUT, CONTEXT_NONE, "rto_user", "no acknowledgement: TCP_USER_TIMEOUT"},
	{CAUSE_KEEPALIVE_PROBES_UNANSWERED, CONTEXT_NONE, "keepalive", "no keepalive probe was answered"},
	{CAUSE_KEEPALIVE_USER_TIMEOUT, CONTEXT_NONE, "keepal_user", "no answer at all: TCP_USER_TIMEOUT"},
	{CAUSE_ZERO_WINDOW_TIMEOUT, CONTEXT_NONE, "tmo_window", "the peer's window stayed closed"},
	{CAUSE_FIN_WAIT2_TIMEOUT, CONTEXT_NONE, "tmo_fin2", "we closed, the peer never did"},
	{CAUSE_REFUSED, CONTEXT_NONE, "syn_refused", "the peer refused it"},
	{CAUSE_SYN_TIMEOUT, CONTEXT_NONE, "syn_timeout", "no answer to our SYN"},
	{CAUSE_SYNACK_TIMEOUT, CONTEXT_NONE, "syn_no_ack", "no answer to our SYN-ACK"},
	{CAUSE_UNREACHABLE, CONTEXT_NONE, "syn_unreach", "no way to the peer (route or ICMP)"},
	{CAUSE_CANCELLED, CONTEXT_NONE, "syn_cancel", "given up before an answer came"},
	{CAUSE_RESET_IN_HANDSHAKE, CONTEXT_NONE, "syn_reset", "a reset broke off the handshake"},
	{CAUSE_DESTROYED, CONTEXT_NONE, "abort_sock", "socket destroyed: ss -K, TCP_REPAIR"},
	{CAUSE_ORPHAN_LIMIT, CONTEXT_NONE, "abort_orph", "too many sockets without a process"},
	{CAUSE_MEMORY, CONTEXT_NONE, "abort_mem", "TCP ran out of memory"},
	{CAUSE_NETNS_EXIT, CONTEXT_NONE, "abort_netns", "its network namespace went away"},
	{CAUSE_ICMP_ERROR, CONTEXT_NONE, "abort_icmp", "an ICMP error ended it"},
};

struct short_word {
	const char *word, *meaning;
};

static const struct short_word short_hows[connection_how_count] = {
	[HOW_CLOSE] = {"close", "the application closed it"},
	[HOW_SHUTDOWN] = {"shutdn", "the application shut down its sending side"},
	[HOW_LINGER] = {"linger", "the application closed it with a linger time of zero"},
	[HOW_DISCONNECT] = {"discon", "the application called connect(AF_UNSPEC)"},
	[HOW_LISTENER_CLOSE] = {"unlist", "the application closed the listener"},
	[HOW_EXIT] = {"exit", "the process exited: exit 1, ex 255"},
	[HOW_SIGNAL] = {"signal", "a signal killed the process: sig 9; oom when memory ran out"},
	[HOW_TIMER] = {"timer", "a timer of the kernel"},
	[HOW_LIMIT] = {"limit", "a limit of the kernel"},
	[HOW_SOCK_DESTROY] = {"admin", "an administrator destroyed the socket"},
	[HOW_NETNS_EXIT] = {"netns", "the kernel took down the network namespace"},
	[HOW_ICMP] = {"icmp", "the network, by ICMP"},
};

/* For what is not known in more detail; a word explained elsewhere has no meaning here. */
static const struct short_word short_initiators[connection_initiator_count] = {
	[INITIATOR_UNKNOWN] = {TEXT_ABSENT, NULL},    [INITIATOR_LOCAL_APP] = {"app", "the application"},
	[INITIATOR_LOCAL_EXIT] = {"exit", NULL},      [INITIATOR_LOCAL_KERNEL] = {"kernel", "the kernel"},
	[INITIATOR_LOCAL_ADMIN] = {"admin", NULL},    [INITIATOR_PEER] = {"peer", "the peer"},
	[INITIATOR_NETWORK] = {"net", "the network"},
};

static const struct short_word short_roles[] = {
	{"c", "client: opened it"},
	{"s", "server: accepted it"},
	{"b", "both opened it at once"},
};

static const struct short_cause *short_cause_find(enum connection_cause cause, enum connection_context context)
{
	const struct short_cause *found = &short_causes[0];

	for (size_t i = 0; i < sizeof(short_causes) / sizeof(short_causes[0]); i++) {
		const struct short_cause *candidate = &short_causes[i];

		if (candidate->cause != cause)
			continue;
		if (candidate->context == context)
			return candidate;
		if (candidate->context == CONTEXT_NONE)
			found = candidate;
	}
	return found;
}

const char *cause_short_name(enum connection_cause cause, enum connection_context context)
{
	return short_cause_find(cause, context)->word;
}

bool cause_short_says_context(enum connection_cause cause, enum connection_context context)
{
	return short_cause_find(cause, context)->context == context;
}

void who_short_append(struct text *text, const struct connection_report *report)
{
	const struct short_word *word = NULL;

	if (report->how == HOW_SIGNAL && report->context == CONTEXT_OOM_KILL)
		return text_append_str(text, "oom");
	if (report->how == HOW_SIGNAL && report->exit_signal > 0) {
		text_append_str(text, "sig ");
		return text_append_i64(text, report->exit_signal);
	}
	if (report->how == HOW_EXIT && report->exit_code >= 0) {
		/* Up to 255; the longer ones leave no room for the whole word. */
		text_append_str(text, report->exit_code < 10 ? "exit " : "ex ");
		return text_append_i64(text, report->exit_code);
	}
	if (report->initiator < connection_initiator_count)
		word = &short_initiators[report->initiator];
	if (report->initiator != INITIATOR_PEER && report->initiator != INITIATOR_UNKNOWN &&
	    report->how < connection_how_count && short_hows[report->how].word)
		word = &short_hows[report->how];
	text_append_str(text, word ? word->word : TEXT_ABSENT);
}

static void legend_word_append(struct text *text, const char *word, const char *full, unsigned full_width,
			       const char *meaning)
{
	text_append_str(text, "  ");
	text_append_column(text, word, strlen(word), CAUSE_SHORT_MAX, false);
	text_append_str(text, "  ");
	if (full_width)
		text_append_column(text, full, strlen(full), full_width, false);
	text_append_str(text, meaning);
	text_append_char(text, '\n');
}

static void legend_causes_append(struct text *text)
{
	static const unsigned full_width = 29;
	enum connection_class class = connection_class_count;

	for (size_t i = 0; i < sizeof(short_causes) / sizeof(short_causes[0]); i++) {
		const struct short_cause *line = &short_causes[i];
		bool refines = line->context != CONTEXT_NONE;

		if (cause_class(line->cause) != class) {
			class = cause_class(line->cause);
			text_append_str(text, "CAUSE, class ");
			text_append_str(text, name_of(&class_names, class));
			text_append_char(text, '\n');
		}
		legend_word_append(text, line->word,
				   name_of(refines ? &context_names : &cause_names,
					   refines ? line->context : line->cause),
				   full_width, line->meaning);
	}
}

static void legend_words_append(struct text *text, const struct short_word *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (words[i].word && words[i].meaning)
			legend_word_append(text, words[i].word, "", 0, words[i].meaning);
}

void short_words_legend(struct text *text)
{
	legend_causes_append(text);
	text_append_str(text, "CAUSE*: replaces an earlier line of the same connection\n");
	text_append_str(text, "WHO ended it\n");
	legend_words_append(text, short_hows, connection_how_count);
	legend_words_append(text, short_initiators, connection_initiator_count);
	text_append_str(text, "R, the role of this side\n");
	legend_words_append(text, short_roles, sizeof(short_roles) / sizeof(short_roles[0]));
	text_append_str(text, "-: not known    ~: cut off    ..: the middle of an address left out\n");
}
