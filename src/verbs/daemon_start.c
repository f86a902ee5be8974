/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_start.c: the part of the daemon's start that needs privileges, and giving them up.
 */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/log.h"
#include "verbs/daemon.h"
#include "verbs/verbs.h"

#define CAPABILITY(value) ((capability_set_t)1 << (value))
#define CAPABILITIES_BPF  (CAPABILITY(CAP_BPF) | CAPABILITY(CAP_PERFMON))
/* Stands in for both. */
#define CAPABILITIES_OLD CAPABILITY(CAP_SYS_ADMIN)

static const struct {
	cap_value_t value;
	const char *without;
} optional[OPTIONAL_CAPABILITIES] = {
	[KEEP_SYS_ADMIN] = {CAP_SYS_ADMIN, "other network namespaces are not entered: no audit of them"},
	[KEEP_SYS_PTRACE] = {CAP_SYS_PTRACE, "network namespaces of other users' processes are not found"},
	[KEEP_DAC_READ_SEARCH] = {CAP_DAC_READ_SEARCH, "paths of cgroups are found by going through them all"},
};

/* A directory that is missing is made for the user; what exists is left as it is. */
static int directory_make(const char *path, mode_t mode, const struct privileges_user *user)
{
	if (mkdir(path, mode)) {
		if (errno == EEXIST)
			return EXIT_DONE;
		return verb_fail(EXIT_FAILED, DAEMON_NAME, path, strerror(errno));
	}
	if (user->change && chown(path, user->uid, user->gid))
		return verb_fail(EXIT_FAILED, DAEMON_NAME, path, strerror(errno));
	return EXIT_DONE;
}

static int parent_make(const char *path, const struct privileges_user *user)
{
	char *copy = strdup(path);
	int status = copy ? directory_make(dirname(copy), 0755, user)
			  : verb_fail(EXIT_FAILED, DAEMON_NAME, "cannot start", strerror(ENOMEM));

	free(copy);
	return status;
}

int daemon_directories(const struct daemon_options *options, const struct privileges_user *user)
{
	int status = EXIT_DONE;

	if (setting_is_wanted(options->state_directory))
		status = directory_make(options->state_directory, 0750, user);
	if (status == EXIT_DONE && setting_is_wanted(options->reports_directory))
		status = directory_make(options->reports_directory, 0750, user);
	if (status == EXIT_DONE && setting_is_wanted(options->socket))
		status = parent_make(options->socket, user);
	return status;
}

/* One record is proof enough: a host may have a million sockets. */
static void listing_works(void *arg, const struct event_header *record)
{
	(void)arg;
	(void)record;
	_exit(0);
}

/*
 * Do counters and listings work without CAP_BPF? Since 5.19 they do, earlier kernels refuse all of bpf(2) to those who
 * lack it. A child tries, for what is given up does not come back.
 */
static bool works_without_bpf(struct monitor *monitor)
{
	struct event_counts counts;
	uint32_t unreachable;
	int status;
	pid_t child = fork();

	if (!child) {
		if (privileges_give_up(CAPABILITIES_BPF | CAPABILITIES_OLD) || monitor_counts(monitor, &counts))
			_exit(1);
		_exit(monitor_list(monitor, false, listing_works, NULL, &unreachable) ? 1 : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void optional_tell(capability_set_t kept)
{
	for (unsigned i = 0; i < OPTIONAL_CAPABILITIES; i++) {
		const char *name = optional_capability_names.names[i];

		if (kept & CAPABILITY(optional[i].value))
			log_info("capability %s is kept", name);
		else
			log_info("capability %s is not kept: %s", name, optional[i].without);
	}
}

int daemon_privileges(struct daemon *daemon, const struct privileges_user *user)
{
	const struct daemon_options *options = &daemon->settings.options;
	bool without_bpf = works_without_bpf(daemon->feed.monitor);
	capability_set_t keep = without_bpf ? 0 : CAPABILITIES_BPF;
	char why[256];
	int status;

	for (unsigned i = 0; i < OPTIONAL_CAPABILITIES; i++)
		if (options->keep_capabilities >> i & 1)
			keep |= CAPABILITY(optional[i].value);
	status = privileges_drop(user, keep, why, sizeof(why));
	if (status)
		return verb_fail(EXIT_FAILED, DAEMON_NAME, "cannot drop privileges", why);
	log_info("user %u, %s", (unsigned)geteuid(),
		 without_bpf ? "CAP_BPF and CAP_PERFMON given up"
			     : "CAP_BPF and CAP_PERFMON kept: this kernel asks for them");
	optional_tell(privileges_effective(keep));
	status = privileges_seccomp(options->log_level == LOG_LEVEL_DEBUG);
	if (status)
		return verb_fail(EXIT_FAILED, DAEMON_NAME, "seccomp", strerror(-status));
	return EXIT_DONE;
}

int daemon_hooks(struct daemon *daemon)
{
	size_t count;
	const struct hook_choice *choices = monitor_hooks(daemon->feed.monitor, &count);

	daemon->hooks = calloc(count, sizeof(*daemon->hooks));
	if (!daemon->hooks)
		return verb_fail(EXIT_FAILED, DAEMON_NAME, "cannot start", strerror(ENOMEM));
	for (size_t i = 0; i < count; i++) {
		const struct hook_option *option = choices[i].option;

		daemon->hooks[i] = (struct service_hook){
			.fact = choices[i].hook->fact,
			.hook = option ? option->target : NULL,
			.tier = option ? hook_tier_name(option->tier) : NULL,
		};
		if (!option)
			log_warning("hook missing: %s; lost: %s", choices[i].hook->fact, choices[i].hook->lost);
	}
	daemon->hook_count = count;
	return EXIT_DONE;
}
