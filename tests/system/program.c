/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * program.c: runs programs. What they write goes to memory files, so that nobody has to drain a pipe
 * for them and a test can read it as often as it likes, while they run and afterwards.
 */
#include "system.h"

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* To start watching or to end, also beside a load that takes all CPUs of an emulated machine. */
#define PROGRAM_WAIT_MS 120000

void program_word(struct program *program, const char *word)
{
	CHECK(program->argc + 1 < sizeof(program->argv) / sizeof(program->argv[0]), "too many words");
	program->argv[program->argc++] = word;
	program->argv[program->argc] = NULL;
}

void program_plan(struct program *program, const char *word, ...)
{
	va_list words;

	memset(program, 0, sizeof(*program));
	program->output_to = -1;
	program->home = !strcmp(word, lastack_path());
	va_start(words, word);
	for (; word; word = va_arg(words, const char *))
		program_word(program, word);
	va_end(words);
}

static _Noreturn void program_become(const struct program *program)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (program->home)
		home_enter();
	dup2(program->output_to >= 0 ? program->output_to : program->output, STDOUT_FILENO);
	dup2(program->errors, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	execvp(program->argv[0], (char *const *)program->argv);
	_exit(127);
}

void program_start(struct program *program)
{
	program->output = memfd_create("output", MFD_CLOEXEC);
	program->errors = memfd_create("errors", MFD_CLOEXEC);
	program->pid = fork();
	CHECK(program->output >= 0 && program->errors >= 0 && program->pid >= 0, "%s: %s", program->argv[0],
	      strerror(errno));
	if (program->pid == 0)
		program_become(program);
}

const char *program_words(const struct program *program)
{
	static char words[512];
	size_t used = 0;

	for (unsigned i = 1; i < program->argc && used < sizeof(words) - 1; i++)
		used += (size_t)snprintf(words + used, sizeof(words) - used, "%s ", program->argv[i]);
	return words;
}

bool program_ended(struct program *program)
{
	if (program->pid && waitpid(program->pid, &program->wait_status, WNOHANG) == program->pid)
		program->pid = 0;
	return !program->pid;
}

int program_exit(struct program *program)
{
	CHECK(BECOMES_TRUE_IN(PROGRAM_WAIT_MS, program_ended(program)), "%s %s does not end; it said: %s",
	      program->argv[0], program->argv[1], text_of(program->errors));
	return WIFEXITED(program->wait_status) ? WEXITSTATUS(program->wait_status) : -WTERMSIG(program->wait_status);
}

char *text_of(int fd)
{
	struct stat status;
	char *text;
	ssize_t got;

	CHECK(!fstat(fd, &status), "fstat: %s", strerror(errno));
	text = malloc((size_t)status.st_size + 1);
	CHECK(text, "no memory");
	got = pread(fd, text, (size_t)status.st_size, 0);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

bool text_has(int fd, const char *words)
{
	char *text = text_of(fd);
	bool has = strstr(text, words);

	free(text);
	return has;
}

long text_lines(int fd)
{
	char *text = text_of(fd);
	long lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	free(text);
	return lines;
}

const char *program_find(const char *name)
{
	static const char *const places[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"};
	static char path[256];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], name);
		if (!access(path, X_OK))
			return path;
	}
	return NULL;
}

/* ---- lastack ------------------------------------------------------------------------------------- */

const char *lastack_path(void)
{
	const char *path = getenv("LASTACK");

	return path ? path : "build/lastack";
}

const char *lastack_preload(const char *library)
{
	static char word[512];
	const char *path = lastack_path(), *slash = strrchr(path, '/');

	snprintf(word, sizeof(word), "LD_PRELOAD=%.*s/%s", slash ? (int)(slash - path) : 1, slash ? path : ".",
		 library);
	return word;
}

const char *lastack_for_anybody(void)
{
	static char path[128];
	struct stat status;
	int from, to;

	if (path[0])
		return path;
	snprintf(path, sizeof(path), "%s/lastack", test_directory());
	from = open(lastack_path(), O_RDONLY | O_CLOEXEC);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	CHECK(from >= 0 && to >= 0 && !fstat(from, &status), "%s: %s", lastack_path(), strerror(errno));
	CHECK(sendfile(to, from, NULL, (size_t)status.st_size) == status.st_size, "copying lastack: %s",
	      strerror(errno));
	close(from);
	close(to);
	return path;
}

void lastack_await(struct program *program)
{
	CHECK(BECOMES_TRUE_IN(PROGRAM_WAIT_MS, program_ended(program) || text_has(program->errors, "watching;")),
	      "lastack does not begin to watch; it said: %s", text_of(program->errors));
	CHECK(program->pid, "lastack ended at once: %s", text_of(program->errors));
}

void lastack_stop(struct program *program)
{
	int status;

	CHECK(!program_ended(program), "lastack ended by itself: %s", text_of(program->errors));
	kill(program->pid, SIGINT);
	status = program_exit(program);
	CHECK(status == 0, "after SIGINT lastack ends with %d: %s", status, text_of(program->errors));
}

struct counts counts_of(const struct program *program)
{
	char *text = text_of(program->errors), *at = strstr(text, "events: generated ");
	struct counts counts = {0};
	unsigned long long of_kinds = 0, lost;

	CHECK(at && sscanf(at, "events: generated %llu delivered %llu lost %llu filtered %llu", &counts.generated,
			   &counts.delivered, &counts.lost, &counts.filtered) == 4,
	      "no counts in the summary: %s", text);
	CHECK(counts.generated == counts.delivered + counts.lost + counts.filtered,
	      "%s: generated %llu is not delivered %llu + lost %llu + filtered %llu", program_words(program),
	      counts.generated, counts.delivered, counts.lost, counts.filtered);
	for (at = strstr(at, "\n  lost: "); at; at = strstr(at + 1, "\n  lost: ")) {
		CHECK(sscanf(at, "\n  lost: %llu of", &lost) == 1, "%s", text);
		of_kinds += lost;
	}
	CHECK(of_kinds == counts.lost, "the losses of all kinds make %llu, not %llu", of_kinds, counts.lost);
	free(text);
	return counts;
}
