// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_listen.c: addresses as operators write them, each a socket that somebody can connect to; and what must be left
 * alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "http_fixture.h"
#include "serve/listen.h"

#define GOOD "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

static char directory[64], address[128];
static const char *path = address + sizeof("unix:") - 1;

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/lastack-listen-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(address, sizeof(address), "unix:%s/socket", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static int try_address(const char *what, char why[256])
{
	struct listen_socket listener;
	int status = listen_open(&listener, what, 0660, (gid_t)-1, why, 256);

	if (!status)
		listen_close(&listener);
	return status;
}

static void each_kind_of_address_is_served(void **state)
{
	const char *const rows[] = {"127.0.0.1:0", "[::1]:0", address};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_fixture fixture;

		http_fixture_open(&fixture, rows[i], HTTP_CLIENTS_MAX);
		assert_int_equal(strncmp(http_address(fixture.http), rows[i], strlen(rows[i]) - 1), 0);
		assert_null(strstr(http_address(fixture.http), ":0\n"));
		assert_int_equal(http_ask(&fixture, GOOD, strlen(GOOD)).status, 200);
		http_close(fixture.http);
	}
	assert_int_equal(access(path, F_OK), -1); /* removed */
	http_close(NULL);
}

static void a_port_in_use_is_refused(void **state)
{
	struct listen_socket listener;
	char why[256] = "";

	(void)state;
	assert_int_equal(listen_open(&listener, "127.0.0.1:0", 0, (gid_t)-1, why, sizeof(why)), 0);
	assert_string_not_equal(listener.name, "127.0.0.1:0");
	assert_int_equal(try_address(listener.name, why), -EADDRINUSE);
	assert_string_equal(why, "cannot bind: Address already in use");
	listen_close(&listener);
}

static void what_is_no_address_is_said_to_be_none(void **state)
{
	static const char *const rows[] = {
		"",
		":",
		":80",
		"80",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:http",
		"127.0.0.1:-1",
		"127.0.0.1:65536",
		"127.0.0.1:99999999999999999999999999999999999999",
		"127.0.0.256:80",
		"localhost:80",
		"::1:80",
		"[::1]",
		"[::1:80",
		"::1]:80",
		"[]:80",
		"[127.0.0.1:80",
		"127.0.0.1 :80",
		"127.0.0.1:80 ",
		"UNIX:/tmp/x",
	};
	char why[256], expected[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (try_address(rows[i], why) != -EINVAL)
			fail_msg("\"%s\" was taken", rows[i]);
		snprintf(expected, sizeof(expected), "\"%s\" is none of ADDRESS:PORT, [ADDRESS]:PORT, unix:PATH",
			 rows[i]);
		assert_string_equal(why, expected);
	}
	assert_int_equal(try_address("unix:", why), -EINVAL);
	assert_int_equal(try_address("unix:/tmp/"
				     "0123456789012345678901234567890123456789012345678901234567890123456789"
				     "0123456789012345678901234567890123456789",
				     why),
			 -EINVAL);
	assert_int_equal(try_address("unix:/nonexistent/socket", why), -ENOENT);
	assert_string_equal(why, "/nonexistent/socket: No such file or directory");
}

static void check_mode(mode_t mask, mode_t mode)
{
	struct listen_socket listener;
	mode_t before = umask(mask);
	struct stat status;
	char why[256];

	assert_int_equal(listen_open(&listener, address, mode, (gid_t)-1, why, sizeof(why)), 0);
	umask(before);
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, mode);
	listen_close(&listener);
}

static void the_mode_is_as_asked_for(void **state)
{
	(void)state;
	check_mode(0, 0660);
	check_mode(022, 0660);
	check_mode(077, 0660);
	check_mode(0, 0600);
}

/* As a daemon leaves it that was killed. */
static void a_socket_that_nobody_answers_on_is_replaced(void **state)
{
	struct listen_socket listener;
	char why[256];

	(void)state;
	assert_int_equal(listen_open(&listener, address, 0660, (gid_t)-1, why, sizeof(why)), 0);
	close(listener.fd);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(try_address(address, why), 0);
}

static void a_socket_that_somebody_answers_on_is_left_alone(void **state)
{
	struct listen_socket listener;
	struct stat before, after;
	char why[256], expected[256];

	(void)state;
	assert_int_equal(listen_open(&listener, address, 0660, (gid_t)-1, why, sizeof(why)), 0);
	assert_int_equal(stat(path, &before), 0);
	snprintf(expected, sizeof(expected), "%s is in use", path);
	for (unsigned i = 0; i < 100; i++) { /* also when its backlog is full, as nobody accepts here */
		assert_int_equal(try_address(address, why), -EADDRINUSE);
		assert_string_equal(why, expected);
	}
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	listen_close(&listener);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	char why[256];
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(try_address(address, why), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_int_equal(symlink("/nonexistent/file", path), 0);
	assert_int_equal(try_address(address, why), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(each_kind_of_address_is_served),
		cmocka_unit_test(a_port_in_use_is_refused),
		cmocka_unit_test(what_is_no_address_is_said_to_be_none),
		IN_DIRECTORY(the_mode_is_as_asked_for),
		IN_DIRECTORY(a_socket_that_nobody_answers_on_is_replaced),
		IN_DIRECTORY(a_socket_that_somebody_answers_on_is_left_alone),
		IN_DIRECTORY(what_is_no_socket_is_left_alone),
	};

	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
