/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iterate.h: runs a BPF iterator and hands out the records, all of one size, that it wrote. What they mean it does not
 * know.
 */
#ifndef LASTACK_KERNEL_ITERATE_H
#define LASTACK_KERNEL_ITERATE_H

#include <stddef.h>

struct bpf_program;

/* The record is aligned to eight bytes and lives for the call. */
typedef void (*iterate_record_fn)(void *arg, const void *record);

/* bytes: of a record, a multiple of eight. Returns 0 or -errno; records may have been handed out before. */
int iterate_records(const struct bpf_program *program, size_t bytes, iterate_record_fn record, void *arg);

#endif
