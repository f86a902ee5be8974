// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_hook_command.c: the operator's program gets each message whole on its standard input, without a shell between;
 * one that hangs is ended, one that cannot be run does no harm, and a flood is dropped, not waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "serve/hook_command.h"

#define MS 1000000ULL

static char directory[] = "/tmp/lastack-hook-XXXXXX";
static char program[64], output[64];

static const struct hook_limits quick = {.apart_ns = MS, .run_ns = 300 * MS};

static void pause_ms(unsigned ms)
{
	struct timespec span = {0, (long)(ms * MS)};

	nanosleep(&span, NULL);
}

/* A program of its own for each test, so that nobody reads what another wrote. */
static void program_write(const char *body)
{
	static unsigned number;
	FILE *file;

	snprintf(program, sizeof(program), "%s/program-%u", directory, ++number);
	snprintf(output, sizeof(output), "%s/output-%u", directory, number);
	file = fopen(program, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\noutput=%s\n%s\n", output, body);
	fclose(file);
	assert_int_equal(chmod(program, 0755), 0);
}

static const char *output_read(void)
{
	static char text[1 << 17];
	int fd = open(output, O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static bool output_becomes(const char *expected)
{
	for (unsigned i = 0; i < 500; i++) {
		if (!strcmp(output_read(), expected))
			return true;
		pause_ms(10);
	}
	return false;
}

static struct hook_command *start(void)
{
	struct privileges_user user = {0};
	struct hook_command *hook = NULL;
	char why[256] = "";

	if (hook_command_start(&hook, program, &user, &quick, why, sizeof(why)))
		fail_msg("%s", why);
	return hook;
}

static void send_words(struct hook_command *hook, const char *words)
{
	assert_true(hook_command_send(hook, words, strlen(words)));
}

static void each_message_comes_whole_and_in_order(void **state)
{
	struct hook_command *hook;

	(void)state;
	program_write("cat >> $output; echo >> $output");
	hook = start();
	send_words(hook, "{\"kind\":\"$(reboot); `id` & '\"}");
	send_words(hook, "{\"kind\":\"second\"}");
	assert_true(output_becomes("{\"kind\":\"$(reboot); `id` & '\"}\n{\"kind\":\"second\"}\n"));
	hook_command_stop(hook);
}

static void the_largest_message_comes_whole(void **state)
{
	static char message[HOOK_MESSAGE_BYTES + 1], expected[64];
	struct hook_command *hook;

	(void)state;
	memset(message, 'x', sizeof(message));
	program_write("wc -c > $output");
	hook = start();
	assert_false(hook_command_send(hook, message, HOOK_MESSAGE_BYTES + 1));
	assert_false(hook_command_send(hook, message, 0));
	assert_true(hook_command_send(hook, message, HOOK_MESSAGE_BYTES));
	snprintf(expected, sizeof(expected), "%d\n", HOOK_MESSAGE_BYTES);
	assert_true(output_becomes(expected));
	hook_command_stop(hook);
}

/* With its children; and the next message has its turn. */
static void one_that_hangs_is_ended(void **state)
{
	struct hook_command *hook;

	(void)state;
	program_write("read line; if [ \"$line\" = hang ]; then sleep 1000; fi; echo \"$line\" > $output");
	hook = start();
	send_words(hook, "hang\n");
	send_words(hook, "next\n");
	assert_true(output_becomes("next\n"));
	hook_command_stop(hook);
}

/* It does not read what it is given: nobody waits for that. */
static void one_that_does_not_read_holds_nobody_up(void **state)
{
	struct hook_command *hook;

	(void)state;
	program_write("echo x >> $output");
	hook = start();
	send_words(hook, "one");
	send_words(hook, "two");
	assert_true(output_becomes("x\nx\n"));
	hook_command_stop(hook);
}

static void a_flood_is_dropped(void **state)
{
	static char message[HOOK_MESSAGE_BYTES];
	struct hook_command *hook;
	unsigned taken = 0;

	(void)state;
	memset(message, 'x', sizeof(message));
	program_write("sleep 1000");
	hook = start();
	while (taken < 1000 && hook_command_send(hook, message, sizeof(message)))
		taken++;
	assert_in_range(taken, 2, 100);
	hook_command_stop(hook);
}

static void what_cannot_be_run_is_refused(void **state)
{
	struct privileges_user user = {0};
	struct hook_command *hook = NULL;
	char why[256];

	(void)state;
	assert_int_equal(hook_command_start(&hook, "/nonexistent/x", &user, &quick, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "/nonexistent/x: No such file or directory");
	assert_int_equal(hook_command_start(&hook, "logger", &user, &quick, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "logger: must be a path that begins with /");
	assert_null(hook);
	/* Not executable: told, and no harm. */
	program_write("");
	assert_int_equal(chmod(program, 0644), 0);
	hook = start();
	send_words(hook, "x");
	hook_command_stop(hook);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_comes_whole_and_in_order),
		cmocka_unit_test(the_largest_message_comes_whole),
		cmocka_unit_test(one_that_hangs_is_ended),
		cmocka_unit_test(one_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(a_flood_is_dropped),
		cmocka_unit_test(what_cannot_be_run_is_refused),
	};
	char command[128];
	int status;

	if (!mkdtemp(directory))
		return 1;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) ? 1 : status;
}
