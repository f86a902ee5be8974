/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hooks.c: the table of hooks, and how a choice is made. See hooks.h.
 *
 * tp_btf programs need no text patching, so kernels that refuse trampolines still grant them; they exist
 * since 5.5, the ring buffer since 5.8, so no lower tier of tracepoint is needed. Where the kernel's types come from a
 * file (types.h) the same programs are raw tracepoints, and what needs the kernel's own is refused here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/features.h"
#include "kernel/hooks.h"
#include "kernel/types.h"

#define TRACEPOINT(name, count, program)                                                                               \
	{                                                                                                              \
		TIER_TRACEPOINT, name, count, {program, NULL}, NULL, false                                             \
	}
/* With copies behind it, for events that interrupt the first (bpf/copies.bpf.h). */
#define TRACEPOINT_PAIR(name, count, program)                                                                          \
	{                                                                                                              \
		TIER_TRACEPOINT, name, count, {program, program "_second"}, NULL, false                                \
	}
#define WHOLE_COPIES(program)                                                                                          \
	{                                                                                                              \
		program "_whole", program "_whole_second", program "_whole_third", program "_whole_fourth"             \
	}
#define TRACEPOINT_COPIES(name, count, program)                                                                        \
	{                                                                                                              \
		TIER_TRACEPOINT, name, count, WHOLE_COPIES(program), NULL, true                                        \
	}

static const struct hook hooks[] = {
	{"state change",
	 HOOK_REQUIRED,
	 "everything",
	 {TRACEPOINT_COPIES("inet_sock_set_state", 3, "state_change"),
	  TRACEPOINT_PAIR("inet_sock_set_state", 3, "state_change")}},
	{"retransmission",
	 HOOK_WANTED,
	 "retransmissions as they happen (totals stay)",
	 {TRACEPOINT_COPIES("tcp_retransmit_skb", 3, "retransmit_3"),
	  TRACEPOINT("tcp_retransmit_skb", 3, "retransmit_3"), TRACEPOINT("tcp_retransmit_skb", 2, "retransmit_2")}},
	{"SYN-ACK retransmission",
	 HOOK_WANTED,
	 "handshakes that nobody completed",
	 {TRACEPOINT("tcp_retransmit_synack", 2, "retransmit_synack")}},
	{"reset sent",
	 HOOK_WANTED,
	 "why we sent a reset; data after close",
	 {TRACEPOINT_COPIES("tcp_send_reset", 3, "reset_sent_3"), TRACEPOINT_PAIR("tcp_send_reset", 3, "reset_sent_3"),
	  TRACEPOINT_PAIR("tcp_send_reset", 2, "reset_sent_2")}},
	{"reset received",
	 HOOK_WANTED,
	 "resets from the peer: their ends are unknown",
	 {TRACEPOINT_COPIES("tcp_receive_reset", 1, "reset_received"),
	  TRACEPOINT_PAIR("tcp_receive_reset", 1, "reset_received")}},
	{"error report",
	 HOOK_WANTED,
	 "errors told to sockets that live on",
	 {TRACEPOINT_COPIES("inet_sk_error_report", 1, "error_report"),
	  TRACEPOINT("inet_sk_error_report", 1, "error_report")}},
	{"probe",
	 HOOK_WANTED,
	 "keepalive and window probes as they happen (unanswered ones stay)",
	 {{TIER_FENTRY, "tcp_write_wakeup", -1, {"probe_fentry", NULL}, NULL, false},
	  {TIER_KPROBE, "tcp_write_wakeup", -1, {"probe_kprobe", NULL}, NULL, false},
	  TRACEPOINT("timer_expire_entry", -1, "timer_expiry")}},
	{"TIME_WAIT end",
	 HOOK_WANTED,
	 "how TIME_WAIT and an orphan's FIN_WAIT2 ended",
	 {{TIER_FENTRY,
	   "tw_timer_handler",
	   -1,
	   {"time_wait_expired_fentry", "time_wait_killed_fentry"},
	   "inet_twsk_deschedule_put",
	   false},
	  {TIER_KPROBE,
	   "tw_timer_handler",
	   -1,
	   {"time_wait_expired_kprobe", "time_wait_killed_kprobe"},
	   "inet_twsk_deschedule_put",
	   false},
	  TRACEPOINT("timer_expire_entry", -1, "timer_expiry")}},
	{"segment to TIME_WAIT",
	 HOOK_WANTED,
	 "that a reset ended TIME_WAIT; before Linux 6.10 also data after close",
	 {{TIER_FENTRY, "tcp_timewait_state_process", 3, {"time_wait_segment_3", NULL}, NULL, false},
	  {TIER_FENTRY, "tcp_timewait_state_process", 4, {"time_wait_segment_4", NULL}, NULL, false},
	  {TIER_FENTRY, "tcp_timewait_state_process", 5, {"time_wait_segment_5", NULL}, NULL, false}}},
	{"accepting process",
	 HOOK_WANTED,
	 "who accepted, until a process closes: the listener or a descriptor stands in",
	 {{TIER_FENTRY, "inet_csk_accept", 2, WHOLE_COPIES("accept_fexit_2"), NULL, true},
	  {TIER_FENTRY, "inet_csk_accept", 2, {"accept_fexit_2", NULL}, NULL, false},
	  {TIER_FENTRY, "inet_csk_accept", 4, {"accept_fexit_4", NULL}, NULL, false}}},
	{"out-of-memory kill",
	 HOOK_WANTED,
	 "that a killed process was an out-of-memory victim",
	 {TRACEPOINT("mark_victim", 1, "oom_kill_1"), TRACEPOINT("mark_victim", 2, "oom_kill_2")}},
	{"existing sockets",
	 HOOK_WANTED,
	 "connections older than lastack, and their owners",
	 {{TIER_ITERATOR, "task_file", -1, {"iterate_files", NULL}, "bpf_sock_from_file", false}}},
	{"sockets without a file",
	 HOOK_WANTED,
	 "orphans older than lastack; re-synchronisation after losses",
	 {{TIER_ITERATOR, "tcp", -1, {"iterate_tcp", NULL}, NULL, false}}},
	{"stack of connect()",
	 HOOK_ON_DEMAND,
	 "where in a program connections are opened",
	 {TRACEPOINT("inet_sock_set_state", 3, "stack_connect")}},
	{"stack of accept()",
	 HOOK_ON_DEMAND,
	 "where in a program connections are accepted",
	 {{TIER_FENTRY, "inet_csk_accept", 2, {"stack_accept_fexit_2", NULL}, NULL, false},
	  {TIER_FENTRY, "inet_csk_accept", 4, {"stack_accept_fexit_4", NULL}, NULL, false},
	  TRACEPOINT("sys_exit", 2, "stack_accept_syscall")}},
};

_Static_assert(sizeof(hooks) / sizeof(hooks[0]) <= HOOKS_MAX, "the callers' arrays");

const struct hook *hooks_table(size_t *count)
{
	*count = sizeof(hooks) / sizeof(hooks[0]);
	return hooks;
}

const char *hook_tier_name(enum hook_tier tier)
{
	static const char *const names[] = {
		[TIER_ANY] = "any",           [TIER_FENTRY] = "fentry",
		[TIER_KPROBE] = "kprobe",     [TIER_TRACEPOINT] = "tracepoint",
		[TIER_ITERATOR] = "iterator",
	};

	return names[tier];
}

static int option_try_tracepoint(const struct kernel_types *types, const struct hook_option *option, char *why,
				 size_t size)
{
	int arguments = feature_tracepoint_arguments(types->btf, option->target);

	if (arguments < 0) {
		snprintf(why, size, "the kernel has no tracepoint %s", option->target);
		return arguments;
	}
	if (option->arguments >= 0 && arguments != option->arguments) {
		snprintf(why, size, "%s has %d arguments here", option->target, arguments);
		return -EPROTONOSUPPORT;
	}
	return 0;
}

static int option_try_fentry(const struct kernel_types *types, const struct hook_option *option, char *why, size_t size)
{
	int status;

	if (option->arguments >= 0 && feature_function_arguments(types->btf, option->target) != option->arguments) {
		snprintf(why, size, "%s() has other arguments here", option->target);
		return -EPROTONOSUPPORT;
	}
	status = feature_try_fentry(types->btf, option->target, why, size);
	if (!status && option->targets_more)
		status = feature_try_fentry(types->btf, option->targets_more, why, size);
	return status;
}

static int option_try_iterator(const struct kernel_types *types, const struct hook_option *option, char *why,
			       size_t size)
{
	char name[64];

	snprintf(name, sizeof(name), "bpf_iter_%s", option->target);
	if (feature_function(types->btf, name) < 0) {
		snprintf(why, size, "the kernel has no iterator over %s", option->target);
		return -ENOENT;
	}
	if (option->targets_more && feature_function(types->btf, option->targets_more) < 0) {
		snprintf(why, size, "the kernel has no %s() for BPF programs", option->targets_more);
		return -ENOENT;
	}
	return 0;
}

bool hooks_keep_cpu(const struct kernel_types *types)
{
	return !types->file && feature_tracepoints_preemptible(types->btf);
}

int hook_option_try(const struct kernel_types *types, const struct hook_option *option, char *why, size_t size)
{
	int status;

	if (types->file && (option->tier == TIER_FENTRY || option->tier == TIER_ITERATOR)) {
		snprintf(why, size, "it asks for types that the kernel itself holds, and --btf gives a file of them");
		return -EOPNOTSUPP;
	}
	if (option->keeps_cpu && !hooks_keep_cpu(types)) {
		snprintf(why, size, "only where the kernel lets tasks interrupt programs of tracepoints");
		return -EPROTONOSUPPORT;
	}
	switch (option->tier) {
	case TIER_FENTRY: return option_try_fentry(types, option, why, size);
	case TIER_KPROBE:
		status = feature_try_kprobe(option->target, why, size);
		if (!status && option->targets_more)
			status = feature_try_kprobe(option->targets_more, why, size);
		return status;
	case TIER_TRACEPOINT: return option_try_tracepoint(types, option, why, size);
	case TIER_ITERATOR: return option_try_iterator(types, option, why, size);
	case TIER_ANY: break;
	}
	return -EINVAL;
}

static bool hook_has_tier(const struct hook *hook, enum hook_tier tier)
{
	for (size_t i = 0; i < HOOK_OPTIONS_MAX && hook->options[i].target; i++)
		if (hook->options[i].tier == tier)
			return true;
	return false;
}

static void hook_choose(const struct kernel_types *types, enum hook_tier wish, struct hook_choice *choice)
{
	const struct hook_option *options = choice->hook->options;
	bool narrow = wish != TIER_ANY && hook_has_tier(choice->hook, wish);
	char why[HOOK_WHY_BYTES - 16];

	for (size_t i = 0; i < HOOK_OPTIONS_MAX && options[i].target && !choice->option; i++) {
		int status;

		if (narrow && options[i].tier != wish)
			continue;
		status = hook_option_try(types, &options[i], why, sizeof(why));
		if (!status)
			choice->option = &options[i];
		else if (status != -EPROTONOSUPPORT && !choice->refused[0]) /* a variant is no better option */
			snprintf(choice->refused, sizeof(choice->refused), "%s: %s", hook_tier_name(options[i].tier),
				 why);
	}
}

size_t hooks_choose(const struct kernel_types *types, enum hook_tier wish, bool on_demand, struct hook_choice *choices)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (hooks[i].need == HOOK_ON_DEMAND && !on_demand)
			continue;
		choices[count] = (struct hook_choice){.hook = &hooks[i]};
		hook_choose(types, wish, &choices[count++]);
	}
	return count;
}
