// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_history.c: what the history costs: ended connections a second on one core, CPU time and bytes a row, for
 * rows and for connections that are only counted. Connections are made up: a server's and a client's in turn, of
 * some processes, with many peers. Its arguments: a directory (to be made and emptied), and how many.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../unit/random_numbers.h"
#include "core/tcp_machine.h"
#include "../unit/sample_report.h"
#include "store/history.h"

#define BATCH 128

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void made_up(struct random_numbers *random, uint64_t number, struct store_item *item)
{
	static const char *const comms[] = {"nginx", "redis-server", "java", "curl", "envoy"};
	static const char cgroup[] = "/system.slice/docker-"
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";
	struct connection_report *report = &item->report;
	uint32_t which = random_below(random, 5), peer = htonl(0x0a000000 + random_below(random, 50000));
	uint64_t begin_ns = 1000000000 + number * 30000;

	*report = sample_report_full();
	memcpy(report->remote, &peer, sizeof(peer));
	report->cookie = number;
	report->client_isn = (uint32_t)random_next(random);
	report->server_isn = (uint32_t)random_next(random);
	report->role = number % 2 ? ROLE_SERVER : ROLE_CLIENT;
	report->local_port = number % 2 ? 443 : (uint16_t)(32768 + random_below(random, 28000));
	report->remote_port = number % 2 ? (uint16_t)random_next(random) : 5432;
	report->cause = number % 20 ? CAUSE_FIN_LOCAL_FIRST : CAUSE_RST_RECEIVED;
	report->class = number % 20 ? CLASS_GRACEFUL : CLASS_RESET;
	report->exit_code = report->exit_signal = -1;
	report->error = report->rst_reason = 0;
	report->context = CONTEXT_NONE;
	report->has_time_wait = number % 2;
	report->note_count = 0;
	report->pid = 1000 + which;
	snprintf(report->comm, sizeof(report->comm), "%s", comms[which]);
	report->start_ns = begin_ns;
	for (unsigned i = 0; i < report->state_count; i++)
		report->states[i].at_ns = begin_ns + i * 1000000ULL;
	report->end_ns = begin_ns + (1 + random_below(random, 100)) * 1000000ULL;
	item->wall_minus_monotonic_ns = SAMPLE_WALL_MINUS_MONOTONIC_NS;
	item->cgroup = cgroup;
}

static double file_bytes(const char *directory)
{
	struct stat status;
	char name[4096];

	snprintf(name, sizeof(name), "%s/" HISTORY_FILE, directory);
	return stat(name, &status) ? 0 : (double)status.st_size;
}

static void run(const char *what, const struct history_config *config, uint64_t count)
{
	struct random_numbers random = {1};
	struct store_item *items = calloc(BATCH, sizeof(*items));
	struct history_status status;
	struct history *history;
	struct store_sink sink;
	double cpu, wall, making = 0;

	if (!items || history_create(&history, config))
		exit(1);
	sink = history_sink(history);
	sink.step(sink.arg, 1000000000);
	cpu = -seconds(CLOCK_PROCESS_CPUTIME_ID);
	wall = -seconds(CLOCK_MONOTONIC);
	for (uint64_t done = 0; done < count; done += BATCH) {
		double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);

		for (uint64_t i = 0; i < BATCH; i++)
			made_up(&random, done + i, &items[i]);
		making += seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
		sink.take(sink.arg, items, BATCH);
		sink.step(sink.arg, (uint64_t)(seconds(CLOCK_MONOTONIC) * 1e9));
	}
	sink.finish(sink.arg);
	cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - making;
	wall += seconds(CLOCK_MONOTONIC) - making;
	history_status(history, &status);
	printf("%-8s %9.0f a second  %6.2f us of CPU each  %6.2f us in all  %5.0f bytes a row  %llu rows %llu counted "
	       "%llu expired\n",
	       what, (double)count / wall, cpu / (double)count * 1e6, wall / (double)count * 1e6,
	       status.rows ? file_bytes(config->directory) / (double)status.rows : 0, (unsigned long long)status.rows,
	       (unsigned long long)status.counted, (unsigned long long)status.expired);
	history_destroy(history);
	free(items);
}

static void history_remove(const char *directory)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s/" HISTORY_FILE, directory);
	unlink(name);
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : "/tmp/lastack-bench-history";
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 500000;
	struct history_config config = {.directory = directory, .host = "bench"};
	struct rusage usage;

	setvbuf(stdout, NULL, _IOLBF, 0);
	history_remove(directory);
	run("rows", &config, count);
	history_remove(directory);
	config.max_bytes = 100 << 20; /* soon full: as many go as come */
	run("full", &config, count);
	history_remove(directory);
	config.policy.classes = ~0ULL;
	run("counted", &config, count);
	getrusage(RUSAGE_SELF, &usage);
	printf("resident at most: %ld KiB\n", usage.ru_maxrss);
	history_remove(directory);
	rmdir(directory);
	return 0;
}
