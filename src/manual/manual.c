// SPDX-License-Identifier: GPL-2.0-only
/*
 * manual.c: manual page FILE | settings | completion: see manual.h. Writes to standard output.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "manual/manual.h"

void manual_text(FILE *out, const char *text, const char *special, char escape)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			fputc(escape, out);
		fputc(*text, out);
	}
}

void manual_sentence(FILE *out, const char *help, const struct name_table *names, const char *special, char escape)
{
	if (!names || name_find(names, help, strcspn(help, " ,:")) < 0)
		fputc(toupper((unsigned char)*help++), out);
	manual_text(out, help, special, escape);
}

void manual_names(FILE *out, const struct name_table *names, const char *between, const char *special, char escape)
{
	const char *before = "";

	for (unsigned i = 0; i < names->count; i++) {
		if (!names->names[i])
			continue;
		fputs(before, out);
		manual_text(out, names->names[i], special, escape);
		before = between;
	}
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 3 && !strcmp(argv[1], "page")) {
		status = manual_page(argv[2], stdout);
	} else if (argc == 2 && !strcmp(argv[1], "settings")) {
		status = manual_settings(stdout);
	} else if (argc == 2 && !strcmp(argv[1], "completion")) {
		manual_completion(stdout);
	} else {
		fprintf(stderr, "usage: manual page FILE | settings | completion\n");
		return 2;
	}
	if (!status && fflush(stdout)) {
		fprintf(stderr, "manual: standard output: %s\n", strerror(errno));
		status = -errno;
	}
	return status ? 1 : 0;
}
