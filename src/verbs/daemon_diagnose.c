// SPDX-License-Identifier: GPL-2.0-only
/*
 * daemon_diagnose.c: see daemon_diagnose.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "kernel/features.h"
#include "kernel/netns_numbers.h"
#include "serve/log.h"
#include "verbs/daemon_diagnose.h"

/* The rings are to be looked after in between. */
#define SLICE_NS 2000000ULL
/* A fraction of a slice. */
#define SLOTS 256

int daemon_diagnose_create(struct daemon_diagnose *diagnose, const struct diagnosis_limits *limits)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = feature_monotonic_ns();
	diagnose->diagnosis = diagnosis_create(limits, seed);
	return diagnose->diagnosis ? 0 : -ENOMEM;
}

void daemon_diagnose_destroy(struct daemon_diagnose *diagnose)
{
	diagnosis_destroy(diagnose->diagnosis);
	diagnose->diagnosis = NULL;
}

bool daemon_diagnose_is_due(const struct daemon_diagnose *diagnose, uint64_t now_ns, uint64_t interval_ns)
{
	return !diagnosis_is_running(diagnose->diagnosis) &&
	       (!diagnose->began_ns || now_ns - diagnose->began_ns >= interval_ns);
}

void daemon_diagnose_begin(struct daemon_diagnose *diagnose, uint64_t now_ns)
{
	int status = netns_numbers_take(diagnose->diagnosis);

	if (status)
		log_warning("diagnosis: network namespaces: %s", strerror(-status));
	diagnose->began_ns = now_ns;
	diagnosis_begin(diagnose->diagnosis, now_ns, NULL, NULL);
}

static void findings_sum(struct daemon_diagnose *diagnose)
{
	struct service_findings *sum = &diagnose->findings;
	const struct finding *findings;
	uint32_t count;

	findings = diagnosis_findings(diagnose->diagnosis, &count);
	*sum = (struct service_findings){0};
	for (uint32_t i = 0; i < count; i++) {
		const struct finding *finding = &findings[i];
		uint64_t age_ns = finding->since_ns && finding->since_ns < diagnose->began_ns
					  ? diagnose->began_ns - finding->since_ns
					  : 0;

		sum->findings[finding->kind][finding->certainty]++;
		sum->connections[finding->kind] += finding->count;
		if (age_ns > sum->oldest_ns[finding->kind])
			sum->oldest_ns[finding->kind] = age_ns;
	}
}

bool daemon_diagnose_step(struct daemon_diagnose *diagnose, struct tracker *tracker)
{
	uint64_t begin_ns = feature_monotonic_ns();

	if (!diagnosis_is_running(diagnose->diagnosis))
		return false;
	while (diagnosis_step(diagnose->diagnosis, tracker, SLOTS))
		if (feature_monotonic_ns() - begin_ns >= SLICE_NS)
			return true;
	findings_sum(diagnose);
	diagnose->done++;
	return false;
}
