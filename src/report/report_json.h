/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report_json.h: the JSON object of a report, put together from one value for each field of the table: for
 * report_writer.h, which has them from a report, and for the history, which has them from its columns.
 *
 * Its input are values; it must not know where they come from.
 */
#ifndef LASTACK_REPORT_REPORT_JSON_H
#define LASTACK_REPORT_REPORT_JSON_H

#include "fields.h"

#define REPORT_JSON_LEAD_BYTES 40

/*
 * What stands before a field's value, made once: comma, the opening of its group where it is the first there, its
 * name, colon. A copy of fixed length costs a fraction of one of varying length.
 */
struct report_json_lead {
	char bytes[REPORT_JSON_LEAD_BYTES];
	char absent[REPORT_JSON_LEAD_BYTES]; /* instead of the whole group where that is absent */
	uint8_t length, absent_length;
	bool ends_group;
};

/* One for each field, to be freed by free(). NULL without memory. */
struct report_json_lead *report_json_leads_create(void);

static inline void report_json_lead_append(struct text *text, const struct report_json_lead *lead)
{
	char *at = text_reserve(text, REPORT_JSON_LEAD_BYTES);

	if (at) {
		memcpy(at, lead->bytes, REPORT_JSON_LEAD_BYTES);
		text->length += lead->length;
	}
}

#endif
