// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_snmp.c: the kernel's counters out of /proc/net/snmp and netstat, as kernels print them and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/snmp.h"

#define SNMP                                                                                                           \
	"Ip: Forwarding DefaultTTL\nIp: 2 64\n"                                                                        \
	"Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs "  \
	"OutSegs RetransSegs InErrs OutRsts InCsumErrors\n"                                                            \
	"Tcp: 1 200 120000 -1 11 12 13 14 15 16 17 18 19 20 21\n"                                                      \
	"Udp: InDatagrams\nUdp: 5\n"
#define NETSTAT                                                                                                        \
	"TcpExt: SyncookiesSent TCPTimeouts TCPKeepAlive TCPNovelty\nTcpExt: 1 22 23 24\n"                             \
	"IpExt: TCPKeepAlive\nIpExt: 99\n"

static bool has(const struct audit_reading *reading, const char *name, int64_t *value)
{
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++)
		if (!strcmp(audit_counter_at(i)->name, name)) {
			*value = reading->value[i];
			return reading->present[i];
		}
	fail_msg("no counter %s", name);
	return false;
}

static void assert_value(const struct audit_reading *reading, const char *name, int64_t wanted)
{
	int64_t value;

	assert_true(has(reading, name, &value));
	assert_int_equal(value, wanted);
}

static void assert_absent(const struct audit_reading *reading, const char *name)
{
	int64_t value;

	assert_false(has(reading, name, &value));
}

static struct audit_reading parsed(const char *text)
{
	struct audit_reading reading = {0};

	snmp_parse(text, &reading);
	return reading;
}

static void both_files(void **state)
{
	struct audit_reading reading = parsed(SNMP);

	(void)state;
	snmp_parse(NETSTAT, &reading);
	assert_value(&reading, "ActiveOpens", 11);
	assert_value(&reading, "CurrEstab", 15);
	assert_value(&reading, "OutRsts", 20);
	assert_value(&reading, "TCPTimeouts", 22);
	assert_value(&reading, "TCPKeepAlive", 23); /* not that of IpExt */
	assert_absent(&reading, "TCPAbortOnData");
}

static void damaged(void **state)
{
	struct audit_reading reading;

	(void)state;
	reading = parsed("");
	assert_absent(&reading, "ActiveOpens");
	reading = parsed("Tcp: ActiveOpens OutRsts\n");
	assert_absent(&reading, "ActiveOpens");
	reading = parsed("Tcp: ActiveOpens OutRsts\nTcp: 4"); /* cut: no end of line */
	assert_absent(&reading, "ActiveOpens");
	reading = parsed("Tcp: ActiveOpens OutRsts\nTcp: 4\n");
	assert_value(&reading, "ActiveOpens", 4);
	assert_absent(&reading, "OutRsts");
	reading = parsed("Tcp: ActiveOpens OutRsts EstabResets\nTcp: 4x 99999999999999999999 6\n");
	assert_absent(&reading, "ActiveOpens");
	assert_absent(&reading, "OutRsts");
	assert_value(&reading, "EstabResets", 6);
	/* Names without values, then a pair; and a group that only begins alike. */
	reading = parsed("Tcp: ActiveOpens\nnonsense\nTcp: OutRsts\nTcp: 7\nTcpExt: ActiveOpens\nTcpExt: 3\n");
	assert_absent(&reading, "ActiveOpens");
	assert_value(&reading, "OutRsts", 7);
	/* The first of two counts. */
	reading = parsed("Tcp: OutRsts OutRsts\nTcp: 1 2\n");
	assert_value(&reading, "OutRsts", 1);
}

/* Whatever a cut leaves behind, nothing is read beyond it. */
static void cut_anywhere(void **state)
{
	static const char whole[] = SNMP NETSTAT;

	(void)state;
	for (size_t length = 0; length < sizeof(whole); length++) {
		char *part = calloc(1, length + 1);
		struct audit_reading reading;
		int64_t value;

		memcpy(part, whole, length);
		reading = parsed(part);
		if (has(&reading, "OutRsts", &value))
			assert_int_equal(value, 20);
		free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_files),
		cmocka_unit_test(damaged),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
