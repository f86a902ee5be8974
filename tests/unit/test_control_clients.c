/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_control_clients.c: clients of the control socket that are wrong, slow, silent, hostile or many: they are told,
 * or cut off, and the others do not notice.
 */
#include "control_fixture.h"

#include <sys/resource.h>

/* ---- clients that misbehave --------------------------------------------------------------------------- */

static const char *const wrong[] = {
	"",
	"x",
	"[]",
	"{}",
	"{\"verb\":1}",
	"{\"verb\":\"dance\"}",
	"{\"verb\":\"status\"",
	"{\"verb\":\"status\"}{}",
	"{\"verb\":\"status\",\"verb\":\"list\"}",
	"{\"verb\":\"status\",\"filter\":{}}",
	"{\"verb\":\"list\",\"filter\":[]}",
	"{\"verb\":\"list\",\"filter\":{\"class\":\"reset\"}}",
	"{\"verb\":\"follow\",\"filter\":{\"state\":\"LISTEN\"}}",
	"{\"verb\":\"list\",\"filter\":{\"state\":\"SLEEPING\"}}",
	"{\"verb\":\"list\",\"filter\":{\"pid\":\"1\"}}",
	"{\"verb\":\"list\",\"filter\":{\"pid\":[]}}",
	"{\"verb\":\"list\",\"filter\":{\"pid\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}",
	"{\"verb\":\"list\",\"filter\":{\"pid\":-1}}",
	"{\"verb\":\"list\",\"filter\":{\"local_port\":0}}",
	"{\"verb\":\"list\",\"filter\":{\"local_port\":65536}}",
	"{\"verb\":\"list\",\"filter\":{\"remote\":\"example.org\"}}",
	"{\"verb\":\"list\",\"filter\":{\"family\":5}}",
	"{\"verb\":\"list\",\"limit\":0}",
	"{\"verb\":\"list\",\"limit\":1e3}",
	"{\"verb\":\"show\"}",
	"{\"verb\":\"show\",\"id\":7}",
	"{\"verb\":\"show\",\"id\":\"0\"}",
	"{\"verb\":\"show\",\"id\":\"99999999999999999999\"}",
	"{\"verb\":\"show\",\"id\":\"00000000-0000000g\"}",
	"{\"verb\":\"show\",\"id\":\"\\u0000\"}",
	"{\"verb\":\"history\",\"group_by\":[]}",
	"{\"verb\":\"history\",\"group_by\":\"weather\"}",
	"{\"verb\":\"history\",\"since_us\":-1}",
	"{\"verb\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
	"\xff\xfe",
};

static void wrong_requests_are_refused(void **state)
{
	struct client client;
	json_t *line;

	(void)state;
	begin();
	client_open(&client);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ask(&client, wrong[i]);
		assert_error(&client, "bad_request");
	}
	assert_int_equal(counters().errors, sizeof(wrong) / sizeof(wrong[0]));
	/* The key is named, so that its writer finds it. */
	ask(&client, "{\"verb\":\"list\",\"filtre\":{}}");
	line = object_next(&client);
	assert_non_null(strstr(report_member_text(line, "error", "message"), "filtre"));
	json_decref(line);
	ask(&client, "{\"verb\":\"history\"}");
	assert_error(&client, "no_history");
	client_send_bytes(&client, "{\"verb\":\0\"list\"}\n", 17);
	assert_error(&client, "bad_request");
	assert_int_equal(ask_count(&client, "{\"verb\":\"list\"}"), 0);
	client_close(&client);
	end();
}

static void lines_in_pieces_and_too_long(void **state)
{
	static const char request[] = "{\"verb\":\"status\"}\n{\"verb\":\"list\"}\n";
	struct client client;
	char *huge = malloc(REQUEST_BYTES);

	(void)state;
	begin();
	client_open(&client);
	for (size_t i = 0; i < strlen(request); i++) {
		client_send_bytes(&client, request + i, 1);
		turn(0);
	}
	assert_int_equal(lines_take(&client), 1);
	assert_int_equal(lines_take(&client), 0);
	/* The longest that there may be is a request; blanks are no harm. */
	memset(huge, ' ', REQUEST_BYTES);
	memcpy(huge, "{\"verb\":\"list\"}", 15);
	huge[REQUEST_BYTES - 1] = '\n';
	client_send_bytes(&client, huge, REQUEST_BYTES);
	assert_int_equal(lines_take(&client), 0);
	huge[REQUEST_BYTES - 1] = ' ';
	client_send_bytes(&client, huge, REQUEST_BYTES);
	assert_error(&client, "too_long");
	assert_null(line_next(&client));
	client_close(&client);
	/* Half a line, and gone. */
	client_open(&client);
	client_send_bytes(&client, "{\"verb\":\"sta", 12);
	client_close(&client);
	assert_int_equal(counters().clients, 0);
	/* No more questions, but the answer is wanted. */
	client_open(&client);
	ask(&client, "{\"verb\":\"status\"}");
	shutdown(client.fd, SHUT_WR);
	assert_int_equal(lines_take(&client), 1);
	assert_null(line_next(&client));
	client_close(&client);
	free(huge);
	end();
}

static void silent_clients_are_cut_off(void **state)
{
	struct client silent, half;

	(void)state;
	begin();
	client_open(&silent);
	client_open(&half);
	s.now_ns += TIMEOUT_NS - 1;
	client_send_bytes(&half, "{", 1); /* a byte now and then is no request */
	turns(2);
	assert_int_equal(counters().clients, 2);
	s.now_ns += 2;
	turns(2);
	assert_int_equal(counters().clients, 0);
	assert_int_equal(counters().timed_out, 2);
	assert_null(line_next(&silent));
	assert_null(line_next(&half));
	close(silent.fd);
	close(half.fd);
	end();
}

#define MANY 50000

static void who_never_reads_holds_up_nobody(void **state)
{
	struct client lazy, good, leaves;
	double began;

	(void)state;
	begin_with(2 * MANY);
	clients_open(MANY);
	client_open(&lazy);
	client_open(&leaves);
	client_open(&good);
	ask(&lazy, "{\"verb\":\"list\"}");
	ask(&leaves, "{\"verb\":\"list\"}");
	turns(50);
	assert_non_null(line_next(&leaves));
	client_close(&leaves);
	assert_int_equal(counters().clients, 2);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++)
		if (s.control->clients[i])
			assert_true(s.control->clients[i]->out.capacity <= 2 * OUT_BYTES_MAX);
	began = random_seconds_used();
	assert_int_equal(ask_count(&good, "{\"verb\":\"list\"}"), MANY);
	printf("list of %d connections: %.0f ms\n", MANY, (random_seconds_used() - began) * 1000);
	assert_int_equal(ask_count(&good, "{\"verb\":\"status\"}"), 1);
	/* It reads after all: nothing is missing. */
	assert_int_equal(lines_take(&lazy), MANY);
	client_close(&lazy);
	client_close(&good);
	end();
}

/* No call takes longer than its slice, with room for a busy machine. */
static void polls_are_short(void **state)
{
	double longest = 0;
	struct client client;
	uint64_t count = 0;

	(void)state;
	begin_with(2 * MANY);
	clients_open(MANY);
	client_open(&client);
	ask(&client, "{\"verb\":\"list\"}");
	for (unsigned i = 0; i < 10000; i++) {
		char room[65536];
		double began = random_seconds_used(), used;

		control_poll(s.control, s.now_ns);
		used = random_seconds_used() - began;
		longest = used > longest ? used : longest;
		while (recv(client.fd, room, sizeof(room), 0) > 0)
			count++;
		if (s.control->clients[0]->phase == CLIENT_WAITS && counters().requests)
			break;
	}
	printf("longest poll: %.1f ms\n", longest * 1000);
	assert_true(count > 0);
	assert_true(longest < 0.05);
	client_close(&client);
	end();
}

#define HOSTILE_LINES 10000

static size_t hostile_line(struct random_numbers *random, char *line, size_t room)
{
	static const char *const pieces[] = {
		"{\"verb\":\"list\"}",
		"{\"verb\":",
		"\"status\"",
		"\"follow\"",
		"}",
		"{",
		"[",
		"]",
		"\"filter\":{",
		"\"pid\":",
		"1e999",
		",",
		":",
		"\"",
		"\\u0000",
		"null",
		"true",
		"-1",
		"\"id\":",
		"\"1000\"",
		"\\",
		"\"show\"",
		"[[[[[[[[",
		"{\"a\":",
		"18446744073709551616",
		"\xc3\x28",
	};
	size_t length = 0;

	for (uint32_t k = random_below(random, 12); k; k--) {
		const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];

		if (length + strlen(piece) + 2 >= room)
			break;
		memcpy(line + length, piece, strlen(piece));
		length += strlen(piece);
		if (random_below(random, 8) == 0)
			line[length++] = (char)random_next(random);
	}
	line[length++] = '\n';
	return length;
}

static void hostile_lines_do_no_harm(void **state)
{
	struct random_numbers random = {random_seed_of_run()};
	struct client client;
	char line[512], room[4096];
	double began = random_seconds_used();

	(void)state;
	begin();
	clients_open(20);
	client_open(&client);
	for (unsigned i = 0; i < HOSTILE_LINES; i++) {
		size_t length = hostile_line(&random, line, sizeof(line));

		if (send(client.fd, line, length, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
			client_close(&client);
			client_open(&client);
		}
		turn(0);
		while (recv(client.fd, room, sizeof(room), 0) > 0)
			;
		/* A line that came to be "follow" ends all talk. */
		if (random_below(&random, 64) == 0) {
			client_close(&client);
			client_open(&client);
		}
	}
	client_close(&client);
	assert_served();
	printf("%d hostile lines: %.0f ms\n", HOSTILE_LINES, (random_seconds_used() - began) * 1000);
	assert_true(random_seconds_used() - began < 20);
	end();
}

/* ---- places ------------------------------------------------------------------------------------------- */

static void places_are_bounded(void **state)
{
	struct client clients[CLIENTS_MAX], late;

	(void)state;
	begin();
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_open(&clients[i]);
	client_open(&late);
	assert_error(&late, "too_many_clients");
	assert_null(line_next(&late));
	close(late.fd);
	assert_int_equal(counters().refused, 1);
	assert_int_equal(counters().accepted, CLIENTS_MAX);
	assert_int_equal(ask_count(&clients[3], "{\"verb\":\"list\"}"), 0);
	client_close(&clients[0]);
	assert_served();
	for (unsigned i = 1; i < CLIENTS_MAX; i++)
		client_close(&clients[i]);
	end();
}

/* One user gets half of the places; root gets in nevertheless. */
static void one_user_is_not_all(void **state)
{
	struct client mine;
	pid_t child;
	int hold[2];

	(void)state;
	if (geteuid() != 0)
		skip();
	begin();
	assert_int_equal(pipe(hold), 0);
	child = fork();
	if (child == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		char byte;

		close(hold[1]);
		strcpy(address.sun_path, s.path);
		if (setuid(65534))
			_exit(1);
		for (unsigned i = 0; i < CLIENTS_MAX; i++)
			if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)))
				_exit(2);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 3);
	}
	close(hold[0]);
	for (unsigned i = 0; i < 1000 && counters().accepted + counters().refused < CLIENTS_MAX; i++)
		turn(10);
	assert_int_equal(counters().accepted, CLIENTS_MAX / 2);
	assert_int_equal(counters().refused, CLIENTS_MAX / 2);
	client_open(&mine);
	assert_int_equal(ask_count(&mine, "{\"verb\":\"status\"}"), 1);
	client_close(&mine);
	close(hold[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	turns(4);
	assert_int_equal(counters().clients, 0);
	end();
}

static unsigned descriptors_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void no_descriptor_is_left(void **state)
{
	unsigned before = descriptors_count(), with;
	struct client client;

	(void)state;
	begin();
	with = descriptors_count();
	for (unsigned i = 0; i < 100; i++) {
		client_open(&client);
		ask(&client, i % 2 ? "{\"verb\":\"follow\"}" : "{\"verb\":\"list\"}");
		if (i % 3)
			turn(0);
		client_close(&client);
	}
	turns(5);
	assert_int_equal(descriptors_count(), with);
	/* Those who are there when it ends are told. */
	client_open(&client);
	ask(&client, "{\"verb\":\"follow\"}");
	json_decref(object_next(&client));
	end();
	{
		char *line = NULL;
		ssize_t got = recv(client.fd, client.in, LINE_MAX_IN, 0);

		assert_true(got > 0);
		client.in[got] = '\0';
		line = strstr(client.in, "stopping");
		assert_non_null(line);
	}
	close(client.fd);
	assert_int_equal(descriptors_count(), before);
}

/* Nobody can be taken in: the loop must not spin on that, and goes on when it is over. */
static void descriptors_that_run_out_are_waited_for(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd readable;
	struct rlimit before, none;
	int fd;

	(void)state;
	begin();
	readable = (struct pollfd){.fd = control_fd(s.control), .events = POLLIN};
	strcpy(address.sun_path, s.path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){(rlim_t)fd + 1, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turns(2);
	assert_int_equal(poll(&readable, 1, 0), 0);
	assert_int_equal(counters().accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	s.now_ns += 2 * NS_PER_S;
	turns(2);
	assert_int_equal(counters().accepted, 1);
	close(fd);
	turns(2);
	end();
}

static void dead_sockets_are_replaced(void **state)
{
	struct control_config config = {NULL, 0600, (gid_t)-1, CLIENTS_MAX, TIMEOUT_NS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct control *second = NULL;
	struct stat file;
	char why[256];
	int fd;

	(void)state;
	begin();
	config.path = s.path;
	assert_int_equal(control_open(&second, &config, &s.service, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, s.path));
	assert_null(second);
	assert_served();
	control_close(s.control);
	/* Bound, and its owner is gone. */
	strcpy(address.sun_path, s.path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(control_open(&s.control, &config, &s.service, why, sizeof(why)), 0);
	assert_int_equal(stat(s.path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_served();
	control_close(s.control);
	/* Nobody's file is removed. */
	fd = open(s.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(control_open(&second, &config, &s.service, why, sizeof(why)), -EEXIST);
	assert_int_equal(unlink(s.path), 0);
	config.path = "/tmp/no/such/directory/here";
	assert_int_equal(control_open(&second, &config, &s.service, why, sizeof(why)), -ENOENT);
	control_begin();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_requests_are_refused),
		cmocka_unit_test(lines_in_pieces_and_too_long),
		cmocka_unit_test(silent_clients_are_cut_off),
		cmocka_unit_test(who_never_reads_holds_up_nobody),
		cmocka_unit_test(polls_are_short),
		cmocka_unit_test(hostile_lines_do_no_harm),
		cmocka_unit_test(places_are_bounded),
		cmocka_unit_test(one_user_is_not_all),
		cmocka_unit_test(no_descriptor_is_left),
		cmocka_unit_test(descriptors_that_run_out_are_waited_for),
		cmocka_unit_test(dead_sockets_are_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
