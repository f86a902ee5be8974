// SPDX-License-Identifier: GPL-2.0-only
/*
 * text_units.c: addresses, and quantities as people write them. Part of text.h; it knows bytes and
 * numbers only. Addresses are written by hand because inet_ntop() of glibc goes through sprintf and
 * alone would cost as much as the whole report.
 */
#include <time.h>

#include "text.h"

static char *ipv4_write(char *at, const uint8_t *address)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned byte = address[i];

		if (i)
			*at++ = '.';
		if (byte >= 100)
			*at++ = (char)('0' + byte / 100);
		if (byte >= 10)
			*at++ = (char)('0' + byte / 10 % 10);
		*at++ = (char)('0' + byte % 10);
	}
	return at;
}

static char *group_write(char *at, unsigned group)
{
	bool started = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned digit = group >> shift & 15;

		if (digit || started || !shift) {
			*at++ = "0123456789abcdef"[digit];
			started = true;
		}
	}
	return at;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952, section 4.2). */
static void zero_run_find(const unsigned groups[8], unsigned *begin, unsigned *length)
{
	*begin = 8;
	*length = 1;
	for (unsigned i = 0; i < 8; i++) {
		unsigned end = i;

		while (end < 8 && !groups[end])
			end++;
		if (end - i > *length) {
			*begin = i;
			*length = end - i;
		}
		if (end > i)
			i = end;
	}
}

static char *ipv6_write(char *at, const uint8_t *address)
{
	unsigned groups[8], begin, length;
	bool embeds_ipv4;

	for (unsigned i = 0; i < 8; i++)
		groups[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
	zero_run_find(groups, &begin, &length);
	embeds_ipv4 = begin == 0 && (length == 6 || (length == 5 && groups[5] == 0xffff));
	for (unsigned i = 0; i < 8; i++) {
		if (i == begin) {
			*at++ = ':';
			if (begin + length == 8)
				*at++ = ':';
			i += length - 1;
			continue;
		}
		if (i)
			*at++ = ':';
		if (i == 6 && embeds_ipv4)
			return ipv4_write(at, address + 12);
		at = group_write(at, groups[i]);
	}
	return at;
}

/* Writes at most TEXT_ADDRESS_BYTES - 1 bytes; returns the length. */
static size_t address_write(char *at, unsigned family, const uint8_t address[16])
{
	char *end = at;

	if (family == 4)
		end = ipv4_write(at, address);
	else if (family == 6)
		end = ipv6_write(at, address);
	else
		*end++ = '?';
	return (size_t)(end - at);
}

void text_append_address(struct text *text, unsigned family, const uint8_t address[16])
{
	char *at = text_reserve(text, TEXT_ADDRESS_BYTES);

	if (at)
		text->length += address_write(at, family, address);
}

static void endpoint_append(struct text *text, unsigned family, const char *address, size_t length, uint16_t port)
{
	if (family == 6)
		text_append_char(text, '[');
	text_append(text, address, length);
	text_append_str(text, family == 6 ? "]:" : ":");
	text_append_u64(text, port);
}

void text_append_endpoint(struct text *text, unsigned family, const uint8_t address[16], uint16_t port)
{
	char buffer[TEXT_ADDRESS_BYTES];

	endpoint_append(text, family, buffer, address_write(buffer, family, address), port);
}

/*
 * Takes whole groups out of the middle until `room` suffices: the first group and as many of the last
 * as fit, because these tell hosts of one network apart. Returns the new length, 0 if nothing fits.
 */
static size_t ipv6_shorten(char *address, size_t length, size_t room)
{
	size_t head = strcspn(address, ":");

	for (size_t tail = head + 1; tail < length; tail++) {
		size_t kept = length - tail;

		if (address[tail - 1] != ':' || address[tail] == ':' || head + 2 + kept > room)
			continue;
		memcpy(address + head, "..", 2);
		memmove(address + head + 2, address + tail, kept);
		return head + 2 + kept;
	}
	return 0;
}

void text_append_endpoint_short(struct text *text, unsigned family, const uint8_t address[16], uint16_t port,
				unsigned width)
{
	char buffer[TEXT_ADDRESS_BYTES];
	size_t length = address_write(buffer, family, address);
	size_t around = (family == 6 ? 3 : 1) + 1 + (port >= 10) + (port >= 100) + (port >= 1000) + (port >= 10000);

	buffer[length] = '\0';
	if (length + around > width) {
		length = family == 6 && width > around ? ipv6_shorten(buffer, length, width - around) : 0;
		if (!length) {
			text_append_char(text, ':');
			text_append_u64(text, port);
			return;
		}
	}
	endpoint_append(text, family, buffer, length, port);
}

/* One decimal below ten, none from there on: three significant columns at most. */
static void quantity_append(struct text *text, uint64_t value, uint64_t unit, const char *name, bool gap)
{
	uint64_t tenths = unit >= 10 ? value / (unit / 10) : value * 10;

	if (unit > 1 && tenths < 100)
		text_append_fixed(text, (int64_t)tenths, 1);
	else
		text_append_u64(text, value / unit);
	if (gap)
		text_append_char(text, ' ');
	text_append_str(text, name);
}

static void pair_append(struct text *text, uint64_t big, const char *big_unit, uint64_t small, const char *small_unit)
{
	text_append_u64(text, big);
	text_append_str(text, big_unit);
	if (small < 10)
		text_append_char(text, '0');
	text_append_u64(text, small);
	text_append_str(text, small_unit);
}

void text_append_duration(struct text *text, uint64_t span_ns, bool gap)
{
	uint64_t seconds = span_ns / 1000000000;

	if (span_ns < 1000000)
		quantity_append(text, span_ns / 1000, 1, "us", gap);
	else if (span_ns < 1000000000)
		quantity_append(text, span_ns, 1000000, "ms", gap);
	else if (seconds < 60)
		quantity_append(text, span_ns, 1000000000, "s", gap);
	else if (seconds < 3600)
		pair_append(text, seconds / 60, "m", seconds % 60, "s");
	else if (seconds < 86400)
		pair_append(text, seconds / 3600, "h", seconds / 60 % 60, "m");
	else
		pair_append(text, seconds / 86400, "d", seconds / 3600 % 24, "h");
}

void text_append_size(struct text *text, uint64_t bytes, bool gap)
{
	static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	static const char *const letters[] = {"", "k", "M", "G", "T", "P", "E"};
	uint64_t unit = 1;
	unsigned power = 0;

	while (bytes / unit >= 1000) {
		unit *= 1000;
		power++;
	}
	quantity_append(text, bytes, unit, gap ? names[power] : letters[power], gap);
}

void text_append_seconds(struct text *text, int64_t span_ns, unsigned decimals, unsigned width)
{
	int64_t value = span_ns;
	size_t start = text->length;

	for (unsigned i = decimals; i < 9; i++)
		value /= 10;
	text_append_fixed(text, value, decimals);
	while (decimals && text->length - start > width) {
		value /= 10;
		text->length = start;
		text_append_fixed(text, value, --decimals);
	}
}

static void two_digits_append(struct text *text, int value, char after)
{
	text_append_char(text, (char)('0' + value / 10));
	text_append_char(text, (char)('0' + value % 10));
	if (after)
		text_append_char(text, after);
}

void text_append_time_of_day(struct text *text, int64_t wall_us, bool milliseconds)
{
	time_t seconds = wall_us / 1000000;
	struct tm local;

	if (wall_us < 0 || !localtime_r(&seconds, &local)) {
		text_append_str(text, TEXT_ABSENT);
		return;
	}
	two_digits_append(text, local.tm_hour, ':');
	two_digits_append(text, local.tm_min, ':');
	two_digits_append(text, local.tm_sec, milliseconds ? '.' : 0);
	if (!milliseconds)
		return;
	text_append_char(text, (char)('0' + wall_us % 1000000 / 100000));
	two_digits_append(text, (int)(wall_us % 100000 / 1000), 0);
}
