// SPDX-License-Identifier: GPL-2.0-only
/*
 * text.c: the text buffer, numbers, padding and escaping. Addresses and quantities for people are in
 * text_units.c. No printf: one report is some sixty appends and has to cost about a microsecond.
 */
#include <stdlib.h>

#include "text.h"

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				  "8081828384858687888990919293949596979899";

static const char hex_digits[] = "0123456789abcdef";

#define U64_DIGITS       20
#define REPLACEMENT_UTF8 "\xef\xbf\xbd" /* U+FFFD */

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

char *text_grow(struct text *text, size_t bytes)
{
	size_t capacity = text->capacity ? text->capacity : 512;
	char *data;

	if (text->failed)
		return NULL;
	if (text->data && text->capacity - text->length >= bytes)
		return text->data + text->length;
	if (text->borrowed || bytes > SIZE_MAX / 2 - text->length) {
		text->failed = true;
		return NULL;
	}
	while (capacity - text->length < bytes)
		capacity *= 2;
	data = realloc(text->data, capacity);
	if (!data) {
		text->failed = true;
		return NULL;
	}
	text->data = data;
	text->capacity = capacity;
	return data + text->length;
}

const char *text_string(struct text *text)
{
	char *at = text_reserve(text, 1);

	if (!at)
		return "";
	*at = '\0';
	return text->data;
}

/* Writes backwards so that no second pass is needed; returns the first digit. */
static char *decimal_write(char *end, uint64_t value)
{
	while (value >= 100) {
		end -= 2;
		memcpy(end, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, digit_pairs + value * 2, 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

void text_append_u64(struct text *text, uint64_t value)
{
	char digits[2 * U64_DIGITS]; /* the second half is only there to be copied along */
	char *end = digits + U64_DIGITS;
	char *first = decimal_write(end, value);
	char *at = text_reserve(text, U64_DIGITS);

	if (at) {
		memcpy(at, first, U64_DIGITS);
		text->length += (size_t)(end - first);
	}
}

void text_append_i64(struct text *text, int64_t value)
{
	if (value < 0) {
		text_append_char(text, '-');
		text_append_u64(text, -(uint64_t)value);
	} else {
		text_append_u64(text, (uint64_t)value);
	}
}

void text_append_fixed(struct text *text, int64_t value, unsigned decimals)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value, scale = 1;
	char digits[U64_DIGITS];
	char *end = digits + sizeof(digits), *first;

	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	if (value < 0)
		text_append_char(text, '-');
	text_append_u64(text, magnitude / scale);
	if (!decimals)
		return;
	/* A one in front keeps the leading zeros of the fraction. */
	first = decimal_write(end, magnitude % scale + scale);
	*first = '.';
	text_append(text, first, (size_t)(end - first));
}

void text_append_hex(struct text *text, uint64_t value, unsigned digits)
{
	char *at = text_reserve(text, digits);

	if (!at)
		return;
	for (unsigned i = digits; i-- > 0; value >>= 4)
		at[i] = hex_digits[value & 15];
	text->length += digits;
}

static bool utf8_continues(const unsigned char *at, size_t count)
{
	for (size_t i = 1; i <= count; i++)
		if ((at[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Length of the valid UTF-8 sequence at `at`, which starts with a byte >= 0x80; 0 if it is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	/* Overlong forms, surrogates and what is above U+10FFFF are not UTF-8 (RFC 3629, section 4). */
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		return left >= 2 && utf8_continues(at, 1) ? 2 : 0;
	if (at[0] >= 0xe0 && at[0] <= 0xef) {
		if (left < 3 || !utf8_continues(at, 2))
			return 0;
		if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f))
			return 0;
		return 3;
	}
	if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		if (left < 4 || !utf8_continues(at, 3))
			return 0;
		if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

/* Writes one byte that may not stand in a JSON string as it is; returns the end of what was written. */
static char *json_escape(char *at, unsigned char byte)
{
	static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	*at++ = '\\';
	for (const char *escape = short_escapes; *escape; escape += 2) {
		if ((unsigned char)*escape == byte) {
			*at++ = escape[1];
			return at;
		}
	}
	memcpy(at, "u00", 3);
	at[3] = hex_digits[byte >> 4];
	at[4] = hex_digits[byte & 15];
	return at + 5;
}

/* What stands in a JSON string as it is; one look-up is a third of the comparisons. */
static const bool json_is_plain[256] = {[' '] = true, ['!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

void text_append_json_string(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *from = (const unsigned char *)bytes, *end = from + length;
	char *start = text_reserve(text, length * 6 + 2), *at = start;

	if (!at)
		return;
	*at++ = '"';
	while (from < end) {
		const unsigned char *run = from;
		size_t sequence;

		while (from < end && json_is_plain[*from])
			from++;
		memcpy(at, run, (size_t)(from - run));
		at += from - run;
		if (from == end)
			break;
		if (*from < 0x80) {
			at = json_escape(at, *from++);
			continue;
		}
		sequence = utf8_length(from, (size_t)(end - from));
		memcpy(at, sequence ? (const char *)from : REPLACEMENT_UTF8, sequence ? sequence : 3);
		at += sequence ? sequence : 3;
		from += sequence ? sequence : 1;
	}
	*at++ = '"';
	text->length += (size_t)(at - start);
}

void text_append_csv(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *from = (const unsigned char *)bytes, *end;
	bool quoted = false;

	if (!length) /* then bytes may be NULL */
		return;
	end = from + length;
	for (const unsigned char *at = from; at < end; at++)
		quoted |= *at == '"' || *at == ',' || *at == '\n' || *at == '\r';
	if (quoted)
		text_append_char(text, '"');
	while (from < end) {
		const unsigned char *run = from;
		size_t sequence;

		while (from < end && *from < 0x80 && *from != '"')
			from++;
		text_append(text, run, (size_t)(from - run));
		if (from == end)
			break;
		sequence = *from < 0x80 ? 1 : utf8_length(from, (size_t)(end - from));
		if (*from == '"')
			text_append_char(text, '"');
		text_append(text, sequence ? (const char *)from : REPLACEMENT_UTF8, sequence ? sequence : 3);
		from += sequence ? sequence : 1;
	}
	if (quoted)
		text_append_char(text, '"');
}

void text_append_printable(struct text *text, const char *bytes, size_t length)
{
	char *at = text_reserve(text, length);

	if (!at)
		return;
	for (size_t i = 0; i < length; i++)
		at[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '?';
	text->length += length;
}

static void blanks_append(struct text *text, size_t count)
{
	char *at = text_reserve(text, count);

	if (at) {
		memset(at, ' ', count);
		text->length += count;
	}
}

void text_append_column(struct text *text, const char *bytes, size_t length, unsigned width, bool right)
{
	if (!width)
		return;
	if (length > width) {
		text_append_printable(text, bytes, width - 1);
		text_append_char(text, '~');
		return;
	}
	if (right)
		blanks_append(text, width - length);
	text_append_printable(text, bytes, length);
	if (!right)
		blanks_append(text, width - length);
}
