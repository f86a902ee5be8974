/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * privileges.c: see privileges.h. The filter of system calls is in seccomp.c.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "serve/privileges.h"

#define USER_NAME "lastack"

static int refuse(char *why, size_t size, const char *what, int error)
{
	snprintf(why, size, "%s: %s", what, strerror(error));
	return -error;
}

int privileges_user(const char *name, struct privileges_user *user, char *why, size_t size)
{
	const struct passwd *entry;

	*user = (struct privileges_user){.uid = getuid(), .gid = getgid()};
	if (geteuid() != 0)
		return 0; /* whoever started us chose already, as systemd does */
	if (!name)
		name = USER_NAME;
	entry = getpwnam(name);
	if (!entry) {
		snprintf(why, size, "no such user '%s': create it (systemd-sysusers), or name another", name);
		return -ENOENT;
	}
	*user = (struct privileges_user){entry->pw_uid != 0, entry->pw_uid, entry->pw_gid, ""};
	snprintf(user->name, sizeof(user->name), "%s", name);
	return 0;
}

/* Permitted and effective: `keep` of what is permitted now. Inheritable and ambient: nothing. */
static int capabilities_limit(capability_set_t keep)
{
	cap_t now = cap_get_proc(), then = cap_init();
	int status = now && then ? 0 : -ENOMEM;

	for (cap_value_t i = 0; !status && i < cap_max_bits(); i++) {
		cap_flag_value_t permitted = CAP_CLEAR;

		if (!(keep >> i & 1) || cap_get_flag(now, i, CAP_PERMITTED, &permitted) || permitted == CAP_CLEAR)
			continue;
		if (cap_set_flag(then, CAP_PERMITTED, 1, &i, CAP_SET) ||
		    cap_set_flag(then, CAP_EFFECTIVE, 1, &i, CAP_SET))
			status = -errno;
	}
	if (!status && cap_set_proc(then))
		status = -errno;
	cap_free(now);
	cap_free(then);
	return status;
}

/* As long as CAP_SETPCAP is there; without it nothing is executed either, for seccomp forbids it. */
static void bounding_set_empty(void)
{
	for (cap_value_t i = 0; i < cap_max_bits(); i++)
		cap_drop_bound(i);
}

int privileges_drop(const struct privileges_user *user, capability_set_t keep, char *why, size_t size)
{
	int status;

	bounding_set_empty();
	cap_reset_ambient();
	if (user->change) {
		if (prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L))
			return refuse(why, size, "keeping capabilities", errno);
		if (initgroups(user->name, user->gid) || setresgid(user->gid, user->gid, user->gid) ||
		    setresuid(user->uid, user->uid, user->uid))
			return refuse(why, size, user->name, errno);
	}
	status = capabilities_limit(keep);
	if (status)
		return refuse(why, size, "capabilities", -status);
	if (prctl(PR_SET_KEEPCAPS, 0L, 0L, 0L, 0L) || prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
		return refuse(why, size, "no new privileges", errno);
	return 0;
}

capability_set_t privileges_effective(capability_set_t of)
{
	capability_set_t effective = 0;
	cap_t now = cap_get_proc();

	for (cap_value_t i = 0; now && i < cap_max_bits(); i++) {
		cap_flag_value_t value = CAP_CLEAR;

		if (of >> i & 1 && !cap_get_flag(now, i, CAP_EFFECTIVE, &value) && value == CAP_SET)
			effective |= (capability_set_t)1 << i;
	}
	cap_free(now);
	return effective;
}

int privileges_give_up(capability_set_t give_up)
{
	return capabilities_limit(~give_up);
}
