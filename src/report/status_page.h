/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * status_page.h: what a daemon says of itself, on one page for a person: what is well in few words, what is not in
 * more. Its input is the answer to "status" in JSON.
 */
#ifndef LASTACK_REPORT_STATUS_PAGE_H
#define LASTACK_REPORT_STATUS_PAGE_H

#include <jansson.h>

#include "report/text.h"

/* At most `columns` wide, 0: no limit. Printable whatever the answer holds. */
void status_page_append(struct text *text, const json_t *status, unsigned columns);

#endif
