/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_words.c: see finding_words.h. A template of words a kind; {names} in it stand for what the finding has.
 */
#include "report/finding_words.h"

#define NAME_LINE(name, text, ...) [name] = text,

static const char *const kind_texts[] = {FINDING_KINDS(NAME_LINE)};
const struct name_table finding_kind_names = {kind_texts, FINDING_KIND_COUNT};

static const char *const certainty_texts[] = {FINDING_CERTAINTIES(NAME_LINE)};
const struct name_table finding_certainty_names = {certainty_texts, FINDING_CERTAINTY_COUNT};

struct kind_words {
	const char *explain;
	const char *explain_local; /* where the fault is here; NULL: the same */
	const char *why[FINDING_CERTAINTY_COUNT];
	const char *advice;
	const char *advice_local;
	const char *command; /* what to run next; NULL: nothing that would help */
};

#define COOKIES_FEW  4
#define KERNEL_STATE "the state is the kernel's own"
#define KERNEL_COUNT "the kernel counts them itself"

#define PROBE "lastack probe {chosen}"

static const struct kind_words words[FINDING_KIND_COUNT] = {
	[FINDING_CLOSE_WAIT_LEAK] =
		{.explain = "{Peers} of {connections} {place} closed, and {owner} has not closed since: it neither "
			    "reads nor sends there.",
		 .why = {"seen in this state for a while, but it may still be used",
			 "nothing was read or sent for long, or more and more of them come"},
		 .advice = "Find the path in {owner} that does not close the socket when read() returns 0 (lastack "
			   "diagnose --stacks tells what opened or accepted them); until then only its restart frees "
			   "the descriptors.",
		 .command = "lastack list --state CLOSE_WAIT {filter}"},
	[FINDING_HALF_OPEN_UNACKED] =
		{.explain = "Data on {connections} {place} is sent again and again without an answer: the peer or the "
			    "path to it {maybe}.",
		 .why = {"a few losses in a row may be congestion", "so many losses in a row are hardly congestion"},
		 .advice = "Prove it with lastack probe. Check whether the peer is up and reachable. TCP_USER_TIMEOUT "
			   "makes "
			   "{owner} learn of it sooner.",
		 .command = PROBE},
	[FINDING_HALF_OPEN_PROBING] =
		{.explain = "Probes on {connections} {place} get no answer: the peer or the path to it {maybe}.",
		 .why = {"one or two lost probes may be chance", "several probes in a row were lost"},
		 .advice = "Prove it with lastack probe. Check whether the peer is up and reachable. While keepalive "
			   "is on, the "
			   "kernel ends these connections itself when its probes have run out.",
		 .command = PROBE},
	[FINDING_HALF_OPEN_SILENT] =
		{.explain = "Nothing has been heard on {connections} {place} for long, and nothing would have told if "
			    "the peer had gone.",
		 .why = {"silence alone proves nothing: both sides may have nothing to say"},
		 .advice = "Ask lastack probe whether the peer is still there. So that {owner} notices by itself, let "
			   "it turn on keepalive (SO_KEEPALIVE, TCP_KEEPIDLE 60 s or so).",
		 .command = PROBE},
	[FINDING_CANNOT_NOTICE_DEAD_PEER] =
		{.explain = "{Connections} {place} would stay for ever if the peer vanished: nothing is sent, and "
			    "keepalive is off.",
		 .why = {[CERTAINTY_CERTAIN] = "the socket's settings say so; that the peer has gone is not said"},
		 .advice = "Ask lastack probe whether the peer is still there. Turn on keepalive in {owner} "
			   "(SO_KEEPALIVE, TCP_KEEPIDLE 60 s or so), or let it send something itself.",
		 .command = PROBE},
	[FINDING_KEEPALIVE_TOO_SLOW] =
		{.explain = "{Connections} {place} stay quiet for longer than many NATs and load balancers remember, "
			    "and keepalive begins later still.",
		 .why = {[CERTAINTY_CERTAIN] = "the socket's settings say so; whether a middlebox is in the way is not "
					       "known"},
		 .advice = "Set TCP_KEEPIDLE in {owner}, or net.ipv4.tcp_keepalive_time, below the idle time of what "
			   "is in between (350 s is common). lastack probe tells whether the peers are still there.",
		 .command = PROBE},
	[FINDING_FIN_WAIT2_HELD] =
		{.explain = "{owner} shut down its side of {connections} {place} and holds them open; the peers do not "
			    "close, and no timer ends that.",
		 .why = {[CERTAINTY_CERTAIN] = "a process holds the socket, so tcp_fin_timeout does not apply"},
		 .advice = "Let {owner} close the descriptor some time after shutdown(), whether the peer closes or "
			   "not."},
	[FINDING_LAST_ACK_PILEUP] =
		{.explain = "Our FIN, the last word of {connections} {place}, is not acknowledged.",
		 .why = {KERNEL_STATE ", but nothing was sent again yet", "the FIN was sent again without an answer"},
		 .advice = "The peers are gone, or drop what reaches them after their FIN: look for a firewall that "
			   "forgets connections at the first FIN.",
		 .command = "lastack list --state LAST_ACK {filter}"},
	[FINDING_CLOSING_PILEUP] =
		{.explain = "Both ends of {connections} {place} closed at once, and our FIN is not acknowledged.",
		 .why = {KERNEL_STATE ", but nothing was sent again yet", "the FIN was sent again without an answer"},
		 .advice = "The peers are gone, or a firewall on the way drops what follows their FIN.",
		 .command = "lastack list --state CLOSING {filter}"},
	[FINDING_FIN_WAIT1_PILEUP] =
		{.explain = "Our FIN on {connections} {place} is not acknowledged, or waits behind data that is not.",
		 .why = {KERNEL_STATE ", but nothing was sent again yet", "the FIN was sent again without an answer"},
		 .advice = "The peers are gone or do not read. tcp_orphan_retries bounds how long the kernel goes on "
			   "for sockets that were closed.",
		 .command = "lastack list --state FIN_WAIT1 {filter}"},
	[FINDING_FIN_UNANSWERED] =
		{.explain = "Our FIN on {connections} {place} is sent again and again without an answer: the peer or "
			    "the path to it {maybe}.",
		 .why = {"a few losses in a row may be congestion", "so many losses in a row are hardly congestion"},
		 .advice = "Check whether the peer is up and reachable. What was sent last may not have arrived. The "
			   "kernel gives up by itself; after close() tcp_orphan_retries says when.",
		 .command = "lastack list --state FIN_WAIT1,CLOSING,LAST_ACK {filter}"},
	[FINDING_SYN_SENT_UNANSWERED] =
		{.explain = "{owner} waits for {connections} {place}: nothing answers the SYNs.",
		 .why = {"sent again without an answer, but only once or twice",
			 "sent again several times without an answer"},
		 .advice = "The host is down, a firewall drops what goes there, or the service accepts too slowly and "
			   "its queue is full; a closed port would refuse. See whether it is reachable from here, and "
			   "whether others connect there. A connect timeout in {owner} bounds each wait.",
		 .command = "lastack list --state SYN_SENT {filter}"},
	[FINDING_ORPHAN_PRESSURE] =
		{.explain = "Almost as many sockets without a process stand as tcp_max_orphans allows: beyond that the "
			    "kernel resets them.",
		 .why = {[CERTAINTY_CERTAIN] = KERNEL_COUNT},
		 .advice = "See which peers do not acknowledge, and lower tcp_orphan_retries before raising "
			   "tcp_max_orphans.",
		 .command = "lastack list --state FIN_WAIT1,CLOSING,LAST_ACK"},
	[FINDING_TIME_WAIT_PRESSURE] =
		{.explain = "Almost as many sockets are in TIME_WAIT as tcp_max_tw_buckets allows: beyond that "
			    "connections end without it, and late segments may reach new ones.",
		 .why = {[CERTAINTY_CERTAIN] = KERNEL_COUNT},
		 .advice = "Let clients keep their connections (pools, HTTP keep-alive), or raise "
			   "net.ipv4.tcp_max_tw_buckets."},
	[FINDING_PORT_EXHAUSTION] =
		{.explain = "Connections {place} hold most of the local ports: soon connect() fails there with "
			    "EADDRNOTAVAIL.",
		 .why = {[CERTAINTY_LIKELY] = "counted against ip_local_port_range; no connect() is known to have "
					      "failed yet",
			 [CERTAINTY_CERTAIN] = "connect() has failed already for want of a port"},
		 .advice = "Reuse connections (pools), widen net.ipv4.ip_local_port_range, or use more addresses; "
			   "tcp_tw_reuse=1 frees ports in TIME_WAIT."},
	[FINDING_ACCEPT_OVERFLOW] =
		{.explain = "{owner} does not accept() connections {place} as fast as they come: its queue is full, "
			    "and clients wait or time out.",
		 .why = {[CERTAINTY_LIKELY] = "the queue is nearly full and segments were dropped there",
			 [CERTAINTY_CERTAIN] = "the queue is full: the kernel drops what comes"},
		 .advice = "See what keeps {owner} from accept() (descriptor limit? blocked thread?). Only for short "
			   "peaks: a larger backlog and net.core.somaxconn."},
	[FINDING_SYN_RECV_PILEUP] =
		{.explain = "Many handshakes {place} wait for the client's last ACK.",
		 .why = {[CERTAINTY_LIKELY] = "so many at once are seldom just slow clients"},
		 .advice =
			 "Either SYN-ACKs do not reach the clients (routing, firewall), or it is a SYN flood: see that "
			 "net.ipv4.tcp_syncookies is on."},
	[FINDING_ZERO_WINDOW_STALL] =
		{.explain = "What was sent on {connections} {place} is not read at the other end: the window is shut.",
		 .explain_local = "{owner} does not read {connections} {place}: the windows are shut, and the peers "
				  "cannot send.",
		 .why = {[CERTAINTY_LIKELY] = "the window is shut and nothing has come; one listing only",
			 [CERTAINTY_CERTAIN] = "the window is shut, and stayed so"},
		 .advice = "Look at the process at the other end: it lives, but does not call read().",
		 .advice_local = "See what keeps {owner} from read() on these descriptors (blocked thread? "
				 "back-pressure? forgotten socket?)."},
	[FINDING_PEER_CLUSTER] =
		{.explain = "Most connections {place} ended badly lately.",
		 .why = {[CERTAINTY_CERTAIN] = "each of these ends was seen; their common cause is not"},
		 .advice = "One cause for all of them is likely: a host or service down, a firewall, a route. lastack "
			   "history tells each.",
		 .command = "lastack history --since 10m --group-by remote,class,cause"},
};

/* ---- parts of a sentence ---------------------------------------------------------------------------------- */

void finding_prefix_append(struct text *text, const struct finding_prefix *prefix)
{
	text_append_address(text, prefix->family, prefix->address);
	if (prefix->bits == (prefix->family == 4 ? 32 : 128))
		return;
	text_append_char(text, '/');
	text_append_u64(text, prefix->bits);
}

static void append_connections(struct text *text, const struct finding *finding)
{
	text_append_u64(text, finding->count);
	text_append_str(text, finding->count == 1 ? " connection" : " connections");
}

static void append_owner(struct text *text, const struct finding *finding)
{
	if (!finding->process_count) {
		text_append_str(text, "the process");
		return;
	}
	text_append_printable(text, finding->comm, strnlen(finding->comm, sizeof(finding->comm)));
}

static void append_place(struct text *text, const struct finding *finding)
{
	if (finding->local_port) {
		text_append_str(text, "at port ");
		text_append_u64(text, finding->local_port);
		return;
	}
	if (!finding->destination.family)
		return;
	text_append_str(text, "to ");
	finding_prefix_append(text, &finding->destination);
	if (finding->remote_port) {
		text_append_str(text, " port ");
		text_append_u64(text, finding->remote_port);
	}
}

static void append_peers(struct text *text, const struct finding *finding)
{
	text_append_str(text, finding->count == 1 ? "The peer" : "The peers");
}

/* Numbers alone: a process' name is its own choice, and this goes into a shell. */
static void append_filter(struct text *text, const struct finding *finding)
{
	uint32_t count = finding->process_count;

	for (uint32_t i = 0; i < count && count <= FINDING_PROCESSES_MAX; i++) {
		text_append_str(text, i ? "," : "-p ");
		text_append_u64(text, finding->processes[i].pid);
	}
	if (finding->local_port || finding->remote_port) {
		text_append_str(text, count && count <= FINDING_PROCESSES_MAX ? " " : "");
		text_append_str(text, finding->local_port ? "-L " : "-D ");
		text_append_u64(text, finding->local_port ?: finding->remote_port);
	}
}

/* These very connections where they are few. */
static void append_chosen(struct text *text, const struct finding *finding)
{
	bool filter = finding->process_count || finding->local_port || finding->remote_port;

	if (filter && (finding->cookie_count < finding->count || finding->count > COOKIES_FEW)) {
		append_filter(text, finding);
		return;
	}
	for (uint32_t i = 0; i < finding->cookie_count && i < COOKIES_FEW; i++) {
		text_append_str(text, i ? " " : "");
		text_append_u64(text, finding->cookies[i]);
	}
}

static void append_maybe(struct text *text, const struct finding *finding)
{
	text_append_str(text, finding->certainty == CERTAINTY_POSSIBLE ? "may be gone" : "is probably gone");
}

static const struct {
	const char *name;
	void (*append)(struct text *text, const struct finding *finding);
} parts[] = {
	{"connections", append_connections},
	{"Connections", append_connections},
	{"owner", append_owner},
	{"place", append_place},
	{"Peers", append_peers},
	{"maybe", append_maybe},
	{"filter", append_filter},
	{"chosen", append_chosen},
};

static const char *part_append(struct text *text, const struct finding *finding, const char *name)
{
	size_t length = strcspn(name, "}");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strlen(parts[i].name) == length && !memcmp(parts[i].name, name, length))
			parts[i].append(text, finding);
	return name + length + 1;
}

static void template_append(struct text *text, const struct finding *finding, const char *from)
{
	while (*from) {
		size_t plain = strcspn(from, "{");

		text_append(text, from, plain);
		from += plain;
		if (*from)
			from = part_append(text, finding, from + 1);
	}
}

/* ---- what is asked for -------------------------------------------------------------------------------------- */

const char *finding_why(const struct finding *finding)
{
	return words[finding->kind].why[finding->certainty] ?: "";
}

void finding_advice_append(struct text *text, const struct finding *finding)
{
	const struct kind_words *of = &words[finding->kind];

	template_append(text, finding, finding->local_fault && of->advice_local ? of->advice_local : of->advice);
}

void finding_command_append(struct text *text, const struct finding *finding)
{
	const char *command = words[finding->kind].command;

	if (command)
		template_append(text, finding, command);
	while (text->length && text->data[text->length - 1] == ' ')
		text->length--;
}

/* A sentence begins with a capital, and has no gap where a part of it was empty. */
void finding_explain_append(struct text *text, const struct finding *finding)
{
	const struct kind_words *of = &words[finding->kind];
	size_t begin = text->length, to;

	template_append(text, finding, finding->local_fault && of->explain_local ? of->explain_local : of->explain);
	if (text->failed)
		return;
	if (!finding->process_count && text->length > begin && text->data[begin] == 't') /* "the process" */
		text->data[begin] = 'T';
	to = begin;
	for (size_t i = begin; i < text->length; i++) {
		char c = text->data[i];
		bool gap = c == ' ' && i + 1 < text->length && strchr(" .,:", text->data[i + 1]);

		if (!gap)
			text->data[to++] = c;
	}
	text->length = to;
}

enum fact_unit {
	UNIT_COUNT,
	UNIT_BYTES,
	UNIT_SPAN,
};

#define FACT_LINE(name, text, unit, how) [name] = {text, UNIT_##unit},
static const struct {
	const char *text;
	enum fact_unit unit;
} facts[] = {FINDING_FACTS(FACT_LINE)};

void finding_fact_append(struct text *text, const struct finding *finding, enum finding_fact fact)
{
	const char *format = facts[fact].text, *place = strstr(format, "%s");
	uint64_t value = finding->facts[fact];

	text_append(text, format, (size_t)(place - format));
	switch (facts[fact].unit) {
	case UNIT_BYTES: text_append_size(text, value, true); break;
	case UNIT_SPAN: text_append_duration(text, value, true); break;
	default: text_append_u64(text, value);
	}
	text_append_str(text, place + 2);
}
