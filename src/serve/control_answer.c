/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_answer.c: what each verb answers. Whatever goes through all live connections does so in slices, and stops
 * while its client has enough to take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "report/report_read.h"
#include "serve/control_internal.h"
#include "serve/live_lines.h"

/* ---- list ------------------------------------------------------------------------------------------- */

static bool client_is_full(const struct control_client *client)
{
	return client->request.query.limit && client->lines >= client->request.query.limit;
}

static void list_one(void *arg, const struct connection *connection)
{
	struct control_client *client = arg;
	const struct control *control = client->control;
	struct connection_report report;
	struct live_line line;

	if (client_is_full(client) || (client->request.states && !(client->request.states >> connection->state & 1)))
		return;
	tracker_report_live(control->service->tracker, connection, control->now_ns, &report);
	line = live_line_of(control->service->tracker, control->service->context, control->now_ns, connection, &report);
	if (!control_request_wants(&client->request, &report, line.cgroup))
		return;
	live_writer_json(control->live, &line, &client->out);
	text_append_char(&client->out, '\n');
	client->lines++;
}

static void list_slice(struct control_client *client)
{
	struct tracker *tracker = client->control->service->tracker;
	char more[96];

	if (tracker_walk(tracker, &client->cursor, WALK_SLOTS, list_one, client) && !client_is_full(client))
		return;
	snprintf(more, sizeof(more), ",\"live\":%u,\"now_us\":%lld,\"older\":%s", tracker_live(tracker),
		 (long long)control_wall_us(client->control), client->control->service->lists ? "true" : "false");
	client_end(client, more);
}

/* ---- show ------------------------------------------------------------------------------------------- */

/* What only an end has is not there yet. False: no memory, or no line. */
static bool end_remove(json_t *line)
{
	static const char *const of_the_end[] = {"class", "cause", "initiator", "end_us"};
	bool removed = !json_object_set_new(line, "explain", json_string("The connection lives."));

	for (size_t i = 0; i < sizeof(of_the_end) / sizeof(of_the_end[0]); i++)
		removed &= !json_object_set_new(line, of_the_end[i], json_null());
	return removed;
}

/* What a line of something alive begins with. */
static void live_lead_append(struct control_client *client, const struct connection *connection,
			     const struct connection_report *report)
{
	const struct control *control = client->control;
	uint64_t age_ns = facts_age_ns(control->service->tracker, connection, control->now_ns);
	struct text *out = &client->out;

	text_append_str(out, "{\"live\":true,\"now_us\":");
	text_append_i64(out, control_wall_us(control));
	text_append_str(out, ",\"first_seen_us\":");
	text_append_i64(out, field_wall_us(control->service->context, report->states[0].at_ns));
	text_append_str(out, ",\"facts_age_us\":");
	if (age_ns == ABSENT_U64)
		text_append_str(out, "null");
	else
		text_append_u64(out, age_ns / 1000);
	text_append_str(out, ",\"state\":\"");
	text_append_str(out, name_of(&tcp_state_names, connection->state) ?: "UNKNOWN");
	text_append_str(out, "\",");
}

/* The report line as far as it is known, and that it lives. */
static void show_live(struct control_client *client, const struct connection *connection)
{
	struct control *control = client->control;
	struct connection_report report;
	struct text *text = &control->line;
	json_t *line = NULL;
	char why[160];
	bool whole;

	tracker_report_live(control->service->tracker, connection, control->now_ns, &report);
	text_clear(text);
	if (!report_writer_report(control->reports, text, &report))
		line = report_line_load(text->data, text->length, why, sizeof(why));
	whole = end_remove(line);
	text_clear(text);
	json_append(line, text);
	json_decref(line);
	if (!whole || text->failed) { /* a connection that is left out would be said not to be there */
		client->out.failed = true;
		return;
	}
	live_lead_append(client, connection, &report);
	text_append(&client->out, text->data + 1, text->length - 1);
	text_append_char(&client->out, '\n');
	client->lines++;
}

static bool is_live(const struct connection *connection)
{
	return connection->queue == QUEUE_LIVE;
}

/* The numbers are the client's and the server's: which of them is ours depends on the role. */
static void show_one(void *arg, const struct connection *connection)
{
	struct control_client *client = arg;
	uint32_t a = client->request.client_isn, b = client->request.server_isn;
	bool same = (connection->local_isn == a && connection->remote_isn == b) ||
		    (connection->local_isn == b && connection->remote_isn == a);

	if (same && connection->flags & CONNECTION_HAS_ISN)
		show_live(client, connection);
}

/* Both ends of a connection may be on this host, one living on: so the history is asked too. */
static void show_end(struct control_client *client)
{
	bool found = client->lines > 0, kept = client->control->service->history_path;

	if (found && (client->request.by_cookie || !kept))
		client_end(client, "");
	else if (kept)
		control_history_begin(client);
	else
		client_error(client, "not_found", "no live connection has this id, and no history is kept");
}

static void show_slice(struct control_client *client)
{
	struct tracker *tracker = client->control->service->tracker;
	const struct connection *connection;

	if (!client->request.by_cookie) {
		if (!tracker_walk(tracker, &client->cursor, WALK_SLOTS, show_one, client))
			show_end(client);
		return;
	}
	connection = tracker_find(tracker, client->request.cookie);
	if (connection && is_live(connection))
		show_live(client, connection);
	show_end(client);
}

/* ---- status ----------------------------------------------------------------------------------------- */

static void count_one(void *arg, const struct connection *connection)
{
	owners_add(arg, connection);
}

static void status_slice(struct control_client *client)
{
	const struct service *service = client->control->service;
	struct service_status status = {0};
	struct text *line = &client->control->line;
	json_t *json;

	if (tracker_walk(service->tracker, &client->cursor, WALK_SLOTS, count_one, client->owners))
		return;
	service->status(service->arg, &status);
	json = status_json(&status, client->owners, control_wall_us(client->control));
	text_clear(line);
	json_append(json, line);
	json_decref(json);
	if (line->failed)
		return client_error(client, "out_of_memory", "no memory for the answer");
	text_append(&client->out, line->data, line->length);
	text_append_char(&client->out, '\n');
	client->lines++;
	client_end(client, "");
}

/* ---- diagnose --------------------------------------------------------------------------------------- */

static void diagnose_begin(struct control_client *client)
{
	struct control *control = client->control;
	const struct service *service = control->service;
	struct diagnose_source source = {service->diagnosis, service->tracker, service->context, control->live};

	if (!service->diagnosis) {
		client_error(client, "no_diagnosis",
			     "this daemon diagnoses nothing: it cannot list sockets on this kernel, which lastack "
			     "check tells of");
		return;
	}
	if (client->request.stacks && !service->stacks) {
		client_error(client, "no_stacks", "this daemon takes no stacks; its setting is stacks = yes");
		return;
	}
	if (control->diagnoses == DIAGNOSES_MAX) {
		client_error(client, "busy", "%d diagnoses are under way", DIAGNOSES_MAX);
		return;
	}
	service->refresh(service->arg);
	client->diagnose = diagnose_answer_create(&source, &client->request, control->now_ns);
	if (client->diagnose)
		control->diagnoses++;
	else
		client_error(client, "out_of_memory", "no memory for the answer");
}

void diagnose_end(struct control_client *client)
{
	if (!client->diagnose)
		return;
	diagnose_answer_destroy(client->diagnose);
	client->diagnose = NULL;
	client->control->diagnoses--;
}

static void diagnose_slice(struct control_client *client)
{
	char more[32];

	if (diagnose_answer_slice(client->diagnose, &client->out, &client->lines))
		return;
	diagnose_end(client);
	snprintf(more, sizeof(more), ",\"now_us\":%lld", (long long)control_wall_us(client->control));
	client_end(client, more);
}

/* ---- whichever it is -------------------------------------------------------------------------------- */

void answer_begin(struct control_client *client)
{
	const struct service *service = client->control->service;

	client->phase = CLIENT_ANSWERS;
	client->lines = 0;
	client->cursor = 0;
	switch (client->request.verb) {
	case CONTROL_STATUS:
		client->owners = calloc(1, sizeof(*client->owners));
		if (!client->owners)
			client_error(client, "out_of_memory", "no memory for the answer");
		return;
	case CONTROL_LIST:
	case CONTROL_SHOW: service->refresh(service->arg); return;
	case CONTROL_HISTORY:
		if (service->history_path)
			control_history_begin(client);
		else
			client_error(client, "no_history", "this daemon keeps no history");
		return;
	case CONTROL_FOLLOW: follow_begin(client); return;
	case CONTROL_DIAGNOSE: diagnose_begin(client); return;
	}
}

void answer_slice(struct control_client *client)
{
	switch (client->request.verb) {
	case CONTROL_LIST: list_slice(client); return;
	case CONTROL_SHOW: show_slice(client); return;
	case CONTROL_DIAGNOSE: diagnose_slice(client); return;
	default: status_slice(client);
	}
}
