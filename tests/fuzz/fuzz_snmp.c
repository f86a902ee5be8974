// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_snmp.c: any text in the place of /proc/net/snmp and netstat: what is not there stays absent, and a second
 * reading of the same text adds nothing.
 */
#include "fuzz.h"
#include "kernel/snmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_reading reading = {0}, again;
	char *text = fuzz_text(data, size);

	snmp_parse(text, &reading);
	again = reading;
	snmp_parse(text, &again);
	assert_memory_equal(&again, &reading, sizeof(reading));
	for (unsigned i = 0; i < AUDIT_COUNTERS; i++)
		assert_true(reading.present[i] || !reading.value[i]);
	free(text);
	return 0;
}
