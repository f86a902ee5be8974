/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metrics.h: the snapshot of service.h in the Prometheus text format, version 0.0.4. Names follow the conventions
 * of Prometheus: lastack_ in front, base units, _total on counters. The number of lines depends on the vocabulary
 * only, never on the traffic.
 */
#ifndef LASTACK_SERVE_METRICS_H
#define LASTACK_SERVE_METRICS_H

#include "report/text.h"
#include "serve/service.h"

void metrics_write(struct text *text, const struct service_status *status);

#endif
