// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics.c: makes text of the rows of metrics_table.c; see metrics.h. What a row means it does not know.
 *
 * The format is https://prometheus.io/docs/instrumenting/exposition_formats/, "text-based format".
 */
#include "serve/metrics_internal.h"

static const char *const type_words[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
};

static const size_t value_bytes[] = {
	[VALUE_U64] = sizeof(uint64_t),
	[VALUE_U32] = sizeof(uint32_t),
	[VALUE_I64] = sizeof(int64_t),
	[VALUE_BOOL] = sizeof(bool),
	[VALUE_NS] = sizeof(uint64_t),
	[VALUE_US] = sizeof(int64_t),
	[VALUE_HISTOGRAM] = sizeof(struct histogram),
};

void metric_label_write(struct text *text, const char *name, const char *value)
{
	text_append_str(text, name);
	text_append_str(text, "=\"");
	for (; *value; value++) {
		if (*value == '\n')
			text_append_str(text, "\\n");
		else if (*value == '"' || *value == '\\')
			text_append(text, (char[]){'\\', *value}, 2);
		else /* what is not valid UTF-8 would make the whole page invalid */
			text_append_printable(text, value, 1);
	}
	text_append_char(text, '"');
}

/* As people write it: a bound is a name, and "0.100000" would be another one than "0.1". */
static void seconds_write(struct text *text, int64_t value_us)
{
	text_append_fixed(text, value_us, 6);
	if (text->failed)
		return;
	while (text->data[text->length - 1] == '0')
		text->length--;
	if (text->data[text->length - 1] == '.')
		text->length--;
}

static void value_write(struct text *text, enum metric_value value, const char *at)
{
	uint64_t u64;
	uint32_t u32;
	int64_t i64;

	switch (value) {
	case VALUE_U32:
		memcpy(&u32, at, sizeof(u32));
		text_append_u64(text, u32);
		break;
	case VALUE_I64:
		memcpy(&i64, at, sizeof(i64));
		text_append_i64(text, i64);
		break;
	case VALUE_BOOL: text_append_char(text, *(const bool *)at ? '1' : '0'); break;
	case VALUE_US:
		memcpy(&i64, at, sizeof(i64));
		seconds_write(text, i64);
		break;
	default:
		memcpy(&u64, at, sizeof(u64));
		if (u64 == ABSENT_U64)
			text_append_str(text, "NaN");
		else if (value == VALUE_NS)
			seconds_write(text, (int64_t)(u64 / 1000));
		else
			text_append_u64(text, u64);
		break;
	}
}

static void labels_write(struct text *text, const struct metric_dimension *dimension, unsigned index)
{
	for (unsigned i = 0; dimension && i < METRIC_LABELS_MAX && dimension->labels[i].name; i++) {
		if (i)
			text_append_char(text, ',');
		metric_label_write(text, dimension->labels[i].name, dimension->labels[i].word(index));
	}
}

/* name_suffix{labels */
static void line_begin(struct text *text, const struct metric *metric, const char *suffix, unsigned index, bool labels)
{
	text_append_str(text, metric->name);
	text_append_str(text, suffix);
	if (labels)
		text_append_char(text, '{');
	labels_write(text, metric->dimension, index);
}

static void histogram_number(struct text *text, const struct metric *metric, const char *suffix, unsigned index)
{
	line_begin(text, metric, suffix, index, metric->dimension);
	text_append_str(text, metric->dimension ? "} " : " ");
}

static void histogram_write(struct text *text, const struct metric *metric, unsigned index,
			    const struct histogram *histogram)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		sum += histogram->bucket[i];
		line_begin(text, metric, "_bucket", index, true);
		text_append_str(text, metric->dimension ? ",le=\"" : "le=\"");
		if (i < HISTOGRAM_BOUNDS)
			seconds_write(text, (int64_t)histogram_bounds_us[i]);
		else
			text_append_str(text, "+Inf");
		text_append_str(text, "\"} ");
		text_append_u64(text, sum);
		text_append_char(text, '\n');
	}
	histogram_number(text, metric, "_sum", index);
	seconds_write(text, (int64_t)histogram->sum_us);
	text_append_char(text, '\n');
	histogram_number(text, metric, "_count", index);
	text_append_u64(text, histogram->count);
	text_append_char(text, '\n');
}

static bool has_words(const struct metric_dimension *dimension, unsigned index)
{
	for (unsigned i = 0; i < METRIC_LABELS_MAX && dimension->labels[i].name; i++)
		if (!dimension->labels[i].word(index))
			return false;
	return true;
}

static void metric_lines(struct text *text, const struct metric *metric, const char *at)
{
	size_t stride = metric->stride ? metric->stride : value_bytes[metric->value];
	unsigned count = metric->dimension ? metric->dimension->count : 1;

	for (unsigned i = 0; i < count; i++, at += stride) {
		if (metric->dimension && !has_words(metric->dimension, i))
			continue;
		if (metric->value == VALUE_HISTOGRAM) {
			histogram_write(text, metric, i, (const struct histogram *)at);
			continue;
		}
		line_begin(text, metric, "", i, metric->dimension);
		text_append_str(text, metric->dimension ? "} " : " ");
		value_write(text, metric->value, at);
		text_append_char(text, '\n');
	}
}

static void metric_write(struct text *text, const struct metric *metric, const struct service_status *status,
			 const void *const bases[METRIC_BASES])
{
	if (metric->diagnosed && !status->diagnosing)
		return;
	text_append_str(text, "# HELP ");
	text_append_str(text, metric->name);
	text_append_char(text, ' ');
	text_append_str(text, metric->help);
	text_append_str(text, "\n# TYPE ");
	text_append_str(text, metric->name);
	text_append_char(text, ' ');
	text_append_str(text, type_words[metric->type]);
	text_append_char(text, '\n');
	if (metric->lines)
		metric->lines(text, metric->name, status);
	else
		metric_lines(text, metric, (const char *)bases[metric->base] + metric->offset);
}

static void derive(const struct service_status *status, struct metrics_derived *derived)
{
	*derived = (struct metrics_derived){.ready = status->ready && !status->stopping};
	metrics_process_read(&derived->process);
	for (size_t i = 0; i < status->hook_count; i++)
		derived->hooks_missing += !status->hooks[i].hook;
	derived->history_state[status->has_history ? (unsigned)status->history.state : HISTORY_STATE_OFF] = true;
}

void metrics_write(struct text *text, const struct service_status *status)
{
	static const struct service_audit no_audit[AUDIT_COUNTERS];
	struct metrics_derived derived;
	const void *const bases[METRIC_BASES] = {
		[BASE_STATUS] = status,         [BASE_TRACKER] = status->tracker,
		[BASE_TOTALS] = status->totals, [BASE_AUDIT] = status->audit ? status->audit : no_audit,
		[BASE_DERIVED] = &derived,
	};

	derive(status, &derived);
	for (size_t i = 0; i < metric_table_count; i++)
		metric_write(text, &metric_table[i], status, bases);
}
