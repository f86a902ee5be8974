// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_http_prometheus.c: a real Prometheus scrapes the server of HTTP, and is then asked through its own API what it
 * has taken in. Skipped where it is not installed. Everything is on loopback and in a scratch directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "http_fixture.h"

#define LIMIT_NS   (30 * HTTP_SECOND_NS)
#define PROGRAM    "/usr/bin/prometheus"
#define QUERY_UP   "up%7Bjob%3D%22lastack%22%7D"
#define QUERY_LIVE "lastack_connections%7Bstate%3D%22CLOSE_WAIT%22%7D"
#define QUERY_RATE "count(lastack_connections_ended_total)"
#define LIVE       4711

struct prometheus {
	char directory[64];
	pid_t pid;
	uint16_t port;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HTTP_SECOND_NS + (uint64_t)now.tv_nsec;
}

/* One that nothing else holds at this moment; it cannot be told to choose one itself. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void configuration_write(const struct prometheus *prometheus, const char *target)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/prometheus.yml", prometheus->directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file,
		"global:\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\nscrape_configs:\n  - job_name: lastack\n"
		"    static_configs:\n      - targets: ['%s']\n",
		target);
	assert_int_equal(fclose(file), 0);
}

static void program_run(const struct prometheus *prometheus)
{
	char config[128], storage[128], listen[128];
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where the test dies */
	snprintf(config, sizeof(config), "%s/log", prometheus->directory);
	log = open(config, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	snprintf(config, sizeof(config), "--config.file=%s/prometheus.yml", prometheus->directory);
	snprintf(storage, sizeof(storage), "--storage.tsdb.path=%s/data", prometheus->directory);
	snprintf(listen, sizeof(listen), "--web.listen-address=127.0.0.1:%u", prometheus->port);
	execl(PROGRAM, PROGRAM, config, storage, listen, (char *)NULL);
	_exit(127);
}

static void prometheus_start(struct prometheus *prometheus, const char *target)
{
	strcpy(prometheus->directory, "/tmp/lastack-prometheus-XXXXXX");
	assert_non_null(mkdtemp(prometheus->directory));
	prometheus->port = free_port();
	configuration_write(prometheus, target);
	prometheus->pid = fork();
	assert_true(prometheus->pid >= 0);
	if (!prometheus->pid)
		program_run(prometheus);
}

static void prometheus_stop(const struct prometheus *prometheus)
{
	char command[128];

	kill(prometheus->pid, SIGKILL);
	waitpid(prometheus->pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", prometheus->directory);
	assert_int_equal(system(command), 0);
}

/* Serves while it waits, on the real clock. Returns false when nothing came from fd in time. */
static bool serve_until_readable(struct http_fixture *fixture, int fd, int wait_ms)
{
	struct pollfd both[] = {{.fd = http_fd(fixture->http), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	uint64_t end_ns = now_ns() + (uint64_t)wait_ms * 1000000;

	while (now_ns() < end_ns) {
		if (poll(both, 2, 20) < 0)
			return false;
		http_poll(fixture->http, now_ns());
		if (fd >= 0 && both[1].revents)
			return true;
	}
	return false;
}

/* The value of the only series that answers a query, or -1: not up yet, or no such series. */
static double query(struct http_fixture *fixture, uint16_t port, const char *expression)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[8192];
	const char *body, *text;
	size_t length = 0;
	double value = -1;
	json_t *json;

	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	snprintf(bytes, sizeof(bytes), "GET /api/v1/query?query=%s HTTP/1.0\r\n\r\n", expression);
	send(fd, bytes, strlen(bytes), MSG_NOSIGNAL);
	for (ssize_t got = 1; got > 0 && length<sizeof(bytes) - 1; length += got> 0 ? (size_t)got : 0)
		got = serve_until_readable(fixture, fd, 5000) ? recv(fd, bytes + length, sizeof(bytes) - 1 - length, 0)
							      : 0;
	close(fd);
	bytes[length] = '\0';
	body = strstr(bytes, "\r\n\r\n");
	json = body ? json_loads(body, 0, NULL) : NULL;
	text = json_string_value(json_array_get(
		json_object_get(json_array_get(json_object_get(json_object_get(json, "data"), "result"), 0), "value"),
		1));
	if (text)
		value = strtod(text, NULL);
	json_decref(json);
	return value;
}

static void prometheus_takes_it_in(void **state)
{
	struct prometheus prometheus;
	struct http_fixture fixture;
	uint64_t end_ns = now_ns() + LIMIT_NS;
	double up = -1, live = -1;

	(void)state;
	if (access(PROGRAM, X_OK)) {
		print_message("%s is not installed (package prometheus)\n", PROGRAM);
		skip();
	}
	http_fixture_open(&fixture, "127.0.0.1:0", HTTP_CLIENTS_MAX);
	fixture.sample.status.live_by_state[TCP_CLOSE_WAIT] = LIVE;
	prometheus_start(&prometheus, http_address(fixture.http));
	while (now_ns() < end_ns && (up != 1 || live != LIVE)) {
		serve_until_readable(&fixture, -1, 100);
		up = query(&fixture, prometheus.port, QUERY_UP);
		live = query(&fixture, prometheus.port, QUERY_LIVE);
	}
	print_message("up %g, %s %g, %llu scrapes on %llu connections\n", up,
		      "lastack_connections{state=\"CLOSE_WAIT\"}", live,
		      (unsigned long long)http_counts(&fixture).requests,
		      (unsigned long long)http_counts(&fixture).accepted);
	live = live == LIVE ? query(&fixture, prometheus.port, QUERY_RATE) : live;
	prometheus_stop(&prometheus);
	assert_true(up == 1);
	assert_true(live == connection_cause_count); /* each cause is a series of its own from the start */
	assert_int_equal(http_counts(&fixture).errors, 0);
	http_close(fixture.http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus_takes_it_in),
	};

	return cmocka_run_group_tests_name("http_prometheus", tests, NULL, NULL);
}
