/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * system.h: what every system test uses: how a test says that it failed, how it waits, how it runs
 * programs, above all lastack, and what it reads from them. A test is one function in a process of its
 * own, so it may enter namespaces and leave children behind: all end with it. It knows nothing of
 * lastack but its command line and its output.
 */
#ifndef SYSTEM_SYSTEM_H
#define SYSTEM_SYSTEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define UNPRIVILEGED_UID 65534
#define TEXT_BYTES       4096

struct test {
	const char *name;
	void (*run)(void);
};

/* Each file of tests has one of these, ended by a test without a name. */
extern const struct test loss_tests[], start_tests[], owner_tests[], recording_tests[], condition_tests[],
	filter_tests[], output_tests[], program_tests[], machine_tests[], audit_tests[], daemon_tests[],
	daemon_hook_tests[], daemon_store_tests[], daemon_client_tests[], diagnose_tests[], diagnose_stacks_tests[],
	diagnose_network_tests[], diagnose_peer_tests[], diagnose_limit_tests[], diagnose_owner_tests[], probe_tests[],
	probe_end_tests[], fault_sweep_tests[], fault_daemon_tests[], fault_asker_tests[], fault_live_tests[],
	fault_link_tests[], types_tests[];

/* ---- verdicts: both end the process of the test */
_Noreturn void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Figures, told with the test's name if it passes; of several each adds to the line. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define CHECK(condition, ...)                                                                                          \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			test_fail(__VA_ARGS__);                                                                        \
	} while (0)

/* Are all cases wanted, however long it takes? By LASTACK_DEEP in the environment. */
bool test_is_deep(void);

/* May what belongs to the whole host be changed for a moment? By --global. */
bool test_is_global(void);

/* A directory that the runner removes when the test has ended, whatever it ended of. */
void test_remove_later(const char *directory);
/* A directory of this test's own, for files; anybody may enter it. */
const char *test_directory(void);
/* A file with this text in it; the path lives until the next call. */
char *test_file(const char *name, const char *text);

/* ---- time: waits for conditions, never for time to pass */
uint64_t now_ns(void);
void pause_ms(unsigned ms);
#define WAIT_MS 20000
/* Is it true, or does it become true in time? */
#define BECOMES_TRUE_IN(ms, condition)                                                                                 \
	({                                                                                                             \
		uint64_t until_ = now_ns() + (uint64_t)(ms)*1000000;                                                   \
		bool true_ = false;                                                                                    \
		while (!(true_ = (condition)) && now_ns() < until_)                                                    \
			pause_ms(5);                                                                                   \
		true_;                                                                                                 \
	})
#define BECOMES_TRUE(condition) BECOMES_TRUE_IN(WAIT_MS, condition)

/* ---- programs */
struct program {
	pid_t pid;          /* 0: has ended */
	int output, errors; /* all that it has written so far, readable from the start */
	int wait_status;    /* once it has ended */
	bool home;          /* set by program_plan(): run in the namespace that the tests began in */
	int output_to;      /* set by program_plan(): -1, or where its standard output goes instead */
	const char *argv[40];
	unsigned argc;
};

/* The words up to a NULL; more may be added with program_word(). Nothing runs yet. */
void program_plan(struct program *program, const char *word, ...);
void program_word(struct program *program, const char *word);
void program_start(struct program *program);
/* Has it ended? */
bool program_ended(struct program *program);
/* Waits for its end; fails the test if it does not come. The exit status, or -signal. */
int program_exit(struct program *program);
/* Plans, starts and waits. */
#define program_run(program, ...)                                                                                      \
	(program_plan(program, __VA_ARGS__, NULL), program_start(program), program_exit(program))
/* All that a descriptor of a program (or any file) holds; to be freed. */
char *text_of(int fd);
bool text_has(int fd, const char *words);
long text_lines(int fd);
/* Where the program is; NULL where it is not. */
const char *program_find(const char *name);

/* ---- lastack: words up to a NULL; "-o" and the like are up to the test */
const char *lastack_path(void);
/* "LD_PRELOAD=" and a library that is built beside it; lives until the next call. */
const char *lastack_preload(const char *library);
/* A copy that an unprivileged user may run. */
const char *lastack_for_anybody(void);
#define lastack_plan(program, ...) program_plan(program, lastack_path(), __VA_ARGS__, NULL)
/* Waits until it watches. */
void lastack_await(struct program *program);
#define lastack_start(program, ...) (lastack_plan(program, __VA_ARGS__), program_start(program), lastack_await(program))
/* SIGINT, and its end with status 0. */
void lastack_stop(struct program *program);

struct counts {
	unsigned long long generated, delivered, lost, filtered;
};

/* From its summary; fails the test where there is none or generated = delivered + lost + filtered does not hold. */
struct counts counts_of(const struct program *program);
/* Its words, for messages. */
const char *program_words(const struct program *program);

/* ---- its reports */
struct reports {
	int fd;
	off_t at; /* read up to here */
	json_t **all;
	size_t count, room;
	bool sorted;
};

void reports_open(struct reports *reports, int fd);
/* Takes in the lines that are whole by now; fails the test at a line that is no JSON. */
void reports_refresh(struct reports *reports);
/* Sorts what has been read, so that some ten thousand sockets are found quickly; no more can be read then. */
void reports_sort(struct reports *reports);
const char *report_word(const json_t *report, const char *name); /* "" where it is null */
long long report_number(const json_t *report, const char *name); /* -1 where it is null */
const json_t *report_process(const json_t *report);
bool report_is(const json_t *report, const char *name, const char *word);
/* The highest revision of what was said of a socket; NULL. */
json_t *report_find(const struct reports *reports, uint64_t cookie);
/* How many first reports there are of a socket. */
size_t report_count(const struct reports *reports, uint64_t cookie);
/* Waits for it, and returns it. */
json_t *report_await(struct reports *reports, uint64_t cookie);
/* The line again, in memory that lives until the fourth call after this. */
const char *report_line(const json_t *report);

#endif
