// SPDX-License-Identifier: GPL-2.0-only
/*
 * complaint.c: see complaint.h.
 */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/complaint.h"

/* The first complaint of libbpf is the one that explains; what follows only reports the consequences. */
static char libbpf_complaint[256];

static int libbpf_keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !libbpf_complaint[0]) {
		vsnprintf(libbpf_complaint, sizeof(libbpf_complaint), format, arguments);
		libbpf_complaint[strcspn(libbpf_complaint, "\n")] = '\0';
	}
	return 0;
}

void monitor_complaint_clear(void)
{
	libbpf_complaint[0] = '\0';
	libbpf_set_print(libbpf_keep_complaint);
}

const char *monitor_complaint(void)
{
	return libbpf_complaint;
}
