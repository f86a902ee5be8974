// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_text.c: the text buffer: numbers, addresses against inet_ntop(), escaping of any bytes, columns
 * and quantities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

#define EXPECT(text, expected)                                                                                         \
	do {                                                                                                           \
		assert_string_equal(text_string(text), expected);                                                      \
		text_clear(text);                                                                                      \
	} while (0)

static void numbers_are_written(void **state)
{
	static const uint64_t values[] = {0, 1, 9, 10, 99, 100, 101, 999, 1000, 65535, 4294967295U, UINT64_MAX};
	struct text text = {0};
	char expected[32];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(expected, sizeof(expected), "%" PRIu64, values[i]);
		text_append_u64(&text, values[i]);
		EXPECT(&text, expected);
	}
	text_append_i64(&text, INT64_MIN);
	EXPECT(&text, "-9223372036854775808");
	text_append_fixed(&text, -12005, 3);
	EXPECT(&text, "-12.005");
	text_append_fixed(&text, 7, 0);
	EXPECT(&text, "7");
	text_append_hex(&text, 0xbeef, 8);
	EXPECT(&text, "0000beef");
	text_free(&text);
}

/* Addresses with zeros in all places, so that each way of shortening is met. */
static void addresses_are_those_of_inet_ntop(void **state)
{
	struct text text = {0};
	char expected[INET6_ADDRSTRLEN];
	uint8_t address[16];

	(void)state;
	for (unsigned zeros = 0; zeros < 256; zeros++) {
		for (unsigned i = 0; i < 16; i++)
			address[i] = zeros >> i / 2 & 1 ? 0 : (uint8_t)(i * 37 + zeros);
		text_append_address(&text, 6, address);
		EXPECT(&text, inet_ntop(AF_INET6, address, expected, sizeof(expected)));
		text_append_address(&text, 4, address + zeros % 12);
		EXPECT(&text, inet_ntop(AF_INET, address + zeros % 12, expected, sizeof(expected)));
	}
	for (unsigned round = 0; round < 2; round++) {
		memset(address, 0, sizeof(address));
		memset(address + 10, round ? 0xff : 0, 2);
		address[12] = 192;
		address[15] = 255;
		text_append_address(&text, 6, address);
		EXPECT(&text, inet_ntop(AF_INET6, address, expected, sizeof(expected)));
	}
	text_append_address(&text, 0, address);
	EXPECT(&text, "?");
	text_free(&text);
}

static void endpoints_shorten_without_lying(void **state)
{
	struct text text = {0};
	uint8_t address[16];

	(void)state;
	inet_pton(AF_INET6, "2001:db8:12:34:56:78:9abc:def0", address);
	text_append_endpoint_short(&text, 6, address, 443, 64);
	EXPECT(&text, "[2001:db8:12:34:56:78:9abc:def0]:443");
	text_append_endpoint_short(&text, 6, address, 443, 27);
	EXPECT(&text, "[2001..56:78:9abc:def0]:443");
	text_append_endpoint_short(&text, 6, address, 54321, 21);
	EXPECT(&text, "[2001..def0]:54321");
	text_append_endpoint_short(&text, 6, address, 54321, 12);
	EXPECT(&text, ":54321");
	inet_pton(AF_INET6, "fe80::1", address);
	text_append_endpoint_short(&text, 6, address, 22, 21);
	EXPECT(&text, "[fe80::1]:22");
	inet_pton(AF_INET, "192.168.100.200", address);
	text_append_endpoint_short(&text, 4, address, 54321, 21);
	EXPECT(&text, "192.168.100.200:54321");
	text_append_endpoint_short(&text, 4, address, 54321, 20);
	EXPECT(&text, ":54321");
	text_free(&text);
}

static void json_strings_survive_any_bytes(void **state)
{
	struct text text = {0};

	(void)state;
	text_append_json_string(&text, "a\"b\\c\n\x01\x7f", 8);
	EXPECT(&text, "\"a\\\"b\\\\c\\n\\u0001\\u007f\"");
	text_append_json_string(&text, "gr\xc3\xbc\xc3\x9f", 6);
	EXPECT(&text, "\"gr\xc3\xbc\xc3\x9f\"");
	text_append_json_string(&text, "\xff\xc3", 2);
	EXPECT(&text, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	text_append_json_string(&text, "\xed\xa0\x80", 3); /* a surrogate */
	EXPECT(&text, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");

	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		char bytes[15];
		json_t *back;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(rand() >> 7);
		text_append_json_string(&text, bytes, round % sizeof(bytes));
		back = json_loadb(text.data, text.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_true(json_is_string(back));
		json_decref(back);
		text_clear(&text);
	}
	text_free(&text);
}

static void csv_is_quoted_where_needed(void **state)
{
	struct text text = {0};

	(void)state;
	text_append_csv(&text, "plain; text", 11);
	EXPECT(&text, "plain; text");
	text_append_csv(&text, "a,b", 3);
	EXPECT(&text, "\"a,b\"");
	text_append_csv(&text, "say \"x\"\n", 8);
	EXPECT(&text, "\"say \"\"x\"\"\n\"");
	text_free(&text);
}

static void columns_have_their_width(void **state)
{
	struct text text = {0};

	(void)state;
	text_append_column(&text, "ab", 2, 5, false);
	EXPECT(&text, "ab   ");
	text_append_column(&text, "ab", 2, 5, true);
	EXPECT(&text, "   ab");
	text_append_column(&text, "abcdef", 6, 5, false);
	EXPECT(&text, "abcd~");
	text_append_column(&text, "a\x1b\xc3", 3, 3, false);
	EXPECT(&text, "a??");
	text_append_column(&text, "abc", 3, 0, false);
	EXPECT(&text, "");
	text_free(&text);
}

static void quantities_read_well(void **state)
{
	static const struct {
		uint64_t span_ns;
		const char *expected;
	} spans[] = {
		{0, "0 us"},
		{850000, "850 us"},
		{1200000, "1.2 ms"},
		{999999999, "999 ms"},
		{1250000000, "1.2 s"},
		{59900000000, "59 s"},
		{61000000000, "1m01s"},
		{11100000000000, "3h05m"},
		{90000000000000, "1d01h"},
	};
	struct text text = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		text_append_duration(&text, spans[i].span_ns, true);
		EXPECT(&text, spans[i].expected);
	}
	text_append_seconds(&text, 12345678901, 6, 12);
	EXPECT(&text, "12.345678");
	text_append_seconds(&text, -1234567890123456, 3, 8);
	EXPECT(&text, "-1234567");
	text_append_seconds(&text, 12345678901234, 3, 8);
	EXPECT(&text, "12345.67");
	text_append_size(&text, 999, true);
	EXPECT(&text, "999 B");
	text_append_size(&text, 3049, true);
	EXPECT(&text, "3.0 kB");
	text_append_size(&text, 12345678, false);
	EXPECT(&text, "12M");
	text_append_size(&text, UINT64_MAX, false);
	EXPECT(&text, "18E");
	text_free(&text);
}

static void a_full_borrowed_buffer_fails_once(void **state)
{
	char room[4];
	struct text text = text_borrow(room, sizeof(room));

	(void)state;
	text_append_str(&text, "abcd");
	assert_false(text.failed);
	text_append_char(&text, 'e');
	assert_true(text.failed);
	assert_int_equal(text.length, 4);
	assert_memory_equal(room, "abcd", 4);
}

/* NULL says that there is no memory, and nothing may be added to it. */
static void room_for_nothing_is_a_place(void **state)
{
	struct text text = {0};

	(void)state;
	assert_non_null(text_reserve(&text, 0));
	text_append(&text, "", 0);
	text_append_csv(&text, NULL, 0);
	assert_false(text.failed);
	EXPECT(&text, "");
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written),
		cmocka_unit_test(addresses_are_those_of_inet_ntop),
		cmocka_unit_test(endpoints_shorten_without_lying),
		cmocka_unit_test(json_strings_survive_any_bytes),
		cmocka_unit_test(csv_is_quoted_where_needed),
		cmocka_unit_test(columns_have_their_width),
		cmocka_unit_test(quantities_read_well),
		cmocka_unit_test(a_full_borrowed_buffer_fails_once),
		cmocka_unit_test(room_for_nothing_is_a_place),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
