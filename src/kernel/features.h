/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * features.h: what this kernel is made of, as far as its BTF and files under /proc tell without trying.
 */
#ifndef LASTACK_KERNEL_FEATURES_H
#define LASTACK_KERNEL_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;

/* Arguments of a tracepoint, its own context apart; -ENOENT where the kernel has no such tracepoint. */
int feature_tracepoint_arguments(const struct btf *btf, const char *tracepoint);
/* BTF id of a function, or -ENOENT. */
int feature_function(const struct btf *btf, const char *function);
/* Arguments of a function, or -ENOENT. */
int feature_function_arguments(const struct btf *btf, const char *function);
/* Do tracing programs have bpf_get_socket_cookie()? */
bool feature_cookie_helper(const struct btf *btf);
/* Can a task lose its CPU in a program of a tracepoint? (And have programs the kfuncs against that, since 6.14?) */
bool feature_tracepoints_preemptible(const struct btf *btf);
/* Fills map[kernel's number] = enum reset_reason by the names of enum sk_rst_reason. */
void feature_reset_reasons(const struct btf *btf, uint8_t *map, size_t size);
/* Address of a kernel function from /proc/kallsyms, 0 where it is hidden or unknown. */
uint64_t feature_address(const char *function);
/* Length of a jiffy in nanoseconds. */
uint64_t feature_tick_ns(void);
/* Nanoseconds to add to CLOCK_MONOTONIC to get the wall clock now. */
int64_t feature_wall_minus_monotonic_ns(void);
uint64_t feature_monotonic_ns(void);
/*
 * Are the host's processes to be found from here? In a container's own pid namespace the iterator over files stays in
 * it, and pids of events are the host's all the same.
 */
bool feature_pids_are_hosts(void);

/*
 * Can this kernel refuse or grant what a tier needs? 0, or -errno with the reason in why: a program that
 * only returns is loaded and attached there for a moment.
 */
int feature_try_fentry(const struct btf *btf, const char *function, char *why, size_t size);
int feature_try_kprobe(const char *function, char *why, size_t size);

#endif
