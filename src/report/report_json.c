// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_json.c: see report_json.h.
 */
#include <assert.h>
#include <stdlib.h>

#include "report_json.h"

static void lead_make(struct report_json_lead *lead, unsigned i)
{
	const struct field *field = &fields[i];
	bool begins_group = field->group && (!i || fields[i - 1].group != field->group);
	struct text text = text_borrow(lead->bytes, REPORT_JSON_LEAD_BYTES);
	struct text absent = text_borrow(lead->absent, REPORT_JSON_LEAD_BYTES);

	text_append_str(&text, i ? ",\"" : "{\"");
	if (begins_group) {
		text_append_str(&text, field->group->name);
		text_append(&absent, text.data, text.length);
		text_append_str(&absent, "\":null");
		text_append_str(&text, "\":{\"");
	}
	text_append_str(&text, field->name);
	text_append_str(&text, "\":");
	lead->length = (uint8_t)text.length;
	lead->absent_length = (uint8_t)absent.length;
	lead->ends_group = field->group && (i + 1 == field_count || fields[i + 1].group != field->group);
	assert(!text.failed && !absent.failed); /* a name too long for its place is our own mistake */
}

struct report_json_lead *report_json_leads_create(void)
{
	struct report_json_lead *leads = calloc(field_count, sizeof(*leads));

	for (unsigned i = 0; leads && i < field_count; i++)
		lead_make(&leads[i], i);
	return leads;
}
