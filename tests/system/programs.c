/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * programs.c: real servers and clients in two namespaces of the test's own; lastack's reports against
 * what the kernel itself counted there, and the servers as owners.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum end { CLIENT, SERVING, ENDS };

static int end_fd[ENDS];
static uint32_t end_netns[ENDS];
static char end_address[ENDS][32]; /* the test's own: a reset without a connection has no other mark */

static void ip(const char *words)
{
	struct program shell;
	char line[400];

	snprintf(line, sizeof(line), "ip %s", words);
	CHECK(program_run(&shell, "sh", "-c", line) == 0, "%s: %s", line, text_of(shell.errors));
}

static void ends_make(void)
{
	char line[300];

	end_netns[CLIENT] = netns_enter_new();
	end_fd[CLIENT] = netns_fd();
	end_netns[SERVING] = netns_enter_new();
	end_fd[SERVING] = netns_fd();
	snprintf(line, sizeof(line), "link add st0 type veth peer name st0 netns /proc/%d/fd/%d", (int)getpid(),
		 end_fd[CLIENT]);
	ip(line);
	for (int end = ENDS - 1; end >= 0; end--) {
		netns_enter(end_fd[end]);
		snprintf(end_address[end], sizeof(end_address[0]), "10.%d.%d.%d", 64 + getpid() / 256 % 64,
			 getpid() % 256, end + 1);
		snprintf(line, sizeof(line), "address add %s/24 dev st0", end_address[end]);
		ip(line);
		ip("link set st0 up");
	}
	CHECK(BECOMES_TRUE(program_run(&(struct program){0}, "sh", "-c", "ip link show st0 | grep -q LOWER_UP") == 0),
	      "the cable has no carrier");
}

/* ---- what the kernel counts ------------------------------------------------------------------------ */

static const char *const counter_names[][2] = {
	{"Tcp", "ActiveOpens"},
	{"Tcp", "PassiveOpens"},
	{"Tcp", "AttemptFails"},
	{"Tcp", "EstabResets"},
	{"Tcp", "OutRsts"},
	{"Tcp", "RetransSegs"},
	{"TcpExt", "TCPAbortOnData"},
	{"TcpExt", "TCPAbortOnClose"},
	{"TcpExt", "TCPAbortOnTimeout"},
	{"TcpExt", "TCPKeepAlive"},
};

enum counter {
	ACTIVE_OPENS,
	PASSIVE_OPENS,
	ATTEMPT_FAILS,
	ESTAB_RESETS,
	OUT_RSTS,
	RETRANS_SEGS,
	ABORT_ON_DATA,
	ABORT_ON_CLOSE,
	ABORT_ON_TIMEOUT,
	KEEP_ALIVE,
	COUNTERS
};

struct tally {
	long long of[COUNTERS];
};

static struct tally kernel_tally(enum end end)
{
	struct tally tally;

	netns_enter(end_fd[end]);
	for (int i = 0; i < COUNTERS; i++)
		tally.of[i] = netns_counter(counter_names[i][0], counter_names[i][1]);
	return tally;
}

static const char *state_from_end(const json_t *report, size_t back)
{
	const json_t *states = json_object_get(report, "states");
	size_t count = json_array_size(states);

	return count > back ? report_word(json_array_get(states, count - 1 - back), "state") : "";
}

/*
 * What lastack's reports make of each counter. Where the kernel counts it (net/ipv4, Linux 6.18):
 * - ActiveOpens: tcp_connect(), a SYN of a connect(); all our clients got that far.
 * - PassiveOpens: tcp_create_openreq_child(), a handshake that was completed at a listener.
 * - AttemptFails: tcp_done() in SYN_SENT or SYN_RECV: refused, timed out, unreachable. A close() in
 *   SYN_SENT (curl giving up) does not pass there.
 * - EstabResets: tcp_set_state() from ESTABLISHED or CLOSE_WAIT to CLOSE.
 * - RetransSegs: __tcp_retransmit_skb(), which adds the same to the socket's total_retrans; and
 *   tcp_rtx_synack(), which a child takes over from its request.
 * - TCPAbortOnData: SO_LINGER {1, 0} in __tcp_close(), and data after a close while the whole socket
 *   stands (tcp_rcv_state_process(); a minisock's reset does not count).
 * - TCPAbortOnClose: __tcp_close() with unread data.
 * - TCPAbortOnTimeout: tcp_write_err(), every end by a timer but that of FIN_WAIT2.
 * - TCPKeepAlive: a keepalive probe that was sent.
 * OutRsts is compared with the events, see below.
 */
static void report_add(struct tally *tally, const json_t *report)
{
	const char *cause = report_word(report, "cause"), *from = state_from_end(report, 1);
	long long probes = report_number(json_object_get(report, "keepalive"), "probes_sent");
	bool timeout = strstr(cause, "_timeout") && strcmp(cause, "fin_wait2_timeout") &&
		       strcmp(cause, "synack_timeout");
	bool failed = !strcmp(from, "SYN_SENT") && strcmp(cause, "cancelled");
	bool minisock_reset = report_is(report, "rst_reason", "TCP_TIMEWAIT_SOCKET");

	tally->of[ACTIVE_OPENS] += report_is(report, "role", "client");
	tally->of[PASSIVE_OPENS] += report_is(report, "role", "server");
	tally->of[ATTEMPT_FAILS] += failed;
	tally->of[ESTAB_RESETS] += !strcmp(state_from_end(report, 0), "CLOSE") &&
				   (!strcmp(from, "ESTABLISHED") || !strcmp(from, "CLOSE_WAIT"));
	tally->of[RETRANS_SEGS] += report_number(report, "retransmits");
	tally->of[ABORT_ON_DATA] += !strcmp(cause, "rst_sent_linger") ||
				    (!strcmp(cause, "rst_sent_data_after_close") && !minisock_reset);
	tally->of[ABORT_ON_CLOSE] += !strcmp(cause, "rst_sent_unread_data");
	tally->of[ABORT_ON_TIMEOUT] += timeout || !strcmp(cause, "keepalive_probes_unanswered");
	tally->of[KEEP_ALIVE] += probes > 0 ? probes : 0;
}

/*
 * OutRsts: tcp_v4_send_reset() and tcp_send_active_reset(), which both have the tracepoint; a reset without
 * a connection has no namespace, but the addresses of the segment that it answers.
 */
static void event_add(struct tally *tally, const json_t *event, enum end end)
{
	tally->of[OUT_RSTS] += report_is(event, "kind", "reset_sent") &&
			       report_is(event, "local_addr", end_address[end]);
}

static struct tally lastack_tally(const struct reports *reports, enum end end)
{
	struct tally tally = {0};

	for (size_t i = 0; i < reports->count; i++) {
		const json_t *line = reports->all[i];

		if (report_is(line, "type", "event"))
			event_add(&tally, line, end);
		else if (report_number(line, "netns") == end_netns[end] &&
			 line == report_find(reports, (uint64_t)report_number(line, "cookie")))
			report_add(&tally, line);
	}
	return tally;
}

/* Waits until the connections here are gone, takes both tallies and compares them. */
static void tallies_compare(struct program *lastack, const struct tally before[ENDS])
{
	struct reports reports;
	struct tally after[ENDS], ours;

	for (int end = 0; end < ENDS; end++) {
		netns_enter(end_fd[end]);
		CHECK(BECOMES_TRUE(netns_sockets() == 0), "%u sockets do not end", netns_sockets());
		after[end] = kernel_tally((enum end)end);
	}
	lastack_stop(lastack);
	CHECK(counts_of(lastack).lost == 0, "events were lost");
	reports_open(&reports, lastack->output);
	reports_refresh(&reports);
	reports_sort(&reports);
	for (int end = 0; end < ENDS; end++) {
		ours = lastack_tally(&reports, (enum end)end);
		for (int i = 0; i < COUNTERS; i++)
			CHECK(ours.of[i] == after[end].of[i] - before[end].of[i],
			      "%s at the %s: the kernel counted %lld, lastack saw %lld", counter_names[i][1],
			      end == SERVING ? "server" : "client", after[end].of[i] - before[end].of[i], ours.of[i]);
	}
}

/* How many ends with this server port there are in a namespace; all have to belong to a process of this name. */
static unsigned owned_by(const struct reports *reports, enum end end, unsigned port, const char *comm)
{
	unsigned count = 0;

	for (size_t i = 0; i < reports->count; i++) {
		const json_t *line = reports->all[i];

		if (!report_is(line, "type", "connection") || report_number(line, "netns") != end_netns[end] ||
		    report_number(line, end == SERVING ? "local_port" : "remote_port") != port)
			continue;
		CHECK(report_is(report_process(line), "comm", comm), "not of %s: %s", comm, report_line(line));
		count++;
	}
	return count;
}

static void owners_check(const struct program *lastack, unsigned port, const char *server, const char *client,
			 unsigned at_least)
{
	struct reports reports;
	unsigned served;

	reports_open(&reports, lastack->output);
	reports_refresh(&reports);
	served = owned_by(&reports, SERVING, port, server);
	CHECK(served >= at_least, "only %u connections of %s", served, server);
	if (client)
		owned_by(&reports, CLIENT, port, client);
}

/* Starts lastack, with events: resets without a connection are only told as such. */
static void watch(struct program *lastack, struct tally before[ENDS])
{
	for (int end = 0; end < ENDS; end++)
		before[end] = kernel_tally((enum end)end);
	lastack_start(lastack, "live", "-o", "json", "--events", "--settle", "0.1");
}

static void need(const char *name)
{
	if (!program_find(name))
		test_skip("%s is not installed", name);
}

/* Does somebody listen on this port at the server? */
static bool is_listening(uint16_t port)
{
	struct program grep;
	char line[80];

	netns_enter(end_fd[SERVING]);
	snprintf(line, sizeof(line), "grep -q ':%04X 00000000:0000 0A' /proc/net/tcp", port);
	return program_run(&grep, "sh", "-c", line) == 0;
}

/* ---- nginx ----------------------------------------------------------------------------------------- */

static void nginx_start(struct program *nginx)
{
	static char config[256];
	FILE *file;

	snprintf(config, sizeof(config), "%s/nginx.conf", test_directory());
	file = fopen(config, "we");
	CHECK(file, "%s: %s", config, strerror(errno));
	fprintf(file,
		"daemon off; worker_processes 2; pid %s/nginx.pid; error_log stderr; user nobody nogroup;\n"
		"events { worker_connections 1024; }\n"
		"http { access_log off; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;\n"
		" uwsgi_temp_path %s; scgi_temp_path %s; keepalive_timeout 5;\n"
		" server { listen 80 backlog=1024; location / { return 200 'hello'; } } }\n",
		test_directory(), test_directory(), test_directory(), test_directory(), test_directory(),
		test_directory());
	fclose(file);
	netns_enter(end_fd[SERVING]);
	program_plan(nginx, program_find("nginx"), "-c", config, NULL);
	program_start(nginx);
	CHECK(BECOMES_TRUE(program_ended(nginx) || is_listening(80)) && nginx->pid, "nginx does not listen: %s",
	      text_of(nginx->errors));
}

/* In the client's namespace; $S is the server's address. */
static void client_run(const char *line)
{
	struct program shell;

	netns_enter(end_fd[CLIENT]);
	setenv("S", end_address[SERVING], 1);
	CHECK(program_run(&shell, "sh", "-c", line) == 0, "%s ends with %d: %s", line, program_exit(&shell),
	      text_of(shell.errors));
}

static void web_server(void)
{
	struct program lastack, nginx;
	struct tally before[ENDS];

	need("nginx");
	need("curl");
	ends_make();
	watch(&lastack, before);
	nginx_start(&nginx);
	client_run(
		"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do curl -s http://$S/ || exit 1; done");
	client_run("curl -s -H 'Connection: close' http://$S/ http://$S/");
	if (program_find("wrk")) {
		client_run("wrk -t1 -c20 -d1 http://$S/");
		client_run("timeout -s INT 0.3 wrk -t1 -c8 -d5 -H 'Connection: close' http://$S/; test $? = 124");
	}
	kill(nginx.pid, SIGTERM);
	program_exit(&nginx);
	tallies_compare(&lastack, before);
	owners_check(&lastack, 80, "nginx", NULL, 40);
}

/* ---- redis ----------------------------------------------------------------------------------------- */

static void key_value_server(void)
{
	struct program lastack, redis;
	struct tally before[ENDS];

	need("redis-server");
	need("redis-benchmark");
	ends_make();
	watch(&lastack, before);
	netns_enter(end_fd[SERVING]);
	/* Its connections probe idle clients each second. */
	program_plan(&redis, program_find("redis-server"), "--port", "6379", "--bind", "0.0.0.0", "--save", "",
		     "--protected-mode", "no", "--tcp-keepalive", "1", "--dir", test_directory(), NULL);
	program_start(&redis);
	CHECK(BECOMES_TRUE(program_ended(&redis) || is_listening(6379)) && redis.pid, "redis does not listen: %s",
	      text_of(redis.output));
	client_run("redis-benchmark -h $S -q -n 4000 -c 30 -t set,get");
	client_run("redis-cli -h $S set a b");
	client_run("(sleep 2.5; echo get a) | redis-cli -h $S");        /* idle: keepalive probes, answered */
	client_run("redis-benchmark -h $S -q -n 300 -c 5 -k 0 -t get"); /* a connection a request */
	kill(redis.pid, SIGTERM);
	program_exit(&redis);
	tallies_compare(&lastack, before);
	owners_check(&lastack, 6379, "redis-server", NULL, 60);
}

/* ---- curl where nobody answers ----------------------------------------------------------------------- */

static void failing_clients(void)
{
	struct program lastack;
	struct tally before[ENDS];
	struct reports reports;
	unsigned refused = 0, cancelled = 0, timed_out = 0;

	need("curl");
	ends_make();
	watch(&lastack, before);
	netns_enter(end_fd[SERVING]);
	netns_filter("tcp dport 81 drop");
	netns_enter(end_fd[CLIENT]);
	netns_set("tcp_syn_retries", "1");
	netns_set("tcp_syn_linear_timeouts", "0");
	client_run("curl -s http://$S:82/; test $? = 7");                        /* refused */
	client_run("curl -s --connect-timeout 0.5 http://$S:81/; test $? = 28"); /* given up */
	client_run("curl -s http://$S:81/; test $? != 0");                       /* timed out */
	tallies_compare(&lastack, before);
	reports_open(&reports, lastack.output);
	reports_refresh(&reports);
	for (size_t i = 0; i < reports.count; i++) {
		const json_t *line = reports.all[i];

		if (!report_is(line, "type", "connection") || report_number(line, "netns") != end_netns[CLIENT])
			continue;
		CHECK(report_is(report_process(line), "comm", "curl") && report_is(line, "class", "open_failed"), "%s",
		      report_line(line));
		refused += report_is(line, "cause", "refused") && report_number(line, "remote_port") == 82;
		cancelled += report_is(line, "cause", "cancelled") && report_is(line, "initiator", "local_app");
		timed_out += report_is(line, "cause", "syn_timeout") && report_is(line, "error", "ETIMEDOUT");
	}
	CHECK(refused == 1 && cancelled == 1 && timed_out == 1, "refused %u, cancelled %u, timed out %u", refused,
	      cancelled, timed_out);
}

/* ---- what wrk does at its end, at will -------------------------------------------------------------- */

/*
 * The segment that acknowledges our FIN brings data as well: tcp_rcv_state_process() goes through FIN_WAIT2
 * to CLOSE in one step, without tcp_reset(), counts TCPAbortOnData and answers with a reset.
 */
static void data_acknowledges_fin(void)
{
	struct program lastack;
	struct reports reports;
	const json_t *report;
	long long before;
	struct pair pair;

	netns_enter_new();
	lastack_start(&lastack, "live", "-o", "json", "--settle", "0");
	reports_open(&reports, lastack.output);
	pair = pair_open(AF_INET, tcp_listen(AF_INET, 7900), 7900);
	before = netns_counter("TcpExt", "TCPAbortOnData");
	netns_filter("tcp sport 7900 tcp flags == ack drop");
	close(pair.client);
	CHECK(recv(pair.server, &(char){0}, 1, 0) == 0, "the FIN does not come");
	CHECK(send(pair.server, "late", 4, 0) == 4, "send: %s", strerror(errno));
	CHECK(BECOMES_TRUE(netns_counter("TcpExt", "TCPAbortOnData") == before + 1),
	      "the kernel does not abort on data");
	report = report_await(&reports, pair.client_cookie);
	CHECK(report_is(report, "cause", "rst_sent_data_after_close") && report_is(report, "initiator", "local_app") &&
		      report_is(report, "how", "close"),
	      "data came after our close: %s", report_line(report));
	lastack_stop(&lastack);
}

const struct test program_tests[] = {
	{"data_acknowledges_fin", data_acknowledges_fin},
	{"web_server", web_server},
	{"key_value_server", key_value_server},
	{"failing_clients", failing_clients},
	{0},
};
