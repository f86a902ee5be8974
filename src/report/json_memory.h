/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_memory.h: jansson's memory, and whether it had all that it asked for. It does not look (2.14): a string that it
 * reads without memory for its last character has no end, and it goes on behind it; an object that it writes lacks the
 * name of a member. So everything that was read or made is asked about here. What is in the values this does not know.
 */
#ifndef LASTACK_REPORT_JSON_MEMORY_H
#define LASTACK_REPORT_JSON_MEMORY_H

#include <jansson.h>
#include <stdbool.h>

/* json_loadb(); NULL too where it lacks memory, which is seen at once: nothing of it stays. */
json_t *json_memory_load(const char *text, size_t length, size_t flags, json_error_t *error);
/* Did that, or what this thread has had jansson do since, lack memory? */
bool json_memory_lacked(void);

#endif
