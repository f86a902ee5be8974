/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.c: lastack where the kernel holds no types (BTF), with and without a file of them (--btf): ends are told by raw
 * tracepoints, what cannot be done is said, and a file that is none, or not of this kernel, is refused.
 */
#include "daemons.h"
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT         8700
#define PORT_NOBODY  8701 /* where nobody listens */
#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

/* ---- files of types -------------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", test_directory(), name);
	return path;
}

static char *kernel_types(size_t *bytes)
{
	struct stat status;
	char *types;
	int fd = open(KERNEL_TYPES, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;

	if (fd < 0)
		test_skip("%s: %s", KERNEL_TYPES, strerror(errno));
	CHECK(!fstat(fd, &status), "fstat");
	types = malloc((size_t)status.st_size);
	for (*bytes = 0; types && (got = read(fd, types + *bytes, (size_t)status.st_size - *bytes)) > 0;)
		*bytes += (size_t)got;
	CHECK(types && got == 0 && *bytes == (size_t)status.st_size, "%s: %s", KERNEL_TYPES, strerror(errno));
	close(fd);
	return types;
}

static const char *types_write(const char *name, const char *types, size_t bytes)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "w");

	CHECK(file && fwrite(types, 1, bytes, file) == bytes && !fclose(file), "%s: %s", path, strerror(errno));
	return path;
}

/* What the kernel itself holds, as a file. */
static const char *types_copy(void)
{
	size_t bytes;
	char *types = kernel_types(&bytes);
	const char *path = types_write("types", types, bytes);

	free(types);
	return path;
}

/* What follows a type of this kind, in bytes. */
static size_t type_more_bytes(uint32_t info)
{
	static const uint8_t fixed[BTF_KIND_MAX + 1] = {[BTF_KIND_INT] = 4,
							[BTF_KIND_ARRAY] = sizeof(struct btf_array),
							[BTF_KIND_VAR] = 4,
							[BTF_KIND_DECL_TAG] = 4};
	static const uint8_t each[BTF_KIND_MAX + 1] = {
		[BTF_KIND_STRUCT] = sizeof(struct btf_member),    [BTF_KIND_UNION] = sizeof(struct btf_member),
		[BTF_KIND_ENUM] = sizeof(struct btf_enum),        [BTF_KIND_ENUM64] = sizeof(struct btf_enum64),
		[BTF_KIND_FUNC_PROTO] = sizeof(struct btf_param), [BTF_KIND_DATASEC] = sizeof(struct btf_var_secinfo),
	};
	unsigned kind = BTF_INFO_KIND(info);

	return kind > BTF_KIND_MAX ? 0 : fixed[kind] + each[kind] * BTF_INFO_VLEN(info);
}

/* Moves a member of a structure, as another version of the kernel may have it elsewhere. */
static void member_move(char *types, const char *structure, const char *member, int bits)
{
	const struct btf_header *header = (const struct btf_header *)types;
	char *at = types + header->hdr_len + header->type_off, *end = at + header->type_len;
	const char *names = types + header->hdr_len + header->str_off;
	unsigned moved = 0;

	while (at < end) {
		const struct btf_type *type = (const struct btf_type *)at;
		struct btf_member *members = (struct btf_member *)(at + sizeof(*type));
		bool is_it = BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT && !strcmp(names + type->name_off, structure);

		for (unsigned i = 0; is_it && i < BTF_INFO_VLEN(type->info); i++)
			if (!strcmp(names + members[i].name_off, member)) {
				members[i].offset += (uint32_t)bits;
				moved++;
			}
		at += sizeof(*type) + type_more_bytes(type->info);
	}
	CHECK(moved, "the kernel's types have no %s.%s", structure, member);
}

/* Gives whatever has this name another. */
static void name_change(char *types, const char *name)
{
	const struct btf_header *header = (const struct btf_header *)types;
	char *at = types + header->hdr_len + header->str_off, *end = at + header->str_len;

	while (at < end && strcmp(at, name))
		at += strlen(at) + 1;
	CHECK(at < end, "the kernel's types have no %s", name);
	*at = '_';
}

/* As on a kernel without CONFIG_DEBUG_INFO_BTF: the file of its types holds nothing. */
static void types_hide(void)
{
	const char *path = types_write("none", "", 0);

	CHECK(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "unshare: %s",
	      strerror(errno));
	CHECK(!mount(path, KERNEL_TYPES, NULL, MS_BIND, NULL), "%s: %s", KERNEL_TYPES, strerror(errno));
}

/* ---- without a file -------------------------------------------------------------------------------- */

static void kernel_without_btf(void)
{
	static const char *const commands[][3] = {
		{"live"},
		{"check"},
		{"check", "--programs"},
		{"record", "/dev/null"},
		{"audit"},
		{"diagnose", "--once"},
		{"probe", "--all"},
	};
	struct program program;
	char words[64];

	types_hide();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		program_plan(&program, lastack_path(), NULL);
		for (size_t k = 0; commands[i][k]; k++)
			program_word(&program, commands[i][k]);
		if (!strcmp(commands[i][0], "probe"))
			program_word(&program, "--state-dir"), program_word(&program, test_directory());
		program_start(&program);
		snprintf(words, sizeof(words), "lastack: %s: ", commands[i][0]);
		CHECK(program_exit(&program) == 3, "'%s' ends with %d", program_words(&program),
		      program_exit(&program));
		CHECK(text_has(program.errors, words) && text_has(program.errors, "no BTF") &&
			      text_has(program.errors, "CONFIG_DEBUG_INFO_BTF") &&
			      text_has(program.errors, "--btf FILE"),
		      "'%s' says: %s", program_words(&program), text_of(program.errors));
	}
}

/* ---- with a file: ends ----------------------------------------------------------------------------- */

/* To a port of the loopback where nobody listens. */
static void refused_play(int family)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(PORT_NOBODY)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT_NOBODY)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v6.sin6_addr = in6addr_loopback;
	CHECK(connect(fd, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		      family == AF_INET ? sizeof(v4) : sizeof(v6)) &&
		      errno == ECONNREFUSED,
	      "connect to port %d: %s", PORT_NOBODY, strerror(errno));
	close(fd);
}

static void ends_play(int family)
{
	int listener = tcp_listen(family, PORT);
	char byte;
	struct pair pair = pair_open(family, listener, PORT);

	pair_close(&pair);
	pair = pair_open(family, listener, PORT);
	linger_zero(pair.client);
	close(pair.client);
	close(pair.server);
	pair = pair_open(family, listener, PORT);
	CHECK(write(pair.server, "unread", 6) == 6, "write: %s", strerror(errno));
	CHECK(recv(pair.client, &byte, 1, MSG_PEEK) == 1, "it does not arrive: %s", strerror(errno));
	close(pair.client);
	close(pair.server);
	close(listener);
	refused_play(family);
}

struct end {
	const char *port_name, *cause, *initiator;
	uint16_t port;
	unsigned told; /* of either family */
};

/* Counts the lines that tell such an end whole: what it is, who it was, whose socket. By ports: keys are addresses. */
static unsigned ends_told(int fd, const struct end *end, uint32_t netns)
{
	char *text = text_of(fd), *rest = text, *line, words[5][64];
	unsigned told = 0;

	snprintf(words[0], sizeof(words[0]), "\"netns\":%u,", netns);
	snprintf(words[1], sizeof(words[1]), "\"%s\":%d,", end->port_name, end->port);
	snprintf(words[2], sizeof(words[2]), "\"cause\":\"%s\"", end->cause);
	snprintf(words[3], sizeof(words[3]), "\"initiator\":\"%s\"", end->initiator);
	snprintf(words[4], sizeof(words[4]), "\"pid\":%d,", (int)getpid());
	while ((line = strsep(&rest, "\n"))) {
		bool all = strstr(line, "\"completeness\":\"complete\"") && !strstr(line, "\"verdict\":\"violation\"");

		for (size_t i = 0; all && i < sizeof(words) / sizeof(words[0]); i++)
			all = strstr(line, words[i]);
		told += all;
	}
	free(text);
	return told;
}

static bool all_told(int fd, const struct end *ends, uint32_t netns)
{
	for (; ends->cause; ends++)
		if (ends_told(fd, ends, netns) < ends->told)
			return false;
	return true;
}

/* Nothing but the file is there to go by. */
static void types_ends(void)
{
	static const struct end ends[] = {
		{"remote_port", "fin_local_first", "local_app", PORT, 2},
		{"local_port", "fin_peer_first", "peer", PORT, 2},
		{"remote_port", "rst_sent_linger", "local_app", PORT, 2},
		{"local_port", "rst_received", "peer", PORT, 4},
		{"remote_port", "rst_sent_unread_data", "local_app", PORT, 2},
		{"remote_port", "refused", "peer", PORT_NOBODY, 2},
		{0},
	};
	const char *types = types_copy();
	struct program live;
	uint32_t netns;

	types_hide();
	netns = netns_enter_new();
	lastack_start(&live, "live", "-o", "json", "--btf", types);
	CHECK(text_has(live.errors, "what existed before is not known"), "%s", text_of(live.errors));
	ends_play(AF_INET);
	ends_play(AF_INET6);
	CHECK(BECOMES_TRUE(all_told(live.output, ends, netns)), "not all is told: %s", text_of(live.output));
	lastack_stop(&live);
	CHECK(counts_of(&live).generated > 0, "no events");
}

/* ---- with a file: what there is, and what is refused ----------------------------------------------- */

static void types_check(void)
{
	const char *types = types_copy();
	struct program check;

	CHECK(program_run(&check, lastack_path(), "check", "-o", "json", "--btf", types) == 1, "status %d: %s",
	      program_exit(&check), text_of(check.errors));
	CHECK(text_has(check.output, "\"hook\":\"state change\",\"tier\":\"tracepoint\""), "%s", text_of(check.output));
	CHECK(text_has(check.output, "\"hook\":\"existing sockets\",\"tier\":null") &&
		      text_has(check.output, "\"hook\":\"sockets without a file\",\"tier\":null"),
	      "iterators ask for the kernel's own types: %s", text_of(check.output));
	CHECK(text_has(check.output, "types that the kernel itself holds"), "no reason: %s", text_of(check.output));
	CHECK(!text_has(check.output, "\"tier\":\"fentry\"") && !text_has(check.output, "\"tier\":\"iterator\""), "%s",
	      text_of(check.output));
	CHECK(program_run(&check, lastack_path(), "check", "--btf", types) == 1 &&
		      text_has(check.output, "its types from"),
	      "%s", text_of(check.output));
	CHECK(program_run(&check, lastack_path(), "check", "--programs", "--btf", types) == 0, "%s%s",
	      text_of(check.output), text_of(check.errors));
}

static void is_refused(const char *types, const char *why)
{
	struct program live;
	char words[256];

	snprintf(words, sizeof(words), "lastack: live: --btf %s: ", types);
	CHECK(program_run(&live, lastack_path(), "live", "-d", "1", "--btf", types) == 3, "%s: status %d: %s", types,
	      program_exit(&live), text_of(live.errors));
	CHECK(text_has(live.errors, words) && text_has(live.errors, why), "not '%s' but %s", why, text_of(live.errors));
}

/* Files that hold no types of this kernel; and, the near miss, one in which only what nobody reads has moved. */
static void types_refused(void)
{
	static const char *const moves[][3] = {
		{"sock_common", "skc_family", "TCP socket"},
		{"sock_common", "skc_net", "network namespace"},
		{"inet_sock", "inet_sport", "port"},
		{"inet_connection_sock", "icsk_user_timeout", "TCP_USER_TIMEOUT"},
		{"tcp_sock", "keepalive_time", "TCP_KEEPIDLE"},
		{"task_struct", "files", "TCP socket"},
	};
	char name[32], *types, *moved;
	struct program live;
	size_t bytes;

	is_refused(path_of("missing"), "No such file");
	is_refused(test_directory(), "no types");
	is_refused(types_write("empty", "", 0), "no types");
	is_refused(types_write("words", "no types at all\n", 16), "no types");
	is_refused(lastack_path(), "no types");
	types = kernel_types(&bytes);
	moved = malloc(bytes);
	CHECK(moved, "no memory");
	is_refused(types_write("half", types, bytes / 2), "no types");
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		memcpy(moved, types, bytes);
		member_move(moved, moves[i][0], moves[i][1], 64);
		snprintf(name, sizeof(name), "moved%zu", i);
		is_refused(types_write(name, moved, bytes), moves[i][2]);
	}
	memcpy(moved, types, bytes);
	name_change(moved, "snd_una");
	is_refused(types_write("renamed", moved, bytes), "loading");
	memcpy(moved, types, bytes);
	member_move(moved, "tcp_sock", "snd_cwnd_stamp", 64);
	CHECK(program_run(&live, lastack_path(), "live", "-d", "1", "--btf", types_write("same", moved, bytes)) == 0,
	      "nothing that is read has moved: %s", text_of(live.errors));
	free(moved);
	free(types);
}

/* ---- the daemon ------------------------------------------------------------------------------------ */

/* The setting names a file that only root may read: it is read before root is given up. */
static void types_daemon(void)
{
	static const struct end end = {"remote_port", "fin_local_first", "local_app", PORT, 1};
	const char *types = types_copy(), *settings;
	struct daemon_place place;
	struct program daemon, asker;
	struct pair pair;
	char text[512];
	uint32_t netns;

	types_hide();
	daemon_place(&place, "one");
	snprintf(text, sizeof(text), "btf = %s\nstate-dir = %s\nsocket = %s\nhttp = %s\nuser = nobody\n", types,
		 place.state, place.socket, place.http);
	settings = types_write("settings", text, strlen(text));
	CHECK(!chmod(types, 0600) && !chown(place.directory, 0, 0), "chmod");
	lastack_plan(&daemon, "daemon", "--config", settings);
	program_start(&daemon);
	daemon_await(&daemon);
	CHECK(process_field(daemon.pid, "Uid", 10) == UNPRIVILEGED_UID, "uid");
	netns = netns_enter_new();
	pair = pair_open(AF_INET, tcp_listen(AF_INET, PORT), PORT);
	CHECK(BECOMES_TRUE(daemon_ask(&asker, &place, "list", "-o", "json", NULL) == 0 &&
			   text_has(asker.output, "\"remote_port\":8700,")),
	      "it lives, and is not listed: %s", text_of(asker.output));
	CHECK(text_has(asker.errors, "older than the daemon are not among them"), "%s", text_of(asker.errors));
	pair_close(&pair);
	CHECK(BECOMES_TRUE(daemon_ask(&asker, &place, "history", "-o", "json", NULL) == 0 &&
			   ends_told(asker.output, &end, netns) == 1),
	      "its end is not in the history: %s%s", text_of(asker.output), text_of(asker.errors));
	/* No findings would say that all is well. */
	CHECK(daemon_ask(&asker, &place, "diagnose", NULL) == 3 && text_has(asker.errors, "cannot list sockets"),
	      "%s%s", text_of(asker.output), text_of(asker.errors));
	CHECK(daemon_metric(&place, "lastack_diagnoses_total") == 0, "it diagnosed");
	CHECK(daemon_metric(&place, "lastack_findings{kind=\"close_wait_leak\",certainty=\"certain\"}") == -1,
	      "nothing was looked at, and 0 is told");
	daemon_stop(&daemon);
}

/* Unprivileged with the two capabilities, as systemd starts it; and a file that is refused. */
static void types_privileges(void)
{
	const char *types = types_copy();
	struct daemon_place place;
	struct program daemon;

	CHECK(!chmod(types, 0644), "chmod");
	daemon_place(&place, "one");
	daemon_plan(&daemon, &place, "--btf", types, NULL);
	program_start(&daemon);
	daemon_await(&daemon);
	CHECK(process_field(daemon.pid, "Uid", 10) == UNPRIVILEGED_UID, "uid");
	daemon_stop(&daemon);
	daemon_plan(&daemon, &place, "--btf", path_of("missing"), NULL);
	program_start(&daemon);
	CHECK(program_exit(&daemon) == 3 && text_has(daemon.errors, "lastack: daemon: --btf "), "status %d: %s",
	      program_exit(&daemon), text_of(daemon.errors));
}

const struct test types_tests[] = {
	{"kernel_without_btf", kernel_without_btf},
	{"types_ends", types_ends},
	{"types_check", types_check},
	{"types_refused", types_refused},
	{"types_daemon", types_daemon},
	{"types_privileges", types_privileges},
	{0},
};
