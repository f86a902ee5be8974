/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output.c: whatever happens, the lines have the form that was promised: JSON meets the schema, CSV has
 * its columns, the table its width; and events are told while the connection still lives.
 */
#include "../unit/schema_check.h"
#include "net.h"
#include "system.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7800

/* A process may call itself anything. */
#define AWKWARD "a,\"b\n\033[1m;'\xc3\xa9\xff\\"

/* ---- output_forms ---------------------------------------------------------------------------------- */

static struct form {
	const char *words[6];
	unsigned width; /* of the table */
	struct program program;
} forms[] = {
	{{"-o", "json"}, 0, {0}},
	{{"-o", "csv"}, 0, {0}},
	{{"-w", "80"}, 80, {0}},
	{{"-w", "120"}, 120, {0}},
	{{"-w", "200", "-T"}, 200, {0}},
	{{"-w", "80", "--events"}, 80, {0}},
	{{"-w", "200", "--events", "-T"}, 200, {0}},
	{{"-o", "json", "--events"}, 0, {0}},
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

static void json_check(int fd, bool events)
{
	json_t *schema = json_load_file(SCHEMA_PATH, 0, NULL);
	size_t connections = 0, others = 0;
	struct reports reports;

	CHECK(schema, "%s cannot be read: run the tests in the root of the sources", SCHEMA_PATH);
	reports_open(&reports, fd);
	reports_refresh(&reports);
	for (size_t i = 0; i < reports.count; i++) {
		const json_t *line = reports.all[i];

		if (report_is(line, "type", "connection")) {
			connections++;
			CHECK(schema_check(schema, line, "report"), "it does not meet the schema: %s",
			      report_line(line));
		} else {
			others++;
			CHECK(events && report_is(line, "type", "event") && report_word(line, "kind")[0] &&
				      report_number(line, "time_us") > 0 && report_number(line, "cookie") >= 0,
			      "neither a report nor an event: %s", report_line(line));
		}
	}
	CHECK(connections > 50 && (!events || others > 200), "only %zu connections and %zu events", connections,
	      others);
}

/* RFC 4180: as many fields in each record; quoted ones may hold anything. */
static void csv_check(const char *text)
{
	unsigned columns = 0, first = 0, records = 0;
	bool quoted = false;

	for (const char *at = text; *at; at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (*at == ',' && !quoted)
			columns++;
		if (*at != '\n' || quoted)
			continue;
		first = records++ ? first : columns;
		CHECK(columns == first, "record %u has %u columns, not %u", records, columns + 1, first + 1);
		columns = 0;
	}
	CHECK(!quoted && first > 20 && records > 50, "%u records of %u columns", records, first + 1);
}

/* Characters, not bytes; and nothing that would move the cursor. */
static void table_check(const char *text, unsigned width, const char *words)
{
	unsigned columns = 0, lines = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '\n') {
			lines++;
			columns = 0;
			continue;
		}
		columns += (*at & 0xc0) != 0x80;
		CHECK((unsigned char)*at >= ' ' && *at != 0x7f, "%s: control character %#x in line %u", words, *at,
		      lines + 1);
		CHECK(columns <= width, "%s: line %u is wider than %u columns: %.*s", words, lines + 1, width, 300,
		      at - width);
	}
	CHECK(lines > 50, "%s: only %u lines", words, lines);
}

static void output_forms(void)
{
	for (size_t i = 0; i < FORMS; i++) {
		lastack_plan(&forms[i].program, "live", "--settle", "0");
		for (int k = 0; k < 6 && forms[i].words[k]; k++)
			program_word(&forms[i].program, forms[i].words[k]);
		program_start(&forms[i].program);
	}
	for (size_t i = 0; i < FORMS; i++)
		lastack_await(&forms[i].program);
	prctl(PR_SET_NAME, AWKWARD);
	netns_enter_new();
	mixed_play(4, PORT);
	for (size_t i = 0; i < FORMS; i++)
		lastack_stop(&forms[i].program);
	json_check(forms[0].program.output, false);
	csv_check(text_of(forms[1].program.output));
	for (size_t i = 2; i < FORMS - 1; i++)
		table_check(text_of(forms[i].program.output), forms[i].width, program_words(&forms[i].program));
	json_check(forms[FORMS - 1].program.output, true);
}

/* ---- events_as_they_happen -------------------------------------------------------------------------- */

static struct reports lines;

static const json_t *event_find(uint64_t cookie, const char *kind, const char *name, const char *word)
{
	reports_refresh(&lines);
	for (size_t i = 0; i < lines.count; i++) {
		const json_t *line = lines.all[i];

		if (report_is(line, "type", "event") && report_is(line, "kind", kind) &&
		    report_number(line, "cookie") == (long long)cookie && (!name || report_is(line, name, word)))
			return line;
	}
	return NULL;
}

static void event_await(uint64_t cookie, const char *kind, const char *name, const char *word)
{
	const json_t *event;

	CHECK(BECOMES_TRUE((event = event_find(cookie, kind, name, word))), "no event %s %s came", kind,
	      word ? word : "");
	/* An unbound client has no port yet when it begins to connect. */
	CHECK((report_number(event, "local_port") > 0 || report_is(event, "new_state", "SYN_SENT")) &&
		      report_number(event, "remote_port") > 0 && report_number(event, "netns") == netns_inode(),
	      "it does not say of which connection: %s", report_line(event));
}

/* Each is awaited before anything else is done to the connection. */
static void events_as_they_happen(void)
{
	struct program lastack;
	struct pair pair;

	lastack_start(&lastack, "live", "-o", "json", "--events", "--settle", "0");
	reports_open(&lines, lastack.output);
	netns_enter_new();
	pair = pair_open(AF_INET, tcp_listen(AF_INET, PORT), PORT);
	event_await(pair.client_cookie, "birth", "new_state", "SYN_SENT");
	event_await(pair.client_cookie, "state", "new_state", "ESTABLISHED");
	event_await(pair.server_cookie, "birth", "new_state", "ESTABLISHED");
	netns_filter("tcp dport 7800 drop");
	CHECK(send(pair.client, "x", 1, 0) == 1, "send: %s", strerror(errno));
	event_await(pair.client_cookie, "retransmit", "state", "ESTABLISHED");
	netns_filter("");
	CHECK(recv(pair.server, &(char){0}, 1, 0) == 1, "recv: %s", strerror(errno));
	option_set(pair.server, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	option_set(pair.server, SOL_SOCKET, SO_KEEPALIVE, 1);
	event_await(pair.server_cookie, "probe", "probe", "keepalive");
	CHECK(!report_find(&lines, pair.client_cookie) && !report_find(&lines, pair.server_cookie),
	      "it has not ended yet");
	linger_zero(pair.client);
	close(pair.client);
	event_await(pair.client_cookie, "reset_sent", NULL, NULL);
	event_await(pair.server_cookie, "reset_received", NULL, NULL);
	event_await(pair.server_cookie, "close", "new_state", "CLOSE");
	report_await(&lines, pair.client_cookie);
	report_await(&lines, pair.server_cookie);
	CHECK(report_number(json_object_get(report_find(&lines, pair.server_cookie), "keepalive"), "probes_sent") > 0,
	      "its probes are not counted: %s", report_line(report_find(&lines, pair.server_cookie)));
	lastack_stop(&lastack);
}

const struct test output_tests[] = {
	{"output_forms", output_forms},
	{"events_as_they_happen", events_as_they_happen},
	{0},
};
