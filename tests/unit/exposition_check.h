/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exposition_check.h: holds a page against the text format of Prometheus, version 0.0.4, as far as lastack uses it: a
 * HELP and a TYPE for each metric, its samples together behind them, labels well formed, no series twice, histograms
 * cumulative. For tests only; it must not know what a metric means.
 */
#ifndef LASTACK_TESTS_EXPOSITION_CHECK_H
#define LASTACK_TESTS_EXPOSITION_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPOSITION_NAME_BYTES 128
#define EXPOSITION_LINES_MAX  4096

struct exposition {
	char name[EXPOSITION_NAME_BYTES], type[32]; /* of the metric that samples belong to now */
	bool help, typed;                           /* which of the two it has had */
	double bucket;                              /* of the histogram under way: the last one */
	unsigned metrics, samples;
	const char *series[EXPOSITION_LINES_MAX]; /* up to the blank before the value */
	size_t series_bytes[EXPOSITION_LINES_MAX];
};

static inline size_t exposition_name(const char *at)
{
	size_t length = 0;

	while (isalpha((unsigned char)at[length]) || at[length] == '_' ||
	       (length && isdigit((unsigned char)at[length])))
		length++;
	return length;
}

/* {name="value",...}: what is behind it, or NULL. */
static inline const char *exposition_labels(const char *at)
{
	if (*at++ != '{')
		return NULL;
	for (;;) {
		size_t length = exposition_name(at);

		if (!length || at[length] != '=' || at[length + 1] != '"')
			return NULL;
		for (at += length + 2; *at != '"'; at++) {
			if (*at == '\n' || !*at || (*at == '\\' && !strchr("\\\"n", *++at)))
				return NULL;
		}
		if (at[1] == '}')
			return at + 2;
		if (at[1] != ',')
			return NULL;
		at += 2;
	}
}

/* # HELP or # TYPE: they begin a metric, in this order. */
static inline bool exposition_comment(struct exposition *page, const char *line, const char *end)
{
	bool help = !strncmp(line, "# HELP ", 7);
	size_t length = exposition_name(line + 7);
	bool same = strlen(page->name) == length && !strncmp(page->name, line + 7, length);

	if ((!help && strncmp(line, "# TYPE ", 7)) || !length || line[7 + length] != ' ' || line + 8 + length >= end)
		return false;
	if (help) {
		if (length >= sizeof(page->name) || same || (page->metrics && !page->typed))
			return false;
		snprintf(page->name, sizeof(page->name), "%.*s", (int)length, line + 7);
		page->help = true;
		page->typed = false;
		page->metrics++;
		return true;
	}
	if (!same || !page->help || page->typed)
		return false;
	page->typed = true;
	page->bucket = 0;
	snprintf(page->type, sizeof(page->type), "%.*s", (int)(end - line - 8 - length), line + 8 + length);
	return !strcmp(page->type, "gauge") || !strcmp(page->type, "counter") || !strcmp(page->type, "histogram");
}

static inline bool exposition_histogram(struct exposition *page, const char *suffix, const char *line, const char *end,
					double value)
{
	if (!strncmp(suffix, "_bucket", 7)) {
		bool cumulative = value >= page->bucket;

		page->bucket = value;
		return cumulative && memmem(line, (size_t)(end - line), "le=\"", 4);
	}
	if (!strncmp(suffix, "_sum", 4))
		return true;
	if (strncmp(suffix, "_count", 6) || value != page->bucket) /* the last bucket is +Inf */
		return false;
	page->bucket = 0; /* that of the next label begins anew */
	return true;
}

static inline bool exposition_sample(struct exposition *page, const char *line, const char *end)
{
	size_t base = strlen(page->name), length = exposition_name(line), series;
	const char *at = line + length;
	char *behind;
	double value;

	if (!page->typed || length < base || strncmp(line, page->name, base))
		return false;
	if (*at == '{' && !(at = exposition_labels(at)))
		return false;
	series = (size_t)(at - line);
	if (*at != ' ' || page->samples == EXPOSITION_LINES_MAX)
		return false;
	value = strtod(at + 1, &behind);
	if (behind == at + 1 || behind != end)
		return false;
	for (unsigned i = 0; i < page->samples; i++)
		if (page->series_bytes[i] == series && !memcmp(page->series[i], line, series))
			return false;
	page->series[page->samples] = line;
	page->series_bytes[page->samples++] = series;
	if (!strcmp(page->type, "histogram"))
		return exposition_histogram(page, line + base, line, at, value);
	return length == base && (strcmp(page->type, "counter") || value >= 0);
}

/* Returns the first line that is wrong, or NULL. */
static inline const char *exposition_check(struct exposition *page, const char *text)
{
	memset(page, 0, sizeof(*page));
	while (*text) {
		const char *end = strchr(text, '\n');

		if (!end || !(*text == '#' ? exposition_comment(page, text, end) : exposition_sample(page, text, end)))
			return text;
		text = end + 1;
	}
	return page->metrics && page->typed ? NULL : text;
}

#endif
