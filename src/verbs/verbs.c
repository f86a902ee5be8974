/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verbs.c: the table of verbs: for the command line, the manual and the shell's completion.
 */
#include <errno.h>
#include <stdio.h>

#include "verbs/verbs.h"

const struct verb verbs[] = {
	{&live_verb, verb_live},         {&record_verb, verb_record},   {&replay_verb, verb_replay},
	{&audit_verb, verb_audit},       {&check_verb, verb_check},     {&machine_verb, verb_machine},
	{&daemon_verb, verb_daemon},     {&status_verb, verb_status},   {&list_verb, verb_list},
	{&show_verb, verb_show},         {&history_verb, verb_history}, {&follow_verb, verb_follow},
	{&diagnose_verb, verb_diagnose}, {&probe_verb, verb_probe},
};
const unsigned verb_count = sizeof(verbs) / sizeof(verbs[0]);

int verb_options_status(int outcome)
{
	if (outcome == OPTIONS_HELP)
		return EXIT_DONE;
	/* The command line, or a file that it names, is wrong; else it could not be read. */
	return outcome == -EINVAL || outcome == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
}

int verb_fail(enum exit_status status, const char *verb, const char *what, const char *why)
{
	fprintf(stderr, "lastack: %s: %s%s%s\n", verb, what, why ? ": " : "", why ? why : "");
	return status;
}
