/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path.c: a matcher for "SYN_SENT>ESTABLISHED>{CLOSE|TIME_WAIT}", small enough to be seen right.
 */
#include "path.h"

#include <string.h>

/* Each alternative in turn must let the rest of the pattern match the rest of the path. */
static bool alternatives_match(const char *pattern, const char *path)
{
	const char *end = strchr(pattern, '}');
	while (pattern < end) {
		size_t bytes = strcspn(pattern, "|}");
		if (!strncmp(pattern, path, bytes) && path_matches(end + 1, path + bytes))
			return true;
		pattern += bytes + 1;
	}
	return end[-1] == '|' && path_matches(end + 1, path);
}

bool path_matches(const char *pattern, const char *path)
{
	for (; *pattern; pattern++, path++) {
		if (*pattern == '{')
			return alternatives_match(pattern + 1, path);
		if (*pattern != *path)
			return false;
	}
	return *path == '\0';
}
