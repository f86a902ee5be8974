/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snmp.h: the kernel's own counters of TCP, as /proc/net/snmp and /proc/net/netstat print them: pairs of lines
 * "Group: name name ..." and "Group: value value ...". Columns that are not asked for are passed over; those that a
 * kernel does not have, or that cannot be read, are absent. It knows no meaning of any of them.
 */
#ifndef LASTACK_KERNEL_SNMP_H
#define LASTACK_KERNEL_SNMP_H

#include "core/audit.h"

/* Adds what one of the two files says to the reading; text ends with a NUL. */
void snmp_parse(const char *text, struct audit_reading *reading);
/* Reads both files of the network namespace that the caller is in. Returns 0 or -errno. */
int snmp_read(struct audit_reading *reading);

#endif
