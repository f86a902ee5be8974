/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_status.c: the daemon's snapshot of itself as a JSON object. Zeroes of a vocabulary are left out, so that an
 * answer is about what happened.
 */
#include "core/event_check.h"
#include "report/finding_words.h"
#include "serve/control_internal.h"

static void set(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void set_text(json_t *object, const char *name, const char *text)
{
	/* Names of processes are any bytes; jansson takes UTF-8 only. */
	json_t *string = text ? json_string(text) : json_null();

	json_object_set_new(object, name, string ?: json_string("?"));
}

static void set_flag(json_t *object, const char *name, bool flag)
{
	json_object_set_new(object, name, json_boolean(flag));
}

static json_t *set_object(json_t *object, const char *name)
{
	json_t *inner = json_object();

	json_object_set_new(object, name, inner);
	return inner;
}

static void set_named(json_t *object, const char *name, const struct name_table *names, const uint64_t *numbers,
		      unsigned count)
{
	json_t *inner = set_object(object, name);

	for (unsigned i = 0; i < count; i++)
		if (numbers[i] && name_of(names, i))
			set(inner, name_of(names, i), numbers[i]);
}

static void set_connections(json_t *object, const struct service_status *status)
{
	json_t *connections = set_object(object, "connections"), *states;
	uint64_t ended = 0;

	for (unsigned cause = 0; status->totals && cause < connection_cause_count; cause++)
		ended += status->totals->ended[cause];
	set(connections, "live", status->live);
	set(connections, "max", status->max_connections);
	set(connections, "bytes", status->tracker_bytes);
	set(connections, "ended", ended);
	states = set_object(connections, "states");
	for (unsigned state = 0; state < CONNECTION_STATES; state++)
		if (status->live_by_state[state] && name_of(&tcp_state_names, state))
			set(states, name_of(&tcp_state_names, state), status->live_by_state[state]);
}

static void set_owners(json_t *object, const struct owners *owners, uint32_t live)
{
	json_t *inner = set_object(object, "owners"), *list = json_array();
	struct owner top[OWNERS_TOP];
	unsigned count = owners_top(owners, top);
	uint64_t told = owners->unknown;
	char comm[EVENT_COMM_BYTES + 1] = "";

	for (unsigned i = 0; i < count; i++) {
		json_t *owner = json_object();
		struct text printable = text_borrow(comm, EVENT_COMM_BYTES);

		text_append_printable(&printable, top[i].comm, strnlen(top[i].comm, sizeof(top[i].comm)));
		comm[printable.length] = '\0';
		set_text(owner, "comm", comm);
		set(owner, "pid", top[i].pid);
		set(owner, "live", top[i].live);
		json_array_append_new(list, owner);
		told += top[i].live;
	}
	json_object_set_new(inner, "top", list);
	set(inner, "unknown", owners->unknown);
	/* Of those that were not told one by one; connections came and went while they were counted. */
	set(inner, "others", live > told ? live - told : owners->others);
}

/* Of the last diagnosis, how many of each kind. */
static void set_findings(json_t *object, const struct service_status *status)
{
	uint64_t kinds[FINDING_KIND_COUNT] = {0};
	json_t *findings;

	if (!status->diagnoses)
		return;
	for (unsigned kind = 0; kind < FINDING_KIND_COUNT; kind++)
		for (unsigned certainty = 0; certainty < FINDING_CERTAINTY_COUNT; certainty++)
			kinds[kind] += status->findings.findings[kind][certainty];
	findings = set_object(object, "findings");
	set(findings, "diagnoses", status->diagnoses);
	set_named(findings, "kind", &finding_kind_names, kinds, FINDING_KIND_COUNT);
}

static void set_ended(json_t *object, const struct totals *totals)
{
	uint64_t classes[connection_class_count] = {0};
	json_t *ended = set_object(object, "ended");

	for (unsigned cause = 0; cause < connection_cause_count; cause++)
		classes[cause_class((enum connection_cause)cause)] += totals->ended[cause];
	set_named(ended, "class", &class_names, classes, connection_class_count);
	set_named(ended, "cause", &cause_names, totals->ended, connection_cause_count);
	set_named(ended, "initiator", &initiator_names, totals->by_initiator, connection_initiator_count);
	set_named(ended, "completeness", &completeness_names, totals->by_completeness, completeness_count);
	set(ended, "violations", totals->violations);
}

static void set_events(json_t *object, const struct service_status *status)
{
	json_t *events = set_object(object, "events"), *lost_of;
	uint64_t generated = 0, lost = 0, filtered = 0, delivered = 0;

	for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
		generated += status->events.kind[kind].generated;
		lost += status->events.kind[kind].lost;
		filtered += status->events.kind[kind].filtered;
		delivered += status->delivered[kind];
	}
	set(events, "generated", generated);
	set(events, "delivered", delivered);
	set(events, "lost", lost);
	set(events, "filtered", filtered);
	lost_of = set_object(events, "lost_of");
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
		if (status->events.kind[kind].lost && name_of(&event_kind_names, kind))
			set(lost_of, name_of(&event_kind_names, kind), status->events.kind[kind].lost);
}

static void set_tracker(json_t *object, const struct tracker_stats *stats)
{
	json_t *tracker = set_object(object, "tracker");

	set(tracker, "births", stats->births);
	set(tracker, "existing", stats->existing);
	set(tracker, "reports", stats->reports);
	set(tracker, "revisions", stats->revisions);
	set(tracker, "unobserved", stats->unobserved);
	set(tracker, "gaps", stats->gaps);
	set(tracker, "violations", stats->violations);
	set(tracker, "given_up_live", stats->given_up_live);
	set(tracker, "given_up_closed", stats->given_up_closed);
	set(tracker, "facts_dropped", stats->facts_dropped);
	set(tracker, "resyncs", stats->resyncs);
}

static void set_hooks(json_t *object, const struct service_status *status)
{
	json_t *hooks = json_array();

	json_object_set_new(object, "hooks", hooks);
	for (size_t i = 0; i < status->hook_count; i++) {
		json_t *hook = json_object();

		set_text(hook, "fact", status->hooks[i].fact);
		set_text(hook, "hook", status->hooks[i].hook);
		set_text(hook, "tier", status->hooks[i].tier);
		json_array_append_new(hooks, hook);
	}
}

static const char *const history_texts[] = {"writing", "failing", "foreign", "discarded"};
static const struct name_table history_state_names = {history_texts, sizeof(history_texts) / sizeof(history_texts[0])};

static void set_stores(json_t *object, const struct service_status *status)
{
	json_t *store;

	if (status->has_writer) {
		store = set_object(object, "writer");
		set(store, "taken", status->writer.taken);
		set(store, "dropped", status->writer.dropped);
		set(store, "waiting", status->writer.waiting);
		set(store, "waiting_max", status->writer.waiting_max);
	}
	if (status->has_history) {
		store = set_object(object, "history");
		set_text(store, "path", status->history_path);
		set_text(store, "state", name_of(&history_state_names, status->history.state));
		set_text(store, "why", status->history.why);
		set(store, "rows", status->history.rows);
		set(store, "bytes", status->history.bytes);
		set(store, "written", status->history.written);
		set(store, "counted", status->history.counted);
		set(store, "not_stored", status->history.not_stored);
		set(store, "failures", status->history.failures);
		set(store, "expired", status->history.expired);
	}
	if (status->has_files) {
		store = set_object(object, "files");
		set_text(store, "directory", status->reports_directory);
		set_flag(store, "failing", status->files.failing);
		set_text(store, "why", status->files.why);
		set(store, "lines", status->files.lines);
		set(store, "lost", status->files.lost);
		set(store, "files", status->files.files);
		set(store, "bytes", status->files.bytes);
	}
}

static void set_server(json_t *object, const char *name, const struct server_status *status)
{
	json_t *server = set_object(object, name);

	set(server, "clients", status->clients);
	set(server, "accepted", status->accepted);
	set(server, "refused", status->refused);
	set(server, "requests", status->requests);
	set(server, "errors", status->errors);
	set(server, "timed_out", status->timed_out);
	set(server, "dropped", status->dropped);
}

static void set_audit(json_t *object, const struct service_status *status)
{
	json_t *audit = set_object(object, "audit"), *counters;

	set(audit, "audits", status->audits);
	set(audit, "wall_us", (uint64_t)status->audit_wall_us);
	set(audit, "netns", status->audit_netns);
	counters = json_array();
	json_object_set_new(audit, "unexplained", counters);
	for (size_t i = 0; status->audit && i < AUDIT_COUNTERS; i++) {
		const struct service_audit *row = &status->audit[i];
		json_t *counter;

		if (!row->unexplained)
			continue;
		counter = json_object();
		set_text(counter, "counter", row->counter->name);
		set(counter, "kernel", (uint64_t)row->kernel);
		set(counter, "lastack", (uint64_t)row->lastack);
		set(counter, "difference", (uint64_t)row->difference);
		set(counter, "rows", row->unexplained);
		json_array_append_new(counters, counter);
	}
}

json_t *status_json(const struct service_status *status, const struct owners *owners, int64_t now_us)
{
	json_t *object = json_object();

	set_text(object, "type", "status");
	set_text(object, "version", status->version);
	set_text(object, "kernel", status->kernel);
	set_text(object, "host", status->host);
	set(object, "pid", status->pid);
	set(object, "now_us", (uint64_t)now_us);
	set(object, "started_us", (uint64_t)status->started_wall_us);
	set(object, "uptime_us", status->uptime_ns / 1000);
	set_flag(object, "ready", status->ready);
	set_flag(object, "stopping", status->stopping);
	set_connections(object, status);
	set_owners(object, owners, status->live);
	set_findings(object, status);
	if (status->totals)
		set_ended(object, status->totals);
	set_events(object, status);
	if (status->tracker)
		set_tracker(object, status->tracker);
	set_hooks(object, status);
	set_stores(object, status);
	set_server(object, "control", &status->control);
	set_server(object, "http", &status->http);
	set_audit(object, status);
	return object;
}
