// SPDX-License-Identifier: GPL-2.0-only
/*
 * names.c: the name tables, made from the lists in report.h, and look-ups in both directions.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "core/tcp_machine.h"
#include "event.h"
#include "names.h"

#define NAME_OF_LINE(name, text, ...) [name] = text,
#define NAME_TABLE(table, LIST)                                                                                        \
	static const char *const table##_array[] = {LIST(NAME_OF_LINE)};                                               \
	const struct name_table table = {table##_array, sizeof(table##_array) / sizeof(table##_array[0])}

NAME_TABLE(class_names, CONNECTION_CLASSES);
NAME_TABLE(cause_names, CONNECTION_CAUSES);
NAME_TABLE(context_names, CONNECTION_CONTEXTS);
NAME_TABLE(initiator_names, CONNECTION_INITIATORS);
NAME_TABLE(how_names, CONNECTION_HOWS);
NAME_TABLE(role_names, CONNECTION_ROLES);
NAME_TABLE(completeness_names, COMPLETENESSES);
NAME_TABLE(process_source_names, PROCESS_SOURCES);
NAME_TABLE(conformance_names, CONFORMANCES);
NAME_TABLE(time_wait_end_names, TIME_WAIT_ENDS);

/* include/net/tcp_states.h: number, name there, value of network.connection.state. */
#define TCP_STATES(X)                                                                                                  \
	X(1, "ESTABLISHED", "established")                                                                             \
	X(2, "SYN_SENT", "syn_sent")                                                                                   \
	X(3, "SYN_RECV", "syn_received")                                                                               \
	X(4, "FIN_WAIT1", "fin_wait_1")                                                                                \
	X(5, "FIN_WAIT2", "fin_wait_2")                                                                                \
	X(6, "TIME_WAIT", "time_wait")                                                                                 \
	X(7, "CLOSE", "closed")                                                                                        \
	X(8, "CLOSE_WAIT", "close_wait")                                                                               \
	X(9, "LAST_ACK", "last_ack")                                                                                   \
	X(10, "LISTEN", "listen")                                                                                      \
	X(11, "CLOSING", "closing")                                                                                    \
	X(12, "NEW_SYN_RECV", "syn_received")

#define NAME_OF_LINE_OTEL(number, kernel, otel) [number] = otel,
#define TCP_STATES_OTEL(X)                      TCP_STATES(NAME_OF_LINE_OTEL)

#define MACHINE_STATES_LIST(X) TCP_STATES(X) X(MACHINE_FIN_WAIT2_MINISOCK, "FIN_WAIT2_MINISOCK")

NAME_TABLE(tcp_state_names, TCP_STATES);
NAME_TABLE(machine_state_names, MACHINE_STATES_LIST);
NAME_TABLE(tcp_state_otel_names, TCP_STATES_OTEL);

/* enum sk_rst_reason (include/net/rstreason.h, since 6.10) without its prefix SK_RST_REASON_. */
#define RESET_REASON_LIST(X)                                                                                           \
	X(RESET_REASON_UNKNOWN, NULL)                                                                                  \
	X(RESET_REASON_NOT_SPECIFIED, "NOT_SPECIFIED")                                                                 \
	X(RESET_REASON_NO_SOCKET, "NO_SOCKET")                                                                         \
	X(RESET_REASON_INVALID_ACK_SEQUENCE, "TCP_INVALID_ACK_SEQUENCE")                                               \
	X(RESET_REASON_PAWS, "TCP_RFC7323_PAWS")                                                                       \
	X(RESET_REASON_TOO_OLD_ACK, "TCP_TOO_OLD_ACK")                                                                 \
	X(RESET_REASON_ACK_UNSENT_DATA, "TCP_ACK_UNSENT_DATA")                                                         \
	X(RESET_REASON_FLAGS, "TCP_FLAGS")                                                                             \
	X(RESET_REASON_OLD_ACK, "TCP_OLD_ACK")                                                                         \
	X(RESET_REASON_ABORT_ON_DATA, "TCP_ABORT_ON_DATA")                                                             \
	X(RESET_REASON_TIMEWAIT_SOCKET, "TCP_TIMEWAIT_SOCKET")                                                         \
	X(RESET_REASON_INVALID_SYN, "INVALID_SYN")                                                                     \
	X(RESET_REASON_ABORT_ON_CLOSE, "TCP_ABORT_ON_CLOSE")                                                           \
	X(RESET_REASON_ABORT_ON_LINGER, "TCP_ABORT_ON_LINGER")                                                         \
	X(RESET_REASON_ABORT_ON_MEMORY, "TCP_ABORT_ON_MEMORY")                                                         \
	X(RESET_REASON_STATE, "TCP_STATE")                                                                             \
	X(RESET_REASON_KEEPALIVE_TIMEOUT, "TCP_KEEPALIVE_TIMEOUT")                                                     \
	X(RESET_REASON_DISCONNECT_WITH_DATA, "TCP_DISCONNECT_WITH_DATA")                                               \
	X(RESET_REASON_MPTCP, "MPTCP")                                                                                 \
	X(RESET_REASON_ERROR, "ERROR")                                                                                 \
	X(RESET_REASON_OTHER, "OTHER")

NAME_TABLE(reset_reason_names, RESET_REASON_LIST);
_Static_assert(sizeof(reset_reason_names_array) / sizeof(char *) == RESET_REASONS, "each reason has its word");

#define EVENT_KIND_LIST(X)                                                                                             \
	X(EVENT_NONE, NULL)                                                                                            \
	X(EVENT_BIRTH, "birth")                                                                                        \
	X(EVENT_STATE, "state")                                                                                        \
	X(EVENT_STATE_TASK, "state_task")                                                                              \
	X(EVENT_CLOSE, "close")                                                                                        \
	X(EVENT_RETRANSMIT, "retransmit")                                                                              \
	X(EVENT_RETRANSMIT_SYNACK, "retransmit_synack")                                                                \
	X(EVENT_RESET_SENT, "reset_sent")                                                                              \
	X(EVENT_RESET_RECEIVED, "reset_received")                                                                      \
	X(EVENT_ERROR, "error")                                                                                        \
	X(EVENT_PROBE, "probe")                                                                                        \
	X(EVENT_TIME_WAIT, "time_wait")                                                                                \
	X(EVENT_ACCEPT, "accept")                                                                                      \
	X(EVENT_OOM_KILL, "oom_kill")                                                                                  \
	X(EVENT_EXISTING, "existing")                                                                                  \
	X(EVENT_STACK, "stack")

NAME_TABLE(event_kind_names, EVENT_KIND_LIST);
_Static_assert(sizeof(event_kind_names_array) / sizeof(char *) == EVENT_KINDS, "each kind has its word");

int name_find(const struct name_table *table, const char *name, size_t length)
{
	for (unsigned i = 0; i < table->count; i++) {
		const char *candidate = table->names[i];

		if (candidate && strlen(candidate) == length && !memcmp(candidate, name, length))
			return (int)i;
	}
	return -ENOENT;
}

static bool is_joint(char c)
{
	return c == '-' || c == '_';
}

static bool name_is_typed(const char *name, const char *typed, size_t length)
{
	size_t at = 0;

	for (; *name; name++) {
		if (is_joint(*name))
			continue;
		while (at < length && is_joint(typed[at]))
			at++;
		if (at == length || tolower((unsigned char)*name) != tolower((unsigned char)typed[at++]))
			return false;
	}
	return at == length;
}

int name_find_typed(const struct name_table *table, const char *name, size_t length)
{
	for (unsigned i = 0; i < table->count; i++)
		if (table->names[i] && name_is_typed(table->names[i], name, length))
			return (int)i;
	return -ENOENT;
}

const char *errno_name(int error)
{
	return error ? strerrorname_np(error) : NULL;
}

const char *signal_name(int signal)
{
	return sigabbrev_np(signal);
}

enum connection_class cause_class(enum connection_cause cause)
{
#define CLASS_OF_LINE(name, text, class) [name] = class,
	static const enum connection_class classes[] = {CONNECTION_CAUSES(CLASS_OF_LINE)};

	return cause < connection_cause_count ? classes[cause] : CLASS_UNKNOWN;
}

const char *evidence_format(enum evidence_kind kind)
{
	static const char *const formats[] = {EVIDENCES(NAME_OF_LINE)};

	return kind < evidence_kind_count ? formats[kind] : "";
}
