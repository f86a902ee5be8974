// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_verdict.c: what holds across the rules of the verdict: which of two that fit comes first, who is to
 * blame for a local act, what an exit says, what an orphan's error is; and that every cause has its class.
 * The single rules are in test_verdict_rules.c.
 */
#include "verdict_scene.h"

#define ORPHAN  EVENT_SOCKET_DEAD
#define EXITING (FLAGS_CLOSER | EVENT_TASK_EXITING)

struct order_case {
	const char *name;
	struct scene scene;
	enum connection_cause cause;
	enum connection_context context;
};

static const struct order_case order_cases[] = {
	{"unread data before SO_LINGER {1, 0}",
	 {.from = TCP_ESTABLISHED,
	  .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO,
	  .shutdown = 3,
	  .unread = 1,
	  .sent = RESET_ACTIVE},
	 CAUSE_RST_SENT_UNREAD_DATA,
	 CONTEXT_NONE},
	{"SO_LINGER {1, 0} on a socket that is closed, not disconnected",
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO, .shutdown = 3, .sent = RESET_ACTIVE},
	 CAUSE_RST_SENT_LINGER,
	 CONTEXT_NONE},
	{"connect(AF_UNSPEC) with SO_LINGER {1, 0} set",
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_HOLDER | EVENT_LINGER_ZERO, .sent = RESET_ACTIVE},
	 CAUSE_RST_SENT_DISCONNECT,
	 CONTEXT_NONE},
	{"connect(AF_UNSPEC) with unread data",
	 {.from = TCP_ESTABLISHED,
	  .flags = FLAGS_HOLDER,
	  .unread = 100,
	  .sent = RESET_ACTIVE,
	  .reason = RESET_REASON_STATE},
	 CAUSE_RST_SENT_DISCONNECT,
	 CONTEXT_NONE},
	{"SO_LINGER {1, 0} in FIN_WAIT2 is no hand-over to a minisock",
	 {.from = TCP_FIN_WAIT2, .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO, .shutdown = 3, .minisock = true},
	 CAUSE_RST_SENT_LINGER,
	 CONTEXT_NONE},
	{"keepalive only with nothing outstanding: else the data's timer",
	 {.from = TCP_ESTABLISHED,
	  .error = ETIMEDOUT,
	  .flags = EVENT_KEEPALIVE_ON,
	  .probes_out = 3,
	  .unacked = 1,
	  .retransmits = 5},
	 CAUSE_DATA_RETRANSMIT_TIMEOUT,
	 CONTEXT_NONE},
	{"zero window with keepalive on",
	 {.from = TCP_ESTABLISHED,
	  .error = ETIMEDOUT,
	  .probes_out = 3,
	  .unacked = 1,
	  .flags = EVENT_KEEPALIVE_ON | EVENT_WINDOW_ZERO | EVENT_NOTHING_IN_FLIGHT},
	 CAUSE_ZERO_WINDOW_TIMEOUT,
	 CONTEXT_NONE},
	{"zero window before retransmissions that came earlier",
	 {.from = TCP_ESTABLISHED,
	  .error = ETIMEDOUT,
	  .probes_out = 3,
	  .unacked = 1,
	  .retransmits = 2,
	  .flags = EVENT_WINDOW_ZERO | EVENT_NOTHING_IN_FLIGHT},
	 CAUSE_ZERO_WINDOW_TIMEOUT,
	 CONTEXT_NONE},
	{"zero window though TCP_USER_TIMEOUT decided when",
	 {.from = TCP_ESTABLISHED,
	  .error = ETIMEDOUT,
	  .probes_out = 3,
	  .unacked = 1,
	  .user_timeout_ms = 1000,
	  .flags = EVENT_WINDOW_ZERO | EVENT_NOTHING_IN_FLIGHT},
	 CAUSE_ZERO_WINDOW_TIMEOUT,
	 CONTEXT_USER_TIMEOUT},
	{"TCP_USER_TIMEOUT before the FIN's timer",
	 {.from = TCP_FIN_WAIT1,
	  .error = ETIMEDOUT,
	  .flags = FLAGS_SOFTIRQ,
	  .retransmits = 3,
	  .unacked = 1,
	  .user_timeout_ms = 1000},
	 CAUSE_USER_TIMEOUT,
	 CONTEXT_NONE},
	{"TCP_USER_TIMEOUT with ICMP",
	 {.from = TCP_ESTABLISHED,
	  .error = EHOSTUNREACH,
	  .soft_error = EHOSTUNREACH,
	  .retransmits = 3,
	  .unacked = 1,
	  .user_timeout_ms = 1000},
	 CAUSE_USER_TIMEOUT,
	 CONTEXT_ICMP},
	{"an orphan's timeout with ICMP",
	 {.from = TCP_FIN_WAIT1,
	  .error = EHOSTUNREACH,
	  .soft_error = EHOSTUNREACH,
	  .flags = ORPHAN,
	  .retransmits = 3,
	  .unacked = 1},
	 CAUSE_FIN_RETRANSMIT_TIMEOUT,
	 CONTEXT_ICMP},
	{"a keepalive's reset is no abort of ours",
	 {.from = TCP_ESTABLISHED,
	  .error = ETIMEDOUT,
	  .flags = EVENT_KEEPALIVE_ON | EVENT_HAS_SOCKET,
	  .probes_out = 9,
	  .sent = RESET_ACTIVE},
	 CAUSE_KEEPALIVE_PROBES_UNANSWERED,
	 CONTEXT_NONE},
	{"a reset that came in before what a timer had gathered",
	 {.from = TCP_ESTABLISHED,
	  .error = ECONNRESET,
	  .flags = EVENT_KEEPALIVE_ON,
	  .probes_out = 9,
	  .retransmits = 3,
	  .received = true,
	  .received_retransmits = 3,
	  .received_unacked = 10},
	 CAUSE_RST_RECEIVED,
	 CONTEXT_PEER_LOST_STATE},
	{"a reset that came in, processed by the task from its backlog",
	 {.from = TCP_ESTABLISHED, .error = ECONNRESET, .flags = FLAGS_HOLDER, .received = true},
	 CAUSE_RST_RECEIVED,
	 CONTEXT_ESTABLISHED},
	{"answer to keepalive before challenge ACK",
	 {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true, .received_probes = 1, .challenge_ms = 8},
	 CAUSE_RST_RECEIVED,
	 CONTEXT_ANSWER_TO_KEEPALIVE},
	{"challenge ACK before lost state",
	 {.from = TCP_ESTABLISHED,
	  .error = ECONNRESET,
	  .received = true,
	  .received_flags = EVENT_RESET_STATELESS,
	  .challenge_ms = 8},
	 CAUSE_RST_RECEIVED,
	 CONTEXT_AFTER_CHALLENGE_ACK},
	{"ECONNABORTED of a socket whose peer reset it",
	 {.from = TCP_ESTABLISHED, .error = ECONNABORTED, .flags = FLAGS_HOLDER, .received = true},
	 CAUSE_RST_RECEIVED,
	 CONTEXT_ESTABLISHED},
	{"a child reset because its listener closed, in the closer's context but not under its lock",
	 {.from = TCP_CLOSE_WAIT, .sent = RESET_ACTIVE, .unread = 10},
	 CAUSE_RST_SENT_LISTENER_CLOSED,
	 CONTEXT_NONE},
	{"a Fast Open child closed before its handshake was complete",
	 {.from = TCP_SYN_RECV, .flags = FLAGS_CLOSER, .shutdown = 3},
	 CAUSE_CANCELLED,
	 CONTEXT_NONE},
	{"a Fast Open child closed with SO_LINGER {1, 0}",
	 {.from = TCP_SYN_RECV, .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO, .shutdown = 3, .sent = RESET_ACTIVE},
	 CAUSE_RST_SENT_LINGER,
	 CONTEXT_NONE},
	{"orphan limit in FIN_WAIT2 is neither graceful nor a dying namespace",
	 {.from = TCP_FIN_WAIT2, .flags = ORPHAN, .sent = RESET_ACTIVE, .reason = RESET_REASON_ABORT_ON_MEMORY},
	 CAUSE_ORPHAN_LIMIT,
	 CONTEXT_NONE},
	{"close() with unread data while FIN_WAIT2, no reasons, reset lost",
	 {.from = TCP_FIN_WAIT2, .flags = FLAGS_CLOSER, .unread = 5, .shutdown = 3, .minisock = true},
	 CAUSE_RST_SENT_UNREAD_DATA,
	 CONTEXT_NONE},
	{"our own disconnect leaves 104 behind only later: at the transition nothing is wrong",
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_HOLDER, .sent = RESET_ACTIVE, .error = 0},
	 CAUSE_RST_SENT_DISCONNECT,
	 CONTEXT_NONE},
	{"sk_err 104 alone proves no reset",
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_SOFTIRQ, .error = ECONNRESET},
	 CAUSE_UNOBSERVED,
	 CONTEXT_NONE},
	{"SO_LINGER {1, 0} in LAST_ACK gives the FIN up: that is no acknowledged FIN",
	 {.from = TCP_LAST_ACK,
	  .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO,
	  .shutdown = 3,
	  .unacked = 1,
	  .order = CONNECTION_FIN_PEER_FIRST},
	 CAUSE_UNOBSERVED,
	 CONTEXT_NONE},
};

static void order_of_precedence(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(order_cases) / sizeof(order_cases[0]); i++) {
		struct verdict verdict = scene_decide(&order_cases[i].scene);

		if (verdict.cause == order_cases[i].cause && verdict.context == order_cases[i].context)
			continue;
		verdict_print(order_cases[i].name, &verdict);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Scenes in which a local task acted, by its close. */
static struct scene local_scene(uint16_t flags, int exit_code)
{
	return (struct scene){
		.from = TCP_ESTABLISHED,
		.flags = flags,
		.unread = 3,
		.shutdown = 3,
		.sent = RESET_ACTIVE,
		.reason = RESET_REASON_ABORT_ON_CLOSE,
		.exit_code = exit_code,
	};
}

static void exits_are_told_from_closes(void **state)
{
	static const struct {
		int code, status, signal;
	} exits[] = {
		{0x300, 3, -1}, {0, 0, -1}, {0xff00, 255, -1}, {9, -1, 9}, {15, -1, 15}, {11, -1, 11}, {0x86, -1, 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		struct scene scene = local_scene(EXITING, exits[i].code);
		struct verdict verdict = scene_decide(&scene);

		assert_int_equal(verdict.cause, CAUSE_RST_SENT_UNREAD_DATA);
		assert_int_equal(verdict.initiator, INITIATOR_LOCAL_EXIT);
		assert_int_equal(verdict.how, exits[i].signal < 0 ? HOW_EXIT : HOW_SIGNAL);
		assert_int_equal(verdict.exit_code, exits[i].status);
		assert_int_equal(verdict.exit_signal, exits[i].signal);
		assert_true(verdict_has(&verdict, EVIDENCE_TASK_EXITING, (uint64_t)exits[i].code));
	}
}

static void out_of_memory_kill_is_named(void **state)
{
	struct scene scene = local_scene(EXITING, 9);
	struct verdict verdict;

	(void)state;
	scene.oom_victim = true;
	verdict = scene_decide(&scene);
	assert_int_equal(verdict.context, CONTEXT_OOM_KILL);
	assert_true(verdict_has(&verdict, EVIDENCE_OOM_VICTIM, 0));
	scene.flags = FLAGS_CLOSER; /* it closed before it was to die */
	verdict = scene_decide(&scene);
	assert_int_equal(verdict.context, CONTEXT_NONE);
	assert_int_equal(verdict.initiator, INITIATOR_LOCAL_APP);
}

/* The dying task is then the peer's, interrupted: whatever the end, it did not exit on our side. */
static void interrupted_exit_is_never_blamed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TCP_STATES * 3 * 2 * 2 * 2 * 2; i++) {
		unsigned n = i;
		struct scene scene = {.exit_code = 9, .fin_exit_code = 9, .shutdown = 3, .minisock = true};
		struct verdict verdict;

		scene.from = 1 + n % (TCP_STATES - 1), n /= TCP_STATES;
		scene.sent = n % 3, n /= 3;
		scene.flags = EVENT_TASK_EXITING | (n % 2 ? EVENT_FILE_DEAD : 0), n /= 2;
		scene.flags |= n % 2 ? EVENT_LINGER_ZERO : 0, n /= 2;
		scene.minisock_reset = n % 2, n /= 2;
		scene.unread = n % 2;
		scene.fin_flags = EVENT_TASK_EXITING | EVENT_FILE_DEAD;
		verdict = scene_decide(&scene);
		assert_int_not_equal(verdict.initiator, INITIATOR_LOCAL_EXIT);
		assert_int_equal(verdict.exit_code, -1);
		assert_int_equal(verdict.exit_signal, -1);
	}
}

static struct scene fin_scene(uint16_t fin_flags)
{
	return (struct scene){
		.from = TCP_FIN_WAIT2,
		.flags = ORPHAN | EVENT_SOCKET_DONE,
		.minisock = true,
		.minisock_fin = true,
		.fin_flags = fin_flags,
		.fin_exit_code = 9,
		.order = CONNECTION_FIN_LOCAL_FIRST,
	};
}

static void who_sent_the_fin(void **state)
{
	static const struct {
		uint16_t flags;
		enum connection_initiator initiator;
		enum connection_how how;
	} acts[] = {
		{FLAGS_CLOSER, INITIATOR_LOCAL_APP, HOW_CLOSE},
		{FLAGS_HOLDER, INITIATOR_LOCAL_APP, HOW_SHUTDOWN},
		{EXITING, INITIATOR_LOCAL_EXIT, HOW_SIGNAL},
		{0, INITIATOR_LOCAL_APP, HOW_NONE}, /* not seen, or an MPTCP worker */
		{EVENT_TASK_EXITING | EVENT_FILE_DEAD, INITIATOR_LOCAL_APP, HOW_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		struct scene scene = fin_scene(acts[i].flags);
		struct verdict verdict = scene_decide(&scene);

		assert_int_equal(verdict.cause, CAUSE_FIN_LOCAL_FIRST);
		assert_int_equal(verdict.initiator, acts[i].initiator);
		assert_int_equal(verdict.how, acts[i].how);
	}
}

/* The kernel's own sockets have no file: nothing may be said of one. */
static void no_file_is_no_evidence(void **state)
{
	struct scene scene = fin_scene(EVENT_TASK_ACTS);
	struct verdict verdict = scene_decide(&scene);

	(void)state;
	assert_int_equal(verdict.initiator, INITIATOR_LOCAL_APP);
	assert_false(verdict_has(&verdict, EVIDENCE_FILE_ALIVE, 0));
	assert_false(verdict_has(&verdict, EVIDENCE_FILE_RELEASED, 0));
	assert_int_equal(verdict.how, HOW_NONE);
}

/* Nobody holds an orphan, so nobody gets its error; it is evidence all the same. */
static void orphans_tell_no_application(void **state)
{
	struct scene scene = {.from = TCP_LAST_ACK, .error = ETIMEDOUT, .retransmits = 3, .unacked = 1};
	struct verdict verdict = scene_decide(&scene);

	(void)state;
	assert_int_equal(verdict.error, ETIMEDOUT);
	assert_int_equal(verdict.context, CONTEXT_NONE);
	scene.flags = ORPHAN;
	verdict = scene_decide(&scene);
	assert_int_equal(verdict.error, 0);
	assert_int_equal(verdict.context, CONTEXT_ORPHAN);
	assert_true(verdict_has(&verdict, EVIDENCE_ERROR, ETIMEDOUT));
}

static void evidence_stays_in_bounds(void **state)
{
	struct scene scene = {
		.from = TCP_FIN_WAIT1,
		.error = EHOSTUNREACH,
		.soft_error = EHOSTUNREACH,
		.flags = ORPHAN | EVENT_KEEPALIVE_ON,
		.retransmits = 3,
		.probes_out = 3,
		.user_timeout_ms = 5,
		.unacked = 9,
		.silent_ms = 100,
		.sent = RESET_ACTIVE,
	};
	struct verdict verdict = scene_decide(&scene);

	(void)state;
	assert_in_range(verdict.evidence_count, 6, REPORT_EVIDENCE_MAX);
}

static void every_cause_has_its_class(void **state)
{
	static const enum connection_class classes[] = {
#define CLASS_OF(name, text, class) [name] = class,
		CONNECTION_CAUSES(CLASS_OF)};

	(void)state;
	for (unsigned cause = 0; cause < connection_cause_count; cause++)
		assert_int_equal(verdict_class((enum connection_cause)cause), classes[cause]);
	assert_int_equal(verdict_class(CAUSE_UNOBSERVED), CLASS_UNKNOWN);
	assert_int_equal(verdict_class(CAUSE_FIN_WAIT2_TIMEOUT), CLASS_OTHER_TIMEOUT);
	assert_int_equal(verdict_class(CAUSE_ICMP_ERROR), CLASS_ABORTED);
}

static bool leaves_minisock(const struct scene *scene)
{
	struct ending ending = {0};

	scene_close(scene, &ending.close);
	scene_resets(scene, &ending);
	return close_leaves_minisock(&ending);
}

static void minisocks_follow_only_clean_ends(void **state)
{
	struct scene scene = {.from = TCP_FIN_WAIT2, .flags = EVENT_SOCKET_DEAD};

	(void)state;
	assert_true(leaves_minisock(&scene));
	scene.flags = EVENT_SOCKET_DEAD | EVENT_LINGER2_NEGATIVE; /* an orphan that may not wait */
	assert_false(leaves_minisock(&scene));
	scene.flags = EVENT_SOCKET_DONE;
	assert_true(leaves_minisock(&scene));
	scene.flags = FLAGS_HOLDER; /* whoever holds it left it: connect(AF_UNSPEC) */
	assert_false(leaves_minisock(&scene));
	scene.flags = EVENT_SOCKET_DEAD | EVENT_SOCKET_DONE;
	scene.from = TCP_CLOSING;
	assert_true(leaves_minisock(&scene));
	scene.from = TCP_LAST_ACK;
	assert_false(leaves_minisock(&scene));
	scene = (struct scene){.from = TCP_FIN_WAIT2, .flags = EVENT_SOCKET_DEAD, .error = ETIMEDOUT};
	assert_false(leaves_minisock(&scene));
	scene = (struct scene){.from = TCP_FIN_WAIT2, .flags = EVENT_SOCKET_DEAD, .sent = RESET_ACTIVE};
	assert_false(leaves_minisock(&scene));
	scene = (struct scene){.from = TCP_FIN_WAIT2, .flags = EVENT_SOCKET_DEAD, .received = true};
	assert_false(leaves_minisock(&scene));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_precedence),
		cmocka_unit_test(exits_are_told_from_closes),
		cmocka_unit_test(out_of_memory_kill_is_named),
		cmocka_unit_test(interrupted_exit_is_never_blamed),
		cmocka_unit_test(who_sent_the_fin),
		cmocka_unit_test(no_file_is_no_evidence),
		cmocka_unit_test(orphans_tell_no_application),
		cmocka_unit_test(evidence_stays_in_bounds),
		cmocka_unit_test(every_cause_has_its_class),
		cmocka_unit_test(minisocks_follow_only_clean_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
