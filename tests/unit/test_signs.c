// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_signs.c: which facts are which sign to the reference machine: for each sign a scene that shows it, and what
 * happens to it when one fact is another. Of the verdict it knows nothing; that both agree is tested with streams.
 */
#include "core/signs.h"
#include "verdict_rules.h"

/* One fact changed, and whether the sign is still there. */
struct sign_miss {
	const char *fact;
	size_t offset, size;
	uint64_t value;
};

#define WITHOUT(field, number)                                                                                         \
	{                                                                                                              \
#field " = " #number, offsetof(struct scene, field), sizeof(((struct scene *)NULL)->field), number     \
	}

struct sign_case {
	enum machine_sign sign;
	struct scene scene;
	struct sign_miss misses[MISSES_MAX];
};

#define DONE EVENT_SOCKET_DONE

static const struct sign_case cases[] = {
	{SIGN_LOCAL_CALL, {.from = TCP_SYN_SENT, .flags = FLAGS_CLOSER}, {WITHOUT(flags, FLAGS_SOFTIRQ)}},
	{SIGN_PEER_FIN, {.from = TCP_FIN_WAIT2, .flags = ORPHAN | DONE}, {WITHOUT(flags, ORPHAN)}},
	{SIGN_FIN_ACKED,
	 {.from = TCP_LAST_ACK, .flags = ORPHAN | DONE},
	 {WITHOUT(unacked, 1), WITHOUT(error, ETIMEDOUT), WITHOUT(received, 1), WITHOUT(sent, RESET_ACTIVE)}},
	{SIGN_MINISOCK,
	 {.from = TCP_FIN_WAIT2, .flags = ORPHAN},
	 {WITHOUT(from, TCP_LAST_ACK), WITHOUT(error, ECONNRESET), WITHOUT(received, 1), WITHOUT(sent, RESET_PASSIVE)}},
	{SIGN_RESET_RECEIVED, {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true}, {WITHOUT(received, 0)}},
	{SIGN_RESET_RECEIVED, /* in these two states the answer explains it */
	 {.from = TCP_ESTABLISHED, .error = ECONNRESET, .received = true, .sent = RESET_PASSIVE},
	 {WITHOUT(from, TCP_FIN_WAIT1), WITHOUT(from, TCP_FIN_WAIT2)}},
	{SIGN_RESET_ANSWER,
	 {.from = TCP_FIN_WAIT1, .received = true, .sent = RESET_PASSIVE, .reason = RESET_REASON_ABORT_ON_DATA},
	 {WITHOUT(sent, RESET_ACTIVE), WITHOUT(sent, RESET_NONE)}},
	{SIGN_TIMED_OUT,
	 {.from = TCP_ESTABLISHED, .error = ETIMEDOUT, .retransmits = 3},
	 {WITHOUT(error, 0), WITHOUT(error, EHOSTUNREACH), WITHOUT(retransmits, 0)}},
	{SIGN_TIMED_OUT,
	 {.from = TCP_ESTABLISHED, .error = EHOSTUNREACH, .soft_error = EHOSTUNREACH, .probes_out = 3},
	 {WITHOUT(soft_error, 0), WITHOUT(probes_out, 0), WITHOUT(received, 1)}},
	{SIGN_TIMED_OUT,
	 {.from = TCP_SYN_SENT, .error = ETIMEDOUT},
	 {WITHOUT(error, 0), WITHOUT(from, TCP_CLOSE_WAIT)}},
	{SIGN_ICMP,
	 {.from = TCP_SYN_SENT, .error = EHOSTUNREACH},
	 {WITHOUT(error, ETIMEDOUT), WITHOUT(error, ECONNABORTED), WITHOUT(received, 1), WITHOUT(loss_nearby, 1),
	  WITHOUT(from, TCP_SYN_RECV), WITHOUT(error, 0)}},
	{SIGN_ICMP,
	 {.from = TCP_SYN_RECV, .error = EHOSTUNREACH, .soft_error = EHOSTUNREACH, .loss_nearby = true},
	 {WITHOUT(soft_error, EPIPE)}},
	{SIGN_ABORT_CALL,
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_CLOSER | EVENT_LINGER_ZERO, .shutdown = 3, .sent = RESET_ACTIVE},
	 {WITHOUT(flags, FLAGS_CLOSER), WITHOUT(flags, FLAGS_HOLDER | EVENT_LINGER_ZERO), WITHOUT(shutdown, 2),
	  WITHOUT(error, ETIMEDOUT), WITHOUT(received, 1)}},
	{SIGN_ABORT_CALL,
	 {.from = TCP_CLOSE_WAIT, .flags = FLAGS_CLOSER, .unread = 1},
	 {WITHOUT(unread, 0), WITHOUT(flags, FLAGS_HOLDER)}},
	{SIGN_ABORT_CALL,
	 {.from = TCP_ESTABLISHED, .sent = RESET_ACTIVE, .reason = RESET_REASON_ABORT_ON_CLOSE},
	 {WITHOUT(sent, RESET_NONE), WITHOUT(reason, RESET_REASON_STATE)}},
	{SIGN_ABORT_CALL, /* the kernel's own socket has no file */
	 {.from = TCP_ESTABLISHED, .flags = EVENT_TASK_ACTS | EVENT_HAS_SOCKET, .sent = RESET_ACTIVE},
	 {WITHOUT(sent, RESET_NONE), WITHOUT(flags, EVENT_TASK_ACTS), WITHOUT(flags, FLAGS_HOLDER)}},
	{SIGN_DISCONNECT,
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_HOLDER, .sent = RESET_ACTIVE},
	 {WITHOUT(flags, FLAGS_CLOSER), WITHOUT(flags, FLAGS_SOFTIRQ), WITHOUT(sent, RESET_PASSIVE),
	  WITHOUT(sent, RESET_NONE), WITHOUT(error, ECONNABORTED), WITHOUT(received, 1)}},
	{SIGN_DISCONNECT,
	 {.from = TCP_LAST_ACK, .flags = FLAGS_HOLDER, .unacked = 1},
	 {WITHOUT(unacked, 0), WITHOUT(from, TCP_ESTABLISHED)}},
	{SIGN_DESTROYED,
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_HOLDER, .error = ECONNABORTED},
	 {WITHOUT(error, ECONNRESET), WITHOUT(flags, FLAGS_SOFTIRQ), WITHOUT(received, 1)}},
	{SIGN_REPAIR,
	 {.from = TCP_ESTABLISHED, .flags = FLAGS_CLOSER | EVENT_REPAIR},
	 {WITHOUT(flags, FLAGS_CLOSER), WITHOUT(error, ETIMEDOUT)}},
	{SIGN_LISTENER_GONE,
	 {.from = TCP_ESTABLISHED, .flags = EVENT_TASK_ACTS, .sent = RESET_ACTIVE},
	 {WITHOUT(flags, EVENT_TASK_ACTS | EVENT_HAS_SOCKET), WITHOUT(flags, ORPHAN), WITHOUT(sent, RESET_PASSIVE)}},
	{SIGN_LIMIT,
	 {.from = TCP_FIN_WAIT1, .flags = ORPHAN, .sent = RESET_ACTIVE},
	 {WITHOUT(flags, FLAGS_CLOSER), WITHOUT(sent, RESET_PASSIVE), WITHOUT(reason, RESET_REASON_STATE)}},
	{SIGN_LIMIT,
	 {.from = TCP_FIN_WAIT1, .sent = RESET_ACTIVE, .reason = RESET_REASON_ABORT_ON_MEMORY},
	 {WITHOUT(reason, RESET_REASON_ABORT_ON_LINGER), WITHOUT(sent, RESET_NONE), WITHOUT(error, ETIMEDOUT)}},
	{SIGN_LINGER2,
	 {.from = TCP_FIN_WAIT2,
	  .flags = ORPHAN | EVENT_LINGER2_NEGATIVE,
	  .sent = RESET_PASSIVE,
	  .reason = RESET_REASON_ABORT_ON_LINGER},
	 {WITHOUT(from, TCP_FIN_WAIT1), WITHOUT(flags, ORPHAN), WITHOUT(reason, RESET_REASON_UNKNOWN),
	  WITHOUT(sent, RESET_NONE)}},
	{SIGN_SILENT_END,
	 {.from = TCP_FIN_WAIT1, .flags = ORPHAN},
	 {WITHOUT(flags, ORPHAN | EVENT_TASK_ACTS), WITHOUT(flags, FLAGS_SOFTIRQ), WITHOUT(sent, RESET_ACTIVE),
	  WITHOUT(received, 1), WITHOUT(error, ETIMEDOUT), WITHOUT(loss_nearby, 1), WITHOUT(from, TCP_LAST_ACK)}},
	{SIGN_SILENT_END, {.from = TCP_CLOSING, .flags = ORPHAN | DONE, .unacked = 1}, {WITHOUT(unacked, 0)}},
	{SIGN_NO_SYN,
	 {.from = TCP_SYN_SENT, .flags = FLAGS_HOLDER},
	 {WITHOUT(pending_timer, 1), WITHOUT(unacked, 1), WITHOUT(flags, FLAGS_CLOSER), WITHOUT(flags, FLAGS_SOFTIRQ),
	  WITHOUT(from, TCP_ESTABLISHED)}},
	{SIGN_MPTCP,
	 {.from = TCP_ESTABLISHED, .sent = RESET_ACTIVE, .reason = RESET_REASON_MPTCP},
	 {WITHOUT(sent, RESET_NONE), WITHOUT(reason, RESET_REASON_STATE)}},
	{SIGN_NOTHING_LOST, {.from = TCP_ESTABLISHED}, {WITHOUT(loss_nearby, 1)}},
};

static uint32_t scene_signs(const struct scene *scene)
{
	struct connection connection;
	struct ending ending;

	scene_build(scene, &connection, &ending);
	return signs_of_close(&connection, &ending);
}

static void each_sign_has_its_facts(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (const struct sign_case *one = cases; one < cases + sizeof(cases) / sizeof(cases[0]); one++) {
		if (!(scene_signs(&one->scene) & one->sign)) {
			print_error("case %td: sign %x is missing\n", one - cases, one->sign);
			wrong++;
		}
		for (const struct sign_miss *miss = one->misses; miss < one->misses + MISSES_MAX && miss->fact;
		     miss++) {
			struct near_miss change = {miss->fact, miss->offset, miss->size, miss->value, 0, 0};
			struct scene scene = one->scene;

			scene_change(&scene, &change);
			if (scene_signs(&scene) & one->sign) {
				print_error("case %td: sign %x in spite of %s\n", one - cases, one->sign, miss->fact);
				wrong++;
			}
		}
	}
	assert_int_equal(wrong, 0);
}

static void transitions_show_what_their_event_says(void **state)
{
	struct connection connection = {.tuple = client_tuple(4000)};

	(void)state;
	assert_int_equal(signs_of_transition(&connection, 0), SIGN_NOTHING_LOST);
	assert_int_equal(signs_of_transition(&connection, FLAGS_CLOSER), SIGN_NOTHING_LOST | SIGN_LOCAL_CALL);
	assert_int_equal(signs_of_transition(&connection, DONE), SIGN_NOTHING_LOST | SIGN_PEER_FIN);
	assert_int_equal(signs_of_transition(&connection, EVENT_NOTHING_IN_FLIGHT), SIGN_NOTHING_LOST | SIGN_FIN_ACKED);
}

static void a_socket_connected_to_itself(void **state)
{
	struct connection connection = {.tuple = client_tuple(SERVER_PORT)};

	(void)state;
	assert_false(signs_of_transition(&connection, 0) & SIGN_SELF); /* the same port, on two hosts */
	memcpy(connection.tuple.remote, connection.tuple.local, sizeof(connection.tuple.local));
	assert_true(signs_of_transition(&connection, 0) & SIGN_SELF);
	connection.tuple.remote_port++;
	assert_false(signs_of_transition(&connection, 0) & SIGN_SELF);
}

/* A socket that was listed a moment ago: what explains its close may have been told before we listened. */
static void just_listed_is_not_whole(void **state)
{
	struct connection connection = {.flags = CONNECTION_BIRTH_UNSEEN, .path_count = 1};
	struct ending ending = {.close = make_close(150, 1, TCP_ESTABLISHED)};

	(void)state;
	connection.path[0] = path_entry(AT(51), TCP_ESTABLISHED);
	assert_false(signs_of_close(&connection, &ending) & SIGN_NOTHING_LOST);
	connection.path[0] = path_entry(AT(50), TCP_ESTABLISHED);
	assert_true(signs_of_close(&connection, &ending) & SIGN_NOTHING_LOST);
	connection.path[0] = path_entry(AT(51), TCP_ESTABLISHED);
	connection.flags = 0;
	assert_true(signs_of_close(&connection, &ending) & SIGN_NOTHING_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sign_has_its_facts),
		cmocka_unit_test(transitions_show_what_their_event_says),
		cmocka_unit_test(a_socket_connected_to_itself),
		cmocka_unit_test(just_listed_is_not_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
