/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * group_table.c: see group_table.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "report/group_table.h"
#include "report/report_read.h"

#define WIDTH_MAX 60
#define WIDTH_MIN 8             /* a pid, a port */
#define COUNT     "connections" /* what the groups are told for: never cut away */
#define REAL_MAX  1e17          /* ten times it is an int64_t */

struct group_table {
	bool csv;
	json_t *rows;
};

struct group_table *group_table_create(bool csv)
{
	struct group_table *table = calloc(1, sizeof(*table));

	if (table) {
		table->csv = csv;
		table->rows = json_array();
	}
	return table;
}

void group_table_destroy(struct group_table *table)
{
	if (!table)
		return;
	json_decref(table->rows);
	free(table);
}

int group_table_add(struct group_table *table, json_t *object)
{
	return json_array_append(table->rows, object) ? -ENOMEM : 0;
}

static void csv_rows_append(const struct group_table *table, struct text *text)
{
	json_t *first = json_array_get(table->rows, 0), *value;
	const char *separator = "", *name;
	size_t i;

	json_object_foreach(first, name, value)
	{
		text_append_str(text, separator);
		text_append_csv(text, name, strlen(name));
		separator = ",";
	}
	text_append_char(text, '\n');
	for (i = 0; i < json_array_size(table->rows); i++) {
		separator = "";
		json_object_foreach(first, name, value)
		{
			text_append_str(text, separator);
			json_csv_append(json_object_get(json_array_get(table->rows, i), name), text);
			separator = ",";
		}
		text_append_char(text, '\n');
	}
}

/* With one decimal; absent what no mean of numbers that lastack counts can be. */
static void real_append(struct text *cell, double number)
{
	if (number > -REAL_MAX && number < REAL_MAX)
		text_append_fixed(cell, (int64_t)(number * 10), 1);
	else
		text_append_str(cell, TEXT_ABSENT);
}

/* A span for a person where the name says that it is one. */
static void cell_write(struct text *cell, const char *name, const json_t *value)
{
	size_t length = strlen(name);

	text_reuse(cell);
	if (!value || json_is_null(value))
		text_append_str(cell, TEXT_ABSENT);
	else if (json_is_integer(value) && length > 3 && !strcmp(name + length - 3, "_us") &&
		 json_integer_value(value) >= 0)
		text_append_duration(cell, 1000 * (uint64_t)json_integer_value(value), false);
	else if (json_is_real(value))
		real_append(cell, json_real_value(value));
	else if (json_is_string(value))
		text_append(cell, json_string_value(value), json_string_length(value));
	else
		json_csv_append(value, cell);
}

static void title_write(struct text *cell, const char *name)
{
	size_t length = strlen(name);

	text_reuse(cell);
	if (length > 3 && !strcmp(name + length - 3, "_us"))
		length -= 3;
	for (size_t i = 0; i < length; i++)
		text_append_char(cell, name[i] == '_' ? ' ' : (char)toupper((unsigned char)name[i]));
}

static unsigned column_width(const struct group_table *table, const char *name, struct text *cell)
{
	size_t width, i;

	title_write(cell, name);
	width = cell->length;
	for (i = 0; i < json_array_size(table->rows); i++) {
		cell_write(cell, name, json_object_get(json_array_get(table->rows, i), name));
		width = cell->length > width ? cell->length : width;
	}
	return (unsigned)(width < WIDTH_MAX ? width : WIDTH_MAX);
}

static unsigned widths_sum(const unsigned *widths, unsigned count)
{
	unsigned sum = count ? count - 1 : 0;

	for (unsigned i = 0; i < count; i++)
		sum += widths[i];
	return sum;
}

/*
 * How many columns a narrow terminal gets: those behind the count go first, then what is grouped by gets less room. All
 * where `columns` is 0.
 */
static unsigned columns_fit(json_t *first, unsigned *widths, unsigned count, unsigned columns)
{
	unsigned least = 0, i = 0;
	const char *name;
	json_t *value;

	json_object_foreach(first, name, value)
	{
		i++;
		least = strcmp(name, COUNT) ? least : i;
	}
	while (columns && count > least && count > 1 && widths_sum(widths, count) > columns)
		count--;
	while (columns && widths_sum(widths, count) > columns) {
		unsigned widest = 0;

		for (i = 1; i + 1 < least; i++)
			widest = widths[i] > widths[widest] ? i : widest;
		if (widths[widest] <= WIDTH_MIN)
			break;
		widths[widest]--;
	}
	return count;
}

static void line_end(struct text *text, size_t start)
{
	while (text->length > start && text->data[text->length - 1] == ' ')
		text->length--;
	text_append_char(text, '\n');
}

/* row -1: the titles */
static void table_row_append(const struct group_table *table, struct text *text, int row, const unsigned *widths,
			     unsigned count, struct text *cell)
{
	json_t *first = json_array_get(table->rows, 0), *value;
	const char *name;
	unsigned i = 0;

	json_object_foreach(first, name, value)
	{
		if (i >= count)
			break;
		if (row < 0)
			title_write(cell, name);
		else
			cell_write(cell, name, json_object_get(json_array_get(table->rows, (size_t)row), name));
		if (i)
			text_append_char(text, ' ');
		text_append_column(text, cell->data, cell->length, widths[i++], json_is_number(value));
	}
}

void group_table_append(const struct group_table *table, struct text *text, unsigned columns)
{
	json_t *first = json_array_get(table->rows, 0), *value;
	unsigned *widths, count = 0;
	struct text cell = {0};
	const char *name;

	if (!first)
		return;
	if (table->csv)
		return csv_rows_append(table, text);
	widths = calloc(json_object_size(first) + 1, sizeof(*widths));
	if (!widths) {
		text->failed = true;
		return;
	}
	json_object_foreach(first, name, value) widths[count++] = column_width(table, name, &cell);
	count = columns_fit(first, widths, count, columns);
	for (int row = -1; row < (int)json_array_size(table->rows); row++) {
		size_t start = text->length;

		table_row_append(table, text, row, widths, count, &cell);
		line_end(text, start);
	}
	free(widths);
	text->failed |= cell.failed;
	text_free(&cell);
}
