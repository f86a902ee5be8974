// SPDX-License-Identifier: GPL-2.0-only
/*
 * container.c: container ids in cgroup paths; see container.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "container.h"

#define SCOPE   ".scope"
#define MONITOR "conmon-"

static bool component_ends_with(const char *component, size_t length, const char *end)
{
	size_t end_length = strlen(end);

	return length >= end_length && !memcmp(component + length - end_length, end, end_length);
}

/* The id that one component of the path holds, or NULL. */
static const char *component_find(const char *component, size_t length)
{
	const char *id;

	if (component_ends_with(component, length, SCOPE))
		length -= strlen(SCOPE);
	if (length < CONTAINER_ID_BYTES)
		return NULL;
	id = component + length - CONTAINER_ID_BYTES;
	for (size_t i = 0; i < CONTAINER_ID_BYTES; i++)
		if (!(id[i] >= '0' && id[i] <= '9') && !(id[i] >= 'a' && id[i] <= 'f'))
			return NULL;
	if (id == component)
		return id;
	if (id[-1] != '-' && id[-1] != ':')
		return NULL;
	return component_ends_with(component, length - CONTAINER_ID_BYTES, MONITOR) ? NULL : id;
}

const char *container_id_find(const char *path)
{
	const char *found = NULL;

	while (*path) {
		size_t length = strcspn(path, "/");
		const char *id = component_find(path, length);

		if (id)
			found = id;
		path += length + (path[length] == '/');
	}
	return found;
}
