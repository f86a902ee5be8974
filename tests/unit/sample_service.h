/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample_service.h: a daemon to serve, without a daemon: a snapshot that a test fills as it likes.
 */
#ifndef LASTACK_TESTS_SAMPLE_SERVICE_H
#define LASTACK_TESTS_SAMPLE_SERVICE_H

#include "serve/service.h"

struct sample_service {
	struct service service;
	struct service_status status; /* its pointers are to what follows */
	struct tracker_stats tracker;
	struct totals totals;
	struct service_hook hooks[2];
	struct service_audit audit[AUDIT_COUNTERS];
	unsigned asked; /* for the snapshot */
};

static inline void sample_service_status(void *arg, struct service_status *status)
{
	struct sample_service *sample = arg;

	sample->asked++;
	*status = sample->status;
}

/* Ready, with a history, one hook that works and one that is missing; nothing has happened. */
static inline void sample_service_init(struct sample_service *sample)
{
	*sample = (struct sample_service){
		.service = {.arg = sample, .status = sample_service_status},
		.status = {.version = "1.2.3",
			   .kernel = "6.18.0",
			   .host = "host",
			   .ready = true,
			   .started_wall_us = 1700000000500000,
			   .uptime_ns = 90500000000,
			   .max_connections = 65536,
			   .tracker = &sample->tracker,
			   .totals = &sample->totals,
			   .hooks = sample->hooks,
			   .hook_count = 2,
			   .has_writer = true,
			   .has_history = true,
			   .audit = sample->audit,
			   .diagnosing = true},
		.hooks = {{"state change", "tp_btf/inet_sock_set_state", "tracepoint"}, {"probe", NULL, NULL}},
	};
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++)
		sample->audit[i].counter = audit_counter_at(i);
}

#endif
