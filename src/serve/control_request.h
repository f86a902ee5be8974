/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_request.h: a line that somebody sent to the control socket, as a request. Whoever may connect may send
 * anything: what is not understood to the last key is refused, and said why.
 */
#ifndef LASTACK_SERVE_CONTROL_REQUEST_H
#define LASTACK_SERVE_CONTROL_REQUEST_H

#include <jansson.h>

#include "core/diagnosis.h"
#include "store/history_query.h"

enum control_verb {
	CONTROL_STATUS,
	CONTROL_LIST,
	CONTROL_SHOW,
	CONTROL_HISTORY,
	CONTROL_FOLLOW,
	CONTROL_DIAGNOSE,
};

/* An address that the filter asks for. */
struct control_address {
	unsigned family; /* 0: any */
	uint8_t bytes[16];
};

struct control_request {
	json_t *json; /* what the strings below point into */
	enum control_verb verb;
	struct history_query query; /* filter, addresses, id and limit hold for the other verbs too */
	struct control_address local, remote;
	uint64_t states; /* set of enum tcp_state, 0: any */
	/* What show asks for: a cookie, or the id of a report. */
	bool by_cookie;
	uint64_t cookie;
	uint32_t client_isn, server_isn;
	/* What diagnose asks for: connections shown of each finding, stacks, limits (unset: the daemon's). */
	uint64_t show;
	bool stacks;
	struct diagnosis_limits limits;
};

/* Returns 0, or -EINVAL, or -ENOMEM, with `why` (size bytes) set; *request is then untouched. */
int control_request_read(struct control_request *request, const char *line, size_t length, char *why, size_t size);
void control_request_free(struct control_request *request);
/* cgroup: path or NULL. The state is looked at by whoever has one. */
bool control_request_wants(const struct control_request *request, const struct connection_report *report,
			   const char *cgroup);

#endif
