/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon.c: `lastack daemon` as production runs it, unprivileged and for real: what every verb says of it, what it may
 * do, how it is configured, and its audit.
 */
#include "daemons.h"
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT 8100

static struct program daemon_program;
static struct daemon_place place;

/* ---- every verb ------------------------------------------------------------------------------------ */

static const json_t *line_of(const struct reports *lines, uint64_t cookie)
{
	for (size_t i = 0; i < lines->count; i++)
		if (report_number(lines->all[i], "cookie") == (long long)cookie)
			return lines->all[i];
	return NULL;
}

static void live_is_told(const struct pair *pair)
{
	struct reports lines;
	struct program show;
	const json_t *line;

	daemon_lines(&lines, &place, "list", NULL);
	line = line_of(&lines, pair->client_cookie);
	CHECK(line, "it lives, and is not listed");
	CHECK(report_is(line, "state", "ESTABLISHED") && report_number(line, "remote_port") == PORT, "%s",
	      report_line(line));
	CHECK(report_number(line, "age_us") > 0 && report_number(line, "state_age_us") > 0, "%s", report_line(line));
	CHECK(report_number(line, "unread_bytes") == 0, "%s", report_line(line));
	CHECK(report_number(report_process(line), "pid") == getpid(), "%s", report_line(line));
	line = line_of(&lines, pair->server_cookie);
	CHECK(line && report_number(line, "unread_bytes") == 5, "it has not read: %s", line ? report_line(line) : "");
	line = json_object_get(line, "keepalive");
	CHECK(json_is_true(json_object_get(line, "enabled")) && report_number(line, "idle_s") == 77, "keepalive: %s",
	      line ? report_line(line) : "");
	CHECK(daemon_ask(&show, &place, "show", cookie_text(pair->client_cookie), NULL) == 0, "%s",
	      text_of(show.errors));
	CHECK(text_has(show.output, "ESTABLISHED"), "%s", text_of(show.output));
	CHECK(daemon_ask(&show, &place, "list", NULL) == 0 && !text_has(show.errors, "older than the daemon"),
	      "sockets can be listed here: %s", text_of(show.errors));
}

static void end_is_told(const struct pair *pair, struct program *follow)
{
	char *cookie = cookie_text(pair->client_cookie);
	struct reports lines;
	struct program show;
	json_t *report;

	report = history_await(&place, cookie);
	CHECK(report_is(report, "class", "graceful") && report_is(report, "cause", "fin_local_first"), "%s",
	      report_line(report));
	CHECK(BECOMES_TRUE(text_has(follow->output, cookie)), "follow: %s", text_of(follow->output));
	CHECK(daemon_ask(&show, &place, "show", cookie, NULL) == 0, "%s", text_of(show.errors));
	CHECK(text_has(show.output, "fin_local_first") && text_has(show.output, "FIN_WAIT"), "%s",
	      text_of(show.output));
	daemon_lines(&lines, &place, "history", "--group-by", "class", NULL);
	CHECK(lines.count >= 1 && report_number(lines.all[0], "connections") >= 2, "%s", text_of(lines.fd));
	CHECK(daemon_ask(&show, &place, "show", "18446744073709551615", NULL) != 0, "there is no such connection");
}

static void metrics_are_told(void)
{
	int status;

	CHECK(daemon_metric(&place, "lastack_connections_ended_total{class=\"graceful\",cause=\"fin_local_first\"}") >=
		      1,
	      "ended: %s", daemon_get(&place, "/metrics", &status));
	CHECK(strstr(daemon_get(&place, "/healthz", &status), "ok") && status == 200, "healthz %d", status);
	daemon_get(&place, "/readyz", &status);
	CHECK(status == 200, "readyz %d", status);
	daemon_get(&place, "/etc/passwd", &status);
	CHECK(status == 404, "status %d", status);
}

static void verbs_daemon(void)
{
	struct program follow, other;
	struct pair pair;
	json_t *status;
	int listener;

	daemon_start(&daemon_program, &place);
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	lastack_plan(&follow, "follow", "--socket", place.socket, "-o", "json");
	program_start(&follow);
	pair = pair_open(AF_INET, listener, PORT);
	option_set(pair.server, SOL_SOCKET, SO_KEEPALIVE, 1);
	option_set(pair.server, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	CHECK(write(pair.client, "hello", 5) == 5, "write");
	pause_ms(1100); /* listings are a second apart at least */
	live_is_told(&pair);
	CHECK(read(pair.server, (char[5]){0}, 5) == 5, "read");
	pair_close(&pair);
	end_is_told(&pair, &follow);
	metrics_are_told();
	status = daemon_status(&place);
	CHECK(json_object_get(status, "hooks"), "%s", report_line(status));
	CHECK(daemon_ask(&other, &place, "status", NULL) == 0 && text_has(other.output, "graceful") &&
		      text_has(other.output, place.history),
	      "%s", text_of(other.output));
	kill(follow.pid, SIGINT);
	program_exit(&follow);
	daemon_stop(&daemon_program);
	CHECK(access(place.socket, F_OK), "the socket is left behind");
	CHECK(daemon_ask(&other, &place, "status", NULL) == 4 && text_has(other.errors, "running"), "%s",
	      text_of(other.errors));
}

/* ---- privileges ------------------------------------------------------------------------------------ */

static void privileges_daemon(void)
{
	pid_t pid;

	daemon_start(&daemon_program, &place);
	pid = daemon_program.pid;
	CHECK(process_field(pid, "Uid", 10) == UNPRIVILEGED_UID, "uid");
	CHECK(process_field(pid, "NoNewPrivs", 10) == 1, "NoNewPrivs");
	CHECK(process_field(pid, "Seccomp", 10) == 2, "Seccomp");
	CHECK(process_field(pid, "CapAmb", 16) == 0 && process_field(pid, "CapInh", 16) == 0, "ambient");
	if (text_has(daemon_program.errors, "given up"))
		CHECK(process_field(pid, "CapPrm", 16) == 0 && process_field(pid, "CapEff", 16) == 0, "capabilities");
	daemon_stop(&daemon_program);
}

/* Started by root it becomes the user it is told, and makes its directories. */
static void user_daemon(void)
{
	struct stat status;

	daemon_place(&place, "one");
	CHECK(!chown(place.directory, 0, 0), "chown");
	lastack_plan(&daemon_program, "daemon", "--user", "nobody", "--state-dir", place.state, "--socket",
		     place.socket, "--http", "none");
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	CHECK(process_field(daemon_program.pid, "Uid", 10) == UNPRIVILEGED_UID, "uid");
	CHECK(process_field(daemon_program.pid, "Groups", 10) >= 0, "groups");
	CHECK(!stat(place.state, &status) && status.st_uid == UNPRIVILEGED_UID && (status.st_mode & 07) == 0, "state");
	CHECK(BECOMES_TRUE(history_rows(&place) >= 0), "no database");
	CHECK(!stat(place.history, &status) && (status.st_mode & 077) == 0, "who talked to whom is nobody's business");
	CHECK(!stat(place.socket, &status) && (status.st_mode & 0777) == 0660, "mode %o", status.st_mode);
	daemon_status(&place);
	CHECK(program_run(&daemon_program, lastack_path(), "daemon", "--user", "no-such-user", "--state-dir",
			  place.state) == 4 &&
		      text_has(daemon_program.errors, "lastack: daemon: user: no such user 'no-such-user'"),
	      "%s", text_of(daemon_program.errors));
}

/* ---- configuration --------------------------------------------------------------------------------- */

static void config_wrong(void)
{
	struct program daemon;
	char *path = test_file("wrong.conf", "# so far so good\nhistory-max-ege = 3d\nsocket-mode = rw\n");

	CHECK(program_run(&daemon, lastack_path(), "daemon", "-c", path, "--check-config") == 2, "status");
	CHECK(text_has(daemon.errors, "wrong.conf:2: history-max-ege: no such setting; is 'history-max-age' meant?"),
	      "%s", text_of(daemon.errors));
	CHECK(text_has(daemon.errors, "wrong.conf:3: socket-mode: must be permissions in octal"), "%s",
	      text_of(daemon.errors));
	CHECK(program_run(&daemon, lastack_path(), "daemon", "-c", path) == 2, "it starts");
	CHECK(program_run(&daemon, lastack_path(), "daemon", "-c", "/nonexistent", "--check-config") == 2 &&
		      text_has(daemon.errors, "lastack: daemon: /nonexistent: No such file"),
	      "%s", text_of(daemon.errors));
	path = test_file("right.conf", "history-max-age = 3d\nsocket-mode = 0600\n");
	CHECK(program_run(&daemon, lastack_path(), "daemon", "-c", path, "--check-config") == 0 &&
		      text_has(daemon.output, "the configuration is right"),
	      "%s", text_of(daemon.errors));
}

static void config_reload(void)
{
	char *path = test_file("lastack.conf", "log-level = info\nstore-queue = 2048\n");

	daemon_place(&place, "one");
	daemon_plan(&daemon_program, &place, "-c", path, NULL);
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	test_file("lastack.conf", "log-level = debug\nstore-queue = 4096\nhistory-max-age = 1d\n");
	kill(daemon_program.pid, SIGHUP);
	CHECK(BECOMES_TRUE(text_has(daemon_program.errors, "reloaded")), "%s", text_of(daemon_program.errors));
	CHECK(text_has(daemon_program.errors, "log-level is taken over") &&
		      text_has(daemon_program.errors, "history-max-age is taken over") &&
		      text_has(daemon_program.errors, "store-queue was changed: that takes a restart"),
	      "%s", text_of(daemon_program.errors));
	test_file("lastack.conf", "log-level = loud\n");
	kill(daemon_program.pid, SIGHUP);
	CHECK(BECOMES_TRUE(text_has(daemon_program.errors, "none of it is taken over")), "%s",
	      text_of(daemon_program.errors));
	CHECK(text_has(daemon_program.errors, "lastack.conf:1: log-level: must be one of error, warning"), "%s",
	      text_of(daemon_program.errors));
	daemon_stop(&daemon_program);
}

/* ---- audit ----------------------------------------------------------------------------------------- */

static void audit_daemon(void)
{
	daemon_place(&place, "one");
	/* By root: it may enter the namespaces of the load. */
	lastack_plan(&daemon_program, "daemon", "--user", "nobody", "--keep-capabilities", "sys_admin,sys_ptrace",
		     "--state-dir", place.state, "--socket", place.socket, "--http", place.http, "--audit-interval",
		     "1");
	program_start(&daemon_program);
	daemon_await(&daemon_program);
	netns_enter_new();
	mixed_play(5, PORT);
	CHECK(BECOMES_TRUE(daemon_metric(&place, "lastack_audits_total") >= 3), "no audit: %s",
	      text_of(daemon_program.errors));
	mixed_play(5, PORT + 100);
	CHECK(BECOMES_TRUE(daemon_metric(&place, "lastack_audits_total") >= 6), "no audit: %s",
	      text_of(daemon_program.errors));
	CHECK(!text_has(daemon_program.errors, "nothing explains"), "%s", text_of(daemon_program.errors));
	daemon_stop(&daemon_program);
}

const struct test daemon_tests[] = {
	{"daemon_verbs", verbs_daemon},
	{"daemon_privileges", privileges_daemon},
	{"daemon_user", user_daemon},
	{"daemon_config_wrong", config_wrong},
	{"daemon_config_reload", config_reload},
	{"daemon_audit", audit_daemon},
	{0},
};
