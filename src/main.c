/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c: the table of verbs, and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "verbs/verbs.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} verbs[] = {
	{"live", verb_live, "a line for each connection that ends, as it ends"},
	{"record", verb_record, "keep the raw events in a file"},
	{"replay", verb_replay, "the same lines again from such a file"},
	{"audit", verb_audit, "what was seen against the kernel's own counters, and what a difference means"},
	{"check", verb_check, "what this kernel and these privileges allow"},
	{"machine", verb_machine, "the TCP state machine that connections are held against, and what of it was seen"},
};

static int help(FILE *file, int status)
{
	fprintf(file, "usage: lastack VERB [OPTIONS]\n\n"
		      "How every TCP connection of this host ends, who ended it, and why.\n\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(file, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(file, "\nlastack VERB --help tells more; lastack --version the version.\n"
		      "exit status: 0 done, 1 findings, 2 wrong use, 3 no permission or no kernel support, 4 failed\n");
	return status;
}

int verb_fail(enum exit_status status, const char *verb, const char *what, const char *why)
{
	fprintf(stderr, "lastack: %s: %s%s%s\n", verb, what, why ? ": " : "", why ? why : "");
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return help(stderr, EXIT_USAGE);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(stdout, EXIT_DONE);
	if (!strcmp(argv[1], "--version")) {
		printf("lastack %s\n", LASTACK_VERSION_TEXT);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "lastack: %s: no such verb; lastack --help lists them\n", argv[1]);
	return EXIT_USAGE;
}
