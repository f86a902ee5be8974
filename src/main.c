/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c: finds the verb and runs it, and nothing else.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options_near.h"
#include "verbs/verbs.h"

static int help(FILE *file, int status)
{
	fprintf(file, "usage: lastack VERB [OPTIONS]\n\n"
		      "How every TCP connection of this host ends, who ended it, and why.\n\n");
	for (unsigned i = 0; i < verb_count; i++)
		fprintf(file, "  %-8s %s\n", verbs[i].options->name, verbs[i].options->summary);
	fprintf(file, "\nlastack VERB --help tells more; lastack --version the version.\n"
		      "exit status: 0 done, 1 findings, 2 wrong use, 3 no permission or no kernel support, 4 failed\n");
	return status;
}

static bool nobody_reads(void)
{
	struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&output, 1, 0) == 1 && output.revents & POLLERR;
}

/* What could not be written is no success, whichever verb it was; one that found out has said so. */
static int finish(const char *verb, int status)
{
	errno = 0;
	if ((!fflush(stdout) && !ferror(stdout)) || status == EXIT_FAILED || nobody_reads())
		return status;
	return verb_fail(EXIT_FAILED, verb, "standard output", strerror(errno ? errno : EIO));
}

static int verb_unknown(const char *given)
{
	struct near_word near = {.typed = given, .length = strlen(given)};

	for (unsigned i = 0; i < verb_count; i++)
		near_word_try(&near, verbs[i].options->name);
	fprintf(stderr, "lastack: %s: no such verb%s%s%s; lastack --help lists them\n", given,
		near.best ? "; is '" : "", near.best ?: "", near.best ? "' meant?" : "");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return help(stderr, EXIT_USAGE);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return finish("--help", help(stdout, EXIT_DONE));
	if (!strcmp(argv[1], "--version")) {
		printf("lastack %s\n", LASTACK_VERSION_TEXT);
		return finish("--version", EXIT_DONE);
	}
	for (unsigned i = 0; i < verb_count; i++)
		if (!strcmp(argv[1], verbs[i].options->name))
			return finish(argv[1], verbs[i].run(argc - 1, argv + 1));
	return verb_unknown(argv[1]);
}
