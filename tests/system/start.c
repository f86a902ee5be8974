/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * start.c: connections that exist when lastack starts, or come and go in that very moment.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- race_attach ----------------------------------------------------------------------------------- */

#define RACE_PORT   7200
#define RACE_OPEN   40 /* connections that the load holds open at any time */
#define RACE_MAX    60000
#define RACE_AFTER  1500 /* connections that must end after lastack watches */
#define RACE_ROUNDS 4

struct race_connection {
	uint64_t client_cookie, server_cookie;
	uint64_t open_ns, close_ns; /* before its connect(); before its close(), 0: not closed */
};

struct race {
	volatile bool stop;
	uint32_t netns;
	volatile unsigned opened, closed;
	struct race_connection all[RACE_MAX];
};

static void race_open(struct race *race, struct pair *pair, int listener)
{
	struct race_connection *connection = &race->all[race->opened];

	connection->open_ns = now_ns();
	*pair = pair_open(AF_INET, listener, RACE_PORT);
	connection->client_cookie = pair->client_cookie;
	connection->server_cookie = pair->server_cookie;
	race->opened++;
}

static void race_close(struct race *race, struct pair *pair)
{
	race->all[race->closed].close_ns = now_ns();
	pair_close(pair);
	race->closed++;
}

/* Always closes the oldest and opens a new one. At the end it closes all. */
static pid_t race_load(struct race *race)
{
	static struct pair pairs[RACE_OPEN];
	pid_t pid = fork();
	int listener;

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	race->netns = netns_enter_new();
	netns_set("ip_local_port_range", "1025 65000");
	listener = tcp_listen(AF_INET, RACE_PORT);
	for (unsigned i = 0; i < RACE_OPEN; i++)
		race_open(race, &pairs[i], listener);
	while (!race->stop && race->opened < RACE_MAX) {
		struct pair *oldest = &pairs[race->closed % RACE_OPEN];

		race_close(race, oldest);
		race_open(race, oldest, listener);
	}
	while (race->closed < race->opened)
		race_close(race, &pairs[race->closed % RACE_OPEN]);
	_exit(0);
}

static void race_check_end(const struct reports *reports, uint64_t cookie, const struct race_connection *connection,
			   uint64_t begin_ns, uint64_t watching_ns)
{
	const json_t *report = report_find(reports, cookie);
	size_t count = report_count(reports, cookie);
	bool before = connection->open_ns<begin_ns, after = connection->open_ns> watching_ns;

	CHECK(count <= 1, "%zu first reports of one connection: %s", count, report_line(report));
	CHECK(count == 1 || connection->close_ns < watching_ns,
	      "the %s's end of a connection that began %.6f s after lastack watched (%.6f s after it was started) and "
	      "ended "
	      "%.6f s after is missing; cookie %llu",
	      cookie == connection->client_cookie ? "client" : "server",
	      ((double)connection->open_ns - (double)watching_ns) / 1e9,
	      ((double)connection->open_ns - (double)begin_ns) / 1e9,
	      (double)(connection->close_ns - watching_ns) / 1e9, (unsigned long long)cookie);
	if (!count || connection->close_ns < watching_ns)
		return;
	CHECK(report_number(report, "revision") == 1, "it needed a revision: %s", report_line(report));
	CHECK(report_is(report, "class", "graceful"), "all were closed in good order: %s", report_line(report));
	CHECK(after || before || !report_is(report, "completeness", "inferred"), "it was seen to end: %s",
	      report_line(report));
	CHECK(!after || report_is(report, "completeness", "complete"), "begun after lastack watched: %s",
	      report_line(report));
	CHECK(!before || report_is(report, "completeness", "partial"), "open since before lastack: %s",
	      report_line(report));
	CHECK(!before || (report_number(report, "start_us") < 0 && json_is_null(json_object_get(report, "id"))),
	      "its birth was not seen: %s", report_line(report));
}

static void race_check(const struct race *race, struct reports *reports, uint64_t begin_ns, uint64_t watching_ns)
{
	CHECK(race->closed == race->opened && race->closed > RACE_OPEN + RACE_AFTER,
	      "the load made only %u connections", race->closed);
	reports_sort(reports);
	for (unsigned i = 0; i < race->closed; i++) {
		const struct race_connection *connection = &race->all[i];

		race_check_end(reports, connection->client_cookie, connection, begin_ns, watching_ns);
		race_check_end(reports, connection->server_cookie, connection, begin_ns, watching_ns);
	}
}

static void race_round(struct race *race)
{
	uint64_t begin_ns, watching_ns;
	struct program lastack;
	struct reports reports;
	unsigned closed;
	char netns[16];
	pid_t load;

	memset(race, 0, sizeof(*race));
	load = race_load(race);
	CHECK(BECOMES_TRUE(race->closed > 200), "the load does not start");
	begin_ns = now_ns();
	/* All its events fit into the ring at once, so none is lost, whatever else runs on this machine. */
	snprintf(netns, sizeof(netns), "%u", race->netns);
	lastack_start(&lastack, "live", "-o", "json", "--netns", netns, "--ring-size", "67108864");
	watching_ns = now_ns();
	closed = race->closed;
	CHECK(BECOMES_TRUE(race->closed > closed + RACE_AFTER || race->opened == RACE_MAX), "the load came to a halt");
	race->stop = true;
	child_await(load);
	lastack_stop(&lastack);
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
	reports_open(&reports, lastack.output);
	reports_refresh(&reports);
	race_check(race, &reports, begin_ns, watching_ns);
}

static void race_attach(void)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(race != MAP_FAILED, "mmap: %s", strerror(errno));
	for (int round = 0; round < RACE_ROUNDS; round++)
		race_round(race);
}

/* ---- existing --------------------------------------------------------------------------------------- */

#define EXISTING_PORT 7300
#define MANY          150 /* in one namespace; each has two ends */

/* What a report of an end that existed before lastack must say of its process. */
static void owner_is(const json_t *report, pid_t pid, const char *comm, const char *source)
{
	const json_t *process = report_process(report);

	CHECK(report_number(process, "pid") == pid && report_is(process, "comm", comm) &&
		      report_is(process, "source", source),
	      "the owner should be %s/%d by %s: %s", comm, (int)pid, source, report_line(report));
	CHECK(report_is(report, "completeness", "partial"), "it existed before lastack: %s", report_line(report));
}

/* Its peer resets each, so that nothing but the descriptor tells who owned the server's end. */
static void many_and_their_roles(struct reports *reports, struct pair pairs[MANY])
{
	for (int i = 0; i < MANY; i++) {
		linger_zero(pairs[i].client);
		close(pairs[i].client);
	}
	for (int i = 0; i < MANY; i++) {
		const json_t *client = report_await(reports, pairs[i].client_cookie);
		const json_t *server = report_await(reports, pairs[i].server_cookie);

		owner_is(client, getpid(), "existing-many", "close");
		owner_is(server, getpid(), "existing-many", "descriptor");
		CHECK(report_is(server, "role", "server"), "somebody listens on its port: %s", report_line(server));
		CHECK(report_is(client, "cause", "rst_sent_linger"), "%s", report_line(client));
		CHECK(report_is(server, "cause", "rst_received"), "%s", report_line(server));
		close(pairs[i].server);
	}
}

/* A child that shares the socket closes last: only then it ends, and that child ended it. */
static pid_t heir_start(int mine, int *trigger)
{
	int ends[2];
	pid_t pid;
	char byte;

	CHECK(!pipe2(ends, O_CLOEXEC) && (pid = fork()) >= 0, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "existing-heir");
		/* Of all that it inherited it keeps that one socket. */
		dup2(ends[0], 0);
		dup2(mine, 3);
		close_range(4, ~0U, 0);
		if (read(0, &byte, 1) < 0)
			_exit(1);
		close(3);
		_exit(0);
	}
	close(ends[0]);
	*trigger = ends[1];
	return pid;
}

static void shared_by_fork(struct reports *reports, struct pair *pair, pid_t heir, int trigger)
{
	const json_t *report;

	close(pair->client);
	pause_ms(100); /* nothing may come now; a report would take 40 ms at most */
	reports_refresh(reports);
	CHECK(!report_find(reports, pair->client_cookie), "a child still holds it, but: %s",
	      report_line(report_find(reports, pair->client_cookie)));
	close(trigger);
	child_await(heir);
	report = report_await(reports, pair->client_cookie);
	owner_is(report, heir, "existing-heir", "close");
	CHECK(report_is(report, "cause", "fin_local_first") && report_is(report, "initiator", "local_app") &&
		      report_is(report, "how", "close"),
	      "%s", report_line(report));
	CHECK(report_is(report, "role", "client") || report_is(report, "role", "unknown"), "%s", report_line(report));
}

/* An orphan whose FIN is not acknowledged: its process has exited before lastack came. */
static uint64_t orphan_make(void)
{
	uint64_t *cookie = mmap(NULL, sizeof(*cookie), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK(cookie != MAP_FAILED && (pid = fork()) >= 0, "fork: %s", strerror(errno));
	if (pid == 0) {
		int fd = tcp_connect(AF_INET, 0, EXISTING_PORT + 1);

		*cookie = cookie_of(fd);
		netns_filter("tcp dport 7301 drop");
		_exit(0);
	}
	child_await(pid);
	return *cookie;
}

static void orphan_ends(struct reports *reports, uint64_t cookie, int listener)
{
	int server = tcp_accept(listener);
	const json_t *report;
	char byte;

	netns_filter("");
	CHECK(recv(server, &byte, 1, 0) == 0, "the FIN of the orphan does not come");
	close(server);
	report = report_await(reports, cookie);
	CHECK(report_is(report, "cause", "fin_local_first") && report_is(report, "completeness", "partial"), "%s",
	      report_line(report));
	CHECK(report_is(report, "initiator", "unknown"),
	      "who sent that FIN was not seen (it was an exit), yet it says: %s", report_line(report));
}

/* The peer resets a connection that nobody has accepted: only iter/tcp can have found that end. */
static void unaccepted_ends(struct reports *reports, int client, uint16_t client_port)
{
	const json_t *found = NULL;

	linger_zero(client);
	close(client);
	CHECK(BECOMES_TRUE(({
		      reports_refresh(reports);
		      for (size_t i = 0; i < reports->count && !found; i++)
			      if (report_number(reports->all[i], "remote_port") == client_port &&
				  report_number(reports->all[i], "local_port") == EXISTING_PORT + 2 &&
				  report_number(reports->all[i], "netns") == netns_inode())
				      found = reports->all[i];
		      found != NULL;
	      })),
	      "no report of a connection that was in the accept queue");
	CHECK(report_is(found, "cause", "rst_received") && report_is(found, "role", "server") &&
		      report_is(found, "completeness", "partial"),
	      "%s", report_line(found));
}

/* Sockets of a namespace in which there is no process any more: found by descriptor. */
static void without_process(struct reports *reports, struct pair *pair, uint32_t netns)
{
	const json_t *client, *server;

	pair_close(pair);
	client = report_await(reports, pair->client_cookie);
	server = report_await(reports, pair->server_cookie);
	owner_is(client, getpid(), "existing-many", "close");
	owner_is(server, getpid(), "existing-many", "close");
	CHECK(report_number(client, "netns") == netns && report_number(server, "netns") == netns,
	      "not its namespace: %s", report_line(client));
	CHECK(report_is(client, "cause", "fin_local_first") && report_is(server, "cause", "fin_peer_first"), "%s / %s",
	      report_line(client), report_line(server));
}

static void existing(void)
{
	int alone_listener, listener, orphan_listener, queue_listener, queued, trigger;
	struct pair alone, shared, many[MANY];
	struct program lastack;
	struct reports reports;
	uint32_t alone_netns;
	uint64_t orphan;
	pid_t heir;

	prctl(PR_SET_NAME, "existing-many");
	alone_netns = netns_enter_new();
	alone_listener = tcp_listen(AF_INET6, EXISTING_PORT);
	alone = pair_open(AF_INET6, alone_listener, EXISTING_PORT);
	netns_enter_new(); /* nobody is in the first one now, only its sockets keep it */
	listener = tcp_listen(AF_INET, EXISTING_PORT);
	orphan_listener = tcp_listen(AF_INET, EXISTING_PORT + 1);
	queue_listener = tcp_listen(AF_INET, EXISTING_PORT + 2);
	orphan = orphan_make();
	queued = tcp_connect(AF_INET, 0, EXISTING_PORT + 2);
	shared = pair_open(AF_INET, listener, EXISTING_PORT);
	heir = heir_start(shared.client, &trigger);
	for (int i = 0; i < MANY; i++)
		many[i] = pair_open(AF_INET, listener, EXISTING_PORT);
	lastack_start(&lastack, "live", "-o", "json", "--settle", "0.1");
	reports_open(&reports, lastack.output);
	orphan_ends(&reports, orphan, orphan_listener);
	unaccepted_ends(&reports, queued, local_port_of(queued));
	many_and_their_roles(&reports, many);
	shared_by_fork(&reports, &shared, heir, trigger);
	without_process(&reports, &alone, alone_netns);
	close(queue_listener);
	lastack_stop(&lastack);
	CHECK(counts_of(&lastack).lost == 0, "events were lost");
}

const struct test start_tests[] = {
	{"race_attach", race_attach},
	{"existing", existing},
	{0},
};
