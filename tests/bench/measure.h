/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * measure.h: what every measurement needs: a clock, what a process costs, and namespaces of its own. It ends the
 * program where something fails.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

_Noreturn void die(const char *what);
uint64_t now_ns(void);
void file_write(const char *path, const char *value);
/* A private network with its loopback up, and tracefs, which the neighbours attach by. */
void namespaces_begin(void);
/* Of all its threads. */
uint64_t process_cpu_ns(pid_t pid);
double process_resident_kib(pid_t pid);

#endif
