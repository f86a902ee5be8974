/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * finding_json.c: a finding as a JSON object; see finding_line.h.
 */
#include "report/container.h"
#include "report/finding_line.h"
#include "report/finding_words.h"

static void append_name(struct text *text, const char *name)
{
	text_append_str(text, ",\"");
	text_append_str(text, name);
	text_append_str(text, "\":");
}

static void append_text(struct text *text, const char *name, const char *value)
{
	append_name(text, name);
	text_append_json_string(text, value, strlen(value));
}

static void append_number(struct text *text, const char *name, int64_t value, bool present)
{
	append_name(text, name);
	if (present)
		text_append_i64(text, value);
	else
		text_append_str(text, "null");
}

/* What an appender writes, as a JSON string. */
static void append_written(struct text *text, void (*append)(struct text *text, const struct finding *finding),
			   const struct finding *finding)
{
	struct text words = {0};

	append(&words, finding);
	text_append_json_string(text, words.data ?: "", words.length);
	text->failed |= words.failed;
	text_free(&words);
}

static void append_prefix(struct text *text, const struct finding_prefix *prefix)
{
	text_append_char(text, '"');
	finding_prefix_append(text, prefix);
	text_append_char(text, '"');
}

static void append_string_or_null(struct text *text, const char *name, const char *value, size_t length)
{
	append_name(text, name);
	if (value)
		text_append_json_string(text, value, length);
	else
		text_append_str(text, "null");
}

static void append_processes(struct text *text, const struct finding *finding)
{
	append_number(text, "processes", finding->process_count, true);
	append_name(text, "pids");
	text_append_char(text, '[');
	for (uint32_t i = 0; i < finding->process_count && i < FINDING_PROCESSES_MAX; i++) {
		text_append_str(text, i ? ",{\"pid\":" : "{\"pid\":");
		text_append_u64(text, finding->processes[i].pid);
		append_number(text, "count", finding->processes[i].count, true);
		text_append_char(text, '}');
	}
	text_append_char(text, ']');
}

static void append_owner(struct text *text, const struct finding_source *source)
{
	const struct finding *finding = source->finding;
	const struct report_context *context = source->context;
	const char *cgroup = finding->cgroup && context->cgroup_path
				     ? context->cgroup_path(context->arg, finding->cgroup)
				     : NULL;

	append_name(text, "owner");
	if (!finding->process_count) {
		text_append_str(text, "null");
		return;
	}
	text_append_str(text, "{\"comm\":");
	text_append_json_string(text, finding->comm, strnlen(finding->comm, sizeof(finding->comm)));
	append_number(text, "pid", finding->pid, finding->pid);
	append_number(text, "uid", finding->uid, finding->uid != UINT32_MAX);
	append_string_or_null(text, "cgroup", cgroup, cgroup ? strlen(cgroup) : 0);
	append_string_or_null(text, "container_id", cgroup ? container_id_find(cgroup) : NULL, CONTAINER_ID_BYTES);
	append_processes(text, finding);
	text_append_char(text, '}');
}

static void append_place(struct text *text, const struct finding *finding)
{
	append_number(text, "netns", finding->netns, finding->netns);
	append_number(text, "local_port", finding->local_port, finding->local_port);
	append_name(text, "remote");
	if (finding->destination.family)
		append_prefix(text, &finding->destination);
	else
		text_append_str(text, "null");
	append_number(text, "remote_port", finding->remote_port, finding->remote_port);
	append_name(text, "peers");
	for (uint32_t i = 0; i < finding->peer_count; i++) {
		text_append_str(text, i ? ",{\"prefix\":" : "[{\"prefix\":");
		append_prefix(text, &finding->peers[i].prefix);
		text_append_str(text, ",\"count\":");
		text_append_u64(text, finding->peers[i].count);
		text_append_char(text, '}');
	}
	text_append_str(text, finding->peer_count ? "]" : "[]");
	append_number(text, "peers_more", finding->peers_more, true);
}

static void append_descriptors(struct text *text, const struct finding *finding)
{
	append_name(text, "descriptors");
	text_append_char(text, '[');
	for (uint32_t i = 0; i < finding->descriptor_count && i < FINDING_DESCRIPTORS_MAX; i++) {
		if (i)
			text_append_char(text, ',');
		text_append_i64(text, finding->descriptors[i]);
	}
	text_append_char(text, ']');
	append_number(text, "descriptors_more",
		      finding->descriptor_count > FINDING_DESCRIPTORS_MAX
			      ? finding->descriptor_count - FINDING_DESCRIPTORS_MAX
			      : 0,
		      true);
}

static void append_evidence(struct text *text, const struct finding *finding)
{
	bool first = true;

	append_name(text, "evidence");
	text_append_char(text, '[');
	for (unsigned fact = 0; fact < FINDING_FACT_COUNT; fact++) {
		if (!finding_has(finding, fact))
			continue;
		text_append_str(text, first ? "\"" : ",\"");
		finding_fact_append(text, finding, fact); /* our own words and numbers: nothing to escape */
		text_append_char(text, '"');
		first = false;
	}
	text_append_char(text, ']');
}

static void append_connections(struct text *text, const struct finding_source *source)
{
	const struct finding *finding = source->finding;
	uint32_t shown = 0;

	append_name(text, "connections");
	text_append_char(text, '[');
	for (uint32_t i = 0; source->connection && i < finding->cookie_count && shown < source->show; i++) {
		size_t before = text->length;

		if (shown)
			text_append_char(text, ',');
		if (source->connection(source->arg, finding->cookies[i], text))
			shown++;
		else if (!text->failed)
			text->length = before;
	}
	text_append_char(text, ']');
}

void finding_json(struct text *text, const struct finding_source *source)
{
	const struct finding *finding = source->finding;
	uint64_t since_ns = finding->since_ns;

	text_append_str(text, "{\"schema\":1,\"type\":\"finding\"");
	append_text(text, "kind", name_of(&finding_kind_names, finding->kind));
	append_text(text, "certainty", name_of(&finding_certainty_names, finding->certainty));
	append_text(text, "why", finding_why(finding));
	append_number(text, "count", finding->count, true);
	append_number(text, "since_us", since_ns ? field_wall_us(source->context, since_ns) : 0, since_ns);
	append_number(text, "age_us", (int64_t)((source->now_ns - since_ns) / 1000),
		      since_ns && since_ns <= source->now_ns);
	append_number(text, "growth", finding->growth, finding->has_growth);
	append_number(text, "growth_us", (int64_t)(finding->growth_ns / 1000), finding->has_growth);
	append_owner(text, source);
	append_place(text, finding);
	append_descriptors(text, finding);
	append_evidence(text, finding);
	append_name(text, "explain");
	append_written(text, finding_explain_append, finding);
	append_name(text, "advice");
	append_written(text, finding_advice_append, finding);
	append_name(text, "command");
	append_written(text, finding_command_append, finding);
	append_connections(text, source);
	finding_stacks_json(text, source);
	text_append_char(text, '}');
}
