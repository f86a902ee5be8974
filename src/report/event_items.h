/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event_items.h: what the members of each kind of event are called and how they read: the table behind
 * event_writer.c. Its input is event.h; it must not know how lines are laid out.
 */
#ifndef LASTACK_REPORT_EVENT_ITEMS_H
#define LASTACK_REPORT_EVENT_ITEMS_H

#include "event.h"
#include "names.h"

enum event_item_type {
	ITEM_U8,
	ITEM_U32,
	ITEM_U32_OPTIONAL, /* absent: UINT32_MAX */
	ITEM_U32_NONZERO,  /* absent: 0 */
	ITEM_U64,
	ITEM_U64_NONZERO, /* absent: 0 */
	ITEM_S32,
	ITEM_EXIT_CODE, /* s32, absent without EVENT_TASK_EXITING */
	ITEM_NAME,      /* u8, by `names` */
	ITEM_ERRNO,     /* u8, 0 absent */
	ITEM_ERRNO_S16, /* 0 or -errno */
	ITEM_TICKS,     /* u32 jiffies, given as milliseconds; absent: UINT32_MAX */
	ITEM_COMM,
};

struct event_item {
	uint8_t kind;   /* enum event_kind */
	uint8_t type;   /* enum event_item_type */
	uint8_t offset; /* in the event */
	const char *name;
	const struct name_table *names;
};

extern const struct event_item event_items[];
extern const unsigned event_item_count;

/* Name of an enum event_flag by its bit number, below EVENT_FLAG_BITS, in an event of this kind. */
#define EVENT_FLAG_BITS 16
const char *event_flag_name(unsigned kind, unsigned bit);

/* The addresses that an event carries itself, or NULL; *family is 4 or 6, or 0 without them. */
const struct event_tuple *event_tuple_find(const struct event_header *event, unsigned *family);

/* The local port that an event without addresses carries, or 0. */
unsigned event_local_port(const struct event_header *event);

#endif
