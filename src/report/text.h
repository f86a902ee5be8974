/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h: a growable, append-only buffer of text and the fast appenders that every output is made of.
 *
 * Its input are plain values; it must not know what a connection or an event is. An appender never
 * fails visibly: when memory runs out the buffer keeps what it has, sets `failed`, and ignores what
 * follows, so that a writer checks once, at the end of a line.
 */
#ifndef LASTACK_REPORT_TEXT_H
#define LASTACK_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* All zero is an empty buffer. `data` is not NUL-terminated; see text_string(). */
struct text {
	char *data;
	size_t length;
	size_t capacity;
	bool failed;
	bool borrowed; /* the memory is somebody else's: it cannot grow */
};

#define TEXT_ADDRESS_BYTES 48  /* enough for the longest IPv6 address and its NUL */
#define TEXT_ABSENT        "-" /* what a table shows for a fact that is not known */

/* Frees the memory; the buffer is empty and usable again. */
void text_free(struct text *text);

/* A buffer in `bytes` bytes of the caller's own memory: what does not fit sets `failed`. Not to be freed. */
static inline struct text text_borrow(char *memory, size_t bytes)
{
	return (struct text){.data = memory, .capacity = bytes, .borrowed = true};
}

/* Slow path of text_reserve(). */
char *text_grow(struct text *text, size_t bytes);

/* Empties the buffer, keeps its memory, forgets a failure. */
static inline void text_clear(struct text *text)
{
	text->length = 0;
	text->failed = false;
}

/* Empties what is a part of another text: if it ever lacked memory, so does the whole. */
static inline void text_reuse(struct text *text)
{
	text->length = 0;
}

/* Room for `bytes` more bytes at the end, or NULL. The caller adds to `length` what it wrote. */
static inline char *text_reserve(struct text *text, size_t bytes)
{
	/* More than enough: so there is memory. What just fits goes the slow way. */
	if (text->capacity - text->length > bytes && !text->failed)
		return text->data + text->length;
	return text_grow(text, bytes);
}

static inline void text_append(struct text *text, const void *bytes, size_t length)
{
	char *at = text_reserve(text, length);

	if (at && length) {
		memcpy(at, bytes, length);
		text->length += length;
	}
}

static inline void text_append_str(struct text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

static inline void text_append_char(struct text *text, char c)
{
	char *at = text_reserve(text, 1);

	if (at) {
		*at = c;
		text->length++;
	}
}

/* The contents as a C string, "" when empty or out of memory. Valid until the next append. */
const char *text_string(struct text *text);

/* Decimal numbers. */
void text_append_u64(struct text *text, uint64_t value);
void text_append_i64(struct text *text, int64_t value);

/* A decimal number of `value` / 10^decimals, such as 12.345 for (12345, 3). */
void text_append_fixed(struct text *text, int64_t value, unsigned decimals);

/* Lower-case hexadecimal with exactly `digits` digits (1..16). */
void text_append_hex(struct text *text, uint64_t value, unsigned digits);

/*
 * An address as inet_ntop() writes it (RFC 5952). `family` is 4 or 6, `address` is in network byte
 * order with IPv4 in its first four bytes. Any other family appends "?".
 */
void text_append_address(struct text *text, unsigned family, const uint8_t address[16]);

/* 127.0.0.1:80 or [::1]:80 (RFC 3986, section 3.2.2). */
void text_append_endpoint(struct text *text, unsigned family, const uint8_t address[16], uint16_t port);

/*
 * The same in at most `width` columns. An IPv6 address that does not fit loses whole groups from its
 * middle, replaced by "..", which no valid address contains; where even that does not fit, only
 * ":port" is left. An IPv4 address is shown whole or not at all.
 */
void text_append_endpoint_short(struct text *text, unsigned family, const uint8_t address[16], uint16_t port,
				unsigned width);

/*
 * A JSON string with its quotes (RFC 8259, section 7). `bytes` may hold anything: control characters
 * are escaped, each byte that is not part of valid UTF-8 becomes U+FFFD.
 */
void text_append_json_string(struct text *text, const char *bytes, size_t length);

/* A CSV field, quoted only where RFC 4180 asks for it. Invalid UTF-8 becomes U+FFFD here too. */
void text_append_csv(struct text *text, const char *bytes, size_t length);

/* Any bytes as printable ASCII: everything else becomes '?', so that a terminal stays unharmed. */
void text_append_printable(struct text *text, const char *bytes, size_t length);

/*
 * Exactly `width` printable ASCII columns: padded with blanks on the right (or on the left where
 * `right` is set), or cut with '~' as the last column.
 */
void text_append_column(struct text *text, const char *bytes, size_t length, unsigned width, bool right);

/* A span of time for a person: "850 us", "1.2 s", "12m03s"; `gap` puts the blank before the unit. */
void text_append_duration(struct text *text, uint64_t span_ns, bool gap);

/* Seconds with as many decimals (at most `decimals`) as `width` columns have room for. */
void text_append_seconds(struct text *text, int64_t span_ns, unsigned decimals, unsigned width);

/* Local time of day, HH:MM:SS or HH:MM:SS.mmm, of microseconds since the epoch. */
void text_append_time_of_day(struct text *text, int64_t wall_us, bool milliseconds);

/* A size for a person, decimal: "512 B", "3.0 kB", "12 MB"; without `gap`: "512", "3.0k", "12M". */
void text_append_size(struct text *text, uint64_t bytes, bool gap);

#endif
