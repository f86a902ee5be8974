/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conditions.c: what lastack does where it may not, cannot, or is asked for nonsense; and every way in
 * which it may be told to end.
 */
#include "net.h"
#include "system.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 7600

/* ---- privileges ------------------------------------------------------------------------------------ */

/* Plans lastack as a user with these capabilities only ("-all", "+bpf", "+bpf,+perfmon"). */
static void plan_with(struct program *program, const char *capabilities, const char *verb)
{
	static char inherited[64], ambient[64];

	snprintf(inherited, sizeof(inherited), "--inh-caps=%s", capabilities);
	snprintf(ambient, sizeof(ambient), "--ambient-caps=%s", capabilities);
	program_plan(program, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", inherited, ambient,
		     lastack_for_anybody(), verb, NULL);
	program->home = true;
}

static void is_refused(const char *capabilities, const char *verb)
{
	struct program program;
	char words[64];

	plan_with(&program, capabilities, verb);
	if (!strcmp(verb, "record"))
		program_word(&program, "/tmp/lastack-never-written");
	if (strcmp(verb, "check"))
		program_word(&program, "-d"), program_word(&program, "5");
	program_start(&program);
	CHECK(program_exit(&program) == 3, "%s with %s ends with %d: %s", verb, capabilities, program_exit(&program),
	      text_of(program.errors));
	snprintf(words, sizeof(words), "lastack: %s: ", verb);
	CHECK(text_has(program.errors, words), "%s with %s: %s", verb, capabilities, text_of(program.errors));
	CHECK(text_has(program.errors, "root") && text_has(program.errors, "CAP_BPF") &&
		      text_has(program.errors, "CAP_PERFMON"),
	      "%s with %s does not say what to do: %s", verb, capabilities, text_of(program.errors));
}

/* Does a line hold all these words? By ports, not by cookies, which reports have none of before Linux 5.12. */
static bool end_is_told(const struct program *program, uint32_t netns, const char *port_name, const char *cause)
{
	char *text = text_of(program->output), *rest = text, *line, place[64], port[64], verdict[64];
	bool told = false;

	snprintf(place, sizeof(place), "\"netns\":%u,", netns);
	snprintf(port, sizeof(port), "\"%s\":%d,", port_name, PORT);
	snprintf(verdict, sizeof(verdict), "\"cause\":\"%s\"", cause);
	while (!told && (line = strsep(&rest, "\n")))
		told = strstr(line, place) && strstr(line, port) && strstr(line, verdict);
	free(text);
	return told;
}

/* With the two capabilities it works, and sees other users' connections in other namespaces. */
static void both_suffice(void)
{
	struct program program;
	struct pair pair;
	uint32_t netns;

	plan_with(&program, "+bpf,+perfmon", "check");
	program_start(&program);
	CHECK(program_exit(&program) <= 1, "check: %s", text_of(program.errors)); /* 1: a hook is missing here */
	plan_with(&program, "+bpf,+perfmon", "live");
	program_word(&program, "-o");
	program_word(&program, "json");
	program_start(&program);
	lastack_await(&program);
	netns = netns_enter_new();
	pair = pair_open(AF_INET, tcp_listen(AF_INET, PORT), PORT);
	pair_close(&pair);
	CHECK(BECOMES_TRUE(end_is_told(&program, netns, "remote_port", "fin_local_first")) &&
		      BECOMES_TRUE(end_is_told(&program, netns, "local_port", "fin_peer_first")),
	      "not told: %s", text_of(program.output));
	lastack_stop(&program);
	counts_of(&program);
}

/* None of the two capabilities does without the other, and no verb does without both; root has them. */
static void privileges(void)
{
	static const char *const too_few[] = {"-all", "+bpf", "+perfmon"};
	static const char *const verbs[] = {"live", "check", "record", "audit"};

	for (size_t i = 0; i < sizeof(too_few) / sizeof(too_few[0]); i++)
		for (size_t k = 0; k < sizeof(verbs) / sizeof(verbs[0]); k++)
			is_refused(too_few[i], verbs[k]);
	both_suffice();
}

/* In a container's pid namespace it sees less, and says so; in the host's it has nothing to say. */
static void pid_namespace(void)
{
	struct program program;
	struct stat own;

	if (stat("/proc/self/ns/pid", &own) || own.st_ino != 0xeffffffcU)
		test_skip("the test itself is not in the host's pid namespace");
	CHECK(program_run(&program, lastack_path(), "live", "-d", "0.1") == 0 &&
		      !text_has(program.errors, "pid namespace"),
	      "%s", text_of(program.errors));
	CHECK(!unshare(CLONE_NEWPID), "unshare: %s", strerror(errno)); /* of children to come */
	CHECK(program_run(&program, lastack_path(), "live", "-d", "0.1") == 0 &&
		      text_has(program.errors, "lastack: live: not in the host's pid namespace: "),
	      "%s", text_of(program.errors));
}

/* ---- wrong_use ------------------------------------------------------------------------------------- */

/* verb, option, value: each must be refused with status 2 and "lastack: VERB: what: why" before anything is watched. */
static const char *const nonsense[][5] = {
	{"live", "--ring-size", "0"},
	{"live", "--ring-size", "1000"},
	{"live", "--ring-size", "5000"},
	{"live", "--ring-size", "1099511627776"},
	{"live", "--ring-size", "99999999999999999999999999"},
	{"live", "--ring-size", "-4096"},
	{"live", "--ring-size", "4096x"},
	{"live", "--ring-size", ""},
	{"live", "--no-such-option"},
	{"live", "-z"},
	{"live", "--class"},
	{"live", "-L"},
	{"live", "-L", "abc"},
	{"live", "-L", "80,"},
	{"live", "-L", ",80"},
	{"live", "-L", "0"},
	{"live", "-L", "65536"},
	{"live", "-L", "90-80"},
	{"live", "-D", "80-"},
	{"live", "-D", "-80"},
	{"live", "-D", "80 81"},
	{"live", "-D", ""},
	{"live", "--class", "nonsense"},
	{"live", "--class", "graceful,"},
	{"live", "--class", ""},
	{"live", "--cause", "rst"},
	{"live", "-o", "yaml"},
	{"live", "-p", "0"},
	{"live", "-p", "abc"},
	{"live", "-p", "-1"},
	{"live", "-p", "1,"},
	{"live", "--netns", "nowhere"},
	{"live", "--netns", "-1"},
	{"live", "--netns", "0"},
	{"live", "--cgroup", "relative"},
	{"live", "--cgroup", "/no/such/cgroup"},
	{"live", "--comm", ""},
	{"live", "-w", "10"},
	{"live", "-w", "99999999"},
	{"live", "-n", "0"},
	{"live", "-n", "-1"},
	{"live", "-d", "-1"},
	{"live", "-d", "0"},
	{"live", "-d", "soon"},
	{"live", "--settle", "99999999"},
	{"live", "--tier", "magic"},
	{"live", "--max-connections", "1"},
	{"live", "too-much"},
	{"live", "-o", "csv", "--events"},
	{"record"},
	{"record", "a", "b"},
	{"replay"},
	{"replay", "a", "b"},
	{"replay", "--ring-size", "4096", "x"},
	{"audit", "too-much"},
	{"audit", "-o", "csv"},
	{"audit", "-d", "0"},
	{"audit", "--ring-size", "5000"},
	{"check", "too-much"},
	{"check", "-o", "csv"},
	{"machine", "-o", "csv"},
	{"machine", "--from", "establishd"},
	{"machine", "--to", ""},
	{"machine", "--from", "CLOSE,NOWHERE"},
	{"machine", "--rfc", "--linux"},
	{"machine", "-w", "10"},
	{"machine", "a-file"},
	{"machine", "-d", "1"},
	{"machine", "--coverage", "-d", "1", "a-file"},
};

static void is_nonsense(const char *const words[5])
{
	struct program program;
	char begin[64], *errors, *second;

	program_plan(&program, lastack_path(), NULL);
	for (int i = 0; i < 5 && words[i]; i++)
		program_word(&program, words[i]);
	program_start(&program);
	CHECK(program_exit(&program) == 2, "'%s' ends with %d: %s", program_words(&program), program_exit(&program),
	      text_of(program.errors));
	errors = text_of(program.errors);
	snprintf(begin, sizeof(begin), "lastack: %s: ", words[0]);
	CHECK(!strncmp(errors, begin, strlen(begin)), "'%s' says: %s", program_words(&program), errors);
	second = strstr(errors + strlen(begin), ": ");
	CHECK(second && second[2] && strchr(errors, '\n') == errors + strlen(errors) - 1,
	      "'%s' says no 'what: why' in one line: %s", program_words(&program), errors);
	CHECK(text_lines(program.output) == 0, "'%s' prints: %s", program_words(&program), text_of(program.output));
	free(errors);
	close(program.output);
	close(program.errors);
}

static void wrong_use(void)
{
	struct program program;

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		is_nonsense(nonsense[i]);
	CHECK(program_run(&program, lastack_path()) == 2, "without a verb: %d", program_exit(&program));
	CHECK(program_run(&program, lastack_path(), "no-such-verb") == 2, "no-such-verb: %d", program_exit(&program));
	CHECK(text_has(program.errors, "lastack: no-such-verb: "), "%s", text_of(program.errors));
	CHECK(program_run(&program, lastack_path(), "live", "--help") == 0 && text_has(program.output, "--ring-size"),
	      "--help: %s", text_of(program.output));
	CHECK(program_run(&program, lastack_path(), "--version") == 0 && text_lines(program.output) == 1, "--version");
}

/* ---- endings --------------------------------------------------------------------------------------- */

static void ends_with_summary(struct program *program, const char *of)
{
	CHECK(program_exit(program) == 0, "after %s it ends with %d: %s", of, program_exit(program),
	      text_of(program->errors));
	CHECK(text_has(program->errors, "connections ended"), "after %s there is no summary: %s", of,
	      text_of(program->errors));
	counts_of(program);
}

static void end_by_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct program program;

	for (int i = 0; i < 3; i++) {
		lastack_start(&program, "live");
		kill(program.pid, signals[i]);
		ends_with_summary(&program, strsignal(signals[i]));
	}
}

static void end_by_duration(void)
{
	struct program program;
	uint64_t begin_ns, span_ns;

	lastack_start(&program, "live", "-d", "0.7");
	begin_ns = now_ns();
	ends_with_summary(&program, "-d 0.7");
	span_ns = now_ns() - begin_ns;
	CHECK(span_ns > 500000000 && span_ns < 10000000000, "-d 0.7 took %.3f s", (double)span_ns / 1e9);
}

static void end_by_count(int listener)
{
	struct program program;
	struct pair pair;
	char netns[16];

	snprintf(netns, sizeof(netns), "%u", netns_inode());
	lastack_start(&program, "live", "-n", "5", "-o", "json", "--settle", "0", "--netns", netns);
	CHECK(BECOMES_TRUE((pair = pair_open(AF_INET, listener, PORT), pair_close(&pair), program_ended(&program))),
	      "-n 5 does not end it");
	ends_with_summary(&program, "-n 5");
	CHECK(text_lines(program.output) == 5, "-n 5 shows %ld connections", text_lines(program.output));
}

/* head -1: the reader takes a line and goes. */
static void end_by_closed_output(int listener)
{
	struct program program;
	struct pair pair;
	int ends[2];
	char byte;

	CHECK(!pipe2(ends, O_CLOEXEC | O_NONBLOCK) && !fcntl(ends[1], F_SETFL, 0), "pipe: %s", strerror(errno));
	lastack_plan(&program, "live", "-o", "json", "--settle", "0");
	program.output_to = ends[1];
	program_start(&program);
	close(ends[1]);
	lastack_await(&program);
	CHECK(BECOMES_TRUE(
		      (pair = pair_open(AF_INET, listener, PORT), pair_close(&pair), read(ends[0], &byte, 1) == 1)),
	      "no line comes");
	close(ends[0]);
	CHECK(BECOMES_TRUE((pair = pair_open(AF_INET, listener, PORT), pair_close(&pair), program_ended(&program))),
	      "nobody reads, and it goes on");
	ends_with_summary(&program, "the end of its reader");
}

static void end_by_full_output(int listener)
{
	struct program program;
	struct pair pair;

	lastack_plan(&program, "live", "-o", "json", "--settle", "0");
	program.output_to = open("/dev/full", O_WRONLY | O_CLOEXEC);
	program_start(&program);
	lastack_await(&program);
	CHECK(BECOMES_TRUE((pair = pair_open(AF_INET, listener, PORT), pair_close(&pair), program_ended(&program))),
	      "nothing can be written, and it goes on");
	CHECK(program_exit(&program) == 4, "it ends with %d", program_exit(&program));
	CHECK(text_has(program.errors, "lastack: live: standard output: No space left on device"), "%s",
	      text_of(program.errors));
}

static void endings(void)
{
	int listener;

	end_by_signals();
	end_by_duration();
	netns_enter_new();
	listener = tcp_listen(AF_INET, PORT);
	end_by_count(listener);
	end_by_closed_output(listener);
	end_by_full_output(listener);
}

const struct test condition_tests[] = {
	{"privileges", privileges},
	{"pid_namespace", pid_namespace},
	{"wrong_use", wrong_use},
	{"endings", endings},
	{0},
};
