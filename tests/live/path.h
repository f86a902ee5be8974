/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path.h: matches the way that a connection took through the states against a pattern.
 */
#ifndef LIVE_PATH_H
#define LIVE_PATH_H

#include <stdbool.h>

/* The pattern is plain text with "{alternative|alternative}" at any place, not nested. */
bool path_matches(const char *pattern, const char *path);

#endif
