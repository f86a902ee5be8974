/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_follow.c: reports as they come, for those who follow. Rendered once for all of them; who is too slow loses
 * lines, and is told how many.
 */
#include <stdio.h>

#include "serve/control_internal.h"

void follow_begin(struct control_client *client)
{
	client->phase = CLIENT_FOLLOWS;
	text_append_str(&client->out, "{\"follow\":{\"now_us\":");
	text_append_i64(&client->out, control_wall_us(client->control));
	text_append_str(&client->out, "}}\n");
}

void follow_step(struct control_client *client)
{
	if (!client->dropped || client_backlog(client) >= OUT_BYTES_HIGH)
		return;
	text_append_str(&client->out, "{\"dropped\":");
	text_append_u64(&client->out, client->dropped);
	text_append_str(&client->out, "}\n");
	client->dropped = 0;
}

/* What was dropped is told before anything newer, so that the gap shows where it is. */
static void follow_take(struct control_client *client, const struct text *line)
{
	if (client->dropped || client_backlog(client) + line->length > OUT_BYTES_MAX) {
		client->dropped++;
		client->control->status.dropped++;
		return;
	}
	text_append(&client->out, line->data, line->length);
}

void control_report(struct control *control, const struct connection_report *report, const char *cgroup)
{
	bool written = false;

	for (uint32_t i = 0; i < control->config.clients_max; i++) {
		struct control_client *client = control->clients[i];

		if (!client || client->phase != CLIENT_FOLLOWS ||
		    !control_request_wants(&client->request, report, cgroup))
			continue;
		if (!written) {
			text_clear(&control->line);
			if (report_writer_report(control->reports, &control->line, report))
				return;
			written = true;
		}
		if (!client_backlog(client))
			control_wake(control);
		follow_take(client, &control->line);
	}
}
