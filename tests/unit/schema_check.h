/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema_check.h: holds a JSON value against the part of JSON Schema that tests/report-schema.json uses
 * (type, enum, const, required, properties, items, minimum). For tests only; it must not know reports.
 */
#ifndef LASTACK_TESTS_SCHEMA_CHECK_H
#define LASTACK_TESTS_SCHEMA_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA_PATH "tests/report-schema.json" /* tests run in the root of the sources */

static inline bool schema_type_is(const char *type, const json_t *value)
{
	return (!strcmp(type, "object") && json_is_object(value)) || (!strcmp(type, "array") && json_is_array(value)) ||
	       (!strcmp(type, "string") && json_is_string(value)) ||
	       (!strcmp(type, "integer") && json_is_integer(value)) ||
	       (!strcmp(type, "boolean") && json_is_boolean(value)) || (!strcmp(type, "null") && json_is_null(value));
}

static inline bool schema_type_matches(const json_t *types, const json_t *value)
{
	size_t i;
	json_t *type;

	if (json_is_string(types))
		return schema_type_is(json_string_value(types), value);
	json_array_foreach(types, i, type) if (schema_type_is(json_string_value(type), value)) return true;
	return false;
}

static inline bool schema_enum_holds(const json_t *allowed, const json_t *value)
{
	size_t i;
	json_t *one;

	json_array_foreach(allowed, i, one) if (json_equal(one, value)) return true;
	return false;
}

/* Beyond JSON Schema: every property has to be there, and no other, so that nothing is forgotten. */
static inline bool schema_check(const json_t *schema, const json_t *value, const char *path)
{
	const json_t *keyword;
	const char *name;
	char below[256];
	json_t *child;
	size_t i;

	if (((keyword = json_object_get(schema, "type")) && !schema_type_matches(keyword, value)) ||
	    ((keyword = json_object_get(schema, "enum")) && !schema_enum_holds(keyword, value)) ||
	    ((keyword = json_object_get(schema, "const")) && !json_equal(keyword, value)) ||
	    ((keyword = json_object_get(schema, "minimum")) &&
	     json_integer_value(value) < json_integer_value(keyword))) {
		fprintf(stderr, "%s does not meet the schema\n", path);
		return false;
	}
	json_object_foreach((json_t *)value, name, child)
	{
		const json_t *properties = json_object_get(schema, "properties");

		snprintf(below, sizeof(below), "%s.%s", path, name);
		if (properties && !json_object_get(properties, name)) {
			fprintf(stderr, "%s is not in the schema\n", below);
			return false;
		}
		if (properties && !schema_check(json_object_get(properties, name), child, below))
			return false;
	}
	json_object_foreach(json_object_get(schema, "properties"), name, child)
	{
		if (json_is_object(value) && !json_object_get(value, name)) {
			fprintf(stderr, "%s.%s is missing\n", path, name);
			return false;
		}
	}
	json_array_foreach(value, i, child)
	{
		snprintf(below, sizeof(below), "%s[%zu]", path, i);
		if (!schema_check(json_object_get(schema, "items"), child, below))
			return false;
	}
	return true;
}

#endif
